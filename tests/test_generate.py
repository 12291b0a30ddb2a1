"""`carrot-mock generate`: what it prints, for whom, and what it makes of bad input."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import weakref
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from carrot_fixtures import DEFAULT_NOW, METHODOLOGIES, VARIANTS, MassIdJourney, mass_id
from rich.console import Console

from mock_server import cli, generate_screen
from mock_server.generating import FORMATS, pieces

Generate = Callable[..., bytes]
CARROT_MOCK = [sys.executable, "-m", "mock_server"]
posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")


@pytest.fixture
def generate(capfdbinary: pytest.CaptureFixture[bytes]) -> Generate:
    """What `carrot-mock generate mass-id` prints."""

    def run(*arguments: str) -> bytes:
        cli.app(["generate", "mass-id", *arguments], standalone_mode=False)
        return capfdbinary.readouterr().out

    return run


def lines(printed: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


# What it prints --------------------------------------------------------------------------------------------


def test_one_mass_id_is_one_object_with_all_of_it(generate: Generate) -> None:
    journey = mass_id(seed=7)
    printed = generate("--seed", "7")
    found = json.loads(printed)
    assert list(found) == ["document", "events", "attachments", "accreditations"]
    assert found["document"] == journey.document
    assert found["events"] == journey.events
    assert found["accreditations"] == list(journey.accreditations)
    for made, file in zip(found["attachments"], journey.attachments, strict=True):
        assert (made["fileName"], made["contentType"]) == (file.file_name, file.content_type)
        assert (made["label"], b64decode(made["contentBase64"])) == (file.label, file.content)
    assert generate("--seed", "7", "--count", "1") == printed
    assert printed.startswith(b'{\n  "document": {\n    "category": "MassID"')


def test_more_are_an_array_of_the_same(generate: Generate) -> None:
    printed = generate("--seed", "7", "--count", "3")
    assert json.loads(printed) == [json.loads(generate("--seed", str(7 + index))) for index in range(3)]
    assert printed.startswith(b'[\n  {\n    "document": {\n')
    assert printed.endswith(b"\n  }\n]\n")


def test_ndjson_is_a_line_each_and_each_can_be_made_again_alone(generate: Generate) -> None:
    printed = generate("--seed", "7", "--count", "3", "--format", "ndjson")
    alone = [generate("--seed", str(7 + index), "--format", "ndjson") for index in range(3)]
    assert printed == b"".join(alone)
    assert lines(printed) == json.loads(generate("--seed", "7", "--count", "3"))


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_seed_gives_the_same_bytes_and_none_gives_others(form: str, generate: Generate) -> None:
    seeded = [generate("--count", "2", "--format", form, "--seed", "-3") for _ in range(2)]
    assert seeded[0] == seeded[1]
    assert generate("--format", form) != generate("--format", form)


def test_text_is_utf_8_whatever_the_locale(generate: Generate) -> None:
    printed = subprocess.run(
        [*CARROT_MOCK, "generate", "mass-id", "--seed", "7"],
        env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    ).stdout
    assert printed == generate("--seed", "7")
    assert not printed.isascii()


def test_every_option_reaches_the_journey(generate: Generate) -> None:
    arguments = {
        "methodology": "bold-carbon",
        "locale": "en_US",
        "variant": "bin",
        "event_names": "title",
    }
    options = [f"--{name.replace('_', '-')}={value}" for name, value in arguments.items()]
    found = json.loads(generate("--seed", "7", "--now", "2026-03-01T09:00:00-03:00", *options))
    now = DEFAULT_NOW.replace(month=3)
    assert found["events"] == mass_id(seed=7, now=now, **arguments).events
    assert "Pick-up" in [each["name"] for each in found["events"]]


def test_the_help_says_which_moment_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    cli.app(["generate", "mass-id", "--help"], standalone_mode=False)
    assert f"{DEFAULT_NOW:%Y-%m-%dT%H:%M:%SZ}" in capsys.readouterr().out


# It streams ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_kept_from_one_to_the_next(form: str) -> None:
    made: list[weakref.ref[MassIdJourney]] = []

    def journeys() -> Iterator[MassIdJourney]:
        for seed in range(9):
            journey = mass_id(seed=seed)
            made.append(weakref.ref(journey))
            yield journey

    written = pieces(journeys(), 9, form)
    for number in range(1, 10):
        next(written)
        assert len(made) == number
        assert sum(each() is not None for each in made) <= 2


@pytest.mark.parametrize("form", FORMATS)
def test_a_reader_gets_the_first_long_before_the_last_and_may_leave(form: str) -> None:
    command = [*CARROT_MOCK, "generate", "mass-id", "--count", "1000000", "--format", form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() in (b"[\n", b"#!/bin/sh\n") or form == "ndjson"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_ends_in_a_sentence() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*CARROT_MOCK, "generate", "mass-id"], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    assert done.stderr == b"carrot-mock: cannot write the output: No space left on device.\n"


# What a person sees ----------------------------------------------------------------------------------------


def on_a_terminal(*arguments: str, stdout: Path) -> bytes:
    """What it says on stderr, which is a terminal, while stdout is a file."""
    theirs, ours = os.openpty()
    with stdout.open("wb") as file:
        subprocess.run(
            [*CARROT_MOCK, "generate", "mass-id", *arguments], stdout=file, stderr=ours, check=True
        )
    os.close(ours)
    try:
        return os.read(theirs, 10_000)
    except OSError:  # the end of what a terminal said
        return b""
    finally:
        os.close(theirs)


@posix
def test_without_a_seed_a_person_is_told_how_to_get_the_same_again(
    tmp_path: Path, generate: Generate
) -> None:
    said = on_a_terminal("--count", "2", stdout=tmp_path / "made").decode().split()
    assert said[:3] == ["carrot-mock:", "add", "--seed"]
    assert generate("--count", "2", "--seed", said[3]) == (tmp_path / "made").read_bytes()
    assert on_a_terminal("--count", "2", "--seed", said[3], stdout=tmp_path / "made") == b""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watch(seconds: float, monkeypatch: pytest.MonkeyPatch, *, stdout: io.StringIO) -> str:
    """What is on stderr, a terminal, after three items that took so long each."""
    now = 0.0
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(sys, "stdout", stdout)

    def items() -> Iterator[int]:
        nonlocal now
        for number in range(3):
            now += seconds
            yield number

    watched = generate_screen.watched(items(), 3, "MassIDs", clock=lambda: now)
    assert list(watched) == [0, 1, 2]
    return terminal.getvalue()


def test_a_bar_comes_when_it_takes_more_than_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "MassIDs" in watch(0.6, monkeypatch, stdout=io.StringIO())
    assert watch(0.3, monkeypatch, stdout=io.StringIO()) == ""
    assert watch(9, monkeypatch, stdout=Terminal()) == ""


# Submitted for real ----------------------------------------------------------------------------------------


def submit(client: httpx.Client, made: dict[str, Any]) -> str:
    """What a client of any language would do with the printed JSON; the document's id."""
    document_id = str(client.post("/documents", json=made["document"]).raise_for_status().json()["id"])
    for file in made["attachments"]:
        content = b64decode(file["contentBase64"])
        declared = {"contentLength": len(content), "contentType": file["contentType"]}
        answer = client.put(f"/documents/{document_id}/attachments/{file['fileName']}", json=declared)
        headers = {"Content-Type": file["contentType"]}
        httpx.put(answer.json()["url"], content=content, headers=headers).raise_for_status()
    for event in made["events"]:
        client.post(f"/documents/{document_id}/events", json=event).raise_for_status()
    return document_id


