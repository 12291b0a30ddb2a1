"""The clock of a world, which everything in it that has a time obeys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pytest_carrot import history
from pytest_carrot.asking import ask

if TYPE_CHECKING:
    from pytest_carrot.control import Control

# What goes wrong here is about what the test asked: its traceback ends there.
__tracebackhide__ = True


class Clock:
    """Tokens, URLs, the rate limit, pending windows, keys and all times of the world's records go by it.

    It begins with the time of the machine. Setting it forward or back and standing still concern this world alone.
    Raises ValueError for what no clock can show.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def __repr__(self) -> str:
        shown = self._control.get("clock")
        return f"<{type(self).__name__} {shown['now']}{'' if shown['rate'] else ', standing still'}>"

    @property
    def now(self) -> datetime:
        """The time that it shows, in UTC."""
        return datetime.fromisoformat(self._control.get("clock")["now"])

    def advance(self, seconds: float | timedelta) -> None:
        """Set it forward; it goes on, or stands still, as before."""
        if isinstance(seconds, timedelta):
            seconds = seconds.total_seconds()
        self._change(advance=seconds)

    def set(self, moment: datetime) -> None:
        """Set it to a moment, which has to have a time zone; it goes on, or stands still, as before."""
        if not isinstance(moment, datetime):
            raise ValueError(
                f"The clock is set to a datetime, such as datetime(..., tzinfo=UTC), not to {moment!r}."
            )
        self._change(now=history.spelled(moment))

    def freeze(self) -> None:
        """Let it stand still."""
        self._change(rate=0)

    def resume(self) -> None:
        """Let it go on, from what it shows."""
        self._change(rate=1)

    @property
    def skew(self) -> float:
        """How many seconds the `Date` header and the times of tokens are ahead of the ledger's."""
        return float(self._control.get("clock")["skew"])

    @skew.setter
    def skew(self, seconds: float) -> None:
        self._change(skew=seconds)

    def _change(self, **change: Any) -> None:
        ask(self._control.put, "clock", change)
