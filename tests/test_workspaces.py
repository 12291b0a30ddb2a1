"""Workspaces are worlds apart: nothing of one is seen, used or counted in another."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from conftest import World, created, error_of
from payloads import event, mass_id

FILE = {"contentLength": 3, "contentType": "application/pdf"}
PDF = {"content-type": "application/pdf"}


class Island:
    """A workspace other than the default one: its credentials, its clients and its control resources."""

    def __init__(self, world: World, **body: Any) -> None:
        self.world = world
        self.info: dict[str, Any] = world.anyone.post("/_mock/workspaces", json=body).json()
        self.path = f"/_mock/workspaces/{self.info['id']}"

    def token(self, index: int = 0) -> httpx.Response:
        credential = self.info["credentials"][index]
        return self.world.anyone.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(credential["clientId"], credential["clientSecret"]),
        )

    def client(self, index: int = 0) -> httpx.Client:
        """An authorised client: 0 is A in test, 1 is A in production, 2 is B in test."""
        return httpx.Client(
            transport=self.world.transport,
            base_url="http://carrot.test",
            headers={"Authorization": f"Bearer {self.token(index).json()['access_token']}"},
        )

    def control(self, resource: str, **query: Any) -> Any:
        return self.world.anyone.get(f"{self.path}/{resource}", params=query).json()


def upload(client: httpx.Client, document_id: str) -> str:
    """The pre-signed upload URL of a new file."""
    return str(client.put(f"/documents/{document_id}/attachments/mtr.pdf", json=FILE).json()["url"])


@pytest.fixture
def islands(world: World) -> tuple[Island, Island]:
    return Island(world, seed=3), Island(world, seed=4)


def test_documents_do_not_cross(islands: tuple[Island, Island]) -> None:
    one, two = islands
    document_id = created(one.client().post("/documents", json=mass_id(isPublic=True)))
    for client in (two.client(), two.client(2), one.world.a):
        assert error_of(client.get(f"/documents/{document_id}"))[0] == 404
        assert error_of(client.post(f"/documents/{document_id}/events", json=event()))[0] == 404
        batch = {"documentId": document_id, "events": [event()]}
        assert error_of(client.post("/documents/events", json=batch))[0] == 404
    own = created(two.client().post("/documents", json=mass_id()))
    relation = event("LINK", relatedDocument={"documentId": document_id})
    assert error_of(two.client().post(f"/documents/{own}/events", json=relation))[0] == 404
    assert [each["id"] for each in one.control("documents")] == [document_id]
    assert [each["id"] for each in two.control("documents")] == [own]
    assert one.world.ledger() == []
    assert {each["documentId"] for each in two.control("events")} == {own}


def test_keys_do_not_cross(islands: tuple[Island, Island]) -> None:
    one, two = islands
    body = mass_id(deduplicationId="k")
    first = created(one.client().post("/documents", json=body))
    second = created(two.client().post("/documents", json=body))
    assert first != second
    assert created(two.client().post("/documents", json=mass_id(deduplicationId="k"))) == second
    assert one.world.anyone.delete(f"{one.path}/deduplication/k").status_code == 204
    assert [each["documentId"] for each in two.control("deduplication")] == [second]
    assert one.world.control.get("deduplication").json() == []


def test_parties_do_not_cross(islands: tuple[Island, Island]) -> None:
    one, two = islands
    client = one.client()
    party = client.get(f"/documents/{created(client.post('/documents', json=mass_id()))}").json()
    participant_id = party["primaryParticipant"]["id"]
    body = mass_id(participant=..., participantId=participant_id)
    assert client.post("/documents", json=body).status_code == 201
    assert error_of(two.client().post("/documents", json=body))[:2] == (404, "objectNotFound")
    chosen = mass_id()
    chosen["participant"] |= {"id": participant_id, "taxId": "99000004000137"}
    assert error_of(client.post("/documents", json=chosen))[:2] == (409, "conflictError")
    assert two.client().post("/documents", json=chosen).status_code == 201


def test_attachments_and_storage_keys_do_not_cross(islands: tuple[Island, Island]) -> None:
    one, two = islands
    assert one.info["storage"]["accessKeyId"] != two.info["storage"]["accessKeyId"]
    assert one.info["storage"]["secretAccessKey"] != two.info["storage"]["secretAccessKey"]
    anyone = one.world.anyone
    client = one.client()
    document_id = created(client.post("/documents", json=mass_id()))
    url = upload(client, document_id)
    stolen = url.replace(one.info["storage"]["accessKeyId"], two.info["storage"]["accessKeyId"])
    assert anyone.put(stolen, content=b"pdf", headers=PDF).status_code == 403
    assert anyone.put(url, content=b"pdf", headers=PDF).status_code == 200
    assert [each["kind"] for each in one.control("events")][-1] == "attachment.stored"
    assert two.control("events") == []
    assert [each["operation"] for each in two.control("requests")] == ["storage.put"]


def test_the_journal_semantics_and_tokens_do_not_cross(islands: tuple[Island, Island]) -> None:
    one, two = islands
    client = one.client()
    one.world.anyone.patch(f"{one.path}/semantics", json={"conventions": "off"})
    assert client.post("/documents", json=mass_id(category="Mass")).status_code == 201
    assert error_of(two.client().post("/documents", json=mass_id(category="Mass")))[0] == 400
    assert [each["status"] for each in one.control("requests")] == [200, 201]
    assert [each["status"] for each in two.control("requests")] == [200, 400]
    assert one.world.journal() == []
    assert two.control("semantics")["conventions"] == "enforce"
    claimed = {each["clientId"] for each in one.info["credentials"]}
    assert claimed.isdisjoint(each["clientId"] for each in two.info["credentials"])


def test_a_refused_token_request_is_in_the_journal_of_the_client_that_it_names(
    islands: tuple[Island, Island],
) -> None:
    one, two = islands
    credential = one.info["credentials"][0]
    answer = one.world.anyone.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(credential["clientId"], two.info["credentials"][0]["clientSecret"]),
    )
    assert answer.status_code == 400
    assert [each["status"] for each in one.control("requests")] == [400]
    assert two.control("requests") == one.world.journal() == []


def test_rate_limits_do_not_cross(world: World) -> None:
    one, two = Island(world, rateLimit=1), Island(world, rateLimit=1)
    first, second, free = one.client(), two.client(), Island(world, rateLimit="off").client()
    lost = "/documents/00000000-0000-4000-8000-000000000000"
    assert [first.get(lost).status_code for _ in range(2)] == [404, 429]
    assert [second.get(lost).status_code for _ in range(2)] == [404, 429]
    assert [free.get(lost).status_code for _ in range(20)] == [404] * 20
    assert [world.a.get(lost).status_code for _ in range(20)] == [404] * 20


def told(island: Island) -> list[Any]:
    """What a small story leaves in the ledger."""
    client = island.client()
    document_id = created(client.post("/documents", json=mass_id()))
    client.post(f"/documents/{document_id}/events", json=event())
    upload(client, document_id)
    return list(island.control("events"))


def test_the_same_seed_gives_the_same_ids(world: World) -> None:
    one, two, other = Island(world, seed=11), Island(world, seed=11), Island(world, seed=12)
    first, second, third = told(one), told(two), told(other)
    strip = {each["clientId"]: "client" for i in (one, two, other) for each in i.info["credentials"]}

    def neutral(records: list[Any]) -> str:
        text = str(records)
        for client_id, name in strip.items():
            text = text.replace(client_id, name)
        return text

    assert neutral(first) == neutral(second)
    assert first[0]["documentId"] != third[0]["documentId"]
    assert Island(world).info["seed"] != Island(world).info["seed"]


def test_a_server_with_a_seed_gives_its_workspaces_the_same_credentials(
    make_world: Callable[..., World],
) -> None:
    one, two, other = (Island(make_world(seed=seed)).info for seed in (1, 1, 2))
    assert one["credentials"] == two["credentials"]
    assert {each["clientSecret"] for each in one["credentials"]}.isdisjoint(
        each["clientSecret"] for each in other["credentials"]
    )


def test_after_a_reset_a_workspace_is_as_new_and_its_credentials_live_on(world: World) -> None:
    island = Island(world, seed=5, semantics={"ordering": "warn"}, rateLimit=4)
    client = island.client()
    before = told(island)
    world.anyone.patch(f"{island.path}/semantics", json={"get-shape": "stored"})
    url = upload(client, before[0]["documentId"])
    world.clock.advance(10)
    assert world.anyone.put(url, content=b"pdf", headers=PDF).status_code == 200
    assert world.anyone.post(f"{island.path}/reset").status_code == 204
    for resource in ("events", "documents", "deduplication", "requests"):
        assert island.control(resource) == []
    assert world.anyone.get(island.path).json() == island.info
    assert world.anyone.get(url).status_code in {403, 404}
    # The token from before is good still, and the buckets are full again.
    lost = "/documents/00000000-0000-4000-8000-000000000000"
    assert [client.get(lost).status_code for _ in range(5)] == [404] * 4 + [429]
    world.clock.advance(10)
    assert world.anyone.post(f"{island.path}/reset").status_code == 204
    assert island.token().status_code == 200
    assert [each["documentId"] for each in told(island)] == [each["documentId"] for each in before]


def test_a_reset_of_one_workspace_leaves_the_others_alone(islands: tuple[Island, Island]) -> None:
    one, two = islands
    told(one)
    kept = told(two)
    one.world.anyone.post(f"{one.path}/reset")
    assert one.control("events") == []
    assert two.control("events") == kept


def test_a_deleted_workspace_takes_its_tokens_and_urls_along(islands: tuple[Island, Island]) -> None:
    one, two = islands
    client, anyone = one.client(), one.world.anyone
    document_id = created(client.post("/documents", json=mass_id()))
    url = upload(client, document_id)
    assert anyone.delete(one.path).status_code == 204
    assert error_of(client.get(f"/documents/{document_id}"))[:2] == (401, "unauthorized")
    refusal = anyone.put(url, content=b"pdf", headers=PDF)
    assert (refusal.status_code, "<Code>InvalidAccessKeyId</Code>" in refusal.text) == (403, True)
    assert (one.token().status_code, one.token().json()["error"]) == (400, "invalid_client")
    assert two.client().post("/documents", json=mass_id()).status_code == 201
    assert [each["id"] for each in anyone.get("/_mock/workspaces").json()] == ["default", two.info["id"]]


def test_a_request_that_belongs_to_nobody_is_in_the_journal_of_the_default_workspace(
    islands: tuple[Island, Island],
) -> None:
    one, _ = islands
    anyone = one.world.anyone
    assert anyone.get("/documents/x", headers={"authorization": "Bearer nobody"}).status_code == 401
    assert anyone.get("/nowhere").status_code == 404
    assert [each["status"] for each in one.world.journal()] == [401, 404]
    assert one.control("requests") == []


def test_all_workspaces_share_the_bound_on_stored_bytes(make_world: Callable[..., World]) -> None:
    world = make_world(storage_bytes=5)
    one, two = Island(world), Island(world)
    urls = [
        upload(each.client(), created(each.client().post("/documents", json=mass_id())))
        for each in (one, two)
    ]
    assert world.anyone.put(urls[0], content=b"pdf", headers=PDF).status_code == 200
    assert world.anyone.put(urls[1], content=b"pdf", headers=PDF).status_code == 507
    assert world.anyone.delete(one.path).status_code == 204
    assert world.anyone.put(urls[1], content=b"pdf", headers=PDF).status_code == 200
