"""Why a client is not exactly-once: the causes, and which of them fits a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot import history, story
from pytest_carrot.sweeping.aftermath import keys_of
from pytest_carrot.sweeping.differences import MISSING, TWICE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_carrot.flows import Ended
    from pytest_carrot.history import Entry
    from pytest_carrot.sweeping.aftermath import Aftermath
    from pytest_carrot.sweeping.cases import Case
    from pytest_carrot.sweeping.differences import Difference

    Rule = Callable[[Case, Aftermath, Sequence[Difference], Ended], str | None]

CAUSES: Final[Mapping[str, tuple[str, str]]] = {
    "new-key-on-retry": (
        "K",
        "A retry came under another deduplicationId, or without one, so it counts as new.",
    ),
    "gave-up": ("G", "A call that has to be sent again (no answer, 429, 5xx) was not."),
    "retried-conflict": ("C", "A 409 conflictError was answered with another attempt at the same thing."),
    "token-not-refreshed": (
        "T",
        "After a 401 for an expired token no new token was asked for, or none used.",
    ),
    "ignored-pending": ("P", "A 409 PENDING_PROCESS_CONFLICT_ERROR was not followed by another attempt."),
    "retried-abort": ("A", "An answer that ends the matter (400, 403, 404, 422) was answered with a retry."),
    "back-off": ("B", "The waits between attempts are not those that the documentation asks for."),
    "half-done": ("H", "The run ended, and some of what the clean run left is missing."),
    "other": ("O", "Something else: see the story."),
}
"""The causes with the letter that stands for each and a sentence; two of them are the certificate's alone."""


def cause_of(
    case: Case, aftermath: Aftermath | None, found: Sequence[Difference], ended: Ended
) -> tuple[str, str]:
    """The cause of a failing run, and a sentence about this very run.

    The rules are in the order of what can go wrong first: a client that makes a new key for its retry may meet a
    conflict by that, but not the other way round.
    """
    if aftermath is not None:
        for slug, rule in _RULES:
            if (told := rule(case, aftermath, found, ended)) is not None:
                return slug, told
    return "other", _other(aftermath, found, ended)


def _token(case: Case, aftermath: Aftermath, found: Sequence[Difference], ended: Ended) -> str | None:
    if case.do != "expire":
        return None
    struck, refused = aftermath.struck, aftermath.refused_tokens
    if not aftermath.new_tokens:
        return f"{aftermath.named(struck)} was refused since its token had expired, and no new token was asked for."
    if len(refused) > 1:
        again = aftermath.named(refused[-1])
        return f"A new token was asked for, but {again} was refused again: it came with the old one."
    return None


def _new_key(case: Case, aftermath: Aftermath, found: Sequence[Difference], ended: Ended) -> str | None:
    twice = [each.thing for each in found if each.kind == TWICE]
    if aftermath.changed_keys:
        retry, is_what = aftermath.retries[0], "is a retry of"
    elif aftermath.otherwise is not None and aftermath.struck["committed"]:
        retry, is_what = aftermath.otherwise, "asks again for a part of"
    else:
        return None
    how = "without a deduplicationId" if None in keys_of(retry) else "under another deduplicationId"
    so = f", and {twice[0]} is recorded twice" if twice else ""
    if not twice and retry.get("status", 0) >= 400:
        so = f", and was answered {story.answer(retry)}"
    return f"{aftermath.named(retry)} {is_what} {aftermath.struck['id']} {how}{so}."


def _conflict(case: Case, aftermath: Aftermath, found: Sequence[Difference], ended: Ended) -> str | None:
    conflict, again = aftermath.conflict, aftermath.insisted
    if conflict is None or again is None:
        return None
    same = keys_of(conflict) == keys_of(again) and None not in keys_of(again)
    how = "the same once more" if same else "the same under another deduplicationId"
    return (
        f"{aftermath.named(conflict)} was answered with 409 conflictError, and {again['id']} asked for {how}."
    )


def _pending(case: Case, aftermath: Aftermath, found: Sequence[Difference], ended: Ended) -> str | None:
    last = aftermath.last
    if history.error_of(last)[0] != history.PENDING or last["seen"] != "answer":
        return None
    then = "went on as if it were done" if _goes_on(aftermath, ended) else "gave up"
    return f"{aftermath.named(last)} was answered with 409 {history.PENDING}, and the client {then}."


def _gave_up(case: Case, aftermath: Aftermath, found: Sequence[Difference], ended: Ended) -> str | None:
    last = aftermath.last
    needs_it = history.asks_for_retry(last) or last.get("status") == 401
    if not needs_it:
        return None
    tries = 1 + len(aftermath.retries)
    so = "was not sent again" if tries == 1 else f"was not sent again after {tries} attempts"
    return f"{aftermath.named(last)} {_got(last)} and {so}."


def _twice(case: Case, aftermath: Aftermath, found: Sequence[Difference], ended: Ended) -> str | None:
    twice = [each.thing for each in found if each.kind == TWICE]
    if not twice:
        return None
    return f"{twice[0]} is recorded twice, so it was sent under two keys or without one."


def _half_done(case: Case, aftermath: Aftermath, found: Sequence[Difference], ended: Ended) -> str | None:
    missing = [each.thing for each in found if each.kind == MISSING]
    if not missing:
        return None
    why = ""
    if (conflict := aftermath.conflict) is not None:
        refused = f"{aftermath.named(conflict)} was refused with 409 conflictError"
        why = f"{refused}: a key has to come with the body of its first use. "
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    verb = "are" if more else "is"
    return f"{why}The run {ended.told}, and {missing[0]}{more} {verb} missing."


def _other(aftermath: Aftermath | None, found: Sequence[Difference], ended: Ended) -> str:
    why = "" if aftermath is not None else "The call that was to fail did not come. "
    if found:
        return f"{why}{found[0].told}"
    return f"{why}The ledger is right, but the run {ended.told}."


_RULES: Final[Sequence[tuple[str, Rule]]] = (
    ("token-not-refreshed", _token),
    ("new-key-on-retry", _new_key),
    ("retried-conflict", _conflict),
    # Also where the call itself was given up, and the same asked for in another way.
    ("new-key-on-retry", _twice),
    ("ignored-pending", _pending),
    ("gave-up", _gave_up),
    ("half-done", _half_done),
)


def _goes_on(aftermath: Aftermath, ended: Ended) -> bool:
    """Whether the client took the call for done."""
    last = history.number(aftermath.last)
    return ended.succeeded or any(history.number(each) > last for each in aftermath.after)


def _got(entry: Entry) -> str:
    if entry["seen"] == "answer":
        return f"was answered {story.answer(entry)}"
    return {"truncated": "got half an answer"}.get(entry["seen"], "got no answer")
