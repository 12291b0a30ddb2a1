"""The S3-like storage: keeps uploaded bytes in memory within a bound and turns storage requests into answers.

The life of a call: `admit` (before the body is read), then `answer`; a StorageError of either becomes an
answer by `error_answer`; `stamp` adds the ids that S3 puts on every answer. Nothing here reads a clock, a
file or what an object holds.
"""

from __future__ import annotations

import hashlib
import re
from collections import ChainMap
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from mock_server.presign import verify
from mock_server.storage_call import (
    IncompleteBodyError,
    InsufficientStorageError,
    InvalidRangeError,
    InvalidURIError,
    MethodNotAllowedError,
    MissingContentLengthError,
    NoSuchBucketError,
    NoSuchKeyError,
    PreconditionFailedError,
    StorageAnswer,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mock_server.presign import StorageKeys
    from mock_server.storage_call import StorageRequest

    FrozenObjects = Mapping[str, "StoredObject"]

PREFIX = "/_storage"
DEFAULT_CONTENT_TYPE = "binary/octet-stream"
"""What S3 gives an object that was uploaded without a Content-Type."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# by hand, because xml.sax.saxutils imports an HTTP client: 10 ms of the start-up
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_RANGE = re.compile(r"bytes=([0-9]{0,40})-([0-9]{0,40})", re.IGNORECASE)


class StorageBudget:
    """The bytes that all object stores of a process may hold together. For one thread: the event loop's."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0

    def take(self, size: int, *, freed: int = 0) -> None:
        """Replace `freed` bytes in use by `size`; raises InsufficientStorageError and changes nothing."""
        if self.used_bytes - freed + size > self.limit_bytes:
            raise InsufficientStorageError(
                f"This object of {size} bytes does not fit: {self.used_bytes} of the {self.limit_bytes} "
                "bytes that the storage may hold are in use, uploads under way included. Reset or delete a "
                "workspace, or start the server with a higher bound (the setting storage-bytes)."
            )
        self.used_bytes += size - freed

    def give_back(self, size: int) -> None:
        """Return `size` bytes taken before."""
        self.used_bytes -= size


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One uploaded object; `etag` is the MD5 of the content in quotes, as sent in the header."""

    content: bytes
    content_type: str
    etag: str
    last_modified: datetime


class ObjectStore:
    """The objects of one workspace's bucket, by key (`{documentId}/{attachmentId}`).

    What was frozen is kept, and counted, until the store is closed: it may be restored.
    """

    def __init__(self, budget: StorageBudget) -> None:
        self._budget = budget
        self._objects: dict[str, StoredObject] = {}
        self._below: ChainMap[str, StoredObject] = ChainMap()
        self._frozen: list[dict[str, StoredObject]] = []

    def __contains__(self, key: str) -> bool:
        return key in self._objects or key in self._below

    def __len__(self) -> int:
        return len({*self._objects, *self._below})

    @property
    def size_bytes(self) -> int:
        """The bytes of all objects held, frozen ones included."""
        return sum(len(stored.content) for each in (self._objects, *self._frozen) for stored in each.values())

    def get(self, key: str) -> StoredObject | None:
        """The object at `key`, or None."""
        return self._objects.get(key) or self._below.get(key)

    def put(self, key: str, content: bytes, content_type: str, now: datetime) -> StoredObject:
        """Store `content` at `key` in place of what was there.

        Raises InsufficientStorageError; what was there then stays.
        """
        self._budget.take(len(content), freed=self._size(key))
        etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
        stored = StoredObject(content, content_type, etag, now)
        self._objects[key] = stored
        return stored

    @contextmanager
    def receiving(self, key: str, size: int) -> Iterator[None]:
        """Hold room for an upload of `size` bytes while its body is read; raises InsufficientStorageError.

        The room is free again at the end of the block: call `answer` after it, with no await between.
        """
        held = max(0, size - self._size(key))
        self._budget.take(held)
        try:
            yield
        finally:
            self._budget.give_back(held)

    def frozen(self) -> FrozenObjects:
        """The objects as they are now, which nothing changes any more."""
        if self._objects:
            self._frozen.append(self._objects)
            self._below = ChainMap(self._objects, *self._below.maps)
            self._objects = {}
        return self._below

    def restore(self, frozen: FrozenObjects | None) -> None:
        """Have the objects that were frozen (None: none), in place of those that there are."""
        self._budget.give_back(sum(len(stored.content) for stored in self._objects.values()))
        self._objects = {}
        self._below = frozen if isinstance(frozen, ChainMap) else ChainMap()

    def close(self) -> None:
        """Forget all objects and return their bytes to the budget."""
        self._budget.give_back(self.size_bytes)
        self._objects, self._below, self._frozen = {}, ChainMap(), []

    def _size(self, key: str) -> int:
        return len(self._objects[key].content) if key in self._objects else 0


def object_path(bucket: str, key: str) -> str:
    """The path of an object's URL, not yet percent-encoded."""
    return f"{PREFIX}/{bucket}/{key}"


def object_key(bucket: str, path: bytes) -> str:
    """The key that a percent-encoded path names; raises NoSuchBucketError or InvalidURIError."""
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise InvalidURIError("Couldn't parse the specified URI: its path is not UTF-8.") from None
    prefix = object_path(bucket, "")
    if not decoded.startswith(prefix):
        raise NoSuchBucketError(f"The specified bucket does not exist. This storage has the bucket {bucket}.")
    return decoded.removeprefix(prefix)


def content_length(request: StorageRequest) -> int:
    """The bytes an upload announces; raises MissingContentLengthError (chunked bodies have no length)."""
    announced = request.header(b"content-length")
    if announced is None or not re.fullmatch(rb"[0-9]{1,18}", announced):
        raise MissingContentLengthError("You must provide the Content-Length HTTP header.")
    return int(announced)


def admit(keys: StorageKeys | None, request: StorageRequest, now: datetime) -> int:
    """The number of body bytes to read before `answer` may be called; raises what `verify` raises.

    An upload without a length is told so (411) before its signature, which covers the length, is checked.
    """
    size = content_length(request) if request.method == "PUT" else 0
    verify(keys, request, now)
    if request.method not in ("PUT", "GET", "HEAD"):
        raise MethodNotAllowedError(
            "The specified method is not allowed against this resource.",
            extra={"Method": request.method, "ResourceType": "OBJECT"},
            headers=[(b"allow", b"GET, HEAD, PUT")],
        )
    return size


def answer(
    store: ObjectStore, bucket: str, request: StorageRequest, body: bytes, now: datetime
) -> StorageAnswer:
    """The answer to an admitted request, whose body is wholly read; raises StorageError."""
    key = object_key(bucket, request.path)
    if request.method == "PUT":
        return answer_put(store, key, request, body, now)
    return answer_get(store, key, request)


def answer_put(
    store: ObjectStore, key: str, request: StorageRequest, body: bytes, now: datetime
) -> StorageAnswer:
    """Store the body, whatever it is; raises IncompleteBodyError when it is not as long as announced."""
    if len(body) != content_length(request):
        raise IncompleteBodyError(
            "You did not provide the number of bytes specified by the Content-Length HTTP header. "
            f"{content_length(request)} were announced and {len(body)} came; nothing is stored."
        )
    content_type = (request.header(b"content-type") or b"").decode("latin-1") or DEFAULT_CONTENT_TYPE
    stored = store.put(key, body, content_type, now)
    return StorageAnswer(200, [(b"etag", stored.etag.encode()), (b"content-length", b"0")], b"")


def answer_get(store: ObjectStore, key: str, request: StorageRequest) -> StorageAnswer:
    """The object at `key`, or the one range asked for; a HEAD has the headers of the GET and no body.

    Raises NoSuchKeyError, PreconditionFailedError, InvalidRangeError.
    """
    stored = store.get(key)
    if stored is None:
        raise NoSuchKeyError("The specified key does not exist.", extra={"Key": key})
    validators = [
        (b"etag", stored.etag.encode()),
        (b"last-modified", format_datetime(stored.last_modified.astimezone(UTC), usegmt=True).encode()),
        (b"accept-ranges", b"bytes"),
    ]
    if _unchanged(stored, request):
        return StorageAnswer(304, validators, b"")
    headers = [*validators, (b"content-type", stored.content_type.encode("latin-1", "replace"))]
    status, content, size = 200, stored.content, len(stored.content)
    if (part := _range(_current_range(stored, request), size)) is not None:
        status, content = 206, content[part.start : part.stop]
        headers.append((b"content-range", f"bytes {part.start}-{part.stop - 1}/{size}".encode()))
    headers.append((b"content-length", str(len(content)).encode()))
    return StorageAnswer(status, headers, b"" if request.method == "HEAD" else content)


def error_answer(
    error: StorageError, request: StorageRequest, request_id: str, host_id: str
) -> StorageAnswer:
    """The refusal as S3 words it; it is already stamped. The body is empty when the request was a HEAD."""
    resource = unquote_to_bytes(request.path).decode("utf-8", "replace")
    body = to_xml(error, resource, request_id, host_id)
    headers = [
        (b"content-type", b"application/xml"),
        (b"content-length", str(len(body)).encode()),
        *error.headers,
    ]
    content = b"" if request.method == "HEAD" else body
    return stamp(StorageAnswer(error.status, headers, content), request_id, host_id)


def stamp(given: StorageAnswer, request_id: str, host_id: str) -> StorageAnswer:
    """The same answer with S3's two ids in its headers."""
    ids = [(b"x-amz-request-id", request_id.encode()), (b"x-amz-id-2", host_id.encode())]
    return StorageAnswer(given.status, [*ids, *given.headers], given.body)


def to_xml(error: StorageError, resource: str, request_id: str, host_id: str) -> bytes:
    """The `Error` document in UTF-8; characters that XML 1.0 cannot hold become U+FFFD."""
    elements = {
        "Code": error.code,
        "Message": error.message,
        **error.extra,
        "Resource": resource,
        "RequestId": request_id,
        "HostId": host_id,
    }
    inner = "".join(f"<{name}>{_text(text)}</{name}>" for name, text in elements.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}</Error>'.encode()


def _text(text: str) -> str:
    return _NOT_IN_XML.sub("\ufffd", text).translate(_ESCAPES)


def _current_range(stored: StoredObject, request: StorageRequest) -> bytes | None:
    """The range that is asked for, unless only of another version of the object (RFC 9110, 13.1.5)."""
    condition = request.header(b"if-range")
    if condition is not None and condition.decode("latin-1") != stored.etag:
        date = _date(condition)
        if date is None or date != stored.last_modified.replace(microsecond=0):
            return None
    return request.header(b"range")


def _range(header: bytes | None, size: int) -> range | None:
    """The bytes asked for, or None for the whole (no range, several, or one that cannot be read)."""
    found = _RANGE.fullmatch((header or b"").decode("latin-1").strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, stop = max(0, size - int(found[2])), size
    else:
        start, stop = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= size:
        raise InvalidRangeError(
            "The requested range is not satisfiable",
            extra={"RangeRequested": found[0], "ActualObjectSize": str(size)},
            headers=[(b"content-range", f"bytes */{size}".encode())],
        )
    return range(start, stop)


def _unchanged(stored: StoredObject, request: StorageRequest) -> bool:
    """Whether the client has this object already (304); raises PreconditionFailedError.

    As S3 does, an ETag decides over a date: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>.
    """
    modified = stored.last_modified.replace(microsecond=0)
    match, none_match = request.header(b"if-match"), request.header(b"if-none-match")
    modified_since = _date(request.header(b"if-modified-since"))
    unmodified_since = _date(request.header(b"if-unmodified-since"))
    failed = ""
    if match is not None:
        failed = "" if _names(match, stored.etag) else "If-Match"
    elif unmodified_since is not None and modified > unmodified_since:
        failed = "If-Unmodified-Since"
    if failed:
        raise PreconditionFailedError(
            "At least one of the pre-conditions you specified did not hold", extra={"Condition": failed}
        )
    if none_match is not None:
        return _names(none_match, stored.etag)
    return modified_since is not None and modified <= modified_since


def _names(header: bytes, etag: str) -> bool:
    """Whether a list of ETags, with or without quotes, holds `etag`; `*` holds any."""
    given = [item.strip().removeprefix("W/").strip('"') for item in header.decode("latin-1").split(",")]
    return "*" in given or etag.strip('"') in given


def _date(header: bytes | None) -> datetime | None:
    """An HTTP date, or None for one absent or unreadable (which is then ignored)."""
    if header is None:
        return None
    try:
        return parsedate_to_datetime(header.decode("latin-1")).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
