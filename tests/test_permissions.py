"""Who may read and write what, as ACTOR events say (CONTRACT §8, permissions).

Integrator A creates every document and appends the ACTOR events; what B may do afterwards is the subject.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from conftest import World, error_of
from payloads import RECYCLER, event, mass_id

if TYPE_CHECKING:
    import httpx

A = "aaaaaaaa-0000-4000-8000-00000000000a"
B = "bbbbbbbb-0000-4000-8000-00000000000b"
STRANGER = "33333333-3333-4333-8333-333333333333"
ALL = ("Pick-up", "Weighing", "Sorting")


def allow(*actions: str, names: list[str] | None = None, effect: str = "ALLOW") -> dict[str, Any]:
    statement: dict[str, Any] = {"effect": effect, "actions": list(actions)}
    return statement if names is None else statement | {"condition": {"$in": {"eventNames": names}}}


def deny(*actions: str, names: list[str] | None = None) -> dict[str, Any]:
    return allow(*actions, names=names, effect="DENY")


def gives(*statements: dict[str, Any]) -> dict[str, Any]:
    """An ACTOR event that gives B these statements."""
    return {"permissions": {B: list(statements)}}


def actor(world: World, document_id: str, **changes: Any) -> None:
    answer = world.append(document_id, "ACTOR", label="Auditor", **changes)
    assert answer.status_code == 201, answer.text


def send(client: httpx.Client, document_id: str, name: str) -> httpx.Response:
    return client.post(f"/documents/{document_id}/events", json=event(name))


class May(NamedTuple):
    """What B may do: the names that it reads and writes; `whole` means files too."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    whole_read: bool = False
    whole_write: bool = False


READS = May(ALL, (), whole_read=True)
WRITES = May((), ALL, whole_write=True)
BOTH = May(ALL, ALL, whole_read=True, whole_write=True)
R, W = "READ", "WRITE"
POLICIES: dict[str, tuple[list[dict[str, Any]], May]] = {
    "nothing was said": ([], May()),
    "allowed to read": ([gives(allow(R))], READS),
    "allowed to write": ([gives(allow(W))], WRITES),
    "allowed both in one statement": ([gives(allow(R, W))], BOTH),
    "allowed both in two": ([gives(allow(R), allow(W))], BOTH),
    "an action named twice": ([gives(allow(R, R))], READS),
    "no statement": ([gives()], May()),
    "deny alone": ([gives(deny(R, W))], May()),
    "deny beats allow": ([gives(allow(R, W), deny(W))], READS),
    "deny beats allow in any order": ([gives(deny(W), allow(R, W))], READS),
    "deny of all beats a condition": ([gives(allow(R, names=["Sorting"]), deny(R))], May()),
    "read of one name": ([gives(allow(R, names=["Weighing"]))], May(("Weighing",))),
    "write of two names": (
        [gives(allow(W, names=["Sorting", "Weighing"]))],
        May((), ("Weighing", "Sorting")),
    ),
    "conditions add up": (
        [gives(allow(R, names=["Weighing"]), allow(R, W, names=["Sorting"]))],
        May(("Weighing", "Sorting"), ("Sorting",)),
    ),
    "a condition adds nothing to all": ([gives(allow(R), allow(R, names=["Weighing"]))], READS),
    "a condition on no name": ([gives(allow(R, W, names=[]))], May()),
    "a deny of no name": ([gives(allow(R), deny(R, names=[]))], READS),
    "all but one name": (
        [gives(allow(R, W), deny(R, W, names=["Weighing"]))],
        May(("Pick-up", "Sorting"), ("Pick-up", "Sorting")),
    ),
    "a name both allowed and denied": (
        [gives(allow(R, names=["Weighing", "Sorting"]), deny(R, names=["Weighing"]))],
        May(("Sorting",)),
    ),
    "the only name denied": ([gives(allow(W, names=["Sorting"]), deny(W, names=["Sorting"]))], May()),
    "read all, write one": (
        [gives(allow(R), allow(W, names=["Sorting"]))],
        May(ALL, ("Sorting",), whole_read=True),
    ),
    "names are exact": ([gives(allow(R, names=["weighing"]))], May(("weighing",))),
    "the newest wins": ([gives(allow(R, W)), gives(allow(R))], READS),
    "the newest replaces whole": ([gives(allow(R)), gives(allow(W))], WRITES),
    "the newest can give again": ([gives(), gives(allow(R, W))], BOTH),
    "an ACTOR without permissions changes nothing": ([gives(allow(R)), {}, {"participantId": B}], READS),
    "an ACTOR for another changes nothing": (
        [gives(allow(R)), {"permissions": {STRANGER: []}}, {"permissions": {}}],
        READS,
    ),
    "revoked by an empty list under the id": ([gives(allow(R, W)), gives()], May()),
    "revoked by an empty map": ([gives(allow(R, W)), {"participantId": B, "permissions": {}}], May()),
    "revoked by an empty list": ([gives(allow(R, W)), {"participantId": B, "permissions": []}], May()),
    "a role gives nothing": ([{"participantId": B}], May()),
    "the id in capitals": ([{"permissions": {B.upper(): [allow(R)]}}], READS),
    "several participants in one event": (
        [{"permissions": {STRANGER: [], B: [allow(R)], A: [allow(R, W)]}}],
        READS,
    ),
}


