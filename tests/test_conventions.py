"""Vocabulary that was retired, and properties that nobody knows (CONTRACT §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import World, error_of
from payloads import ADDRESS, PARTICIPANT, attribute, event, mass_id

from mock_server.domain.conventions import KNOWN, RENAMED, title_case

if TYPE_CHECKING:
    import httpx


def with_attribute(name: str) -> dict[str, Any]:
    return event("Weighing", metadata={"attributes": [attribute("Tare", 1), attribute(name, "x")]})


# What is sent, where it stands, and what the message has to name.
RETIRED: dict[str, tuple[dict[str, Any], str, str]] = {
    "category": (mass_id(category="Mass"), "/category", '"MassID"'),
    "unit in capitals": (mass_id(measurementUnit="KG"), "/measurementUnit", '"kg"'),
    "unit with a capital": (mass_id(measurementUnit="Kg"), "/measurementUnit", '"kg"'),
    "event": (event("OPEN"), "/name", "nothing replaces it"),
    "role": (with_attribute("actor-type"), "/metadata/attributes/1/name", '"label"'),
    "kebab": (
        with_attribute("vehicle-license-plate"),
        "/metadata/attributes/1/name",
        '"Vehicle License Plate"',
    ),
    "snake": (with_attribute("gross_weight"), "/metadata/attributes/1/name", '"Gross Weight"'),
    "camel": (with_attribute("driverIdentifier"), "/metadata/attributes/1/name", '"Driver Identifier"'),
    "lower": (with_attribute("tare"), "/metadata/attributes/1/name", '"Tare"'),
    "renamed": (with_attribute("app-gps-latitude"), "/metadata/attributes/1/name", '"Captured GPS Latitude"'),
    "acronym": (
        with_attribute("local-waste-classification-id"),
        "/metadata/attributes/1/name",
        '"Local Waste Classification ID"',
    ),
    "unknown to all": (with_attribute("scanner-serial"), "/metadata/attributes/1/name", '"Scanner Serial"'),
}
EVERY = pytest.mark.parametrize(("body", "pointer", "told"), RETIRED.values(), ids=RETIRED)


def send(world: World, body: dict[str, Any], *, batch: bool = False) -> httpx.Response:
    if "category" in body:
        return world.a.post("/documents", json=body)
    document_id = world.document()
    if batch:
        return world.a.post("/documents/events", json={"documentId": document_id, "events": [event(), body]})
    return world.a.post(f"/documents/{document_id}/events", json=body)


def advisories(world: World) -> list[dict[str, str]]:
    return list(world.journal()[-1]["advisories"])


@pytest.mark.switch("conventions", "enforce")
@EVERY
@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
def test_retired_words_are_refused_with_their_replacement(
    world: World, body: dict[str, Any], pointer: str, told: str, batch: bool
) -> None:
    if batch and "category" not in body:
        pointer = f"/events/1{pointer}"
    answer = send(world, body, batch=batch)
    status, code, message = error_of(answer)
    assert (status, code) == (400, "validationError")
    assert message.startswith(f"{pointer}: ")
    assert told in message
    assert len(answer.json()["errors"]) == 1
    assert "conventions" in world.journal()[-1]["behaviours"]


@pytest.mark.switch("conventions", "warn")
@EVERY
def test_retired_words_are_stored_and_noted_where_the_switch_warns(
    world: World, body: dict[str, Any], pointer: str, told: str
) -> None:
    world.semantics(conventions="warn")
    answer = send(world, body)
    assert answer.status_code == 201
    (advisory,) = advisories(world)
    assert advisory["code"] == "deprecated-vocabulary"
    assert advisory["message"].startswith(f"{pointer}: ")
    assert told in advisory["message"]
    document_id = answer.json().get("id") or answer.json()["documentId"]
    stored = world.read(document_id) if "category" in body else world.timeline(document_id)[0]
    for name in ("category", "measurementUnit", "name", "metadata"):
        assert stored.get(name) == body.get(name)


@pytest.mark.switch("conventions", "off")
@EVERY
def test_retired_words_are_like_any_other_where_the_switch_is_off(
    world: World, body: dict[str, Any], pointer: str, told: str
) -> None:
    world.semantics(conventions="off")
    assert send(world, body).status_code == 201
    assert advisories(world) == []


def test_every_retired_word_of_a_body_is_told(world: World) -> None:
    names = ["tare", "Gross Weight", "gross-weight"]
    body = event("OPEN", metadata={"attributes": [attribute(name, 1) for name in names]})
    told = [each["message"].split(":")[0] for each in send(world, body).json()["errors"]]
    assert sorted(told) == ["/metadata/attributes/0/name", "/metadata/attributes/2/name", "/name"]


@pytest.mark.parametrize(
    "name", [*KNOWN, "Pick-up", "E-mail", "Placa do Veículo", "pH", "MTR", "重量", "2nd Weighing"]
)
def test_names_in_title_case_are_taken_without_a_word(world: World, name: str) -> None:
    assert send(world, with_attribute(name)).status_code == 201
    assert advisories(world) == []


def test_names_elsewhere_are_free(world: World) -> None:
    assert send(world, event("open")).status_code == 201
    assert send(world, event("pick-up", label="waste-generator", externalId="kg")).status_code == 201
    assert send(world, mass_id(category="mass", type="organic-waste", measurementUnit="t")).status_code == 201
    assert advisories(world) == []


# The replacement of a name ----------------------------------------------------------------------------


@pytest.mark.parametrize("joint", ["-", "_", " "])
@pytest.mark.parametrize("name", KNOWN)
def test_a_known_name_is_found_in_any_spelling(name: str, joint: str) -> None:
    assert title_case(name.lower().replace(" ", joint)) == name


@pytest.mark.parametrize(
    ("name", "today"),
    [
        ("vehicleLicensePlate", "Vehicle License Plate"),
        ("capturedGpsLatitude", "Captured GPS Latitude"),
        ("exceeding-emission-coefficient-per-ton", "Exceeding Emission Coefficient (per ton)"),
        ("GROSS_WEIGHT", "Gross Weight"),
        ("Vehicle_License_Plate", "Vehicle License Plate"),
        ("driver-internal-id", "Driver Identifier"),
        ("appGpsLongitude", "Captured GPS Longitude"),
        ("vehicle-weight", "Tare"),
        ("report-number", "Document Number"),
        ("scanner_id", "Scanner ID"),
        ("pick-up weight", "Pick-up Weight"),
        ("descrição", "Descrição"),
        ("2nd-weighing", "2nd Weighing"),
    ],
)
def test_a_name_has_one_replacement(name: str, today: str) -> None:
    assert title_case(name) == today


def test_what_a_name_became_is_a_known_name() -> None:
    assert len(KNOWN) == 46
    assert set(RENAMED.values()) <= set(KNOWN)


# Unknown properties -----------------------------------------------------------------------------------

STRANGE: dict[str, tuple[dict[str, Any], str]] = {
    "document": (mass_id(measureUnit="kg"), "/measureUnit"),
    "participant": (mass_id(participant=PARTICIPANT | {"nick/name": None}), "/participant/nick~1name"),
    "address": (mass_id(address=ADDRESS | {"floor": 3}), "/address/floor"),
    "event": (event(colour={"deep": [1]}), "/colour"),
    "metadata": (event(metadata={"attributes": [], "more": 1}), "/metadata/more"),
    "attribute": (
        event(metadata={"attributes": [attribute("Tare", 1), attribute("Tare", 2, unit="kg")]}),
        "/metadata/attributes/1/unit",
    ),
    "statement": (
        event(
            "ACTOR",
            permissions={
                "bbbbbbbb-0000-4000-8000-00000000000b": [{"effect": "DENY", "actions": ["READ"], "why": "x"}]
            },
        ),
        "/permissions/bbbbbbbb-0000-4000-8000-00000000000b/0/why",
    ),
}
STRANGERS = pytest.mark.parametrize(("body", "pointer"), STRANGE.values(), ids=STRANGE)


@pytest.mark.switch("unknown-properties", "allow")
@STRANGERS
def test_unknown_properties_are_kept_out_and_noted(world: World, body: dict[str, Any], pointer: str) -> None:
    answer = send(world, body)
    assert answer.status_code == 201, answer.text
    (advisory,) = advisories(world)
    assert advisory["code"] == "unknown-property"
    assert pointer in advisory["message"]
    last = pointer.rsplit("/", 1)[1].replace("~1", "/")
    assert f'"{last}"' not in world.control.get("events").text
    assert "unknown-properties" in world.journal()[-1]["behaviours"]


@pytest.mark.switch("unknown-properties", "reject")
@STRANGERS
def test_unknown_properties_are_refused_where_the_switch_says_so(
    world: World, body: dict[str, Any], pointer: str
) -> None:
    world.semantics(unknown_properties="reject")
    status, code, message = error_of(send(world, body))
    assert (status, code) == (400, "validationError")
    assert message.startswith(f"{pointer}: ")


@pytest.mark.parametrize("rule", ["allow", "reject"])
def test_what_stands_inside_a_value_is_known(world: World, rule: str) -> None:
    world.semantics(unknown_properties=rule)
    document_id = world.document(tags={"anything": "goes"})
    value = {"documentId": document_id, "free": {"nested": True}}
    attributes = [attribute("Approved Exceptions", value)]
    assert world.append(document_id, metadata={"attributes": attributes}).status_code == 201
    assert world.timeline(document_id)[0]["metadata"]["attributes"] == attributes


def test_both_kinds_of_advisory_come_together(world: World) -> None:
    world.semantics(conventions="warn")
    attributes = [attribute("gross-weight", 1, unit="kg")]
    assert send(world, event(metadata={"attributes": attributes})).status_code == 201
    assert sorted(each["code"] for each in advisories(world)) == ["deprecated-vocabulary", "unknown-property"]


def test_an_unknown_property_counts_for_its_key_all_the_same(world: World) -> None:
    first = world.a.post("/documents", json=mass_id(deduplicationId="k", strange=1))
    assert first.status_code == 201
    assert world.a.post("/documents", json=mass_id(deduplicationId="k", strange=1)).json() == first.json()
    assert world.a.post("/documents", json=mass_id(deduplicationId="k", strange=2)).status_code == 409
