"""What a ledger costs: memory for a document and for an event, and whether a full one slows.

Runs in a process of its own, without sockets: `python -m bench.memory memory|growth` prints figures as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import payloads
from bench.report import Figure
from bench.servers import ROOT, BenchError, resident_bytes, token_request

if TYPE_CHECKING:
    from collections.abc import Callable

_EVENTS = 100_000
_EVENTS_PER_DOCUMENT = 99
_DOCUMENTS = 20_000
_OVERHEAD_BYTES = 600
_SIZES = (10, 1_000, 100_000)
_GROWTH_TARGET = 1.10
# Ten documents, of which none may have more than 100 events, take twice as many appends.
_OPERATIONS = 450
_TURN = 30
_TIME_LIMIT_SECONDS = 240


def run(what: str) -> list[Figure]:
    """The figures of a child process that does nothing else; raises BenchError."""
    try:
        told = subprocess.run(
            [sys.executable, "-m", "bench.memory", what],
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT_SECONDS,
            cwd=ROOT,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{what} took more than {_TIME_LIMIT_SECONDS} seconds") from None
    if told.returncode:
        raise BenchError(f"{what} could not run: {told.stderr.strip()[-500:]}")
    return [Figure(**each) for each in json.loads(told.stdout)]


# The child -----------------------------------------------------------------------------------------------


class World:
    """The application without a socket, and an integrator's token; keys are never used twice."""

    def __init__(self) -> None:
        from mock_server import create_app
        from mock_server.settings import Settings

        self.app: Any = create_app(Settings(rate_limit="off"))
        self.ledger: Any = self.app.state.workspaces.default.ledger
        self._mass_id, self._pick_up = payloads.mass_id(), payloads.pick_up()
        self._keys = 0
        self._headers: list[tuple[bytes, bytes]] = []
        body, headers = token_request()
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        token = json.loads(self.call("POST", "/oauth2/token", body))["access_token"]
        self._headers = [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"authorization", f"Bearer {token}".encode()),
        ]

    def call(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of the answer, which must be a 2xx."""
        answer = self.request(method, path, body)()
        return bytes(answer)

    def request(self, method: str, path: str, body: bytes = b"") -> Callable[[], bytes]:
        """A request that is ready to be answered: what is timed is the application alone."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [*self._headers, (b"content-length", b"%d" % len(body))],
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
        }
        message = {"type": "http.request", "body": body, "more_body": False}
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return message

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        def answer() -> bytes:
            # Nothing in it waits for anything, so no event loop is needed.
            try:
                self.app(scope, receive, send).send(None)
            except StopIteration:
                pass
            else:
                raise BenchError(f"{method} {path} waited for something")
            if not 200 <= sent[0]["status"] < 300:
                raise BenchError(
                    f"{method} {path} was answered {sent[0]['status']}: {sent[1]['body'][:300]!r}"
                )
            return bytes(sent[1]["body"])

        return answer

    def create(self) -> str:
        """The id of a new document."""
        self._keys += 1
        answer = self.call("POST", "/documents", payloads.keyed(self._mass_id, self._keys))
        return answer[7:43].decode()

    def append(self, document_id: str) -> Callable[[], bytes]:
        """A request for one more event."""
        self._keys += 1
        body = payloads.keyed(self._pick_up, self._keys)
        return self.request("POST", f"/documents/{document_id}/events", body)

    def read(self, document_id: str) -> Callable[[], bytes]:
        return self.request("GET", f"/documents/{document_id}")

    def stored(self, since: int) -> tuple[int, int]:
        """How many records came after a position, and the bytes of JSON that they hold."""
        records = self.ledger.records(since)
        return len(records), sum(len(each.event) for each in records)


