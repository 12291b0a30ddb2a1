"""The plugin in runs of its own: options, marks, other projects' modules, workers, and what it leaves alone."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from conftest import Serving

import pytest_carrot
from mock_server import __version__
from mock_server.server import in_thread

USAGE_ERROR = pytest.ExitCode.USAGE_ERROR


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs a test module in a process of its own, without Faker's plugin."""

    def start(module: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=module)
        return pytester.runpytest_subprocess("-p", "no:faker", "-p", "no:cacheprovider", *arguments)

    return start


def said(result: pytest.RunResult) -> str:
    """What a refused run says, in one line."""
    (line,) = [each for each in result.errlines if each]
    return line


def no_traceback_of_ours(result: pytest.RunResult) -> None:
    text = "\n".join(result.outlines + result.errlines)
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    assert "During handling of the above" not in text
    assert "pytest_carrot" not in text


# Options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--carrot-url=localhost:8750", "--carrot-url takes an address such as http://127.0.0.1:8750, not"),
        ("--carrot-url=http://h/path", "--carrot-url takes an address such as http://127.0.0.1:8750, not"),
        ("--carrot-url=http://h:port", "--carrot-url takes an address such as http://127.0.0.1:8750, not"),
        ("--carrot-url=http://a host", "--carrot-url takes an address such as http://127.0.0.1:8750, not"),
        ("--carrot-url=http://a..host", "--carrot-url takes an address such as http://127.0.0.1:8750, not"),
        ("--carrot-seed=one", "--carrot-seed takes a whole number from 0 to 9223372036854775807, not 'one'."),
        ("--carrot-seed=-1", "--carrot-seed takes a whole number from 0 to 9223372036854775807, not '-1'."),
        ("--carrot-semantics=orderin=off", 'There is no switch "orderin"; did you mean "ordering"?'),
        ("--carrot-semantics=ordering=of", 'ordering takes "reject", "warn" or "off", not "of"'),
        ("--carrot-semantics=ordering", 'NAME=VALUE, separated by commas, not "ordering"'),
    ],
)
def test_a_wrong_option_is_one_sentence(pytester: pytest.Pytester, option: str, sentence: str) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_inprocess(option)
    assert result.ret == USAGE_ERROR
    assert sentence in said(result)
    no_traceback_of_ours(result)


def test_options_set_the_semantics_of_every_world_and_marks_come_first(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile("""
        import pytest

        def test_options(carrot, carrot_asgi):
            for world in (carrot, carrot_asgi):
                assert (world.semantics["ordering"], world.semantics["get-shape"]) == ("off", "stored")
            carrot.semantics["ordering"] = "reject"
            carrot.reset()
            assert carrot.semantics["ordering"] == "off"

        @pytest.mark.carrot(semantics={"ordering": "warn"})
        def test_mark(carrot):
            assert (carrot.semantics["ordering"], carrot.semantics["get-shape"]) == ("warn", "stored")
    """)
    result = pytester.runpytest_inprocess(
        "--carrot-semantics=ordering=reject,get-shape=stored", "--carrot-semantics", "ordering=off"
    )
    result.assert_outcomes(passed=2)


def test_help_and_markers_tell_about_it(pytester: pytest.Pytester) -> None:
    shown = pytester.runpytest_inprocess("--help").stdout.str()
    for option in (
        "url",
        "seed",
        "semantics",
        "control-token",
        "only-documented",
        "assumptions",
        "artifacts",
    ):
        assert f"--carrot-{option}" in shown
    assert "@pytest.mark.carrot(" in pytester.runpytest_inprocess("--markers").stdout.str()


# Marks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "sentence"),
    [
        ("rate_limits='off'", "@pytest.mark.carrot has no rate_limits; did you mean rate_limit?"),
        ("'production'", "@pytest.mark.carrot takes rate_limit, semantics, environment by name only"),
        ("environment='prod'", '@pytest.mark.carrot takes environment="production" or "test", not \'prod\'.'),
        ("semantics='ordering=off'", "@pytest.mark.carrot takes semantics as a dict"),
        ("semantics={'orderin': 'off'}", 'There is no switch "orderin"; did you mean "ordering"?'),
        ("semantics={'ordering': object}", "ordering takes"),
        (
            "rate_limit='fast'",
            'The rate limit is "documented", "off" or a number of requests a second above 0',
        ),
        ("semantics={('ordering',): 'off'}", "@pytest.mark.carrot takes semantics as a dict"),
        ("semantics={'dedup-lifetime': float('nan')}", "takes numbers that are finite, not nan."),
        ("rate_limit=float('inf')", "@pytest.mark.carrot takes numbers that are finite, not inf."),
        ("rate_limit=None", 'The rate limit is "documented", "off" or a number of requests a second above 0'),
    ],
)
def test_a_wrong_mark_is_one_sentence(pytester: pytest.Pytester, mark: str, sentence: str) -> None:
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.carrot({mark})
        def test_marked(carrot_asgi): pass
    """)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    assert sentence in result.stdout.str()
    no_traceback_of_ours(result)


@pytest.mark.parametrize("fixture", ["carrot", "carrot_client", "carrot_asgi", "carrot_mass_id"])
def test_a_fixture_that_lives_longer_is_told_what_to_do(
    run: Callable[..., pytest.RunResult], fixture: str
) -> None:
    result = run(f"""
        import pytest

        @pytest.fixture(scope="module")
        def wide({fixture}):
            return {fixture}

        def test_it(wide):
            pass
    """)
    result.assert_outcomes(errors=1)
    said = "\n".join(result.outlines)
    assert f"{fixture} is made anew for each test, and a fixture of the scope 'module' asks for it" in said
    assert f"def wide({fixture})" in said
    no_traceback_of_ours(result)


# A server that runs already -----------------------------------------------------------------------------

_ALONE = """
    import pytest

    @pytest.mark.parametrize("n", range(6))
    def test_alone(carrot, carrot_client, carrot_mass_id, n):
        assert carrot.documents.all() == []
        assert carrot_client.post("/documents", json=carrot_mass_id().document).status_code == 201
        assert len(carrot.documents.all()) == 1
        assert carrot.env["CARROT_API_URL"] == "THERE"
