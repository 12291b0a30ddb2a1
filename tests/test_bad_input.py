"""What no client should send, over a socket: the documented error, nothing stored, the server in health."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import orjson
import pytest
from conftest import created, error_of
from payloads import event, mass_id

from mock_server import connection as connecting
from mock_server import create_app
from mock_server import server as serving
from mock_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = {"Content-Type": "application/json"}
SOME = "00000000-0000-4000-8000-000000000000"
DEEP = 100_000
WRITES = ("/documents", "/documents/{id}/events", "/documents/events", "/documents/{id}/attachments/a.txt")


class Under:
    """A workspace with one document, whose ledger must stay as it is."""

    def __init__(self, workspace: dict[str, Any], client: httpx.Client) -> None:
        self.client = client
        self.url: str = workspace["url"]
        self.control = f"{self.url}/_mock/workspaces/{workspace['id']}"
        self.credentials: list[dict[str, str]] = workspace["credentials"]
        self.document_id = created(client.post("/documents", json=mass_id()))
        self.before = self.ledger()

    def ledger(self) -> Any:
        return self.client.get(f"{self.control}/events").json()

    def path(self, template: str) -> str:
        return template.replace("{id}", self.document_id)

    def send(self, template: str, content: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        method = "PUT" if "attachments" in template else "POST"
        return self.client.request(
            method, self.path(template), content=content, headers={**JSON, **(headers or {})}
        )

    def head(self, method: str, path: str, *lines: str) -> bytes:
        """The head of a request as bytes; `lines` are further headers."""
        token = self.client.headers["Authorization"]
        all_lines = [
            f"{method} {path} HTTP/1.1",
            "Host: carrot.test",
            f"Authorization: {token}",
            *lines,
            "",
            "",
        ]
        return "\r\n".join(all_lines).encode("latin-1")

    def connect(self) -> socket.socket:
        host, port = self.url.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=20)

    def unharmed(self) -> None:
        assert self.client.get(f"{self.url}/_mock/health").json()["status"] == "ready"
        assert self.ledger() == self.before
        journal = self.client.get(f"{self.control}/requests")
        assert journal.status_code == 200
        assert [each for each in journal.json() if each.get("status") == 500] == []
        assert self.client.get(f"/documents/{self.document_id}").status_code == 200


@pytest.fixture
def under(workspace: dict[str, Any], authorised: httpx.Client) -> Iterator[Under]:
    found = Under(workspace, authorised)
    yield found
    found.unharmed()


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """Status and everything that came until the other side closed."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return int(received.split(b" ", 2)[1]), received


# Bodies -------------------------------------------------------------------------------------------------


def within(value: bytes) -> bytes:
    """A document whose externalId is a piece of raw JSON."""
    return orjson.dumps(mass_id())[:-1] + b',"externalId":' + value + b"}"


