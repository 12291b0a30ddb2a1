"""What keeps calls to an API that cannot delete within bounds: their pace, and how much they may leave behind."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

TEST_RATE: Final = 5.0
"""Requests a second that the vendor documents for an integrator in the test environment."""
PRODUCTION_RATE: Final = 10.0
USUAL_RATE: Final = 4.0
"""What is asked for unless told otherwise; the rest is left to whoever works with the same credentials."""


class Pace:
    """Lets requests go at even intervals, at most `rate` a second; for several threads."""

    def __init__(
        self,
        rate: float,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / rate
        self._now = now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Return when the next request may go."""
        with self._lock:
            now = self._now()
            mine = max(now, self._next)
            self._next = mine + self._interval
        if mine > now:
            self._sleep(mine - now)


class BudgetUsedUp(Exception):
    """One more write would leave more behind than was allowed; `str()` is a sentence."""


class Budget:
    """How many writes may be made of an API that keeps them for ever; for several threads.

    A write that was refused left nothing and is given back; one without an answer is not.
    """

    def __init__(self, limit: int, raised_by: str) -> None:
        self.limit = limit
        self.used = 0
        self._raised_by = raised_by
        self._lock = threading.Lock()

    def take(self, writes: int = 1) -> None:
        """Before a write; raises BudgetUsedUp."""
        with self._lock:
            if self.used + writes > self.limit:
                raise BudgetUsedUp(
                    f"The budget of {self.limit} writes does not allow the next one ({self.used} are used): what is "
                    f"written to this API stays there for ever. Allow more with {self._raised_by}."
                )
            self.used += writes

    def give_back(self, writes: int = 1) -> None:
        with self._lock:
            self.used -= writes