@pytest.mark.parametrize(("actors", "may"), POLICIES.values(), ids=POLICIES)
def test_what_a_policy_allows(world: World, actors: list[dict[str, Any]], may: May) -> None:
    document_id = world.document()
    world.a.put(
        f"/documents/{document_id}/attachments/a.pdf", json={"contentLength": 1, "contentType": "text/plain"}
    )
    for name in ALL:
        world.append(document_id, name)
    for each in actors:
        actor(world, document_id, **each)
    some = bool(may.read or may.write)
    refused = 403 if some else 404

    answer = world.b.get(f"/documents/{document_id}")
    if may.read:
        read = answer.json()
        names = [each["name"] for each in read["externalEvents"] if each["name"] != "ACTOR"]
        assert names == [name for name in ALL if name in may.read]
        assert [each["fileName"] for each in read["attachments"]] == (["a.pdf"] if may.whole_read else [])
        assert read["id"] == document_id
        assert read["currentValue"] == 0
    else:
        assert error_of(answer)[:2] == (404, "objectNotFound")

    for name in ALL:
        answer = send(world.b, document_id, name)
        assert answer.status_code == (201 if name in may.write else refused), (name, answer.text)

    answer = world.b.put(
        f"/documents/{document_id}/attachments/b.pdf", json={"contentLength": 1, "contentType": "text/plain"}
    )
    assert answer.status_code == (200 if may.whole_write else refused)
    answer = world.b.get(f"/documents/{document_id}/attachments/a.pdf")
    if may.read and not may.whole_read:
        assert error_of(answer)[:2] == (403, "restrictedResource")
    else:  # its bytes were never sent, so that nobody gets a URL
        assert error_of(answer)[:2] == (404, "objectNotFound")


def test_a_conditional_reader_sees_the_actors_only_where_they_are_named(world: World) -> None:
    document_id = world.document()
    actor(world, document_id, **gives(allow(R, names=["ACTOR"])))
    world.append(document_id, "Weighing")
    names = [each["name"] for each in world.b.get(f"/documents/{document_id}").json()["externalEvents"]]
    assert names == ["ACTOR", "ACTOR"]


def test_a_conditional_writer_may_append_to_what_it_cannot_read(world: World) -> None:
    document_id = world.document()
    actor(world, document_id, **gives(allow(W, names=["RELATED"])))
    status, code, message = error_of(send(world.b, document_id, "Weighing"))
    assert (status, code) == (403, "restrictedResource")
    assert "Weighing" in message
    assert B in message
    assert {"restricted-resource", "conditional-write"} <= set(world.journal()[-1]["behaviours"])


def test_a_writer_can_grant_what_it_has_not_itself(world: World) -> None:
    document_id = world.document()
    actor(world, document_id, **gives(allow(W)))
    body = event("ACTOR", label="Auditor", permissions={B: [allow(R, W)]})
    assert world.b.post(f"/documents/{document_id}/events", json=body).status_code == 201
    assert world.b.get(f"/documents/{document_id}").status_code == 200


def test_the_author_of_an_event_is_who_sent_it(world: World) -> None:
    document_id = world.document()
    actor(world, document_id, **gives(allow(R, W)))
    send(world.b, document_id, "Weighing")
    read = world.read(document_id)
    assert read["author"]["participantId"] == A
    assert read["externalEvents"][-1]["author"] == {
        "clientId": "carrot-partner-client",
        "dataSetName": "TEST",
        "participantId": B,
    }
    assert read["externalEvents"][-1]["participant"] == read["primaryParticipant"]


# The creator ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "revoked",
    [
        {"permissions": {A: []}},
        {"participantId": A, "permissions": {}},
        {"participantId": A, "permissions": []},
        {"permissions": {A: [deny(R, W)]}},
    ],
    ids=str,
)
def test_the_creator_can_be_locked_out_and_let_in_again(world: World, revoked: dict[str, Any]) -> None:
    document_id = world.document()
    actor(world, document_id, **gives(allow(W)))
    actor(world, document_id, **revoked)
    assert error_of(world.a.get(f"/documents/{document_id}"))[:2] == (404, "objectNotFound")
    assert error_of(world.append(document_id))[:2] == (404, "objectNotFound")
    body = event("ACTOR", label="Integrator", permissions={A: [allow(R, W)]})
    assert world.b.post(f"/documents/{document_id}/events", json=body).status_code == 201
    assert world.a.get(f"/documents/{document_id}").status_code == 200
    assert world.append(document_id).status_code == 201


