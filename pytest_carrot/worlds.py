"""Worlds one after the other or side by side, all on one server of this process."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from secrets import randbits
from typing import TYPE_CHECKING, Any

from pytest_carrot import history
from pytest_carrot.control import JsonControl, Socket
from pytest_carrot.handle import Carrot, new_workspace
from pytest_carrot.server import own_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from pytest_carrot.history import Entry
    from pytest_carrot.server import CarrotServer


class Worlds:
    """A server on a free port of 127.0.0.1 while its block runs, and worlds on it; safe for several threads."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._server: CarrotServer | None = None

    def __enter__(self) -> Worlds:
        self._server = self._stack.enter_context(own_server())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The address of the server."""
        if self._server is None:
            raise RuntimeError("The server runs inside of the block `with Worlds() as worlds:`.")
        return self._server.url

    @contextmanager
    def new(
        self, semantics: Mapping[str, Any] | None = None, rate_limit: str | float = "off"
    ) -> Iterator[Carrot]:
        """A world of its own, which is dropped at the end of the block."""
        # One connection for each, so that none waits for another.
        wire = Socket(self.url)
        try:
            control = JsonControl(wire, "/_mock/")
            workspace = new_workspace(
                control, seed=randbits(32), semantics=semantics or {}, rate_limit=rate_limit
            )
            world = Carrot(wire, control.within(f"workspaces/{workspace['id']}"), self.url, workspace)
            try:
                yield world
            finally:
                world.close()
        finally:
            wire.close()

    def strays(self) -> list[Entry]:
        """The requests that came with the credentials of none of the worlds, or with none at all, oldest first."""
        wire = Socket(self.url)
        try:
            # What the server cannot tell the world of, it puts here, and no world of ours is this one.
            return history.entries(JsonControl(wire, "/_mock/").within("workspaces/default"))
        finally:
            wire.close()


def told_of_strays(strays: Sequence[Entry]) -> str:
    """A sentence about requests (one at least) that a command did not make with the credentials of its world."""
    count, first = len(strays), strays[0]
    came = "One request came" if count == 1 else f"{count} requests came"
    called = f"{first['method']} {first['path'].partition('?')[0]}"
    if client := first["client"].get("clientId"):
        how = f"with the client id {client}"
    else:
        answer = " ".join(filter(None, (str(first.get("status", "nothing")), *history.error_of(first))))
        how = f"answered {answer}"
    which = "it" if count == 1 else "the first"
    return (
        f"{came} without the credentials in CARROT_CLIENT_ID and CARROT_CLIENT_SECRET, or a token got with them: "
        f"{which} was {called}, {how.rstrip('.')}."
    )
