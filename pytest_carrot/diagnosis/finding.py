"""One thing that a client should do otherwise, and where it was seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was seen in a sentence, and in `advice` why it matters and what to do.

    `requests` are those concerned, the one that shows it first.

    `about` tells findings of one code and one request apart; it stays the same while the journal grows.
    """

    code: str
    seen: str
    requests: tuple[str, ...]
    advice: str = ""
    about: str = ""

    @property
    def request_id(self) -> str:
        return self.requests[0]

    @property
    def message(self) -> str:
        return f"{self.seen} {self.advice}".rstrip()

    @property
    def identity(self) -> tuple[str, str, str]:
        """What a finding has in common with the same one in a later look at the journal."""
        return self.code, self.request_id, self.about
