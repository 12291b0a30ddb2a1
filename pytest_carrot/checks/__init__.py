"""What the Carrot API promises beyond its schemas, as checks for schemathesis.

Importing this registers nothing: call `register()`, or give some of `CHECKS` to schemathesis yourself. They judge
each answer that they are shown, and send some requests of their own to do so.
"""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from pytest_carrot.checks import answers, deduplication, entering, faithful, heads, tenants, timeline
from pytest_carrot.checks.knowing import Known, know, known_of
from pytest_carrot.checks.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_carrot.checks.knowing import Integrator
    from pytest_carrot.checks.subject import Judge
    from pytest_carrot.control import Control

    Check = Callable[[Any, Any, Any], bool | None]

__all__ = ["CHECKS", "for_target", "register", "tell"]

JUDGES: tuple[Judge, ...] = (
    deduplication.repeated_key_returns_the_original,
    deduplication.changed_body_obeys_the_semantics,
    timeline.events_stay_as_read,
    faithful.reads_show_what_was_sent,
    timeline.refused_requests_append_nothing,
    tenants.no_cross_tenant_read,
    entering.strangers_are_refused,
    answers.errors_have_a_known_shape,
    answers.accepted_answers_validate_without_nulls,
    answers.never_a_server_error,
    heads.headers_are_right,
)
"""Every check: a function that gets an answer and what is known of the target.

It raises AssertionError with a sentence when a promise is broken, and returns True when it had nothing to judge.
"""


def for_target(
    *,
    partner: Integrator | None = None,
    token_url: str | None = None,
    control: Control | None = None,
    semantics: Mapping[str, str] | None = None,
) -> list[Check]:
    """The checks for one target, with a memory of their own; see `tell` for what may be known of it."""
    known = Known(partner=partner, token_url=token_url, control=control, semantics=semantics)
    return [_check(judge, lambda case: known) for judge in JUDGES]


def tell(
    schema: Any,
    *,
    partner: Integrator | None = None,
    token_url: str | None = None,
    control: Control | None = None,
    semantics: Mapping[str, str] | None = None,
) -> None:
    """Let the checks of `CHECKS` know more of the target of a schema, so that they judge more; they forget others.

    `partner` is another integrator in the same environment, as `carrot.partner` is: without one nobody tries to read
    what is not theirs. `token_url` is where it gets its token, by default `/oauth2/token` of the target. `control` is
    a Carrot Mock's own view of the workspace, such as `carrot.control`. `semantics` are the switches that are known;
    of others every documented possibility is right, as long as it stays the same.
    """
    know(schema, Known(partner=partner, token_url=token_url, control=control, semantics=semantics))


def register() -> None:
    """Have schemathesis run all of `CHECKS` on every answer from now on, in this process."""
    import schemathesis

    for each in CHECKS:
        schemathesis.check(each)


def _check(judge: Judge, knowing: Callable[[Any], Known]) -> Check:
    """A judge in the form that schemathesis calls."""

    def check(ctx: Any, response: Any, case: Any) -> bool | None:
        return judge(Subject(ctx, response, case), knowing(case))

    update_wrapper(check, judge, assigned=("__name__", "__qualname__", "__doc__", "__module__"))
    # What is called is this function, with other arguments than the judge has.
    del check.__wrapped__  # type: ignore[attr-defined]
    return check


CHECKS: list[Check] = [_check(judge, lambda case: known_of(case.operation.schema)) for judge in JUDGES]
"""The checks as schemathesis takes them: functions of a context, an answer and a case."""

_NAMED = {each.__name__: each for each in CHECKS}


def __getattr__(name: str) -> Check:
    """Each check by its name, such as `checks.headers_are_right`."""
    try:
        return _NAMED[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted([*__all__, *_NAMED])
