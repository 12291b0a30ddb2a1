"""The clients of docs/examples/sweep come out of the sweep as written beside them: one right, each other wrong once.

A few cases of each are tried; all of them with CARROT_MOCK_SWEEP=full, which takes some minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SWEEP = Path(__file__).parent.parent / "docs/examples/sweep"
CLIENTS = sorted(path.stem for path in (SWEEP / "expected").glob("*.txt"))
FULL = os.environ.get("CARROT_MOCK_SWEEP") == "full"
FEW = {
    "operation": ("documents.create", "events.batch"),
    "phase": ("arrived", "committed"),
    "kind": ("drop", "truncate", "503", "pending", "expire"),
}
WANTED = {} if FULL else FEW
# Call, operation, phase, kind and cause.
Case = tuple[str, str, str, str, str]


def swept(client: str, directory: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and report of the sweep of a client."""
    report = directory / "report.json"
    only = [part for name, values in WANTED.items() for value in values for part in (f"--{name}", value)]
    command = [sys.executable, "-m", "mock_server", "sweep", "--hang", "0.2", "--json", str(report), *only]
    done = subprocess.run(
        [*command, "--", sys.executable, str(SWEEP / f"{client}.py")],
        env={**os.environ, "CARROT_FIRST_WAIT": "0.01"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert all(line.startswith("carrot-mock: ") for line in done.stderr.splitlines())
    return done.returncode, json.loads(report.read_text("utf-8"))


def expected(client: str) -> tuple[str, set[Case]]:
    """The first line of what is written beside a client, and the cases that fail."""
    first, *rows = (SWEEP / f"expected/{client}.txt").read_text("utf-8").splitlines()
    cells = [row.split() for row in rows[2:]]
    return first, {(*place, kind, cause) for *place, cause, kinds in map(_parts, cells) for kind in kinds}


def _parts(cells: list[str]) -> tuple[str, str, str, str, list[str]]:
    call, operation, phase, cause, *kinds = cells
    return call, operation, phase, cause, kinds


def kind_of(case: dict[str, Any]) -> str:
    if case["do"] != "status":
        return str(case["do"])
    return "pending" if "code" in case else str(case["status"])


def is_tried(case: Case) -> bool:
    _, operation, phase, kind, _ = case
    named = {"operation": operation, "phase": phase, "kind": kind}
    return all(named[name] in values for name, values in WANTED.items())


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_comes_out_as_written_beside_it(client: str, tmp_path: Path) -> None:
    code, report = swept(client, tmp_path)
    failing = [case for case in report["cases"] if case["outcome"] == "fails"]
    first, cases = expected(client)

    assert {
        (str(case["call"]), case["operation"], case["phase"], kind_of(case), case["cause"])
        for case in failing
    } == set(filter(is_tried, cases))
    assert first.startswith(f"{report['verdict']}: ")
    assert code == (0 if report["verdict"] == "holds" else 1)
    if FULL:
        assert first.endswith(f": {len(failing)} of {len(report['cases'])} cases fail")


def test_there_is_one_right_client_and_a_wrong_one_for_each_of_five_causes() -> None:
    causes = {client: {cause for *_, cause in expected(client)[1]} for client in CLIENTS}
    assert causes == {
        "right": set(),
        "new_key": {"new-key-on-retry"},
        "gives_up": {"gave-up"},
        "keeps_token": {"token-not-refreshed"},
        "ignores_pending": {"ignored-pending"},
        "restamps": {"retried-conflict"},
    }
    programs = {path.stem for path in SWEEP.glob("*.py")} - {"carrot_client", "pick_up"}
    assert programs == set(CLIENTS)
