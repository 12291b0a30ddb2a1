"""A batch: all of it or nothing, and each item with a key of its own."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from carrot_fixtures import MassIdJourney
from submitter import Submitter

from pytest_carrot.handle import Carrot


def test_a_batch_is_appended_in_its_order(
    carrot: Carrot, submitter: Submitter, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    journey = carrot_mass_id(variant="manifest-exempt")
    events = [event for event in journey.events if "attachments" not in event]
    document_id = submitter.create(journey.document)

    submitter.append_all(document_id, events)

    carrot.ledger.assert_appended(document_id, [event["name"] for event in events])
    carrot.journal.assert_count(1, operation="events.batch")


def test_one_bad_item_keeps_all_of_them_out(
    carrot: Carrot, submitter: Submitter, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    journey = carrot_mass_id()
    document_id = submitter.create(journey.document)
    carrot.ledger.mark()
    events = [journey.events[0], {"name": "PICK_UP", "isPublic": True}]

    with pytest.raises(httpx.HTTPStatusError, match="400"):
        submitter.append_all(document_id, events)

    carrot.ledger.assert_unchanged()
