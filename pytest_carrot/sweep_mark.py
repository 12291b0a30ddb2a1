"""`@pytest.mark.carrot_sweep`: a test runs cleanly, then again with each fault, and is reported as one test."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Final, TypeVar, cast

import pytest
from _pytest.runner import runtestprotocol  # as plugins that run tests again do; it has no public name

from pytest_carrot import history, story
from pytest_carrot.control import ControlError
from pytest_carrot.errors import UserMistake, nearest
from pytest_carrot.marks import sweep_wishes_of
from pytest_carrot.options import OPTIONS
from pytest_carrot.rerunning import Following, unheard
from pytest_carrot.sweeping import KINDS, CannotSweep, Report, Wanted, arm, cases, judge, record
from pytest_carrot.sweeping.calls import OPERATIONS, PHASES
from pytest_carrot.sweeping.overtaking import Overtaken
from pytest_carrot.sweeping.pacing import Pace, check_one_after_the_other, pace
from pytest_carrot.swept import SWEEP, SweptRun
from pytest_carrot.table import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_carrot.flows import Ended
    from pytest_carrot.handle import Carrot
    from pytest_carrot.marks import SweepWishes
    from pytest_carrot.sweeping import Case, Clean, Result

_Seen = TypeVar("_Seen")


def run(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Run a test as often as it takes, and report it once.

    Fixtures of a wider scope than the test stay between its runs, all others are made anew.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    try:
        for report in _Sweep(item, nextitem).reports():
            item.ihook.pytest_runtest_logreport(report=report)
    finally:
        item.stash[SWEEP] = None
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


class _Sweep:
    """The runs of one test, and what they come to."""

    def __init__(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        self._item = item
        self._nextitem = nextitem
        self._said = list(item.user_properties), list(item._report_sections)
        self._started = time.time()
        self._clean: Clean | None = None
        self._results: list[Result] = []
        self._trouble: str | None = None
        """Why there is no sweep, or no end of it."""

    def reports(self) -> list[pytest.TestReport]:
        """Run it all; the reports on set-up, test and tear-down."""
        with closing(SweptRun(keeps=True, mistake=self._mistake())) as first:
            reports = self._run(first, lambda: not (first.passed and first.world))
            if not first.passed:
                return reports
            *before, call, teardown = reports
            if first.world is None:
                self._trouble = _NO_WORLD
                return [*before, self._verdict(call), teardown]
            if teardown.passed:
                self._sweep(first.world)
        last = SweptRun()
        ending = self._run(last, lambda: True)
        if not last.passed:
            return [_of_a_later_run(each) if each.failed else each for each in ending]
        return [*before, self._verdict(call), teardown if teardown.failed else ending[-1]]

    def _mistake(self) -> str | None:
        """What is wrong with the mark, or with the options for a test that has it."""
        try:
            _wanted(sweep_wishes_of(self._item))
        except UserMistake as mistake:
            return str(mistake)
        if self._item.config.stash[OPTIONS].every_semantics and self._item.get_closest_marker("carrot"):
            return _ONE_OF_BOTH
        return None

    def _sweep(self, first: Carrot) -> None:
        """All runs between the first and the last, which are clean ones too."""
        wishes = sweep_wishes_of(self._item)
        try:
            self._clean = clean = self._clean_again(first)
            planned = cases(clean, _wanted(wishes))
            if not planned:
                raise CannotSweep(_NO_CASE)
            for case in planned:
                if self._item.session.shouldstop:
                    raise CannotSweep(f"The sweep was broken off after {len(self._results)} faults.")
                self._results.append(self._with_fault(clean, case, wishes.hang))
        except (CannotSweep, ControlError) as error:
            self._trouble = str(error)

    def _clean_again(self, first: Carrot) -> Clean:
        """What two clean runs have in common."""
        if not history.entries(first.control, limit=1):
            raise CannotSweep(_NO_CALL)
        held: list[Pace] = []

        def look(world: Carrot, ended: Ended) -> Clean:
            check_one_after_the_other(world, held[0])
            clean = record(first, world)
            if not ended.succeeded:
                raise CannotSweep(_NOT_TWICE)
            return clean

        return self._look(look, lambda world: held.append(pace(world, first)))

    def _with_fault(self, clean: Clean, case: Case, hang_seconds: float) -> Result:
        """A run in which one thing goes wrong."""
        overtaken: list[Overtaken] = []

        def begin(world: Carrot) -> None:
            overtaken.append(Overtaken(world, case, arm(world, case, hang_seconds)))

        def look(world: Carrot, ended: Ended) -> Result:
            overtaken[0].stop()
            return judge(clean, case, world, ended, fault=overtaken[0].fault)

        return self._look(look, begin)

    def _look(
        self, look: Callable[[Carrot, Ended], _Seen], begin: Callable[[Carrot], object] | None = None
    ) -> _Seen:
        """What is to be seen of a run that nobody hears of, when it is over and its world still there."""
        with closing(SweptRun(quiet=True, keeps=True, on_begin=begin)) as run:
            with unheard(self._item.config):
                self._run(run, lambda: False)
            if run.error is not None:
                raise run.error
            if run.world is None:
                raise CannotSweep(_NO_WORLD)
            return look(run.world, run.ended(run.world))

    def _run(self, run: SweptRun, is_last: Callable[[], bool]) -> list[pytest.TestReport]:
        # What an earlier run printed and recorded is not part of this one.
        self._item.user_properties[:], self._item._report_sections[:] = self._said
        self._item.stash[SWEEP] = run
        following = Following(self._item, self._nextitem, is_last)
        return runtestprotocol(self._item, log=False, nextitem=cast(pytest.Item, following))

    def _verdict(self, call: pytest.TestReport) -> pytest.TestReport:
        """The report on the test: that of its first run, unless the sweep failed."""
        told = self._told()
        if told is None:
            call.duration = self._seconds
            return call

        def fail() -> None:
            raise pytest.fail.Exception(told, pytrace=False)

        info = pytest.CallInfo.from_call(fail, "call")
        info.start, info.duration = self._started, self._seconds
        self._item.stash[SWEEP] = None
        report: pytest.TestReport = self._item.ihook.pytest_runtest_makereport(item=self._item, call=info)
        return report

    @property
    def _seconds(self) -> float:
        return time.time() - self._started

    def _told(self) -> str | None:
        """What there is to say; None where everything held."""
        if self._clean is None or not self._results:
            return self._trouble
        report = Report(self._clean, tuple(self._results), seconds=self._seconds)
        if report.smallest is None:
            return self._trouble
        count = f"{len(report.failures)} of {story.several(len(report.results), 'fault')} did harm"
        first = wrapped(
            f"{count} ({', '.join(report.causes)}). {report.smallest.case}.", taken=len("Failed: ")
        )
        return "\n\n".join(filter(None, [first, self._trouble, report.as_text()]))


def _wanted(wishes: SweepWishes) -> Wanted:
    """What the mark asks for; raises UserMistake for a name that there is not."""
    known = {"operations": OPERATIONS, "phases": PHASES, "kinds": KINDS}
    chosen = {name: frozenset(getattr(wishes, name) or ()) for name in known}
    for name, each in ((name, each) for name, found in chosen.items() for each in sorted(found)):
        if each not in known[name]:
            raise UserMistake(
                f"@pytest.mark.carrot_sweep has no {each!r} among its {name}; {nearest(each, known[name])}"
            )
    return Wanted(**chosen)


def _of_a_later_run(report: pytest.TestReport) -> pytest.TestReport:
    report.sections.append(("carrot", f"This is a later run of a swept test. {_NOT_TWICE}"))
    return report


_NOT_TWICE: Final = (
    "The test passed in its first run and not in a later one, with nothing going wrong on purpose: let it do the "
    "same in each, whatever an earlier one left in fixtures of a wider scope, in files or in globals."
)
_NO_WORLD: Final = (
    "@pytest.mark.carrot_sweep is for tests whose client talks to a Carrot world of theirs: let this one ask for "
    "the fixture carrot."
)
_ONE_OF_BOTH: Final = (
    "--carrot-semantics=all runs a test under each semantics, @pytest.mark.carrot_sweep with each fault, and there "
    'is no both at once: leave the swept tests out with -m "not carrot_sweep".'
)
_NO_CALL: Final = (
    "The test made no call, so there is none to go wrong: let its client find the world of the fixture carrot by "
    "carrot.url, carrot.token_url, carrot.client_id and carrot.client_secret."
)
_NO_CASE: Final = (
    "@pytest.mark.carrot_sweep asks for operations, phases and kinds that together leave no fault for the calls "
    "of this test."
)
