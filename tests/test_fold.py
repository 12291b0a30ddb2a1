"""Everything that a read returns is a fold of the ledger: at every position, for any sequence of writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from conftest import World, created
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from payloads import ADDRESS, RECYCLER, at, attribute, event, mass_id

from mock_server.domain.document import fold

if TYPE_CHECKING:
    from collections.abc import Iterator

B = "bbbbbbbb-0000-4000-8000-00000000000b"
DOCUMENTS = st.integers(0, 2)
VALUES = st.one_of(st.integers(0, 5), st.sampled_from([0.1, 0.2, 0.3, 2.5]))
GRANTS = st.lists(
    st.fixed_dictionaries(
        {
            "effect": st.sampled_from(["ALLOW", "DENY"]),
            "actions": st.sampled_from([["READ"], ["WRITE"], ["READ", "WRITE"]]),
        },
        optional={"condition": st.just({"$in": {"eventNames": ["Weighing"]}})},
    ),
    max_size=2,
)
PARTIES = st.sampled_from([{}, {"participant": RECYCLER}, {"participant": RECYCLER, "address": ADDRESS}])
HOURS = st.integers(9, 11)


def named(*names: str, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An event of one of these names; what it has beside is drawn too."""
    return st.builds(
        lambda name, hour, parties, drawn: event(name, externalCreatedAt=at(hour), **parties, **drawn),
        st.sampled_from(names),
        HOURS,
        PARTIES,
        st.fixed_dictionaries(more),
    )


# `target` is the number of a document; it becomes an id when the event is sent.
EVENTS = st.one_of(
    named("Weighing", "Sorting", value=VALUES),
    named("Pick-up", metadata=st.just({"attributes": [attribute("Tare", 1, isPublic=...)]})),
    named("Pick-up", attachments=st.just([{"fileName": "a.pdf", "label": "MTR"}])),
    named("RELATED", "LINK", "OUTPUT", target=DOCUMENTS),
    named("SPLIT", target=DOCUMENTS, value=VALUES),
    named("UPDATE", updates=st.sampled_from([{"isPublic": False}, {"isPubliclySearchable": False}])),
    named("ACTOR", label=st.just("Auditor"), permissions=st.fixed_dictionaries({B: GRANTS})),
    named("ACTOR", label=st.just("Hauler")),
    named("CLOSE", "CANCEL"),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), DOCUMENTS, EVENTS),
        st.tuples(st.just("append"), DOCUMENTS, EVENTS),
        st.tuples(st.just("batch"), DOCUMENTS, st.lists(EVENTS, min_size=1, max_size=3)),
        st.tuples(st.just("declare"), DOCUMENTS, st.integers(0, 99)),
        st.tuples(st.just("wait"), DOCUMENTS, st.just(1)),
    ),
    min_size=3,
    max_size=12,
)


@pytest.fixture(scope="module")
def one_world() -> Iterator[World]:
    """One world for all examples: each begins with a reset."""
    found = World()
    yield found
    found.transport.close()


def sent(body: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    related = {"relatedDocument": {"documentId": ids[body["target"]]}} if "target" in body else {}
    return {name: value for name, value in body.items() if name != "target"} | related


def take(world: World, ids: list[str], step: tuple[str, int, Any]) -> None:
    """Send what a step says; whether it is refused is all the same."""
    what, number, more = step
    document_id = ids[number]
    if what == "append":
        answer = world.a.post(f"/documents/{document_id}/events", json=sent(more, ids))
    elif what == "batch":
        items = [sent(each, ids) for each in more]
        answer = world.a.post("/documents/events", json={"documentId": document_id, "events": items})
    elif what == "declare":
        body = {"contentLength": more, "contentType": "application/pdf"}
        answer = world.a.put(f"/documents/{document_id}/attachments/a.pdf", json=body)
    else:
        world.clock.advance(more)
        return
    assert answer.status_code in (200, 201, 400, 409), answer.text


def as_of(world: World, document_id: str, position: int) -> Any:
    answer = world.control.get(f"documents/{document_id}", params={"at": position})
    return answer.json() if answer.status_code == 200 else None


@settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps=STEPS, atomicity=st.sampled_from(["all", "each"]))
def test_a_document_as_of_a_position_is_what_was_read_then(
    one_world: World, steps: list[tuple[str, int, Any]], atomicity: str
) -> None:
    world = one_world
    world.control.post("reset")
    world.semantics(batch_atomicity=atomicity)
    ids: list[str] = []
    live: dict[int, list[Any]] = {}

    def look() -> None:
        position = world.workspace.ledger.position
        reads = [world.read(each) for each in ids]
        assert live.setdefault(position, reads) == reads, "a write that was refused has changed something"

    for value in (5, 0.3, 0):
        ids.append(created(world.a.post("/documents", json=mass_id(value=value))))
        look()
    for step in steps:
        take(world, ids, step)
        look()
    for position, reads in live.items():
        absent = [None] * (len(ids) - len(reads))
        assert [as_of(world, each, position) for each in ids] == reads + absent

    for each in ids:
        found = None
        for record in world.workspace.ledger.history(each):
            facts = orjson.loads(record.event)
            found = fold(found, record.kind, record.origin, record.document_id, facts, record.recorded_at)
        assert found == world.workspace.ledger.document(each)


def test_between_the_records_of_one_request_a_document_is_read_as_far_as_it_goes(world: World) -> None:
    document_id = world.document()
    names = ["Pick-up", "Weighing", "Sorting"]
    body = {"documentId": document_id, "events": [event(name, value=1) for name in names]}
    world.a.post("/documents/events", json=body)
    shown = [as_of(world, document_id, position) for position in range(1, 6)]
    assert [len(each["externalEvents"]) for each in shown] == [0, 1, 2, 3, 4]
    assert [each["currentValue"] for each in shown] == [0, 0, 1, 1, 1]


def test_a_document_as_of_a_moment_is_what_was_read_then(world: World) -> None:
    document_id = world.document()
    reads = {}
    for name in ("Pick-up", "CLOSE"):
        world.clock.advance(60)
        world.append(document_id, name)
        reads[world.read(document_id)["updatedAt"]] = world.read(document_id)
    for moment, read in reads.items():
        answer = world.control.get(f"documents/{document_id}", params={"at": moment})
        assert answer.json() == read
    before = world.control.get(f"documents/{document_id}", params={"at": "2026-03-01T11:59:59.999Z"})
    assert before.status_code == 404


def test_the_ledger_as_of_the_end_is_the_document(world: World) -> None:
    document_id = world.document()
    world.append(document_id, "Weighing", value=3)
    last = world.ledger()[-1]["position"]
    assert as_of(world, document_id, last) == world.read(document_id)
    assert world.control.get(f"documents/{document_id}").json() == world.read(document_id)
