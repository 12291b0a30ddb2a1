"""What a run found: cases, shares and failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STEPS = ("events.append", "events.batch", "attachments.upload", "attachments.download", "documents.read")
"""The operations that a stateful run has to reach with the ids of documents that exist."""


@dataclass(frozen=True)
class Failure:
    """One thing that does not hold; the same failure of many cases is told once."""

    operation: str
    check: str
    message: str
    curl: str
    phase: str


@dataclass(frozen=True)
class Share:
    """How many of some cases were accepted."""

    accepted: int = 0
    cases: int = 0

    @property
    def value(self) -> float:
        """From 0 to 1; 0 when there was no case."""
        return self.accepted / self.cases if self.cases else 0.0


@dataclass(frozen=True)
class Outcome:
    """All that a run found."""

    cases: int
    """Requests that were generated and sent; those that checks sent for themselves are not among them."""
    by_operation: Mapping[str, Mapping[str, int]]
    """Operation id → phase → cases."""
    positive: Share
    """Creates with inline parties, and stateful steps on documents of earlier answers, all of valid data."""
    reach: Mapping[str, Share]
    """Operation id → stateful steps of valid data; those that were accepted had a document that exists."""
    failures: list[Failure] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """What kept schemathesis from checking something, as sentences."""
    given_up: str | None = None
    """Why the run ended before its end, as a sentence."""

    @property
    def positive_share(self) -> float:
        """The share of valid data that was accepted, from 0 to 1."""
        return self.positive.value

    @property
    def unreached(self) -> list[str]:
        """Those of `STEPS` that no stateful step reached on a document that exists."""
        return [name for name in STEPS if not self.reach.get(name, Share()).accepted]
