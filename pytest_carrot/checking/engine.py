"""Runs a plan against a target with schemathesis' own engine."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pytest_carrot.checking.calling import Caller
from pytest_carrot.checking.guarding import Guard
from pytest_carrot.checking.knowledge import Knowledge
from pytest_carrot.checking.outcome import Failure, Outcome, Share
from pytest_carrot.checking.plan import BUILT_IN, PHASES, CannotCheck, Plan, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["BUILT_IN", "PHASES", "CannotCheck", "Failure", "Outcome", "Plan", "Share", "Target", "run"]


def run(target: Target, plan: Plan, on_event: Callable[[Any], None] | None = None) -> Outcome:
    """Generate cases and judge the answers; `on_event` gets every event of schemathesis' engine as it comes.

    A target that does not answer any more, or answers nothing but errors, ends the run early. Raises CannotCheck when
    there is nothing to judge: no schemathesis, no answer, no token.
    """
    _require_schemathesis()
    from schemathesis.engine import events, from_schema

    from pytest_carrot.checking.configuring import registered, schema_of
    from pytest_carrot.checking.tallying import Tally

    with ExitStack() as stack:
        caller = Caller(target, plan.timeout)
        stack.callback(caller.close)
        known = Knowledge(caller, plan.seed)
        if plan.read_only:
            caller.token()
        else:
            known.arrange()
        stack.enter_context(registered(plan.checks))
        schema = schema_of(target, plan, caller)
        guard = Guard(plan.workers)
        stack.enter_context(_hooks(schema, None if plan.read_only else known, guard))
        tally = Tally(known)
        stream = from_schema(schema).execute()
        guard.stop = stream.stop
        for event in stream:
            if guard.reason is not None and isinstance(event, events.Interrupted):
                # So it says that it was stopped.
                continue
            tally.take(event)
            if on_event is not None:
                on_event(event)
        for accident in caller.accidents:
            tally.met(accident)
        return tally.outcome(guard.reason)


def _require_schemathesis() -> None:
    try:
        import schemathesis  # noqa: F401 -- only whether it is there
    except ImportError:
        raise CannotCheck(
            "Checking against the contract needs schemathesis: install carrot-mock[schemathesis]."
        ) from None


@contextmanager
def _hooks(schema: Any, known: Knowledge | None, guard: Guard) -> Iterator[None]:
    """Guard each case, shape it before it is sent and learn from its answer, for this schema alone."""
    from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

    from pytest_carrot.checking.learning import learn
    from pytest_carrot.checking.shaping import shape

    # Schemathesis knows this hook for all schemas only; another run in this process has a config of its own.
    def before_call(context: Any, case: Any, kwargs: Mapping[str, Any]) -> None:
        if case.operation.schema.config is not schema.config:
            return
        guard.check()
        if known is not None:
            try:
                shape(case, known)
            except CannotCheck as why:
                guard.give_up(str(why))
        guard.asks(case)

    def after_call(context: Any, case: Any, response: Any) -> None:
        guard.answered(case, response.status_code)
        if known is not None:
            learn(case, response, known)

    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(before_call, "before_call")
    schema.hooks.register_hook_with_name(after_call, "after_call")
    try:
        yield
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(before_call)
