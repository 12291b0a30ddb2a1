"""A Carrot world in this process, without a socket, and the synchronous httpx transport that reaches it."""

from __future__ import annotations

import asyncio
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import httpx

from pytest_carrot.bearer import Bearer
from pytest_carrot.handle import Carrot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from starlette.types import ASGIApp, Message, Scope

    from mock_server.clock import Clock
    from pytest_carrot.control import Control

URL = "http://carrot.test"
_HOST = (b"host", b"carrot.test")
_SERVER = ("carrot.test", 80)


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
        self.app.state.workspaces.find(self.id).clock = clock

    @cached_property
    def client(self) -> httpx.Client:
        """An authorised client that calls the app as a function, closed after the test."""
        return httpx.Client(transport=SyncASGITransport(self._in_process), base_url=URL, auth=Bearer(self))

    @cached_property
    def async_client(self) -> httpx.AsyncClient:
        """The same for asyncio; the app runs on the event loop of the caller."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=URL, auth=Bearer(self))

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()
        # As the control API does it, without the way there.
        workspaces = self.app.state.workspaces
        if (workspace := workspaces.find(self.id)) is not None:
            workspaces.delete(workspace)


class SyncASGITransport(httpx.BaseTransport):
    """Calls an ASGI application from synchronous code: `httpx.Client(transport=SyncASGITransport(app))`.

    One request at a time, whole answers; what the application raises comes out of the call. Threads may share
    it, and it works where an event loop runs already.
    """

    def __init__(self, app: ASGIApp | InProcess) -> None:
        self._own = not isinstance(app, InProcess)
        self._in_process = app if isinstance(app, InProcess) else InProcess(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        scope = _scope(request.method, url.scheme, headers, url.raw_path, url.path)
        scope["server"] = (url.host, url.port or (443 if url.scheme == "https" else 80))
        stream = request.stream
        # httpx gives a synchronous client nothing else.
        body = (
            request.content
            if isinstance(stream, httpx.ByteStream)
            else iter(cast(httpx.SyncByteStream, stream))
        )
        status, answered, content = self._in_process.call(scope, body)
        return httpx.Response(status, headers=answered, stream=httpx.ByteStream(content))

    def close(self) -> None:
        if self._own:
            self._in_process.close()


class InProcess:
    """An ASGI application as a function: a request in, the whole answer out; also the `Wire` of a Control.

    Runs on an event loop of its own, which takes a tenth of what a new one for each call would. Where a loop
    runs already, the call is made in a thread.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app: Any = app
        self._lock = threading.Lock()
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        # Nobody has to close it: a loop that is thrown away open complains.
        self._closed = weakref.finalize(self, self._runner.close)

    def call(
        self, scope: Scope, body: bytes | Iterator[bytes]
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Status, headers and body of the answer; raises what the application raises."""
        exchange = _Exchange(body)
        if asyncio._get_running_loop() is None:
            self._run(scope, exchange)
        else:
            with ThreadPoolExecutor(1) as elsewhere:
                elsewhere.submit(self._run, scope, exchange).result()
        if exchange.status is None or not exchange.complete:
            raise RuntimeError("the application returned without having answered")
        return exchange.status, exchange.headers, b"".join(exchange.parts)

    def exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        fields = [_HOST, *((name.encode(), value.encode("latin-1")) for name, value in headers.items())]
        scope = _scope(method, "http", fields, path.encode("ascii"), unquote(path.partition("?")[0]))
        scope["server"] = _SERVER
        status, _, content = self.call(scope, body)
        return status, content

    def close(self) -> None:
        self._closed()

    def _run(self, scope: Scope, exchange: _Exchange) -> None:
        with self._lock:
            loop = self._runner.get_loop()
            task = loop.create_task(self.app(scope, exchange.receive, exchange.send))
            try:
                loop.run_until_complete(task)
            except BaseException:
                # Ctrl-C or a time limit: what is left must not go on during the next call.
                task.cancel()
                raise


class _Exchange:
    """One request and its answer, as an application receives and sends them."""

    __slots__ = ("_body", "_gone", "complete", "headers", "parts", "status")

    def __init__(self, body: bytes | Iterator[bytes]) -> None:
        self._body: bytes | Iterator[bytes] | None = body
        self._gone: asyncio.Event | None = None
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.complete = False

    async def receive(self) -> Message:
        body = self._body
        if isinstance(body, bytes):
            self._body = None
            return {"type": "http.request", "body": body, "more_body": False}
        if body is not None:
            part = next(body, None)
            if part is None:
                self._body = None
            return {"type": "http.request", "body": part or b"", "more_body": part is not None}
        if not self.complete:
            # The client is there until it has the whole answer.
            self._gone = self._gone or asyncio.Event()
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            return
        if message["type"] == "http.response.body" and not self.complete:
            self.parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self.complete = True
                if self._gone is not None:
                    self._gone.set()


def _scope(method: str, scheme: str, headers: list[tuple[bytes, bytes]], target: bytes, path: str) -> Scope:
    raw_path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": raw_path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 123),
    }
