"""A client as the documentation asks for one: it waits, it tries again, and always with the same key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

RETRIED = {429, 500, 502, 503, 504}
TRIES = 5
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
PENDING_WAIT, LONGEST_PENDING_WAIT = 2.0, 5.0
# How long before its end a token is replaced.
TOKEN_MARGIN = 60.0


class Submitter:
    """Creates documents and appends events; `sleep` is how it waits."""

    def __init__(
        self,
        http: httpx.Client,
        token_url: str,
        credentials: tuple[str, str],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._http = http
        self._token_url = token_url
        self._credentials = credentials
        self._sleep = sleep
        self._token: str | None = None
        self._renew_at = 0.0

    def create(self, document: dict[str, Any]) -> str:
        return str(self._call("POST", "/documents", document)["id"])

    def append(self, document_id: str, event: dict[str, Any]) -> str:
        return str(self._call("POST", f"/documents/{document_id}/events", event)["eventId"])

    def append_all(self, document_id: str, events: list[dict[str, Any]]) -> None:
        self._call("POST", "/documents/events", {"documentId": document_id, "events": events})

    def upload(self, document_id: str, name: str, content_type: str, content: bytes) -> None:
        answer = self._upload(document_id, name, content_type, content)
        if answer.status_code == 403:
            # The URL has expired meanwhile: with a new one.
            answer = self._upload(document_id, name, content_type, content)
        answer.raise_for_status()

    def _upload(self, document_id: str, name: str, content_type: str, content: bytes) -> httpx.Response:
        declared = {"contentLength": len(content), "contentType": content_type}
        url = self._call("PUT", f"/documents/{document_id}/attachments/{name}", declared)["url"]
        # The URL is signed: no bearer token here.
        return self._persist(
            lambda: self._http.put(url, content=content, headers={"Content-Type": content_type})
        )

    def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        answer = self._authorised(method, path, body)
        if answer.status_code == 401:
            # The token has ended after all: once more, with a new one.
            self._token = None
            answer = self._authorised(method, path, body)
        return answer.raise_for_status().json()

    def _authorised(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._good_token()}"}
        return self._persist(lambda: self._http.request(method, path, json=body, headers=headers))

    def _good_token(self) -> str:
        """The token at hand until shortly before its end, then another one."""
        if self._token is None or time.monotonic() > self._renew_at:
            form = {"grant_type": "client_credentials", "scope": "api.carrot.eco/main-scope"}
            answer = self._persist(
                lambda: self._http.post(self._token_url, data=form, auth=self._credentials)
            )
            granted = answer.raise_for_status().json()
            life = float(granted["expires_in"])
            self._renew_at = time.monotonic() + life - min(TOKEN_MARGIN, life / 10)
            self._token = str(granted["access_token"])
        return self._token

    def _persist(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """The first answer that asks for no other attempt, or the last; raises where even that was lost."""
        wait = FIRST_WAIT
        for _ in range(TRIES - 1):
            pending = False
            try:
                answer = send()
            except httpx.TransportError:
                # Closed, timed out or cut short. Whether the API did it is unknown: hence the key.
                pass
            else:
                pending = answer.status_code == 409 and "PENDING_PROCESS_CONFLICT_ERROR" in answer.text
                if not pending and answer.status_code not in RETRIED:
                    return answer
            self._sleep(min(max(wait, PENDING_WAIT), LONGEST_PENDING_WAIT) if pending else wait)
            wait = min(wait * 2, LONGEST_WAIT)
        return send()
