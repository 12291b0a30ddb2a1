"""What is asked of a run: which API to check, how, and how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_carrot.control import JsonControl
    from pytest_carrot.handle import Credentials

PHASES = ("examples", "coverage", "fuzzing", "stateful")
"""Every phase that generates cases, in the order they run."""

BUILT_IN = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
    "object_level_authorization",
)
"""Every check that schemathesis brings, but the one of the response time, which is a matter of the machine."""


class CannotCheck(Exception):
    """There is nothing to judge; `str()` is a sentence that says why."""


@dataclass(frozen=True)
class Target:
    """An API to check, and what to log in with."""

    url: str
    """The base URL, without a slash at the end."""
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    partner: Credentials | None = None
    """Another integrator in the same environment, for checks of who sees what."""
    control: JsonControl | None = None
    """The control API of a mock's own workspace, for what only it knows."""
    app: Any = None
    """An ASGI app to call in process; `url` then only names it."""


@dataclass(frozen=True)
class Plan:
    """How to check; the same plan and seed generate the same cases for the same answers."""

    phases: tuple[str, ...] = PHASES
    max_examples: int = 100
    """Cases that fuzzing makes for each operation, and scenarios that the stateful phase makes in all."""
    seed: int = 0
    checks: Sequence[str | Callable[..., Any]] = BUILT_IN
    """Names of what schemathesis brings, functions and classes for others, which are registered for the run alone."""
    rate_limit: str | None = None
    """As schemathesis writes it: "5/s"."""
    read_only: bool = False
    """Only calls that change nothing."""
    workers: int = 1
    contract: Mapping[str, Any] | None = None
    """The OpenAPI document; the packaged one, without what the target's semantics switch off, where None."""
    semantics: Mapping[str, str] | None = None
    """Switches of the target, where they are known; those of `target.control`, or the defaults, where None."""
    timeout: float = 10.0
    """Seconds that one answer may take."""
    stop_at: int | None = None
    """Distinct failures after which the run stops."""
