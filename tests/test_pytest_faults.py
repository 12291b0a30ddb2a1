"""`carrot.faults`, `.gates`, `.clock` and snapshots: the same over the socket, in process and with asyncio."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from conftest import NOON, created
from payloads import event, mass_id

from mock_server.clock import ManualClock
from mock_server.faults import FAULTS, FIELDS, OPERATIONS, PHASES
from pytest_carrot.asgi import CarrotAsgi
from pytest_carrot.clock import Clock
from pytest_carrot.control import ControlError
from pytest_carrot.faults import _NAMES, Fault
from pytest_carrot.gates import Gate
from pytest_carrot.handle import Carrot

PAGE = (Path(__file__).parent.parent / "docs/faults.md").read_text("utf-8")
BOTH = ["carrot", "carrot_asgi"]
# Longer than any machine takes, and never waited for in a test that passes.
LONG = 60


@pytest.fixture(params=BOTH)
def world(request: pytest.FixtureRequest) -> Carrot:
    found: Carrot = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def client(world: Carrot, request: pytest.FixtureRequest) -> httpx.Client:
    """Authorised beforehand: the token is no request of the test's."""
    found: httpx.Client = (
        request.getfixturevalue("carrot_client") if type(world) is Carrot else world.client  # type: ignore[attr-defined]
    )
    found.headers["Authorization"] = f"Bearer {world.token()}"
    return found


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as found:
        yield found


def create(client: httpx.Client, **changes: object) -> httpx.Response:
    return client.post("/documents", json=mass_id(**changes), timeout=LONG)


# Faults -------------------------------------------------------------------------------------------------


def test_a_lost_answer_leaves_what_was_done_and_says_so(world: Carrot, client: httpx.Client) -> None:
    fault = world.faults.add("documents.create", "committed", "drop")
    assert fault.strikes == 0
    with pytest.raises(httpx.RemoteProtocolError, match="Server disconnected without sending"):
        create(client, deduplicationId="once")
    assert fault.strikes == 1
    document_id = created(create(client, deduplicationId="once"))
    assert world.documents.only()["id"] == document_id
    lost, retry = world.journal.entries(operation="documents.create")
    assert (lost["seen"], lost["committed"], lost["fault"]) == ("closed", True, fault.id)
    assert (retry["seen"], retry["committed"], retry["deduplication"][0]["verdict"]) == (
        "answer",
        False,
        "replay",
    )
    world.ledger.assert_exactly_once("once")


def test_what_was_dropped_before_the_commit_was_not_done(world: Carrot, client: httpx.Client) -> None:
    world.faults.add("documents.create", "before_commit", "drop")
    with pytest.raises(httpx.RemoteProtocolError):
        create(client)
    assert world.documents.all() == []


def test_a_reset_is_a_read_error(world: Carrot, client: httpx.Client) -> None:
    world.faults.add("documents.create", "responding", "reset")
    with pytest.raises(httpx.ReadError, match="Connection reset by peer"):
        create(client)
    assert world.journal.entries(operation="documents.create")[0]["seen"] == "reset"


def test_of_a_truncated_answer_half_the_body_comes(world: Carrot, client: httpx.Client) -> None:
    world.faults.add("documents.create", "committed", "truncate", times=2)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        create(client)
    assert world.journal.entries(operation="documents.create")[0]["seen"] == "truncated"
    parts: list[bytes] = []
    with client.stream("POST", "/documents", json=mass_id()) as answer:
        assert answer.status_code == 201
        with pytest.raises(httpx.RemoteProtocolError):
            parts.extend(answer.iter_raw())
    assert len(b"".join(parts)) == int(answer.headers["content-length"]) // 2


def test_a_slow_answer_comes_whole(world: Carrot, client: httpx.Client) -> None:
    world.faults.add("documents.create", "responding", "slow", seconds=0.01)
    created(create(client))


def test_an_error_has_the_status_and_the_code_asked_for(world: Carrot, client: httpx.Client) -> None:
    world.faults.add("documents.read", "arrived", "status", status=503)
    pending = "PENDING_PROCESS_CONFLICT_ERROR"
    world.faults.add("documents.create", "validated", "status", status=409, code=pending)
    document_id = client.post("/documents", json=mass_id())
    assert (document_id.status_code, document_id.json()["errors"][0]["code"]) == (409, pending)
    assert client.get("/documents/nothing").status_code == 503


