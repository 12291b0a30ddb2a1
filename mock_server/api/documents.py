"""`POST /documents` and `GET /documents/{id}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mock_server import clock, contract
from mock_server.call import Answer
from mock_server.domain import creation
from mock_server.domain.deduplication import fingerprint
from mock_server.writing import Item, Outcome, Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mock_server.call import Call
    from mock_server.domain.acting import Act
    from mock_server.domain.document import Document
    from mock_server.ledger import Record
    from mock_server.writing import Claim

CREATED = ("create-answer", "success-status")
READ = ("read-answer", "success-status", "get-shape")


def create(call: Call) -> Write:
    """What `POST /documents` asks for, once it is known to keep the contract."""
    sent = call.json()
    checked = contract.check("DocumentCreate", sent, call.semantics)
    call.note(checked)
    key = checked.body.get("deduplicationId")
    item = Item(checked.body, "create", key, None if key is None else fingerprint("create", sent))
    return Write((item,), _decide, _created)


def _decide(act: Act, item: Item, claim: Claim) -> Outcome:
    document_id = creation.create(act, item.body, claim)
    return Outcome(document_id, document_id)


def _created(call: Call, outcomes: Sequence[Outcome]) -> Answer:
    document_id = outcomes[0].id
    call.entry.document_id = document_id
    call.entry.behaviours += CREATED
    return Answer(201, b'{"id":"%s"}' % document_id.encode())


def read(call: Call) -> Answer:
    """The document, as far as the reader may see it."""
    ledger, entry = call.ledger, call.entry
    act = call.act()
    document, policy = act.readable(call.route.document_id)
    act.not_busy(document, read=True)
    entry.document_id = document.id
    entry.behaviours += READ
    history = ledger.history(document.id)
    if policy.read.unconditional:
        events = visible(document, history)
    elif policy.read.some:
        entry.behaviours.append("conditional-read")
        events = [record.event for record in timeline(document, history) if policy.read.covers(record.name)]
    else:
        events = _public(document, history)
    if document.attachments and not all(each.stored for each in document.attachments.values()):
        entry.behaviours.append("declared-is-listed")
    head = _head(document, history[0].event, whole=policy.read.unconditional, shape=call.semantics.get_shape)
    return Answer(200, joined(head, events))


def timeline(document: Document, history: Iterable[Record]) -> list[Record]:
    """The records whose events the document shows."""
    own = document.id
    # Only events have a name.
    return [record for record in history if record.name and record.document_id == own]


def visible(document: Document, history: Iterable[Record]) -> list[bytes]:
    """The events of a document as stored bytes, in the order they were appended."""
    own = document.id
    return [record.event for record in history if record.name and record.document_id == own]


def whole(document: Document, history: Sequence[Record]) -> bytes:
    """All of a document, as its creator reads it."""
    return joined(_head(document, history[0].event, whole=True, shape="full"), visible(document, history))


def joined(head: bytes, events: list[bytes]) -> bytes:
    """The JSON of a document: its head, and its events as they were stored, copied once."""
    if not events:
        return head + b"]}"
    events = [head + events[0], *events[1:]]
    events[-1] += b"]}"
    return b",".join(events)


def _head(document: Document, created: bytes, *, whole: bool, shape: str) -> bytes:
    """The JSON of all but the events, up to where they begin.

    `created` are the stored facts of the creation. Those that may have changed since stand last in them (see
    `creation.create`): what comes before is taken as it is, without decoding it.
    """
    start = created[: created.rindex(_FIRST_THAT_CHANGES)]
    if shape == "stored":
        facts = orjson.loads(start + b"}")
        del facts["address"], facts["author"]
        start = orjson.dumps(facts)[:-1]
    now: dict[str, Any] = {
        "currentValue": document.value,
        "isPublic": document.is_public,
        "isPubliclySearchable": document.is_publicly_searchable,
        "status": document.status,
        "updatedAt": clock.iso(document.updated_at),
        "permissions": [
            {"id": entry_id, "participantId": participant_id} for entry_id, participant_id in document.roles
        ],
        "attachments": [
            {"id": each.id, "fileName": each.file_name, "contentLength": each.content_length}
            for each in (document.attachments.values() if whole else ())
        ],
    }
    if document.parent_id is not None:
        now["parentDocumentId"] = document.parent_id
    return b'%s,%s,"externalEvents":[' % (start, orjson.dumps(now)[1:-1])


# Within a string the quotes would be escaped, and nothing that a client names comes after this key.
_FIRST_THAT_CHANGES = b',"currentValue":'


def _public(document: Document, history: Iterable[Record]) -> list[bytes]:
    """What a stranger reads under `public-read=anyone`: the public events with their public attributes."""
    shown = []
    for record in timeline(document, history):
        event = orjson.loads(record.event)
        if event["isPublic"]:
            if "metadata" in event:
                attributes = event["metadata"]["attributes"]
                event["metadata"] = {"attributes": [_masked(each) for each in attributes if each["isPublic"]]}
            if "attachments" in event:
                event["attachments"] = [each for each in event["attachments"] if each["isPublic"]]
            shown.append(orjson.dumps(event))
    return shown


def _masked(attribute: dict[str, Any]) -> dict[str, Any]:
    """A sensitive attribute as the public sees it: of a plate some places (`AA*-A**A`), of others nothing."""
    if not attribute.get("sensitive"):
        return attribute
    value = attribute.get("value")
    places = "".join(each for each in value if each.isalnum()) if isinstance(value, str) else ""
    if len(places) == _PLATE_PLACES:
        return {**attribute, "value": f"{places[:2]}*-{places[3]}**{places[6]}"}
    return {**attribute, "value": "***"}


_PLATE_PLACES = 7
