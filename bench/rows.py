"""The rows that load servers over sockets, and the start-up: what is sent to whom, in which order."""

from __future__ import annotations

import socket
import subprocess
import time
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from bench import load, payloads, servers
from bench.load import Load, Result
from bench.report import LEAST_BUSY, MOCK, Figure, Speed
from bench.servers import HOST, ROOT, BenchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.servers import Mock, Process

# A timeline takes 100 events: so many documents, for each second, hold what no server here can append.
_APPEND_DOCUMENTS = 1000
_READ_EVENTS = 30
_P99_TARGET = 4.0
_HOOK_TARGET = 0.05
_WITHOUT_HOOK = "carrot-mock without its hook"
_STARTUP_TARGET = 1.6
_RSS_TARGET_MIB = 50
_ID_BYTES = 45  # {"id":"…"} with a UUID


@dataclass(frozen=True)
class Effort:
    """How often and how long: rounds, seconds of a round, and spawns of each server."""

    rounds: int
    seconds: int
    spawns: int


FULL = Effort(rounds=7, seconds=2, spawns=9)
QUICK = Effort(rounds=3, seconds=1, spawns=7)


class Contestant(NamedTuple):
    """A server in a race; `prepare` is called before each round and gives what to send in it.

    `target` is the least that Carrot Mock's requests/s may be of this server's.
    """

    name: str
    server: Process
    prepare: Callable[[], Load]
    target: float | None = None


def create(effort: Effort) -> list[Speed]:
    """`POST /documents`, each with a new key: everything on."""
    with servers.bare(201, _ID_BYTES) as bare, servers.starlette() as starlette, servers.mock() as mock:
        anew = _creates(mock, effort.seconds)
        sent = anew()
        contestants = [
            Contestant("bare uvicorn", bare, lambda: sent, 0.40),
            Contestant("starlette, parses JSON", starlette, lambda: sent),
            Contestant(MOCK, mock, anew),
        ]
        return race("POST /documents", contestants, effort)


def append(effort: Effort) -> list[Speed]:
    """`POST /documents/{id}/events`, each with a new key, to one document after the other."""
    with servers.bare(201, 88) as bare, servers.starlette() as starlette, servers.mock() as mock:
        anew = _appends(mock, effort.seconds)
        same = anew()
        contestants = [
            Contestant("bare uvicorn", bare, lambda: same, 0.40),
            Contestant("starlette, parses JSON", starlette, lambda: same),
            Contestant(MOCK, mock, anew),
        ]
        return race("append an event", contestants, effort)


def read(effort: Effort) -> list[Speed]:
    """`GET /documents/{id}` of a document with 30 events."""
    with servers.mock() as mock:
        sent = _document_to_read(mock)
        size = len(mock.call("GET", sent.paths[0], headers=sent.headers))
        with servers.bare(200, size) as bare:
            contestants = [
                Contestant(f"bare uvicorn, {size / 1024:.1f} KiB too", bare, lambda: sent, 0.50),
                Contestant(MOCK, mock, lambda: sent),
            ]
            return race(f"read a document of {_READ_EVENTS} events", contestants, effort)


def token(effort: Effort) -> list[Speed]:
    """`POST /oauth2/token`, by Basic, for a JWT."""
    body, headers = servers.token_request()
    sent = Load("POST", ("/oauth2/token",), headers, body)
    with servers.mock() as mock:
        size = len(mock.call("POST", "/oauth2/token", body, headers))
        with servers.bare(200, size) as bare:
            contestants = [
                Contestant("bare uvicorn", bare, lambda: sent),
                Contestant(MOCK, mock, lambda: sent),
            ]
            return race("token", contestants, effort)


