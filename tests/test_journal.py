"""The journal tells of every request what it met and did, within bounds, and never a secret."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from conftest import World, created
from payloads import at, attribute, event, mass_id

from mock_server.behaviours import BEHAVIOURS
from mock_server.errors import InternalError
from mock_server.journal import Place

PDF = {"content-type": "application/pdf"}
LOST = "/documents/00000000-0000-4000-8000-000000000000"
SECRET = "carrot-test-secret"
FIELDS = {
    "id", "at", "operation", "method", "path", "client", "phase", "seen", "committed", "deduplication",
    "attempt", "events", "behaviours", "advisories", "request", "response",
}  # fmt: skip
A_TEST = {"clientId": "carrot-test-client", "integrator": "a", "environment": "TEST"}


def last(world: World) -> dict[str, Any]:
    entry: dict[str, Any] = world.journal()[-1]
    assert set(entry) - {"status", "documentId", "authentication", "replayOf", "replayedBy"} == FIELDS
    assert set(entry["behaviours"]) <= set(BEHAVIOURS)
    assert all(set(each) == {"code", "message"} for each in entry["advisories"])
    return entry


def declare(world: World, document_id: str, name: str = "mtr.pdf") -> str:
    """The pre-signed upload URL of a new file of three bytes."""
    answer = world.a.put(
        f"/documents/{document_id}/attachments/{name}",
        json={"contentLength": 3, "contentType": "application/pdf"},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def upload(world: World, url: str, content: bytes = b"pdf") -> httpx.Response:
    return world.anyone.put(url, content=content, headers=PDF)


# What an entry tells of each operation ----------------------------------------------------------------


def test_a_creation(world: World) -> None:
    body = mass_id(deduplicationId="k", externalId="Ü-7")
    document_id = created(world.a.post("/documents", json=body))
    entry = last(world)
    assert (entry["operation"], entry["method"], entry["path"]) == ("documents.create", "POST", "/documents")
    assert (entry["client"], entry["status"], entry["at"]) == (A_TEST, 201, "2026-03-01T12:00:00.000Z")
    assert (entry["phase"], entry["seen"], entry["committed"]) == ("responding", "answer", True)
    assert entry["deduplication"] == [{"key": "k", "verdict": "fresh"}]
    assert (entry["attempt"], entry["documentId"]) == (1, document_id)
    assert entry["events"] == [each["id"] for each in world.read(document_id)["externalEvents"]]
    assert entry["request"]["body"] == body
    assert entry["request"]["headers"]["content-type"] == "application/json"
    assert entry["response"]["body"] == {"id": document_id}
    assert entry["response"]["headers"]["date"] == "Sun, 01 Mar 2026 12:00:00 GMT"


def test_an_append_and_its_replay(world: World) -> None:
    document_id = world.document()
    answers = [world.append(document_id, deduplicationId="k").json() for _ in range(2)]
    first, second = world.journal()[-2:]
    assert (first["operation"], first["documentId"]) == ("events.append", document_id)
    assert (first["events"], first["committed"], first["attempt"]) == ([answers[0]["eventId"]], True, 1)
    assert (second["events"], second["committed"], second["attempt"]) == ([], False, 2)
    assert second["deduplication"] == [{"key": "k", "verdict": "replay"}]
    assert second["response"]["body"] == answers[1] == answers[0]
    assert {"dedup-original-answer", "dedup-byte-identical"} <= set(second["behaviours"])


def test_a_batch(world: World) -> None:
    document_id = world.document()
    world.append(document_id, deduplicationId="b")
    batch = {
        "documentId": document_id,
        "events": [event(), event(deduplicationId="a"), event(deduplicationId="b")],
    }
    answer = world.a.post("/documents/events", json=batch).json()
    entry = last(world)
    assert (entry["operation"], entry["documentId"]) == ("events.batch", document_id)
    assert entry["deduplication"] == [
        {"key": "a", "verdict": "fresh", "index": 1},
        {"key": "b", "verdict": "replay", "index": 2},
    ]
    assert entry["events"] == [each["eventId"] for each in answer["events"][:2]]


def test_a_read_and_its_head(world: World) -> None:
    document_id = world.document()
    document = world.read(document_id)
    entry = last(world)
    assert (entry["operation"], entry["committed"], entry["events"]) == ("documents.read", False, [])
    assert (entry["documentId"], entry["response"]["body"]) == (document_id, document)
    assert entry["request"]["body"] is None
    world.a.head(f"/documents/{document_id}")
    assert (last(world)["method"], last(world)["operation"]) == ("HEAD", "documents.read")


def test_a_file_is_told_by_its_size_only(world: World) -> None:
    document_id = world.document()
    url = declare(world, document_id)
    assert (last(world)["operation"], last(world)["documentId"]) == ("attachments.upload", document_id)
    assert last(world)["committed"]
    upload(world, url, b"\x00\xff!")
    entry = last(world)
    assert (entry["operation"], entry["client"], entry["committed"]) == ("storage.put", {}, True)
    assert (entry["documentId"], entry["request"]["body"]) == (document_id, "[3 bytes]")
    download = world.a.get(f"/documents/{document_id}/attachments/mtr.pdf").json()["url"]
    assert last(world)["operation"] == "attachments.download"
    assert world.anyone.get(download).content == b"\x00\xff!"
    entry = last(world)
    assert (entry["operation"], entry["response"]["body"]) == ("storage.get", "[3 bytes]")
    assert not entry["committed"]


@pytest.mark.parametrize(
    ("client", "secret", "authentication"),
    [
        ("carrot-test-client", SECRET, "basic"),
        ("carrot-odd-client", "carrot+odd/secret=with:100%", "basic-raw"),
        ("carrot-odd-client", "carrot%2Bodd%2Fsecret%3Dwith%3A100%25", "basic-form-url-encoded"),
    ],
)
def test_a_token_request_and_how_its_credentials_were_spelled(
    world: World, client: str, secret: str, authentication: str
) -> None:
    form = {"grant_type": "client_credentials"}
    assert world.anyone.post("/oauth2/token", data=form, auth=(client, secret)).status_code == 200
    entry = last(world)
    assert (entry["operation"], entry["committed"]) == ("token", True)
    assert entry["client"] == {**A_TEST, "clientId": client}
    assert entry["authentication"] == authentication
    assert entry["request"]["body"] == "grant_type=client_credentials"
    assert entry["response"]["body"]["access_token"] == "[redacted]"
    assert entry["response"]["body"]["expires_in"] == 3600


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "operation", "behaviour"),
    [
        ("GET", "/nowhere?a=1", {}, 404, "*", "unknown-path"),
        ("PATCH", "/documents", {}, 405, "*", "wrong-method"),
        ("GET", "/documents/events", {}, 405, "*", "batch-path-post-only"),
        ("GET", "/oauth2/token", {}, 405, "*", "token-post-only"),
        ("GET", LOST, {}, 401, "documents.read", "bearer-required"),
        ("GET", LOST, {"authorization": "Bearer x.y.z"}, 401, "documents.read", "unauthorized"),
        ("GET", LOST, {"authorization": "Basic abc"}, 401, "documents.read", "bearer-required"),
        ("POST", "/documents", {}, 401, "documents.create", "bearer-challenge"),
        ("PUT", "/_storage/x/y", {"content-length": "0"}, 403, "storage.put", "s3-errors"),
    ],
)
def test_what_reaches_nobody_is_in_the_default_journal(
    world: World, method: str, path: str, headers: dict[str, str], status: int, operation: str, behaviour: str
) -> None:
    assert world.anyone.request(method, path, headers=headers).status_code == status
    entry = last(world)
    assert (entry["status"], entry["operation"], entry["method"], entry["path"]) == (
        status,
        operation,
        method,
        path,
    )
    assert (entry["client"], entry["committed"]) == ({}, False)
    assert behaviour in entry["behaviours"]


def test_a_refusal_names_the_document_that_it_is_about(world: World) -> None:
    document_id = world.document()
    world.append(document_id, "SPLIT")
    world.a.post("/documents/events", json={"documentId": document_id, "events": [{}]})
    world.b.get(f"/documents/{document_id.upper()}")
    entries = world.control.get("requests", params={"documentId": document_id.upper()}).json()
    assert [each["status"] for each in entries] == [201, 400, 400, 404]


def test_bodies_that_are_no_json_are_shown_as_what_they_are(world: World) -> None:
    deep = "[" * 900 + "]" * 900
    for content, shown in [
        (b"{not json", "{not json"),
        (b"\xff\xfe\x00", "[3 bytes]"),
        (b" ", " "),
        (b"", None),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (deep.encode(), deep),
    ]:
        assert world.a.post("/documents", content=content).status_code == 400
        assert last(world)["request"]["body"] == shown


def test_a_body_that_is_too_large_is_not_kept(world: World) -> None:
    assert world.a.post("/documents", content=b" " * (6 * 1024 * 1024 + 1)).status_code == 413
    entry = last(world)
    assert (entry["status"], entry["request"]["body"]) == (413, None)
    assert "body-limit" in entry["behaviours"]


# Phases, and what the client saw ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "phases"),
    [
        ("create", ["arrived", "authenticated", "validated", "before_commit", "committed", "responding"]),
        ("replay", ["arrived", "authenticated", "validated", "responding"]),
        ("read", ["arrived", "authenticated", "validated", "responding"]),
        ("invalid", ["arrived", "authenticated", "responding"]),
        ("conflict", ["arrived", "authenticated", "validated", "responding"]),
        ("anonymous", ["arrived", "responding"]),
        ("token", ["arrived", "authenticated", "validated", "before_commit", "committed", "responding"]),
        ("put", ["arrived", "authenticated", "validated", "before_commit", "committed", "responding"]),
        ("get", ["arrived", "authenticated", "validated", "responding"]),
    ],
)
def test_the_phases_that_a_request_reaches(world: World, call: str, phases: list[str]) -> None:
    document_id = world.document(deduplicationId="k")
    url = declare(world, document_id)
    upload(world, url)
    download = world.a.get(f"/documents/{document_id}/attachments/mtr.pdf").json()["url"]
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: world.a.post("/documents", json=mass_id()),
        "replay": lambda: world.a.post("/documents", json=mass_id(deduplicationId="k")),
        "read": lambda: world.a.get(f"/documents/{document_id}"),
        "invalid": lambda: world.a.post("/documents", json={}),
        "conflict": lambda: world.a.post("/documents", json=mass_id(deduplicationId="k", value=1)),
        "anonymous": lambda: world.anyone.get(f"/documents/{document_id}"),
        "token": world.token,
        "put": lambda: upload(world, url),
        "get": lambda: world.anyone.get(download),
    }
    reached = []

    async def hook(phase: str, entry: Any) -> None:
        assert entry.phase == phase
        reached.append(phase)

    world.pipeline.hook = hook
    calls[call]()
    assert reached == phases
    world.pipeline.hook = None
    assert last(world)["phase"] == "responding"


@pytest.mark.parametrize("phase", ["before_commit", "committed"])
def test_committed_tells_whether_the_write_took_place_whatever_was_answered(world: World, phase: str) -> None:
    async def hook(here: str, entry: Any) -> None:
        if here == phase:
            raise InternalError("The mock was asked to fail.")

    client = world.a
    world.pipeline.hook = hook
    assert client.post("/documents", json=mass_id()).status_code == 500
    world.pipeline.hook = None
    entry = last(world)
    assert (entry["status"], entry["committed"]) == (500, phase == "committed")
    assert bool(entry["events"]) == entry["committed"]
    assert len(world.ledger()) == (2 if entry["committed"] else 0)


def call_asgi(world: World, messages: list[dict[str, Any]], **scope: Any) -> list[Any]:
    """Call the app with a client that sends these messages and then has gone; what it was sent."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    full = {
        "type": "http", "method": "POST", "path": "/documents", "raw_path": b"/documents", "scheme": "http",
        "query_string": b"", "headers": [], "server": ("test", 80), **scope,
    }  # fmt: skip
    asyncio.run(world.app(full, receive, send))
    return sent


