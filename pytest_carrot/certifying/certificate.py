"""The certificate: each row with what was found, the verdict on the whole, and the passport of it as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Target
    from pytest_carrot.certifying.kinds import Row

TITLE: Final = "Retry-contract certificate"
WHAT_IT_IS: Final = (
    "Carrot Mock's statement about one command, judged against the mock's understanding of the Carrot API. "
    "It is not an approval by Carrot, and says nothing about runs that were not made."
)


@dataclass(frozen=True)
class Judged:
    """A row with its finding, the call that was struck for it if any, and how long its run took."""

    row: Row
    finding: Finding
    target: Target | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Certificate:
    """All rows in their order, and what they are about; `command` is without secrets."""

    judged: Sequence[Judged]
    tool: str
    contract: str
    date: datetime
    command: str | None = None

    @property
    def verdict(self) -> str:
        return "fails" if self.failures else "holds"

    @property
    def failures(self) -> list[Judged]:
        return [each for each in self.judged if each.finding.verdict == "fails"]

    @property
    def summary(self) -> str:
        """`27 rows hold, 2 fail, 3 are not applicable`."""
        counts = Counter(each.finding.verdict for each in self.judged)
        told = [
            f"{counts['holds']} of {len(self.judged)} rows hold",
            f"{counts['fails']} fail",
            f"{counts['not-applicable']} not applicable",
        ]
        return ", ".join(told)

    def as_json(self) -> dict[str, Any]:
        """The passport."""
        cases = [case(each) for each in self.judged]
        failed = [each for each in cases if each["outcome"] == "fails"]
        return {
            "verdict": self.verdict,
            "cases": cases,
            **({"smallest": failed[0]} if failed else {}),
            "tool": {"name": "carrot-mock", "version": self.tool},
            "contract": {"version": self.contract},
            "date": self.date.isoformat(timespec="seconds").replace("+00:00", "Z"),
            **({"command": self.command} if self.command is not None else {}),
        }


def case(judged: Judged) -> dict[str, Any]:
    """A row of the passport; `call`, `operation` and the rest are null where no call was struck."""
    row, finding, target = judged.row, judged.finding, judged.target
    strike = getattr(row, "strike", None) if target is not None else None
    found: dict[str, Any] = {
        "id": row.id,
        "title": row.title,
        "source": {"page": str(row.source), "url": row.source.url},
        "call": None if target is None else target.call,
        "operation": None if target is None else target.operation,
        "phase": None if strike is None else strike.phase,
        "do": None if strike is None else strike.do,
        "outcome": finding.verdict,
        "evidence": finding.evidence,
    }
    if (status := getattr(strike, "status", None)) is not None:
        found["status"] = status
    if finding.cause is not None:
        found["cause"] = finding.cause
    return found