def hook(effort: Effort) -> list[Speed]:
    """The same with no fault set, beside a server whose fault hook is cut out, at least 15 rounds of a second."""
    rounds = replace(effort, rounds=max(15, effort.rounds), seconds=1)
    program = "bench.without_hook"
    with servers.mock(program, "cut") as without, servers.mock(program, "whole") as mock:
        pair = [(_WITHOUT_HOOK, without, 1 - _HOOK_TARGET), (MOCK, mock, None)]
        found = []
        for row, prepared in (("create", _creates), ("append", _appends), ("read", _reads)):
            contestants = [
                Contestant(name, each, prepared(each, rounds.seconds), target) for name, each, target in pair
            ]
            found += race(f"hook: {row}", contestants, rounds)
        return found


def _creates(mock: Mock, _seconds: int) -> Callable[[], Load]:
    """New documents, into an empty world each round."""
    sent = Load("POST", ("/documents",), mock.authorized(), payloads.mass_id())

    def anew() -> Load:
        mock.reset()
        return sent

    return anew


def _appends(mock: Mock, seconds: int) -> Callable[[], Load]:
    """Events to new documents, in a world that has nothing else, each round."""
    headers = mock.authorized()

    def anew() -> Load:
        mock.reset()
        ids = _documents(mock, headers, _APPEND_DOCUMENTS * seconds)
        return Load("POST", tuple(f"/documents/{each}/events" for each in ids), headers, payloads.pick_up())

    return anew


def _reads(mock: Mock, _seconds: int) -> Callable[[], Load]:
    """One document of many events, again and again."""
    mock.reset()
    sent = _document_to_read(mock)
    return lambda: sent


def _document_to_read(mock: Mock) -> Load:
    headers = mock.authorized()
    (document_id,) = _documents(mock, headers, 1)
    path = f"/documents/{document_id}"
    # The platform has put an event of its own on the timeline.
    bodies = [payloads.keyed(payloads.pick_up(), 10**6 + number) for number in range(_READ_EVENTS - 1)]
    mock.calls("POST", [f"{path}/events"] * len(bodies), bodies, headers)
    del headers["Content-Type"]
    return Load("GET", (path,), headers)


def race(row: str, contestants: list[Contestant], effort: Effort) -> list[Speed]:
    """A short warm-up of each, then rounds in which each has its turn; Carrot Mock is the last of them."""
    for each in contestants:
        load.put(each.prepare(), each.server.port, 1)
    rounds: list[list[Round]] = [[] for _ in contestants]
    for number in range(effort.rounds):
        turns = list(zip(rounds, contestants, strict=True))
        # What the one leaves to the next, the caches and the clock rate of the processor, goes both ways.
        for done, each in turns if number % 2 else reversed(turns):
            sent = each.prepare()
            before = each.server.cpu_seconds()
            result = load.put(sent, each.server.port, effort.seconds)
            after = each.server.cpu_seconds()
            done.append(Round(result, None if before is None or after is None else after - before))
    return [_speed(row, each, done, rounds[-1]) for each, done in zip(contestants, rounds, strict=True)]


class Round(NamedTuple):
    """What a server had in one round, and the processor time in seconds that it took for that."""

    result: Result
    cpu: float | None


def _speed(row: str, contestant: Contestant, rounds: list[Round], mocks: list[Round]) -> Speed:
    results = [each.result for each in rounds]
    speed = Speed(
        row,
        contestant.name,
        rounds=len(rounds),
        rate=median(each.rate for each in results),
        p50=median(each.p50 for each in results),
        p99=median(each.p99 for each in results),
        cpu=_cpu(rounds),
        busy=_busy(rounds),
    )
    clear = all(busy is None or busy >= LEAST_BUSY for busy in (speed.busy, _busy(mocks)))
    if contestant.name == MOCK:
        if row == "POST /documents":
            tail = median(each.p99 / each.p50 for each in results)
            speed.target = f"p99 ≤ {_P99_TARGET:g} × p50: {tail:.1f} ×"
            speed.met = tail <= _P99_TARGET if clear else None
        return speed
    # Of each round by itself: what else the machine does then, it does to both.
    speed.ratio = median(mine.result.rate / other.rate for mine, other in zip(mocks, results, strict=True))
    mock_cpu = _cpu(mocks)
    if speed.cpu is not None and mock_cpu:
        speed.cpu_ratio = speed.cpu / mock_cpu
    if contestant.target is not None:
        speed.target = f"≥ {contestant.target:.2f}"
        speed.met = speed.ratio >= contestant.target if clear else None
    return speed


