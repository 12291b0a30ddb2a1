"""The journal: the last requests of a workspace, what they met and what they did, secrets left out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal

import orjson
from msgspec import Struct

from mock_server import clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mock_server.domain.acting import Integrator
    from mock_server.domain.deduplication import Verdict

Phase = Literal["arrived", "authenticated", "validated", "before_commit", "committed", "responding"]
Seen = Literal["answer", "closed", "reset", "truncated", "silent"]

_KEYED = frozenset({"documents.create", "events.append", "events.batch"})
# Who asks for a token, or takes another path for the token endpoint's, sends credentials in the body.
_WITH_CREDENTIALS = frozenset({"token", "*"})


class Entry(Struct, gc=False, eq=False):
    """One request as it lives: filled in while it passes through the pipeline."""

    # `target` is the path and the query as they came; `kept_bytes` is what the entry counts in its journal.
    number: int
    at: float
    operation: str
    method: str
    target: bytes
    request_headers: Sequence[tuple[bytes, bytes]] = ()
    document_id: str | None = None
    kept_bytes: int = 0
    by: Integrator | None = None
    client_id: str | None = None
    # How the client credentials of a token request were spelled, where that differs.
    authentication: str | None = None
    phase: Phase = "arrived"
    status: int | None = None
    seen: Seen = "silent"
    committed: bool = False
    # The id of the fault that struck it last, or `header` for one that it asked for itself.
    fault: str | None = None
    deduplication: Sequence[tuple[str, Verdict, int | None]] = ()
    events: Sequence[str] = ()
    behaviours: list[str] = []
    advisories: list[tuple[str, str]] = []
    request_body: bytes = b""
    response_headers: Sequence[tuple[bytes, bytes]] = ()
    response_body: bytes = b""

    @property
    def id(self) -> str:
        return f"r{self.number}"

    @property
    def path(self) -> str:
        """Path and query."""
        return self.target.decode("latin-1")

    def advise(self, code: str, message: str) -> None:
        """Tell the integrator of something that was not refused."""
        self.advisories.append((code, message))

    def as_json(self, place: Place) -> dict[str, Any]:
        """The entry as the control API shows it; what is not known is absent."""
        # Nobody needs these before somebody looks.
        from mock_server import redaction
        from mock_server.inferred import inferred

        shown: dict[str, Any] = {
            "id": self.id,
            "at": clock.iso(self.at),
            "operation": self.operation,
            "method": self.method,
            "path": redaction.path(self.path),
            "client": self._client(),
            "phase": self.phase,
            "seen": self.seen,
            "committed": self.committed,
            "deduplication": [
                {"key": key, "verdict": verdict, **({} if index is None else {"index": index})}
                for key, verdict, index in self.deduplication
            ],
            "attempt": place.attempt,
            "events": list(self.events),
            "behaviours": list(dict.fromkeys((*self.behaviours, *inferred(self)))),
            "advisories": [{"code": code, "message": message} for code, message in self.advisories],
            "request": {
                "headers": redaction.headers(self.request_headers),
                "body": redaction.body(self.request_body, credentials=self.operation in _WITH_CREDENTIALS),
            },
            "response": {
                "headers": redaction.headers(self.response_headers),
                "body": redaction.body(self.response_body),
            },
        }
        if self.status is not None:
            shown["status"] = self.status
        if self.authentication is not None:
            shown["authentication"] = self.authentication
        if self.document_id is not None:
            shown["documentId"] = self.document_id
        if self.fault is not None:
            shown["fault"] = self.fault
        if place.is_undone:
            shown["undone"] = True
        if place.replay_of is not None:
            shown["replayOf"] = f"r{place.replay_of}"
        if place.replayed_by:
            shown["replayedBy"] = [f"r{number}" for number in place.replayed_by]
        return shown

    def _client(self) -> dict[str, str]:
        if self.by is not None:
            return {
                "clientId": self.by.client_id,
                "integrator": self.by.name,
                "environment": self.by.environment,
            }
        return {} if self.client_id is None else {"clientId": self.client_id}

    @property
    def keys(self) -> tuple[str, ...]:
        """The deduplication keys that the request carries, also where it was refused before their turn."""
        if self.deduplication or self.operation not in _KEYED:
            return tuple(key for key, _, _ in self.deduplication)
        try:
            body = orjson.loads(self.request_body)
        except orjson.JSONDecodeError:
            return ()
        items = body.get("events") if isinstance(body, dict) and self.operation == "events.batch" else [body]
        if not isinstance(items, list):
            return ()
        found = [each.get("deduplicationId") for each in items if isinstance(each, dict)]
        return tuple(each for each in found if isinstance(each, str))

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents that the request is about, also where it was refused before their turn."""
        if self.document_id is not None or self.operation != "events.batch":
            return () if self.document_id is None else (self.document_id,)
        try:
            body = orjson.loads(self.request_body)
        except orjson.JSONDecodeError:
            return ()
        items = body.get("events") if isinstance(body, dict) else None
        named = [
            each.get(name)
            for each in (body, *(items if isinstance(items, list) else ()))
            if isinstance(each, dict)
            for name in ("documentId", "targetDocumentId")
        ]
        return tuple(each.lower() for each in named if isinstance(each, str))

    @property
    def identity(self) -> object:
        """What makes two requests attempts at the same: whose they are, and the keys or else the body."""
        who = self.client_id if self.by is None or self.client_id is not None else self.by.scope
        if keys := self.keys:
            return (who, self.operation, keys)
        if self.operation.startswith("storage."):
            # By the file alone: its bytes come late, and each URL is signed anew.
            return (self.operation, self.method, self.target.partition(b"?")[0])
        return (who, self.operation, self.method, self.path, self.request_body)


