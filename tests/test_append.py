"""Appending events: what each name does, what is kept, what the status allows (CONTRACT §8)."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import World, error_of
from payloads import ADDRESS, PARTICIPANT, RECYCLER, at, attribute, event, mass_id

CHOSEN = "11111111-1111-4111-8111-111111111111"


def ok(world: World, document_id: str, name: str, **changes: Any) -> str:
    answer = world.append(document_id, name, **changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["eventId"])


def related(document_id: str, **changes: Any) -> dict[str, Any]:
    return {"relatedDocument": {"documentId": document_id, **changes}}


# The answer and what is kept --------------------------------------------------------------------------


def test_the_answer_names_the_document_and_the_event(world: World) -> None:
    document_id = world.document()
    answer = world.append(document_id)
    assert answer.status_code == 201
    assert list(answer.json()) == ["documentId", "eventId"]
    assert answer.json()["documentId"] == document_id
    assert answer.json()["eventId"] == world.timeline(document_id)[0]["id"]


@pytest.mark.parametrize("name", ["name", "externalCreatedAt", "isPublic"])
def test_three_properties_are_needed(world: World, name: str) -> None:
    document_id = world.document()
    body = {key: value for key, value in event().items() if key != name}
    status, code, message = error_of(world.a.post(f"/documents/{document_id}/events", json=body))
    assert (status, code) == (400, "validationError")
    assert f'"{name}"' in message
    assert world.timeline(document_id) == []


@pytest.mark.parametrize("name", ["Pick-up", "PICK_UP", "Anything at all", "close", "Coleta é ação", "重量"])
def test_names_are_free(world: World, name: str) -> None:
    document_id = world.document()
    ok(world, document_id, name)
    assert world.timeline(document_id)[0]["name"] == name
    assert world.read(document_id)["status"] == "OPEN"


def test_what_was_sent_is_kept(world: World) -> None:
    document_id = world.document()
    sent = {"label": "Scale", "value": 12.5, "externalId": "w-1", "deduplicationId": "k-1"}
    ok(world, document_id, "Weighing", **sent)
    (stored,) = world.timeline(document_id)
    assert {name: stored[name] for name in sent} == sent


@pytest.mark.switch("event-parties", "optional")
def test_an_event_inherits_the_parties_of_its_document(world: World) -> None:
    document_id = world.document()
    ok(world, document_id, "Pick-up")
    ok(world, document_id, "Pick-up", participant=RECYCLER)
    ok(world, document_id, "Pick-up", address=ADDRESS | {"number": "9"})
    ok(world, document_id, "Pick-up", participant=RECYCLER, address=ADDRESS)
    read = world.read(document_id)
    bare, by_recycler, elsewhere, both = read["externalEvents"][1:]
    own, place = read["primaryParticipant"], read["primaryAddress"]
    assert (bare["participant"], bare["address"]) == (own, place)
    assert by_recycler["participant"]["taxId"] == RECYCLER["taxId"]
    assert by_recycler["address"] == place
    assert elsewhere["participant"] == own
    assert (elsewhere["address"]["number"], elsewhere["address"]["participantId"]) == ("9", own["id"])
    assert both["address"]["participantId"] == both["participant"]["id"] != own["id"]


@pytest.mark.switch("event-parties", "required")
def test_an_event_has_to_name_its_parties_where_they_are_required(world: World) -> None:
    document_id = world.document()
    world.semantics(event_parties="required")
    answer = world.append(document_id)
    assert error_of(answer)[:2] == (400, "validationError")
    told = " ".join(each["message"] for each in answer.json()["errors"])
    assert '"participantId"' in told
    assert '"addressId"' in told
    batch = {"documentId": document_id, "events": [event(participant=PARTICIPANT)]}
    assert error_of(world.a.post("/documents/events", json=batch))[0] == 400
    ok(world, document_id, "Pick-up", participant=PARTICIPANT, address=ADDRESS)


# Attributes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["ZZZ0A00", 3250.5, 0, True, None, [1, [None]], {"a": {"b": []}}, {"documentId": CHOSEN}],
    ids=str,
)
def test_an_attribute_has_any_value(world: World, value: Any) -> None:
    document_id = world.document()
    ok(world, document_id, "Weighing", metadata={"attributes": [attribute("Description", value)]})
    assert world.timeline(document_id)[0]["metadata"]["attributes"][0]["value"] == value


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({}, {}),
        ({"sensible": True}, {"sensitive": True}),
        ({"sensitive": True}, {"sensitive": True}),
        ({"sensible": False}, {"sensitive": False}),
        ({"sensible": True, "sensitive": False}, {"sensitive": True}),
        ({"sensible": False, "sensitive": True}, {"sensitive": True}),
        ({"format": "CUBIC_METER", "type": "X", "valuePrefix": "R$", "valueSuffix": "m³"}, ...),
    ],
    ids=str,
)
def test_an_attribute_is_stored_in_the_models_spelling(
    world: World, sent: dict[str, Any], stored: Any
) -> None:
    document_id = world.document()
    ok(world, document_id, "Weighing", metadata={"attributes": [attribute("Tare", 1, **sent)]})
    expected = sent if stored is ... else stored
    assert world.timeline(document_id)[0]["metadata"]["attributes"] == [attribute("Tare", 1, **expected)]


@pytest.mark.parametrize("is_public", [True, False])
def test_an_attribute_without_visibility_takes_the_events(world: World, is_public: bool) -> None:
    document_id = world.document()
    attributes = [attribute("Tare", 1, isPublic=...), attribute("Gross Weight", 2, isPublic=not is_public)]
    ok(world, document_id, "Weighing", isPublic=is_public, metadata={"attributes": attributes})
    (stored,) = world.timeline(document_id)
    assert [each["isPublic"] for each in stored["metadata"]["attributes"]] == [is_public, not is_public]


# Attachments on an event ------------------------------------------------------------------------------


def declare(world: World, document_id: str, name: str = "mtr.pdf") -> str:
    body = {"contentLength": 5, "contentType": "application/pdf"}
    assert world.a.put(f"/documents/{document_id}/attachments/{name}", json=body).status_code == 200
    files = {each["fileName"]: each["id"] for each in world.read(document_id)["attachments"]}
    return str(files[name])


@pytest.mark.parametrize("by", ["fileName", "attachmentId"])
def test_an_event_names_a_declared_file_by_name_or_id(world: World, by: str) -> None:
    document_id = world.document()
    file_id = declare(world, document_id)
    names = {"fileName": "mtr.pdf", "attachmentId": file_id}
    sent = [
        {by: names[by], "label": "Transport Manifest"},
        {by: names[by], "label": "MTR", "isPublic": False},
    ]
    ok(world, document_id, "Transport Manifest", attachments=sent)
    stored = {"attachmentId": file_id, "contentLength": 5, "isPublic": True, "label": "Transport Manifest"}
    other = stored | {"isPublic": False, "label": "MTR"}
    assert world.timeline(document_id)[0]["attachments"] == [stored, other]


@pytest.mark.parametrize("named", [{"fileName": "cdf.pdf"}, {"attachmentId": CHOSEN}], ids=str)
def test_a_file_that_was_not_declared_is_refused(world: World, named: dict[str, str]) -> None:
    document_id, other = world.document(), world.document()
    declare(world, document_id)
    declare(world, other, "cdf.pdf")
    good = {"fileName": "mtr.pdf", "label": "a"}
    status, code, message = error_of(world.append(document_id, attachments=[good, {**named, "label": "b"}]))
    assert (status, code) == (400, "validationError")
    assert message.startswith(f"/attachments/1/{next(iter(named))}")
    assert "mtr.pdf" in message


# Value ------------------------------------------------------------------------------------------------


def test_the_value_of_a_free_event_becomes_current(world: World) -> None:
    document_id = world.document(value=10)
    steps: list[tuple[str, dict[str, Any], float]] = [
        ("Pick-up", {}, 10),
        ("Weighing", {"value": 8.25}, 8.25),
        ("CLOSING", {"value": 0}, 0),
        ("Sorting", {"value": 12}, 12),
        ("ACTOR", {"value": 1, "label": "Hauler"}, 12),
    ]
    for name, changes, current in steps:
        ok(world, document_id, name, **changes)
        assert world.read(document_id)["currentValue"] == current


@pytest.mark.parametrize(
    ("value", "parts", "left"),
    [
        (10, [4], [6]),
        (10, [10], [0]),
        (10, [0, 10], [10, 0]),
        (0.3, [0.1, 0.2], [0.2, 0]),
        (0.3, [0.1, 0.1, 0.1], [0.2, 0.1, 0]),
        (1.1, [0.1, 1], [1, 0]),
        (3250.55, [0.05, 0.5], [3250.5, 3250]),
        (1e16, [1], [9999999999999999]),
    ],
)
def test_a_split_takes_its_part_without_the_dust_of_fractions(
    world: World, value: float, parts: list[float], left: list[float]
) -> None:
    document_id = world.document(value=value)
    for part, rest in zip(parts, left, strict=True):
        target = world.document(value=part)
        ok(world, document_id, "SPLIT", value=part, **related(target))
        assert world.read(document_id)["currentValue"] == rest
        assert world.read(target)["parentDocumentId"] == document_id
        assert world.read(target)["currentValue"] == part


def test_a_split_of_more_than_there_is_is_refused(world: World) -> None:
    document_id, target = world.document(value=0.3), world.document()
    status, code, message = error_of(world.append(document_id, "SPLIT", value=0.31, **related(target)))
    assert (status, code) == (400, "validationError")
    assert message.startswith("/value")
    assert "0.3;" in message
    assert world.read(document_id)["currentValue"] == 0.3
    assert "parentDocumentId" not in world.read(target)


@pytest.mark.parametrize("missing", [{"value": 1}, {"relatedDocument": {"documentId": CHOSEN}}], ids=str)
def test_a_split_needs_its_target_and_its_value(world: World, missing: dict[str, Any]) -> None:
    assert error_of(world.append(world.document(value=3), "SPLIT", **missing))[:2] == (400, "validationError")


# UPDATE -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "updates",
    [
        {"isPublic": False},
        {"isPubliclySearchable": False},
        {"isPublic": False, "isPubliclySearchable": False},
    ],
    ids=str,
)
def test_an_update_changes_the_visibility_that_it_names(world: World, updates: dict[str, bool]) -> None:
    document_id = world.document()
    ok(world, document_id, "UPDATE", updates=updates)
    read = world.read(document_id)
    assert {name: read[name] for name in ("isPublic", "isPubliclySearchable")} == {
        "isPublic": True,
        "isPubliclySearchable": True,
    } | updates
    assert read["externalEvents"][1]["updates"] == updates


@pytest.mark.parametrize(
    "updates", [..., {}, {"title": "x"}, {"isPublic": True, "status": "OPEN"}, {"isPublic": "no"}], ids=str
)
def test_an_update_takes_nothing_else(world: World, updates: Any) -> None:
    assert error_of(world.append(world.document(), "UPDATE", updates=updates))[:2] == (400, "validationError")


def test_only_an_update_updates(world: World) -> None:
    document_id = world.document()
    ok(world, document_id, "Pick-up", updates={"isPublic": False})
    assert world.read(document_id)["isPublic"] is True


# CLOSE and CANCEL -------------------------------------------------------------------------------------

AFTER_CLOSE = {"RELATED": 201, "LINK": 201, "OUTPUT": 201, "CANCEL": 201}
NAMES = ["Pick-up", "ACTOR", "UPDATE", "SPLIT", "CLOSE", "CANCEL", "RELATED", "LINK", "OUTPUT"]


def body_of(name: str, target: str) -> dict[str, Any]:
    extra: dict[str, dict[str, Any]] = {
        "UPDATE": {"updates": {"isPublic": False}},
        "SPLIT": {"value": 1, **related(target)},
        **dict.fromkeys(("RELATED", "LINK", "OUTPUT"), related(target)),
    }
    return extra.get(name, {})


@pytest.mark.parametrize("name", NAMES)
def test_a_closed_document_takes_relations_and_cancel_alone(world: World, name: str) -> None:
    document_id, target = world.document(value=5), world.document()
    ok(world, document_id, "CLOSE")
    assert world.read(document_id)["status"] == "CLOSED"
    answer = world.append(document_id, name, **body_of(name, target))
    assert answer.status_code == AFTER_CLOSE.get(name, 409)
    if answer.status_code == 409:
        _, code, message = error_of(answer)
        assert code == "conflictError"
        assert "CLOSED" in message
        assert len(world.timeline(document_id)) == 1
    assert world.read(document_id)["status"] == ("CANCELLED" if name == "CANCEL" else "CLOSED")


@pytest.mark.parametrize("before", [[], ["CLOSE"]], ids=["open", "closed"])
@pytest.mark.parametrize("name", NAMES)
def test_a_cancelled_document_takes_nothing(world: World, before: list[str], name: str) -> None:
    document_id, target = world.document(value=5), world.document()
    for each in [*before, "CANCEL"]:
        ok(world, document_id, each)
    assert world.read(document_id)["status"] == "CANCELLED"
    ledger = world.ledger()
    assert error_of(world.append(document_id, name, **body_of(name, target)))[:2] == (409, "conflictError")
    assert world.ledger() == ledger


def test_a_batch_can_close_but_not_go_on(world: World) -> None:
    document_id = world.document()
    body = {"documentId": document_id, "events": [event(), event("CLOSE"), event("Late")]}
    status, code, message = error_of(world.a.post("/documents/events", json=body))
    assert (status, code) == (409, "conflictError")
    assert message.startswith("/events/2")
    assert world.timeline(document_id) == []
    del body["events"][2]  # type: ignore[attr-defined]
    assert world.a.post("/documents/events", json=body).status_code == 201
    assert world.read(document_id)["status"] == "CLOSED"


# The limit of 100 events ------------------------------------------------------------------------------


def test_event_101_is_refused_and_the_platforms_own_does_not_count(world: World) -> None:
    document_id = world.document()
    full = {"documentId": document_id, "events": [event(f"Weighing {each}") for each in range(99)]}
    assert world.a.post("/documents/events", json=full).status_code == 201
    ok(world, document_id, "Sorting")
    status, code, message = error_of(world.append(document_id, "CLOSE"))
    assert (status, code) == (400, "validationError")
    assert "100" in message
    assert len(world.timeline(document_id)) == 100


def test_a_batch_over_the_limit_appends_nothing(world: World) -> None:
    document_id = world.document()
    ok(world, document_id, "Pick-up")
    full = {"documentId": document_id, "events": [event() for _ in range(100)]}
    status, _, message = error_of(world.a.post("/documents/events", json=full))
    assert status == 400
    assert message.startswith("/events/99")
    assert len(world.timeline(document_id)) == 1


# Where events go --------------------------------------------------------------------------------------


@pytest.mark.parametrize("document_id", [CHOSEN, "7", "not-an-id"])
def test_an_unknown_document_takes_no_event(world: World, document_id: str) -> None:
    assert error_of(world.append(document_id))[:2] == (404, "objectNotFound")


def test_events_stay_in_the_order_they_were_appended_in(world: World) -> None:
    document_id = world.document()
    names = ["Pick-up", "Weighing", "Drop-off", "Sorting"]
    for hour, name in enumerate(names, start=9):
        ok(world, document_id, name, externalCreatedAt=at(hour))
    assert [each["name"] for each in world.timeline(document_id)] == names


def test_a_document_body_is_no_event(world: World) -> None:
    answer = world.a.post(f"/documents/{world.document()}/events", json=mass_id())
    assert error_of(answer)[:2] == (400, "validationError")
