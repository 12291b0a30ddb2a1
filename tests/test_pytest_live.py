"""`pytest --carrot-target=live` in runs of its own, against a second mock that plays the real API."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
from conftest import Serving
from drift_targets import Reply, another_api, answering, html, login
from test_drift_command import SecondClient

from mock_server import create_app
from mock_server.server import in_thread
from mock_server.settings import Settings
from pytest_carrot.control import JsonControl, Socket
from pytest_carrot.errors import UserMistake
from pytest_carrot.live_environment import Permission, environment_of
from pytest_carrot.live_guard import Guard
from pytest_carrot.live_http import NoAnswer
from pytest_carrot.live_limits import Budget, BudgetUsedUp, Pace
from pytest_carrot.live_target import Target

PREFIX = "carrot-mock-live-"
TOKEN = "hidden"
DOCUMENT = """
DOCUMENT = {
    "category": "MassID", "type": "Organic", "externalCreatedAt": "2026-02-01T08:00:00.000Z", "isPublic": False,
    "isPubliclySearchable": False, "deduplicationId": "mine",
    "participant": {"countryCode": "BR", "name": "Teste", "taxId": "99000001000101", "taxIdType": "CNPJ",
                    "type": "COMPANY"},
    "address": {"city": "São Paulo", "countryCode": "BR", "countryState": "SP", "name": "Teste", "number": "1",
                "street": "Rua de Teste"},
}
"""


class Live:
    """A mock that plays the real API: its control API is closed to all but the test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._wire = Socket(url)
        self._control = JsonControl(self._wire, "/_mock/workspaces/default/", TOKEN)

    def close(self) -> None:
        self._wire.close()

    def reset(self) -> None:
        self._control.post("reset")

    def keys(self) -> list[str]:
        """The keys of all that was written, in order."""
        return [
            str(each["event"]["deduplicationId"]) for each in self._control.get("events") if not _own(each)
        ]


def _own(record: dict[str, Any]) -> bool:
    """Whether it is the platform's own ACTOR."""
    return bool(record["event"].get("name") == "ACTOR")


@pytest.fixture(scope="module")
def live_process() -> Iterator[Live]:
    serving = Serving("--rate-limit", "off", "--control-token", TOKEN)
    found = Live(serving.url)
    yield found
    found.close()
    assert serving.stop() == 0


