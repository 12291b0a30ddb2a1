"""Makes probes one after the other on a stage, and keeps what each saw or why it saw nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_carrot.drifting.finding import CannotDrift, CannotProbe, NotProbed
from pytest_carrot.live_http import NoAnswer
from pytest_carrot.live_limits import BudgetUsedUp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_carrot.drifting.finding import Probe
    from pytest_carrot.drifting.scene import Scene

_ENOUGH: Final = 4
# What comes of JSON with lists for objects, texts for numbers and the like: there is no end to what may come.
_ODD: Final = (AttributeError, KeyError, IndexError, TypeError, ValueError)
_UNKNOWN: Final = "what was answered has parts of another kind than the documented ones"


@dataclass
class Looked:
    """What was seen by each probe, and why others saw nothing: `expected`, or because something went wrong."""

    seen: dict[Probe, str] = field(default_factory=dict)
    expected: dict[Probe, str] = field(default_factory=dict)
    failed: dict[Probe, str] = field(default_factory=dict)
    stopped: str | None = None
    """Why probes were left out before the end."""


def look(scene: Scene, probes: Sequence[Probe], done: Callable[[Probe], None] = lambda probe: None) -> Looked:
    """Make the probes; raises CannotDrift when the target does not answer any more."""
    looked = Looked()
    in_a_row = 0
    for probe in probes:
        if looked.stopped is not None:
            looked.failed[probe] = "the write budget was used up before"
            continue
        try:
            looked.seen[probe] = probe.look(scene)
            in_a_row = 0
        except NotProbed as why:
            looked.expected[probe] = str(why)
        except BudgetUsedUp as why:
            looked.stopped = str(why)
            looked.failed[probe] = "the write budget was used up"
        except (CannotProbe, NoAnswer, *_ODD) as why:
            looked.failed[probe] = _UNKNOWN if isinstance(why, _ODD) else str(why)
            in_a_row += 1
            if in_a_row == _ENOUGH:
                raise CannotDrift(
                    f"{_ENOUGH} probes in a row could not be made, so nothing more can be told; the last one: "
                    f"{looked.failed[probe].rstrip('.')}."
                ) from None
        done(probe)
    return looked
