"""What all tests share: a world in process on a clock of its own, and a real server on a real socket."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpcore  # noqa: F401 - before runs of pytest in this process, which forget what they were the first to load
import httpx
import pytest
from payloads import event, mass_id

from mock_server import create_app
from mock_server.clock import ManualClock
from mock_server.settings import Settings
from pytest_carrot.asgi import SyncASGITransport

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class World:
    """An app in process: `clock` moves only by hand, `a`, `b` and `prod` are authorised clients."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock(NOON)
        self.app = create_app(Settings(**{"rate_limit": "off", "seed": 1, **settings}), clock=self.clock)
        self.transport = SyncASGITransport(self.app)
        self.anyone = httpx.Client(transport=self.transport, base_url="http://carrot.test")
        self.workspace = self.app.state.workspaces.default
        self.pipeline = self.app.state.pipeline

    def token(self, client: str = "test") -> str:
        answer = self.anyone.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(f"carrot-{client}-client", f"carrot-{client}-secret"),
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def client(self, name: str) -> httpx.Client:
        """An authorised client: `test`, `prod` or `partner`."""
        return httpx.Client(
            transport=self.transport,
            base_url="http://carrot.test",
            headers={"Authorization": f"Bearer {self.token(name)}"},
        )

    @property
    def a(self) -> httpx.Client:
        """Integrator A in test."""
        return self._cached("test")

    @property
    def b(self) -> httpx.Client:
        """Integrator B in test."""
        return self._cached("partner")

    @property
    def prod(self) -> httpx.Client:
        """Integrator A in production."""
        return self._cached("prod")

    @property
    def control(self) -> httpx.Client:
        """The control API of the default workspace."""
        return httpx.Client(transport=self.transport, base_url="http://carrot.test/_mock/workspaces/default/")

    def semantics(self, **switches: Any) -> None:
        """Set switches by their names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in switches.items()}
        self.workspace.semantics = self.workspace.semantics.replace(named)

    def document(self, **changes: Any) -> str:
        """The id of a new document of integrator A."""
        return created(self.a.post("/documents", json=mass_id(**changes)))

    def append(self, document_id: str, name: str = "Pick-up", **changes: Any) -> httpx.Response:
        return self.a.post(f"/documents/{document_id}/events", json=event(name, **changes))

    def read(self, document_id: str) -> dict[str, Any]:
        answer = self.a.get(f"/documents/{document_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def timeline(self, document_id: str) -> list[dict[str, Any]]:
        """The events of a document without the platform's own ACTOR."""
        return list(self.read(document_id)["externalEvents"][1:])

    def ledger(self) -> list[dict[str, Any]]:
        return list(self.control.get("events").json())

    def journal(self) -> list[dict[str, Any]]:
        return list(self.control.get("requests").json())

    def _cached(self, name: str) -> httpx.Client:
        if name not in self.__dict__:
            self.__dict__[name] = self.client(name)
        client: httpx.Client = self.__dict__[name]
        return client


def created(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of an answer in the documented envelope, whose shape is checked."""
    body = answer.json()
    assert set(body) == {"statusCode", "errors"}
    assert body["statusCode"] == answer.status_code
    for entry in body["errors"]:
        assert set(entry) == {"code", "message", "id", "timestamp"}
        assert len(entry["id"]) == 21
        assert entry["timestamp"].isdigit()
    first = body["errors"][0]
    return answer.status_code, first["code"], first["message"]


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh app in process, the rate limit off."""
    found = World()
    yield found
    found.transport.close()


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    """Makes worlds with settings of their own."""
    made: list[World] = []

    def make(**settings: Any) -> World:
        made.append(World(**settings))
        return made[-1]

    yield make
    for each in made:
        each.transport.close()


class Serving:
    """A `carrot-mock serve` process; `info` is the line that it printed when ready."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mock_server", "serve", "--port", "0", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            _, errors = self.process.communicate()
            raise AssertionError(f"the server did not start: {errors}")
        self.info: dict[str, Any] = json.loads(line)
        self.url: str = self.info["url"]

    def stop(self) -> int:
        self.process.terminate()
        self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture(scope="session")
def server() -> Iterator[Serving]:
    """A server in a process of its own, shared by all tests of a worker: use `workspace`, not its default."""
    serving = Serving("--rate-limit", "off")
    yield serving
    assert serving.stop() == 0


@pytest.fixture
def serve() -> Iterator[Callable[..., Serving]]:
    """Starts servers with arguments of their own."""
    started: list[Serving] = []

    def start(*arguments: str) -> Serving:
        started.append(Serving(*arguments))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.stop()


@pytest.fixture
def workspace(server: Serving) -> Iterator[dict[str, Any]]:
    """A workspace of its own on the shared server, as `POST /_mock/workspaces` answers, with `url`."""
    with httpx.Client(base_url=server.url, verify=False) as client:
        found = client.post("/_mock/workspaces", json={}).json()
        yield {**found, "url": server.url}
        client.delete(f"/_mock/workspaces/{found['id']}")


@pytest.fixture
def authorised(workspace: dict[str, Any]) -> Iterator[httpx.Client]:
    """A client of integrator A in test, over the socket."""
    credential = workspace["credentials"][0]
    with httpx.Client(base_url=workspace["url"], verify=False) as client:
        token = client.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(credential["clientId"], credential["clientSecret"]),
        ).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
