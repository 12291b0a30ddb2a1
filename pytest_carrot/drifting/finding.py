"""What a probe is, and what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_carrot.drifting.scene import Scene


class CannotDrift(Exception):
    """Nothing, or nothing more, can be told of the target; `str()` is a sentence."""


class CannotProbe(Exception):
    """A probe could not be carried out, and should have been; `str()` are words that say why."""


class NotProbed(Exception):
    """A probe does not apply here, as was to be expected; `str()` are words that say why."""


@dataclass(frozen=True)
class Probe:
    """How one assumption can be seen from outside: `look` gives what was seen, in words that compare.

    An assumption about several calls has a probe for each, told apart by `aspect`. `value` makes a switch's value
    from what was seen, where it is a number; else the value is the one under which a mock of our own is seen alike.
    """

    behaviour: str
    look: Callable[[Scene], str]
    aspect: str = ""
    value: Callable[[str], str | None] | None = None

    @property
    def name(self) -> str:
        return f"{self.behaviour} ({self.aspect})" if self.aspect else self.behaviour
