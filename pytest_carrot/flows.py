"""What is run against a world, once cleanly and then with something going wrong: a command, or anything alike."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_carrot.handle import Carrot

_KEPT_CHARACTERS: Final = 4000
# A character of UTF-8 takes four bytes at most.
_KEPT_BYTES: Final = 8 * _KEPT_CHARACTERS
_LOCAL: Final = "127.0.0.1,localhost"
_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True)
class Ended:
    """How a run of a flow ended; `output` is the end of what it printed, stdout and stderr together.

    `exit_code` is None where there is none, and below 0 where a signal ended the command.
    """

    succeeded: bool
    exit_code: int | None = None
    timed_out: bool = False
    output: str = field(default="", repr=False)

    @property
    def told(self) -> str:
        """The end of a sentence: `exited with 1`."""
        if self.timed_out:
            return "did not end in time and was stopped"
        if self.exit_code is None:
            return "succeeded" if self.succeeded else "failed"
        if self.exit_code < 0:
            return f"was ended by signal {-self.exit_code}"
        return f"exited with {self.exit_code}"


class Flow(Protocol):
    """What a client does from start to end in one world, with the address and credentials of that world."""

    def run(self, world: Carrot) -> Ended: ...


class CannotStart(Exception):
    """The command cannot be run at all; `str()` is a sentence."""


class Command:
    """A command in any language, which finds its world in the environment; safe to run from several threads.

    It has a process group of its own. The group is killed when the command has ended or its `seconds` are over,
    so that nothing that it started goes on calling a world that is gone.
    """

    def __init__(self, argv: Sequence[str], seconds: float = 60) -> None:
        self.argv = tuple(argv)
        self._seconds = seconds
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._is_stopped = False

    def run(self, world: Carrot) -> Ended:
        """Run it; raises CannotStart when there is no such command."""
        with TemporaryFile() as output:
            process = self._start(world, output)
            timed_out = False
            try:
                process.wait(self._seconds)
            except subprocess.TimeoutExpired:
                timed_out = True
            finally:
                self._end(process)
            exit_code = process.returncode
            # Masked before it is cut, lest half a secret is left.
            kept = without_secrets(_tail(output), world)[-_KEPT_CHARACTERS:]
        return Ended(exit_code == 0 and not timed_out, exit_code, timed_out, kept)

    def stop(self) -> None:
        """Kill all that runs; what is started afterwards ends at once."""
        with self._lock:
            self._is_stopped = True
            running = tuple(self._running)
        for process in running:
            _kill(process)

    def _start(self, world: Carrot, output: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_stopped:
                raise CannotStart("The command was stopped.")
            try:
                process = subprocess.Popen(  # noqa: S603 - to run what the user asks for is the purpose
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=_environment(world.env),
                    start_new_session=True,
                )
            except OSError as error:
                raise CannotStart(_why_not(self.argv[0], error)) from None
            self._running.add(process)
            return process

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        _kill(process)
        process.wait()
        with self._lock:
            self._running.discard(process)


def without_secrets(text: str, world: Carrot) -> str:
    """A text without the world's client secrets, however they are encoded, and without tokens."""
    from base64 import b64encode

    from mock_server.redaction import scrub

    secrets = []
    for each in (world.test, world.production, world.partner):
        pair = b64encode(f"{each.client_id}:{each.client_secret}".encode()).decode()
        secrets += [each.client_secret, pair]
    return str(scrub(text, [*secrets, world.storage.secret_access_key]))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all of its group."""
    if os.name == "nt":
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """That of this process and more; a proxy, where one is set, is not asked for what is on this machine."""
    found = {**os.environ, **more}
    if any(found.get(each) or found.get(each.upper()) for each in _PROXIES):
        for name in ("no_proxy", "NO_PROXY"):
            found[name] = ",".join(filter(None, (found.get(name), _LOCAL)))
    return found


def _tail(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(size - _KEPT_BYTES, 0))
    return output.read().decode(errors="replace")


def _why_not(name: str, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"There is no command {name}: give the one that runs the client, after `--`."
    return f"The command {name} cannot be run: {error.strerror}."
