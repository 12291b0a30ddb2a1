"""A client that does it right, and what its history looks like."""

from __future__ import annotations

from collections.abc import Callable

from carrot_fixtures import MassIdJourney
from submitter import Submitter

from pytest_carrot.handle import Carrot


def test_a_mass_id_arrives_whole(
    carrot: Carrot, submitter: Submitter, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    journey = carrot_mass_id(variant="bin")

    document_id = submitter.create(journey.document)
    for file in journey.attachments:
        submitter.upload(document_id, file.file_name, file.content_type, file.content)
    for event in journey.events:
        submitter.append(document_id, event)

    carrot.ledger.assert_appended(
        document_id,
        [
            *["ACTOR"] * 5,
            *["PICK_UP", "TRANSPORT_MANIFEST", "WEIGHING", "DROP_OFF", "SORTING"],
            *["RECYCLED", "RECYCLING_MANIFEST", "CLOSE"],
        ],
    )
    carrot.documents.assert_status(document_id, "CLOSED")
    carrot.ledger.assert_no_duplicates()
    carrot.ledger.assert_every_event_has_a_key()
    carrot.ledger.assert_attachments_uploaded()
    carrot.journal.assert_no_advisories()


def test_sent_again_it_makes_nothing_new(
    carrot: Carrot, submitter: Submitter, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    document = carrot_mass_id().document
    first = submitter.create(document)
    carrot.ledger.mark()

    assert submitter.create(document) == first

    carrot.ledger.assert_unchanged()
    carrot.ledger.assert_exactly_once(document["deduplicationId"])
