"""What it takes to have pytest run a test again: what stays up between two runs, and who need not hear of them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    from _pytest.nodes import Node


class Following:
    """To pytest, the test that comes after a run: the same again, unless that was the last.

    pytest takes down what the next test does not need, which it learns from `listchain`. Only then, when the
    run itself is over, is it known whether there is another.
    """

    def __init__(self, item: pytest.Item, nextitem: pytest.Item | None, is_last: Callable[[], bool]) -> None:
        self._item = item
        self._nextitem = nextitem
        self._is_last = is_last

    def listchain(self) -> list[Node]:
        if self._is_last():
            return [] if self._nextitem is None else self._nextitem.listchain()
        return [] if self._item.parent is None else self._item.parent.listchain()


@contextmanager
def unheard(config: pytest.Config) -> Iterator[None]:
    """In this block a test may fail, as something goes wrong on purpose: nobody looks at its traceback.

    Without one a failure takes a third of the time, and --pdb does not stop there.
    """
    plugins, style = config.pluginmanager, config.option.tbstyle
    debugger = plugins.unregister(name="pdbinvoke") if plugins.has_plugin("pdbinvoke") else None
    config.option.tbstyle = "no"
    try:
        yield
    finally:
        config.option.tbstyle = style
        if debugger is not None:
            plugins.register(debugger, "pdbinvoke")
