"""What `carrot-mock generate` shows a person: how far it is, and which variants there are.

rich is imported inside the functions: where no terminal is, nobody pays for it.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console
    from rich.progress import Progress

T = TypeVar("T")

_PATIENCE_SECONDS: Final = 1.0


class Variant(Protocol):
    """A kind of MassID: `carrot_fixtures.Variant`."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def breaks(self) -> tuple[str, ...]: ...
    @property
    def methodologies(self) -> tuple[str, ...]: ...


def watched(
    items: Iterable[T], total: int, what: str, *, clock: Callable[[], float] = time.monotonic
) -> Iterator[T]:
    """The items as they come. When they take more than a second, a bar on stderr says how many there were.

    There is none where stderr is no terminal, or stdout is one: the bar would stand between the lines.
    """
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield from items
        return
    patient_until = clock() + _PATIENCE_SECONDS
    bar: Progress | None = None
    try:
        for done, item in enumerate(items, 1):
            yield item
            if bar is None and clock() > patient_until:
                bar = _bar(total, what)
            if bar is not None:
                bar.update(bar.task_ids[0], completed=done)
    finally:
        if bar is not None:
            bar.stop()


def _bar(total: int, what: str) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task(what, total=total)
    bar.start()
    return bar


def as_rows(variants: Iterable[Variant]) -> list[dict[str, object]]:
    """The variants as JSON has them: `{"name", "summary", "breaks", "methodologies"}`."""
    return [
        {
            "name": each.name,
            "summary": each.summary,
            "breaks": each.breaks,
            "methodologies": each.methodologies,
        }
        for each in variants
    ]


def print_variants(variants: Sequence[Variant]) -> None:
    """Print the variants to stdout, as a table; tab-separated lines when no terminal reads them."""
    if not sys.stdout.isatty():
        print("\n".join(plain_lines(variants)))
        return
    from rich.console import Console

    render_variants(Console(highlight=False), variants)


def plain_lines(variants: Iterable[Variant]) -> list[str]:
    """One line a variant: name, summary, the rules that it breaks (or `-`), methodologies, between tabs."""
    return [
        "\t".join((each.name, each.summary, ", ".join(each.breaks) or "-", ", ".join(each.methodologies)))
        for each in variants
    ]


def render_variants(console: Console, variants: Sequence[Variant]) -> None:
    """Print the variants with rich, fitted to the console's width."""
    from rich.table import Table
    from rich.text import Text

    everywhere = {slug for each in variants for slug in each.methodologies}
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("name", width=_name_width(variants, console.width), overflow="fold")
    table.add_column("summary", ratio=1)
    for each in variants:
        told = Text(each.summary)
        if each.breaks:
            told.append(f"\nbreaks {', '.join(each.breaks)}", "yellow")
        if not everywhere <= set(each.methodologies):
            told.append(f"\nonly for {', '.join(each.methodologies)}", "cyan")
        table.add_row(Text(each.name, "bold"), told)
    console.print(table)
    valid = sum(not each.breaks for each in variants)
    summary = f"{len(variants)} variants, of which {valid} break no rule. Use one with --variant NAME."
    console.print(Text(f"\n{summary}", "dim"))


def _name_width(variants: Iterable[Variant], width: int) -> int:
    """As wide as the longest name, but never more than two fifths of the console."""
    return min(max(len(each.name) for each in variants), width * 2 // 5)
