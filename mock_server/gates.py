"""Gates: places in the life of requests where they are held until a test lets them go, in the order that it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from mock_server import clock
from mock_server.faults import ANY
from mock_server.waiting import WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mock_server.journal import Entry, Phase
    from mock_server.waiting import Waiting

DEFAULT_SECONDS: Final = 30.0


class Gate(Struct, eq=False):
    """Holds the requests of an operation (`*`: any) at a phase, each for at most `seconds` of real time."""

    id: str
    operation: str
    phase: Phase
    seconds: float
    room: WaitingRoom

    def fits(self, phase: Phase, entry: Entry) -> bool:
        return phase == self.phase and self.operation in (ANY, entry.operation)

    def as_json(self) -> dict[str, Any]:
        """The gate as the control API shows it, with who waits at it, first come first."""
        return {
            "id": self.id,
            "operation": self.operation,
            "phase": self.phase,
            "timeout": self.seconds,
            "waiting": [_waiting(each) for each in self.room],
        }


class Gates:
    """The gates of a workspace, in the order in which they were set."""

    def __init__(self) -> None:
        self._numbers = 0
        self._gates: dict[str, Gate] = {}

    def __iter__(self) -> Iterator[Gate]:
        return iter(tuple(self._gates.values()))

    def __len__(self) -> int:
        return len(self._gates)

    def hold(self, operation: str, phase: Phase, seconds: float) -> Gate:
        """Set a gate; who is beyond the phase already is not held."""
        self._numbers += 1
        gate = Gate(f"g{self._numbers}", operation, phase, seconds, WaitingRoom())
        self._gates[gate.id] = gate
        return gate

    def find(self, gate_id: str) -> Gate | None:
        return self._gates.get(gate_id)

    def remove(self, gate: Gate) -> list[str]:
        """Take a gate away; who waited at it goes on."""
        self._gates.pop(gate.id, None)
        return gate.room.release()

    def clear(self) -> None:
        for gate in self:
            self.remove(gate)

    def drop(self) -> None:
        """End what is held, without an answer."""
        for gate in self:
            gate.room.drop()


def _waiting(waiting: Waiting) -> dict[str, Any]:
    keys = waiting.entry.keys
    found = {"requestId": waiting.entry.id, "since": clock.iso(waiting.since)}
    return found | ({"deduplicationId": keys[0]} if keys else {})
