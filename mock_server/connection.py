"""One connection: HTTP/1.1 as uvicorn has it, with bounds on what a client may send slowly, and a short way.

A request that waits for nothing is answered as soon as it is whole, without a task of its own.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import types
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Mapping

    AtOnce = Callable[[Any, Any, Any, Any], Coroutine[Any, Any, None] | None]


HEADER_LIMIT_BYTES = 64 * 1024
HEADER_SECONDS = 30.0
# How long a stopping server waits for the rest of a request.
REST_SECONDS = 2.0

_ASGI = {"version": "3.0", "spec_version": "2.3"}
# What no header may hold: two of them end each line of a head, and there are no others.
_CONTROL_CHARACTERS = bytes({*range(32), 127} - {ord("\t")})
# An answer with one of these says how long it is, or how the connection goes on, in a way of its own.
_SPECIAL = frozenset({b"connection", b"transfer-encoding"})
# As numbers, which are looked for in bytes much faster than bytes are.
_QUERY, _FRAGMENT = b"?#"


class Cycle(RequestResponseCycle):
    """A request and its answer, which is written at once where it comes whole and tells its length."""

    access_log = False
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0
    is_awaited = False
    body: bytes | bytearray  # type: ignore[assignment]
    _taken = False
    _head: Mapping[str, Any] | None = None

    def __init__(self, connection: Connection, scope: dict[str, Any], *, keep_alive: bool) -> None:
        self.scope = scope  # type: ignore[assignment]
        self.transport = connection.transport
        self.flow = connection.flow
        self.logger = connection.logger
        self.default_headers = connection.server_state.default_headers
        self.on_response = connection.on_response_complete
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = connection.expect_100_continue
        self.body = b""

    @cached_property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]
        """Set when there is more of the request; made only where somebody waits for that."""
        self.is_awaited = True
        event = asyncio.Event()
        if self.body:
            event.set()
        return event

    async def receive(self) -> Any:
        if self.more_body or self._taken or self.disconnected:
            return await super().receive()
        return {"type": "http.request", "body": self.take(), "more_body": False}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._head = message
            return
        if (head := self._head) is not None:
            self._head = None
            if not message.get("more_body") and self.answer(
                head["status"], head["headers"], message.get("body", b"")
            ):
                return
            await self._send_as_uvicorn(head)
        await self._send_as_uvicorn(message)

    def take(self) -> bytes:
        """See `mock_server.wire.Whole`."""
        self._taken = True
        if self.flow.read_paused:
            self.flow.resume_reading()
        body, self.body = self.body, b""
        return bytes(body)

    def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Whether an answer was written by this short way; for all that is unusual there is uvicorn's own."""
        if self.flow.write_paused or self.disconnected or not self.keep_alive:
            return False
        # What comes as a tuple comes again.
        begun = _head(status, headers) if type(headers) is tuple else _head.__wrapped__(status, headers)
        if begun is None:
            return False
        start, length = begun
        if self.scope["method"] == "HEAD":
            body = b""
        elif length != len(body):
            return False
        self.response_started = self.response_complete = True
        if not self.transport.is_closing():
            self.transport.writelines((start, body))
        if self.is_awaited:
            self.message_event.set()
        self.on_response()
        return True

    def break_off(self, how: str) -> None:
        """End the connection: with what was sent so far, or with a TCP RST (`reset`)."""
        if self.disconnected or self.transport.is_closing():
            return
        self.disconnected = True
        if how == "reset":
            connected = self.transport.get_extra_info("socket")
            # Not to linger, for no time: closing it sends RST.
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()

    async def _send_as_uvicorn(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        # uvicorn learns of a lost connection a moment after uvloop, which refuses to write in between.
        if self.transport.is_closing():
            self.disconnected = True
        await super().send(message)


@lru_cache(maxsize=64)
def _head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, int] | None:
    """The head of an answer as it is sent, and the length that it tells; None for what is unusual."""
    lines = [STATUS_LINE[status]]
    length = None
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name in _SPECIAL:
            return None
        lines.append(b"%s: %s\r\n" % (name, value))
    lines.append(b"\r\n")
    start = b"".join(lines)
    if length is None or len(start) - len(start.translate(None, _CONTROL_CHARACTERS)) != 2 * len(lines):
        return None
    return start, length


