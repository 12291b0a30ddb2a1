"""Which behaviours a request rested on, as far as its journal entry tells: read when it is shown.

What only the moment of deciding knows is noted then. What can be read off the request and the answer
afterwards is read here, so that no request pays for it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from mock_server.domain.attaching import FILE_LIMIT_BYTES
from mock_server.domain.document import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mock_server.journal import Entry

_JSON_OPERATIONS: Final = frozenset(
    {"documents.create", "events.append", "events.batch", "attachments.upload"}
)
_REPLAYED: Final = ("dedup-before-state", "dedup-body-equality", "dedup-byte-identical")
_BY_STATUS: Final = {
    401: ("bearer-challenge",),
    429: ("rate-limit-buckets", "rate-limit-counts", "rate-limit-no-retry-after", "request-rate"),
}


def inferred(entry: Entry) -> Iterator[str]:
    """The ids that can be read off an entry, in no order, some perhaps more than once."""
    if entry.path.startswith("/v1/"):
        yield "path-prefix"
    if entry.operation not in ("token", "storage.put", "storage.get"):
        yield from _BY_STATUS.get(entry.status or 0, ())
    yield from _of_keys(entry)
    done = entry.status in (200, 201)
    if entry.operation == "documents.read" and done:
        yield from _of_read(entry.response_body)
    elif entry.operation in ("attachments.upload", "attachments.download") and done:
        yield from ("attachment-answer", "url-host")
    if entry.operation in _JSON_OPERATIONS and entry.request_body:
        yield from _of_body(entry, done=done)


def _of_keys(entry: Entry) -> Iterator[str]:
    verdicts = {verdict for _, verdict, _ in entry.deduplication}
    if verdicts:
        yield from ("dedup-key", "dedup-verdict")
    if "replay" in verdicts:
        yield from _REPLAYED
    if "changed-body" in verdicts:
        yield "dedup-body-equality"
    if "dedup-in-flight" in entry.behaviours:
        yield "dedup-in-flight-span"
    if any(index is not None for _, _, index in entry.deduplication):
        yield "dedup-batch-items"
    if "replay" in verdicts and not entry.committed:
        yield "dedup-answer-shape"


def _of_read(body: bytes) -> Iterator[str]:
    yield from ("event-id", "system-actor")
    if b'"permissions":[{"id":' in body:
        yield "permissions-list"
    if b'"sensitive":true' in body:
        yield "sensitive-shown"
    if body.startswith(b'{"address":'):
        yield "read-address"


def _of_body(entry: Entry, *, done: bool) -> Iterator[str]:
    repeated = False

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        found = dict(pairs)
        repeated = repeated or len(found) < len(pairs)
        return found

    try:
        body = json.loads(entry.request_body, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        return
    if repeated:
        yield "duplicate-json-keys"
    if not isinstance(body, dict):
        return
    if entry.operation == "attachments.upload":
        if done:
            yield "attachment-parameters"
        length = body.get("contentLength")
        if isinstance(length, int | float) and length > FILE_LIMIT_BYTES:
            yield from ("file-size", "file-limit")
    elif entry.operation == "documents.create":
        if entry.committed:
            yield from _of_document(body)
    else:
        yield from _of_events(entry, body, done=done)


def _of_document(body: Mapping[str, Any]) -> Iterator[str]:
    yield from ("platform-actor", "system-actor")
    if "measurementUnit" not in body:
        yield "measurement-unit-optional"
    if body["category"] == "DOCUMENT" or body["type"] == "ORGANIC":
        yield "sample-vocabulary"
    yield from _of_what_is_common(body)


def _of_events(entry: Entry, body: Mapping[str, Any], *, done: bool) -> Iterator[str]:
    if entry.operation == "events.batch":
        if "deduplicationId" in body:
            yield "batch-key-on-items"
        if done:
            yield from ("batch-target", "batch-one-target")
        items = body.get("events")
    else:
        items = [body]
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict):
            continue
        if item.get("name") == "UPDATE":
            yield "update-fields"
        if entry.committed and "name" in item and "externalCreatedAt" in item:
            yield from _of_event(item)


def _of_event(item: Mapping[str, Any]) -> Iterator[str]:
    yield from _of_what_is_common(item)
    name = item["name"]
    if name == "CANCEL":
        yield "cancel-open-or-closed"
    elif name == "ACTOR":
        yield from _of_actor(item.get("permissions"))
    elif "value" in item and name not in EFFECTS:
        yield "value-becomes-current"
    if "address" in item and "participant" not in item and "participantId" not in item:
        yield "inline-address-owner"
    if item.get("attachments"):
        yield "event-attachments"
    for attribute in (item.get("metadata") or {}).get("attributes") or ():
        if "isPublic" not in attribute:
            yield "attribute-visibility"
        if "sensible" in attribute or "sensitive" in attribute:
            yield "attribute-sensitive"


def _of_actor(permissions: Any) -> Iterator[str]:
    if permissions is None:
        yield "actor-role-only"
        return
    yield "actor-newest-appended"
    if not permissions:
        yield "actor-empty-revokes"
        return
    for statements in permissions.values():
        if not statements:
            yield "actor-empty-entry"
        for statement in statements:
            if "condition" in statement:
                yield "permission-evaluation"
            if statement["effect"] == "DENY":
                yield "deny-beats-allow"


def _of_what_is_common(body: Mapping[str, Any]) -> Iterator[str]:
    """What a document and an event share: a moment, and parties."""
    moment = body["externalCreatedAt"]
    if len(moment) != 24 or moment[-1] != "Z":
        yield "date-time-normal-form"
    for kind in ("participant", "address"):
        if (party := body.get(kind)) is not None:
            yield "party-identity"
            if "id" in party:
                yield "party-chosen-id"
        if f"{kind}Id" in body:
            yield "party-reference"
