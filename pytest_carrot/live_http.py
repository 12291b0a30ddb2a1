"""One HTTP request to any address, with an answer or a sentence that says why there is none."""

from __future__ import annotations

import json
import os
import ssl
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import gaierror
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS: Final = 30.0
"""How long an answer may take unless told otherwise."""
_MOST_BYTES: Final = 32 * 1024 * 1024
# A socket takes no number of seconds that is much greater.
_MOST_SECONDS: Final = 1_000_000.0
_PIECE: Final = 64 * 1024


class NoAnswer(Exception):
    """Nothing that can be used came back; `str()` is a sentence."""


@dataclass(frozen=True)
class Answer:
    """What came back; `fields` are all headers as they came, a name as often as it came."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: str) -> str:
        """The values of a header, joined; empty where there is none."""
        return ", ".join(value for each, value in self.fields if each.lower() == name)

    @property
    def content(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def object(self) -> dict[str, Any]:
        """The same as an object; empty where it is none."""
        found = self.content
        return found if isinstance(found, dict) else {}


def exchange(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    *,
    sized: bool = True,
    seconds: float = SECONDS,
) -> Answer:
    """One request over a connection of its own, without a proxy, following no redirect; raises NoAnswer.

    The length of a body is sent unless `sized` is false or the headers say one. `seconds` is how long nothing may
    come, and how long the body of an answer may take in all.
    """
    seconds = min(seconds, _MOST_SECONDS)
    parts = urlsplit(url)
    target = parts.path or "/"
    target = f"{target}?{parts.query}" if parts.query else target
    server = f"{parts.scheme}://{parts.netloc}"
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, seconds)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        named = {name.lower() for name in headers}
        if sized and "content-length" not in named and (body is not None or method in ("POST", "PUT")):
            connection.putheader("content-length", str(len(body or b"")))
        connection.endheaders(body)
        found = connection.getresponse()
        return Answer(found.status, tuple(found.getheaders()), _body(found, monotonic() + seconds))
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswer(_why(server, error, seconds)) from None
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None, seconds: float) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(host, port, timeout=seconds, context=_context(os.environ.get("SSL_CERT_FILE")))
    return HTTPConnection(host, port, timeout=seconds)


def _body(answer: HTTPResponse, until: float) -> bytes:
    """What comes until that moment; raises TimeoutError for a body that drips on, piece by piece, beyond it."""
    found = bytearray()
    while len(found) < _MOST_BYTES and (piece := answer.read1(_PIECE)):
        found += piece
        if monotonic() > until:
            raise TimeoutError
    return bytes(found)


@cache
def _context(file: str | None) -> ssl.SSLContext:
    # The machine's authorities, and those of the file, which this reads from the variable itself.
    return ssl.create_default_context()


def _why(server: str, error: Exception, seconds: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {server} is not good: {error.verify_message}. If it is signed by an authority of "
            "your own, give that one's file in the variable SSL_CERT_FILE."
        )
    if isinstance(error, ssl.SSLError):
        return f"What answers at {server} does not speak https ({error.reason or 'no TLS'}); is it meant to be http?"
    if isinstance(error, gaierror):
        return f"There is no host by the name in {server}: check the address."
    if isinstance(error, TimeoutError):
        return f"{server} did not answer within {seconds:g} seconds."
    if isinstance(error, ConnectionRefusedError):
        return f"Nothing listens at {server}: check the address, and that the server runs."
    if isinstance(error, HTTPException) and not isinstance(error, ConnectionError):
        return f"What answers at {server} does not speak HTTP ({type(error).__name__})."
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{server} broke the connection off ({reason})."
