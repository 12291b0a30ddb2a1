"""Finds the values of switches under which a mock of our own is seen as the target is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mock_server.behaviours import BEHAVIOURS, SWITCHES, SwitchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mock_server.behaviours import Switch
    from pytest_carrot.drifting.finding import Probe
    from pytest_carrot.drifting.reference import Reference

# What one switch does may hide what another one does until that one is found.
_ROUNDS: Final = 3


class Fit:
    """The switches with other values than their defaults, and which more values look the same from outside."""

    def __init__(self) -> None:
        self.semantics: dict[str, str] = {}
        self.alike: dict[str, tuple[str, ...]] = {}

    def put(self, switch: Switch, value: str, alike: Iterable[str] = ()) -> None:
        if value == switch.default:
            self.semantics.pop(switch.name, None)
            self.alike.pop(switch.name, None)
        else:
            self.semantics[switch.name] = value
            self.alike[switch.name] = tuple(each for each in alike if each != value)


def fit(seen: Mapping[Probe, str], reference: Reference) -> Fit:
    """The switches that fit what was seen of a target; those that no value fits stay at their defaults."""
    found = Fit()
    for _ in range(_ROUNDS):
        before = dict(found.semantics)
        for probe, what in seen.items():
            if (switch := switch_of(probe)) is not None:
                _settle(found, switch, probe, what, reference)
        if found.semantics == before:
            break
    return found


def switch_of(probe: Probe) -> Switch | None:
    """The switch that changes what a probe sees."""
    name = BEHAVIOURS[probe.behaviour].switch
    return None if name is None else SWITCHES.get(name)


def _settle(found: Fit, switch: Switch, probe: Probe, what: str, reference: Reference) -> None:
    if probe.value is not None:
        if (value := _checked(switch, probe.value(what))) is not None:
            found.put(switch, value)
        return
    others = {name: value for name, value in found.semantics.items() if name != switch.name}
    fitting = [
        value
        for value in (switch.default, *(each for each in switch.values if each != switch.default))
        if reference.one(probe, others | ({} if value == switch.default else {switch.name: value})) == what
    ]
    if switch.default in fitting or not fitting:
        found.put(switch, switch.default)
        return
    # Of several that look the same, the one that asks for the least comes last in the table.
    found.put(switch, fitting[-1], fitting)


def _checked(switch: Switch, value: str | None) -> str | None:
    try:
        return None if value is None else switch.parse(value)
    except SwitchError:
        return None
