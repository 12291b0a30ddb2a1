"""Tables in plain text that fit into the lines of a CI log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# pytest puts `E       ` in front of every line of a failure: with it a line has at most 100 characters.
WIDTH: Final = 92
_ROWS: Final = 30
_FIRST, _LAST = 10, 16
_INDENT, _GAP, _CUT = "  ", "  ", "..."
_NARROW, _NARROWEST = 12, 8


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    marked: Collection[int] = (),
    elastic: Collection[str] = (),
) -> str:
    """Rows under their headings; columns with nothing in them are left out.

    `marked` are the numbers of rows that get a `>` and are kept when a long table is shortened in the middle;
    the columns of `elastic` are clipped before any other when the table is too wide.
    """
    used = [place for place, _ in enumerate(columns) if any(row[place] for row in rows)]
    cells = [[_plain(row[place]) or ("-" if columns[place] else "") for place in used] for row in rows]
    heads = [columns[place] for place in used]
    room = WIDTH - len(_INDENT) - len(_GAP) * (len(used) - 1) - (2 if marked else 0)
    widths = _widths(heads, cells, room, [head in elastic for head in heads])
    numeric = [all(_is_number(row[place]) for row in cells) for place in range(len(used))]

    def line(texts: Sequence[str], mark: str) -> str:
        cut = [clip(text, width) for text, width in zip(texts, widths, strict=True)]
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(cut, widths, numeric, strict=True)
        ]
        return f"{_INDENT}{mark}{_GAP.join(padded)}".rstrip()

    blank = "  " if marked else ""
    lines = [line(heads, blank)]
    for place in _kept(len(cells), marked):
        if isinstance(place, int):
            lines.append(line(cells[place], "> " if place in marked else blank))
        else:
            lines.append(f"{_INDENT}{blank}{place}")
    return "\n".join(lines)


def clip(text: str, width: int) -> str:
    """A text with at most `width` characters: what it loses, it loses in the middle."""
    if len(text) <= width:
        return text
    end = (width - len(_CUT)) * 2 // 3
    return text[: width - len(_CUT) - end] + _CUT + text[len(text) - end :]


def value(found: Any) -> str:
    """A JSON value as text, short."""
    import json

    return clip(json.dumps(found, ensure_ascii=False, default=str), 60)


def wrapped(text: str, indent: str = "", *, taken: int = 0) -> str:
    """A paragraph in lines of the width, those after the first one with an indent.

    `taken` characters of the first line are somebody else's.
    """
    import textwrap

    lines = textwrap.fill(
        " " * taken + _plain(text).lstrip() if taken else _plain(text),
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines[taken:]


def _widths(
    heads: Sequence[str], cells: Sequence[Sequence[str]], room: int, elastic: Sequence[bool]
) -> list[int]:
    """As wide as the widest cell; where that is too much the widest columns lose."""
    widths = [max((len(head), *(len(row[place]) for row in cells))) for place, head in enumerate(heads)]
    for shrinks, narrowest in ((elastic, _NARROW), ([True] * len(heads), _NARROWEST)):
        least = [max(len(head), narrowest) for head in heads]
        while sum(widths) > room:
            candidates = [
                place for place, width in enumerate(widths) if shrinks[place] and width > least[place]
            ]
            if not candidates:
                break
            widths[max(candidates, key=lambda place: widths[place])] -= 1
    return widths


def _kept(count: int, marked: Collection[int]) -> list[int | str]:
    """The numbers of the rows to show, and between them a note for those that are not."""
    if count <= _ROWS:
        return list(range(count))
    shown = sorted({*range(_FIRST), *range(count - _LAST, count), *sorted(marked)[:_ROWS]})
    kept: list[int | str] = []
    before = -1
    for place in shown:
        if place > before + 1:
            kept.append(f"{_CUT} {place - before - 1} more {_CUT}")
        kept.append(place)
        before = place
    return kept


def _plain(text: str) -> str:
    """Without line breaks and other characters that move the cursor."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _is_number(text: str) -> bool:
    return text == "-" or text.replace(".", "", 1).replace("-", "", 1).isdigit()
