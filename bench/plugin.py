"""The rows of the pytest plugin: what it adds to a run and to each test, and a call in process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from bench import in_pytest, payloads, servers
from bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from bench.rows import Effort

_IMPORT_MS = 20
_SOCKET_MS = 3.0
_IN_PROCESS_MS = 0.5
_START_MS = 150
_STOP_MS = 20
_WRITE_RATIO = 1.35
_TESTS = 100  # of each kind in a run, one in turn with the others
_CALLS = 300  # in a round
_SLOW_CALLS = 30  # where a call takes milliseconds


def run(effort: Effort) -> list[Figure]:
    """The plugin in runs of pytest, and the transport of `carrot_asgi` beside the others there are."""
    with TemporaryDirectory(prefix="carrot-bench-") as folder:
        runs = _Runs(Path(folder))
        figures = [*_session(runs, effort), *_each_test(runs, effort)]
    return [*figures, *_writes(effort), *_transports(effort)]


# Runs of pytest ------------------------------------------------------------------------------------------

_WITHOUT = "def test_it(): pass\n"
_WITH = "def test_it(after_server, carrot): pass\n"
_EACH = f"""
import pytest

@pytest.fixture(scope="session", autouse=True)
def there(carrot_server, carrot_asgi_app): pass

def pytest_generate_tests(metafunc): metafunc.parametrize("turn", range({_TESTS}), scope="module")

def test_socket(before, carrot, after, turn): pass
def test_in_process(before, carrot_asgi, after, turn): pass
def test_nothing(before, nothing, after, turn): pass
"""


class _Run(NamedTuple):
    """Seconds from spawn to exit, and what the run told from within."""

    seconds: float
    times: dict[str, list[float]]


class _Runs:
    """Runs of pytest in a folder of their own, where bytecode is kept, as it is in most environments."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        self._times = folder / "times.json"
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PYTEST_", "PYTHON"))
            },
            in_pytest.VARIABLE: str(self._times),
            "PYTHONPATH": str(servers.ROOT),
            "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        }

    def of(self, module: str) -> _Run:
        """Run a test module; raises BenchError unless it passes."""
        (self._folder / "test_it.py").write_text(module, encoding="utf-8")
        # Faker's plugin imports all of Faker, and pytest's cache is no part of what is measured.
        left_out = ("-p", "no:faker", "-p", "no:cacheprovider")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "bench.in_pytest", *left_out, "test_it.py"]
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise servers.BenchError(f"a run of pytest failed: {(done.stdout + done.stderr)[-1000:]}")
        return _Run(seconds, json.loads(self._times.read_text(encoding="utf-8")))


def _session(runs: _Runs, effort: Effort) -> list[Figure]:
    """What a run with one world takes beside one without, in turn."""
    pairs = [(runs.of(_WITHOUT), runs.of(_WITH)) for _ in range(effort.spawns + 1)][1:]
    loads = median(_ms(run, "import") for pair in pairs for run in pair)
    without, with_it = (median(_ms(pair[each], "first test") for pair in pairs) for each in (0, 1))
    more = median(_ms(mine, "first test") - _ms(other, "first test") for other, mine in pairs)
    stop = median(_ms(mine, "stop") for _, mine in pairs)
    whole, whole_without = (median(pair[each].seconds for pair in pairs) * 1000 for each in (1, 0))
    whole_more = median(mine.seconds - other.seconds for other, mine in pairs) * 1000
    return [
        Figure("plugin", "import, as pytest loads it", f"{loads:.1f} ms", target=f"< {_IMPORT_MS} ms",
               met=loads < _IMPORT_MS),
        Figure("plugin", f"session start to the first test with carrot, median of {effort.spawns}",
               f"{with_it:.0f} ms", f"without: {without:.0f} ms; more: {more:.0f} ms",
               target=f"≤ {_START_MS} ms more", met=more <= _START_MS),
        Figure("plugin", "stop of the server", f"{stop:.1f} ms", target=f"≤ {_STOP_MS} ms", met=stop <= _STOP_MS),
        Figure("plugin", "the whole run of that one test, spawn to exit", f"{whole:.0f} ms",
               f"without: {whole_without:.0f} ms; more: {whole_more:.0f} ms"),
    ]  # fmt: skip


def _ms(run: _Run, what: str) -> float:
    return sum(run.times[what]) * 1000


