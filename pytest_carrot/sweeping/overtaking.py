"""A slow request and its retry: when that has come, the slow one does its work, and then the retry is answered."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.control import ControlError
from pytest_carrot.sweeping.calls import PHASES
from pytest_carrot.sweeping.settling import await_done

if TYPE_CHECKING:
    from pytest_carrot.handle import Carrot
    from pytest_carrot.sweeping.cases import Case

_LOOK_SECONDS: Final = 0.02
# Who looks may be slow, but not for ever.
_LONGEST_SECONDS: Final = 2.0


class Overtaken:
    """Looks after a hanging request in a world, from before the flow runs until it has ended.

    Else it would be up to the client's own timeout whether a slow server is done before the flow has gone on to
    where nothing more can be recorded. For cases of another kind, and where everything is recorded already, it
    does nothing. It ends by itself with its world.
    """

    def __init__(self, carrot: Carrot, case: Case, fault: str) -> None:
        self._carrot, self._fault = carrot, fault
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if case.do == "hang" and PHASES.index(case.phase) < PHASES.index("committed"):
            retry = {
                "operation": case.call.operation,
                "phase": "responding",
                "do": "delay",
                "seconds": _LONGEST_SECONDS,
                "after": case.call.earlier.get("responding", 0),
            }
            self._retry = str(carrot.control.post("faults", retry)["id"])
            self._thread = threading.Thread(target=self._look_on, name="carrot-overtaken", daemon=True)
            self._thread.start()

    @property
    def fault(self) -> str | None:
        """The fault that struck the request; None for the first one that any did, as its answer is held as well."""
        return self._fault if self._thread is None else None

    def stop(self) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _look_on(self) -> None:
        with suppress(ControlError):
            while not self._ended.wait(_LOOK_SECONDS):
                if self._look():
                    return

    def _look(self) -> bool:
        """Whether there is nothing more to do."""
        control = self._carrot.control
        faults: dict[str, Any] = {each["id"]: each for each in control.get("faults")}
        if self._retry not in faults:
            return True
        if not faults[self._retry]["hanging"]:
            return bool(faults[self._retry]["strikes"])
        if faults.get(self._fault, {}).get("hanging"):
            await_done(self._carrot, control.post(f"faults/{self._fault}/release")["released"])
        control.post(f"faults/{self._retry}/release")
        return True
