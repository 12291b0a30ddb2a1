"""A deduplication key stands for one request: what a repeated one gets, and what counts as repeated."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from conftest import World, created, error_of
from keyed import OF_ONE_EVENT, WAYS, Write, batch, keyed
from payloads import at, attribute, event, mass_id

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

EXPLAIN = {"X-Carrot-Mock-Explain": "yes"}


def send(client: httpx.Client, write: Write) -> httpx.Response:
    return client.post(write.path, json=write.body, headers=EXPLAIN)


def send_text(client: httpx.Client, path: str, body: str) -> httpx.Response:
    headers = {"Content-Type": "application/json", **EXPLAIN}
    return client.post(path, content=body.encode(), headers=headers)


def met(answer: httpx.Response) -> str:
    """What the keys of a request met, as its explanation says."""
    return answer.headers["X-Carrot-Mock-Deduplication"]


def event_of(answer: httpx.Response) -> str:
    """The event id of an append, or of a batch of one event."""
    assert answer.status_code == 201, answer.text
    body = answer.json()
    return str(body["eventId"] if "eventId" in body else body["events"][0]["eventId"])


def claims(world: World) -> list[dict[str, Any]]:
    return list(world.control.get("deduplication").json())


# The original answer --------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_a_repeated_request_gets_the_original_answer_byte_for_byte(world: World, way: str) -> None:
    write = keyed(way, world.document(), "k")
    first = send(world.a, write)
    before = world.ledger()
    again = send(world.a, write)
    assert (first.status_code, met(first), met(again)) == (201, "fresh", "replay")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert world.ledger() == before


@pytest.mark.parametrize("way", WAYS)
def test_requests_without_a_key_are_never_the_same(world: World, way: str) -> None:
    path, body = keyed(way, world.document(), "k")
    (body["events"][0] if way == "batch" else body).pop("deduplicationId")
    first, second = world.a.post(path, json=body), world.a.post(path, json=body)
    assert first.status_code == second.status_code == 201
    assert first.content != second.content


def test_the_original_answer_outlives_a_hundred_more_events(world: World) -> None:
    document_id = world.document()
    creation, append = keyed("create", "", "c"), keyed("append", document_id, "a")
    several = batch(document_id, *(event(deduplicationId=f"b{n}") for n in range(3)))
    writes = (creation, append, several)
    originals = [send(world.a, write).content for write in writes]
    filling = batch(document_id, *(event("Weighing", externalCreatedAt=at(10)) for _ in range(96)))
    assert send(world.a, filling).status_code == 201
    assert [send(world.a, write).content for write in writes] == originals
    assert error_of(world.append(world.document(), externalCreatedAt=at(7)))[0] == 400
    assert len(world.timeline(document_id)) == 100


@pytest.mark.parametrize("ending", ["CLOSE", "CANCEL"])
@pytest.mark.parametrize("way", WAYS)
def test_a_retry_after_the_end_still_gets_its_original_answer(world: World, way: str, ending: str) -> None:
    document_id = world.document()
    write = keyed(way, document_id, "k")
    first = send(world.a, write)
    assert world.append(document_id, ending).status_code == 201
    assert send(world.a, write).content == first.content
    if way != "create":
        assert error_of(send(world.a, keyed(way, document_id, "other")))[:2] == (409, "conflictError")


def test_a_retry_is_answered_although_the_right_to_write_was_lost(world: World) -> None:
    document_id = world.document()
    write = keyed("append", document_id, "k")
    first = send(world.a, write)
    assert (
        world.append(document_id, "ACTOR", label="Integrator", permissions={own(world): []}).status_code
        == 201
    )
    assert error_of(world.append(document_id))[0] == 404
    assert send(world.a, write).content == first.content


def own(world: World) -> str:
    """The id of integrator A's own participant."""
    return str(world.workspace.integrators["carrot-test-client"].participant_id)


def test_a_stored_document_and_its_events_keep_their_keys(world: World) -> None:
    document_id = world.document(deduplicationId="document")
    send(world.a, keyed("append", document_id, "single"))
    send(world.a, batch(document_id, event(deduplicationId="in-batch"), event()))
    stored = world.read(document_id)
    assert stored["deduplicationId"] == "document"
    assert [each.get("deduplicationId") for each in stored["externalEvents"]] == [
        None,
        "single",
        "in-batch",
        None,
    ]


