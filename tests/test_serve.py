"""`carrot-mock serve`: settings from flags, variables and a file; what it says; how it starts and stops."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from conftest import Serving, World, created
from payloads import mass_id

from mock_server.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Serve = Callable[..., Serving]

GRANT = {"grant_type": "client_credentials"}


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    command = [sys.executable, "-m", "mock_server", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, env={**os.environ, **environ}, check=False
    )


def token(
    url: str, client_id: str = "carrot-test-client", secret: str = "carrot-test-secret"
) -> dict[str, str]:
    answer = httpx.post(f"{url}/oauth2/token", data=GRANT, auth=(client_id, secret))
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def default(serving: Serving) -> dict[str, Any]:
    return dict(httpx.get(f"{serving.url}/_mock/workspaces/default").json())


# What it says -------------------------------------------------------------------------------------------


def test_with_json_it_prints_one_line_when_ready_and_nothing_else(serve: Serve) -> None:
    serving = serve()
    assert set(serving.info) == {"url", "pid", "clientId", "clientSecret"}
    assert serving.info["pid"] == serving.process.pid
    headers = token(serving.url, serving.info["clientId"], serving.info["clientSecret"])
    created(httpx.post(f"{serving.url}/documents", json=mass_id(), headers=headers))
    serving.process.terminate()
    out, errors = serving.process.communicate(timeout=20)
    assert (out, errors, serving.process.returncode) == ("", "", 0)


def test_without_json_a_banner_has_the_address_the_credentials_and_a_command_that_works() -> None:
    command = [sys.executable, "-m", "mock_server", "serve", "--port", "0", "--semantics", "ordering=off"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = []
        while "Ctrl-C" not in (line := process.stdout.readline()):
            assert line, "the banner ends with how to stop"
            lines.append(line)
        (curl,) = (line.strip() for line in lines if "curl" in line)
        address = curl.split()[-1]
        answer = httpx.post(address, data=GRANT, auth=("carrot-test-client", "carrot-test-secret"))
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    text = "".join(lines)
    assert answer.status_code == 200
    assert address.removesuffix("/oauth2/token") in lines[0]
    for shown in (
        "carrot-test-secret",
        "carrot-prod-secret",
        "carrot-partner-secret",
        "ordering=off",
        "5 requests",
    ):
        assert shown in text
    assert (rest.strip(), errors, process.returncode) == ("", "", 0)


def test_the_ready_file_has_the_line_too(serve: Serve, tmp_path: Path) -> None:
    where = tmp_path / "ready.json"
    serving = serve("--ready-file", str(where))
    assert json.loads(where.read_text()) == serving.info
    assert [each.name for each in tmp_path.iterdir()] == ["ready.json"]


def test_no_secret_but_the_announced_one_is_ever_printed(serve: Serve) -> None:
    serving = serve("--control-token", "a-control-secret")
    control = {"Authorization": "Bearer a-control-secret"}
    made = httpx.post(f"{serving.url}/_mock/workspaces", json={}, headers=control).json()
    credential = made["credentials"][0]
    headers = token(serving.url, credential["clientId"], credential["clientSecret"])
    created(httpx.post(f"{serving.url}/documents", json=mass_id(), headers=headers))
    httpx.post(f"{serving.url}/documents", content=b"{", headers=headers)
    httpx.get(f"{serving.url}/documents/1", headers={"Authorization": "Bearer a-wrong-token"})
    httpx.post(f"{serving.url}/oauth2/token", data=GRANT, auth=(credential["clientId"], "a-wrong-secret"))
    host, port = serving.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"Authorization: Bearer a-wrong-token\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    serving.process.terminate()
    printed = "".join(serving.process.communicate(timeout=20))
    secrets = [each["clientSecret"] for each in made["credentials"]]
    for secret in (
        *secrets,
        headers["Authorization"][7:],
        "a-control-secret",
        "a-wrong-token",
        "a-wrong-secret",
    ):
        assert secret not in printed


# What it refuses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prot", "0"], "--port"),
        (["--port"], "--port"),
        (["--port", "no"], "--port"),
        (["--port", "65536"], "65535"),
        (["--port", "-1"], "0 to 65535"),
        (["extra"], "extra"),
        (["--host", "not a host"], "not a host"),
        (["--host", ""], "--host"),
        (["--rate-limit", "fast"], "documented"),
        (["--rate-limit", "0"], "above 0"),
        (["--semantics", "odering=off"], '"ordering"'),
        (["--semantics", "ordering=of"], '"off"'),
        (["--semantics", "ordering"], "NAME=VALUE"),
        (["--semantics", "rate-limit=5"], "--rate-limit"),
        (["--semantics", "dedup-lifetime=-1"], "number of seconds"),
        (["--workers", "2"], "shared store"),
        (["--workers", "0"], "whole number"),
        (["--store", "sqlite:///x.db"], "memory"),
        (["--store", "postgresql://x"], "memory"),
        (["--seed", "x"], "whole number"),
        (["--public-url", "carrot.example.org"], "https://"),
        (["--public-url", "http://["], "--public-url"),
        (["--config", "/nowhere/carrot-mock.toml"], "cannot be read"),
        (["--config", "/"], "cannot be read"),
        (["--ready-file", "/nowhere/ready.json", "--port", "0"], "/nowhere/ready.json"),
        (["--control-token", "tökén"], "ASCII"),
    ],
    ids=" ".join,
)
def test_a_wrong_argument_ends_with_one_sentence_and_2(arguments: list[str], said: str) -> None:
    done = run("serve", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("carrot-mock: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port = ", "is not TOML"),
        ("\xff", "is not TOML"),
        ("prot = 1", "did you mean port?"),
        ('port = "no"', "whole number"),
        ("port = 1.5", "whole number"),
        ("port = true", "whole number"),
        ("host = 5", "text"),
        ("semantics = 5", "table"),
        ("semantics = [5]", "table"),
        ("[semantics]\nodering = 'off'", '"ordering"'),
        ("[semantics]\nordering = 5", "ordering takes"),
        ("rate-limit = []", "rate limit"),
        ("control = 'perhaps'", "True or false"),
        ("no-control = 'perhaps'", "True or false"),
        ("workers = 2", "shared store"),
        ("config = 'other.toml'", "no setting config"),
    ],
)
def test_a_bad_file_is_named_in_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    where = tmp_path / "carrot-mock.toml"
    where.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError) as caught:
        load({"config": str(where)}, {})
    assert said in str(caught.value)
    assert str(where) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_file_ends_with_one_sentence_and_2(tmp_path: Path) -> None:
    where = tmp_path / "carrot-mock.toml"
    where.write_text("semantics = 5")
    done = run("serve", CARROT_MOCK_CONFIG=str(where))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("carrot-mock: ")


def test_a_bad_variable_is_named() -> None:
    done = run("serve", CARROT_MOCK_PORT="no")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "CARROT_MOCK_PORT" in done.stderr


def test_a_port_in_use_ends_with_one_sentence_and_2(server: Serving) -> None:
    port = server.url.rpartition(":")[2]
    done = run("serve", "--port", port)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("carrot-mock: ")
    assert port in done.stderr
    assert "--port" in done.stderr


# Settings -----------------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_documentation() -> None:
    found = load({}, {})
    assert found == Settings()
    assert (found.host, found.port, found.rate_limit, found.store) == (
        "127.0.0.1",
        8750,
        "documented",
        "memory",
    )
    assert (found.workers, found.control, found.control_token, found.seed) == (1, True, None, None)


SETTINGS = [
    ("host", "0.0.0.0", "0.0.0.0"),
    ("port", "9000", 9000),
    ("rate-limit", "off", "off"),
    ("rate-limit", "2.5", 2.5),
    ("store", "memory", "memory"),
    ("seed", "7", 7),
    ("public-url", "https://carrot.example.org/", "https://carrot.example.org"),
    ("workers", "1", 1),
    ("ready-file", "ready.json", "ready.json"),
    ("control-token", "t", "t"),
    ("json", "true", True),
    ("journal-entries", "10", 10),
    ("journal-bytes", "0", 0),
    ("storage-bytes", "1024", 1024),
]


@pytest.mark.parametrize(("name", "text", "value"), SETTINGS)
def test_each_setting_is_a_flag_a_variable_and_a_key(
    tmp_path: Path, name: str, text: str, value: object
) -> None:
    attribute = name.replace("-", "_")
    where = tmp_path / "carrot-mock.toml"
    where.write_text(f'{name} = "{text}"')
    assert getattr(load({attribute: text}, {}), attribute) == value
    assert getattr(load({}, {f"CARROT_MOCK_{attribute.upper()}": text}), attribute) == value
    assert getattr(load({"config": str(where)}, {}), attribute) == value
    assert getattr(load({}, {"CARROT_MOCK_CONFIG": str(where)}), attribute) == value


@pytest.mark.parametrize(("text", "on"), [("1", False), ("true", False), ("off", True), ("0", True)])
def test_no_control_is_a_variable_and_a_key_as_well(tmp_path: Path, text: str, on: bool) -> None:
    where = tmp_path / "carrot-mock.toml"
    where.write_text(f'no-control = "{text}"')
    assert load({}, {"CARROT_MOCK_NO_CONTROL": text}).control is on
    assert load({}, {"CARROT_MOCK_CONTROL": text}).control is not on
    assert load({"config": str(where)}, {}).control is on


def test_a_flag_beats_a_variable_which_beats_the_file(tmp_path: Path) -> None:
    where = tmp_path / "carrot-mock.toml"
    where.write_text(
        "port = 1\nseed = 1\nrate-limit = 1\n"
        "[semantics]\nordering = 'off'\nget-shape = 'stored'\nconventions = 'warn'\n"
    )
    found = load(
        {
            "config": str(where),
            "port": "3",
            "semantics": ("ordering=warn", "conventions=off,token-format=opaque"),
        },
        {
            "CARROT_MOCK_PORT": "2",
            "CARROT_MOCK_SEED": "2",
            "CARROT_MOCK_SEMANTICS": "ordering=reject,conventions=warn",
        },
    )
    assert (found.port, found.seed, found.rate_limit) == (3, 2, 1)
    assert found.semantics.ordering == "warn"
    assert found.semantics.conventions == "off"
    assert found.semantics.get_shape == "stored"
    assert found.semantics.token_format == "opaque"


def test_a_server_runs_by_its_flags_variables_and_file(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = tmp_path / "carrot-mock.toml"
    where.write_text("rate-limit = 3\nseed = 5\n[semantics]\nordering = 'off'\ndedup-lifetime = 60\n")
    monkeypatch.setenv("CARROT_MOCK_SEED", "6")
    monkeypatch.setenv("CARROT_MOCK_SEMANTICS", "get-shape=stored,ordering=warn")
    found = default(serve("--config", str(where), "--semantics", "token-format=opaque"))
    assert (found["rateLimit"], found["seed"]) == (3, 6)
    switches = ("ordering", "get-shape", "token-format", "dedup-lifetime", "conventions")
    assert [found["semantics"][name] for name in switches] == ["warn", "stored", "opaque", "60", "enforce"]


def test_the_public_url_is_what_is_handed_out(serve: Serve, make_world: Callable[..., World]) -> None:
    public = "https://carrot.example.org"
    assert serve("--public-url", public).url == public
    world = make_world(public_url=public)
    where = f"/documents/{world.document()}/attachments/a.txt"
    url = world.a.put(where, json={"contentLength": 3, "contentType": "text/plain"}).json()["url"]
    assert url.startswith(f"{public}/_storage/")
    storage = world.anyone.get("/_mock/workspaces/default").json()["storage"]
    assert storage["endpoint"] == f"{public}/_storage"


# The control API ----------------------------------------------------------------------------------------

PATHS = (
    "/_mock/workspaces",
    "/_mock/workspaces/default",
    "/_mock/workspaces/default/requests",
    "/_mock/openapi.json",
)


def test_a_control_token_guards_all_but_health(serve: Serve) -> None:
    serving = serve("--control-token", "t0ken")
    with httpx.Client(base_url=serving.url) as client:
        assert client.get("/_mock/health").json()["status"] == "ready"
        for path in PATHS:
            for wrong in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Basic t0ken"}):
                answer = client.get(path, headers=wrong)
                assert answer.status_code == 401
                assert set(answer.json()["error"]) == {"code", "message", "path"}
            assert client.get(path, headers={"Authorization": "Bearer t0ken"}).status_code == 200
        assert client.post("/documents", json=mass_id(), headers=token(serving.url)).status_code == 201


def test_without_the_control_api_only_health_is_left_of_it(serve: Serve) -> None:
    serving = serve("--no-control")
    with httpx.Client(base_url=serving.url) as client:
        assert client.get("/_mock/health").json()["status"] == "ready"
        for path in (*PATHS, "/_mock"):
            assert client.get(path).status_code == 404
        assert client.post("/_mock/workspaces", json={}).status_code == 404
        assert client.get("/openapi.json").status_code == 200
        assert client.post("/documents", json=mass_id(), headers=token(serving.url)).status_code == 201


# Stopping -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_request_in_flight_finish_and_ends_with_0(
    serve: Serve, number: signal.Signals
) -> None:
    serving = serve("--rate-limit", "off")
    headers = token(serving.url)
    body = json.dumps(mass_id()).encode()
    host, port = serving.url.removeprefix("http://").split(":")
    head = (
        f"POST /documents HTTP/1.1\r\nHost: x\r\nAuthorization: {headers['Authorization']}\r\n"
        f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with (
        socket.create_connection((host, int(port)), timeout=20) as idle,
        socket.create_connection((host, int(port)), timeout=20) as connection,
    ):
        connection.sendall(head.encode())
        # The server has begun with the request once it asks for the rest.
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body[:100])
        serving.process.send_signal(number)
        # That it stops is seen by the connection without a request, which it closes.
        assert idle.recv(1) == b""
        with (
            pytest.raises(ConnectionRefusedError),
            contextlib.closing(socket.create_connection((host, int(port)))),
        ):
            pass
        connection.sendall(body[100:])
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    assert b"HTTP/1.1 201 " in received
    _, errors = serving.process.communicate(timeout=20)
    assert (errors, serving.process.returncode) == ("", 0)


def test_health_tells_the_version(server: Serving) -> None:
    said = httpx.get(f"{server.url}/_mock/health").json()
    assert set(said) == {"status", "version"}
    assert run("version").stdout.split()[-1] == said["version"]
