"""Judges failures that pass: the call is sent again after a while, with its key and body, and the flow ends well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_carrot.certifying import bands, calls
from pytest_carrot.certifying.finding import fails, holds, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Struck
    from pytest_carrot.history import Entry


def retried(case: Struck) -> Finding:
    """The call failed once: sent again, same key, same body, not at once, and the flow ended well."""
    if (finding := _not_the_same(case, _met(case))) is not None:
        return finding
    tries = case.tries
    if len(tries) == 1:
        return fails("gave-up", f"{_met(case)} and was not sent again; {case.ending}.", tries)
    wait = calls.waits(tries)[0]
    again = f"{_met(case)} and was sent again after {seconds(wait)}{_same(case)}"
    if (finding := _to_the_end(case, again)) is not None:
        return finding
    least = bands.THROTTLED if case.first.get("status") == 429 else bands.FIRST_WAIT.least
    return too_soon(again, wait, least, tries) or holds(f"{again}; the flow ended well.")


def too_soon(told: str, wait: float, least: float, tries: Sequence[Entry]) -> Finding | None:
    """A failure where less than the least wait passed before the next try."""
    if wait >= least:
        return None
    return fails("back-off", f"{told}: too early, at least {least:g} s have to pass.", tries)


def waited_for_pending(case: Struck) -> Finding:
    """A background process held the document: the same call comes again after 2 to 5 seconds."""
    if (finding := _not_the_same(case, _met(case))) is not None:
        return finding
    tries = case.tries
    if len(tries) == 1:
        return fails("ignored-pending", f"{_met(case)} and was not sent again; {case.ending}.", tries)
    wait = calls.waits(tries)[0]
    again = f"{_met(case)} and was sent again after {seconds(wait)}{_same(case)}"
    if not bands.PENDING.holds(wait):
        which = "too early" if wait < bands.PENDING.least else "too late"
        return fails("back-off", f"{again}: {which}, {bands.PENDING} are accepted.", tries)
    return _to_the_end(case, again) or holds(f"{again} ({bands.PENDING} are accepted); the flow ended well.")


def backed_off(case: Struck) -> Finding:
    """The call is answered 503 for ever: waits that grow from about a second, few tries, and an honest end."""
    met = f"{case.target} was answered 503 for ever"
    if (finding := _not_the_same(case, met)) is not None:
        return finding
    tries = case.tries
    waits = calls.waits(tries)
    if not waits:
        return fails("gave-up", f"{met} and was not sent again; {case.ending}.", tries)
    told = f"{met}: {len(tries)} tries with waits of {', '.join(f'{each:.2f}' for each in waits)} s"
    if (wrong := _wrong_with(waits)) is not None:
        return fails("back-off", f"{told}. {wrong}", tries)
    if case.run.ended.timed_out:
        return fails("other", f"{told}; then the command did not end.", tries)
    if case.run.ended.succeeded:
        return fails(
            "half-done", f"{told}; then the command ended with exit code 0, as if all were done.", tries
        )
    return holds(f"{told}, then it gave up ({case.ending}).")


def _wrong_with(waits: list[float]) -> str | None:
    """The first rule that these waits break, as a sentence."""
    tries = len(waits) + 1
    if tries > bands.MOST_TRIES:
        return f"At most {bands.MOST_TRIES} tries are accepted, the first one included."
    if not bands.FIRST_WAIT.holds(waits[0]):
        return f"A first wait of {bands.FIRST_WAIT} is accepted."
    if (odd := next((each for each in waits if not bands.LATER_WAITS.holds(each)), None)) is not None:
        return f"A wait of {seconds(odd)} lies outside {bands.LATER_WAITS}."
    if len(waits) > 1 and waits[-1] < min(waits[0] * bands.GROWTH, bands.CAPPED):
        return f"They do not grow: the last has to be {bands.GROWTH:g} times the first at least."
    return None


def _not_the_same(case: Struck, met: str) -> Finding | None:
    """A retry that the server cannot know for one: without a key, with another, or with another body."""
    first, *later = case.tries
    if not later:
        return None
    if calls.lacks_key(first):
        why = f"{met} and was sent again without a deduplicationId: it may be there twice now."
        return fails("new-key-on-retry", why, case.tries)
    if any(calls.keys(each) != calls.keys(first) for each in later):
        why = f"{met} and was sent again under another key: it may be there twice now."
        return fails("new-key-on-retry", why, case.tries)
    if any(calls.body(each) != calls.body(first) for each in later):
        why = f"{met} and was sent again with its key, but another body, which is a conflict."
        return fails("other", why, case.tries)
    return None


def _to_the_end(case: Struck, told: str) -> Finding | None:
    """What is wrong with the rest of the flow."""
    ended = case.run.ended
    if ended.timed_out:
        return fails("other", f"{told}, but the command did not end.", case.tries)
    if not ended.succeeded:
        return fails("gave-up", f"{told}, but the flow did not end well: {case.ending}.", case.tries)
    missing = calls.effects(case.clean.entries) - calls.effects(case.run.entries)
    if missing > 0:
        why = (
            f"{told}, and the command ended with exit code 0, but {missing} of the flow's writes are missing."
        )
        return fails("half-done", why, case.tries)
    return None


def _met(case: Struck) -> str:
    return f"{case.target} {_what(case.first)}"


def _what(struck: Entry) -> str:
    if struck["seen"] == "answer":
        return f"was answered {struck.get('status')} once"
    return "got no answer, although it was done," if struck["committed"] else "got no answer"


def _same(case: Struck) -> str:
    return " with the same key" if calls.keys(case.tries[0]) else ""