NOT_JSON = {
    "nothing": b"",
    "white space": b" \r\n\t",
    "truncated": orjson.dumps(mass_id())[:-10],
    "malformed": b"{'category': 'MassID'}",
    "a trailing comma": b'{"a":1,}',
    "two values": b"{}{}",
    "a comment": b"{} // no",
    "NaN": within(b"NaN"),
    "Infinity": within(b"-Infinity"),
    "1e400": within(b"1e400"),
    "-1e400": within(b"-1e400"),
    "a leading zero": within(b"01"),
    "a lone high surrogate": within(rb'"\ud83d"'),
    "a lone low surrogate": within(rb'"\ude00"'),
    "surrogates swapped": within(rb'"\ude00\ud83d"'),
    "an encoded surrogate": within(b'"\xed\xa0\xbd"'),
    "bytes that are no UTF-8": within(b'"\xff"'),
    "an overlong encoding": within(b'"\xc0\xaf"'),
    "UTF-16": json.dumps(mass_id()).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + orjson.dumps(mass_id()),
    "a raw NUL": within(b'"a\0b"'),
    "a raw control character": within(b'"a\nb"'),
    "arrays nested deep": b"[" * DEEP + b"]" * DEEP,
    "arrays nested deep within": within(b"[" * DEEP + b"]" * DEEP),
    "objects nested deep": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "arrays that never end": b"[" * DEEP,
    "arrays nested 1000 deep": within(b"[" * 1000 + b"]" * 1000),
    "arrays nested 500 deep around a NUL": within(b"[" * 500 + rb'"\u0000"' + b"]" * 500),
    "arrays nested 250 deep": within(b"[" * 250 + b"]" * 250),
    "arrays nested 129 deep": within(b"[" * 129 + b"]" * 129),
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_no_json_is_called_so(under: Under, body: bytes) -> None:
    for write in WRITES:
        assert error_of(under.send(write, body))[:2] == (400, "invalidJson"), write


BAD_VALUES = {
    "null": b"null",
    "an array": b"[]",
    "a string": b'"MassID"',
    "a number": b"1",
    "true": b"true",
    "an empty object": b"{}",
    "NUL in a string": within(rb'"a\u0000b"'),
    "NUL in a name": orjson.dumps(mass_id())[:-1] + rb',"a\u0000b":1}',
    "NUL in an array": within(rb'["\u0000"]'),
    "arrays nested 100 deep": within(b"[" * 100 + b"]" * 100),
    "an event list that is none": b'{"events":5}',
    "event items that are none": b'{"events":[5,null,"x"]}',
    "a key that is no string": orjson.dumps(mass_id(deduplicationId=5)),
}


@pytest.mark.parametrize("body", BAD_VALUES.values(), ids=BAD_VALUES)
def test_json_of_another_shape_breaks_the_contract(under: Under, body: bytes) -> None:
    for write in WRITES:
        assert error_of(under.send(write, body))[:2] == (400, "validationError"), write


def test_a_backslash_before_u0000_is_no_nul(workspace: dict[str, Any], authorised: httpx.Client) -> None:
    answer = authorised.post("/documents", content=within(rb'"a\\u0000"'), headers=JSON)
    assert authorised.get(f"/documents/{created(answer)}").json()["externalId"] == r"a\u0000"


def test_of_a_key_that_comes_twice_the_last_counts(authorised: httpx.Client) -> None:
    body = orjson.dumps(mass_id(externalId="first"))[:-1] + b',"type":1,"externalId":"last","type":"Paper"}'
    found = authorised.get(
        f"/documents/{created(authorised.post('/documents', content=body, headers=JSON))}"
    ).json()
    assert (found["externalId"], found["type"]) == ("last", "Paper")


@pytest.mark.parametrize("text", ["🥕", "é́", "\u2028", "\ufeff", "\U0010ffff", 'a\tb"c\\d</script>'])
def test_any_other_text_is_stored_as_it_came(authorised: httpx.Client, text: str) -> None:
    answer = authorised.post("/documents", json=mass_id(externalId=text))
    assert authorised.get(f"/documents/{created(answer)}").json()["externalId"] == text


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/x-www-form-urlencoded", "nonsense", "text/json"],
)
def test_another_content_type_answers_415(under: Under, content_type: str) -> None:
    for write in WRITES:
        answer = under.send(write, orjson.dumps(mass_id()), {"Content-Type": content_type})
        assert answer.status_code == 415, write
        assert set(answer.json()) == {"message"}


# Bytes on the wire --------------------------------------------------------------------------------------


def test_seven_mebibytes_answer_413(under: Under) -> None:
    for write in WRITES:
        answer = under.send(write, b" " * (7 * 1024 * 1024))
        assert answer.status_code == 413, write
        assert set(answer.json()) == {"message"}


def test_seven_mebibytes_in_chunks_answer_413(under: Under) -> None:
    chunks = (b" " * 65536 for _ in range(7 * 16))
    assert under.client.post("/documents", content=chunks, headers=JSON).status_code == 413


def test_a_connection_goes_on_after_a_413(under: Under) -> None:
    size = 7 * 1024 * 1024
    with under.connect() as connection:
        connection.sendall(under.head("POST", "/documents", f"Content-Length: {size}") + b" " * size)
        connection.sendall(under.head("GET", f"/documents/{SOME}", "Connection: close"))
        status, everything = answer_of(connection)
    assert status == 413
    assert b"HTTP/1.1 404 " in everything


