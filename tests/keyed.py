"""Writes that carry a deduplication key, in the three ways the API has, and a client to send many at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
from payloads import event, mass_id

if TYPE_CHECKING:
    from conftest import World

WAYS = ("create", "append", "batch")
OF_ONE_EVENT = ("append", "batch")


class Write(NamedTuple):
    """A POST that is not sent yet."""

    path: str
    body: dict[str, Any]


def keyed(way: str, document_id: str, key: str, **changes: Any) -> Write:
    """A document, an event or a batch of one event under a key; changes are made to the document or event."""
    if way == "create":
        return Write("/documents", mass_id(deduplicationId=key, **changes))
    if way == "append":
        return Write(f"/documents/{document_id}/events", event(deduplicationId=key, **changes))
    return batch(document_id, event(deduplicationId=key, **changes))


def batch(document_id: str, *items: dict[str, Any]) -> Write:
    return Write("/documents/events", {"documentId": document_id, "events": list(items)})


def many(world: World, name: str = "test") -> httpx.AsyncClient:
    """An authorised client for requests that overlap; to be made before the event loop runs."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(world.app),
        base_url="http://carrot.test",
        headers={"Authorization": f"Bearer {world.token(name)}"},
    )


async def settle() -> None:
    """Let every task go on until it waits for something that is not there yet."""
    for _ in range(20):
        await asyncio.sleep(0)
