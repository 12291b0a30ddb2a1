"""The form of the control API's answers and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request


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


async def json_object(request: Request, known: Mapping[str, str]) -> dict[str, Any]:
    """The body as an object with no key beside `known` (name → what it is); raises ControlError.

    An empty body is an empty object.
    """
    raw = await request.body()
    if not raw.strip():
        return {}
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ControlError(400, "invalidJson", f"The body must be JSON: {error}.") from None
    if not isinstance(value, dict):
        raise ControlError(400, "validationError", f"The body must be an object; got {type(value).__name__}.")
    for name in value:
        if name not in known:
            raise ControlError(
                400, "validationError", f"/{name} is not known here; there is {', '.join(known)}.", f"/{name}"
            )
    return value
