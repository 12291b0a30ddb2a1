"""Says whether JSON is nested deeper than the mock takes: what reads a body has limits of its own."""

from __future__ import annotations

from typing import Any, Final

DEPTH_LIMIT: Final = 128


def too_deep(raw: bytes, value: Any) -> bool:
    """True when a value, `raw` being its JSON, has arrays and objects in more than DEPTH_LIMIT levels."""
    if raw.count(b"[") + raw.count(b"{") <= DEPTH_LIMIT:
        return False
    level = [value]
    for _ in range(DEPTH_LIMIT + 1):
        level = [
            each
            for holder in level
            if isinstance(holder, dict | list)
            for each in (holder.values() if isinstance(holder, dict) else holder)
        ]
        if not level:
            return False
    return True
