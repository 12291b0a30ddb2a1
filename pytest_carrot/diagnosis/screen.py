"""Shows findings to people: grouped by their code, or one after the other as they appear."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Final

from pytest_carrot.diagnosis.reading import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.diagnosis.finding import Finding

_WIDTH: Final = 80
_WIDEST: Final = 110
_SHOWN: Final = 8


class Screen:
    """Writes to stdout: with colours, which say nothing that the text does not, where that is a terminal."""

    def __init__(self) -> None:
        self._explained: set[str] = set()
        self._console = None
        self._width = _WIDTH
        if hasattr(sys.stdout, "reconfigure"):
            # The journal may have letters that the language of the terminal or of the pipe has not.
            sys.stdout.reconfigure(errors="backslashreplace")
        if sys.stdout.isatty():
            from rich.console import Console

            self._console = Console(highlight=False)
            self._width = min(self._console.width, _WIDEST)

    def line(self, text: str, style: str = "") -> None:
        """A paragraph of its own."""
        self._write(text, style=style)

    def groups(self, findings: Sequence[Finding]) -> None:
        """All findings by code, each code with its advice once."""
        by_code: dict[str, list[Finding]] = {}
        for each in findings:
            by_code.setdefault(each.code, []).append(each)
        for code, group in by_code.items():
            self._write("")
            self._write(f"{code} ({len(group)})", style="bold yellow")
            for text in (lines := _lines(group))[:_SHOWN]:
                self._write(text, indent=2, hanging=4)
            if len(lines) > _SHOWN:
                self._write(f"and {len(lines) - _SHOWN} more.", indent=2, hanging=4)
            for advice in dict.fromkeys(each.advice for each in group if each.advice):
                self._write(advice, style="dim", indent=2)
            self._explained.add(code)

    def one(self, finding: Finding) -> None:
        """A finding as it appears, the first of its code with its advice."""
        self._write(f"{finding.code}: {_seen(finding)}", style="yellow", hanging=2)
        if finding.advice and finding.code not in self._explained:
            self._write(finding.advice, style="dim", indent=2)
        self._explained.add(finding.code)

    def _write(self, text: str, *, style: str = "", indent: int = 0, hanging: int | None = None) -> None:
        filled = textwrap.fill(
            printable(text),
            self._width,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent if hanging is None else hanging),
            break_on_hyphens=False,
        )
        if self._console is None:
            print(filled, flush=True)
            return
        from rich.text import Text

        self._console.print(Text(filled, style))


def printable(text: str) -> str:
    """Without characters that move the cursor or change the terminal: the journal holds what anybody sent."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _seen(finding: Finding) -> str:
    """What was seen; the server's own advisories, which have no advice, do not say in which request."""
    return finding.seen if finding.advice else f"{finding.request_id}: {finding.seen}"


def _lines(group: Sequence[Finding]) -> list[str]:
    """What was seen, once where the server says the same of several requests."""
    by_text: dict[str, list[Finding]] = {}
    for each in group:
        by_text.setdefault(each.seen, []).append(each)
    return [
        _seen(same[0]) if len(same) == 1 else f"{listed(each.request_id for each in same)}: {text}"
        for text, same in by_text.items()
    ]
