"""Reading documents: the shape of `GET /documents/{id}`, and who gets to see it (CONTRACT §7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import World, error_of
from jsonschema_rs import Draft202012Validator
from payloads import ADDRESS, PARTICIPANT, RECYCLER, at, attribute, mass_id

from mock_server import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

B = "bbbbbbbb-0000-4000-8000-00000000000b"
DOCUMENT = Draft202012Validator(
    {"$ref": "#/components/schemas/Document", "components": contract.document()["components"]}
)
ALWAYS = {
    *("id", "category", "type", "status", "dataSetName", "currentValue", "measurementUnit"),
    *("externalCreatedAt", "createdAt", "updatedAt", "isPublic", "isPubliclySearchable", "address", "author"),
    *("primaryAddress", "primaryParticipant", "permissions", "attachments", "externalEvents"),
}
SENT_ALONE = {"subtype", "title", "shortTitle", "externalId", "deduplicationId", "tags"}


def allow(*actions: str, names: list[str] | None = None) -> dict[str, Any]:
    statement: dict[str, Any] = {"effect": "ALLOW", "actions": list(actions)}
    return statement if names is None else statement | {"condition": {"$in": {"eventNames": names}}}


def nulls(value: Any, path: str = "") -> Iterator[str]:
    """Where nulls are, but for tags and in an attribute's value, which are as they were sent."""
    if path.startswith("/tags/") or path.endswith("/value"):
        return
    if value is None:
        yield path
    if isinstance(value, dict):
        for name, each in value.items():
            yield from nulls(each, f"{path}/{name}")
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from nulls(each, f"{path}/{index}")


def full_document(world: World) -> str:
    """A document with one of everything on it."""
    document_id = world.document(
        title="MassID", shortTitle="M", externalId="x", deduplicationId="d", tags={"a": None}, value=7
    )
    other = world.document(subtype=...)
    world.a.put(
        f"/documents/{document_id}/attachments/mtr.pdf",
        json={"contentLength": 5, "contentType": "application/pdf"},
    )
    events: list[dict[str, Any]] = [
        {"name": "ACTOR", "label": "Recycler", "participant": RECYCLER, "permissions": {B: [allow("READ")]}},
        {"name": "Weighing", "value": 6.5, "externalId": "w", "deduplicationId": "e", "address": ADDRESS},
        {
            "metadata": {
                "attributes": [
                    attribute("Vehicle License Plate", "ZZZ0A00", sensible=True, isPublic=...),
                    attribute("Description", None),
                    attribute("Scale Validation", {"documentId": other, "eventId": None}),
                    attribute("Tare", 3, format="KILOGRAM", valueSuffix="kg", type="NUMBER"),
                ]
            },
            "attachments": [{"fileName": "mtr.pdf", "label": "Transport Manifest"}],
        },
        {"name": "LINK", "relatedDocument": {"documentId": other, "bidirectional": True}},
        {"name": "SPLIT", "value": 0.5, "relatedDocument": {"documentId": other}},
        {"name": "UPDATE", "updates": {"isPublic": False}},
        {"name": "CLOSE"},
    ]
    for each in events:
        answer = world.append(document_id, **each)
        assert answer.status_code == 201, answer.text
    return document_id


def test_a_read_has_the_shape_of_the_contract_without_a_null(world: World) -> None:
    full_document(world)
    for each in world.control.get("documents").json():
        read = world.read(each["id"])
        DOCUMENT.validate(read)
        assert list(nulls(read)) == []
    assert set(read) - {"parentDocumentId"} == ALWAYS


def test_every_optional_key_shows_where_it_was_sent_and_only_there(world: World) -> None:
    assert set(world.read(full_document(world))) == ALWAYS | SENT_ALONE
    assert set(world.read(world.document(subtype=...))) == ALWAYS


