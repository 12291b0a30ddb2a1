"""One request and its answer between a client in this process and an ASGI application."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Message, Scope


class Exchange:
    """What the application receives, and what the client sees of the answer.

    `broken` is how the connection ended instead of an answer: `closed`, `reset` or `truncated`, after the parts
    that were sent by then.
    """

    __slots__ = (
        "_body",
        "_gone",
        "_heard",
        "broken",
        "complete",
        "disconnected",
        "headers",
        "parts",
        "status",
    )

    def __init__(self, body: bytes | Iterator[bytes]) -> None:
        self._body: bytes | Iterator[bytes] | None = body
        self._gone: asyncio.Event | None = None
        self._heard = 0
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.parts: list[bytes] = []
        self.complete = False
        self.broken: str | None = None
        self.disconnected = False

    # The application's side -----------------------------------------------------------------------------

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
        if not self.disconnected:
            # The client is there until it has the whole answer, or has had enough of waiting for it.
            self._gone = self._gone or asyncio.Event()
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            return
        if message["type"] == "http.response.body":
            self.parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                self.complete = True
                self.leave()

    def break_off(self, how: str) -> None:
        """End the connection, unless the client has: `closed`, `reset`, or `truncated` after a part of the answer."""
        if not self.disconnected:
            self.broken = how
            self.leave()

    # The client's side ----------------------------------------------------------------------------------

    def leave(self) -> None:
        """The client has gone: nothing reaches it any more."""
        self.disconnected = True
        if self._gone is not None:
            self._gone.set()

    def heard_more(self) -> bool:
        """Whether a part of the answer came since this was asked last."""
        heard = len(self.parts) + (self.status is not None)
        more, self._heard = heard > self._heard, heard
        return more


def scope(
    method: str,
    scheme: str,
    headers: list[tuple[bytes, bytes]],
    target: bytes,
    path: str,
    server: tuple[str, int],
) -> Scope:
    """What ASGI says of a request; `target` is path and query as they are sent, `path` decoded."""
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
        "server": server,
    }
