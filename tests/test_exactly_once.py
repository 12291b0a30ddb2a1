"""The promise of the product: however requests of one key interleave, what they ask for happens once.

`CARROT_MOCK_ROUNDS` says how often each race is run, 20 times where it is not set.
"""

from __future__ import annotations

import asyncio
import json
import os
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from keyed import WAYS, Write, batch, keyed
from payloads import event

from mock_server.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx
    from conftest import World

    from mock_server.journal import Entry

ROUNDS = int(os.environ.get("CARROT_MOCK_ROUNDS", "20"))
CONNECTIONS = 10
REQUESTS = 50
KEYS = ("a", "b", "c")
Answer = tuple[int, bytes]


def race(way: str, document_id: str, key: str) -> Write:
    """What all requests of a round ask for: a document, an event or a batch of three."""
    if way == "batch":
        return batch(document_id, *(event(deduplicationId=f"{key}-{each}") for each in KEYS))
    return keyed(way, document_id, key)


def expected(way: str) -> list[str]:
    """The records that a round leaves in the ledger."""
    if way == "create":
        return ["document.created", "event.appended"]
    return ["event.appended"] * (len(KEYS) if way == "batch" else 1)


def assert_original_or_pending(answers: Sequence[Answer]) -> bytes:
    """The original answer, which at least one request got."""
    (original,) = {body for status, body in answers if status == 201}
    for status, body in answers:
        if status != 201:
            assert status == 409
            assert json.loads(body)["errors"][0]["code"] == "PENDING_PROCESS_CONFLICT_ERROR"
    return original


# Over a real socket: the interleaving is that of the bytes ------------------------------------------------


