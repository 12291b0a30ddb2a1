"""What the demo shows, wherever it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager


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
NUMBERS: Final = (HEADINGS.kg, HEADINGS.attributes, HEADINGS.files, HEADINGS.sent)


def cells(row: Row) -> tuple[str, ...]:
    """The cells of a row, the widest last."""
    return row.moment, row.name, row.who, row.kg, row.attributes, row.files, row.sent, row.key


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that was submitted, as the server has it; `events` counts the platform's own ones too."""

    id: str
    variant: str
    kg: str
    events: int
    files: int


KEPT_HEADINGS: Final = ("Document", "Variant", "kg", "Events", "Files")


def kept_cells(kept: Kept) -> tuple[str, ...]:
    return kept.id, kept.variant, kept.kg, str(kept.events), str(kept.files)


class Screen(Protocol):
    """Where the demo is told."""

    def title(self, text: str, note: str) -> None: ...
    def step(self, number: int, text: str) -> None: ...
    def call(self, status: int, method: str, path: str, meaning: str) -> None: ...
    def points(self, texts: Sequence[str]) -> None: ...
    def timeline(self, caption: str, rows: Sequence[Row], summary: str) -> None: ...
    def working(self, text: str, total: int) -> AbstractContextManager[Callable[[Kept], None]]:
        """While something is done `total` times: call what it gives after each."""

    def documents(self, rows: Sequence[Kept], summary: str) -> None: ...
    def closing(self, heading: str, texts: Sequence[str]) -> None: ...
