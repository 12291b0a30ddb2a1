"""The report of a sweep on a screen: a matrix of calls and phases, the causes, the smallest case."""

from __future__ import annotations

import sys
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from pytest_carrot import story
from pytest_carrot.sweeping.causes import CAUSES
from pytest_carrot.sweeping.matrix import WIDTH, legend, matrix, phases_tried
from pytest_carrot.sweeping.report import HOLDS
from pytest_carrot.table import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_carrot.sweeping.judging import Result, Row, Story
    from pytest_carrot.sweeping.report import Report

    Line = list[tuple[str, str]]

_OUTPUT_LINES: Final = 12
_KEY, _NARROWEST = 3, 4
_PLAIN: Final = {"✓": "ok", "✗": "X", "·": "-", "–": "-", "×": "x", "…": "...", "→": "->"}


def show(report: Report) -> None:
    """Print it to stdout; where that cannot say all characters, with others."""
    if sys.stdout is None:
        return
    if not sys.stdout.isatty():
        sys.stdout.write(_sayable(report.as_text(), sys.stdout.encoding))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines(report, min(console.width, WIDTH)):
        console.print(Text.assemble(*line), soft_wrap=True)


def lines(report: Report, width: int = WIDTH) -> Iterator[Line]:
    """The whole report, each line in pieces with their styles."""
    if report.of:
        yield from _paragraph(f"Exactly-once sweep of {report.of}", width, "bold")
    count = story.several(len(report.results), "run with a fault", "runs with a fault each")
    told = f"{story.several(len(report.clean.calls), 'call')}, {count}, {_time(report.seconds)}"
    yield from _paragraph(told, width, "dim")
    yield []
    yield from matrix(report, width)
    yield []
    yield from _paragraph(legend(report, width), width, "dim")
    phases = ", ".join(phases_tried(report))
    yield from _paragraph(f"Columns are phases in the life of a call: {phases}.", width, "dim")
    yield []
    yield from _verdict(report, width)
    yield from _causes(report, width)
    if report.smallest is not None and report.smallest.story is not None:
        yield []
        yield from _smallest(report.smallest, report.smallest.story, width)


# The verdict ------------------------------------------------------------------------------------------


def _verdict(report: Report, width: int) -> Iterator[Line]:
    total = len(report.results)
    if report.verdict == HOLDS:
        told = f"HOLDS: whatever went wrong, everything was recorded once ({total} of {total} cases)."
        yield from _paragraph(told, width, "bold green")
    else:
        told = (
            f"FAILS: {len(report.failures)} of {story.several(total, 'case')} did not end as the clean run."
        )
        yield from _paragraph(told, width, "bold red")
    if report.not_reached:
        verb = "was" if report.not_reached == 1 else "were"
        told = (
            f"{story.several(report.not_reached, 'fault')} of these {verb} not reached: the call did not come, so "
            "nothing went wrong there."
        )
        yield from _paragraph(told, width, "yellow")


def _causes(report: Report, width: int) -> Iterator[Line]:
    if not report.failures:
        return
    yield []
    yield [("Causes", "bold")]
    for slug, count in report.causes.items():
        letter, sentence = CAUSES[slug]
        yield [(f"  {letter}  ", "bold red"), (f"{slug}: {story.several(count, 'case')}", "bold")]
        yield from _paragraph(sentence, width, indent="     ")


def _smallest(result: Result, told: Story, width: int) -> Iterator[Line]:
    yield [("The smallest failing case", "bold")]
    yield from _paragraph(f"{result.case}: {result.cause}", width, "red", indent="  ")
    yield from story_lines(result, told, width=width)


def story_lines(result: Result, told: Story, indent: str = "  ", width: int = WIDTH) -> Iterator[Line]:
    """The story of a failing case."""
    for sentence in (result.message, told.committed, told.seen, told.then):
        yield from _paragraph(sentence, width, indent=indent)
    if told.requests:
        yield []
        yield from _requests(told.requests, told.more, indent, width)
    if told.differences:
        yield []
        yield [(f"{indent}What is not as in the clean run:", "bold")]
        for each in told.differences:
            yield from _paragraph(f"- {each}", width, indent=indent, hanging="  ")
    if output := told.output.strip().splitlines():
        yield []
        yield [(f"{indent}The end of what it printed:", "bold")]
        for line in output[-_OUTPUT_LINES:]:
            yield [(f"{indent}| {clip(_printable(line), width - len(indent) - 2)}", "dim")]


def _requests(rows: Sequence[Row], more: int, indent: str, width: int) -> Iterator[Line]:
    cells = [[each.mark, each.id, each.what, each.key, each.answer, each.recorded] for each in rows]
    heads = ["", "id", "request", "key", "what the client saw", "recorded"]
    limits = [1, 5, 22, 13, 24, 8]
    widths = [
        min(max(len(text) for text in column), limit)
        for column, limit in zip(zip(heads, *cells, strict=True), limits, strict=True)
    ]
    if width < WIDTH:
        # The keys are the first that can be done without.
        del heads[_KEY], widths[_KEY]
        for row in cells:
            del row[_KEY]
    while sum(widths) + len(widths) - 1 + len(indent) > width and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    for row in (heads, *cells):
        told = " ".join(f"{clip(text, most):<{most}}" for text, most in zip(row, widths, strict=True))
        yield [(f"{indent}{told}".rstrip(), "bold" if row is heads else "red" if row[0] == ">" else "")]
    if more:
        yield [(f"{indent}... and {story.several(more, 'request')} more", "dim")]
    marks = {each.mark for each in rows}
    told_marks = [
        told for mark, told in ((">", ">: the fault struck it"), ("+", "+: a retry of it")) if mark in marks
    ]
    if told_marks:
        yield from _paragraph(", ".join(told_marks), width, "dim", indent=indent)


# Text -------------------------------------------------------------------------------------------------


def _letter(slug: str) -> str:
    return CAUSES[slug][0]


def _paragraph(
    text: str, width: int, style: str = "", *, indent: str = "", hanging: str = ""
) -> Iterable[Line]:
    found = wrap(
        _printable(text),
        width,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_on_hyphens=False,
    )
    return [[(line, style)] for line in found]


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def _printable(text: str) -> str:
    """Without characters that move the cursor or colour the rest."""
    return "".join(each if each.isprintable() else " " for each in text)


def _sayable(text: str, encoding: str | None) -> str:
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        for each, plain in _PLAIN.items():
            text = text.replace(each, plain)
        return text.encode(encoding or "ascii", "replace").decode(encoding or "ascii")
    return text
