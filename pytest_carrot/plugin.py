"""The pytest11 entry `carrot`: options, the marker, the fixtures; whatever is heavy is imported inside them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from pytest_carrot import options
from pytest_carrot.errors import UserMistake
from pytest_carrot.marks import ALTERNATIVE
from pytest_carrot.options import OPTIONS
from pytest_carrot.swept import SWEEP

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    import httpx
    from carrot_fixtures import MassIdJourney
    from faker import Faker

    from mock_server.clock import Clock
    from pytest_carrot.asgi import CarrotAsgi, InProcess
    from pytest_carrot.control import JsonControl
    from pytest_carrot.handle import Carrot
    from pytest_carrot.intercept import Intercept
    from pytest_carrot.live import LiveServer
    from pytest_carrot.marks import Wishes
    from pytest_carrot.server import CarrotServer

NOTES = pytest.StashKey[list[str]]()
"""What the report of a failed test says under "carrot", one line each."""
WORLDS = pytest.StashKey[list["Carrot"]]()
"""The Carrot worlds of a test, while they are there."""
_LEFT = pytest.StashKey[list["Carrot"]]()
"""Worlds whose tests are over, until they are dropped."""
_LIVE_SERVER = pytest.StashKey["LiveServer"]()
"""The way to the real API, once a test of a live run has asked for it."""
_HOPELESS = pytest.StashKey[str]()
"""Why no test of this run can have a server."""


def pytest_addoption(parser: pytest.Parser) -> None:
    options.declare(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "carrot(rate_limit='off', semantics={}, environment='test'): what the test's Carrot world is like: "
        "rate_limit 'documented', 'off' or requests a second; semantics are switches by name; environment "
        "'production' makes its credentials the main ones",
    )
    config.addinivalue_line(
        "markers",
        "carrot_sweep(operations=None, phases=None, kinds=None, hang=0.2): run the test once more with each fault "
        "that a client has to survive, each time in a new world; restrict the faults to some operations, phases, "
        "kinds; hang is how many seconds a request hangs",
    )
    config.addinivalue_line(
        "markers",
        "carrot_live: the test is safe for an API that cannot delete, and runs with --carrot-target=live too",
    )
    try:
        config.stash[OPTIONS] = options.read(config)
    except UserMistake as mistake:
        raise pytest.UsageError(str(mistake)) from None
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Controller())
        if config.stash[OPTIONS].assumptions:
            from pytest_carrot.honesty import Assumptions

            config.pluginmanager.register(Assumptions())


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.stash[OPTIONS].live is not None:
        from pytest_carrot.live_marks import skip_unsafe

        skip_unsafe(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if item.config.stash[OPTIONS].live is not None:
        return None
    if item.get_closest_marker("carrot_sweep") is not None:
        from pytest_carrot import sweep_mark

        sweep_mark.run(item, nextitem)
        return True
    if not item.config.stash[OPTIONS].every_semantics or item.get_closest_marker("carrot") is None:
        return None
    from pytest_carrot import alternatives

    alternatives.run(item, nextitem)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    swept = item.stash.get(SWEEP, None)
    if item.stash.get(ALTERNATIVE, None):
        from pytest_carrot.alternatives import name_of

        vars(report)["carrot_name"] = name_of(item)  # xdist sends it along
    if report.failed and report.when == "setup" and "ScopeMismatch" in str(report.longrepr):
        _explain_scope(report)
    asked = item.config.stash[OPTIONS]
    worlds = item.stash.get(WORLDS, None)
    quiet = swept is not None and swept.quiet
    if worlds and not quiet and (report.failed or (asked.look_at_all and report.when != "setup")):
        from pytest_carrot.afterwards import look_at

        look_at(item, report, worlds)
    if swept is not None:
        swept.saw(item, report, call)
    if report.when == "teardown":
        item.stash[WORLDS] = []
        _drop_worlds(item.config)
    if report.failed and (notes := item.stash.get(NOTES, None)):
        report.sections.append(("carrot", "\n".join(notes)))
    if (why := item.config.stash.get(_HOPELESS, None)) is not None:
        vars(report)["carrot_hopeless"] = why  # xdist sends it along
    if item.config.stash[OPTIONS].live is not None:
        _stop_when_told(item, report)
    return report


def _stop_when_told(item: pytest.Item, report: pytest.TestReport) -> None:
    """Fail the test in which a live run came to what it may not do, and end the run."""
    server = item.config.stash.get(_LIVE_SERVER, None)
    if server is not None and server.guard.stopped is not None and not item.session.shouldfail:
        report.outcome, report.longrepr = "failed", server.guard.stopped
        item.session.shouldfail = server.guard.stopped
        vars(report)["carrot_stopped"] = server.guard.stopped  # xdist sends it along


def _explain_scope(report: pytest.TestReport) -> None:
    """Says what to do where a fixture that lives longer asks for a world, which pytest does not."""
    import re

    said = re.search(
        r"scoped fixture (carrot\w*) with a (\w+) scoped.*?\n(.*? def \w+\(.*?\))",
        str(report.longrepr),
        re.DOTALL,
    )
    if said is not None:
        name, scope, fixture = said.groups()
        report.longrepr = (
            f"{name} is made anew for each test, and a fixture of the scope {scope!r} asks for it: give that one the "
            f"scope 'function', or let it ask for carrot_server.\n{fixture.strip()}"
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    _drop_worlds(session.config)  # of a run that was broken off


class _Controller:
    """Reads what reports say to it, in the process that the user started: not in a worker of xdist.

    A run that cannot go well ends, and a run of a test under another name is called by it.
    """

    _session: pytest.Session | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        report.nodeid = getattr(report, "carrot_name", report.nodeid)
        if (why := getattr(report, "carrot_hopeless", None)) is not None:
            raise pytest.UsageError(why)
        if (why := getattr(report, "carrot_stopped", None)) is not None and self._session is not None:
            self._session.shouldfail = why

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        self._session = session


# A server, and a world on it ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def carrot_server(pytestconfig: pytest.Config) -> CarrotServer:
    """The server of this run: one a worker, or the one at `--carrot-url`."""
    if pytestconfig.stash[OPTIONS].live is not None:
        return _live_server(pytestconfig)
    from pytest_carrot.starting import unhindered

    with unhindered():
        from pytest_carrot import handle, seeds  # noqa: F401 - the first world takes them, right after this
        from pytest_carrot.server import own_server, server_at

    asked = pytestconfig.stash[OPTIONS]
    stack = ExitStack()
    # When the run ends, not with the fixture: the report on the last test's tear-down still asks the server.
    pytestconfig.add_cleanup(stack.close)
    with _sentences():
        try:
            running = own_server() if asked.url is None else server_at(asked.url, asked.control_token)
            return stack.enter_context(running)
        except UserMistake as mistake:
            if asked.url is not None:
                # Each test that needs the server would say the same.
                pytestconfig.stash[_HOPELESS] = str(mistake)
            raise


def _live_server(config: pytest.Config) -> LiveServer:
    from pytest_carrot.live import live_server

    asked = config.stash[OPTIONS].live
    assert asked is not None  # noqa: S101 - for the type checker alone
    stack = ExitStack()
    config.add_cleanup(stack.close)
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    with _sentences():
        try:
            server = stack.enter_context(live_server(asked, workers))
        except UserMistake as mistake:
            config.stash[_HOPELESS] = str(mistake)
            raise
    config.stash[_LIVE_SERVER] = server
    return server


@pytest.fixture
def carrot(carrot_server: CarrotServer, request: pytest.FixtureRequest) -> Iterator[Carrot]:
    """A Carrot world of this test's own, or the real API in a live run."""
    if request.config.stash[OPTIONS].live is not None:
        from pytest_carrot.live import LiveCarrot, LiveServer

        assert isinstance(carrot_server, LiveServer)  # noqa: S101 - for the type checker alone
        yield LiveCarrot(carrot_server, request.config.stash[OPTIONS].seed)
        return
    from pytest_carrot.handle import Carrot

    with _sentences():
        wishes, workspace = _workspace(request, carrot_server.control)
    control = carrot_server.control.within(f"workspaces/{workspace['id']}")
    world = Carrot(carrot_server.wire, control, carrot_server.url, workspace, wishes.environment)
    with _kept(request, world):
        yield world