def test_a_refused_request_leaves_its_key_free(world: World) -> None:
    bad = mass_id(deduplicationId="k", type=...)
    assert error_of(world.a.post("/documents", json=bad))[:2] == (400, "validationError")
    assert met(send(world.a, keyed("create", "", "k"))) == "fresh"


# The same body, and another one ---------------------------------------------------------------------------


def test_the_order_of_keys_does_not_count_at_any_depth(world: World) -> None:
    def backwards(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: backwards(value[name]) for name in reversed(value)}
        return [backwards(each) for each in value] if isinstance(value, list) else value

    body = mass_id(deduplicationId="k", tags={"a": "1", "b": None})
    first = send(world.a, Write("/documents", body))
    again = send_text(world.a, "/documents", json.dumps(backwards(body)))
    assert (met(again), again.content) == ("replay", first.content)


@pytest.mark.parametrize(
    ("spelling", "other"),
    [
        ("1", "1.0"),
        ("1", "1e0"),
        ("1", "10e-1"),
        ("100", "1E+2"),
        ("0.1", "1e-1"),
        ("0.1", "0.100"),
        ("1e16", "10000000000000000"),
        ("1e16", "10000000000000000.0"),
        ("123456789012345678", "123456789012345678"),
        ("1.5e18", "1500000000000000000"),
        ("1e19", "10000000000000000000"),
        ("0", "-0.0"),
        ("0", "0e0"),
        ("0.0", "-0"),
    ],
)
@pytest.mark.parametrize("place", ["value", "nested"])
def test_the_spelling_of_a_number_does_not_count(world: World, spelling: str, other: str, place: str) -> None:
    document_id = world.document()

    def body(number: str) -> str:
        deep = {"name": "Load Figures", "value": [{"x": "NUMBER"}], "isPublic": True}
        sent = event(deduplicationId="k", **({"value": "NUMBER"} if place == "value" else {}))
        if place == "nested":
            sent["metadata"] = {"attributes": [deep]}
        return json.dumps(sent).replace('"NUMBER"', number)

    path = f"/documents/{document_id}/events"
    first = send_text(world.a, path, body(spelling))
    again = send_text(world.a, path, body(other))
    assert first.status_code == 201, first.text
    assert (met(again), again.content) == ("replay", first.content)


def test_how_a_character_is_escaped_does_not_count(world: World) -> None:
    path = f"/documents/{world.document()}/events"
    plain = json.dumps(event("Coleta à mão 🥕", deduplicationId="k"), ensure_ascii=False)
    escaped = json.dumps(event("Coleta à mão 🥕", deduplicationId="k"), ensure_ascii=True)
    assert plain != escaped
    assert send_text(world.a, path, plain).content == send_text(world.a, path, escaped + "\n ").content


@pytest.mark.parametrize(
    "change",
    [
        {"externalCreatedAt": at(9, 1)},
        {"isPublic": False},
        {"value": 1},
        {"label": ""},
        {"name": "PICK-UP"},
        {"metadata": {"attributes": []}},
        {"externalId": "x"},
        {"unheardOf": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_other_difference_makes_another_body(world: World, change: dict[str, Any]) -> None:
    document_id = world.document()
    send(world.a, keyed("append", document_id, "k"))
    before = world.ledger()
    again = send(world.a, keyed("append", document_id, "k", **change))
    assert again.status_code in (400, 409)
    assert error_of(again)[1] == ("conflictError" if again.status_code == 409 else "validationError")
    assert world.ledger() == before


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 2), (1, "1"), (0.1, 0.1000001), (True, 1), (None, False), ([1, 2], [2, 1]), ("\u00e9", "e\u0301")],
)
def test_values_that_are_not_equal_make_another_body(world: World, one: Any, other: Any) -> None:
    document_id = world.document()

    def write(value: Any) -> Write:
        attributes = {"attributes": [attribute("Load Figures", value)]}
        return keyed("append", document_id, "k", metadata=attributes)

    assert send(world.a, write(one)).status_code == 201
    assert error_of(send(world.a, write(other)))[:2] == (409, "conflictError")


