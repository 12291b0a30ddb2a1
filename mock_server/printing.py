"""Prints what a server said: tables on a terminal, lines between tabs everywhere else, or JSON.

What comes from a server may hold characters that a terminal obeys; none of them is printed as it is. rich is imported
inside the functions: a command that prints JSON does not pay for it.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_GAP: Final = "  "
# What is left at least of a column that loses its end.
_NARROW: Final = 12


def printable(text: str) -> str:
    """A text in one line, with escapes in the place of what moves the cursor, colours, or turns the writing."""
    if text.isprintable():
        return text
    return "".join(each if each == " " or not _is_unsafe(each) else _escaped(each) for each in text)


def print_json(value: Any) -> None:
    """Any JSON, to be read by people and programs."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    # JSON itself has escapes for all of these.
    click.echo("".join(each if each == "\n" or not _is_unsafe(each) else _in_json(each) for each in text))


def say(person: str, *programs: str) -> None:
    """A sentence for the person at a terminal; for a program these lines, in which tabs are between parts."""
    if sys.stdout.isatty():
        click.echo(printable(person))
        return
    for line in programs:
        click.echo("\t".join(map(printable, line.split("\t"))))


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    none: str,
    *,
    elastic: Collection[str] = (),
    spare: Sequence[str] = (),
) -> None:
    """Rows under headings, without the columns in which there is nothing; `none` where there is no row.

    Where a terminal is too narrow, the columns of `elastic` lose their ends, after those of `spare` have gone, the
    first of them first. For a program it is a line a row, all columns of it between tabs, and `-` for nothing.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            click.echo("\t".join(cell or "-" for cell in row))
        return
    if not cells:
        click.echo(none)
        return
    from rich.cells import cell_len
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    widths = {
        name: max(cell_len(name), *(cell_len(row[place]) for row in cells))
        for place, name in enumerate(columns)
        if any(row[place] for row in cells)
    }
    _fit(widths, console.width, elastic, spare)
    for row, style in ((list(columns), "dim"), *((row, "") for row in cells)):
        line = Text(style=style)
        for name, width in widths.items():
            cell = Text(row[columns.index(name)])
            cell.truncate(width, overflow="ellipsis", pad=True)
            line.append_text(cell).append(_GAP)
        line.rstrip()
        console.print(line, no_wrap=True, crop=False)


def _fit(widths: dict[str, int], room: int, elastic: Collection[str], spare: Sequence[str]) -> None:
    """Take away columns and then width until a line has room; what is needed for less than that stays."""

    def excess(found: dict[str, int]) -> int:
        return sum(found.values()) + len(_GAP) * (len(found) - 1) - room

    for name in spare:
        least = {each: min(width, _NARROW) if each in elastic else width for each, width in widths.items()}
        if excess(least) > 0:
            widths.pop(name, None)
    for shrinking in (elastic, tuple(widths)):
        while excess(widths) > 0:
            wide = [name for name in widths if name in shrinking and widths[name] > _NARROW]
            if not wide:
                break
            widths[max(wide, key=lambda name: widths[name])] -= 1


def print_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Names with their texts, one below the other; those without a text are left out, and so is colour where no
    terminal is.
    """
    shown = [(name, text) for name, text in fields if text]
    width = max((len(name) for name, _ in shown), default=0)
    is_terminal = sys.stdout.isatty()
    for name, text in shown:
        label = f"{name}:".ljust(width + 2)
        first, *rest = [printable(line) for line in text.split("\n")]
        click.echo((click.style(label, dim=True) if is_terminal else label) + first)
        for line in rest:
            click.echo((" " * (width + 2) + line).rstrip())


def _is_unsafe(character: str) -> bool:
    # Control characters, invisible ones that turn the writing, lone surrogates, and line separators.
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _in_json(character: str) -> str:
    return json.dumps(character)[1:-1]
