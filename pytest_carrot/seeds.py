"""Seeds that depend on nothing but the run's seed and the name of a test."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pytest_carrot.options import OPTIONS, SEED_LIMIT

if TYPE_CHECKING:
    import pytest


def seed_for(node: pytest.Item, *purpose: str) -> int:
    """The same number in every run, process and order; another one for another test, purpose or run's seed."""
    parts = (str(node.config.stash[OPTIONS].seed), _name(node), *purpose)
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % SEED_LIMIT


def _name(node: pytest.Item) -> str:
    """The node id, without the group that xdist's `--dist loadgroup` adds to it."""
    group = node.get_closest_marker("xdist_group")
    if group is None:
        return node.nodeid
    name = group.args[0] if group.args else group.kwargs.get("name", "default")
    return node.nodeid.removesuffix(f"@{name}")