class Place(Struct):
    """Where an entry stands among the others: its attempt, 1 for the first of its identity that is kept.

    `replay_of` is the number of the request whose answer it was given again, `replayed_by` those that were given
    its answer. What `is_undone` came before the world was restored to what it was without it.
    """

    attempt: int
    replay_of: int | None = None
    replayed_by: list[int] = []
    is_undone: bool = False


Line = tuple[tuple[int, int], ...]
"""Requests that led to a state of the world: from and to which numbers."""


class _Life(Struct, frozen=True):
    """What happens from a request's number on, until the world is restored; and what led to its beginning."""

    start: int
    before: Line = ()

    def knows(self, number: int) -> bool:
        return number >= self.start or any(first <= number <= last for first, last in self.before)


class Journal:
    """A ring: at most `entries` requests whose bodies are at most `size` bytes, the newest always kept."""

    __slots__ = ("_bytes", "_entries", "_limit", "_lives", "_numbers", "_size")

    def __init__(self, entries: int, size: int) -> None:
        self._limit, self._size = entries, size
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._numbers = 0
        self._lives = [_Life(1)]

    @property
    def line(self) -> Line:
        """The requests that led to this moment."""
        life = self._lives[-1]
        return (*life.before, (life.start, self._numbers))

    def go_back(self, line: Line) -> None:
        """The world is as a line of requests left it; what came beside that is undone."""
        self._lives.append(_Life(self._numbers + 1, line))

    def open(
        self,
        at: float,
        operation: str,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        document_id: str | None,
    ) -> Entry:
        """A new entry for a request that has arrived, `at` seconds since 1970."""
        self._numbers = number = self._numbers + 1
        entry = Entry(number, at, operation, method, target, headers, document_id)
        entries = self._entries
        entries.append(entry)
        if len(entries) > self._limit:
            self._bytes -= entries.popleft().kept_bytes
        return entry

    def close(self, entry: Entry) -> None:
        """The answer is decided: from now on the entry's bodies count, unless it is no longer here."""
        entries = self._entries
        # They are in the order of their numbers.
        if not entries or entry.number < entries[0].number:
            return
        entry.kept_bytes = kept = len(entry.request_body) + len(entry.response_body)
        self._bytes += kept
        while self._bytes > self._size and entries[0] is not entry:
            self._bytes -= entries.popleft().kept_bytes

    def withdraw(self, entry: Entry) -> None:
        """Take back an entry that was opened just now: its request is another workspace's."""
        if entry in self._entries:
            self._entries.remove(entry)
            if entry.number == self._numbers:
                self._numbers -= 1

    def placed(self) -> Iterator[tuple[Entry, Place]]:
        """Each entry, oldest first, with its place; what a restore has undone counts for nothing after it."""
        attempts: dict[object, list[int]] = {}
        places: dict[int, Place] = {}
        written = self._written()
        lives = iter([*self._lives, _Life(self._numbers + 1)])
        life, following = next(lives), next(lives)
        for entry in self._entries:
            number = entry.number
            while number >= following.start and following is not life:
                life, following = following, next(lives, following)
            earlier = attempts.setdefault(entry.identity, [])
            attempt = 1 + sum(map(life.knows, earlier))
            earlier.append(number)
            known = [
                each
                for key in _keys_of(entry, "replay")
                if (each := _nearest([own for own in written.get(key, ()) if life.knows(own)], number))
            ]
            undone = not self._lives[-1].knows(number)
            places[number] = Place(attempt, next(iter(known), None), is_undone=undone)
        for number, place in places.items():
            if place.replay_of in places:
                places[place.replay_of].replayed_by.append(number)
        return ((entry, places[entry.number]) for entry in tuple(self._entries))

    def _written(self) -> dict[tuple[str, str, str], list[int]]:
        """The requests that have written something under each key."""
        found: dict[tuple[str, str, str], list[int]] = {}
        for entry in self._entries:
            if entry.committed:
                for key in _keys_of(entry, "fresh", "expired"):
                    found.setdefault(key, []).append(entry.number)
        return found

    def attempt_of(self, entry: Entry) -> int:
        """The attempt of an entry of now, as `placed` has it."""
        identity, life = entry.identity, self._lives[-1]
        return sum(
            1
            for each in self._entries
            if each.number <= entry.number and life.knows(each.number) and each.identity == identity
        )


def _keys_of(entry: Entry, *verdicts: Verdict) -> list[tuple[str, str, str]]:
    """The keys of an entry that met one of these, each with its scope, and the document that it is for."""
    scope = "" if entry.by is None else entry.by.scope
    place = "" if entry.operation == "documents.create" else entry.document_id or ""
    return [(scope, place, key) for key, verdict, _ in entry.deduplication if verdict in verdicts]


def _nearest(written: Sequence[int], number: int) -> int | None:
    """The last request before another one or, where that was overtaken, the first after it."""
    before = [each for each in written if each < number]
    return before[-1] if before else next(iter(written), None)
