"""An app in process whose requests overlap: they go on until they wait for something, and time passes by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, Self
from urllib.parse import unquote

from conftest import NOON
from payloads import event, mass_id

from mock_server import create_app
from mock_server.behaviours import Semantics
from mock_server.clock import ManualClock
from mock_server.settings import Settings
from pytest_carrot.exchange import Exchange, scope

CLIENTS = {"a": "carrot-test-client", "b": "carrot-partner-client", "prod": "carrot-prod-client"}
FILE = {"contentLength": 3, "contentType": "text/plain"}


class HandLoop(asyncio.SelectorEventLoop):
    """An event loop whose time, by which requests wait, stands still until it is moved."""

    moment = 0.0

    def time(self) -> float:
        return self.moment

    def settle(self) -> None:
        """Go round until everything waits for something that is not there yet."""
        self.run_until_complete(self._idle())

    def pass_time(self, seconds: float) -> None:
        self.moment += seconds
        self.settle()

    async def _idle(self) -> None:
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0)
            quiet = 0 if self._ready else quiet + 1  # type: ignore[attr-defined]  # asyncio's own queue


class InTurn(Exchange):
    """As the socket's server has a request that came whole: see `mock_server.wire.Whole`."""

    __slots__ = ()

    def take(self) -> bytes:
        body, self._body = self._body, None
        assert isinstance(body, bytes)
        return body

    def answer(self, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
        if self.disconnected:
            return False
        self.status, self.headers, self.complete = status, list(headers), True
        self.parts.append(body)
        self.leave()
        return True


class Sent:
    """A request that was sent: the answer, or how the connection ended; `done` when the app is done with it."""

    def __init__(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        self.exchange = exchange
        self.task = task

    @property
    def done(self) -> bool:
        return self.task.done()

    @property
    def status(self) -> int | None:
        return self.exchange.status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.exchange.headers}

    @property
    def body(self) -> bytes:
        return b"".join(self.exchange.parts)

    @property
    def is_whole(self) -> bool:
        return self.exchange.complete

    @property
    def broken(self) -> str | None:
        return self.exchange.broken

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json()["errors"][0]["code"])

    def leave(self) -> None:
        """The client gives up."""
        self.exchange.leave()


