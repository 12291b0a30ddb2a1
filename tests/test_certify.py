"""The retry-contract certificate: judges on journals made by hand, and whole runs of clients that wait in no time."""

from __future__ import annotations

import itertools
import json
import re
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner

from pytest_carrot.certifying import (
    aborting,
    bands,
    flow,
    going_live,
    limiting,
    papers,
    retrying,
    running,
    screen,
    tokens,
    uploading,
    wording,
)
from pytest_carrot.certifying.certificate import Certificate, Judged
from pytest_carrot.certifying.finding import Finding, fails, holds, not_applicable
from pytest_carrot.certifying.flow import Run, Struck, Target
from pytest_carrot.certifying.kinds import Concluding, Fault, Striking
from pytest_carrot.certifying.rows import ROWS
from pytest_carrot.commands.certify import certify as command
from pytest_carrot.flows import Ended
from pytest_carrot.handle import Carrot
from pytest_carrot.history import Entry, Summary
from pytest_carrot.reporting import redacting
from pytest_carrot.worlds import Worlds

ROOT = Path(__file__).parent.parent
CLIENTS = ROOT / "docs" / "examples" / "sweep"
WELL = Ended(True, 0)
BADLY = Ended(False, 1)
ENDLESS = Ended(False, -9, timed_out=True)
DOCUMENT_ID = "7d0b6f7a-0f6e-4c0a-9f57-2f2f4f3c1a90"


def entry(number: int, operation: str = "events.append", at: float = 0.0, **more: Any) -> Entry:
    """A request of a journal, `at` seconds after the first, answered 201 unless said otherwise."""
    path = {
        "documents.create": "/documents",
        "documents.read": f"/documents/{DOCUMENT_ID}",
        "events.append": f"/documents/{DOCUMENT_ID}/events",
        "token": "/oauth2/token",
        "attachments.upload": f"/documents/{DOCUMENT_ID}/attachments/a.pdf",
        "storage.put": f"/_storage/carrot/{DOCUMENT_ID}/7",
    }[operation]
    status = more.get("status", 201)
    committed = more.get("committed", status == 201)
    body = dict(more.get("body", {"name": "PICK_UP"}))
    if (key := more.get("key", "k")) is not None:
        body["deduplicationId"] = key
    moment = datetime(2026, 7, 1, 12, tzinfo=UTC) + timedelta(seconds=at)
    found = {
        "id": f"r{number}",
        "at": moment.isoformat(timespec="milliseconds"),
        "operation": operation,
        "method": "PUT" if "put" in operation or "upload" in operation else "POST",
        "path": path,
        "client": more.get("client", {"clientId": "c", "integrator": "a", "environment": "TEST"}),
        "phase": "responding",
        "status": status,
        "seen": more.get("seen", "answer"),
        "committed": committed,
        "deduplication": [],
        "attempt": 1,
        "documentId": DOCUMENT_ID,
        "events": ["e"] if committed and operation == "events.append" else [],
        "behaviours": more.get("behaviours", []),
        "advisories": more.get("advisories", []),
        "request": {
            "headers": more.get("headers", {}),
            "body": body if operation in ("documents.create", "events.append") else None,
        },
        "response": {"headers": {}, "body": None},
    }
    if "fault" in more:
        found["fault"] = more["fault"]
    return cast("Entry", found)


def token(number: int, at: float = 0.0, **more: Any) -> Entry:
    return entry(
        number, "token", at, **{"status": 200, "headers": {"Authorization": "Basic [redacted]"}, **more}
    )


def run(*entries: Entry, ended: Ended = WELL) -> Run:
    return Run(ended, entries, fault="f1")


def struck(*entries: Entry, ended: Ended = WELL, twins: int = 0, clean: Run | None = None) -> Struck:
    """A run whose first request was struck."""
    target = Target(2, entries[0]["operation"], "POST …/events (PICK_UP)", twins)
    calm = clean or run(entry(1))
    return Struck(calm, run(*entries, ended=ended), target, entries[0])


def tries(*waits: float, status: int = 503, last: int | None = None, keys: Sequence[str] = ()) -> list[Entry]:
    """One call again and again, with these waits between."""
    moments = [0.0, *itertools.accumulate(waits)]
    statuses = [status] * (len(moments) - 1) + [status if last is None else last]
    named = keys or ["k"] * len(moments)
    return [
        entry(place, at=at, status=each, key=key)
        for place, (at, each, key) in enumerate(zip(moments, statuses, named, strict=True), 1)
    ]


def outcome(finding: Finding) -> tuple[str, str | None]:
    return finding.verdict, finding.cause


