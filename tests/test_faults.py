"""Faults: every `do` at every phase where it makes sense, on every operation, and what is true afterwards."""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from payloads import event, mass_id
from proof_world import FILE, OpenWorld, Sent, until

from mock_server.faults import COMMITTING, FAULTS, OPERATIONS, PHASES, WITH_TOKEN, phases_of

KEYED = ("documents.create", "events.append", "events.batch")
LATE = ("committed", "responding")
SECONDS: dict[str, dict[str, Any]] = {"delay": {"seconds": 2}, "slow": {"seconds": 2}}


class Asking:
    """A world in which each operation has something to ask for."""

    def __init__(self, **settings: Any) -> None:
        self.world = OpenWorld(**settings)
        world = self.world
        self.document_id = world.document()
        world.put(world.upload_url(self.document_id))
        self.download = world.download_url(self.document_id)
        self.upload = world.upload_url(self.document_id, "b.txt")

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.close()

    def ask(self, operation: str, key: str = "k", **more: Any) -> Sent:
        world, place = self.world, f"/documents/{self.document_id}"
        if operation == "token":
            return world.ask_token()
        if operation.startswith("storage."):
            url, method = (self.upload, "PUT") if operation == "storage.put" else (self.download, "GET")
            body = b"abc" if method == "PUT" else None
            return world.send(method, url, body, None, {"content-type": "text/plain"})
        method, path, body = {
            "documents.create": ("POST", "/documents", mass_id(deduplicationId=key)),
            "documents.read": ("GET", place, None),
            "events.append": ("POST", f"{place}/events", event(deduplicationId=key)),
            "events.batch": (
                "POST",
                "/documents/events",
                {"documentId": self.document_id, "events": [event(deduplicationId=key)]},
            ),
            "attachments.upload": ("PUT", f"{place}/attachments/c.txt", FILE),
            "attachments.download": ("GET", f"{place}/attachments/a.txt", None),
        }[operation]
        return world.send(method, path, body, **more)

    def entry(self, operation: str) -> dict[str, Any]:
        return self.world.journal(operation)[-1]

    def done_with(self, operation: str) -> int:
        """How often what an operation asks for was done."""
        kinds = {"documents.create": "document.created", "attachments.upload": "attachment.declared"}
        kind = kinds.get(operation, "attachment.stored" if operation == "storage.put" else "event.appended")
        return sum(each["kind"] == kind and each["origin"] == "integrator" for each in self.world.records())


@pytest.fixture
def asking() -> Iterator[Asking]:
    with Asking() as found:
        yield found


@pytest.fixture
def world(asking: Asking) -> OpenWorld:
    return asking.world


def sensible(operation: str, phase: str, do: str) -> bool:
    return phase in phases_of(operation) and phase in FAULTS[do].phases and operation in FAULTS[do].operations


PAIRS = [each for each in itertools.product(OPERATIONS, PHASES, FAULTS) if sensible(*each)]
NO_PAIRS = [each for each in itertools.product(OPERATIONS, PHASES, FAULTS) if not sensible(*each)]


# Every do, phase and operation -----------------------------------------------------------------------------


@pytest.mark.parametrize(("operation", "phase", "do"), PAIRS, ids=map("-".join, PAIRS))
def test_a_fault_does_what_it_says_once_and_the_next_attempt_is_answered(
    asking: Asking, operation: str, phase: str, do: str
) -> None:
    world = asking.world
    before = asking.done_with(operation)
    world.token()
    fault = world.fault(operation, phase, do, **SECONDS.get(do, {}))
    sent = asking.ask(operation)
    CHECKS[do](world, fault, sent)
    entry = asking.entry(operation)
    commits = operation in COMMITTING
    broken = do in ("drop", "reset", "truncate")
    goes_on = do in ("hang", "delay", "slow")
    assert entry["fault"] == fault
    assert entry["committed"] is (commits and (goes_on or phase in LATE))
    # What breaks breaks where the fault is; anything else ends with an answer.
    assert entry["phase"] == (phase if do in ("drop", "reset") else "responding")
    assert entry["seen"] == (sent.broken if broken else "answer")
    assert entry.get("status") == sent.status or do == "truncate"
    (shown,) = world.get("faults")
    assert (shown["id"], shown["strikes"], shown["hanging"]) == (fault, 1, [])
    assert not world.workspace.is_disturbed
    again = asking.ask(operation, headers={"authorization": f"Bearer {world.new_token()}"})
    assert (again.status, again.is_whole) == (201 if operation in KEYED else 200, True)
    if operation in KEYED:
        verdict = "replay" if entry["committed"] else "fresh"
        last = asking.entry(operation)
        assert [each["verdict"] for each in last["deduplication"]] == [verdict]
        assert last.get("replayOf") == (entry["id"] if entry["committed"] else None)
        assert world.get(f"requests/{entry['id']}").get("replayedBy") == (
            [last["id"]] if entry["committed"] else None
        )
        assert asking.done_with(operation) == before + 1
        if sent.is_whole and sent.status == 201:
            assert sent.body == again.body


