"""Who may read or write which events of a document.

Source: [permissions]; the evaluation where it is silent is assumed (CONTRACT §8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NONE: frozenset[str] = frozenset()


class Access(NamedTuple):
    """What one policy says of one action: of every event name, or of some."""

    everywhere: bool
    allowed: frozenset[str] = _NONE
    denied: frozenset[str] = _NONE

    @property
    def unconditional(self) -> bool:
        """True when the whole document is meant, attachments included."""
        return self.everywhere and not self.denied

    @property
    def some(self) -> bool:
        """True when at least one event name is allowed."""
        return self.everywhere or bool(self.allowed - self.denied)

    def covers(self, event_name: str) -> bool:
        return (self.everywhere or event_name in self.allowed) and event_name not in self.denied


class Policy(NamedTuple):
    """What the newest ACTOR with permissions gives one participant; `order` grows with each such ACTOR."""

    read: Access
    write: Access
    order: int = 0


NOTHING = Access(everywhere=False)
EVERYTHING = Access(everywhere=True)
CREATOR = Policy(EVERYTHING, EVERYTHING)
STRANGER = Policy(NOTHING, NOTHING, -1)


def policy(statements: Iterable[Mapping[str, Any]], order: int) -> Policy:
    """The policy of a list of `{effect, actions, condition?}`; DENY beats ALLOW."""
    given = list(statements)
    return Policy(_access(given, "READ"), _access(given, "WRITE"), order)


def policy_for(policies: Mapping[str, Policy], participant_ids: Iterable[str]) -> Policy:
    """The newest policy among the ids that one participant is known by."""
    found = [policies[each] for each in participant_ids if each in policies]
    return max(found, key=lambda each: each.order, default=STRANGER)


def _access(statements: list[Mapping[str, Any]], action: str) -> Access:
    everywhere: dict[str, bool] = {"ALLOW": False, "DENY": False}
    names: dict[str, set[str]] = {"ALLOW": set(), "DENY": set()}
    for statement in statements:
        if action in statement["actions"]:
            effect = statement["effect"]
            if (condition := statement.get("condition")) is None:
                everywhere[effect] = True
            else:
                names[effect].update(condition["$in"]["eventNames"])
    if everywhere["DENY"]:
        return NOTHING
    return Access(everywhere["ALLOW"], frozenset(names["ALLOW"]), frozenset(names["DENY"]))
