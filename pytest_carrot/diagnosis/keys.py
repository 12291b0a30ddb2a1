"""Lints about deduplication keys: what was sent without one, and a key that stands for two things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot.diagnosis.finding import Finding
from pytest_carrot.diagnosis.reading import listed, told
from pytest_carrot.history import canonical, items

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_carrot.history import Entry, Record

_MISSING: Final = (
    "If its answer is lost, nothing tells a retry from a new thing, and it is recorded twice. Give each document and "
    "each event a deduplicationId of its own that you store before you send it."
)
_REUSED: Final = (
    "A key stands for one thing for ever: what was sent second is refused, or silently left out. Make a new key for "
    "each document and event, and repeat a request unchanged, its times included."
)


def missing_key(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Documents and events without a deduplicationId in requests that were not refused."""
    for entry in entries:
        if not _went_through(entry):
            continue
        without = [item for item in items(entry) if not item.key]
        if not without:
            continue
        if without[0].index is None:
            what = "came without a deduplicationId."
        elif len(without) == 1:
            what = f"has an event without a deduplicationId: /events/{without[0].index}."
        else:
            places = listed(f"/events/{item.index}" for item in without)
            what = f"has {len(without)} events without a deduplicationId: {places}."
        yield Finding("missing-key", f"{told(entry)} {what}", (entry["id"],), _MISSING)


def key_reused(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Keys that came again with something else."""
    first: dict[tuple[str, str], str] = {}
    for entry in entries:
        for key in dict.fromkeys([*_changed(entry), *_twice(entry)]):
            before = first.get((_scope(entry), key))
            where = "in itself" if before in (None, entry["id"]) else f"in {before}"
            if before is None and key in _changed(entry):
                where = "in a request that the journal no longer has"
            seen = f"{told(entry)} uses the deduplicationId {key}, which stands for something else {where}."
            ids = (entry["id"],) if before in (None, entry["id"]) else (entry["id"], str(before))
            yield Finding("key-reused", seen, ids, _REUSED, about=key)
        for item in items(entry):
            if item.key and entry["committed"]:
                first.setdefault((_scope(entry), item.key), entry["id"])


def _went_through(entry: Entry) -> bool:
    """Whether it did something, or may have: a 5xx tells nothing, a 4xx says that it did not."""
    status = entry.get("status", 0)
    return entry["committed"] or 200 <= status < 300 or status >= 500


def _scope(entry: Entry) -> str:
    """Whose keys these are: each integrator has its own in each environment."""
    return f"{entry['client'].get('integrator')}/{entry['client'].get('environment')}"


def _changed(entry: Entry) -> list[str]:
    return [each["key"] for each in entry["deduplication"] if each["verdict"] == "changed-body"]


def _twice(entry: Entry) -> list[str]:
    """The keys that one batch gives to different events."""
    bodies: dict[str, set[str]] = {}
    for item in items(entry):
        if item.key:
            bodies.setdefault(item.key, set()).add(canonical(item.body))
    return [key for key, different in bodies.items() if len(different) > 1]
