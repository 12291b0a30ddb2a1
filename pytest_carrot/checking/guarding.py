"""Gives a run up when its target is silent, or only says that nothing goes: the rest would tell nothing more."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.checking.plan import CannotCheck
from pytest_carrot.checking.shaping import operation_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemathesis import Case

UNANSWERED: Final = 6
"""Requests in a row without an answer after which a run ends."""
USELESS: Final = 50
"""Answers in a row that only say that nothing goes, after which a run ends."""


class GivenUp(CannotCheck):
    """The run has ended; what would still be sent is not."""


class Guard:
    """Follows every request of a run and its answer; `stop` is called once, when the run is given up."""

    def __init__(self, workers: int) -> None:
        self.reason: str | None = None
        """Why the run was given up, as a sentence."""
        self.stop: Callable[[], None] = lambda: None
        # As many may be under way.
        self._patience = UNANSWERED + workers - 1
        self._unanswered = 0
        self._useless: Counter[int] = Counter()
        self._lock = Lock()

    def asks(self, case: Case[Any]) -> None:
        """Before a request; raises GivenUp when no more are to be sent."""
        with self._lock:
            if self._unanswered >= self._patience:
                self._give_up(
                    f"{self._unanswered} requests in a row had no answer; the next would have been "
                    f"{case.method} {case.formatted_path}."
                )
            self._unanswered += 1
        self.check()

    def answered(self, case: Case[Any], status: int) -> None:
        """After an answer."""
        with self._lock:
            self._unanswered = 0
            if _is_useless(case, status):
                self._useless[status] += 1
            else:
                self._useless.clear()
            if self._useless.total() >= USELESS:
                self._give_up(
                    f"The last {self._useless.total()} answers were all {_either(sorted(self._useless))}."
                )

    def give_up(self, sentence: str) -> None:
        """End the run."""
        with self._lock:
            self._give_up(sentence)

    def check(self) -> None:
        """Raises GivenUp when the run was given up."""
        if self.reason is not None:
            raise GivenUp(self.reason)

    def _give_up(self, sentence: str) -> None:
        if self.reason is None:
            self.reason = sentence
            self.stop()


def _is_useless(case: Case[Any], status: int) -> bool:
    """Whether an answer says no more than that nothing goes now, whatever was asked."""
    return status >= 500 or status == 429 or (status == 401 and operation_id(case) != "token")


def _either(statuses: list[int]) -> str:
    return " or ".join(map(str, statuses))