def check_status(world: OpenWorld, fault: str, sent: Sent) -> None:
    assert (sent.done, sent.status, sent.is_whole) == (True, 500, True)


def check_drop(world: OpenWorld, fault: str, sent: Sent) -> None:
    assert (sent.done, sent.status, sent.broken) == (True, None, "closed")


def check_reset(world: OpenWorld, fault: str, sent: Sent) -> None:
    assert (sent.done, sent.status, sent.broken) == (True, None, "reset")


def check_hang(world: OpenWorld, fault: str, sent: Sent) -> None:
    world.loop.pass_time(1000)
    assert (sent.done, sent.status) == (False, None)
    hanging = world.get("faults")[0]["hanging"]
    assert len(hanging) == 1
    assert world.set(f"faults/{fault}/release", {}) == {"released": hanging}
    assert (sent.done, sent.is_whole) == (True, True)


def check_delay(world: OpenWorld, fault: str, sent: Sent) -> None:
    world.loop.pass_time(1.5)
    assert (sent.done, sent.status) == (False, None)
    world.loop.pass_time(0.5)
    assert (sent.done, sent.is_whole) == (True, True)


def check_truncate(world: OpenWorld, fault: str, sent: Sent) -> None:
    assert sent.done
    if sent.status is None:
        # An answer without a body: there is no half of it.
        assert (sent.broken, world.journal()[-1]["operation"]) == ("closed", "storage.put")
        return
    assert sent.broken == "truncated"
    assert len(sent.body) == int(sent.headers["content-length"]) // 2 > 0


def check_slow(world: OpenWorld, fault: str, sent: Sent) -> None:
    assert not sent.done
    pieces = 0
    while not sent.done:
        pieces += 1
        world.loop.pass_time(0.1)
    # Each may be some milliseconds longer than a tenth of a second.
    assert (sent.is_whole, sent.broken) == (True, None)
    assert len(sent.body) == int(sent.headers["content-length"])
    assert len(sent.exchange.parts) == min(20, max(len(sent.body), 1)) or 10 <= len(sent.exchange.parts) <= 20
    assert pieces >= 20


def check_expire(world: OpenWorld, fault: str, sent: Sent) -> None:
    assert (sent.done, sent.status, sent.code) == (True, 401, "unauthorized")
    assert sent.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert "expired" in sent.json()["errors"][0]["message"]


CHECKS: dict[str, Callable[[OpenWorld, str, Sent], None]] = {
    "status": check_status,
    "drop": check_drop,
    "reset": check_reset,
    "hang": check_hang,
    "delay": check_delay,
    "truncate": check_truncate,
    "slow": check_slow,
    "expire": check_expire,
}


def test_what_makes_no_sense_is_refused_with_what_does(world: OpenWorld) -> None:
    assert set(CHECKS) == set(FAULTS)
    for operation, phase, do in NO_PAIRS:
        status, path, message = world.refused("faults", {"operation": operation, "phase": phase, "do": do})
        assert status == 400
        if operation not in FAULTS[do].operations and phase in phases_of(operation):
            assert path == "/operation"
            assert all(each in message for each in WITH_TOKEN)
        else:
            assert path == "/phase"
            known = [each for each in phases_of(operation) if each in FAULTS[do].phases]
            named = message.partition("; got")[0]
            assert all(
                each in named for each in (known if phase in phases_of(operation) else phases_of(operation))
            )
            assert f" {phase}" not in named
    assert world.get("faults") == []


@pytest.mark.parametrize("phase", PHASES)
def test_a_star_stands_for_every_operation_that_has_the_phase(asking: Asking, phase: str) -> None:
    asking.world.token()
    asking.world.fault("*", phase, "drop", times=None)
    struck = {operation for operation in OPERATIONS if asking.ask(operation, operation).broken}
    assert struck == {operation for operation in OPERATIONS if phase in phases_of(operation)}


def test_a_token_that_a_fault_let_expire_stays_expired_and_the_next_one_is_good(asking: Asking) -> None:
    asking.world.fault("events.append", "arrived", "expire", after=1)
    assert asking.ask("events.append", "a").status == 201
    assert [asking.ask(each).status for each in ("documents.read", "events.append", "documents.read")] == [
        200,
        401,
        401,
    ]
    assert "fault" not in asking.entry("documents.read")
    asking.world.new_token()
    assert asking.ask("events.append", "b").status == 201


# What a status looks like ------------------------------------------------------------------------------------


