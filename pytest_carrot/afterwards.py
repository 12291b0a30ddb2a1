"""When a test is over and its Carrot worlds are still there: what it rested on, and what is kept of a failure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_carrot import alternatives, artifacts, history, honesty
from pytest_carrot.control import ControlError
from pytest_carrot.marks import ALTERNATIVE
from pytest_carrot.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from pytest_carrot.handle import Carrot


def look_at(item: pytest.Item, report: pytest.TestReport, worlds: Sequence[Carrot]) -> None:
    """Look at the worlds of a test whose call is over, as far as the options ask or the test failed.

    A server that is gone takes nothing from what the test itself has to say.
    """
    asked = item.config.stash[OPTIONS]
    try:
        if asked.assumptions or asked.only_documented:
            _honest(report, worlds, refusing=asked.only_documented)
        if asked.every_semantics:
            _touched(item, worlds)
        if report.failed:
            _keep(item, report, worlds)
    except ControlError as error:
        report.sections.append(("carrot", f"Nothing more can be said of this test's Carrot world: {error}"))


def _honest(report: pytest.TestReport, worlds: Sequence[Carrot], *, refusing: bool) -> None:
    entries = [entry for world in worlds for entry in history.entries(world.control)]
    ids = honesty.assumed(entries)
    honesty.note(report, ids)
    if refusing:
        honesty.refuse(report, ids)


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