def test_a_client_that_leaves_before_its_request_is_complete_saw_nothing(world: World) -> None:
    part = {"type": "http.request", "body": b'{"category"', "more_body": True}
    assert call_asgi(world, [part]) == []
    entry = last(world)
    assert (entry["seen"], entry["phase"], entry["committed"]) == ("closed", "arrived", False)
    assert "status" not in entry


@pytest.mark.parametrize(
    ("length", "status", "behaviour"),
    [([], 411, "s3-length-required"), ([(b"content-length", b"3")], 400, "s3-short-body")],
)
def test_an_upload_without_its_length_or_of_another_one(
    world: World, length: list[tuple[bytes, bytes]], status: int, behaviour: str
) -> None:
    url = httpx.URL(declare(world, world.document()))
    sent = call_asgi(
        world,
        [{"type": "http.request", "body": b"pd", "more_body": False}],
        method="PUT",
        path=url.path,
        raw_path=url.path.encode(),
        query_string=url.query,
        headers=[(b"host", b"carrot.test"), (b"content-type", b"application/pdf"), *length],
    )
    assert sent[0]["status"] == status
    assert not last(world)["committed"]
    assert {"s3-errors", behaviour} <= set(last(world)["behaviours"])


def test_a_request_under_way_is_in_the_journal_already(world: World) -> None:
    seen: list[dict[str, Any]] = []

    async def hook(phase: str, entry: Any) -> None:
        if phase == "validated":
            seen.append(entry.as_json(Place(1)))

    world.pipeline.hook = hook
    world.a.post("/documents", json=mass_id())
    assert (seen[0]["seen"], seen[0]["phase"], "status" in seen[0]) == ("silent", "validated", False)


