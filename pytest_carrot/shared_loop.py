"""An event loop without a thread of its own: whoever waits for something on it runs it, for all who wait."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pytest_carrot.exchange import Exchange

# How often the loop goes round for an application whose client has left, before nobody waits for it any more.
_TURNS: Final = 20


class Call:
    """The answering of one exchange on an event loop; `wake` is called there when it has ended.

    It ends with the application's work, or when the client has heard nothing for `seconds`, and has left. What the
    application does after that goes on whenever the loop runs, but nobody waits for it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, None],
        exchange: Exchange,
        seconds: float | None,
        wake: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._work = work
        self._exchange = exchange
        self._seconds = seconds
        self._wake = wake
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.ended = False

    def begin(self) -> None:
        """To be called on the loop, or while it does not run."""
        self._task = self._loop.create_task(self._work)
        self._task.add_done_callback(self._end)
        self._be_patient()

    def check(self) -> None:
        """Raises what the application has raised."""
        if self._task is not None and self._task.done():
            self._task.result()

    def interrupt(self) -> None:
        """What is left of the work must not go on."""
        if self._task is None:
            self._work.close()
        elif not self._task.done():
            self._task.cancel()
        elif not self._task.cancelled():
            self._task.exception()  # or asyncio complains that nobody has looked

    def _be_patient(self) -> None:
        if self._seconds is not None:
            self._timer = self._loop.call_later(self._seconds, self._look)

    def _look(self) -> None:
        if self._exchange.heard_more():
            self._be_patient()
            return
        self._exchange.leave()
        self._go_round(_TURNS)

    def _go_round(self, turns: int) -> None:
        if turns == 0:
            self._end()
        elif not self.ended:
            self._loop.call_soon(self._go_round, turns - 1)

    def _end(self, _: object = None) -> None:
        if not self.ended:
            self.ended = True
            if self._timer is not None:
                self._timer.cancel()
            self._wake()


class _Waiter:
    """A thread that waits: until its call has ended, or until its turn has come to run the loop."""

    __slots__ = ("call", "changed", "has_turn")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, None],
        exchange: Exchange,
        seconds: float | None,
    ) -> None:
        self.changed = threading.Event()
        self.has_turn = False

        def wake() -> None:
            self.changed.set()
            loop.stop()

        self.call = Call(loop, work, exchange, seconds, wake)


class SharedLoop:
    """Threads that come while another one runs the loop wait; when that one leaves, the next of them takes over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[_Waiter] = []
        self._is_running = False
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        # Nobody has to close it: a loop that is thrown away open complains.
        self._closed = weakref.finalize(self, self._runner.close)

    def answer(self, work: Coroutine[Any, Any, None], exchange: Exchange, seconds: float | None) -> None:
        """Run until the application's work is done, or else the client's patience; raises what the work raises."""
        waiter: _Waiter | None = None
        with self._lock:
            loop = self._runner.get_loop()
            if self._is_running:
                waiter = _Waiter(loop, work, exchange, seconds)
                call = waiter.call
                self._waiting.append(waiter)
                loop.call_soon_threadsafe(call.begin)
            else:
                self._is_running = True
                call = Call(loop, work, exchange, seconds, loop.stop)
                call.begin()
        if waiter is None or self._gets_turn(loop, waiter):
            self._run(loop, call)
        call.check()

    def close(self) -> None:
        self._closed()

    def _gets_turn(self, loop: asyncio.AbstractEventLoop, waiter: _Waiter) -> bool:
        """Wait; whether it is this thread's turn then, which others may need even where its own call has ended."""
        try:
            waiter.changed.wait()
        except BaseException:
            # Ctrl-C or a time limit: what is left must not go on during the next call.
            loop.call_soon_threadsafe(waiter.call.interrupt)
            if self._leaves(waiter):
                self._pass_on()
            raise
        return self._leaves(waiter)

    def _leaves(self, waiter: _Waiter) -> bool:
        """Take a thread from those that wait, so that its turn cannot come any more; whether it has."""
        with self._lock:
            self._waiting.remove(waiter)
            return waiter.has_turn

    def _run(self, loop: asyncio.AbstractEventLoop, call: Call) -> None:
        try:
            while not call.ended:
                loop.run_forever()
        except BaseException:
            call.interrupt()
            raise
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        with self._lock:
            following = next((each for each in self._waiting if not each.call.ended), None)
            if following is None:
                self._is_running = False
            else:
                following.has_turn = True
                following.changed.set()
