"""`carrot-mock drift`: exit codes, files, sentences for what is no Carrot API, and nothing in production."""

from __future__ import annotations

import json
import socket
import ssl
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import trustme
from click.testing import CliRunner, Result
from drift_targets import (
    SIX,
    STATUSES,
    Reply,
    another_api,
    answering,
    broken,
    broken_after_login,
    html,
    login,
    odd_documents,
    second,
)

from mock_server import create_app
from mock_server.server import in_thread
from mock_server.settings import Settings
from pytest_carrot import live_http
from pytest_carrot.commands.drift import drift
from pytest_carrot.drifting import calling
from pytest_carrot.errors import UserMistake
from pytest_carrot.live_target import check_partner

VARIABLES = (
    "CLIENT_ID",
    "CLIENT_SECRET",
    "TOKEN_URL",
    "API_URL",
    "PARTNER_CLIENT_ID",
    "PARTNER_CLIENT_SECRET",
)
SECRET = "carrot-test-secret"


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"CARROT_{name}", raising=False)


def command(url: str, *arguments: str, client: str = "test") -> Result:
    login = ["--client-id", f"carrot-{client}-client", "--client-secret", f"carrot-{client}-secret"]
    result = CliRunner().invoke(drift, [url, *login, "--rate", "1000000", *arguments], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    assert f"carrot-{client}-secret" not in result.output
    return result


def sentence(result: Result) -> str:
    """What a run says that could not be made."""
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_no_difference_is_0_and_differences_are_1_with_their_files(tmp_path: Path) -> None:
    report, config = tmp_path / "drift.json", tmp_path / "carrot-mock.toml"
    files = ("--json", str(report), "--toml", str(config))
    with second() as other:
        same = command(other.url, *files)
    assert same.exit_code == 0
    assert "No difference;" in same.stdout
    assert json.loads(report.read_text("utf-8"))["differences"] == []
    assert tomllib.loads(config.read_text("utf-8")) == {"semantics": {}}
    partner = (
        "--partner-client-id",
        "carrot-partner-client",
        "--partner-client-secret",
        "carrot-partner-secret",
    )
    with second(SIX, STATUSES) as other:
        differs = command(other.url, *files, *partner)
    assert differs.exit_code == 1
    assert "8 differences;" in differs.stdout
    found = json.loads(report.read_text("utf-8"))
    assert len(found["differences"]) == 8
    assert found["semantics"] == SIX
    written = config.read_text("utf-8")
    assert tomllib.loads(written) == {"semantics": SIX}
    assert "#   success-status (documents.create): 200 (the mock: 201)" in written
    for text in (written, report.read_text("utf-8"), differs.output):
        assert "secret" not in text


def test_a_budget_that_is_used_up_is_2_with_a_sentence() -> None:
    with second() as other:
        result = command(other.url, "--budget", "5")
    assert result.exit_code == 2
    assert "No difference was seen, but" in result.stdout
    assert "The budget of 5 writes does not allow the next one (5 are used)" in result.stderr


def test_production_is_left_after_one_private_document_unless_told_twice() -> None:
    with second() as other:
        assert "(dataSetName 'PROD')" in sentence(command(other.url, client="prod"))
        (document,) = other.written
        assert document["isPublic"] is document["isPubliclySearchable"] is False
        for once in ("--production", "--yes-really-production"):
            assert "Production is touched only when told twice" in sentence(
                command(other.url, once, client="prod")
            )
        assert len(other.written) == 1
        twice = command(other.url, "--production", "--yes-really-production", client="prod")
        assert twice.exit_code == 0
        assert "(PROD)" in twice.stdout


def test_a_partner_of_production_is_refused_too() -> None:
    with second() as other:
        partner = (
            "--partner-client-id",
            "carrot-prod-client",
            "--partner-client-secret",
            "carrot-prod-secret",
        )
        result = command(other.url, *partner)
        assert "(dataSetName 'PROD')" in sentence(result)
        assert len(other.written) == 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (
            html,
            "/oauth2/token should answer with JSON that has an access_token, and answered 200 with an HTML page",
        ),
        (another_api, "is not the Carrot API: GET /documents/00000000-0000-4000-8000-000000000000 should be"),
    ],
)
def test_what_is_no_carrot_api_is_told_in_a_sentence(reply: Callable[[str, str], Reply], said: str) -> None:
    with answering(reply) as url:
        assert said in sentence(command(url))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_in_trouble_is_not_taken_for_another_api(status: int) -> None:
    def reply(method: str, path: str) -> Reply:
        found, kind, body = how(method, path)
        return status if found == 500 else found, kind, body

    how = broken
    with answering(reply) as url:
        tokens = sentence(command(url))
        how = broken_after_login
        api = sentence(command(url))
    assert f"The token endpoint {url}/oauth2/token has trouble of its own now" in tokens
    assert f"{url} has trouble of its own now" in api
    for said in (tokens, api):
        assert f"answered {status} with JSON" in said
        assert "try again later" in said
        assert "is not the Carrot API" not in said


