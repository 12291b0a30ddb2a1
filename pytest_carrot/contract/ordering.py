"""Keeps valid data in order of time, for an API that may demand it: no schema can say what came before."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pytest_carrot.checking.valid import MOMENT

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def in_order(url: str) -> Iterator[None]:
    """While the block runs, all that is valid for the API at `url` happens at one moment."""
    from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

    from pytest_carrot.checking.shaping import operation_id

    # Schemathesis knows this hook for all schemas only.
    def before_call(context: Any, case: Any, kwargs: Any) -> None:
        if case.operation.base_url != url or not isinstance(case.body, dict) or not _has_valid_body(case):
            return
        body, operation = deepcopy(case.body), operation_id(case)
        if operation in ("documents.create", "events.append"):
            body["externalCreatedAt"] = MOMENT
        elif operation == "events.batch":
            for each in body["events"]:
                each["externalCreatedAt"] = MOMENT
        else:
            return
        case.body = body

    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(before_call, "before_call")
    try:
        yield
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(before_call)


def _has_valid_body(case: Any) -> bool:
    """Whether the body was generated to be valid, whatever else was not."""
    if case.meta is None:
        return False
    modes = {place.value: part.mode for place, part in case.meta.components.items()}
    # An example of the contract is no component.
    return bool(modes.get("body", case.meta.generation.mode).is_positive)
