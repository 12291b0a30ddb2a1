"""`carrot_asgi`: a world without a socket, with a clock of the test's own, and the transport that it is built on."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from conftest import NOON, created
from payloads import mass_id
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mock_server.clock import ManualClock
from pytest_carrot.asgi import CarrotAsgi, SyncASGITransport

# The world ----------------------------------------------------------------------------------------------


def test_it_has_no_socket(carrot_asgi: CarrotAsgi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket.connect", None)
    created(carrot_asgi.client.post("/documents", json=mass_id()))
    assert len(carrot_asgi.documents.all()) == 1


def test_its_async_client_runs_on_the_loop_of_the_caller(carrot_asgi: CarrotAsgi) -> None:
    async def create() -> list[str]:
        answers = await asyncio.gather(
            *(carrot_asgi.async_client.post("/documents", json=mass_id()) for _ in range(3))
        )
        return [created(each) for each in answers]

    made = asyncio.run(create())
    assert {each["id"] for each in carrot_asgi.documents.all()} == set(made)


def test_its_handle_and_client_work_where_a_loop_runs(carrot_asgi: CarrotAsgi) -> None:
    async def create() -> int:
        created(carrot_asgi.client.post("/documents", json=mass_id()))
        return len(carrot_asgi.documents.all())

    assert asyncio.run(create()) == 1


def test_any_asgi_tool_can_use_the_app(carrot_asgi: CarrotAsgi) -> None:
    async def look() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(carrot_asgi.app)) as client:
            headers = {"Authorization": f"Bearer {carrot_asgi.token()}"}
            return await client.post("http://carrot.test/documents", json=mass_id(), headers=headers)

    created(asyncio.run(look()))
    assert len(carrot_asgi.documents.all()) == 1


def test_a_large_ledger_is_streamed(carrot_asgi: CarrotAsgi) -> None:
    created(carrot_asgi.client.post("/documents", json=mass_id()))
    answer = carrot_asgi.client.get(
        f"{carrot_asgi.control_url}/events", headers={"Accept": "application/x-ndjson"}
    )
    assert [json.loads(line) for line in answer.text.splitlines()] == carrot_asgi.ledger.records()


class TestWithAClockOfItsOwn:
    @pytest.fixture
    def carrot_asgi_clock(self) -> ManualClock:
        return ManualClock(NOON)

    def test_the_world_takes_its_time_from_it(
        self, carrot_asgi: CarrotAsgi, carrot_asgi_clock: ManualClock
    ) -> None:
        created(carrot_asgi.client.post("/documents", json=mass_id()))
        carrot_asgi_clock.advance(60)
        created(carrot_asgi.client.post("/documents", json=mass_id()))
        times = {each["recordedAt"] for each in carrot_asgi.ledger.records()}
        assert times == {"2026-03-01T12:00:00.000Z", "2026-03-01T12:01:00.000Z"}

    def test_a_token_expires_with_it(self, carrot_asgi: CarrotAsgi, carrot_asgi_clock: ManualClock) -> None:
        client = carrot_asgi.client
        assert client.get("/documents/nothing").status_code == 404
        carrot_asgi_clock.advance(3599)
        assert client.get("/documents/nothing").status_code == 404
        carrot_asgi_clock.advance(1)
        assert client.get("/documents/nothing").status_code == 401
        client.headers["Authorization"] = f"Bearer {carrot_asgi.token(new=True)}"
        assert client.get("/documents/nothing").status_code == 404


def test_other_worlds_have_the_time_of_the_machine(carrot_asgi: CarrotAsgi) -> None:
    created(carrot_asgi.client.post("/documents", json=mass_id()))
    assert not carrot_asgi.ledger.records()[0]["recordedAt"].startswith("2026-03-01T12:0")


# The transport ------------------------------------------------------------------------------------------


async def _echo(request: Request) -> Response:
    return JSONResponse(
        {
            "method": request.method,
            "target": [request.scope["path"], request.scope["raw_path"].decode()],
            "query": list(request.query_params.multi_items()),
            "host": request.headers["host"],
            "body": (await request.body()).decode(),
        },
        status_code=207,
        headers={"x-many": "1"},
    )


async def _later(request: Request) -> Response:
    for _ in range(3):
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        found = await asyncio.get_running_loop().run_in_executor(None, lambda: "from a thread")
    return Response(found)


async def _stream(request: Request) -> Response:
    async def several() -> AsyncIterator[str]:
        for each in ("one", "two"):
            await asyncio.sleep(0)
            yield each

    return StreamingResponse(several())


async def _stream_from_a_thread(request: Request) -> Response:
    return StreamingResponse(iter(("one", "two")))


async def _fail(request: Request) -> Response:
    raise LookupError("of the application")


async def _until_the_client_leaves(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    leaving = asyncio.ensure_future(receive())
    await asyncio.sleep(0)
    assert not leaving.done()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"o", "more_body": True})
    await send({"type": "http.response.body", "body": b"k"})
    assert (await leaving)["type"] == "http.disconnect"
    assert (await receive())["type"] == "http.disconnect"


async def _silent(scope: Any, receive: Any, send: Any) -> None:
    pass


APP = Starlette(
    routes=[
        Route("/echo/{rest:path}", _echo, methods=["GET", "POST"]),
        Route("/later", _later),
        Route("/stream", _stream),
        Route("/stream-from-a-thread", _stream_from_a_thread),
        Route("/fail", _fail),
    ]
)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(transport=SyncASGITransport(APP), base_url="https://example.test") as found:
        yield found


def test_a_request_arrives_whole_and_so_does_the_answer(client: httpx.Client) -> None:
    answer = client.post("/echo/a%20b", params=[("x", "1"), ("x", "2")], content="söme")
    assert answer.status_code == 207
    assert answer.headers["x-many"] == "1"
    assert answer.json() == {
        "method": "POST",
        "target": ["/echo/a b", "/echo/a%20b"],
        "query": [["x", "1"], ["x", "2"]],
        "host": "example.test",
        "body": "söme",
    }


def test_a_body_may_come_in_parts(client: httpx.Client) -> None:
    assert client.post("/echo/", content=iter([b"one ", b"", b"two"])).json()["body"] == "one two"


@pytest.mark.parametrize("path", ["/stream", "/stream-from-a-thread"])
def test_an_answer_may_come_in_parts(client: httpx.Client, path: str) -> None:
    assert client.get(path).text == "onetwo"


def test_an_application_may_wait(client: httpx.Client) -> None:
    assert client.get("/later").text == "from a thread"


def test_what_the_application_raises_comes_out(client: httpx.Client) -> None:
    with pytest.raises(LookupError, match="of the application"):
        client.get("/fail")
    assert client.get("/echo/").status_code == 207


def test_an_application_can_wait_for_the_client_to_leave() -> None:
    with httpx.Client(transport=SyncASGITransport(_until_the_client_leaves)) as client:
        assert client.get("http://example.test").text == "ok"


def test_an_application_has_to_answer() -> None:
    client = httpx.Client(transport=SyncASGITransport(_silent))
    with client, pytest.raises(RuntimeError, match="without having answered"):
        client.get("http://example.test")


def test_what_was_interrupted_does_not_go_on() -> None:
    steps: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        steps.append(scope["path"])
        if scope["path"] == "/first":
            asyncio.get_running_loop().call_soon(_interrupt)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            steps.append("went on")
        await Response("fine")(scope, receive, send)

    def _interrupt() -> None:
        raise KeyboardInterrupt

    with httpx.Client(transport=SyncASGITransport(app), base_url="http://example.test") as client:
        with pytest.raises(KeyboardInterrupt):
            client.get("/first")
        assert client.get("/second").text == "fine"
    assert steps == ["/first", "/second"]


def test_threads_take_turns(client: httpx.Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: client.post("/echo/", content=str(n)).json()["body"], range(40)))
    assert answers == [str(n) for n in range(40)]


def test_it_works_where_a_loop_runs(client: httpx.Client) -> None:
    async def call() -> str:
        return client.get("/later").text

    assert asyncio.run(call()) == "from a thread"


def test_a_transport_that_nobody_closes_says_nothing() -> None:
    assert httpx.Client(transport=SyncASGITransport(APP)).get("http://example.test/later").status_code == 200


def test_the_application_runs_in_the_thread_of_the_caller() -> None:
    seen: list[threading.Thread] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(threading.current_thread())
        await Response()(scope, receive, send)

    with httpx.Client(transport=SyncASGITransport(app)) as client:
        client.get("http://example.test")
    assert seen == [threading.current_thread()]
