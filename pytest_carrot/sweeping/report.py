"""The report of a sweep: the verdict and everything it is told in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.sweeping.judging import NOT_REACHED

if TYPE_CHECKING:
    from pytest_carrot.sweeping.calls import Clean
    from pytest_carrot.sweeping.judging import Result

HOLDS: Final = "holds"
FAILS: Final = "fails"


@dataclass(frozen=True)
class Report:
    """What came out of all cases; `of` is what was swept, a command line or the name of a test."""

    clean: Clean
    results: tuple[Result, ...]
    of: str = ""
    seconds: float = 0.0

    @property
    def verdict(self) -> str:
        """`holds` or `fails`."""
        return FAILS if self.failures else HOLDS

    @cached_property
    def failures(self) -> tuple[Result, ...]:
        """The smallest first."""
        return tuple(
            sorted((each for each in self.results if not each.holds), key=lambda each: each.case.order)
        )

    @property
    def smallest(self) -> Result | None:
        """The failing case with the earliest call, then the earliest phase, then the simplest kind."""
        return next(iter(self.failures), None)

    @property
    def causes(self) -> Counter[str]:
        """How many cases fail by each cause, the most frequent first."""
        return Counter(dict(Counter(str(each.cause) for each in self.failures).most_common()))

    @property
    def not_reached(self) -> int:
        """How many faults struck nothing, as the call did not come."""
        return sum(each.note == NOT_REACHED for each in self.results)

    def as_json(self) -> dict[str, Any]:
        """Verdict, cases and the smallest failing one; also the calls, the causes, and how long it took."""
        results = sorted(self.results, key=lambda each: each.case.order)
        found: dict[str, Any] = {
            "verdict": self.verdict,
            "cases": [each.as_json() for each in results],
            "calls": [
                {"call": each.index, "operation": each.operation, "what": each.what}
                for each in self.clean.calls
            ],
            "causes": dict(self.causes),
            "notReached": self.not_reached,
            "seconds": round(self.seconds, 3),
        }
        if self.of:
            found["of"] = self.of
        return found if self.smallest is None else found | {"smallest": self.smallest.as_json()}

    def as_junit(self) -> str:
        """One testcase a case: the operation is its class, and a failure has the story."""
        from pytest_carrot.sweeping.documents import as_junit

        return as_junit(self)

    def as_html(self) -> str:
        """A page that needs nothing else."""
        from pytest_carrot.sweeping.documents import as_html

        return as_html(self)

    def as_text(self) -> str:
        """In lines of at most 80 characters."""
        from pytest_carrot.sweeping.screen import lines

        return "\n".join("".join(text for text, _ in line).rstrip() for line in lines(self)) + "\n"

    def print(self) -> None:
        """To stdout: with colours on a terminal, which say nothing that the text does not."""
        from pytest_carrot.sweeping.screen import show

        show(self)
