"""The life of a request, from top to bottom: the only place that knows the order.

arrived → whose token is it → limits → authenticated → contract → validated → keys → before_commit → decide and
commit → committed → responding. The hook, where one is set, is awaited at each of these phases that a request
reaches; a read has no before_commit and committed.
"""

from __future__ import annotations

import logging
from types import coroutine
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from mock_server import errors
from mock_server.api import attachments, documents, events, route, storage, token
from mock_server.call import JSON, USUAL, Answer, Call, Context
from mock_server.clock import http_date
from mock_server.disturbing import FAULT_HEADER, Disturbed, Struck, asked_for
from mock_server.domain.acting import NOBODY
from mock_server.errors import (
    ApiError,
    Broken,
    ContentTooLarge,
    InternalError,
    TooManyRequests,
    Unauthorized,
    WorldChanged,
)
from mock_server.storage_call import StorageError
from mock_server.tokens import InvalidToken
from mock_server.wire import (
    Arrival,
    Disconnected,
    Route,
    drain,
    read_body,
    rest_of_body,
    within_limit,
)
from mock_server.writing import Replayed, Write, at_once, in_phases

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping

    from starlette.types import Receive, Scope, Send

    from mock_server.domain.acting import Integrator
    from mock_server.journal import Entry, Phase
    from mock_server.settings import Settings
    from mock_server.wire import Fields, Headers, Whole
    from mock_server.workspace import Workspace

    Hook = Callable[[Phase, Entry], Awaitable[None]]

OPERATIONS: Final[Mapping[str, Callable[[Call], Write | Answer]]] = {
    "documents.create": documents.create,
    "documents.read": documents.read,
    "events.append": events.append,
    "events.batch": events.batch,
    "attachments.upload": attachments.upload,
    "attachments.download": attachments.download,
}
# A request that carries this header is told, in headers of the answer, what its deduplication keys met and
# what was not refused, but should be known.
EXPLAIN: Final = b"x-carrot-mock-explain"

# What the token endpoint refuses in the form of the other errors, not in OAuth's.
_SHORT_AT_TOKEN: Final = frozenset({405, 413, 415, 429})

# Most answers of a second have one of a few lengths, and so one of a few sets of headers.
_REMEMBERED_SIZES: Final = 64
# Few enough that the deleted workspaces among them do not count.
_REMEMBERED_BEARERS: Final = 512

_log = logging.getLogger("mock_server")


class Bearer(Struct, frozen=True):
    """What an Authorization header amounts to: whose token it is and until when, or why it is refused."""

    workspace: Workspace
    by: Integrator = NOBODY
    expires_at: float = 0.0
    refusal: str | None = None
    token_sent: bool = True