def _each_test(runs: _Runs, effort: Effort) -> list[Figure]:
    """Set-up and tear-down of a world, beside those of a fixture that does nothing: pytest's own part."""
    rounds = [runs.of(_EACH).times for _ in range(effort.rounds)]

    def figure(fixture: str, test: str, target: float) -> Figure:
        pairs = [(median(times[test]) * 1000, median(times["test_nothing"]) * 1000) for times in rounds]
        whole, nothing = (median(each) for each in zip(*pairs, strict=True))
        more = median(mine - other for mine, other in pairs)
        return Figure("plugin", f"{fixture}: set-up + tear-down for a test", f"{more:.2f} ms",
                      f"{whole:.2f} ms less {nothing:.2f} ms for a fixture that does nothing",
                      target=f"≤ {target:g} ms", met=more <= target)  # fmt: skip

    return [
        figure("carrot", "test_socket", _SOCKET_MS),
        figure("carrot_asgi", "test_in_process", _IN_PROCESS_MS),
    ]


# Calls in process ----------------------------------------------------------------------------------------


def _writes(effort: Effort) -> list[Figure]:
    """`POST /documents` through httpx and `SyncASGITransport`: Carrot Mock, and an app that parses the JSON."""
    from mock_server import create_app
    from mock_server.settings import Settings
    from pytest_carrot.asgi import SyncASGITransport

    with ExitStack() as stack:
        mock, bare = (
            stack.enter_context(_client(SyncASGITransport(app)))
            for app in (create_app(Settings(rate_limit="off")), servers.starlette_app())
        )
        body, headers = servers.token_request()
        token = mock.post("/oauth2/token", content=body, headers=headers).json()["access_token"]
        sent = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        mass_id = payloads.mass_id()
        number = 0

        def put(client: httpx.Client) -> float:
            nonlocal number
            bodies = [payloads.keyed(mass_id, number + each) for each in range(_CALLS)]
            number += _CALLS
            statuses = set()
            began = time.perf_counter()
            for each in bodies:
                statuses.add(client.post("/documents", content=each, headers=sent).status_code)
            took = time.perf_counter() - began
            if statuses != {201}:
                raise servers.BenchError(f"POST /documents in process was answered with {statuses}")
            return took / _CALLS

        mine: list[float] = []
        others: list[float] = []
        for turn in range(effort.rounds * 3 + 1):
            mock.post("/_mock/workspaces/default/reset")
            pair = put(bare), put(mock)
            if turn:  # the first fills the caches
                others.append(pair[0])
                mine.append(pair[1])
    ratio = median(mock / other for mock, other in zip(mine, others, strict=True))
    return [
        Figure("plugin", "POST /documents in process, through httpx", f"{median(mine) * 1e6:.0f} µs",
               f"starlette, parses JSON: {median(others) * 1e6:.0f} µs", ratio, f"≤ {_WRITE_RATIO} ×",
               ratio <= _WRITE_RATIO),
    ]  # fmt: skip


def _transports(effort: Effort) -> list[Figure]:
    """The smallest call in process, through each of the transports."""
    import httpx

    from pytest_carrot.asgi import SyncASGITransport

    with warnings.catch_warnings():
        # starlette would rather have a client that is not released under httpx's name
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient

        def in_turn(calls: list[Callable[[], float]]) -> list[list[float]]:
            rounds = [[call() for call in calls] for _ in range(effort.rounds + 1)]
            return [list(each) for each in zip(*rounds[1:], strict=True)]

        app = servers.bare_app(200, 45)
        with asyncio.Runner() as runner, _client(SyncASGITransport(app)) as ours:
            # As it is used most, without its lifespan, which would leave an event loop open for the calls.
            starlettes = TestClient(app)
            theirs = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench.test")

            async def awaited() -> float:
                began = time.perf_counter()
                for _ in range(_CALLS):
                    await theirs.get("/")
                return (time.perf_counter() - began) / _CALLS

            mine, httpxs, others = in_turn(
                [
                    lambda: _gets(ours, _CALLS),
                    lambda: runner.run(awaited()),
                    lambda: _gets(starlettes, _SLOW_CALLS),
                ]
            )
            runner.run(theirs.aclose())
    value = f"{median(mine) * 1e6:.0f} µs"
    return [
        Figure("plugin", "a trivial call through SyncASGITransport", value, f"{name}: {median(rival) * 1e6:.0f} µs",
               median(mock / other for mock, other in zip(mine, rival, strict=True)))
        for name, rival in (("httpx.ASGITransport, awaited", httpxs), ("starlette's TestClient", others))
    ]  # fmt: skip


def _gets(client: httpx.Client, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        client.get("/")
    return (time.perf_counter() - began) / calls


def _client(transport: httpx.BaseTransport) -> httpx.Client:
    import httpx

    return httpx.Client(transport=transport, base_url="http://bench.test")
