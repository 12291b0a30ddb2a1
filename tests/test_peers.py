"""Tools of others judge the contract and the mock: Prism's proxy, and clients that generators made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from carrot_fixtures import VARIANTS, mass_id
from conftest import Serving
from payloads import ADDRESS, PARTICIPANT, event
from payloads import mass_id as document
from peers.installed import HERE, NODE, PAGE, PEERS, PYTHON, ROOT, blocks, command, needs_peers, pinned
from peers.prism import Judgement, Prism

from mock_server import contract

sys.path.append(str(ROOT / "docs/examples"))
from submitter import Submitter

UNREADABLE = "A schema that Prism cannot read"
# What their journeys have is retired or missing by nature, and the contract as it is written refuses that.
NOT_STRICT = {"legacy"}
# What stands in front of the API makes these by itself; a fault has them in another form.
OF_A_GATEWAY = {"415", "431"}


@pytest.fixture
def prism(server: Serving) -> Iterator[Callable[..., Prism]]:
    """Starts Prism in front of the shared server; in the end there was no schema that it could not read."""
    started: list[Prism] = []

    def start(**more: Any) -> Prism:
        started.append(Prism(server.url, **more))
        return started[-1]

    yield start
    for each in started:
        each.stop()
        assert UNREADABLE not in each.log, each.log


@contextmanager
def client_of(prism: Prism, workspace: dict[str, Any], judgement: Judgement) -> Iterator[httpx.Client]:
    """An authorised client of Prism's address."""
    own = workspace["credentials"][0]
    form = {"grant_type": "client_credentials", "scope": "api.carrot.eco/main-scope"}
    hooks = {"response": [judgement]}
    with httpx.Client(base_url=prism.url, verify=False, timeout=60, event_hooks=hooks) as client:
        granted = client.post("/oauth2/token", data=form, auth=(own["clientId"], own["clientSecret"]))
        client.headers["Authorization"] = f"Bearer {granted.json()['access_token']}"
        yield client


# Prism


@needs_peers
def test_prism_has_nothing_against_journeys_of_every_kind(
    prism: Callable[..., Prism], workspace: dict[str, Any]
) -> None:
    judgement = Judgement()
    with client_of(prism(), workspace, judgement) as client:
        valid = [each for each in VARIANTS.values() if not each.breaks and each.name not in NOT_STRICT]
        for number, variant in enumerate(valid):
            methodology = variant.methodologies[number % len(variant.methodologies)]
            submitted = mass_id(seed=1, methodology=methodology, variant=variant.name).submit(client)
            assert client.get(f"/documents/{submitted}").status_code == 200
    assert len(valid) > 20
    assert (judgement.against_requests, judgement.against_answers) == ([], [])


@needs_peers
def test_prism_has_nothing_against_the_client_of_the_docs(
    prism: Callable[..., Prism], workspace: dict[str, Any]
) -> None:
    proxy, judgement = prism(), Judgement()
    own = workspace["credentials"][0]
    hooks = {"response": [judgement]}
    with httpx.Client(base_url=proxy.url, verify=False, timeout=60, event_hooks=hooks) as http:
        client = Submitter(http, "/oauth2/token", (own["clientId"], own["clientSecret"]), sleep=pytest.fail)
        journey = mass_id(seed=1)
        found = client.create(journey.document)
        for file in journey.attachments:
            client.upload(found, file.file_name, file.content_type, file.content)
        client.append_all(found, journey.events)
    assert (judgement.against_requests, judgement.against_answers) == ([], [])


@needs_peers
def test_prism_has_nothing_against_any_error_of_the_mock(
    prism: Callable[..., Prism], workspace: dict[str, Any]
) -> None:
    judgement = Judgement()
    control = httpx.Client(base_url=f"{workspace['url']}/_mock/workspaces/{workspace['id']}/", verify=False)
    seen: set[tuple[str, int]] = set()
    with control, client_of(prism(strict=False), workspace, judgement) as client:
        calls = every_call(client, workspace)
        for edge in ("documented", "gateway"):
            control.patch("semantics", json={"edge-errors": edge}).raise_for_status()
            for operation, (method, path, more) in calls.items():
                for status in sorted(errors_of(operation) - OF_A_GATEWAY):
                    fault = {
                        "operation": operation,
                        "phase": "arrived",
                        "do": "status",
                        "status": int(status),
                    }
                    control.post("faults", json=fault).raise_for_status()
                    answer = client.request(method, path, **more)
                    assert answer.status_code == int(status)
                    seen.add((operation, answer.status_code))
    assert len(seen) > 60
    assert (judgement.against_requests, judgement.against_answers) == ([], [])


