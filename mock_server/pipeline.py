"""The life of a request, from top to bottom: the only place that knows the order.

arrived → whose token is it → limits → authenticated → contract → validated → keys → before_commit → decide and
commit → committed → responding. The hook, where one is set, is awaited at each of these phases that a request
reaches; a read has no before_commit and committed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from mock_server import errors
from mock_server.api import Route, attachments, documents, events, route, storage, token
from mock_server.call import JSON, Answer, Call, Context
from mock_server.clock import http_date
from mock_server.errors import (
    ApiError,
    ContentTooLarge,
    InternalError,
    TooManyRequests,
    Unauthorized,
)
from mock_server.storage_call import StorageError
from mock_server.tokens import InvalidToken
from mock_server.writing import Replayed, Write, perform

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from mock_server.journal import Entry, Phase
    from mock_server.settings import Settings
    from mock_server.tokens import Claims
    from mock_server.workspace import Workspace

    Scope = Mapping[str, Any]
    Receive = Callable[[], Awaitable[Mapping[str, Any]]]
    Send = Callable[[Mapping[str, Any]], Awaitable[None]]
    Hook = Callable[[Phase, Entry], Awaitable[None]]
    Headers = Sequence[tuple[bytes, bytes]]

BODY_LIMIT_BYTES: Final = 6 * 1024 * 1024
OPERATIONS: Final[Mapping[str, Callable[[Call], Write | Answer]]] = {
    "documents.create": documents.create,
    "documents.read": documents.read,
    "events.append": events.append,
    "events.batch": events.batch,
    "attachments.upload": attachments.upload,
    "attachments.download": attachments.download,
}
EXPLAIN: Final = b"x-carrot-mock-explain"

_log = logging.getLogger("mock_server")


class Disconnected(Exception):
    """The client went away before its request was complete."""


class Pipeline:
    """The API, the token endpoint and the storage, as one ASGI application.

    `hook(phase, entry)` is awaited at every phase; an ApiError that it raises becomes the answer. Workspaces
    and tokens are the server's own.
    """

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context = context
        self.hook: Hook | None = None
        self._public_url = settings.public_url
        self._dates: dict[int, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing is sent to a client that left before its request was complete."""
        method = scope["method"]
        path = scope.get("raw_path") or scope["path"].encode()
        try:
            where = route(method, path)
        except ApiError as error:
            await self._answer_nowhere(scope, receive, send, path, error)
            return
        if where.operation[0] == "s":
            await self._storage(scope, receive, send, path, where)
        elif where.operation == "token":
            await self._token(scope, receive, send, path, where)
        else:
            await self._api(scope, receive, send, path, where)

    # The six calls ------------------------------------------------------------------------------------

    async def _api(self, scope: Scope, receive: Receive, send: Send, path: bytes, where: Route) -> None:
        fields = _fields(scope["headers"])
        claims, refusal = self._read_token(fields.get(b"authorization"))
        found = None if claims is None else self.context.workspaces.of_client(claims.client_id)
        workspace = self.context.workspaces.default if found is None else found[0]
        call = self._open(scope, path, fields, where, workspace)
        try:
            call.body = call.entry.request_body = await _body(receive, fields)
            if self.hook is not None:
                await self.hook("arrived", call.entry)
            if claims is None or found is None:
                raise refusal or Unauthorized(
                    f"The token belongs to client {claims.client_id if claims else ''}, which this server does "
                    "not know (any more).",
                    "unauthorized",
                    token_sent=True,
                )
            self._authenticate(call, claims)
            call.entry.phase = "authenticated"
            if self.hook is not None:
                await self.hook("authenticated", call.entry)
            answer = await self._perform(call)
        except Disconnected:
            self._gone(call)
            return
        except ApiError as error:
            answer = self._refusal(call, error)
        except Exception as error:
            answer = self._accident(call, error)
        await self._respond(call, answer, send)

    def _read_token(self, authorization: bytes | None) -> tuple[Claims | None, Unauthorized | None]:
        if authorization is None:
            message = "The header Authorization: Bearer <token> is missing."
            return None, Unauthorized(message, "unauthorized", "bearer-required", token_sent=False)
        scheme, _, text = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or not text.strip() or b"," in text:
            message = "The Authorization header must be Bearer <token>; got something else."
            return None, Unauthorized(message, "unauthorized", "bearer-required", token_sent=False)
        try:
            return self.context.tokens.verify(text.strip().decode("latin-1")), None
        except InvalidToken as error:
            return None, Unauthorized(f"The token {error}.", "unauthorized", token_sent=True)

    def _authenticate(self, call: Call, claims: Claims) -> None:
        workspace, entry = call.workspace, call.entry
        now = workspace.clock.time()
        by = workspace.integrators[claims.client_id]
        entry.client_id = claims.client_id
        entry.by = call.by = by
        if now >= claims.expires_at:
            raise Unauthorized(
                f"The token expired {now - claims.expires_at:.0f} seconds ago. Get a new one from the token "
                "endpoint, after the seconds that expires_in tells.",
                "unauthorized",
                "token-lifetime",
                token_sent=True,
            )
        rate = workspace.rate(by.environment)
        if rate is not None and not workspace.buckets.take(by.scope, rate, now):
            raise TooManyRequests

    async def _perform(self, call: Call) -> Answer:
        operation = call.route.operation
        work = OPERATIONS[operation](call)
        call.entry.phase = "validated"
        if self.hook is not None:
            await self.hook("validated", call.entry)
        return work if isinstance(work, Answer) else await perform(call, work, self.hook)

    # The token endpoint -------------------------------------------------------------------------------

    async def _token(self, scope: Scope, receive: Receive, send: Send, path: bytes, where: Route) -> None:
        fields = _fields(scope["headers"])
        workspaces = self.context.workspaces
        call = self._open(scope, path, fields, where, workspaces.default)
        try:
            body = await _body(receive, fields)
            for client_id in token.claimed_client_ids(call.header(b"authorization"), body):
                if (found := workspaces.of_client(client_id)) is not None:
                    call = self._open(scope, path, fields, where, found[0], instead_of=call)
                    call.entry.client_id = client_id
                    break
            call.body = call.entry.request_body = body
            await self._at("arrived", call)
            grant = token.check(call, self.context)
            call.entry.by = grant.workspace.integrators[grant.credential.client_id]
            for phase in _BEFORE_ISSUE:
                await self._at(phase, call)
            answer = token.issue(call, self.context, grant)
            await self._at("committed", call)
        except Disconnected:
            self._gone(call)
            return
        except token.TokenError as error:
            answer = token.refusal(call, error)
        except ApiError as error:
            answer = self._refusal(call, error)
        except Exception as error:
            answer = self._accident(call, error)
        await self._respond(call, answer, send)

    # The storage --------------------------------------------------------------------------------------

    async def _storage(self, scope: Scope, receive: Receive, send: Send, path: bytes, where: Route) -> None:
        headers: Headers = scope["headers"]
        fields = _fields(headers)
        request = storage.request_of(scope["method"], path, scope["query_string"], headers)
        owner = storage.workspace_of(self.context.workspaces, scope["query_string"])
        call = self._open(scope, path, fields, where, owner or self.context.workspaces.default)
        try:
            await self._at("arrived", call)
            size = storage.admit(call, request, owner)
            await self._at("authenticated", call)
            await self._at("validated", call)
            with storage.room(call, request, size):
                call.body = await _body(receive, fields, limit=size)
            call.entry.request_body = _shown(call.body)
            if scope["method"] == "PUT":
                await self._at("before_commit", call)
            answer = storage.answer(call, request)
            if scope["method"] == "PUT":
                await self._at("committed", call)
        except Disconnected:
            self._gone(call)
            return
        except StorageError as error:
            answer = storage.refusal(call, request, error)
        except ApiError as error:
            answer = self._refusal(call, error)
        except Exception as error:
            answer = self._accident(call, error)
        await self._respond(call, answer, send, shown=b"")

    # What all have in common --------------------------------------------------------------------------

    async def _answer_nowhere(
        self, scope: Scope, receive: Receive, send: Send, path: bytes, error: ApiError
    ) -> None:
        fields = _fields(scope["headers"])
        call = self._open(scope, path, fields, Route("*"), self.context.workspaces.default)
        try:
            call.body = call.entry.request_body = await _body(receive, fields)
        except Disconnected:
            self._gone(call)
            return
        except ApiError as too_large:
            error = too_large
        await self._respond(call, self._refusal(call, error), send)

    def _open(
        self,
        scope: Scope,
        path: bytes,
        fields: Mapping[bytes, bytes],
        where: Route,
        workspace: Workspace,
        *,
        instead_of: Call | None = None,
    ) -> Call:
        query = scope["query_string"]
        full = path + b"?" + query if query else path
        if instead_of is not None:
            instead_of.workspace.journal.withdraw(instead_of.entry)
        entry = workspace.journal.open(
            workspace.clock.time(), where.operation, scope["method"], full.decode("latin-1")
        )
        entry.request_headers = scope["headers"]
        return Call(scope, path, fields, where, workspace, entry, self._public_url)

    async def _at(self, phase: Phase, call: Call) -> None:
        call.entry.phase = phase
        if self.hook is not None:
            await self.hook(phase, call.entry)

    def _refusal(self, call: Call, error: ApiError) -> Answer:
        call.entry.behaviours += error.behaviours
        if isinstance(error, Replayed):
            return Answer(error.remembered.status, error.remembered.body)
        gateway = call.semantics.edge_errors == "gateway"
        if error.status in errors.GATEWAY_STATUSES:
            call.entry.behaviours.append("edge-errors")
        body = errors.body(error, call.ids.short, call.workspace.clock.time(), gateway=gateway)
        return Answer(error.status, body, (JSON, *error.headers))

    def _accident(self, call: Call, error: Exception) -> Answer:
        """A mistake of ours: told to the log in full and to the client as what it is."""
        _log.error("Request %s met a mistake of the mock", call.entry.id, exc_info=error)
        return self._refusal(
            call,
            InternalError(
                "The mock made a mistake of its own, which no fault asked for; its log has the details. Please "
                f"report it, with the journal entry {call.entry.id}.",
                "no-accidental-500",
            ),
        )

    def _gone(self, call: Call) -> None:
        call.entry.seen = "closed"
        call.workspace.journal.close(call.entry)

    async def _respond(self, call: Call, answer: Answer, send: Send, *, shown: bytes | None = None) -> None:
        entry = call.entry
        entry.phase = "responding"
        if self.hook is not None:
            try:
                await self.hook("responding", entry)
            except ApiError as error:
                answer = self._refusal(call, error)
        status, body, given = answer
        headers = [*given, (b"date", self._date(call.workspace.clock.time()))]
        if call.route.operation[0] != "s":
            headers.append((b"content-length", b"%d" % len(body)))
        if EXPLAIN in call.fields:
            headers += _explanation(entry)
        entry.status = status
        entry.response_headers = headers
        entry.response_body = body if shown is None else shown
        call.workspace.journal.close(entry)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if call.method == "HEAD" else body})
        entry.seen = "answer"

    def _date(self, seconds: float) -> bytes:
        second = int(seconds)
        date = self._dates.get(second)
        if date is None:
            self._dates.clear()
            date = self._dates[second] = http_date(second)
        return date


