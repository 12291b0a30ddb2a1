"""Times from within what a test run does: a plugin of pytest, given as `-p bench.in_pytest`.

The file that CARROT_BENCH_TIMES names gets a JSON object: seconds by what took them, once or each time.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "CARROT_BENCH_TIMES"
_times: dict[str, list[float]] = {}
_began: dict[str, float] = {}


def _begin(what: str) -> None:
    _began[what] = time.perf_counter()


def _end(what: str) -> None:
    """The first end counts; without a beginning there is nothing to tell."""
    if (began := _began.pop(what, None)) is not None:
        _times.setdefault(what, []).append(time.perf_counter() - began)


_load = importlib.metadata.EntryPoint.load


def _timed_load(self: importlib.metadata.EntryPoint) -> Any:
    if (self.group, self.name) != ("pytest11", "carrot"):
        return _load(self)
    _begin("import")
    plugin = _load(self)
    _end("import")
    return plugin


# This plugin is there before those of the installed distributions.
importlib.metadata.EntryPoint.load = _timed_load  # type: ignore[method-assign]


def pytest_sessionstart() -> None:
    _begin("first test")


def pytest_runtest_call() -> None:
    _end("first test")


# Around the server, which stops when the run is cleaned up: the last that was told to is the first. --------


def pytest_configure(config: pytest.Config) -> None:
    config.add_cleanup(_write)


def _write() -> None:
    Path(os.environ[VARIABLE]).write_text(json.dumps(_times), encoding="utf-8")


@pytest.fixture(scope="session")
def before_server(pytestconfig: pytest.Config) -> None:
    pytestconfig.add_cleanup(lambda: _end("stop"))


@pytest.fixture(scope="session")
def after_server(before_server: None, carrot_server: object, pytestconfig: pytest.Config) -> None:
    pytestconfig.add_cleanup(lambda: _begin("stop"))


# Around what each test has ---------------------------------------------------------------------------------


@pytest.fixture
def before() -> Iterator[None]:
    _begin("set-up")
    yield  # noqa: PT022 - as the others do


@pytest.fixture
def after(request: pytest.FixtureRequest) -> Iterator[None]:
    _end("set-up")
    yield
    _begin("tear-down")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # A world is dropped with the report on the tear-down.
    if report.when == "teardown":
        _end("tear-down")


@pytest.fixture
def nothing() -> Iterator[None]:
    """What pytest itself takes for a fixture."""
    yield  # noqa: PT022 - as `carrot` does


@pytest.hookimpl(trylast=True)
def pytest_runtest_logfinish(nodeid: str) -> None:
    """The set-up and the tear-down of a test go under the name of its function, as one."""
    parts = [_times.pop(each, []) for each in ("set-up", "tear-down")]
    if all(parts):
        name = nodeid.rpartition("::")[2].partition("[")[0]
        _times.setdefault(name, []).append(sum(map(sum, parts)))
