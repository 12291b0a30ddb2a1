"""Shows the demo on a terminal: in columns that fit its width, with colours."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from os.path import commonprefix
from typing import TYPE_CHECKING, Final

from mock_server.demo_screen import HEADINGS, KEPT_HEADINGS, NUMBERS, cells, kept_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console
    from rich.text import Text

    from mock_server.demo_screen import Kept, Row

# From this width on the timeline has room for the keys, and for whole dates.
_WIDE: Final = 110
_PATH_WIDTH: Final = 36
_MEANING_INDENT: Final = 8


class RichScreen:
    """Tells it on a console; colours say nothing that the text does not."""

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
        if len(path) <= _PATH_WIDTH and call.cell_len + 1 + len(meaning) <= self._console.width:
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
                justify="right" if heading in NUMBERS else "left",
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

    @contextmanager
    def working(self, text: str, total: int) -> Iterator[Callable[[Kept], None]]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._console.print()
        self._hanging(4, self._text("  +", "bold cyan"), self._text(text, "bold"))
        columns = (TextColumn("   "), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task("", total=total)
            yield lambda kept: bar.advance(task)

    def documents(self, rows: Sequence[Kept], summary: str) -> None:
        from rich import box
        from rich.table import Table

        wide = self._console.width >= _WIDE
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, int(wide), 0, 0))
        for heading in KEPT_HEADINGS:
            is_number = heading in KEPT_HEADINGS[2:]
            table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
        for row in rows:
            table.add_row(*map(self._text, kept_cells(row)))
        self._console.print()
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


def _narrow(row: Row) -> tuple[str, ...]:
    """The cells without the key, and without the year of a moment."""
    moment, *others, _ = cells(row)
    return (moment if row is HEADINGS else moment[5:], *others)
