"""What a client did about the call that the fault struck."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_carrot import history
from pytest_carrot.sweeping.names import Names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_carrot.history import Entry
    from pytest_carrot.sweeping.calls import Clean
    from pytest_carrot.sweeping.cases import Case
    from pytest_carrot.sweeping.run import Run


@dataclass(frozen=True)
class Aftermath:
    """The struck request and all that came after it.

    `retries` are the later attempts at the same thing, beyond those that the clean run makes anyway;
    `conflict` is an answer 409 conflictError that the client got and `insisted` the attempt at the same thing
    that followed; `otherwise` asks in a way that the clean run does not for a part of the same, under another key.
    `whats` says of each request what it is about.
    """

    struck: Entry
    after: Sequence[Entry]
    whats: Mapping[str, str] = field(repr=False)
    retries: Sequence[Entry] = ()
    conflict: Entry | None = None
    insisted: Entry | None = None
    otherwise: Entry | None = None

    def named(self, entry: Entry) -> str:
        """`r7 (append WEIGHING)`."""
        return f"{entry['id']} ({self.whats[entry['id']]})"

    @property
    def last(self) -> Entry:
        """The last attempt at it."""
        return self.retries[-1] if self.retries else self.struck

    @property
    def changed_keys(self) -> bool:
        """Whether the first retry came under another key, or without one; of no use to calls without keys."""
        if not self.retries or self.struck["operation"] not in history.KEYED:
            return False
        one, other = keys_of(self.struck), keys_of(self.retries[0])
        return None in other or (bool(one) and one != other)

    @property
    def new_tokens(self) -> list[Entry]:
        """The requests for a token that came afterwards."""
        return [each for each in self.after if each["operation"] == "token"]

    @property
    def refused_tokens(self) -> list[Entry]:
        """The requests that were refused for their token, the struck one included."""
        return [each for each in (self.struck, *self.after) if each.get("status") == 401]


def aftermath_of(run: Run, clean: Clean, case: Case, fault: str | None = None) -> Aftermath | None:
    """What followed the strike of a fault (by its id, or of any); None when none struck."""
    place = next((n for n, each in enumerate(run.entries) if _is_struck(each, fault)), None)
    if place is None:
        return None
    struck, after = run.entries[place], run.entries[place + 1 :]
    names = Names(run, clean.masks)
    things = {each["id"]: names.thing(each) for each in run.entries}
    whats = {each["id"]: names.what(each) for each in run.entries}
    if not isinstance(struck["request"]["body"], dict):
        # Of what was struck early the body is not known, but the clean run has it.
        whats[struck["id"]], things[struck["id"]] = case.call.what, case.call.thing
    wanted = things[struck["id"]]
    anyway = sum(each.thing == wanted for each in clean.calls[case.call.index :])
    again = [each for each in after if things[each["id"]] == wanted]
    retries = again[: max(len(again) - anyway, 0)]
    conflict, insisted = _insisted((struck, *after), things)
    usual = {wanted, *(each.thing for each in clean.calls)}
    unusual = [each for each in after if things[each["id"]] not in usual]
    return Aftermath(struck, after, whats, retries, conflict, insisted, _otherwise(struck, unusual, names))


def keys_of(entry: Entry) -> list[str | None]:
    """The deduplication keys of what a request asks for, None for one without."""
    return [item.key for item in history.items(entry)]


def is_conflict(entry: Entry) -> bool:
    """Whether a request was answered with a conflict, which is not to be retried."""
    return entry.get("status") == 409 and history.error_of(entry)[0] == "conflictError"


def _otherwise(struck: Entry, later: Sequence[Entry], names: Names) -> Entry | None:
    """The first request for something that the struck one asked for, under a key that this did not have."""
    asked = [(item.key, names.content(item)) for item in history.items(struck)]
    keys, contents = {key for key, _ in asked}, [content for _, content in asked]
    return next(
        (
            each
            for each in later
            for item in history.items(each)
            if (item.key is None or item.key not in keys) and names.content(item) in contents
        ),
        None,
    )


def _is_struck(entry: Entry, fault: str | None) -> bool:
    found = entry.get("fault")
    return found is not None and fault in (None, found)


def _insisted(entries: Sequence[Entry], things: dict[str, str]) -> tuple[Entry | None, Entry | None]:
    """The first conflict, preferably one after which the same was asked for again, and that request."""
    first = None
    for place, each in enumerate(entries):
        if is_conflict(each):
            first = first or each
            thing = things[each["id"]]
            if (
                again := next((one for one in entries[place + 1 :] if things[one["id"]] == thing), None)
            ) is not None:
                return each, again
    return first, None
