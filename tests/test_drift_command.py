"""`carrot-mock drift`: exit codes, files, sentences for what is no Carrot API, and nothing in production."""

from __future__ import annotations

import json
import ssl
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
    odd_documents,
    second,
)

from pytest_carrot.commands.drift import drift
from pytest_carrot.drifting import calling

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
        (
            broken,
            "/oauth2/token should answer with JSON that has an access_token, and answered 500 with JSON",
        ),
        (
            broken_after_login,
            "is not the Carrot API: GET /documents/00000000-0000-4000-8000-000000000000 should be",
        ),
        (another_api, "is not the Carrot API: GET /documents/00000000-0000-4000-8000-000000000000 should be"),
    ],
)
def test_what_is_no_carrot_api_is_told_in_a_sentence(reply: Callable[[str, str], Reply], said: str) -> None:
    with answering(reply) as url:
        assert said in sentence(command(url))


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
        (["http://127.0.0.1:1/v1"], "URL takes an address such as https://api.carrot.eco"),
        (["http://127.0.0.1:1", "--token-url", "x"], "--token-url takes an address such as"),
        (["https://api.carrot.eco", "--rate", "9"], "--rate is at most 5 requests a second"),
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


def test_credentials_are_needed() -> None:
    assert "Give the credentials of an integrator" in sentence(
        CliRunner().invoke(drift, ["http://127.0.0.1:1"])
    )


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
