"""The surface of the API: its paths, methods and statuses, and the two forms of its errors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from conftest import NOON, World, created, error_of
from payloads import event, mass_id

from mock_server.errors import Restricted

if TYPE_CHECKING:
    from collections.abc import Callable

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
EVENT_ID = re.compile(r"[0-9A-Za-z_-]{21}")
SOME = "00000000-0000-4000-8000-000000000000"
FILE = {"contentLength": 3, "contentType": "text/plain"}

ALLOWED = {
    "/documents": ["POST"],
    "/documents/events": ["POST"],
    f"/documents/{SOME}": ["GET", "HEAD"],
    f"/documents/{SOME}/events": ["POST"],
    f"/documents/{SOME}/attachments/a.txt": ["GET", "HEAD", "PUT"],
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.mark.parametrize("prefix", ["", "/v1"])
def test_the_six_endpoints_answer_with_and_without_the_prefix(world: World, prefix: str) -> None:
    answer = world.a.post(f"{prefix}/documents", json=mass_id())
    assert answer.status_code == 201
    assert set(answer.json()) == {"id"}
    document_id = answer.json()["id"]
    assert UUID.fullmatch(document_id)
    here = f"{prefix}/documents/{document_id}"

    answer = world.a.post(f"{here}/events", json=event())
    assert answer.status_code == 201
    assert set(answer.json()) == {"documentId", "eventId"}
    assert answer.json()["documentId"] == document_id
    assert EVENT_ID.fullmatch(answer.json()["eventId"])

    answer = world.a.post(
        f"{prefix}/documents/events", json={"documentId": document_id, "events": [event(), event()]}
    )
    assert answer.status_code == 201
    assert set(answer.json()) == {"documentId", "events"}
    assert answer.json()["documentId"] == document_id
    assert [set(each) for each in answer.json()["events"]] == [{"eventId", "targetDocumentId"}] * 2
    assert {each["targetDocumentId"] for each in answer.json()["events"]} == {document_id}

    answer = world.a.put(f"{here}/attachments/a.txt", json=FILE)
    assert (answer.status_code, set(answer.json())) == (200, {"url"})
    assert world.anyone.put(answer.json()["url"], content=b"abc", headers={"Content-Type": "text/plain"})
    answer = world.a.get(f"{here}/attachments/a.txt")
    assert (answer.status_code, set(answer.json())) == (200, {"url"})
    assert world.anyone.get(answer.json()["url"]).content == b"abc"

    answer = world.a.get(here)
    assert (answer.status_code, answer.json()["id"]) == (200, document_id)
    assert answer.headers["content-type"] == "application/json"


def test_an_id_is_found_however_its_letters_are_written(world: World) -> None:
    document_id = world.document()
    assert world.a.get(f"/documents/{document_id.upper()}").json()["id"] == document_id


@pytest.mark.parametrize(
    "path",
    [
        "/documents/",
        f"/documents/{SOME}/",
        f"/documents/{SOME}/events/",
        "/documents/events/",
        f"/documents/{SOME}/attachments",
        f"/documents/{SOME}/attachments/",
        f"/documents/{SOME}/attachments/a.txt/",
        f"/documents/{SOME}/attachments/a/b",
        f"/documents/{SOME}/nothing",
        f"/documents/{SOME}/events/{SOME}",
        "/Documents",
        "/v1",
        "/v1/",
        "/v1/documents/",
        "/v1/v1/documents",
        "/v2/documents",
        "/document",
        "/participants",
        "/oauth2",
        "/oauth2/token/",
        "/oauth2/authorize",
        "/nothing",
    ],
)
def test_an_unknown_path_answers_404_in_the_envelope(world: World, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert error_of(world.a.request(method, path))[:2] == (404, "objectNotFound"), method
        assert "unknown-path" in world.journal()[-1]["behaviours"]


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize("path", ALLOWED)
def test_another_method_answers_405_with_what_the_path_takes(world: World, prefix: str, path: str) -> None:
    for method in METHODS:
        if method in ALLOWED[path]:
            assert world.a.request(method, prefix + path).status_code != 405, method
            continue
        answer = world.a.request(method, prefix + path)
        assert answer.status_code == 405, method
        assert sorted(answer.headers["allow"].split(", ")) == ALLOWED[path]
        assert "wrong-method" in world.journal()[-1]["behaviours"]


def test_a_method_that_nobody_knows_answers_405(world: World) -> None:
    assert world.a.request("FROBNICATE", "/documents").headers["allow"] == "POST"


def test_a_head_has_the_headers_of_the_get_and_no_body(world: World) -> None:
    document_id = world.document()
    for path in (f"/documents/{document_id}", f"/documents/{SOME}", f"/documents/{SOME}/attachments/a.txt"):
        get, head = world.a.get(path), world.a.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers == get.headers


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("GET", "", None),
        ("POST", "/events", event()),
        ("PUT", "/attachments/a.txt", FILE),
        ("GET", "/attachments/a.txt", None),
    ],
)
def test_an_id_that_is_no_uuid_is_simply_not_found(world: World, method: str, rest: str, body: Any) -> None:
    for document_id in ("1", "not-a-uuid", "%00", "%ff", "..%2f..", "ü", SOME[:-1], f"{SOME}0"):
        answer = world.a.request(method, f"/documents/{document_id}{rest}", json=body)
        assert error_of(answer)[:2] == (404, "objectNotFound"), document_id


def test_an_error_has_an_id_and_the_time_of_the_servers_clock_in_seconds(world: World) -> None:
    entries = [world.a.get(f"/documents/{SOME}").json()["errors"][0] for _ in range(2)]
    assert entries[0]["id"] != entries[1]["id"]
    assert {each["timestamp"] for each in entries} == {str(int(NOON.timestamp()))}


def test_each_violation_has_an_entry_that_says_where_what_and_what_came(world: World) -> None:
    answer = world.a.post("/documents", json=mass_id(isPublic="yes", type=..., value=-1))
    assert error_of(answer)[:2] == (400, "validationError")
    messages = [each["message"] for each in answer.json()["errors"]]
    assert len(messages) == 3
    assert {each["code"] for each in answer.json()["errors"]} == {"validationError"}
    assert len({each["id"] for each in answer.json()["errors"]}) == 3
    (flag,) = (each for each in messages if each.startswith("/isPublic"))
    assert "true or false" in flag
    assert '"yes"' in flag
    (value,) = (each for each in messages if each.startswith("/value"))
    assert "0" in value
    assert "-1" in value
    assert any('"type"' in each for each in messages)


# The two forms of an error ----------------------------------------------------------------------------


def _unauthorized(world: World) -> Any:
    return world.anyone.get(f"/documents/{SOME}")


def _restricted(world: World) -> Any:
    return world.a.post(
        f"/documents/{created(world.prod.post('/documents', json=mass_id()))}/events", json=event()
    )


def _too_large(world: World) -> Any:
    return world.a.post("/documents", content=b" " * (6 * 1024 * 1024 + 1))


def _too_many(world: World) -> Any:
    world.workspace.rate_limit = 1
    world.a.get(f"/documents/{SOME}")
    return world.a.get(f"/documents/{SOME}")


def _broken(world: World) -> Any:
    async def fail(phase: str, _entry: Any) -> None:
        if phase == "validated":
            raise RuntimeError("a mistake on purpose")

    client = world.a
    world.pipeline.hook = fail
    return client.post("/documents", json=mass_id())


CASES: list[tuple[Callable[[World], Any], int, str | None]] = [
    (_unauthorized, 401, "unauthorized"),
    (_restricted, 403, "restrictedResource"),
    (_too_large, 413, None),
    (_too_many, 429, None),
    (_broken, 500, "internalServerError"),
]
IDS = ["401", "403", "413", "429", "500"]


@pytest.mark.switch("edge-errors", "documented")
@pytest.mark.parametrize(("ask", "status", "code"), CASES, ids=IDS)
def test_documented_errors_have_the_envelope_but_for_413_and_429(
    world: World, ask: Callable[[World], Any], status: int, code: str | None
) -> None:
    answer = ask(world)
    assert answer.status_code == status
    if code is None:
        assert set(answer.json()) == {"message"}
    else:
        assert error_of(answer)[:2] == (status, code)


@pytest.mark.switch("edge-errors", "gateway")
@pytest.mark.parametrize(("ask", "status", "code"), CASES, ids=IDS)
def test_a_gateway_gives_its_errors_the_short_form(
    world: World, ask: Callable[[World], Any], status: int, code: str | None
) -> None:
    world.semantics(edge_errors="gateway")
    answer = ask(world)
    assert answer.status_code == status
    assert set(answer.json()) == {"message"}
    assert answer.json()["message"]
    assert "edge-errors" in world.journal()[-1]["behaviours"]
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.switch("edge-errors", "gateway")
def test_a_gateway_leaves_the_errors_of_the_application_as_they_are(world: World) -> None:
    world.semantics(edge_errors="gateway")
    assert error_of(world.a.get(f"/documents/{SOME}"))[:2] == (404, "objectNotFound")
    assert error_of(world.a.post("/documents", json={}))[:2] == (400, "validationError")
    assert error_of(world.a.post("/documents", content=b"{"))[:2] == (400, "invalidJson")
    document_id = world.document(deduplicationId="k")
    world.append(document_id, "CLOSE")
    assert error_of(world.append(document_id))[:2] == (409, "conflictError")


def test_another_content_type_answers_415_in_the_short_form(world: World) -> None:
    answer = world.a.post("/documents", content=b"<a/>", headers={"Content-Type": "application/xml"})
    assert answer.status_code == 415
    assert set(answer.json()) == {"message"}
    assert "application/json" in answer.json()["message"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", None]
)
def test_json_or_no_content_type_is_fine(world: World, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert world.a.post("/documents", content=orjson.dumps(mass_id()), headers=headers).status_code == 201


def test_a_mistake_of_the_mock_is_told_as_one_and_stores_nothing(world: World) -> None:
    answer = _broken(world)
    assert error_of(answer)[:2] == (500, "internalServerError")
    assert "journal entry r" in answer.json()["errors"][0]["message"]
    world.pipeline.hook = None
    assert world.ledger() == []


def test_an_error_raised_at_any_phase_becomes_the_answer(world: World) -> None:
    for phase in ("arrived", "authenticated", "validated", "before_commit", "responding"):

        async def refuse(reached: str, _entry: Any, wanted: str = phase) -> None:
            if reached == wanted:
                raise Restricted(f"refused at {wanted}")

        world.pipeline.hook = None
        token = world.a
        world.pipeline.hook = refuse
        assert error_of(token.post("/documents", json=mass_id())) == (
            403,
            "restrictedResource",
            f"refused at {phase}",
        )