class OpenWorld:
    """The default workspace of an app of its own: `send` begins a request and returns when that waits or is done."""

    def __init__(self, semantics: dict[str, Any] | None = None, **settings: Any) -> None:
        self.clock = ManualClock(NOON)
        # Opaque tokens: to make the key of the others takes longer than most tests.
        chosen = Semantics.default().replace({"token-format": "opaque", **(semantics or {})})
        options = {"rate_limit": "off", "seed": 1, "semantics": chosen, **settings}
        self.app = create_app(Settings(**options), clock=self.clock)
        self.workspace = self.app.state.workspaces.default
        self.loop = HandLoop()
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.settle()
        self.loop.close()

    # Asking ---------------------------------------------------------------------------------------------

    def send(
        self,
        method: str,
        target: str,
        body: Any = None,
        who: str | None = "a",
        headers: dict[str, str] | None = None,
        *,
        settle: bool = True,
        in_turn: bool = False,
    ) -> Sent:
        """Begin a request; a body that is not bytes becomes JSON, and `who` None sends no token.

        `in_turn` answers it as the socket's server does for a request that comes whole.
        """
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        fields = {"host": "carrot.test", "content-length": str(len(content)), **(headers or {})}
        if not isinstance(body, bytes) and body is not None:
            fields.setdefault("content-type", "application/json")
        if who is not None:
            fields.setdefault("authorization", f"Bearer {self.token(who)}")
        target = target.removeprefix("http://carrot.test")
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()]
        path = unquote(target.partition("?")[0])
        asked = scope(method, "http", raw, target.encode("ascii"), path, ("carrot.test", 80))
        exchange = InTurn(content)
        work = self.app.at_once(asked, exchange.receive, exchange.send, exchange) if in_turn else None
        if work is None:
            work = self.app(asked, exchange.receive, exchange.send)
        sent = Sent(exchange, self.loop.create_task(work))
        if settle:
            self.loop.settle()
            if sent.done:
                sent.task.result()
        return sent

    def ask(self, method: str, target: str, body: Any = None, who: str | None = "a", **more: Any) -> Sent:
        """As `send`, for a request that nothing holds."""
        sent = self.send(method, target, body, who, **more)
        assert sent.done, f"{method} {target} was held"
        return sent

    def token(self, who: str = "a") -> str:
        if who not in self._tokens:
            answer = self.ask_token(who)
            assert answer.status == 200, answer.body
            self._tokens[who] = answer.json()["access_token"]
        return self._tokens[who]

    def new_token(self, who: str = "a") -> str:
        """A token in place of the one that was used so far."""
        self._tokens.pop(who, None)
        return self.token(who)

    def ask_token(self, who: str = "a") -> Sent:
        """A request for a token."""
        form = f"grant_type=client_credentials&client_id={CLIENTS[who]}&client_secret={_secret(who)}"
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.send("POST", "/oauth2/token", form.encode(), None, kind)

    # The control API ------------------------------------------------------------------------------------

    def control(self, method: str, path: str, body: Any = None, workspace: str = "default") -> Sent:
        return self.ask(method, f"/_mock/workspaces/{workspace}/{path}", body, None)

    def get(self, path: str) -> Any:
        """What the control API shows."""
        answer = self.control("GET", path)
        assert answer.status == 200, answer.body
        return answer.json()

    def set(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """A change by the control API, which must be taken; what it answers."""
        answer = self.control(method, path, body)
        assert answer.status in (200, 201, 204), answer.body
        return answer.json() if answer.body else None

    def refused(self, path: str, body: Any, method: str = "POST") -> tuple[int, str, str]:
        """A change that is not taken: status, the place that is wrong, and the sentence."""
        answer = self.control(method, path, body)
        error = answer.json()["error"]
        return answer.status or 0, error["path"], error["message"]

    def fault(self, operation: str, phase: str, do: str, **more: Any) -> str:
        return str(self.set("faults", {"operation": operation, "phase": phase, "do": do, **more})["id"])

    def gate(self, operation: str, phase: str, **more: Any) -> str:
        return str(self.set("gates", {"operation": operation, "phase": phase, **more})["id"])

    def release(self, gate: str, **which: Any) -> list[str]:
        return list(self.set(f"gates/{gate}/release", which)["released"])

    def waiting(self, gate: str) -> list[str]:
        """The requests that a gate holds."""
        (found,) = [each for each in self.get("gates") if each["id"] == gate]
        return [each["requestId"] for each in found["waiting"]]

    def journal(self, operation: str | None = None) -> list[dict[str, Any]]:
        return list(self.get("requests" + (f"?operation={operation}" if operation else "")))

    def records(self) -> list[dict[str, Any]]:
        return list(self.get("events"))

    # What tests do again and again -----------------------------------------------------------------------

    def create(self, key: str | None = None, who: str = "a", **changes: Any) -> Sent:
        return self.send("POST", "/documents", mass_id(deduplicationId=key or ..., **changes), who)

    def document(self, who: str = "a", **changes: Any) -> str:
        """The id of a new document."""
        answer = self.ask("POST", "/documents", mass_id(**changes), who)
        assert answer.status == 201, answer.body
        return str(answer.json()["id"])

    def append(self, document_id: str, key: str | None = None, name: str = "Pick-up", **changes: Any) -> Sent:
        return self.send(
            "POST", f"/documents/{document_id}/events", event(name, deduplicationId=key or ..., **changes)
        )

    def read(self, document_id: str) -> Sent:
        return self.send("GET", f"/documents/{document_id}")

    def names(self, document_id: str) -> list[str]:
        """The names on a document's timeline, the platform's own ACTOR aside."""
        found = self.get(f"documents/{document_id}")
        return [each["name"] for each in found["externalEvents"][1:]]

    def upload_url(self, document_id: str, name: str = "a.txt") -> str:
        answer = self.ask("PUT", f"/documents/{document_id}/attachments/{name}", FILE)
        assert answer.status == 200, answer.body
        return str(answer.json()["url"])

    def download_url(self, document_id: str, name: str = "a.txt") -> str:
        answer = self.ask("GET", f"/documents/{document_id}/attachments/{name}")
        assert answer.status == 200, answer.body
        return str(answer.json()["url"])

    def put(self, url: str, content: bytes = b"abc") -> Sent:
        return self.send("PUT", url, content, None, {"content-type": "text/plain"})


def until(holds: Callable[[], object]) -> None:
    """Ask a real server until something holds."""
    for _ in range(5000):
        if holds():
            return
    raise AssertionError("it did not come to that")


def _secret(who: str) -> str:
    return CLIENTS[who].replace("client", "secret")