@pytest.mark.parametrize("form", ["json", "ndjson"])
def test_the_api_takes_what_is_printed(form: str, authorised: httpx.Client, generate: Generate) -> None:
    printed = generate("--count", "2", "--seed", "7", "--format", form)
    for made in json.loads(printed) if form == "json" else lines(printed):
        document = authorised.get(f"/documents/{submit(authorised, made)}").json()
        assert document["status"] == "CLOSED"
        assert [each["name"] for each in document["externalEvents"][1:]] == [
            each["name"] for each in made["events"]
        ]
        assert len(document["attachments"]) == len(made["attachments"]) == 3


# Bad input -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--count", "0"], "a whole number from 1 on is needed, not '0'"),
        (["--count", "-1"], "a whole number from 1 on is needed, not '-1'"),
        (["--count", "many"], "a whole number from 1 on is needed, not 'many'"),
        (["--count", "9" * 5000], "a whole number from 1 on is needed"),
        (["--seed", "1.5"], "'1.5' is not a valid integer"),
        (["--variant", "truk"], "there is no variant 'truk'; the nearest are truck"),
        (["--methodology", "bold"], "there is no methodology 'bold'; there are bold-recycling, bold-carbon"),
        (["--variant", "broken:prevented-emissions"], "not for bold-recycling"),
        (["--variant", "legacy", "--event-names", "title"], "leave --event-names out"),
        (["--locale", "fr_FR"], "'fr_FR' is not one of"),
        (["--event-names", "Title"], "'Title' is not one of"),
        (["--format", "xml"], "'xml' is not one of"),
        (["--now", "yesterday"], "a date and time with a zone is needed, such as 2026-07-01T12:00:00Z"),
        (["--now", "2026-03-01T12:00:00"], "a date and time with a zone is needed"),
        (["--now", "2024-03-01T12:00:00Z"], "2025 or later"),
        (["--now", "9999-12-31T23:59:59-12:00"], "before"),
        (["--colour", "red"], "No such option"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_ends_in_a_sentence(
    arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["carrot-mock", "generate", "mass-id", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.startswith("carrot-mock: ")
    assert errors.count("\n") == 1
    assert sentence in errors


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", [["generate", "mass-id"], ["generate", "variants"], ["demo"]])
def test_without_faker_a_sentence_says_what_to_install(command: list[str]) -> None:
    done = run_python(
        f"import sys; sys.modules['faker'] = None; sys.argv = ['carrot-mock', *{command}]\n"
        "from mock_server.cli import main; main()"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "carrot-mock: this command makes its data with Faker, which is not installed"
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["serve", "--help"], ["generate", "mass-id", "--help"], ["version"]])
def test_a_command_that_makes_nothing_does_not_load_faker(command: list[str]) -> None:
    done = run_python(
        f"import sys; from mock_server.cli import app; app({command}, standalone_mode=False)\n"
        "assert not {'faker', 'rich', 'starlette', 'carrot_fixtures'} & set(sys.modules)"
    )
    assert (done.returncode, done.stderr) == (0, "")


# The variants ----------------------------------------------------------------------------------------------


def test_the_variants_are_listed_as_json_and_as_lines(capsys: pytest.CaptureFixture[str]) -> None:
    cli.app(["generate", "variants", "--json"], standalone_mode=False)
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(VARIANTS)
    for row in rows:
        variant = VARIANTS[row["name"]]
        assert (row["summary"], tuple(row["breaks"])) == (variant.summary, variant.breaks)
        assert tuple(row["methodologies"]) == variant.methodologies
    cli.app(["generate", "variants"], standalone_mode=False)
    printed = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [cells[0] for cells in printed] == list(VARIANTS)
    assert ["broken:weighing", "weighing"] in [[cells[0], cells[2]] for cells in printed]
    assert all(len(cells) == 4 for cells in printed)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_table_of_variants_fits_the_terminal(width: int) -> None:
    file = io.StringIO()
    variants: Sequence[Any] = list(VARIANTS.values())
    console = Console(file=file, width=width, height=50, highlight=False, _environ={})
    generate_screen.render_variants(console, variants)
    shown = file.getvalue()
    assert max(map(len, shown.splitlines())) <= width
    assert "two-step-weighing" in shown
    assert "breaks weighing" in shown
    assert "only for bold-carbon" in shown
    assert f"{len(VARIANTS)} variants" in shown


def test_the_help_names_every_methodology(capsys: pytest.CaptureFixture[str]) -> None:
    cli.app(["generate", "mass-id", "--help"], standalone_mode=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert " or ".join(METHODOLOGIES) in shown


@pytest.mark.parametrize("command", ["generate mass-id", "generate variants", "demo"])
def test_a_closed_stdout_is_one_sentence(command: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"{sys.executable}" -m mock_server {command} >&-'],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == "carrot-mock: there is nowhere to print to: stdout is closed.\n"
