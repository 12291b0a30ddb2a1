"""The sweep: a test runs once cleanly, then again with each thing that may go wrong, at each call and phase."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from carrot_fixtures import MassIdJourney
from submitter import Submitter

from pytest_carrot.handle import Carrot


@pytest.mark.carrot_sweep(hang=0.05)
def test_everything_is_recorded_once_whatever_goes_wrong(
    carrot: Carrot, submitter: Submitter, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    journey = carrot_mass_id()

    document_id = submitter.create(journey.document)
    submitter.append_all(document_id, journey.events[:2])

    # Asked from behind: a call of the API would be one more that goes wrong.
    carrot.ledger.assert_no_duplicates()


@pytest.mark.carrot_sweep(operations=["attachments.upload", "storage.put"], kinds=["drop", "truncate", "503"])
def test_a_file_arrives_although_an_answer_is_lost(
    carrot: Carrot, submitter: Submitter, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    journey = carrot_mass_id()
    file = journey.attachments[0]

    document_id = submitter.create(journey.document)
    submitter.upload(document_id, file.file_name, file.content_type, file.content)