@pytest.mark.switch("dedup-changed-body", "conflict")
@pytest.mark.parametrize("way", WAYS)
def test_a_changed_body_is_a_conflict(world: World, way: str) -> None:
    document_id = world.document()
    send(world.a, keyed(way, document_id, "k"))
    before = world.ledger()
    again = send(world.a, keyed(way, document_id, "k", isPublic=False))
    status, code, message = error_of(again)
    assert (status, code, met(again)) == (409, "conflictError", "changed-body")
    assert "deduplicationId k" in message
    assert world.ledger() == before


@pytest.mark.switch("dedup-changed-body", "reject")
@pytest.mark.parametrize("way", WAYS)
def test_a_changed_body_is_refused_as_invalid_where_the_switch_says_so(world: World, way: str) -> None:
    world.semantics(dedup_changed_body="reject")
    document_id = world.document()
    send(world.a, keyed(way, document_id, "k"))
    before = world.ledger()
    again = send(world.a, keyed(way, document_id, "k", isPublic=False))
    assert error_of(again)[:2] == (400, "validationError")
    assert (met(again), world.ledger()) == ("changed-body", before)


@pytest.mark.switch("dedup-changed-body", "replay")
@pytest.mark.parametrize("way", WAYS)
def test_a_changed_body_gets_the_original_answer_where_the_switch_says_so(world: World, way: str) -> None:
    world.semantics(dedup_changed_body="replay")
    document_id = world.document()
    first = send(world.a, keyed(way, document_id, "k"))
    before = world.ledger()
    again = send(world.a, keyed(way, document_id, "k", isPublic=False))
    assert (again.status_code, again.content) == (201, first.content)
    assert (met(again), world.ledger()) == ("changed-body", before)


def test_after_a_changed_body_the_first_one_is_still_answered(world: World) -> None:
    first = send(world.a, keyed("create", "", "k"))
    assert error_of(send(world.a, keyed("create", "", "k", isPublic=False)))[0] == 409
    assert send(world.a, keyed("create", "", "k")).content == first.content


# Scope ----------------------------------------------------------------------------------------------------


@pytest.mark.switch("dedup-scope", "integrator")
@pytest.mark.parametrize(("first", "then"), [("create", "append"), ("create", "batch"), ("append", "create")])
def test_a_key_of_another_operation_counts_as_a_changed_body(world: World, first: str, then: str) -> None:
    document_id = world.document()
    send(world.a, keyed(first, document_id, "k"))
    before = world.ledger()
    again = send(world.a, keyed(then, document_id, "k"))
    assert (*error_of(again)[:2], met(again)) == (409, "conflictError", "changed-body")
    assert world.ledger() == before


@pytest.mark.parametrize("way", OF_ONE_EVENT)
def test_a_key_of_another_document_counts_as_a_changed_body(world: World, way: str) -> None:
    send(world.a, keyed(way, world.document(), "k"))
    other = world.document()
    again = send(world.a, keyed(way, other, "k"))
    assert (*error_of(again)[:2], met(again)) == (409, "conflictError", "changed-body")
    assert world.timeline(other) == []


@pytest.mark.parametrize(("first", "then"), [("create", "append"), ("append", "create"), ("batch", "create")])
def test_a_key_of_another_operation_may_be_answered_with_the_original(
    world: World, first: str, then: str
) -> None:
    world.semantics(dedup_changed_body="replay")
    document_id = world.document()
    original = send(world.a, keyed(first, document_id, "k"))
    before = world.ledger()
    again = send(world.a, keyed(then, document_id, "k"))
    assert again.status_code == 201
    if first == "batch":
        assert again.json() == {"documentId": document_id, "eventId": event_of(original)}
    else:
        assert again.content == original.content
    assert (met(again), world.ledger()) == ("changed-body", before)


@pytest.mark.switch("dedup-scope", "operation")
def test_a_key_may_be_one_for_each_operation_and_document(world: World) -> None:
    world.semantics(dedup_scope="operation")
    one, other = world.document(), world.document()
    writes = [keyed("create", "", "k"), keyed("append", one, "k"), keyed("append", other, "k")]
    first = [send(world.a, write) for write in writes]
    assert [met(each) for each in first] == ["fresh"] * 3
    assert [send(world.a, write).content for write in writes] == [each.content for each in first]
    assert event_of(send(world.a, keyed("batch", one, "k"))) == event_of(first[1])
    assert len(world.timeline(one)) == len(world.timeline(other)) == 1


