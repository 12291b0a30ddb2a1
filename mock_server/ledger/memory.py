"""The ledger in memory: everything that one process holds, gone when it ends."""

from __future__ import annotations

from itertools import chain
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
    """See `mock_server.ledger.Ledger`; nothing here awaits, so a commit cannot be seen half done.

    A ledger that was frozen goes on as a layer over what it was then: nothing in a layer below is changed, and
    what a layer does not have is looked for in the one below.
    """

    __slots__ = ("_below", "_keys", "_parties", "_records", "_start", "_timelines")

    def __init__(self, below: MemoryLedger | None = None) -> None:
        self._below = below
        # The position of the newest record below.
        self._start = 0 if below is None else below.position
        self._records: list[Record] = []
        self._timelines: dict[str, _Timeline] = {}
        # None stands for a key of a layer below that was forgotten.
        self._keys: dict[str, dict[str, Record | Remembered | None]] = {}
        self._parties: dict[str, Parties] = (
            {"TEST": Parties(), "PROD": Parties()}
            if below is None
            else {name: each.thawed() for name, each in below._parties.items()}
        )

    @property
    def position(self) -> int:
        return self._start + len(self._records)

    def document(self, document_id: str) -> Document | None:
        timeline = self._timelines.get(document_id)
        if timeline is None:
            if self._below is None:
                return None
            timeline = self._find(document_id)
        return None if timeline is None else timeline.document

    def facts(self, document_id: str) -> dict[str, Any]:
        return cast("dict[str, Any]", orjson.loads(self.history(document_id)[0].event))

    def documents(self) -> Iterator[Document]:
        ids: dict[str, None] = {}
        for layer in reversed(list(self._layers())):
            ids.update(dict.fromkeys(layer._timelines))
        return (each for document_id in ids if (each := self.document(document_id)) is not None)

    def history(self, document_id: str) -> Sequence[Record]:
        timeline = self._find(document_id)
        if timeline is None:
            raise KeyError(document_id)
        return timeline.history

    def records(self, since: int = 0) -> Sequence[Record]:
        if since >= self._start:
            return self._records[since - self._start :]
        parts = [layer._records[max(since - layer._start, 0) :] for layer in self._layers()]
        return list(chain.from_iterable(reversed(parts)))

    def parties(self, environment: Environment) -> Parties:
        return self._parties[environment]

    def commit(self, changes: Changes, environment: Environment, request: int) -> Sequence[Record]:
        now, position, timelines = changes.now, self.position, self._timelines
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
        if self._below is not None:
            self._take_up(changes)
        # Everything that could fail came first: what follows is only assignments.
        for draft, record in zip(changes.drafts, new, strict=True):
            if record.kind == "document.created":
                timelines[record.document_id] = _Timeline(changes.documents[record.document_id], [record])
            else:
                timelines[record.document_id].history.append(record)
            if draft.concerns is not None:
                timelines[draft.concerns].history.append(record)
            if record.key is not None:
                self._keys.setdefault(draft.scope, {})[record.key] = record
        self._records += new
        for document_id, document in changes.documents.items():
            timelines[document_id].document = document
        changes.hand_over(self._parties[environment])
        return new

    def claim(self, scope: str, key: str) -> Record | Remembered | None:
        keys = self._keys.get(scope)
        if self._below is None:
            return None if keys is None else keys.get(key)
        for layer in self._layers():
            keys = layer._keys.get(scope, {})
            if key in keys:
                return keys[key]
        return None

    def remember(self, scope: str, key: str, error: Remembered) -> None:
        self._keys.setdefault(scope, {})[key] = error

    def claims(self) -> Iterator[tuple[str, str, Record | Remembered]]:
        found: dict[tuple[str, str], Record | Remembered | None] = {}
        for layer in reversed(list(self._layers())):
            for scope, keys in layer._keys.items():
                found.update({(scope, key): claim for key, claim in keys.items()})
        for (scope, key), claim in found.items():
            if claim is not None:
                yield scope, key, claim

    def forget(self, key: str) -> int:
        if self._below is None:
            return sum(keys.pop(key, None) is not None for keys in self._keys.values())
        scopes = {scope for layer in self._layers() for scope in layer._keys}
        known = [scope for scope in scopes if self.claim(scope, key) is not None]
        for scope in known:
            self._keys.setdefault(scope, {})[key] = None
        return len(known)

    # Layers -------------------------------------------------------------------------------------------

    def frozen(self) -> MemoryLedger:
        if self._below is not None and not self._records and not self._keys:
            return self._below
        frozen = MemoryLedger.__new__(MemoryLedger)
        for name in self.__slots__:
            setattr(frozen, name, getattr(self, name))
        MemoryLedger.__init__(self, frozen)
        return frozen

    def thawed(self) -> MemoryLedger:
        return MemoryLedger(self)

    def _layers(self) -> Iterator[MemoryLedger]:
        """This one, then those below it."""
        layer: MemoryLedger | None = self
        while layer is not None:
            yield layer
            layer = layer._below

    def _find(self, document_id: str) -> _Timeline | None:
        for layer in self._layers():
            if (timeline := layer._timelines.get(document_id)) is not None:
                return timeline
        return None

    def _take_up(self, changes: Changes) -> None:
        """Have timelines of its own for the documents that change."""
        for document_id in changes.documents:
            if document_id not in self._timelines and (below := self._find(document_id)) is not None:
                self._timelines[document_id] = _Timeline(below.document, [*below.history])


def _compact(encoded: bytes) -> bytes:
    """A copy of its own size: what orjson returns keeps the buffer that it was written into."""
    return bytes(memoryview(encoded))
