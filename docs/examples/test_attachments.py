"""A file is declared, uploaded to its pre-signed URL without a token, and named in an event."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from carrot_fixtures import MassIdJourney
from submitter import Submitter

from pytest_carrot.handle import Carrot


def test_a_manifest_is_uploaded_and_comes_back(
    carrot: Carrot,
    submitter: Submitter,
    carrot_client: httpx.Client,
    carrot_mass_id: Callable[..., MassIdJourney],
) -> None:
    journey = carrot_mass_id()
    file = journey.attachments[0]
    document_id = submitter.create(journey.document)
    submitter.upload(document_id, file.file_name, file.content_type, file.content)
    for event in journey.events[:7]:
        submitter.append(document_id, event)

    carrot.ledger.assert_attachments_uploaded()
    url = carrot_client.get(f"/documents/{document_id}/attachments/{file.file_name}").json()["url"]
    assert httpx.get(url).content == file.content
