"""The exactly-once sweep: what it tries, what it finds, and how it tells."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from xml.etree import ElementTree

import pytest
from payloads import event, mass_id
from sweep_flows import Client, Habits, InProcess

from pytest_carrot.flows import Ended
from pytest_carrot.handle import Carrot
from pytest_carrot.sweeping import CAUSES, CannotSweep, Case, Clean, Report, Wanted, arm, cases, judge, record
from pytest_carrot.sweeping.calls import PHASES
from pytest_carrot.sweeping.differences import differences
from pytest_carrot.sweeping.ending import Document, Ending, Event
from pytest_carrot.sweeping.names import Names
from pytest_carrot.sweeping.run import Run
from pytest_carrot.sweeping.running import clean_runs, sweep, wanted_cases
from pytest_carrot.worlds import Worlds

RIGHT = Habits()
COMMITTED = Wanted(phases=["committed"], kinds=["drop"])


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with Worlds() as found:
        yield found


@pytest.fixture(scope="module")
def clean(worlds: Worlds) -> Clean:
    """What the right client does."""
    return clean_runs(InProcess.with_habits(RIGHT), worlds)


def swept(worlds: Worlds, habits: Habits, wanted: Wanted) -> Report:
    flow = InProcess.with_habits(habits)
    clean = clean_runs(flow, worlds)
    return sweep(flow, worlds, clean, wanted_cases(clean, wanted), jobs=4, hang_seconds=0.02, of="a test")


# Cases ----------------------------------------------------------------------------------------------------


def test_the_calls_of_the_clean_run_are_told_in_their_order(clean: Clean) -> None:
    assert [each.what for each in clean.calls] == [
        "token",
        "create MassID",
        "append WEIGHING",
        "declare ticket.txt",
        "upload ticket.txt",
        "append CLOSE",
    ]


def test_every_kind_comes_at_every_phase_where_it_makes_sense_and_once(clean: Clean) -> None:
    found = cases(clean)
    assert len(set(map(str, found))) == len(found)
    of_a_write = Counter(each.phase for each in found if each.call.operation == "documents.create")
    # drop, reset, hang and four statuses everywhere; 429 and pending before the commit, truncate after it.
    assert of_a_write == {
        "arrived": 10, "authenticated": 9, "validated": 9, "before_commit": 9, "committed": 8, "responding": 8
    }  # fmt: skip
    assert not [
        each
        for each in found
        if each.kind in ("pending", "expire") and each.call.operation in ("token", "storage.put")
    ]


def test_a_read_has_no_phases_of_a_commit(worlds: Worlds) -> None:
    def read(world: Carrot) -> None:
        world.control.post("reset")
        client = Client(world, RIGHT)
        made = client.post("/documents", mass_id(deduplicationId="a"))
        client._call("GET", f"/documents/{made['id']}", {})

    clean = clean_runs(InProcess(read), worlds)
    found = cases(clean, Wanted(operations=["documents.read"]))
    assert {each.phase for each in found} == {"arrived", "authenticated", "validated", "responding"}
    assert {each.kind for each in found if each.phase == "responding"} >= {"truncate", "429", "pending"}


def test_a_fault_is_aimed_at_the_call_among_those_of_its_operation(worlds: Worlds, clean: Clean) -> None:
    close = next(each for each in cases(clean, COMMITTED) if each.call.what == "append CLOSE")
    with worlds.new() as world:
        fault = arm(world, close, 1)
        assert world.control.get("faults")[0]["after"] == 1
        ended = InProcess.with_habits(RIGHT).run(world)
        struck = [each for each in world.journal.entries() if each.get("fault") == fault]
        assert [each["request"]["body"]["name"] for each in struck] == ["CLOSE"]
        assert judge(clean, close, world, ended).holds


def test_only_what_is_wanted_is_tried_and_nothing_is_a_mistake(clean: Clean) -> None:
    chosen = wanted_cases(clean, Wanted(["events.append"], ["committed"], ["drop", "500"]))
    assert [str(each) for each in chosen] == [
        "Call 3 (append WEIGHING), drop at committed",
        "Call 3 (append WEIGHING), 500 at committed",
        "Call 6 (append CLOSE), drop at committed",
        "Call 6 (append CLOSE), 500 at committed",
    ]
    with pytest.raises(
        CannotSweep, match=r"No case is left: the flow calls token, documents.create, events.append"
    ):
        wanted_cases(clean, Wanted(operations=["events.batch"]))


# Clients --------------------------------------------------------------------------------------------------


def test_a_right_client_stands_everything(worlds: Worlds) -> None:
    report = swept(worlds, replace(RIGHT, with_file=False), Wanted())
    assert report.verdict == "holds", report.as_text()
    assert not report.not_reached
    assert len(report.results) > 200


def test_a_file_may_be_declared_and_uploaded_again(worlds: Worlds) -> None:
    report = swept(
        worlds, RIGHT, Wanted(["attachments.upload", "storage.put"], kinds=["drop", "500", "truncate"])
    )
    assert report.verdict == "holds", report.as_text()


@pytest.mark.parametrize(
    ("habits", "wanted", "cause", "where"),
    [
        (Habits(new_key=True), COMMITTED, "new-key-on-retry", "Call 2 (create MassID), drop at committed"),
        (Habits(no_key=True), COMMITTED, "new-key-on-retry", "Call 2 (create MassID), drop at committed"),
        (Habits(tries=1), COMMITTED, "gave-up", "Call 1 (token), drop at committed"),
        (
            Habits(insists_on_conflict=True),
            COMMITTED,
            "retried-conflict",
            "Call 2 (create MassID), drop at committed",
        ),
        (
            Habits(takes_pending_for_success=True),
            Wanted(["events.append"], kinds=["pending"]),
            "ignored-pending",
            "Call 3 (append WEIGHING), pending at arrived",
        ),
        (
            Habits(keeps_token=True),
            Wanted(kinds=["expire"]),
            "token-not-refreshed",
            "Call 2 (create MassID), expire at arrived",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_wrong_client_fails_by_its_cause(
    worlds: Worlds, habits: Habits, wanted: Wanted, cause: str, where: str
) -> None:
    report = swept(worlds, habits, wanted)
    assert list(report.causes) == [cause], report.as_text()
    assert report.smallest is not None
    assert str(report.smallest.case) == where
    assert report.smallest.story is not None
    assert report.smallest.story.differences


def test_what_was_left_half_done_is_told_with_what_is_missing(worlds: Worlds, clean: Clean) -> None:
    case = next(each for each in cases(clean, Wanted(["documents.create"])) if each.kind == "drop")
    with worlds.new() as world:
        arm(world, case)
        InProcess.with_habits(Habits(forgets_to_upload=True)).run(world)
        result = judge(clean, case, world, Ended(True, 0))
    assert result.cause == "half-done"
    assert result.message == "The run exited with 0, and ticket.txt is missing."
    assert result.story is not None
    assert result.story.differences == (
        "The file ticket.txt of MassID Organic is declared, but not uploaded.",
    )


def test_a_run_that_records_all_and_fails_nevertheless_fails(worlds: Worlds, clean: Clean) -> None:
    case = cases(clean, COMMITTED)[-1]
    with worlds.new() as world:
        arm(world, case)
        InProcess.with_habits(RIGHT).run(world)
        result = judge(clean, case, world, Ended(False, 3, output="what it said"))
    assert (result.outcome, result.cause) == ("fails", "other")
    assert result.message == "The ledger is right, but the run exited with 3."


def test_a_fault_that_struck_nothing_is_counted_apart(worlds: Worlds, clean: Clean) -> None:
    case = cases(clean, COMMITTED)[-1]
    beyond = replace(case, call=replace(case.call, earlier={"committed": 99}))
    with worlds.new() as world:
        arm(world, beyond)
        result = judge(clean, beyond, world, InProcess.with_habits(RIGHT).run(world))
    assert (result.outcome, result.note) == ("holds", "not reached")
    report = Report(clean, (result,))
    assert report.not_reached == report.as_json()["notReached"] == 1
    assert "1 fault of these was not reached" in " ".join(report.as_text().split())


# Clean runs -----------------------------------------------------------------------------------------------


def flow_of(*bodies: Callable[[int], dict[str, object]]) -> InProcess:
    """A document, and an event made by each of the functions from the number of the run."""
    runs = count(1)

    def submit(world: Carrot) -> None:
        client, number = Client(world, RIGHT), next(runs)
        document_id = client.post("/documents", mass_id(deduplicationId=f"run-{number}/document"))["id"]
        for place, body in enumerate(bodies):
            sent = event(**{"deduplicationId": f"run-{number}/{place}", **body(number)})
            client.post(f"/documents/{document_id}/events", sent)

    return InProcess(submit)


def test_what_differs_between_clean_runs_is_not_compared(worlds: Worlds) -> None:
    flow = flow_of(lambda run: {"name": "WEIGHING", "value": run, "externalId": f"weighing {run}"})
    clean = clean_runs(flow, worlds)
    report = sweep(flow, worlds, clean, cases(clean, COMMITTED), hang_seconds=0.02)
    assert report.verdict == "holds", report.as_text()


def test_ids_of_this_run_and_moments_are_not_compared(worlds: Worlds) -> None:
    def submit(world: Carrot) -> None:
        client = Client(world, RIGHT)
        first, second = (
            client.post("/documents", mass_id(deduplicationId=each, title=each))["id"] for each in "ab"
        )
        related = event(
            "LINK", relatedDocument={"documentId": first}, deduplicationId="c", externalId=f"of {first}"
        )
        client.post(f"/documents/{second}/events", related)

    flow = InProcess(submit)
    clean = clean_runs(flow, worlds)
    assert not clean.masks
    report = sweep(flow, worlds, clean, cases(clean, COMMITTED), hang_seconds=0.02)
    assert report.verdict == "holds", report.as_text()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (lambda run: "WEIGHING" if run == 1 else "SORTING", "Two clean runs did not make the same calls"),
        (lambda run: f"WEIGHING {run}", "call 3 was events.append (append WEIGHING 1) in the first"),
    ],
)
def test_a_flow_that_does_something_else_each_time_cannot_be_swept(
    worlds: Worlds, name: Callable[[int], str], sentence: str
) -> None:
    with pytest.raises(CannotSweep, match=re.escape(sentence)):
        clean_runs(flow_of(lambda run: {"name": name(run)}), worlds)


def test_a_flow_without_a_call_or_with_a_failure_cannot_be_swept(worlds: Worlds) -> None:
    with pytest.raises(CannotSweep, match="The clean run made no call"):
        clean_runs(InProcess(lambda world: None), worlds)
    with pytest.raises(
        CannotSweep, match=r"The clean run failed, before any fault: it exited with 1. It printed:\n40"
    ):
        clean_runs(flow_of(lambda run: {"name": ""}), worlds)


def test_one_clean_run_is_enough_where_no_second_can_be_had(worlds: Worlds) -> None:
    flow = InProcess.with_habits(RIGHT)
    with worlds.new() as world:
        flow.run(world)
        clean = record(world)
    assert len(clean.calls) == 6
    report = sweep(flow, worlds, clean, cases(clean, COMMITTED))
    assert report.verdict == "holds", report.as_text()


def test_what_is_granted_to_two_participants_is_compared_for_both() -> None:
    names = Names(Run([], [], []), frozenset())
    ids = ["3f0c1d6e-0000-4000-8000-00000000000a", "3f0c1d6e-0000-4000-8000-00000000000b"]
    assert names.plain({ids[0]: ["READ"], ids[1]: ["WRITE"]}) == {"<id>": ["READ"], "<id>+": ["WRITE"]}


# Differences ----------------------------------------------------------------------------------------------


def ending(*names: str, kg: int = 1, files: tuple[str, ...] = ()) -> Ending:
    events = tuple(
        Event(name, {"name": name, "value": kg}, f"r{place}") for place, name in enumerate(names, 3)
    )
    return Ending(
        (
            Document(
                "MassID", "document MassID", {}, events, {each: {"uploaded": True} for each in files}, "r2"
            ),
        )
    )


@pytest.mark.parametrize(
    ("left", "kinds", "told"),
    [
        (ending("A", "B", "C"), [], ""),
        (ending("A", "B", "B", "C"), ["twice"], "B of MassID is there once more, appended by r5."),
        (ending("A", "C"), ["missing"], "B of MassID is missing."),
        (ending("A", "C", "B"), ["moved"], "of MassID is in another place."),
        (ending("A", "B", "D", "C"), ["unexpected"], "MassID has D, which the clean run did not append."),
        (ending("A", "B", "C", kg=2), ["changed"] * 3, "A: value is 2 instead of 1."),
        (ending("A", "B", "C", files=("f",)), ["unexpected"], "MassID has a file f"),
        (Ending(()), ["missing"], "The document MassID is missing."),
        (Ending(ending("A", "B", "C").documents * 2), ["twice"], "The document MassID is there once more"),
    ],
)
def test_differences_are_told_in_words(left: Ending, kinds: list[str], told: str) -> None:
    found = differences(ending("A", "B", "C"), left)
    assert [each.kind for each in found] == kinds
    assert told in (found[0].told if found else "")


def test_the_order_of_documents_does_not_count() -> None:
    one, other = ending("A").documents[0], ending("B").documents[0]
    assert not differences(Ending((one, other)), Ending((other, one)))


# Reports --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def failing(worlds: Worlds) -> Report:
    return swept(
        worlds, Habits(new_key=True), Wanted(phases=["committed", "arrived"], kinds=["drop", "pending"])
    )


def test_the_json_has_every_case_and_the_smallest_that_fails(failing: Report) -> None:
    found = json.loads(json.dumps(failing.as_json()))
    assert found["verdict"] == "fails"
    assert len(found["cases"]) == len(failing.results)
    pending = next(each for each in found["cases"] if each.get("status") == 409)
    assert pending["code"] == "PENDING_PROCESS_CONFLICT_ERROR"
    assert pending["outcome"] == "holds"
    smallest = found["smallest"]
    assert (smallest["call"], smallest["operation"], smallest["phase"], smallest["do"], smallest["cause"]) == (
        2, "documents.create", "committed", "drop", "new-key-on-retry"
    )  # fmt: skip
    assert smallest in found["cases"]


def test_junit_has_a_testcase_a_case_and_the_story_of_those_that_fail(failing: Report) -> None:
    suites = ElementTree.fromstring(failing.as_junit())
    assert suites.get("tests") == str(len(failing.results))
    assert suites.get("failures") == str(len(failing.failures))
    failures = suites.findall(".//failure")
    assert len(failures) == len(failing.failures)
    assert failures[0].get("message", "").startswith("new-key-on-retry: r3 (create MassID) is a retry of r2")
    assert "What r2 (create MassID) asked for was recorded." in (failures[0].text or "")


def test_the_page_escapes_everything_and_runs_nothing(failing: Report) -> None:
    page = replace(failing, of="<script>alert('x')</script>").as_html()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(src|href)=", page)
    assert page.count("<details") == len(failing.failures)


def test_the_text_fits_80_columns_and_tells_the_smallest_case(failing: Report) -> None:
    text = replace(failing, of="python " + "very-" * 40 + "long.py").as_text()
    assert max(len(line) for line in text.splitlines() if "very-very" not in line) <= 80
    assert "2  create MassID" in text
    assert re.search(r"2  create MassID +✓ 2/2 +✗1/1K\n", text)
    assert "K  new-key-on-retry: 3 cases" in text
    assert "Call 2 (create MassID), drop at committed: new-key-on-retry" in text
    assert re.search(r"> r2 create MassID .* no answer \(closed\) +yes\n", text)
    assert "- The document MassID Organic is there once more" in text


def test_no_report_has_a_secret(failing: Report) -> None:
    for told in (failing.as_text(), failing.as_html(), failing.as_junit(), json.dumps(failing.as_json())):
        assert not re.search(r"eyJ|Bearer|Basic|Signature=[0-9a-f]", told)


def test_every_cause_has_a_letter_of_its_own_and_a_sentence() -> None:
    letters = [letter for letter, _ in CAUSES.values()]
    assert len(set(letters)) == len(letters)
    assert all(sentence.endswith(".") for _, sentence in CAUSES.values())


def test_every_phase_and_kind_of_a_case_is_one_that_the_server_takes(worlds: Worlds, clean: Clean) -> None:
    every: dict[tuple[str, str, str], Case] = {
        (each.call.operation, each.phase, each.kind): each for each in cases(clean)
    }
    with worlds.new() as world:
        for case in every.values():
            arm(world, case)
    assert {phase for _, phase, _ in every} == set(PHASES)
