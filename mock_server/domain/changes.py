"""What a request wants to happen: the records it would append, and the world as it would be after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mock_server.domain.document import Document, Kind, Origin, fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_server.domain.identities import Parties


class Draft(NamedTuple):
    """A record before it has a position.

    `concerns` is the id of another document whose history this record belongs to as well. `scope`, `key` and
    `fingerprint` are the deduplication claim that is committed with it.
    """

    document_id: str
    kind: Kind
    origin: Origin
    event: dict[str, Any]
    concerns: str | None = None
    scope: str = ""
    key: str | None = None
    fingerprint: bytes | None = None


class Documents(Protocol):
    """Where documents are looked up."""

    def document(self, document_id: str) -> Document | None: ...

    def facts(self, document_id: str) -> Mapping[str, Any]: ...


class Changes:
    """Drafts over what is committed; a layer can be absorbed or simply forgotten."""

    __slots__ = ("_below", "documents", "drafts", "now", "parties")

    def __init__(self, below: Documents, parties: Parties, now: float) -> None:
        self._below = below
        self.parties = parties.layer()
        self.now = now
        self.documents: dict[str, Document] = {}
        self.drafts: list[Draft] = []

    def layer(self) -> Changes:
        return Changes(self, self.parties, self.now)

    def document(self, document_id: str) -> Document | None:
        return self.documents.get(document_id) or self._below.document(document_id)

    def committed(self, document_id: str) -> Document | None:
        """The document without these changes."""
        below = self._below
        return below.committed(document_id) if isinstance(below, Changes) else below.document(document_id)

    def facts(self, document_id: str) -> Mapping[str, Any]:
        """The stored facts of a document's creation."""
        return self._below.facts(document_id)

    def add(self, draft: Draft) -> None:
        """Append a draft, and let the documents that it concerns feel it."""
        self.drafts.append(draft)
        self._feel(draft.document_id, draft)
        if draft.concerns is not None:
            self._feel(draft.concerns, draft)

    def absorb(self, layer: Changes) -> None:
        self.drafts.extend(layer.drafts)
        self.documents.update(layer.documents)
        self.parties.absorb(layer.parties)

    def _feel(self, document_id: str, draft: Draft) -> None:
        self.documents[document_id] = fold(
            self.document(document_id), draft.kind, draft.origin, draft.document_id, draft.event, self.now
        )
