"""Asks the control API for what a test wants: a wrong wish is a ValueError with the server's sentence."""

from __future__ import annotations

from datetime import timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any

from pytest_carrot.control import ControlError
from pytest_carrot.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_carrot.control import Control

# What goes wrong here is about what the test asked: its traceback ends there.
__tracebackhide__ = True


def ask(send: Callable[[str, Any], Any], path: str, body: Any, *, mistakes: tuple[int, ...] = (400,)) -> Any:
    """The answer; raises ValueError for a refusal with one of these statuses, and ControlError for any other."""
    try:
        return send(path, body)
    except ControlError as error:
        if error.status not in mistakes:
            raise
        raise ValueError(str(error)) from None


def renamed(given: Mapping[str, Any], names: Mapping[str, str], what: str) -> dict[str, Any]:
    """Keyword arguments by the names of the control API; raises ValueError for one that is not among `names`."""
    for name in given:
        if name not in names:
            raise ValueError(f"{what} takes no {name}; {nearest(name, tuple(names))}")
    for name, value in given.items():
        if isinstance(value, float) and not isfinite(value):
            raise ValueError(f"{what} takes a number for {name} that is finite, not {value!r}.")
    return {names[name]: _seconds(value) for name, value in given.items()}


def _seconds(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value


def remove(control: Control, path: str) -> None:
    """Delete something; that it is gone already is no mistake."""
    try:
        control.delete(path)
    except ControlError as error:
        if error.status != 404:
            raise