def struck(asking: Asking, operation: str, status: int, code: str | None = None) -> Sent:
    more = {} if code is None else {"code": code}
    asking.world.fault(operation, "responding", "status", status=status, **more)
    return asking.ask(operation)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "validationError"),
        (401, "unauthorized"),
        (403, "restrictedResource"),
        (404, "objectNotFound"),
        (409, "conflictError"),
        (422, "unprocessableEntity"),
        (500, "internalServerError"),
        (502, "badGateway"),
        (503, "serviceUnavailable"),
        (504, "gatewayTimeout"),
    ],
)
def test_a_status_of_the_api_comes_in_its_envelope_with_the_usual_code(
    asking: Asking, status: int, code: str
) -> None:
    answer = struck(asking, "events.append", status)
    assert (answer.status, answer.json()["statusCode"], answer.code) == (status, status, code)
    assert set(answer.json()["errors"][0]) == {"code", "message", "id", "timestamp"}
    assert ("www-authenticate" in answer.headers) is (status == 401)


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if not each.startswith("storage.")])
@pytest.mark.parametrize("edges", ["documented", "gateway"])
def test_429_has_no_envelope(asking: Asking, operation: str, edges: str) -> None:
    asking.world.set("semantics", {"edge-errors": edges}, "PATCH")
    assert struck(asking, operation, 429).body == b'{"message":"Too Many Requests"}'


@pytest.mark.parametrize("status", [401, 403, 413, 500, 502, 503, 504])
def test_a_gateway_in_front_answers_in_the_short_form(asking: Asking, status: int) -> None:
    asking.world.set("semantics", {"edge-errors": "gateway"}, "PATCH")
    answer = struck(asking, "documents.read", status)
    assert (answer.status, list(answer.json())) == (status, ["message"])


@pytest.mark.parametrize("edges", ["documented", "gateway"])
def test_what_no_gateway_says_keeps_its_envelope(asking: Asking, edges: str) -> None:
    asking.world.set("semantics", {"edge-errors": edges}, "PATCH")
    assert struck(asking, "documents.read", 404).code == "objectNotFound"


def test_a_code_can_be_chosen(asking: Asking) -> None:
    answer = struck(asking, "events.append", 409, "PENDING_PROCESS_CONFLICT_ERROR")
    assert (answer.status, answer.code) == (409, "PENDING_PROCESS_CONFLICT_ERROR")


@pytest.mark.parametrize("status", [405, 413])
def test_the_token_endpoint_refuses_in_the_short_form_what_the_contract_has_so(
    asking: Asking, status: int
) -> None:
    answer = struck(asking, "token", status)
    assert (answer.status, list(answer.json())) == (status, ["message"])


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize(
    ("status", "error"), [(400, "invalid_request"), (401, "invalid_client"), (403, "invalid_request")]
)
def test_the_token_endpoint_refuses_in_the_form_of_oauth(
    asking: Asking, phase: str, status: int, error: str
) -> None:
    asking.world.fault("token", phase, "status", status=status)
    answer = asking.ask("token")
    assert (answer.status, answer.json()) == (status, {"error": error})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers.get("www-authenticate", "").startswith("Basic") is (status == 401)


@pytest.mark.parametrize("edges", ["documented", "gateway"])
def test_the_token_endpoint_fails_as_the_api_does(asking: Asking, edges: str) -> None:
    asking.world.set("semantics", {"edge-errors": edges}, "PATCH")
    answer = struck(asking, "token", 503)
    assert ("errors" in answer.json(), "message" in answer.json()) == (edges != "gateway", edges == "gateway")


@pytest.mark.parametrize("phase", ["arrived", "responding"])
@pytest.mark.parametrize("operation", ["storage.put", "storage.get"])
@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (429, "SlowDown"), (503, "ServiceUnavailable")]
)
def test_the_storage_refuses_in_the_form_of_s3(
    asking: Asking, operation: str, phase: str, status: int, code: str
) -> None:
    asking.world.set("semantics", {"edge-errors": "gateway"}, "PATCH")
    asking.world.fault(operation, phase, "status", status=status)
    answer = asking.ask(operation)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/xml")
    assert f"<Code>{code}</Code>" in answer.body.decode()


def test_a_head_is_struck_without_a_body(asking: Asking) -> None:
    asking.world.fault("documents.read", "responding", "status", status=503)
    answer = asking.world.send("HEAD", f"/documents/{asking.document_id}")
    assert (answer.status, answer.body) == (503, b"")


# Which requests it strikes -----------------------------------------------------------------------------------


def strikes(asking: Asking, count: int, operation: str = "documents.read") -> list[bool]:
    return [asking.ask(operation, f"k{number}").broken is not None for number in range(count)]


def test_once_where_nothing_is_said(asking: Asking) -> None:
    asking.world.fault("documents.read", "arrived", "drop")
    assert strikes(asking, 3) == [True, False, False]


def test_so_many_times_after_so_many(asking: Asking) -> None:
    asking.world.fault("documents.read", "arrived", "drop", times=2, after=1)
    assert strikes(asking, 5) == [False, True, True, False, False]


