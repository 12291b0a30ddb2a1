"""A whole sweep of a flow: the clean runs, then all cases side by side, each in a world of its own."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from time import monotonic
from typing import TYPE_CHECKING, Final, TypeVar

from pytest_carrot.sweeping.calls import NO_CALL, CannotSweep, Clean, calls_of, record
from pytest_carrot.sweeping.cases import HANG_SECONDS, Wanted, arm, cases
from pytest_carrot.sweeping.judging import judge
from pytest_carrot.sweeping.overtaking import Overtaken
from pytest_carrot.sweeping.pacing import check_one_after_the_other, pace
from pytest_carrot.sweeping.report import Report
from pytest_carrot.sweeping.run import Run
from pytest_carrot.worlds import told_of_strays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_carrot.flows import Ended, Flow
    from pytest_carrot.handle import Carrot
    from pytest_carrot.sweeping.cases import Case
    from pytest_carrot.sweeping.judging import Result
    from pytest_carrot.worlds import Worlds

_Found = TypeVar("_Found")
_LONGEST_WAIT_SECONDS: Final = 0.5


def clean_runs(flow: Flow, worlds: Worlds) -> Clean:
    """What two runs in which nothing goes wrong have in common; raises CannotSweep.

    They are one after the other, so that what is made of the time is different in them; in the second each answer
    is held for a moment, which shows calls that are made side by side.
    """
    with worlds.new() as first, worlds.new() as second:
        _clean_run(flow, worlds, first)
        paced = pace(second, first)
        _clean_run(flow, worlds, second, lambda: check_one_after_the_other(second, paced))
        return record(first, second)


def _clean_run(flow: Flow, worlds: Worlds, world: Carrot, check: Callable[[], None] = lambda: None) -> None:
    before = len(worlds.strays())
    ended = _apart(flow, world)
    check()
    strays = worlds.strays()[before:]
    printed = f"It printed:\n{ended.output.strip()}" if ended.output.strip() else "It printed nothing."
    if not ended.succeeded:
        why = f"{told_of_strays(strays)} " if strays else ""
        raise CannotSweep(f"The clean run failed, before any fault: it {ended.told}. {why}{printed}")
    if not calls_of(Run.of(world)):
        why = f"The clean run made no call as its own. {told_of_strays(strays)}" if strays else NO_CALL
        raise CannotSweep(f"{why} {printed}")


def wanted_cases(clean: Clean, wanted: Wanted) -> list[Case]:
    """The cases that are wanted; raises CannotSweep when there are none."""
    found = cases(clean, wanted)
    if not found:
        made = ", ".join(dict.fromkeys(each.operation for each in clean.calls))
        raise CannotSweep(
            f"No case is left: the flow calls {made}, and what was asked for fits none of these."
        )
    return found


def sweep(
    flow: Flow,
    worlds: Worlds,
    clean: Clean,
    chosen: Sequence[Case],
    *,
    jobs: int = 1,
    hang_seconds: float = HANG_SECONDS,
    done: Callable[[Result], None] = lambda result: None,
    of: str = "",
) -> Report:
    """Run every case; `done` is called in the caller's thread after each. What a run raises ends all."""
    began = monotonic()
    found: list[Result] = []
    pool = ThreadPoolExecutor(jobs, "carrot-sweep")
    try:
        futures = [pool.submit(_one, flow, worlds, clean, case, hang_seconds) for case in chosen]
        for future in _as_completed(futures):
            found.append(future.result())
            done(found[-1])
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Report(clean, tuple(sorted(found, key=lambda each: each.case.order)), of, monotonic() - began)


def _apart(flow: Flow, world: Carrot) -> Ended:
    """Run it in another thread: there no Ctrl-C comes between the start of a command and the note of that."""
    pool = ThreadPoolExecutor(1, "carrot-sweep")
    try:
        (done,) = _as_completed([pool.submit(flow.run, world)])
        return done.result()
    finally:
        pool.shutdown(wait=False)


def _as_completed(futures: Iterable[Future[_Found]]) -> Iterator[Future[_Found]]:
    """Each when it is done. A signal that comes just before a wait is heard after it, so none is long."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, _LONGEST_WAIT_SECONDS, FIRST_COMPLETED)
        yield from done


def _one(flow: Flow, worlds: Worlds, clean: Clean, case: Case, hang_seconds: float) -> Result:
    with worlds.new() as world:
        fault = arm(world, case, hang_seconds)
        overtaken = Overtaken(world, case, fault)
        began = monotonic()
        try:
            ended = flow.run(world)
        finally:
            overtaken.stop()
        return judge(clean, case, world, ended, fault=overtaken.fault, seconds=monotonic() - began)
