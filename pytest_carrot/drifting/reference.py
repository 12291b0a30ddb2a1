"""Mocks of our own that a target is compared with: the same probes, under any semantics."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pytest_carrot.drifting.calling import Caller, Line
from pytest_carrot.drifting.looking import Looked, look
from pytest_carrot.drifting.scene import Scene
from pytest_carrot.handle import Carrot
from pytest_carrot.live_limits import Budget, Pace
from pytest_carrot.live_target import Login, Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_carrot.drifting.finding import Probe
    from pytest_carrot.handle import Credentials
    from pytest_carrot.server import CarrotServer

_ENDLESS: Final = 1_000_000


class Reference:
    """The default world of a server, anew for each question; the same question is asked once.

    It is the default one, since that answers those whom nobody knows.
    """

    def __init__(self, server: CarrotServer, *, partner: bool) -> None:
        self._server = server
        self._partner = partner
        self._known: dict[tuple[Probe, tuple[tuple[str, str], ...]], str | None] = {}

    def all(self, probes: Sequence[Probe], semantics: Mapping[str, str]) -> Looked:
        """What all probes see of a mock with these switches."""
        control = self._server.control.within("workspaces/default")
        control.post("reset")
        control.patch("semantics", dict(semantics))
        return look(
            self._scene(Carrot(self._server.wire, control, self._server.url, control.get(""))), probes
        )

    def one(self, probe: Probe, semantics: Mapping[str, str]) -> str | None:
        """What one of them sees there; None where it sees nothing."""
        key = probe, tuple(sorted(semantics.items()))
        if key not in self._known:
            self._known[key] = self.all([probe], semantics).seen.get(probe)
        return self._known[key]

    def _scene(self, world: Carrot) -> Scene:
        target = Target(world.url, world.token_url, _login(world.test), _login(world.partner))
        time = _Time(world)
        pace = Pace(_ENDLESS, now=time.now, sleep=lambda seconds: None)
        line = Line(target, "carrot-mock-reference", pace, Budget(_ENDLESS, ""), time.sleep, time.now)
        partner = Caller(line, target.partner) if self._partner and target.partner else None
        return Scene(Caller(line, target.main), partner, datetime.now(UTC))


class _Time:
    """Time that passes only by waiting, here and in a world."""

    def __init__(self, world: Carrot) -> None:
        self._world = world
        self._passed = 0.0

    def now(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        self._passed += seconds
        self._world.clock.advance(seconds)


def _login(given: Credentials) -> Login:
    return Login(given.client_id, given.client_secret)
