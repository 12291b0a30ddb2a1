"""A token lives an hour: a client asks for a new one when it gets 401, and then goes on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from carrot_fixtures import MassIdJourney
from submitter import Submitter

from mock_server.clock import ManualClock
from pytest_carrot.asgi import CarrotAsgi


@pytest.fixture
def carrot_asgi_clock() -> ManualClock:
    return ManualClock(datetime(2026, 7, 1, 12, tzinfo=UTC))


def test_an_expired_token_is_renewed_once(
    carrot_asgi: CarrotAsgi, carrot_asgi_clock: ManualClock, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    journey = carrot_mass_id()
    client = Submitter(
        carrot_asgi.client, carrot_asgi.token_url, (carrot_asgi.client_id, carrot_asgi.client_secret)
    )
    document_id = client.create(journey.document)
    carrot_asgi_clock.advance(3601)

    client.append(document_id, journey.events[0])

    carrot_asgi.ledger.assert_appended(document_id, ["ACTOR"])
    carrot_asgi.journal.assert_count(2, operation="token")
    carrot_asgi.journal.assert_count(1, operation="events.append", status=401)
