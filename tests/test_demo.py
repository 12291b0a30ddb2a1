"""`carrot-mock demo`: the story of one MassID, and the others after it."""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from carrot_fixtures import METHODOLOGIES, VARIANTS, MassIdJourney, mass_id
from rich.console import Console

from mock_server import create_app
from mock_server.behaviours import Semantics
from mock_server.cli import DEMO_VARIANTS, app, main
from mock_server.clock import ManualClock
from mock_server.demo import DemoFailed, run
from mock_server.demo_rich import RichScreen
from mock_server.server import in_thread
from mock_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def journey(seed: int = 1, **more: Any) -> MassIdJourney:
    return mass_id(seed=seed, now=NOON, **more)


# The story -------------------------------------------------------------------------------------------------


def test_the_command_tells_the_whole_story_in_plain_lines() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mock_server", "demo"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert re.findall(r"^(\d+)\. ", done.stdout, re.MULTILINE) == [str(number) for number in range(1, 13)]
    for part in (
        "201 POST /documents/{id}/events: the same event ",
        "400 POST /documents/{id}/events: validationError",
        '"Document Type"',
        "externalCreatedAt",
        "409 POST /documents/{id}/events: conflictError",
        " bytes, the same as were uploaded",
        " kg, 14 events, 3 files",
    ):
        assert part in done.stdout


def test_the_server_has_every_event_once_and_the_retries_as_replays(
    workspace: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    credential = workspace["credentials"][0]
    monkeypatch.setenv("CARROT_CLIENT_ID", credential["clientId"])
    monkeypatch.setenv("CARROT_CLIENT_SECRET", credential["clientSecret"])
    made = journey()
    run(workspace["url"], [made])
    control = f"{workspace['url']}/_mock/workspaces/{workspace['id']}"
    (document,) = httpx.get(f"{control}/documents").json()
    assert (document["status"], document["currentValue"]) == ("CLOSED", made.events[-2]["value"])
    found = httpx.get(f"{control}/documents/{document['id']}").json()["externalEvents"][1:]
    assert [each["deduplicationId"] for each in found] == list(made.deduplication_ids[1:])
    verdicts = [
        each["verdict"]
        for request in httpx.get(f"{control}/requests").json()
        for each in request["deduplication"]
    ]
    assert [each for each in verdicts if each != "fresh"] == ["replay", "replay", "changed-body"]
    assert document["id"] in capsys.readouterr().out


def test_it_can_be_told_to_one_server_again_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    with in_thread(create_app(Settings(rate_limit="off"))) as url:
        assert [demo("--url", url) for _ in range(2)] == [0, 0]
        assert len(httpx.get(f"{url}/_mock/workspaces/default/documents").json()) == 2
    assert capsys.readouterr().out.count("status CLOSED") == 2


# More than one ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("methodology", METHODOLOGIES)
def test_the_others_follow_in_a_line_each(methodology: str, capsys: pytest.CaptureFixture[str]) -> None:
    with in_thread(create_app(Settings(rate_limit="off"))) as url:
        assert demo("--url", url, "--mass-ids", "8", "--methodology", methodology) == 0
        kept = httpx.get(f"{url}/_mock/workspaces/default/documents").json()
    told, _, others = capsys.readouterr().out.partition("\nSubmit 7 more MassIDs ")
    assert told.count("status CLOSED") == 1
    lines = re.findall(
        r"^   (\d)/7 document (\S+): (\S+), \S+ kg, \d+ events, \d files?$", others, re.MULTILINE
    )
    assert [number for number, _, _ in lines] == [str(number) for number in range(1, 8)]
    assert len({variant for _, _, variant in lines}) == 7
    assert {document["id"] for document in kept} >= {document_id for _, document_id, _ in lines}
    assert {document["status"] for document in kept} == {"CLOSED"}
    events = sum(document["events"] for document in kept)
    assert f"\n8 documents with {events} events, all CLOSED; the last 5 are above\n" in others
    table = others[others.index("  Document  ") :].splitlines()[1:6]
    assert [row.split()[:2] for row in table] == [
        [document_id, variant] for _, document_id, variant in lines[-5:]
    ]


def test_the_others_are_all_valid() -> None:
    assert DEMO_VARIANTS[0] == "truck"
    for name in DEMO_VARIANTS:
        assert VARIANTS[name].breaks == ()
        assert VARIANTS[name].methodologies == tuple(METHODOLOGIES)


@pytest.mark.parametrize("width", [80, 120])
def test_the_others_are_a_table_on_a_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr("mock_server.demo.screen", lambda: RichScreen(console(file, width, "truecolor")))
    journeys = [journey(seed, variant=variant) for seed, variant in enumerate(DEMO_VARIANTS[:4])]
    with in_thread(create_app(Settings(rate_limit="off"))) as url:
        run(url, journeys, 4)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue())
    others = text[text.index("Submit 3 more MassIDs") :].replace("\r", "\n").splitlines()
    assert max(map(len, others)) <= width
    assert "4 documents with 57 events, all CLOSED" in others
    (row,) = [line.split() for line in others if "two-step-weighing" in line]
    assert row[3:] == ["15", "3"]
    assert "…" not in "".join(others)


