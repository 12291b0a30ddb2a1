"""Shows a drift report on a terminal with rich, and as plain lines everywhere else."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import Console

    from pytest_carrot.drifting.report import Report, Untold

_WIDTH: Final = 80
_HEADS: Final = ("behaviour", "assumed", "seen", "switch to set")


def plain_lines(report: Report) -> Iterator[str]:
    """For a log: four lines a difference, then what was not probed, by reason."""
    yield _about(report)
    for each in report.differences:
        yield ""
        yield each.probe.name
        for head, text in zip(_HEADS[1:], (each.assumed, each.seen, each.advice), strict=True):
            yield from textwrap.wrap(f"  {head + ':':<15}{text}", _WIDTH, subsequent_indent=" " * 17)
    yield ""
    yield from _not_probed(report.untold)
    yield report.sentence


def render(console: Console, report: Report) -> None:
    """The same with a table."""
    from rich.table import Table
    from rich.text import Text

    console.print(Text(_about(report), "dim"))
    if report.differences:
        table = Table(*_HEADS, pad_edge=False)
        for each in report.differences:
            style = "yellow" if each.value is not None else "red"
            cells = (each.probe.name, each.assumed, each.seen, each.advice)
            table.add_row(*(Text(text, style if place == 3 else "") for place, text in enumerate(cells)))
        console.print(table)
    for line in _not_probed(report.untold):
        console.print(Text(line, "dim"))
    console.print(Text(report.sentence, "bold"))


def _about(report: Report) -> str:
    return (
        f"{report.target} ({report.environment}), run {report.run}: {report.requests} requests, "
        f"{report.writes} writes that stay there."
    )


def _not_probed(untold: Sequence[Untold]) -> Iterator[str]:
    if not untold:
        return
    yield "Not probed:"
    for reason, names in _by_reason(untold).items():
        text = f"  {', '.join(names)}: {reason}."
        yield from textwrap.wrap(text, _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    yield ""


def _by_reason(untold: Sequence[Untold]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in untold:
        found.setdefault(each.reason.rstrip("."), []).append(each.name)
    return found
