"""The checks of deduplication keys: the same request again, and another body under the same key."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.checks.subject import Broken, code_of, says_nothing, shown

if TYPE_CHECKING:
    from pytest_carrot.checks.knowing import Known
    from pytest_carrot.checks.subject import Subject

_WRITES: Final = ("documents.create", "events.append", "events.batch")
_POSSIBLE: Final = "409 conflictError, the original answer, or 400 validationError"
_MEANT: Final = {
    "conflict": "409 conflictError",
    "replay": "the original answer",
    "reject": "400 validationError",
}


def repeated_key_returns_the_original(subject: Subject, known: Known) -> bool | None:
    """A request that is sent again as it was, with its deduplicationId, gets the original answer, byte for byte."""
    if not _is_keyed(subject):
        return True
    again = subject.repeat()
    if says_nothing(again):
        return True
    if _same(again, subject.response):
        return None
    raise Broken(
        f"Expected the same request with the same deduplicationId to get the original answer, "
        f"{shown(subject.response)}; got {shown(again)}."
    )


def changed_body_obeys_the_semantics(subject: Subject, known: Known) -> bool | None:
    """Another body under a key that was processed is a conflict, a replay or rejected, and always the same."""
    if not _is_keyed(subject):
        return True
    answer = subject.repeat_with(_changed(subject.sent))
    if says_nothing(answer):
        return True
    seen = _meaning(answer, subject.response)
    switch = known.switch("dedup-changed-body")
    if seen is None or switch not in (None, seen):
        expected = _POSSIBLE if switch is None else f"{_MEANT[switch]} (dedup-changed-body is {switch})"
        raise Broken(
            f"Expected another body under a deduplicationId that was processed to get {expected}; got "
            f"{shown(answer)}."
        )
    with known.lock:
        first = known.changed_body = known.changed_body or seen
    if first != seen:
        raise Broken(
            f"Expected every changed body to get the same kind of answer, {_MEANT[first]} as before; got "
            f"{shown(answer)}."
        )
    return None


def _is_keyed(subject: Subject) -> bool:
    """Whether a write was accepted that has a key for all that it writes."""
    sent = subject.sent
    if subject.operation not in _WRITES or not subject.accepted or not isinstance(sent, dict):
        return False
    items = sent.get("events") if subject.operation == "events.batch" else [sent]
    return isinstance(items, list) and all(
        isinstance(each, dict) and isinstance(each.get("deduplicationId"), str) for each in items
    )


def _changed(sent: dict[str, Any]) -> dict[str, Any]:
    """Another body that is as valid: all that it writes is public where it was not."""
    body = deepcopy(sent)
    for each in body.get("events", [body]):
        each["isPublic"] = not each["isPublic"]
    return body


def _meaning(answer: Any, original: Any) -> str | None:
    """The value of the switch that an answer to a changed body stands for."""
    if answer.status_code == 409 and code_of(answer) == "conflictError":
        return "conflict"
    if answer.status_code == 400 and code_of(answer) == "validationError":
        return "reject"
    return "replay" if _same(answer, original) else None


def _same(one: Any, other: Any) -> bool:
    return bool(one.status_code == other.status_code and one.content == other.content)
