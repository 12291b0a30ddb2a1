"""`--carrot-semantics=all`: a marked test runs again under each other value of the switches that it touched."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, cast

import pytest
from _pytest.runner import runtestprotocol  # as plugins that run tests again do; it has no public name

from pytest_carrot.marks import ALTERNATIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from _pytest.nodes import Node

    from pytest_carrot.history import Entry

TOUCHED: Final = pytest.StashKey[dict[str, str]]()
"""The switches that the run of a test rested on, with the values that they had."""

# Of a switch that takes any number of seconds: one that a client should not mind.
_SECONDS: Final[Mapping[str, str]] = {
    "dedup-lifetime": "3600",
    "pending-window": "2",
    "presign-lifetime": "60",
}


def touched(entries: Iterable[Entry], semantics: Mapping[str, str]) -> dict[str, str]:
    """The switches whose behaviours decided these requests, in the order in which they came up, with their values."""
    from mock_server.behaviours import BEHAVIOURS

    found = dict.fromkeys(each for entry in entries for each in entry["behaviours"])
    rows = [row for each in found if (row := BEHAVIOURS.get(each)) is not None]
    # The rate limit is a setting of its own, which a mark sets, and no switch of the semantics.
    switches = [row.switch for row in rows if row.switch is not None and row.switch in semantics]
    return {switch: semantics[switch] for switch in switches}


def others(switch: str, value: str) -> Iterator[str]:
    """The values of a switch besides one; of a number of seconds a sensible one."""
    from mock_server.behaviours import SWITCHES

    for each in SWITCHES[switch].values:
        named = _SECONDS[switch] if each == "seconds" else each
        if named != value:
            yield named


def name_of(item: pytest.Item) -> str:
    """What the present run of a test is called: its node id, and the switch that the run sets."""
    chosen = item.stash.get(ALTERNATIVE, {})
    return item.nodeid + "".join(f"[{switch}={value}]" for switch, value in chosen.items())


def run(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Run a test as it is, then once for each alternative; each run is reported under a name that says which.

    Fixtures of a wider scope than the test stay between its runs.
    """
    runs = _Runs(item, nextitem)
    try:
        while runs.remaining and not (item.session.shouldstop or item.session.shouldfail):
            item.stash[ALTERNATIVE] = runs.remaining.popleft()
            name = name_of(item)
            item.ihook.pytest_runtest_logstart(nodeid=name, location=item.location)
            runtestprotocol(item, nextitem=cast(pytest.Item, runs))
            item.ihook.pytest_runtest_logfinish(nodeid=name, location=item.location)
    finally:
        item.stash[ALTERNATIVE] = {}


class _Runs:
    """The runs that remain; to pytest, the test that comes next.

    pytest takes down what the next test does not need, which it learns from `listchain`. Only then, when the
    first run is over, is it known whether the next test is this one again.
    """

    def __init__(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self.remaining: deque[dict[str, str]] = deque([{}])
        self._item = item
        self._nextitem = nextitem
        self._planned = False

    def listchain(self) -> list[Node]:
        if not self._planned:
            self._planned = True
            for switch, value in self._item.stash.get(TOUCHED, {}).items():
                self.remaining.extend({switch: other} for other in others(switch, value))
        if self.remaining and self._item.parent is not None:
            return self._item.parent.listchain()
        return [] if self._nextitem is None else self._nextitem.listchain()
