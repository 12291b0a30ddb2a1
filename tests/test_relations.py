"""Relations between documents: RELATED, LINK, OUTPUT and SPLIT (CONTRACT §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import World, created, error_of
from payloads import RECYCLER, at, attribute, event, mass_id

if TYPE_CHECKING:
    import httpx

B = "bbbbbbbb-0000-4000-8000-00000000000b"
UNKNOWN = "33333333-3333-4333-8333-333333333333"
RELATIONS = ["RELATED", "LINK", "OUTPUT", "SPLIT"]
MIRRORED = ["RELATED", "LINK"]


def relate(world: World, name: str, document_id: str, target: str, **changes: Any) -> httpx.Response:
    more = changes.pop("more", {})
    if name == "SPLIT":
        changes = {"value": 1, **changes}
    return world.append(document_id, name, relatedDocument={"documentId": target, **more}, **changes)


def pair(world: World) -> tuple[str, str]:
    return world.document(value=5), world.document(category="Methodology", type="MassID Audit", subtype=...)


# Mirrors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MIRRORED)
@pytest.mark.parametrize("more", [{}, {"bidirectional": True}], ids=str)
def test_a_relation_is_mirrored_on_its_target(world: World, name: str, more: dict[str, Any]) -> None:
    source, target = pair(world)
    answer = relate(
        world,
        name,
        source,
        target,
        more=more,
        participant=RECYCLER,
        isPublic=False,
        label="l",
        externalId="x",
        deduplicationId="k",
        metadata={"attributes": [attribute("Description", "d")]},
    )
    (event_,), (mirror,) = world.timeline(source), world.timeline(target)
    assert event_["id"] == answer.json()["eventId"] != mirror["id"]
    assert len(mirror["id"]) == 21
    same = ("name", "externalCreatedAt", "isPublic", "participant", "address", "author")
    assert set(mirror) == {"id", "relatedDocument", *same}
    assert {key: mirror[key] for key in same} == {key: event_[key] for key in same}
    facts = {"category": "MassID", "type": "Organic", "subtype": "Food, Food Waste and Beverages"}
    assert mirror["relatedDocument"] == {"documentId": source, **facts, **more}
    assert event_["relatedDocument"] == {
        "documentId": target,
        "category": "Methodology",
        "type": "MassID Audit",
        **more,
    }
    assert "relation-mirrored" in world.journal()[-3]["behaviours"]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("RELATED", {"bidirectional": False}),
        ("LINK", {"bidirectional": False}),
        ("OUTPUT", {}),
        ("SPLIT", {}),
    ],
)
def test_what_is_not_mirrored_leaves_the_targets_timeline(
    world: World, name: str, more: dict[str, Any]
) -> None:
    source, target = pair(world)
    assert relate(world, name, source, target, more=more).status_code == 201
    assert world.timeline(target) == []
    assert [each["name"] for each in world.timeline(source)] == [name]


def test_the_server_fills_in_what_the_target_is(world: World) -> None:
    source, target = pair(world)
    sent = {"category": "wrong", "type": "wrong", "subtype": "wrong"}
    relate(world, "OUTPUT", source, target.upper(), more=sent)
    stored = world.timeline(source)[0]["relatedDocument"]
    assert stored == {"documentId": target, "category": "Methodology", "type": "MassID Audit"}


def test_a_mirror_counts_neither_for_the_order_nor_for_the_limit(world: World) -> None:
    source, target = pair(world)
    batch = [event("LINK", externalCreatedAt=at(20), relatedDocument={"documentId": target})] * 3
    assert world.a.post("/documents/events", json={"documentId": source, "events": batch}).status_code == 201
    early = [event(externalCreatedAt=at(9)) for _ in range(100)]
    assert world.a.post("/documents/events", json={"documentId": target, "events": early}).status_code == 201
    assert len(world.timeline(target)) == 103
    assert error_of(world.append(target))[:2] == (400, "validationError")
    assert relate(world, "LINK", source, target, externalCreatedAt=at(20)).status_code == 201
    assert len(world.timeline(target)) == 104


def test_a_mirror_does_not_change_the_target(world: World) -> None:
    source, target = world.document(value=5), world.document(value=3)
    relate(world, "LINK", source, target, value=2)
    assert world.read(target)["currentValue"] == 3
    assert world.read(source)["currentValue"] == 5


def test_a_mirror_older_than_its_target_is_fine(world: World) -> None:
    source, target = world.document(), world.document(externalCreatedAt=at(20))
    assert relate(world, "RELATED", source, target).status_code == 201
    assert world.timeline(target)[0]["externalCreatedAt"] == at(9)


# The target -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RELATIONS)
def test_a_document_is_not_related_to_itself(world: World, name: str) -> None:
    source = world.document(value=5)
    status, code, message = error_of(relate(world, name, source, source.upper()))
    assert (status, code) == (400, "validationError")
    assert message.startswith("/relatedDocument/documentId")


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("target", [UNKNOWN, "seven"])
def test_an_unknown_target_is_not_found(world: World, name: str, target: str) -> None:
    source = world.document(value=5)
    assert error_of(relate(world, name, source, target))[:2] == (404, "objectNotFound")
    assert world.timeline(source) == []
    assert world.read(source)["currentValue"] == 5


@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_needs_its_document(world: World, name: str) -> None:
    answer = world.append(world.document(value=5), name, value=1)
    assert error_of(answer)[:2] == (400, "validationError")
    assert '"relatedDocument"' in answer.text.replace("\\", "")


@pytest.mark.parametrize("name", RELATIONS)
def test_a_cancelled_target_takes_no_relation_and_a_closed_one_does(world: World, name: str) -> None:
    source, target = pair(world)
    world.append(target, "CLOSE")
    assert relate(world, name, source, target).status_code == 201
    world.append(target, "CANCEL")
    before = world.ledger()
    assert error_of(relate(world, name, source, target))[:2] == (409, "conflictError")
    assert world.ledger() == before


ALLOW = {"READ": (403, "restrictedResource"), "WRITE": None, "": (404, "objectNotFound")}


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("right", ALLOW)
def test_a_relation_needs_write_on_its_target(world: World, name: str, right: str) -> None:
    target = world.document()
    if right:
        statement = {"effect": "ALLOW", "actions": [right]}
        world.append(target, "ACTOR", label="Auditor", permissions={B: [statement]})
    source = created(world.b.post("/documents", json=mass_id(value=5)))
    body = event(name, value=1, relatedDocument={"documentId": target})
    answer = world.b.post(f"/documents/{source}/events", json=body)
    expected = ALLOW[right]
    if expected is None:
        assert answer.status_code == 201
    else:
        assert error_of(answer)[:2] == expected
        assert len(world.b.get(f"/documents/{source}").json()["externalEvents"]) == 1


def test_write_under_a_condition_is_about_the_relations_name(world: World) -> None:
    target = world.document()
    statement = {"effect": "ALLOW", "actions": ["WRITE"], "condition": {"$in": {"eventNames": ["RELATED"]}}}
    world.append(target, "ACTOR", label="Auditor", permissions={B: [statement]})
    source = created(world.b.post("/documents", json=mass_id()))
    answers = {
        name: world.b.post(
            f"/documents/{source}/events", json=event(name, relatedDocument={"documentId": target})
        ).status_code
        for name in ("RELATED", "LINK", "OUTPUT")
    }
    assert answers == {"RELATED": 201, "LINK": 403, "OUTPUT": 403}
    assert [each["name"] for each in world.timeline(target)] == ["ACTOR", "RELATED"]


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(
            "split", (403, "restrictedResource"), marks=pytest.mark.switch("cross-environment", "split")
        ),
        pytest.param(
            "forbidden",
            (403, "restrictedResource"),
            marks=pytest.mark.switch("cross-environment", "forbidden"),
        ),
        pytest.param(
            "hidden", (404, "objectNotFound"), marks=pytest.mark.switch("cross-environment", "hidden")
        ),
    ],
)
def test_environments_cannot_be_related(
    world: World, name: str, rule: str, expected: tuple[int, str]
) -> None:
    source, target = world.document(value=5), created(world.prod.post("/documents", json=mass_id()))
    world.semantics(cross_environment=rule)
    before = world.ledger()
    assert error_of(relate(world, name, source, target))[:2] == expected
    assert world.ledger() == before
    assert {"environment-isolation", "environment-relations"} <= set(world.journal()[-1]["behaviours"])


# SPLIT and batches ------------------------------------------------------------------------------------


def test_a_split_makes_its_document_the_parent(world: World) -> None:
    source, target = pair(world)
    assert "parentDocumentId" not in world.read(target)
    world.clock.advance(60)
    relate(world, "SPLIT", source, target)
    read = world.read(target)
    assert read["parentDocumentId"] == source
    assert read["updatedAt"] == "2026-03-01T12:01:00.000Z"
    assert world.read(source)["currentValue"] == 4
    assert "parentDocumentId" not in world.read(source)


def test_relations_within_a_batch_see_each_other(world: World) -> None:
    source, target = pair(world)
    items = [
        event("SPLIT", value=3, relatedDocument={"documentId": target}),
        event("SPLIT", value=3, relatedDocument={"documentId": target}),
    ]
    status, _, message = error_of(
        world.a.post("/documents/events", json={"documentId": source, "events": items})
    )
    assert status == 400
    assert message.startswith("/events/1/value")
    assert world.read(source)["currentValue"] == 5
    assert "parentDocumentId" not in world.read(target)


def test_a_batch_that_fails_takes_its_mirrors_back(world: World) -> None:
    source, target = pair(world)
    items = [event("LINK", relatedDocument={"documentId": target}), event(participantId=UNKNOWN)]
    answer = world.a.post("/documents/events", json={"documentId": source, "events": items})
    assert error_of(answer)[0] == 404
    assert world.timeline(source) == world.timeline(target) == []


def test_a_relation_and_its_mirror_are_committed_by_one_request(world: World) -> None:
    source, target = pair(world)
    relate(world, "LINK", source, target)
    entry = world.journal()[-1]
    records = world.ledger()[-2:]
    assert [each["documentId"] for each in records] == [source, target]
    assert {each["requestId"] for each in records} == {entry["id"]}
    assert [each["event"]["id"] for each in records] == entry["events"]
