"""`@pytest.mark.carrot_sweep` in runs of its own: what holds, what fails and why, and that it stays one test."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pytest_carrot.worlds import Worlds

SUBMITTER = (Path(__file__).parent.parent / "docs/examples/submitter.py").read_text("utf-8")
CLIENTS = '''
import uuid

import httpx
import pytest
from submitter import Submitter

class Right(Submitter):
    pass

class NewKey(Submitter):
    """A key of its own for each attempt."""
    def _call(self, method, path, body):
        return super()._call(method, path, Fresh(body))

class Fresh(dict):
    def items(self):
        return {**dict(super().items()), "deduplicationId": str(uuid.uuid4())}.items()

class GivesUp(Submitter):
    def _persist(self, send):
        return send()

class KeepsToken(Submitter):
    def _call(self, method, path, body):
        return self._authorised(method, path, body).raise_for_status().json()

class IgnoresPending(Submitter):
    def _call(self, method, path, body):
        try:
            return super()._call(method, path, body)
        except httpx.HTTPStatusError as error:
            if "PENDING" not in error.response.text:
                raise
            return {"id": "", "eventId": ""}

    def _persist(self, send):
        answer = send()
        return answer if "PENDING" in answer.text else super()._persist(lambda: answer)

@pytest.fixture
def submit(carrot, carrot_mass_id):
    """Submits a document and an event."""
    def submit(kind):
        journey = carrot_mass_id()
        with httpx.Client(base_url=carrot.url, verify=False) as http:
            client = kind(http, carrot.token_url, (carrot.client_id, carrot.client_secret), lambda _: None)
            client.append(client.create(journey.document), journey.events[0])
    return submit
'''
ONE = 'operations="events.append", phases="committed", kinds="drop"'


@pytest.fixture(scope="module")
def loaded() -> None:
    """What runs of pytest in this process need, which would forget it with what they were the first to load."""
    import pytest_carrot.sweep_mark
    import pytest_carrot.sweeping.screen  # noqa: F401

    with Worlds() as worlds, worlds.new() as world:
        world.token()


@pytest.fixture
def run(pytester: pytest.Pytester, loaded: None) -> Callable[..., pytest.RunResult]:
    """Runs a test module that has the clients at hand, in this process."""

    def start(module: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(submitter=SUBMITTER, clients=CLIENTS)
        pytester.makeconftest("from clients import submit")
        pytester.makepyfile(test_it="import pytest\nfrom clients import *\n" + module)
        return pytester.runpytest_inprocess("-p", "no:faker", "-p", "no:cacheprovider", *arguments)

    return start


def text(result: pytest.RunResult) -> str:
    return " ".join(result.stdout.str().split())


# What it finds ------------------------------------------------------------------------------------------


def test_a_right_client_holds_and_is_one_test(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
@pytest.mark.carrot_sweep(kinds=["drop", "truncate", "503", "429", "pending", "expire"])
def test_flow(submit):
    submit(Right)

def test_another():
    pass
""",
        "-v",
        "--junitxml=junit.xml",
    )
    result.assert_outcomes(passed=2)
    assert result.ret == 0
    assert [line.split()[:2] for line in result.outlines if "::" in line] == [
        ["test_it.py::test_flow", "PASSED"],
        ["test_it.py::test_another", "PASSED"],
    ]
    cases = ElementTree.parse("junit.xml").findall(".//testcase")
    assert [case.get("name") for case in cases] == ["test_flow", "test_another"]


@pytest.mark.parametrize(
    ("client", "kinds", "cause"),
    [
        ("NewKey", ["drop"], "new-key-on-retry"),
        ("GivesUp", ["reset"], "gave-up"),
        ("GivesUp", ["503"], "gave-up"),
        ("KeepsToken", ["expire"], "token-not-refreshed"),
        ("IgnoresPending", ["pending"], "ignored-pending"),
    ],
)
def test_a_wrong_client_fails_with_the_cause(
    run: Callable[..., pytest.RunResult], client: str, kinds: list[str], cause: str
) -> None:
    result = run(
        f"""
@pytest.mark.carrot_sweep(operations=["events.append"], kinds={kinds})
def test_flow(submit):
    submit({client})
"""
    )
    result.assert_outcomes(failed=1)
    assert result.ret == 1
    shown = result.stdout.str()
    assert cause in shown
    assert "FAILED test_it.py::test_flow" in shown
    assert "Traceback (most recent call last)" not in shown.partition("FAILED")[0].partition(cause)[0]
    assert "--carrot-seed=0" in shown


