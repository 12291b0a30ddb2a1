"""The drift report: what differs, what does not, what could not be told; as JSON and as a file for the mock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mock_server.behaviours import BEHAVIOURS, SWITCHES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_carrot.drifting.finding import Probe

Verdict = Literal["same", "differs", "incomplete"]


@dataclass(frozen=True)
class Difference:
    """An assumption that does not hold for the target; `value` is what its switch is to be set to, where that helps.

    `alike` are other values that look the same from outside.
    """

    probe: Probe
    assumed: str
    seen: str
    switch: str | None = None
    value: str | None = None
    alike: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """What to do, in a few words."""
        if self.value is not None:
            also = f" (or {' or '.join(self.alike)}: no answer tells them apart)" if self.alike else ""
            return f"{self.switch} = {self.value}{also}"
        return "no value of its switch does this" if self.switch else "it has no switch"


@dataclass(frozen=True)
class Untold:
    """An assumption, or one aspect of it, that was not probed; `expected` unless something went wrong."""

    name: str
    behaviour: str
    reason: str
    expected: bool


@dataclass(frozen=True)
class Report:
    """All that was found out about a target."""

    target: str
    environment: str
    run: str
    requests: int
    writes: int
    differences: Sequence[Difference]
    same: Sequence[Probe]
    untold: Sequence[Untold]
    semantics: Mapping[str, str]
    stopped: str | None = None

    @property
    def verdict(self) -> Verdict:
        if self.differences:
            return "differs"
        return "incomplete" if any(not each.expected for each in self.untold) else "same"

    @property
    def sentence(self) -> str:
        """What it comes to."""
        left = sum(not each.expected for each in self.untold)
        told = f"{len(self.same)} probes saw what the mock assumes, {len(self.untold)} were not made"
        if self.differences:
            return f"{_several(len(self.differences), 'difference')}; {told}."
        if left:
            return f"No difference was seen, but {_several(left, 'probe')} could not be made; {told}."
        return f"No difference; {told}."

    def as_json(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "target": self.target,
            "environment": self.environment,
            "run": self.run,
            "requests": self.requests,
            "writes": self.writes,
            "stopped": self.stopped,
            "differences": [_as_json(each) for each in self.differences],
            "same": [each.name for each in self.same],
            "notProbed": [
                {
                    "behaviour": each.behaviour,
                    "name": each.name,
                    "reason": each.reason,
                    "expected": each.expected,
                }
                for each in self.untold
            ],
            "semantics": dict(self.semantics),
        }

    def as_toml(self) -> str:
        """A carrot-mock.toml under which the mock is as the target is, as far as switches reach."""
        lines = [
            f"# What differs at {self.target} from what the mock assumes, as carrot-mock drift saw it.",
            "# Use it: carrot-mock serve --config <this file>",
            "",
        ]
        beyond = [each for each in self.differences if each.value is None]
        if beyond:
            lines.append("# No switch does this:")
            lines += [
                f"#   {each.probe.name}: {_plain(each.seen)} (the mock: {_plain(each.assumed)})"
                for each in beyond
            ]
            lines.append("")
        lines.append("[semantics]")
        alike = {each.switch: each.alike for each in self.differences if each.alike}
        for name in (each for each in SWITCHES if each in self.semantics):
            more = f"  # {' or '.join(alike[name])} looks the same from outside" if name in alike else ""
            lines.append(f'{name} = "{self.semantics[name]}"{more}')
        return "\n".join(lines) + "\n"


def unprobed(behaviour: str, reason: str) -> Untold:
    """A row of the table that has no probe."""
    return Untold(BEHAVIOURS[behaviour].id, behaviour, reason, expected=True)


def _as_json(difference: Difference) -> dict[str, Any]:
    probe = difference.probe
    found: dict[str, Any] = {"behaviour": probe.behaviour}
    if probe.aspect:
        found["aspect"] = probe.aspect
    found |= {"assumed": difference.assumed, "seen": difference.seen}
    if difference.switch is not None:
        found |= {"switch": difference.switch, "set": difference.value}
    if difference.alike:
        found["alike"] = list(difference.alike)
    return found


def _plain(text: str) -> str:
    """On one line, for a comment."""
    return "".join(each if each.isprintable() else " " for each in text)


def _several(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"
