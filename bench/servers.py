"""The servers that are compared: Carrot Mock and two bare ones, each in a process of its own."""

from __future__ import annotations

import base64
import http.client
import json
import os
import select
import socket
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
STOP_SECONDS = 15.0
CLIENT = ("carrot-test-client", "carrot-test-secret")


class BenchError(Exception):
    """Something could not be measured; `str()` is a sentence that says what."""


class Process:
    """A running server: where it listens, and what it has used so far."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def cpu_seconds(self) -> float | None:
        """User and system time since its start; None where the system does not tell."""
        try:
            stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        except OSError:
            return None
        # The name, in parentheses, may have spaces; utime and stime are fields 14 and 15 of all.
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss(self) -> int:
        """Resident memory in bytes."""
        return resident_bytes(self.process.pid)

    def call(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
        """One request on a connection of its own; the body of the answer, which must be a 2xx."""
        return self.calls(method, [path], [body], headers)[0]

    def calls(
        self, method: str, paths: Sequence[str], bodies: Sequence[bytes], headers: dict[str, str] | None
    ) -> list[bytes]:
        """Requests one after another on one connection."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        answers = []
        try:
            for path, body in zip(paths, bodies, strict=True):
                connection.request(method, path, body or None, headers or {})
                answer = connection.getresponse()
                answers.append(answer.read())
                if not 200 <= answer.status < 300:
                    told = answers[-1][:300].decode("utf-8", "replace")
                    raise BenchError(f"{method} {path} was answered {answer.status}: {told}")
        finally:
            connection.close()
        return answers

    def stop(self) -> None:
        """End it: kindly, and after a while by force."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


class Mock(Process):
    """Carrot Mock, with what a client of its default workspace needs."""

    def authorized(self) -> dict[str, str]:
        """The headers of a JSON request with a fresh token."""
        answer = json.loads(self.call("POST", "/oauth2/token", *token_request()))
        return {"Authorization": f"Bearer {answer['access_token']}", "Content-Type": "application/json"}

    def reset(self) -> None:
        """Empty the ledger and the journal, so that every round begins alike; tokens stay good."""
        self.call("POST", "/_mock/workspaces/default/reset")


def token_request() -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a request for a token."""
    basic = base64.b64encode(":".join(CLIENT).encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
    return b"grant_type=client_credentials", headers


def resident_bytes(pid: int) -> int:
    """The resident memory of a process; raises BenchError where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True)
        if told.returncode:
            raise BenchError("this system does not tell how much memory a process has") from None
        return int(told.stdout) * 1024


# Starting ----------------------------------------------------------------------------------------------


@contextmanager
def mock(*program: str) -> Iterator[Mock]:
    """Carrot Mock as shipped, or as another program starts it, but for the rate limit, which is off."""
    command = [
        sys.executable,
        "-m",
        *(program or ("mock_server",)),
        "serve",
        "--port",
        "0",
        "--rate-limit",
        "off",
        "--json",
    ]
    process, port = _announced(command)
    server = Mock(process, port)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def bare(status: int, size: int) -> Iterator[Process]:
    """Nothing but uvicorn: every request is answered with a status and a body of `size` bytes."""
    with _child("bare", str(status), str(size)) as server:
        yield server


@contextmanager
def starlette() -> Iterator[Process]:
    """A plain starlette app that parses the JSON of a POST and answers with an id."""
    with _child("starlette") as server:
        yield server


@contextmanager
def _child(*arguments: str) -> Iterator[Process]:
    process, port = _announced([sys.executable, "-m", "bench.servers", *arguments])
    server = Process(process, port)
    try:
        yield server
    finally:
        server.stop()


def _announced(command: list[str]) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server that prints one JSON line with its `url` once it is ready."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    try:
        readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        line = process.stdout.readline() if readable else b""
        if not line:
            raise BenchError(f"{' '.join(command[1:])} did not become ready")
        return process, int(json.loads(line)["url"].rpartition(":")[2])
    except BaseException:
        Process(process, 0).stop()
        raise


def serve_command(port: int) -> list[str]:
    """`carrot-mock serve` as a user types it."""
    script = Path(sysconfig.get_path("scripts")) / "carrot-mock"
    start = [str(script)] if script.exists() else [sys.executable, "-m", "mock_server"]
    return [*start, "serve", "--port", str(port), "--rate-limit", "off", "--json"]


def smallest_command(port: int) -> list[str]:
    """The smallest starlette app that answers the path by which both are found ready."""
    lines = (
        "import uvicorn",
        "from starlette.applications import Starlette",
        "from starlette.responses import JSONResponse",
        "from starlette.routing import Route",
        "async def health(request): return JSONResponse({'status': 'ready'})",
        "app = Starlette(routes=[Route('/_mock/health', health)])",
        f"uvicorn.run(app, host='{HOST}', port={port}, access_log=False, log_level='warning')",
    )
    return [sys.executable, "-c", "\n".join(lines)]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


# The bare apps, in their own process -----------------------------------------------------------------------


def bare_app(status: int, size: int) -> ASGIApp:
    """It does not even look at the request."""
    body = b'{"id":"%s"}' % (b"x" * max(size - 9, 0))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def starlette_app() -> ASGIApp:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def write(request: Request) -> Response:
        body: Any = await request.json()
        return JSONResponse({"id": body["deduplicationId"]}, 201)

    paths = ("/documents", "/documents/{document_id}/events")
    return Starlette(routes=[Route(path, write, methods=["POST"]) for path in paths])


def main(kind: str, *arguments: str) -> None:
    """Serve one of the bare apps on a free port until SIGTERM."""
    import uvicorn

    app = starlette_app() if kind == "starlette" else bare_app(*map(int, arguments))
    config = uvicorn.Config(app, access_log=False, log_level="warning", lifespan="off")
    listener = socket.socket()
    listener.bind((HOST, 0))
    listener.listen(2048)
    print(json.dumps({"url": f"http://{HOST}:{listener.getsockname()[1]}"}), flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
