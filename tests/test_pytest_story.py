"""Timelines, requests and the nearest miss as a CI log shows them."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_carrot import comparison, story, table
from pytest_carrot.history import Entry, Record, Summary

ID = "17c13afa-c535-4b50-aa55-4b3d9b4f3a85"
OPEN: Summary = {
    "id": ID,
    "category": "MassID",
    "type": "Organic",
    "status": "OPEN",
    "dataSetName": "TEST",
    "events": 3,
    "currentValue": 12.5,
}


def record(position: int, name: str, request: str, **changes: Any) -> Record:
    event = {"id": f"e{position}", "name": name, "externalCreatedAt": "2026-02-01T09:00:00.000Z"}
    return {
        "position": position,
        "recordedAt": f"2026-03-01T12:00:{position % 60:02}.000Z",
        "documentId": ID,
        "kind": changes.pop("kind", "event.appended"),
        "origin": changes.pop("origin", "integrator"),
        "requestId": request,
        "event": {**event, **changes},
    }


def entry(number: str, key: str | None = None, **changes: Any) -> Entry:
    named = {} if key is None else {"deduplicationId": key}
    found: Any = {
        "id": number,
        "at": f"2026-03-01T12:00:{int(number[1:]):02}.250Z",
        "operation": "events.append",
        "method": "POST",
        "path": f"/documents/{ID}/events",
        "client": {},
        "phase": "responding",
        "status": 201,
        "seen": "answer",
        "committed": True,
        "deduplication": [{"key": key, "verdict": "fresh"}] if key else [],
        "attempt": 1,
        "documentId": ID,
        "events": [],
        "behaviours": [],
        "advisories": [],
        "request": {"headers": {}, "body": {"name": "Weighing", **named}},
        "response": {"headers": {}, "body": None},
        **changes,
    }
    return found  # type: ignore[no-any-return]  # made of parts


def said(code: str, message: str) -> dict[str, Any]:
    return {"headers": {}, "body": {"errors": [{"code": code, "message": message}]}}


RECORDS = [
    record(
        1, "", "r2", kind="document.created", category="MassID", currentValue=12.5, deduplicationId="run-7/d"
    ),
    record(2, "ACTOR", "r2", origin="platform", label="Network"),
    record(3, "", "r3", kind="attachment.stored", fileName="a-very-long-name.pdf"),
    record(4, "Weighing", "r5", value=12.5, deduplicationId="run-7/weighing"),
    record(5, "Rain", "r99"),
]
ENTRIES = [
    entry("r2", "run-7/d", operation="documents.create"),
    entry("r3", operation="storage.put"),
    entry("r4", "run-7/weighing", status=429, deduplication=[], committed=False),
    entry("r5", "run-7/weighing", attempt=2, seen="reset", fault="f1"),
    entry("r6", "run-7/weighing", deduplication=[{"key": "run-7/weighing", "verdict": "replay"}], attempt=3),
    entry("r7", "run-7/rain", status=409, response=said("conflictError", "Not now.\nReally.")),
]


def as_text(told: str) -> str:
    return f"\n{told}\n"


def test_a_timeline_tells_of_request_attempt_verdict_and_fault() -> None:
    assert (
        as_text(story.timeline(RECORDS, ENTRIES, ID, OPEN, marked=[4]))
        == f"""
Timeline of document {ID} (OPEN, value 12.5):
    #  event            value  when (UTC)        by   try  answer  key        verdict  fault
    1  created: MassID   12.5  2026-02-01 09:00  r2     1  -       ~d         fresh    -
    2  ACTO...etwork)*      -  2026-02-01 09:00  r2     1  -       -          -        -
    3  uplo....ame.pdf      -  2026-02-01 09:00  r3     1  -       -          -        -
  > 4  Weighing          12.5  2026-02-01 09:00  r5     2  reset   ~weighing  fresh    f1
    5  Rain                 -  2026-02-01 09:00  r99    -  -       no key     -        -
  "~" in a key stands for "run-7/".
  * the platform's own, or the mirror of an event on another document
Sent more than once:
  ~weighing: r4 429, r5 201 (reset) fresh, r6 201 replay
"""
    )


def test_requests_as_a_table() -> None:
    assert (
        as_text(story.requests(ENTRIES, marked=["r4"]))
        == """
    id    at  operation         about     answer             try  key        verdict  fault
    r2  0.00  documents.create  Weighing  201                  1  ~d         fresh    -
    r3  1.00  storage.put       -         201                  1  -          -        -
  > r4  2.00  events.append     Weighing  429                  1  ~weighing  -        -
    r5  3.00  events.append     Weighing  201 (reset)          2  ~weighing  fresh    f1
    r6  4.00  events.append     Weighing  201                  3  ~weighing  replay   -
    r7  5.00  events.append     Weighing  409 conflictError    1  ~rain      fresh    -
  "~" in a key stands for "run-7/".
"""
    )
    assert story.requests([]) == "  none"


def test_what_was_refused_or_lost() -> None:
    unanswered = entry("r8", "k", seen="closed")
    del unanswered["status"]
    assert (
        as_text(story.refusals([*ENTRIES, unanswered], ID))
        == """
What was refused or lost there:
  r4 events.append Weighing was answered 429.
  r5 events.append Weighing was answered 201 (reset).
  r7 events.append Weighing was answered 409 conflictError: Not now.\\nReally.
  r8 events.append Weighing got no answer (closed).
