"""Which tests run against a real API: those marked `carrot_live`, unless they ask for what only a mock has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

MARK = "carrot_live"


def skip_unsafe(items: Iterable[pytest.Item]) -> None:
    """Skip every other test, with the reason."""
    for item in items:
        if (why := _why_not(item)) is not None:
            item.add_marker(pytest.mark.skip(reason=why))


def _why_not(item: pytest.Item) -> str | None:
    if item.get_closest_marker(MARK) is None:
        return f"not marked as safe for a real API (@pytest.mark.{MARK})"
    if item.get_closest_marker("carrot_sweep") is not None:
        return "a sweep needs the mock, for its faults"
    for mark in item.iter_markers("carrot"):
        if mark.kwargs.get("semantics"):
            return "asks for semantics, which only the mock can set"
        if mark.kwargs.get("environment") == "production":
            return "asks for production credentials of the mock"
        if mark.kwargs.get("rate_limit", "off") != "off":
            return "asks for a rate limit, which only the mock can set"
    return None
