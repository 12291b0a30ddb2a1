"""`carrot-mock generate mass-id --format curl`: the script that it prints, run by a shell against a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from carrot_fixtures import MassIdJourney, mass_id

from mock_server import create_app
from mock_server.behaviours import Semantics
from mock_server.clock import ManualClock
from mock_server.generating import pieces
from mock_server.server import in_thread
from mock_server.settings import Settings
from mock_server.workspace import DEFAULT_CREDENTIALS

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def needs(*tools: str) -> pytest.MarkDecorator:
    """On a machine without a tool the test is skipped; where everything is to be tested, it fails."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(
        bool(missing) and "CI" not in os.environ,
        reason=f"not installed on this machine: {', '.join(missing)}",
    )


pytestmark = needs("sh", "curl", "base64")


def script(*journeys: MassIdJourney) -> str:
    return b"".join(pieces(journeys, len(journeys), "curl")).decode()


class Shell:
    """Runs scripts with commands of its own before those of the machine, and without waiting in them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.slept = directory / "slept"
        self.slept.touch()
        self.command("sleep", f'echo "$1" >> {self.slept}')
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CARROT_")},
            "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.temporary()),
        }

    def temporary(self) -> Path:
        """Where the scripts put their files."""
        found = self.directory / "tmp"
        found.mkdir(exist_ok=True)
        return found

    def command(self, name: str, body: str) -> None:
        (self.directory / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.directory / name).chmod(0o755)

    @property
    def waits(self) -> list[int]:
        return [int(each) for each in self.slept.read_text().split()]

    def run(self, text: str, shell: str = "sh", **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [shell],
            input=text,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        assert list(self.temporary().iterdir()) == []
        return done


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def access(workspace: dict[str, Any]) -> dict[str, str]:
    """The variables that a user sets."""
    credential = workspace["credentials"][0]
    return {
        "CARROT_URL": workspace["url"],
        "CARROT_CLIENT_ID": credential["clientId"],
        "CARROT_CLIENT_SECRET": credential["clientSecret"],
    }


def documents(printed: str) -> list[str]:
    return re.findall(r"^document (.*)$", printed, re.MULTILINE)


# What it does ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sh", "dash", "bash"])
def test_a_shell_submits_everything_as_it_is(
    name: str, shell: Shell, access: dict[str, str], authorised: httpx.Client
) -> None:
    if shutil.which(name) is None and "CI" not in os.environ:
        pytest.skip(f"{name} is not installed on this machine")
    journeys = mass_id(seed=1), mass_id(seed=2, variant="bin", locale="en_US", event_names="title")
    odd = "$HOME `id` \\n 'quoted' \"Ága Ç ÀÁÂÃ ’ 🥕\" %s END_OF_DATA"
    journeys[0].document["title"] = odd
    done = shell.run(script(*journeys), name, **access)
    assert (done.returncode, done.stderr, shell.waits) == (0, "", [])
    ids = documents(done.stdout)
    for document_id, journey in zip(ids, journeys, strict=True):
        document = authorised.get(f"/documents/{document_id}").json()
        assert document["status"] == "CLOSED"
        assert document["title"] == journey.document["title"]
        keys = [each["deduplicationId"] for each in document["externalEvents"][1:]]
        assert keys == list(journey.deduplication_ids[1:])
        for file in journey.attachments:
            answer = authorised.get(f"/documents/{document_id}/attachments/{file.file_name}")
            stored = httpx.get(answer.json()["url"])
            assert (stored.content, stored.headers["Content-Type"]) == (file.content, file.content_type)


def test_it_says_each_call_in_a_line_and_the_document_last(shell: Shell, access: dict[str, str]) -> None:
    journey = mass_id(seed=1)
    manifest = journey.attachments[0].file_name
    done = shell.run(script(journey), **access)
    said = [line.replace(documents(done.stdout)[0], "ID") for line in done.stdout.splitlines()]
    assert said[:4] == [
        "200 POST the token endpoint",
        "201 POST /documents",
        f"200 PUT /documents/ID/attachments/{manifest}",
        f"200 PUT the bytes of {manifest}",
    ]
    assert said[8:10] == [
        "201 POST /documents/ID/events ACTOR Waste Generator",
        "201 POST /documents/ID/events ACTOR Hauler",
    ]
    assert said[-2:] == ["201 POST /documents/ID/events CLOSE", "document ID"]


def test_a_run_that_was_cut_short_can_be_repeated(
    shell: Shell, access: dict[str, str], workspace: dict[str, Any]
) -> None:
    whole = script(mass_id(seed=1))
    cut = whole[: whole.index("event DROP_OFF")]
    for text in (cut, whole):
        assert shell.run(text, **access).returncode == 0
    control = f"{workspace['url']}/_mock/workspaces/{workspace['id']}"
    (document,) = httpx.get(f"{control}/documents").json()
    assert (document["status"], document["events"]) == ("CLOSED", 14)


def test_it_may_be_run_again_after_the_document_is_closed(
    shell: Shell, access: dict[str, str], authorised: httpx.Client
) -> None:
    journey = mass_id(seed=1)
    first = shell.run(script(journey), **access)
    again = shell.run(script(journey), **access)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
    document = authorised.get(f"/documents/{first.stdout.split()[-1]}").json()
    assert len(document["externalEvents"]) == len(journey.events) + 1


def test_a_token_of_ones_own_is_used(shell: Shell, access: dict[str, str], authorised: httpx.Client) -> None:
    token = authorised.headers["Authorization"].removeprefix("Bearer ")
    done = shell.run(script(mass_id(seed=1)), CARROT_URL=f"{access['CARROT_URL']}/", CARROT_TOKEN=token)
    assert (done.returncode, done.stderr) == (0, "")
    assert "token endpoint" not in done.stdout


def test_the_token_endpoint_may_be_elsewhere(shell: Shell, access: dict[str, str]) -> None:
    elsewhere = access["CARROT_URL"].replace("127.0.0.1", "localhost") + "/oauth2/token?from=elsewhere"
    assert shell.run(script(mass_id(seed=1)), **access, CARROT_TOKEN_URL=elsewhere).returncode == 0
    nowhere = shell.run(script(mass_id(seed=1)), **access, CARROT_TOKEN_URL=f"{access['CARROT_URL']}/nowhere")
    assert (nowhere.returncode, documents(nowhere.stdout)) == (1, [])


def test_no_secret_is_in_the_script_nor_among_the_arguments_of_a_command(
    shell: Shell, access: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = access["CARROT_CLIENT_SECRET"]
    monkeypatch.setenv("CARROT_CLIENT_SECRET", secret)
    monkeypatch.setenv("CARROT_TOKEN", "a-token-of-mine")
    text = script(mass_id(seed=1))
    test = DEFAULT_CREDENTIALS[0]
    assert f"${{CARROT_CLIENT_ID:-{test.client_id}}}" in text
    assert f"${{CARROT_CLIENT_SECRET:-{test.client_secret}}}" in text
    assert not [each for each in (secret, "a-token-of-mine") if each in text]

    seen = shell.directory / "seen"
    for tool in ("curl", "sed", "tr", "base64", "cat", "grep", "head"):
        real = shutil.which(tool)
        shell.command(tool, f'printf "%s\\n" {tool} "$@" >> {seen}\nexec {real} "$@"')
    tokens = shell.directory / "tokens"
    done = shell.run(
        text.replace("submitted() {", f'submitted() {{\n  cat "$work/headers" "$work/signed" >{tokens}'),
        **access,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = seen.read_text() + done.stdout
    (token,) = re.findall("^Authorization: Bearer (.+)$", tokens.read_text(), re.MULTILINE)
    (signed,) = re.findall("Signature=([0-9a-f]+)", tokens.read_text())
    assert "--write-out" in told
    assert not [each for each in (secret, token, signed, "Basic ") if each in told]


# When it is told to wait -----------------------------------------------------------------------------------


class SleepingClock:
    """A clock that moves when the script sleeps, and only then."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    def time(self) -> float:
        return NOON.timestamp() + sum(self._shell.waits)


