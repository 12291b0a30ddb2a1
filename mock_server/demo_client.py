"""A client such as the documentation asks for: it waits when told to, and needs only the standard library."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, quote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TIMEOUT_SECONDS: Final = 15.0
# As the documentation advises: start at one second, at most 30, at most 5 tries.
_FIRST_WAIT_SECONDS: Final = 1.0
_LONGEST_WAIT_SECONDS: Final = 30.0
_MOST_TRIES: Final = 5
_PENDING_WAIT_SECONDS: Final = 2.0
_PENDING: Final = "PENDING_PROCESS_CONFLICT_ERROR"


class DemoFailed(Exception):
    """The story went otherwise than expected; `str()` is one sentence or two, `exit_code` the command's."""

    exit_code = 1


class BadAddress(DemoFailed):
    """An address that no server can have: the user's mistake."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a call; `call` is its method and path, for messages."""

    call: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    server: str

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object of the answer; raises DemoFailed when it is none."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip()
        try:
            found = json.loads(self.content) if "json" in kind else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            came = kind if kind and "json" not in kind else "something" if self.content else "an empty body"
            raise DemoFailed(
                f"{self.call} answered {self.status} with {came}, not with a JSON object. Is {self.server} a "
                "Carrot server?"
            )
        return found

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Code and message of each error, in any of the shapes of errors that the API has."""
        body = self.body
        entries = body.get("errors")
        if isinstance(entries, list) and all(isinstance(each, dict) for each in entries):
            return [(str(each.get("code", "")), str(each.get("message", ""))) for each in entries]
        if "error" in body:
            return [(str(body["error"]), str(body.get("error_description", "")))]
        return [("", str(body["message"]))] if "message" in body else []

    def expect(self, status: int) -> Answer:
        """Itself; 2 means any of 200 to 299, since which one is not documented.

        Raises DemoFailed for another status.
        """
        if self.status == status or (status == 2 and 200 <= self.status < 300):
            return self
        # The storage answers errors in XML, which has nothing to add here.
        is_xml = "xml" in self.headers.get("content-type", "")
        said = "" if is_xml else "; ".join(message for _, message in self.errors)
        wanted = "success" if status == 2 else str(status)
        raise DemoFailed(
            f"{self.call} answered {self.status} where {wanted} was expected{f': {said}' if said else '.'}"
        )

    def text(self, name: str) -> str:
        """The text that the answer has under a name; raises DemoFailed when there is none."""
        found = self.body.get(name)
        if not isinstance(found, str):
            raise self._lacks(name)
        return found

    def items(self, name: str) -> list[Any]:
        """The list that the answer has under a name; raises DemoFailed when there is none."""
        found = self.body.get(name)
        if not isinstance(found, list):
            raise self._lacks(name)
        return found

    def _lacks(self, name: str) -> DemoFailed:
        return DemoFailed(f"{self.call} answered without {name}. Is {self.server} a Carrot server?")


class Client:
    """Calls one Carrot server, over a connection for each host that stays open.

    `sleep` is how it waits, and `on_wait` hears of it before: the answer that asked for it, and the seconds.
    """

    def __init__(self, url: str, sleep: Callable[[float], None]) -> None:
        self.url = url.rstrip("/")
        parts = _split(self.url)
        if parts.query or parts.fragment or parts.username is not None:
            raise BadAddress(f"The address of a server has no ?, # or @; got {url}")
        self.on_wait: Callable[[Answer, float], None] = lambda answer, seconds: None
        self._sleep = sleep
        self._token: str | None = None
        self._connections: dict[tuple[str, str], HTTPConnection] = {}

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()

    def authorise(self, client_id: str, client_secret: str) -> Answer:
        """Ask for a token; after a 200 the calls carry it."""
        pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}".encode()
        headers = {
            "Authorization": f"Basic {b64encode(pair).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = b"grant_type=client_credentials&scope=api.carrot.eco%2Fmain-scope"
        answer = self._send("POST", f"{self.url}/oauth2/token", form, headers)
        if answer.status == 200:
            self._token = answer.text("access_token")
        return answer

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Call the API; an answer that asks for patience (429, or busy) is waited for and the call repeated.

        It may be repeated because its body carries the same deduplicationId again.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        seconds = _FIRST_WAIT_SECONDS
        for _ in range(_MOST_TRIES - 1):
            answer = self._send(method, self.url + path, content, headers)
            pending = answer.status == 409 and any(code == _PENDING for code, _ in answer.errors)
            if answer.status != 429 and not pending:
                return answer
            wait = max(seconds, _PENDING_WAIT_SECONDS) if pending else seconds
            self.on_wait(answer, wait)
            self._sleep(wait)
            seconds = min(seconds * 2, _LONGEST_WAIT_SECONDS)
        return self._send(method, self.url + path, content, headers)

    def storage(
        self, method: str, url: str, content: bytes | None = None, content_type: str | None = None
    ) -> Answer:
        """Use a pre-signed URL, which takes no bearer token."""
        headers = {} if content_type is None else {"Content-Type": content_type}
        return self._send(method, url, content, headers)

    def _send(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        parts = _split(url)
        server = f"{parts.scheme}://{parts.netloc}"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        with _explained(server):
            connection, reused = self._connection(parts)
            try:
                connection.request(method, target, content, dict(headers))
                response = connection.getresponse()
            except (RemoteDisconnected, ConnectionError):
                # A server may close a connection that was idle; it did not take the request then.
                if not reused:
                    raise
                connection.close()
                connection.request(method, target, content, dict(headers))
                response = connection.getresponse()
            return Answer(
                f"{method} {parts.path or '/'}",
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
                server,
            )

    def _connection(self, parts: SplitResult) -> tuple[HTTPConnection, bool]:
        """The connection to a host, and whether it is open already."""
        key = (parts.scheme, parts.netloc)
        if (known := self._connections.get(key)) is not None:
            return known, known.sock is not None
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = self._connections[key] = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
        return connection, False


def _split(url: str) -> SplitResult:
    """The parts of an http address; raises BadAddress for what is none."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise BadAddress(f"An address such as http://127.0.0.1:8750 is needed, not {url!r}.")
    return parts


@contextmanager
def _explained(server: str) -> Iterator[None]:
    """Turns what a socket raises into a sentence."""
    try:
        yield
    except TimeoutError:
        raise DemoFailed(f"{server} did not answer within {TIMEOUT_SECONDS:g} seconds.") from None
    except (RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        # Which of them it is depends on whether the request had arrived when the server closed.
        raise DemoFailed(f"{server} closed the connection without an answer.") from None
    except OSError as error:
        raise DemoFailed(
            f"{server} cannot be reached: {error.strerror or error}. "
            "Start a server with `carrot-mock serve`, or leave --url out."
        ) from None
    except HTTPException:
        raise DemoFailed(f"{server} does not answer in HTTP. Is it a Carrot server?") from None
