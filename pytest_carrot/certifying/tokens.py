"""Judges how a client comes to its tokens, and what it does when one ends."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_carrot.certifying import bands, calls
from pytest_carrot.certifying.finding import fails, holds, not_applicable, seconds, several
from pytest_carrot.certifying.retrying import too_soon

if TYPE_CHECKING:
    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Run, Struck


def reused(run: Run) -> Finding:
    """A flow that is over within a token's life asks for one token."""
    asked = calls.of(run.entries, "token")
    used = len(calls.of(run.entries, *calls.API))
    by_client = Counter(each["client"].get("clientId", "") for each in asked)
    told = f"{several(len(asked), 'token request')} for {several(used, 'API call')}"
    if max(by_client.values(), default=0) > 1:
        return fails("other", f"{told}: a token lives for an hour and is there to be used again.", asked)
    return holds(f"{told}.")


def asked_for_with_basic(run: Run) -> Finding:
    """Client id and secret come as HTTP Basic."""
    asked = calls.of(run.entries, "token")
    if not asked:
        return not_applicable("The flow asks for no token.")
    others = [each for each in asked if not (calls.header(each, "authorization") or "").startswith("Basic ")]
    if others:
        return fails("other", "The credentials came in the body, not as HTTP Basic.", others)
    return holds(f"{several(len(asked), 'token request')}, with HTTP Basic.")


def refreshed(case: Struck) -> Finding:
    """A token that ended before the call: one refresh, and the same call again."""
    tries = case.tries
    met = f"{case.target} came with a token that had expired"
    if case.first.get("status") != 401:
        return not_applicable(
            f"{case.target} was not answered 401: the client had renewed its token by itself."
        )
    asked = calls.of(calls.after(case.run.entries, case.first), "token")
    if not asked:
        why = f"{met} and no new one was asked for; {several(len(tries), 'try', 'tries')}, {case.ending}."
        return fails("token-not-refreshed", why, tries)
    if len(tries) == 1:
        return fails("gave-up", f"{met}; a new one was asked for, but the call was not sent again.", tries)
    if calls.keys(tries[0]) != calls.keys(tries[1]):
        return fails("new-key-on-retry", f"{met}; the call was sent again under another key.", tries)
    if not case.run.ended.succeeded:
        return fails(
            "gave-up", f"{met}; it was refreshed, but the flow did not end well: {case.ending}.", tries
        )
    # Threads that were all refused may each ask for a new one.
    if len(asked) > sum(each.get("status") == 401 for each in case.run.entries):
        why = f"{met}, and {several(len(asked), 'new token')} were asked for: one refresh is enough."
        return fails("other", why, [*tries, *asked])
    refreshes = several(len(asked), "refresh", "refreshes")
    return holds(f"{met}: {refreshes}, the same call again, and the flow ended well.")


def asked_for_again(case: Struck) -> Finding:
    """The token endpoint failed once: it is asked again, but not at once."""
    asked = [case.first, *calls.of(calls.after(case.run.entries, case.first), "token")]
    met = f"The first token request was answered {case.first.get('status')}"
    if len(asked) == 1:
        return fails("gave-up", f"{met} and was not sent again; {case.ending}.", asked)
    wait = calls.between(*asked[:2])
    told = f"{met} and was sent again after {seconds(wait)}"
    if not case.run.ended.succeeded:
        return fails("gave-up", f"{told}, but the flow did not end well: {case.ending}.", asked)
    return too_soon(told, wait, bands.FIRST_WAIT.least, asked) or holds(f"{told}; the flow ended well.")
