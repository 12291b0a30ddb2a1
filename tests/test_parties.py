"""Participants and addresses: when two are one, what they are called, where they are known (CONTRACT §6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from conftest import World, created, error_of
from payloads import ADDRESS, PARTICIPANT, RECYCLER, event, mass_id

CHOSEN = "11111111-1111-4111-8111-111111111111"
ALIAS = "22222222-2222-4222-8222-222222222222"
UNKNOWN = "33333333-3333-4333-8333-333333333333"
A = "aaaaaaaa-0000-4000-8000-00000000000a"

Append = Callable[..., httpx.Response]


@pytest.fixture(params=["single", "batch"])
def append(world: World, request: pytest.FixtureRequest) -> Append:
    """Appends an event to a document, alone or in a batch of one."""

    def send(document_id: str, name: str = "Pick-up", **changes: Any) -> httpx.Response:
        if request.param == "single":
            return world.append(document_id, name, **changes)
        body = {"documentId": document_id, "events": [event(name, **changes)]}
        return world.a.post("/documents/events", json=body)

    return send


def participant_id(world: World, document_id: str) -> str:
    return str(world.read(document_id)["primaryParticipant"]["id"])


def address_id(world: World, document_id: str) -> str:
    return str(world.read(document_id)["primaryAddress"]["id"])


# Identity ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"name": "Cantina Nova", "email": ..., "mobileNumber": "+5511900000199"}, True),
        ({"businessName": "Cantina", "type": "PERSON"}, True),
        ({"taxId": "99000001000102"}, False),
        ({"taxIdType": "CPF"}, False),
        ({"countryCode": "PT"}, False),
    ],
    ids=str,
)
def test_a_participant_is_known_again_by_country_and_tax_id(
    world: World, changes: dict[str, Any], same: bool
) -> None:
    other = {name: value for name, value in {**PARTICIPANT, **changes}.items() if value is not ...}
    first, second = world.document(), world.document(participant=other)
    assert (participant_id(world, first) == participant_id(world, second)) is same


@pytest.mark.parametrize(
    ("changes", "same"),
    [({}, True), ({"name": "Filial"}, True), ({"number": "251"}, False), ({"complement": "Sala 1"}, False)],
    ids=str,
)
def test_an_address_is_known_again_by_its_content(world: World, changes: dict[str, Any], same: bool) -> None:
    first, second = world.document(), world.document(address=ADDRESS | changes)
    assert (address_id(world, first) == address_id(world, second)) is same


def test_an_address_belongs_to_its_participant(world: World) -> None:
    first, second = world.document(), world.document(participant=RECYCLER)
    assert address_id(world, first) != address_id(world, second)


def test_each_event_keeps_the_name_that_it_was_sent_with(world: World, append: Append) -> None:
    document_id = world.document()
    append(document_id, participant=PARTICIPANT | {"name": "Cantina Nova"})
    append(document_id, participant=PARTICIPANT)
    append(document_id)
    shown = [each["participant"] for each in world.timeline(document_id)]
    assert [each["name"] for each in shown] == ["Cantina Nova", PARTICIPANT["name"], PARTICIPANT["name"]]
    assert len({each["id"] for each in shown}) == 1
    assert shown[0]["piiSnapshotId"] != shown[1]["piiSnapshotId"] == shown[2]["piiSnapshotId"]


# Ids that the client chose ----------------------------------------------------------------------------


def test_a_chosen_id_is_honoured_on_first_use(world: World, append: Append) -> None:
    document_id = world.document()
    append(document_id, participant=RECYCLER | {"id": CHOSEN}, address=ADDRESS | {"id": ALIAS})
    append(document_id, participantId=CHOSEN, addressId=ALIAS)
    for each in world.timeline(document_id):
        assert (each["participant"]["id"], each["address"]["id"]) == (CHOSEN, ALIAS)
        assert each["address"]["participantId"] == CHOSEN


def test_a_chosen_id_in_capitals_is_the_same_id(world: World, append: Append) -> None:
    chosen = "abcdefab-1111-4111-8111-111111111111"
    document_id = world.document()
    append(document_id, participant=RECYCLER | {"id": chosen.upper()})
    append(document_id, participant=RECYCLER | {"id": chosen})
    assert {each["participant"]["id"] for each in world.timeline(document_id)} == {chosen}
    assert world.journal()[-2]["advisories"] == []


@pytest.mark.parametrize(
    "taken",
    [
        {"participant": RECYCLER | {"id": CHOSEN}},
        {"participant": RECYCLER | {"id": ALIAS}},
        {"participant": RECYCLER | {"id": A}},
        {"address": ADDRESS | {"id": CHOSEN, "number": "9"}},
    ],
    ids=["participant", "address-as-participant", "integrator", "participant-as-address"],
)
def test_a_chosen_id_that_is_another_identitys_is_a_conflict(
    world: World, append: Append, taken: dict[str, Any]
) -> None:
    document_id = world.document(
        participant=PARTICIPANT | {"id": CHOSEN}, address=ADDRESS | {"id": ALIAS, "number": "1"}
    )
    before = world.ledger()
    status, code, message = error_of(append(document_id, **taken))
    assert (status, code) == (409, "conflictError")
    assert f"/{next(iter(taken))}/id" in message
    assert world.ledger() == before


def test_two_identities_with_one_chosen_id_conflict_within_a_request(world: World) -> None:
    document_id = world.document()
    items = [
        event(participant=PARTICIPANT | {"taxId": "99000005000116", "id": CHOSEN}),
        event(participant=RECYCLER | {"id": CHOSEN}),
    ]
    answer = world.a.post("/documents/events", json={"documentId": document_id, "events": items})
    status, _, message = error_of(answer)
    assert status == 409
    assert message.startswith("/events/1/participant/id")
    assert world.timeline(document_id) == []


def test_a_later_chosen_id_becomes_an_alias_that_is_noted(world: World, append: Append) -> None:
    document_id = world.document()
    first = participant_id(world, document_id)
    assert append(document_id, "ACTOR", participant=PARTICIPANT | {"id": ALIAS}).status_code == 201
    (advisory,) = world.journal()[-1]["advisories"]
    assert advisory["code"] == "party-alias"
    assert ALIAS in advisory["message"]
    assert first in advisory["message"]
    assert append(document_id, participantId=ALIAS).status_code == 201
    assert append(document_id, participant=PARTICIPANT | {"id": ALIAS}).status_code == 201
    assert world.journal()[-1]["advisories"] == []
    assert {each["participant"]["id"] for each in world.timeline(document_id)} == {first}


def test_an_address_can_have_an_alias_too(world: World, append: Append) -> None:
    document_id = world.document()
    first = address_id(world, document_id)
    append(document_id, address=ADDRESS | {"id": ALIAS})
    append(document_id, addressId=ALIAS)
    assert {each["address"]["id"] for each in world.timeline(document_id)} == {first}


def test_an_alias_cannot_name_another_identity_later(world: World, append: Append) -> None:
    document_id = world.document()
    append(document_id, participant=PARTICIPANT | {"id": ALIAS})
    assert error_of(append(document_id, participant=RECYCLER | {"id": ALIAS}))[:2] == (409, "conflictError")


def test_a_batch_notes_an_alias_once(world: World) -> None:
    document_id = world.document()
    item = event(participant=PARTICIPANT | {"id": ALIAS})
    body = {"documentId": document_id, "events": [item, item, event(participantId=ALIAS)]}
    assert world.a.post("/documents/events", json=body).status_code == 201
    assert [each["code"] for each in world.journal()[-1]["advisories"]] == ["party-alias"]


@pytest.mark.parametrize("place", ["participant", "address"])
def test_a_chosen_id_has_to_be_a_uuid(world: World, place: str) -> None:
    body = {"participant": PARTICIPANT, "address": ADDRESS}
    status, code, message = error_of(
        world.a.post("/documents", json=mass_id(**{place: body[place] | {"id": "7"}}))
    )
    assert (status, code) == (400, "validationError")
    assert message.startswith(f"/{place}/id")


# References -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("participantId", UNKNOWN),
        ("participantId", "seven"),
        ("participantId", ALIAS),
        ("addressId", UNKNOWN),
        ("addressId", CHOSEN),
    ],
    ids=["unknown", "no-uuid", "an-address", "unknown-address", "a-participant"],
)
def test_an_id_that_names_no_such_party_is_not_found(
    world: World, append: Append, name: str, value: str
) -> None:
    document_id = world.document(participant=PARTICIPANT | {"id": CHOSEN}, address=ADDRESS | {"id": ALIAS})
    before = world.ledger()
    status, code, message = error_of(append(document_id, **{name: value}))
    assert (status, code) == (404, "objectNotFound")
    assert f"/{name}" in message
    assert world.ledger() == before


def test_an_integrators_own_participant_can_be_named(world: World, append: Append) -> None:
    document_id = world.document(participant=..., participantId=A)
    assert append(document_id, participantId=A).status_code == 201
    assert participant_id(world, document_id) == A
    assert world.read(document_id)["author"]["participantId"] == A


def test_the_last_one_to_send_an_inline_party_does_not_rename_it(world: World, append: Append) -> None:
    document_id = world.document()
    append(document_id, participant=RECYCLER | {"id": CHOSEN})
    append(document_id, participant=RECYCLER | {"name": "Composteira Nova SA"})
    append(document_id, participantId=CHOSEN)
    assert [each["participant"]["name"] for each in world.timeline(document_id)] == [
        RECYCLER["name"],
        "Composteira Nova SA",
        RECYCLER["name"],
    ]


# Where parties are known ------------------------------------------------------------------------------


def test_test_and_production_know_different_parties(world: World) -> None:
    first = world.document(participant=PARTICIPANT | {"id": CHOSEN})
    by_id = mass_id(participant=..., participantId=CHOSEN)
    assert error_of(world.prod.post("/documents", json=by_id))[:2] == (404, "objectNotFound")
    other = created(world.prod.post("/documents", json=mass_id(participant=RECYCLER | {"id": CHOSEN})))
    assert world.prod.get(f"/documents/{other}").json()["primaryParticipant"]["id"] == CHOSEN
    assert participant_id(world, first) == CHOSEN


def test_integrators_of_one_environment_share_its_parties(world: World) -> None:
    first = participant_id(world, world.document())
    theirs = created(world.b.post("/documents", json=mass_id()))
    assert world.b.get(f"/documents/{theirs}").json()["primaryParticipant"]["id"] == first


BAD_DOCUMENT = {"addressId": UNKNOWN, "address": ...}
BAD_EVENT = {"addressId": UNKNOWN}


def test_a_document_that_fails_leaves_no_party_behind(world: World) -> None:
    chosen = RECYCLER | {"id": CHOSEN}
    assert error_of(world.a.post("/documents", json=mass_id(participant=chosen, **BAD_DOCUMENT)))[0] == 404
    by_id = mass_id(participant=..., participantId=CHOSEN)
    assert error_of(world.a.post("/documents", json=by_id))[:2] == (404, "objectNotFound")
    assert participant_id(world, world.document(participant=PARTICIPANT | {"id": CHOSEN})) == CHOSEN


def test_an_event_that_fails_leaves_no_party_and_no_alias_behind(world: World, append: Append) -> None:
    document_id = world.document()
    for sent in (RECYCLER | {"id": CHOSEN}, PARTICIPANT | {"id": ALIAS}):
        assert error_of(append(document_id, participant=sent, **BAD_EVENT))[0] == 404
        assert error_of(append(document_id, participantId=sent["id"]))[0] == 404
    # Both ids are still free for whoever comes first.
    append(document_id, participant=RECYCLER | {"id": ALIAS})
    append(document_id, participant=PARTICIPANT | {"taxId": "99000005000116", "id": CHOSEN})
    assert [each["participant"]["id"] for each in world.timeline(document_id)] == [ALIAS, CHOSEN]


def test_a_batch_that_fails_later_leaves_no_party_of_its_good_items(world: World) -> None:
    document_id = world.document()
    items = [event(participant=RECYCLER | {"id": CHOSEN}), event(participantId=CHOSEN), event(**BAD_EVENT)]
    body = {"documentId": document_id, "events": items}
    assert error_of(world.a.post("/documents/events", json=body))[0] == 404
    assert error_of(world.append(document_id, participantId=CHOSEN))[0] == 404
    assert world.timeline(document_id) == []


def test_an_alias_that_failed_once_is_made_the_second_time(world: World) -> None:
    document_id = world.document()
    alias = PARTICIPANT | {"id": ALIAS}
    items = [event(participant=alias), event(participant=alias), event(**BAD_EVENT)]
    body = {"documentId": document_id, "events": items}
    assert error_of(world.a.post("/documents/events", json=body))[0] == 404
    assert world.append(document_id, participant=alias).status_code == 201
    assert world.append(document_id, participantId=ALIAS).status_code == 201


def test_an_id_that_a_failed_batch_made_up_does_not_come_back(world: World) -> None:
    document_id = world.document()
    items = [event(participant=RECYCLER), event(participant=RECYCLER), event(**BAD_EVENT)]
    body = {"documentId": document_id, "events": items}
    assert error_of(world.a.post("/documents/events", json=body))[0] == 404
    world.append(document_id, participant=RECYCLER | {"id": CHOSEN})
    world.append(document_id, participant=RECYCLER)
    assert {each["participant"]["id"] for each in world.timeline(document_id)} == {CHOSEN}


def test_each_keeps_the_parties_of_good_items_alone(world: World) -> None:
    world.semantics(batch_atomicity="each")
    document_id = world.document()
    items = [
        event(participant=RECYCLER | {"id": CHOSEN}, **BAD_EVENT),
        event(participantId=CHOSEN),
        event(participant=PARTICIPANT | {"taxId": "99000005000116", "id": ALIAS}),
        event(participantId=ALIAS),
    ]
    answer = world.a.post("/documents/events", json={"documentId": document_id, "events": items}).json()
    assert [(each["index"], each["code"]) for each in answer["errors"]] == [
        (0, "objectNotFound"),
        (1, "objectNotFound"),
    ]
    assert [each["participant"]["id"] for each in world.timeline(document_id)] == [ALIAS, ALIAS]
    assert error_of(world.append(document_id, participantId=CHOSEN))[0] == 404
