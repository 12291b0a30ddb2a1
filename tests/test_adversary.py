"""What somebody found who set out to break the mock, so that it stays mended."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from conftest import Serving, World, created, error_of
from payloads import PARTICIPANT, at, attribute, event, mass_id

from mock_server.domain.creation import NETWORK_PARTICIPANT

ROOT = Path(__file__).parent.parent


def test_a_client_that_leaves_pipelined_requests_behind_leaves_no_traceback(
    serve: Callable[..., Serving],
) -> None:
    serving = serve("--rate-limit", "off")
    host, port = serving.url.removeprefix("http://").split(":")
    many = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 40
    many += b"GET /documents/x HTTP/1.1\r\nHost: x\r\n\r\n" * 20
    with httpx.Client(base_url=serving.url) as others:
        for _ in range(3):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(many)
                # By the time that these are answered the server has got stuck on what nobody reads.
                for _ in range(60):
                    assert others.get("/_mock/health").status_code == 200
        assert others.get("/_mock/health").status_code == 200
    serving.process.terminate()
    _, errors = serving.process.communicate(timeout=20)
    assert (errors, serving.process.returncode) == ("", 0)


def test_a_websocket_handshake_is_answered_and_says_nothing(serve: Callable[..., Serving]) -> None:
    serving = serve()
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(b"x" * 16).decode(),
    }
    assert httpx.get(f"{serving.url}/documents/x", headers=headers).status_code == 401
    serving.process.terminate()
    assert serving.process.communicate(timeout=20)[1] == ""


SECRET = "carrot-test-secret"


@pytest.mark.parametrize("reject", [False, True])
def test_no_secret_or_token_stands_anywhere_in_the_journal(world: World, reject: bool) -> None:
    if reject:
        world.semantics(unknown_properties="reject")
    token = world.token()
    bearer = {"Authorization": f"Bearer {token}"}
    odd = [
        {"X-Authorization": f"Bearer {token}"},
        {"Authentication": f"Bearer {token}"},
        {"Referer": f"http://x/?access_token={token}"},
    ]
    for headers in odd:
        world.anyone.get("/documents/x", headers={**bearer, **headers})
    world.anyone.get(f"/documents/x?jwt={token}", headers=bearer)
    world.anyone.get(f"/documents/{token}", headers=bearer)
    for body in (
        mass_id(client_secret=SECRET),
        mass_id(clientSecret=SECRET),
        mass_id(Authorization=f"Bearer {token}"),
    ):
        world.anyone.post("/documents", json=body, headers=bearer)
    world.anyone.post("/documents", content=f'{{"access_token":"{token}', headers=bearer)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for text in (f"client_id=a client_secret={SECRET}", f"grant_type={SECRET}"):
        world.anyone.post("/oauth2/token", content=text, headers=form)
    shown = json.dumps(world.journal())
    assert SECRET not in shown
    assert token.lower()[:60] not in shown.lower()
    assert token.split(".")[1] not in shown
    assert "[redacted]" in shown


def test_the_first_failing_item_of_a_batch_is_the_one_that_is_told(world: World) -> None:
    document_id = world.document()
    world.append(document_id, externalCreatedAt=at(10))
    late, broken, fine = event(externalCreatedAt=at(9)), {"name": 5}, event(externalCreatedAt=at(11))

    def told(*items: Any) -> str:
        body = {"documentId": document_id, "events": items}
        status, _, message = error_of(world.a.post("/documents/events", json=body))
        assert status == 400
        return message

    assert told(late, broken).startswith("/events/0/externalCreatedAt ")
    assert told(broken, late).startswith("/events/0 ")
    assert told(fine, broken).startswith("/events/1 ")
    assert [each["externalCreatedAt"] for each in world.timeline(document_id)] == [at(10)]


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/documents"), ("GET", "/documents/"), ("GET", "/x")]
)
def test_what_is_not_there_counts_for_the_rate_limit(
    make_world: Callable[..., World], method: str, path: str
) -> None:
    world = make_world(rate_limit="documented")
    statuses = [world.a.request(method, path).status_code for _ in range(6)]
    assert len(set(statuses[:5])) == 1
    assert statuses[5] == 429
    # Without a good token it is only not there.
    assert world.anyone.request(method, path).status_code == statuses[0]


@pytest.mark.switch("public-read", "anyone")
def test_a_stranger_sees_sensitive_attributes_masked(world: World) -> None:
    world.semantics(public_read="anyone")
    document_id = world.document()
    attributes = [
        attribute("Vehicle License Plate", "AAB-1C2D", sensitive=True),
        attribute("Driver Identifier", "drv-0007-long", sensitive=True),
        attribute("Vehicle Type", "Truck"),
    ]
    world.append(document_id, metadata={"attributes": attributes})

    def values(client: httpx.Client) -> list[Any]:
        shown = client.get(f"/documents/{document_id}").json()["externalEvents"][-1]
        return [each["value"] for each in shown["metadata"]["attributes"]]

    assert values(world.b) == ["AA*-1**D", "***", "Truck"]
    assert values(world.a) == ["AAB-1C2D", "drv-0007-long", "Truck"]


def test_the_contract_is_the_same_in_every_form(world: World) -> None:
    written = yaml.safe_load((ROOT / "mock_server/openapi.yaml").read_text(encoding="utf-8"))
    assert world.anyone.get("/openapi.json").json() == written
    assert yaml.safe_load(world.anyone.get("/openapi.yaml").text) == written
    in_force = world.anyone.get("/openapi.json?in-force").json()
    assert "additionalProperties" in written["components"]["schemas"]["DocumentCreate"]
    assert "additionalProperties" not in in_force["components"]["schemas"]["DocumentCreate"]


def test_the_networks_own_id_is_not_to_be_had(world: World) -> None:
    body = mass_id(participant={**PARTICIPANT, "id": NETWORK_PARTICIPANT["id"]})
    assert error_of(world.a.post("/documents", json=body))[:2] == (409, "conflictError")


@pytest.mark.switch("dedup-errors", "forget")
def test_a_remembered_error_is_forgotten_with_the_switch(world: World) -> None:
    world.semantics(dedup_errors="remember")
    body = event(deduplicationId="k", participantId="7d0b6f7a-0f6e-4c0a-9f57-2f2f4f3c1a90")
    path = f"/documents/{world.document()}/events"
    first = world.a.post(path, json=body)
    assert first.status_code == 404
    assert world.a.post(path, json=body).content == first.content
    world.semantics(dedup_errors="forget")
    again = world.a.post(path, json=body)
    assert (again.status_code, again.content == first.content) == (404, False)


def test_a_range_of_another_version_is_the_whole_file(world: World) -> None:
    path = f"/documents/{world.document()}/attachments/a.txt"
    kind = {"Content-Type": "text/plain"}
    url = world.a.put(path, json={"contentLength": 5, "contentType": "text/plain"}).json()["url"]
    etag = world.anyone.put(url, content=b"abcde", headers=kind).headers["etag"]
    url = world.a.get(path).json()["url"]

    def get(**headers: str) -> tuple[int, bytes]:
        answer = world.anyone.get(
            url, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        return answer.status_code, answer.content

    assert get(Range="bytes=1-2", If_Range=etag) == (206, b"bc")
    assert get(Range="bytes=1-2", If_Range='"other"') == (200, b"abcde")
    assert get(Range="bytes=99999999999999999999-")[0] == 416


@pytest.mark.parametrize("host", ["a b", 'x"y', "<script>", "[", "x/y"])
def test_a_host_that_is_none_is_not_copied_into_a_url(world: World, host: str) -> None:
    path = f"/documents/{created(world.a.post('/documents', json=mass_id()))}/attachments/a.txt"
    declared = {"contentLength": 5, "contentType": "text/plain"}
    url = world.a.put(path, json=declared, headers={"Host": host}).json()["url"]
    assert host not in url


def test_the_ready_file_goes_with_the_server(serve: Callable[..., Serving], tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    serving = serve("--ready-file", str(ready))
    assert json.loads(ready.read_text(encoding="utf-8")) == serving.info
    assert serving.stop() == 0
    assert not ready.exists()


def test_a_public_url_with_a_path_is_refused() -> None:
    with pytest.raises(AssertionError, match="An address without a path is needed"):
        Serving("--public-url", "https://carrot.example.org/base")
