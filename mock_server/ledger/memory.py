"""The ledger in memory: everything that one process holds, gone when it ends."""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Any, cast

import orjson

from mock_server.domain.identities import Parties
from mock_server.ledger import Record, Remembered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mock_server.domain.changes import Changes
    from mock_server.domain.document import Document, Environment


class MemoryLedger:
    """See `mock_server.ledger.Ledger`; nothing here awaits, so a commit cannot be seen half done."""

    __slots__ = ("_documents", "_histories", "_keys", "_parties", "_records")

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._documents: dict[str, Document] = {}
        self._histories: dict[str, list[Record]] = {}
        self._keys: dict[str, dict[str, Record | Remembered]] = {}
        self._parties: dict[str, Parties] = {"TEST": Parties(), "PROD": Parties()}

    @property
    def position(self) -> int:
        return len(self._records)

    def document(self, document_id: str) -> Document | None:
        return self._documents.get(document_id)

    def facts(self, document_id: str) -> dict[str, Any]:
        return cast("dict[str, Any]", orjson.loads(self._histories[document_id][0].event))

    def documents(self) -> Iterator[Document]:
        return iter(self._documents.values())

    def history(self, document_id: str) -> Sequence[Record]:
        return self._histories[document_id]

    def records(self, since: int = 0) -> Sequence[Record]:
        return self._records[max(since, 0) :]

    def parties(self, environment: Environment) -> Parties:
        return self._parties[environment]

    def commit(self, changes: Changes, environment: Environment, request: int) -> Sequence[Record]:
        now, position, histories = changes.now, len(self._records), self._histories
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
                histories[record.document_id] = [record]
            else:
                histories[record.document_id].append(record)
            if draft.concerns is not None:
                histories[draft.concerns].append(record)
            if record.key is not None:
                self._scope(draft.scope)[record.key] = record
        self._records += new
        self._documents.update(changes.documents)
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
