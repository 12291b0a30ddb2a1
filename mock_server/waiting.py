"""Requests that are held in the middle of their life, until they are let go, time is over or the server stops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec import Struct

from mock_server.errors import Broken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mock_server.journal import Entry


class Waiting(Struct, eq=False):
    """One request that is held; `since` is seconds since 1970 on the clock of its workspace."""

    entry: Entry
    since: float
    future: asyncio.Future[bool]


class WaitingRoom:
    """The requests that are held for one reason, in the order in which they came."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting)

    async def hold(self, entry: Entry, since: float, seconds: float | None) -> None:
        """Return when the request is let go, or after `seconds` of real time; raises Broken when it is dropped."""
        await self.hold_until(entry, since, seconds, None)

    async def hold_until(
        self, entry: Entry, since: float, seconds: float | None, other: asyncio.Future[None] | None
    ) -> bool:
        """As `hold`, or until another thing happens: whether that is how it ended."""
        loop = asyncio.get_running_loop()
        waiting = Waiting(entry, since, loop.create_future())
        self._waiting.append(waiting)
        timer = None if seconds is None else loop.call_later(seconds, _let_go, waiting.future)
        if other is not None:
            other.add_done_callback(lambda _: _let_go(waiting.future))
        try:
            dropped = await waiting.future
        finally:
            if timer is not None:
                timer.cancel()
            if waiting in self._waiting:
                self._waiting.remove(waiting)
        if dropped:
            raise Broken("closed")
        return other is not None and other.done()

    def release(self, count: int | None = None, request_id: str | None = None) -> list[str]:
        """Let go all, so many of those who came first, or one: the ids of their requests."""
        chosen = [each for each in self._waiting if request_id is None or each.entry.id == request_id]
        chosen = chosen[:count]
        for waiting in chosen:
            self._waiting.remove(waiting)
            _end(waiting.future, dropped=False)
        return [each.entry.id for each in chosen]

    def drop(self) -> None:
        """End all that are held, without an answer."""
        for waiting in self._waiting:
            _end(waiting.future, dropped=True)
        self._waiting = []


def _end(future: asyncio.Future[bool], *, dropped: bool) -> None:
    # In process, who lets go may run on another loop than the one that waits.
    future.get_loop().call_soon_threadsafe(_let_go, future, dropped)


def _let_go(future: asyncio.Future[bool], dropped: bool = False) -> None:
    if not future.done():
        future.set_result(dropped)
