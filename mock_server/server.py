"""Runs the app on a socket, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from mock_server.connection import Connection, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

KEEP_ALIVE_SECONDS = 75
# How long a stopping server waits for all that is in flight.
GRACE_SECONDS = 5
# How often a stopping server in a thread looks whether that is over.
_LOOK_SECONDS = 0.001


class Server(uvicorn.Server):
    """A uvicorn server that tells when it is ready, and for which being told to stop is no failure."""

    _log_config: dict[str, Any] | None = LOGGING_CONFIG

    def __init__(self, app: ASGIApp, on_ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(Connection, Turn()),  # type: ignore[arg-type]
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=self._log_config,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._drop_held()
        await super().shutdown(sockets)

    def _drop_held(self) -> None:
        drop: Callable[[], None] = getattr(self.config.app, "drop_held", lambda: None)
        drop()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, which afterwards kills the process by the signal; this server ends with 0."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    listener.set_inheritable(False)
    return listener


def run(app: ASGIApp, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; what is in flight is finished first."""
    spare_the_ledger()
    with suppress(KeyboardInterrupt):
        Server(app, on_ready).run(sockets=[listener])


class _InThread(Server):
    """A server outside the main thread: it gets no signals, and hears at once that it has to stop."""

    # The logging is that of the process, which is another's: uvicorn's own would close all handlers there are.
    _log_config = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        # uvicorn's looks ten times a second, for things that are switched off here.
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn's sleeps for a tenth of a second, whether or not there is anything to wait for.
        self._drop_held()
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                while self.server_state.connections or self.server_state.tasks:
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._told.set)


@contextmanager
def in_thread(app: ASGIApp) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 in a thread of this process while the block runs; gives the address.

    Raises OSError when there is no port to have.
    """
    listener = bind("127.0.0.1", 0)
    host, port = address(listener)
    ready = threading.Event()
    server = _InThread(app, ready.set)
    thread = threading.Thread(target=server.run, args=([listener],), name="carrot-mock", daemon=True)
    thread.start()
    try:
        while not ready.wait(0.1):
            if not thread.is_alive():
                raise RuntimeError("the server stopped before it was ready")
        yield f"http://{host}:{port}"
    finally:
        if ready.is_set():
            server.stop()
        thread.join()
        listener.close()


def spare_the_ledger() -> None:
    """Keep the cyclic garbage collector from going through the ledger again and again.

    A ledger only grows, and has no cycles: without this, full collections pause a server of 100 000 events for
    a tenth of a second each. What survives one is set apart; reference counts still free it when it goes.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    if _set_apart not in gc.callbacks:
        gc.callbacks.append(_set_apart)


def _set_apart(phase: str, info: dict[str, int]) -> None:
    if phase == "stop" and info["generation"] == 2:
        gc.freeze()


def address(listener: socket.socket) -> tuple[str, int]:
    """Host and port that a socket is bound to."""
    name: Any = listener.getsockname()
    return str(name[0]), int(name[1])