# Attempts ---------------------------------------------------------------------------------------------


def attempts(world: World, operation: str) -> list[int]:
    entries = world.control.get("requests", params={"operation": operation}).json()
    return [each["attempt"] for each in entries]


def test_requests_with_one_key_are_attempts_at_one_thing(world: World) -> None:
    for body in (
        mass_id(deduplicationId="k"),
        mass_id(deduplicationId="k", value=1),
        mass_id(deduplicationId="l"),
    ):
        world.a.post("/documents", json=body)
    world.prod.post("/documents", json=mass_id(deduplicationId="k"))
    world.b.post("/documents", json=mass_id(deduplicationId="k"))
    assert attempts(world, "documents.create") == [1, 2, 1, 1, 1]


def test_requests_without_a_key_are_attempts_where_their_bodies_agree(world: World) -> None:
    for body in (mass_id(), mass_id(), mass_id(value=1), mass_id()):
        world.a.post("/documents", json=body)
    assert attempts(world, "documents.create") == [1, 2, 1, 3]


def test_a_request_that_was_refused_before_its_key_mattered_is_an_attempt_too(
    make_world: Callable[..., World],
) -> None:
    world = make_world(rate_limit=1)
    body = mass_id(deduplicationId="k")
    statuses = [world.a.post("/documents", json=body).status_code for _ in range(2)]
    world.clock.advance(1)
    statuses.append(world.a.post("/documents", json={**body, "type": 7}).status_code)
    assert statuses == [201, 429, 400]
    assert attempts(world, "documents.create") == [1, 2, 3]
    assert len(world.control.get("requests?deduplicationId=k").json()) == 3


