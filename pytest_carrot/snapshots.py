"""States of a world that a test can go back to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pytest_carrot.control import ControlError

if TYPE_CHECKING:
    from pytest_carrot.control import Control

# What goes wrong here is about what the test asked: its traceback ends there.
__tracebackhide__ = True


@dataclass(frozen=True)
class Snapshot:
    """A state of one world: `position` is that of its ledger, `at` the time on its clock."""

    id: str
    position: int
    at: datetime


def take(control: Control) -> Snapshot:
    """The state of now: ledger, parties, keys, attachments and clock."""
    made = control.post("snapshots", {})
    return Snapshot(made["id"], made["position"], datetime.fromisoformat(made["at"]))


def restore(control: Control, snapshot: Snapshot) -> None:
    """Go back to a state; raises ValueError where the world does not know it."""
    if not isinstance(snapshot, Snapshot):
        raise TypeError(f"restore takes what snapshot() gave, not {snapshot!r}.")
    try:
        control.post(f"snapshots/{snapshot.id}/restore", {})
    except ControlError as error:
        if error.status != 404:
            raise
        raise ValueError(
            f"This world has no snapshot {snapshot.id}: it was taken in another one, or before a reset."
        ) from None
