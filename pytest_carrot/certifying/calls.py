"""Reads a journal: which requests are tries of one call, how long passed between them, and how a call is called."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pytest_carrot.history import KEYED, canonical, items, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_carrot.history import Entry

API: Final = (
    "documents.create",
    "documents.read",
    "events.append",
    "events.batch",
    "attachments.upload",
    "attachments.download",
)
"""The operations that carry a bearer token and count for the rate limit."""

STORAGE: Final = ("storage.put", "storage.get")

_TOP_PATH = re.compile(r"^/v1(?=/)")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def of(entries: Iterable[Entry], *operations: str) -> list[Entry]:
    """The requests of these operations."""
    return [each for each in entries if each["operation"] in operations]


def after(entries: Iterable[Entry], entry: Entry) -> list[Entry]:
    """The requests that arrived later than one of them."""
    return [each for each in entries if number(each) > number(entry)]


def keys(entry: Entry) -> frozenset[str]:
    """The deduplication keys that a request carries."""
    return frozenset(item.key for item in items(entry) if item.key is not None)


def lacks_key(entry: Entry) -> bool:
    """Whether it creates or appends something without a key."""
    return any(item.key is None for item in items(entry))


def body(entry: Entry) -> str:
    """What a request asks for, to the letter, without its keys."""
    return _content(entry, left_out=())


def content(entry: Entry) -> str:
    """The same without the moment, which some clients set anew for each try."""
    return _content(entry, left_out=("externalCreatedAt",))


def tries(entries: Sequence[Entry], first: Entry, twins: int = 0) -> list[Entry]:
    """All requests for one thing, from `first` on: those with its key, and copies under another key or none.

    A flow may ask for the same thing again of itself: `twins` times, as its clean run did, which do not count.
    """
    later = [each for each in after(entries, first) if each["operation"] == first["operation"]]
    wanted, what = keys(first), content(first)
    repeated = [each for each in later if keys(each) & wanted or content(each) == what]
    return [first, *repeated[: max(len(repeated) - twins, 0)]]


def waits(found: Sequence[Entry]) -> list[float]:
    """The seconds between the arrivals of requests."""
    return [between(one, other) for one, other in pairwise(found)]


def between(one: Entry, other: Entry) -> float:
    """Seconds from one arrival to another."""
    return (moment(other) - moment(one)).total_seconds()


def moment(entry: Entry) -> datetime:
    return datetime.fromisoformat(entry["at"])


def header(entry: Entry, name: str) -> str | None:
    """A header of the request, whatever its letters."""
    return next((value for key, value in entry["request"]["headers"].items() if key.lower() == name), None)


def place(entry: Entry) -> str:
    """The path without the query and the other prefix: what two tries have in common."""
    return _TOP_PATH.sub("", entry["path"].partition("?")[0])


def name(entry: Entry) -> str:
    """A call as people call it: `POST /documents/{id}/events (PICK_UP)`."""
    if entry["operation"] in STORAGE:
        return f"{entry['method']} of a pre-signed URL"
    called = f"{entry['method']} {_UUID.sub('{id}', place(entry))}"
    if entry["operation"] == "documents.create":
        return called
    events = [str(item.body.get("name", "?")) for item in items(entry)]
    return f"{called} ({', '.join(events[:3])}{', …' if len(events) > 3 else ''})" if events else called


def succeeded(entry: Entry) -> bool:
    """Whether the client got a 2xx."""
    return entry["seen"] == "answer" and 200 <= entry.get("status", 0) < 300


def effects(entries: Iterable[Entry]) -> int:
    """How many documents and events were added: a replay adds none."""
    return sum(
        1 if each["operation"] == "documents.create" else len(each["events"])
        for each in of(entries, *KEYED)
        if each["committed"]
    )


def _content(entry: Entry, left_out: Sequence[str]) -> str:
    if entry["operation"] not in KEYED:
        return canonical([entry["method"], place(entry), entry["request"]["body"]])
    found = [
        [item.target, {name: each for name, each in item.body.items() if name not in left_out}]
        for item in items(entry)
    ]
    # What is no JSON object has no items: then it is its own content.
    return canonical(found or entry["request"]["body"])
