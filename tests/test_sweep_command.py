"""`carrot-mock sweep` with real commands."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from pytest_carrot.flows import CannotStart, Command, Ended
from pytest_carrot.worlds import Worlds

CLIENT = """
import sys
sys.path[:0] = [{tests!r}]
from types import SimpleNamespace
from os import environ
from sweep_flows import Client, Habits
world = SimpleNamespace(
    url=environ["CARROT_API_URL"], token_url=environ["CARROT_TOKEN_URL"],
    client_id=environ["CARROT_CLIENT_ID"], client_secret=environ["CARROT_CLIENT_SECRET"])
print("the secret is", world.client_secret)
Client(world, Habits(with_file=False, {habits})).submit()
"""


@pytest.fixture
def world() -> Iterator:
    with Worlds() as worlds, worlds.new() as found:
        yield found


def client(habits: str = "") -> list[str]:
    return [sys.executable, "-c", CLIENT.format(tests=str(Path(__file__).parent), habits=habits)]


def carrot_mock(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mock_server", "sweep", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **more},
        timeout=120,
    )


STARTED = "carrot-mock: running the command twice as it is ...\n"
FEW = ("--operation", "events.append", "--phase", "committed", "--kind", "drop", "--kind", "500")


def test_a_client_that_stands_exits_with_0_and_writes_its_reports(tmp_path: Path) -> None:
    files = [tmp_path / f"sweep.{each}" for each in ("json", "xml", "html")]
    wanted = (f"--{option}={file}" for option, file in zip(("json", "junit", "html"), files, strict=True))
    done = carrot_mock(*FEW, *wanted, "--", *client())
    assert (done.returncode, done.stderr) == (0, f"{STARTED}carrot-mock: 4 runs with a fault each ...\n")
    assert "HOLDS: whatever went wrong, everything was recorded once (4 of 4 cases)." in done.stdout
    assert "\x1b" not in done.stdout
    assert json.loads(files[0].read_text("utf-8"))["verdict"] == "holds"
    assert all(file.stat().st_size for file in files)


def test_a_client_that_fails_exits_with_1_and_tells_no_secret(tmp_path: Path) -> None:
    page = tmp_path / "sweep.html"
    secrets = ["--password=hunter2", "API_TOKEN=hunter2"]
    done = carrot_mock(
        *FEW, "--html", str(page), "--", *client("new_key=True"), *secrets, PYTHONIOENCODING="ascii"
    )
    assert done.returncode == 1
    assert "--password=[redacted]" in done.stdout
    assert not [told for told in (done.stdout, done.stderr, page.read_text("utf-8")) if "hunter2" in told]
    assert "FAILS: 4 of 4 cases" in done.stdout
    assert "| the secret is [redacted]" in done.stdout
    assert "X2/2K" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Give the command that runs the client after `--`"),
        (["--", "no-such-command"], "There is no command no-such-command: give the one that runs the client"),
        (["--junit", "no/such/folder", "--", "true"], "cannot write no/such/folder (--junit): No such file"),
        (
            ["--json", "-", "--", "true"],
            "'--json': stdout has the report for people: give the name of a file.",
        ),
        (
            ["--timeout", "nan", "--", "true"],
            "'--timeout': nan is no number of seconds: give one such as 30.",
        ),
        (["--kind", "flood", "--", "true"], "'flood' is not one of 'drop', 'reset'"),
        (["--", sys.executable, "-c", ""], "The clean run made no call"),
        (["--", sys.executable, "-c", "print('dry run')"], "CARROT_CLIENT_SECRET. It printed:\ndry run\n"),
        (["--", sys.executable, "-c", "exit('no luck')"], "it exited with 1. It printed:\nno luck"),
    ],
    ids=[
        "no command",
        "unknown command",
        "unwritable file",
        "stdout",
        "no time",
        "unknown kind",
        "no call",
        "no call, and output",
        "clean failure",
    ],
)
def test_what_cannot_be_swept_is_told_in_a_sentence_with_exit_2(arguments: list[str], sentence: str) -> None:
    done = carrot_mock(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert done.stderr.startswith("carrot-mock: ")


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals and pipes")
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_sweep_and_its_children_quietly(tmp_path: Path, number: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    running = subprocess.Popen(
        [sys.executable, "-m", "mock_server", "sweep", "--", "sh", "-c", _waiting(pipe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with pipe.open("rb", buffering=0) as held:
        assert held.readline() == b"started\n"
        running.send_signal(getattr(signal, number))
        assert running.communicate(timeout=60) == (b"", STARTED.encode())
        assert running.returncode == 130
        assert _is_let_go(held)


@pytest.mark.skipif(os.name == "nt", reason="there are no such pipes")
def test_a_command_that_takes_too_long_is_stopped_with_all_that_it_started(world, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[Ended] = []
    command = Command(["sh", "-c", f"echo waiting; {_waiting(pipe)}"], seconds=0.5)
    thread = threading.Thread(target=lambda: found.append(command.run(world)))
    thread.start()
    with pipe.open("rb", buffering=0) as held:
        assert held.readline() == b"started\n"
        assert _is_let_go(held)
    thread.join()
    (ended,) = found
    assert (ended.succeeded, ended.timed_out, ended.output) == (False, True, "waiting\n")
    assert ended.told == "did not end in time and was stopped"


def test_a_command_finds_its_world_and_its_output_tells_no_secret(world) -> None:
    names = [f"CARROT_{each}" for each in ("API_URL", "CLIENT_ID", "CLIENT_SECRET")]
    printing = f"import os; print(*map(os.environ.get, {names}))"
    ended = Command([sys.executable, "-c", printing]).run(world)
    assert ended.succeeded
    assert ended.output == f"{world.url} {world.client_id} [redacted]\n"


def test_of_a_long_output_the_end_is_kept(world) -> None:
    ended = Command([sys.executable, "-c", "print('x' * 100_000 + 'the end')"]).run(world)
    assert len(ended.output) == 4000
    assert ended.output.endswith("the end\n")


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(world, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv("NO_PROXY", "example.org")
    ended = Command([sys.executable, "-c", "import os; print(os.environ['NO_PROXY'])"]).run(world)
    assert ended.output == "example.org,127.0.0.1,localhost\n"


def test_a_stopped_command_starts_no_more(world) -> None:
    command = Command(["true"])
    command.stop()
    with pytest.raises(CannotStart):
        command.run(world)


def _waiting(pipe: Path) -> str:
    """A script that waits for a child of its own; both hold the pipe until they have ended."""
    return f"exec 3>{pipe}; sleep 600 & echo started >&3; wait"


def _is_let_go(pipe: IO[bytes]) -> bool:
    """Whether nobody holds the other end of a pipe any more; waits for it."""
    ready, _, _ = select.select([pipe], [], [], 30)
    return bool(ready) and pipe.read(1) == b""
