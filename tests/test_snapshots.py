"""Snapshots: a world as it was, again and again, whatever was asked of it meanwhile, whoever is still on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from payloads import PARTICIPANT, RECYCLER
from proof_world import OpenWorld, Sent

from mock_server.ledger.memory import MemoryLedger

PHASES = ("arrived", "authenticated", "validated", "before_commit", "committed", "responding")
BEFORE, AFTER = PHASES[:4], PHASES[4:]


class Kept(OpenWorld):
    """A world whose snapshots are called by what `take` gave."""

    def take(self) -> str:
        return str(self.set("snapshots")["id"])

    def restore(self, snapshot: str) -> None:
        self.set(f"snapshots/{snapshot}/restore")

    def store(self, document_id: str, name: str, content: bytes) -> int | None:
        """Declare a file and put its bytes: the status of the answer to that."""
        wanted = {"contentLength": len(content), "contentType": "text/plain"}
        answer = self.ask("PUT", f"/documents/{document_id}/attachments/{name}", wanted)
        return self.put(answer.json()["url"], content).status

    def content(self, document_id: str, name: str) -> bytes | None:
        """The bytes of a file, None where it is not there."""
        answer = self.ask("GET", f"/documents/{document_id}/attachments/{name}")
        return self.ask("GET", answer.json()["url"], None, None).body if answer.status == 200 else None

    def state(self) -> list[Any]:
        """All that a snapshot keeps, as far as it is shown."""
        documents = self.get("documents")
        whole = [self.get(f"documents/{each['id']}") for each in documents]
        files = {
            (each["id"], file["fileName"]): self.content(each["id"], file["fileName"])
            for each in whole
            for file in each["attachments"]
        }
        return [self.get("events"), self.get("deduplication"), self.get("clock"), documents, whole, files]


@pytest.fixture
def world() -> Iterator[Kept]:
    with Kept() as found:
        yield found


# What it keeps ------------------------------------------------------------------------------------------------


def test_a_world_is_again_as_it_was(world: Kept) -> None:
    document_id = world.create("k").json()["id"]
    world.append(document_id, "e")
    world.store(document_id, "a.txt", b"before")
    world.set("clock", {"rate": 0, "skew": 3}, "PUT")
    before, snapshot = world.state(), world.take()
    assert world.store(document_id, "a.txt", b"after") == 200
    world.append(document_id, "f", "CLOSE")
    world.create("l")
    world.set("clock", {"advance": 60, "skew": 0, "rate": 1}, "PUT")
    world.set("deduplication/k", method="DELETE")
    assert world.state() != before
    world.restore(snapshot)
    assert world.state() == before


def test_what_came_later_is_gone(world: Kept) -> None:
    first = world.create("k")
    snapshot = world.take()
    document_id = world.create("l").json()["id"]
    world.store(document_id, "a.txt", b"abc")
    url = world.download_url(document_id)
    participant = world.document(participant={**PARTICIPANT, **RECYCLER})
    named = world.read(participant).json()["primaryParticipant"]["id"]
    world.restore(snapshot)
    assert world.read(document_id).status == 404
    assert world.send("GET", url, None, None).status == 404
    again = world.create("l")
    assert (again.status, again.json()["id"] != document_id) == (201, True)
    assert world.journal("documents.create")[-1]["deduplication"][0]["verdict"] == "fresh"
    assert world.create(participant=..., participantId=named).status == 404
    assert world.create("k").body == first.body


def test_what_was_there_is_the_same_thing(world: Kept) -> None:
    """Who was known, by which ids and names, and how a document goes on."""
    chosen = "11111111-1111-4111-8111-111111111111"
    first = world.document()
    party = world.read(first).json()["primaryParticipant"]["id"]
    world.document(participant={**PARTICIPANT, "id": chosen})
    snapshot = world.take()
    world.document(participant={**RECYCLER, "id": "22222222-2222-4222-8222-222222222222"})
    world.restore(snapshot)
    for participant in (PARTICIPANT, {**PARTICIPANT, "id": chosen}):
        assert world.read(world.document(participant=participant)).json()["primaryParticipant"]["id"] == party
    # An id of a party that is not known any more is free for another one.
    free = {**RECYCLER, "taxId": "99000003000186", "id": "22222222-2222-4222-8222-222222222222"}
    assert world.create(participant=free).status == 201
    assert world.append(first, name="CLOSE").status == 201
    assert world.append(first).status == 409


def test_journal_faults_gates_and_semantics_stay(world: Kept) -> None:
    snapshot, before = world.take(), len(world.journal())
    document_id = world.document()
    fault = world.fault("documents.create", "arrived", "drop", after=5)
    gate = world.gate("events.append", "arrived")
    world.set("semantics", {"ordering": "off"}, "PATCH")
    journal = world.journal()
    world.restore(snapshot)
    assert world.journal() == [*journal[:before], *({**each, "undone": True} for each in journal[before:])]
    assert ([each["id"] for each in world.get("faults")], world.waiting(gate)) == ([fault], [])
    assert world.get("semantics")["ordering"] == "off"
    assert world.get("documents") == []
    assert document_id not in str(world.records())


def test_a_frozen_clock_is_again_at_its_moment_and_a_running_one_runs(world: Kept) -> None:
    world.set("clock", {"advance": 100}, "PUT")
    running = world.take()
    world.set("clock", {"now": "2030-01-01T00:00:00Z", "rate": 0}, "PUT")
    frozen = world.take()
    world.set("clock", {"now": "2040-01-01T00:00:00Z", "rate": 1}, "PUT")
    world.restore(frozen)
    world.clock.advance(10)
    assert world.get("clock") == {"now": "2030-01-01T00:00:00.000Z", "rate": 0, "skew": 0}
    world.restore(running)
    assert world.get("clock")["rate"] == 1
    now = world.get("clock")["now"]
    world.clock.advance(1)
    assert world.get("clock")["now"] > now


def test_snapshots_are_listed_with_their_places(world: Kept) -> None:
    assert world.get("snapshots") == []
    first = world.set("snapshots")
    world.document()
    world.clock.advance(5)
    second = world.set("snapshots")
    assert first == {"id": "s1", "position": 0, "at": "2026-03-01T12:00:00.000Z"}
    assert second == {"id": "s2", "position": 2, "at": "2026-03-01T12:00:05.000Z"}
    assert world.get("snapshots") == [first, second]


def test_ids_go_on_where_they_were(world: Kept) -> None:
    snapshot = world.take()
    seen = set()
    for _ in range(3):
        seen.add(world.document())
        world.restore(snapshot)
    assert len(seen) == 3


def test_a_snapshot_that_is_not_there_is_told_so(world: Kept) -> None:
    assert world.refused("snapshots/s9/restore", {}) == (404, "/id", "There is no snapshot s9.")
    assert world.refused("snapshots", {"name": "x"})[0] == 400


def test_a_reset_forgets_all_snapshots(world: Kept) -> None:
    world.document()
    snapshot = world.take()
    world.set("reset")
    assert world.get("snapshots") == []
    assert world.refused(f"snapshots/{snapshot}/restore", {})[0] == 404


def test_another_world_is_not_touched(world: Kept) -> None:
    other = world.ask("POST", "/_mock/workspaces", {}, None).json()["id"]
    snapshot = world.take()
    world.document()
    assert world.control("GET", "snapshots", workspace=other).json() == []
    assert world.control("POST", f"snapshots/{snapshot}/restore", workspace=other).status == 404
    world.restore(snapshot)
    assert world.records() == []


# Back and forth -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_back_and_forth_among_several(world: Kept, seed: int) -> None:
    dice = Random(seed)
    first = world.document()
    world.set("clock", {"rate": 0}, "PUT")
    kept = {world.take(): world.state()}
    for number in range(12):
        if dice.random() < 0.5:
            snapshot = dice.choice(list(kept))
            world.restore(snapshot)
            assert world.state() == kept[snapshot]
        world.append(first, f"k{dice.randrange(6)}", dice.choice(("Weighing", "Sorting")))
        world.create(f"d{dice.randrange(4)}")
        if dice.random() < 0.5:
            world.store(first, f"{dice.randrange(3)}.txt", b"%d" % number)
        if dice.random() < 0.3:
            world.set("clock", {"advance": 1}, "PUT")
        kept[world.take()] = world.state()
    for snapshot in (*kept, *reversed(kept)):
        world.restore(snapshot)
        assert world.state() == kept[snapshot]


def test_a_forgotten_key_is_forgotten_only_where_it_was(world: Kept) -> None:
    first = world.create("k")
    known = world.take()
    world.set("deduplication/k", method="DELETE")
    forgotten = world.take()
    second = world.create("k")
    assert (second.status, second.body != first.body) == (201, True)
    world.restore(known)
    assert world.create("k").body == first.body
    world.restore(forgotten)
    assert world.get("deduplication") == []
    assert world.create("k").body not in (first.body, second.body)


def test_an_error_that_a_key_stands_for_is_kept_with_it(world: Kept) -> None:
    world.set("semantics", {"dedup-errors": "remember"}, "PATCH")
    document_id = world.document()
    world.append(document_id, name="CLOSE")
    free = world.take()
    refused = world.append(document_id, "k")
    kept = world.take()
    world.restore(free)
    assert world.get("deduplication") == []
    world.restore(kept)
    assert world.append(document_id, "k").body == refused.body


# While requests are under way -----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
def test_a_request_is_told_that_the_world_that_it_came_to_is_no_more(world: Kept, phase: str) -> None:
    empty = world.take()
    gate = world.gate("documents.create", phase)
    held = world.create("k")
    world.restore(empty)
    world.release(gate)
    assert (held.status, held.code) == (503, "serviceUnavailable")
    assert [world.get(each) for each in ("events", "deduplication", "documents")] == [[], [], []]
    again = world.create("k")
    assert again.status == 201
    assert {each["documentId"] for each in world.records()} == {again.json()["id"]}
    assert world.create("k").body == again.body


@pytest.mark.parametrize("rule", ["pending", "wait"])
def test_a_key_that_is_in_flight_in_the_world_that_is_left_is_free(world: Kept, rule: str) -> None:
    world.set("semantics", {"dedup-in-flight": rule}, "PATCH")
    empty = world.take()
    gate = world.gate("documents.create", "before_commit")
    held, waiting = world.create("k"), world.create("k")
    world.restore(empty)
    fresh = world.create("k")
    assert not fresh.done
    assert len(world.waiting(gate)) == 2
    world.release(gate, requestId=world.waiting(gate)[1])
    assert (fresh.status, held.done) == (201, False)
    world.release(gate)
    assert held.status == 503
    assert waiting.status == (503 if rule == "wait" else 409)
    assert world.create("k").body == fresh.body
    assert world.workspace.in_flight == {}


@pytest.mark.parametrize("phase", PHASES)
def test_a_snapshot_has_of_a_request_what_was_committed_by_then(world: Kept, phase: str) -> None:
    document_id = world.document()
    gate = world.gate("events.append", phase)
    held = world.append(document_id, "k")
    snapshot, before = world.take(), world.state()
    world.release(gate)
    assert held.status == 201
    assert world.names(document_id) == ["Pick-up"]
    world.restore(snapshot)
    assert world.state()[:2] == before[:2]
    assert world.names(document_id) == (["Pick-up"] if phase in AFTER else [])
    again = world.append(document_id, "k")
    assert (again.status, again.body == held.body) == (201, phase in AFTER)
    assert world.names(document_id) == ["Pick-up"]


@pytest.mark.parametrize("phase", BEFORE)
def test_a_file_whose_bytes_come_after_a_restore_is_stored_nowhere(world: Kept, phase: str) -> None:
    document_id = world.document()
    snapshot = world.take()
    url = world.upload_url(document_id)
    gate = world.gate("storage.put", phase)
    held = world.put(url)
    world.restore(snapshot)
    world.release(gate)
    assert held.status == 503
    assert b"<Code>ServiceUnavailable</Code>" in held.body
    assert world.content(document_id, "a.txt") is None
    assert used(world) == 0


@pytest.mark.parametrize("phase", AFTER)
def test_a_file_that_is_lost_before_its_sender_is_answered_is_not_confirmed(world: Kept, phase: str) -> None:
    document_id = world.document()
    url = world.upload_url(document_id)
    snapshot = world.take()
    gate = world.gate("storage.put", phase)
    held = world.put(url)
    world.restore(snapshot)
    world.release(gate)
    assert held.status == 503
    assert b"<Code>ServiceUnavailable</Code>" in held.body
    assert world.content(document_id, "a.txt") is None
    assert world.put(url).status == 200
    assert world.content(document_id, "a.txt") is not None


@pytest.mark.parametrize("change", ["snapshot", "reset", "restore", "semantics"])
def test_a_document_as_it_was_is_not_changed_by_who_is_under_way(world: Kept, change: str) -> None:
    document_id = world.document()
    world.append(document_id)
    snapshot = world.take()
    gate = world.gate("events.append", "before_commit")
    held = world.append(document_id, name="Weighing", value=5)
    position = len(world.records())
    before = world.get(f"documents/{document_id}?at={position}")
    if change == "semantics":
        world.set("semantics", {"ordering": "off", "get-shape": "stored"}, "PATCH")
    elif change == "snapshot":
        world.take()
    elif change == "restore":
        world.restore(snapshot)
    else:
        world.set("reset")
        assert (held.done, world.records()) == (True, [])
        return
    assert world.get(f"documents/{document_id}?at={position}") == before
    world.release(gate)
    assert held.status == (503 if change == "restore" else 201)
    assert world.get(f"documents/{document_id}?at={position}") == before
    now = world.get(f"documents/{document_id}")
    assert (now == before) is (change == "restore")


def test_many_requests_of_many_worlds_are_told_that_theirs_is_no_more(world: Kept) -> None:
    document_id = world.document()
    gate = world.gate("events.append", "before_commit")
    snapshots: list[str] = []
    held: list[Sent] = []
    for name in ("One", "Two", "Three"):
        snapshots.append(world.take())
        held.append(world.append(document_id, "k", name))
        world.restore(snapshots[-1])
    # The last world that was left is not the one that there is now.
    assert world.release(gate, count=9) == [each["id"] for each in world.journal("events.append")]
    assert [each.status for each in held] == [503] * 3
    assert world.names(document_id) == []
    for snapshot in snapshots:
        world.restore(snapshot)
        assert world.names(document_id) == []


# The bound on the bytes of files -----------------------------------------------------------------------------------


def used(world: Kept) -> int:
    """The bytes that count for the bound."""
    return int(world.workspace.objects._budget.used_bytes)


@pytest.fixture
def small() -> Iterator[Kept]:
    with Kept(storage_bytes=10) as found:
        yield found


def test_what_a_restore_drops_leaves_room(small: Kept) -> None:
    document_id = small.document()
    assert small.store(document_id, "a.txt", b"abc") == 200
    snapshot = small.take()
    assert small.store(document_id, "b.txt", b"1234567") == 200
    assert small.store(document_id, "c.txt", b"1") == 507
    for _ in range(3):
        small.restore(snapshot)
        assert used(small) == 3
        assert small.store(document_id, "b.txt", b"12345678") == 507
        assert small.store(document_id, "b.txt", b"1234567") == 200
    assert small.content(document_id, "a.txt") == b"abc"


def test_what_a_snapshot_keeps_takes_room_until_a_reset(small: Kept) -> None:
    document_id = small.document()
    assert small.store(document_id, "a.txt", b"abcd") == 200
    snapshot = small.take()
    assert small.store(document_id, "a.txt", b"efgh") == 200
    assert small.store(document_id, "a.txt", b"efghijk") == 507
    assert (used(small), small.content(document_id, "a.txt")) == (8, b"efgh")
    small.take()
    assert small.store(document_id, "b.txt", b"xyz") == 507
    small.restore(snapshot)
    assert (used(small), small.content(document_id, "a.txt")) == (8, b"abcd")
    small.set("reset")
    document_id = small.document()
    assert used(small) == 0
    assert small.store(document_id, "a.txt", b"0123456789") == 200


def test_to_freeze_the_same_again_takes_no_room(small: Kept) -> None:
    document_id = small.document()
    small.store(document_id, "a.txt", b"abcd")
    for _ in range(5):
        snapshot = small.take()
        small.restore(snapshot)
    assert used(small) == 4
    assert small.store(document_id, "b.txt", b"123456") == 200


def test_a_deleted_world_gives_back_the_bytes_of_its_snapshots(small: Kept) -> None:
    other = small.ask("POST", "/_mock/workspaces", {}, None).json()["id"]
    workspace = small.app.state.workspaces.find(other)
    document_id = small.document()
    small.store(document_id, "a.txt", b"abcd")
    small.take()
    # Both count for the one bound.
    assert workspace.objects._budget is small.workspace.objects._budget
    assert small.ask("DELETE", f"/_mock/workspaces/{other}", None, None).status == 204
    assert used(small) == 4
    small.set("reset")
    assert used(small) == 0


# What it costs ------------------------------------------------------------------------------------------------------


class Touched(Exception):
    """A part of the ledger was looked at."""


def _touch(*_: object, **__: object) -> Any:
    raise Touched


def _untouchable(kind: type, allowed: tuple[str, ...]) -> type:
    """A list or a dict that tells its length, and raises Touched for everything else."""
    names = [
        each
        for each in dir(kind)
        if callable(getattr(kind, each)) and not each.startswith(("__new", "__ini"))
    ]
    kept = {
        "__len__",
        "__class__",
        "__getattribute__",
        "__setattr__",
        "__init_subclass__",
        "__bool__",
        *allowed,
    }
    return type(f"Untouchable{kind.__name__}", (kind,), {each: _touch for each in names if each not in kept})


LIST, DICT = _untouchable(list, ()), _untouchable(dict, ())


@pytest.mark.parametrize("act", ["frozen", "thawed", "both"])
def test_to_take_and_to_restore_a_snapshot_looks_at_nothing_that_is_in_it(act: str) -> None:
    """So they take the same time however long the ledger is."""
    acts: dict[str, Callable[[MemoryLedger], object]] = {
        "frozen": MemoryLedger.frozen,
        "thawed": MemoryLedger.thawed,
        "both": lambda each: each.frozen().thawed(),
    }
    with Kept() as world:
        for number in range(3):
            world.create(f"k{number}")
        ledger = world.workspace.ledger
        position = ledger.position
        ledger._records = LIST(ledger._records)
        ledger._timelines = DICT(ledger._timelines)
        ledger._keys = DICT(ledger._keys)
        for parties in ledger._parties.values():
            for name in ("_ids", "_stored", "_aliases", "_names"):
                setattr(parties, name, DICT(getattr(parties, name)))
        acts[act](ledger)
        assert ledger.position == position
        with pytest.raises(Touched):
            list(ledger.records())


def test_a_world_has_the_records_of_its_snapshot_itself_and_no_copies(world: Kept) -> None:
    for number in range(3):
        world.create(f"k{number}")
    before = list(world.workspace.ledger.records())
    documents = list(world.workspace.ledger.documents())
    snapshot = world.take()
    world.create("later")
    world.restore(snapshot)
    ledger = world.workspace.ledger
    assert all(one is other for one, other in zip(before, ledger.records(), strict=True))
    assert all(one is other for one, other in zip(documents, ledger.documents(), strict=True))


def test_snapshots_of_a_world_that_did_not_change_pile_nothing_up(world: Kept) -> None:
    world.document()
    first = world.take()
    depth = len(list(world.workspace.ledger._layers()))
    for _ in range(20):
        world.take()
        world.restore(first)
    assert len(list(world.workspace.ledger._layers())) == depth


# What was undone ------------------------------------------------------------------------------------------------


def test_what_was_undone_counts_for_no_attempt_after_it(world: Kept) -> None:
    snapshot = world.take()
    world.create("k")
    for _ in range(2):
        world.restore(snapshot)
        fault = world.fault("documents.create", "committed", "status", status=503, attempt=1)
        assert (world.create("k").status, world.create("k").status) == (503, 201)
        assert next(each["strikes"] for each in world.get("faults") if each["id"] == fault) == 1
    entries = world.journal("documents.create")
    assert [each["attempt"] for each in entries] == [1, 1, 2, 1, 2]
    assert ["undone" in each for each in entries] == [True, True, True, False, False]
    assert (entries[2]["replayOf"], entries[4]["replayOf"]) == (entries[1]["id"], entries[3]["id"])


def test_what_is_restored_after_all_is_not_undone_any_more(world: Kept) -> None:
    empty = world.take()
    world.create("k")
    full = world.take()
    world.restore(empty)
    world.create("l")
    world.restore(full)
    world.create("k")
    first, other, again = world.journal("documents.create")
    assert ["undone" in each for each in (first, other, again)] == [False, True, False]
    assert (again["replayOf"], again["attempt"], first["replayedBy"]) == (first["id"], 2, [again["id"]])
