"""Shows the demo as plain lines, where no terminal reads them."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from mock_server.demo_screen import HEADINGS, KEPT_HEADINGS, NUMBERS, cells, kept_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from mock_server.demo_screen import Kept, Row


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
        _table([cells(HEADINGS), *map(cells, rows)], NUMBERS)
        print(summary)

    @contextmanager
    def working(self, text: str, total: int) -> Iterator[Callable[[Kept], None]]:
        print(f"\n{text}")
        numbers = count(1)

        def done(kept: Kept) -> None:
            files = "1 file" if kept.files == 1 else f"{kept.files} files"
            what = f"{kept.variant}, {kept.kg} kg, {kept.events} events, {files}"
            print(f"   {next(numbers)}/{total} document {kept.id}: {what}", flush=True)

        yield done

    def documents(self, rows: Sequence[Kept], summary: str) -> None:
        print()
        _table([KEPT_HEADINGS, *map(kept_cells, rows)], KEPT_HEADINGS[2:])
        print(summary)

    def closing(self, heading: str, texts: Sequence[str]) -> None:
        print(f"\n{heading}")
        for text in texts:
            print(f"  - {text}")


def _table(lines: Sequence[tuple[str, ...]], numbers: Collection[str]) -> None:
    """Print lines in columns; the first is the headings, and the columns of `numbers` are set right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        shown = [
            text.rjust(width) if heading in numbers else text.ljust(width)
            for heading, text, width in zip(lines[0], line, widths, strict=True)
        ]
        print(("  " + "  ".join(shown)).rstrip())
