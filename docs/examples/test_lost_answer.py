"""An answer that never comes: the client cannot know whether the API did it, and must not do it twice."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from carrot_fixtures import MassIdJourney
from submitter import Submitter

from pytest_carrot.handle import Carrot


@pytest.mark.parametrize("phase", ["before_commit", "committed", "responding"])
@pytest.mark.parametrize("do", ["drop", "reset"])
def test_a_retry_after_a_lost_answer_makes_one_event(
    carrot: Carrot, submitter: Submitter, carrot_mass_id: Callable[..., MassIdJourney], phase: str, do: str
) -> None:
    journey = carrot_mass_id()
    document_id = submitter.create(journey.document)
    fault = carrot.faults.add("events.append", phase, do)

    submitter.append(document_id, journey.events[0])

    assert fault.strikes == 1
    carrot.ledger.assert_exactly_once(journey.events[0]["deduplicationId"])
    carrot.journal.assert_retried_with_same_key("events.append")


def test_what_was_lost_and_what_was_done(
    carrot: Carrot, submitter: Submitter, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    carrot.faults.add("documents.create", "committed", "truncate")

    submitter.create(carrot_mass_id().document)

    lost, retry = carrot.journal.entries(operation="documents.create")
    assert (lost["seen"], lost["committed"]) == ("truncated", True)
    assert (retry["seen"], retry["committed"]) == ("answer", False)
    assert retry["deduplication"][0]["verdict"] == "replay"


def test_a_server_that_says_nothing(
    carrot: Carrot, carrot_client: httpx.Client, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    document = carrot_mass_id().document
    carrot.faults.add("documents.create", "before_commit", "hang")

    with pytest.raises(httpx.ReadTimeout):
        carrot_client.post("/documents", json=document, timeout=httpx.Timeout(10, read=0.2))

    assert carrot.documents.all() == []
    assert carrot_client.post("/documents", json=document).status_code == 201
