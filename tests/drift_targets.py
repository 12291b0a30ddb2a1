"""Targets of drift: mocks that were changed, and servers that are a Carrot API only in part, or not at all."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from mock_server import create_app
from mock_server.behaviours import Semantics
from mock_server.clock import ManualClock
from mock_server.server import in_thread
from mock_server.settings import Settings
from pytest_carrot.live_target import Login, Target

SIX = {
    "token-errors": "rfc6749",
    "edge-errors": "gateway",
    "dedup-changed-body": "replay",
    "dedup-scope": "operation",
    "get-shape": "stored",
    "batch-atomicity": "each",
}
STATUSES = {("POST", "/documents"): 200, ("PUT", "/documents/[^/]+/attachments/[^/]+"): 201}
Reply = tuple[int, str, bytes]


def html(method: str, path: str) -> Reply:
    """A page for everything."""
    return 200, "text/html", b"<html><body>Hello</body></html>"


def broken(method: str, path: str) -> Reply:
    """A failure for everything."""
    return 500, "application/json", b'{"message": "Internal Server Error"}'


def another_api(method: str, path: str) -> Reply:
    """Tokens, and an API that is not Carrot's."""
    if path == "/oauth2/token":
        return 200, "application/json", b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 3600}'
    return 200, "application/json", b'{"items": []}'


def broken_after_login(method: str, path: str) -> Reply:
    return another_api(method, path) if path == "/oauth2/token" else broken(method, path)


def odd_documents(method: str, path: str) -> Reply:
    """Carrot's errors, and documents whose parts are of other kinds."""
    if path == "/oauth2/token":
        return another_api(method, path)
    if method == "POST":
        return 201, "application/json", b'{"id": "d", "documentId": "d", "eventId": 7, "events": {"a": 1}}'
    if "00000000-0000-4000-8000" in path:
        error = {
            "statusCode": 404,
            "errors": [{"code": "objectNotFound", "message": "", "id": "", "timestamp": ""}],
        }
        return 404, "application/json", json.dumps(error).encode()
    odd = {
        "dataSetName": "TEST",
        "address": "x",
        "author": 3,
        "externalEvents": [3, {}],
        "primaryParticipant": "p",
    }
    return 200, "application/json", json.dumps({**odd, "attachments": 5, "permissions": "all"}).encode()


@contextmanager
def answering(reply: Callable[[str, str], Reply], context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve replies by method and path; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            self.close_connection = True
            if not self.raw_requestline or not self.parse_request():
                return
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, kind, body = reply(self.command, self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None: ...

    server = Server(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=lambda: server.serve_forever(0.01), daemon=True)
    thread.start()
    try:
        yield f"http{'' if context is None else 's'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Restatused:
    """An ASGI application whose successes have other statuses: `{("POST", pattern of a path): status}`."""

    def __init__(self, app: Any, statuses: dict[tuple[str, str], int]) -> None:
        self._app = app
        self._statuses = statuses

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start" and 200 <= message["status"] < 300:
                for (method, pattern), status in self._statuses.items():
                    if scope["method"] == method and re.fullmatch(pattern, scope["path"]):
                        message = {**message, "status": status}
            await send(message)

        await self._app(scope, receive, sending)


class Second:
    """A mock that plays the target, in a thread of this process."""

    def __init__(self, url: str) -> None:
        self.url = url

    def target(self, main: str = "test", partner: str | None = "partner") -> Target:
        return Target(self.url, f"{self.url}/oauth2/token", login(main), partner and login(partner))

    def control(self, path: str) -> Any:
        return httpx.get(f"{self.url}/_mock/workspaces/default/{path}", verify=False, timeout=30).json()

    @property
    def written(self) -> list[dict[str, Any]]:
        """The bodies of all requests that wrote something with names."""
        return [
            each["request"]["body"]
            for each in self.control("requests")
            if each["operation"] in _NAMED and each["committed"]
        ]


_NAMED = ("documents.create", "events.append", "events.batch")


def login(name: str) -> Login:
    return Login(f"carrot-{name}-client", f"carrot-{name}-secret")


@contextmanager
def second(
    semantics: dict[str, str] | None = None,
    statuses: dict[tuple[str, str], int] | None = None,
    clock: ManualClock | None = None,
) -> Iterator[Second]:
    settings = Settings(rate_limit="off", semantics=Semantics.default().replace(semantics or {}))
    with in_thread(Restatused(create_app(settings, clock=clock), statuses or {})) as url:
        yield Second(url)
