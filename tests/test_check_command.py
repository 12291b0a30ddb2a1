"""`carrot-mock check` against true and broken mocks, and against what is no Carrot API at all."""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click.testing
import pytest
from conftest import Serving
from test_drift_command import SecondClient

from mock_server import create_app
from mock_server.behaviours import Semantics
from mock_server.clock import ManualClock
from mock_server.server import in_thread
from mock_server.settings import Settings
from pytest_carrot import live_http
from pytest_carrot.checking import calling, knowledge
from pytest_carrot.commands.check import check
from pytest_carrot.contract import sounding
from pytest_carrot.live_target import NOWHERE, Target

if not os.environ.get("CI"):
    pytest.importorskip(
        "schemathesis", reason="schemathesis is not installed: pip install 'carrot-mock[schemathesis]'"
    )

FEW = ("--phases", "examples", "--max-examples", "1")
CREDENTIALS = ("--client-id", "carrot-test-client", "--client-secret", "carrot-test-secret")


@pytest.fixture(autouse=True)
def no_credentials_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith("CARROT_")]:
        monkeypatch.delenv(name)


def run(*arguments: str) -> click.testing.Result:
    """The command in this process; it ends with an exit code and not with an exception."""
    done = click.testing.CliRunner().invoke(check, arguments)
    assert isinstance(done.exception, SystemExit | None), done.exc_info
    assert "Traceback" not in done.output
    return done


def refused(*arguments: str) -> str:
    """The sentence that it ends with, before anything was checked."""
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    lines = done.stderr.splitlines()
    assert all(each.startswith("carrot-mock: ") for each in lines)
    return lines[-1]


def workspaces(url: str) -> list[str]:
    return [each["id"] for each in live_http.exchange("GET", f"{url}/_mock/workspaces", {}).content]


