"""The form of the control API's answers and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from mock_server.nesting import DEPTH_LIMIT, too_deep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

BODY_LIMIT_BYTES: Final = 1024 * 1024


class ControlError(Exception):
    """A refusal of the control API; `path` is the JSON pointer of what it is about (empty: the whole)."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        path: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.path = path
        self.headers = dict(headers or {})


def json_answer(value: Any, status: int = 200) -> Response:
    """Any JSON value."""
    return Response(orjson.dumps(value), status, media_type="application/json")


def raw_answer(value: bytes) -> Response:
    """JSON that is bytes already."""
    return Response(value, media_type="application/json")


def failure(error: ControlError) -> Response:
    """An error as `{"error": {"code", "message", "path"}}`."""
    content = {"error": {"code": error.code, "message": error.message, "path": error.path}}
    return Response(orjson.dumps(content), error.status, error.headers, "application/json")


async def json_object(request: Request) -> dict[str, Any]:
    """The body as an object, an empty one being an empty object; raises ControlError."""
    raw = await _body(request)
    if not raw.strip():
        return {}
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ControlError(400, "invalidJson", f"The body must be JSON: {error}.") from None
    if too_deep(raw, value):
        message = f"The body must not nest arrays and objects more than {DEPTH_LIMIT} deep."
        raise ControlError(400, "invalidJson", message)
    if not isinstance(value, dict):
        raise ControlError(400, "validationError", f"The body must be an object; got {shown(value)}.")
    return value


def check_keys(value: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raises ControlError for a key that is not among `known`, with the nearest one that is."""
    for name in value:
        if name not in known:
            from difflib import get_close_matches  # only a mistake needs it

            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(known)}."
            raise ControlError(
                400, "validationError", f"{pointer(name)} is not known here; {hint}", pointer(name)
            )


def pointer(*steps: str) -> str:
    """The JSON pointer (RFC 6901) of a value, by the names that lead to it."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def shown(value: Any) -> str:
    """A value from the body as JSON, cut short."""
    text = orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


_SHOWN_CHARACTERS: Final = 120


async def _body(request: Request) -> bytes:
    chunks = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > BODY_LIMIT_BYTES:
                message = f"The body must have at most {BODY_LIMIT_BYTES} bytes; got more."
                raise ControlError(413, "contentTooLarge", message)
            chunks.append(chunk)
    except ClientDisconnect:
        raise ControlError(400, "incomplete", "The body ended before it was complete.") from None
    return b"".join(chunks)