def every_call(client: httpx.Client, workspace: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """A call of each operation behind Prism that the contract has nothing against."""
    body = document()
    found = client.post("/documents", json=body).json()["id"]
    appended = event(participant=PARTICIPANT, address=ADDRESS)
    own = workspace["credentials"][0]
    sent = {"contentLength": 3, "contentType": "application/pdf"}
    file = f"/documents/{found}/attachments/mtr.pdf"
    auth = (own["clientId"], own["clientSecret"])
    return {
        "documents.create": ("POST", "/documents", {"json": body}),
        "documents.read": ("GET", f"/documents/{found}", {}),
        "events.append": ("POST", f"/documents/{found}/events", {"json": appended}),
        "events.batch": ("POST", "/documents/events", {"json": {"documentId": found, "events": [appended]}}),
        "attachments.upload": ("PUT", file, {"json": sent}),
        "attachments.download": ("GET", file, {}),
        "token": ("POST", "/oauth2/token", {"data": {"grant_type": "client_credentials"}, "auth": auth}),
    }


def errors_of(operation: str) -> set[str]:
    """The statuses of the errors that the contract has for an operation."""
    spec = json.loads(contract.source("openapi.json"))
    for item in spec["paths"].values():
        for each in item.values():
            if isinstance(each, dict) and each.get("operationId") == operation:
                return {status for status in each["responses"] if status >= "400"}
    raise AssertionError(f"The contract has no operation {operation}.")


class Wrong(BaseHTTPRequestHandler):
    """An API that answers each call with an id that is a number."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "9")
        self.end_headers()
        self.wfile.write(b'{"id": 7}')

    def log_message(self, format: str, *arguments: Any) -> None:
        """Not on the screen."""


@needs_peers
def test_prism_does_find_what_is_wrong(prism: Callable[..., Prism]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Wrong) as wrong:
        threading.Thread(target=wrong.serve_forever).start()
        proxy = prism(upstream=f"http://127.0.0.1:{wrong.server_port}")
        with httpx.Client(
            base_url=proxy.url, headers={"Authorization": "Bearer any"}, verify=False
        ) as client:
            bad_request = client.post("/documents", json=document(category=...))
            bad_answer = client.post("/documents", json=document())
        wrong.shutdown()

    assert bad_request.status_code == 422
    assert "required property 'category'" in bad_request.text
    assert bad_answer.status_code == 500
    assert "Response body property id must be string" in bad_answer.text


# Clients that were generated


def run(arguments: list[Any], cwd: Path, **environment: str) -> str:
    """What a command prints; it has to end well."""
    done = subprocess.run(
        [str(each) for each in arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(workspace: dict[str, Any]) -> dict[str, str]:
    own, *_, partner = workspace["credentials"]
    return {
        "CARROT_API_URL": workspace["url"],
        "CARROT_CLIENT_ID": own["clientId"],
        "CARROT_CLIENT_SECRET": own["clientSecret"],
        "CARROT_OTHER": partner["participantId"],
    }


def assert_went_the_whole_way(printed: str, workspace: dict[str, Any]) -> None:
    """The client read what it sent, and the ledger of the mock has that once."""
    read = json.loads(printed)
    names = ["ACTOR", "ACTOR", "Weighing", "Transport Manifest"]
    assert (read["value"], read["events"], read["files"]) == (3250.5, names, ["mtr.pdf"])
    ledger = f"{workspace['url']}/_mock/workspaces/{workspace['id']}/events"
    records = httpx.get(ledger, verify=False).json()
    assert {record["documentId"] for record in records} == {read["id"]}
    kinds = [record["kind"] for record in records if record["kind"] != "event.appended"]
    assert kinds == ["document.created", "attachment.declared", "attachment.stored"]


@needs_peers
def test_a_generated_python_client_is_whole_typed_and_goes_all_the_way(
    workspace: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "peers.yaml").write_text(blocks("yaml")[0])
    said = run(command("openapi-python-client", workspace["url"]), tmp_path)
    warnings = [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR", "Unable"))]
    assert {line for line in warnings if "/_storage/" not in line} == set()
    assert said.count("Unsupported content_type application/xml") == len(warnings)

    # A cast of theirs says what mypy knows already; all else of the strict mode holds for the made code too.
    check = [PYTHON / "mypy", "--strict", "--disable-error-code", "redundant-cast", "--cache-dir", "cache"]
    run([*check, "--python-executable", PYTHON / "python", "carrot_client", HERE / "client.py"], tmp_path)

    own = {**environment(workspace), "PYTHONPATH": str(tmp_path)}
    assert_went_the_whole_way(run([PYTHON / "python", HERE / "client.py"], tmp_path, **own), workspace)


@needs_peers
def test_generated_types_hold_a_client_in_typescript_that_goes_all_the_way(
    workspace: dict[str, Any], tmp_path: Path
) -> None:
    run(command("npx openapi-typescript", workspace["url"]), tmp_path)
    (tmp_path / "client.ts").write_text((HERE / "client.ts").read_text("utf-8"), "utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    types = ["--types", "node", "--typeRoots", PEERS / "node_modules/@types"]
    target = ["--target", "es2022", "--module", "nodenext", "--noEmitOnError", "--skipLibCheck"]
    run([NODE / "tsc", "--strict", *target, *types, "client.ts"], tmp_path)

    assert_went_the_whole_way(run(["node", "client.js"], tmp_path, **environment(workspace)), workspace)


def test_the_page_names_the_versions_that_are_tested() -> None:
    for package in ("@stoplight/prism-cli", "openapi-typescript"):
        assert f"npx {package}@{pinned()[package]}" in PAGE
