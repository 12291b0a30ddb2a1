"""Puts 32 connections' load on a server and says what came back: wrk where it is installed, else asyncio."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.servers import HOST, ROOT, BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS = 32
# Where it stands in a body, each request has a key of its own, spelled as a UUID.
KEY = b"@" * 36
_GRACE_SECONDS = 30

_runs = count(int(time.time()) % 10**6 * 1000)


class Load(NamedTuple):
    """A request to send again and again; of several paths the next each time."""

    method: str
    paths: tuple[str, ...]
    headers: dict[str, str]
    body: bytes = b""

    def pieces(self) -> tuple[bytes, bytes, bytes | None]:
        """The request before the path, from the path to the key, and after the key (None: there is none)."""
        headers = {"Host": HOST, **self.headers}
        if self.body:
            headers["Content-Length"] = str(len(self.body))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        before, key, after = self.body.partition(KEY)
        start = f" HTTP/1.1\r\n{head}\r\n".encode("latin-1") + before
        return f"{self.method} ".encode(), start, after if key else None


class Result(NamedTuple):
    """What a load had, times in milliseconds; `failed`: answers that were no 2xx, and broken connections."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def put(load: Load, port: int, seconds: int) -> Result:
    """Load a server for some seconds; raises BenchError when it did not answer well."""
    run = f"{next(_runs):08x}-0000-4000-8000-"
    result = (
        _with_wrk(load, port, seconds, run) if tool() == "wrk" else _with_python(load, port, seconds, run)
    )
    if not result.requests:
        raise BenchError(f"{load.method} {load.paths[0]} was not answered once")
    if result.failed:
        raise BenchError(
            f"{result.failed} of {result.requests} times {load.method} {load.paths[0]} was not answered well"
        )
    return result


def tool() -> str:
    return "wrk" if shutil.which("wrk") else "python"


# wrk ----------------------------------------------------------------------------------------------------

_LUA = """\
local paths = {%(paths)s}
local first, middle, last = %(first)s, %(middle)s, %(last)s
local run, n = "", 0
function init(args) run = args[1] end
function request()
  n = n + 1
  local path = paths[(n - 1) %% #paths + 1]
  if last then return first .. path .. middle .. run .. string.format("%%012d", n) .. last end
  return first .. path .. middle
end
function done(summary, latency)
  local e = summary.errors
  local result = '\\nRESULT {"requests": %%d, "seconds": %%f, "p50": %%f, "p99": %%f, "failed": %%d}\\n'
  io.write(string.format(result, summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status + e.connect + e.read + e.write + e.timeout))
end
"""


def _with_wrk(load: Load, port: int, seconds: int, run: str) -> Result:
    first, middle, last = load.pieces()
    script = _LUA % {
        "paths": ",".join(_lua(path.encode()) for path in load.paths),
        "first": _lua(first),
        "middle": _lua(middle),
        "last": "nil" if last is None else _lua(last),
    }
    with tempfile.TemporaryDirectory(prefix="carrot-bench-") as folder:
        path = Path(folder, "load.lua")
        path.write_text(script)
        command = [
            "wrk",
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{seconds}s",
            "--timeout",
            "10s",
            "-s",
            str(path),
            f"http://{HOST}:{port}/",
        ]
        told = subprocess.run(
            [*command, "--", run], capture_output=True, text=True, timeout=seconds + _GRACE_SECONDS
        )
    line = next((line for line in told.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        raise BenchError(f"wrk did not finish: {(told.stderr or told.stdout).strip()[:300]}")
    return Result(**json.loads(line.removeprefix("RESULT ")))


def _lua(raw: bytes) -> str:
    """A Lua string literal of any bytes."""
    return (
        '"' + "".join(chr(each) if 48 <= each < 123 and each != 92 else f"\\{each:03}" for each in raw) + '"'
    )


# Python, in a process of its own ---------------------------------------------------------------------------


def _with_python(load: Load, port: int, seconds: int, run: str) -> Result:
    first, middle, last = (
        None if piece is None else base64.b64encode(piece).decode() for piece in load.pieces()
    )
    job = {"paths": load.paths, "pieces": [first, middle, last], "port": port, "seconds": seconds, "run": run}
    told = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=seconds + _GRACE_SECONDS,
        cwd=ROOT,
    )
    if told.returncode:
        raise BenchError(f"the load did not finish: {told.stderr.strip()[-300:]}")
    return Result(**json.loads(told.stdout))


class _Requests:
    """Writes the requests, and keeps what all connections measure."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.paths: list[bytes] = [path.encode() for path in job["paths"]]
        first, middle, last = (None if each is None else base64.b64decode(each) for each in job["pieces"])
        self.first, self.middle, self.last = first or b"", middle or b"", last
        self.run: bytes = job["run"].encode()
        self.sent = 0
        self.failed = 0
        self.took: list[float] = []
        self.over = False

    def next(self) -> bytes:
        path = self.paths[self.sent % len(self.paths)]
        self.sent += 1
        if self.last is None:
            return self.first + path + self.middle
        return b"%s%s%s%s%012d%s" % (self.first, path, self.middle, self.run, self.sent, self.last)


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last one is complete."""

    def __init__(self, requests: _Requests) -> None:
        self._requests = requests
        self._got = bytearray()
        self._size = 0  # of the whole answer; 0 until its headers are complete
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._requests.over:
            self._requests.failed += 1

    def data_received(self, data: bytes) -> None:
        got = self._got
        got += data
        if not self._size:
            end = got.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(got[:end]).lower()
            length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            self._size = end + 4 + int(length or 0)
        if len(got) < self._size or self._requests.over:
            return
        self._requests.took.append(time.perf_counter() - self._since)
        if got[9:10] != b"2":
            self._requests.failed += 1
        got.clear()
        self._size = 0
        self._send()

    def _send(self) -> None:
        self._since = time.perf_counter()
        self._transport.write(self._requests.next())


async def _run(job: dict[str, Any]) -> Result:
    requests = _Requests(job)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    transports = [
        (await loop.create_connection(lambda: _Connection(requests), HOST, job["port"]))[0]
        for _ in range(CONNECTIONS)
    ]
    await asyncio.sleep(job["seconds"])
    requests.over = True
    seconds = time.perf_counter() - began
    for transport in transports:
        transport.abort()
    took = sorted(requests.took)
    p50, p99 = (took[int(len(took) * part)] * 1000 if took else 0.0 for part in (0.5, 0.99))
    return Result(len(took), seconds, p50, p99, requests.failed)


def main() -> None:
    """Read a job from stdin, and print its result."""
    try:
        import uvloop
    except ImportError:
        factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(_run(json.load(sys.stdin)))._asdict()))


if __name__ == "__main__":
    main()