def test_a_token_endpoint_with_too_many_requests_says_so() -> None:
    with answering(lambda method, path: (429, "application/json", b"{}")) as url:
        said = sentence(command(url))
    assert f"The token endpoint {url}/oauth2/token has too many requests already (429): wait" in said


@pytest.mark.parametrize("status", [404, 405, 200])
def test_tokens_that_are_elsewhere_are_asked_for_by_the_name_of_their_option(status: int) -> None:
    with answering(lambda method, path: (status, "text/html", b"<html>")) as url:
        said = sentence(command(url))
    assert f"answered {status} with an HTML page." in said
    assert "give their address as --token-url or CARROT_TOKEN_URL." in said


def test_an_environment_that_nobody_knows_is_not_called_production() -> None:
    def reply(method: str, path: str) -> Reply:
        status, kind, body = odd_documents(method, path)
        return status, kind, body.replace(b'"TEST"', b'"STAGING"')

    with answering(reply) as url:
        said = sentence(command(url))
    assert "environment 'STAGING' (dataSetName), which the documentation does not know" in said
    assert "These are credentials of production" not in said
    assert "--production --yes-really-production" in said


# Time, and who calls ---------------------------------------------------------------------------------------


def test_the_first_requests_keep_to_the_timeout() -> None:
    over = Event()

    def reply(method: str, path: str) -> Reply:
        if path != "/oauth2/token":
            over.wait(20)
        return another_api(method, path)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        tokens = f"http://127.0.0.1:{silent.getsockname()[1]}"
        said = sentence(command(tokens, "--timeout", "0.2"))
    assert said == f"carrot-mock: No token can be had: {tokens} did not answer within 0.2 seconds."
    with answering(reply) as url:
        said = sentence(command(url, "--timeout", "0.3"))
        over.set()
    assert said == f"carrot-mock: {url} did not answer within 0.3 seconds."


def test_an_answer_that_drips_on_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second goes by whenever somebody looks at the clock."""
    ticks = iter(range(1000))
    monkeypatch.setattr(live_http, "monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr(live_http, "_PIECE", 1)
    with answering(html) as url:
        assert live_http.exchange("GET", url, {}, seconds=60).body == html("", "")[2]
        with pytest.raises(live_http.NoAnswer, match=r"did not answer within 5 seconds\.$"):
            live_http.exchange("GET", url, {}, seconds=5)


def test_a_timeout_beyond_what_a_socket_takes_is_as_long_as_it_can_be() -> None:
    with answering(html) as url:
        assert live_http.exchange("GET", url, {}, seconds=float("inf")).status == 200


class SecondClient:
    """An ASGI application that knows another client id of the main integrator."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        other, main = (login(name).basic.encode() for name in ("second", "test"))
        if scope["type"] == "http":
            headers = [(name, main if value == other else value) for name, value in scope["headers"]]
            scope = {**scope, "headers": headers}
        await self._app(scope, receive, send)


def test_a_partner_that_is_the_same_integrator_is_refused() -> None:
    partner = (
        "--partner-client-id",
        "carrot-second-client",
        "--partner-client-secret",
        "carrot-second-secret",
    )
    with in_thread(SecondClient(create_app(Settings(rate_limit="off")))) as url:
        said = sentence(command(url, *partner))
    assert "The partner carrot-second-client has to be another integrator than the main one" in said
    assert "has another client id of the same one (both are " in said


@pytest.mark.parametrize(
    ("first", "second", "reads", "same"),
    [
        ("a", "a", False, True),
        ("a", "b", True, False),
        ("a", None, True, True),
        (None, None, True, True),
        (None, "b", False, False),
    ],
)
def test_without_an_author_the_partner_is_known_by_what_it_reads(
    first: str | None, second: str | None, reads: bool, same: bool
) -> None:
    documents = [{} if each is None else {"author": {"participantId": each}} for each in (first, second)]
    try:
        check_partner(login("test"), login("second"), *documents, reads=reads)
    except UserMistake:
        assert same
    else:
        assert not same