HOLDS = ("holds", None)


# Answers that end a call ------------------------------------------------------------------------------


def test_a_refused_call_that_is_not_sent_again_holds_whatever_else_the_command_does() -> None:
    other = entry(2, key="other", body={"name": "WEIGHING"})
    for ended in (WELL, BADLY):
        assert outcome(aborting.aborted(struck(entry(1, status=400), other, ended=ended))) == HOLDS


@pytest.mark.parametrize("key", ["k", "new", None])
def test_a_refused_call_that_is_sent_again_fails_under_any_key(key: str | None) -> None:
    finding = aborting.aborted(struck(entry(1, status=400), entry(2, at=1.5, key=key)))
    assert outcome(finding) == ("fails", "retried-abort")
    assert "1.50 s later" in finding.evidence
    assert [each["id"] for each in finding.requests] == ["r1", "r2"]


def test_a_new_moment_makes_no_other_call_of_it() -> None:
    first = entry(1, status=422, body={"name": "PICK_UP", "externalCreatedAt": "2026-07-01T12:00:00Z"})
    again = entry(2, key="new", body={"name": "PICK_UP", "externalCreatedAt": "2026-07-01T12:00:09Z"})
    assert outcome(aborting.aborted(struck(first, again))) == ("fails", "retried-abort")


@pytest.mark.parametrize("key", ["k", "another"])
def test_what_the_flow_itself_asks_for_twice_is_no_retry(key: str) -> None:
    twin = struck(entry(1, status=400), entry(2, key=key), twins=1)
    assert outcome(aborting.aborted(twin)) == HOLDS
    thrice = struck(entry(1, status=400), entry(2, key=key), entry(3, key=key), twins=1)
    assert outcome(aborting.aborted(thrice)) == ("fails", "retried-abort")


def test_a_command_that_hangs_after_a_refusal_fails() -> None:
    finding = aborting.aborted(struck(entry(1, status=400), ended=ENDLESS))
    assert outcome(finding) == ("fails", "other")


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([], HOLDS),
        ([token(2), entry(3, status=401)], HOLDS),
        ([token(2)], HOLDS),
        ([entry(2, status=401)], ("fails", "retried-abort")),
        ([token(2), entry(3, status=401), token(4), entry(5, status=401)], ("fails", "retried-abort")),
        ([token(2), token(3), token(4)], ("fails", "other")),
    ],
)
def test_a_good_token_that_is_refused_is_renewed_once_at_most(
    later: list[Entry], expected: tuple[str, str | None]
) -> None:
    finding = aborting.refused_with_a_good_token(struck(entry(1, status=401), *later, ended=BADLY))
    assert outcome(finding) == expected


# Failures that pass -----------------------------------------------------------------------------------


def test_a_call_that_is_sent_again_with_its_key_holds_and_the_wait_is_told() -> None:
    finding = retrying.retried(struck(*tries(1.04, last=201)))
    assert outcome(finding) == HOLDS
    assert "after 1.04 s with the same key" in finding.evidence


@pytest.mark.parametrize(
    ("entries", "ended", "cause"),
    [
        (tries(), BADLY, "gave-up"),
        (tries(1, last=201), BADLY, "gave-up"),
        (tries(1, last=201), ENDLESS, "other"),
        (tries(1, last=201, keys=["k", "new"]), WELL, "new-key-on-retry"),
        ([entry(1, status=500, key=None), entry(2, key=None)], WELL, "new-key-on-retry"),
        ([entry(1, status=500), entry(2, body={"name": "PICK_UP", "value": 2})], WELL, "other"),
    ],
)
def test_a_call_that_is_not_sent_again_as_it_was_fails(
    entries: list[Entry], ended: Ended, cause: str
) -> None:
    assert outcome(retrying.retried(struck(*entries, ended=ended))) == ("fails", cause)


def test_a_flow_that_says_it_is_done_and_left_writes_out_is_half_done() -> None:
    clean = run(entry(1), entry(2, key="second", body={"name": "CLOSE"}))
    finding = retrying.retried(struck(*tries(1, last=201), clean=clean))
    assert outcome(finding) == ("fails", "half-done")


def test_a_lost_answer_is_told_as_one() -> None:
    lost = entry(1, seen="closed", committed=True)
    assert "although it was done" in retrying.retried(struck(lost, entry(2, at=1, committed=False))).evidence


