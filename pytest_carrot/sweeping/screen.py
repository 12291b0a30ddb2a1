"""The report of a sweep on a screen of 80 columns: a matrix of calls and phases, the causes, the smallest case."""

from __future__ import annotations

import sys
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from pytest_carrot import story
from pytest_carrot.sweeping.calls import PHASES, phases_of
from pytest_carrot.sweeping.causes import CAUSES
from pytest_carrot.sweeping.report import HOLDS
from pytest_carrot.table import clip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_carrot.sweeping.calls import Call
    from pytest_carrot.sweeping.judging import Result, Row, Story
    from pytest_carrot.sweeping.report import Report

    Line = list[tuple[str, str]]

WIDTH: Final = 80
_NUMBER, _CELL = 5, 9
# As wide as the matrix leaves it, and wide enough for any call where there are few columns.
_WIDEST_WHAT: Final = 40
_HEADS: Final = {
    "arrived": "arrived",
    "authenticated": "authent.",
    "validated": "validat.",
    "before_commit": "before",
    "committed": "commit",
    "responding": "respond",
}
_NO_PHASE, _NOT_TRIED = "–", "·"
_OUTPUT_LINES: Final = 12
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
    for line in lines(report):
        console.print(Text.assemble(*line), soft_wrap=True)


def lines(report: Report) -> Iterator[Line]:
    """The whole report, each line in pieces with their styles."""
    if report.of:
        yield from _paragraph(f"Exactly-once sweep of {report.of}", "bold")
    count = story.several(len(report.results), "run with a fault", "runs with a fault each")
    yield [(f"{story.several(len(report.clean.calls), 'call')}, {count}, {_time(report.seconds)}", "dim")]
    yield []
    yield from _matrix(report)
    yield []
    yield from _verdict(report)
    yield from _causes(report)
    if report.smallest is not None and report.smallest.story is not None:
        yield []
        yield from _smallest(report.smallest, report.smallest.story)


# The matrix -------------------------------------------------------------------------------------------


def _matrix(report: Report) -> Iterator[Line]:
    phases = [phase for phase in PHASES if any(each.case.phase == phase for each in report.results)]
    room = min(WIDTH - _NUMBER - _CELL * len(phases), _WIDEST_WHAT)
    heads = "".join(f"{_HEADS[phase]:>{_CELL}}" for phase in phases)
    yield [(f"{'#':>{_NUMBER - 2}}  {'call':<{room}}{heads}", "bold")]
    for call in report.clean.calls:
        told = f"{call.index:>{_NUMBER - 2}}  {clip(call.what, room - 1):<{room}}"
        yield [(told, ""), *(_cell(report, call, phase) for phase in phases)]
    yield []
    yield from _legend(report, phases)


def _cell(report: Report, call: Call, phase: str) -> tuple[str, str]:
    if phase not in phases_of(call.operation):
        return f"{_NO_PHASE:>{_CELL}}", "dim"
    results = [each for each in report.results if each.case.call == call and each.case.phase == phase]
    if not results:
        return f"{_NOT_TRIED:>{_CELL}}", "dim"
    failed = [each for each in results if not each.holds]
    if not failed:
        return f"{f'✓ {len(results)}/{len(results)}':>{_CELL}}", "green"
    causes = "".join(dict.fromkeys(_letter(str(each.cause)) for each in sorted(failed, key=_order)))
    told = f"✗{len(failed)}/{len(results)}{causes}"
    return f"{told if len(told) < _CELL else told[: _CELL - 2] + '+':>{_CELL}}", "red"


def _legend(report: Report, phases: Sequence[str]) -> Iterator[Line]:
    cells = {_cell(report, call, phase)[0].strip() for call in report.clean.calls for phase in phases}
    told = "✓ 9/9: all 9 faults stood."
    if report.failures:
        told += " ✗2/9K: 2 of 9 fail, by the causes below."
    if _NO_PHASE in cells:
        told += f" {_NO_PHASE}: no such phase."
    if _NOT_TRIED in cells:
        told += f" {_NOT_TRIED}: not tried."
    yield from _paragraph(told, "dim")
    yield from _paragraph(f"Columns are phases in the life of a call: {', '.join(phases)}.", "dim")