_BEFORE_ISSUE: Final[tuple[Phase, ...]] = ("authenticated", "validated", "before_commit")


async def _body(receive: Receive, fields: Mapping[bytes, bytes], limit: int = BODY_LIMIT_BYTES) -> bytes:
    """The whole body; raises ContentTooLarge beyond `limit` bytes, and Disconnected."""
    announced = fields.get(b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    chunks = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
        message = await receive()


def _too_large(limit: int) -> ContentTooLarge:
    return ContentTooLarge(f"The body must have at most {limit} bytes; got more.", "body-limit")


def _fields(headers: Headers) -> Mapping[bytes, bytes]:
    """Headers by name; several of one name are joined, as HTTP allows, so that none of them is overlooked."""
    fields = dict(headers)
    if len(fields) < len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


def _shown(body: bytes) -> bytes:
    """Of a file the journal keeps no bytes, only how many there were."""
    return f"[{len(body)} bytes]".encode() if body else b""


def _explanation(entry: Entry) -> list[tuple[bytes, bytes]]:
    verdicts = ", ".join(verdict for _, verdict, _ in entry.deduplication) or "none"
    return [
        (b"x-carrot-mock-deduplication", verdicts.encode("ascii")),
        (b"x-carrot-mock-request", entry.id.encode("ascii")),
    ]