def test_a_batch_is_an_attempt_at_the_same_keys(world: World) -> None:
    document_id = world.document()
    for keys in (("a", "b"), ("a", "b"), ("a", "c")):
        items = [event(deduplicationId=key) for key in keys]
        world.a.post("/documents/events", json={"documentId": document_id, "events": items})
    assert attempts(world, "events.batch") == [1, 2, 1]


# Filters ----------------------------------------------------------------------------------------------


def test_filters_narrow_the_journal_down(world: World) -> None:
    first = world.document(deduplicationId="a")
    world.clock.advance(60)
    second = world.document(deduplicationId="b")
    world.append(first, deduplicationId="c")
    batch = {"documentId": second, "events": [event(), event(deduplicationId="d")]}
    world.a.post("/documents/events", json=batch)

    def found(**query: Any) -> list[str]:
        return [each["id"] for each in world.control.get("requests", params=query).json()]

    ids = [each["id"] for each in world.journal()]
    token, *creations, append, whole = ids
    assert ids == ["r1", "r2", "r3", "r4", "r5"]
    assert found(operation="documents.create") == creations
    assert found(operation="token") == [token]
    assert found(deduplicationId="d") == [whole]
    assert found(deduplicationId="nothing") == []
    assert found(documentId=first) == [creations[0], append]
    assert found(documentId=second.upper(), operation="events.batch") == [whole]
    assert found(since="r3") == found(since="3") == [append, whole]
    assert found(since="2026-03-01T12:01:00Z") == ids[2:]
    assert found(since="2026-03-01T13:01:00+01:00") == ids[2:]
    assert found(limit=2) == ids[-2:]
    assert found(limit=0) == []
    assert found(limit=99) == ids
    assert found(operation="documents.create", limit=1) == [creations[1]]
    assert world.control.get("requests/r4").json() == world.journal()[3]


# Bounds -----------------------------------------------------------------------------------------------


def test_the_oldest_entries_go_when_there_are_too_many(make_world: Callable[..., World]) -> None:
    world = make_world(journal_entries=3)
    for _ in range(5):
        world.anyone.get("/nowhere")
    assert [each["id"] for each in world.journal()] == ["r3", "r4", "r5"]
    assert world.control.get("requests/r2").status_code == 404


