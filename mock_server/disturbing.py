"""What faults and gates do to one request: the hook that is awaited at each of its phases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mock_server.errors import ApiError, Broken, ValidationFailed
from mock_server.faults import DEFAULT_CODES, FaultMistake, fault_of_header

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from mock_server.call import Call
    from mock_server.faults import Fault
    from mock_server.journal import Entry, Phase
    from mock_server.wire import Arrival

    Hook = Callable[[Phase, Entry], Awaitable[None]]

FAULT_HEADER: Final = b"x-carrot-mock-fault"
# How often to look whether a client is still there that has not sent the whole of its request.
_LOOK_SECONDS: Final = 0.05
# In how many pieces a slow answer comes.
_PIECES: Final = 20


class Struck(ApiError):
    """The answer that a fault asks for."""

    def __init__(self, fault: Fault) -> None:
        self.status = fault.status or 500
        code = fault.code or DEFAULT_CODES.get(self.status)
        if self.status == 429 and fault.code is None:
            message = "Too Many Requests"
        else:
            message = (
                f"The fault {fault.id or 'of the request header'} asked for this answer ({self.status})."
            )
        super().__init__(message, *_BEHAVIOURS.get(self.status, ()))
        self.code = code
        self.named = fault.code
        if self.status == 401:
            self.headers = ((b"www-authenticate", b'Bearer error="invalid_token"'),)


_BEHAVIOURS: Final[Mapping[int, tuple[str, ...]]] = {
    422: ("fault-only-statuses",),
    502: ("fault-only-statuses",),
}


class Disturbed:
    """The hook of one request in a workspace that has faults or gates, or that asks for a fault itself.

    `then` is awaited first at each phase. `mangled` is the fault that its answer is sent with, if any.
    """

    __slots__ = (
        "_arrival",
        "_asked",
        "_entry",
        "_journal",
        "_then",
        "_workspace",
        "body_is_here",
        "mangled",
    )

    def __init__(
        self, call: Call, then: Hook | None, asked: Fault | None = None, *, body_is_here: bool = True
    ) -> None:
        # Not the call itself, which has this: the two would keep each other alive for ever.
        self._arrival = call.arrival
        self._workspace = call.workspace
        self._journal = call.journal
        self._entry = call.entry
        self._then = then
        self._asked = asked
        self.body_is_here = body_is_here
        self.mangled: Fault | None = None

    async def __call__(self, phase: Phase, entry: Entry) -> None:
        """Hold the request, and let strike what is to strike here; raises Struck and Broken."""
        if self._then is not None:
            await self._then(phase, entry)
        workspace = self._workspace
        # What was taken away while the request was held by another does nothing to it any more.
        for gate in workspace.gates:
            if gate.fits(phase, entry) and workspace.gates.find(gate.id) is gate:
                await gate.room.hold(entry, workspace.clock.time(), gate.seconds)
        for fault in workspace.faults:
            if workspace.faults.find(fault.id) is not fault:
                continue
            if fault.fits(phase, entry, self._attempt) and fault.takes():
                if fault.is_spent:
                    workspace.faults.look_what_is_left()
                entry.fault = fault.id
                await self._strike(fault)
        asked = self._asked
        if asked is not None and asked.fits(phase, entry, self._attempt) and asked.takes():
            entry.fault = "header"
            await self._strike(asked)

    def _attempt(self) -> int:
        return self._journal.attempt_of(self._entry)

    async def _strike(self, fault: Fault) -> None:
        await STRIKES[fault.do](self, fault)

    # What each `do` does ------------------------------------------------------------------------------

    async def status(self, fault: Fault) -> None:
        raise Struck(fault)

    async def drop(self, fault: Fault) -> None:
        raise Broken("closed")

    async def reset(self, fault: Fault) -> None:
        raise Broken("reset")

    async def delay(self, fault: Fault) -> None:
        await self._hold(fault, fault.seconds)

    async def hang(self, fault: Fault) -> None:
        gone = asyncio.ensure_future(_gone(self._arrival, body_is_here=self.body_is_here))
        since = self._workspace.clock.time()
        try:
            left = await fault.room.hold_until(self._entry, since, fault.seconds, gone)
        finally:
            gone.cancel()
        if left:
            raise Broken("silent")

    async def dribbled(self, fault: Fault, body: bytes) -> AsyncIterator[tuple[bytes, bool]]:
        """A body in pieces, with a pause before each, and whether it is the last; raises Broken."""
        pieces = max(1, min(_PIECES, len(body)))
        size = -(-len(body) // pieces) or 1
        starts = range(0, max(len(body), 1), size)
        for start in starts:
            pause = (fault.seconds or 0) / len(starts)
            await self._hold(fault, pause)
            yield body[start : start + size], start == starts[-1]

    async def _hold(self, fault: Fault, seconds: float | None) -> None:
        await fault.room.hold(self._entry, self._workspace.clock.time(), seconds)

    async def mangle(self, fault: Fault) -> None:
        self.mangled = fault

    async def expire(self, fault: Fault) -> None:
        authorization = self._arrival.fields.get(b"authorization")
        if authorization is not None:
            self._workspace.expired_tokens.add(authorization)


STRIKES: Final[Mapping[str, Callable[[Disturbed, Fault], Awaitable[None]]]] = {
    "status": Disturbed.status,
    "drop": Disturbed.drop,
    "reset": Disturbed.reset,
    "hang": Disturbed.hang,
    "delay": Disturbed.delay,
    "truncate": Disturbed.mangle,
    "slow": Disturbed.mangle,
    "expire": Disturbed.expire,
}


def asked_for(call: Call, *, allowed: bool) -> Fault | None:
    """The fault that a request asks for in its header; raises ValidationFailed for one that cannot be."""
    header = call.header(FAULT_HEADER)
    if header is None:
        return None
    if not allowed:
        call.entry.advise(
            "fault-header-off",
            "The header X-Carrot-Mock-Fault was ignored: start the server with --allow-fault-header to allow it.",
        )
        return None
    try:
        fault = fault_of_header(header.decode("latin-1"), call.route.operation)
    except FaultMistake as mistake:
        raise ValidationFailed(f"The header X-Carrot-Mock-Fault cannot be followed: {mistake}") from None
    return call.workspace.faults.ask(fault)


async def _gone(arrival: Arrival, *, body_is_here: bool) -> None:
    """Returns when the client has left."""
    if not body_is_here:
        # What is left of the body must not be taken from whoever reads it next.
        exchange = arrival.exchange
        flow = getattr(exchange, "flow", None)
        while exchange is None or not exchange.disconnected:
            if flow is not None:
                # A server that has read enough for now would not notice that the client leaves.
                flow.resume_reading()
            await asyncio.sleep(_LOOK_SECONDS)
        return
    while (await arrival.receive())["type"] != "http.disconnect":
        pass