# The rows on failures that pass, other than a pending process; of a lost answer the call is committed.
ONE_FAILURE = [
    {"status": 429},
    {"status": 500},
    {"status": 502},
    {"status": 503},
    {"status": 504, "committed": True},
    {"status": 201, "seen": "closed", "committed": False},
    {"status": 201, "seen": "closed", "committed": True},
]


@pytest.mark.parametrize("failure", ONE_FAILURE)
@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (0.0, ("fails", "back-off")),
        (0.49, ("fails", "back-off")),
        (0.5, HOLDS),
        (0.97, HOLDS),
        (1.0, HOLDS),
        (5.0, HOLDS),
    ],
)
def test_after_one_failure_a_call_is_not_sent_again_at_once(
    failure: dict[str, Any], wait: float, expected: tuple[str, str | None]
) -> None:
    again = entry(2, at=wait, committed=not failure.get("committed", False))
    finding = retrying.retried(struck(entry(1, **failure), again))
    assert outcome(finding) == expected
    assert f"{wait:.2f} s" in finding.evidence
    if expected != HOLDS:
        assert "at least 0.5 s have to pass" in finding.evidence
        assert [each["id"] for each in finding.requests] == ["r1", "r2"]


def test_what_was_left_out_or_sent_under_another_key_weighs_more_than_a_short_wait() -> None:
    clean = run(entry(1), entry(2, key="second", body={"name": "CLOSE"}))
    for case, cause in (
        (struck(*tries(0, last=201), clean=clean), "half-done"),
        (struck(*tries(0, last=201, keys=["k", "new"])), "new-key-on-retry"),
        (struck(*tries(0, last=201), ended=BADLY), "gave-up"),
    ):
        assert outcome(retrying.retried(case)) == ("fails", cause)


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (0.0, ("fails", "back-off")),
        (1.89, ("fails", "back-off")),
        (1.9, HOLDS),
        (2.0, HOLDS),
        (5.5, HOLDS),
        (5.51, ("fails", "back-off")),
    ],
)
def test_a_pending_process_is_waited_for(wait: float, expected: tuple[str, str | None]) -> None:
    finding = retrying.waited_for_pending(struck(*tries(wait, status=409, last=201)))
    assert outcome(finding) == expected
    assert f"{wait:.2f} s" in finding.evidence


def test_a_pending_process_after_which_a_client_gives_up_was_ignored() -> None:
    finding = retrying.waited_for_pending(struck(*tries(status=409), ended=BADLY))
    assert outcome(finding) == ("fails", "ignored-pending")


@pytest.mark.parametrize(
    "waits",
    [
        (1, 2, 4, 8),
        (0.5, 1.1, 2.5, 4.2),  # equal jitter
        (1.9, 3.1),
        (1.0,),
        (1, 2, 3, 4),
        (2, 30, 33, 30),
    ],
)
def test_waits_that_grow_from_about_a_second_hold(waits: Sequence[float]) -> None:
    assert outcome(retrying.backed_off(struck(*tries(*waits), ended=BADLY))) == HOLDS


@pytest.mark.parametrize(
    ("waits", "why"),
    [
        ((0.0, 0.0), "first wait of 0.5 to 2 s"),
        ((0.4, 1, 2), "first wait of 0.5 to 2 s"),
        ((2.1, 4.2), "first wait of 0.5 to 2 s"),
        ((1, 0.3, 4), "A wait of 0.30 s lies outside"),
        ((1, 2, 34), "A wait of 34.00 s lies outside"),
        ((1, 1, 1, 1.05), "They do not grow"),
        ((1, 4, 1), "They do not grow"),
        ((1, 2, 4, 8, 16), "At most 5 tries"),
    ],
)
def test_waits_outside_the_bands_are_told_with_the_rule_that_they_break(
    waits: Sequence[float], why: str
) -> None:
    finding = retrying.backed_off(struck(*tries(*waits), ended=BADLY))
    assert outcome(finding) == ("fails", "back-off")
    assert why in finding.evidence


@pytest.mark.parametrize(
    ("waits", "ended", "cause"),
    [((), BADLY, "gave-up"), ((1, 2), WELL, "half-done"), ((1, 2), ENDLESS, "other")],
)
def test_the_end_of_a_back_off_is_an_error(waits: Sequence[float], ended: Ended, cause: str) -> None:
    assert outcome(retrying.backed_off(struck(*tries(*waits), ended=ended))) == ("fails", cause)


# Tokens -----------------------------------------------------------------------------------------------


def test_one_token_is_enough_for_a_flow() -> None:
    assert outcome(tokens.reused(run(token(1), entry(2), entry(3)))) == HOLDS
    assert outcome(tokens.reused(run(token(1), entry(2), token(3), entry(4)))) == ("fails", "other")


