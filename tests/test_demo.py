"""`carrot-mock demo`, and the MassID that it submits."""

from __future__ import annotations

import copy
import io
import re
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from carrot_fixtures import MassIdJourney, demo_mass_id
from rich.console import Console

from mock_server import create_app
from mock_server.behaviours import Semantics
from mock_server.cli import app
from mock_server.clock import ManualClock
from mock_server.demo import DemoFailed, run
from mock_server.demo_screen import RichScreen
from mock_server.server import in_thread
from mock_server.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOWS = [
    NOON,
    datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 12, 31, 22, tzinfo=timezone(timedelta(hours=-3))),
]

# The MassID ------------------------------------------------------------------------------------------------


@pytest.fixture(params=NOWS, ids=str)
def now(request: pytest.FixtureRequest) -> datetime:
    found: datetime = request.param
    return found


@pytest.fixture
def journey(now: datetime) -> MassIdJourney:
    return demo_mass_id(now)


def named(journey: MassIdJourney, name: str) -> dict[str, Any]:
    (event,) = [each for each in journey.events if each["name"] == name]
    return dict(event)


def actor(journey: MassIdJourney, label: str) -> dict[str, Any]:
    (event,) = [each for each in journey.events if each.get("label") == label]
    return dict(event)


def values(event: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each["value"] for each in event["metadata"]["attributes"]}


def moment(event: Any) -> datetime:
    return datetime.fromisoformat(event["externalCreatedAt"])


def test_the_timeline_is_complete_and_in_order(journey: MassIdJourney, now: datetime) -> None:
    assert [each["name"] for each in journey.events] == [
        *["ACTOR"] * 5,
        *["PICK_UP", "TRANSPORT_MANIFEST", "WEIGHING", "DROP_OFF", "SORTING", "RECYCLED"],
        *["RECYCLING_MANIFEST", "CLOSE"],
    ]
    moments = [moment(each) for each in (journey.document, *journey.events)]
    assert moments == sorted(moments)
    assert moments[-1] < now


def test_it_lies_within_the_project_period_and_the_composting_cycle(
    journey: MassIdJourney, now: datetime
) -> None:
    recycled = moment(named(journey, "RECYCLED"))
    assert recycled >= datetime(now.year - 1, 1, 1, tzinfo=UTC)
    hours = (recycled - moment(named(journey, "DROP_OFF"))) // timedelta(hours=1)
    assert 60 * 24 - 1 <= hours <= 180 * 24 + 1


def test_each_role_has_one_party_and_the_generator_is_the_documents(journey: MassIdJourney) -> None:
    labels = [each["label"] for each in journey.events if each["name"] == "ACTOR"]
    assert sorted(labels) == ["Hauler", "Integrator", "Processor", "Recycler", "Waste Generator"]
    assert actor(journey, "Waste Generator")["participant"] == journey.document["participant"]
    recycler = actor(journey, "Recycler")["address"]
    assert recycler["countryCode"] == "BR"
    for name in ("DROP_OFF", "RECYCLING_MANIFEST"):
        assert named(journey, name)["address"] == recycler


def test_the_weights_add_up_exactly(journey: MassIdJourney) -> None:
    weighing, sorting = named(journey, "WEIGHING"), named(journey, "SORTING")
    assert values(weighing)["Gross Weight"] - values(weighing)["Tare"] == weighing["value"]
    assert named(journey, "DROP_OFF")["value"] == weighing["value"] == values(sorting)["Gross Weight"]
    assert values(sorting)["Gross Weight"] - values(sorting)["Deducted Weight"] == sorting["value"]
    assert {each["value"] for each in journey.events[-4:] if "value" in each} == {sorting["value"]}


def test_the_truck_its_driver_and_its_waste_are_identified(journey: MassIdJourney) -> None:
    pick_up, weighing = values(named(journey, "PICK_UP")), values(named(journey, "WEIGHING"))
    assert pick_up["Vehicle Type"] == weighing["Container Type"] == "Truck"
    assert pick_up["Vehicle License Plate"] == weighing["Vehicle License Plate"]
    assert re.fullmatch(r"[A-Z]{3}\d[A-Z]\d{2}", pick_up["Vehicle License Plate"])
    assert pick_up["Driver Identifier"]
    assert pick_up["Local Waste Classification ID"] == "20 01 08"
    assert (
        pick_up["Local Waste Classification Description"] == "Resíduos biodegradáveis de cozinha e cantinas"
    )
    assert journey.document["subtype"] == "Food, Food Waste and Beverages"
    assert "Container Quantity" not in weighing
    assert (weighing["Scale Type"], weighing["Weighing Capture Method"]) == (
        "Weighbridge (Truck Scale)",
        "Digital",
    )
    assert values(named(journey, "DROP_OFF"))["Receiving Operator Identifier"]


