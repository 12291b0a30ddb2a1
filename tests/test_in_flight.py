"""Requests that overlap under one key: what the second meets while the first is not answered yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from conftest import World, created, error_of
from keyed import OF_ONE_EVENT, WAYS, Write, batch, keyed, many, settle
from payloads import at, event

from mock_server.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from mock_server.journal import Entry

PENDING = (409, "PENDING_PROCESS_CONFLICT_ERROR")
BEFORE = ("arrived", "authenticated", "validated", "before_commit")
AFTER = ("committed", "responding")


class Gate:
    """A hook that keeps the first write that reaches a phase until `release`, and may then fail it."""

    def __init__(self, world: World, phase: str = "before_commit", failure: Exception | None = None) -> None:
        self.phase = phase
        self.failure = failure
        self.reached = asyncio.Event()
        self._released = asyncio.Event()
        world.pipeline.hook = self

    async def __call__(self, phase: str, entry: Entry) -> None:
        if phase != self.phase or entry.operation == "token" or self.reached.is_set():
            return
        self.reached.set()
        await self._released.wait()
        if self.failure is not None:
            raise self.failure

    def release(self) -> None:
        self._released.set()


def failure() -> InternalError:
    return InternalError("Something behind the API gave way.")


def post(client: httpx.AsyncClient, write: Write) -> asyncio.Task[httpx.Response]:
    return asyncio.create_task(client.post(write.path, json=write.body))


def overlapping(
    world: World, gate: Gate, first: Write, *others: Write
) -> tuple[httpx.Response, Sequence[httpx.Response | None], Sequence[httpx.Response]]:
    """The answer to the held request; of the others, those given while it was held and those in the end."""
    client = many(world)

    async def story() -> Any:
        async with client:
            held = post(client, first)
            await gate.reached.wait()
            tasks = [post(client, other) for other in others]
            await settle()
            meanwhile = [task.result() if task.done() else None for task in tasks]
            gate.release()
            return await held, meanwhile, await asyncio.gather(*tasks)

    found: tuple[httpx.Response, Sequence[httpx.Response | None], Sequence[httpx.Response]] = asyncio.run(
        story()
    )
    return found


def cancelled(world: World, gate: Gate, first: Write, *others: Write) -> Sequence[httpx.Response]:
    """The answers to the others, when the held request is cancelled while they may be waiting for it."""
    client = many(world)

    async def story() -> Any:
        async with client:
            held = post(client, first)
            await gate.reached.wait()
            tasks = [post(client, other) for other in others]
            await settle()
            held.cancel()
            with pytest.raises(asyncio.CancelledError):
                await held
            return await asyncio.gather(*tasks)

    found: Sequence[httpx.Response] = asyncio.run(story())
    return found


def verdicts(world: World, key: str = "k") -> list[str]:
    entries = world.control.get("requests", params={"deduplicationId": key}).json()
    return [each["verdict"] for entry in entries for each in entry["deduplication"] if each["key"] == key]


def claimed(world: World) -> list[str]:
    return sorted(each["key"] for each in world.control.get("deduplication").json())


# The second meets the first -------------------------------------------------------------------------------


@pytest.mark.switch("dedup-in-flight", "pending")
@pytest.mark.parametrize("phase", ["validated", "before_commit"])
@pytest.mark.parametrize("way", WAYS)
def test_a_key_in_flight_answers_pending_and_then_the_original(world: World, way: str, phase: str) -> None:
    write = keyed(way, world.document(), "k")
    before = len(world.ledger())
    first, (second,), _ = overlapping(world, Gate(world, phase), write, write)
    assert second is not None
    assert error_of(second)[:2] == PENDING
    third = world.a.post(write.path, json=write.body)
    assert (first.status_code, third.status_code, third.content) == (201, 201, first.content)
    assert verdicts(world) == ["fresh", "in-flight", "replay"]
    assert len(world.ledger()) == before + (2 if way == "create" else 1)


@pytest.mark.switch("dedup-in-flight", "wait")
@pytest.mark.parametrize("phase", ["validated", "before_commit"])
@pytest.mark.parametrize("way", WAYS)
def test_a_key_in_flight_may_make_the_others_wait_for_the_original(
    world: World, way: str, phase: str
) -> None:
    world.semantics(dedup_in_flight="wait")
    write = keyed(way, world.document(), "k")
    before = len(world.ledger())
    first, meanwhile, others = overlapping(world, Gate(world, phase), write, *[write] * 5)
    assert meanwhile == [None] * 5
    assert {each.content for each in others} == {first.content}
    assert {each.status_code for each in (first, *others)} == {201}
    assert verdicts(world) == ["fresh"] + ["replay"] * 5
    assert len(world.ledger()) == before + (2 if way == "create" else 1)


@pytest.mark.parametrize("phase", ["arrived", "authenticated"])
@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_not_in_flight_before_its_request_was_validated(world: World, way: str, phase: str) -> None:
    write = keyed(way, world.document(), "k")
    first, (second,), _ = overlapping(world, Gate(world, phase), write, write)
    assert second is not None
    assert (second.status_code, first.content) == (201, second.content)
    assert verdicts(world) == ["replay", "fresh"]


@pytest.mark.parametrize("phase", AFTER)
@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_not_in_flight_once_its_answer_is_decided(world: World, way: str, phase: str) -> None:
    write = keyed(way, world.document(), "k")
    first, (second,), _ = overlapping(world, Gate(world, phase), write, write)
    assert second is not None
    assert (second.status_code, second.content) == (201, first.content)


@pytest.mark.parametrize(("rule", "code"), [("pending", PENDING[1]), ("wait", "conflictError")])
@pytest.mark.parametrize("way", WAYS)
def test_another_body_under_a_key_in_flight_is_judged_once_the_first_is_answered(
    world: World, way: str, rule: str, code: str
) -> None:
    world.semantics(dedup_in_flight=rule)
    document_id = world.document()
    write, other = keyed(way, document_id, "k"), keyed(way, document_id, "k", isPublic=False)
    first, (meanwhile,), (second,) = overlapping(world, Gate(world), write, other)
    assert (first.status_code, meanwhile is None) == (201, rule == "wait")
    assert error_of(second)[:2] == (409, code)
    assert error_of(world.a.post(other.path, json=other.body))[:2] == (409, "conflictError")
    assert world.a.post(write.path, json=write.body).content == first.content


def test_requests_without_a_key_or_with_another_one_do_not_meet(world: World) -> None:
    document_id = world.document()
    write = keyed("append", document_id, "k")
    others = (keyed("append", document_id, "other"), Write(write.path, event()))
    _, meanwhile, _ = overlapping(world, Gate(world), write, *others)
    assert [each is not None and each.status_code for each in meanwhile] == [201, 201]


def test_a_read_does_not_wait_for_a_write(world: World) -> None:
    document_id = world.document()
    gate, client = Gate(world), many(world)

    async def story() -> tuple[httpx.Response, httpx.Response]:
        async with client:
            held = post(client, keyed("append", document_id, "k"))
            await gate.reached.wait()
            meanwhile = await client.get(f"/documents/{document_id}")
            gate.release()
            await held
            return meanwhile, await client.get(f"/documents/{document_id}")

    meanwhile, after = asyncio.run(story())
    assert [len(each.json()["externalEvents"]) for each in (meanwhile, after)] == [1, 2]


@pytest.mark.parametrize("name", ["partner", "prod"])
def test_keys_in_flight_of_other_integrators_and_environments_do_not_meet(world: World, name: str) -> None:
    write = keyed("create", "", "k")
    gate, client, other = Gate(world), many(world), many(world, name)

    async def story() -> tuple[httpx.Response, httpx.Response]:
        async with client, other:
            held = post(client, write)
            await gate.reached.wait()
            meanwhile = await other.post(write.path, json=write.body)
            gate.release()
            return await held, meanwhile

    held, meanwhile = asyncio.run(story())
    assert created(held) != created(meanwhile)


@pytest.mark.parametrize(("scope", "outcome"), [("integrator", 409), ("operation", 201)])
def test_a_key_in_flight_meets_another_operation_only_in_one_scope(
    world: World, scope: str, outcome: int
) -> None:
    world.semantics(dedup_scope=scope)
    document_id = world.document()
    _, (meanwhile,), _ = overlapping(
        world, Gate(world), keyed("create", "", "k"), keyed("append", document_id, "k")
    )
    assert meanwhile is not None
    assert meanwhile.status_code == outcome


# Batches --------------------------------------------------------------------------------------------------


def test_a_key_in_flight_in_a_batch_is_in_flight_for_a_single_append(world: World) -> None:
    document_id = world.document()
    several = batch(document_id, *(event(deduplicationId=key) for key in ("a", "b")))
    held, (meanwhile,), _ = overlapping(world, Gate(world), several, keyed("append", document_id, "b"))
    assert meanwhile is not None
    assert (held.status_code, error_of(meanwhile)[:2]) == (201, PENDING)


def test_a_batch_with_one_key_in_flight_claims_none_of_its_others(world: World) -> None:
    document_id = world.document()
    several = batch(document_id, *(event(deduplicationId=key) for key in ("new", "k")))
    _, (meanwhile,), _ = overlapping(world, Gate(world), keyed("append", document_id, "k"), several)
    assert meanwhile is not None
    assert error_of(meanwhile)[:2] == PENDING
    assert claimed(world) == ["k"]
    assert world.a.post(several.path, json=several.body).status_code == 201
    assert claimed(world) == ["k", "new"]
    assert len(world.timeline(document_id)) == 2


def test_batches_that_wait_for_each_others_keys_all_finish(world: World) -> None:
    world.semantics(dedup_in_flight="wait")
    document_id = world.document()
    orders = ("abc", "cba", "bca", "acb")
    writes = [batch(document_id, *(event(deduplicationId=key) for key in order)) for order in orders]
    first, _, others = overlapping(world, Gate(world), writes[0], *writes[1:])
    answers = (first, *others)
    assert [each.status_code for each in answers] == [201] * 4
    named = [
        dict(zip(order, (one["eventId"] for one in each.json()["events"]), strict=True))
        for order, each in zip(orders, answers, strict=True)
    ]
    assert all(each == named[0] for each in named)
    assert len(world.timeline(document_id)) == 3


def test_one_key_twice_in_a_batch_does_not_wait_for_itself(world: World) -> None:
    world.semantics(dedup_in_flight="wait")
    document_id = world.document()
    twice = batch(document_id, event(deduplicationId="k"), event(deduplicationId="k"))
    first, _, (second,) = overlapping(world, Gate(world), twice, twice)
    assert (first.status_code, second.content) == (201, first.content)
    assert len(world.timeline(document_id)) == 1


# The first fails ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["pending", "wait"])
@pytest.mark.parametrize("way", WAYS)
def test_when_the_first_fails_the_second_is_fresh(world: World, way: str, rule: str) -> None:
    world.semantics(dedup_in_flight=rule)
    write = keyed(way, world.document(), "k")
    before = len(world.ledger())
    first, _, (second,) = overlapping(world, Gate(world, failure=failure()), write, write)
    assert error_of(first)[:2] == (500, "internalServerError")
    if rule == "pending":
        assert error_of(second)[:2] == PENDING
        second = world.a.post(write.path, json=write.body)
    assert second.status_code == 201
    assert verdicts(world)[-1] == "fresh"
    assert world.a.post(write.path, json=write.body).content == second.content
    assert len(world.ledger()) == before + (2 if way == "create" else 1)


def test_when_the_first_fails_one_of_those_that_wait_is_fresh_and_the_rest_get_its_answer(
    world: World,
) -> None:
    world.semantics(dedup_in_flight="wait")
    document_id = world.document()
    write = keyed("append", document_id, "k")
    _, _, others = overlapping(world, Gate(world, failure=failure()), write, *[write] * 6)
    assert [each.status_code for each in others] == [201] * 6
    assert len({each.content for each in others}) == 1
    assert len(world.timeline(document_id)) == 1


@pytest.mark.parametrize(("rule", "remembered"), [("forget", []), ("remember", ["k"])])
@pytest.mark.parametrize("way", OF_ONE_EVENT)
def test_the_state_is_judged_when_the_first_goes_on(
    world: World, way: str, rule: str, remembered: list[str]
) -> None:
    world.semantics(dedup_in_flight="wait", dedup_errors=rule)
    document_id = world.document()
    write = keyed(way, document_id, "k")
    closing = Write(f"/documents/{document_id}/events", event("CLOSE"))
    first, (closed, _), (_, second) = overlapping(world, Gate(world), write, closing, write)
    assert closed is not None
    assert closed.status_code == 201
    assert error_of(first)[:2] == error_of(second)[:2] == (409, "conflictError")
    assert claimed(world) == remembered
    assert (first.content == second.content) is (rule == "remember")


@pytest.mark.parametrize("error", [failure(), ValueError("a slip")], ids=["refusal", "accident"])
@pytest.mark.parametrize("phase", BEFORE)
@pytest.mark.parametrize("way", WAYS)
def test_a_failure_before_the_commit_leaves_nothing_and_the_key_free(
    world: World, way: str, phase: str, error: Exception
) -> None:
    write = keyed(way, world.document(), "k")
    before = world.ledger()
    gate = Gate(world, phase, error)
    gate.release()
    assert error_of(world.a.post(write.path, json=write.body))[:2] == (500, "internalServerError")
    assert (world.ledger(), claimed(world)) == (before, [])
    assert world.journal()[-1]["committed"] is False
    assert world.a.post(write.path, json=write.body).status_code == 201
    assert verdicts(world)[-1] == "fresh"


@pytest.mark.parametrize("phase", AFTER)
@pytest.mark.parametrize("way", WAYS)
def test_a_failure_after_the_commit_loses_only_the_answer(world: World, way: str, phase: str) -> None:
    write = keyed(way, world.document(), "k")
    gate = Gate(world, phase, failure())
    gate.release()
    assert error_of(world.a.post(write.path, json=write.body))[:2] == (500, "internalServerError")
    before = world.ledger()
    assert (world.journal()[-1]["committed"], claimed(world)) == (True, ["k"])
    again = world.a.post(write.path, json=write.body)
    assert (again.status_code, verdicts(world)[-1]) == (201, "replay")
    assert world.a.post(write.path, json=write.body).content == again.content
    assert world.ledger() == before


# The first goes away --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["pending", "wait"])
@pytest.mark.parametrize("phase", ["validated", "before_commit"])
@pytest.mark.parametrize("way", WAYS)
def test_a_cancelled_request_releases_its_key(world: World, way: str, phase: str, rule: str) -> None:
    world.semantics(dedup_in_flight=rule)
    write = keyed(way, world.document(), "k")
    before = len(world.ledger())
    (second,) = cancelled(world, Gate(world, phase), write, write)
    if rule == "pending":
        assert error_of(second)[:2] == PENDING
        second = world.a.post(write.path, json=write.body)
    assert (second.status_code, verdicts(world)[-1]) == (201, "fresh")
    assert len(world.ledger()) == before + (2 if way == "create" else 1)


@pytest.mark.parametrize("phase", AFTER)
@pytest.mark.parametrize("way", WAYS)
def test_a_request_cancelled_after_its_commit_is_answered_again(world: World, way: str, phase: str) -> None:
    write = keyed(way, world.document(), "k")
    (second,) = cancelled(world, Gate(world, phase), write, write)
    assert (second.status_code, verdicts(world)) == (201, ["fresh", "replay"])


def test_one_that_stops_waiting_disturbs_no_one(world: World) -> None:
    world.semantics(dedup_in_flight="wait")
    document_id = world.document()
    write = keyed("append", document_id, "k")
    gate, client = Gate(world), many(world)

    async def story() -> Sequence[httpx.Response]:
        async with client:
            held = post(client, write)
            await gate.reached.wait()
            leaving, staying = post(client, write), post(client, write)
            await settle()
            leaving.cancel()
            await settle()
            gate.release()
            return await asyncio.gather(held, staying)

    first, second = asyncio.run(story())
    assert (first.status_code, second.content) == (201, first.content)
    assert len(world.timeline(document_id)) == 1


# The world changes meanwhile ------------------------------------------------------------------------------


def test_a_request_in_flight_does_not_reach_into_the_world_after_a_reset(world: World) -> None:
    write = keyed("create", "", "k")
    gate, client = Gate(world), many(world)

    async def story() -> Sequence[httpx.Response]:
        async with client:
            held = post(client, write)
            await gate.reached.wait()
            await client.post("/_mock/workspaces/default/reset")
            second = await client.post(write.path, json=write.body)
            gate.release()
            return await held, second

    first, second = asyncio.run(story())
    assert error_of(first)[:2] == (503, "serviceUnavailable")
    document_id = created(second)
    assert {each["documentId"] for each in world.ledger()} == {document_id}
    assert [each["documentId"] for each in world.control.get("deduplication").json()] == [document_id]
    assert world.a.post(write.path, json=write.body).content == second.content


def test_one_that_waits_through_a_reset_is_not_left_waiting(world: World) -> None:
    world.semantics(dedup_in_flight="wait")
    write = keyed("create", "", "k")
    gate, client = Gate(world), many(world)

    async def story() -> Sequence[httpx.Response]:
        async with client:
            held = post(client, write)
            await gate.reached.wait()
            waiting = post(client, write)
            await settle()
            await client.post("/_mock/workspaces/default/reset")
            gate.release()
            return await asyncio.gather(held, waiting)

    assert [error_of(each)[:2] for each in asyncio.run(story())] == [(503, "serviceUnavailable")] * 2
    assert world.ledger() == []


def test_a_request_keeps_the_semantics_it_came_with(world: World) -> None:
    document_id = world.document()
    early = keyed("append", document_id, "k", externalCreatedAt=at(7))
    gate, client = Gate(world), many(world)

    async def story() -> httpx.Response:
        async with client:
            held = post(client, early)
            await gate.reached.wait()
            await client.patch("/_mock/workspaces/default/semantics", json={"ordering": "off"})
            gate.release()
            return await held

    assert error_of(asyncio.run(story()))[:2] == (400, "validationError")
    assert world.a.post(early.path, json=early.body).status_code == 201


def test_a_new_rule_for_keys_in_flight_is_for_the_requests_after_it(world: World) -> None:
    write = keyed("append", world.document(), "k")
    gate, client = Gate(world), many(world)

    async def story() -> Sequence[httpx.Response]:
        async with client:
            held = post(client, write)
            await gate.reached.wait()
            early = await client.post(write.path, json=write.body)
            await client.patch("/_mock/workspaces/default/semantics", json={"dedup-in-flight": "wait"})
            late = post(client, write)
            await settle()
            assert not late.done()
            gate.release()
            return await held, early, await late

    held, early, late = asyncio.run(story())
    assert error_of(early)[:2] == PENDING
    assert late.content == held.content


def test_dropping_a_key_by_hand_does_not_touch_the_one_in_flight(world: World) -> None:
    write = keyed("append", world.document(), "k")
    gate, client = Gate(world), many(world)

    async def story() -> Sequence[httpx.Response]:
        async with client:
            held = post(client, write)
            await gate.reached.wait()
            gone = await client.delete("/_mock/workspaces/default/deduplication/k")
            meanwhile = await client.post(write.path, json=write.body)
            gate.release()
            return gone, meanwhile, await held

    gone, meanwhile, held = asyncio.run(story())
    assert (gone.status_code, error_of(meanwhile)[:2], held.status_code) == (404, PENDING, 201)


@pytest.mark.parametrize("rule", ["pending", "wait"])
def test_the_journal_names_the_rule_for_keys_in_flight(world: World, rule: str) -> None:
    world.semantics(dedup_in_flight=rule)
    write = keyed("append", world.document(), "k")
    overlapping(world, Gate(world), write, write)
    assert "dedup-in-flight" in world.journal()[-1]["behaviours"]
