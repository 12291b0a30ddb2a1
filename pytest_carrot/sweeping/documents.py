"""The report of a sweep as files: JUnit for CI systems, a page for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_carrot.reporting.html import Markup, joined, page, table, tag
from pytest_carrot.reporting.junit import Check, junit
from pytest_carrot.sweeping.calls import PHASES, phases_of
from pytest_carrot.sweeping.causes import CAUSES
from pytest_carrot.sweeping.report import HOLDS
from pytest_carrot.sweeping.screen import story_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_carrot.sweeping.calls import Call
    from pytest_carrot.sweeping.judging import Result, Story
    from pytest_carrot.sweeping.report import Report


def as_junit(report: Report) -> str:
    """The cases in their order."""
    return junit("carrot-mock sweep", [_check(each) for each in _in_order(report)])


def as_html(report: Report) -> str:
    """Verdict, matrix, causes, and the story of every failing case, the smallest first."""
    return page("Exactly-once sweep", *_parts(report))


def _check(result: Result) -> Check:
    return Check(
        classname=f"sweep.{result.case.call.operation}",
        name=str(result.case) + (f" ({result.note})" if result.note else ""),
        seconds=result.seconds,
        failure=None if result.holds else f"{result.cause}: {result.message}",
        details="" if result.story is None else _told(result, result.story),
        kind=result.cause or "",
    )


def _parts(report: Report) -> Iterator[Markup]:
    total = len(report.results)
    if report.of:
        yield tag("p", "Of ", tag("code", report.of))
    if report.verdict == HOLDS:
        yield tag("p", f"Holds: everything was recorded once in all {total} cases.", class_="good note")
    else:
        yield tag(
            "p",
            f"Fails: {len(report.failures)} of {total} cases did not end as the clean run.",
            class_="bad note",
        )
    if report.not_reached:
        yield tag("p", f"Not reached, as the call did not come: {report.not_reached} faults.", class_="quiet")
    yield tag("h2", "Calls and phases")
    rows = [
        [str(call.index), call.what, *(_cell(report, call, phase) for phase in PHASES)]
        for call in report.clean.calls
    ]
    yield table(["#", "Call", *PHASES], rows)
    if report.failures:
        yield tag("h2", "Causes")
        counted = [[slug, str(count), CAUSES[slug][1]] for slug, count in report.causes.items()]
        yield table(["Cause", "Cases", "What it means"], counted)
        yield tag("h2", "Failing cases, the smallest first")
        yield joined(_failure(each, first=each is report.smallest) for each in report.failures)


def _cell(report: Report, call: Call, phase: str) -> Markup:
    results = [each for each in report.results if each.case.call == call and each.case.phase == phase]
    failed = [each for each in results if not each.holds]
    if phase not in phases_of(call.operation) or not results:
        return tag("td", "–", class_="quiet")
    if not failed:
        return tag("td", f"✓ {len(results)}", class_="good")
    causes = ", ".join(dict.fromkeys(str(each.cause) for each in failed))
    return tag("td", f"✗ {len(failed)} of {len(results)}: {causes}", class_="bad")


def _failure(result: Result, *, first: bool) -> Markup:
    told = "" if result.story is None else _told(result, result.story)
    head = tag("summary", f"{result.case}: ", tag("strong", str(result.cause)))
    return tag("details", head, tag("pre", told), **({"open": "open"} if first else {}))


def _told(result: Result, story: Story) -> str:
    lines = ("".join(text for text, _ in line).rstrip() for line in story_lines(result, story, ""))
    return "\n".join(lines)


def _in_order(report: Report) -> Sequence[Result]:
    return sorted(report.results, key=lambda each: each.case.order)