def test_a_body_in_chunks_without_a_length_is_read_whole(authorised: httpx.Client) -> None:
    body = orjson.dumps(mass_id(externalId="in chunks"))
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    answer = authorised.post("/documents", content=pieces, headers=JSON)
    assert authorised.get(f"/documents/{created(answer)}").json()["externalId"] == "in chunks"


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (["Content-Length: {length}"], lambda body: body[:-1]),
        (["Content-Length: {length}"], lambda body: b""),
        (["Transfer-Encoding: chunked"], lambda body: b"%x\r\n%s\r\n" % (len(body), body)),
        (["Transfer-Encoding: chunked"], lambda body: b"%x\r\n%s" % (len(body), body[:-1])),
    ],
    ids=["all but a byte", "only the head", "no last chunk", "within a chunk"],
)
@pytest.mark.parametrize("abort", [False, True], ids=["closed", "reset"])
def test_a_body_that_ends_too_soon_stores_nothing(
    under: Under, lines: list[str], sent: Any, abort: bool
) -> None:
    body = orjson.dumps(mass_id(deduplicationId="cut"))
    head = under.head("POST", "/documents", *(line.format(length=len(body)) for line in lines))
    with under.connect() as connection:
        connection.sendall(head + sent(body))
        if abort:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        else:
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    under.unharmed()
    answer = under.client.post("/documents", json=mass_id(deduplicationId="cut"))
    assert answer.status_code == 201
    under.before = under.ledger()


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"GET /documents HTTP/9.9\r\n\r\n",
        b"POST /documents HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /documents HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /documents HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"POST /documents HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /documents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"GET /docu\0ments HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /documents/\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /documents HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n",
        b"GET /documents HTTP/1.1\r\nHost : x\r\n\r\n",
        b"CONNECT carrot.test:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0" * 1000,
    ],
)
def test_what_is_no_http_answers_400_and_closes(under: Under, head: bytes) -> None:
    with under.connect() as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        assert answer_of(connection)[0] == 400


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("//documents", 404),
        ("/documents//events", 404),
        ("/./documents", 404),
        ("/documents/../documents", 404),
        ("/documents/%2e%2e/_mock/workspaces", 404),
        ("/%64ocuments", 404),
        ("/documents?a=b", 405),
        ("/documents/?a=b", 404),
        ("http://carrot.test/documents", 405),
        ("/documents/%00", 404),
        ("/documents/%ff%fe", 404),
        ("/documents/" + "a" * 8000, 404),
        ("/documents/x/attachments/" + "a" * 300, 400),
    ],
)
def test_a_strange_target_is_answered_by_its_exact_path(under: Under, target: str, status: int) -> None:
    with under.connect() as connection:
        connection.sendall(under.head("GET", target, "Connection: close"))
        assert answer_of(connection)[0] == status


FILE_NAMES = {
    "parent": "..",
    "self": ".",
    "encoded parent": "%2e%2e",
    "encoded self": "%2E",
    "slash": "..%2fa.txt",
    "slash, in capitals": "a%2Fb",
    "backslash": "a%5Cb",
    "NUL": "a%00.txt",
    "line feed": "a%0Ab",
    "carriage return": "a%0D%0Ab",
    "delete": "a%7Fb",
    "C1 control": "a%C2%85b",
    "300 characters": "a" * 300,
    "256 characters": "é" * 256,
    "no UTF-8": "a%ff",
    "overlong slash": "a%c0%afb",
    "encoded surrogate": "a%ed%a0%80",
}


@pytest.mark.parametrize("name", FILE_NAMES.values(), ids=FILE_NAMES)
def test_a_file_name_that_is_none_answers_400(under: Under, name: str) -> None:
    body = b'{"contentLength":3,"contentType":"text/plain"}'
    target = "".join(each if each.isascii() else "%C3%A9" for each in name)
    path = f"/documents/{under.document_id}/attachments/{target}"
    for method in ("PUT", "GET"):
        with under.connect() as connection:
            connection.sendall(
                under.head(method, path, f"Content-Length: {len(body)}", "Connection: close") + body
            )
            status, everything = answer_of(connection)
        assert status == 400
        assert orjson.loads(everything.partition(b"\r\n\r\n")[2])["errors"][0]["code"] == "validationError"


@pytest.mark.parametrize("name", ["résumé 🥕.pdf", "a" * 255, "é" * 255, "...", "a b+c%d?e#f&g.txt", "-"])
def test_any_other_file_name_goes_there_and_back(authorised: httpx.Client, name: str) -> None:
    from urllib.parse import quote

    document_id = created(authorised.post("/documents", json=mass_id()))
    where = f"/documents/{document_id}/attachments/{quote(name, safe='')}"
    url = authorised.put(where, json={"contentLength": 3, "contentType": "text/plain"}).json()["url"]
    assert httpx.put(url, content=b"abc", headers={"Content-Type": "text/plain"}).status_code == 200
    assert httpx.get(authorised.get(where).json()["url"]).content == b"abc"
    (attachment,) = authorised.get(f"/documents/{document_id}").json()["attachments"]
    assert attachment["fileName"] == name


