"""One request on its way through the pipeline, and the answer it leads to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
from msgspec import Struct

from mock_server import clock
from mock_server.domain.acting import NOBODY, Act
from mock_server.domain.changes import Changes
from mock_server.errors import InvalidJson, Problem, UnsupportedMediaType, ValidationFailed, WorldChanged
from mock_server.nesting import DEPTH_LIMIT, too_deep

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Sequence

    from mock_server.behaviours import Semantics
    from mock_server.contract import Checked
    from mock_server.disturbing import Disturbed
    from mock_server.domain.acting import Integrator
    from mock_server.ids import Ids
    from mock_server.journal import Entry, Journal
    from mock_server.ledger import Ledger
    from mock_server.tokens import Tokens
    from mock_server.wire import Arrival, Route
    from mock_server.workspace import Workspace, Workspaces

JSON = (b"content-type", b"application/json")
USUAL = (JSON,)
# As a number, which is looked for in bytes much faster than bytes are.
_BACKSLASH = ord("\\")

# What a Host header may be that is copied into a URL; anything else is none.
_HOST = re.compile(rb"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


class Answer(Struct, frozen=True, gc=False):
    """What goes back: status, the whole body, and further headers (lower-case names).

    `shown` is what the journal keeps in place of the body; `sized` says that the headers have the length.
    """

    status: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = USUAL
    shown: bytes | None = None
    sized: bool = False


class Call(Struct, gc=False):
    """A request and the world that it came to; `by` is set once its token is known to be good.

    Journal, ledger, keys in flight, semantics and ids are as they were when the request came: a reset or a new
    switch meanwhile concerns the next one.
    """

    arrival: Arrival
    route: Route
    workspace: Workspace
    journal: Journal
    entry: Entry
    public_url: str | None
    ledger: Ledger
    in_flight: dict[tuple[str, str], list[Future[None]]]
    semantics: Semantics
    ids: Ids
    by: Integrator = NOBODY
    body: bytes = b""
    disturbed: Disturbed | None = None

    @classmethod
    def of(cls, arrival: Arrival, workspace: Workspace, public_url: str | None) -> Call:
        """A call that begins now, with its entry in the workspace's journal."""
        scope, route, journal = arrival.scope, arrival.route, workspace.journal
        target, document_id = arrival.path, route.document_id
        if query := scope["query_string"]:
            target += b"?" + query
        entry = journal.open(
            workspace.clock.time(),
            route.operation,
            scope["method"],
            target,
            scope["headers"],
            document_id.lower() if document_id else None,
        )
        return cls(
            arrival,
            route,
            workspace,
            journal,
            entry,
            public_url,
            workspace.ledger,
            workspace.in_flight,
            workspace.semantics,
            workspace.ids,
        )

    def check_world(self) -> None:
        """Raises WorldChanged when the world that the call came to is no more: it was reset, restored or deleted."""
        if self.ledger is not self.workspace.ledger:
            raise WorldChanged

    @property
    def method(self) -> str:
        return str(self.arrival.scope["method"])

    @property
    def query(self) -> bytes:
        """The query as it came, without `?`."""
        return bytes(self.arrival.scope["query_string"])

    @property
    def base_url(self) -> str:
        """Where the client reached the server, without a slash at the end."""
        if self.public_url is not None:
            return self.public_url
        host = self.arrival.fields.get(b"host", b"")
        if not _HOST.fullmatch(host):
            address, port = self.arrival.scope.get("server") or ("127.0.0.1", 80)
            host = f"{address}:{port}".encode()
        return f"{self.arrival.scope['scheme']}://{host.decode('latin-1')}"

    def header(self, name: bytes) -> bytes | None:
        """A header by its lower-case name; what came several times is joined with commas."""
        return self.arrival.fields.get(name)

    def act(self) -> Act:
        """What a decision for this call may look at, over what is committed now."""
        by, entry, now = self.by, self.entry, self.workspace.clock.time()
        changes = Changes(self.ledger, self.ledger.parties(by.environment), now)
        return Act(by, self.semantics, self.ids, changes, entry.advisories, entry.behaviours, clock.iso(now))

    def note(self, checked: Checked) -> None:
        """Put what a stricter contract would have refused into the journal."""
        if checked.behaviours:
            self.entry.advisories += checked.advisories
            self.entry.behaviours += checked.behaviours

    def json(self) -> Any:
        """The body as JSON; raises UnsupportedMediaType, InvalidJson and, for NUL, ValidationFailed."""
        media_type = self.arrival.fields.get(b"content-type")
        if media_type is not None and media_type != b"application/json":
            _check_media_type(media_type)
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise InvalidJson(_why_not_json(self.body, error), "invalid-json", "unusable-json") from None
        if too_deep(self.body, value):
            message = f"The body must not nest arrays and objects more than {DEPTH_LIMIT} deep."
            raise InvalidJson(message, "invalid-json", "unusable-json")
        if _BACKSLASH in self.body:
            from mock_server.contract import holds_nul

            if holds_nul(self.body, value):
                message = "The body must not have the character NUL (\\u0000) in a string."
                raise ValidationFailed(message, "nul-in-strings", problems=[Problem(message)])
        return value


class Context(Struct, frozen=True):
    """What the endpoints may use of the server beside the call."""

    workspaces: Workspaces
    tokens: Tokens


def _check_media_type(value: bytes) -> None:
    bare = value.split(b";", 1)[0].strip().lower()
    if (
        bare
        and bare != b"application/json"
        and not (bare.startswith(b"application/") and bare.endswith(b"+json"))
    ):
        raise UnsupportedMediaType(
            f"The content type must be application/json; got {value.decode('latin-1')}.", "content-type"
        )


def _why_not_json(body: bytes, error: orjson.JSONDecodeError) -> str:
    if not body.strip():
        return "The body must be JSON; it is empty."
    return f"The body must be JSON (RFC 8259) in UTF-8; at line {error.lineno}, column {error.colno}: {error.msg}."
