"""Several events in one call: where they go, what fails together, what the answer names (CONTRACT §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import World, created, error_of
from payloads import at, attribute, event, mass_id

if TYPE_CHECKING:
    import httpx

UNKNOWN = "33333333-3333-4333-8333-333333333333"
BAD = event(participantId=UNKNOWN)  # valid by the contract, but names nobody


def send(world: World, *events: Any, **top: Any) -> httpx.Response:
    return world.a.post("/documents/events", json={"events": list(events), **top})


# The answer -------------------------------------------------------------------------------------------


def test_the_answer_names_the_events_in_item_order(world: World) -> None:
    document_id = world.document()
    names = ["Pick-up", "Weighing", "Drop-off"]
    answer = send(world, *map(event, names), documentId=document_id)
    assert answer.status_code == 201
    stored = world.timeline(document_id)
    assert [each["name"] for each in stored] == names
    assert answer.json() == {
        "documentId": document_id,
        "events": [{"eventId": each["id"], "targetDocumentId": document_id} for each in stored],
    }


def test_an_event_of_a_batch_is_stored_as_a_single_one(world: World) -> None:
    one, other = world.document(), world.document()
    body = event(
        "Weighing", value=3, label="l", metadata={"attributes": [attribute("Tare", 1, sensible=True)]}
    )
    world.a.post(f"/documents/{one}/events", json=body)
    send(world, body | {"documentId": other})
    (single,), (item,) = world.timeline(one), world.timeline(other)
    assert single | {"id": ""} == item | {"id": ""}
    assert world.read(other)["currentValue"] == 3


# Where it goes ----------------------------------------------------------------------------------------

PLACES: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str]]] = {
    "at the top": ({"documentId": "own"}, {}, {}),
    "on each item": ({}, {"documentId": "own"}, {"documentId": "own"}),
    "on each item as in the answer": ({}, {"targetDocumentId": "own"}, {"targetDocumentId": "own"}),
    "on each item in its way": ({}, {"targetDocumentId": "own"}, {"documentId": "own"}),
    "twice on an item": ({}, {"targetDocumentId": "own", "documentId": "own"}, {"documentId": "own"}),
    "at the top and on one": ({"documentId": "own"}, {"targetDocumentId": "own"}, {}),
    "in capitals too": ({"documentId": "OWN"}, {"targetDocumentId": "own"}, {}),
}


def filled(ids: dict[str, str], own: str, other: str = "") -> dict[str, str]:
    return {name: {"own": own, "OWN": own.upper(), "other": other}[value] for name, value in ids.items()}


@pytest.mark.parametrize(("top", "first", "second"), PLACES.values(), ids=PLACES)
def test_the_target_may_stand(
    world: World, top: dict[str, str], first: dict[str, str], second: dict[str, str]
) -> None:
    own = world.document()
    items = [event() | filled(first, own), event() | filled(second, own)]
    assert send(world, *items, **filled(top, own)).status_code == 201
    for each in world.timeline(own):
        assert {"documentId", "targetDocumentId"}.isdisjoint(each)
    assert len(world.timeline(own)) == 2


ASTRAY: dict[str, tuple[dict[str, str], dict[str, str], dict[str, str], str]] = {
    "nowhere": ({}, {}, {}, "/events/0"),
    "on the first alone": ({}, {"documentId": "own"}, {}, "/events/1"),
    "on the second alone": ({}, {}, {"documentId": "own"}, "/events/0"),
    "two documents": ({}, {"documentId": "own"}, {"documentId": "other"}, "/events/1/documentId"),
    "two on one item": (
        {},
        {"documentId": "own", "targetDocumentId": "other"},
        {"documentId": "own"},
        "/events/0/targetDocumentId",
    ),
    "another than at the top": (
        {"documentId": "own"},
        {},
        {"targetDocumentId": "other"},
        "/events/1/targetDocumentId",
    ),
}


@pytest.mark.parametrize("rule", ["all", "each"])
@pytest.mark.parametrize(("top", "first", "second", "pointer"), ASTRAY.values(), ids=ASTRAY)
def test_a_batch_is_for_one_document(
    world: World, top: dict[str, str], first: dict[str, str], second: dict[str, str], pointer: str, rule: str
) -> None:
    world.semantics(batch_atomicity=rule)
    own, other = world.document(), world.document()
    items = [event() | filled(first, own, other), event() | filled(second, own, other)]
    status, code, message = error_of(send(world, *items, **filled(top, own, other)))
    assert (status, code) == (400, "validationError")
    assert message.startswith(f"{pointer} ")
    assert world.timeline(own) == world.timeline(other) == []
    if "names no document" in message:
        assert "documentId" in message
        assert "targetDocumentId" in message


def test_the_published_sample_is_told_where_the_id_goes(world: World) -> None:
    message = error_of(send(world, event("Pick-up"), event("Weighing")))[2]
    assert "top of the body as documentId, or into every item as documentId or targetDocumentId" in message


@pytest.mark.parametrize("target", [UNKNOWN, "seven"])
def test_an_unknown_target_is_not_found(world: World, target: str) -> None:
    assert error_of(send(world, event(), documentId=target))[:2] == (404, "objectNotFound")


@pytest.mark.parametrize(
    ("top", "item", "pointer"),
    [({"documentId": 5}, {}, "/documentId"), ({}, {"documentId": None}, "/events/0/documentId")],
)
def test_a_target_is_a_string(world: World, top: dict[str, Any], item: dict[str, Any], pointer: str) -> None:
    status, _, message = error_of(send(world, event() | item, **top))
    assert (status, message.split(" ")[0]) == (400, pointer)


# Size and top level -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "status"), [(0, 400), (1, 201), (100, 201), (101, 400)])
def test_a_batch_has_1_to_100_events(world: World, count: int, status: int) -> None:
    document_id = world.document()
    answer = send(world, *[event()] * count, documentId=document_id)
    assert answer.status_code == status
    assert len(world.timeline(document_id)) == (count if status == 201 else 0)
    if status == 400:
        assert error_of(answer)[2].startswith("/events: ")


@pytest.mark.parametrize("events", [..., None, {}, "x", 1])
def test_events_are_a_list(world: World, events: Any) -> None:
    body = {} if events is ... else {"events": events}
    assert error_of(world.a.post("/documents/events", json=body))[:2] == (400, "validationError")


def test_a_key_at_the_top_is_refused_and_told_where_it_belongs(world: World) -> None:
    document_id = world.document()
    status, code, message = error_of(send(world, event(), documentId=document_id, deduplicationId="k"))
    assert (status, code) == (400, "validationError")
    assert message.startswith("/deduplicationId")
    assert "each item" in message
    assert world.timeline(document_id) == []


def test_the_path_takes_post_alone(world: World) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = world.a.request(method, "/documents/events")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


# What fails together ----------------------------------------------------------------------------------

FAILING: dict[str, tuple[dict[str, Any], tuple[int, str], str]] = {
    "the contract": (event(value=-1), (400, "validationError"), "/events/3/value"),
    "a missing name": (
        {"isPublic": True, "externalCreatedAt": at(9)},
        (400, "validationError"),
        "/events/3 ",
    ),
    "no object": ("x", (400, "validationError"), "/events/3 "),  # type: ignore[dict-item]
    "the order": (
        event(externalCreatedAt=at(8, 30)),
        (400, "validationError"),
        "/events/3/externalCreatedAt",
    ),
    "a party": (BAD, (404, "objectNotFound"), "/events/3/participantId"),
    "a file": (
        event(attachments=[{"fileName": "a", "label": "b"}]),
        (400, "validationError"),
        "/events/3/attachments/0/fileName",
    ),
    "a target": (
        event("LINK", relatedDocument={"documentId": UNKNOWN}),
        (404, "objectNotFound"),
        "/events/3",
    ),
    "an old word": (event("OPEN"), (400, "validationError"), "/events/3/name"),
    "an UPDATE": (event("UPDATE"), (400, "validationError"), "/events/3"),
}
FAILURES = pytest.mark.parametrize(("bad", "error", "pointer"), FAILING.values(), ids=FAILING)


@pytest.mark.switch("batch-atomicity", "all")
@FAILURES
def test_one_bad_item_fails_all(world: World, bad: Any, error: tuple[int, str], pointer: str) -> None:
    document_id = world.document()
    before = world.ledger()
    status, code, message = error_of(send(world, event(), event(), event(), bad, documentId=document_id))
    assert (status, code) == error
    assert message.startswith(pointer)
    assert world.ledger() == before
    entry = world.journal()[-1]
    assert (entry["committed"], entry["events"]) == (False, [])
    assert "batch-atomicity" in entry["behaviours"]


@pytest.mark.switch("batch-atomicity", "each")
@FAILURES
def test_one_bad_item_fails_alone_where_the_switch_says_so(
    world: World, bad: Any, error: tuple[int, str], pointer: str
) -> None:
    world.semantics(batch_atomicity="each")
    document_id = world.document()
    names = ["Pick-up", "Weighing", "Sorting", "Recycled"]
    good = [event(name) for name in names]
    answer = send(world, *good[:3], bad, good[3], documentId=document_id)
    assert answer.status_code == 201
    body = answer.json()
    stored = world.timeline(document_id)
    assert [each["name"] for each in stored] == names
    assert [each["eventId"] for each in body["events"]] == [each["id"] for each in stored]
    (failure,) = body["errors"]
    assert set(failure) == {"index", "code", "message"}
    assert (failure["index"], failure["code"]) == (3, error[1])
    assert failure["message"].startswith(pointer)


def test_the_first_of_several_bad_items_gives_the_error(world: World) -> None:
    document_id = world.document()
    ended = [event("CLOSE"), event("Late"), BAD]
    assert error_of(send(world, *ended, documentId=document_id))[:2] == (409, "conflictError")
    world.semantics(batch_atomicity="each")
    answer = send(world, *ended, documentId=document_id).json()
    assert [(each["index"], each["code"]) for each in answer["errors"]] == [
        (1, "conflictError"),
        (2, "conflictError"),
    ]


def test_without_a_good_item_each_answers_the_first_error(world: World) -> None:
    world.semantics(batch_atomicity="each")
    document_id = world.document()
    before = world.ledger()
    status, code, message = error_of(send(world, BAD, event(value=-1), documentId=document_id))
    assert (status, code) == (404, "objectNotFound")
    assert message.startswith("/events/0")
    assert error_of(send(world, {}, BAD, documentId=document_id))[:2] == (400, "validationError")
    assert world.ledger() == before


def test_a_batch_without_errors_has_no_list_of_them(world: World) -> None:
    world.semantics(batch_atomicity="each")
    assert "errors" not in send(world, event(), documentId=world.document()).json()


def test_a_later_item_sees_what_the_earlier_ones_did(world: World) -> None:
    document_id, target = world.document(value=1), world.document()
    items = [
        event("Weighing", value=10),
        event("SPLIT", value=9.5, relatedDocument={"documentId": target}),
        event("UPDATE", updates={"isPublic": False}),
        event("CLOSE"),
        event("CANCEL"),
    ]
    assert send(world, *items, documentId=document_id).status_code == 201
    read = world.read(document_id)
    assert (read["currentValue"], read["isPublic"], read["status"]) == (0.5, False, "CANCELLED")


def test_a_batch_without_right_is_refused(world: World) -> None:
    document_id = world.document()
    body = {"documentId": document_id, "events": [event()]}
    assert error_of(world.b.post("/documents/events", json=body))[:2] == (404, "objectNotFound")
    assert error_of(world.prod.post("/documents/events", json=body))[:2] == (403, "restrictedResource")
    own = created(world.b.post("/documents", json=mass_id()))
    assert world.b.post("/documents/events", json=body | {"documentId": own}).status_code == 201
