"""What the command line shows people: tables that fit the terminal, and plain text everywhere else.

rich is imported inside the functions: a command that prints JSON does not pay for it.
"""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING, Final

from mock_server.behaviours import GRADES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mock_server.behaviours import Behaviour

_COLOURS: Final = {"D": "green", "C": "cyan", "A": "yellow"}
# From this width on the sources have room for a column of their own.
_WIDE: Final = 140
_DOCS: Final = "https://docs.carrot.eco/en/docs/"


def print_behaviours(rows: Sequence[Behaviour]) -> None:
    """Print the rows to stdout, a table for each section; tab-separated lines when no terminal reads them."""
    if not sys.stdout.isatty():
        print("\n".join(plain_lines(rows)))
        return
    from rich.console import Console

    render_behaviours(Console(highlight=False), rows)


def print_details(rows: Sequence[Behaviour]) -> None:
    """Print the rows one below the other, with their sources; tab-separated when no terminal reads them."""
    if not sys.stdout.isatty():
        print("\n".join(plain_lines(rows)))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for row in rows:
        console.print(Text(row.id, "bold"), Text(f"{row.grade}: {GRADES[row.grade]}", _COLOURS[row.grade]))
        console.print(Text(row.statement))
        if (setting := _setting(row)) is not None:
            console.print(Text(f"switch: {setting}"))
        console.print(Text(f"source: {row.source}\n", "dim"))


def plain_lines(rows: Sequence[Behaviour]) -> list[str]:
    """One line a row: grade, id, statement, the switch with its values (or `-`) and source, between tabs."""
    return ["\t".join((row.grade, row.id, row.statement, _setting(row) or "-", row.source)) for row in rows]


def render_behaviours(console: Console, rows: Sequence[Behaviour]) -> None:
    """Print the rows with rich, fitted to the console's width; wide consoles also get the sources."""
    from rich.table import Table
    from rich.text import Text

    wide = console.width >= _WIDE
    for section, entries in groupby(rows, key=lambda row: row.section):
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
        table.add_column("grade", width=1)
        table.add_column("id", width=_id_width(rows, console.width), overflow="fold")
        table.add_column("statement", ratio=3 if wide else 1)
        if wide:
            table.add_column("source", ratio=2, style="dim", overflow="fold")
        for row in entries:
            statement = Text(row.statement)
            if setting := _setting(row):
                statement.append(f"\n{setting}", style="yellow")
            cells = [Text(row.grade, style=_COLOURS[row.grade]), Text(row.id, style="bold"), statement]
            table.add_row(*cells, *([Text(_short(row.source))] if wide else []))
        console.print(Text(section, style="bold underline"))
        console.print(table)
        console.print()
    console.print(_legend(rows))
    if wide:
        console.print(Text(f"Sources are addresses under {_DOCS}, or full ones.", style="dim"))


def _id_width(rows: Sequence[Behaviour], width: int) -> int:
    """As wide as the longest id, but never more than a third of the console."""
    return min(max(len(row.id) for row in rows), width // 3)


def _setting(row: Behaviour) -> str:
    """`[ordering: reject | warn | off; default reject]`; empty for a row that nothing changes."""
    if row.switch is None:
        return ""
    return f"[{row.switch}: {' | '.join(row.values)}; default {row.default}]"


def _short(source: str) -> str:
    """The source with its addresses short enough to stay on one line of a column."""
    return source.replace(_DOCS, "").replace("https://", "")


def _legend(rows: Sequence[Behaviour]) -> str:
    counts = {grade: sum(row.grade == grade for row in rows) for grade in GRADES}
    shown = [f"{grade} {GRADES[grade]}: {count}" for grade, count in counts.items() if count]
    return ", ".join(shown) or "No behaviour of that grade."