def test_credentials_come_as_http_basic() -> None:
    assert outcome(tokens.asked_for_with_basic(run(token(1)))) == HOLDS
    assert outcome(tokens.asked_for_with_basic(run(token(1, headers={})))) == ("fails", "other")
    assert outcome(tokens.asked_for_with_basic(run())) == ("not-applicable", None)


@pytest.mark.parametrize(
    ("later", "ended", "expected"),
    [
        ([token(2), entry(3)], WELL, HOLDS),
        ([], BADLY, ("fails", "token-not-refreshed")),
        ([entry(2, status=401)], BADLY, ("fails", "token-not-refreshed")),
        ([token(2)], BADLY, ("fails", "gave-up")),
        ([token(2), entry(3, key="new")], WELL, ("fails", "new-key-on-retry")),
        ([token(2), entry(3)], BADLY, ("fails", "gave-up")),
        ([token(2), entry(3), token(4)], WELL, ("fails", "other")),
        ([entry(2, key="b", body={"name": "CLOSE"}, status=401), token(3), token(4), entry(5)], WELL, HOLDS),
    ],
)
def test_an_expired_token_is_renewed_once_and_the_call_repeated(
    later: list[Entry], ended: Ended, expected: tuple[str, str | None]
) -> None:
    finding = tokens.refreshed(struck(entry(1, status=401), *later, ended=ended))
    assert outcome(finding) == expected


def test_a_client_that_renewed_its_token_by_itself_is_not_judged_by_an_expired_one() -> None:
    assert outcome(tokens.refreshed(struck(entry(1)))) == ("not-applicable", None)


def test_a_token_endpoint_that_fails_once_is_asked_again() -> None:
    failed = token(1, status=503)
    assert outcome(tokens.asked_for_again(struck(failed, token(2, at=1), entry(3)))) == HOLDS
    assert outcome(tokens.asked_for_again(struck(failed, ended=BADLY))) == ("fails", "gave-up")
    assert outcome(tokens.asked_for_again(struck(failed, token(2), ended=BADLY))) == ("fails", "gave-up")
    finding = tokens.asked_for_again(struck(failed, token(2, at=0.49), entry(3)))
    assert outcome(finding) == ("fails", "back-off")
    assert "after 0.49 s: too early" in finding.evidence
    assert outcome(tokens.asked_for_again(struck(failed, token(2, at=0.5), entry(3)))) == HOLDS


# What is sent, and how fast ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "ended", "expected"),
    [
        ([entry(1), entry(2, key="b")], WELL, HOLDS),
        (tries(0.5, status=429, last=201), WELL, HOLDS),
        (tries(0.4, status=429, last=201), WELL, ("fails", "back-off")),
        (tries(1, 2, 4, 8, 16, status=429, last=201), WELL, ("fails", "back-off")),
        (
            [entry(n, key=str(n), body={"n": n}, status=429) for n in range(1, 4)],
            BADLY,
            ("fails", "back-off"),
        ),
        (tries(1, status=429, last=201), BADLY, ("fails", "gave-up")),
        (tries(1, status=429, last=201), ENDLESS, ("fails", "other")),
    ],
)
def test_a_429_is_no_reason_to_hurry(
    entries: list[Entry], ended: Ended, expected: tuple[str, str | None]
) -> None:
    assert outcome(limiting.kept_to_the_limit(run(*entries, ended=ended))) == expected


def test_a_client_that_sends_at_once_from_several_threads_may_meet_a_429_for_each() -> None:
    through = [entry(n, key=f"k{n}", body={"n": n}) for n in range(1, 6)]
    refused = [entry(n, key=f"k{n}", body={"n": n}, status=429) for n in range(6, 9)]
    again = [entry(n + 3, at=1, key=f"k{n}", body={"n": n}) for n in range(6, 9)]
    finding = limiting.kept_to_the_limit(run(*through, *refused, *again))
    assert outcome(finding) == HOLDS
    assert "at most 8 within a second, 3 of them 429" in finding.evidence


def test_old_words_late_events_and_missing_keys_each_have_a_row() -> None:
    old = [{"code": "deprecated-vocabulary", "message": "Expected MassID."}]
    late = [{"code": "out-of-order", "message": "Too early."}]
    assert outcome(wording.up_to_date(run(entry(1), entry(2, advisories=late)))) == HOLDS
    finding = wording.up_to_date(run(entry(1), entry(2, advisories=old)))
    assert outcome(finding) == ("fails", "other")
    assert "Expected MassID." in finding.evidence
    assert outcome(wording.chronological(run(entry(1, advisories=late)))) == ("fails", "other")
    assert outcome(wording.keyed(run(entry(1)))) == HOLDS
    assert outcome(wording.keyed(run(entry(1), entry(2, key=None)))) == ("fails", "other")