def test_a_wait_for_what_hangs_is_as_long_as_the_mark_says(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
@pytest.mark.carrot_sweep(operations="events.append", phases="validated", kinds="hang", hang=0.01)
def test_flow(submit):
    submit(GivesUp)
"""
    )
    result.assert_outcomes(passed=1)


def test_calls_side_by_side_are_told_and_not_swept(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
from concurrent.futures import ThreadPoolExecutor

@pytest.mark.carrot_sweep
def test_flow(submit):
    with ThreadPoolExecutor() as pool:
        list(pool.map(submit, [Right, Right]))
"""
    )
    result.assert_outcomes(failed=1)
    assert "Two calls were under way at the same time, token and token" in " ".join(
        result.stdout.str().split()
    )


def test_a_world_in_process_is_swept_as_well(run: Callable[..., pytest.RunResult]) -> None:
    module = """
@pytest.mark.carrot_sweep(kinds=["drop", "truncate", "pending", "expire"])
@pytest.mark.parametrize("kind", [Right, GivesUp])
def test_flow(kind, carrot_asgi, carrot_mass_id):
    credentials = (carrot_asgi.client_id, carrot_asgi.client_secret)
    client = kind(carrot_asgi.client, carrot_asgi.token_url, credentials, lambda _: None)
    client.create(carrot_mass_id().document)
"""
    result = run(module)
    result.assert_outcomes(passed=1, failed=1)
    assert "gave-up" in result.stdout.str()


# Its runs -----------------------------------------------------------------------------------------------

COUNTING = """
made = []

@pytest.fixture(scope="module")
def wide():
    made.append("wide")
    yield
    made.append("wide is gone")

@pytest.fixture
def narrow(wide):
    made.append("narrow")
    yield
    made.append("narrow is gone")

"""


def test_each_run_has_a_new_world_and_new_fixtures_but_for_those_of_a_wider_scope(
    run: Callable[..., pytest.RunResult],
) -> None:
    result = run(f"""{COUNTING}
worlds = set()

@pytest.mark.carrot_sweep({ONE})
def test_flow(narrow, carrot, submit):
    assert carrot.journal.entries() == []
    worlds.add(carrot.id)
    submit(Right)

def test_afterwards():
    # Two clean runs, one for the one fault, and a last clean one.
    assert len(worlds) == 4
    assert made == ["wide"] + 4 * ["narrow", "narrow is gone"]
""")
    result.assert_outcomes(passed=2)


def test_fixtures_of_a_wider_scope_are_gone_before_the_next_module(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        test_next="""
        import test_it

        def test_next():
            assert test_it.made[-2:] == ["narrow is gone", "wide is gone"]
    """
    )
    module = (
        f"{COUNTING}\n@pytest.mark.carrot_sweep({ONE})\ndef test_flow(narrow, submit):\n    submit(Right)\n"
    )
    run(module, "test_it.py", "test_next.py").assert_outcomes(passed=2)


def test_a_test_that_does_not_pass_cleanly_is_reported_as_itself(
    run: Callable[..., pytest.RunResult],
) -> None:
    result = run(
        f"""
runs = []

@pytest.mark.carrot_sweep({ONE})
@pytest.mark.parametrize("how", ["fail", "skip", "xfail"])
def test_flow(how, submit):
    runs.append(how)
    submit(Right)
    getattr(pytest, how)("on purpose")

@pytest.fixture
def broken(carrot):
    raise RuntimeError("on purpose")

@pytest.mark.carrot_sweep
def test_setup(broken):
    pass

@pytest.mark.carrot_sweep
@pytest.mark.skip
def test_skipped(carrot):
    runs.append("skipped")

def test_runs():
    assert runs == ["fail", "skip", "xfail"]
""",
        "-rA",
    )
    result.assert_outcomes(passed=1, failed=1, skipped=2, xfailed=1, errors=1)
    assert "test_flow[fail] - Failed: on purpose" in result.stdout.str()


def test_what_is_known_to_be_wrong_can_be_marked_so(run: Callable[..., pytest.RunResult]) -> None:
    result = run(f"""
@pytest.mark.xfail(strict=True)
@pytest.mark.carrot_sweep({ONE})
@pytest.mark.parametrize("kind", [GivesUp, Right])
def test_flow(kind, submit):
    submit(kind)
""")
    result.assert_outcomes(xfailed=1, failed=1)
    assert "[XPASS(strict)]" in result.stdout.str()


def test_what_runs_print_and_record_does_not_pile_up(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        f"""
@pytest.mark.carrot_sweep({ONE})
def test_flow(submit, record_property):
    record_property("flow", "one")
    print("submitting")
    submit(GivesUp)
""",
        "--junitxml=junit.xml",
        "--override-ini=junit_family=xunit1",
    )
    result.assert_outcomes(failed=1)
    assert result.stdout.str().count("\nsubmitting\n") == 1
    assert len(ElementTree.parse("junit.xml").findall(".//property[@name='flow']")) == 1


