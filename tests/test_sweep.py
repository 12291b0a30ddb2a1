"""The exactly-once sweep: what it tries, what it finds, and how it tells."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import cast
from xml.etree import ElementTree

import pytest
from payloads import event, mass_id
from sweep_flows import CONTENT, Client, GivenUp, Habits, InProcess

from pytest_carrot.flows import Ended
from pytest_carrot.handle import Carrot
from pytest_carrot.sweeping import CAUSES, CannotSweep, Case, Clean, Report, Wanted, arm, cases, judge, record
from pytest_carrot.sweeping.calls import PHASES
from pytest_carrot.sweeping.differences import differences
from pytest_carrot.sweeping.ending import Document, Ending, Event
from pytest_carrot.sweeping.names import Names
from pytest_carrot.sweeping.run import Run
from pytest_carrot.sweeping.running import clean_runs, sweep, wanted_cases
from pytest_carrot.sweeping.screen import lines
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


def swept(worlds: Worlds, habits: Habits, wanted: Wanted, *, hang_seconds: float = 0.02) -> Report:
    flow = InProcess.with_habits(habits)
    clean = clean_runs(flow, worlds)
    return sweep(
        flow, worlds, clean, wanted_cases(clean, wanted), jobs=4, hang_seconds=hang_seconds, of="a test"
    )


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
        if each.kind in ("429", "pending", "expire") and each.call.operation in ("token", "storage.put")
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


HANGING = Wanted(["documents.create", "events.append"], ["validated", "committed"], ["hang"])


def test_a_slow_server_does_its_work_for_a_client_that_has_left_too(worlds: Worlds) -> None:
    report = swept(worlds, Habits(no_key=True, patience=0.2), HANGING, hang_seconds=60)
    # A second CLOSE that comes late is refused.
    assert [str(each.case) for each in report.failures] == [
        "Call 2 (create MassID), hang at validated",
        "Call 2 (create MassID), hang at committed",
        "Call 3 (append WEIGHING), hang at validated",
        "Call 3 (append WEIGHING), hang at committed",
        "Call 6 (append CLOSE), hang at committed",
    ]
    assert list(report.causes) == ["new-key-on-retry"]
    assert report.failures[0].story is not None
    assert report.failures[0].story.committed == "What r2 (create MassID) asked for was recorded."


def test_a_client_that_leaves_a_slow_server_and_keeps_its_key_stands(worlds: Worlds) -> None:
    report = swept(worlds, Habits(patience=0.2), HANGING, hang_seconds=60)
    assert report.verdict == "holds", report.as_text()


def test_a_client_that_waits_for_a_slow_server_is_answered_and_stands(worlds: Worlds) -> None:
    report = swept(worlds, RIGHT, HANGING)
    assert report.verdict == "holds", report.as_text()
    assert not report.not_reached


def test_what_a_batch_did_and_is_asked_for_again_one_by_one_has_new_keys(worlds: Worlds) -> None:
    def submit(world: Carrot) -> None:
        client = Client(world, Habits(tries=1))
        document_id = client.post("/documents", mass_id(deduplicationId="a"))["id"]
        events = [event(name, deduplicationId=f"once/{name}") for name in ("WEIGHING", "SORTING")]
        try:
            client.post("/documents/events", {"documentId": document_id, "events": events})
        except GivenUp:
            for each in events:
                again = {**each, "deduplicationId": f"again/{each['name']}"}
                client.post(f"/documents/{document_id}/events", again)

    flow = InProcess(submit)
    clean = clean_runs(flow, worlds)
    report = sweep(flow, worlds, clean, cases(clean, Wanted(["events.batch"], ["committed"], ["503"])))
    assert list(report.causes) == ["new-key-on-retry"], report.as_text()
    assert report.failures[0].message == (
        "r4 (append WEIGHING) asks again for a part of r3 under another deduplicationId, and WEIGHING is recorded "
        "twice."
    )


def test_an_event_of_another_name_is_no_retry(worlds: Worlds) -> None:
    def submit(world: Carrot, *names: str, habits: Habits = RIGHT) -> None:
        client = Client(world, habits)
        document_id = client.post("/documents", mass_id(deduplicationId="a"))["id"]
        for name in names:
            with suppress(GivenUp):
                client.post(f"/documents/{document_id}/events", event(name, deduplicationId=f"once/{name}"))

    clean = clean_runs(InProcess(lambda world: submit(world, "WEIGHING", "SORTING")), worlds)
    case = next(each for each in cases(clean, COMMITTED) if each.call.what == "append WEIGHING")
    with worlds.new() as world:
        arm(world, case)
        # The fault is for the first event, which is another one in this run.
        flow = InProcess(lambda found: submit(found, "SORTING", "WEIGHING", habits=Habits(tries=1)))
        result = judge(clean, case, world, flow.run(world))
    assert result.cause == "gave-up", result
    assert "(append SORTING)" in result.message


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


def test_calls_that_are_made_side_by_side_cannot_be_swept(worlds: Worlds) -> None:
    def submit(world: Carrot) -> None:
        client = Client(world, RIGHT)
        document_id = client.post("/documents", mass_id(deduplicationId="a"))["id"]
        with ThreadPoolExecutor() as pool:
            for name in ("WEIGHING", "SORTING"):
                body = event(name, deduplicationId=name)
                pool.submit(client.post, f"/documents/{document_id}/events", body)

    with pytest.raises(CannotSweep, match=r"Two calls were under way at the same time, events.append \("):
        clean_runs(InProcess(submit), worlds)


def test_a_flow_that_stops_the_clock_of_its_world_is_not_taken_for_several(worlds: Worlds) -> None:
    def submit(world: Carrot) -> None:
        world.clock.freeze()
        Client(world, RIGHT).submit()

    assert len(clean_runs(InProcess(submit), worlds).calls) == 6


def test_requests_without_the_credentials_of_the_world_are_told(worlds: Worlds) -> None:
    def submit(world: Carrot, client_secret: str) -> None:
        fixed = SimpleNamespace(
            url=world.url,
            token_url=world.token_url,
            client_id="carrot-test-client",
            client_secret=client_secret,
        )
        Client(cast("Carrot", fixed), RIGHT).post("/documents", mass_id(deduplicationId="a"))

    told = "without the credentials in CARROT_CLIENT_ID and CARROT_CLIENT_SECRET"
    with pytest.raises(CannotSweep, match=f"The clean run made no call as its own. 2 requests came {told}"):
        clean_runs(InProcess(lambda world: submit(world, "carrot-test-secret")), worlds)
    with pytest.raises(CannotSweep, match=f"it exited with 1. One request came {told}") as caught:
        clean_runs(InProcess(lambda world: submit(world, "no secret")), worlds)
    assert "It printed:\n40" in str(caught.value)


def uploading(name: Callable[[int], str], *, anew: bool = False) -> InProcess:
    """A document with a file that is named by the number of the run or, `anew`, of the attempt."""
    numbers = count(1)

    def submit(world: Carrot) -> None:
        client, number = Client(world, Habits(tries=1 if anew else 5)), next(numbers)
        where = f"/documents/{client.post('/documents', mass_id(deduplicationId='a'))['id']}"
        declared = {"contentLength": len(CONTENT), "contentType": "text/plain"}
        try:
            url = client._call("PUT", f"{where}/attachments/{name(number)}", declared)["url"]
        except GivenUp:
            number = next(numbers)
            url = client._call("PUT", f"{where}/attachments/{name(number)}", declared)["url"]
        client._until_done(lambda: client._send("PUT", url, CONTENT, {"Content-Type": "text/plain"}))
        files = [{"fileName": name(number), "label": "Ticket", "isPublic": True}]
        client.post(f"{where}/events", event("WEIGHING", deduplicationId="b", attachments=files))

    return InProcess(submit)


FILES = Wanted(
    ["attachments.upload", "storage.put", "events.append"], ["arrived", "committed"], ["drop", "503"]
)


def test_a_file_may_have_another_name_in_each_run(worlds: Worlds) -> None:
    flow = uploading(lambda number: f"ticket {number}.txt".replace(" ", "-"))
    clean = clean_runs(flow, worlds)
    assert [each.what for each in clean.calls[2:4]] == ["declare *.txt", "upload *.txt"]
    report = sweep(flow, worlds, clean, cases(clean, FILES))
    assert report.verdict == "holds", report.as_text()
    assert not report.not_reached


def test_a_file_that_gets_another_name_in_each_attempt_is_there_twice(worlds: Worlds) -> None:
    flow = uploading(lambda number: f"{number}.txt", anew=True)
    clean = clean_runs(flow, worlds)
    report = sweep(flow, worlds, clean, cases(clean, replace(FILES, operations=["attachments.upload"])))
    assert {each.case.phase for each in report.failures} == {"committed"}
    assert report.failures[0].story is not None
    assert {
        "The file *.txt of MassID Organic is declared, but not uploaded.",
        "MassID Organic has a file *.txt 2, which the clean run did not declare.",
    } <= set(report.failures[0].story.differences)


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


def test_the_story_says_how_many_requests_came_after_those_that_it_shows(worlds: Worlds) -> None:
    flow = flow_of(*[lambda run, name=f"NOTE {each}": {"name": name} for each in range(9)])
    clean = clean_runs(flow, worlds)
    case = cases(clean, COMMITTED)[1]
    with worlds.new() as world:
        arm(world, case)
        result = judge(clean, case, world, replace(flow.run(world), succeeded=False))
    assert result.story is not None
    assert (len(result.story.requests), result.story.more) == (8, 4)
    assert "... and 4 requests more" in Report(clean, (result,)).as_text()


def test_on_a_narrow_screen_nothing_is_wider(failing: Report) -> None:
    shown = ["".join(text for text, _ in line) for line in lines(failing, 40)]
    assert max(map(len, shown)) <= 40
    assert "  2  create MassID" in shown
    assert shown[shown.index("  2  create MassID") + 1].split() == ["✓2", "✗1K"]


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
