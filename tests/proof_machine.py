"""The machine of the proof: clients that ask and ask again, and everything that may go wrong meanwhile."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

import proof_calls as calls
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from proof_model import MARK, Known, Model, Request
from proof_steps import KEYS, SEMANTICS, STEPS, Step
from proof_world import OpenWorld

if TYPE_CHECKING:
    from collections import Counter

    from proof_calls import Call

# A slow answer comes in as many pieces, with a wait before each.
SLICES = 20
# What a client has in mind to ask for once more.
REMEMBERED = 8


class Proof(RuleBasedStateMachine):
    """`fixed` are the semantics that all runs have, `seen` counts what has happened in all of them.

    There is one rule, for all steps: of several rules hypothesis leaves some out of each run.
    """

    fixed: ClassVar[dict[str, str]]
    seen: ClassVar[Counter[str]]

    world: OpenWorld | None = None
    is_sound = False

    @initialize(chosen=SEMANTICS, dice=st.none() | st.integers(0, 2**16))
    def begin(self, chosen: dict[str, str], dice: int | None) -> None:
        """A world with a document that both integrators write to; with dice its requests give way to others."""
        self.world = OpenWorld({**chosen, **self.fixed})
        self.model = Model(self.world, self.seen)
        self.snapshots: list[tuple[str, Known, Any, list[str]]] = []
        self._begin_anew()
        if dice is not None:
            self.world.app.state.pipeline.hook = _giving_way(Random(dice))
        self._check()

    @rule(step=STEPS)
    def step(self, step: Step) -> None:
        self.is_sound = False
        name, how = step
        getattr(self, name)(**how)
        self._check()
        self.seen["steps"] += 1
        self.is_sound = True

    def teardown(self) -> None:
        if self.world is None:
            return
        try:
            if self.is_sound:
                self._calm_down()
                self._wait(31.0)
                self.model.check()
                self.model.check_end()
        finally:
            self.world.close()

    def _begin_anew(self) -> None:
        self.headers: dict[str, dict[str, str]] = {}
        self.urls: list[str] = []
        self.gates: list[str] = []
        self.faults: list[str] = []
        created = self._send(calls.create("a", None, 0))
        self.documents: list[str] = [created.sent.json()["id"]]
        self._send(calls.share("a", "b", self.documents[0]))
        # Beyond any pending window.
        self.world.clock.advance(10)

    def _check(self) -> None:
        self.model.check()
        self._learn()
        if self.gates:
            held = max(len(each["waiting"]) for each in self.world.get("gates"))
            self.seen["steps with two or more at a gate"] += held > 1

    def _learn(self) -> None:
        """What clients make of the answers of this step: documents, URLs, and that a token has expired."""
        for request in self.model.ended:
            if request.life != self.model.life or not request.sent.is_whole:
                continue
            sent = request.sent
            if sent.status == 401:
                self.headers.pop(request.call.who, None)
            elif sent.status == 201 and request.call.kind == "create":
                self.documents += [each for each in (sent.json().get("id"),) if each not in self.documents]
            elif sent.status == 200 and request.call.kind == "upload":
                self.urls.append(sent.json()["url"])

    # Clients --------------------------------------------------------------------------------------------

    def write(self, who: str, kind: str, place: int, key: str | None, variant: int, in_turn: bool) -> None:
        document_id = self._document(place)
        if kind == "create":
            call = calls.create(who, key, variant)
        elif kind == "append":
            call = calls.append(who, document_id, key, variant)
        elif kind == "close":
            call = calls.close(who, self.documents[-1], key)
        else:
            call = calls.related(who, document_id, key, self._document(place // 4))
        self._send(call, in_turn=in_turn)

    def write_several(self, who: str, place: int, items: list[tuple[str | None, int]], in_turn: bool) -> None:
        self._send(calls.batch(who, self._document(place), items), in_turn=in_turn)

    def send_at_once(self, who: str, kind: str, place: int, key: str, times: int, in_turn: bool) -> None:
        """Some workers send the same at the same time."""
        document_id = self._document(place)
        if kind == "create":
            call = calls.create(who, key, 1)
        elif kind == "append":
            call = calls.append(who, document_id, key, 1)
        else:
            call = calls.batch(who, document_id, [(key, 1), (KEYS[place % len(KEYS)], 1)])
        for _ in range(times):
            self._send(call, settle=False, in_turn=in_turn)
        self.world.loop.settle()

    def send_a_file(self, who: str, place: int, name: str) -> None:
        """Declare it or, where that was done, put it."""
        if self.urls and not name:
            self._send(calls.put(self.urls[-1 - place % len(self.urls)]))
        else:
            self._send(calls.upload(who, self._document(place), name or "a.txt"))

    def try_again(self, place: int) -> None:
        """A client sends a request once more: most often one that was not answered well, where there is one."""
        sent = self.model.requests[-REMEMBERED:]
        if place % 2:
            sent = [each for each in sent if each.life == self.model.life]
        unhappy = [each for each in sent if each.sent.status not in (200, 201) or not each.sent.is_whole]
        chosen = unhappy[-2:] if unhappy and place % 4 else sent
        if chosen:
            self._send(chosen[-1 - place % len(chosen)].call)

    def _send(self, call: Call, *, settle: bool = True, in_turn: bool = False) -> Request:
        headers = {MARK: str(len(self.model.requests))}
        if call.kind == "put":
            headers["content-type"] = "text/plain"
        else:
            if call.who not in self.headers:
                self.headers[call.who] = self.model.bearer(call.who)
            headers |= self.headers[call.who]
        self.seen["requests that meet one with their key"] += self._meets_its_key(call)
        sent = self.world.send(
            call.method, call.target, call.body, None, headers, settle=settle, in_turn=in_turn
        )
        return self.model.sent(call, sent)

    def _meets_its_key(self, call: Call) -> bool:
        others = [each.call for each in self.model.open if each.life == self.model.life]
        keys = {*call.keys} - {None}
        return any(each.who == call.who and not keys.isdisjoint(each.keys) for each in others)

    def _document(self, place: int) -> str:
        """The first document, or one of the newest."""
        recent = [self.documents[0], *self.documents[-3:]]
        return recent[place % len(recent)]

    # What goes wrong ------------------------------------------------------------------------------------

    def set_a_fault(self, operation: str, phase: str, do: str, **more: Any) -> None:
        fault = self.world.fault(operation, phase, do, **more)
        self.faults.append(fault)
        self.model.fault_phases[fault] = phase

    def set_a_gate(self, operation: str, phase: str) -> None:
        self.gates.append(self.world.gate(operation, phase))

    def ease(self, place: int, how: str) -> None:
        """Some of what waits goes on, or leaves; or all trouble is over."""
        if how == "leave" and self.model.open:
            self._leave(self.model.open[place % len(self.model.open)])
        elif how == "hanging" and self.faults:
            self.world.set(f"faults/{self.faults[place % len(self.faults)]}/release")
        elif how in ("one", "some", "last", "all") and self.gates:
            self._release(self.gates[place % len(self.gates)], how)
        elif how == "calm":
            self._calm_down()
        self.world.loop.settle()

    def _leave(self, request: Request) -> None:
        request.left = True
        request.sent.leave()
        self.seen["clients that left"] += 1

    def _release(self, gate: str, how: str) -> None:
        waiting = self.world.waiting(gate)
        if how == "all" or not waiting:
            self.gates.remove(gate)
            assert self.world.release(gate) == waiting
        elif how == "last":
            assert self.world.release(gate, requestId=waiting[-1]) == waiting[-1:]
        else:
            count = 1 if how == "one" else 2
            assert self.world.release(gate, count=count) == waiting[:count]

    def _calm_down(self) -> None:
        self.world.set("gates", method="DELETE")
        self.world.set("faults", method="DELETE")
        self.gates, self.faults = [], []
        self.world.loop.settle()
        assert not self.world.workspace.is_disturbed
        held = [each for each in self.model.open if each.sent.status is None]
        assert held == [], "requests are held by what was taken away"

    # Time and worlds --------------------------------------------------------------------------------------

    def move_time(self, change: dict[str, Any] | float) -> None:
        """The clock is moved; or time passes, on the clock unless that stands still, and for who waits."""
        if isinstance(change, float):
            self._wait(change)
        else:
            self.world.set("clock", change, "PUT")

    def _wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        for _ in range(SLICES):
            self.world.loop.pass_time(seconds / SLICES)

    def change_the_world(self, what: str, place: int) -> None:
        if what == "restore" and self.snapshots:
            self._restore(*self.snapshots[-1 - place % len(self.snapshots)])
        elif what == "reset" and place < 4:
            self._reset()
        else:
            self._take_a_snapshot()

    def _take_a_snapshot(self) -> None:
        taken = self.world.set("snapshots")
        assert taken["position"] == len(self.model.known.records)
        self.snapshots.append((taken["id"], self.model.known.copy(), self._state(), [*self.documents]))

    def _restore(self, snapshot: str, known: Known, state: Any, documents: list[str]) -> None:
        self.seen["restores"] += 1
        self.seen["restores with requests in flight"] += bool(self.model.open)
        self.world.set(f"snapshots/{snapshot}/restore")
        self.model.begin_life(known)
        self.documents = [*documents]
        assert self._state() == state

    def _reset(self) -> None:
        self.seen["resets with requests in flight"] += bool(self.model.open)
        self.world.set("reset")
        self.world.set("semantics", self.model.semantics, "PATCH")
        self.model.begin_life()
        self.snapshots = []
        self._begin_anew()

    def _state(self) -> Any:
        """What a snapshot keeps beside the records."""
        return [self.world.get(each) for each in ("deduplication", "documents")]


def _giving_way(dice: Random) -> Any:
    """A hook that lets others go first as its dice say."""

    async def hook(_phase: str, _entry: Any) -> None:
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)

    return hook
