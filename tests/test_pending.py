"""A document that a background process holds: for how long after a write, and for which calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import World, error_of
from keyed import OF_ONE_EVENT, batch, keyed
from payloads import event

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

PENDING = (409, "PENDING_PROCESS_CONFLICT_ERROR")
FILE = {"contentLength": 3, "contentType": "text/plain"}
WRITES: dict[str, Callable[[World, str], httpx.Response]] = {
    "append": lambda world, document_id: world.append(document_id),
    "batch": lambda world, document_id: world.a.post(
        "/documents/events", json=batch(document_id, event()).body
    ),
    "close": lambda world, document_id: world.append(document_id, "CLOSE"),
    "declare": lambda world, document_id: world.a.put(
        f"/documents/{document_id}/attachments/a.txt", json=FILE
    ),
}


@pytest.mark.switch("pending-window", "seconds")
def test_by_default_a_document_is_never_busy(world: World) -> None:
    document_id = world.document()
    statuses = [write(world, document_id).status_code for write in reversed(WRITES.values())]
    assert statuses == [200, 201, 409, 409]  # the last two because of CLOSE
    assert error_of(world.append(document_id))[1] == "conflictError"


@pytest.mark.switch("pending-window", "seconds")
@pytest.mark.parametrize("after", ["create", *WRITES])
@pytest.mark.parametrize("name", WRITES)
def test_a_document_takes_no_write_until_the_window_after_the_last_one_is_over(
    world: World, name: str, after: str
) -> None:
    document_id = world.document()
    if after != "create":
        assert WRITES[after](world, document_id).status_code in (200, 201)
    world.semantics(pending_window=2.5)
    ended = after == "close"
    for seconds in (0, 1, 1.25):
        world.clock.advance(seconds)
        before = world.ledger()
        answer = WRITES[name](world, document_id)
        assert error_of(answer)[:2] == ((409, "conflictError") if ended else PENDING)
        assert world.ledger() == before
    world.clock.advance(0.25)
    assert WRITES[name](world, document_id).status_code == (
        409 if ended else 200 if name == "declare" else 201
    )


def test_each_write_begins_a_window_of_its_own(world: World) -> None:
    world.semantics(pending_window=5)
    document_id = world.document()
    for _ in range(3):
        world.clock.advance(4.75)
        assert error_of(world.append(document_id))[:2] == PENDING
        world.clock.advance(0.25)
        assert world.append(document_id).status_code == 201
    assert len(world.timeline(document_id)) == 3


def test_a_refused_write_does_not_prolong_the_window(world: World) -> None:
    world.semantics(pending_window=5)
    document_id = world.document()
    world.clock.advance(4)
    assert error_of(world.append(document_id))[:2] == PENDING
    world.clock.advance(1)
    assert world.append(document_id).status_code == 201


def test_a_batch_does_not_block_itself(world: World) -> None:
    for rule in ("all", "each"):
        world.semantics(pending_window=5, batch_atomicity=rule)
        document_id = world.document()
        world.clock.advance(5)
        answer = world.a.post("/documents/events", json=batch(document_id, *[event()] * 3).body)
        assert answer.status_code == 201
        assert "errors" not in answer.json()
        assert len(world.timeline(document_id)) == 3


def test_other_documents_are_not_held(world: World) -> None:
    other = world.document()
    world.clock.advance(5)
    world.semantics(pending_window=5)
    document_id = world.document()
    assert error_of(world.append(document_id))[:2] == PENDING
    assert world.append(other).status_code == 201


@pytest.mark.parametrize(
    ("name", "bidirectional", "waits"),
    [
        ("RELATED", ..., True),
        ("LINK", True, True),
        ("SPLIT", ..., True),
        ("RELATED", False, False),
        ("OUTPUT", ..., False),
    ],
)
def test_a_relation_waits_for_a_busy_target_that_it_leaves_something_on(
    world: World, name: str, bidirectional: Any, waits: bool
) -> None:
    document_id, target = world.document(value=10), world.document(value=1)
    world.semantics(pending_window=5)
    world.clock.advance(5)
    assert world.append(target).status_code == 201
    related = {"documentId": target} | ({} if bidirectional is ... else {"bidirectional": bidirectional})
    changes = {"relatedDocument": related, "value": 1 if name == "SPLIT" else ...}
    answer = world.append(document_id, name, **changes)
    assert answer.status_code == (409 if waits else 201)
    if waits:
        assert error_of(answer)[:2] == PENDING
        assert world.timeline(document_id) == []
        world.clock.advance(5)
        assert world.append(document_id, name, **changes).status_code == 201


def test_a_mirrored_event_makes_the_target_busy(world: World) -> None:
    document_id, target = world.document(), world.document()
    world.semantics(pending_window=5)
    world.clock.advance(5)
    assert world.append(document_id, "RELATED", relatedDocument={"documentId": target}).status_code == 201
    assert error_of(world.append(target))[:2] == PENDING
    world.clock.advance(5)
    assert world.append(target).status_code == 201


@pytest.mark.parametrize("way", ["create", *OF_ONE_EVENT])
def test_a_retry_gets_its_original_answer_while_the_document_is_busy(world: World, way: str) -> None:
    document_id = world.document()
    world.semantics(pending_window=5)
    world.clock.advance(5)
    write = keyed(way, document_id, "k")
    first, again = (world.a.post(write.path, json=write.body) for _ in range(2))
    assert (first.status_code, again.content) == (201, first.content)


@pytest.mark.parametrize("way", OF_ONE_EVENT)
def test_a_pending_answer_leaves_the_key_free(world: World, way: str) -> None:
    document_id = world.document()
    world.semantics(pending_window=5)
    write = keyed(way, document_id, "k")
    assert error_of(world.a.post(write.path, json=write.body))[:2] == PENDING
    world.clock.advance(5)
    assert world.a.post(write.path, json=write.body).status_code == 201
    assert [each["verdict"] for entry in world.journal() for each in entry["deduplication"]] == ["fresh"] * 2


def uploaded(world: World) -> str:
    """A document whose file a.txt is there."""
    document_id = world.document()
    url = world.a.put(f"/documents/{document_id}/attachments/a.txt", json=FILE).json()["url"]
    assert world.anyone.put(url, content=b"abc", headers={"Content-Type": "text/plain"}).status_code == 200
    return document_id


READS = {"document": "/documents/{}", "attachment": "/documents/{}/attachments/a.txt"}


@pytest.mark.switch("pending-reads", "off")
@pytest.mark.parametrize("path", READS.values(), ids=READS)
def test_by_default_a_busy_document_is_read(world: World, path: str) -> None:
    place = path.format(uploaded(world))
    world.semantics(pending_window=5)
    assert world.a.get(place).status_code == 200


@pytest.mark.switch("pending-reads", "on")
@pytest.mark.parametrize("path", READS.values(), ids=READS)
def test_a_busy_document_may_refuse_reads_as_well(world: World, path: str) -> None:
    place = path.format(uploaded(world))
    world.semantics(pending_window=5, pending_reads="on")
    assert error_of(world.a.get(place))[:2] == PENDING
    world.clock.advance(4.75)
    assert world.a.head(place).status_code == 409
    world.clock.advance(0.25)
    assert world.a.get(place).status_code == 200


def test_without_a_window_reads_are_served_whatever_the_switch_says(world: World) -> None:
    world.semantics(pending_reads="on")
    assert world.a.get(f"/documents/{world.document()}").status_code == 200


def test_who_may_not_see_a_busy_document_does_not_learn_of_it(world: World) -> None:
    world.semantics(pending_window=5, pending_reads="on")
    document_id = world.document()
    assert error_of(world.b.get(f"/documents/{document_id}"))[0] == 404
    assert error_of(world.b.post(f"/documents/{document_id}/events", json=event()))[0] == 404


def test_the_journal_names_the_window(world: World) -> None:
    world.semantics(pending_window=5, pending_reads="on")
    document_id = world.document()
    world.append(document_id)
    assert {"pending-window", "pending-process-conflict"} <= set(world.journal()[-1]["behaviours"])
    world.a.get(f"/documents/{document_id}")
    assert {"pending-window", "pending-reads"} <= set(world.journal()[-1]["behaviours"])