@pytest.mark.parametrize("host", ["[", "[::1", "a b", "\xfc", "a/b?c#d", "]:1", ""])
def test_a_host_that_is_none_makes_no_call_fail(authorised: httpx.Client, host: str) -> None:
    document_id = created(authorised.post("/documents", json=mass_id()))
    headers = {b"Host": host.encode("latin-1")}
    where = f"/documents/{document_id}/attachments/a.txt"
    body = {"contentLength": 3, "contentType": "text/plain"}
    assert authorised.put(where, json=body, headers=headers).status_code == 200
    assert authorised.get("/_mock/workspaces/default", headers=headers).status_code == 200
    assert authorised.get("/docs", headers=headers).status_code == 200


# Headers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [70_000, 200_000, 1_000_000, 5_000_000])
def test_a_huge_header_answers_431_and_closes(under: Under, size: int) -> None:
    with under.connect() as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(under.head("GET", f"/documents/{SOME}", f"X-Huge: {'x' * size}"))
        status, everything = answer_of(connection)
    assert status == 431
    assert set(orjson.loads(everything.partition(b"\r\n\r\n")[2])) == {"message"}


def test_many_headers_answer_431_too(under: Under) -> None:
    lines = [f"X-{number}: {'x' * 100}" for number in range(2000)]
    with under.connect() as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(under.head("GET", f"/documents/{SOME}", *lines))
        assert answer_of(connection)[0] == 431


def test_a_large_header_is_fine_and_so_is_the_request_after_it(under: Under) -> None:
    with under.connect() as connection:
        for more in ([], [], ["Connection: close"]):
            connection.sendall(under.head("GET", f"/documents/{SOME}", f"X-Large: {'x' * 40_000}", *more))
        status, everything = answer_of(connection)
    assert status == 404
    assert everything.count(b"HTTP/1.1 404 ") == 3


def test_others_are_served_while_headers_trickle(under: Under) -> None:
    slow = [under.connect() for _ in range(20)]
    head = under.head("GET", f"/documents/{SOME}", "Connection: close")
    for part in range(0, len(head), 40):
        for connection in slow:
            connection.sendall(head[part : part + 40])
        assert under.client.get(f"/documents/{under.document_id}").status_code == 200
    for connection in slow:
        with connection:
            assert answer_of(connection)[0] == 404


@contextmanager
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """A server in a thread that waits a twentieth of a second for headers; where it listens."""
    monkeypatch.setattr(connecting, "HEADER_SECONDS", 0.05)
    monkeypatch.setattr(serving.Server, "capture_signals", lambda _self: nullcontext())
    listener = serving.bind("127.0.0.1", 0)
    ready = threading.Event()
    server = serving.Server(create_app(Settings(rate_limit="off")), ready.set)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        assert ready.wait(20)
        yield serving.address(listener)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.mark.parametrize("start", [b"GET /_mock/health HTTP/1.1\r\nX: ", b"G"])