@pytest.fixture
def live(live_process: Live) -> Live:
    live_process.reset()
    return live_process


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of a live run, which lead nowhere."""
    for name in ("CARROT_TOKEN_URL", "CARROT_PARTNER_CLIENT_ID", "CARROT_PARTNER_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CARROT_API_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CARROT_CLIENT_ID", "carrot-test-client")
    monkeypatch.setenv("CARROT_CLIENT_SECRET", "carrot-test-secret")


@pytest.fixture
def run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, live: Live, target: None
) -> Callable[..., pytest.RunResult]:
    """Runs a test module against the live API."""
    monkeypatch.setenv("CARROT_API_URL", live.url)

    def start(module: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=f"import pytest, httpx\n{DOCUMENT}\n{module}")
        usual = (
            "-p",
            "no:faker",
            "-p",
            "no:cacheprovider",
            "--carrot-target=live",
            "--carrot-live-rate=100000",
        )
        return pytester.runpytest_subprocess(*usual, *arguments)

    return start


def test_marked_tests_run_against_the_api_and_all_others_are_skipped_with_the_reason(
    run: Callable[..., pytest.RunResult], live: Live
) -> None:
    result = run(
        """
        import asyncio, os, subprocess, sys

        @pytest.mark.carrot_live
        def test_sync(carrot_client):
            document = carrot_client.post("/documents", json=DOCUMENT)
            assert document.status_code == 201
            found = carrot_client.get("/documents/" + document.json()["id"]).json()
            assert found["dataSetName"] == "TEST"

        @pytest.mark.carrot_live
        def test_async(carrot_async_client):
            async def read():
                return await carrot_async_client.get("/documents/nothing")
            assert asyncio.run(read()).status_code == 404

        @pytest.mark.carrot_live
        def test_own_client(carrot):
            headers = {"Authorization": "Bearer " + carrot.token()}
            event = {"name": "Test", "externalCreatedAt": "2026-02-01T09:00:00.000Z", "isPublic": False}
            again = httpx.post(carrot.env["CARROT_API_URL"] + "/documents", json=DOCUMENT, headers=headers)
            assert again.status_code == 201
            url = carrot.url + "/documents/events"
            batch = {"documentId": again.json()["id"], "events": [event, {**event, "deduplicationId": "two"}]}
            assert httpx.post(url, json=batch, headers=headers).status_code == 201
            assert carrot.participant_id
            assert carrot.api_url == os.environ["CARROT_API_URL"]

        def test_unmarked(carrot_client):
            carrot_client.post("/documents", json=DOCUMENT)

        @pytest.mark.carrot_live
        @pytest.mark.carrot(semantics={"ordering": "off"})
        def test_switch(carrot_client):
            carrot_client.post("/documents", json=DOCUMENT)

        @pytest.mark.carrot_live
        @pytest.mark.carrot_sweep
        def test_swept(carrot_client):
            carrot_client.post("/documents", json=DOCUMENT)
        """.replace("\n        ", "\n"),
        "-rs",
    )
    result.assert_outcomes(passed=3, skipped=3)
    result.stdout.fnmatch_lines_random(
        [
            "*not marked as safe for a real API (@pytest.mark.carrot_live)*",
            "*asks for semantics, which only the mock can set*",
            "*a sweep needs the mock, for its faults*",
        ]
    )
    keys = live.keys()
    # The document that looks at the environment, the one of the tests, once, and the two events.
    assert len(keys) == 4
    assert all(key.startswith(PREFIX) for key in keys)
    assert keys[1].endswith("-mine")


def test_what_only_a_mock_has_fails_with_a_sentence(run: Callable[..., pytest.RunResult]) -> None:
    names = [
        "journal",
        "ledger",
        "documents",
        "faults",
        "gates",
        "clock",
        "semantics",
        "snapshot",
        "reset",
        "restore",
        "storage",
        "production",
        "control_url",
    ]
    result = run(
        f"""
        pytestmark = pytest.mark.carrot_live

        @pytest.mark.parametrize("name", {names})
        def test_behind(carrot, name):
            getattr(carrot, name)

        def test_control(carrot):
            carrot.control.get("events")

        def test_setting(carrot):
            carrot.semantics = {{"ordering": "off"}}

        def test_server(carrot_server):
            carrot_server.workspaces()

        def test_asgi(carrot_asgi):
            pass

        def test_intercept(carrot_intercept):
            pass

        def test_partner(carrot):
            carrot.partner
        """.replace("\n        ", "\n")
    )
    result.assert_outcomes(failed=len(names) + 4, errors=2)
    text = result.stdout.str()
    for name in names:
        assert f"carrot.{name} needs the mock: the real API shows nothing from behind." in text
    assert "carrot_asgi needs the mock" in text
    assert "carrot_intercept needs the mock" in text
    assert "The control API needs the mock" in text
    assert "carrot.partner needs the credentials of another integrator" in text
    assert "pytest_carrot/" not in text.replace("pytest_carrot/plugin", "")


def test_the_budget_stops_the_run_before_the_next_write(
    run: Callable[..., pytest.RunResult], live: Live
) -> None:
    result = run(
        """
        @pytest.mark.carrot_live
        @pytest.mark.parametrize("number", range(9))
        def test_writes(carrot_client, number):
            carrot_client.post("/documents", json={**DOCUMENT, "deduplicationId": str(number)})
        """.replace("\n        ", "\n"),
        "--carrot-live-budget=3",
    )
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*The budget of 3 writes does not allow the next one (3 are used)*"])
    result.stdout.fnmatch_lines(["! The budget of 3 writes*!"])
    assert len(live.keys()) == 3


def test_refused_writes_and_reads_cost_nothing(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        @pytest.mark.carrot_live
        def test_refused(carrot_client):
            for _ in range(5):
                assert carrot_client.post("/documents", json={}).status_code == 400
                assert carrot_client.get("/documents/nothing").status_code == 404
            assert carrot_client.post("/documents", content=b"no JSON").status_code == 400
            nobody = {"Authorization": "Bearer nobody"}
            assert carrot_client.post("/documents", json=DOCUMENT, headers=nobody).status_code == 401
            assert carrot_client.post("/documents", json=DOCUMENT).status_code == 201
        """.replace("\n        ", "\n"),
        "--carrot-live-budget=2",
    )
    result.assert_outcomes(passed=1)


