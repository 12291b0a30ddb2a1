"""Lints about the names of events: those that are almost a known one, two spellings at once, roles without label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot.diagnosis.finding import Finding
from pytest_carrot.history import by_integrators

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_carrot.history import Entry, Record

# As in the integration page, and as in the reference sample: both are documented.
_SPELLINGS: Final[Mapping[str, str]] = {
    "PICK_UP": "Pick-up",
    "TRANSPORT_MANIFEST": "Transport Manifest",
    "WEIGHING": "Weighing",
    "DROP_OFF": "Drop-off",
    "SORTING": "Sorting",
    "RECYCLED": "Recycled",
    "RECYCLING_MANIFEST": "Recycling Manifest",
}
# Those that the API itself understands.
_EFFECTS: Final = ("ACTOR", "CANCEL", "CLOSE", "LINK", "OUTPUT", "RELATED", "SPLIT", "UPDATE")

_UNUSUAL: Final = (
    "The API takes any name, and to whatever looks for the known one this event is not there. Use the documented "
    "spelling, to the letter."
)
_MIXED: Final = (
    "Both are documented, but whatever reads the timeline looks for one of them and misses the other. Choose one "
    "spelling and keep to it."
)
_LABEL: Final = (
    "ACTOR gives a participant a role, and the label is the role: without it the participant has none. Send label: "
    "Waste Generator, Hauler, Processor, Recycler or Integrator."
)


def unusual_name(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Events whose name differs from a known one in case, spaces, hyphens and the like alone."""
    for record in filter(by_integrators, records):
        name = record["event"]["name"]
        meant = _KNOWN.get(_letters(name), ())
        if meant and name not in meant:
            seen = f"{record['requestId']} appended the event {name!r}, where {' or '.join(meant)} is known."
            yield Finding("unusual-name", seen, (record["requestId"],), _UNUSUAL, about=record["event"]["id"])


def mixed_names(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Documents on which some events are named like PICK_UP and others like Pick-up."""
    first: dict[str, Record] = {}
    mixed: set[str] = set()
    for record in filter(by_integrators, records):
        document_id, name = record["documentId"], record["event"]["name"]
        if (name not in _SPELLINGS and name not in _SPELLINGS.values()) or document_id in mixed:
            continue
        before = first.setdefault(document_id, record)
        if (before["event"]["name"] in _SPELLINGS) == (name in _SPELLINGS):
            continue
        mixed.add(document_id)
        ids = tuple(dict.fromkeys((record["requestId"], before["requestId"])))
        seen = (
            f"{record['requestId']} appended {name} to document {document_id}, which has "
            f"{before['event']['name']} ({before['requestId']}) in the other spelling."
        )
        yield Finding("mixed-names", seen, ids, _MIXED, about=document_id)


def actor_without_label(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """ACTOR events without a label, but for those that only change the permissions of one who has a role."""
    roles: set[tuple[str, str]] = set()
    for record in filter(by_integrators, records):
        event = record["event"]
        if event["name"] != "ACTOR":
            continue
        who = (record["documentId"], event["participant"]["id"])
        if event.get("label"):
            roles.add(who)
        elif "permissions" not in event or (event["permissions"] and who not in roles):
            seen = f"{record['requestId']} appended an ACTOR without a label."
            yield Finding("actor-without-label", seen, (record["requestId"],), _LABEL, about=event["id"])


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()


_KNOWN: Final = {_letters(each): (each,) for each in _EFFECTS} | {
    _letters(constant): (constant, title) for constant, title in _SPELLINGS.items()
}
