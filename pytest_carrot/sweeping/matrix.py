"""The matrix of a sweep, calls by phases, as lines of a screen; where that is narrow, a call takes two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot.sweeping.calls import PHASES, phases_of
from pytest_carrot.sweeping.causes import CAUSES
from pytest_carrot.table import clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_carrot.sweeping.calls import Call
    from pytest_carrot.sweeping.judging import Result
    from pytest_carrot.sweeping.report import Report

    Line = list[tuple[str, str]]

WIDTH: Final = 80
"""A wide screen has so many columns at least; more are not used."""

_NUMBER, _CELL, _NARROWEST_CELL = 5, 9, 6
# As wide as the matrix leaves it, and wide enough for any call where there are few columns.
_WIDEST_WHAT: Final = 40
_HEADS: Final = {
    "arrived": ("arrived", "arriv"),
    "authenticated": ("authent.", "auth."),
    "validated": ("validat.", "valid"),
    "before_commit": ("before", "befor"),
    "committed": ("commit", "commi"),
    "responding": ("respond", "resp."),
}
_NO_PHASE, _NOT_TRIED = "–", "·"


def matrix(report: Report, width: int = WIDTH) -> Iterator[Line]:
    """A head, then the calls."""
    is_wide = width >= WIDTH
    phases = phases_tried(report)
    cell = _CELL if is_wide else max((width - 2) // max(len(phases), 1), _NARROWEST_CELL)
    cell = min(cell, _CELL)
    room = min(width - _NUMBER - _CELL * len(phases) if is_wide else width - _NUMBER, _WIDEST_WHAT)
    heads = "".join(f"{_HEADS[phase][0 if is_wide else 1]:>{cell}}" for phase in phases)
    first: Line = [(f"{'#':>{_NUMBER - 2}}  {'call':<{room}}", "bold")]
    yield from _joined(first, [(heads, "bold")], is_wide=is_wide)
    for call in report.clean.calls:
        first = [(f"{call.index:>{_NUMBER - 2}}  {clip(call.what, room - 1):<{room}}", "")]
        cells = [_cell(report, call, phase, is_wide=is_wide) for phase in phases]
        yield from _joined(first, [(f"{told:>{cell}}", style) for told, style in cells], is_wide=is_wide)


def legend(report: Report, width: int = WIDTH) -> str:
    """What the signs in the cells mean."""
    is_wide = width >= WIDTH
    phases = phases_tried(report)
    told = {_cell(report, call, phase, is_wide=is_wide)[0] for call in report.clean.calls for phase in phases}
    signs = [f"{'✓ 9/9' if is_wide else '✓9'}: all 9 faults stood."]
    if report.failures:
        signs.append(
            "✗2/9K: 2 of 9 fail, by the causes below." if is_wide else "✗2K: 2 fail, see the causes below."
        )
    if _NO_PHASE in told:
        signs.append(f"{_NO_PHASE}: no such phase.")
    if _NOT_TRIED in told:
        signs.append(f"{_NOT_TRIED}: not tried.")
    return " ".join(signs)


def phases_tried(report: Report) -> Sequence[str]:
    """The columns."""
    return [phase for phase in PHASES if any(each.case.phase == phase for each in report.results)]


def _joined(one: Line, other: Line, *, is_wide: bool) -> list[Line]:
    return [one + other] if is_wide else [[(told.rstrip(), style) for told, style in one], other]


def _cell(report: Report, call: Call, phase: str, *, is_wide: bool) -> tuple[str, str]:
    if phase not in phases_of(call.operation):
        return _NO_PHASE, "dim"
    results = [each for each in report.results if each.case.call == call and each.case.phase == phase]
    if not results:
        return _NOT_TRIED, "dim"
    failed = [each for each in results if not each.holds]
    if not failed:
        return f"✓ {len(results)}/{len(results)}" if is_wide else f"✓{len(results)}", "green"
    causes = "".join(dict.fromkeys(CAUSES[str(each.cause)][0] for each in sorted(failed, key=_order)))
    told = f"✗{len(failed)}/{len(results)}{causes}" if is_wide else f"✗{len(failed)}{causes}"
    most = (_CELL if is_wide else _NARROWEST_CELL) - 1
    return told if len(told) <= most else f"{told[: most - 1]}+", "red"


def _order(result: Result) -> tuple[int, int, int]:
    return result.case.order
