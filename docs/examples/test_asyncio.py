"""The same with asyncio: two retries that cross each other make one event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
from carrot_fixtures import MassIdJourney

from pytest_carrot.handle import Carrot


def test_two_at_once_with_one_key(
    carrot: Carrot, carrot_async_client: httpx.AsyncClient, carrot_mass_id: Callable[..., MassIdJourney]
) -> None:
    document = carrot_mass_id().document

    async def both() -> list[httpx.Response]:
        calls = (carrot_async_client.post("/documents", json=document) for _ in range(2))
        return list(await asyncio.gather(*calls))

    answers = asyncio.run(both())

    assert len({answer.json()["id"] for answer in answers if answer.is_success}) == 1
    carrot.ledger.assert_exactly_once(document["deduplicationId"])
