"""Lints about what is sent again: after an answer that forbids it, without waiting, or only to look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot.diagnosis.finding import Finding
from pytest_carrot.diagnosis.reading import (
    by_client,
    is_aborted,
    is_accepted,
    is_call,
    is_granted,
    listed,
    moment,
    sent,
    told,
)
from pytest_carrot.history import asks_for_retry, document_of, error_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_carrot.history import Entry, Record

_WRITES: Final = ("documents.create", "events.append", "events.batch", "attachments.upload")
_HURRIED_SECONDS: Final = 0.5
_HURRIED: Final = 2
_READS: Final = 10
# Who reads more rarely than that waits between his reads.
_POLLING_SECONDS: Final = 60.0

_ABORT: Final = (
    "The answer to the same request stays the same, so it only uses up the rate limit. Do not retry 400, 403, 404, "
    "409 conflictError and 422: correct the request, or report it."
)
_WAIT: Final = (
    "Who does not wait after a 429 keeps the limit used up. Wait about 1 s, twice as long after each further one up "
    "to 30 s, at most 5 tries, with the same deduplicationId."
)
_POLL: Final = (
    "A document changes only when somebody writes to it, and an event that was answered 201 is on it. Read once "
    "after writing, or else minutes apart: reads count for the rate limit too."
)


def retried_abort(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Requests that were sent again as they were after an answer that says not to."""
    for own in by_client(entries).values():
        refused: dict[str, Entry] = {}
        for each in own:
            if not is_call(each):
                continue
            before = refused.get(what := sent(each))
            if before is not None and _is_senseless(before, each, entries, own):
                status = f"{before['status']} {error_of(before)[0]}".rstrip()
                seen = f"{told(before)} was answered {status}, and {each['id']} sent the same again."
                yield Finding("retried-abort", seen, (each["id"], before["id"]), _ABORT)
            if is_aborted(each):
                refused[what] = each
            else:
                refused.pop(what, None)


def bursts(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Requests that were sent again at once after a 429."""
    for client_id, own in by_client(entries).items():
        limited: dict[str, Entry] = {}
        hurried: list[tuple[Entry, Entry]] = []
        for each in filter(is_call, own):
            before = limited.pop(what := sent(each), None)
            if before is not None and _follows_at_once(before, each):
                hurried.append((before, each))
            if each.get("status") == 429:
                limited[what] = each
        yield from _burst(client_id, hurried, "sent the same again less than 0.5 s after a 429")


def bursts_given_up(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Clients that go on at once after a 429, and never come back to what was refused."""
    for client_id, own in by_client(entries).items():
        calls = [each for each in own if is_call(each)]
        asked = [sent(each) for each in calls]
        last = {what: place for place, what in enumerate(asked)}
        limited = [place for place, each in enumerate(calls) if each.get("status") == 429]
        # Who comes back to one of them will to the others, when their wait is over.
        if any(last[asked[place]] > place for place in limited):
            continue
        hurried = [
            (calls[place], calls[place + 1])
            for place in limited
            if place + 1 < len(calls) and _follows_at_once(calls[place], calls[place + 1])
        ]
        yield from _burst(client_id, hurried, "went on with something else less than 0.5 s after a 429")


def polling(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """The same document read over and over, with nothing else between."""
    for own in by_client(entries).values():
        run: list[Entry] = []
        for each in [*filter(is_call, own), None]:
            if each is not None and _goes_on(run, each):
                if not asks_for_retry(each):
                    run.append(each)
                continue
            if len(run) >= _READS:
                yield _polled(run)
            run = [] if each is None or not _is_read(each) else [each]


def _is_senseless(before: Entry, again: Entry, entries: Sequence[Entry], own: Sequence[Entry]) -> bool:
    """Whether nothing can have changed between two equal requests, the first of them refused."""
    by_fault = bool(before.get("fault"))
    if not by_fault:
        # Who waits to be let in has to ask again.
        if before["operation"] not in _WRITES:
            return False
        if (again.get("status"), error_of(again)[0]) != (before["status"], error_of(before)[0]):
            return False
        if any(each["committed"] for each in _between(before, again, entries)):
            return False
    # A new token, or going through a document from its start, is another run of the program.
    document_id = document_of(before)
    return not any(
        is_granted(each) or (is_accepted(each) and document_id and document_of(each) == document_id)
        for each in _between(before, again, own)
    )


def _between(first: Entry, last: Entry, entries: Sequence[Entry]) -> Iterator[Entry]:
    inside = False
    for each in entries:
        if each["id"] == last["id"]:
            return
        if inside:
            yield each
        inside = inside or each["id"] == first["id"]


def _follows_at_once(before: Entry, after: Entry) -> bool:
    return before["seen"] == "answer" and 0 <= moment(after) - moment(before) < _HURRIED_SECONDS


def _burst(client_id: str, hurried: Sequence[tuple[Entry, Entry]], what: str) -> Iterator[Finding]:
    if len(hurried) < _HURRIED:
        return
    if all(moment(before) == moment(after) for before, after in hurried):
        # A clock that stands still does not tell whether anybody waited.
        return
    ids = tuple(dict.fromkeys(after["id"] for _, after in hurried))
    seen = f"{client_id} {what}: {listed(ids)}."
    yield Finding("bursts", seen, ids, _WAIT, about=what)


def _is_read(entry: Entry) -> bool:
    return entry["operation"] == "documents.read" and not asks_for_retry(entry)


def _goes_on(run: Sequence[Entry], each: Entry) -> bool:
    return (
        bool(run)
        and each["operation"] == "documents.read"
        and document_of(each) == document_of(run[-1])
        and moment(each) - moment(run[-1]) < _POLLING_SECONDS
    )


def _polled(run: Sequence[Entry]) -> Finding:
    first, last = run[0]["id"], run[-1]["id"]
    seen = f"Document {document_of(run[0])} was read {len(run)} times in a row, from {first} to {last}."
    return Finding("polling", seen, tuple(each["id"] for each in run), _POLL)
