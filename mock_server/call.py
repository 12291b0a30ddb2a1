"""One request on its way through the pipeline, and the answer it leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from mock_server.domain.acting import Act
from mock_server.domain.changes import Changes
from mock_server.errors import InvalidJson, Problem, UnsupportedMediaType, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mock_server.api import Route
    from mock_server.contract import Checked
    from mock_server.domain.acting import Integrator
    from mock_server.journal import Entry
    from mock_server.tokens import Tokens
    from mock_server.workspace import Workspace, Workspaces

JSON = (b"content-type", b"application/json")


class Answer(NamedTuple):
    """What goes back: status, further headers (lower-case names) and the whole body."""

    status: int
    body: bytes
    headers: Sequence[tuple[bytes, bytes]] = (JSON,)


class Call:
    """A request whose body has arrived; `by` is set once its token is known to be good."""

    __slots__ = (
        "_by",
        "_public_url",
        "_scope",
        "body",
        "entry",
        "fields",
        "ids",
        "in_flight",
        "ledger",
        "method",
        "path",
        "query",
        "route",
        "semantics",
        "workspace",
    )

    def __init__(
        self,
        scope: Mapping[str, Any],
        path: bytes,
        fields: Mapping[bytes, bytes],
        route: Route,
        workspace: Workspace,
        entry: Entry,
        public_url: str | None,
    ) -> None:
        self._scope = scope
        self._public_url = public_url
        self._by: Integrator | None = None
        self.method: str = scope["method"]
        self.path = path
        self.query: bytes = scope["query_string"]
        self.fields = fields
        self.body = b""
        self.route = route
        self.workspace = workspace
        self.entry = entry
        # As they were when the request came: a reset or a new switch meanwhile concerns the next one.
        self.ledger = workspace.ledger
        self.in_flight = workspace.in_flight
        self.semantics = workspace.semantics
        self.ids = workspace.ids

    @property
    def base_url(self) -> str:
        """Where the client reached the server, without a slash at the end."""
        if self._public_url is not None:
            return self._public_url
        host = self.fields.get(b"host")
        if not host:
            address, port = self._scope.get("server") or ("127.0.0.1", 80)
            host = f"{address}:{port}".encode()
        return f"{self._scope['scheme']}://{host.decode('latin-1')}"

    @property
    def by(self) -> Integrator:
        """Whose token it is."""
        assert self._by is not None, "authenticated before it is asked"  # noqa: S101 - for the type checker
        return self._by

    @by.setter
    def by(self, integrator: Integrator) -> None:
        self._by = integrator

    def header(self, name: bytes) -> bytes | None:
        """A header by its lower-case name; what came several times is joined with commas."""
        return self.fields.get(name)

    def act(self) -> Act:
        """What a decision for this call may look at, over what is committed now."""
        parties = self.ledger.parties(self.by.environment)
        changes = Changes(self.ledger, parties, self.workspace.clock.time())
        return Act(self.by, self.semantics, self.ids, changes, self.entry.advisories, self.entry.behaviours)

    def note(self, checked: Checked) -> None:
        """Put what a stricter contract would have refused into the journal."""
        if checked.advisories:
            self.entry.advisories += checked.advisories
            self.entry.behaviours += checked.behaviours

    def json(self) -> Any:
        """The body as JSON; raises UnsupportedMediaType, InvalidJson and, for NUL, ValidationFailed."""
        media_type = self.header(b"content-type")
        if media_type is not None and media_type != b"application/json":
            _check_media_type(media_type)
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise InvalidJson(_why_not_json(self.body, error), "invalid-json", "unusable-json") from None
        if b"\\u0000" in self.body:
            from mock_server.contract import holds_nul

            if holds_nul(value):
                message = "The body must not have the character NUL (\\u0000) in a string."
                raise ValidationFailed(message, "nul-in-strings", problems=[Problem(message)])
        return value


class Context(NamedTuple):
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