# Files ------------------------------------------------------------------------------------------------


def put(number: int, **more: Any) -> Entry:
    return entry(number, "storage.put", **{"status": 200, **more})


def declared(number: int) -> Entry:
    return entry(number, "attachments.upload", status=200)


def test_a_bearer_token_on_a_storage_call_fails() -> None:
    assert outcome(uploading.without_bearer(run(declared(1), put(2)))) == HOLDS
    wrong = put(2, headers={"Authorization": "Bearer [redacted]"}, status=400)
    assert outcome(uploading.without_bearer(run(declared(1), wrong))) == ("fails", "other")
    assert outcome(uploading.without_bearer(run(entry(1)))) == ("not-applicable", None)


def test_a_url_is_used_before_it_expires() -> None:
    finding = uploading.in_time(run(declared(1), put(2, at=2.5)))
    assert outcome(finding) == HOLDS
    assert "2.50 s" in finding.evidence
    assert outcome(uploading.in_time(run(put(1, behaviours=["s3-expired"], status=403)))) == (
        "fails",
        "other",
    )
    assert outcome(uploading.in_time(run(entry(1)))) == ("not-applicable", None)


@pytest.mark.parametrize(
    ("later", "ended", "expected"),
    [
        ([declared(2), put(3)], WELL, HOLDS),
        ([], BADLY, ("fails", "gave-up")),
        ([put(2, status=403)], BADLY, ("fails", "retried-abort")),
        ([declared(2)], WELL, ("fails", "half-done")),
        ([declared(2), put(3)], BADLY, ("fails", "gave-up")),
    ],
)
def test_a_file_whose_url_expired_is_declared_again(
    later: list[Entry], ended: Ended, expected: tuple[str, str | None]
) -> None:
    assert outcome(uploading.declared_again(struck(put(1, status=403), *later, ended=ended))) == expected


# Before going live ------------------------------------------------------------------------------------


def test_the_full_flow_says_what_it_did_not_exercise() -> None:
    made = [entry(1, "documents.create"), entry(2)]
    finding = going_live.ran_in_test(run(*made))
    assert outcome(finding) == ("not-applicable", None)
    assert "uploading a file, retrieval" in finding.evidence
    whole = [*made, declared(3), put(4), entry(5, "documents.read", status=200)]
    assert outcome(going_live.ran_in_test(run(*whole))) == HOLDS
    assert outcome(going_live.ran_in_test(run(*whole, ended=BADLY))) == ("fails", "other")


def test_with_the_production_pair_only_production_data_is_touched() -> None:
    production = {"clientId": "p", "integrator": "a", "environment": "PROD"}
    kept = cast("Summary", {"id": "d", "dataSetName": "PROD"})
    good = Run(WELL, [entry(1, client=production)], [kept])
    assert outcome(going_live.ran_in_production(good)) == HOLDS
    assert outcome(going_live.ran_in_production(replace(good, documents=[]))) == ("fails", "other")
    assert outcome(going_live.ran_in_production(replace(good, entries=[entry(1)]))) == ("fails", "other")


def test_a_step_of_the_checklist_is_confirmed_by_other_rows() -> None:
    def found(**verdicts: Finding) -> tuple[str, str | None]:
        return outcome(going_live.confirmed(verdicts, ("a", "b"), "It", needed=("a",)))

    assert found(a=holds("."), b=not_applicable(".")) == HOLDS
    assert found(a=holds("."), b=fails("gave-up", ".")) == ("fails", "gave-up")
    assert found(a=not_applicable("."), b=holds(".")) == ("not-applicable", None)


def test_the_rate_limit_is_not_confirmed_by_a_flow_that_never_met_it() -> None:
    def found(*entries: Entry) -> Finding:
        (row,) = (each for each in ROWS if each.id == "live-limit")
        assert isinstance(row, Concluding)
        return row.judge(
            {"rate-limit": limiting.kept_to_the_limit(run(*entries)), "retry-429": holds("It waited.")}
        )

    short = found(entry(1), entry(2, key="b"))
    assert outcome(short) == ("not-applicable", None)
    assert "was not exercised. 2 API calls" in short.evidence
    assert "it never came to the limit" in short.evidence
    assert "confirmed" not in short.evidence
    met = found(*tries(1, status=429, last=201))
    assert outcome(met) == HOLDS
    assert "is confirmed by rate-limit, retry-429. 2 API calls" in met.evidence


