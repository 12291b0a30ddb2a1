"""What a test asks of its world: `@pytest.mark.carrot(...)` over the options of the run."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import pytest

from pytest_carrot.errors import UserMistake, nearest
from pytest_carrot.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALTERNATIVE = pytest.StashKey[dict[str, str]]()
"""The switch that the present run of a test sets, and its value; see `alternatives`."""
ENVIRONMENTS = ("test", "production")
_KEYWORDS = ("rate_limit", "semantics", "environment")
_SWEEP_KEYWORDS = ("operations", "phases", "kinds", "hang")


@dataclass(frozen=True)
class Wishes:
    """What a world is to be like; `environment` is that of the main credentials."""

    rate_limit: str | float
    semantics: Mapping[str, Any]
    environment: str


def wishes_of(node: pytest.Item) -> Wishes:
    """What the marks of a test, of its class and of its module say, the nearest first; raises UserMistake.

    Whether switches, values and rates exist is left to the server, which knows.
    """
    found: dict[str, Any] = {"rate_limit": "off", "environment": "test"}
    semantics: dict[str, Any] = dict(node.config.stash[OPTIONS].semantics)
    for mark in reversed(list(node.iter_markers("carrot"))):
        _check(mark)
        found |= {name: value for name, value in mark.kwargs.items() if name != "semantics"}
        semantics |= mark.kwargs.get("semantics", {})
    return Wishes(**found, semantics=semantics | node.stash.get(ALTERNATIVE, {}))


@dataclass(frozen=True)
class SweepWishes:
    """What is to go wrong in a swept test, None for everything; how many seconds a request hangs."""

    operations: Sequence[str] | None = None
    phases: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    hang: float = 0.2


def sweep_wishes_of(node: pytest.Item) -> SweepWishes:
    """What the marks `carrot_sweep` say, the nearest first; raises UserMistake.

    Whether operations, phases and kinds exist is left to the sweep.
    """
    found: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers("carrot_sweep"))):
        _check_names(mark, _SWEEP_KEYWORDS)
        found |= mark.kwargs
    for name, value in found.items():
        if name == "hang":
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= 60:
                raise _mistake(f"takes hang in seconds, such as 0.2, not {value!r}.", "carrot_sweep")
        elif isinstance(value, str):
            found[name] = (value,)
        elif not isinstance(value, list | tuple | set) or not all(isinstance(each, str) for each in value):
            raise _mistake(f"takes {name} as a list of names, not {value!r}.", "carrot_sweep")
    return SweepWishes(**found)


def _check_names(mark: pytest.Mark, known: tuple[str, ...]) -> None:
    if mark.args:
        raise _mistake(f"takes {', '.join(known)} by name only, not {mark.args[0]!r}.", mark.name)
    for name in mark.kwargs:
        if name not in known:
            raise _mistake(f"has no {name}; {nearest(name, known)}", mark.name)


def _check(mark: pytest.Mark) -> None:
    _check_names(mark, _KEYWORDS)
    environment = mark.kwargs.get("environment", "test")
    if environment not in ENVIRONMENTS:
        raise _mistake(f'takes environment="production" or "test", not {environment!r}.')
    semantics = mark.kwargs.get("semantics", {})
    if not isinstance(semantics, dict) or not all(isinstance(name, str) for name in semantics):
        raise _mistake(f'takes semantics as a dict, such as {{"ordering": "off"}}, not {semantics!r}.')
    for value in (mark.kwargs.get("rate_limit"), *semantics.values()):
        if isinstance(value, float) and not isfinite(value):
            raise _mistake(f"takes numbers that are finite, not {value!r}.")


def _mistake(words: str, mark: str = "carrot") -> UserMistake:
    return UserMistake(f"@pytest.mark.{mark} {words}")
