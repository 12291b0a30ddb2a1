"""The one clock: everything that has a time obeys it, wherever it is set."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from payloads import event, mass_id
from proof_world import OpenWorld

NOON = "2026-03-01T12:00:00.000Z"
PENDING = "PENDING_PROCESS_CONFLICT_ERROR"


class Timed(OpenWorld):
    """A world whose clock is set by the control API."""

    def put_clock(self, **change: Any) -> dict[str, Any]:
        return dict(self.set("clock", change, "PUT"))

    def advance(self, seconds: float) -> None:
        self.put_clock(advance=seconds)

    @property
    def now(self) -> str:
        return str(self.get("clock")["now"])


@pytest.fixture
def world() -> Iterator[Timed]:
    with Timed() as found:
        yield found


# The clock itself -------------------------------------------------------------------------------------------


def test_at_first_it_runs_with_the_servers_own(world: Timed) -> None:
    assert world.get("clock") == {"now": NOON, "rate": 1, "skew": 0}
    world.clock.advance(1)
    assert world.now == "2026-03-01T12:00:01.000Z"


def test_it_is_moved_on_and_runs_on_from_there(world: Timed) -> None:
    assert world.put_clock(advance=90.5)["now"] == "2026-03-01T12:01:30.500Z"
    world.clock.advance(1)
    assert world.now == "2026-03-01T12:01:31.500Z"


def test_it_is_set_forward_and_back(world: Timed) -> None:
    assert world.put_clock(now="2030-01-01T00:00:00+01:00")["now"] == "2029-12-31T23:00:00.000Z"
    assert world.put_clock(now="2020-01-01T00:00:00Z")["now"] == "2020-01-01T00:00:00.000Z"
    world.clock.advance(60)
    assert world.now == "2020-01-01T00:01:00.000Z"


def test_it_stands_still_is_moved_by_hand_and_runs_again(world: Timed) -> None:
    assert world.put_clock(rate=0) == {"now": NOON, "rate": 0, "skew": 0}
    world.clock.advance(100)
    assert world.now == NOON
    world.advance(1)
    assert (world.now, world.get("clock")["rate"]) == ("2026-03-01T12:00:01.000Z", 0)
    world.put_clock(rate=1)
    world.clock.advance(1)
    assert world.now == "2026-03-01T12:00:02.000Z"


def test_several_changes_are_one(world: Timed) -> None:
    assert world.put_clock(now="2026-05-01T00:00:00Z", rate=0, skew=-2.5) == {
        "now": "2026-05-01T00:00:00.000Z",
        "rate": 0,
        "skew": -2.5,
    }


def test_each_world_has_its_own_and_a_reset_gives_back_the_first(world: Timed) -> None:
    other = world.ask("POST", "/_mock/workspaces", {}, None).json()["id"]
    world.put_clock(advance=3600, rate=0, skew=7)
    assert world.control("GET", "clock", workspace=other).json() == {"now": NOON, "rate": 1, "skew": 0}
    world.set("reset")
    assert world.get("clock") == {"now": NOON, "rate": 1, "skew": 0}


@pytest.mark.parametrize(
    ("body", "where", "said"),
    [
        ({}, "", "Say what to change: /now, /advance, /rate or /skew."),
        ({"now": NOON, "advance": 1}, "/advance", "Give /now or /advance, not both."),
        ({"now": "2026-03-01"}, "/now", 'a date-time with Z or an offset; got "2026-03-01"'),
        ({"now": "2026-03-01T12:00:00"}, "/now", "with Z or an offset"),
        ({"now": "noon"}, "/now", 'got "noon"'),
        ({"now": 1700000000}, "/now", "got 1700000000"),
        ({"now": None}, "/now", "got null"),
        ({"now": ["2026"] * 24}, "/now", "with Z or an offset"),
        ({"now": "1969-12-31T23:59:59.999Z"}, "/now", "within the years 1970 to 9999"),
        ({"now": "0001-01-01T00:00:00+14:00"}, "/now", "with Z or an offset"),
        ({"now": "9999-12-31T23:59:59Z", "skew": 1}, "/now", "within the years 1970 to 9999"),
        ({"advance": 1e11}, "/advance", "got 100000000000.0"),
        ({"advance": 1e300}, "/advance", "a number of seconds from 0 on; got 1e+300"),
        ({"advance": -1}, "/advance", "To go back, set /now."),
        ({"advance": "1"}, "/advance", 'got "1"'),
        ({"advance": True}, "/advance", "got true"),
        ({"rate": 2}, "/rate", "0 (the clock stands still) or 1 (it runs); got 2"),
        ({"rate": False}, "/rate", "got false"),
        ({"rate": 0.5}, "/rate", "got 0.5"),
        ({"skew": "1"}, "/skew", "a number of seconds; got"),
        ({"skew": -1e10}, "/skew", "within the years 1970 to 9999, its skew included"),
        ({"now": "1970-01-01T00:00:00Z", "skew": -1}, "/now", "its skew included"),
        ({"forward": 1}, "/forward", "forward"),
    ],
)
def test_what_no_clock_can_show_is_refused_with_a_sentence(
    world: Timed, body: dict[str, Any], where: str, said: str
) -> None:
    status, path, message = world.refused("clock", body, "PUT")
    assert (status, path) == (400, where)
    assert said in message
    assert world.get("clock") == {"now": NOON, "rate": 1, "skew": 0}


@pytest.mark.parametrize(
    "moment", ["1970-01-01T00:00:00.000Z", "9999-12-31T23:58:00.000Z", "9999-12-31T23:59:59.999Z"]
)
def test_at_the_ends_of_time_all_is_answered(moment: str) -> None:
    with Timed({"token-format": "jwt", "future-timestamps": "reject", "ordering": "off"}) as world:
        world.put_clock(now=moment, rate=0)
        document_id = world.document(externalCreatedAt="1970-01-01T00:00:00.000Z")
        for each in ("1970-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"):
            assert world.append(document_id, externalCreatedAt=each).status in (201, 400)
        url = world.upload_url(document_id)
        assert world.put(url).status in (200, 403)
        assert world.read(document_id).status == 200
        assert world.get(f"documents/{document_id}?at={moment}")["createdAt"] == moment
        assert all(each["status"] < 500 for each in world.journal())


# What obeys it ----------------------------------------------------------------------------------------------


def test_a_token_expires_by_it(world: Timed) -> None:
    document_id = world.document()
    world.put_clock(rate=0)
    # Real time is none of it.
    world.clock.advance(9999)
    world.advance(3599)
    assert world.read(document_id).status == 200
    world.advance(1)
    answer = world.read(document_id)
    assert (answer.status, answer.code) == (401, "unauthorized")
    world.new_token()
    assert world.read(document_id).status == 200


def test_a_pre_signed_url_expires_by_it(world: Timed) -> None:
    document_id = world.document()
    upload = world.upload_url(document_id)
    world.advance(899)
    assert world.put(upload).status == 200
    download = world.download_url(document_id)
    world.advance(2)
    answer = world.put(upload)
    assert (answer.status, b"Request has expired" in answer.body) == (403, True)
    assert world.send("GET", download, None, None).status == 200
    world.advance(900)
    assert world.send("GET", download, None, None).status == 403


def test_the_rate_limit_fills_up_by_it() -> None:
    with Timed(rate_limit="documented") as world:
        world.put_clock(rate=0)
        assert [world.read("x").status for _ in range(6)] == [404] * 5 + [429]
        world.clock.advance(60)
        assert world.read("x").status == 429
        world.advance(0.4)
        assert [world.read("x").status for _ in range(3)] == [404, 404, 429]


def test_a_pending_window_ends_by_it(world: Timed) -> None:
    world.set("semantics", {"pending-window": 5}, "PATCH")
    world.put_clock(rate=0)
    document_id = world.document()
    assert world.append(document_id).code == PENDING
    world.advance(4.9)
    assert world.append(document_id).code == PENDING
    world.advance(0.1)
    assert world.append(document_id).status == 201


def test_a_key_lives_by_it(world: Timed) -> None:
    world.set("semantics", {"dedup-lifetime": 3600}, "PATCH")
    first = world.create("k")
    world.advance(3599)
    world.new_token()
    assert world.create("k").body == first.body
    world.advance(1)
    second = world.create("k")
    assert (second.status, second.body == first.body) == (201, False)
    assert world.journal("documents.create")[-1]["deduplication"] == [{"key": "k", "verdict": "expired"}]


def test_a_key_in_flight_outlives_its_life(world: Timed) -> None:
    """Its life begins with the commit, however long the request was held before."""
    world.set("semantics", {"dedup-lifetime": 60}, "PATCH")
    gate = world.gate("documents.create", "before_commit")
    first = world.create("k")
    world.advance(61)
    assert world.create("k").code == PENDING
    world.release(gate)
    assert world.create("k").body == first.body
    world.advance(60)
    assert world.create("k").body != first.body


def test_what_is_stored_has_its_times(world: Timed) -> None:
    world.put_clock(now="2026-04-01T00:00:00Z", rate=0)
    document_id = world.document()
    world.advance(30)
    world.append(document_id)
    document = world.read(document_id).json()
    assert document["createdAt"] == "2026-04-01T00:00:00.000Z"
    assert document["updatedAt"] == "2026-04-01T00:00:30.000Z"
    assert [each["recordedAt"] for each in world.records()] == [document["createdAt"]] * 2 + [
        document["updatedAt"]
    ]
    assert world.journal("events.append")[-1]["at"] == document["updatedAt"]


def test_what_is_held_is_stored_when_it_goes_on(world: Timed) -> None:
    gate = world.gate("documents.create", "before_commit")
    held = world.create()
    world.advance(30)
    world.release(gate)
    (entry,) = world.journal("documents.create")
    (record, _) = world.records()
    assert (entry["at"], record["recordedAt"]) == (NOON, "2026-03-01T12:00:30.000Z")
    assert world.read(held.json()["id"]).json()["createdAt"] == record["recordedAt"]


def test_answers_and_errors_have_its_time(world: Timed) -> None:
    world.put_clock(now="2026-04-01T00:00:00Z", rate=0)
    answer = world.read("x")
    assert answer.headers["date"] == "Wed, 01 Apr 2026 00:00:00 GMT"
    assert answer.json()["errors"][0]["timestamp"] == "1775001600"


def test_what_lies_in_the_future_is_told_by_it(world: Timed) -> None:
    world.set("semantics", {"future-timestamps": "reject"}, "PATCH")
    document_id = world.document()
    later = "2026-03-01T12:10:00.000Z"
    assert world.append(document_id, externalCreatedAt=later).status == 400
    world.advance(299)
    assert world.append(document_id, externalCreatedAt=later).status == 400
    world.advance(1)
    assert world.append(document_id, externalCreatedAt=later).status == 201


# Skew -------------------------------------------------------------------------------------------------------


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


def test_by_the_skew_the_date_is_ahead_of_what_is_stored(world: Timed) -> None:
    world.put_clock(rate=0, skew=90)
    sent = world.create()
    assert sent.headers["date"] == "Sun, 01 Mar 2026 12:01:30 GMT"
    assert world.read(sent.json()["id"]).json()["createdAt"] == NOON
    assert world.journal("documents.create")[-1]["at"] == NOON
    world.put_clock(skew=-90)
    assert world.read("x").headers["date"] == "Sun, 01 Mar 2026 11:58:30 GMT"


def test_by_the_skew_a_token_that_is_out_ends_earlier_or_later(world: Timed) -> None:
    document_id = world.document()
    world.put_clock(rate=0, skew=100)
    world.advance(3499)
    assert world.read(document_id).status == 200
    world.advance(1)
    assert world.read(document_id).status == 401
    world.put_clock(skew=0)
    assert world.read(document_id).status == 200


@pytest.mark.parametrize("skew", [7200, -7200])
def test_a_new_token_has_the_times_of_the_skew_and_lives_for_an_hour(skew: int) -> None:
    with Timed({"token-format": "jwt"}) as world:
        world.put_clock(rate=0, skew=skew)
        found = claims(world.token())
        noon = 1772366400
        assert (found["iat"], found["exp"]) == (noon + skew, noon + skew + 3600)
        document_id = world.document()
        world.advance(3599)
        assert world.read(document_id).status == 200
        world.advance(1)
        assert world.read(document_id).status == 401


# Set back ---------------------------------------------------------------------------------------------------


def set_back(world: Timed, seconds: int) -> None:
    hours, minutes = divmod(43200 - seconds, 3600)
    world.put_clock(now=f"2026-03-01T{hours:02}:{minutes // 60:02}:00Z")


def test_the_rate_limit_gives_nothing_and_takes_nothing() -> None:
    with Timed(rate_limit="documented") as world:
        world.put_clock(rate=0)
        assert [world.read("x").status for _ in range(3)] == [404] * 3
        set_back(world, 3600)
        assert [world.read("x").status for _ in range(3)] == [404, 404, 429]
        world.advance(0.2)
        assert [world.read("x").status for _ in range(2)] == [404, 429]


def test_a_document_is_not_busy_for_longer_than_its_window(world: Timed) -> None:
    world.set("semantics", {"pending-window": 5, "pending-reads": "on"}, "PATCH")
    document_id = world.document()
    assert world.append(document_id).code == PENDING
    set_back(world, 3600)
    assert (world.append(document_id).status, world.read(document_id).status) == (201, 409)
    world.advance(5)
    assert world.read(document_id).status == 200


def test_tokens_urls_and_keys_stay_good(world: Timed) -> None:
    world.set("semantics", {"dedup-lifetime": 60}, "PATCH")
    first = world.create("k")
    url = world.upload_url(first.json()["id"])
    set_back(world, 600)
    assert world.create("k").body == first.body
    assert world.put(url).status in (200, 403)
    assert world.read(first.json()["id"]).status == 200


def test_a_moment_that_came_twice_means_the_last_time(world: Timed) -> None:
    document_id = world.document()
    for name, moment in (("One", "13:00"), ("Two", "11:00"), ("Three", "11:30")):
        world.put_clock(now=f"2026-03-01T{moment}:00Z", rate=0)
        world.new_token()
        assert world.append(document_id, name=name).status == 201

    def names(at: str) -> list[str]:
        found = world.get(f"documents/{document_id}?at=2026-03-01T{at}:00Z")
        return [each["name"] for each in found["externalEvents"][1:]]

    assert names("11:00") == ["One", "Two"]
    assert names("11:29") == ["One", "Two"]
    assert names("11:30") == names("12:30") == names("13:00") == ["One", "Two", "Three"]
    answer = world.control("GET", f"documents/{document_id}?at=2026-03-01T10:59:59Z")
    assert answer.status == 404
    assert answer.json()["error"]["path"] == "/at"


def test_the_order_of_a_timeline_does_not_ask_the_clock(world: Timed) -> None:
    document_id = world.document()
    world.append(document_id, externalCreatedAt="2026-03-01T11:00:00Z")
    set_back(world, 7200)
    later = event("Weighing", externalCreatedAt="2026-03-01T11:30:00Z")
    assert world.send("POST", f"/documents/{document_id}/events", later).status == 201
    assert world.send("POST", "/documents", mass_id()).status == 201