def test_an_event_has_the_keys_that_were_sent_and_the_ones_it_always_has(world: World) -> None:
    bare = {"id", "name", "externalCreatedAt", "isPublic", "participant", "address", "author"}
    document_id = world.document()
    appended = world.append(document_id, metadata={"attributes": []}).json()
    (event,) = world.timeline(document_id)
    assert set(event) == bare | {"metadata"}
    assert event["id"] == appended["eventId"]
    assert len(event["id"]) == 21
    assert event["author"] == {
        "clientId": "carrot-test-client",
        "dataSetName": "TEST",
        "participantId": "aaaaaaaa-0000-4000-8000-00000000000a",
    }


def test_electronic_mail_and_telephone_are_never_returned(world: World) -> None:
    document_id = world.document()
    world.append(
        document_id, participant=RECYCLER | {"email": "x@example.org", "mobileNumber": "+5511900000102"}
    )
    text = world.a.get(f"/documents/{document_id}").text
    for secret in ("email", "mobileNumber", "example.org", "+55119"):
        assert secret not in text


def test_the_top_level_address_is_as_sent_and_the_stored_one_has_no_name(world: World) -> None:
    sent = ADDRESS | {"id": "55555555-5555-4555-8555-555555555555", "complement": "Sala 12"}
    read = world.read(world.document(address=sent))
    assert read["address"] == sent
    stored = read["primaryAddress"]
    assert stored == {name: value for name, value in sent.items() if name != "name"} | {
        "participantId": read["primaryParticipant"]["id"],
        "piiSnapshotId": stored["piiSnapshotId"],
    }


def test_a_document_made_from_ids_has_the_contracts_shape_too(world: World) -> None:
    first = world.read(world.document())
    read = world.read(
        world.document(
            participant=...,
            address=...,
            participantId=first["primaryParticipant"]["id"].upper(),
            addressId=first["primaryAddress"]["id"],
        )
    )
    DOCUMENT.validate(read)
    assert read["primaryParticipant"] == first["primaryParticipant"]
    assert read["primaryAddress"] == first["primaryAddress"]
    assert {"city", "street", "number"} <= read["address"].keys() <= ADDRESS.keys()


def test_the_author_is_the_integrators_own_participant(world: World) -> None:
    author = world.read(world.document())["author"]
    assert author["participantId"] == "aaaaaaaa-0000-4000-8000-00000000000a"
    assert set(author) == {"countryCode", "name", "participantId", "taxId", "taxIdType", "type"}


def test_a_stored_participant_keeps_its_business_name(world: World) -> None:
    read = world.read(world.document(participant=PARTICIPANT | {"businessName": "Cantina"}))
    stored = read["primaryParticipant"]
    assert set(stored) == {"id", "piiSnapshotId"} | (PARTICIPANT.keys() - {"email", "mobileNumber"}) | {
        "businessName"
    }


def test_permissions_list_the_integrators_actors_in_order(world: World) -> None:
    document_id = world.document()
    for sent in ({"participant": RECYCLER}, {}, {"participant": RECYCLER}):
        world.append(document_id, "ACTOR", label="Hauler", **sent)
    read = world.read(document_id)
    actors = [event["participant"]["id"] for event in read["externalEvents"][1:]]
    assert [entry["participantId"] for entry in read["permissions"]] == actors
    assert len({entry["id"] for entry in read["permissions"]}) == 3
    DOCUMENT.validate(read)
    assert world.read(document_id) == read


@pytest.mark.switch("get-shape", "full")
def test_the_full_shape_has_address_and_author(world: World) -> None:
    assert {"address", "author"} <= world.read(world.document()).keys()


@pytest.mark.switch("get-shape", "stored")
def test_the_stored_shape_lacks_address_and_author_alone(world: World) -> None:
    document_id = world.document()
    full = world.read(document_id)
    world.semantics(get_shape="stored")
    stored = world.read(document_id)
    assert stored == {name: value for name, value in full.items() if name not in ("address", "author")}