WRITES = """
@pytest.mark.carrot_live
@pytest.mark.parametrize("number", range(3))
def test_writes(carrot_client, number):
    assert carrot_client.post("/documents", json=DOCUMENT).status_code == 201
"""


def test_credentials_of_production_stop_the_run_after_one_private_document(
    run: Callable[..., pytest.RunResult], live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARROT_CLIENT_ID", "carrot-prod-client")
    monkeypatch.setenv("CARROT_CLIENT_SECRET", "carrot-prod-secret")
    result = run(WRITES)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*These are credentials of production (dataSetName 'PROD')*"])
    assert "carrot-prod-secret" not in result.stdout.str()
    assert len(live.keys()) == 1
    twice = run(WRITES, "--carrot-live-production", "--carrot-live-yes-really-production")
    twice.assert_outcomes(passed=3)


def test_workers_share_the_budget_and_end_together(run: Callable[..., pytest.RunResult], live: Live) -> None:
    result = run(
        """
        @pytest.mark.carrot_live
        @pytest.mark.parametrize("number", range(40))
        def test_writes(carrot_client, number):
            carrot_client.post("/documents", json={**DOCUMENT, "deduplicationId": str(number)})
        """.replace("\n        ", "\n"),
        "-n2",
        "--carrot-live-budget=6",
    )
    assert result.ret != 0
    assert "of which each of 2 workers has its part" in result.stdout.str()
    assert len(live.keys()) <= 6


@pytest.mark.parametrize(
    ("variables", "options", "sentence"),
    [
        ({"CARROT_API_URL": ""}, (), "needs the address of the API in the variable CARROT_API_URL."),
        ({"CARROT_API_URL": "carrot"}, (), "The variable CARROT_API_URL takes an address such as"),
        (
            {"CARROT_API_URL": "http://127.0.0.1:1/v1"},
            (),
            "'/v1' is one: leave it out. What has a path is the token endpoint: give its address as the variable C",
        ),
        ({"CARROT_CLIENT_SECRET": ""}, (), "the variables CARROT_CLIENT_ID and CARROT_CLIENT_SECRET"),
        ({"CARROT_PARTNER_CLIENT_ID": "x"}, (), "Give both the id and the secret of the partner"),
        ({}, ("--carrot-live-production",), "Production is touched only when told twice"),
        ({}, ("--carrot-live-yes-really-production",), "Production is touched only when told twice"),
        ({}, ("--carrot-url=http://127.0.0.1:1",), "--carrot-url needs the mock"),
        ({}, ("--carrot-semantics=all",), "--carrot-semantics needs the mock"),
        ({}, ("--carrot-assumptions",), "--carrot-assumptions needs the mock"),
        ({}, ("--carrot-live-budget=0",), "--carrot-live-budget takes a whole number above 0"),
        ({}, ("--carrot-live-budget=1.5",), "--carrot-live-budget takes a whole number above 0"),
        ({}, ("--carrot-live-rate=fast",), "--carrot-live-rate takes a number above 0"),
        ({}, ("--carrot-live-timeout=0",), "--carrot-live-timeout takes a number above 0"),
        (
            {"CARROT_API_URL": "https://api.carrot.eco"},
            (),
            "--carrot-live-rate is at most 5 requests a second",
        ),
    ],
)
def test_a_wrong_option_is_refused_with_a_sentence(
    pytester: pytest.Pytester,
    target: None,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    options: tuple[str, ...],
    sentence: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(pytest.UsageError) as refused:
        pytester.parseconfigure("--carrot-target=live", "--carrot-live-rate=100000", *options)
    assert sentence in str(refused.value)


def test_wrong_credentials_and_what_is_not_carrot_end_the_run_with_a_sentence(
    run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARROT_CLIENT_SECRET", "wrong-and-secret")
    refused = run(WRITES)
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    said = refused.stdout.str() + refused.stderr.str()
    assert "refuses the credentials of carrot-test-client (400 invalid_client)" in said
    assert "wrong-and-secret" not in said
    assert "Traceback" not in said
    with answering(html) as url:
        monkeypatch.setenv("CARROT_API_URL", url)
        other = run(WRITES)
    said = other.stdout.str() + other.stderr.str()
    assert other.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "answered 200 with an HTML page. If the tokens are elsewhere, give their address as the variable"
        in said
    )
    assert "Traceback" not in said


def test_the_first_requests_keep_to_the_timeout(
    run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("CARROT_API_URL", url)
        result = run(WRITES, "--carrot-live-timeout=0.2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = result.stdout.str() + result.stderr.str()
    assert f"No token can be had: {url} did not answer within 0.2 seconds." in said


def test_a_partner_that_is_the_same_integrator_is_refused(
    run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARROT_PARTNER_CLIENT_ID", "carrot-second-client")
    monkeypatch.setenv("CARROT_PARTNER_CLIENT_SECRET", "carrot-second-secret")
    with in_thread(SecondClient(create_app(Settings(rate_limit="off")))) as url:
        monkeypatch.setenv("CARROT_API_URL", url)
        result = run(
            """
            @pytest.mark.carrot_live
            def test_partner(carrot):
                carrot.partner
            """.replace("\n            ", "\n")
        )
    result.assert_outcomes(failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    said = result.stdout.str()
    assert "The partner carrot-second-client has to be another integrator than the main one" in said


# The parts ------------------------------------------------------------------------------------------------


def test_the_guard_keeps_to_the_timeout_of_its_target() -> None:
    over = Event()

    def reply(method: str, path: str) -> Reply:
        over.wait(20)
        return another_api(method, path)

    with answering(reply) as url:
        target = Target(url, f"{url}/oauth2/token", login("test"), timeout=0.2)
        guard = Guard(target, PREFIX, Pace(1e6), Budget(9, ""), Permission())
        for method, path in (("GET", "/documents/d"), ("POST", "/oauth2/token")):
            with pytest.raises(NoAnswer, match=r"did not answer within 0\.2 seconds"):
                guard.pass_on(method, path, {}, b"")
        over.set()


def test_an_environment_is_gone_on_in_only_when_it_is_known_for_tests_or_allowed_twice() -> None:
    def said(name: str, **allowed: Any) -> str:
        with pytest.raises(UserMistake) as refused:
            environment_of({"dataSetName": name}, "d", Permission(**allowed))
        return str(refused.value)

    assert environment_of({"dataSetName": "TEST"}, "d", Permission()) == "TEST"
    for name in ("PROD", "PRODUCTION"):
        assert said(name).startswith(f"These are credentials of production (dataSetName '{name}')")
    unknown = said("STAGING")
    assert "environment 'STAGING' (dataSetName), which the documentation does not know" in unknown
    assert "first document, d, which is private and stays there" in unknown
    assert "--production --yes-really-production" in unknown
    assert said("STAGING", production_flags="").endswith("Give credentials of the environment 'TEST'.")
    assert environment_of({"dataSetName": "STAGING"}, "d", Permission(production=True)) == "STAGING"


def test_requests_go_at_even_intervals_however_they_come() -> None:
    now = [0.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    pace = Pace(4, now=lambda: now[0], sleep=sleep)
    went = []
    for idle in (0, 0, 0, 10, 0):
        now[0] += idle
        pace.wait()
        went.append(now[0])
    assert went == [0.0, 0.25, 0.5, 10.5, 10.75]


def test_a_budget_gives_back_what_was_refused() -> None:
    budget = Budget(2, "--budget")
    budget.take(2)
    budget.give_back()
    budget.take()
    with pytest.raises(
        BudgetUsedUp, match=r"^The budget of 2 writes does not allow the next one \(2 are used\)"
    ):
        budget.take()
    assert budget.used == 2