def test_the_letter_case_of_a_document_id_does_not_count(world: World) -> None:
    document_id = world.document()
    first = send(world.a, keyed("append", document_id, "k"))
    assert send(world.a, keyed("append", document_id.upper(), "k")).content == first.content


def test_integrators_and_environments_have_keys_of_their_own(world: World) -> None:
    write = keyed("create", "", "k")
    first = {created(send(client, write)) for client in (world.a, world.b, world.prod)}
    again = {created(send(client, write)) for client in (world.a, world.b, world.prod)}
    assert len(first) == 3
    assert again == first


def test_two_clients_of_one_integrator_share_their_keys(world: World) -> None:
    token = world.anyone.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=("carrot-odd-client", "carrot+odd/secret=with:100%"),
    ).json()["access_token"]
    write = keyed("create", "", "k")
    first = send(world.a, write)
    odd = world.anyone.post(write.path, json=write.body, headers={"Authorization": f"Bearer {token}"})
    assert odd.content == first.content


# Errors ---------------------------------------------------------------------------------------------------


def forbidden(world: World) -> Write:
    document_id = world.document()
    reading = {"effect": "ALLOW", "actions": ["READ"]}
    partner = world.workspace.integrators["carrot-partner-client"].participant_id
    world.append(document_id, "ACTOR", label="Hauler", permissions={partner: [reading]})
    return keyed("append", document_id, "k")


def missing(_world: World) -> Write:
    return keyed("append", str(uuid4()), "k")


def ended(world: World) -> Write:
    document_id = world.document()
    partner = world.workspace.integrators["carrot-partner-client"].participant_id
    both = {"effect": "ALLOW", "actions": ["READ", "WRITE"]}
    world.append(document_id, "ACTOR", label="Hauler", permissions={partner: [both]})
    world.append(document_id, "CANCEL")
    return keyed("append", document_id, "k")


LASTING: list[tuple[Callable[[World], Write], int]] = [(forbidden, 403), (missing, 404), (ended, 409)]


@pytest.mark.switch("dedup-errors", "remember")
@pytest.mark.parametrize(("make", "status"), LASTING)
def test_a_remembered_error_is_answered_again_byte_for_byte(
    world: World, make: Callable[[World], Write], status: int
) -> None:
    world.semantics(dedup_errors="remember")
    write = make(world)
    first = send(world.b, write)
    assert (error_of(first)[0], met(first)) == (status, "fresh")
    world.clock.advance(3000)
    again = send(world.b, write)
    assert (again.status_code, again.content) == (status, first.content)
    assert met(again) == "replay"


@pytest.mark.switch("dedup-errors", "forget")
@pytest.mark.parametrize(("make", "status"), LASTING)
def test_by_default_an_error_is_judged_anew(
    world: World, make: Callable[[World], Write], status: int
) -> None:
    write = make(world)
    first, again = send(world.b, write), send(world.b, write)
    assert (error_of(first)[0], error_of(again)[0]) == (status, status)
    assert first.json()["errors"][0]["id"] != again.json()["errors"][0]["id"]
    assert (met(again), claims(world)) == ("fresh", [])


def test_a_remembered_error_stays_when_its_cause_is_gone(world: World) -> None:
    write = forbidden(world)
    partner = world.workspace.integrators["carrot-partner-client"].participant_id
    grant = {"effect": "ALLOW", "actions": ["READ", "WRITE"]}
    document_id = write.path.split("/")[2]
    for rule, outcome in (("forget", 201), ("remember", 403)):
        world.semantics(dedup_errors=rule)
        write.body["deduplicationId"] = rule
        assert send(world.b, write).status_code == 403
        world.append(document_id, "ACTOR", label="Hauler", permissions={partner: [grant]})
        assert send(world.b, write).status_code == outcome
        world.append(
            document_id, "ACTOR", label="Hauler", permissions={partner: [{**grant, "actions": ["READ"]}]}
        )


