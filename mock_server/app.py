"""Puts the server together: the one module that knows all the others."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from starlette.applications import Starlette

from mock_server.call import Context
from mock_server.clock import Clock, SystemClock, http_date
from mock_server.pipeline import Pipeline
from mock_server.settings import Settings
from mock_server.tokens import Tokens
from mock_server.version import __version__
from mock_server.wire import header_fields
from mock_server.workspace import Workspaces

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import Receive, Scope, Send

    from mock_server.wire import Whole

_READY = orjson.dumps({"status": "ready", "version": __version__})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# Everything else is the API, down to the paths that it does not have.
_LOCAL_PREFIXES = ("/_mock/", "/_pages/", "/.well-known/")
_LOCAL_PATHS = frozenset({"/", "/docs", "/openapi.json", "/openapi.yaml", "/_mock"})


def build(settings: Settings | None, clock: Clock | None) -> CarrotMock:
    """See `mock_server.create_app`."""
    chosen = settings or Settings()
    workspaces = Workspaces(chosen, clock or SystemClock())
    tokens = Tokens(secrets.token_bytes(32))
    app = CarrotMock(Pipeline(Context(workspaces, tokens), chosen))
    app.state.workspaces = workspaces
    app.state.tokens = tokens
    app.state.settings = chosen
    return app


class CarrotMock(Starlette):
    """A starlette application that takes a short road to the API: by the path alone.

    The router, and the request and response objects that it works with, would cost a third of the speed. It
    gets what is not the API; its routes are added at the first such request, since the API starts faster
    without them.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self.state.pipeline = pipeline
        self._pipeline = pipeline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        path: str = scope["path"]
        local = _is_local(path)
        fields = header_fields(scope["headers"])
        if (origin := fields.get(b"origin")) is not None:
            if await _answered_cross_origin(scope, origin, send, local=local):
                return
            send = _with_cors(send, origin)
        if not local:
            await self._pipeline.answer(scope, receive, send, fields)
            return
        if path == "/_mock/health" and scope["method"] == "GET":
            # Asked first of all by whoever waits for the server, which need not wait for the router.
            date = http_date(self.state.workspaces.default.clock.time())
            headers = [(b"content-type", b"application/json"), (b"date", date)]
            await _send(send, 200, headers, _READY)
            return
        if not self.router.routes:
            from mock_server.control.routes import routes

            self.router.routes.extend(routes(self))
        await super().__call__(scope, receive, send)

    def drop_held(self) -> None:
        """End the requests that faults and gates hold, without an answer: the server stops."""
        for workspace in self.state.workspaces:
            workspace.drop_held()

    def at_once(
        self, scope: Scope, receive: Receive, send: Send, whole: Whole
    ) -> Coroutine[None, None, None] | None:
        """The answering of a request that has come whole, where it waits for nothing; None for any other."""
        fields = header_fields(scope["headers"])
        if self._pipeline.hook is not None or b"origin" in fields or _is_local(scope["path"]):
            return None
        return self._pipeline.answer(scope, receive, send, fields, whole)


def _is_local(path: str) -> bool:
    return path in _LOCAL_PATHS or path.startswith(_LOCAL_PREFIXES)


# Pages on this machine may use the mock from a browser; no others may, least of all to change it. ---------


async def _answered_cross_origin(scope: Scope, origin: bytes, send: Send, *, local: bool) -> bool:
    """Answers a preflight, and refuses the control API to pages from elsewhere."""
    trusted = _is_loopback(origin)
    headers = dict(scope["headers"])
    if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
        given = _cors_headers(origin) if trusted else []
        if trusted:
            given += [
                (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE"),
                (b"access-control-allow-headers", headers.get(b"access-control-request-headers", b"*")),
                (b"access-control-max-age", b"600"),
            ]
        await _send(send, 204 if trusted else 403, given)
        return True
    if local and not trusted and scope["path"].startswith("/_mock"):
        message = b"Only pages on this machine may use the control API."
        body = b'{"error":{"code":"forbiddenOrigin","message":"%s","path":""}}' % message
        await _send(send, 403, [(b"content-type", b"application/json")], body)
        return True
    return False


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes = b"") -> None:
    length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})


def _with_cors(send: Send, origin: bytes) -> Send:
    if not _is_loopback(origin):
        return send

    async def sending(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *_cors_headers(origin)]}
        await send(message)

    return sending


def _cors_headers(origin: bytes) -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"*, Date, ETag, WWW-Authenticate, Allow"),
        (b"vary", b"Origin"),
    ]


def _is_loopback(origin: bytes) -> bool:
    try:
        return urlsplit(origin.decode("latin-1")).hostname in _LOOPBACK
    except ValueError:
        return False
