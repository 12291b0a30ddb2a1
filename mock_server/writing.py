"""A write from its keys to its commit: what was done before is answered again, the rest happens at once.

The promise of the product is kept here: between looking up a deduplication key and the commit that claims it
nothing awaits, but for the `before_commit` phase, during which the key counts as in flight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import orjson
from msgspec import Struct

from mock_server import errors
from mock_server.errors import ApiError, Conflict, PendingProcess, Problem, ValidationFailed
from mock_server.ledger import Record, Remembered

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable, Sequence

    from mock_server.call import Answer, Call
    from mock_server.domain.acting import Act
    from mock_server.domain.deduplication import Verdict
    from mock_server.journal import Entry, Phase

    Hook = Callable[[Phase, Entry], Awaitable[None]]

Claim = tuple[str, str | None, bytes | None]  # scope, key, fingerprint


class Item(Struct, frozen=True, gc=False):
    """One thing to write, valid by the contract or with the `failure` that it is not.

    `operation` names the call and its document, as deduplication sees them; `target` is the document to write
    to; `pointer` is where the item stands in the body, and `index` its place in a batch.
    """

    body: dict[str, Any]
    operation: str
    key: str | None
    fingerprint: bytes | None
    target: str = ""
    pointer: str = ""
    index: int | None = None
    failure: ApiError | None = None


class Outcome(Struct, frozen=True, gc=False):
    """What became of an item: the id of what was written, now or before, and its document; or the error."""

    id: str
    document_id: str
    error: ApiError | None = None


class Write(Struct, frozen=True, gc=False):
    """A write operation: its items, how one is decided, and the answer to all outcomes.

    With `each` an item that fails does not keep the others from being written.
    """

    items: Sequence[Item]
    decide: Callable[[Act, Item, Claim], Outcome]
    answer: Callable[[Call, Sequence[Outcome]], Answer]
    each: bool = False


class Replayed(ApiError):
    """An answer that a key stands for: it has the very body of the first time."""

    def __init__(self, remembered: Remembered, *behaviours: str) -> None:
        super().__init__(remembered.message, *(behaviours or ("dedup-errors",)))
        self.remembered = remembered


class _Look(Struct, frozen=True, gc=False):
    """An item, what its key stands for already, and the scope of the key."""

    item: Item
    verdict: Verdict
    scope: str = ""
    known: Record | Remembered | None = None


_BEHAVIOURS = {
    "expired": ("dedup-lifetime",),
    "replay": ("dedup-original-answer", "dedup-lifetime"),
    "changed-body": ("dedup-changed-body", "dedup-lifetime"),
    "in-flight": ("dedup-in-flight",),
}


def at_once(call: Call, write: Write) -> Answer:
    """Carry a write out where nothing can come in between: no hook is set, and no key is in flight.

    Raises the error of the first item that fails or, with `each`, only when all fail.
    """
    looks, _ = _look_up(call, write.items)
    return write.answer(call, _commit(call, write, looks))


async def in_phases(call: Call, write: Write, hook: Hook | None) -> Answer:
    """Carry a write out; `hook` is awaited at `validated` and, unless all was done before, at `before_commit`
    and `committed`.

    A new key is in flight from before the first of these. Raises as `at_once` does.
    """
    entry = call.entry
    entry.phase = "validated"
    looks, busy = _look_up(call, write.items)
    if busy is not None:
        if hook is not None:
            await hook("validated", entry)
        looks = await _once_free(call, write.items)
    claimed = [
        (look.scope, look.item.key) for look in looks if look.known is None and look.item.key is not None
    ]
    for key in claimed:
        call.in_flight[key] = []
    try:
        if hook is not None:
            if busy is None:
                await hook("validated", entry)
            if any(look.known is None for look in looks):
                entry.phase = "before_commit"
                await hook("before_commit", entry)
        outcomes = _commit(call, write, looks)
    finally:
        for key in claimed:
            for waiter in call.in_flight.pop(key, ()):
                if not waiter.done():
                    waiter.set_result(None)
    if entry.committed:
        entry.phase = "committed"
        if hook is not None:
            await hook("committed", entry)
    return write.answer(call, outcomes)


# Keys -------------------------------------------------------------------------------------------------


def _look_up(call: Call, items: Sequence[Item]) -> tuple[list[_Look], _Look | None]:
    """What the keys of the items stand for, and one of them that is in flight."""
    looks = [_look(call, item) for item in items]
    busy = None
    call.entry.deduplication = verdicts = []
    for look in looks:
        if look.item.key is not None:
            verdicts.append((look.item.key, look.verdict, look.item.index))
            if look.verdict != "fresh":
                call.entry.behaviours += _BEHAVIOURS[look.verdict]
                busy = look if look.verdict == "in-flight" else busy
    return looks, busy


async def _once_free(call: Call, items: Sequence[Item]) -> list[_Look]:
    """What the keys of the items stand for, once none of them is in flight; raises PendingProcess."""
    while True:
        looks, busy = _look_up(call, items)
        if busy is None:
            return looks
        if call.semantics.dedup_in_flight == "pending":
            raise PendingProcess(
                f"A request with the deduplicationId {busy.item.key} is still being processed; send this one "
                "again in 2 to 5 seconds, unchanged.",
                "pending-process-conflict",
            )
        await _wait(call.in_flight[busy.scope, str(busy.item.key)])


def _look(call: Call, item: Item) -> _Look:
    key = item.key
    if key is None:
        return _Look(item, "fresh")
    scope = call.by.scope
    if call.semantics.dedup_scope == "operation":
        scope = f"{scope}/{item.operation}"
        call.entry.behaviours.append("dedup-scope")
    if (scope, key) in call.in_flight:
        return _Look(item, "in-flight", scope)
    known = call.ledger.claim(scope, key)
    if known is None or (isinstance(known, Remembered) and call.semantics.dedup_errors == "forget"):
        return _Look(item, "fresh", scope)
    lifetime = call.semantics.dedup_lifetime
    if lifetime is not None and call.workspace.clock.time() - known.recorded_at >= lifetime:
        return _Look(item, "expired", scope)
    return _Look(item, "replay" if known.fingerprint == item.fingerprint else "changed-body", scope, known)


async def _wait(waiters: list[Future[None]]) -> None:
    import asyncio

    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiters.append(waiter)
    await waiter


# Deciding and committing, without an await ---------------------------------------------------------------


def _commit(call: Call, write: Write, looks: Sequence[_Look]) -> list[Outcome]:
    call.check_world()
    entry = call.entry
    act = call.act()
    changes = act.changes
    if looks[0].item.index is None:
        outcomes = [_decide(call, act, write, looks[0], {})]
    else:
        outcomes = _decide_batch(call, act, write, looks)
    if changes.drafts:
        call.ledger.commit(changes, call.by.environment, entry.number)
        entry.committed = True
        entry.document_id = changes.drafts[0].document_id
        entry.events = [draft.event["id"] for draft in changes.drafts if draft.kind == "event.appended"]
    return outcomes


def _decide_batch(call: Call, act: Act, write: Write, looks: Sequence[_Look]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    written: dict[str, tuple[bytes | None, Outcome]] = {}
    for look in looks:
        try:
            outcomes.append(_decide(call, act, write, look, written))
        except ApiError as error:
            call.entry.behaviours.append("batch-atomicity")
            error.told_of(look.item.pointer)
            if not write.each:
                raise
            outcomes.append(Outcome("", "", error))
    if write.each and all(outcome.error is not None for outcome in outcomes):
        raise next(outcome.error for outcome in outcomes if outcome.error is not None)
    return outcomes


def _decide(
    call: Call, act: Act, write: Write, look: _Look, written: dict[str, tuple[bytes | None, Outcome]]
) -> Outcome:
    item = look.item
    if item.failure is not None:
        raise item.failure
    if look.known is not None:
        if look.verdict == "changed-body":
            if _is_other_operation(look.known, item):
                act.behaviours += ("dedup-scope", "dedup-other-operation")
            _check_changed(call, item)
        return _outcome_of(look.known, item)
    key = item.key
    if key is not None and key in written:
        act.behaviours.append("dedup-twice-in-batch")
        fingerprint, outcome = written[key]
        if fingerprint != item.fingerprint:
            _check_changed(call, item)
        return outcome
    # Where one failure fails all there is nothing to keep apart.
    inner = act.within(act.changes.layer()) if write.each else act
    try:
        outcome = write.decide(inner, item, (look.scope, key, item.fingerprint))
    except ApiError as error:
        _remember(call, look, error)
    if write.each:
        act.changes.absorb(inner.changes)
    if key is not None:
        written[key] = (item.fingerprint, outcome)
    return outcome


def _outcome_of(known: Record | Remembered, item: Item) -> Outcome:
    if isinstance(known, Remembered):
        raise Replayed(known)
    creates = known.kind == "document.created"
    if creates != (item.operation == "create"):
        if item.index is None:
            raise Replayed(_first_answer(known), "dedup-original-answer", "dedup-other-operation")
        pointer = f"{item.pointer}/deduplicationId"
        message = (
            f"{pointer} {item.key} was used before for another operation, whose answer does not fit this one. "
            "Use a new key for a new thing."
        )
        raise Conflict(message, "dedup-other-operation", problems=[Problem(message, pointer)])
    if creates:
        return Outcome(known.document_id, known.document_id)
    return Outcome(str(orjson.loads(known.event)["id"]), known.document_id)


def _first_answer(known: Record) -> Remembered:
    """The answer of the single call that wrote a record, for a call of another kind under its key."""
    document_id = known.document_id.encode()
    body = b'{"id":"%s"}' % document_id
    if known.kind != "document.created":
        event_id = orjson.loads(known.event)["id"].encode()
        body = b'{"documentId":"%s","eventId":"%s"}' % (document_id, event_id)
    return Remembered(known.recorded_at, known.fingerprint or b"", 201, "", "", body)


def _is_other_operation(known: Record | Remembered, item: Item) -> bool:
    """Whether a key stands for another call or document; of a remembered error that is not known."""
    if isinstance(known, Remembered):
        return False
    return (known.kind == "document.created") != (item.operation == "create") or (
        item.target not in ("", known.document_id)
    )


def _check_changed(call: Call, item: Item) -> None:
    """Raises what the semantics say of a key that comes with another body."""
    rule = call.semantics.dedup_changed_body
    if rule == "replay":
        return
    pointer = f"{item.pointer}/deduplicationId"
    message = (
        f"{pointer} {item.key} was used before with another body, for another operation or for another "
        "document; a key stands for one request. Send the first body again to get its answer, or use a new "
        "key for a new thing."
    )
    kind = ValidationFailed if rule == "reject" else Conflict
    raise kind(message, "dedup-changed-body", problems=[Problem(message, pointer)])


def _remember(call: Call, look: _Look, error: ApiError) -> NoReturn:
    """Raises the error, after keeping it under the key where the semantics say so."""
    item = look.item
    lasts = error.status in (403, 404) or isinstance(error, Conflict)
    if item.key is None or item.fingerprint is None or not lasts:
        raise error
    call.entry.behaviours.append("dedup-errors")
    if call.semantics.dedup_errors == "forget":
        raise error
    now = call.workspace.clock.time()
    body = errors.body(
        error, call.workspace.answer_ids.short, now, gateway=call.semantics.edge_errors == "gateway"
    )
    remembered = Remembered(now, item.fingerprint, error.status, error.code or "", error.message, body)
    call.ledger.remember(look.scope, item.key, remembered)
    raise Replayed(remembered) from error
