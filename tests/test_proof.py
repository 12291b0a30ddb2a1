"""The proof: whatever clients do, whatever goes wrong and whenever, what must hold holds after every step.

`CARROT_MOCK_STEPS` says how many steps are taken, 2 000 where it is not set. A longer run takes them by a seed of its
own, which it prints; `CARROT_MOCK_PROOF_SEED` gives the seed of an earlier one. With `CARROT_MOCK_PROOF_SHRINK=1` a
failure is made as short as can be, which takes some minutes.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from proof_machine import Proof

USUAL_STEPS, RUN = 2000, 50
# Minutes, for who looks for the cause.
SHRINK = (Phase.shrink,) if os.environ.get("CARROT_MOCK_PROOF_SHRINK") else ()
STEPS = int(os.environ.get("CARROT_MOCK_STEPS", USUAL_STEPS))
FIXED = [
    {"dedup-in-flight": rule, "dedup-errors": errors}
    for rule in ("pending", "wait")
    for errors in ("forget", "remember")
]
# What every part of the proof has to meet, so that it cannot pass by avoiding it.
NEEDED = (
    "requests that meet one with their key",
    "answers that were lost, and given again",
    "steps with two or more at a gate",
    "restores with requests in flight",
    "verdict replay",
    "verdict changed-body",
    "clients that left",
)


def chosen_seed() -> int:
    if (given := os.environ.get("CARROT_MOCK_PROOF_SEED")) is not None:
        return int(given)
    return 5 if STEPS == USUAL_STEPS else secrets.randbelow(2**32)


def run(machine: Any, number: int, steps: int) -> None:
    """About so many steps by a seed; raises what fails, with the steps that led there."""
    options = settings(
        max_examples=max(-(-steps // RUN), 1),
        # One more, for how a run begins.
        stateful_step_count=RUN + 1,
        database=None,
        deadline=None,
        print_blob=True,
        phases=(Phase.generate, *SHRINK),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(machine), settings=options)


@pytest.mark.parametrize("fixed", FIXED, ids=lambda fixed: "-".join(fixed.values()))
def test_what_must_hold_holds_after_every_step(fixed: dict[str, str]) -> None:
    number, seen = chosen_seed(), Counter[str]()
    machine: Any = type("Proof", (Proof,), {"fixed": fixed, "seen": seen})
    print(f"CARROT_MOCK_PROOF_SEED={number} CARROT_MOCK_STEPS={STEPS} begins this again")
    # Each part takes steps of its own. Some runs end early: then there are further ones.
    for part in range(FIXED.index(fixed), 100 * len(FIXED), len(FIXED)):
        if (left := STEPS // len(FIXED) - seen["steps"]) > 0:
            run(machine, number + part, left)
    print("\n".join(f"{count:7} {what}" for what, count in sorted(seen.items())))
    assert seen["steps"] >= STEPS // len(FIXED)
    assert [each for each in NEEDED if not seen[each]] == []
