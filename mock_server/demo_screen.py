"""Shows the demo as it goes: fitted to a terminal, or as plain lines where none reads them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from os.path import commonprefix
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.text import Text

# From this width on the timeline has room for the keys, and for whole dates.
_WIDE: Final = 110
_PATH_WIDTH: Final = 36
_MEANING_INDENT: Final = 8


@dataclass(frozen=True, slots=True)
class Row:
    """An event of the timeline; `sent` is how many requests with its key were answered with it."""

    moment: str
    name: str
    who: str
    kg: str
    attributes: str
    files: str
    sent: str
    key: str


HEADINGS: Final = Row("Time (UTC)", "Event", "Who", "kg", "Attrs", "Files", "Sent", "Key")
_NUMBERS: Final = (HEADINGS.kg, HEADINGS.attributes, HEADINGS.files, HEADINGS.sent)


class Screen(Protocol):
    """Where the demo is told."""

    def title(self, text: str, note: str) -> None: ...
    def step(self, number: int, text: str) -> None: ...
    def call(self, status: int, method: str, path: str, meaning: str) -> None: ...
    def points(self, texts: Sequence[str]) -> None: ...
    def timeline(self, caption: str, rows: Sequence[Row], summary: str) -> None: ...
    def closing(self, heading: str, texts: Sequence[str]) -> None: ...


def screen() -> Screen:
    """The screen for what stdout is; rich is only loaded for a terminal."""
    if not sys.stdout.isatty():
        return PlainScreen()
    from rich.console import Console

    return RichScreen(Console(highlight=False))


def cells(row: Row) -> tuple[str, ...]:
    """The cells of a row, the widest last."""
    return row.moment, row.name, row.who, row.kg, row.attributes, row.files, row.sent, row.key


def _narrow(row: Row) -> tuple[str, ...]:
    """The cells without the key, and without the year of a moment."""
    moment, *others, _ = cells(row)
    return (moment if row is HEADINGS else moment[5:], *others)


class PlainScreen:
    """One line for everything that happens."""

    def title(self, text: str, note: str) -> None:
        print(text)
        print(note)

    def step(self, number: int, text: str) -> None:
        print(f"\n{number}. {text}")

    def call(self, status: int, method: str, path: str, meaning: str) -> None:
        print(f"   {status} {method} {path}: {meaning}")

    def points(self, texts: Sequence[str]) -> None:
        for text in texts:
            print(f"       - {text}")

    def timeline(self, caption: str, rows: Sequence[Row], summary: str) -> None:
        print(f"\n{caption}")
        table = [cells(row) for row in (HEADINGS, *rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            shown = [
                text.rjust(width) if heading in _NUMBERS else text.ljust(width)
                for heading, text, width in zip(table[0], line, widths, strict=True)
            ]
            print(("  " + "  ".join(shown)).rstrip())
        print(summary)

    def closing(self, heading: str, texts: Sequence[str]) -> None:
        print(f"\n{heading}")
        for text in texts:
            print(f"  - {text}")


class RichScreen:
    """The same in columns that fit the console's width; colours say nothing that the text does not."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def title(self, text: str, note: str) -> None:
        self._console.print(self._text(text, "bold"))
        self._console.print(self._text(note, "dim"))

    def step(self, number: int, text: str) -> None:
        self._console.print()
        self._hanging(4, self._text(f"{number:>2}", "bold cyan"), self._text(text, "bold"))

    def call(self, status: int, method: str, path: str, meaning: str) -> None:
        call = self._text("    ")
        call.append(str(status), "green" if status < 300 else "yellow")
        call.append(f" {method:<4} {path:<{_PATH_WIDTH}}")
        if call.cell_len + 1 + len(meaning) <= self._console.width:
            self._console.print(call.append(f" {meaning}"))
        else:
            call.rstrip()
            self._console.print(call)
            self._hanging(_MEANING_INDENT, self._text(""), self._text(meaning))

    def points(self, texts: Sequence[str]) -> None:
        for text in texts:
            self._hanging(
                _MEANING_INDENT + 2, self._text(" " * _MEANING_INDENT + "-"), self._text(text, "yellow")
            )

    def timeline(self, caption: str, rows: Sequence[Row], summary: str) -> None:
        from rich import box
        from rich.table import Table

        wide = self._console.width >= _WIDE
        # What all keys begin with says nothing here.
        common = len(commonprefix([row.key for row in rows if row.sent]))  # noqa: RUF071 - of texts, not of paths
        fitted = [replace(row, key=f"…{row.key[common:]}") if row.sent else row for row in rows]
        shown = [cells(row) if wide else _narrow(row) for row in (HEADINGS, *fitted)]
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, int(wide), 0, 0))
        for heading, column in zip(shown[0], zip(*shown, strict=True), strict=True):
            # Names of companies, and keys, may be cut; the rest never is.
            cut = heading in (HEADINGS.who, HEADINGS.key)
            table.add_column(
                heading,
                justify="right" if heading in _NUMBERS else "left",
                no_wrap=True,
                min_width=None if cut else max(map(len, column)),
                style="dim" if heading in (HEADINGS.moment, HEADINGS.key) else "",
            )
        for line in shown[1:]:
            table.add_row(*map(self._text, line))
        self._console.print()
        self._console.print(self._text(caption, "bold"))
        self._console.print(table)
        self._console.print(self._text(summary, "bold"))

    def closing(self, heading: str, texts: Sequence[str]) -> None:
        self._console.print()
        self._console.print(self._text(heading, "bold"))
        for text in texts:
            self._hanging(4, self._text("  -"), self._text(text))

    def _hanging(self, indent: int, mark: Text, text: Text) -> None:
        """Print a mark, and beside it the text, whose later lines stay beside it."""
        from rich.table import Table

        line = Table.grid(expand=True)
        line.add_column(width=indent)
        line.add_column(ratio=1, overflow="fold")
        line.add_row(mark, text)
        self._console.print(line)

    @staticmethod
    def _text(text: str, style: str = "") -> Text:
        """Never markup: what a server says may hold brackets."""
        from rich.text import Text

        return Text(text, style)
