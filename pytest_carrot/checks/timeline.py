"""The checks of what stays: events that were read, and nothing of what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.checks.subject import Broken, document_in, is_uuid, says_nothing, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.checks.knowing import Known
    from pytest_carrot.checks.subject import Subject
    from pytest_carrot.control import Control

    Event = dict[str, Any]

_APPENDS: Final = ("events.append", "events.batch")
# What is sent to a document that is not there says nothing: so many requests go to one that is.
_ANEW: Final = 50
# So many new documents are read at once: each costs a request.
_CREATED: Final = 20
_ABSENT: Final = (403, 404)
# What schemathesis puts into each request to find it again.
_CASE_HEADER: Final = "x-schemathesis-testcaseid"


def events_stay_as_read(subject: Subject, known: Known) -> bool | None:
    """What was written can be read, and an event once read is in every later read, unchanged and in order."""
    if subject.operation == "documents.read":
        return _compare_read(subject, known) if subject.accepted else _check_refused_read(subject, known)
    if not subject.accepted:
        return True
    if subject.operation == "documents.create":
        return _check_created(subject, known)
    if subject.operation in _APPENDS:
        return _compare_append(subject, known)
    return True


def refused_requests_append_nothing(subject: Subject, known: Known) -> bool | None:
    """A request that is refused with a 4xx has changed nothing."""
    refused = 400 <= subject.status < 500
    if known.control is not None:
        return _check_ledger(subject, known, known.control, refused)
    if not refused or subject.operation not in _APPENDS:
        return True
    return _check_document(subject, known)


# What was read -------------------------------------------------------------------------------------------


def _compare_read(subject: Subject, known: Known) -> bool | None:
    document = document_in(subject.response)
    if document is None:
        return True
    with known.lock:
        if _lost(known.events.get(document["id"], []), document):
            # Another thread may have read later and been here earlier.
            document = document_in(subject.read(document["id"])) or document
        _compare(document, known)
        _remember_reader(subject, document["id"], known)
    return None


def _check_refused_read(subject: Subject, known: Known) -> bool | None:
    """A read with a good token of what this client was told, or has read, to be there."""
    document_id = str((subject.case.path_parameters or {}).get("id", "")).lower()
    with known.lock:
        if subject.status not in _ABSENT or not _may_read(subject, document_id, known):
            return True
        # Whatever else was wrong with this request: a plain one gets it.
        answer = subject.read(document_id)
        if answer.status_code not in _ABSENT:
            return True
    raise _unreadable(document_id, answer)


def _check_created(subject: Subject, known: Known) -> bool | None:
    """A document is there from its creation on, with all that a later read is held against."""
    document_id = subject.answer.get("id") if isinstance(subject.answer, dict) else None
    with known.lock:
        if not is_uuid(document_id) or document_id in known.events or known.created >= _CREATED:
            return True
        known.created += 1
        answer = subject.read(str(document_id))
        if says_nothing(answer):
            return True
        document = document_in(answer)
        if document is None:
            raise _unreadable(str(document_id), answer)
        _compare(document, known)
        _remember_reader(subject, document["id"], known)
    return None


def _may_read(subject: Subject, document_id: str, known: Known) -> bool:
    """Whether this client has read a document, and nothing that was sent since may have taken that right away."""
    readers = known.readers.get(document_id, ())
    return subject.sent_header("Authorization") in readers and document_id not in known.shared


def _remember_reader(subject: Subject, document_id: str, known: Known) -> None:
    known.readers[document_id].add(subject.sent_header("Authorization"))


def _unreadable(document_id: str, answer: Any) -> Broken:
    return Broken(
        f"Expected a read of document {document_id} by the client that wrote or read it to get it; got "
        f"{shown(answer)}."
    )


def _compare_append(subject: Subject, known: Known) -> bool | None:
    document_id, ids = _answered(subject.answer)
    if document_id is None:
        return True
    with known.lock:
        if _hands_out_rights(subject.sent):
            known.shared.add(document_id)
        answer = subject.read(document_id)
        if says_nothing(answer):
            return True
        document = document_in(answer)
        if document is None:
            if _may_read(subject, document_id, known):
                raise _unreadable(document_id, answer)
            # Appended by one who may write but not read, or, with an ACTOR, may no longer.
            return True
        before = {each["id"] for each in known.events.get(document["id"], ())}
        _compare(document, known)
        _remember_reader(subject, document["id"], known)
    _check_newest(document, before, ids)
    there = {each.get("id") for each in document["externalEvents"]}
    missing = [each for each in ids if each not in there]
    if missing and not _restricts(document, document["externalEvents"]):
        raise Broken(
            f"Expected the events {', '.join(missing)}, which the API answered for, in a read of document "
            f"{document_id}; it has {len(there)} others."
        )
    return None


def _check_newest(document: dict[str, Any], before: set[str], ids: Sequence[str]) -> None:
    """What was just appended stands after what had been read before."""
    order = [each.get("id") for each in document["externalEvents"]]
    known = max((place for place, each in enumerate(order) if each in before), default=-1)
    early = next((each for each in ids if each in order and order.index(each) < known), None)
    if early is not None and early not in before:
        raise Broken(
            f"Expected event {early} of document {document['id']}, which was just appended, after the "
            f"{len(before)} that were read before; it is number {order.index(early) + 1} of {len(order)}."
        )


def _hands_out_rights(sent: Any) -> bool:
    """Whether a write has an ACTOR, who may have taken a part of the rights from the document's creator."""
    items = (sent.get("events") or [sent]) if isinstance(sent, dict) else []
    return any(isinstance(each, dict) and each.get("name") == "ACTOR" for each in items)