def _order(result: Result) -> tuple[int, int, int]:
    return result.case.order


# The verdict ------------------------------------------------------------------------------------------


def _verdict(report: Report) -> Iterator[Line]:
    total = len(report.results)
    if report.verdict == HOLDS:
        told = f"HOLDS: whatever went wrong, everything was recorded once ({total} of {total} cases)."
        yield from _paragraph(told, "bold green")
    else:
        told = (
            f"FAILS: {len(report.failures)} of {story.several(total, 'case')} did not end as the clean run."
        )
        yield from _paragraph(told, "bold red")
    if report.not_reached:
        verb = "was" if report.not_reached == 1 else "were"
        told = (
            f"{story.several(report.not_reached, 'fault')} of these {verb} not reached: the call did not come, so "
            "nothing went wrong there."
        )
        yield from _paragraph(told, "yellow")


def _causes(report: Report) -> Iterator[Line]:
    if not report.failures:
        return
    yield []
    yield [("Causes", "bold")]
    for slug, count in report.causes.items():
        letter, sentence = CAUSES[slug]
        yield [(f"  {letter}  ", "bold red"), (f"{slug}: {story.several(count, 'case')}", "bold")]
        yield from _paragraph(sentence, indent="     ")


def _smallest(result: Result, told: Story) -> Iterator[Line]:
    yield [("The smallest failing case", "bold")]
    yield from _paragraph(f"{result.case}: {result.cause}", "red", indent="  ")
    yield from story_lines(result, told)


def story_lines(result: Result, told: Story, indent: str = "  ") -> Iterator[Line]:
    """The story of a failing case."""
    for sentence in (result.message, told.committed, told.seen, told.then):
        yield from _paragraph(sentence, indent=indent)
    if told.requests:
        yield []
        yield from _requests(told.requests, indent)
    if told.differences:
        yield []
        yield [(f"{indent}What is not as in the clean run:", "bold")]
        for each in told.differences:
            yield from _paragraph(f"- {each}", indent=indent, hanging="  ")
    if output := told.output.strip().splitlines():
        yield []
        yield [(f"{indent}The end of what it printed:", "bold")]
        for line in output[-_OUTPUT_LINES:]:
            yield [(f"{indent}| {clip(_printable(line), WIDTH - len(indent) - 2)}", "dim")]


def _requests(rows: Sequence[Row], indent: str) -> Iterator[Line]:
    cells = [[each.mark, each.id, each.what, each.key, each.answer, each.recorded] for each in rows]
    heads = ["", "id", "request", "key", "what the client saw", "recorded"]
    most = [1, 5, 22, 13, 24, 8]
    widths = [
        min(max(len(text) for text in column), limit)
        for column, limit in zip(zip(heads, *cells, strict=True), most, strict=True)
    ]
    for row in (heads, *cells):
        told = " ".join(f"{clip(text, width):<{width}}" for text, width in zip(row, widths, strict=True))
        yield [(f"{indent}{told}".rstrip(), "bold" if row is heads else "red" if row[0] == ">" else "")]
    marks = {each.mark for each in rows}
    legend = [
        told for mark, told in ((">", ">: the fault struck it"), ("+", "+: a retry of it")) if mark in marks
    ]
    if legend:
        yield [(f"{indent}{', '.join(legend)}", "dim")]


# Text -------------------------------------------------------------------------------------------------


def _letter(slug: str) -> str:
    return CAUSES[slug][0]


def _paragraph(text: str, style: str = "", *, indent: str = "", hanging: str = "") -> Iterable[Line]:
    found = wrap(
        _printable(text),
        WIDTH,
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