@pytest.fixture
def carrot_client(carrot: Carrot) -> Iterator[httpx.Client]:
    """An authorised httpx client of this test's world."""
    from pytest_carrot.clients import client_of

    with _sentences():
        client = client_of(carrot)
    with client:
        yield client


@pytest.fixture
def carrot_async_client(carrot: Carrot) -> Iterator[httpx.AsyncClient]:
    """An authorised httpx client for asyncio: with pytest-asyncio, with anyio, or in `asyncio.run`."""
    from pytest_carrot.clients import async_client_of, close_without_a_loop

    with _sentences():
        client = async_client_of(carrot)
    yield client
    close_without_a_loop(client)


# The same in process ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def carrot_asgi_app(pytestconfig: pytest.Config) -> InProcess:
    """The application of this worker, on which each test that asks for `carrot_asgi` has a world."""
    _refuse_live(pytestconfig, "carrot_asgi")
    from pytest_carrot.clients import need_httpx
    from pytest_carrot.ours import require

    with _sentences():
        need_httpx()
        require("mock_server")
    from pytest_carrot.starting import unhindered

    with unhindered():
        from mock_server import create_app
        from mock_server.settings import Settings
        from pytest_carrot.asgi import InProcess

        app = InProcess(create_app(Settings(rate_limit="off")))
    pytestconfig.add_cleanup(app.close)
    return app


@pytest.fixture
def carrot_asgi_clock() -> Clock | None:
    """The clock of `carrot_asgi`: the machine's own. Override it and return a `mock_server.clock.ManualClock`."""
    return None


