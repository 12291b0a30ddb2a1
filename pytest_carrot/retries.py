"""Which requests of a journal repeat an earlier one, and under which key."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_carrot.history import asks_for_retry, canonical, items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_carrot.history import Entry, Item


@dataclass(frozen=True, eq=False)
class Attempt:
    """One thing that one request asked for; `again` when its answer asks to send it once more.

    `exact` is what it asked for, `loose` the same without the moment, which some clients set anew each time.
    """

    entry: Entry
    item: Item
    again: bool
    exact: str
    loose: str

    @classmethod
    def of(cls, entry: Entry, item: Item) -> Attempt:
        timeless = {name: value for name, value in item.body.items() if name != "externalCreatedAt"}
        exact, loose = (canonical([item.target, each]) for each in (item.body, timeless))
        return cls(entry, item, asks_for_retry(entry), exact, loose)

    @property
    def key(self) -> str | None:
        return self.item.key


@dataclass(eq=False)
class Chain:
    """The attempts at one thing, in their order."""

    attempts: list[Attempt] = field(default_factory=list)

    @property
    def retries(self) -> list[Attempt]:
        """The attempts that repeat an earlier one: it asked for that, or key and body are its own."""
        return [
            later
            for earlier, later in pairwise(self.attempts)
            if earlier.again or (earlier.key, earlier.exact) == (later.key, later.exact)
        ]

    @property
    def strays(self) -> list[Attempt]:
        """The retries that do not carry the key of the first attempt, or carry none because it had none."""
        key = self.attempts[0].key
        return [each for each in self.retries if key is None or each.key != key]


def chains(entries: Sequence[Entry]) -> list[Chain]:
    """The attempts of requests of one operation, put together by their key or else by what they ask for.

    A request with another key, or none, is taken for a retry of one whose answer asked for it, which nobody
    sent again under its key, and of which it is a copy; a copy but for `externalCreatedAt` will do.
    """
    attempts = [Attempt.of(entry, item) for entry in entries for item in items(entry)]
    last_use = {attempt.key: place for place, attempt in enumerate(attempts)}
    found: list[Chain] = []
    by_key: dict[str, list[Chain]] = {}
    waiting: dict[Chain, None] = {}
    for place, attempt in enumerate(attempts):
        given_up = [each for each in waiting if _is_over(each.attempts[-1].key, last_use, place)]
        chain = _of_key(by_key, attempt) or _of_body(given_up, attempt)
        if chain is None:
            found.append(chain := Chain())
        chain.attempts.append(attempt)
        if attempt.key is not None and chain not in (of_key := by_key.setdefault(attempt.key, [])):
            of_key.append(chain)
        waiting.pop(chain, None)
        if attempt.again:
            waiting[chain] = None
    return found


def _is_over(key: str | None, last_use: Mapping[str | None, int], place: int) -> bool:
    """Whether nobody uses a key from this place on."""
    return key is None or last_use[key] < place


def _of_key(by_key: Mapping[str, list[Chain]], attempt: Attempt) -> Chain | None:
    of_key = () if attempt.key is None else by_key.get(attempt.key, ())
    return next((each for each in of_key if _may_be_one_client(each.attempts[-1], attempt)), None)


def _of_body(given_up: Sequence[Chain], attempt: Attempt) -> Chain | None:
    last = [
        (chain, before)
        for chain in given_up
        if (before := chain.attempts[-1]).entry["id"] != attempt.entry["id"]
        and _may_be_one_client(before, attempt)
    ]
    exact = (chain for chain, before in last if before.exact == attempt.exact)
    loose = (chain for chain, before in last if before.loose == attempt.loose)
    return next(exact, None) or next(loose, None)


def _may_be_one_client(one: Attempt, other: Attempt) -> bool:
    """A request that failed before its token was looked at may be anybody's."""
    first, second = _owner(one.entry), _owner(other.entry)
    return not first or not second or first == second


def _owner(entry: Entry) -> str:
    client = entry["client"]
    return f"{client['integrator']}/{client['environment']}" if "integrator" in client else ""
