"""A run from start to end: the target is checked, probed, compared with mocks of our own, and reported on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from pytest_carrot.drifting.calling import Caller, Line
from pytest_carrot.drifting.finding import CannotDrift, CannotProbe
from pytest_carrot.drifting.fitting import fit, switch_of
from pytest_carrot.drifting.looking import look
from pytest_carrot.drifting.probes import PROBES, UNPROBED
from pytest_carrot.drifting.reference import Reference
from pytest_carrot.drifting.report import Difference, Report, Untold, unprobed
from pytest_carrot.drifting.scene import Scene
from pytest_carrot.errors import UserMistake
from pytest_carrot.live_environment import Permission, environment_of
from pytest_carrot.live_http import NoAnswer
from pytest_carrot.live_limits import Budget, BudgetUsedUp, Pace
from pytest_carrot.live_target import check_is_carrot, check_partner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_carrot.drifting.finding import Probe
    from pytest_carrot.drifting.fitting import Fit
    from pytest_carrot.drifting.looking import Looked
    from pytest_carrot.live_target import Target
    from pytest_carrot.server import CarrotServer

PREFIX: Final = "carrot-mock-drift"


@dataclass(frozen=True)
class Plan:
    """How a run goes about it; `budget` is in writes, `rate` in requests a second."""

    budget: int
    rate: float
    permission: Permission
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


def drift(
    target: Target, plan: Plan, server: CarrotServer, done: Callable[[Probe], None] = lambda probe: None
) -> Report:
    """Probe a target, and compare it with mocks on `server`, whose default world is used up for that.

    Raises CannotDrift when nothing can be told of it.

    The first thing that is written is a private document, which is read back: in production it stays the only one.
    """
    run = f"{PREFIX}-{token_hex(4)}"
    line = Line(
        target,
        run,
        Pace(plan.rate, now=plan.now, sleep=plan.sleep),
        Budget(plan.budget, "--budget"),
        plan.sleep,
        plan.now,
    )
    main = Caller(line, target.main)
    partner = None if target.partner is None else Caller(line, target.partner)
    scene = Scene(main, partner, datetime.now(UTC))
    environment = _begin(scene, partner, plan.permission)
    looked = look(scene, PROBES, done)
    reference = Reference(server, partner=partner is not None)
    found = fit(looked.seen, reference)
    return _report(target, environment, line, looked, found, reference)


def _begin(scene: Scene, partner: Caller | None, permission: Permission) -> str:
    """Make the first document of each integrator, and go no further unless it is in an environment for this."""
    line = scene.line
    try:
        check_is_carrot(line.target, scene.main.token)
        first = scene.first
        document = scene.read(first)
        environment = environment_of(document, first, permission)
        if partner is not None:
            check_is_carrot(line.target, partner.token)
            of_partner = scene.read(scene.partners, partner)
            environment_of(of_partner, scene.partners, permission)
            reads = partner.get(f"/documents/{first}").accepted
            check_partner(scene.main.login, partner.login, document, of_partner, reads=reads)
    except (UserMistake, NoAnswer, BudgetUsedUp) as why:
        raise CannotDrift(str(why)) from None
    except CannotProbe as why:
        raise CannotDrift(
            f"Nothing can be told of {line.target.url}, since no document can be made there to begin with: {why}."
        ) from None
    return environment


def _report(
    target: Target, environment: str, line: Line, looked: Looked, found: Fit, reference: Reference
) -> Report:
    assumed = reference.all(PROBES, {})
    fitted = reference.all(PROBES, found.semantics) if found.semantics else assumed
    differences, same = [], []
    for probe, seen in looked.seen.items():
        difference = _difference(probe, seen, assumed.seen, fitted.seen, found)
        if difference is None:
            same.append(probe)
        else:
            differences.append(difference)
    return Report(
        target.url,
        environment,
        line.prefix,
        line.requests,
        line.budget.used,
        differences,
        same,
        _untold(looked, fitted),
        found.semantics,
        looked.stopped,
    )


def _difference(
    probe: Probe, seen: str, assumed: dict[Probe, str], fitted: dict[Probe, str], found: Fit
) -> Difference | None:
    switch = switch_of(probe)
    name = None if switch is None else switch.name
    if name in found.semantics:
        alike = found.alike.get(name, ())
        return Difference(probe, assumed.get(probe, _NOTHING), seen, name, found.semantics[name], alike)
    # What follows from a switch that was found is no difference of its own.
    expected = fitted.get(probe, _NOTHING)
    return None if seen == expected else Difference(probe, expected, seen, name)


def _untold(looked: Looked, fitted: Looked) -> Sequence[Untold]:
    # With the switches that were found the mock may not let a probe be made either.
    alike = fitted.failed if looked.stopped is None else {}
    return [
        *(
            Untold(probe.name, probe.behaviour, why, expected=probe in alike)
            for probe, why in looked.failed.items()
        ),
        *(Untold(probe.name, probe.behaviour, why, expected=True) for probe, why in looked.expected.items()),
        *(unprobed(behaviour, why) for behaviour, why in UNPROBED.items()),
    ]


_NOTHING: Final = "nothing to be seen"