@pytest.mark.parametrize("way", OF_ONE_EVENT)
def test_a_400_is_not_remembered_even_after_the_schema_held(world: World, way: str) -> None:
    world.semantics(dedup_errors="remember")
    early = keyed(way, world.document(), "k", externalCreatedAt=at(7))
    assert error_of(send(world.a, early))[:2] == (400, "validationError")
    world.semantics(ordering="off")
    assert met(send(world.a, early)) == "fresh"


def test_a_pending_process_is_not_remembered(world: World) -> None:
    world.semantics(dedup_errors="remember", pending_window=10)
    write = keyed("append", world.document(), "k")
    assert error_of(send(world.a, write))[1] == "PENDING_PROCESS_CONFLICT_ERROR"
    world.clock.advance(10)
    assert (met(send(world.a, write)), claims(world)[0]["key"]) == ("fresh", "k")


def test_a_429_is_not_remembered(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit=1)
    world.semantics(dedup_errors="remember")
    write = keyed("append", world.document(), "k")
    assert send(world.a, write).status_code == 429
    assert claims(world) == []
    world.clock.advance(1)
    assert met(send(world.a, write)) == "fresh"


def test_a_401_reaches_no_key(world: World) -> None:
    world.semantics(dedup_errors="remember")
    write = keyed("create", "", "k")
    assert error_of(world.anyone.post(write.path, json=write.body))[0] == 401
    assert created(send(world.a, write))


def test_another_body_under_a_remembered_error_is_a_changed_body(world: World) -> None:
    world.semantics(dedup_errors="remember")
    document_id = str(uuid4())
    first = send(world.a, keyed("append", document_id, "k"))
    assert first.status_code == 404
    changed = send(world.a, keyed("append", document_id, "k", value=1))
    assert (*error_of(changed)[:2], met(changed)) == (409, "conflictError", "changed-body")
    world.semantics(dedup_changed_body="replay")
    assert send(world.a, keyed("append", document_id, "k", value=1)).content == first.content


def test_a_remembered_error_shows_in_the_control_api(world: World) -> None:
    world.semantics(dedup_errors="remember")
    send(world.a, keyed("append", str(uuid4()), "k"))
    (shown,) = world.control.get("deduplication/k").json()
    assert (shown["key"], shown["error"]["status"], shown["error"]["code"]) == ("k", 404, "objectNotFound")


# Lifetime -------------------------------------------------------------------------------------------------


@pytest.mark.switch("dedup-lifetime", "forever")
def test_by_default_a_key_lives_for_ever(world: World) -> None:
    write = keyed("create", "", "k")
    first = send(world.a, write)
    world.clock.advance(3600.0 * 24 * 365 * 50)
    del world.__dict__["test"]  # the token did not live as long
    assert send(world.a, write).content == first.content


@pytest.mark.switch("dedup-lifetime", "seconds")
@pytest.mark.parametrize("way", WAYS)
def test_a_key_with_a_lifetime_is_new_after_it(world: World, way: str) -> None:
    world.semantics(dedup_lifetime=600)
    write = keyed(way, world.document(), "k")
    first = send(world.a, write)
    world.clock.advance(599.5)
    assert (met(last := send(world.a, write)), last.content) == ("replay", first.content)
    world.clock.advance(0.5)
    second = send(world.a, write)
    assert (second.status_code, met(second)) == (201, "expired")
    assert second.content != first.content
    world.clock.advance(599.5)
    assert (met(again := send(world.a, write)), again.content) == ("replay", second.content)


def test_a_remembered_error_has_the_lifetime_of_a_key(world: World) -> None:
    world.semantics(dedup_errors="remember", dedup_lifetime=0.25)
    write = keyed("append", str(uuid4()), "k")
    first = send(world.a, write)
    assert send(world.a, write).content == first.content
    world.clock.advance(0.25)
    second = send(world.a, write)
    assert (second.status_code, met(second)) == (404, "expired")
    assert second.content != first.content


# Batches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "then"), [("append", "batch"), ("batch", "append")])
def test_a_key_is_one_across_single_and_batch(world: World, first: str, then: str) -> None:
    document_id = world.document()
    original = event_of(send(world.a, keyed(first, document_id, "k", value=5)))
    before = world.ledger()
    again = send(world.a, keyed(then, document_id, "k", value=5.0))
    assert (event_of(again), met(again)) == (original, "replay")
    shape = {"documentId", "eventId"} if then == "append" else {"documentId", "events"}
    assert set(again.json()) == shape
    assert world.ledger() == before


