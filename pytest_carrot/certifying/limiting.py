"""Judges a run under the documented rate limit: it ends well, and a refusal is no reason to hurry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_carrot.certifying import bands, calls
from pytest_carrot.certifying.finding import fails, holds, seconds, several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Run
    from pytest_carrot.history import Entry


def kept_to_the_limit(run: Run) -> Finding:
    """After a 429 the call waits at least half a second; refusals never outnumber what gets through."""
    sent = calls.of(run.entries, *calls.API)
    refused = [each for each in sent if each.get("status") == 429]
    calm = f"{several(len(sent), 'API call')}, at most {_busiest(sent)} within a second"
    told = f"{calm}, {len(refused) or 'none'} of them 429"
    if hasty := next((pair for each in refused if (pair := _hasty(run.entries, each))), None):
        wait = seconds(calls.between(*hasty))
        why = f"{told}. After a 429 a call was sent again within {wait}; {bands.THROTTLED} s have to pass."
        return fails("back-off", why, hasty)
    stubborn = next(
        (tries for each in refused if len(tries := _tries(run.entries, each)) > bands.MOST_TRIES), None
    )
    if stubborn:
        why = f"{told}. One call was tried {len(stubborn)} times; at most {bands.MOST_TRIES} are accepted."
        return fails("back-off", why, stubborn)
    if len(refused) > len(sent) - len(refused):
        return fails("back-off", f"{told}: more were refused than got through.", refused)
    if run.ended.timed_out:
        return fails("other", f"{told}; the command did not end.", refused)
    if not run.ended.succeeded:
        why = f"{told}; the flow did not end well: exit code {run.ended.exit_code}."
        return fails("gave-up", why, refused)
    how = (
        "it never came to the limit"
        if not refused
        else f"every 429 was followed by {bands.THROTTLED} s or more"
    )
    return holds(f"{told}; {how}, and the flow ended well.", exercised=bool(refused))


def _hasty(entries: Sequence[Entry], refused: Entry) -> Sequence[Entry] | None:
    pair = _tries(entries, refused)[:2]
    return pair if len(pair) == 2 and calls.between(*pair) < bands.THROTTLED else None


def _tries(entries: Sequence[Entry], refused: Entry) -> list[Entry]:
    return calls.tries(entries, refused)


def _busiest(sent: Sequence[Entry]) -> int:
    """The most calls that arrived within one second."""
    moments = [calls.moment(each) for each in sent]
    return max(
        (sum(0 <= (other - each).total_seconds() < 1 for other in moments) for each in moments), default=0
    )
