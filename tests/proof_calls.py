"""What the clients of the proof ask for: calls that are the same bytes each time that they are sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from payloads import event, mass_id
from proof_world import FILE

from mock_server.workspace import PARTICIPANTS

WRITES = ("create", "append", "close", "related", "batch")
OPERATIONS = {
    "create": "documents.create",
    "append": "events.append",
    "close": "events.append",
    "related": "events.append",
    "batch": "events.batch",
    "upload": "attachments.upload",
    "put": "storage.put",
}


@dataclass(frozen=True)
class Call:
    """A request that is not sent yet; `keys` are those of its items, None for one that has none."""

    who: str
    kind: str
    method: str
    target: str
    body: bytes
    keys: tuple[str | None, ...] = ()

    @property
    def operation(self) -> str:
        return OPERATIONS[self.kind]

    @property
    def is_keyed(self) -> bool:
        """Whether all that it asks for has a key."""
        return bool(self.keys) and None not in self.keys

    def __repr__(self) -> str:
        return f"<{self.who} {self.kind} {self.target[-40:]} keys={','.join(map(str, self.keys))}>"


def create(who: str, key: str | None, variant: int) -> Call:
    body = mass_id(deduplicationId=key or ..., externalId=f"document {variant}")
    return Call(who, "create", "POST", "/documents", _encoded(body), (key,))


def append(who: str, document_id: str, key: str | None, variant: int) -> Call:
    return _event(who, "append", document_id, key, event(value=variant))


def close(who: str, document_id: str, key: str | None) -> Call:
    return _event(who, "close", document_id, key, event("CLOSE"))


def related(who: str, document_id: str, key: str | None, target: str) -> Call:
    body = event("RELATED", relatedDocument={"documentId": target})
    return _event(who, "related", document_id, key, body)


def share(who: str, other: str, document_id: str) -> Call:
    """An event that lets another integrator write to the document too."""
    everything = [{"effect": "ALLOW", "actions": ["READ", "WRITE"]}]
    ids = [PARTICIPANTS[each]["id"] for each in (who, other)]
    permissions = dict.fromkeys(ids, everything)
    actor = event("ACTOR", label="Processor", participantId=ids[1], permissions=permissions)
    return _event(who, "append", document_id, None, actor)


def batch(who: str, document_id: str, items: list[tuple[str | None, int]]) -> Call:
    """Events to append at once, each by its key and what it says."""
    events = [event(value=variant, deduplicationId=key or ...) for key, variant in items]
    body = {"documentId": document_id, "events": events}
    return Call(who, "batch", "POST", "/documents/events", _encoded(body), tuple(key for key, _ in items))


def upload(who: str, document_id: str, name: str) -> Call:
    return Call(who, "upload", "PUT", f"/documents/{document_id}/attachments/{name}", _encoded(FILE))


def put(url: str) -> Call:
    return Call("", "put", "PUT", url, b"abc")


def _event(who: str, kind: str, document_id: str, key: str | None, body: dict[str, Any]) -> Call:
    content = _encoded(body | ({} if key is None else {"deduplicationId": key}))
    return Call(who, kind, "POST", f"/documents/{document_id}/events", content, (key,))


def _encoded(body: Any) -> bytes:
    return json.dumps(body).encode()
