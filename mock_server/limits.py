"""The rate limit: one token bucket for each integrator and environment.

Source: [limits] for the rates (5 a second in test, 10 in production); the bucket is assumed (`rate-limit`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENTED: Final[Mapping[str, float]] = {"TEST": 5.0, "PROD": 10.0}

RateLimit = str | float  # "documented", "off", or requests a second


def parse_rate_limit(value: object) -> RateLimit:
    """A rate limit as flags, files and workspaces write it; raises ValueError with a sentence."""
    if value in ("documented", "off"):
        return str(value)
    try:
        rate = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise ValueError(
            f'The rate limit is "documented", "off" or a number of requests a second above 0, not {value!r}.'
        )
    return int(rate) if rate.is_integer() and rate < 2**53 else rate


class Buckets:
    """Buckets that begin full and hold as many requests as a second brings, at least one."""

    __slots__ = ("_levels",)

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, scope: str, rate: float, now: float) -> bool:
        """Whether one more request passes; `rate` is requests a second, `now` seconds since 1970."""
        size = max(rate, 1.0)
        level, then = self._levels.get(scope, (size, now))
        # A clock that was set back gives nothing and takes nothing.
        level = min(size, level + max(now - then, 0.0) * rate)
        # The smallest part of a request is kept from deciding: 0.2 s at 5 a second is one request.
        passes = level >= 1 - 1e-9
        self._levels[scope] = (level - 1 if passes else level, now)
        return passes

    def clear(self) -> None:
        self._levels.clear()
