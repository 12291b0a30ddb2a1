"""Drift against a second mock: what was changed there is named, all of it and nothing else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Serving
from drift_targets import SIX, STATUSES, Reply, answering, broken, login, odd_documents, second

from mock_server.behaviours import BEHAVIOURS, SWITCHES
from mock_server.clock import ManualClock
from pytest_carrot.drifting.finding import CannotDrift
from pytest_carrot.drifting.probes import PROBES, UNPROBED
from pytest_carrot.drifting.report import Report
from pytest_carrot.drifting.running import Plan, drift
from pytest_carrot.live_environment import Permission
from pytest_carrot.live_target import Target
from pytest_carrot.server import CarrotServer, own_server

PREFIX = "carrot-mock-drift-"


@pytest.fixture(scope="module")
def reference() -> Iterator[CarrotServer]:
    with own_server() as server:
        yield server


def run(target: Target, reference: CarrotServer, *, budget: int = 500, **allowed: bool) -> Report:
    return drift(target, Plan(budget, 1e6, Permission(**allowed), sleep=lambda seconds: None), reference)


def names(report: Report) -> list[str]:
    return [each.probe.name for each in report.differences]


def test_a_mock_like_ours_shows_no_difference(reference: CarrotServer) -> None:
    with second() as other:
        report = run(other.target(), reference)
    assert (report.verdict, names(report)) == ("same", [])
    assert report.environment == "TEST"
    assert dict(report.semantics) == {}
    assert len(report.same) == len(PROBES) - 1  # no document is ever busy, so that one cannot be told


def test_six_switches_and_two_statuses_are_named_exactly(
    reference: CarrotServer, tmp_path: Path, serve: Any
) -> None:
    with second(SIX, STATUSES) as other:
        report = run(other.target(), reference)
    assert sorted(names(report)) == sorted(
        [*SIX, "success-status (documents.create)", "success-status (attachments.upload)"]
    )
    assert dict(report.semantics) == SIX
    found = report.as_json()
    assert found["verdict"] == "differs"
    by_name = {each["behaviour"] + each.get("aspect", ""): each for each in found["differences"]}
    assert by_name["success-statusdocuments.create"] == {
        "behaviour": "success-status",
        "aspect": "documents.create",
        "assumed": "201",
        "seen": "200",
    }
    assert by_name["dedup-scope"] == {
        "behaviour": "dedup-scope",
        "assumed": "409 conflictError",
        "seen": "a new event",
        "switch": "dedup-scope",
        "set": "operation",
    }
    # A mock that is started with the file shows no drift in the switches, nor one against itself.
    file = tmp_path / "carrot-mock.toml"
    file.write_text(report.as_toml(), "utf-8")
    assert tomllib.loads(report.as_toml()) == {"semantics": SIX}
    serving: Serving = serve("--config", str(file), "--rate-limit", "off")
    target = Target(serving.url, f"{serving.url}/oauth2/token", login("test"))
    again = run(target, reference)
    assert {each.switch: each.value for each in again.differences} == SIX
    assert dict(again.semantics) == SIX


PACKS: list[dict[str, str]] = [
    {
        "token-format": "opaque",
        "unknown-properties": "reject",
        "conventions": "off",
        "event-parties": "required",
        "ordering": "off",
        "future-timestamps": "reject",
        "dedup-changed-body": "reject",
        "dedup-errors": "remember",
        "presign-lifetime": "60",
        "presign-signed-headers": "length-only",
    },
    {"conventions": "warn", "ordering": "warn"},
]


@pytest.mark.parametrize("pack", PACKS)
def test_what_other_switches_do_does_not_hide_a_switch(reference: CarrotServer, pack: dict[str, str]) -> None:
    with second(pack) as other:
        report = run(other.target(), reference)
    assert sorted(names(report)) == sorted(pack)
    for each in report.differences:
        assert pack[str(each.switch)] in (each.value, *each.alike)


def test_every_value_of_a_switch_that_can_be_seen_is_tried_here() -> None:
    tried = {pair for pack in (*PACKS, SIX) for pair in pack.items()}
    # What is off looks as the default does: accepted.
    tried.add(("future-timestamps", "off"))
    wanted = {
        (name, value)
        for name, switch in SWITCHES.items()
        for value in switch.values
        if name not in (*UNPROBED, "pending-reads") and switch.bounds is None and value != switch.default
    }
    assert wanted <= tried


def test_how_long_a_document_is_busy_is_told_by_waiting(reference: CarrotServer) -> None:
    """The target's clock moves only when the run waits."""
    clock = ManualClock()
    with second({"pending-window": "3", "pending-reads": "on"}, clock=clock) as other:
        plan = Plan(500, 1e6, Permission(), clock.advance, clock.time)
        report = drift(other.target(partner=None), plan, reference)
    assert names(report) == ["pending-window", "pending-reads"]
    assert report.semantics == {"pending-window": "3", "pending-reads": "on"}


def test_every_assumption_has_a_probe_or_a_reason() -> None:
    assumed = {each.id for each in BEHAVIOURS.values() if each.grade == "A"}
    probed = {each.behaviour for each in PROBES}
    assert probed | set(UNPROBED) == assumed
    assert not probed & set(UNPROBED)
    assert len({each.name for each in PROBES}) == len(PROBES)


def test_what_is_not_probed_is_listed_with_the_reason(reference: CarrotServer) -> None:
    with second() as other:
        report = run(other.target(partner=None), reference)
    untold = {each["name"]: each["reason"] for each in report.as_json()["notProbed"]}
    assert set(UNPROBED) < set(untold)
    assert untold["conditional-read"].startswith("it needs the credentials of a partner")
    listed = {each.name for each in report.same} | set(untold)
    assert listed >= {each.name for each in PROBES}
    assert report.verdict == "same"


def test_all_that_is_written_is_private_and_names_the_run(reference: CarrotServer) -> None:
    with second() as other:
        report = run(other.target(), reference)
        bodies = other.written
    assert len(bodies) > 90
    assert report.run.startswith(PREFIX)
    for body in bodies:
        for each in body.get("events", [body]):
            assert each["deduplicationId"].startswith(report.run)
            assert each["externalId"].startswith(report.run)
            assert each["isPublic"] is False
            assert each.get("isPubliclySearchable", False) is False
            assert not any(each.get("updates", {}).values())
    documents = [each for each in bodies if "category" in each]
    assert all("test" in each["title"] for each in documents)


def test_a_target_that_breaks_on_the_way_is_no_pass(reference: CarrotServer) -> None:
    def reply(method: str, path: str) -> Reply:
        seen.append(path)
        return broken(method, path) if len(seen) > 30 else odd_documents(method, path)

    seen: list[str] = []
    with answering(reply) as url, pytest.raises(CannotDrift, match=r"^4 probes in a row could not be made"):
        run(Target(url, f"{url}/oauth2/token", login("test")), reference)


def test_a_budget_stops_before_the_next_write_and_is_no_pass(reference: CarrotServer) -> None:
    with second() as other:
        report = run(other.target(), reference, budget=10)
        records = [each for each in other.control("events") if each["event"].get("name") != "ACTOR"]
    assert report.verdict == "incomplete"
    assert report.writes == 10
    assert len(records) <= 10
    assert report.stopped is not None
    assert report.stopped.startswith("The budget of 10 writes does not allow the next one (10 are used)")
    reasons = [each.reason for each in report.untold if not each.expected]
    assert reasons[0] == "the write budget was used up"
    assert len(reasons) + len(report.same) == len(PROBES)