"""


def test_workers_share_the_server_at_the_url_and_leave_nothing(
    server: Serving, run: Callable[..., pytest.RunResult]
) -> None:
    before = httpx.get(f"{server.url}/_mock/workspaces").json()
    result = run(_ALONE.replace("THERE", server.url), f"--carrot-url={server.url}/", "-n2")
    result.assert_outcomes(passed=6)
    assert httpx.get(f"{server.url}/_mock/workspaces").json() == before


def test_a_control_token_is_given_by_option_or_variable(
    serve: Callable[..., Serving], run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = serve("--control-token", "t0k3n").url
    module = f"""
        def test_it(carrot, carrot_server):
            carrot.reset()
            assert carrot_server.url == "{url}"
            assert carrot.id in [each["id"] for each in carrot_server.workspaces()]
    """
    run(module, f"--carrot-url={url}", "--carrot-control-token=t0k3n").assert_outcomes(passed=1)
    refused = run(module, f"--carrot-url={url}", "--carrot-control-token=other")
    assert "has another control token than the one given: give the one it was started with" in said(refused)
    refused = run(module, f"--carrot-url={url}")
    assert refused.ret == USAGE_ERROR
    assert "needs a control token: give the one it was started with, as --carrot-control-token" in said(
        refused
    )
    monkeypatch.setenv("CARROT_MOCK_CONTROL_TOKEN", "t0k3n")
    run(module, f"--carrot-url={url}").assert_outcomes(passed=1)


@pytest.mark.parametrize("token", ["t0k3n\n", "€"])
def test_a_control_token_that_fits_into_no_header_is_told_where_it_matters(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    pytester.makepyfile("def test_nothing(): pass")
    monkeypatch.setenv("CARROT_MOCK_CONTROL_TOKEN", token)
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess("--carrot-url=http://127.0.0.1:1")
    assert result.ret == USAGE_ERROR
    assert "CARROT_MOCK_CONTROL_TOKEN take one line of ASCII characters" in said(result)
    no_traceback_of_ours(result)


def test_the_control_api_has_to_be_on(
    serve: Callable[..., Serving], run: Callable[..., pytest.RunResult]
) -> None:
    url = serve("--no-control").url
    result = run("def test_it(carrot): pass", f"--carrot-url={url}")
    assert result.ret == USAGE_ERROR
    assert said(result).endswith(f"Carrot Mock at {url} is switched off: start it without --no-control.")
    no_traceback_of_ours(result)


@pytest.fixture
def impostor() -> Iterator[Callable[..., str]]:
    """Starts a server that gives one answer to everything, with http or https."""
    started: list[tuple[HTTPServer, threading.Thread]] = []

    def start(status: int, answer: str, tls: ssl.SSLContext | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *arguments: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in started:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "answer", "sentence"),
    [
        (200, "<html>", "is no Carrot Mock"),
        (404, '{"status": "ready", "version": "1"}', "is no Carrot Mock (GET /_mock/health: status 404)"),
        (200, '["ready"]', "is no Carrot Mock"),
        (
            200,
            '{"status": "ready", "version": "0.0.0"}',
            f"version 0.0.0, and this plugin of {__version__}: ",
        ),
    ],
)
def test_what_answers_has_to_be_a_carrot_mock_of_this_version(
    impostor: Callable[..., str], pytester: pytest.Pytester, status: int, answer: str, sentence: str
) -> None:
    pytester.makepyfile("def test_it(carrot): pass")
    result = pytester.runpytest_inprocess(f"--carrot-url={impostor(status, answer)}")
    assert result.ret == USAGE_ERROR
    assert sentence in said(result)
    no_traceback_of_ours(result)


def test_serve_does_not_speak_https(server: Serving, pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(carrot): pass")
    url = server.url.replace("http:", "https:")
    result = pytester.runpytest_inprocess(f"--carrot-url={url}")
    assert result.ret == USAGE_ERROR
    assert f"What answers at {url} does not speak https (" in said(result)
    assert said(result).endswith("so give --carrot-url its address with http.")
    no_traceback_of_ours(result)


def test_a_certificate_has_to_be_trusted(
    impostor: Callable[..., str], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    url = impostor(200, '{"status": "ready", "version": "0.0.0"}', tls)
    pytester.makepyfile("def test_it(carrot): pass")
    result = pytester.runpytest_inprocess(f"--carrot-url={url}")
    assert result.ret == USAGE_ERROR
    assert f"The certificate of the server at {url} is not trusted (" in said(result)
    assert said(result).endswith("in the variable SSL_CERT_FILE.")
    no_traceback_of_ours(result)
    authority.cert_pem.write_to_path(str(pytester.path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(pytester.path / "authority.pem"))
    assert "is of version 0.0.0" in said(pytester.runpytest_inprocess(f"--carrot-url={url}"))


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_without_a_server_the_run_ends_with_one_sentence(
    run: Callable[..., pytest.RunResult], workers: list[str]
) -> None:
    module = """
        import pytest

        @pytest.mark.parametrize("n", range(4))
        def test_it(carrot, n): pass
    """
    result = run(module, "--carrot-url=http://127.0.0.1:1", *workers)
    assert result.ret == USAGE_ERROR
    assert said(result) == (
        "ERROR: No Carrot Mock answers at http://127.0.0.1:1 (Connection refused): start one there with "
        "`carrot-mock serve`, or leave --carrot-url out and have one of the run's own."
    )
    no_traceback_of_ours(result)


def test_without_a_server_tests_that_need_none_pass(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    pytester.runpytest_inprocess("--carrot-url=http://127.0.0.1:1").assert_outcomes(passed=1)


# One of the run's own -----------------------------------------------------------------------------------


def test_worlds_are_dropped_also_when_a_test_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_fails(carrot, carrot_asgi):
            assert False

        def test_is_alone(carrot, carrot_server, carrot_asgi):
            assert [each["id"] for each in carrot_server.workspaces()] == ["default", carrot.id]
            assert [each.id for each in carrot_asgi.app.state.workspaces] == ["default", carrot_asgi.id]
    """)
    pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=1, failed=1)


