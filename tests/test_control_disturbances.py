"""The control API of faults, gates, clock and snapshots, held against its own contract in both directions."""

import json
from typing import Any

import httpx
import pytest
from conftest import World, created
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator
from payloads import mass_id
from test_control import SPEC, WORKSPACE, keeps_contract, refused

from mock_server.faults import COMMITTING, FAULTS, FIELDS, OPERATIONS, PHASES, READING

FAULT = {"operation": "events.append", "phase": "committed", "do": "drop"}
GATE = {"operation": "events.append", "phase": "committed"}


def call(world: World, method: str, path: str, body: Any = None) -> httpx.Response:
    return world.control.request(method, path, json=body)


def made(world: World, path: str, body: Any = None) -> str:
    return str(keeps_contract(call(world, "POST", path, body), f"{WORKSPACE}/{path}")["id"])


def test_a_fault_is_set_listed_released_and_removed(world: World) -> None:
    first, second = made(world, "faults", FAULT), made(world, "faults", FAULT | {"times": None})
    listed = keeps_contract(call(world, "GET", "faults"), f"{WORKSPACE}/faults")
    assert [(each["id"], each["times"], each["strikes"], each["hanging"]) for each in listed] == [
        (first, 1, 0, []),
        (second, None, 0, []),
    ]
    answer = call(world, "POST", f"faults/{first}/release")
    assert keeps_contract(answer, f"{WORKSPACE}/faults/{{id}}/release") == {"released": []}
    keeps_contract(call(world, "DELETE", f"faults/{first}"), f"{WORKSPACE}/faults/{{id}}")
    assert [each["id"] for each in call(world, "GET", "faults").json()] == [second]
    keeps_contract(call(world, "DELETE", "faults"), f"{WORKSPACE}/faults")
    assert call(world, "GET", "faults").json() == []


def test_what_a_fault_was_given_is_shown(world: World) -> None:
    given = {
        "operation": "events.append",
        "phase": "before_commit",
        "do": "status",
        "status": 409,
        "code": "PENDING_PROCESS_CONFLICT_ERROR",
        "times": 3,
        "after": 2,
        "probability": 0.5,
        "documentId": "2a45c57d-37ef-48e0-a330-9bd12c65a1b0",
        "deduplicationId": "k",
        "attempt": 2,
    }
    fault_id = made(world, "faults", given)
    (shown,) = keeps_contract(call(world, "GET", "faults"), f"{WORKSPACE}/faults")
    assert shown == given | {"id": fault_id, "strikes": 0, "hanging": []}


def test_a_gate_is_set_listed_released_and_removed(world: World) -> None:
    first, second = made(world, "gates", GATE), made(world, "gates", GATE | {"timeout": 2.5})
    listed = keeps_contract(call(world, "GET", "gates"), f"{WORKSPACE}/gates")
    assert [(each["id"], each["timeout"], each["waiting"]) for each in listed] == [
        (first, 30, []),
        (second, 2.5, []),
    ]
    for body, left in (({"count": 1}, [first, second]), ({}, [second])):
        answer = call(world, "POST", f"gates/{first}/release", body)
        assert keeps_contract(answer, f"{WORKSPACE}/gates/{{id}}/release") == {"released": []}
        assert [each["id"] for each in call(world, "GET", "gates").json()] == left
    keeps_contract(call(world, "DELETE", f"gates/{second}"), f"{WORKSPACE}/gates/{{id}}")
    keeps_contract(call(world, "DELETE", "gates"), f"{WORKSPACE}/gates")
    assert call(world, "GET", "gates").json() == []


def test_the_clock_and_snapshots_have_the_shape_of_the_contract(world: World) -> None:
    keeps_contract(call(world, "GET", "clock"), f"{WORKSPACE}/clock")
    moved = {"advance": 60, "rate": 0, "skew": -1.5}
    shown = keeps_contract(call(world, "PUT", "clock", moved), f"{WORKSPACE}/clock")
    assert shown == {"now": "2026-03-01T12:01:00.000Z", "rate": 0, "skew": -1.5}
    snapshot_id = made(world, "snapshots")
    (listed,) = keeps_contract(call(world, "GET", "snapshots"), f"{WORKSPACE}/snapshots")
    assert listed == {"id": snapshot_id, "position": 0, "at": "2026-03-01T12:01:00.000Z"}
    answer = call(world, "POST", f"snapshots/{snapshot_id}/restore")
    keeps_contract(answer, f"{WORKSPACE}/snapshots/{{id}}/restore")


def test_what_a_fault_did_is_in_the_journal_as_the_contract_has_it(world: World) -> None:
    made(
        world,
        "faults",
        {"operation": "documents.create", "phase": "committed", "do": "status", "status": 503},
    )
    body = mass_id(deduplicationId="k")
    assert world.a.post("/documents", json=body).status_code == 503
    created(world.a.post("/documents", json=body))
    token, first, second = keeps_contract(call(world, "GET", "requests"), f"{WORKSPACE}/requests")
    assert (first["fault"], first["committed"], first["replayedBy"]) == ("f1", True, [second["id"]])
    assert (second["replayOf"], "fault" in second, "replayOf" in token) == (first["id"], False, False)