def test_without_end(asking: Asking) -> None:
    asking.world.fault("documents.read", "arrived", "drop", times=None)
    assert strikes(asking, 5) == [True] * 5
    assert asking.world.get("faults")[0]["strikes"] == 5
    assert asking.world.workspace.is_disturbed


def test_by_chance_and_the_same_with_the_same_seed() -> None:
    found = []
    for seed in (1, 1, 2):
        with Asking(seed=seed) as asking:
            asking.world.fault("documents.read", "arrived", "drop", times=None, probability=0.5)
            found.append(strikes(asking, 40))
    assert found[0] == found[1] != found[2]
    assert 8 < sum(found[0]) < 32


@pytest.mark.parametrize(("probability", "expected"), [(0, 0), (1, 5)])
def test_never_and_always(asking: Asking, probability: float, expected: int) -> None:
    asking.world.fault("documents.read", "arrived", "drop", times=None, probability=probability)
    assert sum(strikes(asking, 5)) == expected


@pytest.mark.parametrize(
    "operation", ["documents.read", "events.append", "events.batch", "attachments.upload"]
)
@pytest.mark.parametrize("phase", ["arrived", "authenticated", "responding"])
def test_only_about_a_document(asking: Asking, operation: str, phase: str) -> None:
    other = asking.world.document()
    fault = asking.world.fault(operation, phase, "drop", times=None, documentId=asking.document_id.upper())
    assert asking.ask(operation).broken == "closed"
    asking.document_id = other
    assert asking.ask(operation, "other").is_whole
    assert asking.world.get("faults")[0]["id"] == fault


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("operation", KEYED)
def test_only_under_a_key(asking: Asking, operation: str, phase: str) -> None:
    asking.world.fault(operation, phase, "drop", times=None, deduplicationId="k2")
    assert [asking.ask(operation, key).broken for key in ("k1", "k2", "k3")] == [None, "closed", None]


@pytest.mark.parametrize("phase", ["arrived", "authenticated", "validated", "responding"])
@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each not in ("storage.put", *KEYED)])
def test_only_an_attempt_with_the_same_body(asking: Asking, operation: str, phase: str) -> None:
    # What was asked for in the preparation was other things, but for a token.
    earlier = len(asking.world.journal(operation)) if operation == "token" else 0
    asking.world.token()
    asking.world.fault(operation, phase, "drop", times=None, attempt=2 + earlier)
    same = [asking.ask(operation).broken for _ in range(3)]
    before = {"attachments.download": 1}.get(operation, 0)
    assert same == [None, "closed", None][before:] + [None] * before


def test_only_an_attempt_to_put_a_file(asking: Asking) -> None:
    asking.world.fault("storage.put", "arrived", "drop", times=None, attempt=2)
    assert [asking.ask("storage.put").broken for _ in range(3)] == [None, "closed", None]


@pytest.mark.parametrize("phase", ["arrived", "authenticated", "validated", "responding"])
@pytest.mark.parametrize("operation", KEYED)
def test_only_an_attempt_under_each_key(asking: Asking, operation: str, phase: str) -> None:
    asking.world.fault(operation, phase, "drop", times=None, attempt=2)
    keys = ("a", "b", "a", "b", "a")
    assert [asking.ask(operation, key).broken is not None for key in keys] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_the_first_attempt_again_and_again(asking: Asking) -> None:
    """Each key fails once: what a client has to bear that is told to try everything twice."""
    asking.world.fault("events.append", "committed", "drop", times=None, attempt=1)
    for key in ("a", "b", "c"):
        assert asking.ask("events.append", key).broken == "closed"
        assert asking.ask("events.append", key).status == 201
    assert asking.world.names(asking.document_id) == ["Pick-up"] * 3


def test_a_replay_has_no_commit_to_fail_at(asking: Asking) -> None:
    assert asking.ask("documents.create").status == 201
    asking.world.fault("documents.create", "committed", "drop")
    assert asking.ask("documents.create").status == 201
    assert asking.ask("documents.create", "new").broken == "closed"


# Several, and what becomes of them ----------------------------------------------------------------------------


def test_a_delay_and_then_a_status(asking: Asking) -> None:
    world = asking.world
    first = world.fault("documents.read", "arrived", "delay", seconds=3)
    second = world.fault("documents.read", "arrived", "status", status=503)
    sent = asking.ask("documents.read")
    assert not sent.done
    world.loop.pass_time(3)
    assert sent.status == 503
    assert [(each["id"], each["strikes"]) for each in world.get("faults")] == [(first, 1), (second, 1)]
    assert asking.entry("documents.read")["fault"] == second


def test_the_earlier_phase_strikes_first_and_the_later_one_another_request(asking: Asking) -> None:
    asking.world.fault("events.append", "committed", "status", status=504)
    asking.world.fault("events.append", "authenticated", "status", status=503)
    assert [asking.ask("events.append").status for _ in range(3)] == [503, 504, 201]