def _answered(answer: Any) -> tuple[str | None, list[str]]:
    """The document and the event ids in an answer to an append."""
    try:
        found = answer.get("events", [answer])
        return str(answer["documentId"]), [str(each["eventId"]) for each in found]
    except (AttributeError, TypeError, KeyError):
        return None, []


def _compare(document: dict[str, Any], known: Known) -> None:
    """Hold the events of a document against those that were read before, and remember them."""
    before, now = known.events.get(document["id"], []), document["externalEvents"]
    by_id = {each.get("id"): each for each in now}
    for event in before:
        later = by_id.get(event["id"], event)
        if later != event:
            names = sorted(name for name in {*event, *later} if event.get(name) != later.get(name))
            raise Broken(
                f"Expected event {event['id']} of document {document['id']} to stay as it was read; its "
                f"{', '.join(names)} came otherwise."
            )
    lost = _lost(before, document)
    if lost:
        raise Broken(
            f"Expected the {len(before)} events of document {document['id']} that were read in every later read, in "
            f"their order; {', '.join(lost)} came otherwise, or not at all."
        )
    known.events[document["id"]] = [each for each in now if "id" in each]


def _lost(before: Sequence[Event], document: dict[str, Any]) -> list[str]:
    """The ids of events that are missing or stand elsewhere; none where an ACTOR may be why."""
    events = document["externalEvents"]
    if _restricts(document, [*before, *events]):
        return []
    later = iter([each.get("id") for each in events])
    # Membership of an iterator goes on where it stopped, so that it finds an order.
    return [each["id"] for each in before if each["id"] not in later]


def _restricts(document: dict[str, Any], events: Sequence[Event]) -> bool:
    """Whether an ACTOR may have taken a part of the timeline from the document's creator."""
    creator = document.get("author", {}).get("participantId")
    return any(
        event.get("name") == "ACTOR"
        and event.get("label") != "Network"
        and "permissions" in event
        and (creator is None or creator in str(event["permissions"]) or _is_about(creator, event))
        for event in events
    )


def _is_about(participant_id: str, event: Event) -> bool:
    return bool(event.get("participant", {}).get("id") == participant_id)


# What was refused ----------------------------------------------------------------------------------------