def test_the_rate_limit_is_waited_for(shell: Shell) -> None:
    with in_thread(create_app(Settings(rate_limit="documented"), clock=SleepingClock(shell))) as url:
        done = shell.run(script(mass_id(seed=1)), CARROT_URL=url)
        (document,) = httpx.get(f"{url}/_mock/workspaces/default/documents").json()
    assert (done.returncode, done.stderr) == (0, "")
    assert len(shell.waits) >= 3
    assert set(shell.waits) == {1}
    assert done.stdout.count("429 ") == len(shell.waits)
    assert (document["status"], document["events"]) == ("CLOSED", 14)


def test_a_busy_document_is_waited_for(shell: Shell) -> None:
    semantics = Semantics.default().replace({"pending-window": 1.5})
    settings = Settings(rate_limit="off", semantics=semantics)
    with in_thread(create_app(settings, clock=SleepingClock(shell))) as url:
        done = shell.run(script(mass_id(seed=1)), CARROT_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(shell.waits) == {2}


def test_it_gives_up_after_five_tries_each_after_twice_the_time(shell: Shell) -> None:
    with in_thread(create_app(Settings(rate_limit="documented"), clock=ManualClock(NOON))) as url:
        done = shell.run(script(mass_id(seed=1)), CARROT_URL=url)
    assert done.returncode == 1
    assert shell.waits == [1, 2, 4, 8]
    assert re.fullmatch(r"429 POST /documents/.+\n\{\"message\":\"Too Many Requests\"\}\n", done.stderr)


@contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives one answer after the other, 0 being none at all, and the bodies that it got."""
    remaining = iter(answers)
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = next(remaining)
            if status:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


TOKEN = (200, '{\n  "access_token": "t",\n  "expires_in": 3600\n}\n')


def test_a_lost_answer_and_a_server_error_are_followed_by_the_same_body(shell: Shell) -> None:
    with answering(TOKEN, (0, ""), (503, ""), (502, "<html>"), (422, '{"said": "no"}')) as (url, got):
        done = shell.run(script(mass_id(seed=1)), CARROT_URL=url)
    assert done.returncode == 1
    assert shell.waits == [1, 2, 4]
    assert len(set(got[1:])) == 1
    assert len(got) == 5
    assert done.stderr == '422 POST /documents\n{"said": "no"}\n'
    assert "no answer: POST /documents: the same again in 1 s" in done.stdout


# When it cannot go on --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers",
    [
        [(400, '{"error": "invalid_client"}')],
        [(200, "{}")],
        [TOKEN, (201, '{"documentId": "x"}')],
        [TOKEN, (409, '{"errors": [{"code": "conflictError"}]}')],
        [TOKEN, (401, "")],
    ],
    ids=["credentials", "no token", "no id", "conflict", "unauthorized"],
)
def test_an_answer_that_does_not_help_is_shown_and_ends_it(
    answers: list[tuple[int, str]], shell: Shell
) -> None:
    with answering(*answers) as (url, _):
        done = shell.run(script(mass_id(seed=1)), CARROT_URL=url)
    status, body = answers[-1]
    assert done.returncode == 1
    assert done.stderr.startswith(f"{status} POST ")
    assert body in done.stderr
    assert shell.waits == []


def test_a_broken_rule_of_the_api_is_said_as_the_api_says_it(shell: Shell, access: dict[str, str]) -> None:
    journey = mass_id(seed=1)
    del journey.document["isPublic"]
    done = shell.run(script(journey), **access)
    assert done.returncode == 1
    assert done.stderr.startswith("400 POST /documents\n")
    assert '"isPublic' in done.stderr.replace("\\", "")


def test_a_server_that_is_down_is_said_at_once(shell: Shell) -> None:
    done = shell.run(script(mass_id(seed=1)), CARROT_URL="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "no answer: POST the token endpoint\ncurl: (7)" in done.stderr
    assert shell.waits == []


def test_what_is_missing_is_said(shell: Shell) -> None:
    text = script(mass_id(seed=1))
    done = shell.run(text)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Set CARROT_URL to the address of the API, such as http://127.0.0.1:8750.\n"
    sh = shutil.which("sh")
    assert sh is not None
    done = shell.run(text, sh, CARROT_URL="http://127.0.0.1:1", PATH=str(shell.directory))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "curl is needed to call the API, and is not installed here.\n"


# How it is written -----------------------------------------------------------------------------------------


@needs("shellcheck")
def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    path = tmp_path / "submit.sh"
    path.write_text(script(mass_id(seed=1), mass_id(seed=2, variant="two-step-weighing")), encoding="utf-8")
    done = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_each_mass_id_says_how_to_make_it_again() -> None:
    text = script(mass_id(seed=1), mass_id(seed=2, variant="bin"))
    assert re.findall("^# MassID.*$", text, re.MULTILINE) == [
        "# MassID 1 of 2: truck, seed 1",
        "# MassID 2 of 2: bin, seed 2",
    ]
