"""Pages in a browser: those of this machine may use the mock, no others may, least of all to change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from payloads import mass_id

if TYPE_CHECKING:
    from conftest import World

LOCAL = [
    "http://localhost",
    "http://localhost:3000",
    "https://localhost:8443",
    "http://127.0.0.1:5173",
    "http://[::1]:8080",
]
FOREIGN = [
    "https://evil.example.org",
    "http://localhost.example.org",
    "http://127.0.0.1.example.org",
    "http://evil.example.org:80@x",
    "http://localhost@example.org",
    "http://[::1",
    "null",
    "localhost",
    "file://",
    "",
]
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.mark.parametrize("origin", LOCAL)
@pytest.mark.parametrize("path", ["/documents", "/oauth2/token", "/_mock/workspaces"])
def test_a_page_of_this_machine_may_ask_beforehand(world: World, path: str, origin: str) -> None:
    answer = world.anyone.options(path, headers={"Origin": origin, **PREFLIGHT})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == origin
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == PREFLIGHT["Access-Control-Request-Headers"]
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("path", ["/documents", "/oauth2/token", "/_mock/workspaces"])
def test_a_page_from_elsewhere_is_refused_beforehand(world: World, path: str, origin: str) -> None:
    answer = world.anyone.options(path, headers={"Origin": origin, **PREFLIGHT})
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("origin", LOCAL)
def test_a_page_of_this_machine_may_read_answers_and_errors(world: World, origin: str) -> None:
    headers = {"Origin": origin}
    made = world.a.post("/documents", json=mass_id(), headers=headers)
    refused = world.anyone.get("/documents/1", headers=headers)
    pages = [
        world.anyone.get(path, headers=headers)
        for path in ("/", "/openapi.json", "/_mock/health", "/nothing")
    ]
    assert [made.status_code, refused.status_code] == [201, 401]
    for answer in (made, refused, *pages):
        assert answer.headers["access-control-allow-origin"] == origin
        assert "Origin" in answer.headers["vary"]
        assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]
        assert answer.headers.get("access-control-allow-credentials") is None


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_from_elsewhere_cannot_read_answers(world: World, origin: str) -> None:
    answer = world.anyone.get("/documents/1", headers={"Origin": origin})
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("origin", FOREIGN)
def test_the_control_api_refuses_pages_from_elsewhere(world: World, origin: str) -> None:
    document_id = world.document()
    for method, path in (
        ("POST", "/_mock/workspaces/default/reset"),
        ("GET", "/_mock/workspaces"),
        ("POST", "/_mock/workspaces"),
        ("PATCH", "/_mock/workspaces/default/semantics"),
        ("GET", "/%5Fmock/workspaces"),
    ):
        answer = world.anyone.request(method, path, headers={"Origin": origin}, content=b"{}")
        assert answer.status_code == 403, path
        assert set(answer.json()["error"]) == {"code", "message", "path"}
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert world.read(document_id)
    assert len(world.anyone.get("/_mock/workspaces").json()) == 1


@pytest.mark.parametrize("origin", LOCAL)
def test_the_control_api_serves_pages_of_this_machine(world: World, origin: str) -> None:
    answer = world.anyone.get("/_mock/workspaces", headers={"Origin": origin})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin


def test_without_an_origin_nothing_is_added(world: World) -> None:
    answer = world.anyone.get("/openapi.json")
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
