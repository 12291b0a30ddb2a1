"""A client as the documentation asks for one: it waits, it tries again, and always with the same key."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

RETRIED = {429, 500, 502, 503, 504}
TRIES = 5
LONGEST_WAIT = 30.0


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

    def create(self, document: dict[str, Any]) -> str:
        return str(self._call("POST", "/documents", document)["id"])

    def append(self, document_id: str, event: dict[str, Any]) -> str:
        return str(self._call("POST", f"/documents/{document_id}/events", event)["eventId"])

    def append_all(self, document_id: str, events: list[dict[str, Any]]) -> None:
        self._call("POST", "/documents/events", {"documentId": document_id, "events": events})

    def upload(self, document_id: str, name: str, content_type: str, content: bytes) -> None:
        declared = {"contentLength": len(content), "contentType": content_type}
        url = self._call("PUT", f"/documents/{document_id}/attachments/{name}", declared)["url"]
        # The URL is signed: no bearer token here.
        self._http.put(url, content=content, headers={"Content-Type": content_type}).raise_for_status()

    def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        wait = 1.0
        renewed = False
        for attempt in range(1, TRIES + 1):
            headers = {"Authorization": f"Bearer {self._token or self._new_token()}"}
            answer = self._http.request(method, path, json=body, headers=headers)
            if answer.is_success:
                return answer.json()
            if answer.status_code == 401 and not renewed:
                self._token, renewed = None, True
                continue
            pending = answer.status_code == 409 and "PENDING_PROCESS_CONFLICT_ERROR" in answer.text
            if attempt == TRIES or not (pending or answer.status_code in RETRIED):
                break
            self._sleep(max(wait, 2.0) if pending else wait)
            wait = min(wait * 2, LONGEST_WAIT)
        return answer.raise_for_status().json()

    def _new_token(self) -> str:
        form = {"grant_type": "client_credentials", "scope": "api.carrot.eco/main-scope"}
        answer = self._http.post(self._token_url, data=form, auth=self._credentials)
        answer.raise_for_status()
        self._token = str(answer.json()["access_token"])
        return self._token