def test_without_credentials_a_mock_on_this_machine_gets_those_it_knows() -> None:
    with second() as other:
        result = CliRunner().invoke(drift, [other.url, "--rate", "1000000"])
    assert result.exit_code == 0
    assert "it needs the credentials of a partner" not in result.stdout
    assert result.stderr.splitlines()[:2] == [
        "carrot-mock: No credentials were given: the default test credentials are used, carrot-test-client.",
        "carrot-mock: The partner is the default one, carrot-partner-client.",
    ]
    assert SECRET not in result.output


def test_an_api_that_gives_everybody_a_token_has_no_default_partner() -> None:
    with answering(odd_documents) as url:
        result = CliRunner().invoke(drift, [url, "--rate", "1000000"])
    assert result.exit_code in (1, 2)
    assert "carrot-partner-client" not in result.output


def test_without_credentials_an_api_that_does_not_know_the_default_ones_is_told_of() -> None:
    refusal = (400, "application/json", b'{"error": "invalid_client"}')
    with answering(lambda method, path: refusal) as url:
        result = CliRunner().invoke(drift, [url])
    assert result.exit_code == 2
    used, said = result.stderr.splitlines()
    assert "the default test credentials are used" in used
    assert "refuses the credentials of carrot-test-client (400 invalid_client)" in said


def test_an_api_with_odd_documents_is_never_taken_for_the_same() -> None:
    with answering(odd_documents) as url:
        result = command(url)
    assert result.exit_code in (1, 2)
    assert "No difference;" not in result.output


def test_nobody_there_and_no_such_host() -> None:
    with answering(html) as gone:
        pass
    assert f"Nothing listens at {gone}" in sentence(command(gone))
    assert "There is no host by the name" in sentence(command("http://carrot.invalid", "--rate", "4"))


@pytest.mark.parametrize("expired", [True, False])
def test_a_certificate_that_is_not_good_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expired: bool
) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    times: Any = {"not_before": yesterday - timedelta(days=9), "not_after": yesterday} if expired else {}
    authority.issue_cert("127.0.0.1", **times).configure_cert(tls)
    if expired:
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with answering(html, tls) as url:
        said = sentence(command(url))
    assert f"The certificate of {url} is not good" in said
    assert ("expired" in said) is expired


def test_wrong_credentials_are_told_without_the_secret() -> None:
    with second() as other:
        said = sentence(command(other.url, client="nobody"))
    assert "refuses the credentials of carrot-nobody-client (400 invalid_client)" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["carrot"], "URL takes an address such as https://api.carrot.eco, not 'carrot'."),
        (
            ["http://127.0.0.1:1/v1"],
            "URL takes an address without a path, such as https://api.carrot.eco, and '/v1' is one: leave it out.",
        ),
        (["http://127.0.0.1:1/v1/"], "give its address as --token-url or CARROT_TOKEN_URL."),
        (["http://me:hidden@127.0.0.1:1"], "not '127.0.0.1:1' (with a name or a password before it)."),
        (["http://:hidden@127.0.0.1:1"], "not '127.0.0.1:1' (with a name or a password before it)."),
        (["http://127.0.0.1:1", "--token-url", "x"], "--token-url takes an address such as"),
        (["https://api.carrot.eco", "--rate", "9"], "--rate is at most 5 requests a second"),
        (["https://api.carrot.eco", "--rate", "nan"], "--rate is at most 5 requests a second"),
        (
            ["http://127.0.0.1:1", "--partner-client-id", "x"],
            "Give both the id and the secret of the partner",
        ),
        (["http://127.0.0.1:1", "--json", "/nowhere/x.json"], "cannot write /nowhere/x.json (--json)"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_asked(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(drift, [*arguments, "--client-id", "a", "--client-secret", SECRET])
    assert said in sentence(result)


@pytest.mark.parametrize(
    "arguments", [["https://api.carrot.eco"], ["http://127.0.0.1:1", "--client-id", "a"]]
)
def test_credentials_are_needed_but_on_this_machine(arguments: list[str]) -> None:
    assert "Give the credentials of an integrator" in sentence(CliRunner().invoke(drift, arguments))


def test_a_probe_that_would_publish_or_hide_its_run_is_stopped_before_it_is_sent() -> None:
    named = {"deduplicationId": "run-1", "externalId": "run-1"}
    calling.check_harmless(json.dumps({**named, "isPublic": False}).encode(), "run")
    for body in (
        {**named, "isPublic": True},
        {**named, "updates": {"isPubliclySearchable": True}},
        {"externalId": "run-1"},
        {"events": [{**named, "deduplicationId": "other"}]},
    ):
        with pytest.raises(RuntimeError):
            calling.check_harmless(json.dumps(body).encode(), "run")
