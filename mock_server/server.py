"""Runs the app on a socket: uvicorn, with bounds on what a client may send slowly or at length."""

from __future__ import annotations

import asyncio
import signal
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

HEADER_LIMIT_BYTES = 64 * 1024
HEADER_SECONDS = 30.0
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 10


class Protocol(HttpToolsProtocol):
    """HTTP/1.1 as uvicorn has it, but headers have a size and a time by which they are complete.

    Neither uvicorn nor httptools bounds them: a client could fill the memory, or hold connections for ever.
    """

    _header_bytes = 0
    _in_headers = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if not self._in_headers:
            return
        if self._header_bytes > HEADER_LIMIT_BYTES:
            self._refuse(
                431,
                "Request Header Fields Too Large",
                f"The headers must have at most {HEADER_LIMIT_BYTES} bytes.",
            )
        elif self._timer is None:
            # Only a request whose headers come in pieces is timed: the others cost nothing.
            self._timer = self.loop.call_later(HEADER_SECONDS, self._too_slow)

    def on_message_begin(self) -> None:
        if not self._in_headers:
            self._in_headers, self._header_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._stop_timer()
        super().on_headers_complete()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        if self._in_headers and not self.transport.is_closing():
            if self._header_bytes:
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


class Server(uvicorn.Server):
    """A uvicorn server that tells when it is ready, and for which being told to stop is no failure."""

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Protocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_level="warning",
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, which afterwards kills the process by the signal; this server ends with 0."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    listener.set_inheritable(False)
    return listener


def run(app: ASGIApp, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; what is in flight is finished first."""
    with suppress(KeyboardInterrupt):
        Server(app, on_ready).run(sockets=[listener])


def address(listener: socket.socket) -> tuple[str, int]:
    """Host and port that a socket is bound to."""
    name: Any = listener.getsockname()
    return str(name[0]), int(name[1])
