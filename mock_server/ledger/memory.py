"""The ledger in memory: everything that one process holds, gone when it ends."""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Any, cast

import orjson
from msgspec import Struct

from mock_server.domain.identities import Parties
from mock_server.ledger import Record, Remembered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mock_server.domain.changes import Changes
    from mock_server.domain.document import Document, Environment


class _Timeline(Struct, gc=False):
    """A document as it is now, and the records that it is the fold of."""

    document: Document
    history: list[Record]


class MemoryLedger:
    """See `mock_server.ledger.Ledger`; nothing here awaits, so a commit cannot be seen half done."""

    __slots__ = ("_keys", "_parties", "_records", "_timelines")

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._timelines: dict[str, _Timeline] = {}
        self._keys: dict[str, dict[str, Record | Remembered]] = {}
        self._parties: dict[str, Parties] = {"TEST": Parties(), "PROD": Parties()}

    @property
    def position(self) -> int:
        return len(self._records)

    def document(self, document_id: str) -> Document | None:
        timeline = self._timelines.get(document_id)
        return None if timeline is None else timeline.document

    def facts(self, document_id: str) -> dict[str, Any]:
        return cast("dict[str, Any]", orjson.loads(self._timelines[document_id].history[0].event))

    def documents(self) -> Iterator[Document]:
        return (each.document for each in self._timelines.values())

    def history(self, document_id: str) -> Sequence[Record]:
        return self._timelines[document_id].history

    def records(self, since: int = 0) -> Sequence[Record]:
        return self._records[max(since, 0) :]

    def parties(self, environment: Environment) -> Parties:
        return self._parties[environment]

    def commit(self, changes: Changes, environment: Environment, request: int) -> Sequence[Record]:
        now, position, timelines = changes.now, len(self._records), self._timelines
        new = []
        for draft in changes.drafts:
            position += 1
            kind, event = draft.kind, draft.event
            new.append(
                Record(
                    position,
                    now,
                    draft.document_id,
                    kind,
                    draft.origin,
                    request,
                    intern(event["name"]) if kind == "event.appended" else "",
                    draft.encoded or _compact(orjson.dumps(event)),
                    draft.key,
                    draft.fingerprint,
                )
            )
        # Everything that could fail came first: what follows is only assignments.
        for draft, record in zip(changes.drafts, new, strict=True):
            if record.kind == "document.created":
                timelines[record.document_id] = _Timeline(changes.documents[record.document_id], [record])
            else:
                timelines[record.document_id].history.append(record)
            if draft.concerns is not None:
                timelines[draft.concerns].history.append(record)
            if record.key is not None:
                self._scope(draft.scope)[record.key] = record
        self._records += new
        for document_id, document in changes.documents.items():
            timelines[document_id].document = document
        changes.hand_over(self._parties[environment])
        return new

    def claim(self, scope: str, key: str) -> Record | Remembered | None:
        keys = self._keys.get(scope)
        return None if keys is None else keys.get(key)

    def remember(self, scope: str, key: str, error: Remembered) -> None:
        self._scope(scope)[key] = error

    def claims(self) -> Iterator[tuple[str, str, Record | Remembered]]:
        for scope, keys in self._keys.items():
            for key, claim in keys.items():
                yield scope, key, claim

    def forget(self, key: str) -> int:
        return sum(keys.pop(key, None) is not None for keys in self._keys.values())

    def _scope(self, scope: str) -> dict[str, Record | Remembered]:
        keys = self._keys.get(scope)
        if keys is None:
            keys = self._keys[scope] = {}
        return keys


def _compact(encoded: bytes) -> bytes:
    """A copy of its own size: what orjson returns keeps the buffer that it was written into."""
    return bytes(memoryview(encoded))
