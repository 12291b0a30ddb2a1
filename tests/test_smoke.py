"""The shortest way through the whole: a token, a document, an event, a read."""

from __future__ import annotations

import httpx
from conftest import World, created
from payloads import event, mass_id


def test_in_process(world: World) -> None:
    document_id = world.document(deduplicationId="k")
    assert world.append(document_id).status_code == 201
    assert [each["name"] for each in world.read(document_id)["externalEvents"]] == ["ACTOR", "Pick-up"]


def test_over_a_socket(authorised: httpx.Client) -> None:
    document_id = created(authorised.post("/documents", json=mass_id()))
    assert authorised.post(f"/documents/{document_id}/events", json=event()).status_code == 201
    names = [each["name"] for each in authorised.get(f"/documents/{document_id}").json()["externalEvents"]]
    assert names == ["ACTOR", "Pick-up"]
