"""Makes the world of a run, and lets go wrong in it what a row asks for."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot import history
from pytest_carrot.certifying.flow import Run
from pytest_carrot.certifying.kinds import Fault
from pytest_carrot.control import Socket
from pytest_carrot.handle import Carrot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_carrot.certifying.flow import Target
    from pytest_carrot.certifying.kinds import Late, World
    from pytest_carrot.control import Control
    from pytest_carrot.flows import Flow
    from pytest_carrot.worlds import Worlds

_TOKEN_SECONDS: Final = 3600
_LOOK_EVERY_SECONDS: Final = 0.02


def watched(worlds: Worlds, flow: Flow, world: World) -> Run:
    """An undisturbed run in a world of this kind."""
    with _made(worlds, world) as carrot:
        return _seen(flow, carrot)


def struck(worlds: Worlds, flow: Flow, world: World, target: Target, strike: Fault | Late) -> Run:
    """A run in which the target meets a fault, or comes late."""
    with _made(worlds, world) as carrot:
        if isinstance(strike, Fault):
            return _seen(flow, carrot, _set(carrot.control, target.operation, strike))
        with _held(carrot.control, target.operation, strike):
            return _seen(flow, carrot)


@contextmanager
def _made(worlds: Worlds, world: World) -> Iterator[Carrot]:
    with worlds.new(dict(world.semantics), world.rate_limit) as carrot:
        if world.environment == "test":
            yield carrot
            return
        # The same workspace, seen with its other credentials.
        wire = Socket(carrot.url)
        try:
            yield Carrot(wire, carrot.control, carrot.url, carrot.control.get(""), world.environment)
        finally:
            wire.close()


def _seen(flow: Flow, carrot: Carrot, fault: str | None = None) -> Run:
    ended = flow.run(carrot)
    return Run(ended, history.entries(carrot.control), history.documents(carrot.control), fault)


def _set(control: Control, operation: str, strike: Fault) -> str:
    wanted: dict[str, Any] = {
        "operation": operation,
        "phase": strike.phase,
        "do": strike.do,
        "times": strike.times,
    }
    if strike.status is not None:
        wanted["status"] = strike.status
    if strike.code is not None:
        wanted["code"] = strike.code
    return str(control.post("faults", wanted)["id"])


@contextmanager
def _held(control: Control, operation: str, strike: Late) -> Iterator[None]:
    """While the block runs, the first request of the operation is held until its time is over, and no other one."""
    gate = control.post("gates", {"operation": operation, "phase": strike.phase})["id"]
    over = threading.Event()
    watcher = threading.Thread(target=_let_expire, args=(control, gate, _lifetime(control, strike), over))
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _let_expire(control: Control, gate: str, seconds: float, over: threading.Event) -> None:
    while not over.wait(_LOOK_EVERY_SECONDS):
        if any(each["id"] == gate and each["waiting"] for each in control.get("gates")):
            control.put("clock", {"advance": seconds + 1})
            control.post(f"gates/{gate}/release", {})
            return


def _lifetime(control: Control, strike: Late) -> float:
    return (
        _TOKEN_SECONDS if strike.expires == "token" else float(control.get("semantics")["presign-lifetime"])
    )
