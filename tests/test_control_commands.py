"""`carrot-mock fault|gate|clock|requests|snapshot` on a server in another process, in a world of the test's own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NamedTuple

import httpx
import pytest
from conftest import Serving, created
from payloads import event, mass_id

from mock_server import cli
from mock_server.printing import printable

# Longer than any machine takes, and never waited for in a test that passes.
LONG = 60


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert (self.code, self.err) == (0, "")
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        assert (self.code, self.err) == (0, "")
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def sentence(self) -> str:
        """The one sentence of a command that failed."""
        assert (self.code, self.out) == (2, "")
        assert self.err.startswith("carrot-mock: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("carrot-mock: ").rstrip("\n")


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, its output piped."""

    def start(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["carrot-mock", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, out, err)

    return start


@pytest.fixture
def carrot(run: Run, workspace: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line in the test's world."""
    monkeypatch.setenv("CARROT_MOCK_URL", workspace["url"])
    return lambda *arguments: run(*arguments, "--workspace", workspace["id"])


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes the output that of a terminal so many columns wide."""

    def make(columns: int) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(columns))

    return make


def create(client: httpx.Client, **changes: object) -> httpx.Response:
    return client.post("/documents", json=mass_id(**changes), timeout=LONG)


# Faults -------------------------------------------------------------------------------------------------


def test_a_fault_is_set_listed_and_taken_away(carrot: Run, authorised: httpx.Client) -> None:
    made = carrot("fault", "add", "documents.create", "committed", "drop", "--key", "k")
    assert made == Done(0, "f1\n", "")
    more = ("--status", "503", "--times", "forever", "--after", "2", "--seconds", "1")
    assert "/seconds goes with do" in carrot("fault", "add", "any", "arrived", "status", *more).sentence
    assert carrot("fault", "add", "any", "arrived", "status", *more[:-2]).out == "f2\n"
    with pytest.raises(httpx.RemoteProtocolError):
        create(authorised, deduplicationId="k")
    assert carrot("fault", "list").rows == [
        ["f1", "documents.create", "committed", "drop", "1 of 1", "key k", "-"],
        ["f2", "*", "arrived", "status 503", "0", "after 2", "-"],
    ]
    assert [each["strikes"] for each in carrot("fault", "list", "--json").json] == [1, 0]
    assert carrot("fault", "remove", "f1") == Done(0, "", "")
    assert carrot("fault", "remove", "f1").sentence == "There is no fault f1."
    assert carrot("fault", "clear", "--json").json == {}
    assert carrot("fault", "list") == Done(0, "", "")


def test_every_detail_of_a_fault_can_be_given(carrot: Run) -> None:
    details = {
        "--status": "409",
        "--code": "PENDING_PROCESS_CONFLICT_ERROR",
        "--times": "2",
        "--after": "1",
        "--probability": "0.5",
        "--document": "667d042d-bd89-4913-a358-ffa39d391bbf",
        "--key": "k",
        "--attempt": "3",
    }
    given = [each for pair in details.items() for each in pair]
    assert carrot("fault", "add", "events.append", "validated", "status", *given, "--json").json == {
        "id": "f1"
    }
    assert carrot("fault", "add", "*", "responding", "slow", "--seconds", "500ms").out == "f2\n"
    one, other = carrot("fault", "list", "--json").json
    assert (
        one.items()
        >= {
            "operation": "events.append",
            "phase": "validated",
            "do": "status",
            "status": 409,
            "code": "PENDING_PROCESS_CONFLICT_ERROR",
            "times": 2,
            "after": 1,
            "probability": 0.5,
            "documentId": "667d042d-bd89-4913-a358-ffa39d391bbf",
            "deduplicationId": "k",
            "attempt": 3,
        }.items()
    )
    assert (other["operation"], other["seconds"]) == ("*", 0.5)
    assert "by chance 0.5" in carrot("fault", "list").out


def test_what_hangs_is_let_go(carrot: Run, authorised: httpx.Client) -> None:
    carrot("fault", "add", "documents.create", "before_commit", "hang")
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(create, authorised)
        released: list[str] = []
        patience = threading.Event()
        while not released:
            released = carrot("fault", "release", "f1", "--json").json["released"]
            patience.wait(0.002)
        created(held.result())
    assert [each[0] for each in carrot("requests", "--operation", "documents.create").rows] == released
    assert carrot("fault", "release", "f1") == Done(0, "", "")


# Gates --------------------------------------------------------------------------------------------------


def test_requests_wait_at_a_gate_and_go_on_in_the_order_given(carrot: Run, authorised: httpx.Client) -> None:
    assert carrot("gate", "hold", "documents.create", "validated", "--timeout", "1m") == Done(0, "g1\n", "")
    with ThreadPoolExecutor(3) as pool:
        held = {}
        for number, key in enumerate("abc", 1):
            held[key] = pool.submit(create, authorised, deduplicationId=key)
            while len(waiting := carrot("gate", "list", "--json").json[0]["waiting"]) < number:
                pass
        ids = [each["requestId"] for each in waiting]
        listed = ", ".join(f"{each} {key}" for each, key in zip(ids, "abc", strict=True))
        assert carrot("gate", "list").rows == [["g1", "documents.create", "validated", listed]]
        assert carrot("gate", "release", "g1", "--request", ids[1]).rows == [[ids[1]]]
        created(held["b"].result())
        assert carrot("gate", "release", "g1", "--count", "1").rows == [[ids[0]]]
        created(held["a"].result())
        both = carrot("gate", "release", "g1", "--count", "1", "--request", "r1")
        assert both.sentence == "--count and --request exclude each other: give one of them."
        assert "r999" in carrot("gate", "release", "g1", "--request", "r999").sentence
        assert carrot("gate", "release", "g1").rows == [[ids[2]]]
        created(held["c"].result())
    assert carrot("gate", "list") == Done(0, "", "")


def test_gates_are_taken_away(carrot: Run) -> None:
    assert carrot("gate", "hold", "any", "arrived", "--json").json == {"id": "g1"}
    carrot("gate", "hold", "token", "arrived")
    assert carrot("gate", "remove", "g1") == Done(0, "", "")
    assert [each[0] for each in carrot("gate", "list").rows] == ["g2"]
    assert carrot("gate", "clear") == Done(0, "", "")
    assert carrot("gate", "list", "--json").json == []


# The clock ----------------------------------------------------------------------------------------------


def test_the_clock_is_set_moved_and_stopped(carrot: Run) -> None:
    carrot("clock", "freeze")
    assert carrot("clock", "set", "2026-03-01T12:00:00Z").rows == [["2026-03-01T12:00:00.000Z", "0", "0"]]
    for span, shown in (("90", "12:01:30"), ("15m", "12:16:30"), ("1.5h", "13:46:30"), ("1d", "13:46:30")):
        assert f"T{shown}.000Z" in carrot("clock", "advance", span).out
    assert carrot("clock", "skew", "-30").rows == [["2026-03-02T13:46:30.000Z", "0", "-30"]]
    assert carrot("clock", "show", "--json").json == {
        "now": "2026-03-02T13:46:30.000Z",
        "rate": 0,
        "skew": -30,
    }
    assert carrot("clock", "resume").rows[0][1] == "1"


# Requests -----------------------------------------------------------------------------------------------


def test_requests_are_listed_and_filtered(carrot: Run, authorised: httpx.Client) -> None:
    document_id = created(create(authorised, deduplicationId="d"))
    create(authorised, deduplicationId="d")
    authorised.post(f"/documents/{document_id}/events", json=event("Pick-up", deduplicationId="e"))
    items = {"documentId": document_id, "events": [event("Weighing", deduplicationId=key) for key in "xy"]}
    authorised.post("/documents/events", json=items)
    authorised.put(f"/documents/{document_id}/attachments/mtr.pdf", json={})
    authorised.get("/nowhere")
    rows = carrot("requests").rows
    ids = [each[0] for each in rows]
    assert ids == [f"r{number}" for number in range(1, 8)]
    short = document_id[:8]
    assert [each[2:] for each in rows[1:]] == [
        ["documents.create", "MassID", short, "201", "yes", "-", "d", "fresh", "-"],
        ["documents.create", "MassID", short, "201", "-", "2", "d", "replay", "-"],
        ["events.append", "Pick-up", short, "201", "yes", "-", "e", "fresh", "-"],
        ["events.batch", "2 events", short, "201", "yes", "-", "x +1", "fresh", "-"],
        ["attachments.upload", "mtr.pdf", short, "400 validationError", "-", "-", "-", "-", "-"],
        ["*", "GET /nowhere", "-", "404 objectNotFound", "-", "-", "-", "-", "-"],
    ]

    def listed(*filters: str) -> list[str]:
        return [each[0] for each in carrot("requests", *filters).rows]

    assert listed("--operation", "events.append") == ["r4"]
    assert listed("--operation", "any") == ["r7"]
    assert listed("--key", "d") == ["r2", "r3"]
    assert listed("--document", document_id, "--limit", "2") == ["r5", "r6"]
    assert listed("--since", "r5") == ["r6", "r7"]
    assert [each["id"] for each in carrot("requests", "--since", "r5", "--json").json] == ["r6", "r7"]
    assert "operation must be one of documents.create" in carrot("requests", "--operation", "x").sentence


def test_one_request_is_shown_with_all_that_is_known_of_it(carrot: Run, authorised: httpx.Client) -> None:
    carrot("fault", "add", "documents.create", "committed", "reset")
    with pytest.raises(httpx.ReadError):
        create(authorised, deduplicationId="k")
    document_id = created(create(authorised, deduplicationId="k"))
    shown = dict(
        line.split(":", 1)
        for line in carrot("requests", "r2").out.splitlines()
        if not line.startswith(" ") and ":" in line
    )
    shown = {name: text.strip() for name, text in shown.items()}
    assert shown["request"] == "r2 documents.create"
    assert shown["call"] == "POST /documents"
    assert shown["client saw"] == "reset"
    assert shown["answer"].endswith("(reset)")
    assert shown["recorded"] == "yes"
    assert shown["fault"] == "f1"
    assert shown["keys"] == "k (fresh)"
    assert shown["replayed by"] == "r3"
    assert shown["document"] == document_id
    retry = carrot("requests", "r3").out
    assert "replay of:" in retry
    assert "authorization: Bearer [redacted]" in retry
    assert f'"id": "{document_id}"' in retry
    assert carrot("requests", "r3", "--json").json["replayOf"] == "r2"
    assert carrot("requests", "r99").sentence.startswith("The journal has no request r99")
    assert "leave the filters out" in carrot("requests", "r3", "--limit", "1").sentence


# Snapshots ----------------------------------------------------------------------------------------------


def test_a_world_goes_back_to_a_snapshot(carrot: Run, authorised: httpx.Client) -> None:
    created(create(authorised))
    assert carrot("snapshot", "take") == Done(0, "s1\n", "")
    taken = carrot("snapshot", "take", "--json").json
    listed = carrot("snapshot", "list").rows
    assert [each[0] for each in listed] == ["s1", "s2"]
    assert listed[1] == ["s2", str(taken["position"]), taken["at"]]
    assert carrot("snapshot", "list", "--json").json[1] == taken
    document_id = created(create(authorised))
    assert carrot("snapshot", "restore", "s1") == Done(0, "", "")
    assert authorised.get(f"/documents/{document_id}").status_code == 404
    assert carrot("snapshot", "restore", "s9").sentence == "There is no snapshot s9."


# On a terminal ------------------------------------------------------------------------------------------


def test_a_person_is_told_in_sentences(carrot: Run, on_a_terminal: Callable[[int], None]) -> None:
    on_a_terminal(100)
    for command, told in (
        (("fault", "list"), "There is no fault."),
        (
            ("fault", "add", "any", "arrived", "drop"),
            "Fault f1 is set: drop at arrived of any operation, once.",
        ),
        (
            ("fault", "add", "token", "arrived", "delay", "--times", "2"),
            "Fault f2 is set: delay at arrived of token, 2 times.",
        ),
        (("fault", "release", "f2"), "Nobody waited."),
        (("fault", "remove", "f1"), "Fault f1 is gone."),
        (("fault", "clear"), "There is no fault any more."),
        (
            ("gate", "hold", "token", "arrived"),
            "Gate g1 is set at arrived of token; `carrot-mock gate release g1` opens it.",
        ),
        (("gate", "remove", "g1"), "Gate g1 is gone."),
        (("gate", "clear"), "There is no gate any more."),
        (("gate", "list"), "There is no gate."),
        (("snapshot", "list"), "There is no snapshot."),
        (("snapshot", "take"), "Snapshot s1 is taken, at position 0 of the ledger."),
        (("snapshot", "restore", "s1"), "The world is as it was at s1."),
        (("requests",), "No request fits."),
    ):
        assert carrot(*command) == Done(0, f"{told}\n", "")
    carrot("clock", "freeze")
    carrot("clock", "set", "2026-03-01T12:00:00Z")
    told = "2026-03-01T12:00:00.000Z, and stands still; the Date header and tokens are 1.5 s ahead.\n"
    assert carrot("clock", "skew", "1.5").out == told


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_a_table_fits_the_terminal(
    carrot: Run, authorised: httpx.Client, on_a_terminal: Callable[[int], None], columns: int
) -> None:
    document_id = created(create(authorised, deduplicationId="a-key-of-some-length-" * 4))
    authorised.get(f"/documents/{document_id}")
    on_a_terminal(columns)
    lines = re.sub(r"\x1b\[[0-9]*m", "", carrot("requests").out).splitlines()
    assert len(lines) == 4
    assert all(len(line) <= columns for line in lines)
    assert lines[0].startswith("id")
    assert lines[2].startswith("r2")
    assert "fault" not in lines[0]
    assert ("document  " in lines[0]) == (columns >= 100)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pseudo-terminals")
def test_on_a_real_terminal_it_has_colours_and_nothing_else_that_moves_it(
    workspace: dict[str, Any], authorised: httpx.Client
) -> None:
    import pty

    evil = "\x1b]0;title\x07\x1b[2J\x9b31m\u202e"
    create(authorised, deduplicationId=evil, category=evil)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "mock_server", "requests", "--url", workspace["url"]]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    environment.pop("NO_COLOR", None)
    done = subprocess.Popen(
        [*command, "--workspace", workspace["id"]], stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break  # what Linux says at the end
        if not piece:
            break
        said += piece
    os.close(ours)
    assert done.wait(timeout=LONG) == 0
    text = said.decode()
    assert r"\x1b]0;title\x07\x1b[2J\x9b31m\u202e" in text
    assert text.replace("\x1b[2m", "").replace("\x1b[0m", "").replace("\r\n", "").isprintable()


# What comes from a server -------------------------------------------------------------------------------


def test_nothing_from_the_server_moves_the_cursor(carrot: Run, authorised: httpx.Client) -> None:
    evil = "\x1b[31mred\x07\x9b\u202e\u2028\n\tend"
    create(authorised, deduplicationId=evil)
    for command in (("requests",), ("requests", "r2"), ("requests", "--json"), ("requests", "r99\x1b[31m")):
        done = carrot(*command)
        text = (done.out + done.err).replace("\n", "").replace("\t", "")
        assert text.isprintable(), command
    assert carrot("requests", "r2", "--json").json["deduplication"][0]["key"] == evil
    carrot("fault", "add", "any", "arrived", "drop", "--key", evil)
    assert carrot("fault", "list").rows[0][5] == f"key {printable(evil)}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain São Paulo ×", "plain São Paulo ×"),
        ("a\x1b[0mb", r"a\x1b[0mb"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\u202e\u200b\x85\ud800", r"\u202e\u200b\x85\ud800"),
        ("no-break\u00a0space", "no-break\u00a0space"),
    ],
)
def test_a_text_is_printed_without_what_a_terminal_obeys(text: str, shown: str) -> None:
    assert printable(text) == shown


# Mistakes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fault", "add", "*", "arived", "drop"], "/phase must be one of arrived, authenticated"),
        (["fault", "add", "documents.read", "committed", "drop"], "A read commits nothing."),
        (["fault", "add", "*", "arrived"], "Missing argument 'DO'."),
        (
            ["fault", "add", "*", "arrived", "drop", "--times", "often"],
            "a whole number or `forever` is needed",
        ),
        (["fault", "add", "*", "arrived", "hang", "--seconds", "nan"], "a number of seconds is needed"),
        (["fault", "add", "*", "arrived", "hang", "--seconds", "2 weeks"], "such as 90, or 15m, 2h, 1d"),
        (
            ["gate", "hold", "token", "arrived", "--timeout", "-1"],
            "/timeout must be a number of seconds above 0",
        ),
        (["clock", "set", "tomorrow"], "/now must be a date-time with Z or an offset"),
        (["clock", "advance", "-5"], "To go back, set /now."),
        (["clock", "skew", "x"], "a number of seconds is needed"),
        (["requests", "--since", "x"], "since must be the id of a request or a date-time"),
        (["requests", "--limit", "-1"], "limit must be a whole number from 0"),
        (["requests", "--workspace", "none"], "There is no workspace none."),
        (
            ["requests", "--url", "127.0.0.1:8750"],
            "--url takes an address such as http://127.0.0.1:8750, not",
        ),
        (["requests", "--url", "http://h/path"], "--url takes an address such as http://127.0.0.1:8750, not"),
        (["requests", "--control-token", "€"], "take one line of ASCII characters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_sentence(
    run: Run, server: Serving, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.setenv("CARROT_MOCK_URL", server.url)
    assert sentence in run(*arguments).sentence


def test_a_group_without_a_command_shows_its_help(run: Run) -> None:
    for group in ("fault", "gate", "clock", "snapshot"):
        done = run(group)
        assert done.code == 2
        assert "Commands:" in done.out + done.err


def test_no_server_at_the_address(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    sentence = run("requests", "--url", f"http://127.0.0.1:{port}").sentence
    assert sentence.startswith(f"no Carrot Mock answers at http://127.0.0.1:{port} (Connection refused).")
    assert "carrot-mock serve" in sentence


@pytest.fixture
def stranger() -> Iterator[str]:
    """The address of a server that answers everything, and is no Carrot Mock."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_another_server_at_the_address(run: Run, stranger: str) -> None:
    assert run("requests", "--url", stranger).sentence.startswith(
        f"what answers at {stranger} is no Carrot Mock (GET /_mock/health: status 200)."
    )


def test_the_control_api_may_be_off_or_ask_for_a_token(
    run: Run, serve: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch
) -> None:
    off = serve("--no-control").url
    assert "the control API of this server is switched off" in run("requests", "--url", off).sentence
    url = serve("--control-token", "t0k3n").url
    monkeypatch.setenv("CARROT_MOCK_URL", url)
    assert run("requests").sentence.startswith(f"the Carrot Mock at {url} needs a control token.")
    assert "has another control token than the one given" in run("requests", "--control-token", "no").sentence
    assert run("requests", "--control-token", "t0k3n") == Done(0, "", "")
    monkeypatch.setenv("CARROT_MOCK_CONTROL_TOKEN", "t0k3n")
    assert run("fault", "list") == Done(0, "", "")


def test_they_need_no_package_for_tests() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import mock_server.control_commands\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(loaded & {'pytest', 'httpx', 'pytest_carrot', 'carrot_fixtures', 'faker', 'starlette', 'rich'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
