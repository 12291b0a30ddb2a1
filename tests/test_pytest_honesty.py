"""Assumptions, alternatives and artifacts: what a run says of its tests, and what it keeps of those that failed."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

SUITE = """
    import pytest

    BODY = {
        "category": "MassID", "type": "Organic", "externalCreatedAt": "2026-03-01T10:00:00Z", "isPublic": True,
        "isPubliclySearchable": True, "deduplicationId": "one",
        "participant": {"countryCode": "BR", "name": "Modelo", "taxId": "99000001000101", "taxIdType": "CNPJ",
                        "type": "COMPANY"},
        "address": {"name": "A", "street": "B", "number": "1", "city": "C", "countryState": "SP",
                    "countryCode": "BR"},
    }

    @pytest.mark.carrot
    def test_changed_body(carrot_client):
        assert carrot_client.post("/documents", json=BODY).status_code == 201
        changed = carrot_client.post("/documents", json={**BODY, "title": "another"})
        assert changed.status_code == 409

    def test_unmarked(carrot_client):
        carrot_client.get("/documents/nothing")

    def test_without_a_world():
        pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Runs a module in a process of its own."""

    def start(module: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=module)
        return pytester.runpytest_subprocess("-p", "no:faker", "-p", "no:cacheprovider", *arguments)

    return start


def text(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines)


# Assumptions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_the_end_lists_which_tests_rested_on_which_assumption(
    run: Callable[..., pytest.RunResult], workers: tuple[str, ...]
) -> None:
    result = run(SUITE, "--carrot-assumptions", *workers)
    result.assert_outcomes(passed=3)
    said = text(result)
    assert "carrot: what the tests rested on" in said
    assert re.search(r"[12] of 2 tests that used a Carrot world rested on \d+ assumptions", said)
    about = said[said.index("dedup-changed-body: ") :]
    first = about.split("\n\n")[0]
    assert "[switch dedup-changed-body: conflict, replay, reject; default conflict]" in first
    assert first.splitlines()[1:] == ["    test_it.py::test_changed_body"]
    assert "success-status" not in said, "a benign behaviour was listed"


def test_without_the_option_nothing_is_said(run: Callable[..., pytest.RunResult]) -> None:
    assert "rested on" not in text(run(SUITE))


def test_only_documented_fails_what_rests_on_an_assumption_and_says_which(
    run: Callable[..., pytest.RunResult],
) -> None:
    result = run(SUITE, "--carrot-only-documented")
    assert result.ret == 1
    said = text(result)
    assert "FAILED test_it.py::test_changed_body" in said
    assert "test_without_a_world" not in said
    assert "rests on what the documentation does not say (--carrot-only-documented)" in said
    assert re.search(r"^  dedup-changed-body: .*\[switch dedup-changed-body:", said, re.MULTILINE)
    assert "success-status" not in said


def test_only_documented_leaves_a_documented_flow_alone(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        import httpx

        def test_token(carrot):
            form = {"grant_type": "client_credentials", "scope": "api.carrot.eco/main-scope"}
            answer = httpx.post(carrot.token_url, data=form, auth=(carrot.client_id, carrot.client_secret))
            assert answer.json()["expires_in"] == 3600

        def test_unauthorised(carrot):
            assert httpx.get(f"{carrot.url}/documents/1").status_code == 401
        """,
        "--carrot-only-documented",
    )
    assert "token-format" in text(result) or result.parseoutcomes() == {"passed": 2}


# Alternatives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_a_marked_test_runs_under_every_other_value_of_what_it_touched_and_says_which(
    run: Callable[..., pytest.RunResult], workers: tuple[str, ...]
) -> None:
    result = run(SUITE, "--carrot-semantics=all", "-v", *workers)
    said = text(result)
    ran = set(re.findall(r"test_it\.py::(test_\w+\S*)", said))
    assert {
        "test_changed_body",
        "test_changed_body[dedup-changed-body=replay]",
        "test_changed_body[dedup-changed-body=reject]",
    } <= ran
    assert not any("unmarked[" in name for name in ran)
    assert not any("batch-atomicity" in name for name in ran), "a switch that was not touched"
    assert "FAILED test_it.py::test_changed_body[dedup-changed-body=replay]" in said
    assert "FAILED test_it.py::test_changed_body[dedup-changed-body=reject]" in said
    assert "FAILED test_it.py::test_changed_body " not in said