def _cpu(rounds: list[Round]) -> float | None:
    """Microseconds of processor time for a request."""
    known = [each.cpu / each.result.requests * 1e6 for each in rounds if each.cpu is not None]
    return median(known) if known else None


def _busy(rounds: list[Round]) -> float | None:
    """The part of the time that a server ran."""
    known = [each.cpu / each.result.seconds for each in rounds if each.cpu is not None]
    return median(known) if known else None


def _documents(mock: Mock, headers: dict[str, str], number: int) -> list[str]:
    """The ids of so many new documents."""
    bodies = [payloads.keyed(payloads.mass_id(), each) for each in range(number)]
    answers = mock.calls("POST", ["/documents"] * number, bodies, headers)
    return [answer[7:43].decode() for answer in answers]


# Start-up ------------------------------------------------------------------------------------------------


def startup(effort: Effort) -> list[Figure]:
    """From spawn to the first answer, in turn with the smallest starlette app; and memory at rest."""
    mine: list[float] = []
    others: list[float] = []
    at_rest: list[int] = []
    in_use: list[int] = []
    for turn in range(effort.spawns + 1):
        with _Spawned(servers.smallest_command) as other:
            pass
        with _Spawned(servers.serve_command) as mock:
            rest = mock.server.rss()
            mock.server.call(
                "POST", "/documents", payloads.keyed(payloads.mass_id(), 1), mock.server.authorized()
            )
            used = mock.server.rss()
        if turn:  # the first pair fills the caches
            others.append(other.seconds)
            mine.append(mock.seconds)
            at_rest.append(rest)
            in_use.append(used)
    took, baseline = median(mine), median(others)
    ratio = median(mock / other for mock, other in zip(mine, others, strict=True))
    mib = median(at_rest) / 2**20
    return [
        Figure(
            "start-up",
            f"spawn to first answer, median of {effort.spawns}",
            f"{took * 1000:.0f} ms",
            f"starlette + uvicorn: {baseline * 1000:.0f} ms",
            ratio,
            f"≤ {_STARTUP_TARGET} ×",
            ratio <= _STARTUP_TARGET,
        ),
        Figure(
            "start-up",
            "resident memory at rest",
            f"{mib:.1f} MiB",
            target=f"≤ {_RSS_TARGET_MIB} MiB",
            met=mib <= _RSS_TARGET_MIB,
        ),
        Figure(
            "start-up", "the same after the first token and document", f"{median(in_use) / 2**20:.1f} MiB"
        ),
    ]


class _Spawned:
    """A server that was spawned and has answered, after `seconds`; stopped at the end of the block."""

    def __init__(self, command: Callable[[int], list[str]]) -> None:
        port = servers.free_port()
        began = time.perf_counter()
        process = subprocess.Popen(command(port), stdout=subprocess.DEVNULL, cwd=ROOT)
        self.server = servers.Mock(process, port)
        try:
            _wait_for_answer(port, began + servers.START_SECONDS, process)
        except BaseException:
            self.server.stop()
            raise
        self.seconds = time.perf_counter() - began

    def __enter__(self) -> _Spawned:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()


def _wait_for_answer(port: int, deadline: float, process: subprocess.Popen[bytes]) -> None:
    request = f"GET /_mock/health HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode()
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            with socket.create_connection((HOST, port), timeout=5) as connection:
                connection.sendall(request)
                if connection.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            time.sleep(0.001)
    raise BenchError(
        f"{' '.join(process.args[:2]) if isinstance(process.args, list) else 'a server'} did not answer"
    )
