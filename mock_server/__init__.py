"""A stand-in for the Carrot API: `create_app` gives it as an ASGI application.

PYTEST_DONT_REWRITE: the plugin loads it past pytest, which without this word would warn of that in any run that is
started within a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.version import __version__

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from mock_server.clock import Clock
    from mock_server.settings import Settings

__all__ = ["__version__", "create_app"]


def create_app(settings: Settings | None = None, *, clock: Clock | None = None) -> Starlette:
    """The whole mock as one ASGI application, with a world of its own.

    `settings` are a `mock_server.settings.Settings` (default: as `carrot-mock serve` without flags); `clock` is
    anything with `time()` in seconds since 1970, such as `mock_server.clock.ManualClock`, and everything that
    has a time asks it. On the application, `app.state.workspaces` are its worlds and `app.state.pipeline` is
    the way of a request, whose `hook` is awaited at every phase.
    """
    # Imported here so that `python -m mock_server version` does not load a web framework.
    from mock_server.app import build

    return build(settings, clock)
