"""`POST /documents/{documentId}/events` and `POST /documents/events`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from mock_server import contract
from mock_server.call import Answer
from mock_server.domain import appending
from mock_server.domain.acting import refuse
from mock_server.domain.deduplication import fingerprint
from mock_server.errors import ApiError, ValidationFailed
from mock_server.writing import Item, Outcome, Replayed, Write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mock_server.call import Call
    from mock_server.domain.acting import Act
    from mock_server.writing import Claim

APPENDED = ("append-answer", "success-status")
BATCHED = ("batch-answer", "success-status", "batch-answer-order")
_TARGETS = ("documentId", "targetDocumentId")


def append(call: Call) -> Write:
    """What `POST /documents/{documentId}/events` asks for, once it is known to keep the contract."""
    sent = call.json()
    checked = contract.check("EventCreate", sent, call.semantics)
    call.note(checked)
    return Write((_item(checked.body, sent, call.route.document_id),), _decide, _appended)


def batch(call: Call) -> Write:
    """What `POST /documents/events` asks for; items that break the contract carry that failure.

    Raises the failure of the first item when the batch is all or nothing: no other can come before it.
    """
    sent = call.json()
    checked = contract.check("EventBatch", sent, call.semantics)
    call.note(checked)
    target = call.entry.document_id = _target(checked.body)
    each = call.semantics.batch_atomicity == "each"
    items = []
    for index, one in enumerate(sent["events"]):
        try:
            items.append(_batch_item(call, one, index, target))
        except ValidationFailed as failure:
            if not each and index == 0:
                failure.behaviours = (*failure.behaviours, "batch-atomicity")
                raise
            items.append(Item({}, "", None, None, index=index, failure=failure))
    return Write(items, _decide, _batched, each=each)


def _decide(act: Act, item: Item, claim: Claim) -> Outcome:
    event_id = appending.append(act, item.target, item.body, claim, item.pointer)
    return Outcome(event_id, item.target)


def _appended(call: Call, outcomes: Sequence[Outcome]) -> Answer:
    event_id, document_id = outcomes[0].id, outcomes[0].document_id
    call.entry.document_id = document_id
    call.entry.behaviours += APPENDED
    return Answer(201, f'{{"documentId":"{document_id}","eventId":"{event_id}"}}'.encode())


def _batched(call: Call, outcomes: Sequence[Outcome]) -> Answer:
    call.entry.behaviours += BATCHED
    return Answer(201, _batch_answer(call, outcomes))


def _item(
    body: dict[str, Any], sent: dict[str, Any], target: str, pointer: str = "", index: int | None = None
) -> Item:
    target = target.lower()
    operation = f"append/{target}"
    key = body.get("deduplicationId")
    mark = None if key is None else fingerprint(operation, sent)
    return Item(body, operation, key, mark, target, pointer, index)


def _batch_item(call: Call, sent: Any, index: int, target: str) -> Item:
    pointer = f"/events/{index}"
    checked = contract.check("BatchItem", sent, call.semantics, pointer)
    call.note(checked)
    body = {name: value for name, value in checked.body.items() if name not in _TARGETS}
    return _item(body, sent, target, pointer, index)


def _target(body: dict[str, Any]) -> str:
    """The one document that a batch is for; raises ValidationFailed when there is none, or several."""
    named = {} if "documentId" not in body else {str(body["documentId"]).lower(): "/documentId"}
    has_target = bool(named)
    for index, item in enumerate(body["events"]):
        own = False
        for name in _TARGETS:
            if isinstance(item, dict) and name in item:
                own = True
                if isinstance(item[name], str):
                    named.setdefault(item[name].lower(), f"/events/{index}/{name}")
        if not (own or has_target):
            raise refuse(
                f"/events/{index}",
                f"/events/{index} names no document. The id goes to the top of the body as documentId, or into "
                "every item as documentId or targetDocumentId.",
                "batch-target",
                "batch-one-target",
            )
    if len(named) > 1:
        (first, _), (second, pointer), *_ = named.items()
        raise refuse(
            pointer,
            f"{pointer} must be the same document as the rest of the batch, {first}; got {second}. Send one "
            "batch for each document.",
            "batch-target",
            "batch-one-target",
        )
    # None at all only when no item is valid, each saying what is wrong with its id.
    return next(iter(named), "")


def _batch_answer(call: Call, outcomes: Sequence[Outcome]) -> bytes:
    good = [outcome for outcome in outcomes if outcome.error is None]
    document_id = good[0].document_id
    call.entry.document_id = document_id
    answer: dict[str, Any] = {
        "documentId": document_id,
        "events": [{"eventId": each.id, "targetDocumentId": each.document_id} for each in good],
    }
    if len(good) < len(outcomes):
        call.entry.behaviours.append("batch-atomicity")
        answer["errors"] = [
            {"index": index, "code": _code(outcome.error), "message": outcome.error.message}
            for index, outcome in enumerate(outcomes)
            if outcome.error is not None
        ]
    return orjson.dumps(answer)


def _code(error: ApiError) -> str | None:
    return error.remembered.code if isinstance(error, Replayed) else error.code