@pytest.mark.parametrize(
    "document_id", ["11111111-2222-4333-8444-555555555555", "7", "not-an-id", "%00", "é"]
)
def test_an_unknown_or_malformed_id_is_not_found(world: World, document_id: str) -> None:
    assert error_of(world.a.get(f"/documents/{document_id}"))[:2] == (404, "objectNotFound")


def test_an_id_is_the_same_in_capitals(world: World) -> None:
    document_id = world.document()
    assert world.a.get(f"/documents/{document_id.upper()}").json() == world.read(document_id)


def test_head_answers_as_get_without_the_body(world: World) -> None:
    path = f"/documents/{world.document()}"
    head, get = world.a.head(path), world.a.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))


@pytest.mark.switch("public-read", "shared")
@pytest.mark.parametrize("is_public", [True, False])
def test_what_is_not_shared_is_not_found_public_or_not(world: World, is_public: bool) -> None:
    document_id = world.document(isPublic=is_public)
    assert error_of(world.b.get(f"/documents/{document_id}"))[:2] == (404, "objectNotFound")


@pytest.mark.switch("public-read", "anyone")
def test_anyone_reads_what_is_public_of_a_public_document(world: World) -> None:
    document_id, hidden = world.document(), world.document(isPublic=False)
    attributes = [attribute("Tare", 1), attribute("Gross Weight", 2, isPublic=False)]
    world.append(document_id, "Weighing", metadata={"attributes": attributes})
    world.append(document_id, "Sorting", isPublic=False)
    world.semantics(public_read="anyone")
    read = world.b.get(f"/documents/{document_id}").json()
    DOCUMENT.validate(read)
    (event,) = read["externalEvents"]
    assert event["name"] == "Weighing"
    assert [each["name"] for each in event["metadata"]["attributes"]] == ["Tare"]
    assert error_of(world.b.get(f"/documents/{hidden}"))[:2] == (404, "objectNotFound")
    world.append(document_id, "UPDATE", updates={"isPublic": False})
    assert error_of(world.b.get(f"/documents/{document_id}"))[:2] == (404, "objectNotFound")


@pytest.mark.parametrize(
    ("rule", "read"),
    [
        pytest.param(
            "split", (404, "objectNotFound"), marks=pytest.mark.switch("cross-environment", "split")
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
def test_the_other_environment_is_out_of_reach(world: World, rule: str, read: tuple[int, str]) -> None:
    document_id = world.document()
    world.semantics(cross_environment=rule)
    assert error_of(world.prod.get(f"/documents/{document_id}"))[:2] == read
    write = (404, "objectNotFound") if rule == "hidden" else (403, "restrictedResource")
    body = {"name": "Pick-up", "externalCreatedAt": at(9), "isPublic": True}
    assert error_of(world.prod.post(f"/documents/{document_id}/events", json=body))[:2] == write


def test_a_production_document_says_so(world: World) -> None:
    document_id = world.prod.post("/documents", json=mass_id()).json()["id"]
    read = world.prod.get(f"/documents/{document_id}").json()
    assert read["dataSetName"] == "PROD"
    assert read["externalEvents"][0]["author"]["dataSetName"] == "PROD"


def test_an_authorised_read_shows_sensitive_values_in_full(world: World) -> None:
    document_id = world.document()
    plate = attribute("Vehicle License Plate", "ZZZ0A00", sensitive=True, isPublic=False)
    world.append(document_id, metadata={"attributes": [plate]})
    assert world.timeline(document_id)[0]["metadata"]["attributes"] == [plate]


def test_keys_that_look_like_the_documents_own_do_not_confuse_a_read(world: World) -> None:
    tags = {"currentValue": '"currentValue":1,"isPublic":', "isPublic": None}
    document_id = world.document(tags=tags, title=',"currentValue":7', value=2.5)
    world.append(document_id, value=4)
    shown = world.read(document_id)
    assert (shown["tags"], shown["title"], shown["currentValue"]) == (tags, ',"currentValue":7', 4)
