"""Deciding on an event: may it be appended, what is stored of it, and what it does to related documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mock_server.domain.acting import refuse, refuse_ended
from mock_server.domain.changes import Draft
from mock_server.domain.creation import note_aliases
from mock_server.domain.document import (
    AFTER_CLOSE,
    CANCELLED,
    CLOSED,
    MIRRORED,
    OPEN,
    RELATIONS,
    Attachment,
    Document,
)
from mock_server.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_server.domain.acting import Act

EVENT_LIMIT: Final = 100
_COPIED = ("label", "value", "externalId", "deduplicationId")
_LAST_COPIED = ("permissions", "updates")
_RELATING: Final = {
    "RELATED": ("related-relates", "relation-filled", "relation-mirrored"),
    "LINK": ("link-relates", "relation-filled", "relation-mirrored"),
    "OUTPUT": ("output-relates", "relation-filled", "output-target"),
    "SPLIT": ("split-relates", "relation-filled", "split-target", "split-reduces-value"),
}


def append(
    act: Act,
    document_id: str,
    item: Mapping[str, Any],
    claim: tuple[str, str | None, bytes | None],
    pointer: str = "",
) -> str:
    """Add one event to the act's changes; its id.

    `item` is valid by the contract, `externalCreatedAt` in the stored spelling; `pointer` is where the item
    stands in the body. Raises Restricted, NotFound, Conflict and ValidationFailed.
    """
    name = item["name"]
    document = act.writable(document_id, name)
    if document.status != OPEN:
        _check_status(document, name)
    act.not_busy(document)
    if document.counted >= EVENT_LIMIT:
        raise refuse(
            pointer,
            f"Document {document.id} must have no more than {EVENT_LIMIT} events; this would be number "
            f"{document.counted + 1}.",
            "events-per-document",
            "event-limit",
            "event-limit-counts",
        )
    _check_order(act, document, item, pointer)
    event = _stored_event(act, document, item, pointer)
    if name == "SPLIT" and item["value"] > document.value:
        raise refuse(
            f"{pointer}/value",
            f"{pointer}/value of a SPLIT must be at most the document's currentValue, {document.value}; got "
            f"{item['value']}.",
            "split-reduces-value",
        )
    if document.status == CLOSED:
        act.behaviours.append("closed-allows-relations")
    target = _related(act, document, event, pointer) if name in RELATIONS else None
    concerns = target.id if target is not None and name == "SPLIT" else None
    mirrored = name in MIRRORED and event["relatedDocument"].get("bidirectional", True)
    if target is not None and (mirrored or concerns is not None):
        # These leave something on the target too.
        act.not_busy(target)
    act.changes.add(Draft(document.id, "event.appended", "integrator", event, concerns, *claim))
    if target is not None and mirrored:
        act.behaviours += ("mirror-shape", "mirror-atomic")
        act.changes.add(Draft(target.id, "event.appended", "mirror", _mirrored(act, document, event)))
    return str(event["id"])


def _check_status(document: Document, name: str) -> None:
    if document.status == CANCELLED or (document.status == CLOSED and name not in AFTER_CLOSE):
        raise refuse_ended(document, f"the event {name}", "RELATED, LINK, OUTPUT and CANCEL")


def _check_order(act: Act, document: Document, item: Mapping[str, Any], pointer: str) -> None:
    moment = item["externalCreatedAt"]
    if moment <= document.latest:
        _judge_order(act, document, moment, pointer)
    act.check_future(moment, f"{pointer}/externalCreatedAt")


def _judge_order(act: Act, document: Document, moment: str, pointer: str) -> None:
    if moment == document.latest:
        act.behaviours.append("ordering-equal")
        return
    act.behaviours.append("ordering")
    before = act.changes.committed(document.id)
    if before is not None and moment >= before.latest:
        act.behaviours.append("ordering-in-batch")
    rule = act.semantics.ordering
    if rule != "off":
        message = (
            f"{pointer}/externalCreatedAt must not be earlier than {document.latest}, the latest moment on the "
            f"timeline of document {document.id}; got {moment}."
        )
        if document.latest > act.now:
            message += (
                " That latest moment lies ahead of the clock: an earlier event was dated into the future."
            )
        if rule == "reject":
            raise refuse(f"{pointer}/externalCreatedAt", message, "chronological")
        act.advise("out-of-order", message)


def _stored_event(act: Act, document: Document, item: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    participant, address = _parties(act, document, item, pointer)
    is_public = item["isPublic"]
    event: dict[str, Any] = {
        "id": act.ids.short(),
        "name": item["name"],
        "externalCreatedAt": item["externalCreatedAt"],
        "isPublic": is_public,
        "participant": participant,
        "address": address,
        "author": act.by.author,
    }
    for name in _COPIED:
        if name in item:
            event[name] = item[name]
    if (metadata := item.get("metadata")) is not None:
        attributes = [
            each if "isPublic" in each and "sensible" not in each else _stored_attribute(each, is_public)
            for each in metadata.get("attributes", ())
        ]
        event["metadata"] = {"attributes": attributes}
    if sent := item.get("attachments"):
        event["attachments"] = [
            _stored_attachment(document, each, is_public, f"{pointer}/attachments/{index}")
            for index, each in enumerate(sent)
        ]
    if (related := item.get("relatedDocument")) is not None:
        event["relatedDocument"] = related
    for name in _LAST_COPIED:
        if name in item:
            event[name] = item[name]
    if item.get("permissions"):
        _note_unknown(act, item["permissions"])
    return event


def _parties(
    act: Act, document: Document, item: Mapping[str, Any], pointer: str
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    changes = act.changes
    facts: Mapping[str, Any] | None = None
    if (sent := item.get("participant")) is not None:
        participant = changes.participant(sent, act.ids, f"{pointer}/participant")
    elif (named := item.get("participantId")) is not None:
        participant = changes.parties.named("participant", named, f"{pointer}/participantId")
    else:
        act.behaviours.append("event-parties")
        facts = act.changes.facts(document.id)
        participant = facts["primaryParticipant"]
    if (sent := item.get("address")) is not None:
        address = changes.address(sent, participant["id"], act.ids, f"{pointer}/address")
    elif (named := item.get("addressId")) is not None:
        address = changes.parties.named("address", named, f"{pointer}/addressId")
    else:
        if facts is None:
            act.behaviours.append("event-parties")
            facts = act.changes.facts(document.id)
        address = facts["primaryAddress"]
    note_aliases(act)
    return participant, address


def _stored_attribute(sent: Mapping[str, Any], is_public: bool) -> Mapping[str, Any]:
    stored = {name: value for name, value in sent.items() if name != "sensible"}
    stored.setdefault("isPublic", is_public)
    if "sensible" in sent:
        stored["sensitive"] = sent["sensible"] or sent.get("sensitive", False)
    return stored


def _stored_attachment(
    document: Document, sent: Mapping[str, Any], is_public: bool, pointer: str
) -> dict[str, Any]:
    attachment = _find(document, sent)
    if attachment is None:
        which = "fileName" if "fileName" in sent else "attachmentId"
        declared = ", ".join(document.attachments) or "none"
        raise refuse(
            f"{pointer}/{which}",
            f"{pointer}/{which} must name a file that was declared on document {document.id} before "
            f"(declared: {declared}); got {sent[which]}. Declare it with PUT /documents/{document.id}"
            f"/attachments/{{fileName}} first.",
            "event-attachment-declared",
        )
    return {
        "attachmentId": attachment.id,
        "contentLength": attachment.content_length,
        "isPublic": sent.get("isPublic", is_public),
        "label": sent["label"],
    }


def _find(document: Document, sent: Mapping[str, Any]) -> Attachment | None:
    if "fileName" in sent:
        return document.attachments.get(sent["fileName"])
    wanted = sent["attachmentId"].lower()
    return next((each for each in document.attachments.values() if each.id == wanted), None)


def _note_unknown(act: Act, permissions: Mapping[str, Any]) -> None:
    for participant_id in permissions:
        if not act.changes.parties.knows(participant_id):
            act.behaviours.append("permission-ids")
            act.advise(
                "unknown-participant",
                f"permissions name participant {participant_id}, whom this environment has not seen yet.",
            )


def _related(act: Act, document: Document, event: dict[str, Any], pointer: str) -> Document:
    sent = event["relatedDocument"]
    if sent["documentId"].lower() == document.id:
        raise refuse(
            f"{pointer}/relatedDocument/documentId",
            f"{pointer}/relatedDocument/documentId must be another document; got the id of the one that the "
            "event is appended to.",
            "relation-not-itself",
        )
    act.behaviours += _RELATING[event["name"]]
    try:
        target = act.writable(sent["documentId"], event["name"])
    except ApiError as error:
        error.told_of(f"{pointer}/relatedDocument/documentId")
        if "environment-isolation" in error.behaviours:
            error.behaviours += ("environment-relations",)
        else:
            error.behaviours += ("relation-target-exists" if error.status == 404 else "relation-read-only",)
        raise
    if target.status != OPEN:
        act.behaviours.append("relation-target-state")
    if target.status == CANCELLED:
        raise refuse_ended(target, f"the relation {event['name']}")
    event["relatedDocument"] = _reference(target, sent)
    return target


def _reference(target: Document, sent: Mapping[str, Any]) -> dict[str, Any]:
    reference: dict[str, Any] = {"documentId": target.id, "category": target.category, "type": target.type}
    if target.subtype is not None:
        reference["subtype"] = target.subtype
    if "bidirectional" in sent:
        reference["bidirectional"] = sent["bidirectional"]
    return reference


def _mirrored(act: Act, document: Document, event: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("name", "externalCreatedAt", "isPublic", "participant", "address", "author")
    mirrored = {"id": act.ids.short(), **{name: event[name] for name in kept}}
    mirrored["relatedDocument"] = _reference(document, event["relatedDocument"])
    return mirrored
