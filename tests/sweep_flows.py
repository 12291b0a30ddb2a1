"""A client of two events and a file that runs in this process: as it should be, or with one of its mistakes."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from payloads import at, event, mass_id

from pytest_carrot.flows import Ended
from pytest_carrot.handle import Carrot

CONTENT = b"320 kg"


class GivenUp(Exception):
    """The client ends with an error."""


@dataclass(frozen=True)
class Habits:
    """What a client does otherwise than it should; by default nothing."""

    new_key: bool = False
    no_key: bool = False
    tries: int = 5
    takes_pending_for_success: bool = False
    keeps_token: bool = False
    insists_on_conflict: bool = False
    with_file: bool = True
    forgets_to_upload: bool = False
    patience: float = 10


class Client:
    """Never waits, and has no mercy with itself: what is not done in its tries is not done."""

    def __init__(self, world: Carrot, habits: Habits) -> None:
        self._world, self._habits = world, habits
        self._token = ""
        self._numbers = count(1)

    def submit(self) -> None:
        document_id = self.post("/documents", mass_id(deduplicationId="record-0217/document"))["id"]
        where = f"/documents/{document_id}"
        self.post(f"{where}/events", event("WEIGHING", value=320, deduplicationId="record-0217/weighing"))
        if self._habits.with_file:
            declared = {"contentLength": len(CONTENT), "contentType": "text/plain"}
            url = self._call("PUT", f"{where}/attachments/ticket.txt", declared)["url"]
            if not self._habits.forgets_to_upload:
                self._until_done(lambda: self._send("PUT", url, CONTENT, {"Content-Type": "text/plain"}))
        close = event("CLOSE", externalCreatedAt=at(15), deduplicationId="record-0217/close")
        self.post(f"{where}/events", close)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call("POST", path, body)

    def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        def send() -> tuple[int, bytes] | None:
            if not self._token:
                self._token = self._new_token()
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            content = json.dumps(self._keyed(body)).encode()
            return self._send(method, self._world.url + path, content, headers)

        answer = self._until_done(send)
        return json.loads(answer) if answer else {}

    def _keyed(self, body: dict[str, Any]) -> dict[str, Any]:
        if "deduplicationId" not in body:
            return body
        if self._habits.no_key:
            return {name: each for name, each in body.items() if name != "deduplicationId"}
        if self._habits.new_key:
            return {**body, "deduplicationId": f"{body['deduplicationId']}/{next(self._numbers)}"}
        if self._habits.insists_on_conflict:
            minute = next(self._numbers)
            return {
                **body,
                "externalCreatedAt": body["externalCreatedAt"].replace(":00:00", f":{minute:02}:00"),
            }
        return body

    def _until_done(self, send: Callable[[], tuple[int, bytes] | None]) -> bytes:
        for _ in range(self._habits.tries):
            answer = send()
            if answer is None:
                continue
            status, content = answer
            if status < 300:
                return content
            if status == 401 and not self._habits.keeps_token:
                self._token = ""
            elif b"PENDING" in content and self._habits.takes_pending_for_success:
                return b""
            elif not (
                status in (429, 500, 502, 503, 504)
                or b"PENDING" in content
                or (status == 409 and self._habits.insists_on_conflict)
            ):
                raise GivenUp(f"{status} {content.decode()}")
        raise GivenUp("enough of it")

    def _new_token(self) -> str:
        basic = b64encode(f"{self._world.client_id}:{self._world.client_secret}".encode()).decode()
        headers = {
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = b"grant_type=client_credentials&scope=api.carrot.eco%2Fmain-scope"
        answer = self._until_done(lambda: self._send("POST", self._world.token_url, form, headers))
        return str(json.loads(answer)["access_token"])

    def _send(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes] | None:
        parts = urlsplit(url)
        with (
            closing(HTTPConnection(parts.netloc, timeout=self._habits.patience)) as connection,
            suppress(OSError, HTTPException),
        ):
            connection.request(method, f"{parts.path}?{parts.query}", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        return None


class InProcess:
    """A flow that is a Python function."""

    def __init__(self, submit: Callable[[Carrot], object]) -> None:
        self._submit = submit

    @classmethod
    def with_habits(cls, habits: Habits) -> InProcess:
        return cls(lambda world: Client(world, habits).submit())

    def run(self, world: Carrot) -> Ended:
        try:
            self._submit(world)
        except GivenUp as error:
            return Ended(False, 1, output=str(error))
        return Ended(True, 0)