@pytest.mark.parametrize("place", ["top", "documentId", "targetDocumentId"])
def test_where_a_batch_names_its_document_does_not_count(world: World, place: str) -> None:
    document_id = world.document()
    original = event_of(send(world.a, keyed("append", document_id, "k")))
    item = event(deduplicationId="k")
    body = (
        {"documentId": document_id, "events": [item]}
        if place == "top"
        else {"events": [{**item, place: document_id}]}
    )
    assert event_of(send(world.a, Write("/documents/events", body))) == original


def test_of_a_batch_only_what_is_new_is_appended(world: World) -> None:
    document_id = world.document()
    known = event_of(send(world.a, keyed("append", document_id, "b")))
    mixed = batch(document_id, *(event(deduplicationId=key) for key in ("a", "b", "c")), event())
    answer = send(world.a, mixed)
    ids = [each["eventId"] for each in answer.json()["events"]]
    assert (ids[1], met(answer)) == (known, "fresh, replay, fresh")
    assert [each["id"] for each in world.timeline(document_id)] == [known, ids[0], ids[2], ids[3]]


def test_a_batch_of_known_items_is_answered_after_the_end(world: World) -> None:
    document_id = world.document()
    write = batch(document_id, event(deduplicationId="a"), event("CLOSE", deduplicationId="b"))
    first = send(world.a, write)
    assert send(world.a, write).content == first.content
    assert len(world.timeline(document_id)) == 2


def test_a_failed_batch_leaves_all_its_keys_free(world: World) -> None:
    document_id = world.document()
    good, bad = event(deduplicationId="a"), event(deduplicationId="b", externalCreatedAt=at(7))
    assert error_of(send(world.a, batch(document_id, good, bad)))[0] == 400
    assert (claims(world), world.timeline(document_id)) == ([], [])
    assert met(send(world.a, keyed("append", document_id, "a"))) == "fresh"


def test_each_good_item_of_a_batch_claims_its_key_and_no_other(world: World) -> None:
    world.semantics(batch_atomicity="each")
    document_id = world.document()
    good, bad = event(deduplicationId="a"), event(deduplicationId="b", externalCreatedAt=at(7))
    first = send(world.a, batch(document_id, good, bad))
    assert [each["key"] for each in claims(world)] == ["a"]
    again = send(world.a, batch(document_id, good, bad))
    assert (again.content, met(again)) == (first.content, "replay, fresh")
    assert len(world.timeline(document_id)) == 1


def test_one_key_twice_in_a_batch_is_one_event_named_twice(world: World) -> None:
    document_id = world.document()
    write = batch(document_id, event(deduplicationId="k", value=1), event(deduplicationId="k", value=1.0))
    first = send(world.a, write)
    one, two = first.json()["events"]
    assert one == two
    assert [each["id"] for each in world.timeline(document_id)] == [one["eventId"]]
    assert send(world.a, write).content == first.content


@pytest.mark.parametrize(
    ("rule", "status", "events"), [("conflict", 409, 0), ("reject", 400, 0), ("replay", 201, 1)]
)
def test_one_key_twice_in_a_batch_with_other_bodies_is_a_changed_body(
    world: World, rule: str, status: int, events: int
) -> None:
    world.semantics(dedup_changed_body=rule)
    document_id = world.document()
    answer = send(
        world.a, batch(document_id, event(deduplicationId="k"), event(deduplicationId="k", value=1))
    )
    assert answer.status_code == status
    assert len(world.timeline(document_id)) == events
    if rule == "replay":
        assert answer.json()["events"][0] == answer.json()["events"][1]


def test_a_key_at_the_top_of_a_batch_is_refused(world: World) -> None:
    path, body = batch(world.document(), event())
    answer = world.a.post(path, json={**body, "deduplicationId": "k"})
    status, code, message = error_of(answer)
    assert (status, code) == (400, "validationError")
    assert "item" in message


