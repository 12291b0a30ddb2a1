"""Gates: requests are held where a test says, and go on in the order that it says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from conftest import Serving
from payloads import event, mass_id
from proof_world import OpenWorld, Sent, until

PHASES = ("arrived", "authenticated", "validated", "before_commit", "committed", "responding")
PENDING = "PENDING_PROCESS_CONFLICT_ERROR"
WAYS = ("create", "append", "batch")


@pytest.fixture
def world() -> Iterator[OpenWorld]:
    with OpenWorld() as found:
        yield found


def write(world: OpenWorld, way: str, document_id: str, key: str) -> Sent:
    if way == "create":
        return world.create(key)
    if way == "append":
        return world.append(document_id, key)
    body = {"documentId": document_id, "events": [event(deduplicationId=key)]}
    return world.send("POST", "/documents/events", body)


OPERATION = {"create": "documents.create", "append": "events.append", "batch": "events.batch"}


# Two requests meet --------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("way", WAYS)
def test_two_requests_with_one_key_meet_at_a_phase_and_do_one_thing(
    world: OpenWorld, way: str, phase: str
) -> None:
    document_id = world.document()
    before = len(world.records())
    gate = world.gate(OPERATION[way], phase)
    first = write(world, way, document_id, "k")
    second = write(world, way, document_id, "k")
    # The second has no commit before it when the first has the key, and none of its own when that has committed.
    assert (first.done, second.done) == (False, phase in ("before_commit", "committed"))
    world.release(gate)
    assert (first.status, first.done, second.done) == (201, True, True)
    if phase == "before_commit":
        assert (second.status, second.code) == (409, PENDING)
    else:
        assert (second.status, second.body) == (201, first.body)
    assert write(world, way, document_id, "k").body == first.body
    assert len(world.records()) == before + (2 if way == "create" else 1)


@pytest.mark.parametrize("phase", ["arrived", "authenticated"])
def test_the_one_that_is_let_go_first_writes_and_the_other_is_answered_the_same(
    world: OpenWorld, phase: str
) -> None:
    gate = world.gate("documents.create", phase)
    first, second = world.create("k"), world.create("k")
    early, late = world.waiting(gate)
    assert world.release(gate, requestId=late) == [late]
    assert (first.done, second.status) == (False, 201)
    assert world.release(gate) == [early]
    assert first.body == second.body
    entries = {each["id"]: each for each in world.journal("documents.create")}
    assert [entries[each]["deduplication"][0]["verdict"] for each in (late, early)] == ["fresh", "replay"]


@pytest.mark.parametrize("phase", ["arrived", "authenticated"])
def test_the_journal_knows_a_writer_that_came_later_than_who_was_answered_the_same(
    world: OpenWorld, phase: str
) -> None:
    gate = world.gate("documents.create", phase)
    world.create("k")
    world.create("k")
    early, late = world.waiting(gate)
    world.release(gate, requestId=late)
    world.release(gate)
    entries = {each["id"]: each for each in world.journal("documents.create")}
    assert (entries[early].get("replayOf"), entries[late].get("replayedBy")) == (late, [early])


def test_the_journal_names_the_request_that_wrote_what_a_restore_brought_back(world: OpenWorld) -> None:
    empty = world.set("snapshots")["id"]
    first = world.create("k")
    written = world.set("snapshots")["id"]
    world.set(f"snapshots/{empty}/restore")
    world.create("k")
    world.set(f"snapshots/{written}/restore")
    assert world.create("k").body == first.body
    writer, _, again = world.journal("documents.create")
    assert again.get("replayOf") == writer["id"]


def test_the_journal_names_the_writer_of_a_key_that_two_operations_have(world: OpenWorld) -> None:
    world.set("semantics", {"dedup-scope": "operation"}, "PATCH")
    document_id = world.create("k").json()["id"]
    world.append(document_id, "k")
    world.create("k")
    first, again = world.journal("documents.create")
    assert again.get("replayOf") == first["id"]


def test_at_validated_the_first_has_the_key_already(world: OpenWorld) -> None:
    gate = world.gate("documents.create", "validated")
    first, second = world.create("k"), world.create("k")
    world.release(gate, requestId=world.waiting(gate)[1])
    assert (first.done, second.status, second.code) == (False, 409, PENDING)
    world.release(gate)
    assert first.status == 201


@pytest.mark.parametrize("phase", PHASES[:4])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["as-they-came", "the-other-way-round"])
def test_two_appends_to_one_document_happen_in_the_order_in_which_they_are_let_go(
    world: OpenWorld, order: tuple[int, int], phase: str
) -> None:
    document_id = world.document()
    gate = world.gate("events.append", phase)
    sent = [world.append(document_id, name=name) for name in ("Weighing", "Sorting")]
    waiting = world.waiting(gate)
    for place in order:
        assert not sent[place].done
        world.release(gate, requestId=waiting[place])
        assert sent[place].status == 201
    assert world.names(document_id) == [("Weighing", "Sorting")[place] for place in order]


def test_an_append_that_lost_to_a_close_is_refused_and_leaves_nothing(world: OpenWorld) -> None:
    document_id = world.document()
    gate = world.gate("events.append", "before_commit")
    append, close = world.append(document_id, "k"), world.append(document_id, name="CLOSE")
    world.release(gate, requestId=world.waiting(gate)[1])
    world.release(gate)
    assert (close.status, append.status, append.code) == (201, 409, "conflictError")
    assert world.names(document_id) == ["CLOSE"]
    assert not world.journal("events.append")[0]["committed"]


def test_who_waits_for_a_key_in_flight_gets_the_original_when_the_first_is_let_go(world: OpenWorld) -> None:
    world.set("semantics", {"dedup-in-flight": "wait"}, "PATCH")
    gate = world.gate("documents.create", "before_commit")
    first, *others = [world.create("k") for _ in range(3)]
    assert len(world.waiting(gate)) == 1
    world.release(gate)
    assert {each.body for each in others} == {first.body}
    assert len(world.records()) == 2


# Who waits, and who goes --------------------------------------------------------------------------------


def test_a_gate_tells_who_waits_first_come_first(world: OpenWorld) -> None:
    document_id = world.document()
    gate = world.gate("*", "validated", timeout=5)
    world.append(document_id, "k")
    world.clock.advance(1)
    world.append(document_id)
    ids = [each["id"] for each in world.journal("events.append")]
    assert world.get("gates") == [
        {
            "id": gate,
            "operation": "*",
            "phase": "validated",
            "timeout": 5,
            "waiting": [
                {"requestId": ids[0], "deduplicationId": "k", "since": "2026-03-01T12:00:00.000Z"},
                {"requestId": ids[1], "since": "2026-03-01T12:00:01.000Z"},
            ],
        }
    ]


def test_a_count_lets_go_so_many_of_those_who_came_first_and_the_gate_stays(world: OpenWorld) -> None:
    gate = world.gate("documents.create", "arrived")
    sent = [world.create() for _ in range(4)]
    waiting = world.waiting(gate)
    assert world.release(gate, count=2) == waiting[:2]
    assert [each.done for each in sent] == [True, True, False, False]
    late = world.create()
    assert world.release(gate, count=9) == [*waiting[2:], world.journal()[-1]["id"]]
    assert late.status == 201
    assert world.release(gate, count=1) == []
    assert [each["id"] for each in world.get("gates")] == [gate]


def test_to_let_all_go_takes_the_gate_away(world: OpenWorld) -> None:
    gate = world.gate("documents.create", "arrived")
    held = world.create()
    assert len(world.release(gate)) == 1
    assert (held.status, world.get("gates")) == (201, [])
    assert world.create().done
    assert world.refused(f"gates/{gate}/release", {})[0] == 404
    assert not world.workspace.is_disturbed


def test_a_gate_lets_go_by_itself_after_its_time(world: OpenWorld) -> None:
    gate = world.gate("documents.create", "before_commit", timeout=5)
    first = world.create()
    world.loop.pass_time(4)
    second = world.create()
    world.loop.pass_time(1)
    assert (first.status, second.done) == (201, False)
    assert len(world.waiting(gate)) == 1
    world.loop.pass_time(4)
    assert second.status == 201


def test_without_a_word_a_gate_holds_for_half_a_minute(world: OpenWorld) -> None:
    world.gate("documents.create", "before_commit")
    held = world.create()
    # It is real time that counts: the clock of the world may stand still, or leap.
    world.set("clock", {"advance": 3600}, "PUT")
    world.loop.pass_time(29)
    assert not held.done
    world.loop.pass_time(1)
    assert held.status == 201


def test_a_request_goes_through_the_gates_of_one_phase_one_after_the_other(world: OpenWorld) -> None:
    world.token()
    first, second = world.gate("documents.create", "arrived"), world.gate("*", "arrived")
    held = world.create()
    assert (len(world.waiting(first)), world.waiting(second)) == (1, [])
    world.release(first)
    assert (held.done, len(world.waiting(second))) == (False, 1)
    world.release(second)
    assert held.status == 201


@pytest.mark.parametrize("path", ["gates", "gates/g1"])
def test_a_gate_that_is_taken_away_lets_all_go(world: OpenWorld, path: str) -> None:
    world.gate("documents.create", "arrived")
    held = [world.create() for _ in range(2)]
    world.set(path, method="DELETE")
    assert [each.status for each in held] == [201, 201]
    assert world.get("gates") == []


def test_of_gates_that_are_taken_away_together_none_holds_on(world: OpenWorld) -> None:
    for _ in range(3):
        world.gate("documents.create", "arrived")
    held = world.create()
    world.set("gates", method="DELETE")
    assert held.status == 201


def test_a_gate_holds_none_that_is_beyond_its_phase(world: OpenWorld) -> None:
    gate = world.gate("documents.create", "committed")
    held = world.create()
    later = world.gate("documents.create", "before_commit")
    world.release(gate)
    assert (held.status, world.waiting(later)) == (201, [])


def test_requests_of_other_operations_pass(world: OpenWorld) -> None:
    document_id = world.document()
    gate = world.gate("documents.create", "arrived")
    assert world.append(document_id).status == 201
    assert world.put(world.upload_url(document_id)).status == 200
    assert world.read(document_id).status == world.ask_token().status == 200
    assert world.waiting(gate) == []


@pytest.mark.parametrize(
    "operation", ["documents.read", "attachments.download", "storage.get", "storage.put", "token"]
)
def test_everything_that_is_asked_for_can_be_held(world: OpenWorld, operation: str) -> None:
    document_id = world.document()
    url = world.upload_url(document_id)
    world.put(url)
    download = world.download_url(document_id)
    gate = world.gate(operation, "responding")
    held = {
        "documents.read": lambda: world.read(document_id),
        "attachments.download": lambda: world.send("GET", f"/documents/{document_id}/attachments/a.txt"),
        "storage.get": lambda: world.send("GET", download, None, None),
        "storage.put": lambda: world.put(url),
        "token": world.ask_token,
    }[operation]()
    assert len(world.waiting(gate)) == 1
    world.release(gate)
    assert (held.status, held.is_whole) == (200, True)


# Clients that leave, worlds that end ------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
def test_a_client_that_leaves_while_it_is_held_has_written_all_the_same(world: OpenWorld, phase: str) -> None:
    gate = world.gate("documents.create", phase)
    left = world.create("k")
    left.leave()
    world.loop.settle()
    assert not left.done
    world.release(gate)
    assert (left.done, left.status) == (True, None)
    entry = world.journal("documents.create")[-1]
    assert (entry["committed"], entry["seen"]) == (True, "silent")
    again = world.create("k")
    assert (again.status, world.journal("documents.create")[-1]["replayOf"]) == (201, entry["id"])


@pytest.mark.parametrize("phase", PHASES)
def test_a_reset_lets_go_and_the_new_world_has_nothing_of_what_was_held(world: OpenWorld, phase: str) -> None:
    world.gate("documents.create", phase)
    held = world.create("k")
    world.set("reset")
    assert (held.status, held.is_whole) == (503, True)
    assert [world.get(each) for each in ("events", "deduplication", "documents", "gates")] == [[]] * 4
    again = world.create("k")
    assert again.status == 201
    assert {each["documentId"] for each in world.records()} == {again.json()["id"]}


@pytest.mark.parametrize(("phase", "status"), [("arrived", 401), ("before_commit", 503), ("responding", 503)])
def test_a_deleted_world_lets_go(world: OpenWorld, phase: str, status: int) -> None:
    other = Other(world)
    other.set("gates", {"operation": "documents.create", "phase": phase})
    held = other.create("k")
    assert not held.done
    assert world.ask("DELETE", f"/_mock/workspaces/{other.id}", None, None).status == 204
    assert (held.done, held.status) == (True, status)
    assert world.records() == []


def test_gates_of_two_worlds_do_not_know_of_each_other(world: OpenWorld) -> None:
    other = Other(world)
    mine = world.gate("documents.create", "arrived")
    theirs = other.set("gates", {"operation": "documents.create", "phase": "arrived"})["id"]
    assert mine == theirs == "g1"
    held, held_there = world.create("k"), other.create("k")
    world.release(mine)
    assert (held.status, held_there.done) == (201, False)
    other.set(f"gates/{theirs}/release", {})
    assert held_there.status == 201
    assert held_there.body != held.body


class Other:
    """A workspace beside the default one."""

    def __init__(self, world: OpenWorld) -> None:
        made = world.ask("POST", "/_mock/workspaces", {"rateLimit": "off"}, None).json()
        self.world, self.id = world, made["id"]
        credential = made["credentials"][0]
        form = "grant_type=client_credentials&client_id={clientId}&client_secret={clientSecret}"
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = world.ask("POST", "/oauth2/token", form.format(**credential).encode(), None, headers=kind)
        self.headers = {"authorization": f"Bearer {answer.json()['access_token']}"}

    def set(self, path: str, body: Any) -> Any:
        answer = self.world.control("POST", path, body, self.id)
        assert answer.status in (200, 201)
        return answer.json()

    def create(self, key: str) -> Sent:
        return self.world.send("POST", "/documents", mass_id(deduplicationId=key), None, self.headers)


# Mistakes ---------------------------------------------------------------------------------------------------

GATE = {"operation": "documents.create", "phase": "arrived"}


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ({"operation": "documents.update"}, "/operation", "must be one of documents.create, "),
        ({"operation": ...}, "/operation", "it is missing"),
        ({"phase": "commit"}, "/phase", "must be one of arrived, authenticated, "),
        ({"phase": ...}, "/phase", "it is missing"),
        (
            {"operation": "documents.read", "phase": "committed"},
            "/phase",
            "that documents.read has: arrived, authenticated, validated, responding; got committed",
        ),
        ({"timeout": 0}, "/timeout", "seconds above 0"),
        ({"timeout": 1e9}, "/timeout", "at most 86400"),
        ({"timeout": "5"}, "/timeout", 'got "5"'),
        ({"timeOut": 5}, "/timeOut", "timeOut"),
    ],
)
def test_a_gate_that_cannot_be_is_refused_with_a_sentence(
    world: OpenWorld, change: dict[str, Any], where: str, said: str
) -> None:
    body = {name: value for name, value in {**GATE, **change}.items() if value is not ...}
    status, path, message = world.refused("gates", body)
    assert (status, path) == (400, where)
    assert said in message
    assert world.get("gates") == []


@pytest.mark.parametrize(
    ("body", "status", "where", "said"),
    [
        ({"count": 0}, 400, "/count", "a whole number from 1 on; got 0"),
        ({"count": True}, 400, "/count", "got true"),
        ({"requestId": "r99"}, 404, "/requestId", "must name a request that waits at g1 (r"),
        ({"requestId": 7}, 400, "/requestId", "got 7"),
        ({"count": 1, "requestId": "r1"}, 400, "", "not both"),
        ({"all": True}, 400, "/all", "all"),
    ],
)
def test_what_cannot_be_let_go_is_refused_with_a_sentence(
    world: OpenWorld, body: dict[str, Any], status: int, where: str, said: str
) -> None:
    gate = world.gate(**GATE)
    held = world.create()
    found = world.refused(f"gates/{gate}/release", body)
    assert found[:2] == (status, where)
    assert said in found[2]
    assert not held.done


# Over a socket ----------------------------------------------------------------------------------------------


def test_two_clients_meet_over_a_socket(workspace: dict[str, Any], authorised: httpx.Client) -> None:
    control = f"/_mock/workspaces/{workspace['id']}/gates"
    gate = authorised.post(control, json={"operation": "documents.create", "phase": "before_commit"}).json()[
        "id"
    ]
    answers: list[httpx.Response] = []
    body = mass_id(deduplicationId="k")

    def post() -> None:
        headers = {"Authorization": authorised.headers["Authorization"]}
        with httpx.Client(base_url=workspace["url"], headers=headers) as client:
            answers.append(client.post("/documents", json=body))

    thread = threading.Thread(target=post)
    thread.start()
    until(lambda: authorised.get(control).json()[0]["waiting"])
    second = authorised.post("/documents", json=body)
    assert second.json()["errors"][0]["code"] == PENDING
    assert len(authorised.post(f"{control}/{gate}/release", json={}).json()["released"]) == 1
    thread.join()
    assert answers[0].status_code == 201
    assert authorised.post("/documents", json=body).content == answers[0].content


def test_a_server_that_is_stopped_drops_what_is_held_and_ends_well(serve: Callable[..., Serving]) -> None:
    serving = serve("--rate-limit", "off", "--allow-fault-header")
    control = f"{serving.url}/_mock/workspaces/default"
    with httpx.Client(base_url=serving.url, timeout=30) as client:
        auth = (serving.info["clientId"], serving.info["clientSecret"])
        token = client.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=auth).json()
        client.post(f"{control}/gates", json={"operation": "documents.create", "phase": "before_commit"})
        client.post(f"{control}/faults", json={"operation": "events.batch", "phase": "arrived", "do": "hang"})
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        wanted = [
            ("/documents", mass_id(), {}),
            ("/documents/events", {"events": []}, {}),
            ("/documents/x/events", event(), {"X-Carrot-Mock-Fault": "phase=arrived; do=hang"}),
        ]
        errors: list[Exception] = []

        def post(path: str, body: Any, more: dict[str, str]) -> None:
            try:
                httpx.post(serving.url + path, json=body, headers=headers | more, timeout=30)
            except httpx.HTTPError as error:
                errors.append(error)

        threads = [threading.Thread(target=post, args=each) for each in wanted]
        for thread in threads:
            thread.start()
        until(lambda: client.get(f"{control}/gates").json()[0]["waiting"])
        until(lambda: client.get(f"{control}/faults").json()[0]["hanging"])
        until(lambda: len(client.get(f"{control}/requests").json()) == 4)
    assert serving.stop() == 0
    for thread in threads:
        thread.join()
    assert [type(each) for each in errors] == [httpx.RemoteProtocolError] * 3
