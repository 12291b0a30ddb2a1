"""How a failed assertion tells what happened: the timelines of documents, and requests."""

from __future__ import annotations

from datetime import datetime
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pytest_carrot import history
from pytest_carrot.table import clip, table, wrapped

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_carrot.control import Control
    from pytest_carrot.history import Entry, Record, Summary

_LEGEND: Final = "  * the platform's own, or the mirror of an event on another document"
_TIMELINES: Final = 3
_REFUSALS: Final = 5
_REPEATED: Final = 8


def fail(
    control: Control,
    sentence: str,
    *parts: str,
    documents: Iterable[str] = (),
    marked: Collection[int] = (),
) -> NoReturn:
    """Raise AssertionError: the sentence, the parts, and the timelines of the documents it is about.

    `marked` are the positions of the records that the failure is about. After a timeline comes what was
    refused on its document, as that is often why something is missing.
    """
    __tracebackhide__ = True
    told = [wrapped(sentence, taken=len("AssertionError: ")), *parts]
    wanted = list(dict.fromkeys(documents))
    if wanted:
        records, entries = history.records(control), history.entries(control)
        summaries = {each["id"]: each for each in history.documents(control)}
        for document_id in wanted[:_TIMELINES]:
            told.append(timeline(records, entries, document_id, summaries.get(document_id), marked=marked))
            told.append(refusals(entries, document_id))
        if len(wanted) > _TIMELINES:
            told.append(f"And {len(wanted) - _TIMELINES} more documents.")
    raise AssertionError("\n\n".join(filter(None, told)))


def known(control: Control, document_id: str) -> Summary:
    """The line of a document; fails with a list of those that there are when it is not among them."""
    __tracebackhide__ = True
    there = history.documents(control)
    found = next((each for each in there if each["id"] == document_id.lower()), None)
    if found is None:
        fail(
            control, f"There is no document {document_id} in this workspace.", listed(there), created(control)
        )
    return found


def created(control: Control) -> str:
    """The requests for new documents, where none of them made one; else nothing."""
    found = history.entries(control, operation="documents.create")
    if not found or any(each["committed"] for each in found):
        return ""
    return f"The requests for documents:\n{requests(found)}"


def listed(documents: Sequence[Summary]) -> str:
    """Documents as a table."""
    if not documents:
        return "There is no document at all."
    rows = [
        [
            each["id"],
            each["category"],
            each["type"],
            each["status"],
            _amount(each["currentValue"]),
            str(each["events"]),
            each["dataSetName"],
        ]
        for each in documents
    ]
    columns = ("id", "category", "type", "status", "value", "events", "env")
    return f"The documents:\n{table(columns, rows, elastic=('type',))}"


# A timeline -------------------------------------------------------------------------------------------


def timeline(
    records: Sequence[Record],
    entries: Sequence[Entry],
    document_id: str,
    summary: Summary | None = None,
    *,
    marked: Collection[int] = (),
) -> str:
    """All records of a document: event, value, when, by which request and attempt, verdict, fault.

    Below are the keys that came in several requests, with what became of each.
    """
    own = [each for each in records if each["documentId"] == document_id]
    if not own:
        return f"Document {document_id} has no record."
    by_id = {each["id"]: each for each in entries}
    keys = _Keys(key for each in own if (key := history.key_of(each)))
    rows = [_record(each, by_id.get(each["requestId"]), keys) for each in own]
    columns = ("#", "event", "value", "when (UTC)", "by", "try", "answer", "key", "verdict", "fault")
    here = [place for place, each in enumerate(own) if each["position"] in marked]
    state = "" if summary is None else f" ({summary['status']}, value {_amount(summary['currentValue'])})"
    told = [
        f"Timeline of document {document_id}{state}:",
        table(columns, rows, marked=here, elastic=("key",)),
        keys.note,
        _LEGEND if any(each["origin"] != "integrator" for each in own) else "",
        _repeated(own, entries, keys),
    ]
    return "\n".join(filter(None, told))


