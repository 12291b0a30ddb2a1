"""The mock keeps its contract under generated cases: all of schemathesis, over a socket and in process.

`CARROT_CONTRACT_CASES` sets how many cases there are in all, at the least: 3000 where it is not set, 20000 in
`make contract`, which holds the mock against the contract under each alternative of each switch too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis.internal.conjecture import providers

from mock_server import create_app
from mock_server.behaviours import SWITCHES
from mock_server.settings import Settings
from pytest_carrot.checking.engine import CannotCheck, Outcome, Plan, Target, run
from pytest_carrot.handle import new_workspace
from pytest_carrot.server import own_server

WANTED = int(os.environ.get("CARROT_CONTRACT_CASES", "3000"))
# What one test of each kind makes at the least; the first two do not grow with the number of examples.
ENUMERATED, FUZZED, STATEFUL = 1300, 200, 200

# Order depends on what is there already, and is tested elsewhere.
LENIENT = {"ordering": "off", "future-timestamps": "off"}
# The contract with each switch-governed keyword in force.
STRICT = {**LENIENT, "unknown-properties": "reject", "event-parties": "required"}
SWITCHED = [
    (name, value)
    for name, switch in SWITCHES.items()
    for value in switch.values
    if switch.kind == "choice" and value != switch.default and name not in LENIENT
]
if WANTED <= 3000:
    SWITCHED, ROUNDS = [], 1
else:
    ROUNDS = max(4, -(-(WANTED - (2 + len(SWITCHED)) * ENUMERATED) // (FUZZED + STATEFUL)))


@pytest.fixture(autouse=True)
def the_same_cases_whatever_else_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis draws on the constants of modules that happen to be loaded, so on the tests that ran before."""
    monkeypatch.setattr(providers, "_get_local_constants", providers.Constants)


@contextmanager
def over_a_socket(semantics: Mapping[str, str]) -> Iterator[Target]:
    """A workspace of a server of this process."""
    with own_server() as server:
        found = new_workspace(server.control, seed=1, semantics=semantics, rate_limit="off")
        yield target(server.url, found, control=server.control.within(f"workspaces/{found['id']}"))


@contextmanager
def in_process(semantics: Mapping[str, str]) -> Iterator[Target]:
    """A workspace of an app that no server serves."""
    from schemathesis.python import asgi

    app = create_app(Settings(rate_limit="off"))
    with asgi.get_client(app) as client:
        wanted = {"seed": 1, "semantics": dict(semantics), "rateLimit": "off"}
        found = client.post("http://127.0.0.1/_mock/workspaces", json=wanted).json()
        yield target("http://127.0.0.1", found, app=app)


def target(url: str, workspace: Mapping[str, Any], **rest: Any) -> Target:
    credentials = workspace["credentials"][0]
    return Target(url, f"{url}/oauth2/token", credentials["clientId"], credentials["clientSecret"], **rest)


def checked(where: Target, semantics: Mapping[str, str], **plan: Any) -> Outcome:
    """What a run found; every failure and error is told."""
    outcome = run(where, Plan(semantics=semantics, **plan))
    print(f"{outcome.cases} cases: {outcome.by_operation}")
    print(
        f"accepted of {outcome.positive.cases} with valid data and ids that exist: {outcome.positive_share:.1%}"
    )
    print(
        f"accepted on documents that exist: { {name: each.accepted for name, each in outcome.reach.items()} }"
    )
    told = [f"{each.operation}, {each.check}: {each.message}\n{each.curl}" for each in outcome.failures]
    assert [*told, *outcome.errors] == []
    return outcome


PLACES = pytest.mark.parametrize(
    ("place", "semantics"),
    [
        pytest.param(over_a_socket, LENIENT, id="socket"),
        pytest.param(in_process, STRICT, id="in process"),
        *(
            pytest.param(in_process, {**LENIENT, name: value}, id=f"in process, {name}={value}")
            for name, value in SWITCHED
        ),
    ],
)


@PLACES
def test_examples_and_the_edges_of_every_schema_are_answered_as_the_contract_says(
    place: Any, semantics: Mapping[str, str]
) -> None:
    with place(semantics) as where:
        outcome = checked(where, semantics, phases=("examples", "coverage"))
    assert outcome.cases >= ENUMERATED
    assert len(outcome.by_operation) == 9


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_generated_cases_are_answered_as_the_contract_says(seed: int) -> None:
    place, semantics = [(over_a_socket, LENIENT), (in_process, STRICT)][seed % 2]
    with place(semantics) as where:
        outcome = checked(where, semantics, phases=("fuzzing",), seed=seed, max_examples=25)
    assert outcome.cases >= FUZZED
    assert outcome.positive_share >= 0.95


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_chains_of_calls_reach_documents_that_exist(seed: int) -> None:
    place, semantics = [(in_process, STRICT), (over_a_socket, LENIENT)][seed % 2]
    with place(semantics) as where:
        outcome = checked(where, semantics, phases=("stateful",), seed=seed, max_examples=60)
    assert outcome.cases >= STATEFUL
    assert outcome.positive_share >= 0.95
    assert outcome.unreached == []


def test_a_run_that_only_reads_writes_nothing_and_gets_a_new_token_when_the_old_expires() -> None:
    with own_server() as server:
        found = new_workspace(server.control, seed=1, semantics=LENIENT, rate_limit="off")
        control = server.control.within(f"workspaces/{found['id']}")

        def watch(event: Any) -> None:
            if hasattr(event, "recorder"):
                control.put("clock", {"advance": 4000})

        plan = Plan(phases=("examples", "fuzzing"), max_examples=5, read_only=True, semantics=LENIENT)
        outcome = run(target(server.url, found, control=control), plan, on_event=watch)
        assert [*outcome.failures, *outcome.errors] == []
        assert set(outcome.by_operation) == {"documents.read", "attachments.download"}
        assert control.get("documents") == []
        tokens = [each for each in control.get("requests") if each["operation"] == "token"]
    assert len(tokens) > 2


def test_a_target_that_is_down_is_told_in_a_sentence() -> None:
    where = Target("http://127.0.0.1:9", "http://127.0.0.1:9/oauth2/token", "id", "secret")
    with pytest.raises(CannotCheck, match=r"127\.0\.0\.1:9/oauth2/token did not answer POST: .+"):
        run(where, Plan())
