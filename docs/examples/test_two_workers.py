"""Two workers at once: gates make them meet where the test says, and go on in the order that it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from carrot_fixtures import MassIdJourney

from pytest_carrot.handle import Carrot


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_two_requests_with_one_key(
    carrot: Carrot,
    carrot_client: httpx.Client,
    workers: ThreadPoolExecutor,
    carrot_mass_id: Callable[..., MassIdJourney],
) -> None:
    document = carrot_mass_id().document

    with carrot.gates.hold("documents.create", "before_commit") as gate:
        first = workers.submit(carrot_client.post, "/documents", json=document)
        gate.wait_for(1)
        # The first one is on its way and not done: nobody can say yet what the answer is.
        early = carrot_client.post("/documents", json=document)

    assert early.status_code == 409
    assert early.json()["errors"][0]["code"] == "PENDING_PROCESS_CONFLICT_ERROR"
    done = first.result()
    late = carrot_client.post("/documents", json=document)
    assert late.json() == done.json()
    carrot.ledger.assert_exactly_once(document["deduplicationId"])


@pytest.mark.parametrize("last", [0, 1])
def test_two_events_arrive_in_either_order(
    carrot: Carrot,
    carrot_client: httpx.Client,
    workers: ThreadPoolExecutor,
    carrot_mass_id: Callable[..., MassIdJourney],
    last: int,
) -> None:
    journey = carrot_mass_id()
    document_id = carrot_client.post("/documents", json=journey.document).json()["id"]
    # Of the same moment, so that either may be the first.
    moment = journey.events[0]["externalCreatedAt"]
    events = [{**event, "externalCreatedAt": moment} for event in journey.events[:2]]

    def append(event: dict[str, Any]) -> httpx.Response:
        return carrot_client.post(f"/documents/{document_id}/events", json=event)

    with carrot.gates.hold("events.append", "before_commit") as gate:
        sent = [workers.submit(append, event) for event in events]
        by_key = {each.deduplication_id: each.request_id for each in gate.wait_for(2)}
        gate.release(request_id=by_key[events[1 - last]["deduplicationId"]])
        assert sent[1 - last].result().status_code == 201

    assert sent[last].result().status_code == 201
    appended = [each["event"]["deduplicationId"] for each in carrot.ledger.records(document_id)[2:]]
    assert appended == [events[1 - last]["deduplicationId"], events[last]["deduplicationId"]]
