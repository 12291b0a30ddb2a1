"""What a row of the certificate found: whether it holds, why not, and the requests that show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.history import Entry

Verdict = Literal["holds", "fails", "not-applicable"]


@dataclass(frozen=True)
class Finding:
    """A verdict with its evidence, a sentence or two; a failure has a cause and the requests that it is about.

    `exercised` is False where nothing spoke against it because it never came to what the row is about.
    """

    verdict: Verdict
    evidence: str
    cause: str | None = None
    requests: Sequence[Entry] = ()
    exercised: bool = True


def holds(evidence: str, *, exercised: bool = True) -> Finding:
    return Finding("holds", _sentence(evidence), exercised=exercised)


def fails(cause: str, evidence: str, requests: Sequence[Entry] = ()) -> Finding:
    return Finding("fails", _sentence(evidence), cause, requests)


def not_applicable(evidence: str) -> Finding:
    return Finding("not-applicable", _sentence(evidence))


def seconds(number: float) -> str:
    """`1.04 s`: waits are told to the hundredth."""
    return f"{number:.2f} s"


def of_all(part: int, whole: int, thing: str) -> str:
    """`2 of 3 requests`."""
    return f"{part} of {several(whole, thing)}" if whole != 1 else f"the one {thing}"


def several(count: int, thing: str, things: str | None = None) -> str:
    """`one request`, `3 requests`."""
    return f"one {thing}" if count == 1 else f"{count} {things or thing + 's'}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
