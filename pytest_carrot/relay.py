"""A relay in a thread: what reaches its two ports, with TLS and without, goes to one server and back."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
import sys
import threading
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit

REACH_SECONDS = 10.0
"""How long the server may take to accept a connection; then the client's is reset at its first byte."""

_log = logging.getLogger("carrot")
# closing sends a reset
_RESETS = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class Relay:
    """Pipes bytes between its clients and the server at `url`, which may be on http or https.

    What a client sees of the server it sees through the relay too: half a connection closed, a reset, no answer.
    A server that cannot be reached resets the client's connection, and the log of `carrot` says why.
    Raises ValueError, with a sentence, when `url` is no server's address.
    """

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self.url = url
        self.host, self._port, secure = server_of(url)
        self._server_context = _unverified() if secure else None
        self._context = context
        self._links: set[asyncio.Task[None]] = set()
        self._ends: set[_End] = set()

    def start(self) -> None:
        """Take two free ports and begin; raises OSError when there are none."""
        self._plain = _listen()
        self._secure = _listen()
        self.plain_address: tuple[str, int] = self._plain.getsockname()
        self.secure_address: tuple[str, int] = self._secure.getsockname()
        self._told = asyncio.Event()
        # Never the loop of the user's policy: it may be any, and this one is known to do what is needed.
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._run, name="carrot-intercept", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Drop all connections, and end the thread."""
        self._loop.call_soon_threadsafe(self._told.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        for listener, context in ((self._plain, None), (self._secure, self._context)):
            self._loop.add_reader(listener, self._accept, listener, context)
        await self._told.wait()
        for listener in (self._plain, self._secure):
            self._loop.remove_reader(listener)
            listener.close()
        # A link has to begin before it can end, and what is aborted closes in the next turns of the loop.
        await _turns(2)
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)
        for end in list(self._ends):
            end.transport.abort()
        await _turns(3)

    def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        # The client may have gone already.
        with suppress(OSError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            task = self._loop.create_task(self._link(connection, context))
            self._links.add(task)
            task.add_done_callback(self._links.discard)

    async def _link(self, connection: socket.socket, context: ssl.SSLContext | None) -> None:
        """Nothing is read of the client's connection before there is somewhere to send it."""
        client = _End(self._ends, secure=context is not None)
        server = _End(self._ends, secure=self._server_context is not None)
        try:
            if not await self._reach(server):
                # Reset at the first byte, not before: a TLS client of Python 3.11 would leave its socket open.
                client.secure, context = False, None
            else:
                client.other, server.other = server, client
                server.transport.pause_reading()
            await self._loop.connect_accepted_socket(lambda: client, connection, ssl=context)
            if client.other is not None:
                server.transport.resume_reading()
        except OSError as why:
            _log.info("carrot_intercept: a client ended the TLS handshake: %s", why)
            server.transport.abort()
        except BaseException:
            connection.close()
            raise

    async def _reach(self, server: _End) -> bool:
        try:
            async with asyncio.timeout(REACH_SECONDS):
                await self._loop.create_connection(
                    lambda: server, self.host, self._port, ssl=self._server_context
                )
        except OSError as why:
            told = str(why) or f"no answer in {REACH_SECONDS:g} seconds"
            _log.error("carrot_intercept: no connection to the server at %s: %s", self.url, told)
            return False
        return True


class _End(asyncio.Protocol):
    """One of the two connections of a link: what comes in here goes out at `other`, if there is one."""

    transport: asyncio.Transport

    def __init__(self, ends: set[_End], *, secure: bool) -> None:
        self.secure = secure
        self.other: _End | None = None
        self._ends = ends
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._ends.add(self)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.reset()
        elif not self.other.transport.is_closing():
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Passes the end on; gives whether this connection stays open for what the other still sends."""
        self._ended = True
        if self.other is None:
            return False
        if self.other.secure or self.other._ended:
            self.other.close()
            return False
        self.other.transport.write_eof()
        return not self.secure

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ends.discard(self)
        if self.other is None or self.other not in self._ends:
            return
        if exc is None:
            self.other.close()
        else:
            self.other.reset()

    def close(self) -> None:
        """Close once what was written is sent."""
        # A TLS transport of Python 3.11 that is closed twice can never be aborted.
        if not self.transport.is_closing():
            self.transport.close()

    def reset(self) -> None:
        """Close at once, so that the peer sees a reset."""
        if not self.transport.is_closing():
            connection = self.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)
        self.transport.abort()


def server_of(url: str) -> tuple[str, int, bool]:
    """Host, port and whether it is https; raises ValueError, with a sentence."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https") or parts.path.strip("/"):
        raise ValueError(f"{url!r} is no address of a server: expected http://host:port or https://host:port")
    secure = parts.scheme == "https"
    return host, port or (443 if secure else 80), secure


def _listen() -> socket.socket:
    # Only of sockets that were made with the protocol's number asyncio turns Nagle's algorithm off: 40 ms a call.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _unverified() -> ssl.SSLContext:
    """For a test server on https, whose certificate nobody signed: the user has named it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _turns(count: int) -> None:
    """Let the event loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)
