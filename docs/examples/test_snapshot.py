"""A long beginning made once, and several endings of it: each starts from the snapshot."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from carrot_fixtures import MassIdJourney
from submitter import Submitter

from pytest_carrot.handle import Carrot


def test_every_ending_of_a_mass_id(
    carrot: Carrot,
    submitter: Submitter,
    carrot_client: httpx.Client,
    carrot_mass_id: Callable[..., MassIdJourney],
) -> None:
    journey = carrot_mass_id()
    document_id = submitter.create(journey.document)
    plain = [event for event in journey.events if "attachments" not in event]
    submitter.append_all(document_id, plain[:-1])
    before_the_end = carrot.snapshot()

    for phase in ("arrived", "validated", "before_commit", "committed", "responding"):
        carrot.faults.add("events.append", phase, "drop")
        submitter.append(document_id, plain[-1])
        carrot.documents.assert_status(document_id, "CLOSED")
        carrot.ledger.assert_no_duplicates()

        carrot.restore(before_the_end)
        carrot.documents.assert_status(document_id, "OPEN")
        carrot.ledger.assert_unchanged()
