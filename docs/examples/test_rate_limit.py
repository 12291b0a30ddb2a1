"""The documented rate limit, and a retry after it: with the same key, or the plugin catches it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from carrot_fixtures import MassIdJourney
from submitter import Submitter

from mock_server.clock import ManualClock
from pytest_carrot.asgi import CarrotAsgi


class NewKeyEachTry(Submitter):
    """The mistake that costs most: to the API, each try is another event."""

    def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        return super()._call(method, path, _Fresh(body))


class _Fresh(dict[str, Any]):
    """A body that has another key whenever it is written as JSON."""

    def items(self) -> Any:
        return {**dict(super().items()), "deduplicationId": str(uuid.uuid4())}.items()


@pytest.fixture
def carrot_asgi_clock() -> ManualClock:
    """A clock that moves only when the client waits: no test sleeps."""
    return ManualClock(datetime(2026, 7, 1, 12, tzinfo=UTC))


def submit(client: Submitter, journey: MassIdJourney) -> None:
    document_id = client.create(journey.document)
    for event in journey.events:
        if "attachments" not in event:
            client.append(document_id, event)


@pytest.mark.carrot(rate_limit="documented")
def test_a_client_that_waits_keeps_its_key(
    carrot_asgi: CarrotAsgi, carrot_asgi_clock: ManualClock, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        carrot_asgi_clock.advance(seconds)

    credentials = (carrot_asgi.client_id, carrot_asgi.client_secret)
    submit(Submitter(carrot_asgi.client, carrot_asgi.token_url, credentials, sleep), carrot_mass_id())

    assert waited == [1.0, 1.0]
    carrot_asgi.journal.assert_retried_with_same_key("events.append")


@pytest.mark.carrot(rate_limit="documented")
def test_a_client_with_a_new_key_for_each_try_is_caught(
    carrot_asgi: CarrotAsgi, carrot_asgi_clock: ManualClock, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    credentials = (carrot_asgi.client_id, carrot_asgi.client_secret)
    client = NewKeyEachTry(carrot_asgi.client, carrot_asgi.token_url, credentials, carrot_asgi_clock.advance)
    submit(client, carrot_mass_id())

    with pytest.raises(AssertionError) as caught:
        carrot_asgi.journal.assert_retried_with_same_key("events.append")
    assert "deduplicationId" in str(caught.value)