def test_all_tests_of_a_worker_share_one_server(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("n", range(3))
        def test_it(carrot, carrot_server, n, record_property):
            assert carrot.url == carrot_server.url
            record_property("url", carrot.url)
    """)
    result = pytester.inline_run()
    reports = [each for each in result.getreports("pytest_runtest_logreport") if each.when == "call"]
    assert len({str(each.user_properties) for each in reports}) == 1
    assert len(reports) == 3


def test_a_server_in_a_thread_answers_what_is_in_flight_before_it_stops() -> None:
    arrived, may_answer = threading.Event(), threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        arrived.set()
        await asyncio.get_running_loop().run_in_executor(None, may_answer.wait)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})

    with ThreadPoolExecutor(2) as pool:
        with in_thread(app) as url:
            idle = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])))
            answer = pool.submit(httpx.get, url)
            assert arrived.wait(10)
            # It does so once nothing is listened for any more.
            pool.submit(_wait_until_refused, url, may_answer)
        assert answer.result().text == "done"
        assert idle.recv(1) == b""
        idle.close()


def _wait_until_refused(url: str, then: threading.Event) -> None:
    try:
        while True:
            socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))).close()
    except ConnectionError:
        then.set()


# Seeds --------------------------------------------------------------------------------------------------

_IDS = """
    import json
    from pathlib import Path

    import pytest

    @pytest.mark.parametrize("n", range(3))
    def test_ids(carrot, carrot_asgi, carrot_client, carrot_mass_id, carrot_faker, n):
        journeys = [carrot_mass_id(), carrot_mass_id(variant="bin")]
        over_the_socket, in_process = (
            client.post("/documents", json=journeys[0].document).json()["id"]
            for client in (carrot_client, carrot_asgi.client)
        )
        assert over_the_socket == in_process
        made = [over_the_socket, carrot_faker.name(), carrot_faker.cnpj_br(), carrot_faker.license_plate_br()]
        made += [key for each in journeys for key in each.deduplication_ids]
        Path(f"made-{n}.json").write_text(json.dumps(made))
"""


def test_the_same_seed_gives_the_same_in_every_run(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    def made(*arguments: str) -> list[list[str]]:
        run(_IDS, *arguments).assert_outcomes(passed=3)
        return [json.loads((pytester.path / f"made-{n}.json").read_text()) for n in range(3)]

    alone, in_workers, other = made(), made("-n2", "--dist=loadgroup"), made("--carrot-seed=7")
    assert alone == in_workers
    everything = [each for test in (*alone, *other) for each in test]
    assert len(set(everything)) == len(everything)


def test_a_group_of_xdist_is_no_part_of_a_tests_name(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    module = """
        import pytest
        from pathlib import Path

        @pytest.mark.xdist_group("together")
        def test_seed(carrot): Path("seed.txt").write_text(str(carrot.seed))
    """
    run(module).assert_outcomes(passed=1)
    alone = (pytester.path / "seed.txt").read_text()
    run(module, "-n1", "--dist=loadgroup").assert_outcomes(passed=1)
    assert (pytester.path / "seed.txt").read_text() == alone


def test_a_failed_test_tells_its_seeds(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_fails(carrot_mass_id):
            made = [carrot_mass_id(variant="bin"), carrot_mass_id(), carrot_mass_id(seed=5)]
            assert not made

        def test_passes(carrot_mass_id):
            carrot_mass_id()
    """)
    result = pytester.runpytest_inprocess("--carrot-seed=3")
    result.assert_outcomes(passed=1, failed=1)
    shown = result.stdout.str()
    assert shown.count("To have the same again: --carrot-seed=3") == 1
    seeds = re.findall(r"carrot_mass_id made mass_id\((?:variant='bin', )?seed=(\d+)\)", shown)
    assert len(seeds) == len(set(seeds)) == 2


