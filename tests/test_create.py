"""Creating documents: what `POST /documents` demands, takes, and keeps (CONTRACT §6)."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from conftest import World, created, error_of
from payloads import ADDRESS, PARTICIPANT, at, mass_id

UNKNOWN = "11111111-2222-4333-8444-555555555555"


def test_the_answer_is_the_id_and_nothing_else(world: World) -> None:
    answer = world.a.post("/documents", json=mass_id())
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["id"]
    assert str(uuid.UUID(answer.json()["id"])) == answer.json()["id"]


def test_the_same_paths_are_served_under_v1(world: World) -> None:
    document_id = created(world.a.post("/v1/documents", json=mass_id()))
    assert world.a.get(f"/v1/documents/{document_id}").json() == world.read(document_id)


@pytest.mark.parametrize(
    "name",
    ["category", "externalCreatedAt", "isPublic", "isPubliclySearchable", "type", "participant", "address"],
)
def test_what_is_required_is_missed(world: World, name: str) -> None:
    status, code, message = error_of(world.a.post("/documents", json=mass_id(**{name: ...})))
    assert (status, code) == (400, "validationError")
    assert f'"{name}"' in message
    assert world.ledger() == []


@pytest.mark.parametrize("name", ["countryCode", "name", "taxId", "taxIdType", "type"])
def test_a_participant_needs_its_identity_name_and_type(world: World, name: str) -> None:
    participant = {key: value for key, value in PARTICIPANT.items() if key != name}
    status, _, message = error_of(world.a.post("/documents", json=mass_id(participant=participant)))
    assert (status, message) == (400, f'/participant must have the property "{name}", which is missing.')


@pytest.mark.parametrize("name", ["city", "countryCode", "countryState", "name", "number", "street"])
def test_an_address_needs_what_the_post_needs(world: World, name: str) -> None:
    address = {key: value for key, value in ADDRESS.items() if key != name}
    status, _, message = error_of(world.a.post("/documents", json=mass_id(address=address)))
    assert (status, message) == (400, f'/address must have the property "{name}", which is missing.')


@pytest.mark.parametrize("name", ["participantId", "addressId"])
def test_a_party_given_twice_is_refused(world: World, name: str) -> None:
    status, code, message = error_of(world.a.post("/documents", json=mass_id(**{name: UNKNOWN})))
    assert (status, code) == (400, "validationError")
    assert f'"{name}", not both' in message


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "DOCUMENT", "type": "ORGANIC"},
        {"category": "Methodology", "type": "Plastic", "subtype": ...},
        {"measurementUnit": ...},
        {"measurementUnit": "kg CO₂e"},
        {"address": {**ADDRESS, "countryState": "São Paulo"}},
        {"address": {**ADDRESS, "latitude": -90, "longitude": 180, "complement": "Sala 12"}},
        {"participant": {**PARTICIPANT, "taxIdType": "CPF", "businessName": "Cantina Modelo"}},
        {"value": 0},
        {"tags": {}},
    ],
    ids=str,
)
def test_what_the_sources_show_is_accepted(world: World, changes: dict[str, Any]) -> None:
    created(world.a.post("/documents", json=mass_id(**changes)))


def test_optional_facts_are_kept_as_sent(world: World) -> None:
    optional = {
        "subtype": "Domestic Sludge",
        "externalId": "massid-1",
        "deduplicationId": "key-1",
        "tags": {"batch": "A-17", "note": None},
        "title": "MassID",
        "shortTitle": "Mass",
    }
    read = world.read(world.document(value=3250.5, measurementUnit="kg CO₂e", **optional))
    assert {name: read[name] for name in optional} == optional
    assert (read["currentValue"], read["measurementUnit"]) == (3250.5, "kg CO₂e")


def test_without_value_and_unit_a_document_has_0_kg(world: World) -> None:
    read = world.read(world.document(measurementUnit=...))
    assert (read["currentValue"], read["measurementUnit"]) == (0, "kg")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2026-02-01T08:00:00.000Z", "2026-02-01T08:00:00.000Z"),
        ("2026-02-01T08:00:00Z", "2026-02-01T08:00:00.000Z"),
        ("2026-02-01T05:00:00-03:00", "2026-02-01T08:00:00.000Z"),
        ("2026-01-31T23:30:00.5-03:00", "2026-02-01T02:30:00.500Z"),
        ("2026-02-01T08:00Z", "2026-02-01T08:00:00.000Z"),
        ("2026-02-01T08:00:00.123456789Z", "2026-02-01T08:00:00.123Z"),
    ],
)
def test_a_moment_is_stored_in_utc_with_milliseconds(world: World, sent: str, stored: str) -> None:
    document_id = world.document(externalCreatedAt=sent)
    assert world.read(document_id)["externalCreatedAt"] == stored
    assert world.append(document_id, externalCreatedAt=sent).status_code == 201
    assert world.timeline(document_id)[0]["externalCreatedAt"] == stored


@pytest.mark.parametrize(
    "sent", ["2026-02-01T08:00:00", "2026-02-01", "2026-02-30T08:00:00Z", "yesterday", 0]
)
def test_a_moment_without_a_zone_or_that_never_was_is_refused(world: World, sent: Any) -> None:
    status, code, message = error_of(world.a.post("/documents", json=mass_id(externalCreatedAt=sent)))
    assert (status, code) == (400, "validationError")
    assert message.startswith("/externalCreatedAt")


def test_the_platform_is_the_first_actor_of_every_document(world: World) -> None:
    (actor,) = world.read(world.document(externalCreatedAt=at(7)))["externalEvents"]
    assert (actor["name"], actor["label"], actor["isPublic"]) == ("ACTOR", "Network", False)
    assert actor["externalCreatedAt"] == at(7)
    assert "permissions" not in actor
    (other,) = world.read(world.document())["externalEvents"]
    assert other["participant"] == actor["participant"]
    assert other["address"] == actor["address"]
    assert other["id"] != actor["id"]


def test_the_times_of_the_record_are_the_servers(world: World) -> None:
    document_id = world.document()
    world.clock.advance(90)
    world.append(document_id)
    read = world.read(document_id)
    assert (read["createdAt"], read["updatedAt"]) == ("2026-03-01T12:00:00.000Z", "2026-03-01T12:01:30.000Z")


def test_the_journal_says_what_decided(world: World) -> None:
    document_id = world.document()
    entry = world.journal()[-1]
    assert (entry["operation"], entry["status"], entry["committed"]) == ("documents.create", 201, True)
    assert entry["documentId"] == document_id
    assert "create-answer" in entry["behaviours"]