def test_the_others_wait_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(told_with_waits(3, rate_limit="documented")) == {1.0}
    assert "3 documents with 42 events, all CLOSED\n" in capsys.readouterr().out


def test_one_that_is_refused_is_told_of() -> None:
    others = journey(2)
    del others.document["isPublic"]
    with (
        in_thread(create_app(Settings(rate_limit="off"))) as url,
        pytest.raises(DemoFailed, match="POST /documents answered 400 where success was expected"),
    ):
        run(url, [journey(), others], 2)


def test_one_that_is_kept_otherwise_is_told_of() -> None:
    twice = journey(2)
    twice.events.insert(1, twice.events[0])
    for other, sentence in (
        (journey(2, variant="incomplete"), "has the status OPEN, where CLOSED was expected"),
        (twice, "was expected once"),
    ):
        with (
            in_thread(create_app(Settings(rate_limit="off"))) as url,
            pytest.raises(DemoFailed, match=sentence),
        ):
            run(url, [journey(), other], 2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--mass-ids", "0"], "a whole number from 1 on is needed, not '0'"),
        (["--mass-ids", "few"], "a whole number from 1 on is needed, not 'few'"),
        (["--methodology", "bold"], "there is no methodology 'bold'; there are bold-recycling, bold-carbon"),
    ],
)
def test_bad_input_ends_in_a_sentence_before_anything_is_told(
    arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["carrot-mock", "demo", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.startswith("carrot-mock: ")
    assert errors.count("\n") == 1
    assert sentence in errors


# On a terminal ---------------------------------------------------------------------------------------------


def console(file: io.StringIO, width: int, colours: str | None) -> Console:
    return Console(
        width=width,
        height=100,
        file=file,
        force_terminal=True,
        highlight=False,
        color_system=colours,
        legacy_windows=False,
        _environ={},
    )


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_the_terminal_and_says_the_same_without_colour(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for colours in ("truecolor", None):
        file = io.StringIO()
        screen = RichScreen(console(file, width, colours))
        monkeypatch.setattr("mock_server.demo.screen", lambda screen=screen: screen)
        with in_thread(create_app(Settings(rate_limit="off", seed=1), clock=ManualClock(NOON))) as url:
            run(url, [journey()])
        text = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())
        assert (text != file.getvalue()) == (colours is not None)
        shown.append(text.replace(url, "").splitlines())
    assert shown[0] == shown[1]
    assert max(map(len, shown[0])) <= width
    timeline = shown[0][next(at for at, line in enumerate(shown[0]) if line.startswith("Time (UTC)")) :]
    (row,) = [line.split() for line in timeline if " TRANSPORT_MANIFEST " in line]
    assert row[-4 - (width == 120) :][:4] == ["4,275", "3", "1", "1x"]


# A server that asks for patience ---------------------------------------------------------------------------


def told_with_waits(count: int = 1, **settings: Any) -> list[float]:
    """How long the demo waited, on a server whose clock only moves when it does."""
    clock = ManualClock(NOON)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    with in_thread(create_app(Settings(**settings), clock=clock)) as url:
        run(url, map(journey, range(count)), count, sleep=sleep)
    return waits


def test_too_many_requests_are_sent_again_a_second_later(capsys: pytest.CaptureFixture[str]) -> None:
    waits = told_with_waits(rate_limit="documented")
    assert len(waits) >= 3
    assert set(waits) == {1.0}
    assert capsys.readouterr().out.count("429 ") == len(waits)


def test_a_busy_document_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    semantics = Semantics.default().replace({"pending-window": 1})
    waits = told_with_waits(rate_limit="off", semantics=semantics)
    assert set(waits) == {2.0}
    assert "status CLOSED" in capsys.readouterr().out


def test_it_gives_up_after_five_tries_each_after_twice_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    waits: list[float] = []
    with (
        in_thread(create_app(Settings(), clock=ManualClock(NOON))) as url,
        pytest.raises(DemoFailed, match="answered 429 where success was expected: Too Many Requests"),
    ):
        run(url, [journey()], sleep=waits.append)
    assert waits == [1, 2, 4, 8]


# What goes otherwise than expected -------------------------------------------------------------------------


@contextmanager
def answering(content: bytes) -> Iterator[str]:
    """A server that answers every connection with the same bytes, and closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(content)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def http(status: int, kind: str, body: str) -> bytes:
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    return f"{head}\r\n{body}".encode()


def demo(*arguments: str) -> int:
    """The exit code of `carrot-mock demo`."""
    with pytest.raises(SystemExit) as ended:
        app(["demo", *arguments], prog_name="carrot-mock")
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (http(200, "text/html", "<html>"), "answered 200 with text/html, not with a JSON object"),
        (http(502, "text/html", "<html>"), "answered 502. Is http"),
        (http(200, "application/json", "[]"), "not with a JSON object"),
        (http(200, "application/json", "{"), "not with a JSON object"),
        (http(200, "application/json", "{}"), "answered without access_token"),
        (http(404, "application/json", "{}"), "answered 404. Is http"),
        (http(400, "application/json", '{"error":"invalid_client"}'), "refused the client id"),
        (b"SSH-2.0-mock\r\n", "does not answer in HTTP"),
        (b"", "closed the connection without an answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_server_that_is_none_of_carrots_ends_in_a_sentence(
    content: bytes, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(content) as url:
        assert demo("--url", url) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("carrot-mock: ")
    assert errors.count("\n") == 1
    assert sentence in errors


def test_a_connection_that_was_closed_meanwhile_is_opened_again(capsys: pytest.CaptureFixture[str]) -> None:
    token = '{"access_token":"t"}'
    content = http(200, "application/json", token).replace(b"Connection: close\r\n", b"")
    with answering(content) as url:
        assert demo("--url", url) == 1
    assert "POST /documents answered without id" in capsys.readouterr().err


def test_a_server_that_is_down_ends_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert demo("--url", f"http://127.0.0.1:{port}") == 1
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nonsense",
        "ftp://host",
        "http://",
        "http://a..b",
        "http://host:99999",
        "http://host/?a=b",
        "http://a b",
    ],
)
def test_an_address_that_is_none_is_the_users_mistake(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo("--url", address) == 2
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.startswith("carrot-mock: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("switches", "sentence"),
    [
        ({"dedup-changed-body": "replay"}, "answered 201 where 409 was expected."),
        ({"dedup-changed-body": "reject"}, "answered 400 where 409 was expected: "),
        ({"dedup-lifetime": 1e-6, "ordering": "off"}, "answered with another eventId"),
    ],
    ids=["replay", "reject", "expired"],
)
def test_a_server_that_decides_otherwise_is_told_of(switches: dict[str, Any], sentence: str) -> None:
    semantics = Semantics.default().replace(switches)
    with (
        in_thread(create_app(Settings(rate_limit="off", semantics=semantics))) as url,
        pytest.raises(DemoFailed, match=re.escape(sentence)),
    ):
        run(url, [journey()])


def test_a_server_in_a_thread_is_gone_after_its_block() -> None:
    with in_thread(create_app()) as url:
        assert httpx.get(f"{url}/_mock/health").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_mock/health")
