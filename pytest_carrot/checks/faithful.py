"""The check of what is kept: a read shows what was written, and not something like it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.checks.subject import Broken, document_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_carrot.checks.knowing import Known
    from pytest_carrot.checks.subject import Subject

    Sent = Mapping[str, Any]

# So many writes are looked at: each costs a request.
_LOOKED_AT: Final = 60
_EVENT_KEEPS: Final = ("name", "isPublic", "externalCreatedAt", "value", "label")
_DOCUMENT_KEEPS: Final = (
    "category",
    "type",
    "isPublic",
    "isPubliclySearchable",
    "externalCreatedAt",
    "value",
)
# What a read may leave out, but not change.
_SHOWN_IF_KEPT: Final = ("deduplicationId", "externalId", "subtype", "title", "measurementUnit", "tags")


def reads_show_what_was_sent(subject: Subject, known: Known) -> bool | None:
    """A document and an event are read with the names, moments, values and attributes that they were sent with."""
    if not subject.accepted or not isinstance(subject.answer, dict):
        return True
    if subject.operation == "documents.read":
        _check_identity(subject)
        return None
    if subject.operation not in ("documents.create", "events.append", "events.batch"):
        return True
    document_id = subject.answer.get("id" if subject.operation == "documents.create" else "documentId")
    if subject.operation == "events.append":
        _check_target(subject, document_id)
    with known.lock:
        if known.looked_at >= _LOOKED_AT or not isinstance(subject.sent, dict):
            return True
        known.looked_at += 1
    document = document_in(subject.read(str(document_id)))
    if document is None:
        return True
    found = False
    for what, sent, kept in _written(subject, document):
        found = True
        for name, wanted, came in _differences(sent, kept):
            raise Broken(
                f"Expected a read of document {document_id} to show {what} with the {name} that it was sent with, "
                f"{_short(wanted)}; got {_short(came)}."
            )
    return None if found else True


def _check_identity(subject: Subject) -> None:
    asked = str((subject.case.path_parameters or {}).get("id", "")).lower()
    came = str(subject.answer.get("id", "")).lower()
    if came and came != asked:
        raise Broken(f"Expected a read of document {asked} to give that one; got document {came}.")


def _check_target(subject: Subject, document_id: Any) -> None:
    asked = str((subject.case.path_parameters or {}).get("documentId", "")).lower()
    if isinstance(document_id, str) and document_id.lower() != asked:
        raise Broken(f"Expected an append to document {asked} to be answered with its id; got {document_id}.")


def _written(subject: Subject, document: Sent) -> Iterator[tuple[str, Sent, Sent]]:
    """What was sent and what is kept of it, each pair with what it is called."""
    if subject.operation == "documents.create":
        yield "it", subject.sent, {**document, "value": document.get("currentValue")}
        return
    if subject.operation == "events.append":
        items, ids = [subject.sent], [subject.answer.get("eventId")]
    else:
        items, answered = subject.sent.get("events", []), subject.answer.get("events", [])
        ids = [each.get("eventId") for each in answered if isinstance(each, dict)]
    events = [each for each in document["externalEvents"] if each.get("id") in ids]
    for item in items:
        # The order of answers is an assumption: in a batch an event is known by its key.
        kept = [each for each in events if len(items) == 1 or _is_keyed_alike(each, item)]
        if len(kept) == 1:
            yield f"event {kept[0].get('id')}", item, kept[0]


def _is_keyed_alike(event: Sent, item: Sent) -> bool:
    return "deduplicationId" in item and event.get("deduplicationId") == item["deduplicationId"]


def _differences(sent: Sent, kept: Sent) -> Iterator[tuple[str, Any, Any]]:
    """Parts that were not kept as they were sent: the name of each, what was sent, and what is there."""
    is_event = "category" not in sent
    for name in _EVENT_KEEPS if is_event else _DOCUMENT_KEEPS:
        if name in sent and not _is_same(name, sent[name], kept.get(name)):
            yield name, sent[name], kept.get(name)
    for name in _SHOWN_IF_KEPT:
        if name in sent and name in kept and sent[name] != kept[name]:
            yield name, sent[name], kept[name]
    if is_event:
        yield from _other_attributes(sent, kept)


def _other_attributes(sent: Sent, kept: Sent) -> Iterator[tuple[str, Any, Any]]:
    wanted, came = _attributes(sent), _attributes(kept)
    if len(wanted) != len(came):
        yield "attributes", [each.get("name") for each in wanted], [each.get("name") for each in came]
        return
    for one, other in zip(wanted, came, strict=True):
        is_secret = one.get("sensible") or one.get("sensitive")
        names = ("name",) if is_secret else ("name", "value")
        for name in names:
            if _plain(one.get(name)) != _plain(other.get(name)):
                yield f"attribute {one.get('name')!r}", one.get(name), other.get(name)


def _attributes(event: Sent) -> list[Sent]:
    metadata = event.get("metadata")
    found = metadata.get("attributes") if isinstance(metadata, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _is_same(name: str, wanted: Any, came: Any) -> bool:
    if name == "externalCreatedAt":
        first, second = _moment(wanted), _moment(came)
        return first is None or (second is not None and abs((first - second).total_seconds()) < _MILLISECOND)
    return bool(_plain(wanted) == _plain(came))


def _plain(value: Any) -> Any:
    """A number as JSON has it, whose digits need not be kept beyond those of a double."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


# Finer parts of a second are not kept.
_MILLISECOND: Final = 0.001


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else text[:99] + "…"
