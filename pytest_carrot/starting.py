"""Loads Carrot Mock into a test run without what pytest and the garbage collector would add to that."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def unhindered() -> Iterator[None]:
    """In this block modules are imported by Python alone, and nothing looks for garbage.

    pytest rewrites all packages of a distribution that brings a plugin, and compiles them for that, in every run
    where it may not write (PYTHONDONTWRITEBYTECODE): ours have no assertions. The heap of a test run is large,
    and what is loaded here is there to stay.
    """
    collecting = gc.isenabled()
    gc.disable()
    sys.meta_path.insert(0, PathFinder)
    try:
        yield
    finally:
        sys.meta_path.remove(PathFinder)  # the first one: Python's own stays in its place
        if collecting:
            gc.enable()
