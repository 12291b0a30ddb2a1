"""A workspace that is looked at again and again: asks only for what is new, and tells each finding once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot import history
from pytest_carrot.diagnosis.lints import examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_carrot.control import Control
    from pytest_carrot.diagnosis.finding import Finding
    from pytest_carrot.history import Entry, Record

QUIET_SECONDS: Final = 5.0
"""How long nothing has to happen before what did not come counts as missing."""

# What the server keeps by default, twice; the oldest go first.
_KEPT: Final = 2000
# An answer that hangs for longer than so many requests is not waited for.
_OPEN: Final = 200


class Watch:
    """What is known of a workspace; raises ControlError when it can no longer be asked."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self.entries: list[Entry] = []
        self.records: list[Record] = []
        self.generation = 0
        """How often the workspace was reset while it was looked at."""

    def look(self) -> bool:
        """Ask the server; whether anything has happened since the last look."""
        requests = self._look_at_requests()
        return self._look_at_ledger() or requests

    def _look_at_requests(self) -> bool:
        known = self.entries
        start = self._first_open()
        since = history.number(known[start]) - 1 if known else 0
        found = history.entries(self._control, since=f"r{since}")
        if known and not _holds(found, known[-1]) and not _is_after(found, known[-1]):
            found = history.entries(self._control)
            start = 0
            if not any(_holds(found, each) for each in known):
                self.generation += 1
        changed = known[start:] != found
        self.entries = [*known[:start], *found][-_KEPT:]
        return changed

    def _first_open(self) -> int:
        """The place of the first entry that may still change: the last one, or one without its answer."""
        oldest = max(len(self.entries) - _OPEN, 0)
        for place in range(oldest, len(self.entries)):
            if self.entries[place]["seen"] == "silent":
                return place
        return max(len(self.entries) - 1, 0)

    def _look_at_ledger(self) -> bool:
        if self.records:
            # The last one again: after a reset or a restored snapshot it is another, or none.
            first, *new = history.records(self._control, self.records[-1]["position"] - 1) or (None,)
            if first == self.records[-1]:
                self.records += new
                return bool(new)
        before, self.records = self.records, history.records(self._control)
        return before != self.records


class Doctor:
    """Looks at a workspace and tells what it has not told before; `now` are seconds of any clock."""

    def __init__(self, watch: Watch, now: Callable[[], float]) -> None:
        self.watch = watch
        self._now = now
        self._told: set[tuple[str, str, str]] = set()
        self._last_change = now()
        self._settled = True
        self._generation = 0

    def new(self) -> list[Finding]:
        """What was found since the last call; raises ControlError."""
        if self.watch.look():
            self._last_change, self._settled = self._now(), False
            return self._examine(settled=False)
        if self._settled or self._now() - self._last_change < QUIET_SECONDS:
            return []
        self._settled = True
        return self._examine(settled=True)

    def _examine(self, *, settled: bool) -> list[Finding]:
        if self._generation != self.watch.generation:
            # Its requests begin with r1 again.
            self._generation = self.watch.generation
            self._told.clear()
        found = examine(self.watch.entries, self.watch.records, settled=settled)
        new = [each for each in found if each.identity not in self._told]
        self._told.update(each.identity for each in new)
        return new


def _holds(found: list[Entry], entry: Entry) -> bool:
    return any((each["id"], each["at"]) == (entry["id"], entry["at"]) for each in found)


def _is_after(found: list[Entry], entry: Entry) -> bool:
    """Whether all that was found came later: the ring of the journal has lost what was in between."""
    return bool(found) and history.number(found[0]) > history.number(entry)