def test_the_oldest_entries_go_when_their_bodies_are_too_many_bytes(make_world: Callable[..., World]) -> None:
    world = make_world(journal_bytes=5000)
    for size in (1000, 1000, 1000, 2600):
        world.anyone.post("/nowhere", content=b" " * size)
    entries = world.journal()
    assert [each["id"] for each in entries] == ["r3", "r4"]
    assert [each["request"]["headers"]["content-length"] for each in entries] == ["1000", "2600"]
    world.anyone.post("/nowhere", content=b" " * 9000)
    assert [each["id"] for each in world.journal()] == ["r5"]
    for _ in range(3):
        world.anyone.post("/nowhere")
    assert [each["id"] for each in world.journal()] == ["r6", "r7", "r8"]


def test_requests_that_were_left_do_not_use_the_room_up(make_world: Callable[..., World]) -> None:
    world = make_world(journal_entries=2, journal_bytes=3000)
    for _ in range(9):
        part = {"type": "http.request", "body": b" " * 2000, "more_body": True}
        call_asgi(world, [part])
    for _ in range(2):
        world.anyone.post("/nowhere", content=b" " * 1000)
    assert [each["id"] for each in world.journal()] == ["r10", "r11"]


def test_a_request_under_way_during_a_reset_does_not_count_in_the_new_journal(
    make_world: Callable[..., World],
) -> None:
    world = make_world(journal_bytes=3000)
    token = world.token()

    async def hook(phase: str, entry: Any) -> None:
        if phase == "arrived" and entry.operation == "documents.create":
            world.workspace.reset()

    world.pipeline.hook = hook
    headers = {"authorization": f"Bearer {token}"}
    world.anyone.post("/documents", content=b" " * 2900, headers=headers)
    assert world.journal() == []
    world.pipeline.hook = None
    for _ in range(2):
        world.anyone.post("/nowhere", content=b" " * 1000)
    assert [each["id"] for each in world.journal()] == ["r1", "r2"]


# Secrets ----------------------------------------------------------------------------------------------


def basic(client: str, secret: str) -> str:
    return base64.b64encode(f"{client}:{secret}".encode()).decode()


TOKEN_REQUESTS: list[dict[str, Any]] = [
    {"data": {"grant_type": "client_credentials"}, "auth": ("carrot-test-client", SECRET)},
    {
        "data": {
            "client_id": "carrot-test-client",
            "client_secret": SECRET,
            "grant_type": "client_credentials",
        }
    },
    {"data": {"client_id": "carrot-test-client", "clientSecret": SECRET}},
    {"data": {"username": "carrot-test-client", "password": SECRET, "grant_type": "password"}},
    {"content": f"grant_type=client_credentials&client%5Fsecret={SECRET}&client_id=carrot-test-client"},
    {"content": SECRET},
    {"json": {"client_id": "carrot-test-client", "client_secret": SECRET}},
    {"json": {"credentials": {"secret": SECRET}}},
    {"json": [SECRET]},
    {"files": {"client_secret": (None, SECRET)}},
    {"headers": {"authorization": f"Basic {SECRET}"}},
    {"headers": {"authorization": SECRET}},
    {"headers": {"authorization": f"{SECRET} x"}},
    {"headers": {"x-client-secret": SECRET, "cookie": f"s={SECRET}"}},
    {"params": {"client_secret": SECRET, "clientSecret": SECRET}},
]


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth/token", "/v1/documents"])
def test_client_secrets_never_appear_however_they_were_sent(world: World, path: str) -> None:
    for more in TOKEN_REQUESTS:
        if path == "/v1/documents" and ("content" in more or "json" in more or "files" in more):
            continue  # what the API itself is sent as a body is the client's data
        world.anyone.post(path, **more)
    text = world.control.get("requests").text
    assert len(json.loads(text)) >= 9
    assert SECRET not in text
    assert basic("carrot-test-client", SECRET) not in text
    assert "[redacted]" in text


def test_the_harmless_parameters_of_a_token_request_are_shown(world: World) -> None:
    world.anyone.post("/oauth2/token", **TOKEN_REQUESTS[1])
    body = last(world)["request"]["body"]
    assert body == ("client_id=carrot-test-client&client_secret=[redacted]&grant_type=client_credentials")
    assert [each["code"] for each in last(world)["advisories"]] == ["credentials-in-body"]


