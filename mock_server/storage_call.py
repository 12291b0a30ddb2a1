"""What a call of the storage is made of: the request, the answer, and the refusals by their S3 codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class StorageRequest(Struct, frozen=True):
    """A storage call as it came: `path` still percent-encoded, `query` without `?`.

    Header names are lower-case, as ASGI gives them.
    """

    method: str
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]

    def header(self, name: bytes) -> bytes | None:
        """The first value of the header `name` (lower-case), or None."""
        return next((value for key, value in self.headers if key == name), None)


class StorageAnswer(Struct, frozen=True):
    """What goes back: status, headers (lower-case names) and the whole body."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class StorageError(Exception):
    """A refusal of the storage: HTTP status, S3 `Code`, a sentence, further XML elements, further headers."""

    status: int = 400
    code: str = "InvalidRequest"

    def __init__(
        self,
        message: str,
        *,
        extra: Mapping[str, str] | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.extra = dict(extra or {})
        self.headers = tuple(headers)


class FaultedError(StorageError):
    """The refusal that a fault asks for; `code` None stands for S3's usual one."""

    def __init__(self, status: int, code: str | None) -> None:
        super().__init__(f"A fault asked for this answer ({status}).")
        self.status = status
        self.code = code or _CODES.get(status, "InternalError" if status >= 500 else "InvalidRequest")


class WorldChangedError(StorageError):
    """The workspace was reset, restored or deleted while the request was under way."""

    status = 503
    code = "ServiceUnavailable"

    def __init__(self) -> None:
        super().__init__(
            "The workspace was reset, restored or deleted while this request was under way; nothing is stored."
        )


_CODES = {
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "OperationAborted",
    429: "SlowDown",
    500: "InternalError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


class QueryParametersError(StorageError):
    """The signing parameters of the query are missing or ill-formed."""

    code = "AuthorizationQueryParametersError"


class AuthorizationHeaderError(StorageError):
    """An `Authorization` header came to the storage, most often the API's bearer token."""

    code = "InvalidArgument"


class UnsupportedSignatureError(StorageError):
    """The URL is signed in the older way, Signature Version 2."""

    code = "InvalidRequest"


class InvalidAccessKeyIdError(StorageError):
    """The access key is not this storage's."""

    status = 403
    code = "InvalidAccessKeyId"


class AccessDeniedError(StorageError):
    """Not signed at all, or outside the time the URL is good for."""

    status = 403
    code = "AccessDenied"


class SignatureDoesNotMatchError(StorageError):
    """A part that was signed is not what it was."""

    status = 403
    code = "SignatureDoesNotMatch"


class MethodNotAllowedError(StorageError):
    """A well-signed call with a method that this storage does not have."""

    status = 405
    code = "MethodNotAllowed"


class MissingContentLengthError(StorageError):
    """An upload that does not say its length beforehand."""

    status = 411
    code = "MissingContentLength"


class IncompleteBodyError(StorageError):
    """The body ended before its Content-Length."""

    code = "IncompleteBody"


class InsufficientStorageError(StorageError):
    """The bytes do not fit in the bound of the storage; a refusal that S3 does not have."""

    status = 507
    code = "InsufficientStorage"


class InvalidURIError(StorageError):
    """The path is not UTF-8."""

    code = "InvalidURI"


class NoSuchBucketError(StorageError):
    """The path names another bucket than the keys'."""

    status = 404
    code = "NoSuchBucket"


class NoSuchKeyError(StorageError):
    """Nothing was uploaded there."""

    status = 404
    code = "NoSuchKey"


class PreconditionFailedError(StorageError):
    """`If-Match` or `If-Unmodified-Since` does not hold."""

    status = 412
    code = "PreconditionFailed"


class InvalidRangeError(StorageError):
    """The range begins beyond the object's end."""

    status = 416
    code = "InvalidRange"
