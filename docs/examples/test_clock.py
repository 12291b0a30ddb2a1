"""Time passes when the test says so: tokens, upload URLs, busy documents and keys, without waiting for any."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from carrot_fixtures import MassIdJourney
from submitter import Submitter

from pytest_carrot.handle import Carrot

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_token_lives_an_hour(
    carrot: Carrot, submitter: Submitter, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    carrot.clock.freeze()
    carrot.clock.set(NOON)
    journey = carrot_mass_id()
    document_id = submitter.create(journey.document)

    carrot.clock.advance(3600)
    submitter.append(document_id, journey.events[0])

    carrot.journal.assert_count(1, operation="events.append", status=401)
    carrot.journal.assert_count(2, operation="token")
    assert carrot.ledger.records()[-1]["recordedAt"] == "2026-07-01T13:00:00.000Z"


def test_an_upload_url_lives_fifteen_minutes(
    carrot: Carrot, carrot_client: httpx.Client, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    document_id = carrot_client.post("/documents", json=carrot_mass_id().document).json()["id"]
    declared = {"contentLength": 3, "contentType": "text/plain"}
    url = carrot_client.put(f"/documents/{document_id}/attachments/note.txt", json=declared).json()["url"]

    carrot.clock.advance(15 * 60)
    answer = httpx.put(url, content=b"abc", headers={"Content-Type": "text/plain"}, verify=False)

    assert answer.status_code == 403
    assert "Request has expired" in answer.text


@pytest.mark.carrot(semantics={"pending-window": "3"})
def test_a_client_waits_for_a_document_that_is_busy(
    carrot: Carrot,
    make_submitter: Callable[..., Submitter],
    carrot_mass_id: Callable[..., MassIdJourney],
) -> None:
    carrot.clock.freeze()
    journey = carrot_mass_id()
    # The client does not sleep: it lets the time of the mock pass.
    client = make_submitter(sleep=carrot.clock.advance)

    document_id = client.create(journey.document)
    client.append(document_id, journey.events[0])

    assert len(carrot.journal.entries(operation="events.append", status=409)) == 2
    carrot.ledger.assert_appended(document_id, ["ACTOR"])


@pytest.mark.carrot(semantics={"dedup-lifetime": "86400"})
def test_a_key_that_is_forgotten_makes_another_document(
    carrot: Carrot, carrot_client: httpx.Client, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    document = carrot_mass_id().document
    headers = {"Authorization": f"Bearer {carrot.token()}"}
    first = carrot_client.post("/documents", json=document, headers=headers).json()["id"]

    carrot.clock.advance(86400)
    headers = {"Authorization": f"Bearer {carrot.token(new=True)}"}
    second = carrot_client.post("/documents", json=document, headers=headers).json()["id"]

    assert first != second