def test_a_token_can_expire_before_its_time(world: Carrot, client: httpx.Client) -> None:
    world.faults.add("*", "arrived", "expire")
    assert [client.get("/documents/nothing").status_code for _ in range(2)] == [401, 401]
    client.headers["Authorization"] = f"Bearer {world.token(new=True)}"
    assert client.get("/documents/nothing").status_code == 404


def test_a_fault_strikes_the_ones_it_was_set_for(world: Carrot, client: httpx.Client) -> None:
    other, one = (created(create(client)) for _ in range(2))
    fault = world.faults.add(
        "events.append", "arrived", "status", times=None, after=1, document_id=one, probability=1.0
    )
    statuses = [
        client.post(f"/documents/{each}/events", json=event("Pick-up")).status_code
        for each in (one, other, one, one)
    ]
    assert statuses == [201, 201, 500, 500]
    assert fault.strikes == 2
    keyed = world.faults.add("documents.create", "arrived", "status", deduplication_id="k", attempt=2)
    statuses = [create(client, deduplicationId=key).status_code for key in ("k", "other", "k", "k")]
    assert statuses == [201, 201, 500, 201]
    assert keyed.strikes == 1


def test_what_hangs_is_let_go_from_elsewhere(
    world: Carrot, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    fault = world.faults.add("documents.create", "committed", "hang")
    held = pool.submit(create, client)
    until(lambda: bool(fault.hanging))
    assert len(world.documents.all()) == 1
    (request_id,) = fault.hanging
    assert fault.release() == [request_id]
    created(held.result())
    assert fault.hanging == []


def test_what_hangs_goes_on_when_its_time_is_over(world: Carrot, client: httpx.Client) -> None:
    world.faults.add("documents.create", "validated", "hang", seconds=0.01)
    created(create(client))


def test_a_client_that_has_had_enough_of_waiting_leaves(world: Carrot, client: httpx.Client) -> None:
    world.faults.add("documents.create", "before_commit", "hang")
    with pytest.raises(httpx.ReadTimeout):
        client.post("/documents", json=mass_id(), timeout=httpx.Timeout(LONG, read=0.05))
    until(lambda: "silent" in [each["seen"] for each in world.journal.entries(operation="documents.create")])
    assert world.documents.all() == []


def test_faults_are_taken_away(world: Carrot, client: httpx.Client) -> None:
    one, other = (world.faults.add("*", "arrived", "drop") for _ in range(2))
    assert repr(one) == f"<Fault {one.id}: drop at arrived of *>"
    one.remove()
    one.remove()
    world.faults.clear()
    other.remove()
    created(create(client))
    with pytest.raises(ControlError, match=f"The fault {one.id} .* is not there any more"):
        one.strikes  # noqa: B018 - a property that asks the server


def test_the_handle_itself_sends_what_a_fault_breaks_once(world: Carrot, client: httpx.Client) -> None:
    fault = world.faults.add("token", "committed", "drop")
    with pytest.raises(ControlError, match="did not answer POST /oauth2/token"):
        world.token(new=True)
    assert fault.strikes == 1
    assert world.token(new=True)


@pytest.mark.parametrize(
    ("arguments", "more", "said"),
    [
        (("documents.create", "comitted", "drop"), {}, "arrived, authenticated, validated, before_commit"),
        (("documents.read", "committed", "drop"), {}, "A read commits nothing"),
        (("documents.create", "arrived", "truncate"), {}, "truncate makes sense at committed, responding"),
        (("documents.created", "arrived", "drop"), {}, "/operation must be one of documents.create"),
        (("documents.create", "arrived", "drop"), {"status": 500}, "/status goes with do status alone"),
        (("*", "arrived", "status"), {"atempt": 1}, "faults.add takes no atempt; did you mean attempt?"),
        (("*", "arrived", "status"), {"documentId": "x"}, "takes no documentId; did you mean document_id?"),
    ],
)
def test_a_wrong_fault_is_a_value_error_that_says_what_makes_sense(
    carrot: Carrot, arguments: tuple[str, str, str], more: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=r".") as mistake:
        carrot.faults.add(*arguments, **more)  # type: ignore[arg-type]
    assert said in str(mistake.value)


# Gates --------------------------------------------------------------------------------------------------


def test_two_requests_with_one_key_meet_as_the_test_says(
    world: Carrot, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    document = mass_id(deduplicationId="both")
    with world.gates.hold("documents.create", "before_commit") as gate:
        first = pool.submit(client.post, "/documents", json=document, timeout=LONG)
        (waiting,) = gate.wait_for(1)
        assert waiting.deduplication_id == "both"
        assert waiting.since.tzinfo is not None
        second = client.post("/documents", json=document)
        assert second.json()["errors"][0]["code"] == "PENDING_PROCESS_CONFLICT_ERROR"
    document_id = created(first.result())
    assert created(client.post("/documents", json=document)) == document_id
    world.ledger.assert_exactly_once("both")


def test_a_gate_lets_go_one_and_some_and_all(
    world: Carrot, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    def post(key: str) -> Future[httpx.Response]:
        before = len(gate.waiting)
        sent = pool.submit(create, client, deduplicationId=key)
        gate.wait_for(before + 1)
        return sent

    with world.gates.hold("documents.create", "committed") as gate:
        sent = {key: post(key) for key in "abcd"}
        ids = [each.request_id for each in gate.waiting]
        assert [each.deduplication_id for each in gate.waiting] == list("abcd")
        assert gate.release(request_id=ids[2]) == [ids[2]]
        created(sent["c"].result())
        assert gate.release(count=2) == ids[:2]
        assert {each.result().status_code for each in (sent["a"], sent["b"])} == {201}
        assert [each.deduplication_id for each in gate.waiting] == ["d"]
        assert gate.release() == [ids[3]]
        created(sent["d"].result())
        assert gate.waiting == []
        with pytest.raises(ValueError, match="There is no gate"):
            gate.release()
        created(create(client))


def test_a_test_that_fails_frees_who_waits(
    world: Carrot, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    def hold_and_fail() -> None:
        with world.gates.hold("*", "arrived") as gate:
            sent.append(pool.submit(create, client))
            gate.wait_for(1)
            raise LookupError

    sent: list[Future[httpx.Response]] = []
    with pytest.raises(LookupError):
        hold_and_fail()
    created(sent[0].result())
    created(create(client))


def test_who_does_not_come_is_told_with_who_did(
    world: Carrot, client: httpx.Client, pool: ThreadPoolExecutor
) -> None:
    client.get("/documents/nothing")
    with world.gates.hold("documents.create", "validated") as gate:
        sent = pool.submit(create, client, deduplicationId="alone")
        (waiting,) = gate.wait_for(1)
        with pytest.raises(AssertionError) as failure:
            gate.wait_for(2, timeout=0.01)
        with pytest.raises(AssertionError, match="none does"), world.gates.hold("token", "arrived") as other:
            other.wait_for(1, timeout=0)
    sent.result()
    told = " ".join(str(failure.value).split())
    assert "Expected 2 requests to wait at validated of documents.create within 0.01 seconds" in told
    assert f"{waiting.request_id} waits." in told
    assert "documents.read" in told
    assert f"> {waiting.request_id}" in told


def test_a_gate_opens_by_itself_in_time(world: Carrot, client: httpx.Client) -> None:
    with world.gates.hold("documents.create", "before_commit", timeout=0.01):
        created(create(client))


def test_a_gate_holds_a_request_whose_client_has_left(world: Carrot, client: httpx.Client) -> None:
    with world.gates.hold("documents.create", "before_commit") as gate:
        with pytest.raises(httpx.ReadTimeout):
            client.post("/documents", json=mass_id(), timeout=httpx.Timeout(LONG, read=0.05))
        gate.wait_for(1)
        assert world.documents.all() == []
    until(lambda: len(world.documents.all()) == 1)


def test_a_wrong_gate_is_a_value_error(carrot: Carrot) -> None:
    with pytest.raises(ValueError, match="A read commits nothing"):
        carrot.gates.hold("documents.read", "committed")
    with pytest.raises(ValueError, match="/timeout must be a number of seconds above 0"):
        carrot.gates.hold("documents.read", "arrived", timeout=0)
    with carrot.gates.hold("documents.read", "arrived") as gate:
        assert repr(gate) == f"<Gate {gate.id} at arrived of documents.read>"
        with pytest.raises(ValueError, match="not both"):
            gate.release(count=1, request_id="r1")
        with pytest.raises(ValueError, match="r99"):
            gate.release(request_id="r99")
        carrot.gates.clear()
        assert gate.waiting == []


# The clock ----------------------------------------------------------------------------------------------


def test_the_clock_is_set_moved_and_stopped(world: Carrot, client: httpx.Client) -> None:
    world.clock.freeze()
    world.clock.set(NOON)
    assert world.clock.now == NOON
    world.clock.advance(90)
    world.clock.advance(timedelta(minutes=1))
    assert world.clock.now == NOON + timedelta(seconds=150)
    assert world.clock.now.tzinfo == UTC
    assert repr(world.clock) == "<Clock 2026-03-01T12:02:30.000Z, standing still>"
    client.headers["Authorization"] = f"Bearer {world.token(new=True)}"
    created(create(client))
    assert {each["recordedAt"] for each in world.ledger.records()} == {"2026-03-01T12:02:30.000Z"}
    world.clock.resume()
    assert world.clock.now >= NOON + timedelta(seconds=150)
    assert repr(world.clock).endswith("Z>")


def test_a_token_expires_when_the_clock_says_so(world: Carrot, client: httpx.Client) -> None:
    world.clock.freeze()
    client.headers["Authorization"] = f"Bearer {world.token(new=True)}"
    world.clock.advance(3599)
    assert client.get("/documents/nothing").status_code == 404
    world.clock.advance(1)
    assert client.get("/documents/nothing").status_code == 401


def test_the_date_can_be_ahead_of_the_ledger(world: Carrot, client: httpx.Client) -> None:
    world.clock.freeze()
    world.clock.set(NOON)
    assert world.clock.skew == 0
    world.clock.skew = 120.5
    assert world.clock.skew == 120.5
    client.headers["Authorization"] = f"Bearer {world.token(new=True)}"
    answer = create(client)
    assert answer.headers["date"] == "Sun, 01 Mar 2026 12:02:00 GMT"
    assert world.ledger.records()[0]["recordedAt"] == "2026-03-01T12:00:00.000Z"


def test_a_wrong_time_is_a_value_error(carrot: Carrot) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        carrot.clock.set(datetime(2026, 3, 1))
    with pytest.raises(ValueError, match="not to '2026-03-01'"):
        carrot.clock.set("2026-03-01")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="To go back, set"):
        carrot.clock.advance(-1)
    with pytest.raises(ValueError, match="/skew"):
        carrot.clock.skew = "much"  # type: ignore[assignment]


class TestWithAManualClock:
    @pytest.fixture
    def carrot_asgi_clock(self) -> ManualClock:
        return ManualClock(NOON)

    def test_the_handle_goes_on_from_it(
        self, carrot_asgi: CarrotAsgi, carrot_asgi_clock: ManualClock
    ) -> None:
        assert carrot_asgi.clock.now == NOON
        carrot_asgi.clock.advance(10)
        carrot_asgi_clock.advance(5)
        assert carrot_asgi.clock.now == NOON + timedelta(seconds=15)
        assert carrot_asgi_clock.time() == NOON.timestamp() + 5
        carrot_asgi.clock.freeze()
        carrot_asgi_clock.advance(5)
        assert carrot_asgi.clock.now == NOON + timedelta(seconds=15)
        carrot_asgi.reset()
        assert carrot_asgi.clock.now == NOON + timedelta(seconds=10)


# Snapshots ----------------------------------------------------------------------------------------------


def test_a_world_goes_back_to_a_snapshot_as_often_as_it_likes(world: Carrot, client: httpx.Client) -> None:
    world.clock.freeze()
    document_id = created(create(client, deduplicationId="kept"))
    before = world.clock.now
    snapshot = world.snapshot()
    assert snapshot.position == len(world.ledger.records())
    assert snapshot.at == before
    for _ in range(2):
        created(create(client, deduplicationId="forgotten"))
        world.clock.advance(100)
        world.restore(snapshot)
        assert world.documents.only()["id"] == document_id
        assert world.clock.now == before
        world.ledger.assert_unchanged()
        world.ledger.assert_exactly_once("kept")
    # The requests came nevertheless.
    world.journal.assert_count(3, operation="documents.create")


def test_a_snapshot_belongs_to_one_world(carrot: Carrot) -> None:
    snapshot = carrot.snapshot()
    carrot.reset()
    with pytest.raises(ValueError, match=f"This world has no snapshot {snapshot.id}"):
        carrot.restore(snapshot)


# With asyncio -------------------------------------------------------------------------------------------


def test_asynchronous_clients_see_the_same_in_process(carrot_asgi: CarrotAsgi) -> None:
    carrot_asgi.token()

    async def seen(do: str) -> str:
        carrot_asgi.faults.add("documents.create", "committed", do)
        try:
            patience = 0.05 if do == "hang" else LONG
            await carrot_asgi.async_client.post("/documents", json=mass_id(), timeout=patience)
        except httpx.TransportError as error:
            return type(error).__name__
        raise AssertionError(do)

    async def all_of_them() -> list[str]:
        return [await seen(do) for do in ("drop", "reset", "truncate", "hang")]

    assert asyncio.run(all_of_them()) == [
        "RemoteProtocolError",
        "ReadError",
        "RemoteProtocolError",
        "ReadTimeout",
    ]
    saw = [each["seen"] for each in carrot_asgi.journal.entries(operation="documents.create")]
    assert saw == ["closed", "reset", "truncated", "silent"]
    assert len(carrot_asgi.documents.all()) == 4


def test_a_gate_is_waited_at_beside_an_event_loop(carrot_asgi: CarrotAsgi) -> None:
    async def meet() -> list[int]:
        client = carrot_asgi.async_client
        with carrot_asgi.gates.hold("documents.create", "before_commit") as gate:
            both = [asyncio.create_task(client.post("/documents", json=mass_id())) for _ in range(2)]
            await asyncio.to_thread(gate.wait_for, 2)
        return [(await each).status_code for each in both]

    assert asyncio.run(meet()) == [201, 201]


def test_an_async_client_that_is_cancelled_has_left(carrot_asgi: CarrotAsgi) -> None:
    carrot_asgi.token()
    fault = carrot_asgi.faults.add("documents.create", "before_commit", "hang")

    async def give_up() -> None:
        async with asyncio.timeout(0.05):
            await carrot_asgi.async_client.post("/documents", json=mass_id())

    async def then_look() -> None:
        with pytest.raises(TimeoutError):
            await give_up()
        while fault.hanging:
            await asyncio.sleep(0)

    asyncio.run(then_look())
    assert carrot_asgi.journal.entries(operation="documents.create")[0]["seen"] == "silent"
    assert carrot_asgi.documents.all() == []


# Threads in process -------------------------------------------------------------------------------------


def test_who_takes_over_the_loop_serves_all_who_wait(
    carrot_asgi: CarrotAsgi, pool: ThreadPoolExecutor
) -> None:
    carrot_asgi.token()
    with carrot_asgi.gates.hold("documents.create", "validated") as gate:
        sent = [pool.submit(create, carrot_asgi.client, deduplicationId=f"k{n}") for n in range(4)]
        waiting = gate.wait_for(4)
        # The thread that came first runs the loop; each that leaves hands it to one of the others.
        for each in waiting:
            gate.release(request_id=each.request_id)
        assert [each.result().status_code for each in sent] == [201] * 4


def test_threads_in_numbers_get_their_own_answers(carrot_asgi: CarrotAsgi) -> None:
    carrot_asgi.token()
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: create(carrot_asgi.client, deduplicationId=f"k{n % 16}"), range(160))
        )
    ids = [created(each) for each in answers if each.status_code == 201]
    assert len(set(ids)) == 16
    assert len(ids) > 16
    for n in range(16):
        carrot_asgi.ledger.assert_exactly_once(f"k{n}")


# The page -----------------------------------------------------------------------------------------------


def test_the_page_shows_where_each_fault_makes_sense() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \| ((?:yes|-)(?: \| (?:yes|-)){5}) \|$", PAGE, re.MULTILINE)
    shown = {do: [each == "yes" for each in cells.split(" | ")] for do, cells in rows}
    assert shown == {do: [phase in kind.phases for phase in PHASES] for do, kind in FAULTS.items()}


def test_the_page_names_every_operation_detail_and_method() -> None:
    for name in (*OPERATIONS, *FIELDS[3:], *_NAMES, *(each for each in vars(Clock) if each[0] != "_")):
        assert re.search(rf"[`.]{name}\b", PAGE), name
    for kind in (Fault, Gate):
        for name in vars(kind):
            if not name.startswith("_") and name != "id":
                assert f".{name}" in PAGE, name


# What a test waits for ----------------------------------------------------------------------------------


def until(reached: Callable[[], bool]) -> None:
    """Until the server has come so far, which it does by itself."""
    patience = threading.Event()
    for _ in range(2000):
        if reached():
            return
        patience.wait(0.002)
    raise AssertionError("it did not come so far")