def memory() -> list[Figure]:
    """Bytes for a document and for an event: all that the process grew by, the journal's ring being full."""
    from mock_server.settings import Settings

    bound = Settings()
    world = World()
    warm = [world.create() for _ in range(bound.journal_entries + 200)]
    before, position = _settled(), world.ledger.position
    documents = [world.create() for _ in range(_DOCUMENTS)]
    grown = _settled() - before
    _, stored = world.stored(position)
    figures = [
        Figure(
            "memory",
            f"a document with its first event, at {_DOCUMENTS:,}",
            f"{grown / _DOCUMENTS:,.0f} bytes",
            f"stored: {stored / _DOCUMENTS:,.0f} bytes",
        )
    ]
    # The journal now has appends, which are a little smaller than creations.
    for document_id in warm:
        world.append(document_id)()
    before, position = _settled(), world.ledger.position
    for number in range(_EVENTS):
        world.append(documents[number // _EVENTS_PER_DOCUMENT])()
    grown = _settled() - before
    _, stored = world.stored(position)
    each, each_stored = grown / _EVENTS, stored / _EVENTS
    figures += [
        Figure(
            "memory",
            f"an event, at {_EVENTS:,}",
            f"{each:,.0f} bytes",
            f"stored: {each_stored:,.0f} bytes",
            target=f"≤ stored + {_OVERHEAD_BYTES}: + {each - each_stored:,.0f}",
            met=each <= each_stored + _OVERHEAD_BYTES,
        ),
        Figure(
            "memory",
            "the journal's ring, by default at most",
            f"{bound.journal_entries:,} requests",
            f"bodies: {bound.journal_bytes / 2**20:g} MiB",
        ),
    ]
    return figures


def _settled() -> int:
    """Resident bytes, garbage aside."""
    gc.collect()
    return resident_bytes(os.getpid())


def growth() -> list[Figure]:
    """Late against early on one timeline; and append and read in worlds of different sizes, turn by turn.

    Of each size once with documents from all over the ledger, which a large one cannot have in the
    processor's caches, and once with the same ten, which leaves that out.
    """
    timeline = _early_and_late(World())
    worlds = [World() for _ in _SIZES]
    documents = [[world.create() for _ in range(size)] for world, size in zip(worlds, _SIZES, strict=True)]
    all_over = [_spread(ids, _OPERATIONS) for ids in documents]
    same_ten = [_spread(ids, 10) * (_OPERATIONS // 10) for ids in documents]
    pairs = [*zip(worlds, all_over, strict=True), *zip(worlds, same_ten, strict=True)]
    read = _in_turns([[world.read(each) for each in ids] for world, ids in pairs], passes=5)
    appended = _in_turns([[world.append(each) for each in ids] for world, ids in pairs])
    count = len(_SIZES)
    return [
        _by_size("append, documents from all over", appended[:count]),
        _by_size("append, the same ten documents", appended[count:]),
        _by_size("read, documents from all over", read[:count]),
        _by_size("read, the same ten documents", read[count:]),
        timeline,
    ]


def _spread(ids: list[str], number: int) -> list[str]:
    """So many ids at equal distances; each several times where there are fewer."""
    return [ids[place * len(ids) // number] for place in range(number)]


def _by_size(what: str, took: list[float]) -> Figure:
    ratio = took[-1] / took[0]
    return Figure(
        "growth",
        f"{what}, at {_SIZES[-1]:,}",
        f"{took[-1]:.1f} µs",
        "; ".join(f"{size:,}: {each:.1f} µs" for size, each in zip(_SIZES[:-1], took[:-1], strict=True)),
        ratio,
        f"≤ {_GROWTH_TARGET:.2f} ×",
        ratio <= _GROWTH_TARGET,
    )


def _early_and_late(world: World) -> Figure:
    """The 5th and the 95th append on timelines of their own, in turns."""
    short, long = ([world.create() for _ in range(_OPERATIONS)] for _ in range(2))
    for documents, number in ((short, 4), (long, 94)):
        for document_id in documents:
            for _ in range(number):
                world.append(document_id)()
    early, late = _in_turns([[world.append(each) for each in documents] for documents in (short, long)])
    ratio = late / early
    return Figure(
        "growth",
        "append to one timeline, the 95th",
        f"{late:.1f} µs",
        f"the 5th: {early:.1f} µs",
        ratio,
        f"≤ {_GROWTH_TARGET:.2f} ×",
        ratio <= _GROWTH_TARGET,
    )


def _in_turns(series: list[list[Callable[[], bytes]]], passes: int = 1) -> list[float]:
    """The median time of each series' requests in microseconds, some of the one after some of the other."""
    took: list[list[int]] = [[] for _ in series]
    for start in list(range(0, _OPERATIONS, _TURN)) * passes:
        for times, requests in zip(took, series, strict=True):
            for request in requests[start : start + _TURN]:
                began = time.perf_counter_ns()
                request()
                times.append(time.perf_counter_ns() - began)
    return [median(each) / 1000 for each in took]


def main(what: str) -> None:
    """Print the figures of one of the two."""
    from mock_server.server import spare_the_ledger

    spare_the_ledger()  # as a server does
    figures = {"memory": memory, "growth": growth}[what]()
    print(json.dumps([asdict(each) for each in figures]))


if __name__ == "__main__":
    main(sys.argv[1])
