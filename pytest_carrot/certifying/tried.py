"""The little table of a failure: its requests, how long each came after the one before, and what it met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot.certifying import calls
from pytest_carrot.certifying.finding import seconds
from pytest_carrot.history import number
from pytest_carrot.table import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.history import Entry

HEADS: Final = ("request", "waited", "call", "key", "answer")
_MOST: Final = 8
_CALL, _KEY = 32, 16
_LONG, _SHORT = "/documents/{id}/", "…/"
# The clock is only moved for a URL or a token to expire, and no client waits that long.
_MOVED_SECONDS = 900.0


def rows_of_tries(requests: Sequence[Entry]) -> list[tuple[str, ...]]:
    """A row a request, at most eight, in the columns of HEADS."""
    shown = sorted(requests, key=number)[:_MOST]
    found: list[tuple[str, ...]] = []
    for place, entry in enumerate(shown):
        waited = _waited(shown[place - 1], entry) if place else "-"
        keys = sorted(calls.keys(entry))
        key = clip(keys[0], _KEY) if keys else "-"
        found.append(
            (entry["id"], waited, clip(calls.name(entry).replace(_LONG, _SHORT), _CALL), key, _met(entry))
        )
    if len(requests) > _MOST:
        found.append(("...", "", f"{len(requests) - _MOST} more", "", ""))
    return found


def _waited(one: Entry, other: Entry) -> str:
    passed = calls.between(one, other)
    return "clock moved" if passed >= _MOVED_SECONDS else seconds(passed)


def _met(entry: Entry) -> str:
    if entry["seen"] != "answer":
        return f"none ({entry['seen']})"
    return str(entry.get("status", "?"))
