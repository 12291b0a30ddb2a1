"""Calls of one integrator to an API that keeps everything: paced, counted, harmless, and repeated when told so."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.drifting.finding import CannotDrift, CannotProbe
from pytest_carrot.errors import UserMistake
from pytest_carrot.live_http import Answer, exchange
from pytest_carrot.live_target import code_of, fetch_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_carrot.live_limits import Budget, Pace
    from pytest_carrot.live_target import Login, Target

PENDING: Final = "PENDING_PROCESS_CONFLICT_ERROR"
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_PENDING_SECONDS: Final = 3.0
_PENDING_TRIES: Final = 8
_TRIES: Final = 3


@dataclass
class Line:
    """What all calls to a target share; `prefix` begins every key, external id and file name."""

    target: Target
    prefix: str
    pace: Pace
    budget: Budget
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    requests: int = 0
    accidents: list[str] = field(default_factory=list)
    """Calls that were answered 500."""
    _names: int = 0

    def name(self) -> str:
        """A new key, external id or file name of this run."""
        self._names += 1
        return f"{self.prefix}-{self._names}"

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        sized: bool = True,
        writes: int = 0,
    ) -> Answer:
        """One request; raises NoAnswer, and BudgetUsedUp before a write that is one too many."""
        self.budget.take(writes)
        self.pace.wait()
        self.requests += 1
        answer = exchange(method, url, headers, body, sized=sized, seconds=self.target.timeout)
        if 300 <= answer.status < 500:
            self.budget.give_back(writes)
        if answer.status == 500:
            self.accidents.append(f"{method} {url.removeprefix(self.target.url).partition('?')[0]}")
        return answer


class Caller:
    """An integrator who calls the API."""

    def __init__(self, line: Line, login: Login) -> None:
        self.line = line
        self.login = login
        self._token: str | None = None

    @property
    def token(self) -> str:
        """An access token; raises CannotDrift."""
        if self._token is None:
            try:
                self._token = fetch_token(self.line.target, self.login)
            except UserMistake as mistake:
                raise CannotDrift(str(mistake)) from None
        return self._token

    def get(self, path: str) -> Answer:
        return self._patiently("GET", path, None, {}, 0)

    def post(self, path: str, body: Any) -> Answer:
        """A write of JSON, or of bytes as they are."""
        return self._write("POST", path, body, {"content-type": "application/json"})

    def put(self, path: str, body: Any = None) -> Answer:
        return self._write("PUT", path, body, {} if body is None else {"content-type": "application/json"})

    def post_as(self, path: str, body: Any, content_type: str | None) -> Answer:
        """The same with another content type, or none."""
        return self._write("POST", path, body, {} if content_type is None else {"content-type": content_type})

    def impatient(self, method: str, path: str, body: Any = None) -> Answer:
        """A call that is made once, whatever is answered."""
        raw = _encoded(body)
        headers = self._headers() | ({} if raw is None else {"content-type": "application/json"})
        return self._send(method, path, headers, raw, 0 if method == "GET" else 1)

    def _write(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        raw = _encoded(body)
        check_harmless(raw, self.line.prefix)
        events = body.get("events") if isinstance(body, dict) else None
        return self._patiently(
            method, path, raw, headers, max(len(events), 1) if isinstance(events, list) else 1
        )

    def _patiently(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str], writes: int
    ) -> Answer:
        """Repeat what should be repeated; raises CannotProbe when that does not help."""
        refreshed = False
        tries = pending = 0
        while True:
            answer = self._send(method, path, headers | self._headers(), body, writes)
            if answer.status == 401:
                if refreshed:
                    raise CannotDrift(f"{self.line.target.url} does not take its tokens any more (401).")
                self._token, refreshed = None, True
            elif code_of(answer) == PENDING and pending < _PENDING_TRIES:
                pending += 1
                self.line.sleep(_PENDING_SECONDS)
            elif answer.status in _TRANSIENT:
                tries += 1
                if tries == _TRIES:
                    raise CannotProbe(
                        f"{_place(method, path)} was answered {answer.status}, {tries} times in a row"
                    )
                self.line.sleep(float(2**tries))
            else:
                return answer

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, writes: int
    ) -> Answer:
        return self.line.send(method, self.line.target.url + path, headers, body, writes=writes)

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


def check_harmless(raw: bytes | None, prefix: str) -> None:
    """Raises RuntimeError for a body that would show something to the public, or that has no key of this run."""
    try:
        body = json.loads(raw or b"null")
    except (ValueError, RecursionError):
        return
    if not isinstance(body, dict) or "contentLength" in body:
        return
    items = body.get("events")
    for each in items if isinstance(items, list) else [body]:
        if not isinstance(each, dict):
            continue
        public = (each, each.get("updates") or {})
        if any(part.get(name) not in (None, False) for part in public for name in _VISIBLE):
            raise RuntimeError("A probe would have shown a document to the public.")
        if any(not str(each.get(name)).startswith(prefix) for name in _NAMED):
            raise RuntimeError("A probe would have written something that does not name this run.")


_VISIBLE: Final = ("isPublic", "isPubliclySearchable")
_NAMED: Final = ("deduplicationId", "externalId")


def _encoded(body: Any) -> bytes | None:
    return body if body is None or isinstance(body, bytes) else json.dumps(body).encode()


def _place(method: str, path: str) -> str:
    """The call without ids: what is said of it is the same in every run."""
    parts = path.partition("?")[0].split("/")
    return f"{method} {'/'.join('…' if len(part) > 20 else part for part in parts)}"