class Changed:
    """A mock whose answers are changed by a function of method, path, status and body."""

    def __init__(self, change: Callable[[str, str, int, bytes], tuple[int, bytes]]) -> None:
        self.app = create_app(Settings(rate_limit="off"))
        self.change = change

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_mock"):
            await self.app(scope, receive, send)
            return
        parts: list[Any] = []

        async def keep(message: Any) -> None:
            parts.append(message)

        await self.app(scope, receive, keep)
        body = b"".join(each.get("body", b"") for each in parts[1:])
        status, body = self.change(scope["method"], scope["path"], parts[0]["status"], body)
        headers = [each for each in parts[0]["headers"] if each[0] != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def changed() -> Iterator[Callable[..., str]]:
    """Serves a changed mock, and gives its address."""
    with ExitStack() as stack:
        yield lambda change: stack.enter_context(in_thread(Changed(change)))


# It holds ------------------------------------------------------------------------------------------------


def test_a_carrot_mock_is_checked_in_a_workspace_that_is_dropped(
    serve: type[Serving], tmp_path: Path
) -> None:
    server = serve("--rate-limit", "1")
    files = {each: tmp_path / f"check.{each}" for each in ("junit", "har", "vcr")}
    wanted = [part for each, file in files.items() for part in (f"--{each}", str(file))]
    done = run(server.url, "--phases", "examples,stateful", "--max-examples", "8", *wanted)
    assert done.exit_code == 0, done.output
    assert "of its own, without a rate limit, which is dropped at the end" in done.stderr
    assert "HOLDS: " in done.stdout
    assert "Valid data accepted: 100.0%" in done.stdout
    assert "Checks: " in done.stdout
    assert workspaces(server.url) == ["default"]
    suite = ElementTree.parse(files["junit"]).getroot()
    assert int(suite.attrib["tests"]) > 100
    assert suite.attrib["failures"] == "0"
    entries = json.loads(files["har"].read_text("utf-8"))["log"]["entries"]
    assert len(entries) > 30
    assert files["vcr"].read_text("utf-8").count("\n- id: ") == len(entries)
    texts = "".join(each.read_text("utf-8") for each in files.values())
    assert '"access_token\\":\\"[redacted]' in texts or "access_token" not in texts
    assert "eyJhbGciOi" not in texts


def test_the_workspace_is_kept_when_asked_for(server: Serving, tmp_path: Path) -> None:
    before = workspaces(server.url)
    har = tmp_path / "check.har"
    done = run(server.url, *FEW, "--keep", "--har", str(har))
    assert done.exit_code == 0, done.output
    (kept,) = set(workspaces(server.url)) - set(before)
    assert (
        f"workspace {kept} of its own, without a rate limit, which stays, with client carrot-" in done.stderr
    )
    found = live_http.exchange("GET", f"{server.url}/_mock/workspaces/{kept}", {}).object
    secrets = [each["clientSecret"] for each in found["credentials"]]
    assert secrets
    assert not [each for each in secrets if each in har.read_text("utf-8") + done.output]
    live_http.exchange("DELETE", f"{server.url}/_mock/workspaces/{kept}", {})


def test_any_other_api_is_checked_with_the_credentials_that_were_given(serve: type[Serving]) -> None:
    server = serve("--rate-limit", "off", "--no-control")
    for given, sentence in [
        ((), "No credentials were given: the default test credentials are used, carrot-test-client."),
        (CREDENTIALS, "Without credentials of a partner nobody tries to read what is not theirs."),
    ]:
        done = run(server.url, *FEW, "--rate-limit", "off", *given)
        assert done.exit_code == 0, done.output
        assert sentence in done.stderr
        assert (
            "It is a Carrot Mock whose control API is switched off, and is checked as any other API."
            in done.stderr
        )
        assert "as client carrot-test-client" in done.stdout
        assert "HOLDS: " in done.stdout


def test_a_mock_whose_control_token_was_not_given_is_any_other_api(serve: type[Serving]) -> None:
    server = serve("--rate-limit", "off", "--control-token", "t")
    done = run(server.url, *FEW, "--rate-limit", "off")
    assert done.exit_code == 0, done.output
    assert "with --control-token the run would have a workspace of its own" in done.stderr
    assert "has another control token" in refused(server.url, *FEW, "--control-token", "wrong")
    assert run(server.url, *FEW, "--control-token", "t").exit_code == 0


def test_what_an_api_does_where_the_contract_is_silent_is_seen(serve: type[Serving]) -> None:
    switches = "unknown-properties=reject", "event-parties=required", "get-shape=stored", "conventions=warn"
    given = [part for each in switches for part in ("--semantics", each)]
    server = serve("--rate-limit", "off", "--no-control", *given)
    done = run(server.url, *FEW, "--rate-limit", "off")
    assert done.exit_code == 0, done.output
    said = next(each for each in done.stderr.splitlines() if "Its first answers show" in each)
    assert all(each in said for each in switches)


def test_a_document_that_is_busy_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    for module in (calling, knowledge, sounding):
        monkeypatch.setattr(module, "sleep", clock.advance)
    monkeypatch.setattr(knowledge, "monotonic", clock.time)
    settings = Settings(
        rate_limit="off", control=False, semantics=Semantics.default().replace({"pending-window": "3"})
    )
    with in_thread(create_app(settings, clock=clock)) as url:
        done = run(url, *FEW, "--rate-limit", "off")
    assert done.exit_code == 0, done.output


def test_nothing_is_left_where_it_was_called(
    server: Serving, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(server.url, "--phases", "examples,fuzzing", "--max-examples", "2")
    assert done.exit_code == 0, done.output
    assert list(tmp_path.iterdir()) == []
    assert "carrot-mock: The phase fuzzing has begun." in done.stderr.splitlines()


# It fails ------------------------------------------------------------------------------------------------


def with_null(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
    """Every accepted write of an event and of a file is answered with a null."""
    if status in (200, 201) and path.endswith(("/events", ".pdf", ".txt")):
        return status, json.dumps({**json.loads(body), "note": None}).encode()
    return status, body


def test_an_api_that_breaks_the_contract_fails_with_a_command_for_each_failure(
    changed, tmp_path: Path
) -> None:
    file = tmp_path / "check.xml"
    done = run(changed(with_null), *FEW, "--junit", str(file))
    assert done.exit_code == 1, done.output
    assert "✗ accepted_answers_validate_without_nulls" in done.stdout
    assert "Expected no null where something is absent; got one at /note." in done.stdout
    assert "curl -X POST " in done.stdout
    assert '-H "Authorization: Bearer $TOKEN"' in done.stdout
    assert 'TOKEN=$(curl -s -u "$CARROT_CLIENT_ID:$CARROT_CLIENT_SECRET"' in done.stdout
    assert "FAILS: " in done.stdout
    (failure, *_) = ElementTree.parse(file).iter("failure")
    assert "got one at /note" in failure.attrib["message"]
    assert "$TOKEN" in str(failure.text)


def test_only_so_many_failures_are_shown(changed) -> None:
    done = run(changed(with_null), *FEW, "--show", "1")
    assert done.exit_code == 1
    assert done.stdout.count("in the phase") == 1
    assert "Only the first 1 are shown: --show " in done.stdout


def test_an_api_that_fails_now_and_then_fails(changed) -> None:
    url = changed(
        lambda method, path, status, body: (500, b"") if path.endswith("/events") else (status, body)
    )
    done = run(url, *FEW)
    assert done.exit_code == 1
    assert "✗ never_a_server_error" in done.stdout


def test_an_operation_that_refuses_everything_fails(changed) -> None:
    def change(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        appends = method == "POST" and path.startswith("/documents/") and path != "/documents/events"
        return (404, envelope(404, "objectNotFound")) if appends else (status, body)

    done = run(changed(change), *FEW)
    assert done.exit_code == 1, done.output
    assert "✗ valid_data_is_accepted: 1 failure" in done.stdout
    assert "valid requests was accepted, so that all else about events.append proves nothing." in done.stdout
    assert 'The first one got 404 {"statusCode": 404' in done.stdout
    assert "curl -X POST " in done.stdout


def test_an_operation_that_was_hardly_tried_is_no_pass() -> None:
    class Refusing(Changed):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            # As if no batch were ever of a document that is there.
            elsewhere = scope["type"] == "http" and scope["path"] == "/documents/events"
            path = f"/documents/{NOWHERE}/events"
            await super().__call__(
                {**scope, "path": path, "raw_path": path.encode()} if elsewhere else scope, receive, send
            )

    with in_thread(
        Refusing(
            lambda method, path, status, body: (
                (404, envelope(404, "objectNotFound")) if NOWHERE in path else (status, body)
            )
        )
    ) as url:
        done = run(url, *FEW)
    assert done.exit_code == 2, done.output
    assert (
        "events.batch: no valid request was accepted, of only 2; a greater --max-examples tells"
        in done.stdout
    )
    assert "COULD NOT BE TOLD" in done.stdout


def test_an_api_that_takes_what_the_contract_forbids_fails() -> None:
    class Lenient(Changed):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def smaller() -> Any:
                message = await receive()
                if b'"contentLength": 10485761' in message.get("body", b""):
                    message["body"] = message["body"].replace(b"10485761", b"10485760")
                return message

            await super().__call__(scope, smaller, send)

    with in_thread(Lenient(lambda method, path, status, body: (status, body))) as url:
        done = run(url, "--phases", "coverage", "--max-examples", "1")
    assert done.exit_code == 1, done.output
    assert "✗ negative_data_rejection: 1 failure" in done.stdout
    assert "attachments.upload, in the phase coverage" in done.stdout


def test_an_api_that_does_not_find_what_it_made_fails(changed) -> None:
    reads = 0

    def change(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        nonlocal reads
        reads += method == "GET" and path.startswith("/documents/") and "attachments" not in path
        # The first one is the run's own.
        return (404, envelope(404, "objectNotFound")) if reads > 1 and method == "GET" else (status, body)

    done = run(changed(change), *FEW)
    assert done.exit_code == 1, done.output
    assert "✗ events_stay_as_read" in done.stdout
    assert "by the client that wrote or read it to get it; got 404" in done.stdout


def test_a_failure_of_what_schemathesis_brings_says_what_was_answered(changed) -> None:
    def change(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        return (418, b'{"message":"a teapot"}') if path == "/documents/events" else (status, body)

    done = run(changed(change), *FEW)
    assert done.exit_code == 1, done.output
    assert "✗ status_code_conformance" in done.stdout
    assert 'Answered: 418 {"message":"a teapot"}' in done.stdout


@pytest.mark.parametrize("control", [True, False], ids=["a call of the run", "one of the first requests"])
def test_a_server_error_that_is_gone_at_the_next_try_is_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, control: bool
) -> None:
    monkeypatch.setattr(calling, "sleep", lambda seconds: None)
    seen: set[str] = set()

    def change(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        place = "create" if path == "/documents" else "append" if path.endswith("/events") else ""
        if not control and place == "create":
            return status, body
        is_first = bool(place) and place not in seen
        seen.add(place)
        return (502, b'{"message":"Bad Gateway"}') if is_first else (status, body)

    app = Changed(change)
    app.app = create_app(Settings(rate_limit="off", control=control))
    with in_thread(app) as url:
        done = run(url, *FEW, "--rate-limit", "off")
    assert done.exit_code == (1 if control else 2), done.output
    assert ("POST /documents was answered 502, a call that the run made" in done.stdout) == control
    assert ("answered an append, one of its first requests, with 502" in done.stderr) != control


def test_an_api_that_goes_silent_is_given_up() -> None:
    class Silent(Changed):
        asked = 0

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and not scope["path"].startswith("/_mock"):
                self.asked += 1
                if self.asked > 12 and scope["path"] != "/oauth2/token":
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    return
            await super().__call__(scope, receive, send)

    with in_thread(Silent(lambda method, path, status, body: (status, body))) as url:
        done = run(url, "--phases", "fuzzing,stateful", "--timeout", "0.5")
    assert done.exit_code == 2, done.output
    assert "hook" not in done.output
    (sentence,) = [each for each in done.stdout.splitlines() if each.startswith("COULD NOT BE TOLD: ")]
    assert "did not answer" in sentence or "requests in a row had no answer" in sentence


def test_an_api_that_answers_nothing_but_429_is_given_up(changed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "sleep", lambda seconds: None)
    asked = 0

    def change(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        nonlocal asked
        asked += 1
        return (429, b'{"message":"Too Many Requests"}') if asked > 30 else (status, body)

    done = run(changed(change), "--phases", "coverage", "--max-examples", "1")
    assert done.exit_code in (1, 2), done.output
    assert "429" in done.stdout.splitlines()[-1]
    assert asked < 300


def test_an_api_that_goes_away_is_no_pass(changed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "sleep", lambda seconds: None)
    asked = 0
    with ExitStack() as stack:

        def change(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
            nonlocal asked
            asked += 1
            if asked == 25:
                raise ConnectionAbortedError
            return (status, body) if asked < 25 else (503, b"")

        url = stack.enter_context(in_thread(Changed(change)))
        done = run(url, *FEW)
    assert done.exit_code in (1, 2)
    assert "HOLDS" not in done.stdout


def test_an_api_that_hangs_in_the_middle_is_no_pass() -> None:
    class Hanging(Changed):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["path"] == "/documents/events":
                # Until the client has left.
                while (await receive())["type"] != "http.disconnect":
                    pass
            else:
                await super().__call__(scope, receive, send)

    with in_thread(Hanging(lambda method, path, status, body: (status, body))) as url:
        done = run(url, *FEW, "--timeout", "0.3")
    assert done.exit_code == 2, done.output
    assert "POST /documents/events: Read timed out after 0.3 seconds" in done.stdout
    assert "COULD NOT BE TOLD: no failure, but something was not checked." in done.stdout


# It could not be told ------------------------------------------------------------------------------------


class Stub(BaseHTTPRequestHandler):
    """Answers every request the same, but for the token endpoint where `tokens` says so."""

    status, body, kind, tokens = 200, b"{}", "application/json", False

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        status, body = self.status, self.body
        if self.tokens and self.path == "/oauth2/token":
            status, body = 200, b'{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}'
        self.send_response(status)
        self.send_header("content-type", self.kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = answer  # noqa: N815 -- names that the base class looks for

    def log_message(self, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def stub() -> Iterator[Callable[..., str]]:
    """Serves a stub, over TLS where a context is given, and gives its address."""
    with ExitStack() as stack:

        def start(tls: ssl.SSLContext | None = None, **facts: Any) -> str:
            server = ThreadingHTTPServer(("127.0.0.1", 0), type("This", (Stub,), facts))
            if tls is not None:
                server.socket = tls.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"

        yield start


def envelope(status: int, code: str) -> bytes:
    entry = {"code": code, "message": "no", "id": "a" * 21, "timestamp": "1"}
    return json.dumps({"statusCode": status, "errors": [entry]}).encode()


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"body": b"<html>", "kind": "text/html"}, "answered 200 with an HTML page"),
        ({"body": b"<html>", "kind": "text/html", "tokens": True}, "is not the Carrot API"),
        ({"status": 500}, "answered 500 with JSON"),
        ({"status": 503, "tokens": True}, "has trouble of its own now, and answered 503"),
        ({}, "should answer with JSON that has an access_token"),
        ({"tokens": True}, "is not the Carrot API"),
        ({"status": 404, "body": envelope(404, "objectNotFound")}, "answered 404"),
        (
            {"status": 404, "body": envelope(404, "objectNotFound"), "tokens": True},
            "does not act as the Carrot API",
        ),
        (
            {"status": 401, "body": envelope(401, "unauthorized"), "tokens": True},
            "does not take the tokens of",
        ),
        (
            {"status": 403, "body": envelope(403, "restrictedResource"), "tokens": True},
            "does not act as the Carrot",
        ),
        ({"body": b'{"status": "ready"}', "tokens": True}, "does not act as the Carrot API"),
    ],
    ids=[
        "HTML",
        "HTML with tokens",
        "500",
        "503 with tokens",
        "JSON",
        "JSON with tokens",
        "404",
        "404 with tokens",
        "401 with tokens",
        "403 with tokens",
        "it says that it is a mock",
    ],
)
def test_what_is_not_carrot_is_told_in_a_sentence(stub, facts: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(stub(**facts), *FEW, "--rate-limit", "off")


def test_an_api_that_is_down_is_told_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert f"Nothing listens at http://127.0.0.1:{port}" in refused(f"http://127.0.0.1:{port}", *FEW)


def test_an_api_that_hangs_is_told_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "did not answer within 0.2 seconds" in refused(url, *FEW, "--timeout", "0.2")


def test_an_api_that_is_no_http_is_told_in_a_sentence() -> None:
    def greet() -> None:
        with silent.accept()[0] as caller:
            caller.sendall(b"220 mail.example.org\r\n")

    with socket.create_server(("127.0.0.1", 0)) as silent:
        thread = threading.Thread(target=greet)
        thread.start()
        assert "does not speak HTTP" in refused(f"http://127.0.0.1:{silent.getsockname()[1]}", *FEW)
        thread.join()


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A certificate authority that this process trusts."""
    trustme = pytest.importorskip("trustme")
    found = trustme.CA()
    found.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    live_http._context.cache_clear()
    yield found
    live_http._context.cache_clear()


def test_an_expired_certificate_is_told_in_a_sentence(stub, authority: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    authority.issue_cert("127.0.0.1", not_after=yesterday).configure_cert(context)
    assert "is not good: certificate has expired" in refused(stub(context, tokens=True), *FEW)


def test_a_certificate_of_an_authority_of_ones_own_is_taken(stub, authority: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    url = stub(context, status=404, body=envelope(404, "objectNotFound"), tokens=True)
    assert "does not act as the Carrot API: POST /documents" in refused(url, *FEW, "--rate-limit", "off")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--client-id", "x", "--client-secret", "y"], "refuses the credentials of x (400 invalid_client)"),
        (["--client-id", "x"], "Give both of --client-id and --client-secret"),
        ([*CREDENTIALS, "--partner-client-id", "x"], "Give both of --partner-client-id and"),
        ([*CREDENTIALS, "--partner-client-id", "x", "--partner-client-secret", "y"], "the credentials of x"),
        (
            [*CREDENTIALS, "--partner-client-id", "carrot-test-client", "--partner-client-secret", "y"],
            "The partner has to be another integrator",
        ),
        (["--junit", "no/such/folder"], "cannot write no/such/folder (--junit)"),
        (["--junit", "same", "--har", "./same"], "--junit and --har are the same file"),
        (["--token-url", "auth"], "--token-url takes an address such as"),
    ],
)
def test_wrong_settings_are_told_in_a_sentence(server: Serving, arguments: list[str], sentence: str) -> None:
    assert sentence in refused(server.url, *FEW, *arguments)


@pytest.mark.parametrize(
    "url", ["api.carrot.eco", "ftp://x", "http://", "http://a b", "http://x:0", "http://x?y"]
)
def test_an_address_that_is_none_is_told_in_a_sentence(url: str) -> None:
    assert "URL takes an address such as https://api.carrot.eco" in refused(url, *FEW)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--phases", "guessing"], "'guessing' is not one of examples, coverage, fuzzing, stateful"),
        (["--timeout", "nan"], "nan is no number of seconds"),
        (["--har", "-"], "give the name of a file"),
        (["--rate-limit", "fast"], "'fast' is no rate such as 5/s"),
        (["--semantics", "ordering=sideways"], "sideways"),
        (["--semantics", "ordering"], "'ordering' is no KEY=VALUE"),
    ],
)
def test_an_option_that_makes_no_sense_is_told(arguments: list[str], sentence: str) -> None:
    done = run("http://127.0.0.1:1", *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_recordings_that_have_no_room_are_told_in_a_sentence(server: Serving) -> None:
    done = run(server.url, *FEW, "--har", "/dev/full")
    assert done.exit_code == 2
    assert "the run's recordings could not be written: No space left on device." in done.stderr


def test_a_password_in_an_address_is_not_shown() -> None:
    sentence = refused("http://user:hidden@x", *FEW)
    assert "not 'x' (with a name or a password before it)" in sentence


def test_nothing_is_written_elsewhere_unless_asked_for(
    server_without_control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Target, "is_here", False)
    url = server_without_control.url
    assert "A check WRITES DOCUMENTS to" in refused(url, *FEW, "--rate-limit", "off")
    assert run(url, *FEW, "--rate-limit", "off", "--yes").exit_code == 0


def test_a_partner_that_is_the_same_integrator_is_refused() -> None:
    partner = (
        "--partner-client-id",
        "carrot-second-client",
        "--partner-client-secret",
        "carrot-second-secret",
    )
    with in_thread(SecondClient(create_app(Settings(rate_limit="off", control=False)))) as url:
        sentence = refused(url, *FEW, "--rate-limit", "off", *CREDENTIALS, *partner)
    assert "The partner carrot-second-client has to be another integrator than the main one" in sentence


def test_nothing_is_tried_out_in_production(server_without_control) -> None:
    production = ("--client-id", "carrot-prod-client", "--client-secret", "carrot-prod-secret")
    sentence = refused(server_without_control.url, *FEW, *production, "--rate-limit", "off")
    assert "These are credentials of production (dataSetName 'PROD')" in sentence


@pytest.fixture
def server_without_control(serve: type[Serving]) -> Serving:
    return serve("--rate-limit", "off", "--no-control")


def test_without_schemathesis_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "schemathesis", None)
    assert "pip install 'carrot-mock[schemathesis]'" in refused("http://127.0.0.1:1")


def test_what_a_strange_api_breaks_is_told_in_a_sentence(changed) -> None:
    def change(method: str, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        return (status, b"[]") if method == "GET" and status == 200 else (status, body)

    assert "does not act as the Carrot API" in refused(changed(change), *FEW)
