"""What was recorded in a workspace, and assertions about it: events, their order, their keys, their files."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pytest_carrot import comparison, difference, history, story
from pytest_carrot.table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_carrot.control import Control
    from pytest_carrot.difference import Difference
    from pytest_carrot.history import Entry, Moment, Record


_KINDS: Final = {
    "event.appended": "event",
    "document.created": "document",
    "attachment.declared": "declared file",
    "attachment.stored": "uploaded file",
}


class Ledger:
    """The ledger of a workspace: every record, oldest first. Records only come, none goes or changes.

    `start` is the position at which the test began; a fresh workspace begins at 0.
    """

    def __init__(self, control: Control, start: int = 0) -> None:
        self._control = control
        self._mark = start

    def records(self, document_id: str | None = None, *, since: int = 0) -> list[Record]:
        """The records, of one document or of all, after a position."""
        found = history.records(self._control, since)
        if document_id is None:
            return found
        return [each for each in found if each["documentId"] == document_id.lower()]

    def mark(self) -> int:
        """Remember this moment for `assert_unchanged`; gives the position, for `since`, `as_of` and `diff`."""
        newer = self.records(since=self._mark)
        self._mark = newer[-1]["position"] if newer else self._mark
        return self._mark

    def begin_anew(self, position: int = 0) -> None:
        """Set the mark anew: the ledger is empty again, or ends at a position."""
        self._mark = position

    def as_of(self, moment: Moment) -> list[Record]:
        """The records up to a position or a point in time, that one included."""
        return history.until(self.records(), moment)

    def diff(self, first: Moment, second: Moment) -> Difference:
        """What happened between two moments (positions, datetimes), or how two documents (ids) differ."""
        ids = [each for each in (first, second) if isinstance(each, str) and history.is_document_id(each)]
        if len(ids) == 1:
            raise TypeError("diff takes two moments or two ids of documents, not one of each.")
        if ids:
            for each in ids:
                story.known(self._control, each)
            return difference.of_documents(self._control, *ids)
        return difference.of_moments(self._control, first, second)

    # What was appended --------------------------------------------------------------------------------

    def assert_appended(self, document_id: str, names: Iterable[str], *, since: int = 0) -> None:
        """Integrators appended exactly these events to a document, in this order.

        The platform's own ACTOR and events that mirror a relation do not count. All of the document's events
        do, or with `since`, which `mark` gives, those after a position.
        """
        __tracebackhide__ = True
        if isinstance(names, str):
            raise TypeError(f"names is a list of names, such as [{names!r}], not a text.")
        expected = list(names)
        document_id = story.known(self._control, document_id)["id"]
        found = self._events(document_id, since)
        got = [each["event"]["name"] for each in found]
        if got == expected:
            return
        story.fail(
            self._control,
            f"Document {document_id} has other events than expected: expected "
            f"{story.several(len(expected), 'event')}, got {len(got)}{f' after position {since}' if since else ''}.",
            comparison.side_by_side(expected, got) if expected or got else "",
            self._elsewhere(document_id, set(expected) - set(got)),
            documents=[document_id],
            marked=[each["position"] for each in found if each["event"]["name"] not in expected],
        )

    def assert_count(
        self,
        count: int,
        *,
        document_id: str | None = None,
        name: str | None = None,
        kind: str = "event.appended",
    ) -> None:
        """Integrators appended so many events: of a document, of a name; or made so many other records.

        Kinds are `event.appended`, `document.created`, `attachment.declared` and `attachment.stored`.
        """
        __tracebackhide__ = True
        if kind not in _KINDS:
            raise ValueError(f"A kind is one of {', '.join(_KINDS)}, not {kind!r}.")
        if document_id is not None:
            document_id = story.known(self._control, document_id)["id"]
        of_kind = [
            each
            for each in self.records(document_id)
            if each["kind"] == kind and each["origin"] == "integrator"
        ]
        found = [each for each in of_kind if name is None or each["event"].get("name") == name]
        if len(found) == count:
            return
        what = f"{story.several(count, _KINDS[kind])}{f' named {name}' if name else ''}"
        story.fail(
            self._control,
            f"Expected {what}{f' of document {document_id}' if document_id else ''}, got {len(found)}.",
            "" if document_id else f"Every {_KINDS[kind]}:\n{story.recorded(of_kind)}",
            documents=[document_id] if document_id else (),
            marked=[each["position"] for each in found],
        )

    def assert_attribute(self, document_id: str, event_name: str, attribute_name: str, value: object) -> None:
        """An event of that name, of a document, has an attribute of that name with that value."""
        __tracebackhide__ = True
        document_id = story.known(self._control, document_id)["id"]
        expected = {"event": event_name, "attribute": attribute_name, "value": value}
        found = [
            (
                each,
                {"event": each["event"]["name"], "attribute": attribute["name"], "value": attribute["value"]},
            )
            for each in self._events(document_id)
            for attribute in each["event"].get("metadata", {}).get("attributes", ())
        ]
        if any(not comparison.differing(expected, each) for _, each in found):
            return
        named = [each for each in self._events(document_id) if each["event"]["name"] == event_name]
        having = [
            each for _, each in found if (each["event"], each["attribute"]) == (event_name, attribute_name)
        ]
        if not named:
            why = f"there is no event {event_name}"
        elif not having:
            why = "no such event has that attribute"
        else:
            why = (
                f"its value is {', '.join(json.dumps(each['value'], ensure_ascii=False) for each in having)}"
            )
        story.fail(
            self._control,
            f"Expected the attribute {attribute_name!r} of {event_name} of document {document_id} to be "
            f"{json.dumps(value, ensure_ascii=False, default=str)}, but {why}.",
            comparison.nearest_miss(
                expected,
                {
                    f"attribute {each['attribute']!r} of {each['event']} by {record['requestId']}": each
                    for record, each in found
                },
            ),
            documents=[document_id],
            marked=[each["position"] for each in named],
        )

    # What was done once, twice or not at all ------------------------------------------------------------

    def assert_exactly_once(self, deduplication_id: str) -> None:
        """The key has one effect in the ledger, and every request that succeeded under it was told of that one."""
        __tracebackhide__ = True
        effects = [each for each in self.records() if history.key_of(each) == deduplication_id]
        entries = history.lasting(history.entries(self._control, deduplicationId=deduplication_id))
        story_of_it = f"The requests with that key:\n{story.requests(entries)}"
        if not effects:
            story.fail(
                self._control,
                f"Nothing was recorded under the key {deduplication_id}: {_why_nothing(entries)}",
                story_of_it if entries else self._near_keys(deduplication_id),
                "\n".join(story.refusal(each) for each in entries if each.get("status", 0) >= 400),
                documents={each["documentId"]: 1 for each in entries if "documentId" in each},
            )
        if len(effects) > 1:
            story.fail(
                self._control,
                f"Expected the key {deduplication_id} to have one effect, got {len(effects)}: "
                f"{_in_words(effects)}.",
                story_of_it,
                documents={each["documentId"]: 1 for each in effects},
                marked=[each["position"] for each in effects],
            )
        told = [(each["id"], each_id) for each in entries for each_id in _told_ids(each, deduplication_id)]
        wrong = [(request, told_id) for request, told_id in told if told_id != effects[0]["event"]["id"]]
        if wrong:
            story.fail(
                self._control,
                f"The key {deduplication_id} has one effect, {_in_words(effects)}, but not all answers tell of it.",
                table(
                    ("request", "expected", "got"),
                    [[each, effects[0]["event"]["id"], got] for each, got in wrong],
                ),
                story_of_it,
                documents=[effects[0]["documentId"]],
                marked=[effects[0]["position"]],
            )

    def assert_unchanged(self, document_id: str | None = None) -> None:
        """Nothing was recorded, or nothing of a document, since `mark` or the test's start."""
        __tracebackhide__ = True
        if document_id is not None:
            document_id = story.known(self._control, document_id)["id"]
        new = self.records(document_id, since=self._mark)
        if new:
            since = f"position {self._mark}" if self._mark else "the start"
            story.fail(
                self._control,
                f"Expected nothing new since {since}, got {story.several(len(new), 'record')}: {_in_words(new)}.",
                documents={each["documentId"]: 1 for each in new},
                marked=[each["position"] for each in new],
            )

    def assert_no_duplicates(self, document_id: str | None = None) -> None:
        """No two events of a document are the same but for their id, key and time of recording.

        Without a document, no two documents are the same in that way either.
        """
        __tracebackhide__ = True
        alike: dict[str, list[Record]] = defaultdict(list)
        for each in self._theirs(document_id):
            alike[_content(each)].append(each)
        twice = [each for each in alike.values() if len(each) > 1]
        if not twice:
            return
        first, second, *_ = twice[0]
        story.fail(
            self._control,
            f"Recorded more than once: {'; '.join(map(_in_words, twice[:3]))}"
            f"{f', and {len(twice) - 3} more' if len(twice) > 3 else ''}. These differ in id and key alone, as when "
            "a client makes a new key for a retry.",
            "The second of them against the first:\n"
            + comparison.fields(
                _without_id(first),
                _without_id(second),
                ("first", "second"),
            ),
            documents={each["documentId"]: 1 for same in twice for each in same},
            marked=[each["position"] for same in twice for each in same],
        )

    def assert_every_event_has_a_key(self, document_id: str | None = None) -> None:
        """Every event of an integrator has a deduplicationId, and every document was created with one."""
        __tracebackhide__ = True
        without = [each for each in self._theirs(document_id) if not history.key_of(each)]
        if without:
            story.fail(
                self._control,
                f"Recorded without a deduplicationId: {_in_words(without)}. Sent again after a lost answer, these "
                "would be recorded twice.",
                documents={each["documentId"]: 1 for each in without},
                marked=[each["position"] for each in without],
            )

    def assert_attachments_uploaded(self, document_id: str | None = None) -> None:
        """There are files; each that was declared was uploaded, and an event names it."""
        __tracebackhide__ = True
        if document_id is not None:
            story.known(self._control, document_id)
        records = self.records(document_id)
        rows = _files(records)
        bad = [n for n, row in enumerate(rows) if "" in row[2:]]
        if rows and not bad:
            return
        documents = {each["documentId"]: 1 for each in records}
        if not rows:
            story.fail(self._control, "Expected attachments, but no file was declared.", documents=documents)
        story.fail(
            self._control,
            f"Of {story.several(len(rows), 'file')}, {len(bad)} {'was' if len(bad) == 1 else 'were'} not uploaded, "
            f"or no event names {'it' if len(bad) == 1 else 'them'}.",
            table(
                ("document", "file", "declared", "uploaded", "named by"),
                [[each or "never" for each in row] for row in rows],
                marked=bad,
            ),
            documents={each: 1 for each in documents if any(rows[n][0] == each[:8] for n in bad)},
        )

    # What they share ----------------------------------------------------------------------------------

    def _events(self, document_id: str, since: int = 0) -> list[Record]:
        return [each for each in self.records(document_id, since=since) if history.by_integrators(each)]

    def _theirs(self, document_id: str | None) -> list[Record]:
        """What integrators wrote, of one document or with the creation of documents of all."""
        if document_id is not None:
            return self._events(story.known(self._control, document_id)["id"])
        return [
            each
            for each in self.records()
            if history.by_integrators(each) or each["kind"] == "document.created"
        ]

    def _elsewhere(self, document_id: str, names: set[str]) -> str:
        """Where events that are missing on a document were appended instead."""
        lines = [
            f"  {each['event']['name']} by {each['requestId']}, to {each['documentId']}"
            for each in self.records()
            if history.by_integrators(each)
            and each["event"]["name"] in names
            and each["documentId"] != document_id
        ]
        return "\n".join(["Appended to another document:", *lines[:5]]) if lines else ""

    def _near_keys(self, wanted: str) -> str:
        from difflib import get_close_matches

        keys = [key for each in self.records() if (key := history.key_of(each))]
        near = get_close_matches(wanted, keys, n=3)
        return "\n".join(["The nearest keys in the ledger:", *(f"  {each}" for each in near)]) if near else ""