class Connection(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn has it, but headers have a size and a time by which they are complete.

    Neither uvicorn nor httptools bounds them: a client could fill the memory, or hold connections for ever.
    """

    cycle: Cycle
    _header_bytes = 0
    # When the client is given up, in the loop's time: None while a request of it is being answered. The timer
    # looks again when it was put off meanwhile, so that no request has to set one.
    _deadline: float | None = None
    _timer: asyncio.TimerHandle | None = None
    _next: Cycle | None = None
    _headers_before: Iterator[tuple[bytes, bytes]]

    def __init__(self, turn: Turn, **options: Any) -> None:
        super().__init__(**options)
        self._turn = turn
        # What the application answers without waiting, where it says so.
        self._at_once: AtOnce = getattr(self.app, "at_once", lambda *_: None)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._give_up_after(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            # The headers are complete: a request has begun.
            self._deadline = None
            self._header_bytes = 0
            if len(data) > HEADER_LIMIT_BYTES:
                self._check_whole_headers()
        elif before is None or (before.response_complete and not before.more_body):
            self._still_in_headers(len(data))
        if self._next is not None:
            self._turn.join(self)

    # What the parser tells ------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self.url = b""
        self._headers_before, self.headers = iter(self.headers or ()), []
        self.expect_100_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        # A client sends nearly the same headers again: the journal, which keeps them, has them once.
        header, before = (name, value), next(self._headers_before, None)
        self.headers.append(before if before == header else header)

    def on_headers_complete(self) -> None:
        raw_path, query = self.url, b""
        if _QUERY in raw_path or _FRAGMENT in raw_path or not raw_path.startswith(b"/"):
            parsed = httptools.parse_url(raw_path)
            raw_path, query = parsed.path, parsed.query or b""
        path = raw_path.decode("ascii")
        http_version = self.parser.get_http_version()
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": http_version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": self.parser.get_method().decode("ascii"),
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
        }
        before = self.cycle
        keep_alive = http_version != "1.0" and self.parser.should_keep_alive()
        self.cycle = Cycle(self, scope, keep_alive=keep_alive)
        if before is None or before.response_complete:
            self._next = self.cycle
        else:
            # Sent before the answer to the one before: it has to wait its turn.
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_body(self, body: bytes) -> None:
        cycle = self.cycle
        if cycle.response_complete:
            return
        if not cycle.body:
            # Most come in one piece.
            cycle.body = body
        else:
            if type(cycle.body) is bytes:
                cycle.body = bytearray(cycle.body)
            cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        if cycle.is_awaited:
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            if cycle.is_awaited:
                cycle.message_event.set()

    # Answering ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin with what has arrived: with the whole of it where it needs no task, else with a task."""
        cycle, self._next = self._next, None
        if cycle is None:
            return
        at_once = None
        if not (cycle.more_body or cycle.disconnected):
            at_once = self._at_once(cycle.scope, cycle.receive, cycle.send, cycle)
        if at_once is None:
            self._go_on_in_task(cycle, self.app)
        else:
            self.go_on(cycle, at_once)

    def go_on(self, cycle: Cycle, coroutine: Coroutine[Any, Any, None]) -> None:
        """Go on with the answering of a request until it is done, stands back or has to wait after all."""
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            return
        except BaseException as error:
            self._go_on_in_task(cycle, _app_of(_failed(error)))
        else:
            if waits_for is None:
                self._turn.stand_back(self, cycle, coroutine)
            else:
                self._go_on_in_task(cycle, _app_of(_resumed(coroutine, waits_for)))

    def _go_on_in_task(self, cycle: Cycle, app: Any) -> None:
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._next, _ = self.pipeline.pop()  # type: ignore[assignment]
            self._turn.join(self)
        else:
            self._give_up_after(self.timeout_keep_alive)

    def shutdown(self) -> None:
        """The server stops: what has come whole is answered, and the rest of a half request has to hurry."""
        super().shutdown()
        if self.cycle is not None and not self.cycle.response_complete and self.cycle.more_body:
            self.loop.call_later(REST_SECONDS, self._drop_half)

    def _drop_half(self) -> None:
        # Of a lost connection the request is dropped as of any client that goes away.
        if self.cycle is not None and self.cycle.more_body:
            self.transport.close()

    # What a client may not do ---------------------------------------------------------------------------

    def _check_whole_headers(self) -> None:
        """Of headers that came in one piece: the request must not be carried out when they are too long."""
        cycle = self.cycle
        if sum(len(name) + len(value) + 4 for name, value in cycle.scope["headers"]) > HEADER_LIMIT_BYTES:
            cycle.disconnected = True
            self._refuse_headers()

    def _still_in_headers(self, size: int) -> None:
        if not self._header_bytes and self.cycle is not None:
            self._give_up_after(HEADER_SECONDS)
        self._header_bytes += size
        if self._header_bytes > HEADER_LIMIT_BYTES:
            self._refuse_headers()

    def _refuse_headers(self) -> None:
        self._refuse(
            431,
            "Request Header Fields Too Large",
            f"The headers must have at most {HEADER_LIMIT_BYTES} bytes.",
        )

    def _give_up_after(self, seconds: float) -> None:
        self._deadline = deadline = self.loop.time() + seconds
        if self._timer is None:
            self._timer = self.loop.call_at(deadline, self._look_at_time)
        elif self._timer.when() > deadline:
            self._timer.cancel()
            self._timer = self.loop.call_at(deadline, self._look_at_time)

    def _look_at_time(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if self.loop.time() < self._deadline:
            self._timer = self.loop.call_at(self._deadline, self._look_at_time)
        elif self._header_bytes:
            self._refuse(
                408, "Request Timeout", f"The headers must be complete within {HEADER_SECONDS:g} seconds."
            )
        else:
            self.transport.close()

    def _refuse(self, status: int, phrase: str, message: str) -> None:
        if self.transport.is_closing():
            return
        body = b'{"message":"%s"}' % message.encode()
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _unsupported_upgrade_warning(self) -> None:
        """Says nothing: a client that asks for a WebSocket is answered as any other."""


class Turn:
    """The requests that arrived in one turn of the loop: all are read, then all begun, then all that stood back
    go on.

    So what reads, what validates and what commits stay in the processor's caches while they are needed; to take
    one request from end to end after the other costs a sixth more.
    """

    def __init__(self) -> None:
        self._arrived: list[Connection] = []
        self._standing_back: list[tuple[Connection, Cycle, Coroutine[Any, Any, None]]] = []

    def join(self, connection: Connection) -> None:
        """Let a connection begin when all have been read."""
        if not self._arrived:
            connection.loop.call_soon(self._answer)
        self._arrived.append(connection)

    def stand_back(self, connection: Connection, cycle: Cycle, coroutine: Coroutine[Any, Any, None]) -> None:
        """Let a request go on when all others have come as far."""
        self._standing_back.append((connection, cycle, coroutine))

    def _answer(self) -> None:
        arrived, self._arrived = self._arrived, []
        for connection in arrived:
            connection.begin()
        while self._standing_back:
            standing, self._standing_back = self._standing_back, []
            for connection, cycle, coroutine in standing:
                connection.go_on(cycle, coroutine)


# A coroutine that has begun without a task, and now needs one ----------------------------------------


def _app_of(rest: Any) -> Any:
    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        await rest

    return app


@types.coroutine
def _resumed(coroutine: Coroutine[Any, Any, None], waited: Any) -> Generator[Any, Any, None]:
    """What is left of it; `waited` is the future that it waits for."""
    try:
        yield waited
    except BaseException:
        coroutine.close()
        raise
    yield from coroutine


async def _failed(error: BaseException) -> None:
    raise error