class Pipeline:
    """The API, the token endpoint and the storage, as one ASGI application.

    `hook(phase, entry)` is awaited at every phase; an ApiError that it raises becomes the answer.
    """

    def __init__(self, context: Context, settings: Settings) -> None:
        self.context = context
        self.hook: Hook | None = None
        self._public_url = settings.public_url
        self._fault_header = settings.allow_fault_header
        self._second = 0
        self._date = (b"date", b"")
        self._sized: dict[int, Headers] = {}
        self._bearers: dict[bytes | None, Bearer] = {}

    def answer(
        self, scope: Scope, receive: Receive, send: Send, fields: Fields, whole: Whole | None = None
    ) -> Coroutine[None, None, None]:
        """Answer one request; nothing is sent to a client that left before its request was complete.

        `fields` are the headers by name. With `whole` a write stands back once when it has been validated, for a
        server that lets all requests come as far before the first of them goes on.
        """
        path = scope.get("raw_path") or scope["path"].encode()
        try:
            where = route(scope["method"], path)
        except ApiError as error:
            return self._nowhere(Arrival(scope, receive, send, path, fields, Route("*")), error)
        arrival = Arrival(scope, receive, send, path, fields, where, whole)
        if where.operation in OPERATIONS:
            return self._api(arrival)
        return self._token(arrival) if where.operation == "token" else self._storage(arrival)

    # The six calls ------------------------------------------------------------------------------------

    async def _api(self, arrival: Arrival) -> None:
        authorization = arrival.fields.get(b"authorization")
        bearer = self._bearers.get(authorization) or self._identify(authorization)
        workspace = bearer.workspace
        call = Call.of(arrival, workspace, self._public_url)
        entry, hook = call.entry, self.hook
        if bearer.refusal is None:
            entry.by = bearer.by
        try:
            if arrival.whole is not None:
                body = within_limit(arrival.whole.take())
            else:
                first = await arrival.receive()
                if first["type"] == "http.request" and not first.get("more_body", False):
                    body = within_limit(first.get("body", b""))
                else:
                    body = await rest_of_body(arrival, first)
            call.body = entry.request_body = body
            if workspace.is_disturbed or FAULT_HEADER in arrival.fields:
                hook = self._disturbed(call)
            if hook is not None:
                await hook("arrived", entry)
            self._authenticate(call, bearer)
            if hook is not None:
                await self._at("authenticated", call)
            work = OPERATIONS[call.route.operation](call)
            if isinstance(work, Write):
                if arrival.whole is not None:
                    await _stand_back()
                if hook is None and not call.in_flight:
                    answer = at_once(call, work)
                else:
                    answer = await in_phases(call, work, hook)
            else:
                if hook is not None:
                    await self._at("validated", call)
                answer = work
        except Disconnected:
            self._gone(call)
            return
        except Broken as broken:
            self._break(call, broken)
            return
        except ContentTooLarge as error:
            answer = self._refusal(call, self._counted(call, bearer, error))
        except ApiError as error:
            answer = self._refusal(call, error)
        except Exception as error:
            answer = self._accident(call, error)
        await self._respond(call, answer)

    def _counted(self, call: Call, bearer: Bearer, error: ContentTooLarge) -> ApiError:
        """What a request with too large a body is refused for: it counts for the rate limit as any other."""
        try:
            self._authenticate(call, bearer)
        except ApiError as earlier:
            return earlier
        return error

    def _identify(self, authorization: bytes | None) -> Bearer:
        """Whose a token is; remembered, since to verify one costs more than the rest of a request."""
        default = self.context.workspaces.default
        if authorization is None:
            return Bearer(
                default, refusal="The header Authorization: Bearer <token> is missing.", token_sent=False
            )
        scheme, _, given = authorization.partition(b" ")
        if scheme.lower() != b"bearer":
            message = "The Authorization header must be Bearer <token>; got something else."
            return Bearer(default, refusal=message, token_sent=False)
        try:
            claims = self.context.tokens.verify(given.strip().decode("latin-1"))
        except InvalidToken as error:
            hint = "Get one from the token endpoint of this server."
            return Bearer(default, refusal=f"The token {error}. {hint}")
        found = self.context.workspaces.of_client(claims.client_id)
        if found is None:
            message = (
                f"The token belongs to client {claims.client_id}, which this server does not know (any more)."
            )
            return Bearer(default, refusal=message)
        workspace = found[0]
        bearer = Bearer(workspace, workspace.integrators[claims.client_id], claims.expires_at)
        if len(self._bearers) >= _REMEMBERED_BEARERS:
            self._bearers.clear()
        self._bearers[authorization] = bearer
        return bearer

    def _authenticate(self, call: Call, bearer: Bearer) -> None:
        workspace = bearer.workspace
        if workspace.deleted:
            # Between two requests of the same token.
            self._bearers.clear()
            bearer = Bearer(workspace, refusal="The token belongs to a workspace that was deleted.")
        if bearer.refusal is not None:
            raise Unauthorized(
                bearer.refusal, "unauthorized", "bearer-required", token_sent=bearer.token_sent
            )
        by = call.by = bearer.by
        now = workspace.clock.time()
        if now + workspace.skew >= bearer.expires_at:
            raise _expired(f"{now + workspace.skew - bearer.expires_at:.0f} seconds ago")
        if workspace.expired_tokens and call.header(b"authorization") in workspace.expired_tokens:
            raise _expired("before its time, as a fault asked for")
        if workspace.rate_limit != "off":
            rate = workspace.rate(by.environment)
            if rate is not None and not workspace.buckets.take(by.scope, rate, now):
                raise TooManyRequests

    # The token endpoint -------------------------------------------------------------------------------

    async def _token(self, arrival: Arrival) -> None:
        workspaces = self.context.workspaces
        call = Call.of(arrival, workspaces.default, self._public_url)
        try:
            body = await read_body(arrival)
            for client_id in token.claimed_client_ids(arrival.fields.get(b"authorization"), body):
                if (found := workspaces.of_client(client_id)) is not None:
                    call.journal.withdraw(call.entry)
                    call = Call.of(arrival, found[0], self._public_url)
                    call.entry.client_id = client_id
                    break
            call.body = call.entry.request_body = body
            self._disturbed(call)
            await self._at("arrived", call)
            grant = token.check(call, self.context)
            call.entry.by = grant.workspace.integrators[grant.credential.client_id]
            await self._at("authenticated", call)
            await self._at("validated", call)
            await self._at("before_commit", call)
            answer = token.issue(call, self.context, grant)
            await self._at("committed", call)
        except Disconnected:
            self._gone(call)
            return
        except Broken as broken:
            self._break(call, broken)
            return
        except token.TokenError as error:
            answer = token.refusal(call, error)
        except Struck as struck:
            answer = self._struck(call, struck)
        except ApiError as error:
            answer = self._refusal(call, error)
        except Exception as error:
            answer = self._accident(call, error)
        await self._respond(call, answer)

    # The storage --------------------------------------------------------------------------------------

    async def _storage(self, arrival: Arrival) -> None:
        request = storage.request_of(arrival)
        owner = storage.workspace_of(self.context.workspaces, request)
        call = Call.of(arrival, owner or self.context.workspaces.default, self._public_url)
        call.entry.document_id = storage.document_of(request)
        try:
            self._disturbed(call, body_is_here=False)
            await self._at("arrived", call)
            size = storage.admit(call, request, owner)
            await self._at("authenticated", call)
            with storage.room(call, request, size):
                call.body = await read_body(arrival, limit=size)
            call.entry.request_body = storage.shown(call.body)
            if call.disturbed is not None:
                call.disturbed.body_is_here = True
            await self._at("validated", call)
            if request.method == "PUT":
                await self._at("before_commit", call)
            answer = storage.answer(call, request)
            if request.method == "PUT":
                await self._at("committed", call)
        except Disconnected:
            self._gone(call)
            return
        except Broken as broken:
            if call.disturbed is not None and not call.disturbed.body_is_here and broken.how == "closed":
                # What is left unread when a connection is closed resets it.
                await drain(arrival)
            self._break(call, broken)
            return
        except StorageError as error:
            answer = storage.refusal(call, request, error)
        except Struck as struck:
            answer = self._struck(call, struck)
        except ApiError as error:
            answer = self._refusal(call, error)
        except Exception as error:
            answer = self._accident(call, error)
        await self._respond(call, answer)

    # What all have in common --------------------------------------------------------------------------

    async def _nowhere(self, arrival: Arrival, error: ApiError) -> None:
        """A path or a method that is not there; with a good token it counts for the rate limit all the same."""
        bearer = self._identify(arrival.fields.get(b"authorization"))
        call = Call.of(arrival, bearer.workspace, self._public_url)
        try:
            call.body = call.entry.request_body = await read_body(arrival)
            if not arrival.path.startswith(b"/oauth2/"):
                self._authenticate(call, bearer)
        except Disconnected:
            self._gone(call)
            return
        except Unauthorized:
            pass
        except (ContentTooLarge, TooManyRequests) as other:
            error = other
        await self._respond(call, self._refusal(call, error))

    def _disturbed(self, call: Call, *, body_is_here: bool = True) -> Hook | None:
        """What is awaited at each phase of a call; raises ValidationFailed for a fault header that is none."""
        workspace = call.workspace
        asked = asked_for(call, allowed=self._fault_header)
        if workspace.is_disturbed or asked is not None:
            call.disturbed = Disturbed(call, self.hook, asked, body_is_here=body_is_here)
        return call.disturbed or self.hook

    async def _at(self, phase: Phase, call: Call) -> None:
        call.entry.phase = phase
        hook = call.disturbed or self.hook
        if hook is not None:
            await hook(phase, call.entry)

    def _struck(self, call: Call, struck: Struck) -> Answer:
        """The error that a fault asks for, in the form of the place."""
        operation = call.route.operation
        if operation.startswith("storage."):
            return storage.struck(call, struck.status, struck.named)
        if operation == "token" and struck.status < 500 and struck.status not in _SHORT_AT_TOKEN:
            return token.struck(call, struck.status, struck.named)
        return self._refusal(call, struck)

    def _break(self, call: Call, broken: Broken) -> None:
        """Break the connection instead of an answer; raises Broken where the server has no way to do that."""
        exchange = call.arrival.exchange
        has_left = exchange is not None and exchange.disconnected
        call.entry.seen = "silent" if has_left else broken.how
        call.journal.close(call.entry)
        if has_left:
            return
        if exchange is not None:
            exchange.break_off(broken.how)
        elif broken.how != "silent":
            raise broken

    def _refusal(self, call: Call, error: ApiError) -> Answer:
        call.entry.behaviours += error.behaviours
        if isinstance(error, Replayed):
            if error.remembered.status in errors.GATEWAY_STATUSES:
                call.entry.behaviours.append("edge-errors")
            return Answer(error.remembered.status, error.remembered.body)
        gateway = call.semantics.edge_errors == "gateway"
        if error.status in errors.GATEWAY_STATUSES:
            call.entry.behaviours.append("edge-errors")
        body = errors.body(
            error, call.workspace.answer_ids.short, call.workspace.clock.time(), gateway=gateway
        )
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
        call.journal.close(call.entry)

    async def _respond(self, call: Call, answer: Answer) -> None:
        entry, arrival = call.entry, call.arrival
        entry.phase = "responding"
        hook = call.disturbed or self.hook
        if hook is not None:
            try:
                await hook("responding", entry)
                if answer.status < 400 and call.route.operation != "token":
                    call.check_world()
            except Struck as struck:
                answer = self._struck(call, struck)
            except WorldChanged as error:
                is_stored = call.route.operation.startswith("storage.")
                answer = storage.left(call) if is_stored else self._refusal(call, error)
            except ApiError as error:
                answer = self._refusal(call, error)
            except Broken as broken:
                self._break(call, broken)
                return
        body = answer.body
        headers = self._headers(call, answer)
        entry.status = answer.status
        entry.response_headers = headers
        entry.response_body = body if answer.shown is None else answer.shown
        call.journal.close(entry)
        if call.disturbed is not None:
            await self._send_disturbed(call, call.disturbed, answer.status, headers, body)
            return
        if arrival.whole is not None and arrival.whole.answer(answer.status, headers, body):
            entry.seen = "answer"
            return
        send = arrival.send
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body if call.method != "HEAD" else b""})
        entry.seen = "answer"

    async def _send_disturbed(
        self, call: Call, disturbed: Disturbed, status: int, headers: Headers, body: bytes
    ) -> None:
        """Send an answer the way that a fault asks for, and note what the client saw of it."""
        entry, send, exchange = call.entry, call.arrival.send, call.arrival.exchange
        if call.method == "HEAD":
            body = b""
        fault = disturbed.mangled
        if exchange is not None and exchange.disconnected:
            entry.seen = "silent"
            return
        if fault is not None and fault.do == "truncate" and not body:
            # Of an answer without a body nothing can be left out but all of it.
            self._break(call, Broken("closed"))
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if fault is None:
            await send({"type": "http.response.body", "body": body})
            entry.seen = "answer"
        elif fault.do == "truncate":
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            self._break(call, Broken("truncated"))
        else:
            try:
                async for piece, is_last in disturbed.dribbled(fault, body):
                    if exchange is not None and exchange.disconnected:
                        entry.seen = "truncated"
                        return
                    await send({"type": "http.response.body", "body": piece, "more_body": not is_last})
            except Broken:
                self._break(call, Broken("truncated"))
                return
            entry.seen = "answer"

    def _headers(self, call: Call, answer: Answer) -> Headers:
        second = int(call.workspace.clock.time() + call.workspace.skew)
        if second != self._second:
            self._second = second
            self._date = (b"date", http_date(second))
            self._sized = {}
        explain = EXPLAIN in call.arrival.fields
        is_usual = answer.headers is USUAL and not explain
        if is_usual and (known := self._sized.get(len(answer.body))) is not None:
            return known
        size = () if answer.sized else ((b"content-length", b"%d" % len(answer.body)),)
        headers = (*answer.headers, self._date, *size)
        if explain:
            return (*headers, *_explanation(call.entry))
        if is_usual and len(self._sized) < _REMEMBERED_SIZES:
            self._sized[len(answer.body)] = headers
        return headers


def _expired(when: str) -> Unauthorized:
    return Unauthorized(
        f"The token expired {when}. Get a new one from the token endpoint, after the seconds that expires_in "
        "tells.",
        "unauthorized",
        "token-lifetime",
        token_sent=True,
    )


@coroutine
def _stand_back() -> Generator[None, None, None]:
    yield


def _explanation(entry: Entry) -> list[tuple[bytes, bytes]]:
    verdicts = ", ".join(verdict for _, verdict, _ in entry.deduplication) or "none"
    told = [
        (b"x-carrot-mock-deduplication", verdicts.encode("ascii")),
        (b"x-carrot-mock-request", entry.id.encode("ascii")),
    ]
    if entry.advisories:
        advisories = " | ".join(f"{code}: {message}" for code, message in entry.advisories)
        # A header holds printable ASCII; the journal has every character.
        plain = "".join(each if " " <= each <= "~" else "?" for each in advisories)
        told.append((b"x-carrot-mock-advisories", plain[:4096].encode("ascii")))
    return told
