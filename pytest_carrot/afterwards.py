"""When a test is over and its Carrot worlds are still there: what it rested on, and what is kept of a failure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_carrot import alternatives, artifacts, history, honesty
from pytest_carrot.control import ControlError
from pytest_carrot.marks import ALTERNATIVE
from pytest_carrot.options import OPTIONS

if TYPE_CHECKING:
    from pytest_carrot.handle import Carrot


_KNOWN = pytest.StashKey[Sequence[str]]()
"""What a test was known to rest on after its call."""


def look_at(item: pytest.Item, report: pytest.TestReport, worlds: Sequence[Carrot]) -> None:
    """Look at the worlds of a test after each of its parts, as far as the options ask or the part failed.

    A server that is gone takes nothing from what the test itself has to say.
    """
    asked = item.config.stash[OPTIONS]
    try:
        if asked.assumptions or asked.only_documented:
            _honest(item, report, worlds, refusing=asked.only_documented)
        if asked.every_semantics and report.when == "call":
            _touched(item, worlds)
        if report.failed:
            _keep(item, report, worlds)
    except ControlError as error:
        report.sections.append(("carrot", f"Nothing more can be said of this test's Carrot world: {error}"))


def _honest(
    item: pytest.Item, report: pytest.TestReport, worlds: Sequence[Carrot], *, refusing: bool
) -> None:
    """Note what the test rested on; the tear-down is refused for what came up in it alone."""
    entries = [entry for world in worlds for entry in history.entries(world.control)]
    ids = honesty.assumed(entries)
    known = item.stash.get(_KNOWN, ()) if report.when == "teardown" else ()
    item.stash[_KNOWN] = ids
    honesty.note(report, ids)
    if refusing:
        honesty.refuse(report, [each for each in ids if each not in known])


def _touched(item: pytest.Item, worlds: Sequence[Carrot]) -> None:
    """Note what the first run of a test touched; its later runs are about that."""
    if item.stash.get(ALTERNATIVE, {}):
        return
    found: dict[str, str] = {}
    for world in worlds:
        found |= alternatives.touched(history.entries(world.control), dict(world.semantics))
    item.stash[alternatives.TOUCHED] = found


def _keep(item: pytest.Item, report: pytest.TestReport, worlds: Sequence[Carrot]) -> None:
    directory = item.config.stash[OPTIONS].artifacts
    for number, world in enumerate(worlds, 1):
        artifacts.attach(item, report, world.control)
        if directory is None:
            continue
        try:
            root = item.config.invocation_params.dir / Path(directory)
            folder = artifacts.write(root, alternatives.name_of(item), world.control, number)
        except OSError as error:
            said = f"The artifacts could not be written to {directory}: {error.strerror or error}."
        else:
            said = f"Journal, ledger and timelines of this test are in {folder}"
        report.sections.append(("carrot", said))
