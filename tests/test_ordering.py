"""Chronology: what an event's moment may be, after the others and against the clock (CONTRACT §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import World, created, error_of
from payloads import at, event, mass_id

if TYPE_CHECKING:
    import httpx

LATE = "2026-03-01T12:05:00.001Z"
JUST = "2026-03-01T12:05:00.000Z"


def batch(world: World, document_id: str, *moments: str) -> httpx.Response:
    items = [event(externalCreatedAt=moment) for moment in moments]
    return world.a.post("/documents/events", json={"documentId": document_id, "events": items})


def codes(world: World) -> list[str]:
    return [each["code"] for each in world.journal()[-1]["advisories"]]


@pytest.mark.switch("ordering", "reject")
@pytest.mark.parametrize(
    ("earlier", "moment", "status"),
    [
        ([], at(8), 201),
        ([], "2026-02-01T07:59:59.999Z", 400),
        ([at(10)], at(10), 201),
        ([at(10)], at(11), 201),
        ([at(10)], "2026-02-01T09:59:59.999Z", 400),
        ([at(10), at(12), at(12)], at(11), 400),
        ([at(10)], "2026-02-01T11:00:00+01:00", 201),
        ([at(10)], "2026-02-01T10:30:00+01:00", 400),
        ([at(10)], "2026-02-01T07:00:00-03:00", 201),
    ],
)
def test_an_event_is_not_earlier_than_the_latest(
    world: World, earlier: list[str], moment: str, status: int
) -> None:
    document_id = world.document(externalCreatedAt=at(8))
    for each in earlier:
        assert world.append(document_id, externalCreatedAt=each).status_code == 201
    answer = world.append(document_id, externalCreatedAt=moment)
    assert answer.status_code == status
    if status == 400:
        _, code, message = error_of(answer)
        assert code == "validationError"
        assert message.startswith("/externalCreatedAt")
        assert (earlier[-1] if earlier else at(8)) in message
        assert {"ordering", "chronological"} <= set(world.journal()[-1]["behaviours"])
    assert len(world.timeline(document_id)) == len(earlier) + (status == 201)


def test_a_refused_event_moves_nothing(world: World) -> None:
    document_id = world.document()
    world.append(document_id, externalCreatedAt=at(10))
    assert world.append(document_id, externalCreatedAt=at(20), participantId="unknown").status_code == 404
    assert world.append(document_id, externalCreatedAt=at(11)).status_code == 201


@pytest.mark.switch("ordering", "warn")
def test_out_of_order_is_noted_where_the_switch_warns(world: World) -> None:
    document_id = world.document()
    world.semantics(ordering="warn")
    assert world.append(document_id, externalCreatedAt=at(10)).status_code == 201
    assert codes(world) == []
    assert world.append(document_id, externalCreatedAt=at(9)).status_code == 201
    assert codes(world) == ["out-of-order"]
    assert at(10) in world.journal()[-1]["advisories"][0]["message"]
    world.semantics(ordering="reject")
    assert world.append(document_id, externalCreatedAt=at(9, 30)).status_code == 400


@pytest.mark.switch("ordering", "off")
def test_out_of_order_is_nothing_where_the_switch_is_off(world: World) -> None:
    document_id = world.document()
    world.semantics(ordering="off")
    assert batch(world, document_id, at(10), at(9), at(1)).status_code == 201
    assert codes(world) == []
    assert [each["externalCreatedAt"] for each in world.timeline(document_id)] == [at(10), at(9), at(1)]


def test_earlier_items_of_a_batch_count(world: World) -> None:
    document_id = world.document()
    status, code, message = error_of(batch(world, document_id, at(10), at(12), at(11)))
    assert (status, code) == (400, "validationError")
    assert message.startswith("/events/2/externalCreatedAt")
    assert at(12) in message
    assert world.timeline(document_id) == []
    assert batch(world, document_id, at(10), at(12), at(12)).status_code == 201


def test_items_that_fail_do_not_count_for_the_order_of_the_rest(world: World) -> None:
    world.semantics(batch_atomicity="each")
    document_id = world.document()
    items = [
        event(externalCreatedAt=at(20), participantId="unknown"),
        event(externalCreatedAt=at(10)),
        event(externalCreatedAt=at(9)),
    ]
    answer = world.a.post("/documents/events", json={"documentId": document_id, "events": items})
    assert [each["index"] for each in answer.json()["errors"]] == [0, 2]
    assert [each["externalCreatedAt"] for each in world.timeline(document_id)] == [at(10)]


# Ahead of the clock, which stands at 2026-03-01T12:00:00Z ------------------------------------------------

FUTURE: dict[str, tuple[int, list[str]]] = {
    "reject": (400, []),
    "warn": (201, ["future-timestamp"]),
    "off": (201, []),
}
RULES = [
    pytest.param("reject", marks=pytest.mark.switch("future-timestamps", "reject")),
    pytest.param("warn", marks=pytest.mark.switch("future-timestamps", "warn")),
    pytest.param("off", marks=pytest.mark.switch("future-timestamps", "off")),
]


def send(world: World, call: str, document_id: str, moment: str) -> httpx.Response:
    if call == "create":
        return world.a.post("/documents", json=mass_id(externalCreatedAt=moment))
    if call == "append":
        return world.append(document_id, externalCreatedAt=moment)
    return batch(world, document_id, at(9), moment)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("call", ["create", "append", "batch"])
def test_a_moment_ahead_of_the_clock(world: World, call: str, rule: str) -> None:
    document_id = world.document()
    world.semantics(future_timestamps=rule)
    before = world.ledger()
    status, advisories = FUTURE[rule]
    answer = send(world, call, document_id, LATE)
    assert answer.status_code == status
    assert codes(world) == advisories
    if status == 400:
        pointer = "/events/1/externalCreatedAt" if call == "batch" else "/externalCreatedAt"
        assert error_of(answer)[2].startswith(pointer)
        assert world.ledger() == before


@pytest.mark.parametrize("call", ["create", "append", "batch"])
@pytest.mark.parametrize("moment", [JUST, "2026-03-01T09:05:00-03:00"])
def test_five_minutes_ahead_are_fine(world: World, call: str, moment: str) -> None:
    document_id = world.document()
    world.semantics(future_timestamps="reject")
    assert send(world, call, document_id, moment).status_code == 201


def test_the_default_warns(world: World) -> None:
    created(world.a.post("/documents", json=mass_id(externalCreatedAt="2027-01-01T00:00:00Z")))
    assert codes(world) == ["future-timestamp"]


def test_the_workspaces_clock_is_what_counts(world: World) -> None:
    world.semantics(future_timestamps="reject")
    body: dict[str, Any] = mass_id(externalCreatedAt=LATE)
    assert error_of(world.a.post("/documents", json=body))[0] == 400
    world.clock.advance(1)
    created(world.a.post("/documents", json=body))
