"""One run of a swept test, which hears from the plugin what happens in it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_carrot.control import ControlError
from pytest_carrot.errors import UserMistake

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_carrot.flows import Ended
    from pytest_carrot.handle import Carrot

_KEPT_CHARACTERS: Final = 4000
_STDLIB: Final = Path(os.__file__).parent


@dataclass(eq=False)
class SweptRun:
    """In the stash of its test while it lasts; see `sweep_mark`.

    A `quiet` one is not reported. `on_begin` gets the world before anything happens there. One that `keeps` its
    worlds has them until it is closed.
    """

    quiet: bool = False
    keeps: bool = False
    mistake: str | None = None
    on_begin: Callable[[Carrot], object] | None = None
    passed: bool = False
    """Whether the test itself passed."""
    error: ControlError | None = None
    """Why `on_begin` could not."""
    _worlds: list[Carrot] = field(default_factory=list)
    _troubles: list[str] = field(default_factory=list)

    @property
    def world(self) -> Carrot | None:
        """The first that was there, which counts."""
        return self._worlds[0] if self._worlds else None

    def begin(self, world: Carrot) -> None:
        """A world is there; raises UserMistake where there can be no sweep, and what `on_begin` raises."""
        self._worlds.append(world)
        if self.mistake is not None:
            raise UserMistake(self.mistake)
        if self.on_begin is not None and world is self.world:
            try:
                self.on_begin(world)
            except ControlError as error:
                self.error = error
                raise

    def saw(self, item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
        """Set-up, test or tear-down is over."""
        if call.excinfo is not None:
            self._troubles += [*_places(item, call.excinfo), call.excinfo.exconly(tryshort=True)]
        elif report.when == "call":
            # One that should fail and passes has failed in the report, and can be swept nevertheless.
            self.passed = not report.failed or report.longreprtext.startswith("[XPASS")

    def ended(self, world: Carrot) -> Ended:
        """How it ended, without the secrets of a world."""
        from pytest_carrot.flows import Ended, without_secrets

        told = without_secrets("\n".join(self._troubles), world)[-_KEPT_CHARACTERS:]
        return Ended(self.passed and not self._troubles, output=told)

    def close(self) -> None:
        """Drop its worlds; a server that is gone has none."""
        while self._worlds:
            with suppress(ControlError):
                self._worlds.pop().close()


def _places(item: pytest.Item, error: pytest.ExceptionInfo[BaseException]) -> Iterator[str]:
    """The lines of the test and of the client that an exception came through, not those of libraries."""
    for entry in error.traceback:
        path = Path(entry.path)
        if not path.is_relative_to(_STDLIB) and "site-packages" not in path.parts:
            statement = " ".join(str(entry.statement).split())
            yield f"{os.path.relpath(path, item.config.rootpath)}:{entry.lineno + 1}: {statement}"


SWEEP: Final = pytest.StashKey[SweptRun | None]()
"""The present run of a swept test."""
