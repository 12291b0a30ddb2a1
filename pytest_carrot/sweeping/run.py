"""What a run left in its world, read once: the ledger, the journal, the documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_carrot import history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.handle import Carrot
    from pytest_carrot.history import Entry, Record, Summary


@dataclass(frozen=True)
class Run:
    """Everything oldest first."""

    records: Sequence[Record]
    entries: Sequence[Entry]
    documents: Sequence[Summary]

    @classmethod
    def of(cls, carrot: Carrot) -> Run:
        """What a world has now; raises ControlError."""
        control = carrot.control
        return cls(history.records(control), history.entries(control), history.documents(control))

    @property
    def began(self) -> float:
        """When its first request came, in seconds since 1970; 0 without any."""
        return datetime.fromisoformat(self.entries[0]["at"]).timestamp() if self.entries else 0.0
