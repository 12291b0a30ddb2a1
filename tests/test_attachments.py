"""Files of documents: declared and fetched through the API, sent to and got from a storage as S3 is."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4
from xml.etree import ElementTree as ET

import botocore.auth
import httpx
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from conftest import NOON, World, created, error_of
from keyed import batch, many, settle
from payloads import event, mass_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mock_server.journal import Entry

BYTES = bytes(range(256)) * 4
PDF = "application/pdf"
TOO_MUCH = 10 * 1024 * 1024 + 1


@pytest.fixture
def storage() -> Iterator[httpx.Client]:
    """A client without a token, as a storage wants it."""
    with httpx.Client() as client:
        yield client


@pytest.fixture
def document_id(authorised: httpx.Client) -> str:
    return created(authorised.post("/documents", json=mass_id()))


def declare(
    client: httpx.Client,
    document_id: str,
    name: str = "mtr.pdf",
    length: int = len(BYTES),
    content_type: str = PDF,
) -> httpx.Response:
    declaration = {"contentLength": length, "contentType": content_type}
    return client.put(f"/documents/{document_id}/attachments/{name}", json=declaration)


def url_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"url"}
    return str(answer.json()["url"])


def upload(
    storage: httpx.Client, url: str, content: bytes = BYTES, content_type: str = PDF, **headers: str
) -> httpx.Response:
    return storage.put(url, content=content, headers={"Content-Type": content_type, **headers})


def fetch(client: httpx.Client, document_id: str, name: str = "mtr.pdf") -> httpx.Response:
    return client.get(f"/documents/{document_id}/attachments/{name}")


def listed(client: httpx.Client, document_id: str) -> list[dict[str, Any]]:
    return list(client.get(f"/documents/{document_id}").json()["attachments"])


def s3_error(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of a refusal in S3's form, which is checked."""
    assert answer.headers["Content-Type"] == "application/xml"
    root = ET.fromstring(answer.content)
    assert root.tag == "Error"
    assert root.findtext("RequestId") == answer.headers["x-amz-request-id"]
    return answer.status_code, root.findtext("Code") or "", root.findtext("Message") or ""


def signed_headers(url: str) -> str:
    return parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0]


# There and back over a socket -----------------------------------------------------------------------------


