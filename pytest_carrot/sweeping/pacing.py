"""Whether a flow makes one call after the other: while an answer is held for a moment, no other call may come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from time import time
from typing import TYPE_CHECKING, Final

from pytest_carrot import history, story
from pytest_carrot.sweeping.calls import CannotSweep

if TYPE_CHECKING:
    from pytest_carrot.handle import Carrot
    from pytest_carrot.history import Entry

# Long enough for calls of threads to meet, and in all not too long.
_HOLD_SECONDS: Final = 0.05
_ALL_SECONDS: Final = 5.0
# What clocks and timers may be wrong by.
_SURE: Final = 0.8
_SLACK_SECONDS: Final = 0.002


@dataclass(frozen=True)
class Pace:
    """A world in which every answer is held for so many seconds, by a fault; `lag` is that of the world's clock."""

    fault: str
    seconds: float
    lag: tuple[float, float]


def pace(carrot: Carrot, after: Carrot) -> Pace:
    """Hold every answer in a world, for a run that is to do the same as one in the world `after` has done."""
    calls = len(history.entries(after.control))
    seconds = min(_HOLD_SECONDS, _ALL_SECONDS / max(calls, 1))
    fault = {"operation": "*", "phase": "responding", "do": "delay", "seconds": seconds, "times": None}
    return Pace(str(carrot.control.post("faults", fault)["id"]), seconds, _lag(carrot))


def check_one_after_the_other(carrot: Carrot, paced: Pace) -> None:
    """Raise CannotSweep when a call came while the answer of another one was held."""
    least, most = _lag(carrot)
    if least > paced.lag[1] + _SLACK_SECONDS or most < paced.lag[0] - _SLACK_SECONDS:
        # The run has set the clock of its world, by which the calls are timed.
        return
    for one, two in pairwise(history.entries(carrot.control)):
        between = _moment(two["at"]) - _moment(one["at"])
        if one.get("fault") == paced.fault and 0 <= between < paced.seconds * _SURE:
            raise CannotSweep(
                f"Two calls were under way at the same time, {_named(one)} and {_named(two)}, so it would be chance "
                "which of them a fault strikes. Sweep a flow that makes one call after the other."
            )


def _lag(carrot: Carrot) -> tuple[float, float]:
    """How many seconds the world's clock is ahead of the machine's: at least, and at most."""
    before = time()
    now = _moment(carrot.control.get("clock")["now"])
    return now - time(), now - before


def _named(entry: Entry) -> str:
    about = story.about(entry)
    return f"{entry['operation']} ({about})" if about else entry["operation"]


def _moment(found: str) -> float:
    return datetime.fromisoformat(found).timestamp()
