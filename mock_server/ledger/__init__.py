"""The append-only log: what a ledger gives, whatever it is kept in.

A ledger's promise: `commit` makes all drafts of a request, the deduplication keys that they claim and the
parties that they introduce visible at once, or none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mock_server.domain.changes import Changes
    from mock_server.domain.document import Document, Environment, Kind, Origin
    from mock_server.domain.identities import Parties


class Record(Struct, frozen=True, gc=False):
    """What happened: one line of the ledger.

    `position` counts from 1; `recorded_at` is seconds since 1970; `event` is the stored JSON as bytes;
    `request` the number of the request that did it (0: none); `key` the deduplication key that it claimed,
    and `fingerprint` what the request of that key asked for. Only events have a `name`.
    """

    position: int
    recorded_at: float
    document_id: str
    kind: Kind
    origin: Origin
    request: int
    name: str
    event: bytes
    key: str | None
    fingerprint: bytes | None


class Remembered(Struct, frozen=True, gc=False):
    """An error that a deduplication key stands for (`dedup-errors=remember`)."""

    recorded_at: float
    fingerprint: bytes
    status: int
    code: str
    message: str
    body: bytes


class Ledger(Protocol):
    """The log of one workspace, and what is folded from it."""

    @property
    def position(self) -> int:
        """The position of the newest record; 0 when there is none."""
        ...

    def document(self, document_id: str) -> Document | None:
        """The document as it is now; None when there is none of that id."""
        ...

    def facts(self, document_id: str) -> dict[str, Any]:
        """The stored facts of a document's creation, decoded anew for each caller."""
        ...

    def documents(self) -> Iterator[Document]:
        """All documents, oldest first."""
        ...

    def history(self, document_id: str) -> Sequence[Record]:
        """The records that a document is the fold of, oldest first; others' that concern it included."""
        ...

    def records(self, since: int = 0) -> Sequence[Record]:
        """All records after a position."""
        ...

    def parties(self, environment: Environment) -> Parties: ...

    def commit(self, changes: Changes, environment: Environment, request: int) -> Sequence[Record]:
        """Append the drafts with their keys and parties, together; the new records."""
        ...

    def claim(self, scope: str, key: str) -> Record | Remembered | None:
        """What a deduplication key stands for in a scope."""
        ...

    def remember(self, scope: str, key: str, error: Remembered) -> None: ...

    def claims(self) -> Iterator[tuple[str, str, Record | Remembered]]:
        """All keys as (scope, key, what it stands for)."""
        ...

    def forget(self, key: str) -> int:
        """Drop a key from every scope; how many were dropped. The events stay."""
        ...

    def frozen(self) -> Ledger:
        """The ledger as it is now, which nothing changes any more; takes the same time however long it is."""
        ...

    def thawed(self) -> Ledger:
        """Of a frozen ledger: one that begins with what is in it; takes the same time however long it is."""
        ...
