"""What is known of a flow: its clean run, what a struck run left behind, and which call is struck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_carrot.certifying import calls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.flows import Ended
    from pytest_carrot.history import Entry, Summary


@dataclass(frozen=True)
class Target:
    """A call of the clean run: its number among all requests, and how often the flow itself asks for it again."""

    call: int
    operation: str
    name: str
    twins: int = 0

    def __str__(self) -> str:
        return f"{self.name}, call {self.call} of the flow,"


@dataclass(frozen=True)
class Run:
    """How a run of the flow ended, and what the mock saw of it; `fault` is what the mock did to it, if anything.

    `strays` are requests that came meanwhile without the credentials of the run's world.
    """

    ended: Ended
    entries: Sequence[Entry]
    documents: Sequence[Summary] = ()
    fault: str | None = None
    strays: Sequence[Entry] = ()

    @property
    def operations(self) -> frozenset[str]:
        return frozenset(each["operation"] for each in self.entries)


@dataclass(frozen=True)
class Struck:
    """A run in which a call was struck: what a judge of it looks at; `first` is the request that was struck."""

    clean: Run
    run: Run
    target: Target
    first: Entry

    @property
    def tries(self) -> list[Entry]:
        """The struck request and the later ones for the same thing."""
        return calls.tries(self.run.entries, self.first, self.target.twins)

    @property
    def ending(self) -> str:
        """`exit code 1`, or that there was none."""
        ended = self.run.ended
        return "the command did not end" if ended.timed_out else f"exit code {ended.exit_code}"


def target(clean: Run, wanted: Sequence[str]) -> Target | None:
    """The first call of the first of these operations that the flow makes; None when it makes none of them."""
    for operation in wanted:
        for index, entry in enumerate(clean.entries, 1):
            if entry["operation"] == operation:
                twins = [
                    each
                    for each in calls.after(calls.of(clean.entries, operation), entry)
                    if calls.content(each) == calls.content(entry)
                ]
                return Target(index, operation, calls.name(entry), len(twins))
    return None


def first_struck(run: Run, aimed: Target) -> Entry | None:
    """The first request that the fault struck; with a gate, the first of the operation."""
    found = calls.of(run.entries, aimed.operation)
    if run.fault is not None:
        found = [each for each in run.entries if each.get("fault") == run.fault]
    return next(iter(found), None)