def test_a_file_goes_up_and_comes_down(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    stored = upload(storage, url_of(declare(authorised, document_id)))
    etag = f'"{hashlib.md5(BYTES).hexdigest()}"'
    assert (stored.status_code, stored.content, stored.headers["ETag"]) == (200, b"", etag)
    answer = storage.get(url_of(fetch(authorised, document_id)))
    assert (answer.status_code, answer.content) == (200, BYTES)
    assert {name: answer.headers[name] for name in ("Content-Type", "ETag", "Accept-Ranges")} == {
        "Content-Type": PDF,
        "ETag": etag,
        "Accept-Ranges": "bytes",
    }


def test_the_parameters_may_come_in_the_query(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    query = {"contentLength": "3", "contentType": "text/plain; charset=utf-8"}
    answer = authorised.put(f"/documents/{document_id}/attachments/a.txt", params=query)
    assert upload(storage, url_of(answer), b"abc", query["contentType"]).status_code == 200
    again = storage.get(url_of(fetch(authorised, document_id, "a.txt")))
    assert (again.content, again.headers["Content-Type"]) == (b"abc", query["contentType"])


def test_the_v1_paths_serve_files_too(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    path = f"/v1/documents/{document_id}/attachments/a.txt"
    url = url_of(authorised.put(path, json={"contentLength": 1, "contentType": "text/plain"}))
    assert upload(storage, url, b"x", "text/plain").status_code == 200
    assert storage.get(url_of(authorised.get(path))).content == b"x"


def test_an_empty_file_is_a_file(authorised: httpx.Client, storage: httpx.Client, document_id: str) -> None:
    assert upload(storage, url_of(declare(authorised, document_id, length=0)), b"").status_code == 200
    url = url_of(fetch(authorised, document_id))
    answer = storage.get(url)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert s3_error(storage.get(url, headers={"Range": "bytes=0-"}))[:2] == (416, "InvalidRange")


def test_there_is_no_download_before_the_upload(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    assert error_of(fetch(authorised, document_id))[:2] == (404, "objectNotFound")
    url = url_of(declare(authorised, document_id))
    assert error_of(fetch(authorised, document_id))[:2] == (404, "objectNotFound")
    upload(storage, url)
    assert fetch(authorised, document_id).status_code == 200


def test_an_upload_url_serves_again_and_the_last_bytes_count(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    url = url_of(declare(authorised, document_id))
    other = BYTES[::-1]
    etags = [upload(storage, url, content).headers["ETag"] for content in (BYTES, other)]
    answer = storage.get(url_of(fetch(authorised, document_id)))
    assert (answer.content, answer.headers["ETag"]) == (other, etags[1])


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=1000-", 1000, 1024),
        ("bytes=-24", 1000, 1024),
        ("bytes=1020-9999", 1020, 1024),
    ],
)
def test_a_range_is_answered_with_that_part(
    authorised: httpx.Client, storage: httpx.Client, document_id: str, asked: str, start: int, stop: int
) -> None:
    upload(storage, url_of(declare(authorised, document_id)))
    answer = storage.get(url_of(fetch(authorised, document_id)), headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, BYTES[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(BYTES)}"
    assert answer.headers["Content-Length"] == str(stop - start)


def test_a_range_beyond_the_end_cannot_be_satisfied(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    upload(storage, url_of(declare(authorised, document_id)))
    answer = storage.get(url_of(fetch(authorised, document_id)), headers={"Range": "bytes=1024-"})
    assert s3_error(answer)[:2] == (416, "InvalidRange")
    assert answer.headers["Content-Range"] == "bytes */1024"


def test_a_file_that_the_client_has_is_not_sent_again(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    etag = upload(storage, url_of(declare(authorised, document_id))).headers["ETag"]
    url = url_of(fetch(authorised, document_id))
    answer = storage.get(url, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert storage.get(url, headers={"If-Match": '"other"'}).status_code == 412


def test_a_head_of_the_api_is_its_get_without_a_body(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    path = f"/documents/{document_id}/attachments/mtr.pdf"
    assert authorised.head(path).status_code == 404
    upload(storage, url_of(declare(authorised, document_id)))
    answer = authorised.head(path)
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


def test_the_url_leads_to_where_the_client_found_the_api(
    world: World, make_world: Callable[..., World]
) -> None:
    place = "http://carrot.test/_storage/"
    assert url_of(declare(world.a, world.document())).startswith(place)
    public = make_world(public_url="https://carrot.example.org")
    url = url_of(declare(public.a, public.document()))
    assert url.startswith("https://carrot.example.org/_storage/")
    assert upload(public.anyone, url).status_code == 200


# Refusals of the storage ----------------------------------------------------------------------------------


def test_a_bearer_token_on_the_url_is_refused_and_explained(
    authorised: httpx.Client, storage: httpx.Client, document_id: str, workspace: dict[str, Any]
) -> None:
    url = url_of(declare(authorised, document_id))
    token = authorised.headers["Authorization"]
    status, code, message = s3_error(upload(storage, url, Authorization=token))
    assert (status, code) == (400, "InvalidArgument")
    assert "without the API's bearer token" in message
    entry = authorised.get(f"/_mock/workspaces/{workspace['id']}/requests").json()[-1]
    assert [each["code"] for each in entry["advisories"]] == ["bearer-on-presigned-url"]
    assert "s3-bearer" in entry["behaviours"]
    assert token.removeprefix("Bearer ") not in json.dumps(entry)
    assert error_of(fetch(authorised, document_id))[0] == 404


def test_a_body_without_a_length_is_refused(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    url = url_of(declare(authorised, document_id))
    answer = storage.put(url, content=iter([BYTES]), headers={"Content-Type": PDF})
    assert s3_error(answer)[:2] == (411, "MissingContentLength")
    assert error_of(fetch(authorised, document_id))[0] == 404


def test_a_body_that_ends_early_stores_nothing(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    parts = urlsplit(url_of(declare(authorised, document_id)))
    head = (
        f"PUT {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        f"Content-Type: {PDF}\r\nContent-Length: {len(BYTES)}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(head.encode() + BYTES[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert error_of(fetch(authorised, document_id))[0] == 404


def test_a_body_shorter_than_it_says_is_told_so(world: World) -> None:
    document_id = world.document()
    parts = urlsplit(url_of(declare(world.a, document_id)))
    headers = {"Content-Type": PDF, "Content-Length": str(len(BYTES))}
    request = httpx.Request("PUT", parts.geturl(), headers=headers, content=BYTES[:-1])
    assert s3_error(world.anyone.send(request))[:2] == (400, "IncompleteBody")
    assert error_of(fetch(world.a, document_id))[0] == 404


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_length_other_than_the_declared_one_is_refused(
    authorised: httpx.Client, storage: httpx.Client, document_id: str, difference: int
) -> None:
    url = url_of(declare(authorised, document_id, length=len(BYTES) + difference))
    assert s3_error(upload(storage, url))[:2] == (403, "SignatureDoesNotMatch")
    assert error_of(fetch(authorised, document_id))[0] == 404


@pytest.mark.switch("presign-signed-headers", "strict")
def test_a_type_other_than_the_declared_one_is_refused(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    url = url_of(declare(authorised, document_id))
    assert signed_headers(url) == "content-length;content-type;host"
    assert s3_error(upload(storage, url, content_type="text/plain"))[:2] == (403, "SignatureDoesNotMatch")
    assert error_of(fetch(authorised, document_id))[0] == 404


@pytest.mark.switch("presign-signed-headers", "length-only")
def test_the_type_may_be_left_to_the_client(world: World) -> None:
    world.semantics(presign_signed_headers="length-only")
    document_id = world.document()
    url = url_of(declare(world.a, document_id))
    assert signed_headers(url) == "content-length;host"
    assert s3_error(upload(world.anyone, url, b"short"))[:2] == (403, "SignatureDoesNotMatch")
    assert upload(world.anyone, url, content_type="text/plain").status_code == 200
    assert world.anyone.get(url_of(fetch(world.a, document_id))).headers["Content-Type"] == "text/plain"


def changed(url: str, what: str) -> str:
    parts = urlsplit(url)
    last = "0" if url[-1] != "0" else "1"
    return {
        "path": url.replace(parts.path, f"{parts.path}x"),
        "signature": url[:-1] + last,
        "expires": url.replace("X-Amz-Expires=900", "X-Amz-Expires=901"),
        "signed headers": url.replace("X-Amz-SignedHeaders=content-length", "X-Amz-SignedHeaders=accept"),
        "further parameter": f"{url}&x=1",
        "host": url.replace("127.0.0.1", "localhost"),
    }[what]


@pytest.mark.parametrize(
    "what", ["path", "signature", "expires", "signed headers", "further parameter", "host"]
)
def test_a_tampered_url_is_refused(
    authorised: httpx.Client, storage: httpx.Client, document_id: str, what: str
) -> None:
    url = url_of(declare(authorised, document_id))
    tampered = changed(url, what)
    assert tampered != url
    assert s3_error(upload(storage, tampered))[:2] == (403, "SignatureDoesNotMatch")
    assert error_of(fetch(authorised, document_id))[0] == 404


@pytest.mark.parametrize(
    ("signed", "sent"), [("PUT", "GET"), ("GET", "PUT"), ("GET", "DELETE"), ("GET", "POST")]
)
def test_a_url_serves_its_method_only(
    authorised: httpx.Client, storage: httpx.Client, document_id: str, signed: str, sent: str
) -> None:
    put_url = url_of(declare(authorised, document_id))
    upload(storage, put_url)
    url = put_url if signed == "PUT" else url_of(fetch(authorised, document_id))
    content = None if sent == "GET" else BYTES[::-1]
    answer = storage.request(sent, url, content=content, headers={"Content-Type": PDF})
    assert s3_error(answer)[:2] == (403, "SignatureDoesNotMatch")
    assert storage.get(url_of(fetch(authorised, document_id))).content == BYTES


def test_a_head_of_a_download_url_is_refused_without_a_body(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    upload(storage, url_of(declare(authorised, document_id)))
    answer = storage.head(url_of(fetch(authorised, document_id)))
    assert (answer.status_code, answer.content) == (403, b"")


def test_without_its_query_an_object_is_not_given(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    upload(storage, url_of(declare(authorised, document_id)))
    bare = url_of(fetch(authorised, document_id)).partition("?")[0]
    assert s3_error(storage.get(bare))[:2] == (403, "AccessDenied")


@pytest.mark.switch("presign-lifetime", "seconds")
@pytest.mark.parametrize("seconds", [900, 60])
def test_a_url_expires_on_the_clock_of_the_mock(world: World, seconds: int) -> None:
    if seconds != 900:
        world.semantics(presign_lifetime=seconds)
    document_id = world.document()
    put_url = url_of(declare(world.a, document_id))
    assert parse_qs(urlsplit(put_url).query)["X-Amz-Expires"] == [str(seconds)]
    world.clock.advance(seconds)
    assert upload(world.anyone, put_url).status_code == 200
    get_url = url_of(fetch(world.a, document_id))
    world.clock.advance(1)
    assert s3_error(upload(world.anyone, put_url)) == (403, "AccessDenied", "Request has expired")
    world.clock.advance(seconds - 1)
    assert world.anyone.get(get_url).content == BYTES
    world.clock.advance(1)
    expired = world.anyone.get(get_url)
    assert s3_error(expired) == (403, "AccessDenied", "Request has expired")
    assert "s3-expired" in world.journal()[-1]["behaviours"]


def test_urls_of_a_workspace_that_is_gone_lead_nowhere(world: World) -> None:
    made = world.anyone.post("/_mock/workspaces", json={}).json()
    client = client_of(world, made)
    url = url_of(declare(client, created(client.post("/documents", json=mass_id()))))
    assert world.anyone.delete(f"/_mock/workspaces/{made['id']}").status_code == 204
    assert s3_error(upload(world.anyone, url))[:2] == (403, "InvalidAccessKeyId")


def client_of(world: World, workspace: dict[str, Any]) -> httpx.Client:
    """Integrator A in test of a workspace."""
    credential = workspace["credentials"][0]
    token = world.anyone.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(credential["clientId"], credential["clientSecret"]),
    ).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(transport=world.transport, base_url="http://carrot.test", headers=headers)


@pytest.mark.parametrize("rule", ["strict", "length-only"])
@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_signer_of_the_clients_own_makes_the_same_signature(
    authorised: httpx.Client,
    storage: httpx.Client,
    document_id: str,
    workspace: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    rule: str,
) -> None:
    place = f"/_mock/workspaces/{workspace['id']}"
    authorised.patch(f"{place}/semantics", json={"presign-signed-headers": rule})
    url = url_of(declare(authorised, document_id))
    upload(storage, url)
    if method == "GET":
        url = url_of(fetch(authorised, document_id))
    keys = authorised.get(place).json()["storage"]
    assert url.startswith(f"{keys['endpoint']}/{keys['bucket']}/")
    query = parse_qs(urlsplit(url).query)
    when = NOON.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ")
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_: when)
    sent = {"content-length": str(len(BYTES)), "content-type": PDF} if method == "PUT" else {}
    if rule == "length-only":
        sent.pop("content-type", None)
    request = AWSRequest(method, url.partition("?")[0], headers=sent)
    credentials = Credentials(keys["accessKeyId"], keys["secretAccessKey"])
    botocore.auth.S3SigV4QueryAuth(credentials, "s3", keys["region"], expires=900).add_auth(request)
    assert parse_qs(urlsplit(request.url).query) == query


# Declaring ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declaration", "pointer"),
    [
        ({"contentType": PDF}, "contentLength"),
        ({"contentLength": 1}, "contentType"),
        ({"contentLength": -1, "contentType": PDF}, "/contentLength"),
        ({"contentLength": 1.5, "contentType": PDF}, "/contentLength"),
        ({"contentLength": "1", "contentType": PDF}, "/contentLength"),
        ({"contentLength": None, "contentType": PDF}, "/contentLength"),
        ({"contentLength": True, "contentType": PDF}, "/contentLength"),
        ({"contentLength": TOO_MUCH, "contentType": PDF}, "/contentLength"),
        ({"contentLength": 10**30, "contentType": PDF}, "/contentLength"),
        ({"contentLength": 1, "contentType": "pdf"}, "/contentType"),
        ({"contentLength": 1, "contentType": ""}, "/contentType"),
        ({"contentLength": 1, "contentType": "text/plain\r\nx: y"}, "/contentType"),
        ({"contentLength": 1, "contentType": "text/plain; título"}, "/contentType"),
        ({"contentLength": 1, "contentType": ["text/plain"]}, "/contentType"),
    ],
)
def test_a_declaration_that_is_none_is_refused(
    world: World, declaration: dict[str, Any], pointer: str
) -> None:
    document_id = world.document()
    before = world.ledger()
    answer = world.a.put(f"/documents/{document_id}/attachments/a", json=declaration)
    status, code, message = error_of(answer)
    assert (status, code) == (400, "validationError")
    assert pointer in message
    assert world.ledger() == before


@pytest.mark.parametrize(
    "query",
    [
        "contentLength=1",
        "contentType=text/plain",
        "contentLength=x&contentType=text/plain",
        "contentLength=-1&contentType=text/plain",
        "contentLength=1.0&contentType=text/plain",
        "contentLength=%C2%B2&contentType=text/plain",
        f"contentLength={TOO_MUCH}&contentType=text/plain",
        f"contentLength={'9' * 5000}&contentType=text/plain",
        "contentLength=1&contentType=plain",
    ],
)
def test_a_declaration_in_the_query_is_held_against_the_same_rules(world: World, query: str) -> None:
    answer = world.a.put(f"/documents/{world.document()}/attachments/a?{query}")
    assert error_of(answer)[:2] == (400, "validationError")


def test_a_declaration_without_any_parameter_is_refused(world: World) -> None:
    answer = world.a.put(f"/documents/{world.document()}/attachments/a")
    assert error_of(answer)[0] == 400


def test_ten_megabytes_are_the_most_that_can_be_declared(world: World) -> None:
    document_id = world.document()
    assert declare(world.a, document_id, length=TOO_MUCH - 1).status_code == 200
    status, code, message = error_of(declare(world.a, document_id, length=TOO_MUCH))
    assert (status, code) == (400, "validationError")
    assert "10485760" in message
    assert {"file-size", "file-limit"} <= set(
        world.journal()[-2]["behaviours"] + world.journal()[-1]["behaviours"]
    )


def test_a_file_of_ten_megabytes_goes_up_and_comes_down(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    content = b"%PDF" * (10 * 1024 * 1024 // 4)
    assert (
        upload(storage, url_of(declare(authorised, document_id, length=len(content))), content).status_code
        == 200
    )
    assert storage.get(url_of(fetch(authorised, document_id))).content == content


def test_a_declared_file_is_listed_from_then_on(world: World) -> None:
    document_id = world.document()
    assert world.read(document_id)["attachments"] == []
    declare(world.a, document_id, "b.pdf", 2)
    declare(world.a, document_id, "a.pdf", 1)
    first, second = listed(world.a, document_id)
    assert (set(first), first["fileName"], first["contentLength"]) == (
        {"id", "fileName", "contentLength"},
        "b.pdf",
        2,
    )
    assert (second["fileName"], second["contentLength"]) == ("a.pdf", 1)
    assert first["id"] != second["id"]


def test_declaring_a_name_again_keeps_its_id_and_replaces_the_rest(world: World) -> None:
    document_id = world.document()
    old_url = url_of(declare(world.a, document_id))
    (before,) = listed(world.a, document_id)
    new_url = url_of(declare(world.a, document_id, length=5, content_type="text/plain"))
    assert listed(world.a, document_id) == [{**before, "contentLength": 5}]
    assert urlsplit(new_url).path == urlsplit(old_url).path
    assert upload(world.anyone, old_url).status_code == 200
    assert listed(world.a, document_id) == [{**before, "contentLength": 5}]
    assert upload(world.anyone, new_url, b"later", "text/plain").status_code == 200
    answer = world.anyone.get(url_of(fetch(world.a, document_id)))
    assert (answer.content, answer.headers["Content-Type"]) == (b"later", "text/plain")
    assert listed(world.a, document_id) == [{**before, "contentLength": 5}]


def test_bytes_stay_when_their_name_is_declared_again(world: World) -> None:
    document_id = world.document()
    upload(world.anyone, url_of(declare(world.a, document_id)))
    declare(world.a, document_id, length=5)
    assert world.anyone.get(url_of(fetch(world.a, document_id))).content == BYTES


def test_the_ledger_tells_of_files_declared_and_stored(world: World) -> None:
    document_id = world.document()
    upload(world.anyone, url_of(declare(world.a, document_id)))
    declared, stored = world.ledger()[-2:]
    assert [declared["kind"], stored["kind"]] == ["attachment.declared", "attachment.stored"]
    (shown,) = listed(world.a, document_id)
    assert declared["event"] == stored["event"] == {**shown, "contentType": PDF}
    assert {declared["documentId"], stored["documentId"]} == {document_id}


def test_declaring_a_file_of_a_document_that_is_not_there(world: World) -> None:
    for document_id in (str(uuid4()), "no-uuid"):
        assert error_of(declare(world.a, document_id))[:2] == (404, "objectNotFound")
        assert error_of(fetch(world.a, document_id))[:2] == (404, "objectNotFound")


def test_a_stranger_reaches_no_file(world: World) -> None:
    document_id = world.document()
    upload(world.anyone, url_of(declare(world.a, document_id)))
    assert error_of(declare(world.b, document_id))[:2] == (404, "objectNotFound")
    assert error_of(fetch(world.b, document_id))[:2] == (404, "objectNotFound")
    assert error_of(declare(world.prod, document_id))[:2] == (403, "restrictedResource")
    assert error_of(fetch(world.prod, document_id))[:2] == (404, "objectNotFound")
    assert error_of(fetch(world.anyone, document_id))[:2] == (401, "unauthorized")


NAMES_PICK_UP = {"$in": {"eventNames": ["Pick-up"]}}


@pytest.mark.parametrize(
    ("statement", "declaring", "fetching"),
    [
        ({"actions": ["READ"]}, 403, 200),
        ({"actions": ["READ"], "condition": NAMES_PICK_UP}, 403, 403),
        ({"actions": ["WRITE"]}, 200, 404),
        ({"actions": ["READ", "WRITE"], "condition": NAMES_PICK_UP}, 403, 403),
        ({"actions": ["READ", "WRITE"]}, 200, 200),
    ],
)
def test_declaring_takes_write_and_fetching_read_on_the_whole_document(
    world: World, statement: dict[str, Any], declaring: int, fetching: int
) -> None:
    document_id = world.document()
    upload(world.anyone, url_of(declare(world.a, document_id)))
    partner = world.workspace.integrators["carrot-partner-client"].participant_id
    permissions = {partner: [{"effect": "ALLOW", **statement}]}
    assert world.append(document_id, "ACTOR", label="Hauler", permissions=permissions).status_code == 201
    assert fetch(world.b, document_id).status_code == fetching
    assert declare(world.b, document_id, "other.pdf").status_code == declaring


# The end of a document ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["CLOSE", "CANCEL"])
def test_a_document_that_ended_takes_no_new_file(world: World, ending: str) -> None:
    document_id = world.document()
    upload(world.anyone, url_of(declare(world.a, document_id)))
    world.append(document_id, ending)
    for name in ("mtr.pdf", "new.pdf"):
        assert error_of(declare(world.a, document_id, name))[:2] == (409, "conflictError")
    assert world.anyone.get(url_of(fetch(world.a, document_id))).content == BYTES


@pytest.mark.parametrize("ending", ["CLOSE", "CANCEL"])
def test_a_living_url_works_after_the_end_and_the_journal_notes_it(world: World, ending: str) -> None:
    document_id = world.document()
    url = url_of(declare(world.a, document_id))
    world.append(document_id, ending)
    assert upload(world.anyone, url).status_code == 200
    entry = world.journal()[-1]
    assert entry["documentId"] == document_id
    assert [each["code"] for each in entry["advisories"]] == ["upload-after-end"]
    assert "storage-survives-close" in entry["behaviours"]
    assert world.anyone.get(url_of(fetch(world.a, document_id))).content == BYTES


def test_an_upload_before_the_end_is_nothing_to_note(world: World) -> None:
    upload(world.anyone, url_of(declare(world.a, world.document())))
    entry = world.journal()[-1]
    assert (entry["operation"], entry["advisories"], entry["committed"]) == ("storage.put", [], True)
    assert entry["request"]["body"] == f"[{len(BYTES)} bytes]"
    assert "storage-survives-close" not in entry["behaviours"]


# Names ----------------------------------------------------------------------------------------------------

GOOD_NAMES = [
    "mtr.pdf",
    "...",
    "..a",
    ".hidden",
    "a%20b.pdf",
    "a+b%2Bc",
    "a%3Fb%23c",
    "100%25",
    "%252F..%252F",
    "a;b=c,d&e",
    "CON",
    "%C3%A9.pdf",
    "e%CC%81.pdf",
    "%F0%9F%A5%95",
    "x" * 255,
    "%C3%A9" * 255,
    "%F0%9F%A5%95" * 255,
]
BAD_NAMES = [
    ".",
    "..",
    "%2e",
    "%2e%2e",
    ".%2E",
    "%2f",
    "a%2Fb",
    "..%2f..%2fetc%2fpasswd",
    "a\\b",
    "%5c",
    "..%5C..",
    "%00",
    "a%00.pdf",
    "a%0d%0ab",
    "%09",
    "%1f",
    "%7f",
    "%c2%85",
    "%ff.pdf",
    "%ed%a0%80",
    "x" * 256,
    "x" * 300,
    "%C3%A9" * 256,
]


def raw(client: httpx.Client, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    """A call whose path goes out as it is: httpx would tidy it up."""
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port or 80)
    headers = {"Authorization": client.headers["Authorization"], "Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_names_that_a_file_may_have(
    authorised: httpx.Client, storage: httpx.Client, document_id: str
) -> None:
    for name in GOOD_NAMES:
        path = f"/documents/{document_id}/attachments/{name}"
        content = name[:40].encode()
        declaration = {"contentLength": len(content), "contentType": "text/plain"}
        status, body = raw(authorised, "PUT", path, declaration)
        assert (name, status) == (name, 200)
        assert upload(storage, body["url"], content, "text/plain").status_code == 200
        status, body = raw(authorised, "GET", path)
        assert storage.get(body["url"]).content == content
    names = [each["fileName"] for each in listed(authorised, document_id)]
    assert names == [unquote(name) for name in GOOD_NAMES]


def test_names_that_no_file_may_have(authorised: httpx.Client, document_id: str) -> None:
    for name in BAD_NAMES:
        path = f"/documents/{document_id}/attachments/{name}"
        status, body = raw(authorised, "PUT", path, {"contentLength": 1, "contentType": PDF})
        assert (name, status, body["errors"][0]["code"]) == (name, 400, "validationError")
        status, body = raw(authorised, "GET", path)
        assert (name, status, body["errors"][0]["code"]) == (name, 400, "validationError")
    assert listed(authorised, document_id) == []


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a/"])
def test_a_path_with_more_or_less_than_a_name_is_no_path(
    authorised: httpx.Client, document_id: str, name: str
) -> None:
    path = f"/documents/{document_id}/attachments/{name}"
    status, body = raw(authorised, "PUT", path, {"contentLength": 1, "contentType": PDF})
    assert (status, body["errors"][0]["code"]) == (404, "objectNotFound")


# Files of events ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["fileName", "attachmentId"])
def test_an_event_names_a_file_and_records_what_it_was(world: World, by: str) -> None:
    document_id = world.document()
    declare(world.a, document_id)
    (shown,) = listed(world.a, document_id)
    named = {by: shown["fileName" if by == "fileName" else "id"], "label": "Transport Manifest"}
    assert world.append(document_id, attachments=[{**named, "isPublic": False}]).status_code == 201
    declare(world.a, document_id, length=5)
    assert world.append(document_id, attachments=[named]).status_code == 201
    recorded = {"attachmentId": shown["id"], "label": "Transport Manifest"}
    assert [each["attachments"] for each in world.timeline(document_id)] == [
        [{**recorded, "contentLength": len(BYTES), "isPublic": False}],
        [{**recorded, "contentLength": 5, "isPublic": True}],
    ]


@pytest.mark.parametrize(
    ("attachment", "pointer"),
    [
        ({"fileName": "other.pdf", "label": "x"}, "/attachments/0/fileName"),
        ({"fileName": "MTR.pdf", "label": "x"}, "/attachments/0/fileName"),
        ({"attachmentId": str(uuid4()), "label": "x"}, "/attachments/0/attachmentId"),
        ({"label": "x"}, "/attachments/0"),
        ({"fileName": "mtr.pdf", "attachmentId": str(uuid4()), "label": "x"}, "/attachments/0"),
        ({"fileName": "mtr.pdf"}, "/attachments/0"),
    ],
)
def test_an_event_names_only_files_that_were_declared(
    world: World, attachment: dict[str, Any], pointer: str
) -> None:
    document_id = world.document()
    declare(world.a, document_id)
    before = world.ledger()
    status, code, message = error_of(world.append(document_id, attachments=[attachment]))
    assert (status, code) == (400, "validationError")
    assert pointer in message
    write = batch(document_id, event(), event(attachments=[attachment]))
    status, code, message = error_of(world.a.post(write.path, json=write.body))
    assert (status, code) == (400, "validationError")
    assert f"/events/1{pointer}" in message
    assert world.ledger() == before


def test_an_event_does_not_name_a_file_of_another_document(world: World) -> None:
    other = world.document()
    declare(world.a, other)
    (shown,) = listed(world.a, other)
    attachments = [{"attachmentId": shown["id"], "label": "x"}]
    assert error_of(world.append(world.document(), attachments=attachments))[0] == 400


# The bound on bytes ---------------------------------------------------------------------------------------


def test_bytes_beyond_the_bound_are_refused_clearly(make_world: Callable[..., World]) -> None:
    world = make_world(storage_bytes=1500)
    document_id = world.document()
    first_url = url_of(declare(world.a, document_id))
    assert upload(world.anyone, first_url).status_code == 200
    second_url = url_of(declare(world.a, document_id, "second.pdf"))
    status, code, message = s3_error(upload(world.anyone, second_url))
    assert (status, code) == (507, "InsufficientStorage")
    assert "1024 of the 1500 bytes" in message
    assert error_of(fetch(world.a, document_id, "second.pdf"))[0] == 404
    assert upload(world.anyone, first_url, BYTES[::-1]).status_code == 200
    assert world.anyone.get(url_of(fetch(world.a, document_id))).content == BYTES[::-1]


def test_a_reset_makes_room_again(make_world: Callable[..., World]) -> None:
    world = make_world(storage_bytes=1500)
    for _ in range(3):
        assert upload(world.anyone, url_of(declare(world.a, world.document()))).status_code == 200
        assert world.control.post("reset").status_code == 204


def test_the_bound_is_shared_and_deleting_a_workspace_makes_room_again(
    make_world: Callable[..., World],
) -> None:
    world = make_world(storage_bytes=1500)
    own = url_of(declare(world.a, world.document()))
    for _ in range(2):
        made = world.anyone.post("/_mock/workspaces", json={}).json()
        client = client_of(world, made)
        url = url_of(declare(client, created(client.post("/documents", json=mass_id()))))
        assert upload(world.anyone, url).status_code == 200
        assert s3_error(upload(world.anyone, own))[:2] == (507, "InsufficientStorage")
        world.anyone.delete(f"/_mock/workspaces/{made['id']}")
    assert upload(world.anyone, own).status_code == 200


@pytest.mark.parametrize("end", ["reset", "delete"])
def test_an_upload_under_way_when_its_world_ends_leaves_no_bytes(
    make_world: Callable[..., World], end: str
) -> None:
    world = make_world(storage_bytes=1500)
    made = world.anyone.post("/_mock/workspaces", json={}).json()
    client = client_of(world, made)
    url = url_of(declare(client, created(client.post("/documents", json=mass_id()))))
    own = url_of(declare(world.a, world.document()))
    reached, released = asyncio.Event(), asyncio.Event()

    async def hook(phase: str, entry: Entry) -> None:
        if (phase, entry.operation) == ("before_commit", "storage.put"):
            reached.set()
            await released.wait()

    anyone = many(world)
    del anyone.headers["Authorization"]
    place = f"/_mock/workspaces/{made['id']}"

    async def story() -> httpx.Response:
        async with anyone:
            held = asyncio.create_task(anyone.put(url, content=BYTES, headers={"Content-Type": PDF}))
            await reached.wait()
            await (anyone.post(f"{place}/reset") if end == "reset" else anyone.delete(place))
            released.set()
            await settle()
            return await held

    world.pipeline.hook = hook
    assert s3_error(asyncio.run(story()))[:2] == (503, "ServiceUnavailable")
    world.pipeline.hook = None
    assert upload(world.anyone, own).status_code == 200
