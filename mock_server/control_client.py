"""Asks the control API of a running server, for the commands that do; needs only the standard library."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS: Final = 30.0


class ControlFailed(Exception):
    """There is no answer, or it is a refusal; `str()` is a sentence for the person who asked."""


class ControlClient:
    """The control API of one workspace; raises ControlFailed, also for an address that no server can have."""

    def __init__(self, url: str, workspace: str, token: str | None) -> None:
        self._connection = _connection(url)
        self._url = url.rstrip("/")
        self._prefix = f"/_mock/workspaces/{quote(workspace, safe='')}"
        self._token = _checked(token)

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        return self._call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", path, body)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PUT", path, body)

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def close(self) -> None:
        self._connection.close()

    def check(self) -> None:
        """Raises ControlFailed unless a Carrot Mock answers at the address."""
        status, content = self._exchange("GET", "/_mock/health")
        health = _decoded(content)
        if status != 200 or not isinstance(health, dict) or health.get("status") != "ready":
            raise ControlFailed(
                f"what answers at {self._url} is no Carrot Mock (GET /_mock/health: status {status}). Give --url the "
                "address that `carrot-mock serve` prints."
            )

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        status, content = self._exchange(method, f"{self._prefix}/{path}", body)
        answer = _decoded(content)
        if 200 <= status < 300:
            return answer
        if status == 401:
            raise ControlFailed(self._about_the_token())
        error = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(error, dict) and "message" in error:
            raise ControlFailed(str(error["message"]))
        raise ControlFailed(f"{self._url} answered {method} {self._prefix}/{path} with status {status}.")

    def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, bytes]:
        headers = {} if self._token is None else {"Authorization": f"Bearer {self._token}"}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, path, content, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ControlFailed(
                f"no Carrot Mock answers at {self._url} ({why}). Start one with `carrot-mock serve`, or give --url "
                "the address of one that runs."
            ) from None

    def _about_the_token(self) -> str:
        wrong = (
            "needs a control token" if self._token is None else "has another control token than the one given"
        )
        return (
            f"the Carrot Mock at {self._url} {wrong}. Give the one that it was started with, as --control-token or "
            "in CARROT_MOCK_CONTROL_TOKEN."
        )


def _connection(url: str) -> HTTPConnection:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        good = parts.scheme in ("http", "https") and host and port != 0
        good = good and not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        good = good and url.isprintable() and " " not in url
        (host or "").encode("idna")  # as looking it up does
    except ValueError:
        good = False
    if not good:
        raise ControlFailed(f"--url takes an address such as http://127.0.0.1:8750, not {url!r}.")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(host or "", port, timeout=TIMEOUT_SECONDS)


def _checked(token: str | None) -> str | None:
    if token is None or (token.isascii() and token.isprintable()):
        return token
    raise ControlFailed(
        "--control-token and CARROT_MOCK_CONTROL_TOKEN take one line of ASCII characters, as they go into a header."
    )


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except (ValueError, RecursionError):
        return None
