"""The errors of the API: tiny classes with a status and a code, and the one place that writes them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GATEWAY_STATUSES = frozenset({401, 403, 413, 429, 500, 502, 503, 504})


class Problem(NamedTuple):
    """One entry of an error: a sentence, and the JSON pointer of what it is about (empty: the whole)."""

    message: str
    pointer: str = ""


class ApiError(Exception):
    """An answer that is not 2xx.

    `code` None means the short form `{"message": …}`. `behaviours` are the ids of the rows of the behaviours
    table that decided it.
    """

    status: int
    code: str | None = None

    def __init__(self, message: str, *behaviours: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems) or (Problem(message),)
        self.behaviours = behaviours
        self.headers: tuple[tuple[bytes, bytes], ...] = ()

    def told_of(self, pointer: str) -> None:
        """Name the part of the request (its JSON pointer) that failed, where the message does not say it."""
        if not self.message.startswith(pointer):
            self.message = f"{pointer}: {self.message}"
            self.problems = (Problem(self.message, pointer),)


class Broken(Exception):
    """The connection breaks instead of an answer; `how` is what the client sees of that.

    `silent`: the client has left by itself.
    """

    def __init__(self, how: Literal["closed", "reset", "truncated", "silent"]) -> None:
        super().__init__(f"the connection breaks: {how}")
        self.how = how


class InvalidJson(ApiError):
    status, code = 400, "invalidJson"


class ValidationFailed(ApiError):
    """The body breaks the contract; one entry for each violation."""

    status, code = 400, "validationError"


class Unauthorized(ApiError):
    status, code = 401, "unauthorized"

    def __init__(self, message: str, *behaviours: str, token_sent: bool) -> None:
        super().__init__(message, *behaviours)
        challenge = b'Bearer error="invalid_token"' if token_sent else b"Bearer"
        self.headers = ((b"www-authenticate", challenge),)


class Restricted(ApiError):
    status, code = 403, "restrictedResource"


class NotFound(ApiError):
    status, code = 404, "objectNotFound"


class MethodNotAllowed(ApiError):
    status = 405

    def __init__(self, method: str, path: str, allowed: Sequence[str], *behaviours: str) -> None:
        listed = ", ".join(allowed)
        super().__init__(f"{path} takes {listed}, not {method}.", "wrong-method", *behaviours)
        self.headers = ((b"allow", listed.encode("ascii")),)


class Conflict(ApiError):
    status, code = 409, "conflictError"


class PendingProcess(ApiError):
    status, code = 409, "PENDING_PROCESS_CONFLICT_ERROR"


class ContentTooLarge(ApiError):
    status = 413


class UnsupportedMediaType(ApiError):
    status = 415


class TooManyRequests(ApiError):
    status = 429

    def __init__(self) -> None:
        super().__init__("Too Many Requests", "too-many-requests", "rate-limit")


class InternalError(ApiError):
    status, code = 500, "internalServerError"


class WorldChanged(ApiError):
    """The workspace was reset, restored or deleted while the request was under way."""

    status, code = 503, "serviceUnavailable"

    def __init__(self) -> None:
        super().__init__(
            "The workspace was reset, restored or deleted while this request was under way; nothing of it is "
            "there. Sent again, it is a new request.",
            "world-changed",
        )


def entries(error: ApiError, new_id: Callable[[], str], seconds: float) -> list[dict[str, str]]:
    """The entries of the documented envelope; `seconds` is the time of the answer since 1970."""
    timestamp = str(int(seconds))
    return [
        {"code": error.code or "", "message": problem.message, "id": new_id(), "timestamp": timestamp}
        for problem in error.problems
    ]


def body(error: ApiError, new_id: Callable[[], str], seconds: float, *, gateway: bool) -> bytes:
    """The JSON of an error: the envelope, or the short form that a gateway in front would give."""
    if error.code is None or (gateway and error.status in GATEWAY_STATUSES):
        return orjson.dumps({"message": error.message})
    return orjson.dumps({"statusCode": error.status, "errors": entries(error, new_id, seconds)})
