"""The history of a workspace as the control API gives it: its ledger, its journal and its documents, typed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypedDict, cast
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_carrot.control import Control

    Moment = int | str | datetime

# What goes wrong here is about what the test asked: its traceback ends there.
__tracebackhide__ = True

KEYED: Final = ("documents.create", "events.append", "events.batch")
"""The operations whose requests carry deduplication keys."""


class Verdict(TypedDict):
    """What a deduplication key met; `index` is its place in a batch."""

    key: str
    verdict: str
    index: NotRequired[int]


class Advisory(TypedDict):
    """What was not refused and should be known nevertheless."""

    code: str
    message: str
    requestId: NotRequired[str]


class Entry(TypedDict):
    """A request as the journal has it."""

    id: str
    at: str
    operation: str
    method: str
    path: str
    client: dict[str, str]
    phase: str
    status: NotRequired[int]
    seen: str
    committed: bool
    deduplication: list[Verdict]
    attempt: int
    fault: NotRequired[str | None]
    undone: NotRequired[bool]
    documentId: NotRequired[str]
    events: list[str]
    behaviours: list[str]
    advisories: list[Advisory]
    request: dict[str, Any]
    response: dict[str, Any]


class Record(TypedDict):
    """A line of the ledger."""

    position: int
    recordedAt: str
    documentId: str
    kind: str
    origin: str
    requestId: str
    event: dict[str, Any]


class Summary(TypedDict):
    """A document in a line."""

    id: str
    category: str
    type: str
    status: str
    dataSetName: str
    events: int
    currentValue: float


@dataclass(frozen=True)
class Item:
    """One thing that a request asks for: a document, an event, or an event of a batch (then with `index`).

    `body` has neither the key nor, of an event, the document, which is `target`.
    """

    key: str | None
    body: dict[str, Any]
    target: str
    index: int | None = None


def canonical(found: Any) -> str:
    """JSON that is the same for the same content: the order of keys and the spelling of numbers do not count."""
    return json.dumps(_plain_numbers(found), sort_keys=True)


def _plain_numbers(found: Any) -> Any:
    match found:
        case float() if found.is_integer():
            return int(found)
        case dict():
            return {name: _plain_numbers(each) for name, each in found.items()}
        case list():
            return [_plain_numbers(each) for each in found]
        case _:
            return found


def records(control: Control, since: int = 0) -> list[Record]:
    """The ledger after a position."""
    return cast("list[Record]", control.get("events", {"since": since}))


def entries(control: Control, **query: str | int) -> list[Entry]:
    """The journal, oldest first; `query` as the control API spells it."""
    return cast("list[Entry]", control.get("requests", query or None))


def lasting(found: Sequence[Entry]) -> list[Entry]:
    """The requests that led to the present state: without those that a restore has undone."""
    return [each for each in found if not each.get("undone")]


def documents(control: Control) -> list[Summary]:
    """All documents, oldest first."""
    return cast("list[Summary]", control.get("documents"))


def document(control: Control, document_id: str, at: Moment | None = None) -> dict[str, Any]:
    """A document as its creator reads it, now or as it was; raises ControlError when there is none."""
    query = None if at is None else {"at": spelled(at)}
    return cast("dict[str, Any]", control.get(f"documents/{quote(document_id, safe='')}", query))


def spelled(moment: Moment) -> str | int:
    """A position or a point in time as a query has it; raises ValueError for a time without a zone."""
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError(f"{moment} has no time zone: use datetime(..., tzinfo=UTC).")
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return moment


def until(found: Sequence[Record], moment: Moment) -> list[Record]:
    """The records up to a position or a point in time, that one included."""
    at = spelled(moment)
    if isinstance(at, int):
        return [each for each in found if each["position"] <= at]
    latest = datetime.fromisoformat(at)
    if latest.tzinfo is None:
        raise ValueError(f"{at} has no time zone: end it with Z or an offset.")
    return [each for each in found if datetime.fromisoformat(each["recordedAt"]) <= latest]


def by_integrators(record: Record) -> bool:
    """Whether an integrator appended this event: the platform's own and mirrored ones are not theirs."""
    return record["kind"] == "event.appended" and record["origin"] == "integrator"


def key_of(record: Record) -> str | None:
    """The deduplication key that a record was written under."""
    return record["event"].get("deduplicationId")


def items(entry: Entry) -> Iterator[Item]:
    """What a request with keys asks for; nothing of one whose body is no JSON object."""
    body = entry["request"]["body"]
    if entry["operation"] not in KEYED or not isinstance(body, dict):
        return
    if entry["operation"] != "events.batch":
        yield _item(body, entry.get("documentId", "") if entry["operation"] == "events.append" else "")
        return
    events = body.get("events")
    for index, event in enumerate(events if isinstance(events, list) else ()):
        if isinstance(event, dict):
            named = event.get("documentId") or event.get("targetDocumentId") or body.get("documentId")
            yield _item(event, str(named or "").lower(), index)


def document_of(entry: Entry) -> str:
    """The document that a request is about; of one that was refused early, the one it names."""
    return entry.get("documentId") or next((item.target for item in items(entry)), "")


def verdict(entry: Entry, key: str) -> str:
    """What a key met in a request; empty where the request was answered before its turn came."""
    return next((each["verdict"] for each in entry["deduplication"] if each["key"] == key), "")


def asks_for_retry(entry: Entry) -> bool:
    """Whether a client has to send this request again: 429, 5xx, a pending process, or no answer came."""
    status = entry.get("status", 0)
    return entry["seen"] != "answer" or status == 429 or status >= 500 or error_of(entry)[0] == PENDING


def error_of(entry: Entry) -> tuple[str, str]:
    """Code and messages of an answer that is an error, each empty where there is none."""
    body = entry["response"]["body"]
    if entry.get("status", 0) < 400 or not isinstance(body, dict):
        return "", ""
    errors = [each for each in body.get("errors") or () if isinstance(each, dict)]
    if not errors:
        # A gateway's short form, or OAuth's.
        return str(body.get("error", "")), str(body.get("error_description") or body.get("message") or "")
    return str(errors[0].get("code", "")), "; ".join(str(each.get("message", "")) for each in errors)


PENDING: Final = "PENDING_PROCESS_CONFLICT_ERROR"


def number(entry: Entry) -> int:
    """The number of a request: its id without the `r`."""
    return int(entry["id"].removeprefix("r"))


def is_document_id(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _item(sent: dict[str, Any], target: str, index: int | None = None) -> Item:
    key = sent.get("deduplicationId")
    left_out = (
        ("deduplicationId",) if index is None else ("deduplicationId", "documentId", "targetDocumentId")
    )
    body = {name: value for name, value in sent.items() if name not in left_out}
    return Item(key if isinstance(key, str) else None, body, target, index)