def _why_nothing(entries: Sequence[Entry]) -> str:
    if not entries:
        return "no request carried it."
    answers = ", ".join(f"{each['id']} was answered {story.answer(each)}" for each in entries[-3:])
    return f"{story.several(len(entries), 'request')} carried it; {answers}."


def _in_words(records: Sequence[Record]) -> str:
    told = [f"{story.happened(each)} by {each['requestId']}" for each in records[:4]]
    return ", ".join(told) + (f" and {len(records) - 4} more" if len(records) > 4 else "")


def _told_ids(entry: Entry, key: str) -> list[str]:
    """The ids of what was written under a key, as an answer tells them; empty where it refuses."""
    body = entry["response"]["body"]
    if not isinstance(body, dict) or entry.get("status", 0) >= 300:
        return []
    if "events" not in body:
        return [str(body[name]) for name in ("eventId", "id") if name in body][:1]
    failed = {each["index"] for each in body.get("errors", ())}
    good = [item for item in history.items(entry) if item.index not in failed]
    return [str(each["eventId"]) for item, each in zip(good, body["events"], strict=False) if item.key == key]


def _without_id(record: Record) -> dict[str, object]:
    left_out = {"id": None, "deduplicationId": history.key_of(record)}
    found = comparison.flat({**record["event"], **left_out})
    del found["id"]
    return found


def _content(record: Record) -> str:
    """What makes two records duplicates; of different documents only the documents themselves can be."""
    left_out = ("id", "deduplicationId", "createdAt")
    event = {name: value for name, value in record["event"].items() if name not in left_out}
    where = record["documentId"] if record["kind"] == "event.appended" else ""
    return history.canonical([record["kind"], where, event])


def _files(records: Sequence[Record]) -> list[list[str]]:
    """For each declared file: document, name, and the requests that declared, uploaded and named it."""
    rows: dict[str, list[str]] = {}
    for record in records:
        event = record["event"]
        if record["kind"] == "attachment.declared":
            rows.setdefault(event["id"], [record["documentId"][:8], event["fileName"], "", "", ""])
            rows[event["id"]][2] = record["requestId"]
        elif record["kind"] == "attachment.stored":
            rows[event["id"]][3] = record["requestId"]
        for named in event.get("attachments", ()) if record["kind"] == "event.appended" else ():
            rows[named["attachmentId"]][4] = f"{event['name']} {record['requestId']}"
    return list(rows.values())
