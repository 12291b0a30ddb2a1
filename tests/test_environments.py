"""Test and production: worlds apart, chosen by the credentials alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import World, created, error_of
from payloads import PARTICIPANT, at, event, mass_id

if TYPE_CHECKING:
    import httpx

FILE = {"contentLength": 3, "contentType": "text/plain"}
FORBIDDEN = (403, "restrictedResource")
HIDDEN = (404, "objectNotFound")


def produced(world: World, **changes: Any) -> str:
    """The id of a new document of integrator A in production."""
    return created(world.prod.post("/documents", json=mass_id(**changes)))


def relation(name: str, document_id: str, **more: Any) -> dict[str, Any]:
    return event(name, relatedDocument={"documentId": document_id}, **more)


@pytest.mark.parametrize(("client", "name"), [("test", "TEST"), ("prod", "PROD")])
def test_a_stored_document_names_its_environment(world: World, client: str, name: str) -> None:
    caller = world.client(client)
    document_id = created(caller.post("/documents", json=mass_id()))
    caller.post(f"/documents/{document_id}/events", json=event())
    found = caller.get(f"/documents/{document_id}").json()
    assert found["dataSetName"] == name
    assert found["externalEvents"][-1]["author"]["dataSetName"] == name
    assert [each["dataSetName"] for each in world.control.get("documents").json()] == [name]


def _read(world: World, document_id: str) -> httpx.Response:
    return world.a.get(f"/documents/{document_id}")


def _download(world: World, document_id: str) -> httpx.Response:
    return world.a.get(f"/documents/{document_id}/attachments/a.txt")


def _append(world: World, document_id: str) -> httpx.Response:
    return world.append(document_id)


def _batch(world: World, document_id: str) -> httpx.Response:
    return world.a.post("/documents/events", json={"documentId": document_id, "events": [event()]})


def _declare(world: World, document_id: str) -> httpx.Response:
    return world.a.put(f"/documents/{document_id}/attachments/b.txt", json=FILE)


def _relate(name: str) -> Any:
    def ask(world: World, document_id: str) -> httpx.Response:
        mine = world.document(value=10)
        more = {"value": 5} if name == "SPLIT" else {}
        return world.a.post(f"/documents/{mine}/events", json=relation(name, document_id, **more))

    return ask


READS = {"read": _read, "download": _download}
WRITES = {
    "append": _append,
    "batch": _batch,
    "declare": _declare,
    **{name: _relate(name) for name in ("RELATED", "LINK", "OUTPUT", "SPLIT")},
}
CASES = [
    pytest.param(rule, ask, expected, id=f"{rule}-{name}")
    for rule, read, write in (
        ("split", HIDDEN, FORBIDDEN),
        ("forbidden", FORBIDDEN, FORBIDDEN),
        ("hidden", HIDDEN, HIDDEN),
    )
    for asks, expected in ((READS, read), (WRITES, write))
    for name, ask in asks.items()
]


@pytest.mark.switch("cross-environment", "split")
@pytest.mark.switch("cross-environment", "forbidden")
@pytest.mark.switch("cross-environment", "hidden")
@pytest.mark.parametrize(("rule", "ask", "expected"), CASES)
def test_the_other_environment_is_out_of_reach(
    world: World, rule: str, ask: Any, expected: tuple[int, str]
) -> None:
    world.semantics(cross_environment=rule)
    document_id = produced(world)
    url = world.prod.put(f"/documents/{document_id}/attachments/a.txt", json=FILE).json()["url"]
    assert world.anyone.put(url, content=b"abc", headers={"Content-Type": "text/plain"}).status_code == 200
    before = [each for each in world.ledger() if each["documentId"] == document_id]

    assert error_of(ask(world, document_id))[:2] == expected

    assert "cross-environment" in world.journal()[-1]["behaviours"]
    assert [each for each in world.ledger() if each["documentId"] == document_id] == before
    mine = [each for each in world.ledger() if each["documentId"] != document_id]
    assert {each["kind"] for each in mine} <= {"document.created", "event.appended"}
    assert [each for each in mine if each["event"].get("name") not in (None, "ACTOR")] == []


@pytest.mark.switch("cross-environment", "split")
def test_split_is_what_holds_when_nothing_is_set(world: World) -> None:
    document_id = produced(world)
    assert error_of(world.a.get(f"/documents/{document_id}"))[:2] == HIDDEN
    assert error_of(world.append(document_id))[:2] == FORBIDDEN


def test_the_way_back_is_closed_as_well(world: World) -> None:
    document_id = world.document()
    assert error_of(world.prod.get(f"/documents/{document_id}"))[:2] == HIDDEN
    assert error_of(world.prod.post(f"/documents/{document_id}/events", json=event()))[:2] == FORBIDDEN


def test_a_permission_does_not_open_the_other_environment(world: World) -> None:
    own = world.prod.get(f"/documents/{produced(world)}").json()["author"]["participantId"]
    document_id = world.document()
    everything = {own: [{"effect": "ALLOW", "actions": ["READ", "WRITE"]}]}
    assert world.append(document_id, "ACTOR", permissions=everything).status_code == 201
    assert error_of(world.prod.get(f"/documents/{document_id}"))[:2] == HIDDEN


def test_one_key_makes_a_document_in_each_environment(world: World) -> None:
    first, second = world.document(deduplicationId="k"), produced(world, deduplicationId="k")
    assert first != second
    assert world.document(deduplicationId="k") == first
    assert produced(world, deduplicationId="k") == second
    claims = world.control.get("deduplication/k").json()
    assert sorted(each["environment"] for each in claims) == ["PROD", "TEST"]


def test_each_environment_has_parties_of_its_own(world: World) -> None:
    known = world.read(world.document())["primaryParticipant"]["id"]
    found = world.prod.get(f"/documents/{produced(world)}").json()
    assert found["primaryParticipant"]["id"] != known
    answer = world.prod.post("/documents", json=mass_id(participant=..., participantId=known))
    assert error_of(answer)[:2] == HIDDEN


def test_an_id_that_a_client_chose_is_free_in_the_other_environment(world: World) -> None:
    chosen = "11111111-2222-4333-8444-555555555555"
    other = {**PARTICIPANT, "id": chosen, "taxId": "99000009000109"}
    world.document(participant={**PARTICIPANT, "id": chosen})
    assert produced(world, participant=other)
    assert error_of(world.a.post("/documents", json=mass_id(participant=other)))[:2] == (409, "conflictError")


def test_an_integrator_is_the_same_participant_in_both(world: World) -> None:
    credentials = world.anyone.get("/_mock/workspaces/default").json()["credentials"]
    ids = {each["environment"]: each["participantId"] for each in credentials if each["integrator"] == "a"}
    assert ids["TEST"] == ids["PROD"]
    for client in (world.a, world.prod):
        body = mass_id(participant=..., participantId=ids["TEST"])
        assert client.post("/documents", json=body).status_code == 201


def test_documents_of_one_environment_are_related_freely(world: World) -> None:
    first, second = produced(world), produced(world)
    answer = world.prod.post(
        f"/documents/{first}/events", json=relation("LINK", second, externalCreatedAt=at(10))
    )
    assert answer.status_code == 201
