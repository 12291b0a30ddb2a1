"""The rows of the fixtures: MassIDs a second on one core, and what the first one in a test run costs."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

from bench.report import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.rows import Effort

_RATE_TARGET = 1_500
_RATE_WITH_FILES_TARGET = 400
_IMPORT_TARGET = 1.3
_PAYLOAD_TARGET_MS = 2.0
_MASS_IDS = 300  # in a round


def run(effort: Effort) -> list[Figure]:
    """Complete MassIDs of 13 events, with and without their files, and Faker alone; and the imports."""
    rates = _rates(effort)
    plain, files, all_of_it, names = (median(each) for each in rates)
    rows = [
        Figure("fixtures", "MassIDs a second, 13 events each", f"{plain:,.0f}", f"Faker's names alone: {names:,.0f}",
               target=f"≥ {_RATE_TARGET:,}", met=plain >= _RATE_TARGET),
        Figure("fixtures", "the same with their three PDF files", f"{files:,.0f}",
               target=f"≥ {_RATE_WITH_FILES_TARGET:,}", met=files >= _RATE_WITH_FILES_TARGET),
        Figure("fixtures", "the same with the accreditations as well", f"{all_of_it:,.0f}"),
    ]  # fmt: skip
    return [*rows, *_in_a_new_process(effort)]


def _rates(effort: Effort) -> list[list[float]]:
    """MassIDs a second in each round, of each kind in turn."""
    from carrot_fixtures import mass_id, names

    def plain(seed: int) -> object:
        return mass_id(seed=seed)

    def files(seed: int) -> object:
        return mass_id(seed=seed).attachments

    def all_of_it(seed: int) -> object:
        made = mass_id(seed=seed)
        return made.attachments, made.accreditations

    def only_names(seed: int) -> object:
        return names.draw(names.own("pt_BR"), seed)

    kinds: Sequence[Callable[[int], object]] = (plain, files, all_of_it, only_names)
    found: list[list[float]] = [[] for _ in kinds]
    for turn in range(effort.rounds + 1):
        for kind, rates in zip(kinds, found, strict=True):
            began = time.perf_counter()
            for seed in range(_MASS_IDS):
                kind(seed)
            if turn:  # the first fills the caches
                rates.append(_MASS_IDS / (time.perf_counter() - began))
    return found


_PROGRAM = """
import time
began = time.perf_counter()
import {module}
print(time.perf_counter() - began)
if "{module}" == "carrot_fixtures":
    for seed in range(20):
        began = time.perf_counter()
        carrot_fixtures.mass_id(seed=seed)
        print(time.perf_counter() - began)
"""


def _in_a_new_process(effort: Effort) -> list[Figure]:
    """The import beside Faker's, and the first MassID and a later one, as a test run meets them."""
    imports: list[float] = []
    ratios: list[float] = []
    firsts: list[float] = []
    laters: list[float] = []
    for turn in range(effort.spawns + 1):
        (faker,) = _seconds("faker")
        mine, first, *others = _seconds("carrot_fixtures")
        if turn:
            imports.append(mine)
            ratios.append(mine / faker)
            firsts.append(first)
            laters.append(median(others))
    later, ratio = median(laters) * 1000, median(ratios)
    return [
        Figure("fixtures", "import carrot_fixtures", f"{median(imports) * 1000:.0f} ms", "import faker", ratio,
               f"≤ {_IMPORT_TARGET} ×", ratio <= _IMPORT_TARGET),
        Figure("fixtures", "the first MassID of a process", f"{median(firsts) * 1000:.1f} ms"),
        Figure("fixtures", "a later one", f"{later:.2f} ms", target=f"≤ {_PAYLOAD_TARGET_MS:g} ms",
               met=later <= _PAYLOAD_TARGET_MS),
    ]  # fmt: skip


def _seconds(module: str) -> list[float]:
    command = [sys.executable, "-c", _PROGRAM.format(module=module)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [float(line) for line in printed.split()]