@pytest.fixture
def carrot_asgi(
    carrot_asgi_app: InProcess, carrot_asgi_clock: Clock | None, request: pytest.FixtureRequest
) -> Iterator[CarrotAsgi]:
    """A Carrot world of this test's own in this process, without a socket."""
    from pytest_carrot.asgi import CarrotAsgi
    from pytest_carrot.control import JsonControl

    control = JsonControl(carrot_asgi_app, "/_mock/")
    with _sentences():
        wishes, workspace = _workspace(request, control)
    world = CarrotAsgi(
        carrot_asgi_app, control.within(f"workspaces/{workspace['id']}"), workspace, wishes.environment
    )
    if carrot_asgi_clock is not None:
        world.set_clock(carrot_asgi_clock)
    with _kept(request, world):
        yield world


# Hard-coded addresses -----------------------------------------------------------------------------------


@pytest.fixture
def carrot_intercept(carrot: Carrot, request: pytest.FixtureRequest) -> Iterator[Intercept]:
    """Calls to https://api.carrot.eco and https://auth.api.carrot.eco reach this test's server instead.

    `carrot_intercept.refuse_others()` refuses calls to any other host, but for the loopback.
    """
    _refuse_live(request.config, "carrot_intercept")
    from pytest_carrot.ours import require_trustme

    with _sentences():
        require_trustme()
    from pytest_carrot.intercept import intercepting

    with intercepting(carrot.url) as intercept:
        yield intercept


# Data ---------------------------------------------------------------------------------------------------


@pytest.fixture
def carrot_faker(request: pytest.FixtureRequest) -> Faker:
    """A Faker of this test's own with CarrotProvider, in Portuguese, that gives the same in every run."""
    from pytest_carrot.ours import require
    from pytest_carrot.seeds import seed_for

    with _sentences():
        require("carrot_fixtures")
    from carrot_fixtures import CarrotProvider
    from faker import Faker

    faker = Faker("pt_BR")
    faker.add_provider(CarrotProvider)
    faker.seed_instance(seed_for(request.node, "faker"))
    _note(request, _the_seed(request))
    return faker


@pytest.fixture
def carrot_mass_id(request: pytest.FixtureRequest) -> Callable[..., MassIdJourney]:
    """Makes journeys: `carrot_mass_id(variant="truck")`, with the arguments of `carrot_fixtures.mass_id`.

    Each call in a test gives another one, the same in every run. Without `seed` or `faker` among the arguments, the
    seed is made from the test's name and `--carrot-seed`.
    """
    from pytest_carrot.ours import require
    from pytest_carrot.seeds import seed_for

    with _sentences():
        require("carrot_fixtures")
    from carrot_fixtures import mass_id

    calls = count(1)

    def make(faker: Faker | None = None, **arguments: Any) -> MassIdJourney:
        if faker is None and arguments.get("seed") is None:
            arguments["seed"] = seed_for(request.node, "mass_id", str(next(calls)))
            _note(request, _the_seed(request))
            _note(request, f"carrot_mass_id made mass_id({_spelled(arguments)})")
        return mass_id(faker, **arguments)

    return make


# What they share ----------------------------------------------------------------------------------------


@contextmanager
def _sentences() -> Iterator[None]:
    """What the user can set right, and what the server refuses, as a sentence without a traceback of ours."""
    from pytest_carrot.control import ControlError

    try:
        yield
    except (UserMistake, ControlError) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _refuse_live(config: pytest.Config, fixture: str) -> None:
    if config.stash[OPTIONS].live is not None:
        from pytest_carrot.live import NeedsTheMock

        raise pytest.fail.Exception(str(NeedsTheMock(fixture)), pytrace=False)


def _workspace(request: pytest.FixtureRequest, control: JsonControl) -> tuple[Wishes, dict[str, Any]]:
    from pytest_carrot.handle import new_workspace
    from pytest_carrot.marks import wishes_of
    from pytest_carrot.seeds import seed_for

    wishes = wishes_of(request.node)
    seed = seed_for(request.node, "workspace")
    workspace = new_workspace(control, seed=seed, semantics=wishes.semantics, rate_limit=wishes.rate_limit)
    _note(request, _the_seed(request))
    return wishes, workspace


@contextmanager
def _kept(request: pytest.FixtureRequest, world: Carrot) -> Iterator[None]:
    """Makes a world known to the reports of its test; the last of them drops it.

    A swept test hears of it first, to set what is to go wrong there, and may keep it.
    """
    request.node.stash.setdefault(WORLDS, []).append(world)
    swept = request.node.stash.get(SWEEP, None)
    try:
        if swept is not None:
            with _sentences():
                swept.begin(world)
        yield
    finally:
        if swept is None or not swept.keeps:
            request.config.stash.setdefault(_LEFT, []).append(world)


def _drop_worlds(config: pytest.Config) -> None:
    """Drop the worlds that no test needs any more; a server that is gone has none."""
    if left := config.stash.get(_LEFT, None):
        from pytest_carrot.control import ControlError

        while left:
            with suppress(ControlError):
                left.pop().close()


def _note(request: pytest.FixtureRequest, line: str) -> None:
    notes = request.node.stash.setdefault(NOTES, [])
    if line not in notes:
        notes.append(line)


def _the_seed(request: pytest.FixtureRequest) -> str:
    return f"To have the same again: --carrot-seed={request.config.stash[OPTIONS].seed}"


def _spelled(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())
