"""How requests are answered on a connection: in their order, at once where they can be, and else when they can."""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest
from conftest import created
from payloads import mass_id

from mock_server import create_app
from mock_server.pipeline import Pipeline
from mock_server.server import in_thread
from mock_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.applications import Starlette

    from mock_server.call import Answer, Call
    from mock_server.journal import Entry, Phase


@pytest.fixture
def app() -> Starlette:
    return create_app(Settings(rate_limit="off"))


@pytest.fixture
def client(app: Starlette) -> Iterator[httpx.Client]:
    """Authorised, on a server of its own."""
    with in_thread(app) as url, httpx.Client(base_url=url) as client:
        answer = client.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=("carrot-test-client", "carrot-test-secret"),
        )
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def pipelined(client: httpx.Client, *paths: str) -> list[bytes]:
    """The start and the end of each answer to GET requests that were all sent before the first was answered."""
    token = client.headers["Authorization"]
    head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n"
    requests = "".join(f"GET {path} {head}\r\n" for path in paths[:-1])
    requests += f"GET {paths[-1]} {head}Connection: close\r\n\r\n"
    with socket.create_connection(
        (client.base_url.host, client.base_url.port or 80), timeout=20
    ) as connection:
        connection.sendall(requests.encode())
        got = b""
        while part := connection.recv(65536):
            got += part
    return got.split(b"HTTP/1.1 ")[1:]


def test_requests_that_were_sent_together_are_answered_in_their_order(client: httpx.Client) -> None:
    document_id = created(client.post("/documents", json=mass_id()))
    paths = ("/_mock/health", f"/documents/{document_id}", "/nowhere", "/openapi.json", "/documents/x")
    answers = pipelined(client, *paths, f"/documents/{document_id}")
    assert [each[:3] for each in answers] == [b"200", b"200", b"404", b"200", b"404", b"200"]
    assert b'"status":"ready"' in answers[0]
    assert answers[1].partition(b"\r\n\r\n")[2] == answers[5].partition(b"\r\n\r\n")[2]


def test_hundreds_of_requests_that_were_sent_together_are_all_answered(client: httpx.Client) -> None:
    assert [each[:3] for each in pipelined(client, *["/documents/x"] * 500)] == [b"404"] * 500


def test_a_request_that_has_to_wait_after_all_is_answered_when_it_can_be(
    app: Starlette, client: httpx.Client
) -> None:
    reached, may_go_on = threading.Event(), threading.Event()

    async def hold(phase: Phase, _entry: Entry) -> None:
        if phase == "before_commit":
            reached.set()
            await asyncio.to_thread(may_go_on.wait)

    body = mass_id(deduplicationId="the same")
    workspace = app.state.workspaces.default
    workspace.semantics = workspace.semantics.replace({"dedup-in-flight": "wait"})
    app.state.pipeline.hook = hold
    with ThreadPoolExecutor() as pool:
        first = pool.submit(client.post, "/documents", json=body)
        assert reached.wait(20)
        # The second begins without a hook, and so without a task, and then meets the first one's key.
        app.state.pipeline.hook = None
        second = pool.submit(client.post, "/documents", json=body)
        while not any(workspace.in_flight.values()):
            assert not second.done()
            client.get("/_mock/health")
        may_go_on.set()
        assert created(first.result(20)) == created(second.result(20))
    assert len(client.get("/_mock/workspaces/default/documents").json()) == 1


def test_a_mistake_in_answering_is_told_and_does_not_stop_the_server(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(_self: Pipeline, _call: Call, _answer: Answer) -> None:
        raise RuntimeError("no answer today")

    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "_respond", broken)
        assert client.get("/documents/x").status_code == 500
    assert "no answer today" in caplog.text
    assert client.get("/documents/x").status_code == 404