# Which call is struck ---------------------------------------------------------------------------------


def test_the_first_call_of_the_first_operation_that_occurs_is_struck() -> None:
    clean = run(token(1), entry(2, "documents.create"), entry(3), entry(4, key="again"))
    found = flow.target(clean, ("events.batch", "events.append"))
    assert found == Target(3, "events.append", "POST /documents/{id}/events (PICK_UP)", twins=1)
    assert flow.target(clean, ("storage.put",)) is None


# The certificate --------------------------------------------------------------------------------------


def certificate(*findings: Finding) -> Certificate:
    target = Target(3, "events.append", "POST …/events (PICK_UP)")
    judged = [
        Judged(row, finding, target if isinstance(row, Striking) else None, 1.5)
        for row, finding in zip(ROWS, findings, strict=False)
    ]
    return Certificate(judged, "1.2.3", "1.0.0", datetime(2026, 7, 1, 12, tzinfo=UTC), "python <client>.py")


SHOWN = certificate(
    holds("It is so."), fails("retried-abort", "Sent <again>.", tries(1)), not_applicable("No such call.")
)


def test_the_passport_says_what_was_struck_and_what_came_of_it() -> None:
    passport = SHOWN.as_json()
    assert json.loads(papers.as_json(SHOWN)) == passport
    assert passport["verdict"] == "fails"
    assert passport["tool"] == {"name": "carrot-mock", "version": "1.2.3"}
    assert passport["contract"] == {"version": "1.0.0"}
    assert passport["date"] == "2026-07-01T12:00:00Z"
    assert [each["outcome"] for each in passport["cases"]] == ["holds", "fails", "not-applicable"]
    worst = passport["smallest"]
    assert (worst["id"], worst["cause"], worst["call"], worst["operation"]) == (
        "abort-401",
        "retried-abort",
        3,
        "events.append",
    )
    assert (worst["phase"], worst["do"], worst["status"]) == ("authenticated", "status", 401)
    assert "smallest" not in certificate(holds(".")).as_json()


def test_the_page_has_no_script_loads_nothing_and_escapes_what_it_shows() -> None:
    page = papers.as_html(SHOWN)
    assert "<script" not in page
    assert not re.search(r"""(?:src=|@import|url\()""", page)
    assert "Sent &lt;again&gt;." in page
    assert "python &lt;client&gt;.py" in page
    for text in ("carrot-mock 1.2.3", "version 1.0.0", "FAILS", "retried-abort", "not an approval"):
        assert text in page


def test_the_junit_file_has_a_test_case_a_row() -> None:
    (suite,) = ET.fromstring(papers.as_junit(SHOWN))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("type") == "retried-abort"


def test_the_terminal_gets_no_more_than_80_columns() -> None:
    text = list(screen.plain_lines(SHOWN))
    assert max(map(len, text)) <= 80
    assert any(re.match(r"FAIL  abort-401 .*", line) for line in text)
    assert any(re.match(r" +r2 +1\.00 s +POST …/events \(PICK_UP\) +k +503", line) for line in text)


def test_a_terminal_with_colours_gets_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    screen.render(Console(width=80, highlight=False), SHOWN)
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for told in ("FAILS", "abort-401", "[retried-abort]", "Sent <again>.", "1.00 s", "not an approval"):
        assert told in text


def test_a_command_is_shown_without_its_secrets() -> None:
    argv = [
        "run",
        "--client-secret",
        "a b",
        "--token=x",
        "API_KEY=y",
        "https://me:pw@host/",
        "--verbose",
        "z z",
    ]
    assert redacting.shown(argv) == (
        "run --client-secret [redacted] --token=[redacted] API_KEY=[redacted] https://[redacted]@host/ "
        "--verbose 'z z'"
    )


# Whole runs -------------------------------------------------------------------------------------------


class Reference:
    """The reference client of the docs as a flow in this process.

    Its world's clock stands still but while it waits, which therefore takes no time, and exactly as long as it says.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first_wait: float = 1.0) -> None:
        import carrot_client
        import pick_up

        self._client: Any = carrot_client.Client
        self._submit: Any = pick_up.submit
        self._first_wait = first_wait
        self._here = threading.local()
        monkeypatch.setattr(carrot_client, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=self._wait))

    def _wait(self, seconds: float) -> None:
        self._here.world.clock.advance(seconds)

    def run(self, world: Carrot) -> Ended:
        self._here.world = world
        world.clock.freeze()
        credentials = (world.client_id, world.client_secret)
        client = self._client(world.url, world.token_url, credentials, self._first_wait)
        try:
            self._submit(client)
        except Exception as failure:
            return Ended(False, 1, output=str(failure))
        return WELL


class Flow:
    """A flow that does what a function does."""

    def __init__(self, does: Callable[[Carrot], Ended]) -> None:
        self.run = does


def called(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status that a POST is answered with."""
    import httpx

    return httpx.post(url, content=body, headers=headers, verify=False).status_code


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with Worlds() as found:
        yield found


