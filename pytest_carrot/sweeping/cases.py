"""Everything that is to go wrong, one thing at a time: each call, each phase, each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.history import PENDING
from pytest_carrot.sweeping.calls import PHASES, phases_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from pytest_carrot.handle import Carrot
    from pytest_carrot.sweeping.calls import Call, Clean

KINDS: Final = ("drop", "reset", "truncate", "hang", "500", "502", "503", "504", "429", "pending", "expire")
"""The kinds of faults, the simplest first; a number is the status of the answer."""

HANG_SECONDS: Final = 3.0
"""How long a hanging request hangs, where nothing else is said."""

_LATE: Final = ("committed", "responding")
_EARLY_OF_A_WRITE: Final = ("arrived", "authenticated", "validated", "before_commit")


@dataclass(frozen=True)
class Case:
    """A call, a phase of it, and what is done there; `do` as in the control API."""

    call: Call
    phase: str
    do: str
    status: int | None = None
    code: str | None = None

    @property
    def kind(self) -> str:
        """One of KINDS."""
        if self.do != "status":
            return self.do
        return "pending" if self.code == PENDING else str(self.status)

    @property
    def order(self) -> tuple[int, int, int]:
        """The smallest case is the one with the earliest call, then phase, then with the simplest kind."""
        return self.call.index, PHASES.index(self.phase), KINDS.index(self.kind)

    def __str__(self) -> str:
        return f"Call {self.call.index} ({self.call.what}), {self.kind} at {self.phase}"

    def as_json(self) -> dict[str, Any]:
        found = {
            "call": self.call.index,
            "operation": self.call.operation,
            "phase": self.phase,
            "do": self.do,
        }
        more = {"status": self.status, "code": self.code}
        return found | {name: each for name, each in more.items() if each is not None}


@dataclass(frozen=True)
class Wanted:
    """What of all cases; an empty collection means all operations, phases or kinds."""

    operations: Collection[str] = ()
    phases: Collection[str] = ()
    kinds: Collection[str] = ()

    def wants(self, case: Case) -> bool:
        pairs = (
            (self.operations, case.call.operation), (self.phases, case.phase), (self.kinds, case.kind)
        )  # fmt: skip
        return all(not chosen or has in chosen for chosen, has in pairs)


def cases(clean: Clean, wanted: Wanted | None = None) -> list[Case]:
    """Every case that makes sense, in their order; of those that are wanted."""
    wanted = wanted or Wanted()
    found = (case for call in clean.calls for case in _of_call(call))
    return sorted(filter(wanted.wants, found), key=lambda each: each.order)


def arm(carrot: Carrot, case: Case, hang_seconds: float = HANG_SECONDS) -> str:
    """Have a case happen in a world, once, at the call as the clean run counts it; gives the fault's id."""
    fault = {
        "operation": case.call.operation,
        "phase": case.phase,
        # A slow server does its work for a client that has left, too: the control API's own hang does not.
        "do": "delay" if case.do == "hang" else case.do,
        "status": case.status,
        "code": case.code,
        "seconds": hang_seconds if case.do == "hang" else None,
        "after": case.call.earlier.get(case.phase, 0),
        "times": 1,
    }
    answer = carrot.control.post("faults", {name: each for name, each in fault.items() if each is not None})
    return str(answer["id"])


def _of_call(call: Call) -> Iterator[Case]:
    """At the phases that the call came to; one that was refused in the clean run came to few."""
    is_api = call.operation != "token" and not call.operation.startswith("storage.")
    has_commit = "committed" in phases_of(call.operation)
    for phase in filter(call.earlier.__contains__, phases_of(call.operation)):
        for do in ("drop", "reset", "hang"):
            yield Case(call, phase, do)
        if phase in _LATE:
            yield Case(call, phase, "truncate")
        for status in (500, 502, 503, 504):
            yield Case(call, phase, "status", status)
        # Calls for a token and of the storage do not count towards the limit.
        if is_api and (not has_commit or phase in _EARLY_OF_A_WRITE):
            yield Case(call, phase, "status", 429)
            yield Case(call, phase, "status", 409, PENDING)
        if is_api and phase == "arrived":
            yield Case(call, phase, "expire")
