"""The end of what is still at work in a world when its client has ended, as a slow server would come to it."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Final

from pytest_carrot import history

if TYPE_CHECKING:
    from collections.abc import Collection

    from pytest_carrot.handle import Carrot

_LOOKS: Final = 50
_PAUSE_SECONDS: Final = 0.01


def settle(carrot: Carrot) -> None:
    """Let go the requests that faults still hold, and return when they have done what they came for."""
    freed: set[str] = set()
    for fault in carrot.control.get("faults"):
        if fault["hanging"]:
            freed |= set(carrot.control.post(f"faults/{fault['id']}/release")["released"])
    await_done(carrot, freed)


def await_done(carrot: Carrot, freed: Collection[str]) -> None:
    """Return when these requests have done what they came for."""
    # A bound, since a gate of the test's own may hold one of them further on.
    for _ in range(_LOOKS):
        if not freed or _are_done(carrot, freed):
            return
        sleep(_PAUSE_SECONDS)


def _are_done(carrot: Carrot, ids: Collection[str]) -> bool:
    return all(
        "status" in each or each["seen"] != "silent"
        for each in history.entries(carrot.control)
        if each["id"] in ids
    )
