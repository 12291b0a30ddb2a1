"""Which tests rest on what the mock only assumes: gathered from their journals, told at the end of the run."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

    from pytest_carrot.history import Entry

_ATTRIBUTE = "carrot_assumed"


def assumed(entries: Iterable[Entry]) -> list[str]:
    """The ids of the assumed behaviours that decided these requests, in the order in which they came up.

    Those on which a client that follows the documentation cannot depend (`benign`) are left out.
    """
    from mock_server.behaviours import BEHAVIOURS

    found = dict.fromkeys(each for entry in entries for each in entry["behaviours"])
    return [each for each in found if (row := BEHAVIOURS.get(each)) and row.grade == "A" and not row.benign]


def note(report: pytest.TestReport, ids: Sequence[str]) -> None:
    """Write on a report what its test rested on; it reaches the end of the run, from a worker of xdist too."""
    vars(report)[_ATTRIBUTE] = list(ids)


def refuse(report: pytest.TestReport, ids: Sequence[str]) -> None:
    """Make a test that passed fail for what it rested on."""
    if not ids or report.outcome != "passed" or hasattr(report, "wasxfail"):
        return
    lines = "\n".join(f"  {each}: {_statement(each)}{_switch(each)}" for each in ids)
    report.outcome = "failed"
    report.longrepr = (
        "The test passed, but it rests on what the documentation does not say (--carrot-only-documented). "
        f"The mock assumes:\n{lines}\n"
        "`carrot-mock behaviours ID` says more of each."
    )


class Assumptions:
    """Gathers what each test rested on, in the process that writes the summary."""

    def __init__(self) -> None:
        self._tests: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, _ATTRIBUTE):
            self._tests[report.nodeid] = list(getattr(report, _ATTRIBUTE))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        terminalreporter.write_sep("=", "carrot: what the tests rested on")
        resting = defaultdict(list)
        for test, ids in sorted(self._tests.items()):
            for each in ids:
                resting[each].append(test)
        tests = sum(1 for ids in self._tests.values() if ids)
        write(
            f"{tests} of {len(self._tests)} tests that used a Carrot world rested on {len(resting)} assumptions: "
            "what the vendor does not document, and the mock had to choose."
        )
        for each in sorted(resting):
            write(f"\n{each}: {_statement(each)}{_switch(each)}")
            for test in resting[each]:
                write(f"    {test}")


def _statement(behaviour: str) -> str:
    from mock_server.behaviours import BEHAVIOURS

    return BEHAVIOURS[behaviour].statement


def _switch(behaviour: str) -> str:
    from mock_server.behaviours import BEHAVIOURS

    row = BEHAVIOURS[behaviour]
    if row.switch is None:
        return ""
    return f" [switch {row.switch}: {', '.join(row.values)}; default {row.default}]"