class Race:
    """Fifty equal requests on ten connections, cut into pieces that arrive in an order of their own."""

    def __init__(self, url: str, token: str, write: Write, random: Random) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        body = json.dumps(write.body).encode()
        self._request = (
            f"POST {write.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._random = random

    async def run(self) -> list[Answer]:
        found = await asyncio.gather(*(self._connection() for _ in range(CONNECTIONS)))
        return [answer for answers in found for answer in answers]

    async def _connection(self) -> list[Answer]:
        reader, writer = await asyncio.open_connection(*self._address)
        count = REQUESTS // CONNECTIONS
        pipelined = self._random.random() < 0.5
        answers = []
        for _ in range(count):
            await self._send(writer)
            if not pipelined:
                answers.append(await self._receive(reader))
        while len(answers) < count:
            answers.append(await self._receive(reader))
        writer.close()
        await writer.wait_closed()
        return answers

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        cuts = sorted(self._random.sample(range(1, len(self._request)), self._random.randrange(3)))
        for start, stop in zip([0, *cuts], [*cuts, len(self._request)], strict=True):
            writer.write(self._request[start:stop])
            await writer.drain()
            for _ in range(self._random.randrange(4)):
                await asyncio.sleep(0)

    async def _receive(self, reader: asyncio.StreamReader) -> Answer:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        return status, await reader.readexactly(length)


@pytest.mark.parametrize("way", WAYS)
def test_fifty_at_once_on_ten_connections_are_one(
    workspace: dict[str, Any], authorised: httpx.Client, way: str
) -> None:
    token = authorised.headers["Authorization"].removeprefix("Bearer ")
    url = workspace["url"]
    control = f"/_mock/workspaces/{workspace['id']}/events"
    for round_ in range(ROUNDS):
        document = keyed("create", "", f"document-{round_}")
        document_id = authorised.post(document.path, json=document.body).json()["id"]
        position = authorised.get(control).json()[-1]["position"]
        write = race(way, document_id, f"key-{round_}")
        answers = asyncio.run(Race(url, token, write, Random(f"{way} {round_}")).run())
        assert len(answers) == REQUESTS
        original = assert_original_or_pending(answers)
        records = authorised.get(control, params={"since": position}).json()
        assert [each["kind"] for each in records] == expected(way)
        assert authorised.post(write.path, json=write.body).content == original


# In process: the interleaving is that of the phases -------------------------------------------------------


class Interleaving:
    """A hook that lets others go first as its dice say, and fails a part `failing` of the times."""

    def __init__(self, random: Random, failing: float = 0.0) -> None:
        self._random = random
        self._failing = failing
        self.order: list[tuple[int, str]] = []

    async def __call__(self, phase: str, entry: Entry) -> None:
        for _ in range(self._random.randrange(6)):
            await asyncio.sleep(0)
        self.order.append((entry.number, phase))
        if self._random.random() < self._failing:
            raise InternalError("The dice said so.")


async def call(world: World, authorization: str, write: Write) -> Answer:
    """One POST straight into the app; a client's own work would take most of the time."""
    messages: list[Any] = []
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": write.path,
        "raw_path": write.path.encode(),
        "query_string": b"",
        "headers": [(b"authorization", authorization.encode()), (b"content-type", b"application/json")],
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(write.body).encode(), "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await world.app(scope, receive, send)
    start, body = messages
    return start["status"], body["body"]


def at_once(world: World, writes: Sequence[Write]) -> list[Answer]:
    authorization = world.a.headers["Authorization"]

    async def story() -> list[Answer]:
        return await asyncio.gather(*(call(world, authorization, each) for each in writes))

    return asyncio.run(story())


@pytest.mark.parametrize("rule", ["pending", "wait"])
@pytest.mark.parametrize("way", WAYS)
def test_whatever_the_order_of_the_phases_fifty_are_one(world: World, way: str, rule: str) -> None:
    world.semantics(dedup_in_flight=rule)
    orders, statuses = set(), set()
    for round_ in range(ROUNDS):
        world.pipeline.hook = None
        write = race(way, world.document(), f"key-{round_}")
        before = len(world.workspace.ledger.records())
        world.pipeline.hook = hook = Interleaving(Random(f"{way} {rule} {round_}"))
        answers = at_once(world, [write] * REQUESTS)
        original = assert_original_or_pending(answers)
        statuses |= {status for status, _ in answers}
        assert [each.kind for each in world.workspace.ledger.records(before)] == expected(way)
        assert world.a.post(write.path, json=write.body).content == original
        orders.add(tuple((number - hook.order[0][0], phase) for number, phase in hook.order))
    assert len(orders) == ROUNDS
    assert statuses == ({201} if rule == "wait" else {201, 409})


@pytest.mark.parametrize("rule", ["pending", "wait"])
def test_single_appends_and_batches_with_keys_in_common_append_each_event_once(
    world: World, rule: str
) -> None:
    world.semantics(dedup_in_flight=rule)
    for round_ in range(ROUNDS):
        world.pipeline.hook = None
        random = Random(f"mixed {rule} {round_}")
        document_id = world.document()
        path = f"/documents/{document_id}/events"
        items = {key: event(deduplicationId=f"{round_}-{key}") for key in KEYS}
        writes = [Write(path, item) for item in items.values()]
        writes += [batch(document_id, *random.sample(list(items.values()), 2)) for _ in range(6)]
        world.pipeline.hook = Interleaving(random)
        at_once(world, random.sample(writes * 4, len(writes) * 4))
        world.pipeline.hook = None
        final = [world.a.post(each.path, json=each.body) for each in writes]
        named = {each.json()["eventId"] for each in final[: len(KEYS)]}
        stored = world.timeline(document_id)
        assert {each.status_code for each in final} == {201}
        assert sorted(each["deduplicationId"] for each in stored) == sorted(
            item["deduplicationId"] for item in items.values()
        )
        assert {each["id"] for each in stored} == named


@pytest.mark.parametrize("rule", ["pending", "wait"])
@pytest.mark.parametrize("way", WAYS)
def test_clients_that_retry_through_failures_at_any_phase_get_one_thing(
    world: World, way: str, rule: str
) -> None:
    world.semantics(dedup_in_flight=rule)
    for round_ in range(ROUNDS):
        world.pipeline.hook = None
        write = race(way, world.document(), f"key-{round_}")
        before = len(world.workspace.ledger.records())
        world.pipeline.hook = Interleaving(Random(f"{way} {rule} {round_}"), failing=0.1)
        bodies = asyncio.run(persistent(world, write))
        assert len(set(bodies)) == 1
        assert [each.kind for each in world.workspace.ledger.records(before)] == expected(way)


async def persistent(world: World, write: Write) -> list[bytes]:
    """What eight clients get that send a request again until it succeeds."""
    authorization = world.a.headers["Authorization"]

    async def persist() -> bytes:
        for _ in range(200):
            status, body = await call(world, authorization, write)
            if status == 201:
                return body
            assert status in (409, 500)
        raise AssertionError("two hundred attempts were not enough")

    return await asyncio.gather(*(persist() for _ in range(8)))