def test_a_faker_is_of_one_test_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("n", range(2))
        def test_it(carrot_faker, n):
            assert not hasattr(carrot_faker, "of_the_first")
            carrot_faker.factories[0].of_the_first = lambda: None
            names = [type(each).__name__ for each in carrot_faker.factories[0].providers]
            assert names.count("CarrotProvider") == 1
    """)
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


# Off means off ------------------------------------------------------------------------------------------

_WHAT_IS_LOADED = """
    import sys, threading

    def test_what_is_loaded():
        ours = ("starlette", "uvicorn", "faker", "httpx", "mock_server", "carrot_fixtures", "trustme")
        assert [name for name in ours if name in sys.modules] == []
        assert "carrot-mock" not in [each.name for each in threading.enumerate()]
"""


def test_a_suite_that_does_not_use_it_loads_nothing(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        _WHAT_IS_LOADED,
        "-p",
        "no:anyio",
        "-p",
        "no:randomly",
        "--carrot-seed=3",
        "--carrot-url=http://127.0.0.1:1",
    )
    result.assert_outcomes(passed=1)


_LAZY = ("mock_server", "carrot_fixtures", "faker", "starlette", "httpx", "trustme", "pytest_html")


@pytest.mark.parametrize(
    "module", sorted(Path(pytest_carrot.__file__).parent.glob("*.py")), ids=lambda p: p.stem
)
def test_what_is_heavy_is_imported_inside_functions(module: Path) -> None:
    imported: list[str] = []
    for statement in ast.parse(module.read_text()).body:
        if isinstance(statement, ast.Import):
            imported += [each.name for each in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            imported.append(statement.module or "")
    heavy = {name.split(".")[0] for name in imported}.intersection(_LAZY)
    # A transport of httpx, and what authorises its requests, derive from httpx's.
    assert heavy == ({"httpx"} if module.stem in ("asgi", "bearer") else set())


def test_the_server_leaves_logging_garbage_collection_and_imports_as_they_were(
    run: Callable[..., pytest.RunResult],
) -> None:
    module = """
        import gc, logging, sys
        from importlib.machinery import SourceFileLoader
        import pytest

        class Kept(logging.Handler):
            def close(self): raise AssertionError("closed")

        MINE = Kept()
        logging.getLogger().addHandler(MINE)
        FINDERS = list(sys.meta_path)

        @pytest.mark.parametrize("collecting", [True, False])
        @pytest.mark.parametrize("server", ["carrot_server", "carrot_asgi_app"])
        def test_it(request, server, collecting):
            (gc.enable if collecting else gc.disable)()
            try:
                request.getfixturevalue(server)
                assert gc.isenabled() == collecting
            finally:
                gc.enable()
            assert sys.meta_path == FINDERS
            assert MINE in logging.getLogger().handlers
            assert not logging.getLogger("uvicorn").handlers

        def test_ours_are_loaded_from_their_bytecode(carrot):
            for name in ("mock_server.app", "mock_server.presign", "pytest_carrot.handle", "pytest_carrot.seeds"):
                assert type(sys.modules[name].__loader__) is SourceFileLoader
            logging.getLogger().removeHandler(MINE)
    """
    run(module).assert_outcomes(passed=5)


def test_pytest_does_not_warn_of_a_server_that_is_loaded_already(pytester: pytest.Pytester) -> None:
    # As it marks all packages of an installed distribution.
    pytester.makeconftest("import pytest; pytest.register_assert_rewrite('mock_server')")
    pytester.makepyfile("def test_it(carrot): pass")
    pytester.runpytest_inprocess("-W", "error").assert_outcomes(passed=1)


def test_it_can_be_turned_off(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(carrot): pass")
    result = pytester.runpytest_subprocess("-p", "no:carrot")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'carrot' not found"])


def test_a_project_with_modules_and_fixtures_of_the_same_names_is_undisturbed(
    pytester: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    pytester.makepyfile(mock_server="MINE = True", carrot_fixtures="MINE = True")
    pytester.mkpydir("fixtures")
    module = """
        import carrot_fixtures, fixtures, mock_server
        import pytest

        @pytest.fixture
        def client(): return "mine"

        def test_it(client):
            assert client == "mine"
            assert mock_server.MINE and carrot_fixtures.MINE
            assert fixtures.__file__.startswith(str(ROOT))
    """.replace("ROOT", repr(str(pytester.path)))
    run(module).assert_outcomes(passed=1)


@pytest.mark.parametrize("imported", [True, False])
@pytest.mark.parametrize(
    ("fixture", "name"),
    [("carrot", "mock_server"), ("carrot_mass_id", "carrot_fixtures")],
)
def test_a_module_that_hides_ours_is_named(
    pytester: pytest.Pytester,
    run: Callable[..., pytest.RunResult],
    fixture: str,
    name: str,
    imported: bool,
) -> None:
    hiding = pytester.makepyfile(**{name: "MINE = True"})
    start = f"import {name}" if imported else ""
    result = run(f"""
        {start}
        def test_carrot({fixture}): pass
        def test_other(): pass
    """)
    result.assert_outcomes(passed=1, errors=1)
    assert f"The module {name} is {hiding}, not Carrot Mock's, which the fixture needs" in result.stdout.str()
    no_traceback_of_ours(result)


def test_what_the_server_refuses_is_shown_at_the_line_of_the_test(
    run: Callable[..., pytest.RunResult],
) -> None:
    result = run("""
        def test_it(carrot):
            carrot.documents.read("00000000-0000-4000-8000-000000000000")
    """)
    said = "\n".join(result.outlines)
    assert "There is no document 00000000-0000-4000-8000-000000000000." in said
    assert "test_it.py:2: ControlError" in said
