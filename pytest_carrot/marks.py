"""What a test asks of its world: `@pytest.mark.carrot(...)` over the options of the run."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import pytest

from pytest_carrot.errors import UserMistake, nearest
from pytest_carrot.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

ALTERNATIVE = pytest.StashKey[dict[str, str]]()
"""The switch that the present run of a test sets, and its value; see `alternatives`."""
ENVIRONMENTS = ("test", "production")
_KEYWORDS = ("rate_limit", "semantics", "environment")


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


def _check(mark: pytest.Mark) -> None:
    if mark.args:
        raise _mistake(f"takes {', '.join(_KEYWORDS)} by name only, not {mark.args[0]!r}.")
    for name in mark.kwargs:
        if name not in _KEYWORDS:
            raise _mistake(f"has no {name}; {nearest(name, _KEYWORDS)}")
    environment = mark.kwargs.get("environment", "test")
    if environment not in ENVIRONMENTS:
        raise _mistake(f'takes environment="production" or "test", not {environment!r}.')
    semantics = mark.kwargs.get("semantics", {})
    if not isinstance(semantics, dict) or not all(isinstance(name, str) for name in semantics):
        raise _mistake(f'takes semantics as a dict, such as {{"ordering": "off"}}, not {semantics!r}.')
    for value in (mark.kwargs.get("rate_limit"), *semantics.values()):
        if isinstance(value, float) and not isfinite(value):
            raise _mistake(f"takes numbers that are finite, not {value!r}.")


def _mistake(words: str) -> UserMistake:
    return UserMistake(f"@pytest.mark.carrot {words}")
