"""The demo: MassIDs go through the whole API over real HTTP; the first is told step by step."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from mock_server import demo_others
from mock_server.demo_client import BadAddress, Client, DemoFailed
from mock_server.demo_plain import PlainScreen
from mock_server.demo_story import Story
from mock_server.workspace import DEFAULT_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mock_server.demo_screen import Screen
    from mock_server.journey import Journey

__all__ = ["BadAddress", "DemoFailed", "run"]


def run(
    url: str | None,
    journeys: Iterable[Journey],
    count: int = 1,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tell the story to the server at `url`, or to one of its own, on stdout.

    The first of `count` journeys is told step by step, the others are submitted after it.

    With a `url` the credentials are CARROT_CLIENT_ID and CARROT_CLIENT_SECRET of the environment, or else the
    test credentials of the default world. `sleep` is how it waits when the server asks for patience.

    Raises DemoFailed when something goes otherwise than expected, and BadAddress, which is one, for a `url`
    that is none.
    """
    # Made before anything is said: what is wrong with the request for it is said alone.
    remaining = iter(journeys)
    journey = next(remaining)
    show = screen()
    test = DEFAULT_CREDENTIALS[0]
    pair = (test.client_id, test.client_secret)
    with ExitStack() as stack:
        if url is None:
            address = stack.enter_context(_own_server())
            note = f"On a server of its own, {address}: nothing leaves this machine."
        else:
            address = url
            note = f"On the server at {url}"
            pair = (
                os.environ.get("CARROT_CLIENT_ID", pair[0]),
                os.environ.get("CARROT_CLIENT_SECRET", pair[1]),
            )
        client = Client(address, sleep)
        stack.callback(client.close)
        what = "one MassID" if count == 1 else f"{count:,} MassIDs"
        show.title(f"Carrot Mock demo: {what}, from the token to the closed document", note)
        first = Story(client, show, journey).tell(*pair)
        if count > 1:
            demo_others.tell(client, show, first, remaining, count - 1)
        _close(show, own=url is None, address=client.url)


def screen() -> Screen:
    """The screen for what stdout is; rich is only loaded for a terminal."""
    if not sys.stdout.isatty():
        return PlainScreen()
    from rich.console import Console

    from mock_server.demo_rich import RichScreen

    return RichScreen(Console(highlight=False))


@contextmanager
def _own_server() -> Iterator[str]:
    from mock_server import create_app, server
    from mock_server.settings import Settings

    with server.in_thread(create_app(Settings(rate_limit="off"))) as address:
        yield address


def _close(show: Screen, *, own: bool, address: str) -> None:
    show.closing("What this showed", _LESSONS)
    start = f"Point your own client at {address}; the reference of the API is at {address}/docs."
    show.closing("What to do next", [_SERVE if own else start, *_NEXT])


_LESSONS: Final = (
    "A create or append that is sent again with its deduplicationId gets its first answer: a retry is safe.",
    "A refused call leaves nothing behind; its message says where the fault is, and what was expected.",
    "A file goes to a pre-signed URL, with the length and the type that were declared for it.",
    "After CLOSE a timeline takes nothing more; it can still be read.",
)
_SERVE: Final = (
    "Run `carrot-mock serve`: a server for your own client, with credentials, and its reference at /docs."
)
_NEXT: Final = (
    "Run `carrot-mock behaviours` for what is documented, what is assumed, and which switch changes it.",
)
