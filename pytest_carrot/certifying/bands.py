"""The bands within which a wait is accepted: what the vendor advises, with room for jitter and a busy machine.

Waits are measured by the mock, from the arrival of a request to the arrival of the next try.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Band:
    """Seconds that are accepted, both ends included."""

    least: float
    most: float

    def holds(self, seconds: float) -> bool:
        return self.least <= seconds <= self.most

    def __str__(self) -> str:
        return f"{self.least:g} to {self.most:g} s"


PENDING: Final = Band(1.9, 5.5)
"""After a pending process: "2 to 5 seconds"."""

FIRST_WAIT: Final = Band(0.5, 2.0)
"""The first back-off: "start at 1 second", with equal jitter below and full jitter above it.

Its lower end holds for the first retry after every failure that passes: nothing is sent again at once.
"""

LATER_WAITS: Final = Band(0.5, 33.0)
"""Every back-off: none is shorter than the first may be, none longer than "30 seconds" and a tenth of it."""

CAPPED: Final = 27.0
"""From here on a wait counts as one at the cap, which does not have to grow any more."""

GROWTH: Final = 1.2
"""How much longer than the first wait the last one is at least: what a busy machine adds is no growth."""

MOST_TRIES: Final = 5
"""Of one call, the first one included."""

THROTTLED: Final = 0.5
"""What passes at least between a 429 and the next try of that call."""
