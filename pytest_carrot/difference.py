"""What separates two moments of a ledger, or two documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot import comparison, history, story
from pytest_carrot.table import table, value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_carrot.control import Control
    from pytest_carrot.history import Moment, Record

    Changed = dict[str, tuple[Any, Any]]

# What is compared as records, and what differs between any two documents, events, and parties beside their names.
_NOT_OF_A_DOCUMENT: Final = ("externalEvents", "permissions", "attachments")
_NEVER_THE_SAME: Final = (
    "id", "deduplicationId", "createdAt", "updatedAt", "attachmentId", "participantId", "piiSnapshotId"
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """What the second has and the first has not (`added`), the other way round (`missing`), and `changed`.

    `changed` has the fields that both have, by their path, as (in the first, in the second). A difference is
    true when there is any; `str()` of it is a report.
    """

    first: str
    second: str
    added: list[Record]
    missing: list[Record]
    changed: Changed

    def __bool__(self) -> bool:
        return bool(self.added or self.missing or self.changed)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        told = [
            f"{len(self.added)} added" if self.added else "",
            f"{len(self.missing)} missing" if self.missing else "",
            f"{story.several(len(self.changed), 'field')} changed" if self.changed else "",
        ]
        yield f"From {self.first} to {self.second}: {', '.join(filter(None, told)) or 'no difference'}."
        if records := sorted((*self.added, *self.missing), key=lambda each: each["position"]):
            yield story.recorded(records, ["+" if each in self.added else "-" for each in records])
        if self.changed:
            rows = [[path, _shown(one), _shown(other)] for path, (one, other) in self.changed.items()]
            yield table(("field", self.first, self.second), rows, elastic=(self.first, self.second))


def of_moments(control: Control, first: Moment, second: Moment) -> Difference:
    """What happened between two positions or points in time, and how the documents changed by it."""
    records = history.records(control)
    before, after = history.until(records, first), history.until(records, second)
    added, missing = after[len(before) :], before[len(after) :]
    touched = dict.fromkeys(each["documentId"] for each in (*added, *missing))
    shared = min(before, after, key=len)
    there = {each["documentId"] for each in shared}
    changed: Changed = {}
    for document_id in filter(there.__contains__, touched):
        one, other = (history.document(control, document_id, at) for at in (first, second))
        changed |= _changes(_head(one), _head(other), f"{document_id[:8]} ")
    return Difference(_named(first), _named(second), added, missing, changed)


def of_documents(control: Control, first: str, second: str) -> Difference:
    """How two documents differ: in their own fields, and in the events of integrators, taken in their order."""
    first, second = first.lower(), second.lower()
    records = history.records(control)
    changed = _changes(_head(history.document(control, first)), _head(history.document(control, second)))
    one, other = (
        [each for each in records if each["documentId"] == wanted and history.by_integrators(each)]
        for wanted in (first, second)
    )
    added, missing = [], []
    for left, right in _pairs(one, other):
        if left is None:
            added += [right]
        elif right is None:
            missing += [left]
        else:
            changed |= _changes(_flat(left["event"]), _flat(right["event"]), f"{_title(one, left)}.")
    return Difference(f"document {first[:8]}", f"document {second[:8]}", added, missing, changed)


def _pairs(one: Sequence[Record], other: Sequence[Record]) -> Iterator[tuple[Any, Any]]:
    """The events of two documents side by side, by name and label; None where one has no such event."""
    for names, other_names in comparison.aligned(
        list(map(story.happened, one)), list(map(story.happened, other))
    ):
        left, one = one[: len(names)], one[len(names) :]
        right, other = other[: len(other_names)], other[len(other_names) :]
        if names == other_names:
            yield from zip(left, right, strict=True)
        else:
            yield from ((each, None) for each in left)
            yield from ((None, each) for each in right)


def _title(records: Sequence[Record], record: Record) -> str:
    """The name of an event, with its number where the document has several of that name."""
    name = story.happened(record)
    alike = [each["position"] for each in records if story.happened(each) == name]
    return f"{name} #{alike.index(record['position']) + 1}" if len(alike) > 1 else name


def _head(document: Mapping[str, Any]) -> dict[str, Any]:
    return _flat({name: each for name, each in document.items() if name not in _NOT_OF_A_DOCUMENT})


def _flat(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        path: each
        for path, each in comparison.flat(dict(found)).items()
        if path.rpartition(".")[2] not in _NEVER_THE_SAME
    }


def _changes(one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = "") -> Changed:
    both = (
        (path, one.get(path, comparison.ABSENT), other.get(path, comparison.ABSENT))
        for path in {**one, **other}
    )
    return {
        f"{prefix}{path}": (left, right) for path, left, right in both if not comparison.same(left, right)
    }


def _named(moment: Moment) -> str:
    return f"position {moment}" if isinstance(moment, int) else str(history.spelled(moment))


def _shown(found: Any) -> str:
    return "absent" if found is comparison.ABSENT else value(found)