"""
    )
    assert story.refusals(ENTRIES[:2], ID) == ""


def test_a_batch_and_an_unknown_path() -> None:
    items = [{"name": "A", "deduplicationId": "a"}, {"name": "B", "deduplicationId": "b"}, {"name": "C"}]
    verdicts: list[Any] = [{"key": "a", "verdict": "replay"}, {"key": "b", "verdict": "fresh"}]
    body = {"headers": {}, "body": {"documentId": ID, "events": items}}
    batch = entry("r1", operation="events.batch", request=body, deduplication=verdicts)
    told = story.requests([batch, entry("r2", operation="*", method="GET", path="/nowhere?a=1", status=404)])
    assert "3 events" in told
    assert "a +2" in told
    assert "1 replay, 1 fresh" in told
    assert "GET /nowhere " in told


def test_a_long_timeline_is_shortened_in_the_middle() -> None:
    records = [record(n, f"Event {n}", f"r{n}") for n in range(1, 201)]
    told = [" ".join(each.split()) for each in story.timeline(records, [], ID, marked=[100]).splitlines()]
    assert len(told) == 31
    assert told[12] == "... 89 more ..."
    assert told[13].startswith("> 100 Event 100 ")
    assert told[14] == "... 84 more ..."
    assert told[-1].startswith("200 Event 200 ")


def test_a_document_without_records() -> None:
    assert story.timeline([], [], ID) == f"Document {ID} has no record."


def test_a_key_that_was_sent_very_often_is_told_in_short() -> None:
    often = [entry(f"r{n}", "run-7/d") for n in range(1, 21)]
    told = " ".join(story.timeline(RECORDS, often, ID).splitlines()[-2:])
    assert told == (
        "  ~d: r1 201 fresh, r2 201 fresh, r3 201 fresh, ... 15 more ..., r19 201 fresh, r20 201       fresh"
    )


def test_of_many_keys_that_were_sent_again_some_are_told() -> None:
    records = [record(n, "A", f"r{n}", deduplicationId=f"runner-{n:03}") for n in range(1, 13)]
    twice = [entry(f"r{n + more}", f"runner-{n:03}") for more in (0, 20) for n in range(1, 13)]
    told = story.timeline(records, twice, ID).splitlines()
    assert told[-2:] == ["  ~008: r8 201 fresh, r28 201 fresh", "  ... 4 more ..."]


# Tables -----------------------------------------------------------------------------------------------


def test_a_table_fits_the_width_and_stays_on_its_lines() -> None:
    told = table.table(("id", "name", "none"), [["r1", "long " * 40, ""], ["r2", "a\nb\x1b[31m", ""]])
    assert told.splitlines()[0] == "  id  name"
    assert told.splitlines()[1].startswith("  r1  long long ")
    assert "..." in told
    assert told.splitlines()[2] == r"  r2  a\nb\x1b[31m"
    assert max(map(len, told.splitlines())) <= table.WIDTH


def test_what_is_cut_is_cut_in_the_middle() -> None:
    assert table.clip("0123456789", 10) == "0123456789"
    assert table.clip("0123456789abc", 10) == "012...9abc"


# The nearest miss -------------------------------------------------------------------------------------


def test_the_nearest_miss_differs_in_the_fewest_fields() -> None:
    candidates = {
        "r1": {"event": "Weighing", "attribute": "Net Weight", "value": 12},
        "r2": {"event": "Pick-up", "attribute": "Net Weight", "value": 13},
        "r3": {"event": "Weighing"},
    }
    expected = {"event": "Weighing", "attribute": "Net Weight", "value": 13}
    assert (
        as_text(comparison.nearest_miss(expected, candidates))
        == """
Nearest miss: r1
  field  expected  got
  value        13   12
  the other 2 are the same
"""
    )
    assert comparison.nearest_miss(expected, {}) == ""
    assert comparison.nearest_miss(
        {"name": "Weighing"}, {"a": {"name": "Rain"}, "b": {"name": "WEIGHING"}}
    ) == ('Nearest miss: b\n  field  expected    got\n  name   "Weighing"  "WEIGHING"')


def test_fields_that_are_absent_and_fields_that_are_the_same() -> None:
    assert comparison.fields({"a": 1.0, "b": None}, {"a": 1}) == (
        "  field  expected  got\n  b      null      absent\n  the other one is the same"
    )
    assert comparison.fields({"a": 1}, {"a": 1}) == "  all the same"


@pytest.mark.parametrize(
    ("found", "flat"),
    [
        ({"a": {"b": 1}, "c": [1, 2]}, {"a.b": 1, "c[0]": 1, "c[1]": 2}),
        ({"a": [{"name": "X", "v": 1}]}, {"a[X].name": "X", "a[X].v": 1}),
        ({"a": [{"name": "X"}, {"name": "X"}]}, {"a[0].name": "X", "a[1].name": "X"}),
        ({"a": {}, "b": []}, {"a": {}, "b": []}),
    ],
)
def test_json_on_one_level(found: Any, flat: dict[str, Any]) -> None:
    assert comparison.flat(found) == flat


@pytest.mark.parametrize(
    ("expected", "got", "notes"),
    [
        (["A", "B"], ["A", "B"], ["", ""]),
        (["A"], [], ["missing"]),
        ([], ["A"], ["unexpected"]),
        (["PICK_UP"], ["Pick-up"], ["spelled otherwise"]),
        (["A", "B"], ["B", "A"], ["in another place", "", "in another place"]),
        (["A", "B"], ["A", "C"], ["", "missing", "unexpected"]),
    ],
)
def test_names_side_by_side(expected: list[str], got: list[str], notes: list[str]) -> None:
    told = comparison.side_by_side(expected, got).splitlines()[1:]
    assert len(told) == len(notes)
    for one, note in zip(told, notes, strict=True):
        assert one.endswith(note)
        assert (">" in one) == bool(note)