def test_wider_fixtures_stay_between_the_runs_and_others_are_made_anew(
    run: Callable[..., pytest.RunResult],
) -> None:
    result = run(
        """
        import pytest

        counts = {"module": 0, "function": 0, "down": 0}

        @pytest.fixture(scope="module")
        def wide():
            counts["module"] += 1
            yield
            counts["down"] += 1

        @pytest.fixture
        def narrow():
            counts["function"] += 1

        @pytest.mark.carrot
        class TestIt:
            @pytest.mark.parametrize("n", [1])
            def test_a(self, wide, narrow, carrot_client, n):
                carrot_client.get("/documents/00000000-0000-4000-8000-000000000000")

        def test_b(wide, narrow):
            assert counts["module"] == 1
            assert counts["function"] > 2
            assert counts["down"] == 0
        """,
        "--carrot-semantics=all",
        "-v",
    )
    assert result.ret == 0, text(result)
    assert "::TestIt::test_a[1][token-format=opaque] PASSED" in text(result)


def test_the_mark_s_own_semantics_are_those_of_the_first_run(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        SUITE.replace(
            "@pytest.mark.carrot", "@pytest.mark.carrot(semantics={'dedup-changed-body': 'reject'})"
        ),
        "--carrot-semantics=all",
        "-v",
    )
    said = text(result)
    assert "test_changed_body[dedup-changed-body=conflict] PASSED" in said
    assert "test_changed_body[dedup-changed-body=reject]" not in said


