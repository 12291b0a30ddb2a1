"""The ledger as the control API shows it, and documents as they were."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from conftest import World
from payloads import at, event


def story(world: World) -> str:
    """A document with an event, a file and a relation, each a second after the one before; its id."""
    document_id = world.document(deduplicationId="made", title="Load 7")
    world.clock.advance(1)
    world.append(document_id, "Weighing", value=12.5, deduplicationId="weighed")
    world.clock.advance(1)
    answer = world.a.put(
        f"/documents/{document_id}/attachments/mtr.pdf",
        json={"contentLength": 3, "contentType": "application/pdf"},
    )
    world.clock.advance(1)
    world.anyone.put(answer.json()["url"], content=b"pdf", headers={"content-type": "application/pdf"})
    other = world.document()
    world.clock.advance(1)
    answer = world.append(
        document_id, "LINK", externalCreatedAt=at(10), relatedDocument={"documentId": other}
    )
    assert answer.status_code == 201, answer.text
    return document_id


def test_records_tell_what_happened_in_order_and_without_gaps(world: World) -> None:
    document_id = story(world)
    records = world.ledger()
    assert [record["position"] for record in records] == list(range(1, len(records) + 1))
    assert [(record["kind"], record["origin"]) for record in records] == [
        ("document.created", "integrator"),
        ("event.appended", "platform"),
        ("event.appended", "integrator"),
        ("attachment.declared", "integrator"),
        ("attachment.stored", "integrator"),
        ("document.created", "integrator"),
        ("event.appended", "platform"),
        ("event.appended", "integrator"),
        ("event.appended", "mirror"),
    ]
    other = records[5]["documentId"]
    assert [record["documentId"] for record in records] == [document_id] * 5 + [other] * 2 + [
        document_id,
        other,
    ]
    assert [record["recordedAt"][17:19] for record in records] == [
        "00", "00", "01", "02", "03", "03", "03", "04", "04",
    ]  # fmt: skip


def test_a_record_carries_the_stored_facts_and_the_request_that_made_it(world: World) -> None:
    document_id = story(world)
    created, _, weighed, declared, stored, *_ = world.ledger()
    assert (created["event"]["id"], created["event"]["title"]) == (document_id, "Load 7")
    assert created["event"]["deduplicationId"] == "made"
    assert (weighed["event"]["name"], weighed["event"]["deduplicationId"]) == ("Weighing", "weighed")
    assert weighed["event"] in world.read(document_id)["externalEvents"]
    (attachment,) = world.read(document_id)["attachments"]
    assert declared["event"] == stored["event"]
    assert declared["event"] == {
        "id": attachment["id"],
        "fileName": "mtr.pdf",
        "contentLength": 3,
        "contentType": "application/pdf",
    }
    operations = {entry["id"]: entry["operation"] for entry in world.journal()}
    assert [operations[each["requestId"]] for each in (created, weighed, declared, stored)] == [
        "documents.create",
        "events.append",
        "attachments.upload",
        "storage.put",
    ]


@pytest.mark.parametrize("since", [0, 4, 9, 10, 999])
def test_since_leaves_out_what_is_known_already(world: World, since: int) -> None:
    story(world)
    records = world.control.get("events", params={"since": since}).json()
    assert [record["position"] for record in records] == list(range(since + 1, 10))


def test_lines_of_json_hold_the_same_records(world: World) -> None:
    story(world)
    answer = world.control.get("events?since=2", headers={"accept": "application/x-ndjson"})
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert answer.text.endswith("\n")
    assert [json.loads(line) for line in answer.text.splitlines()] == world.ledger()[2:]


def test_nothing_is_recorded_of_what_was_refused_or_replayed(world: World) -> None:
    document_id = story(world)
    before = world.ledger()
    assert world.append(document_id, "Weighing", value=12.5, deduplicationId="weighed").status_code == 201
    assert world.append(document_id, "SPLIT").status_code == 400
    assert world.b.post(f"/documents/{document_id}/events", json=event()).status_code == 404
    assert world.ledger() == before


def test_documents_are_listed_with_what_they_amount_to(world: World) -> None:
    document_id = story(world)
    world.append(document_id, "CLOSE", externalCreatedAt=at(11))
    first, second = world.control.get("documents").json()
    assert first == {
        "id": document_id,
        "category": "MassID",
        "type": "Organic",
        "status": "CLOSED",
        "dataSetName": "TEST",
        "events": 4,
        "currentValue": 12.5,
    }
    assert (second["status"], second["events"], second["currentValue"]) == ("OPEN", 2, 0)


def test_a_document_is_shown_as_its_creator_reads_it(world: World) -> None:
    document_id = story(world)
    assert world.control.get(f"documents/{document_id}").json() == world.read(document_id)
    world.semantics(get_shape="stored")
    assert world.control.get(f"documents/{document_id}").json().keys() > world.read(document_id).keys()


def test_a_document_is_shown_as_it_was_at_any_position(world: World) -> None:
    document_id = world.document()
    then: dict[int, dict[str, Any]] = {2: world.read(document_id)}
    for name in ("Weighing", "UPDATE", "ACTOR", "CLOSE"):
        world.clock.advance(60)
        world.append(document_id, name, **MORE.get(name, {}))
        then[len(then) + 2] = world.read(document_id)
    for position, document in then.items():
        assert world.control.get(f"documents/{document_id}", params={"at": position}).json() == document
    assert world.control.get(f"documents/{document_id}", params={"at": 999}).json() == then[6]


MORE: dict[str, dict[str, Any]] = {
    "Weighing": {"value": 3},
    "UPDATE": {"updates": {"isPublic": False}},
    "ACTOR": {"label": "Hauler", "permissions": {}},
}


@pytest.mark.parametrize(
    ("moment", "events"),
    [
        ("2026-03-01T12:00:00.000Z", 1),
        ("2026-03-01T12:00:59.999Z", 1),
        ("2026-03-01T12:01:00Z", 2),
        ("2026-03-01T09:01:00-03:00", 2),
        ("2026-03-01T13:01:00+01:00", 2),
        ("2031-01-01T00:00:00.000Z", 3),
    ],
)
def test_a_document_is_shown_as_it_was_at_a_moment(world: World, moment: str, events: int) -> None:
    document_id = world.document()
    for _ in range(2):
        world.clock.advance(60)
        world.append(document_id)
    # Written into the address by hand too, where a plus means a space.
    for query in (f"at={moment}", urlencode({"at": moment})):
        answer = world.control.get(f"documents/{document_id}?{query}")
        assert len(answer.json()["externalEvents"]) == events


@pytest.mark.parametrize("moment", ["0", "2", "2026-03-01T11:59:59.999Z"])
def test_before_its_creation_there_is_no_document(world: World, moment: str) -> None:
    if moment == "2":
        world.document()
    document_id = world.document()
    answer = world.control.get(f"documents/{document_id}", params={"at": moment})
    assert (answer.status_code, answer.json()["error"]["path"]) == (404, "/at")


def test_what_a_split_does_to_the_target_belongs_to_its_past_too(world: World) -> None:
    parent, child = world.document(value=10), world.document()
    world.append(parent, "SPLIT", value=4, relatedDocument={"documentId": child})
    shown = world.control.get(f"documents/{child}").json()
    assert shown["parentDocumentId"] == parent
    assert world.control.get(f"documents/{child}?at=5").json() == shown
    assert "parentDocumentId" not in world.control.get(f"documents/{child}?at=4").json()
    assert world.control.get(f"documents/{parent}").json()["currentValue"] == 6
    assert world.control.get(f"documents/{parent}?at=4").json()["currentValue"] == 10
