"""What a run left in the ledger, in a form in which two runs can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_carrot import comparison, history, story
from pytest_carrot.sweeping.names import Names, document_mask, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_carrot.history import Record
    from pytest_carrot.sweeping.names import Masks
    from pytest_carrot.sweeping.run import Run

    Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """An event that an integrator appended: `name` has its label, `fields` its body by paths."""

    name: str
    fields: Fields = field(repr=False)
    request: str = ""


@dataclass(frozen=True)
class Document:
    """A document: what it was created with and became, its events in order, its files as they are in the end."""

    name: str
    mask: str
    facts: Fields = field(repr=False)
    events: tuple[Event, ...] = ()
    files: Mapping[str, Fields] = field(default_factory=dict)
    request: str = ""

    @property
    def signature(self) -> str:
        """The same for two documents between which there is no difference."""
        events = [[each.name, each.fields] for each in self.events]
        return history.canonical([self.name, self.facts, events, self.files])


@dataclass(frozen=True)
class Ending:
    """All documents, oldest first."""

    documents: tuple[Document, ...]


def ending_of(run: Run, masks: Masks, *, by_content: bool = True) -> Ending:
    """What a run left, without what is masked; `by_content` as Names has it."""
    names = Names(run, masks, by_content=by_content)
    status = {each["id"]: each for each in run.documents}
    created = [each for each in run.records if each["kind"] == "document.created"]
    of = {each["documentId"]: [] for each in created}  # type: dict[str, list[Record]]
    for each in run.records:
        of.setdefault(each["documentId"], []).append(each)
    return Ending(
        tuple(
            _document(names, each, of[each["documentId"]], status.get(each["documentId"], {}))
            for each in created
        )
    )


def masks_between(one: Ending, other: Ending) -> Masks | str:
    """What differs between two clean runs in fields alone; a sentence when they differ in more."""
    if len(one.documents) != len(other.documents):
        return f"{_documents(one)} in the first, {_documents(other)} in the second."
    found: set[tuple[str, str]] = set()
    for left, right in zip(one.documents, other.documents, strict=True):
        if left.mask != right.mask:
            return f"the first created {left.name} where the second created {right.name}."
        names, other_names = ([each.name for each in document.events] for document in (left, right))
        if names != other_names:
            lists = " and ".join(f"[{', '.join(each)}]" for each in (names, other_names))
            return f"{left.name} has other events in the first than in the second: {lists}."
        if set(left.files) != set(right.files):
            return f"{left.name} has other files in the first than in the second."
        found |= {(left.mask, path) for path in differing(left.facts, right.facts)}
        for event, twin in zip(left.events, right.events, strict=True):
            found |= {(event_mask(event.name), path) for path in differing(event.fields, twin.fields)}
        for name in left.files:
            found |= {(file_mask(name), path) for path in differing(left.files[name], right.files[name])}
    return frozenset(found)


def differing(one: Fields, other: Fields) -> list[str]:
    """The paths at which two differ."""
    return [
        path
        for path in {**one, **other}
        if not comparison.same(one.get(path, comparison.ABSENT), other.get(path, comparison.ABSENT))
    ]


def event_mask(name: str) -> str:
    return f"event {name}"


def file_mask(name: str) -> str:
    return f"file {name}"


def _document(
    names: Names, created: Record, records: Sequence[Record], summary: Mapping[str, Any]
) -> Document:
    mask = document_mask(created)
    became = {each: summary[each] for each in ("status", "dataSetName", "currentValue") if each in summary}
    return Document(
        name=names.document(created["documentId"]) or kind_of(created),
        mask=mask,
        facts=names.flat({**created["event"], **became}, mask),
        events=tuple(_event(names, each) for each in records if history.by_integrators(each)),
        files=dict(_files(names, records)),
        request=created["requestId"],
    )


def _event(names: Names, record: Record) -> Event:
    name = names.text(story.happened(record))
    return Event(name, names.flat(record["event"], event_mask(name)), record["requestId"])


def _files(names: Names, records: Sequence[Record]) -> Iterator[tuple[str, Fields]]:
    """The last that was said of each file: it may rightly be declared and uploaded again."""
    last: dict[str, dict[str, Any]] = {}
    for record in records:
        if record["kind"].startswith("attachment."):
            event = record["event"]
            stored = record["kind"] == "attachment.stored" or last.get(event["fileName"], {}).get(
                "uploaded", False
            )
            last[event["fileName"]] = {
                "contentLength": event["contentLength"], "contentType": event["contentType"], "uploaded": stored
            }  # fmt: skip
    for name, facts in last.items():
        named = names.text(name)
        yield named, names.flat(facts, file_mask(named))


def _documents(ending: Ending) -> str:
    count = story.several(len(ending.documents), "document")
    events = story.several(sum(len(each.events) for each in ending.documents), "event")
    return f"{count} with {events}"
