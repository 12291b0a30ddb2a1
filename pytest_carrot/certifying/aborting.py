"""Judges answers after which a call is given up: it must not be sent again, under whatever key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_carrot.certifying import calls
from pytest_carrot.certifying.finding import fails, holds, seconds, several
from pytest_carrot.history import number

if TYPE_CHECKING:
    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Struck
    from pytest_carrot.history import Entry


def aborted(case: Struck) -> Finding:
    """The call was refused for good: one request, no more."""
    tries = case.tries
    refused = f"{case.target} was refused with {_answer(case)}"
    if len(tries) > 1:
        again = f"it was sent again {seconds(calls.waits(tries)[0])} later {_under_which_key(case)}"
        more = f", in all {len(tries)} times" if len(tries) > 2 else ""
        return fails("retried-abort", f"{refused}, and {again}{more}. This answer stays the same.", tries)
    if case.run.ended.timed_out:
        return fails("other", f"{refused}; it was not sent again, but the command did not end.", tries)
    return holds(f"{refused} and not sent again; {case.ending}.")


def refused_with_a_good_token(case: Struck) -> Finding:
    """The API answers 401 to a fresh token for ever: at most one refresh and one more try."""
    tries = case.tries
    entries = calls.after(case.run.entries, tries[0])
    refreshed = calls.of(entries, "token")
    refused = f"{case.target} was refused with 401 again and again"
    if len(tries) > 2:
        return fails(
            "retried-abort",
            f"{refused}, and was sent {len(tries)} times; after one refresh the credentials are the problem.",
            tries,
        )
    if len(tries) == 2 and not any(_between(each, tries) for each in refreshed):
        return fails("retried-abort", f"{refused}, and was sent again with the same token.", tries)
    calls_refused = {calls.content(each) for each in case.run.entries if each.get("status") == 401}
    if len(refreshed) > len(calls_refused):
        return fails(
            "other",
            f"{refused}, and {len(refreshed)} new tokens were asked for: one refresh is enough.",
            [*tries, *refreshed],
        )
    if case.run.ended.timed_out:
        return fails("other", f"{refused}; the command did not end.", tries)
    renewed = "after one refresh" if refreshed else "without a refresh"
    return holds(f"{refused}: {several(len(tries), 'try', 'tries')} {renewed}; {case.ending}.")


def _between(entry: Entry, tries: list[Entry]) -> bool:
    return number(tries[0]) < number(entry) < number(tries[-1])


def _answer(case: Struck) -> str:
    return str(case.first.get("status", "no answer"))


def _under_which_key(case: Struck) -> str:
    first, second = (calls.keys(each) for each in case.tries[:2])
    if not first and not second:
        return "without a key"
    return "with the same key" if first & second else "under another key"
