"""Lints about the times of events: what was refused for them; what was let through, the server tells itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot.diagnosis.finding import Finding
from pytest_carrot.diagnosis.reading import complaints, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_carrot.history import Entry, Record

_ORDER: Final = (
    "The timeline of a document has to stay chronological. Send its events one after the other, in the order of "
    "their externalCreatedAt: the moment when something happened, not when it is sent."
)
_FUTURE: Final = (
    "Whatever happens meanwhile is earlier than that, and will be refused. Check the clock and the time zone of the "
    "machine, and send what has happened, not what is planned."
)


def times_out_of_order(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Events that were refused because they are earlier than one on the timeline already."""
    for entry in entries:
        if _was_refused(entry, "ordering", "must not be earlier than"):
            seen = f"{told(entry)} was refused: its externalCreatedAt lies before the latest on its document."
            yield Finding("times-out-of-order", seen, (entry["id"],), _ORDER)


def time_in_future(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """What was refused because it has not happened yet."""
    for entry in entries:
        if _was_refused(entry, "future-timestamps", "ahead of the server's clock"):
            seen = f"{told(entry)} was refused: its externalCreatedAt lies more than 5 minutes ahead."
            yield Finding("future-timestamp", seen, (entry["id"],), _FUTURE)


def _was_refused(entry: Entry, behaviour: str, why: str) -> bool:
    return behaviour in entry["behaviours"] and any(why in each for each in complaints(entry))
