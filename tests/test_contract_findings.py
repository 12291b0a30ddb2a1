"""What generated cases found in the mock once, each as one call."""

from __future__ import annotations

import pytest
from conftest import World, created
from payloads import event, mass_id


@pytest.mark.parametrize("name", ["", "0", "01"])
def test_an_unknown_property_of_an_odd_name_leaves_the_known_ones_alone(world: World, name: str) -> None:
    body = mass_id()
    body["participant"] = {**body["participant"], name: {"a": 1}}
    document = world.read(created(world.a.post("/documents", json={**body, name: 1})))
    assert document["primaryParticipant"]["taxId"] == body["participant"]["taxId"]
    assert name not in document
    assert name not in document["primaryParticipant"]


def test_an_unknown_property_without_a_name_is_refused_with_a_sentence(world: World) -> None:
    world.control.patch("semantics", json={"unknown-properties": "reject"})
    answer = world.a.post("/documents", json={**mass_id(), "": 1})
    assert answer.status_code == 400
    assert "only properties that the contract names" in answer.json()["errors"][0]["message"]


def test_a_split_of_more_than_a_64_bit_number_leaves_a_document_that_can_be_read(world: World) -> None:
    whole, part = (created(world.a.post("/documents", json=mass_id(value=1e30))) for _ in range(2))
    split = event("SPLIT", value=1, relatedDocument={"documentId": part})
    assert world.a.post(f"/documents/{whole}/events", json=split).status_code == 201
    assert world.read(whole)["currentValue"] == pytest.approx(1e30)