@pytest.mark.parametrize(
    ("name", "kind", "label"),
    [
        ("TRANSPORT_MANIFEST", "MTR", "Transport Manifest"),
        ("RECYCLING_MANIFEST", "CDF", "Recycling Manifest"),
    ],
)
def test_a_manifest_names_its_file_which_agrees_with_it(
    journey: MassIdJourney, name: str, kind: str, label: str
) -> None:
    event = named(journey, name)
    (attachment,) = event["attachments"]
    (file,) = [each for each in journey.attachments if each.file_name == attachment["fileName"]]
    assert attachment["label"] == file.label == label
    assert file.content_type == "application/pdf"
    attributes = values(event)
    assert attributes["Document Type"] == kind
    assert attributes["Issue Date"] == f"{moment(event):%Y-%m-%d}"
    text = file.content.decode("cp1252")
    for expected in (attributes["Document Number"], f"{moment(event):%d/%m/%Y}", f"{event['value']} kg"):
        assert expected in text


def test_the_tax_ids_have_valid_check_digits(journey: MassIdJourney) -> None:
    def digit(digits: str) -> int:
        weights = [2 + index % 8 for index in range(len(digits))]
        rest = sum(int(each) * weight for each, weight in zip(reversed(digits), weights, strict=True)) % 11
        return 0 if rest < 2 else 11 - rest

    tax_ids = {each["participant"]["taxId"] for each in journey.events}
    assert len(tax_ids) == 4
    for tax_id in tax_ids:
        assert tax_id[12:] == f"{digit(tax_id[:12])}{digit(tax_id[:13])}"


def test_every_key_is_new_for_another_moment_and_the_same_for_the_same(now: datetime) -> None:
    first, later = demo_mass_id(now), demo_mass_id(now + timedelta(microseconds=1))
    assert demo_mass_id(now) == first
    keys = [*first.deduplication_ids, *later.deduplication_ids]
    assert len(set(keys)) == len(keys) == 28


def test_a_journey_shares_nothing_with_the_next() -> None:
    first = demo_mass_id(NOON)
    before = copy.deepcopy(first)
    first.events[0]["participant"]["name"] = "changed"
    assert demo_mass_id(NOON) == before


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        demo_mass_id(NOON.replace(tzinfo=None))


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
        "1,692 bytes, the same as were uploaded",
        "status CLOSED, currentValue 3,120 kg, 14 events, 2 files",
    ):
        assert part in done.stdout


def test_the_server_has_every_event_once_and_the_retries_as_replays(
    workspace: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    credential = workspace["credentials"][0]
    monkeypatch.setenv("CARROT_CLIENT_ID", credential["clientId"])
    monkeypatch.setenv("CARROT_CLIENT_SECRET", credential["clientSecret"])
    journey = demo_mass_id(NOON)
    run(workspace["url"], journey)
    control = f"{workspace['url']}/_mock/workspaces/{workspace['id']}"
    (document,) = httpx.get(f"{control}/documents").json()
    assert (document["status"], document["currentValue"]) == ("CLOSED", 3120)
    found = httpx.get(f"{control}/documents/{document['id']}").json()["externalEvents"][1:]
    assert [each["deduplicationId"] for each in found] == list(journey.deduplication_ids[1:])
    verdicts = [
        each["verdict"]
        for request in httpx.get(f"{control}/requests").json()
        for each in request["deduplication"]
    ]
    assert [each for each in verdicts if each != "fresh"] == ["replay", "replay", "changed-body"]
    assert document["id"] in capsys.readouterr().out


def test_it_can_be_told_to_one_server_again_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    with in_thread(create_app(Settings(rate_limit="off"))) as url:
        for minutes in range(2):
            run(url, demo_mass_id(NOON + timedelta(minutes=minutes)))
        assert len(httpx.get(f"{url}/_mock/workspaces/default/documents").json()) == 2
    assert capsys.readouterr().out.count("status CLOSED") == 2


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_the_terminal_and_says_the_same_without_colour(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for colours in ("truecolor", None):
        file = io.StringIO()
        console = Console(
            width=width,
            height=100,
            file=file,
            force_terminal=True,
            highlight=False,
            color_system=colours,
            legacy_windows=False,
            _environ={},
        )
        monkeypatch.setattr("mock_server.demo.screen", lambda console=console: RichScreen(console))
        with in_thread(create_app(Settings(rate_limit="off", seed=1), clock=ManualClock(NOON))) as url:
            run(url, demo_mass_id(NOON))
        text = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())
        assert (text != file.getvalue()) == (colours is not None)
        shown.append(text.replace(url, "").splitlines())
    assert shown[0] == shown[1]
    assert max(map(len, shown[0])) <= width
    (row,) = [line.split() for line in shown[0] if "11:30" in line]
    assert row[-5 - (width == 120) :][:5] == ["ME", "3,250", "3", "1", "1x"]
    assert "TRANSPORT_MANIFEST" in row


# A server that asks for patience ---------------------------------------------------------------------------


def told_with_waits(**settings: Any) -> list[float]:
    """How long the demo waited, on a server whose clock only moves when it does."""
    clock = ManualClock(NOON)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    with in_thread(create_app(Settings(**settings), clock=clock)) as url:
        run(url, demo_mass_id(NOON), sleep=sleep)
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
        run(url, demo_mass_id(NOON), sleep=waits.append)
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
        (http(200, "application/json", "{}"), "answered without an access_token"),
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
        run(url, demo_mass_id(NOON))


def test_a_server_in_a_thread_is_gone_after_its_block() -> None:
    with in_thread(create_app()) as url:
        assert httpx.get(f"{url}/_mock/health").status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_mock/health")