def test_an_error_of_a_batch_item_is_remembered_under_its_own_key(world: World) -> None:
    world.semantics(dedup_errors="remember")
    document_id = world.document()
    lost = event("RELATED", relatedDocument={"documentId": str(uuid4())}, deduplicationId="b")
    write = batch(document_id, event(deduplicationId="a"), lost)
    first, again = send(world.a, write), send(world.a, write)
    assert (first.status_code, again.content) == (404, first.content)
    assert [each["key"] for each in claims(world)] == ["b"]
    assert world.timeline(document_id) == []


# What is told of a key ------------------------------------------------------------------------------------


def test_only_when_asked_for_does_an_answer_tell_what_its_key_met(world: World) -> None:
    path, body = keyed("create", "", "k")
    assert "X-Carrot-Mock-Deduplication" not in world.a.post(path, json=body).headers
    assert met(send(world.a, Write(path, body))) == "replay"
    assert met(world.a.post("/documents", json=mass_id(), headers=EXPLAIN)) == "none"


def test_the_journal_tells_what_each_key_met(world: World) -> None:
    world.semantics(dedup_lifetime=60)
    document_id = world.document()
    path, body = keyed("append", document_id, "k")
    world.a.post(path, json=body)
    world.a.post(path, json=body)
    world.a.post(path, json={**body, "value": 1})
    world.clock.advance(60)
    world.a.post(path, json=body)
    entries = world.control.get("requests", params={"deduplicationId": "k"}).json()
    assert [each["deduplication"] for each in entries] == [
        [{"key": "k", "verdict": verdict}] for verdict in ("fresh", "replay", "changed-body", "expired")
    ]
    assert [each["attempt"] for each in entries] == [1, 2, 3, 4]
    assert [each["committed"] for each in entries] == [True, False, False, True]


def test_the_journal_tells_of_each_item_of_a_batch_by_its_index(world: World) -> None:
    document_id = world.document()
    send(world.a, keyed("append", document_id, "known"))
    items = (event(), event(deduplicationId="known"), event(deduplicationId="new"))
    send(world.a, batch(document_id, *items))
    assert world.journal()[-1]["deduplication"] == [
        {"key": "known", "verdict": "replay", "index": 1},
        {"key": "new", "verdict": "fresh", "index": 2},
    ]


@pytest.mark.parametrize(
    ("switches", "change", "behaviour"),
    [
        ({}, {}, "dedup-original-answer"),
        ({}, {"value": 1}, "dedup-changed-body"),
        ({"dedup_changed_body": "replay"}, {"value": 1}, "dedup-changed-body"),
    ],
)
def test_the_journal_names_the_rule_that_answered(
    world: World, switches: dict[str, str], change: dict[str, Any], behaviour: str
) -> None:
    world.semantics(**switches)
    document_id = world.document()
    send(world.a, keyed("append", document_id, "k"))
    send(world.a, keyed("append", document_id, "k", **change))
    assert behaviour in world.journal()[-1]["behaviours"]


@pytest.mark.parametrize("key", ["k", "a/b c?d#e%é", "x" * 255])
def test_a_key_is_shown_and_dropped_by_the_control_api(world: World, key: str) -> None:
    document_id = world.document()
    write = keyed("append", document_id, key)
    first = send(world.a, write)
    place = f"deduplication/{quote(key, safe='')}"
    (shown,) = world.control.get(place).json()
    assert (shown["key"], shown["integrator"], shown["environment"]) == (key, "a", "TEST")
    assert (shown["documentId"], shown["eventId"]) == (document_id, event_of(first))
    assert claims(world) == [shown]
    assert world.control.delete(place).status_code == 204
    assert (world.control.get(place).status_code, world.control.delete(place).status_code) == (404, 404)
    assert met(send(world.a, write)) == "fresh"
    assert len(world.timeline(document_id)) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, 7, None])
def test_a_key_is_a_string_of_1_to_255_characters(world: World, key: Any) -> None:
    answer = world.a.post("/documents", json=mass_id(deduplicationId=key))
    assert error_of(answer)[:2] == (400, "validationError")


def test_a_reset_forgets_every_key(world: World) -> None:
    write = keyed("create", "", "k")
    send(world.a, write)
    world.control.post("reset")
    assert (claims(world), met(send(world.a, write))) == ([], "fresh")
