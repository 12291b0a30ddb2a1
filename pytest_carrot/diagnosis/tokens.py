"""Lints about tokens: fetched anew while the last one was good, and used after they had expired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot.diagnosis.finding import Finding
from pytest_carrot.diagnosis.reading import (
    by_client,
    is_accepted,
    is_call,
    is_granted,
    listed,
    moment,
    sent,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_carrot.history import Entry, Record

# From so many on it is a habit, and not a test or a restart.
_TOKENS: Final = 3
_CALLS_A_TOKEN: Final = 3
_USUAL_LIFE_SECONDS: Final = 3600.0
# Calls in flight with one token all meet its end: for so long they are none that know of it.
_IN_FLIGHT_SECONDS: Final = 1.0
# A client that called so shortly before has counted the same time as the server: no moved clock, no long sleep.
_BUSY_SECONDS: Final = 300.0

_PER_REQUEST: Final = (
    "A token is good for as long as its expires_in says, and each fetch is a call more that can fail. Keep the "
    "token, share it among your workers, and fetch a new one shortly before it expires or after a 401."
)
_EXPIRED: Final = (
    "The server will not take that token again. Read expires_in of each token answer, fetch a new token shortly "
    "before it is over, and after a 401 fetch one before you send the request again."
)


def token_per_request(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Clients that fetch a token for every few calls, while the one before was still good."""
    for client_id, own in by_client(entries).items():
        again = _fetched_again(own)
        tokens, calls = len(again) + 1, sum(map(is_call, own))
        if tokens < _TOKENS or tokens * _CALLS_A_TOKEN <= calls:
            continue
        ids = tuple(each["id"] for each in again)
        seen = (
            f"{client_id} fetched {tokens} tokens for {calls} calls: again in {listed(ids)}, with the one before "
            "still good."
        )
        yield Finding("token-per-request", seen, ids, _PER_REQUEST, about=client_id)


def expiry_hard_coded(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Tokens that were used on after they had expired, not renewed, or let expire in the midst of work."""
    for client_id, own in by_client(entries).items():
        met_while_busy: list[str] = []
        for stretch, renewed, busy in _stretches(own):
            first = stretch[0]
            used_on = _used_on(stretch)
            if used_on:
                ids = (first["id"], *used_on)
                seen = f"{told(first)} was refused because its token had expired, and {listed(used_on)} used it on."
                yield Finding("expiry-hard-coded", seen, ids, _EXPIRED)
            elif not renewed:
                seen = (
                    f"{told(first)} was refused because its token had expired, and no new token was fetched."
                )
                yield Finding("expiry-hard-coded", seen, (first["id"],), _EXPIRED)
            elif busy:
                met_while_busy.append(first["id"])
        if len(met_while_busy) > 1:
            seen = f"{client_id} let tokens expire while it used them: {listed(met_while_busy)} were refused."
            yield Finding("expiry-hard-coded", seen, tuple(met_while_busy), _EXPIRED, about=client_id)


def _fetched_again(own: Sequence[Entry]) -> list[Entry]:
    """The token requests of a client that had one with more than half of its life left, used and not refused.

    A token that nobody used before the next one came is that of another worker.
    """
    found: list[Entry] = []
    good_until, used = 0.0, False
    for each in own:
        if is_granted(each):
            now = moment(each)
            if used and now < good_until:
                found.append(each)
            good_until, used = now + _life(each) / 2, False
        elif is_call(each):
            if each.get("status") == 401:
                good_until = 0.0
            used = True
    return found


def _life(entry: Entry) -> float:
    body = entry["response"]["body"]
    life = body.get("expires_in") if isinstance(body, dict) else None
    return float(life) if isinstance(life, int | float) else _USUAL_LIFE_SECONDS


def _stretches(own: Sequence[Entry]) -> Iterator[tuple[list[Entry], bool, bool]]:
    """Requests with expired tokens, up to a new token or a call that was accepted.

    With each whether such an end came, and whether the client had been at work shortly before.
    """
    stretch: list[Entry] = []
    last_call: float | None = None
    busy = False
    for each in own:
        if _is_expired(each):
            if not stretch:
                busy = last_call is not None and moment(each) - last_call < _BUSY_SECONDS
            stretch.append(each)
        elif stretch and (is_granted(each) or (is_call(each) and is_accepted(each))):
            yield stretch, True, busy
            stretch = []
        if is_call(each):
            last_call = moment(each)
    if stretch:
        yield stretch, False, busy


def _used_on(stretch: Sequence[Entry]) -> list[str]:
    """The requests of a stretch whose sender knew that the token had expired."""
    known: set[str] = set()
    found: list[str] = []
    for each in stretch:
        if (what := sent(each)) in known or moment(each) - moment(stretch[0]) >= _IN_FLIGHT_SECONDS:
            found.append(each["id"])
        known.add(what)
    return found


def _is_expired(entry: Entry) -> bool:
    return entry.get("status") == 401 and "token-lifetime" in entry["behaviours"]