@pytest.mark.parametrize(
    ("method", "path", "where"),
    [
        ("DELETE", "faults/f9", "/id"),
        ("POST", "faults/f9/release", "/id"),
        ("DELETE", "gates/g9", "/id"),
        ("POST", "gates/g9/release", "/id"),
        ("POST", "snapshots/s9/restore", "/id"),
    ],
)
def test_what_is_not_there_answers_404(world: World, method: str, path: str, where: str) -> None:
    assert refused(call(world, method, path), 404, "notFound")[0] == where


def test_only_who_waits_at_a_gate_can_be_released_from_it(world: World) -> None:
    gate = made(world, "gates", GATE)
    path, said = refused(call(world, "POST", f"gates/{gate}/release", {"requestId": "r7"}), 404, "notFound")
    assert (path, "(none)" in said) == ("/requestId", True)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("do", FAULTS)
def test_a_pair_that_makes_no_sense_is_refused_with_those_that_do(
    world: World, operation: str, phase: str, do: str
) -> None:
    kind = FAULTS[do]
    has = operation in COMMITTING or phase not in ("before_commit", "committed")
    sensible = has and phase in kind.phases and operation in kind.operations
    answer = call(world, "POST", "faults", {"operation": operation, "phase": phase, "do": do})
    if sensible:
        assert answer.status_code == 201
    elif operation not in kind.operations and has:
        path, said = refused(answer, 400, "validationError")
        assert (path, all(each in said for each in kind.operations)) == ("/operation", True)
    else:
        path, said = refused(answer, 400, "validationError")
        named = {each for each in PHASES if each in said.partition(";")[0]}
        allowed = {each for each in PHASES if operation in COMMITTING or "commit" not in each}
        assert path == "/phase"
        assert named == (allowed & set(kind.phases) if has else allowed)


# Both ways: what the contract refuses is refused, and what is refused the contract refuses or has no sense ---

NAMES = st.sampled_from((*FIELDS, "timeout", "count", "requestId", "now", "advance", "rate", "skew", "other"))
VALUES = st.one_of(
    st.sampled_from((*OPERATIONS, "*", *PHASES, *FAULTS, "", "k", "2026-03-01T10:00:00Z", "r1", "soon")),
    st.integers(-1, 700),
    st.floats(-1, 2, allow_nan=False),
    st.booleans(),
    st.none(),
    st.just([]),
    st.just({}),
)


def bodies(*required: tuple[str, tuple[str, ...]]) -> st.SearchStrategy[dict[str, Any]]:
    """Bodies that have what is required, mostly right, and a few fields more, mostly wrong."""
    good = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in required})
    return st.builds(lambda one, other: {**one, **other}, good, st.dictionaries(NAMES, VALUES, max_size=2))


def check(world: World, method: str, path: str, schema: str, body: dict[str, Any]) -> None:
    validator = Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": SPEC["components"]}, validate_formats=True
    )
    answer = call(world, method, path, body)
    keeps_contract(answer, f"{WORKSPACE}/{path}")
    is_valid = validator.is_valid(json.loads(json.dumps(body)))
    if answer.status_code < 300:
        assert is_valid
    elif is_valid:
        # Right in itself, and yet it goes with nothing else.
        said = answer.json()["error"]["message"]
        assert any(
            each in said
            for each in ("makes sense", "goes with", "must be one that", "years 1970", "fits no request")
        ), said


EXAMPLES = settings(
    derandomize=True,
    database=None,
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@EXAMPLES
@given(body=bodies(("operation", (*OPERATIONS, "*")), ("phase", PHASES), ("do", tuple(FAULTS))))
def test_faults_are_taken_as_the_contract_says(world: World, body: dict[str, Any]) -> None:
    check(world, "POST", "faults", "FaultRequest", body)
    call(world, "DELETE", "faults")


@EXAMPLES
@given(body=bodies(("operation", (*OPERATIONS, "*")), ("phase", PHASES)))
def test_gates_are_taken_as_the_contract_says(world: World, body: dict[str, Any]) -> None:
    check(world, "POST", "gates", "GateRequest", body)
    call(world, "DELETE", "gates")


@EXAMPLES
@given(body=bodies())
def test_the_clock_changes_as_the_contract_says(world: World, body: dict[str, Any]) -> None:
    check(world, "PUT", "clock", "ClockChange", body)
    call(world, "POST", "reset")


def test_every_field_that_is_taken_is_in_the_contract() -> None:
    assert set(SPEC["components"]["schemas"]["FaultRequest"]["properties"]) == set(FIELDS)
    assert SPEC["components"]["schemas"]["Do"]["enum"] == list(FAULTS)
    assert SPEC["components"]["schemas"]["Phase"]["enum"] == list(PHASES)
    assert {*COMMITTING, *READING, "*"} == set(SPEC["components"]["schemas"]["Operation"]["enum"])
