"""Each check of `pytest_carrot.checks` against a mock that breaks exactly that, and against a true one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import World
from payloads import event, mass_id

if not os.environ.get("CI"):
    pytest.importorskip(
        "schemathesis", reason="schemathesis is not installed: pip install 'carrot-mock[schemathesis]'"
    )

import schemathesis
from schemathesis.core.failures import FailureGroup

from mock_server import contract
from mock_server.behaviours import Semantics
from pytest_carrot import checks
from pytest_carrot.asgi import InProcess
from pytest_carrot.control import JsonControl
from pytest_carrot.handle import Credentials

PARTNER = Credentials("carrot-partner-client", "carrot-partner-secret", "")


@dataclass
class Answer:
    """What an app answers, and what was asked; a change of it is what the client gets."""

    method: str
    path: str
    sent: bytes
    authorization: str
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: bytes, value: bytes | None) -> None:
        self.headers = [each for each in self.headers if each[0] != name]
        if value is not None:
            self.headers.append((name, value))

    def become(self, body: Any, status: int | None = None) -> None:
        self.status = status or self.status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.header(b"content-length", str(len(self.body)).encode())


Change = Callable[[Answer], None]


class Mutant:
    """An ASGI app whose answers are changed before they are sent."""

    def __init__(self, app: Any, change: Change) -> None:
        self.app = app
        self.change = change

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        sent: list[bytes] = []

        async def hearing() -> Any:
            message = await receive()
            sent.append(message.get("body", b""))
            return message

        parts: list[Any] = []

        async def keeping(message: Any) -> None:
            parts.append(message)

        await self.app(scope, hearing, keeping)
        headers = dict(scope["headers"])
        answer = Answer(
            scope["method"],
            scope["path"],
            b"".join(sent),
            headers.get(b"authorization", b"").decode(),
            parts[0]["status"],
            list(parts[0]["headers"]),
            b"".join(each.get("body", b"") for each in parts[1:]),
        )
        self.change(answer)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})


class Judged:
    """Calls the operations of a target, and has one check judge each answer."""

    def __init__(self, world: World, change: Change, *, with_control: bool = False, **known: Any) -> None:
        self.world = world
        self.app = Mutant(world.app, change)
        self.schema = schemathesis.openapi.from_dict(contract.in_force(Semantics.default()))
        self.schema.app = self.app
        self.token = f"Bearer {world.token()}"
        self.behind: InProcess | None = None
        if with_control:
            self.behind = InProcess(world.app)
            known["control"] = JsonControl(self.behind, "/_mock/workspaces/default/")
        checks.tell(self.schema, **known)

    def call(self, operation: str, check: str | None, *, method: str | None = None, **parts: Any) -> Any:
        """The answer; raises FailureGroup when the check does not hold."""
        headers = {"Authorization": self.token, **parts.pop("headers", {})}
        if "body" in parts:
            parts.setdefault("media_type", "application/json")
        case = self.schema.find_operation_by_id(operation).Case(headers=headers, **parts)
        if method is not None:
            case.method = method
        response = case.call()
        if check is not None:
            case.validate_response(response, checks=[getattr(checks, check)])
        return response

    def document(self, check: str | None = None, **changes: Any) -> str:
        body = {**mass_id(**changes)}
        return str(self.call("documents.create", check, body=body).json()["id"])

    def append(self, document_id: str, check: str | None = None, **changes: Any) -> Any:
        body = event(changes.pop("name", "Pick-up"), **changes)
        return self.call("events.append", check, path_parameters={"documentId": document_id}, body=body)

    def batch(self, document_id: str, check: str | None = None, *items: Any) -> Any:
        return self.call("events.batch", check, body={"documentId": document_id, "events": list(items)})

    def read(self, document_id: str, check: str | None = None, **more: Any) -> Any:
        return self.call("documents.read", check, path_parameters={"id": document_id}, **more)


def nothing(answer: Answer) -> None:
    """A true mock."""


@pytest.fixture
def judged(world: World) -> Iterator[Callable[..., Judged]]:
    made: list[Judged] = []

    def make(change: Change = nothing, **known: Any) -> Judged:
        made.append(Judged(world, change, **known))
        return made[-1]

    yield make
    for each in made:
        if each.behind is not None:
            each.behind.close()


def broken(work: Callable[[], Any]) -> str:
    """What the check says that fails."""
    with pytest.raises(FailureGroup) as caught:
        work()
    (failure,) = caught.value.exceptions
    return failure.message


# A true mock ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_control", [False, True], ids=["from outside", "with the control API"])
@pytest.mark.parametrize("check", [each.__name__ for each in checks.CHECKS])
def test_every_check_holds_for_the_true_mock(judged, check: str, with_control: bool) -> None:
    it = judged(partner=PARTNER, with_control=with_control)
    key = f"key of {check}"
    document_id = it.document(check, deduplicationId=key)
    it.append(document_id, check, deduplicationId=f"{key} 1")
    it.batch(document_id, check, event("Weighing", deduplicationId=f"{key} 2"), event("Sorting"))
    it.read(document_id, check)
    it.append(document_id, check, name="Drop-off", deduplicationId=f"{key} 1")  # conflict
    it.append(document_id, check, externalCreatedAt="yesterday")
    it.append("not-a-uuid", check)
    it.batch(document_id, check, event("Weighing"), {"name": 7})
    it.call("documents.create", check, body={})
    it.read(document_id, check, headers={"Authorization": "Bearer wrong"})
    it.read(document_id, check, headers={"Authorization": ""})
    it.read(document_id, check, method="DELETE")
    form = {"media_type": "application/x-www-form-urlencoded"}
    it.call("token", check, body={"grant_type": "password"}, headers={"Authorization": "Basic eDp5"}, **form)
    part = {"bucket": "b", "documentId": document_id, "attachmentId": document_id}
    it.call("storage.get", check, path_parameters=part, headers={"Authorization": ""})


@pytest.mark.parametrize("value", ["conflict", "replay", "reject"])
def test_a_changed_body_is_judged_by_the_switch_or_by_what_came_first(
    judged, world: World, value: str
) -> None:
    world.semantics(dedup_changed_body=value)
    told, untold = judged(semantics={"dedup-changed-body": value}), judged()
    for it in (told, untold):
        for number in range(2):
            it.document("changed_body_obeys_the_semantics", deduplicationId=f"{id(it)} {number}")


# What each check finds -----------------------------------------------------------------------------------


def test_a_repeat_with_other_bytes_is_found(judged) -> None:
    seen: list[bytes] = []

    def change(answer: Answer) -> None:
        if answer.path == "/documents":
            if answer.sent in seen:
                answer.become(answer.body + b" ")
            seen.append(answer.sent)

    message = broken(
        lambda: judged(change).document("repeated_key_returns_the_original", deduplicationId="k")
    )
    assert "Expected the same request with the same deduplicationId to get the original answer" in message


def test_a_repeat_that_appends_anew_is_found(judged, world: World) -> None:
    it = judged()
    document_id = it.document()
    world.semantics(dedup_lifetime="0.000001")
    it.app.change = lambda answer: world.clock.advance(1)
    message = broken(lambda: it.append(document_id, "repeated_key_returns_the_original", deduplicationId="k"))
    assert "to get the original answer, 201" in message


def test_a_changed_body_that_is_written_is_found(judged, world: World) -> None:
    it = judged()
    world.semantics(dedup_lifetime="0.000001")
    it.app.change = lambda answer: world.clock.advance(1)
    message = broken(lambda: it.document("changed_body_obeys_the_semantics", deduplicationId="k"))
    assert "to get 409 conflictError, the original answer, or 400 validationError; got 201" in message


def test_a_changed_body_that_does_not_obey_the_switch_is_found(judged, world: World) -> None:
    it = judged(semantics={"dedup-changed-body": "replay"})
    message = broken(lambda: it.document("changed_body_obeys_the_semantics", deduplicationId="k"))
    assert "the original answer (dedup-changed-body is replay); got 409" in message


def test_changed_bodies_that_are_treated_differently_are_found(judged, world: World) -> None:
    it = judged()
    it.document("changed_body_obeys_the_semantics", deduplicationId="k 1")
    world.semantics(dedup_changed_body="reject")
    message = broken(lambda: it.document("changed_body_obeys_the_semantics", deduplicationId="k 2"))
    assert (
        "Expected every changed body to get the same kind of answer, 409 conflictError as before" in message
    )


def with_events(change: Callable[[list[Any]], Any]) -> Change:
    """Reads after the first one have other events."""
    reads = 0

    def apply(answer: Answer) -> None:
        nonlocal reads
        if answer.method == "GET" and answer.status == 200:
            reads += 1
            if reads > 1:
                found = answer.json
                change(found["externalEvents"])
                answer.become(found)

    return apply


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda events: events[1].update(name="Other"), "its name came otherwise"),
        (lambda events: events.pop(1), "in every later read, in their order"),
        (lambda events: events.reverse(), "in every later read, in their order"),
    ],
    ids=["changed", "lost", "moved"],
)
def test_an_event_that_does_not_stay_as_it_was_read_is_found(judged, change, sentence: str) -> None:
    it = judged(with_events(change))
    document_id = it.document()
    it.append(document_id, "events_stay_as_read")
    assert sentence in broken(lambda: it.read(document_id, "events_stay_as_read"))


def test_a_new_event_that_stands_before_older_ones_is_found(judged) -> None:
    def change(answer: Answer) -> None:
        if answer.method == "GET":
            answer.become({**answer.json, "externalEvents": answer.json["externalEvents"][::-1]})

    it = judged(change)
    document_id = it.document("events_stay_as_read")
    assert "after the 1 that were read before" in broken(
        lambda: it.append(document_id, "events_stay_as_read")
    )


def test_an_event_that_was_answered_for_but_is_in_no_read_is_found(judged) -> None:
    def change(answer: Answer) -> None:
        if answer.method == "GET":
            found = answer.json
            found["externalEvents"] = found["externalEvents"][:1]
            answer.become(found)

    it = judged(change)
    document_id = it.document()
    message = broken(lambda: it.append(document_id, "events_stay_as_read"))
    assert "which the API answered for, in a read of document" in message


ATTRIBUTE = {"name": "Vehicle Type", "value": "Truck", "isPublic": True}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "Weighing"),
        ("value", 7),
        ("label", "Other"),
        ("isPublic", True),
        ("externalCreatedAt", "2026-02-02T02:02:02.000Z"),
        ("metadata", {"attributes": []}),
        ("metadata", {"attributes": [{**ATTRIBUTE, "value": "Cart"}]}),
    ],
)
@pytest.mark.parametrize("batch", [False, True], ids=["append", "batch"])
def test_an_event_that_is_not_kept_as_it_was_sent_is_found(
    judged, name: str, value: Any, batch: bool
) -> None:
    def change(answer: Answer) -> None:
        if answer.method == "GET":
            found = answer.json
            for each in found["externalEvents"]:
                if each["name"] == "Pick-up":
                    each[name] = value
            answer.become(found)

    check = "reads_show_what_was_sent"
    sent = {"value": 12, "label": "One", "metadata": {"attributes": [ATTRIBUTE]}, "isPublic": False}
    for it, holds in (judged(), True), (judged(change), False):
        document_id = it.document()

        def write(it: Judged = it, document_id: str = document_id) -> Any:
            if batch:
                items = [event("Pick-up", deduplicationId=f"{document_id}-{n}", **sent) for n in (1, 2)]
                return it.batch(document_id, check, *items)
            return it.append(document_id, check, deduplicationId=document_id, **sent)

        if holds:
            write()
        else:
            assert f"of document {document_id} to show event" in broken(write)


@pytest.mark.parametrize(
    ("name", "value"), [("type", "Other"), ("currentValue", 7), ("isPublic", False), ("category", "Mass")]
)
def test_a_document_that_is_not_kept_as_it_was_sent_is_found(judged, name: str, value: Any) -> None:
    def change(answer: Answer) -> None:
        if answer.method == "GET":
            answer.become({**answer.json, name: value})

    sent = {"value": 12, "isPublic": True}
    judged().document("reads_show_what_was_sent", **sent)
    message = broken(lambda: judged(change).document("reads_show_what_was_sent", **sent))
    assert "to show it with the " in message


def test_an_answer_for_another_document_is_found(judged) -> None:
    other = "0a0a0a0a-0000-4000-8000-000000000000"

    def change(answer: Answer) -> None:
        if b'"id":"' in answer.body and answer.method == "GET":
            answer.become({**answer.json, "id": other})
        elif b'"eventId"' in answer.body:
            answer.become({**answer.json, "documentId": other})

    it, check = judged(change), "reads_show_what_was_sent"
    document_id = it.document()
    assert f"got document {other}" in broken(lambda: it.read(document_id, check))
    assert f"to be answered with its id; got {other}" in broken(lambda: it.append(document_id, check))


def test_a_token_for_a_wrong_secret_is_found(judged) -> None:
    def change(answer: Answer) -> None:
        if answer.path == "/oauth2/token":
            answer.become({"access_token": "t", "token_type": "Bearer", "expires_in": 3600}, 200)

    def ask(it: Judged) -> Any:
        basic = b64encode(b"carrot-test-client:carrot-test-secret").decode()
        headers = {"Authorization": f"Basic {basic}"}
        body = {"grant_type": "client_credentials"}
        media_type = "application/x-www-form-urlencoded"
        return it.call("token", "strangers_are_refused", headers=headers, body=body, media_type=media_type)

    assert ask(judged()).status_code == 200
    assert "Expected a wrong client secret to get no token" in broken(lambda: ask(judged(change)))


def test_an_unknown_token_that_is_not_told_to_log_in_is_found(judged) -> None:
    def change(answer: Answer) -> None:
        if answer.status == 401:
            answer.become({"message": "no"}, 403)

    for it in (judged(), judged(change)):
        document_id = it.document()
        if it.app.change is change:
            message = broken(lambda it=it, id=document_id: it.read(id, "strangers_are_refused"))
            assert "Expected a token that was never given to get 401; got 403" in message
        else:
            it.read(document_id, "strangers_are_refused")


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_document_that_is_not_there_after_its_creation_is_found(judged, status: int) -> None:
    def change(answer: Answer) -> None:
        if answer.method == "GET":
            answer.become({"message": "no"}, status)

    message = broken(lambda: judged(change).document("events_stay_as_read"))
    assert f"by the client that wrote or read it to get it; got {status}" in message


def test_a_document_that_is_lost_after_it_was_read_is_found(judged) -> None:
    gone: list[str] = []

    def change(answer: Answer) -> None:
        if answer.method == "GET" and any(each in answer.path for each in gone):
            answer.become({"message": "no"}, 404)

    it = judged(change)
    document_id = it.document("events_stay_as_read")
    it.read(document_id, "events_stay_as_read")
    gone.append(document_id)
    assert "got 404" in broken(lambda: it.read(document_id, "events_stay_as_read"))
    assert "got 404" in broken(lambda: it.append(document_id, "events_stay_as_read"))


def test_a_read_by_a_client_who_never_read_a_document_proves_nothing(judged, world: World) -> None:
    it = judged()
    document_id = it.document("events_stay_as_read")
    others = f"Bearer {world.token('partner')}"
    answer = it.read(document_id, "events_stay_as_read", headers={"Authorization": others})
    assert answer.status_code == 404


def test_a_document_whose_creator_gave_its_rights_away_may_be_gone_for_it(judged) -> None:
    restricted: list[str] = []

    def change(answer: Answer) -> None:
        if answer.method == "GET" and any(each in answer.path for each in restricted):
            answer.become({"message": "no"}, 403)

    it = judged(change)
    document_id = it.document("events_stay_as_read")
    it.append(document_id, "events_stay_as_read", name="ACTOR", label="Recycler")
    restricted.append(document_id)
    it.append(document_id, "events_stay_as_read")
    assert it.read(document_id, "events_stay_as_read").status_code == 403


@pytest.mark.parametrize("shape", ["full", "stored", None])
def test_a_read_may_be_as_a_document_is_stored_unless_it_is_known_to_be_whole(judged, shape) -> None:
    def change(answer: Answer) -> None:
        if answer.method == "GET":
            found = answer.json
            del found["address"]
            answer.become(found)

    it = judged(change, semantics=None if shape is None else {"get-shape": shape})
    document_id, check = it.document(), "accepted_answers_validate_without_nulls"
    if shape == "full":
        assert '"address" is a required property' in broken(lambda: it.read(document_id, check))
    else:
        it.read(document_id, check)


@pytest.mark.parametrize("with_control", [False, True], ids=["from outside", "with the control API"])
@pytest.mark.parametrize("is_known", [False, True], ids=["unknown document", "known document"])
def test_a_refused_request_that_appends_is_found(judged, is_known: bool, with_control: bool) -> None:
    def change(answer: Answer) -> None:
        if answer.method == "POST" and b"Weighing" in answer.sent and answer.status == 201:
            answer.become({"message": "no"}, 400)

    check = "refused_requests_append_nothing"
    it = judged(change, with_control=with_control)
    document_id = it.document(check)
    if is_known:
        it.append(document_id, "events_stay_as_read")
        it.append(document_id, check)
    message = broken(lambda: it.append(document_id, check, name="Weighing"))
    assert "Expected a refused request to append nothing" in message or with_control
    assert "Expected a refused request to record nothing" in message or not with_control
    message = broken(lambda: it.batch(document_id, check, event("Weighing", deduplicationId="k")))
    assert "it was answered 400" in message


def test_a_document_that_another_integrator_can_read_is_found(judged, world: World) -> None:
    world.semantics(public_read="anyone")
    it = judged(partner=PARTNER, semantics={"public-read": "shared"})
    message = broken(lambda: it.document("no_cross_tenant_read", isPublic=True))
    assert "Expected 404 or 403 when another integrator reads document" in message
    assert 'curl -H "Authorization: Bearer $PARTNER_TOKEN"' in message


def test_a_public_document_is_for_anyone_where_the_switch_says_so_or_nobody_knows(
    judged, world: World
) -> None:
    world.semantics(public_read="anyone")
    judged(partner=PARTNER).document("no_cross_tenant_read", isPublic=True)
    judged(partner=PARTNER, with_control=True).document("no_cross_tenant_read", isPublic=True)


def test_a_refusal_that_tells_of_the_document_is_found(judged) -> None:
    def change(answer: Answer) -> None:
        if answer.method == "GET" and answer.status == 404:
            answer.become(
                answer.body.replace(b"There is no document", b"Cantina Modelo of Sao Paulo does not share it")
            )

    it = judged(change, partner=PARTNER)
    told = {"title": "Cantina Modelo of Sao Paulo", "isPublic": False}
    message = broken(lambda: it.document("no_cross_tenant_read", **told))
    assert "it says 'Cantina Modelo of Sao Paulo'" in message


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", 'Expected an error as {"statusCode", "errors"} or {"message"}; got 404 <html>'),
        ({"statusCode": 400, "errors": []}, "Expected statusCode 404"),
        ({"statusCode": 404, "errors": []}, "Expected errors to be one or more"),
        ({"statusCode": 404, "errors": [{"code": "objectNotFound"}]}, "Expected errors to be one or more"),
        (
            {
                "statusCode": 404,
                "errors": [{"code": "gone", "message": "m", "id": "a" * 21, "timestamp": "1"}],
            },
            "Expected the code objectNotFound with 404; got gone",
        ),
        ({"error": "no"}, "Expected an error as"),
    ],
)
def test_an_error_of_another_shape_is_found(judged, body: Any, sentence: str) -> None:
    it = judged(lambda answer: answer.become(body))
    assert sentence in broken(lambda: it.read("x", "errors_have_a_known_shape"))


def test_too_many_requests_has_exactly_one_shape(judged) -> None:
    it = judged(lambda answer: answer.become({"message": "Slow down"}, 429))
    assert "Expected exactly" in broken(lambda: it.read("x", "errors_have_a_known_shape"))


def test_an_error_of_the_storage_and_of_the_token_endpoint_has_its_own_shape(judged) -> None:
    it = judged(lambda answer: answer.become({"statusCode": 403, "errors": []}))
    part = {"bucket": "b", "documentId": "d", "attachmentId": "a"}
    check = "errors_have_a_known_shape"
    assert "Expected an error of S3" in broken(lambda: it.call("storage.get", check, path_parameters=part))
    body = {"grant_type": "password"}
    form = {"body": body, "media_type": "application/x-www-form-urlencoded"}
    assert "Expected an OAuth error" in broken(lambda: it.call("token", check, **form))


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"title": None}, "/title is not: null is not of type"),
        ({"parentDocumentId": None}, "is not"),
        ({"newByTheVendor": None}, "got one at /newByTheVendor"),
        ({"id": 7}, "/id is not"),
    ],
)
def test_an_accepted_answer_with_a_null_or_of_another_shape_is_found(
    judged, more: Any, sentence: str
) -> None:
    it = judged()
    document_id = it.document(tags={"note": None})
    it.append(
        document_id, metadata={"attributes": [{"name": "Note", "value": {"of": [None]}, "isPublic": False}]}
    )
    check = "accepted_answers_validate_without_nulls"
    it.read(document_id, check)
    it.app.change = lambda answer: answer.become({**answer.json, **more})
    assert sentence in broken(lambda: it.read(document_id, check))


def test_an_accepted_answer_that_is_no_json_is_found(judged) -> None:
    it = judged(lambda answer: answer.become(b"<html>", 200))
    message = broken(lambda: it.read("x", "accepted_answers_validate_without_nulls"))
    assert "Expected JSON as Document of the contract; got 200 <html>" in message


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_error_is_found(judged, status: int) -> None:
    it = judged(lambda answer: answer.become(answer.body, status))
    assert f"got {status}" in broken(lambda: it.read("x", "never_a_server_error"))


@pytest.mark.parametrize("value", [None, b"2026-03-01T10:00:00Z", b"Mon, 01 Mar 2026 10:00:00 GMT"])
def test_a_missing_or_wrong_date_is_found(judged, value: bytes | None) -> None:
    it = judged(lambda answer: answer.header(b"date", value))
    assert "Expected one header Date" in broken(lambda: it.read("x", "headers_are_right"))


@pytest.mark.parametrize("value", [None, b"", b"POST", b"GET, DELETE", b"GET, PUT"])
def test_a_missing_or_wrong_allow_is_found(judged, value: bytes | None) -> None:
    it = judged(lambda answer: answer.header(b"allow", value))
    message = broken(lambda: it.read("x", "headers_are_right", method="DELETE"))
    assert "Expected Allow to name the methods that /documents/x takes, GET" in message


def test_the_batch_takes_no_get_although_a_document_might_have_such_an_id(judged) -> None:
    it = judged()
    it.read("events", "headers_are_right")
    it.app.change = lambda answer: answer.header(b"allow", b"GET, POST")
    assert "/documents/events takes, POST" in broken(lambda: it.read("events", "headers_are_right"))


@pytest.mark.parametrize(
    ("authorization", "value", "sentence"),
    [
        ("", None, "Expected WWW-Authenticate: Bearer with 401; got none"),
        ("", b"Basic", "Expected WWW-Authenticate: Bearer with 401; got Basic"),
        ("Bearer wrong", b"Bearer", "as a token was sent; got Bearer"),
    ],
)
def test_a_missing_or_wrong_challenge_is_found(
    judged, authorization: str, value: bytes | None, sentence: str
) -> None:
    it = judged(lambda answer: answer.header(b"www-authenticate", value))
    wrong = {"Authorization": authorization}
    assert sentence in broken(lambda: it.read("x", "headers_are_right", headers=wrong))


def test_the_token_endpoint_asks_for_basic(judged, world: World) -> None:
    world.semantics(token_errors="rfc6749")
    it = judged(lambda answer: answer.header(b"www-authenticate", b"Bearer"))
    form = {"body": {"grant_type": "client_credentials"}, "media_type": "application/x-www-form-urlencoded"}
    wrong = {"Authorization": "Basic eDp5"}
    message = broken(lambda: it.call("token", "headers_are_right", headers=wrong, **form))
    assert "Expected WWW-Authenticate: Basic with 401 from the token endpoint; got Bearer" in message


# How they are had ----------------------------------------------------------------------------------------


def test_they_are_registered_only_when_asked_for() -> None:
    code = """
from schemathesis.checks import CHECKS
from pytest_carrot import checks
ours = {each.__name__ for each in checks.CHECKS}
assert not ours & set(CHECKS.get_all_names())
checks.register()
checks.register()
assert ours <= set(CHECKS.get_all_names())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_they_are_named_functions_that_say_what_is_promised() -> None:
    names = [each.__name__ for each in checks.CHECKS]
    assert len(names) == len(set(names)) == 11
    assert all(each.__doc__ for each in checks.CHECKS)
    assert set(names) <= set(dir(checks))
    with pytest.raises(AttributeError):
        checks.no_such_check  # noqa: B018


def test_the_examples_of_the_page_run(tmp_path: Path) -> None:
    page = (Path(__file__).parent.parent / "docs/contract.md").read_text("utf-8")
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)):
        (tmp_path / f"test_{number}.py").write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


def test_the_page_names_every_check() -> None:
    page = (Path(__file__).parent.parent / "docs/contract.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [each.__name__ for each in checks.CHECKS]
