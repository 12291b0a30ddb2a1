"""500 tests that write the same keys and ids to one server, each of which may see only what it wrote itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from carrot_fixtures import MassIdJourney

from pytest_carrot.handle import Carrot

KEY = "the-key-of-every-test"
EXTERNAL_ID = "the-external-id-of-every-test"


@pytest.fixture
def document(carrot_mass_id: Callable[..., MassIdJourney]) -> dict[str, Any]:
    """The same document in every test, but for what a test changes."""
    found: dict[str, Any] = carrot_mass_id(seed=1).document
    return {**found, "deduplicationId": KEY, "externalId": EXTERNAL_ID}


def append(client: httpx.Client, document_id: str, n: int) -> httpx.Response:
    weighed = {"name": "Weighing", "externalCreatedAt": "2026-04-03T15:00:00.000Z", "isPublic": True}
    return client.post(
        f"/documents/{document_id}/events", json={**weighed, "value": n, "deduplicationId": f"{KEY}-event"}
    )


@pytest.mark.parametrize("n", range(1, 301))
def test_what_others_wrote_under_the_same_keys_is_not_here(
    carrot: Carrot, carrot_client: httpx.Client, document: dict[str, Any], n: int
) -> None:
    assert (carrot.documents.all(), carrot.ledger.records(), carrot.journal.entries()) == ([], [], [])
    answers = [carrot_client.post("/documents", json={**document, "value": n}) for _ in range(2)]
    # A key that another test had used would have given a conflict, or that test's document.
    assert [each.status_code for each in answers] == [201, 201], answers[0].text
    document_id = answers[0].json()["id"]
    assert answers[1].json()["id"] == document_id
    assert append(carrot_client, document_id, n).status_code == 201

    assert carrot.documents.only()["id"] == document_id
    carrot.documents.assert_value(document_id, n)
    carrot.ledger.assert_exactly_once(KEY)
    carrot.ledger.assert_exactly_once(f"{KEY}-event")
    carrot.journal.assert_count(2, operation="documents.create")
    carrot.journal.assert_count(1, operation="events.append")


@pytest.mark.parametrize("n", range(100))
def test_switches_that_others_set_are_not_set_here(
    carrot: Carrot, carrot_client: httpx.Client, document: dict[str, Any], n: int
) -> None:
    assert carrot.semantics["ordering"] == "reject"
    if n % 2:
        carrot.semantics["ordering"] = "off"
    document_id = carrot_client.post("/documents", json=document).json()["id"]
    assert append(carrot_client, document_id, 7).status_code == 201
    earlier = {"name": "Pick-up", "externalCreatedAt": "2026-04-03T14:00:00.000Z", "isPublic": True}
    answer = carrot_client.post(f"/documents/{document_id}/events", json=earlier)
    assert answer.status_code == (201 if n % 2 else 400)


@pytest.mark.carrot(rate_limit="documented")
@pytest.mark.parametrize("n", range(50))
def test_a_rate_that_others_used_up_is_not_used_up_here(
    carrot: Carrot, carrot_client: httpx.Client, document: dict[str, Any], n: int
) -> None:
    token = {"Authorization": f"Bearer {carrot.token()}"}
    answers = [carrot_client.post("/documents", json=document, headers=token) for _ in range(5)]
    assert [each.status_code for each in answers] == [201] * 5, n


@pytest.mark.parametrize("n", range(50))
def test_a_world_that_begins_anew_takes_nothing_from_others(
    carrot: Carrot, carrot_client: httpx.Client, document: dict[str, Any], n: int
) -> None:
    for value in (n + 1, n + 2):
        answer = carrot_client.post("/documents", json={**document, "value": value})
        assert answer.status_code == 201, answer.text
        carrot.documents.assert_value(carrot.documents.only()["id"], value)
        carrot.reset()
        assert carrot.documents.all() == []