def test_a_set_up_that_fails_is_reported_once(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        import pytest

        @pytest.fixture
        def broken():
            raise RuntimeError("not today")

        @pytest.mark.carrot
        def test_a(broken, carrot):
            pass

        def test_b():
            pass
        """,
        "--carrot-semantics=all",
    )
    result.assert_outcomes(errors=1, passed=1)


# Artifacts ----------------------------------------------------------------------------------------------

FAILING = (
    SUITE
    + """
    @pytest.mark.parametrize("name", ["../../a b/\\u00e9"])
    def test_that_fails(carrot_client, name):
        carrot_client.post("/documents", json=BODY)
        assert False
"""
)


def test_a_failed_test_leaves_its_journal_ledger_and_timelines(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    result = run(FAILING, "--carrot-artifacts=kept")
    result.assert_outcomes(passed=3, failed=1)
    (folder,) = (pytester.path / "kept").iterdir()
    assert re.fullmatch(r"[A-Za-z0-9._-]+", folder.name)
    assert f"Journal, ledger and timelines of this test are in {folder}" in text(result)
    journal = json.loads((folder / "journal.json").read_text("utf-8"))
    assert [entry["operation"] for entry in journal] == ["token", "documents.create"]
    records = [json.loads(line) for line in (folder / "ledger.ndjson").read_text("utf-8").splitlines()]
    assert records[0]["kind"] == "document.created"
    assert "Timeline of document" in (folder / "timelines.txt").read_text("utf-8")
    (document,) = folder.glob("document-*.json")
    assert json.loads(document.read_text("utf-8"))["id"] == records[0]["documentId"]


def test_a_secret_is_in_none_of_the_artifacts(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    module = FAILING.replace(
        "assert False",
        "open('secret', 'w').write(carrot_client.auth._carrot.client_secret)\n        assert False",
    )
    run(module, "--carrot-artifacts=kept", "--junitxml=junit.xml")
    secret = (pytester.path / "secret").read_text()
    assert secret
    kept = [path.read_text("utf-8") for path in (pytester.path / "kept").rglob("*") if path.is_file()]
    assert kept
    assert not any(secret in each for each in [*kept, (pytester.path / "junit.xml").read_text("utf-8")])


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_the_journal_and_the_timelines_are_properties_of_the_junit_report(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    run(FAILING, "--junitxml=junit.xml", *workers)
    cases = ET.parse(pytester.path / "junit.xml").getroot().iter("testcase")
    properties = {
        case.get("name"): {each.get("name"): each.get("value") for each in case.iter("property")}
        for case in cases
    }
    failed = next(found for name, found in properties.items() if name is not None and "that_fails" in name)
    assert json.loads(str(failed["carrot-journal"]))[0]["operation"] == "token"
    assert "Timeline of document" in str(failed["carrot-timelines"])
    assert properties["test_changed_body"] == {}


def test_pytest_html_shows_them(run: Callable[..., pytest.RunResult], pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_html")
    run(FAILING, "--html=report.html", "--self-contained-html")
    page = (pytester.path / "report.html").read_text("utf-8")
    assert "Carrot timelines" in page
    assert "Carrot journal" in page


@pytest.mark.parametrize("directory", ["kept", ""])
def test_what_is_no_folder_is_refused_at_the_start(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester, directory: str
) -> None:
    Path(pytester.path / "kept").write_text("a file")
    result = run(FAILING, f"--carrot-artifacts={directory}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"--carrot-artifacts takes a directory, not {directory!r}." in "\n".join(result.errlines)


def test_a_folder_that_cannot_be_written_is_one_sentence(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    Path(pytester.path / "kept").write_text("a file")
    result = run(FAILING, "--carrot-artifacts=kept/in/it")
    result.assert_outcomes(passed=3, failed=1)
    assert "The artifacts could not be written to kept/in/it: " in text(result)


WHAT_A_FIXTURE_DOES = """
    import pytest

    @pytest.fixture
    def before(carrot, carrot_client):
        carrot_client.get("/documents/nothing")
        assert not {fails_before}

    @pytest.fixture
    def after(carrot, carrot_client):
        yield
        carrot_client.post("/documents/events", json={{"events": []}})
        assert not {fails_after}

    def test_it(before, after):
        pass
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_fixture_that_fails_leaves_artifacts_too(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester, when: str
) -> None:
    module = WHAT_A_FIXTURE_DOES.format(fails_before=when == "before", fails_after=when == "after")
    result = run(module, "--carrot-artifacts=kept")
    result.assert_outcomes(errors=1, passed=when == "after")
    (folder,) = (pytester.path / "kept").iterdir()
    journal = json.loads((folder / "journal.json").read_text("utf-8"))
    assert [entry["operation"] for entry in journal][1:] == (
        ["documents.read"] if when == "before" else ["documents.read", "events.batch"]
    )


def test_what_a_fixture_does_afterwards_counts_for_its_test(run: Callable[..., pytest.RunResult]) -> None:
    module = SUITE.replace(
        "@pytest.mark.carrot\n",
        "@pytest.fixture\n    def afterwards(carrot_client):\n        yield\n"
        "        carrot_client.post('/documents', json={**BODY, 'deduplicationId': 'two', 'surprise': 1})\n\n"
        "    def test_of_a_fixture(afterwards):\n        pass\n\n    @pytest.mark.carrot\n",
    )
    said = text(run(module, "--carrot-assumptions"))
    assert "test_of_a_fixture" in said[said.index("unknown-properties: ") :].split("\n\n")[0]
    result = run(module, "--carrot-only-documented")
    assert re.search(r"ERROR test_it\.py::test_of_a_fixture", text(result))


def test_a_document_that_is_created_as_documented_passes_where_only_that_may(
    run: Callable[..., pytest.RunResult],
) -> None:
    module = (
        SUITE.split("    @pytest.mark.carrot")[0]
        + """
    def test_create(carrot_client):
        body = {**BODY, "measurementUnit": "kg", "externalCreatedAt": "2026-03-01T10:00:00.000Z"}
        assert "id" in carrot_client.post("/documents", json=body).json()
    """
    )
    result = run(module, "--carrot-only-documented")
    result.assert_outcomes(passed=1)


def test_a_server_that_is_gone_takes_nothing_from_the_failure(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        def test_it(carrot_server, carrot):
            carrot.control.delete("")
            assert "what the test says" == 1
        """,
        "--carrot-artifacts=kept",
    )
    assert "what the test says" in text(result)
    assert "Nothing more can be said of this test's Carrot world" in text(result)
    assert "INTERNALERROR" not in text(result)


def test_the_rate_limit_is_no_switch_to_try_the_alternatives_of(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
        import pytest

        @pytest.mark.carrot(rate_limit="documented")
        def test_it(carrot_client):
            answers = [carrot_client.get("/documents/nothing") for _ in range(8)]
            assert answers[-1].status_code == 429
        """,
        "--carrot-semantics=all",
        "-v",
    )
    assert result.ret == 0, text(result)
    assert "[rate-limit=" not in text(result)
    assert "[edge-errors=gateway] PASSED" in text(result)
