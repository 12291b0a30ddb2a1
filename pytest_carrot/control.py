"""The control API of a server or of one workspace, as JSON over any wire."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPConnection

# What goes wrong here is about what the test asked: its traceback ends there.
__tracebackhide__ = True

_SECONDS = 30.0
_CONTROL = "/_mock/"


class ControlError(Exception):
    """The control API refused, or did not answer (`status` None, and why in `reason`); `str()` is a sentence."""

    def __init__(self, message: str, status: int | None = None, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Control(Protocol):
    """The control API of one workspace; paths are relative to it: "events", "documents/…".

    Everything raises ControlError for an answer that is no 2xx, and without an answer.
    """

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        """The decoded answer."""
        ...

    def post(self, path: str, body: Any = None) -> Any: ...

    def put(self, path: str, body: Any) -> Any: ...

    def patch(self, path: str, body: Any) -> Any: ...

    def delete(self, path: str) -> None: ...


class Wire(Protocol):
    """How bytes come to a server and back; safe to use from several threads."""

    def exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body of the answer; raises ControlError when there is none."""
        ...


class JsonControl:
    """A `Control` below `prefix` (which ends with a slash) of the server that the wire leads to."""

    def __init__(self, wire: Wire, prefix: str, token: str | None = None) -> None:
        self._wire = wire
        self._prefix = prefix
        self._token = token
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}

    def within(self, path: str) -> JsonControl:
        """The same for what lies below a path."""
        return JsonControl(self._wire, f"{self._prefix}{path}/", self._token)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Any = None) -> Any:
        return self._call("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self._call("PUT", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self._call("PATCH", path, body)

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        # An empty path is the workspace itself.
        address = f"{self._prefix}{path}" if path else self._prefix[:-1]
        # What is no JSON is sent as text, so that the server says what it wants instead.
        content = b"" if body is None else json.dumps(body, default=str).encode()
        status, answer = self._wire.exchange(method, address, content, self._headers)
        if not 200 <= status < 300:
            raise ControlError(_why(method, address, status, answer), status)
        return json.loads(answer) if answer else None


class Socket:
    """A `Wire` of one connection that is kept open, to `http://…` or `https://…` without a path.

    What is not for the control API goes over a new connection each time, and is sent only once: a fault may break it.
    """

    def __init__(self, url: str, seconds: float = _SECONDS) -> None:
        self.url = url
        self._seconds = seconds
        self._lock = threading.Lock()
        self._connection: HTTPConnection | None = None

    def exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        from http.client import HTTPException, RemoteDisconnected

        with self._lock:
            if not path.startswith(_CONTROL):
                self._drop()
            reused = self._connection is not None
            try:
                try:
                    return self._once(method, path, body, headers)
                except (RemoteDisconnected, ConnectionError):
                    # A server closes what was idle for long, maybe at this very moment.
                    if not reused:
                        raise
                    return self._once(method, path, body, headers)
            except (OSError, HTTPException) as error:
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                raise ControlError(
                    f"{self.url} did not answer {method} {path}: {reason}.", reason=reason
                ) from error

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _once(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = _connection(self.url, self._seconds)
        try:
            self._connection.request(method, path, body or None, {**_headers(body), **headers})
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except BaseException:
            # Half an answer may be on its way.
            self._drop()
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connection(url: str, seconds: float) -> HTTPConnection:
    from http.client import HTTPConnection, HTTPSConnection

    parts = urlsplit(url)
    if parts.scheme == "https":
        return HTTPSConnection(parts.hostname or "", parts.port, timeout=seconds)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)


def _headers(body: bytes) -> dict[str, str]:
    return {"content-type": "application/json"} if body else {}


def _why(method: str, path: str, status: int, answer: bytes) -> str:
    try:
        return str(json.loads(answer)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{method} {path} was answered with status {status}: {answer[:200].decode(errors='replace')}"
