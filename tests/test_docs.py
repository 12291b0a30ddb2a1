"""The examples of README and docs are run as they stand, and their tables are held against the code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Serving

from mock_server.behaviours import BEHAVIOURS, SWITCHES
from mock_server.settings import NAMES
from pytest_carrot.documents import Documents
from pytest_carrot.journal import Journal
from pytest_carrot.ledger import Ledger

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
RUNNABLE = ["README.md", "docs/tutorial.md", "docs/how-to.md", "docs/fixtures.md", "docs/faults.md"]
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
# What installs, serves until it is stopped, or is run by a test of its own.
NOT_RUN = re.compile(r"^(pip install|carrot-mock (serve|demo|sweep|certify|doctor)\b).*$", re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks whose info string is exactly a language."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", RUNNABLE)
def test_shell_examples_run_as_they_stand(page: str, server: Serving, tmp_path: Path) -> None:
    script = NOT_RUN.sub(":", "\n".join(blocks(page, "sh"))).replace("http://127.0.0.1:8750", server.url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "internalServerError" not in done.stdout


def test_the_tutorial_shows_what_it_says(serve: type[Serving], tmp_path: Path) -> None:
    server = serve("--rate-limit", "off")
    script = "\n".join(blocks("docs/tutorial.md", "sh")).replace("http://127.0.0.1:8750", server.url)
    out = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    lines = out.splitlines()
    assert lines[0] == f'{{"id":"{lines[1]}"}}'
    assert '"code":"conflictError"' in lines[2]
    assert '"eventId"' in lines[3]
    assert "gross-weight" in out
    assert "Gross Weight" in out
    assert '"status": "CLOSED"' in out
    assert '"verdict": "changed-body"' in out


def test_the_python_example_runs() -> None:
    for code in blocks("docs/how-to.md", "python"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("401 The token expired")


@pytest.mark.parametrize("number", range(len(blocks("docs/fixtures.md", "python"))))
def test_the_examples_of_the_fixtures_run(number: int, server: Serving) -> None:
    code = blocks("docs/fixtures.md", "python")[number].replace("http://127.0.0.1:8750", server.url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_page_of_the_fixtures_says_what_the_code_knows() -> None:
    check = [sys.executable, "tools/fixtures_page.py", "--check"]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("page", "tests"), [("docs/pytest.md", 2), ("docs/faults.md", 4)])
def test_the_examples_on_the_pages_for_pytest_pass(page: str, tests: int, tmp_path: Path) -> None:
    for number, code in enumerate(blocks(page, "python")):
        (tmp_path / f"test_{number}.py").write_text(code, "utf-8")
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(run, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tests} passed" in done.stdout


def test_the_page_of_the_plugin_names_every_fixture_option_and_method() -> None:
    page = (ROOT / "docs/pytest.md").read_text("utf-8")
    source = (ROOT / "pytest_carrot/plugin.py").read_text("utf-8")
    fixtures = re.findall(r"@pytest\.fixture[^\n]*\n(?:async )?def (carrot\w*)", source)
    options = re.findall(r'"(--carrot-[a-z-]+)"', (ROOT / "pytest_carrot/options.py").read_text("utf-8"))
    assert len(fixtures) > 8
    assert len(options) > 5
    for name in {*fixtures, *options} - {"carrot_asgi_app"}:
        assert f"`{name}" in page, name
    for kind in (Journal, Ledger, Documents):
        for name in vars(kind):
            if not name.startswith("_"):
                assert f"`.{name}" in page, f"{kind.__name__}.{name}"


def test_the_examples_of_the_plugin_pass() -> None:
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "docs/examples"]
    done = subprocess.run(run, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "CI" not in os.environ or "skipped" not in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "#")):
            assert (page.parent / target.split("#")[0]).exists(), target


def test_every_switch_is_documented_as_it_is() -> None:
    rows = dict(
        re.findall(
            r"^\| `([a-z-]+)` \| (.*) \|$", (ROOT / "docs/settings.md").read_text("utf-8"), re.MULTILINE
        )
    )
    for name in SWITCHES:
        row = BEHAVIOURS[name]
        values = ", ".join(value if value == "seconds" else f"`{value}`" for value in row.values)
        assert rows[name] == f"{values} | `{row.default}` | {row.statement.rstrip('.')}"


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"`CARROT_MOCK_{name.upper()}`" in text


@pytest.mark.parametrize("block", [b for page in RUNNABLE for b in blocks(page, "sh serve")])
def test_commands_that_serve_are_ones_that_exist(block: str) -> None:
    command = shlex.split(block)
    done = subprocess.run(
        [sys.executable, "-m", "mock_server", command[1], "--help"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    for flag in command[2:]:
        if flag.startswith("--"):
            assert flag in done.stdout
