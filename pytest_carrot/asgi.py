"""A Carrot world in this process, without a socket, and the httpx transports that reach it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import unquote

import httpx

from pytest_carrot.bearer import Bearer
from pytest_carrot.control import ControlError
from pytest_carrot.exchange import Exchange, scope
from pytest_carrot.handle import Carrot
from pytest_carrot.shared_loop import Call, SharedLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from starlette.types import ASGIApp, Scope

    from mock_server.clock import Clock
    from pytest_carrot.control import Control

URL = "http://carrot.test"
_HOST = (b"host", b"carrot.test")
_SERVER = ("carrot.test", 80)
# What httpx says of a connection that breaks.
_CLOSED = "Server disconnected without sending a response."
_RESET = "[Errno 104] Connection reset by peer"
_TIMED_OUT = "timed out"


class CarrotAsgi(Carrot):
    """A world like `carrot` in this process; `app` is the ASGI application that it is a part of."""

    def __init__(
        self, wire: InProcess, control: Control, workspace: Mapping[str, Any], environment: str = "test"
    ) -> None:
        super().__init__(wire, control, URL, workspace, environment)
        self.app = wire.app
        self._in_process = wire

    def set_clock(self, clock: Clock) -> None:
        """From now on this world, and no other, takes the time from `clock`."""
        self.app.state.workspaces.find(self.id).use_clock(clock)

    @cached_property
    def client(self) -> httpx.Client:
        """An authorised client that calls the app as a function, closed after the test."""
        return httpx.Client(transport=SyncASGITransport(self._in_process), base_url=URL, auth=Bearer(self))

    @cached_property
    def async_client(self) -> httpx.AsyncClient:
        """The same for asyncio; the app runs on the event loop of the caller."""
        return httpx.AsyncClient(transport=AsyncASGITransport(self.app), base_url=URL, auth=Bearer(self))

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()
        # As the control API does it, without the way there.
        workspaces = self.app.state.workspaces
        if (workspace := workspaces.find(self.id)) is not None:
            workspaces.delete(workspace)


class SyncASGITransport(httpx.BaseTransport):
    """Calls an ASGI application from synchronous code: `httpx.Client(transport=SyncASGITransport(app))`.

    Whole answers; what the application raises comes out of the call. Threads may share it, one of which may wait for
    what another one does, and it works where an event loop runs already. Of the client's time limits, the one for
    reading counts.
    """

    def __init__(self, app: ASGIApp | InProcess) -> None:
        self._own = not isinstance(app, InProcess)
        self._in_process = app if isinstance(app, InProcess) else InProcess(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        stream = request.stream
        # httpx gives a synchronous client nothing else.
        body = (
            request.content
            if isinstance(stream, httpx.ByteStream)
            else iter(cast(httpx.SyncByteStream, stream))
        )
        exchange = Exchange(body)
        self._in_process.answer(_scope(request), exchange, _patience(request))
        return _response(exchange)

    def close(self) -> None:
        if self._own:
            self._in_process.close()


class AsyncASGITransport(httpx.AsyncBaseTransport):
    """The same on the asyncio event loop of the caller: `httpx.AsyncClient(transport=AsyncASGITransport(app))`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app: Any = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        exchange = Exchange(await request.aread())
        work = self._app(_scope(request), exchange.receive, exchange.send)
        ended = asyncio.Event()
        call = Call(asyncio.get_running_loop(), work, exchange, _patience(request), ended.set)
        call.begin()
        try:
            await ended.wait()
        except asyncio.CancelledError:
            exchange.leave()
            raise
        call.check()
        return _response(exchange)


class InProcess:
    """An ASGI application as a function: a request in, the answer out; also the `Wire` of a Control.

    Runs on an event loop of its own, which takes a tenth of what a new one for each call would. Where a loop
    runs already, the call is made in a thread.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app: Any = app
        self._loop = SharedLoop()

    def answer(self, scope: Scope, exchange: Exchange, seconds: float | None = None) -> None:
        """Until the application is done, or else the client's patience; raises what the application raises."""
        work = self.app(scope, exchange.receive, exchange.send)
        if asyncio._get_running_loop() is None:
            self._loop.answer(work, exchange, seconds)
            return
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(self._loop.answer, work, exchange, seconds).result()

    def exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        fields = [_HOST, *((name.encode(), value.encode("latin-1")) for name, value in headers.items())]
        exchange = Exchange(body)
        target, decoded = path.encode("ascii"), unquote(path.partition("?")[0])
        self.answer(scope(method, "http", fields, target, decoded, _SERVER), exchange)
        if exchange.broken is not None:
            reason = f"the connection was {exchange.broken}"
            raise ControlError(f"{URL} did not answer {method} {path}: {reason}.", reason=reason)
        return _status(exchange), b"".join(exchange.parts)

    def close(self) -> None:
        self._loop.close()


class _Parts(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The beginning of a body whose rest does not come."""

    def __init__(self, exchange: Exchange) -> None:
        self._parts = exchange.parts
        self._expected = httpx.Headers(exchange.headers).get("content-length")

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts
        self._break()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part
        self._break()

    def _break(self) -> NoReturn:
        received = sum(map(len, self._parts))
        raise httpx.RemoteProtocolError(
            "peer closed connection without sending complete message body "
            + (f"(received {received} bytes, expected {self._expected})" if self._expected else "")
        )


def _response(exchange: Exchange) -> httpx.Response:
    """What the client sees; raises what httpx raises where it is no whole answer."""
    if exchange.broken == "reset":
        raise httpx.ReadError(_RESET)
    if exchange.broken is not None and exchange.status is None:
        raise httpx.RemoteProtocolError(_CLOSED)
    if exchange.broken is not None:
        return httpx.Response(_status(exchange), headers=exchange.headers, stream=_Parts(exchange))
    if exchange.disconnected and not exchange.complete:
        raise httpx.ReadTimeout(_TIMED_OUT)
    content = b"".join(exchange.parts)
    return httpx.Response(_status(exchange), headers=exchange.headers, stream=httpx.ByteStream(content))


def _status(exchange: Exchange) -> int:
    if exchange.status is None or not (exchange.complete or exchange.broken):
        raise RuntimeError("the application returned without having answered")
    return exchange.status


def _patience(request: httpx.Request) -> float | None:
    limits: Mapping[str, float | None] = request.extensions.get("timeout", {})
    return limits.get("read")


def _scope(request: httpx.Request) -> Scope:
    url = request.url
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    server = (url.host, url.port or (443 if url.scheme == "https" else 80))
    return scope(request.method, url.scheme, headers, url.raw_path, url.path, server)
