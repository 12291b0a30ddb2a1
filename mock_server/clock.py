"""The one clock that everything with a time asks, and the API's spelling of times."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

LAST_MOMENT = 253402300799.999
"""9999-12-31T23:59:59.999Z, after which no date is: a clock that comes there stands still."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Anything that tells the time."""

    def time(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        ...


class SystemClock:
    """The machine's own clock."""

    __slots__ = ()
    time = staticmethod(time.time)


class ManualClock:
    """A clock that stands still until it is moved; for tests that run the app in process."""

    __slots__ = ("_now",)

    def __init__(self, start: datetime | float | None = None) -> None:
        self._now = time.time() if start is None else _seconds(start)

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move by `seconds`; raises ValueError when that would go back."""
        if seconds < 0:
            raise ValueError(f"a clock only moves forward, not by {seconds} seconds; use set() to go back")
        self._now += seconds

    def set(self, moment: datetime | float) -> None:
        """Move to a moment: an aware datetime, or seconds since 1970."""
        self._now = _seconds(moment)


class MovedClock:
    """Another clock's time, set forward or back; or one moment, while it stands still."""

    __slots__ = ("_base", "_offset", "_stopped_at")

    def __init__(self, base: Clock, offset: float = 0.0, stopped_at: float | None = None) -> None:
        self._base = base
        self._offset = offset
        self._stopped_at = stopped_at

    def time(self) -> float:
        if self._stopped_at is not None:
            return self._stopped_at
        return min(self._base.time() + self._offset, LAST_MOMENT)

    @property
    def runs(self) -> bool:
        return self._stopped_at is None

    def moved(self, now: float, *, runs: bool) -> MovedClock:
        """A clock that shows `now`, and goes on from there or stands still."""
        return MovedClock(self._base, now - self._base.time(), None if runs else now)


def iso(seconds: float) -> str:
    """Seconds since 1970 as the API stores times: UTC, milliseconds, `Z`."""
    return _to_the_millisecond(int(seconds * 1000 + 0.5e-3))


def instant(text: str) -> str:
    """A date-time with `Z` or an offset in the stored spelling, which sorts as time does.

    Fractions below a millisecond are cut off. Raises ValueError when it is no such moment.
    """
    if len(text) == 24 and text[19] == "." and text[-1] == "Z":
        datetime.fromisoformat(text)
        return text
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has neither Z nor an offset")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text} lies outside the years 1 to 9999") from None
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def parse(text: str) -> float:
    """A date-time with `Z` or an offset as seconds since 1970; raises ValueError as `instant` does."""
    return (datetime.fromisoformat(instant(text)) - _EPOCH).total_seconds()


def http_date(seconds: float) -> bytes:
    """Seconds since 1970 as an HTTP date (RFC 9110, 5.6.7)."""
    moment = _EPOCH + timedelta(seconds=int(min(seconds, LAST_MOMENT)))
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT".encode("ascii")


# Read and written again and again: the moments of the documents that are in use.
@lru_cache(maxsize=1024)
def _to_the_millisecond(milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(whole)}.{rest:03}Z"


@lru_cache(maxsize=1024)
def _to_the_second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _seconds(moment: datetime | float) -> float:
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone: a clock needs an aware datetime")
        return moment.timestamp()
    return float(moment)
