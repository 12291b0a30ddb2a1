"""A client of the Carrot API that follows the documented retry table, in nothing but Python's standard library."""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from enum import Enum, auto
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from itertools import count
from typing import Any, Self
from urllib.parse import quote, urlsplit

TRIES = 5
LONGEST_WAIT = 30.0
# Waits for a pending process, in first waits: 2 to 5 seconds when the first wait is one.
PENDING_WAIT, LONGEST_PENDING_WAIT = 2.0, 5.0
TIMEOUT = 15.0
# How long before its end a token is replaced.
TOKEN_MARGIN = 60.0


class Verdict(Enum):
    """What to do after an answer."""

    DONE = auto()
    AGAIN = auto()
    AGAIN_LATER = auto()
    NEW_TOKEN = auto()
    GIVE_UP = auto()


@dataclass(frozen=True)
class Answer:
    """An answer that came whole."""

    status: int
    content: bytes

    @property
    def pending(self) -> bool:
        """Whether a background process holds the document."""
        return self.status == 409 and b"PENDING_PROCESS_CONFLICT_ERROR" in self.content


class Failed(Exception):
    """The API did not do what was asked; `status` is None where no answer came."""

    def __init__(self, what: str, answer: Answer | None) -> None:
        came = "no answer" if answer is None else f"{answer.status} {answer.content.decode(errors='replace')}"
        super().__init__(f"{what}: {came}")
        self.status = None if answer is None else answer.status


class Client:
    """Creates, appends, uploads and reads; what it sends again it sends with the same key."""

    def __init__(
        self, api_url: str, token_url: str, credentials: tuple[str, str], first_wait: float = 1.0
    ) -> None:
        self._api_url = api_url
        self._token_url = token_url
        self._credentials = credentials
        self._first_wait = first_wait
        self._token: str | None = None
        self._renew_at = 0.0

    @classmethod
    def from_environment(cls) -> Self:
        """A client of the API that the environment names; CARROT_FIRST_WAIT, in seconds, is for impatient tests."""
        given = os.environ
        credentials = (given["CARROT_CLIENT_ID"], given["CARROT_CLIENT_SECRET"])
        first_wait = float(given.get("CARROT_FIRST_WAIT", "1"))
        return cls(given["CARROT_API_URL"], given["CARROT_TOKEN_URL"], credentials, first_wait)

    # What the API offers ----------------------------------------------------------------------------------

    def create(self, document: dict[str, Any]) -> str:
        return str(self._call("POST", "/documents", document)["id"])

    def append(self, document_id: str, event: dict[str, Any]) -> None:
        self._call("POST", f"/documents/{document_id}/events", event)

    def append_all(self, document_id: str, events: list[dict[str, Any]]) -> None:
        self._call("POST", "/documents/events", {"documentId": document_id, "events": events})

    def upload(self, document_id: str, name: str, content_type: str, content: bytes) -> None:
        """Declare a file and send it; where the URL has expired meanwhile, both again."""
        try:
            self._upload(document_id, name, content_type, content)
        except Failed as failure:
            if failure.status != 403:
                raise
            self._upload(document_id, name, content_type, content)

    def read(self, document_id: str) -> dict[str, Any]:
        return dict(self._call("GET", f"/documents/{document_id}"))

    # What the wrong clients beside this file do otherwise -------------------------------------------------

    def verdict(self, answer: Answer | None) -> Verdict:
        """The documented retry table; None stands for an answer that was lost, or did not come whole."""
        if answer is None or answer.status in (429, 500, 502, 503, 504):
            return Verdict.AGAIN
        if answer.status == 401:
            return Verdict.NEW_TOKEN
        if answer.pending:
            return Verdict.AGAIN_LATER
        return Verdict.DONE if answer.status < 300 else Verdict.GIVE_UP

    def body_of(self, body: dict[str, Any], attempt: int) -> dict[str, Any]:
        """What an attempt sends: every time the very same, its deduplicationId above all."""
        return body

    # How ----------------------------------------------------------------------------------------------------

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        attempts = count(1)

        def send() -> Answer:
            headers = {"Authorization": f"Bearer {self._good_token()}", "Content-Type": "application/json"}
            content = None if body is None else json.dumps(self.body_of(body, next(attempts))).encode()
            return _send(method, self._api_url + path, headers, content)

        return json.loads(self._persist(f"{method} {path}", send).content)

    def _upload(self, document_id: str, name: str, content_type: str, content: bytes) -> None:
        declared = {"contentLength": len(content), "contentType": content_type}
        url = self._call("PUT", f"/documents/{document_id}/attachments/{quote(name, safe='')}", declared)[
            "url"
        ]
        # The URL is signed: no bearer token here.
        self._persist(f"PUT {name}", lambda: _send("PUT", url, {"Content-Type": content_type}, content))

    def _persist(self, what: str, send: Callable[[], Answer]) -> Answer:
        """Send until the verdict is that it is done; raises Failed."""
        wait, renewed = self._first_wait, False
        for attempt in range(1, TRIES + 1):
            answer = _answer_to(send)
            verdict = self.verdict(answer)
            if verdict is Verdict.DONE and answer is not None:
                return answer
            if verdict is Verdict.NEW_TOKEN and self._token is not None and not renewed:
                self._token, renewed = None, True
                continue
            if verdict not in (Verdict.AGAIN, Verdict.AGAIN_LATER) or attempt == TRIES:
                break
            time.sleep(self._pending_wait(wait) if verdict is Verdict.AGAIN_LATER else wait)
            wait = min(wait * 2, LONGEST_WAIT)
        raise Failed(what, answer)

    def _pending_wait(self, wait: float) -> float:
        least, most = PENDING_WAIT * self._first_wait, LONGEST_PENDING_WAIT * self._first_wait
        return min(max(wait, least), most)

    def _good_token(self) -> str:
        """The token at hand until shortly before its end, then another one."""
        if self._token is None or time.monotonic() > self._renew_at:
            self._token = None
            basic = b64encode(":".join(self._credentials).encode()).decode()
            headers = {
                "Authorization": f"Basic {basic}",
                "Content-Type": "application/x-www-form-urlencoded",
            }
            form = b"grant_type=client_credentials&scope=api.carrot.eco%2Fmain-scope"
            answer = self._persist("POST the token", lambda: _send("POST", self._token_url, headers, form))
            granted = json.loads(answer.content)
            life = float(granted["expires_in"])
            self._renew_at = time.monotonic() + life - min(TOKEN_MARGIN, life / 10)
            self._token = str(granted["access_token"])
        return self._token


def _answer_to(send: Callable[[], Answer]) -> Answer | None:
    try:
        return send()
    except (OSError, HTTPException):
        # Closed, reset, timed out, or cut short. Whether the API did it is unknown: hence the key.
        return None


def _send(method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    with closing(kind(parts.netloc, timeout=TIMEOUT)) as connection:
        connection.request(method, target, content, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, response.read())