def test_the_creator_can_keep_reading_only(world: World) -> None:
    document_id = world.document()
    actor(world, document_id, permissions={A: [allow(R)]})
    assert world.a.get(f"/documents/{document_id}").status_code == 200
    assert error_of(world.append(document_id))[:2] == (403, "restrictedResource")


def test_an_empty_actor_revokes_its_own_participant_who_is_the_documents_by_default(world: World) -> None:
    document_id = world.document(participant=..., participantId=A)
    actor(world, document_id, permissions={})
    assert error_of(world.a.get(f"/documents/{document_id}"))[:2] == (404, "objectNotFound")


# Ids --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["seven", "", "11111111-1111-4111-8111-11111111111"])
def test_a_key_that_is_no_uuid_is_refused(world: World, key: str) -> None:
    answer = world.append(world.document(), "ACTOR", label="Auditor", permissions={key: [allow(R)]})
    status, code, message = error_of(answer)
    assert (status, code) == (400, "validationError")
    assert message.startswith("/permissions")
    assert "UUID" in message


def test_an_id_that_nobody_has_is_accepted_and_noted(world: World) -> None:
    document_id = world.document()
    actor(world, document_id, permissions={STRANGER: [allow(R)], B: [allow(R)]})
    (advisory,) = world.journal()[-1]["advisories"]
    assert advisory["code"] == "unknown-participant"
    assert STRANGER in advisory["message"]
    assert "permission-ids" in world.journal()[-1]["behaviours"]
    actor(world, document_id, participant=RECYCLER | {"id": STRANGER}, permissions={STRANGER: [allow(R)]})
    assert world.journal()[-1]["advisories"] == []


def test_the_id_of_an_address_is_nobodys(world: World) -> None:
    document_id = world.document()
    place = world.read(document_id)["primaryAddress"]["id"]
    actor(world, document_id, permissions={place: [allow(R)]})
    assert [each["code"] for each in world.journal()[-1]["advisories"]] == ["unknown-participant"]


@pytest.mark.parametrize("before", [True, False], ids=["alias first", "permission first"])
def test_rights_given_to_an_alias_are_the_participants(world: World, before: bool) -> None:
    document_id = world.document()
    own = world.b.get(f"/documents/{created_by_b(world)}").json()["author"]
    alias = {name: own[name] for name in own if name != "participantId"} | {"id": STRANGER}
    if before:
        world.append(document_id, participant=alias)
    actor(world, document_id, permissions={STRANGER: [allow(R)]})
    if not before:
        world.append(document_id, participant=alias)
    assert world.b.get(f"/documents/{document_id}").status_code == 200
    for given, status in [({B: []}, 404), ({STRANGER: [allow(R)]}, 200), ({STRANGER: []}, 404)]:
        actor(world, document_id, permissions=given)
        assert world.b.get(f"/documents/{document_id}").status_code == status


def created_by_b(world: World) -> str:
    return str(world.b.post("/documents", json=mass_id()).json()["id"])


def test_only_an_actor_gives_rights(world: World) -> None:
    document_id = world.document()
    world.append(document_id, "Pick-up", permissions={B: [allow(R, W)]})
    assert error_of(world.b.get(f"/documents/{document_id}"))[:2] == (404, "objectNotFound")


def test_rights_count_in_the_environment_of_the_document_alone(world: World) -> None:
    document_id = world.document()
    actor(world, document_id, permissions={A: [allow(R, W)]})
    assert error_of(world.prod.get(f"/documents/{document_id}"))[:2] == (404, "objectNotFound")


# Within a batch ---------------------------------------------------------------------------------------


def batch(client: httpx.Client, document_id: str, *events: dict[str, Any]) -> httpx.Response:
    return client.post("/documents/events", json={"documentId": document_id, "events": list(events)})


def test_an_actor_counts_for_the_items_after_it(world: World) -> None:
    document_id = world.document()
    actor(world, document_id, **gives(allow(W, names=["ACTOR"])))
    grant = event("ACTOR", label="Auditor", permissions={B: [allow(R, W)]})
    assert error_of(batch(world.b, document_id, event("Weighing"), grant))[:2] == (403, "restrictedResource")
    assert batch(world.b, document_id, grant, event("Weighing")).status_code == 201


def test_a_batch_that_locks_itself_out_fails_whole(world: World) -> None:
    document_id = world.document()
    lock = event("ACTOR", label="Auditor", permissions={A: []})
    status, code, message = error_of(batch(world.a, document_id, event(), lock, event("Late")))
    assert (status, code) == (404, "objectNotFound")
    assert message.startswith("/events/2")
    assert world.timeline(document_id) == []
