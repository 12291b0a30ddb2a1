"""How what a run left differs from what the clean run left, in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot import comparison
from pytest_carrot.sweeping.ending import differing
from pytest_carrot.table import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_carrot.sweeping.ending import Document, Ending, Event, Fields

MISSING: Final = "missing"
TWICE: Final = "twice"
UNEXPECTED: Final = "unexpected"
MOVED: Final = "moved"
CHANGED: Final = "changed"


@dataclass(frozen=True)
class Difference:
    """One of them: `kind` is one of the five above, `thing` what it is about, `told` a sentence."""

    kind: str
    thing: str
    told: str


def differences(clean: Ending, other: Ending) -> list[Difference]:
    """Every difference; documents are compared whatever their order, their events in order."""
    left, right = _unequal(clean.documents, other.documents)
    found: list[Difference] = []
    for document in left:
        twin = _nearest(document, right)
        if twin is None:
            found.append(Difference(MISSING, document.name, f"The document {document.name} is missing."))
        else:
            right.remove(twin)
            found += _within(document, twin)
    known = {each.name for each in clean.documents}
    for document in right:
        if document.name in known:
            told = f"The document {document.name} is there once more, created by {document.request}."
            found.append(Difference(TWICE, document.name, told))
        else:
            told = f"There is a document {document.name}, which the clean run did not create."
            found.append(Difference(UNEXPECTED, document.name, told))
    return found


def _unequal(one: Sequence[Document], other: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """Those of both without those that have an equal on the other side."""
    right = list(other)
    left = []
    for document in one:
        equal = next((each for each in right if each.signature == document.signature), None)
        if equal is None:
            left.append(document)
        else:
            right.remove(equal)
    return left, right


def _nearest(document: Document, others: Sequence[Document]) -> Document | None:
    """The one of its name that has the most of the same events."""
    alike = [each for each in others if each.name == document.name]
    wanted = Counter(each.name for each in document.events)
    return max(
        alike,
        key=lambda each: sum((wanted & Counter(event.name for event in each.events)).values()),
        default=None,
    )


def _within(clean: Document, other: Document) -> Iterator[Difference]:
    yield from _events(clean, other)
    yield from _files(clean, other)
    # Often no more than a consequence of these.
    yield from _fields(clean.name, clean.facts, other.facts)


def _events(clean: Document, other: Document) -> Iterator[Difference]:
    names, other_names = [each.name for each in clean.events], [each.name for each in other.events]
    counts, other_counts = Counter(names), Counter(other_names)
    lost, extra = counts - other_counts, other_counts - counts
    left, right = list(clean.events), list(other.events)
    for one, two in comparison.aligned(names, other_names):
        lefts, left = left[: len(one)], left[len(one) :]
        rights, right = right[: len(two)], right[len(two) :]
        if list(one) == list(two):
            for event, twin in zip(lefts, rights, strict=True):
                yield from _fields(event.name, event.fields, twin.fields)
            continue
        yield from _astray(clean.name, lefts, rights, lost, extra, counts)


def _astray(
    document: str,
    lefts: Sequence[Event],
    rights: Sequence[Event],
    lost: Counter[str],
    extra: Counter[str],
    counts: Counter[str],
) -> Iterator[Difference]:
    """Events that have no twin in their place; `lost` and `extra` are used up."""
    for event in lefts:
        if lost[event.name]:
            lost[event.name] -= 1
            yield Difference(MISSING, event.name, f"{event.name} of {document} is missing.")
        else:
            yield Difference(MOVED, event.name, f"{event.name} of {document} is in another place.")
    for event in rights:
        if extra[event.name]:
            extra[event.name] -= 1
            if event.name in counts:
                told = f"{event.name} of {document} is there once more, appended by {event.request}."
                yield Difference(TWICE, event.name, told)
            else:
                told = f"{document} has {event.name}, which the clean run did not append."
                yield Difference(UNEXPECTED, event.name, told)


def _files(clean: Document, other: Document) -> Iterator[Difference]:
    for name, facts in clean.files.items():
        found = other.files.get(name)
        if found is None:
            yield Difference(MISSING, name, f"The file {name} of {clean.name} is missing.")
        elif facts.get("uploaded") and not found.get("uploaded"):
            yield Difference(MISSING, name, f"The file {name} of {clean.name} is declared, but not uploaded.")
        else:
            yield from _fields(f"The file {name}", facts, found)
    for name in other.files:
        if name not in clean.files:
            told = f"{clean.name} has a file {name}, which the clean run did not declare."
            yield Difference(UNEXPECTED, name, told)


def _fields(thing: str, one: Fields, other: Fields) -> Iterator[Difference]:
    for path in differing(one, other):
        was, became = (_shown(each.get(path, comparison.ABSENT)) for each in (one, other))
        yield Difference(CHANGED, thing, f"{thing}: {path} is {became} instead of {was}.")


def _shown(found: Any) -> str:
    return "absent" if found is comparison.ABSENT else value(found)
