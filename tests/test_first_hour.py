"""What somebody who starts with the mock runs into in the first hour, and is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from conftest import Serving, World, error_of
from payloads import at, event, mass_id

from mock_server import ready
from mock_server.settings import Settings


def test_a_misspelled_property_is_asked_about(world: World) -> None:
    answer = world.a.post(
        "/documents", json=mass_id(deduplicationID="k"), headers={"X-Carrot-Mock-Explain": "1"}
    )
    assert answer.status_code == 201
    assert answer.headers["x-carrot-mock-deduplication"] == "none"
    told = answer.headers["x-carrot-mock-advisories"]
    assert told.startswith("unknown-property: /deduplicationID: ")
    assert 'Did you mean "deduplicationId"?' in told
    assert "x-carrot-mock-advisories" not in world.a.post("/documents", json=mass_id()).headers


def test_a_property_like_no_other_is_not_asked_about(world: World) -> None:
    world.semantics(unknown_properties="reject")
    _, _, message = error_of(world.a.post("/documents", json=mass_id(colour="green")))
    assert "Did you mean" not in message
    _, _, message = error_of(world.a.post("/documents", json=mass_id(measureUnit="kg")))
    assert 'Did you mean "measurementUnit"?' in message


def test_an_advisory_of_any_characters_fits_into_a_header(world: World) -> None:
    answer = world.a.post(
        "/documents", json=mass_id(**{"preço\r\nX-Evil": 1}), headers={"X-Carrot-Mock-Explain": "1"}
    )
    assert answer.status_code == 201
    assert "x-evil" not in answer.headers
    assert "pre?o" in answer.headers["x-carrot-mock-advisories"]


@pytest.mark.parametrize("missing", ["7d0b6f7a-0f6e-4c0a-9f57-2f2f4f3c1a90", "x"])
def test_a_relation_to_nothing_is_told_apart_from_the_document_in_the_path(
    world: World, missing: str
) -> None:
    answer = world.append(world.document(), "RELATED", relatedDocument={"documentId": missing})
    status, _, message = error_of(answer)
    assert status == 404
    assert message.startswith("/relatedDocument/documentId: ")


def test_an_event_after_one_from_the_future_is_told_why_it_is_late(world: World) -> None:
    document_id = world.document()
    assert world.append(document_id, externalCreatedAt="2099-01-01T00:00:00Z").status_code == 201
    _, _, message = error_of(world.append(document_id, externalCreatedAt=at(10)))
    assert "an earlier event was dated into the future" in message


def test_an_upload_that_is_not_as_declared_is_told_how(world: World) -> None:
    path = f"/documents/{world.document()}/attachments/a.pdf"
    url = world.a.put(path, json={"contentLength": 12, "contentType": "application/pdf"}).json()["url"]
    assert world.anyone.put(url, content=b"abc", headers={"Content-Type": "text/plain"}).status_code == 403
    (advisory,) = world.journal()[-1]["advisories"]
    assert advisory["code"] == "upload-not-as-declared"
    assert "content-length 3 (declared: 12)" in advisory["message"]
    assert "content-type text/plain (declared: application/pdf)" in advisory["message"]


def test_a_misspelled_filter_of_the_journal_is_refused(world: World) -> None:
    answer = world.control.get("requests", params={"documentID": "x"})
    assert answer.status_code == 400
    assert "did you mean documentId?" in answer.json()["error"]["message"]


def test_after_a_reset_ids_are_new_unless_a_seed_was_chosen(make_world: Callable[..., World]) -> None:
    def two(world: World) -> tuple[str, str]:
        first = world.document()
        world.control.post("reset")
        return first, world.document()

    first, second = two(make_world(seed=None))
    assert first != second
    first, second = two(make_world(seed=7))
    assert first == second


def test_an_error_more_changes_no_id_of_what_follows(make_world: Callable[..., World]) -> None:
    calm, troubled = make_world(seed=7), make_world(seed=7)
    assert troubled.a.post("/documents", json={}).status_code == 400
    troubled.token()
    assert calm.document() == troubled.document()


def test_a_client_that_sends_everything_first_reads_the_413(server: Serving) -> None:
    request = urllib.request.Request(f"{server.url}/documents", data=b"x" * (7 * 1024 * 1024))
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value:
        # Without a token that comes first; what matters is that there is an answer at all.
        assert refused.value.code in (401, 413)
        assert refused.value.read()


@pytest.mark.parametrize("path", ["/documents", "/oauth2/token"])
def test_half_a_request_does_not_keep_a_server_from_stopping(
    serve: Callable[..., Serving], path: str
) -> None:
    serving = serve()
    host, port = serving.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode())
        # The server waits for the body now, and never gets it.
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        serving.process.send_signal(signal.SIGTERM)
        out, errors = serving.process.communicate(timeout=20)
    assert (out, errors, serving.process.returncode) == ("", "", 0)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mock_server", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "80"},
    )


def test_the_version_is_a_flag_too() -> None:
    assert run("--version").stdout == run("version").stdout


def test_behaviours_are_found_by_a_word_of_their_id() -> None:
    done = run("behaviours", "dedup-changed")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert "dedup-changed-body" in done.stdout
    assert [
        row["id"] for row in httpx.Response(200, text=run("behaviours", "ordering", "--json").stdout).json()
    ]
    nothing = run("behaviours", "xyzzy")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert nothing.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "said", "unsaid"),
    [
        ({}, [], ["other machines"]),
        ({"host": "0.0.0.0"}, ["other machines reach it", "--control-token"], []),
        ({"host": "0.0.0.0", "control": False}, ["other machines reach it"], ["--control-token"]),
        ({"control_token": "t"}, ["(with the control token)"], ["other machines"]),
    ],
)
def test_the_banner_warns_of_what_is_open(
    settings: dict[str, Any], said: list[str], unsaid: list[str]
) -> None:
    text = ready.banner("http://127.0.0.1:8750", Settings(**settings))
    assert all(each in text for each in said)
    assert not any(each in text for each in unsaid)


def test_event_names_are_free_but_for_those_with_an_effect(world: World) -> None:
    document_id = world.document()
    assert world.a.post(f"/documents/{document_id}/events", json=event("close")).status_code == 201
    assert world.read(document_id)["status"] == "OPEN"