@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_tokens_and_signatures_never_appear(world: World, form: str) -> None:
    world.semantics(token_format=form)
    token = world.token()
    bearer = {"authorization": f"Bearer {token}"}
    document_id = created(world.anyone.post("/documents", json=mass_id(), headers=bearer))
    for headers in (
        bearer,
        {"authorization": token},
        {"authorization": f"bearer {token}x"},
        {"x-auth-token": token},
    ):
        world.anyone.get(f"/documents/{document_id}", headers=headers)
    world.anyone.get(f"/documents/{document_id}?access_token={token}")
    url = declare(world, document_id)
    signature = url.partition("X-Amz-Signature=")[2]
    assert len(signature) == 64
    upload(world, url)
    world.anyone.put(url, content=b"pdf", headers={**PDF, **bearer})
    world.anyone.put(url, content=b"pdf", headers={"content-type": "text/plain"})
    world.anyone.get(url, headers={"referer": url})
    world.anyone.get(url.replace("X-Amz-Signature", "X%2DAmz%2DSignature"))
    world.anyone.post(url.replace("/_storage", "/_stirage"), content=f'{{"url": "{url}"}}')
    world.append(document_id, "Note", metadata={"attributes": [attribute("Link", url)]})
    text = world.control.get("requests").text
    assert token not in text
    assert signature not in text
    assert text.count("X-Amz-Signature=[redacted]") >= 6
    assert "[redacted]" in text


# Advisories -------------------------------------------------------------------------------------------


def test_what_is_in_order_gets_no_advice(world: World) -> None:
    document_id = world.document()
    world.append(document_id, deduplicationId="k")
    upload(world, declare(world, document_id))
    world.read(document_id)
    assert [each["advisories"] for each in world.journal()] == [[]] * 6


def advise_vocabulary(world: World) -> None:
    world.semantics(conventions="warn")
    world.document(category="Mass")


def advise_unknown(world: World) -> None:
    world.document(colour="green")


def advise_body_credentials(world: World) -> None:
    world.anyone.post("/oauth2/token", **TOKEN_REQUESTS[1])


def advise_refused_token(world: World) -> None:
    world.anyone.post("/oauth2/token", data={"grant_type": "password"}, auth=("x", "y"))


def advise_bearer(world: World) -> None:
    url = declare(world, world.document())
    world.anyone.put(url, content=b"pdf", headers={**PDF, "authorization": "Bearer x"})


def advise_upload_after_end(world: World) -> None:
    document_id = world.document()
    url = declare(world, document_id)
    world.append(document_id, "CLOSE")
    upload(world, url)


def advise_order(world: World) -> None:
    world.semantics(ordering="warn")
    world.append(world.document(), externalCreatedAt=at(7))


def advise_future(world: World) -> None:
    world.append(world.document(), externalCreatedAt="2027-01-01T00:00:00Z")


def advise_alias(world: World) -> None:
    document_id = world.document()
    party = {**mass_id()["participant"], "id": "11111111-1111-4111-8111-111111111111"}
    world.append(document_id, "ACTOR", participant=party, label="Hauler")


def advise_stranger(world: World) -> None:
    permissions = {"11111111-1111-4111-8111-111111111111": [{"effect": "ALLOW", "actions": ["READ"]}]}
    world.append(world.document(), "ACTOR", permissions=permissions)


@pytest.mark.parametrize(
    ("act", "code", "behaviour"),
    [
        (advise_vocabulary, "deprecated-vocabulary", "conventions"),
        (advise_unknown, "unknown-property", "unknown-properties"),
        (advise_body_credentials, "credentials-in-body", "token-body-credentials"),
        (advise_refused_token, "token-refused", "token-errors"),
        (advise_bearer, "bearer-on-presigned-url", "s3-bearer"),
        (advise_upload_after_end, "upload-after-end", "storage-survives-close"),
        (advise_order, "out-of-order", "ordering"),
        (advise_future, "future-timestamp", "future-timestamps"),
        (advise_alias, "party-alias", "identity-alias"),
        (advise_stranger, "unknown-participant", "permission-ids"),
    ],
)
def test_what_was_let_through_is_advised(
    world: World, act: Callable[[World], None], code: str, behaviour: str
) -> None:
    act(world)
    entry = last(world)
    assert [each["code"] for each in entry["advisories"]] == [code]
    assert entry["advisories"][0]["message"].endswith(".")
    assert behaviour in entry["behaviours"]


def test_an_accident_is_told_as_one(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def hook(phase: str, entry: Any) -> None:
        if phase == "authenticated":
            raise RuntimeError("a slip of the mock")

    client = world.a
    world.pipeline.hook = hook
    assert client.get(LOST).status_code == 500
    assert "no-accidental-500" in last(world)["behaviours"]
    assert f"Request {last(world)['id']} met a mistake" in caplog.text