def _check_ledger(subject: Subject, known: Known, control: Control, refused: bool) -> bool | None:
    """With a view from behind: no new record is of this request."""
    with known.lock:
        records = control.get("events", {"since": known.position or 0})
        is_first, known.position = (
            known.position is None,
            records[-1]["position"] if records else known.position,
        )
    if not refused:
        return True
    for request_id in {each["requestId"] for each in records} if not is_first else ():
        entry = control.get(f"requests/{request_id}")
        sent = {name.lower(): value for name, value in entry["request"]["headers"].items()}
        if sent.get(_CASE_HEADER) == subject.case.id:
            made = [each["kind"] for each in records if each["requestId"] == request_id]
            raise Broken(
                f"Expected a refused request to record nothing; it was answered {shown(subject.response)}, and "
                f"recorded {', '.join(made)}."
            )
    return None


def _check_document(subject: Subject, known: Known) -> bool | None:
    """Without one: no new event of the document is what this request sent."""
    document_id, items = _wanted(subject)
    if document_id is None:
        return True
    with known.lock:
        before = known.events.get(document_id)
    if before is not None:
        now = subject.read_events(document_id)
        if now is None:
            return True
        event = _new_one(before, now, items)
        if event is None:
            return None
        if "deduplicationId" in event:
            raise _appended(document_id, event, subject.response)
    # Others may append just the same: only by a key of its own an event is known for sure.
    return _check_anew(subject, known, document_id) if subject.is_wrong_in_itself else True


def _check_anew(subject: Subject, known: Known, document_id: str) -> bool | None:
    """The same for this request once more, under new keys, to a document that is there."""
    with known.lock:
        # What is wrong with a batch may be its targets, so that it stays as it is.
        is_there = document_id in known.events or subject.operation != "events.append"
        if not is_there and known.events and known.sent_anew < _ANEW:
            known.sent_anew += 1
            document_id = next(reversed(known.events))
    before = subject.read_events(document_id)
    if before is None:
        return True
    body, answer = subject.repeat_anew(document_id)
    now = subject.read_events(document_id)
    if now is None or not 400 <= answer.status_code < 500:
        return True
    event = _new_one(before, now, body.get("events", [body]))
    if event is not None:
        raise _appended(document_id, event, answer)
    return None


def _new_one(before: Sequence[Event], now: Sequence[Event], items: Sequence[Event]) -> Event | None:
    """An event that was not there before and is what one of the items asked for."""
    old = {each.get("id") for each in before}
    new = (each for each in now if each.get("id") not in old)
    return next((each for each in new if any(_is_of(each, item) for item in items)), None)


def _appended(document_id: str, event: Event, answer: Any) -> Broken:
    return Broken(
        f"Expected a refused request to append nothing; it was answered {shown(answer)}, and document {document_id} "
        f"has the new event {event.get('id')}, as it was sent."
    )


def _wanted(subject: Subject) -> tuple[str | None, list[Event]]:
    """The document that events were sent to, and the events."""
    sent = subject.sent
    if not isinstance(sent, dict):
        return None, []
    items = sent.get("events") if subject.operation == "events.batch" else [sent]
    if not isinstance(items, list) or not items or not all(isinstance(each, dict) for each in items):
        return None, []
    if subject.operation == "events.append":
        document_id = subject.case.path_parameters.get("documentId")
    else:
        document_id = sent.get("documentId") or items[0].get("documentId") or items[0].get("targetDocumentId")
    return (str(document_id), items) if is_uuid(document_id) else (None, [])


def _is_of(event: Event, item: Event) -> bool:
    """Whether an event is what an item asked for, and no mirror of another one."""
    key = item.get("deduplicationId")
    if isinstance(key, str):
        return event.get("deduplicationId") == key
    wanted, related = item.get("relatedDocument"), event.get("relatedDocument")
    target = wanted.get("documentId") if isinstance(wanted, dict) else None
    return (
        "deduplicationId" not in event
        and event.get("name") == item.get("name")
        and event.get("isPublic") == item.get("isPublic")
        and str(event.get("externalCreatedAt"))[:10] == str(item.get("externalCreatedAt"))[:10]
        and (related or {}).get("documentId") == target
    )
