"""Reading a request off the wire: its headers by name, and its whole body within a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from mock_server.errors import ContentTooLarge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence

    Headers = Sequence[tuple[bytes, bytes]]
    Fields = Mapping[bytes, bytes]

BODY_LIMIT_BYTES: Final = 6 * 1024 * 1024
DRAIN_LIMIT_BYTES: Final = 64 * 1024 * 1024


class Route(Struct, frozen=True, gc=False):
    """Where a request goes: the operation, and the parts of its path."""

    operation: str
    document_id: str = ""
    file_name: bytes = b""


class Exchange(Protocol):
    """What a server that can break a connection on purpose has: its `receive` is a method of one of these."""

    disconnected: bool

    def break_off(self, how: str) -> None:
        """End the connection: `closed`, `reset` (TCP RST), or `truncated` after a part of the answer."""
        ...


class Whole(Protocol):
    """A request that has come whole, at a server that takes a whole answer without a wait."""

    def take(self) -> bytes:
        """The body, instead of `receive`."""
        ...

    def answer(self, status: int, headers: Headers, body: bytes) -> bool:
        """Answer with these; False where it has to be done by `send`."""
        ...


class Arrival(Struct, frozen=True, gc=False):
    """A request as ASGI gives it, its body not read yet.

    `path` is still percent-encoded; `fields` are the headers by their lower-case names. With `whole` there is a
    shorter way than `receive` and `send`.
    """

    scope: Mapping[str, Any]
    receive: Callable[[], Awaitable[Mapping[str, Any]]]
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]]
    path: bytes
    fields: Fields
    route: Route
    whole: Whole | None = None

    @property
    def exchange(self) -> Exchange | None:
        """The way to break the connection, where the server has one."""
        owner = getattr(self.receive, "__self__", None)
        return owner if hasattr(owner, "break_off") else None


class Disconnected(Exception):
    """The client went away before its request was complete."""


def header_fields(headers: Headers) -> Fields:
    """Headers by name; several of one name are joined, as HTTP allows, so that none is overlooked."""
    fields = dict(headers)
    if len(fields) < len(headers):
        fields = {}
        for name, value in headers:
            fields[name] = fields[name] + b", " + value if name in fields else value
    return fields


async def read_body(arrival: Arrival, limit: int = BODY_LIMIT_BYTES) -> bytes:
    """The whole body; raises ContentTooLarge beyond `limit` bytes, and Disconnected."""
    return await rest_of_body(arrival, await arrival.receive(), limit)


async def rest_of_body(arrival: Arrival, message: Mapping[str, Any], limit: int = BODY_LIMIT_BYTES) -> bytes:
    """The whole body from its first message on; raises as `read_body` does."""
    chunks = []
    size = 0
    announced = arrival.fields.get(b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > limit:
        await _drain(arrival, message)
        raise _too_large(limit)
    while True:
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            await _drain(arrival, message)
            raise _too_large(limit)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        message = await arrival.receive()


async def drain(arrival: Arrival) -> None:
    """Let the body of a request come, within a bound, and forget it."""
    await _drain(arrival, await arrival.receive())


async def _drain(arrival: Arrival, message: Mapping[str, Any]) -> None:
    """Let the rest of a refused body come, within a bound, and forget it.

    Many clients read no answer before they have sent everything: to one whose connection is closed in the
    middle of that, the refusal is a broken connection. One that asked whether to go on has not sent it.
    """
    left = DRAIN_LIMIT_BYTES if b"expect" not in arrival.fields else 0
    while left > 0 and message["type"] == "http.request" and message.get("more_body", False):
        left -= len(message.get("body", b""))
        message = await arrival.receive()


def within_limit(body: bytes) -> bytes:
    """The body itself; raises ContentTooLarge when it is larger than the API takes."""
    if len(body) > BODY_LIMIT_BYTES:
        raise _too_large(BODY_LIMIT_BYTES)
    return body


def _too_large(limit: int) -> ContentTooLarge:
    return ContentTooLarge(f"The body must have at most {limit} bytes; got more.", "body-limit")