def test_a_fixture_that_fails_to_come_down_is_an_error_of_the_one_test(
    run: Callable[..., pytest.RunResult],
) -> None:
    result = run(f"""
@pytest.fixture
def broken():
    yield
    raise RuntimeError("on purpose")

@pytest.mark.carrot_sweep({ONE})
def test_flow(broken, submit):
    submit(Right)
""")
    result.assert_outcomes(passed=1, errors=1)


def test_the_run_ends_after_the_first_failure_where_it_should(run: Callable[..., pytest.RunResult]) -> None:
    module = f"""
@pytest.mark.carrot_sweep({ONE})
@pytest.mark.parametrize("kind", [Right, GivesUp, NewKey])
def test_flow(kind, submit):
    submit(kind)
"""
    run(module, "-x").assert_outcomes(passed=1, failed=1)


def test_workers_share_swept_tests(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        f"""
@pytest.mark.carrot_sweep({ONE})
@pytest.mark.parametrize("kind", [Right, GivesUp, NewKey])
def test_flow(kind, submit):
    submit(kind)
""",
        "-n2",
    )
    result.assert_outcomes(passed=1, failed=2)
    for cause in ("gave-up", "new-key-on-retry"):
        assert cause in result.stdout.str()


# What cannot be -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ('"drop"', "takes operations, phases, kinds, hang by name only, not 'drop'."),
        ("kind=[]", "has no kind; did you mean kinds?"),
        ('kinds=["dropp"]', "has no 'dropp' among its kinds; did you mean drop?"),
        (
            'operations="event.append"',
            "has no 'event.append' among its operations; did you mean events.append?",
        ),
        ("phases=1", "takes phases as a list of names, not 1."),
        ('hang="long"', "takes hang in seconds, such as 0.2, not 'long'."),
    ],
)
def test_a_wrong_mark_is_one_sentence(
    run: Callable[..., pytest.RunResult], arguments: str, sentence: str
) -> None:
    result = run(f"@pytest.mark.carrot_sweep({arguments})\ndef test_flow(carrot):\n    pass\n")
    result.assert_outcomes(errors=1)
    assert f"@pytest.mark.carrot_sweep {sentence}" in text(result)
    assert "Traceback" not in result.stdout.str()


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("def test_flow():\n    pass", "let this one ask for the fixture carrot."),
        ("def test_flow(carrot):\n    pass", "The test made no call, so there is none to go wrong"),
        ("def test_flow(carrot):\n    carrot.token()", "together leave no fault for the calls of this test."),
    ],
)
def test_a_test_that_cannot_be_swept_says_why(
    run: Callable[..., pytest.RunResult], module: str, sentence: str
) -> None:
    result = run(f"@pytest.mark.carrot_sweep({ONE})\n{module}\n")
    result.assert_outcomes(failed=1)
    assert sentence in text(result)


def test_a_test_that_does_something_else_each_time_says_so(run: Callable[..., pytest.RunResult]) -> None:
    result = run(f"""
runs = []

@pytest.mark.carrot_sweep({ONE})
def test_flow(carrot_client, submit):
    runs.append(1)
    for _ in runs:
        submit(Right)

@pytest.mark.carrot_sweep({ONE})
def test_once(submit):
    submit(Right)
    runs.append(2)
    assert runs.count(2) == 1
""")
    result.assert_outcomes(failed=2)
    assert "Two clean runs did not make the same calls" in text(result)
    assert "passed in its first run and not in a later one" in text(result)


def test_it_does_not_go_with_every_semantics_at_once(run: Callable[..., pytest.RunResult]) -> None:
    module = (
        f"@pytest.mark.carrot\n@pytest.mark.carrot_sweep({ONE})\ndef test_flow(submit):\n    submit(Right)\n"
    )
    result = run(module, "--carrot-semantics=all")
    result.assert_outcomes(errors=1)
    assert "there is no both at once: leave the swept tests out with" in text(result)


def test_the_mark_is_known_and_loads_nothing_where_it_is_not_used(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    result = run("", "--markers")
    assert re.search(r"@pytest.mark.carrot_sweep\(.*hang=0.2\)", result.stdout.str())
    pytester.makepyfile("""
        import sys

        def test_nothing():
            assert not [name for name in sys.modules if name.startswith("pytest_carrot.sweep")]
    """)
    pytester.runpytest_subprocess("-p", "no:faker").assert_outcomes(passed=1)
