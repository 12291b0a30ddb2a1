"""What a request wants to happen: the records it would append, and the world as it would be after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import orjson
from msgspec import Struct

from mock_server.domain.document import Document, Kind, Origin, created, fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_server.domain.identities import Parties, Stored
    from mock_server.ids import Ids


class Draft(Struct, frozen=True, gc=False):
    """A record before it has a position.

    `concerns` is the id of another document whose history this record belongs to as well. `scope`, `key` and
    `fingerprint` are the deduplication claim that is committed with it. Where the stored JSON is known already
    it is `encoded`, and `event` has only its `id` and `name`.
    """

    document_id: str
    kind: Kind
    origin: Origin
    event: dict[str, Any]
    concerns: str | None = None
    scope: str = ""
    key: str | None = None
    fingerprint: bytes | None = None
    encoded: bytes | None = None


class Documents(Protocol):
    """Where documents are looked up."""

    def document(self, document_id: str) -> Document | None: ...

    def facts(self, document_id: str) -> dict[str, Any]: ...


class Changes(Struct, gc=False):
    """Drafts over what is committed; a layer can be absorbed or simply forgotten.

    `below` is what is committed, or the changes that this is a layer of; `known` are the parties below; `now` is
    seconds since 1970.
    """

    below: Documents
    known: Parties
    now: float
    documents: dict[str, Document] = {}
    drafts: list[Draft] = []
    _parties: Parties | None = None

    @property
    def parties(self) -> Parties:
        """The known parties and, in a layer over them, the new ones."""
        if self._parties is None:
            self._parties = self.known.layer()
        return self._parties

    def participant(self, sent: Mapping[str, Any], ids: Ids, pointer: str = "/participant") -> Stored:
        """See `Parties.participant`; a party that is known by these very words takes no layer."""
        known = self.known.repeated.get(orjson.dumps(sent))
        return known or self.parties.participant(sent, ids, pointer)

    def address(
        self, sent: Mapping[str, Any], participant_id: str, ids: Ids, pointer: str = "/address"
    ) -> Stored:
        """See `Parties.address`, and `participant`."""
        known = self.known.repeated.get(orjson.dumps((participant_id, sent)))
        return known or self.parties.address(sent, participant_id, ids, pointer)

    def take_new_aliases(self) -> list[tuple[str, str]]:
        """See `Parties.take_new_aliases`."""
        return [] if self._parties is None else self._parties.take_new_aliases()

    def layer(self) -> Changes:
        return Changes(self, self.parties, self.now)

    def document(self, document_id: str) -> Document | None:
        return self.documents.get(document_id) or self.below.document(document_id)

    def committed(self, document_id: str) -> Document | None:
        """The document without these changes."""
        below = self.below
        return below.committed(document_id) if isinstance(below, Changes) else below.document(document_id)

    def facts(self, document_id: str) -> dict[str, Any]:
        """The stored facts of a document's creation, decoded anew for each caller."""
        return self.below.facts(document_id)

    def add(self, draft: Draft) -> None:
        """Append a draft, and let the documents that it concerns feel it."""
        self.drafts.append(draft)
        self._feel(draft.document_id, draft)
        if draft.concerns is not None:
            self._feel(draft.concerns, draft)

    def begin(self, draft: Draft, first: Draft) -> None:
        """Append a new document's creation, and its first event, which changes nothing yet."""
        self.drafts += (draft, first)
        self.documents[draft.document_id] = created(draft.event, self.now)

    def absorb(self, layer: Changes) -> None:
        self.drafts.extend(layer.drafts)
        self.documents.update(layer.documents)
        layer.hand_over(self.parties)

    def hand_over(self, parties: Parties) -> None:
        """Let others, or those that are committed, take over the new parties."""
        if self._parties is not None:
            parties.absorb(self._parties)

    def _feel(self, document_id: str, draft: Draft) -> None:
        self.documents[document_id] = fold(
            self.document(document_id), draft.kind, draft.origin, draft.document_id, draft.event, self.now
        )
