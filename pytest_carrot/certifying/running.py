"""Runs a flow once for each row, in worlds of their own side by side, and has the rows judged."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from pytest_carrot.certifying import arranging, calls, flow
from pytest_carrot.certifying.certificate import Judged
from pytest_carrot.certifying.finding import fails, not_applicable
from pytest_carrot.certifying.kinds import CALM, Concluding, Striking, Watching, World
from pytest_carrot.certifying.rows import ROWS
from pytest_carrot.history import KEYED, number
from pytest_carrot.worlds import told_of_strays

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Run, Target
    from pytest_carrot.certifying.kinds import Row
    from pytest_carrot.flows import Flow
    from pytest_carrot.worlds import Worlds

_CALM = "Without anything going wrong the command"
_VARIABLES = "CARROT_API_URL, CARROT_TOKEN_URL, CARROT_CLIENT_ID and CARROT_CLIENT_SECRET"
_NOT_RUN = "Not run: the flow does not end well without any fault."


class CannotCertify(Exception):
    """The flow cannot be judged at all; `str()` is a sentence, `output` the end of what the command printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


@dataclass(frozen=True)
class Timed:
    """A run and the seconds that it took."""

    run: Run
    seconds: float


def clean_run(worlds: Worlds, tried: Flow) -> Timed:
    """The flow without any fault; raises CannotCertify where there is nothing to judge."""
    strays = len(worlds.strays())
    timed = _timed(lambda: arranging.watched(worlds, tried, CALM))
    # One run at a time until here, so what came meanwhile is of this one.
    timed = replace(timed, run=replace(timed.run, strays=worlds.strays()[strays:]))
    entries, ended = timed.run.entries, timed.run.ended
    if ended.timed_out:
        told = f"{_CALM} {ended.told}: give it more --timeout.{_strays_too(timed.run)}"
        raise CannotCertify(told, ended.output)
    if not entries:
        raise CannotCertify(_why_no_request(timed.run), ended.output)
    if number(entries[0]) > 1:
        raise CannotCertify(
            f"The flow makes more requests than the journal keeps ({len(entries)}): certify a shorter one."
        )
    return timed


def certify(
    worlds: Worlds,
    tried: Flow,
    clean: Timed,
    *,
    jobs: int | None = None,
    rows: Sequence[Row] = ROWS,
    progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], None] = lambda: None,
) -> list[Judged]:
    """Every row with its finding; `progress` is called with the number of runs that have ended, and of all.

    `stop` has to end runs that are on their way: it is called when this is interrupted. Raises CannotCertify for a
    flow that fails without anything going wrong, unless a row says what it does wrong.
    """
    if not clean.run.ended.succeeded:
        return _of_a_failing_flow(clean, rows)
    if not any(each["operation"] in KEYED for each in clean.run.entries):
        raise CannotCertify(
            "The flow creates no document and appends no event, so there is nothing to try again: certify a "
            f"command that writes.{_strays_too(clean.run)}",
            clean.run.ended.output,
        )
    errands = _errands(worlds, tried, clean.run, rows)
    others = _all(errands, jobs or len(errands) or 1, progress, stop)
    _check_repeated(clean.run, [timed.run for timed in others.values()])
    results = {CALM: clean, **others}
    judged: list[Judged] = []
    for row in rows:
        findings = {each.row.id: each.finding for each in judged}
        judged.append(_judged(row, clean.run, results, findings))
    return judged


def _why_no_request(run: Run) -> str:
    if run.strays:
        return f"{told_of_strays(run.strays)} Have the command read all four: {_VARIABLES}."
    if not run.ended.succeeded:
        return f"The command {run.ended.told} before it sent a request to the API in CARROT_API_URL."
    return (
        "The command sent no request to the API in CARROT_API_URL: have it read its address and credentials from "
        f"{_VARIABLES}."
    )


def _strays_too(run: Run) -> str:
    return f" {told_of_strays(run.strays)}" if run.strays else ""


def _check_repeated(clean: Run, others: Sequence[Run]) -> None:
    """Raises CannotCertify for a command that writes in its first run alone, as one that notes what it has done."""
    first = next(each for each in clean.entries if each["operation"] in KEYED)
    if others and not any(first["operation"] in each.operations for each in others):
        output = next((each.ended.output for each in others if each.ended.output), "")
        raise CannotCertify(
            f"The command made {calls.name(first)} in its first run, and in none of the {len(others)} after it: it "
            "seems to remember what it has done. Have it begin anew in each run, with nothing kept from others.",
            output,
        )


Key = str | World
"""A run belongs to the row that strikes in it, or to a kind of world whose rows share it."""


def _errands(worlds: Worlds, tried: Flow, clean: Run, rows: Sequence[Row]) -> dict[Key, Callable[[], Run]]:
    """The runs to be made, the longest first."""
    found: dict[Key, Callable[[], Run]] = {}
    for row in sorted(rows, key=lambda each: each.id != "back-off"):
        if isinstance(row, Striking):
            if (aimed := flow.target(clean, row.operations)) is not None:
                found[row.id] = partial(arranging.struck, worlds, tried, CALM, aimed, row.strike)
        elif isinstance(row, Watching) and row.world != CALM:
            found[row.world] = partial(arranging.watched, worlds, tried, row.world)
    return found


def _all(
    errands: Mapping[Key, Callable[[], Run]],
    jobs: int,
    progress: Callable[[int, int], None],
    stop: Callable[[], None],
) -> dict[Key, Timed]:
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(_timed, errand): key for key, errand in errands.items()}
        try:
            progress(0, len(running))
            for number_done, future in enumerate(as_completed(running), 1):
                future.result()
                progress(number_done, len(running))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
        return {key: future.result() for future, key in running.items()}


def _timed(errand: Callable[[], Run]) -> Timed:
    began = time.monotonic()
    run = errand()
    return Timed(run, time.monotonic() - began)


def _judged(row: Row, clean: Run, results: Mapping[Key, Timed], findings: Mapping[str, Finding]) -> Judged:
    if isinstance(row, Concluding):
        return Judged(row, row.judge(findings))
    if isinstance(row, Watching):
        timed = results[row.world]
        return Judged(row, row.judge(timed.run), seconds=timed.seconds)
    aimed = flow.target(clean, row.operations)
    if aimed is None:
        return Judged(row, not_applicable(row.missing))
    timed = results[row.id]
    return Judged(row, _of_struck(row, clean, timed.run, aimed), aimed, timed.seconds)


def _of_struck(row: Striking, clean: Run, run: Run, aimed: Target) -> Finding:
    first = flow.first_struck(run, aimed)
    if first is None:
        return fails(
            "other", f"The run never came to {aimed.name}: the command {run.ended.told}.", run.entries[-3:]
        )
    return row.judge(flow.Struck(clean, run, aimed, first))


def _of_a_failing_flow(clean: Timed, rows: Sequence[Row]) -> list[Judged]:
    """The rows that say why the flow fails, the others not run; raises CannotCertify when none does."""
    judged = [_explained(row, clean) for row in rows]
    if all(each.finding.verdict != "fails" for each in judged):
        ended = clean.run.ended
        raise CannotCertify(f"{_CALM} {ended.told}.{_strays_too(clean.run)}", ended.output)
    return judged


def _explained(row: Row, clean: Timed) -> Judged:
    if isinstance(row, Watching) and row.world == CALM:
        finding = row.judge(clean.run)
        if any(not calls.succeeded(each) for each in finding.requests):
            return Judged(row, finding, seconds=clean.seconds)
    return Judged(row, not_applicable(_NOT_RUN))