def recorded(records: Sequence[Record], signs: Sequence[str] = ()) -> str:
    """Records of any documents as a table, each with a sign in front where there are signs."""
    if not records:
        return "  none"
    rows = [
        [
            sign,
            str(each["position"]),
            each["documentId"][:8],
            happened(each),
            _value(each),
            _short_time(each["event"].get("externalCreatedAt", "")),
            each["requestId"],
            history.key_of(each) or "",
        ]
        for sign, each in zip(signs or [""] * len(records), records, strict=True)
    ]
    return table(("", "#", "document", "event", "value", "when (UTC)", "by", "key"), rows, elastic=("key",))


def _record(record: Record, entry: Entry | None, keys: _Keys) -> list[str]:
    event, key = record["event"], history.key_of(record)
    theirs = record["origin"] == "integrator" and not record["kind"].startswith("attachment.")
    return [
        str(record["position"]),
        happened(record),
        _value(record),
        _short_time(event.get("externalCreatedAt", "")),
        record["requestId"],
        "" if entry is None else str(entry["attempt"]),
        _unusual_answer(entry),
        keys.short(key) if key else ("no key" if theirs else ""),
        "" if entry is None or key is None else history.verdict(entry, key),
        "" if entry is None else entry.get("fault") or "",
    ]


def happened(record: Record) -> str:
    """The event with its label, or what else a record tells of."""
    event = record["event"]
    if record["kind"] == "event.appended":
        label = f" ({event['label']})" if event.get("label") else ""
        return f"{event['name']}{label}{'' if record['origin'] == 'integrator' else '*'}"
    what = record["kind"].rpartition(".")[2]
    name = event["category"] if what == "created" else clip(event["fileName"], 14)
    return f"{'uploaded' if what == 'stored' else what}: {name}"


def _value(record: Record) -> str:
    event = record["event"]
    return _amount(event.get("value", event.get("currentValue") or None))


def _repeated(records: Sequence[Record], entries: Sequence[Entry], keys: _Keys) -> str:
    """The keys of records that more than one request carried, a line each; empty when there are none."""
    own = {key for each in records if (key := history.key_of(each))}
    uses: dict[str, list[Entry]] = {}
    for entry in entries:
        for key in dict.fromkeys(item.key for item in history.items(entry) if item.key in own):
            uses.setdefault(str(key), []).append(entry)
    lines = [
        line(f"  {keys.short(key)}: {_one_after_the_other(key, carriers)}")
        for key, carriers in uses.items()
        if len(carriers) > 1
    ]
    if len(lines) > _REPEATED:
        lines[_REPEATED:] = [f"  ... {len(lines) - _REPEATED} more ..."]
    return "\n".join(["Sent more than once:", *lines]) if lines else ""


def _one_after_the_other(key: str, entries: Sequence[Entry]) -> str:
    told = [f"{each['id']} {answer(each)} {history.verdict(each, key)}".rstrip() for each in entries]
    if len(told) > 6:
        told[3:-2] = [f"... {len(told) - 5} more ..."]
    return ", ".join(told)


class _Keys:
    """Deduplication keys without the beginning that all of a timeline have in common."""

    def __init__(self, keys: Iterable[str]) -> None:
        different = sorted(set(keys))
        common = _common(different[0], different[-1]) if len(different) > 1 else ""
        # Only whole parts of a key are left out.
        self._prefix = common[: max(common.rfind(each) for each in "-_:/.") + 1]
        if len(self._prefix) < 6:
            self._prefix = ""

    @property
    def note(self) -> str:
        return f'  "~" in a key stands for "{self._prefix}".' if self._prefix else ""

    def short(self, key: str) -> str:
        return f"~{key.removeprefix(self._prefix)}" if self._prefix and key.startswith(self._prefix) else key


def _common(one: str, other: str) -> str:
    """What two texts have in common at their beginning; of a sorted list, that of the first and the last."""
    return "".join(
        left for left, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    )


# Requests ---------------------------------------------------------------------------------------------


