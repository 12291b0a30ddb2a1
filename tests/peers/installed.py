"""Where the tools of others are, and the commands of docs/peers.md that run them."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PAGE = (ROOT / "docs/peers.md").read_text("utf-8")
PEERS = ROOT / ".peers"
NODE = PEERS / "node_modules/.bin"
PYTHON = PEERS / "venv/bin"

# On a machine without them the tests are skipped; where everything is to be tested, they fail.
needs_peers = pytest.mark.skipif(
    not (PEERS / "installed").exists() and "CI" not in os.environ,
    reason="the tools of others are not installed; `make peers` does that, and needs npm",
)


def pinned() -> dict[str, str]:
    """The version of each node package."""
    versions: dict[str, str] = json.loads((HERE / "package.json").read_text("utf-8"))["devDependencies"]
    return versions


def blocks(language: str) -> list[str]:
    """What the page shows in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def command(start: str, url: str) -> list[str]:
    """The command of the page that starts so, for a mock at `url`, as it is installed here."""
    lines = "\n".join(blocks("sh")).replace("\\\n", "").splitlines()
    line = next(line for line in lines if line.startswith(start))
    program, *arguments = shlex.split(line.replace("http://127.0.0.1:8750", url))
    if program == "npx":
        package, *arguments = arguments
        return [str(NODE / Path(package.rpartition("@")[0]).name.removesuffix("-cli")), *arguments]
    return [str(PYTHON / program), *arguments]