def test_headers_that_are_not_complete_in_time_answer_408(
    monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    with impatient(monkeypatch) as where, socket.create_connection(where, timeout=20) as connection:
        connection.sendall(start)
        assert answer_of(connection)[0] == 408


def test_a_connection_that_never_asks_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    with impatient(monkeypatch) as where, socket.create_connection(where, timeout=20) as connection:
        assert connection.recv(1) == b""


def test_a_second_request_has_its_own_time_for_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = b"GET /_mock/health HTTP/1.1\r\nHost: x\r\n\r\n"
    with impatient(monkeypatch) as where, socket.create_connection(where, timeout=20) as connection:
        connection.sendall(whole)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(whole[:20])
        assert answer_of(connection)[0] == 408


# Tokens ---------------------------------------------------------------------------------------------------


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def tokens_that_are_none(token: str) -> dict[str, str]:
    header, payload, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    head = jwt.get_unverified_header(token)
    flipped = ("B" if signature[0] == "A" else "A") + signature[1:]
    return {
        "cut": token[:-10],
        "signature changed": f"{header}.{payload}.{flipped}",
        "signature gone": f"{header}.{payload}.",
        "payload changed": f"{header}.{encoded({**claims, 'client_id': 'carrot-test-client'})}.{signature}",
        "longer life": f"{header}.{encoded({**claims, 'exp': claims['exp'] + 3600})}.{signature}",
        "alg none": f"{encoded({**head, 'alg': 'none'})}.{payload}.",
        "alg None": f"{encoded({**head, 'alg': 'None'})}.{payload}.{signature}",
        "alg HS256": jwt.encode(claims, "a secret of at least thirty-two bytes", "HS256"),
        "header nested deep": f"{encoded(b'[' * 20_000 + b']' * 20_000)}.{payload}.{signature}",
        "header no object": f"{encoded([])}.{payload}.{signature}",
        "three dots": f"{token}.{signature}",
        "only dots": "..",
        "opaque, unsigned": f"cmo_{encoded([claims['client_id'], 1e12, 'x'])}.",
        "opaque, wrongly signed": f"cmo_{encoded([claims['client_id'], 1e12, 'x'])}.{encoded(b'x' * 32)}",
        "very long": "x" * 50_000,
    }


def test_a_token_that_was_tampered_with_answers_401(under: Under) -> None:
    token = under.client.headers["Authorization"].removeprefix("Bearer ")
    for name, bad in tokens_that_are_none(token).items():
        headers = {"Authorization": f"Bearer {bad}"}
        for method, path in (("GET", f"/documents/{under.document_id}"), ("POST", "/documents")):
            answer = under.client.request(method, path, json=mass_id(), headers=headers)
            assert error_of(answer)[:2] == (401, "unauthorized"), name
            assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


def test_two_authorization_headers_are_no_token(under: Under) -> None:
    with under.connect() as connection:
        connection.sendall(
            under.head(
                "GET", f"/documents/{under.document_id}", "Authorization: Bearer x", "Connection: close"
            )
        )
        assert answer_of(connection)[0] == 401


def _token(url: str, credential: dict[str, str]) -> str:
    answer = httpx.post(
        f"{url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(credential["clientId"], credential["clientSecret"]),
    )
    return str(answer.json()["access_token"])


def test_a_token_of_another_workspace_sees_only_its_own_world(under: Under) -> None:
    other = under.client.post(f"{under.url}/_mock/workspaces", json={}).json()
    headers = {"Authorization": f"Bearer {_token(under.url, other['credentials'][0])}"}
    here = f"/documents/{under.document_id}"
    assert error_of(under.client.get(here, headers=headers))[:2] == (404, "objectNotFound")
    assert error_of(under.client.post(f"{here}/events", json=event(), headers=headers))[:2] == (
        404,
        "objectNotFound",
    )
    batch = {"documentId": under.document_id, "events": [event()]}
    assert error_of(under.client.post("/documents/events", json=batch, headers=headers))[:2] == (
        404,
        "objectNotFound",
    )
    assert under.client.get(f"{under.url}/_mock/workspaces/{other['id']}/events").json() == []
    under.client.delete(f"{under.url}/_mock/workspaces/{other['id']}")


@pytest.mark.parametrize("used", [False, True])
def test_a_token_of_a_deleted_workspace_answers_401(under: Under, used: bool) -> None:
    other = under.client.post(f"{under.url}/_mock/workspaces", json={}).json()
    headers = {"Authorization": f"Bearer {_token(under.url, other['credentials'][0])}"}
    if used:
        assert under.client.get(f"/documents/{SOME}", headers=headers).status_code == 404
    under.client.delete(f"{under.url}/_mock/workspaces/{other['id']}")
    for _ in range(2):
        answer = under.client.get(f"/documents/{under.document_id}", headers=headers)
        assert error_of(answer)[:2] == (401, "unauthorized")


def test_the_control_api_takes_bad_bodies_as_calmly(under: Under) -> None:
    for body in (
        b"{",
        b"[]",
        b"[" * DEEP,
        b"[" * 500 + b"]" * 500,
        b'{"seed":' + b"[" * 300 + b"]" * 300 + b"}",
        b"\xff",
    ):
        answer = under.client.post(f"{under.url}/_mock/workspaces", content=body)
        assert answer.status_code == 400
        assert set(answer.json()["error"]) == {"code", "message", "path"}