@pytest.fixture(autouse=True)
def _clients_of_the_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CLIENTS))


def certified(worlds: Worlds, tried: Any) -> dict[str, tuple[str, str | None]]:
    judged = running.certify(worlds, tried, running.clean_run(worlds, tried), jobs=4)
    return {each.row.id: outcome(each.finding) for each in judged}


def test_the_reference_client_keeps_every_row(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    found = certified(worlds, Reference(monkeypatch))
    assert found == dict.fromkeys((row.id for row in ROWS), HOLDS)


def test_a_client_that_does_everything_at_once_fails_in_every_row_that_asks_for_a_wait(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = certified(worlds, Reference(monkeypatch, first_wait=0.0))
    hasty = {row for row, (verdict, _) in found.items() if verdict == "fails"}
    assert hasty == {
        *(f"retry-{status}" for status in (429, 500, 502, 503, 504)),
        *("no-answer", "lost-answer", "pending-409", "back-off", "token-503", "rate-limit"),
        *("live-retries", "live-limit"),
    }
    assert {found[row] for row in hasty} == {("fails", "back-off")}


def test_a_client_that_sends_a_bearer_token_to_the_storage_is_told_that_and_nothing_else(
    worlds: Worlds,
) -> None:
    class Careless:
        def run(self, world: Carrot) -> Ended:
            import httpx

            with httpx.Client(headers={"Authorization": f"Bearer {world.token()}"}) as http:
                from pick_up import DOCUMENT

                made = http.post(f"{world.url}/documents", json=DOCUMENT).json()["id"]
                length = {"contentLength": 1, "contentType": "text/plain"}
                url = http.put(f"{world.url}/documents/{made}/attachments/a", json=length).json()["url"]
                answer = http.put(url, content=b"a", headers={"Content-Type": "text/plain"})
            return Ended(answer.is_success, 0 if answer.is_success else 1)

    found = certified(worlds, Careless())
    assert found.pop("url-no-bearer") == ("fails", "other")
    assert set(found.values()) == {("not-applicable", None)}


def test_a_flow_that_writes_nothing_cannot_be_certified(worlds: Worlds) -> None:
    class Reader:
        def run(self, world: Carrot) -> Ended:
            world.token()
            return WELL

    with pytest.raises(running.CannotCertify, match="creates no document and appends no event"):
        certified(worlds, Reader())


def test_a_flow_that_fails_by_itself_cannot_be_certified(worlds: Worlds) -> None:
    class Broken:
        def run(self, world: Carrot) -> Ended:
            world.token()
            return Ended(False, 3, output="no such file")

    with pytest.raises(running.CannotCertify, match="exited with 3") as error:
        certified(worlds, Broken())
    assert error.value.output == "no such file"


def test_a_command_that_ends_before_it_calls_is_told_how_it_ended(worlds: Worlds) -> None:
    for ended, told in (
        (Ended(False, 3, output="no such file"), "The command exited with 3 before it sent a request"),
        (
            Ended(False, -9, output="no such file"),
            "The command was ended by signal 9 before it sent a request",
        ),
        (Ended(True, 0, output="no such file"), "The command sent no request to the API in CARROT_API_URL"),
    ):
        with pytest.raises(running.CannotCertify) as error:
            certified(worlds, Flow(lambda world, ended=ended: ended))
        assert str(error.value).startswith(told)
        assert error.value.output == "no such file"


def test_requests_with_other_credentials_than_those_of_the_world_are_told_as_such(worlds: Worlds) -> None:
    def hard_coded(world: Carrot) -> Ended:
        form = b"grant_type=client_credentials&client_id=carrot-test-client&client_secret=carrot-test-secret"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert called(f"{world.url}/oauth2/token", form, headers) == 200
        return Ended(True, 0, output="all done")

    def without_a_token(world: Carrot) -> Ended:
        assert called(f"{world.url}/documents", b"{}", {}) == 401
        return Ended(False, 1, output="refused")

    why = "without the credentials in CARROT_CLIENT_ID and CARROT_CLIENT_SECRET"
    for does, first, output in (
        (hard_coded, "it was POST /oauth2/token, with the client id carrot-test-client.", "all done"),
        (without_a_token, "it was POST /documents, answered 401 unauthorized The header", "refused"),
    ):
        with pytest.raises(running.CannotCertify) as error:
            certified(worlds, Flow(does))
        assert str(error.value).startswith(f"One request came {why}")
        assert first in str(error.value)
        assert error.value.output == output


def test_a_flow_whose_calls_have_no_token_is_told_that_beside_how_it_ended(worlds: Worlds) -> None:
    def does(world: Carrot) -> Ended:
        world.token()
        for _ in range(2):
            called(f"{world.url}/documents", b"{}", {})
        return Ended(False, 1)

    with pytest.raises(
        running.CannotCertify, match=r"exited with 1\. 2 requests came without the credentials"
    ):
        certified(worlds, Flow(does))


def test_a_command_that_remembers_what_it_has_done_cannot_be_certified(
    worlds: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, runs = Reference(monkeypatch), itertools.count()

    def once(world: Carrot) -> Ended:
        if next(runs) == 0:
            return reference.run(world)
        return Ended(True, 0, output="nothing to do")

    with pytest.raises(running.CannotCertify, match="seems to remember what it has done") as error:
        certified(worlds, Flow(once))
    assert "made POST /documents in its first run" in str(error.value)
    assert error.value.output == "nothing to do"


def test_every_row_strikes_as_the_control_api_understands_it(worlds: Worlds) -> None:
    with worlds.new() as world:
        for row in ROWS:
            if isinstance(row, Striking):
                for operation in row.operations:
                    gate = {"operation": operation, "phase": row.strike.phase}
                    more: dict[str, Any] = {"do": row.strike.do}
                    if isinstance(row.strike, Fault):
                        if row.strike.status is not None:
                            more["status"] = row.strike.status
                        world.control.post("faults", {**gate, **more})
                    else:
                        world.control.post("gates", gate)


def test_ids_and_titles_of_rows_are_unique() -> None:
    assert len({row.id for row in ROWS}) == len({row.title for row in ROWS}) == len(ROWS)


# The command ------------------------------------------------------------------------------------------


def test_the_command_writes_its_papers_and_fails_for_a_client_that_never_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARROT_FIRST_WAIT", "0")
    files = [tmp_path / name for name in ("a.json", "a.xml", "a.html")]
    options = [f"--{form}={file}" for form, file in zip(("json", "junit", "html"), files, strict=True)]
    done = CliRunner().invoke(command, [*options, "--", sys.executable, str(CLIENTS / "right.py")])
    assert (done.exit_code, done.exception.__class__) == (1, SystemExit), done.output
    passport = json.loads(files[0].read_text("utf-8"))
    assert passport["verdict"] == "fails"
    assert {each["id"]: each for each in passport["cases"]}["back-off"]["cause"] == "back-off"
    assert len(passport["cases"]) == len(ROWS)
    assert all(file.stat().st_size > 1000 for file in files)
    assert "Retry-contract certificate: FAILS" in done.stdout
    assert done.stderr.startswith("carrot-mock: running the command once as it is")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--html", "no/such/folder/a.html", "--", "true"], "cannot write no/such/folder/a.html"),
        (["--", "no-such-command"], "There is no command no-such-command"),
        (["--", sys.executable, "-c", "print('hello')"], "sent no request to the API in CARROT_API_URL"),
        (
            ["--", sys.executable, "-c", "raise SystemExit(3)"],
            "The command exited with 3 before it sent a request",
        ),
        (["--timeout", "0", "--", "true"], "0"),
        (["--timeout", "nan", "--", "true"], "nan is no number of seconds"),
        (["--json", "-", "--", "true"], "give the name of a file"),
        ([], "carrot-mock certify -- python my_client.py"),
    ],
)
def test_what_cannot_be_run_ends_in_a_sentence_and_exit_code_2(arguments: list[str], why: str) -> None:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


# The page ---------------------------------------------------------------------------------------------


def test_the_page_names_every_row_and_every_band() -> None:
    page = (ROOT / "docs" / "certify.md").read_text("utf-8")
    for row in ROWS:
        assert f"`{row.id}`" in page, row.id
        assert row.source.url in page, row.source.url
    for band in (bands.PENDING, bands.FIRST_WAIT, bands.LATER_WAITS):
        assert str(band) in page
    for number in (bands.MOST_TRIES, bands.THROTTLED, bands.GROWTH, bands.CAPPED):
        assert f"{number:g}" in page
