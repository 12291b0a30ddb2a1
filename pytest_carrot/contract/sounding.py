"""Asks an API with a few requests which switches it has, of those that the contract's schemas depend on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from pytest_carrot.checking.valid import DOCUMENT, EVENT, PARTIES
from pytest_carrot.errors import UserMistake
from pytest_carrot.live_http import NoAnswer, exchange
from pytest_carrot.live_target import code_of, looks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_carrot.live_http import Answer

_RETIRED: Final[Mapping[str, Any]] = {
    "metadata": {"attributes": [{"name": "vehicle-type", "value": "Truck", "isPublic": False}]}
}
# Seconds to wait after each answer that says to try again: a busy document is, after 2 to 5 seconds.
_WAITS: Final = (1.0, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class Line:
    """An API and the header that logs in to it; `seconds` are those that an answer may take."""

    url: str
    authorization: str
    seconds: float

    def create(self) -> Answer:
        return self.ask("POST", "/documents", DOCUMENT)

    def read(self, document_id: str) -> Answer:
        return self.ask("GET", f"/documents/{document_id}")

    def append(self, document_id: str, **parts: Any) -> Answer:
        body = {**EVENT, "deduplicationId": f"check-{uuid4()}", **parts}
        return self.ask("POST", f"/documents/{document_id}/events", body)

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """One request, again where the answer says so; raises NoAnswer."""
        headers = {"authorization": self.authorization}
        if body is not None:
            headers["content-type"] = "application/json"
        raw = None if body is None else json.dumps(body).encode()
        for seconds in (*_WAITS, 0.0):
            answer = exchange(method, self.url + path, headers, raw, seconds=self.seconds)
            if answer.status != 429 and code_of(answer) != "PENDING_PROCESS_CONFLICT_ERROR":
                break
            sleep(seconds)
        return answer


def switches(line: Line, document_id: str, document: Mapping[str, Any]) -> dict[str, str]:
    """The values of the switches that could be told from a document and from four events that are sent to it."""
    found = {"get-shape": "full" if {"address", "author"} <= document.keys() else "stored"}
    try:
        plain = line.append(document_id, **PARTIES)
        _check_trouble(line, plain)
        if not plain.accepted:
            return found
        asked = {
            "event-parties": (line.append(document_id), "required"),
            "unknown-properties": (line.append(document_id, **PARTIES, carrotMockCheck="unknown"), "reject"),
            "conventions": (line.append(document_id, **PARTIES, **_RETIRED), "enforce"),
        }
    except NoAnswer:
        return found
    for name, (answer, value) in asked.items():
        _check_trouble(line, answer)
        if answer.accepted or answer.status == 400:
            found[name] = value if answer.status == 400 else _LAX[name]
    return found


def _check_trouble(line: Line, answer: Answer) -> None:
    """Raises UserMistake for a server error: nothing can be told from it, and it is not to be passed over."""
    if answer.status >= 500:
        raise UserMistake(
            f"{line.url} answered an append, one of its first requests, with {looks(answer)}: try again later. If it "
            "stays so, it does not act as the Carrot API."
        )


_LAX: Final[Mapping[str, str]] = {
    "event-parties": "optional",
    "unknown-properties": "allow",
    "conventions": "warn",
}