def test_a_status_of_an_answer_that_is_cut_off(asking: Asking) -> None:
    asking.world.fault("events.append", "committed", "truncate")
    asking.world.fault("events.append", "responding", "status", status=503)
    sent = asking.ask("events.append")
    assert (sent.status, sent.broken) == (503, "truncated")


def test_a_hang_ends_after_its_seconds(asking: Asking) -> None:
    asking.world.fault("events.append", "before_commit", "hang", seconds=5)
    sent = asking.ask("events.append")
    asking.world.loop.pass_time(4.9)
    assert not sent.done
    asking.world.loop.pass_time(0.1)
    assert sent.status == 201


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("operation", COMMITTING)
def test_a_client_that_leaves_while_its_request_hangs_leaves_it_there(
    asking: Asking, operation: str, phase: str
) -> None:
    world = asking.world
    before = asking.done_with(operation)
    world.fault(operation, phase, "hang")
    sent = asking.ask(operation)
    sent.leave()
    world.loop.settle()
    if operation == "storage.put" and phase in ("arrived", "authenticated"):
        # Of a client that has not sent all of it, it is looked now and then whether it is there.
        world.loop.pass_time(0.1)
    assert sent.done
    entry = asking.entry(operation)
    assert (entry["phase"], entry["seen"], entry["committed"]) == (phase, "silent", phase in LATE)
    assert "status" not in entry
    assert world.get("faults")[0]["hanging"] == []
    if operation != "token":
        assert asking.done_with(operation) == before + (phase in LATE)
    assert asking.ask(operation).is_whole
    if operation in KEYED:
        assert asking.done_with(operation) == before + 1


def test_who_leaves_in_the_middle_of_a_slow_answer_saw_a_part_of_it(asking: Asking) -> None:
    asking.world.fault("documents.read", "responding", "slow", seconds=20)
    sent = asking.ask("documents.read")
    asking.world.loop.pass_time(1)
    sent.leave()
    asking.world.loop.pass_time(1)
    assert sent.done
    assert asking.entry("documents.read")["seen"] == "truncated"


@pytest.mark.parametrize("path", ["faults", "faults/f1"])
def test_a_fault_that_is_taken_away_lets_go_what_hangs_and_strikes_no_more(asking: Asking, path: str) -> None:
    asking.world.fault("documents.read", "arrived", "hang", times=None)
    held = asking.ask("documents.read")
    asking.world.set(path, method="DELETE")
    assert (held.status, asking.ask("documents.read").status) == (200, 200)
    assert asking.world.get("faults") == []
    assert not asking.world.workspace.is_disturbed
    assert asking.world.control("DELETE", "faults/f1").status == 404


def test_what_hangs_is_not_struck_by_what_was_taken_away_meanwhile(asking: Asking) -> None:
    asking.world.fault("documents.read", "arrived", "hang")
    asking.world.fault("documents.read", "arrived", "drop")
    held = asking.ask("documents.read")
    asking.world.set("faults", method="DELETE")
    assert (held.status, held.is_whole) == (200, True)


def test_a_fault_is_shown_as_it_was_set(asking: Asking) -> None:
    fields = {
        "operation": "events.append",
        "phase": "committed",
        "do": "status",
        "status": 409,
        "code": "conflictError",
        "times": None,
        "after": 2,
        "probability": 0.5,
        "documentId": asking.document_id,
        "deduplicationId": "k",
        "attempt": 3,
    }
    fault = asking.world.set("faults", fields)["id"]
    assert asking.world.get("faults") == [{**fields, "id": fault, "strikes": 0, "hanging": []}]


def test_a_reset_takes_faults_away_and_lets_go(asking: Asking) -> None:
    asking.world.fault("documents.create", "before_commit", "hang", times=None)
    asking.world.fault("events.append", "arrived", "expire")
    asking.ask("events.append")
    held = asking.ask("documents.create", headers={"authorization": f"Bearer {asking.world.new_token()}"})
    assert not held.done
    asking.world.set("reset")
    assert held.status == 503
    assert asking.world.get("faults") == asking.world.records() == []
    assert not asking.world.workspace.is_disturbed
    assert asking.world.workspace.expired_tokens == set()


def test_a_fault_of_one_world_is_none_of_another(asking: Asking) -> None:
    world = asking.world
    other = world.ask("POST", "/_mock/workspaces", {}, None).json()["id"]
    for operation in ("*", "documents.read", "token"):
        answer = world.control(
            "POST", "faults", {"operation": operation, "phase": "arrived", "do": "drop", "times": None}, other
        )
        assert answer.status == 201
    assert all(asking.ask(operation).is_whole for operation in OPERATIONS)
    assert not world.workspace.is_disturbed
    assert [each["strikes"] for each in world.control("GET", "faults", workspace=other).json()] == [0, 0, 0]


