"""Stands between the tests of a live run and the API: names, counts and paces what is written, and watches where."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from pytest_carrot.errors import UserMistake
from pytest_carrot.live_environment import Permission, environment_of
from pytest_carrot.live_http import Answer, exchange
from pytest_carrot.live_limits import BudgetUsedUp
from pytest_carrot.live_target import looks, scrubbed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_carrot.live_limits import Budget, Pace
    from pytest_carrot.live_target import Target

_ABOUT_THE_CALLER: Final = (401, 403, 429)
TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - a path


class Refused(Exception):
    """A request that does not go on to the API; `str()` is a sentence."""


class _Answered(Refused):
    """What the API said of the first document it would say of any other request of this caller too."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"The API answered {looks(answer)}.")
        self.answer = answer


@dataclass
class Guard:
    """What all tests of a run share; `prefix` begins every key and external id. For several threads."""

    target: Target
    prefix: str
    pace: Pace
    budget: Budget
    permission: Permission
    stopped: str | None = None
    """Why the run has to end."""
    _clients: dict[str, str] = field(default_factory=dict, repr=False)
    _first: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _names: int = 0

    def pass_on(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The API's answer to a request; raises Refused, and NoAnswer."""
        plain = path.partition("?")[0]
        if plain == TOKEN_PATH:
            return self._token(method, headers, body)
        if method in ("GET", "HEAD", "OPTIONS"):
            return self._send(method, path, headers, body, 0)
        if self.stopped is None:
            try:
                self.first_document(headers.get("authorization", ""))
            except _Answered as instead:
                return instead.answer
        return self._send(method, path, headers, self._named(body), _writes(body))

    def first_document(self, authorization: str) -> dict[str, Any]:
        """The private document that an integrator's first write is preceded by, as it was read back.

        It tells the environment and the integrator's own participant. Raises Refused where nothing may be written.
        """
        with self._lock:
            token = authorization.partition(" ")[2]
            client = self._clients.get(token, token)
            if client not in self._first:
                self._first[client] = self._make_first(authorization)
            return self._first[client]

    # ------------------------------------------------------------------------------------------------------

    def _make_first(self, authorization: str) -> dict[str, Any]:
        headers = {"authorization": authorization, "content-type": "application/json"}
        created = self._send("POST", "/documents", headers, json.dumps(self._document()).encode(), 1)
        document_id = created.object.get("id")
        if created.status in _ABOUT_THE_CALLER or created.status >= 500:
            raise _Answered(created)
        if not created.accepted or not isinstance(document_id, str):
            raise Refused(
                "Before the first write a private document is made, to see which environment this is, and it was "
                f"answered {looks(created)}: {scrubbed(created.body.decode(errors='replace'), self.target)}"
            )
        found = self._send("GET", f"/documents/{document_id}", headers, b"", 0)
        if not found.accepted:
            raise Refused(f"The first document, {document_id}, cannot be read back ({looks(found)}).")
        try:
            environment_of(found.object, document_id, self.permission)
        except UserMistake as why:
            self.stopped = str(why)
            raise Refused(str(why)) from None
        return found.object

    def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes, writes: int) -> Answer:
        if self.stopped is not None and writes:
            raise Refused(self.stopped)
        try:
            self.budget.take(writes)
        except BudgetUsedUp as why:
            self.stopped = str(why)
            raise Refused(self.stopped) from None
        self.pace.wait()
        answer = exchange(method, self.target.url + path, headers, body or None, seconds=self.target.timeout)
        if 300 <= answer.status < 500:
            self.budget.give_back(writes)
        return answer

    def _token(self, method: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = exchange(method, self.target.token_url, headers, body or None, seconds=self.target.timeout)
        token = answer.object.get("access_token")
        if answer.accepted and isinstance(token, str):
            with self._lock:
                self._clients[token] = _client_of(headers, body)
        return answer

    def _named(self, body: bytes) -> bytes:
        """The body with names of this run, the same for the same; what is no object is the API's to refuse."""
        try:
            content = json.loads(body or b"null")
        except (ValueError, RecursionError):
            return body
        if not isinstance(content, dict) or "contentLength" in content:
            return body
        events = content.get("events")
        for each in events if isinstance(events, list) else [content]:
            if isinstance(each, dict):
                self._name(each)
        return json.dumps(content).encode()

    def _name(self, content: dict[str, Any]) -> None:
        if "deduplicationId" not in content:
            content["deduplicationId"] = self._new_name()
        content["deduplicationId"] = self._prefixed(content["deduplicationId"])
        # Made from the key, so that the same request stays the same.
        content["externalId"] = self._prefixed(content.get("externalId", content["deduplicationId"]))

    def _prefixed(self, name: Any) -> Any:
        """What is no text is the API's to refuse."""
        return f"{self.prefix}-{name}" if isinstance(name, str) and not name.startswith(self.prefix) else name

    def _new_name(self) -> str:
        with self._lock:
            self._names += 1
            # Told apart from every name that a test gives.
            return f"{self.prefix}-unnamed-{self._names}"

    def _document(self) -> dict[str, Any]:
        name = self._new_name()
        moment = datetime.now(UTC) - timedelta(days=1)
        return {
            "category": "MassID",
            "type": "Organic",
            "measurementUnit": "kg",
            "title": "Carrot Mock live test run: please ignore",
            "externalCreatedAt": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "isPublic": False,
            "isPubliclySearchable": False,
            "participant": {
                "countryCode": "BR",
                "name": "Carrot Mock live test run",
                "taxId": "99999999000191",
                "taxIdType": "CNPJ",
                "type": "COMPANY",
            },
            "address": {
                "city": "São Paulo",
                "countryCode": "BR",
                "countryState": "SP",
                "name": "Carrot Mock live test run",
                "number": "1",
                "street": "Rua de Teste",
            },
            "deduplicationId": name,
            "externalId": name,
        }


def _writes(body: bytes) -> int:
    """How much a request would leave behind."""
    try:
        content = json.loads(body or b"null")
    except (ValueError, RecursionError):
        return 1
    events = content.get("events") if isinstance(content, dict) else None
    return max(len(events), 1) if isinstance(events, list) else 1


def _client_of(headers: Mapping[str, str], body: bytes) -> str:
    """The client id of a token request that was granted."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return b64decode(encoded).decode(errors="replace").partition(":")[0]
    return parse_qs(body.decode(errors="replace")).get("client_id", [""])[0]
