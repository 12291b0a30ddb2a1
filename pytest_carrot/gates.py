"""Places in the life of requests where a test holds them, and lets them go on in the order that it wants."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pytest_carrot import history, story
from pytest_carrot.asking import ask, remove

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from pytest_carrot.control import Control

# What goes wrong here is about what the test asked: its traceback ends there.
__tracebackhide__ = True

_SHORTEST_LOOK_SECONDS: Final = 0.002
_LONGEST_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Waiting:
    """A request that a gate holds, `since` a moment on the clock of the world; the key is None where it has none."""

    request_id: str
    deduplication_id: str | None
    since: datetime


class Gate:
    """A gate that was set: `with carrot.gates.hold(…) as gate`. Leaving the block frees all, and takes it away."""

    def __init__(self, control: Control, gate_id: str, operation: str, phase: str) -> None:
        self._control = control
        self._where = f"{phase} of {operation}"
        self.id = gate_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} at {self._where}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        remove(self._control, f"gates/{self.id}")

    @property
    def waiting(self) -> list[Waiting]:
        """The requests that it holds, first come first; none when it was taken away."""
        gates: list[dict[str, Any]] = self._control.get("gates")
        held: list[dict[str, Any]] = next((each["waiting"] for each in gates if each["id"] == self.id), [])
        return [
            Waiting(each["requestId"], each.get("deduplicationId"), datetime.fromisoformat(each["since"]))
            for each in held
        ]

    def wait_for(self, n: int, timeout: float = 5.0) -> list[Waiting]:
        """Wait until it holds `n` requests at least, and give them; fails after `timeout` seconds of real time.

        Who makes those requests has to run meanwhile: in another thread or process, or, with asyncio, on the loop,
        from which to call this as `await asyncio.to_thread(gate.wait_for, n)`.
        """
        __tracebackhide__ = True
        patient_until = time.monotonic() + timeout
        pause = _SHORTEST_LOOK_SECONDS
        while len(held := self.waiting) < n:
            left = patient_until - time.monotonic()
            if left <= 0:
                self._fail(n, timeout, held)
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)
        return held

    def release(self, count: int | None = None, request_id: str | None = None) -> list[str]:
        """Let requests go on: so many of those who came first, or one, or all; gives their ids.

        After `count` and `request_id` the gate stays; without both it is taken away.
        """
        if count is not None and request_id is not None:
            raise ValueError("A gate lets go so many requests (count) or one (request_id), not both.")
        wanted = (
            {"count": count} if count is not None else {} if request_id is None else {"requestId": request_id}
        )
        answer = ask(self._control.post, f"gates/{self.id}/release", wanted, mistakes=(400, 404))
        return list(answer["released"])

    def _fail(self, n: int, timeout: float, held: list[Waiting]) -> NoReturn:
        __tracebackhide__ = True
        ids = {each.request_id for each in held}
        who = ", ".join(each.request_id for each in held)
        came = history.entries(self._control)
        story.fail(
            self._control,
            f"Expected {story.several(n, 'request')} to wait at {self._where} within {timeout:g} seconds; "
            + (f"{who} {'waits' if len(held) == 1 else 'wait'}." if held else "none does."),
            f"The requests that came{' (>: those that wait)' if held else ''}:\n{story.requests(came, marked=ids)}",
        )


class Gates:
    """The gates of a world."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def hold(self, operation: str, phase: str, timeout: float = 30.0) -> Gate:
        """From now on requests of an operation (`*`: any) wait at a phase, each for `timeout` seconds at most.

        Raises ValueError, which says what makes sense, for a phase that the operation does not have.
        """
        wanted = {"operation": operation, "phase": phase, "timeout": timeout}
        made = ask(self._control.post, "gates", wanted)
        return Gate(self._control, made["id"], operation, phase)

    def clear(self) -> None:
        """Take all away; who waits goes on."""
        self._control.delete("gates")
