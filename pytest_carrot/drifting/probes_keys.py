"""Probes of deduplication keys and of documents that are busy after a write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from pytest_carrot.drifting.calling import PENDING
from pytest_carrot.drifting.finding import CannotProbe, NotProbed, Probe
from pytest_carrot.drifting.told import told
from pytest_carrot.live_target import code_of

if TYPE_CHECKING:
    from pytest_carrot.drifting.scene import Scene
    from pytest_carrot.live_http import Answer

_BUSY_SECONDS: Final = 1.0
_MOST_BUSY_SECONDS: Final = 30.0


def changed_body(scene: Scene) -> str:
    event = scene.event(label="one")
    first = scene.appended(scene.first, event)
    return _again(scene.append(scene.first, {**event, "label": "other"}), first)


def other_document(scene: Scene) -> str:
    """The very same event under the same key, for another document."""
    event = scene.event()
    first = scene.appended(scene.first, event)
    return _again(scene.append(scene.other, event), first)


def other_operation(scene: Scene) -> str:
    """The key of a document for an event."""
    body = scene.document()
    created = scene.main.post("/documents", body)
    if not created.accepted:
        raise CannotProbe(f"a document for it was answered {told(created)}")
    event = scene.event(deduplicationId=body["deduplicationId"])
    answer = scene.append(scene.first, event)
    if answer.accepted and "eventId" not in answer.object:
        return "the original answer"
    return told(answer)


def respelled_body(scene: Scene) -> str:
    """The keys in another order, and a number in another spelling."""
    event = scene.event(value=7)
    first = scene.appended(scene.first, event)
    text = json.dumps(dict(reversed(event.items()))).replace('"value": 7', '"value": 7.0')
    return _again(scene.main.post(f"/documents/{scene.first}/events", text.encode()), first)


def after_an_error(scene: Scene) -> str:
    """An event for a company that is not known yet; then the company is, and the event is sent again."""
    company = str(uuid4())
    event = scene.event(participant=..., participantId=company)
    refused = scene.append(scene.first, event)
    if refused.status != 404:
        raise CannotProbe(f"an unknown participantId was answered {told(refused)}, not 404")
    # On another document, so that the first event is not too early when it comes again.
    scene.appended(scene.other, scene.event(participant=scene.party(3, id=company)))
    again = scene.append(scene.first, event)
    fresh = scene.append(scene.first, {**event, **scene.names(), "externalCreatedAt": scene.moment()})
    if not fresh.accepted:
        raise CannotProbe("a participant's chosen id could not be used afterwards")
    return "forgotten" if again.accepted else f"remembered, {told(again)} again"


def item_of_batch(scene: Scene) -> str:
    """What was appended singly once more in a batch."""
    event = scene.event()
    first = scene.appended(scene.first, event)
    answer = scene.batch(scene.first, [event])
    return _again(answer, first, *_ids(answer))


def twice_in_batch(scene: Scene) -> str:
    event = scene.event()
    same = scene.batch(scene.first, [event, event])
    ids = _ids(same)
    agreeing = told(same) if not same.accepted else f"{len(set(ids))} event named {len(ids)} times"
    other = scene.event(label="one")
    differing = scene.batch(scene.first, [other, {**other, "label": "other"}])
    return f"the same: {agreeing}, another body: {told(differing)}"


def replayed_bytes(scene: Scene) -> str:
    body = scene.document()
    first, second = (scene.main.post("/documents", body) for _ in range(2))
    if not first.accepted:
        raise CannotProbe(f"a document for it was answered {told(first)}")
    if not second.accepted:
        return told(second)
    same = (first.status, first.body) == (second.status, second.body)
    return "the same status and bytes" if same else "another answer"


def shape_of_replay(scene: Scene) -> str:
    """What was appended in a batch once more singly."""
    event = scene.event()
    ids = _ids(scene.batch(scene.first, [event]))
    if not ids:
        raise CannotProbe("a batch with a key was refused")
    answer = scene.append(scene.first, event)
    shape = "as a single event" if set(answer.object) == {"documentId", "eventId"} else "in another shape"
    return f"{_again(answer, ids[0])} {shape}" if answer.accepted else told(answer)


def busy(scene: Scene) -> str:
    """How long an event is refused right after its document was created."""
    return scene.once("busy", lambda: _busy(scene))


def read_while_busy(scene: Scene) -> str:
    if busy(scene) == "never busy":
        raise NotProbed("no document was ever busy")
    document_id = scene.new_document()
    answer = scene.main.impatient("GET", f"/documents/{document_id}")
    return "refused as writes are" if code_of(answer) == PENDING else "served"


def _busy(scene: Scene) -> str:
    document_id = scene.new_document()
    began, was = scene.line.now(), False
    while True:
        answer = scene.main.impatient("POST", f"/documents/{document_id}/events", scene.event())
        seconds = scene.line.now() - began
        if code_of(answer) != PENDING:
            return f"busy for {max(int(seconds), 1)} seconds" if was else "never busy"
        was = True
        if seconds > _MOST_BUSY_SECONDS:
            return f"busy for {int(seconds)} seconds"
        scene.line.sleep(_BUSY_SECONDS)


def _again(answer: Answer, first: str, *ids: str) -> str:
    """What came of a key that was used before."""
    if not answer.accepted:
        return told(answer)
    return "the original answer" if first in (ids or (answer.object.get("eventId"),)) else "a new event"


def _ids(answer: Answer) -> list[str]:
    found = answer.object.get("events")
    events = found if isinstance(found, list) else []
    return [str(each.get("eventId")) for each in events if isinstance(each, dict)]


def _seconds(seen: str) -> str | None:
    return seen.split()[2] if seen.startswith("busy") else "0"


PROBES: Final = (
    Probe("dedup-changed-body", changed_body),
    Probe("dedup-scope", other_document),
    Probe("dedup-errors", after_an_error),
    Probe("pending-window", busy, value=_seconds),
    Probe("pending-reads", read_while_busy),
    Probe("dedup-other-operation", other_operation),
    Probe("dedup-body-equality", respelled_body),
    Probe("dedup-batch-items", item_of_batch),
    Probe("dedup-twice-in-batch", twice_in_batch),
    Probe("dedup-byte-identical", replayed_bytes),
    Probe("dedup-answer-shape", shape_of_replay),
)