def test_who_has_a_bad_token_of_no_world_meets_the_faults_of_the_default_one(asking: Asking) -> None:
    asking.world.fault("documents.read", "arrived", "drop")
    answer = asking.world.send("GET", "/documents/x", None, None)
    assert answer.broken == "closed"


def test_a_fault_can_strike_a_refusal(asking: Asking) -> None:
    asking.world.fault("documents.read", "responding", "drop")
    assert asking.world.read("x").broken == "closed"
    assert asking.world.read("x").status == 404


# Mistakes -----------------------------------------------------------------------------------------------------

FAULT = {"operation": "documents.create", "phase": "arrived", "do": "status"}


@pytest.mark.parametrize(
    ("change", "where", "said"),
    [
        ({"operation": "create"}, "/operation", "must be one of documents.create, events.append"),
        ({"operation": ...}, "/operation", "it is missing"),
        (
            {"phase": "before"},
            "/phase",
            "must be one of arrived, authenticated, validated, before_commit, committed",
        ),
        (
            {"do": "explode"},
            "/do",
            'must be one of status, drop, reset, hang, delay, truncate, slow, expire; got "explode"',
        ),
        ({"do": ...}, "/do", "it is missing"),
        ({"status": 399}, "/status", "a whole number from 400 to 599; got 399"),
        ({"status": 600}, "/status", "got 600"),
        ({"status": "500"}, "/status", 'got "500"'),
        ({"status": True}, "/status", "got true"),
        ({"do": "drop", "status": 500}, "/status", "goes with do status alone; got do drop"),
        ({"do": "drop", "code": "x"}, "/code", "goes with do status alone"),
        ({"code": ""}, "/code", "a text that is not empty"),
        ({"seconds": 1}, "/seconds", "goes with do hang, delay, slow; got do status"),
        ({"do": "delay", "seconds": 0}, "/seconds", "above 0"),
        ({"do": "hang", "seconds": 86401}, "/seconds", "at most 86400"),
        ({"times": 0}, "/times", "from 1 on; got 0"),
        ({"times": 1.5}, "/times", "got 1.5"),
        ({"after": -1}, "/after", "from 0 on; got -1"),
        ({"after": None}, "/after", "null"),
        ({"probability": 1.1}, "/probability", "from 0 to 1; got 1.1"),
        ({"probability": "0.5"}, "/probability", 'got "0.5"'),
        ({"attempt": 0}, "/attempt", "from 1 on; got 0"),
        ({"documentId": 5}, "/documentId", "got 5"),
        ({"deduplicationId": ""}, "/deduplicationId", "not empty"),
        ({"dedupId": "k"}, "/dedupId", "dedupId"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_a_sentence(
    world: OpenWorld, change: dict[str, Any], where: str, said: str
) -> None:
    body = {name: value for name, value in {**FAULT, **change}.items() if value is not ...}
    status, path, message = world.refused("faults", body)
    assert (status, path) == (400, where)
    assert said in message
    assert world.get("faults") == []


def test_a_fault_that_is_not_there_cannot_be_let_go(world: OpenWorld) -> None:
    assert world.refused("faults/f7/release", {}) == (404, "/id", "There is no fault f7.")


# By a header ---------------------------------------------------------------------------------------------------


@pytest.fixture
def allowing() -> Iterator[Asking]:
    with Asking(allow_fault_header=True) as found:
        yield found


def by_header(asking: Asking, text: str, operation: str = "events.append", key: str = "k") -> Sent:
    return asking.ask(operation, key, headers={"X-Carrot-Mock-Fault": text})


def test_a_request_may_ask_for_its_own_fault(allowing: Asking) -> None:
    assert by_header(allowing, "phase=committed; do=drop").broken == "closed"
    entry = allowing.entry("events.append")
    assert (entry["fault"], entry["committed"], entry["phase"]) == ("header", True, "committed")
    assert allowing.ask("events.append").status == 201
    assert allowing.entry("events.append")["replayOf"] == entry["id"]
    assert allowing.world.get("faults") == []


def test_a_header_that_comes_with_every_attempt_can_be_about_one(allowing: Asking) -> None:
    text = "phase=committed; do=status; status=503; attempt=1"
    assert [by_header(allowing, text).status for _ in range(3)] == [503, 201, 201]


@pytest.mark.parametrize("operation", ["token", "storage.put", "documents.read"])
def test_all_that_is_asked_for_may_carry_the_header(allowing: Asking, operation: str) -> None:
    world = allowing.world
    headers = {"X-Carrot-Mock-Fault": "phase=responding;do=reset", "content-type": "text/plain"}
    if operation == "token":
        headers["content-type"] = "application/x-www-form-urlencoded"
        assert world.send("POST", "/oauth2/token", b"grant_type=x", None, headers).broken == "reset"
    elif operation == "storage.put":
        assert world.send("PUT", allowing.upload, b"abc", None, headers).broken == "reset"
    else:
        assert by_header(allowing, "phase=responding;do=reset", operation).broken == "reset"


def test_a_reset_lets_go_what_hangs_by_a_header(allowing: Asking) -> None:
    held = by_header(allowing, "phase=arrived; do=hang")
    assert not held.done
    allowing.world.set("reset")
    assert held.done


def test_chances_of_a_header_come_again_with_the_seed() -> None:
    found = []
    for _ in range(2):
        with Asking(allow_fault_header=True) as asking:
            text = "phase=arrived; do=drop; probability=0.5"
            found.append([by_header(asking, text, "documents.read").broken for _ in range(20)])
    assert found[0] == found[1]
    assert set(found[0]) == {None, "closed"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("phase=committed", "/do must be one of"),
        ("phase=commit; do=drop", "/phase must be one of"),
        ("phase=committed; do=drop; times=2", "takes name=value pairs"),
        ("phase=committed; do=drop; do=reset", "each name once"),
        ("drop", 'got "drop"'),
        ("phase=committed; do=status; status=200", "/status must be a whole number from 400 to 599"),
        ("phase=committed; do=expire", "/do expire makes sense at arrived"),
        ("", "/operation"),
    ],
)
def test_a_header_that_cannot_be_followed_is_told_so(allowing: Asking, text: str, said: str) -> None:
    answer = by_header(allowing, text)
    if not text:
        said = "/phase must be one of"
    assert (answer.status, answer.code) == (400, "validationError")
    message = answer.json()["errors"][0]["message"]
    assert message.startswith("The header X-Carrot-Mock-Fault cannot be followed: ")
    assert said in message
    assert allowing.done_with("events.append") == 0


def test_without_leave_the_header_is_ignored_and_noted(asking: Asking) -> None:
    assert by_header(asking, "phase=committed; do=drop").status == 201
    assert [each["code"] for each in asking.entry("events.append")["advisories"]] == ["fault-header-off"]
    assert "fault" not in asking.entry("events.append")


def test_with_no_fault_set_nothing_is_asked_at_any_phase(
    world: OpenWorld, asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a fault that is over costs: nothing."""
    world.fault("documents.create", "arrived", "drop", after=1)
    assert world.workspace.is_disturbed
    asking.ask("documents.create", "a")
    asking.ask("documents.create", "b")
    assert not world.workspace.is_disturbed
    monkeypatch.setattr("mock_server.pipeline.Disturbed", None)  # so that to make one fails
    assert asking.ask("documents.create", "c").status == 201


# Over a socket -------------------------------------------------------------------------------------------------


class Wire:
    """A client that sees every byte, in a workspace of the shared server."""

    def __init__(self, workspace: dict[str, Any], authorised: httpx.Client) -> None:
        self.client, self.control = authorised, f"/_mock/workspaces/{workspace['id']}"
        self.address = urlsplit(workspace["url"]).netloc
        self.credential = workspace["credentials"][0]
        self.document_id = authorised.post("/documents", json=mass_id()).json()["id"]
        self.url = self._declare("a.txt", 3)
        self.put(self.url, b"abc")
        self.large = b"x" * 3_000_000
        self.large_url = self._declare("b.txt", len(self.large))

    def _declare(self, name: str, size: int) -> str:
        place = f"/documents/{self.document_id}/attachments/{name}"
        wanted = {"contentLength": size, "contentType": "text/plain"}
        return str(self.client.put(place, json=wanted).json()["url"])

    def put(self, url: str, content: bytes) -> None:
        httpx.put(url, content=content, headers={"Content-Type": "text/plain"}).raise_for_status()

    def fault(self, **fields: Any) -> None:
        answer = self.client.post(f"{self.control}/faults", json=fields)
        assert answer.status_code == 201, answer.text

    def ask(self, operation: str) -> tuple[list[bytes], str]:
        """The pieces of the answer to a request, and how the connection ended."""
        return self.exchange(self.request(operation))

    def request(self, operation: str) -> bytes:
        authorization = self.client.headers["Authorization"]
        kind, place = "application/json", f"/documents/{self.document_id}"
        method, target, body = "POST", place, b""
        if operation == "documents.create":
            target, body = "/documents", json.dumps(mass_id(deduplicationId="k")).encode()
        elif operation == "documents.read":
            method = "GET"
        elif operation == "token":
            form = "grant_type=client_credentials&client_id={clientId}&client_secret={clientSecret}"
            target, body = "/oauth2/token", form.format(**self.credential).encode()
            authorization, kind = "", "application/x-www-form-urlencoded"
        else:
            split = urlsplit(self.large_url)
            method, target, body = "PUT", f"{split.path}?{split.query}", self.large
            authorization, kind = "", "text/plain"
        head = f"{method} {target} HTTP/1.1\r\nHost: {self.address}\r\nContent-Type: {kind}\r\n"
        if authorization:
            head += f"Authorization: {authorization}\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    def exchange(self, request: bytes, answers: int = 1) -> tuple[list[bytes], str]:
        host, _, port = self.address.partition(":")
        pieces: list[bytes] = []
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            try:
                connection.sendall(request)
                while not _is_whole(b"".join(pieces), answers):
                    piece = connection.recv(65536)
                    if not piece:
                        return pieces, "closed"
                    pieces.append(piece)
            except (ConnectionResetError, BrokenPipeError):
                return pieces, "reset"
        return pieces, "whole"

    def entry(self, operation: str) -> dict[str, Any]:
        return dict(self.client.get(f"{self.control}/requests", params={"operation": operation}).json()[-1])


def _is_whole(received: bytes, answers: int) -> bool:
    for _ in range(answers):
        head, found, rest = received.partition(b"\r\n\r\n")
        if not found or len(rest) < _length(head):
            return False
        received = rest[_length(head) :]
    return True


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


@pytest.fixture
def wire(workspace: dict[str, Any], authorised: httpx.Client) -> Wire:
    return Wire(workspace, authorised)


ON_THE_WIRE = ("documents.create", "documents.read", "token", "storage.put")
PLACES = [(operation, phase) for operation in ON_THE_WIRE for phase in phases_of(operation)]


@pytest.mark.parametrize(("operation", "phase"), PLACES, ids=map("-".join, PLACES))
def test_a_dropped_connection_is_closed_without_a_byte(wire: Wire, operation: str, phase: str) -> None:
    wire.fault(operation=operation, phase=phase, do="drop")
    assert wire.ask(operation) == ([], "closed")
    assert (wire.entry(operation)["seen"], wire.entry(operation)["phase"]) == ("closed", phase)
    assert wire.ask(operation)[1] == "whole"


@pytest.mark.parametrize(("operation", "phase"), PLACES, ids=map("-".join, PLACES))
def test_a_reset_connection_is_reset_without_a_byte(wire: Wire, operation: str, phase: str) -> None:
    wire.fault(operation=operation, phase=phase, do="reset")
    assert wire.ask(operation) == ([], "reset")
    assert wire.entry(operation)["seen"] == "reset"
    assert wire.ask(operation)[1] == "whole"


@pytest.mark.parametrize("operation", ["documents.create", "documents.read", "token"])
def test_a_truncated_answer_tells_its_whole_length_and_has_half_of_it(wire: Wire, operation: str) -> None:
    whole = b"".join(wire.ask("documents.read")[0]) if operation == "documents.read" else None
    wire.fault(operation=operation, phase="responding", do="truncate")
    pieces, end = wire.ask(operation)
    head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
    assert end == "closed"
    assert len(body) == _length(head) // 2 > 0
    assert wire.entry(operation)["seen"] == "truncated"
    if whole is not None:
        assert whole.partition(b"\r\n\r\n")[2].startswith(body)


def test_a_slow_answer_comes_whole_in_many_pieces(wire: Wire) -> None:
    whole = b"".join(wire.ask("documents.read")[0]).partition(b"\r\n\r\n")[2]
    wire.fault(operation="documents.read", phase="responding", do="slow", seconds=0.4)
    pieces, end = wire.ask("documents.read")
    assert end == "whole"
    # Some may have come together.
    assert len(pieces) > 3
    assert b"".join(pieces).partition(b"\r\n\r\n")[2] == whole
    assert wire.entry("documents.read")["seen"] == "answer"


@pytest.mark.parametrize("phase", ["arrived", "responding"])
def test_a_delayed_answer_comes_whole(wire: Wire, phase: str) -> None:
    wire.fault(operation="documents.create", phase=phase, do="delay", seconds=0.01)
    assert wire.ask("documents.create")[1] == "whole"


@pytest.mark.parametrize(("operation", "phase"), PLACES, ids=map("-".join, PLACES))
def test_what_hangs_ends_where_it_is_when_the_client_closes(wire: Wire, operation: str, phase: str) -> None:
    wire.fault(operation=operation, phase=phase, do="hang")
    host, _, port = wire.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        threading.Thread(target=_send, args=(connection, wire.request(operation))).start()
        faults = f"{wire.control}/faults"
        until(lambda: wire.client.get(faults).json()[0]["hanging"])
    until(lambda: not wire.client.get(faults).json()[0]["hanging"])
    entry = wire.entry(operation)
    assert (entry["seen"], entry["phase"]) == ("silent", phase)
    assert entry["committed"] is (phase in LATE and operation != "documents.read")


def _send(connection: socket.socket, request: bytes) -> None:
    with suppress(OSError):
        connection.sendall(request)


def test_what_is_pipelined_after_a_break_is_not_answered(wire: Wire) -> None:
    wire.fault(operation="documents.read", phase="responding", do="drop", after=1)
    pieces, end = wire.exchange(wire.request("documents.read") * 3, answers=3)
    assert end == "closed"
    assert b"".join(pieces).count(b"HTTP/1.1 200") == 1
