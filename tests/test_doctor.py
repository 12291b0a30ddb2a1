"""`carrot-mock doctor` in a process of its own, against a server in another."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import carrot_fixtures
import httpx
import pytest
from conftest import Serving
from payloads import at, event, mass_id

from pytest_carrot.diagnosis.connecting import workspace_at
from pytest_carrot.errors import UserMistake

PAGE = Path(__file__).parent.parent / "docs/doctor.md"
RUN = (sys.executable, "-c", "from pytest_carrot.commands.doctor import doctor; doctor(prog_name='doctor')")


def doctor(*arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; nothing that it says is a traceback."""
    done = subprocess.run([*RUN, *arguments], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def here(workspace: dict[str, Any]) -> list[str]:
    """The arguments that lead to the test's workspace."""
    return ["--url", workspace["url"], "--workspace", workspace["id"]]


def test_an_empty_journal_says_so(here: list[str]) -> None:
    code, out, err = doctor(*here)
    assert (code, err) == (0, "")
    assert " ".join(out.split()).endswith(": no requests yet.")


def test_a_right_client_is_told_nothing(here: list[str], authorised: httpx.Client) -> None:
    carrot_fixtures.mass_id(seed=3).submit(authorised)
    code, out, err = doctor(*here)
    assert (code, err) == (0, "")
    assert out.rstrip().endswith("nothing to tell.")
    assert json.loads(doctor(*here, "--json")[1])["advisories"] == []


def misbehave(client: httpx.Client) -> str:
    """A document and an event without keys, that one twice too early, one with an odd name, and a file."""
    document_id = str(client.post("/documents", json=mass_id()).json()["id"])
    events = f"/documents/{document_id}/events"
    client.post(events, json=event(deduplicationId="first\x1b[31m\u202e"))
    client.post(events, json=event("Weighing", deduplicationId="first\x1b[31m\u202e"))
    for _ in range(2):
        client.post(events, json=event("Late", externalCreatedAt=at(1), deduplicationId="late"))
    client.post(events, json=event("pick_up", deduplicationId="odd"))
    client.put(
        f"/documents/{document_id}/attachments/a.pdf",
        json={"contentLength": 3, "contentType": "application/pdf"},
    )
    client.post(events, json=event("Weighing", rain=1, deduplicationId="rain"))
    return document_id


def test_findings_come_by_code_with_the_requests_and_what_to_do(
    here: list[str], authorised: httpx.Client
) -> None:
    misbehave(authorised)
    code, out, err = doctor(*here)
    assert (code, err) == (1, "")
    assert re.findall(r"^([a-z-]+) \((\d)\)$", out, re.MULTILINE) == [
        ("missing-key", "1"),
        ("key-reused", "1"),
        ("times-out-of-order", "2"),
        ("retried-abort", "1"),
        ("unusual-name", "1"),
        ("file-never-uploaded", "1"),
        ("unknown-property", "1"),
    ]
    plain = " ".join(out.split())
    assert "9 requests, 8 advisories." in plain
    assert "r2 (documents.create MassID) came without a deduplicationId. If its answer is lost" in plain
    assert "r5 (events.append Late) was answered 400 validationError, and r6 sent the same again." in plain
    assert plain.count("The timeline of a document has to stay chronological.") == 1
    assert max(map(len, out.splitlines())) <= 80
    assert "first\\x1b[31m\\u202e" in plain
    assert all(each.isprintable() or each == "\n" for each in out)
    found = json.loads(doctor(*here, "--json")[1])
    assert (found["requests"], found["lost"], len(found["advisories"])) == (9, 0, 8)
    assert set(found["advisories"][0]) == {"code", "message", "requestId", "requests"}


def test_on_a_terminal_it_fits_and_has_colours(here: list[str], authorised: httpx.Client) -> None:
    misbehave(authorised)
    out = on_a_terminal(*RUN, *here)
    assert "\x1b[1m" in out
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()
    assert max(map(len, lines)) <= 80
    assert "first\\x1b[31m\\u202e" in "".join(out.split())


def on_a_terminal(*command: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    import os

    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    with subprocess.Popen(command, stdout=follower, stdin=follower, env=environment):
        os.close(follower)
        found = b""
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:  # Linux says so at the end
                break
            if not piece:
                break
            found += piece
    os.close(leader)
    return found.decode()


# While someone works ------------------------------------------------------------------------------------


class Following:
    """A doctor that follows; `until` reads its lines up to one that has a text."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*RUN, *arguments, "--follow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self._lines = self.process.stdout

    def until(self, text: str) -> list[str]:
        read: list[str] = []
        for line in self._lines:
            read.append(line.rstrip("\n"))
            if text in line:
                return read
        _, errors = self.process.communicate()
        raise AssertionError(f"{text!r} never came: {read} {errors}")

    def interrupt(self) -> tuple[int, str]:
        """Exit code and what it still said on stdout; on stderr it says nothing."""
        self.process.send_signal(signal.SIGINT)
        rest = self._lines.read()
        assert self.process.stderr is not None
        assert self.process.stderr.read() == ""
        return self.process.wait(timeout=30), rest


@pytest.fixture
def follow() -> Iterator[Callable[..., Following]]:
    """Starts doctors that follow."""
    started: list[Following] = []

    def start(*arguments: str) -> Following:
        started.append(Following(*arguments))
        return started[-1]

    yield start
    for each in started:
        with each.process as process:
            process.kill()


def test_following_tells_each_finding_once_as_it_appears(
    here: list[str], authorised: httpx.Client, follow: Callable[..., Following]
) -> None:
    document_id = authorised.post("/documents", json=mass_id(deduplicationId="d")).json()["id"]
    following = follow(*here)
    following.until("Watching; Ctrl-C ends it.")
    events = f"/documents/{document_id}/events"
    authorised.post(events, json=event())
    [line] = following.until("missing-key")
    assert line == "missing-key: r3 (events.append Pick-up) came without a deduplicationId."
    authorised.post(events, json=event("Drop-off"))
    told = following.until("missing-key")
    assert told[-1] == "missing-key: r4 (events.append Drop-off) came without a deduplicationId."
    assert " ".join(told).count("If its answer is lost") == 1
    code, rest = following.interrupt()
    assert (code, rest.split()) == (1, ["2", "advisories", "while", "watching."])


def test_following_as_json_gives_a_line_for_each(
    here: list[str], authorised: httpx.Client, follow: Callable[..., Following]
) -> None:
    authorised.post("/documents", json=mass_id())
    following = follow(*here, "--json")
    [line] = following.until("missing-key")
    assert json.loads(line)["requestId"] == "r2"
    assert following.interrupt() == (1, "")


def test_following_without_findings_ends_clean(here: list[str], follow: Callable[..., Following]) -> None:
    following = follow(*here)
    following.until("Watching; Ctrl-C ends it.")
    assert following.interrupt() == (0, "\nNothing to tell.\n")


def test_a_server_that_goes_away_ends_it_with_a_sentence(
    serve: Callable[..., Serving], follow: Callable[..., Following]
) -> None:
    server = serve()
    following = follow("--url", server.url)
    following.until("Watching; Ctrl-C ends it.")
    server.stop()
    _, errors = following.process.communicate(timeout=30)
    assert following.process.returncode == 2
    assert re.fullmatch(r"carrot-mock: workspace default at \S+ can no longer be looked at: .+\.\n", errors)


def test_a_workspace_that_is_deleted_ends_it_with_a_sentence(
    server: Serving, follow: Callable[..., Following]
) -> None:
    made = httpx.post(f"{server.url}/_mock/workspaces", json={}).json()["id"]
    following = follow("--url", server.url, "--workspace", made)
    following.until("Watching; Ctrl-C ends it.")
    httpx.delete(f"{server.url}/_mock/workspaces/{made}")
    _, errors = following.process.communicate(timeout=30)
    assert following.process.returncode == 2
    assert errors == f"carrot-mock: workspace {made} at {server.url} was deleted.\n"


# What it cannot do --------------------------------------------------------------------------------------


def refused(*arguments: str) -> str:
    code, out, err = doctor(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("carrot-mock: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8750", "ftp://x", "http://x/path", "http://x:port", "http://a..b", ""]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(UserMistake, match=r"^--url takes an address such as http://127\.0\.0\.1:8750, not '"):
        workspace_at(url, "default", None)


def test_a_mistake_is_one_sentence_whatever_it_repeats() -> None:
    assert "not 'http://\\x1b[1m'" in refused("--url", "http://\x1b[1m", "--workspace", "\n")


def test_nobody_answers() -> None:
    # Port 1 needs rights that nobody has who runs tests, and no service uses it.
    told = refused("--url", "http://127.0.0.1:1")
    assert told.startswith("carrot-mock: No Carrot Mock answers at http://127.0.0.1:1 (")


class Elsewhere(BaseHTTPRequestHandler):
    """Another program's server: a page for everything."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *arguments: Any) -> None:
        pass


def test_something_else_answers() -> None:
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as other:
        Thread(target=other.serve_forever, daemon=True).start()
        told = refused("--url", f"http://127.0.0.1:{other.server_port}")
        other.shutdown()
    assert "is no Carrot Mock (GET /_mock/health: status 200)" in told


def test_a_workspace_that_is_not_there(server: Serving) -> None:
    told = refused("--url", server.url, "--workspace", "nowhere")
    assert f"There is no workspace 'nowhere' at {server.url}; there is default" in told


def test_a_control_token_is_needed_and_given(serve: Callable[..., Serving]) -> None:
    url = serve("--control-token", "sesame").url
    assert "needs a control token: give the one it was started with, as --control-token" in refused(
        "--url", url
    )
    assert "has another control token than the one given" in refused("--url", url, "--control-token", "x")
    with pytest.raises(UserMistake, match="has characters that no HTTP header may have"):
        workspace_at(url, "default", "x\ny")
    assert doctor("--url", url, "--control-token", "sesame")[0] == 0


def test_the_control_api_is_off(serve: Callable[..., Serving]) -> None:
    assert "is switched off, and with it the journal" in refused("--url", serve("--no-control").url)


def test_a_journal_that_has_lost_requests_says_so(serve: Callable[..., Serving]) -> None:
    server = serve("--journal-entries", "2")
    for _ in range(5):
        httpx.get(f"{server.url}/documents")
    code, out, _ = doctor("--url", server.url)
    assert code == 0
    assert "the newest 2 requests, and the first 3 of this workspace are gone" in " ".join(out.split())
    assert json.loads(doctor("--url", server.url, "--json")[1])["lost"] == 3


# The page -----------------------------------------------------------------------------------------------


def test_the_page_names_every_option() -> None:
    page = PAGE.read_text("utf-8")
    told = doctor("--help")[1]
    options = set(re.findall(r"^  (--[a-z-]+)", told, re.MULTILINE)) - {"--help"}
    assert len(options) == 5
    for each in options:
        assert f"| `{each}" in page


def test_the_example_of_the_page_passes(tmp_path: Path) -> None:
    [code] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "test_page.py").write_text(code, "utf-8")
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_it_runs_without_what_only_tests_need() -> None:
    code = (
        "import sys; import pytest_carrot.commands.doctor, pytest_carrot.diagnosis.watching; "
        "sys.exit(bool({'pytest', 'httpx', 'faker', 'starlette'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
