"""What is to go wrong in a world, and with which of its requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

from pytest_carrot.asking import ask, remove, renamed
from pytest_carrot.control import ControlError

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Unpack

    from pytest_carrot.control import Control

# What goes wrong here is about what the test asked: its traceback ends there.
__tracebackhide__ = True

_NAMES: Final = {
    "status": "status",
    "code": "code",
    "seconds": "seconds",
    "times": "times",
    "after": "after",
    "probability": "probability",
    "document_id": "documentId",
    "deduplication_id": "deduplicationId",
    "attempt": "attempt",
}


class Wishes(TypedDict, total=False):
    """The details of a fault."""

    status: int
    """Of do `status`: 400 to 599; 500 where nothing is said."""
    code: str
    """Of do `status`: the code of the error; by the status where nothing is said."""
    seconds: float | timedelta
    """How long it takes, in real time."""
    times: int | None
    """How often it strikes: once where nothing is said, None without end."""
    after: int
    """How many requests that fit it lets pass first."""
    probability: float
    """The chance of each, from the seed of the world."""
    document_id: str
    """Only requests about this document."""
    deduplication_id: str
    """Only requests with this key."""
    attempt: int
    """Only the request that comes as the n-th with its key or, without one, its body."""


class Fault:
    """A fault that was set; it is known to the server by its `id`."""

    def __init__(self, control: Control, fault_id: str, what: str) -> None:
        self._control = control
        self._what = what
        self.id = fault_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}: {self._what}>"

    @property
    def strikes(self) -> int:
        """How many requests it has struck by now."""
        return int(self._now()["strikes"])

    @property
    def hanging(self) -> list[str]:
        """The ids of the requests that it holds at this moment."""
        return list(self._now()["hanging"])

    def release(self) -> list[str]:
        """Let go on what it holds: the ids of those requests."""
        return list(self._control.post(f"faults/{self.id}/release", {})["released"])

    def remove(self) -> None:
        """Take it away; what it holds goes on. That it is gone already is no mistake."""
        remove(self._control, f"faults/{self.id}")

    def _now(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = self._control.get("faults")
        for each in found:
            if each["id"] == self.id:
                return each
        raise ControlError(f"The fault {self.id} ({self._what}) is not there any more: it was removed.", 404)


class Faults:
    """The faults of a world."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add(self, operation: str, phase: str, do: str, **more: Unpack[Wishes]) -> Fault:
        """From now on this goes wrong: `do` at a `phase` of an `operation`, once, unless `times` says otherwise.

        operation: `documents.create`, `documents.read`, `events.append`, `events.batch`, `attachments.upload`,
        `attachments.download`, `storage.put`, `storage.get`, `token`, or `*` for any.
        phase: `arrived`, `authenticated`, `validated`, `before_commit`, `committed`, `responding`; reads have no
        `before_commit` and `committed`.
        do: `status`, `drop`, `reset`, `hang`, `delay`, `expire`, and `truncate`, `slow` from `committed` on.

        Raises ValueError, which says what makes sense, for anything else.
        """
        wanted = {"operation": operation, "phase": phase, "do": do}
        wanted |= renamed(more, _NAMES, "faults.add")
        made = ask(self._control.post, "faults", wanted)
        return Fault(self._control, made["id"], f"{do} at {phase} of {operation}")

    def clear(self) -> None:
        """Take all away; what they hold goes on."""
        self._control.delete("faults")