def requests(entries: Sequence[Entry], *, marked: Collection[str] = ()) -> str:
    """Requests as a table; `marked` are ids of the ones that a failure is about.

    `at` is in seconds after the first of them, `try` what the journal counts: requests with that key or body.
    """
    if not entries:
        return "  none"
    documents = {history.document_of(each) for each in entries} - {""}
    keys = _Keys(item.key for each in entries for item in history.items(each) if item.key)
    columns = ("id", "at", "operation", "about", "document", "answer", "try", "key", "verdict", "fault")
    rows = [
        [
            each["id"],
            f"{_seconds(each) - _seconds(entries[0]):.2f}",
            each["operation"],
            about(each),
            history.document_of(each)[:8] if len(documents) > 1 else "",
            answer(each),
            str(each["attempt"]),
            _key(each, keys),
            _verdicts(each),
            each.get("fault") or "",
        ]
        for each in entries
    ]
    here = [place for place, each in enumerate(entries) if each["id"] in marked]
    told = table(columns, rows, marked=here, elastic=("about", "answer", "key"))
    return f"{told}\n{keys.note}" if keys.note else told


def about(entry: Entry) -> str:
    """What a request is about: the event, the category of the document, the file, or the path."""
    body = entry["request"]["body"]
    if entry["operation"] == "events.batch":
        return f"{sum(1 for _ in history.items(entry))} events"
    if entry["operation"] in history.KEYED and isinstance(body, dict):
        return str(body.get("name", body.get("category", "")))
    path = entry["path"].partition("?")[0]
    if entry["operation"].startswith("attachments."):
        return path.rpartition("/")[2]
    return f"{entry['method']} {path}" if entry["operation"] == "*" else ""


def answer(entry: Entry) -> str:
    """Status and code of an answer, and what became of it where the client did not see it whole."""
    code = history.error_of(entry)[0]
    told = f"{entry.get('status', 'no answer')} {'pending' if code == history.PENDING else code}".rstrip()
    return told if entry["seen"] == "answer" else f"{told} ({entry['seen']})"


def refusals(entries: Sequence[Entry], document_id: str) -> str:
    """What was refused on a document and why, or got no answer, the newest last; empty when nothing was."""
    refused = [
        each
        for each in entries
        if history.document_of(each) == document_id
        and (each.get("status", 0) >= 400 or each["seen"] != "answer")
    ]
    if not refused:
        return ""
    lines = [refusal(each) for each in refused[-_REFUSALS:]]
    more = f" (the last {_REFUSALS} of {len(refused)})" if len(refused) > _REFUSALS else ""
    lost = "" if all(each["seen"] == "answer" for each in refused) else " or lost"
    return "\n".join([f"What was refused{lost} there{more}:", *lines])


def refusal(entry: Entry) -> str:
    """A refused request in a sentence."""
    said = history.error_of(entry)[1]
    told = f"  {entry['id']} {entry['operation']} {about(entry)}".rstrip()
    verb = "was answered" if "status" in entry else "got"
    return line(f"{told} {verb} {answer(entry)}{f': {said}' if said else '.'}")


def _unusual_answer(entry: Entry | None) -> str:
    """What the client saw of a request that did something, where that is no success."""
    if entry is None or (entry["seen"] == "answer" and entry.get("status", 0) < 300):
        return ""
    return str(entry.get("status")) if entry["seen"] == "answer" else entry["seen"]


def _seconds(entry: Entry) -> float:
    return datetime.fromisoformat(entry["at"]).timestamp()


def _key(entry: Entry, keys: _Keys) -> str:
    carried = [item.key for item in history.items(entry)]
    if not carried:
        return ""
    first = keys.short(carried[0]) if carried[0] else "no key"
    return first if len(carried) == 1 else f"{first} +{len(carried) - 1}"


def _verdicts(entry: Entry) -> str:
    found = [each["verdict"] for each in entry["deduplication"]]
    if len(found) < 2:
        return "".join(found)
    return ", ".join(f"{found.count(each)} {each}" for each in dict.fromkeys(found))


# Values in cells --------------------------------------------------------------------------------------


def _amount(found: Any) -> str:
    return "" if found is None else f"{found:.15g}" if isinstance(found, float) else str(found)


def _short_time(moment: str) -> str:
    """`2026-02-01 09:00` of `2026-02-01T09:00:00.000Z`: zeros at the end say nothing."""
    return moment.replace("T", " ").removesuffix("Z").removesuffix(".000").removesuffix(":00")


def several(count: int, one: str, more: str | None = None) -> str:
    """`1 event`, `2 events`."""
    return f"{count} {one if count == 1 else more or one + 's'}"


def line(text: str) -> str:
    """An item of a list, in lines of the width."""
    return wrapped(text, "      ")
