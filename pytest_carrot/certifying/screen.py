"""Shows the certificate on a terminal with rich, and as plain lines of 80 characters everywhere else."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from pytest_carrot.certifying.certificate import TITLE, WHAT_IT_IS
from pytest_carrot.certifying.tried import HEADS, rows_of_tries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from pytest_carrot.certifying.certificate import Certificate, Judged

_WIDTH: Final = 80
_INDENT: Final = 4
_SIGNS: Final = {"holds": "ok", "fails": "FAIL", "not-applicable": "n/a"}
_STYLES: Final = {"holds": "green", "fails": "bold red", "not-applicable": "dim"}


def plain_lines(certificate: Certificate) -> Iterator[str]:
    """The certificate for a log: a line a row with its evidence, and below a failure what was sent."""
    yield f"{TITLE}: {certificate.verdict.upper()}"
    yield _about(certificate)
    yield ""
    width = max((len(each.row.id) for each in certificate.judged), default=0)
    for rows in _together(certificate.judged):
        first, *others = rows
        head = f"{_SIGNS[first.finding.verdict]:<4}  {first.row.id:<{width}}  "
        yield from textwrap.wrap(head + _title(first), _WIDTH, subsequent_indent=" " * len(head))
        yield from _indented(_evidence(first, others))
        yield from (" " * _INDENT + line for line in _tries(first))
    yield ""
    yield f"{certificate.summary}."
    yield from textwrap.wrap(WHAT_IT_IS, _WIDTH)


def render(console: Console, certificate: Certificate) -> None:
    """The same as a table, with colours that say nothing which the text does not."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    style = _STYLES[certificate.verdict]
    console.print(Text(f"{TITLE}: ", "bold").append(certificate.verdict.upper(), style))
    console.print(Text(_about(certificate), "dim"))
    console.print()
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(width=4)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for first, *others in _together(certificate.judged):
        verdict = first.finding.verdict
        told = Text(_title(first), "bold")
        told.append(f"\n{_evidence(first, others)}", "dim" if verdict == "not-applicable" else "not bold")
        table.add_row(Text(_SIGNS[verdict], _STYLES[verdict]), Text(first.row.id), told)
    console.print(table)
    for each in certificate.failures:
        if lines := _tries(each):
            console.print()
            console.print(Text(f"{each.row.id}: what was sent", "bold"))
            console.print(Padding(Text("\n".join(lines)), (0, 0, 0, 2)))
    console.print()
    console.print(Text(f"{certificate.summary}.", "bold"))
    console.print(Text(WHAT_IT_IS, "dim"))


def _together(judged: Sequence[Judged]) -> list[list[Judged]]:
    """Rows one by one, but those in a row that do not apply for the same reason together."""
    found: list[list[Judged]] = []
    for each in judged:
        same = found and found[-1][0].finding == each.finding
        if same and each.finding.verdict == "not-applicable":
            found[-1].append(each)
        else:
            found.append([each])
    return found


def _title(judged: Judged) -> str:
    cause = judged.finding.cause
    return judged.row.title + (f" [{cause}]" if cause else "")


def _evidence(first: Judged, others: Sequence[Judged]) -> str:
    also = f" So it is with {', '.join(each.row.id for each in others)}." if others else ""
    return first.finding.evidence + also


def _about(certificate: Certificate) -> str:
    date = f"{certificate.date:%Y-%m-%d %H:%M} UTC"
    return f"carrot-mock {certificate.tool}, contract {certificate.contract}, {date}"


def _indented(text: str) -> list[str]:
    indent = " " * _INDENT
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _tries(judged: Judged) -> list[str]:
    """The requests of a failure in columns."""
    shown = rows_of_tries(judged.finding.requests)
    if not shown:
        return []
    table = [HEADS, *shown]
    widths = [max(len(row[place]) for row in table) for place in range(len(table[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in table]
    return [line.rstrip() for line in lines]
