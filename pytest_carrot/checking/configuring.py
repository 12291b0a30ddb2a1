"""What schemathesis is told: the contract, what to generate, which checks, and how to log in."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pytest_carrot.checking.plan import PHASES
from pytest_carrot.checking.shaping import operation_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_carrot.checking.calling import Caller
    from pytest_carrot.checking.plan import Plan, Target

_READING = ("documents.read", "attachments.download")
# Seconds after which a token is fetched anew; it lives for an hour at most, and on 401 it is fetched anew at once.
_TOKEN_SECONDS = 600


def schema_of(target: Target, plan: Plan, caller: Caller) -> Any:
    """The contract as schemathesis has it, ready to run."""
    import schemathesis

    schema: Any = schemathesis.openapi.from_dict(_contract(target, plan), config=_config(target, plan))
    schema.app = target.app
    if plan.read_only:
        # Not by `include`, which adds to what the exceptions below name, where there are any.
        reading = schema.config.operations.filter_set_with(include=_of(*_READING))
        schema = schema.clone(filter_set=reading)
    schema.auth.auth(refresh_interval=_TOKEN_SECONDS)(_token_hook(caller))
    # No ids of answers among what it generates: the same choices then lead to the same case, as Hypothesis needs,
    # which otherwise gives a phase up half-way. The run puts ids that exist in later, when a case is sent.
    schema.create_extra_data_source = lambda: None
    return schema


def _contract(target: Target, plan: Plan) -> dict[str, Any]:
    from copy import deepcopy

    from mock_server import contract
    from mock_server.behaviours import Semantics

    if plan.contract is not None:
        return deepcopy(dict(plan.contract))
    switches = plan.semantics
    if switches is None and target.control is not None:
        switches = target.control.get("semantics")
    return contract.in_force(Semantics.default().replace(switches or {}))


def _config(target: Target, plan: Plan) -> Any:
    from schemathesis.config import (
        ChecksConfig,
        GenerationConfig,
        OperationsConfig,
        PhasesConfig,
        ProjectConfig,
        ProjectsConfig,
        SchemathesisConfig,
        WarningsConfig,
    )

    checks = ChecksConfig()
    checks.update(
        included_check_names=[each if isinstance(each, str) else each.__name__ for each in plan.checks]
    )
    phases = PhasesConfig()
    phases.update(phases=[each for each in PHASES if each in plan.phases])
    project = ProjectConfig(
        base_url=target.url,
        workers=plan.workers,
        rate_limit=plan.rate_limit,
        request_timeout=plan.timeout,
        continue_on_failure=True,
        warnings=WarningsConfig.from_value(False),
        checks=checks,
        phases=phases,
        operations=OperationsConfig(operations=_exceptions()),
        generation=GenerationConfig(max_examples=plan.max_examples, database="none", allow_x00=False),
    )
    return SchemathesisConfig(
        seed=plan.seed, max_failures=plan.stop_at, projects=ProjectsConfig(default=project)
    )


def _exceptions() -> list[Any]:
    """Where a check that schemathesis brings cannot apply, and why."""
    from schemathesis.config import ChecksConfig, OperationConfig, PositiveDataAcceptanceConfig

    signed = ChecksConfig()
    signed.update(excluded_check_names=["unsupported_method"])
    elsewhere = ChecksConfig()
    elsewhere.update(excluded_check_names=["ensure_resource_availability"])
    usual = PositiveDataAcceptanceConfig().expected_statuses
    ranges = ChecksConfig(
        positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=[*usual, "416"])
    )
    return [
        # Object storage looks at the signature first, and a method is signed: another one is 403 there, not 405.
        OperationConfig(filter_set=_of("storage.put", "storage.get"), checks=signed),
        # Whether a range lies within the file depends on the file.
        OperationConfig(filter_set=_of("storage.get"), checks=ranges),
        # The check looks for the document in the path; that of a batch stands in the body, and may be any.
        OperationConfig(filter_set=_of("events.batch"), checks=elsewhere),
    ]


def _of(*names: str) -> Any:
    """A filter for these operations."""
    from schemathesis.filters import FilterSet

    found = FilterSet()
    found.include(operation_id=list(names))
    return found


def _token_hook(caller: Caller) -> type[Any]:
    """A class as schemathesis wants it: it gets a token, and puts it on cases of calls that need one."""

    class Token:
        def get(self, case: Any, context: Any) -> str:
            return caller.token()

        def set(self, case: Any, data: str, context: Any) -> None:
            operation = operation_id(case)
            if operation == "token":
                from requests.auth import _basic_auth_str

                target = caller.target
                case.headers["Authorization"] = _basic_auth_str(target.client_id, target.client_secret)
            elif not operation.startswith("storage."):
                case.headers["Authorization"] = f"Bearer {data}"

    return Token


@contextmanager
def registered(checks: Sequence[str | Callable[..., Any]]) -> Iterator[None]:
    """Have schemathesis know these checks while the block runs; those it brings need no more than their names."""
    from schemathesis.checks import CHECKS, load_all_checks

    load_all_checks()
    ours: list[Any] = [each for each in checks if not isinstance(each, str)]
    for each in ours:
        CHECKS.register(each)
    try:
        yield
    finally:
        for each in ours:
            CHECKS.unregister(each.__name__)
