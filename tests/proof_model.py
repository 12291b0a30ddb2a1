"""What must hold of a world after every step, whatever was asked of it, in whatever order."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from proof_calls import Call
from proof_world import OpenWorld, Sent

from mock_server import clock
from mock_server.workspace import PARTICIPANTS

MARK = "x-proof"
# After these a fault only makes up what the client sees.
LATE = ("committed", "responding")
SEEN = {"closed": "closed", "reset": "reset", "truncated": "truncated"}
Record = dict[str, Any]


@dataclass(eq=False)
class Request:
    """A call that was sent, in which life of the world, and its entry in the journal."""

    number: int
    call: Call
    life: int
    journal: int
    sent: Sent
    began: int
    ended: int | None = None
    left: bool = False
    entry: dict[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return not self.sent.done


@dataclass
class Known:
    """What is known of a life of the world: what a snapshot keeps, and a restore brings back."""

    raw: bytes = b"[]"
    records: list[Record] = field(default_factory=list)
    # The answer that a call with keys was given, or the error that its key stands for.
    answers: dict[Call, bytes] = field(default_factory=dict)
    errors: dict[Call, bytes] = field(default_factory=dict)
    # By scope and key: the record that the key stands for.
    effects: dict[tuple[str, ...], Record] = field(default_factory=dict)

    def copy(self) -> Known:
        return Known(self.raw, [*self.records], {**self.answers}, {**self.errors}, {**self.effects})


class Model:
    """The world beside what is known of it; `check` compares them, and learns what is new."""

    def __init__(self, world: OpenWorld, seen: Counter[str]) -> None:
        self.world = world
        self.seen = seen
        self.semantics: dict[str, str] = world.get("semantics")
        # Each restore and each reset begins a life; of the journal only a reset does.
        self.life = self.journal = 0
        self._tokens = 0
        # Counts the steps.
        self._now = 0
        self.known = Known()
        self.requests: list[Request] = []
        self.fault_phases: dict[str, str] = {}
        # Those that ended in the last step, and those that have not ended or were not looked at yet.
        self.ended: list[Request] = []
        self._unjudged: list[Request] = []

    @property
    def open(self) -> list[Request]:
        return [each for each in self._unjudged if each.is_open]

    @property
    def forever(self) -> bool:
        return self.semantics["dedup-lifetime"] == "forever"

    def sent(self, call: Call, sent: Sent) -> Request:
        request = Request(len(self.requests), call, self.life, self.journal, sent, self._now)
        self.requests.append(request)
        self._unjudged.append(request)
        return request

    def begin_life(self, known: Known | None = None) -> None:
        """The world was reset, or restored to what it was when `known` was kept."""
        self.life += 1
        if known is None:
            self.journal += 1
            self.fault_phases = {}
        self.known = known.copy() if known is not None else Known()
        assert self._raw() == self.known.raw, "the ledger is not what it was"

    # Checking -------------------------------------------------------------------------------------------

    def check(self) -> None:
        new = self._grow()
        self._read_journal()
        self._check_commits(new)
        self.ended = [each for each in self._unjudged if not each.is_open]
        self._unjudged = [each for each in self._unjudged if each not in self.ended]
        for request in self.ended:
            request.ended = self._now
        for request in self.ended:
            self._judge(request)
        self._now += 1
        self._check_documents(new)

    def _raw(self) -> bytes:
        return self.world.control("GET", "events").body

    def _grow(self) -> list[Record]:
        """The records that are new; those that were there stay, and each key has one effect."""
        raw, before = self._raw(), self.known.raw
        if raw == before:
            return []
        assert raw.startswith(before[:-1]), "a record that was there has changed or gone"
        records: list[Record] = json.loads(raw)
        new = records[len(self.known.records) :]
        assert [each["position"] for each in records] == list(range(1, len(records) + 1))
        for record in new:
            self._take_effect(record)
        self.known.raw, self.known.records = raw, records
        return new

    def _take_effect(self, record: Record) -> None:
        key = record["event"].get("deduplicationId")
        if key is None:
            return
        scope = self._scope(record, key)
        before = self.known.effects.get(scope)
        if before is not None:
            assert not self.forever, f"the key {key} had two effects: {before} and {record}"
            between = clock.parse(record["recordedAt"]) - clock.parse(before["recordedAt"])
            assert between >= float(self.semantics["dedup-lifetime"]), f"the key {key} had an effect too soon"
            self.seen["a key used again after its life"] += 1
        self.known.effects[scope] = record

    def _scope(self, record: Record, key: str) -> tuple[str, ...]:
        author = record["event"]["author"]["participantId"]
        if self.semantics["dedup-scope"] == "integrator":
            return (author, key)
        operation = "create" if record["kind"] == "document.created" else f"append/{record['documentId']}"
        return (author, key, operation)

    def _read_journal(self) -> None:
        """Take the entries of requests that are not judged yet."""
        unjudged = [each for each in self._unjudged if each.journal == self.journal]
        if not unjudged:
            return
        numbers = [int(each.entry["id"][1:]) for each in unjudged if each.entry]
        since = min(numbers) - 1 if len(numbers) == len(unjudged) else self._before_unknown(numbers)
        waited_for = {str(each.number): each for each in unjudged}
        for entry in self.world.get(f"requests?since=r{max(since, 0)}"):
            mark = entry["request"]["headers"].get(MARK)
            if mark in waited_for:
                waited_for[mark].entry = entry

    def _before_unknown(self, numbers: list[int]) -> int:
        known = [
            int(each.entry["id"][1:]) for each in self.requests if each.entry and each.journal == self.journal
        ]
        return min([*numbers, max(known, default=0) + 1]) - 1

    def _check_commits(self, new: list[Record]) -> None:
        """What is new belongs to one request each, which the journal says has committed just that."""
        ids = list(dict.fromkeys(each["requestId"] for each in new))
        entries = {each.entry["id"]: each for each in self._unjudged if each.entry and each.life == self.life}
        earlier = {each["requestId"] for each in self.known.records[: len(self.known.records) - len(new)]}
        assert earlier.isdisjoint(ids), "a request has committed twice"
        for request_id in ids:
            own = [each for each in new if each["requestId"] == request_id]
            assert own[-1]["position"] - own[0]["position"] + 1 == len(own), (
                "another came in between a commit"
            )
            assert request_id in entries, f"{request_id} has committed, and was not sent to this world"
            entry = entries[request_id].entry
            assert entry["committed"] is True, f"the journal does not know that {request_id} has committed"
            events = [each["event"]["id"] for each in own if each["kind"] == "event.appended"]
            assert entry["events"] == events

    # One request that has ended ---------------------------------------------------------------------------

    def _judge(self, request: Request) -> None:
        request.sent.task.result()
        sent, entry = request.sent, request.entry
        if request.journal != self.journal:
            self.seen["requests that ended in a world that was reset"] += 1
            return
        assert entry, f"{request} has no entry in the journal"
        if sent.broken is not None:
            assert entry["seen"] == SEEN[sent.broken]
            self.seen[f"connections {sent.broken}"] += 1
        elif sent.is_whole:
            assert (entry["seen"], entry["status"]) == ("answer", sent.status)
        else:
            assert request.left, f"{request} has no answer"
        if request.life != self.life:
            self.seen["requests that ended in a world that was left"] += 1
            # What was sent before that is sent.
            is_refused = (sent.status or 0) >= 400 or "fault" in entry
            assert not sent.is_whole or is_refused, (
                f"{request} was answered {sent.status} for what is not there"
            )
            return
        own = [each for each in self.known.records if each["requestId"] == entry["id"]]
        if not entry["committed"]:
            assert own == [], f"{request} has left something, and the journal says that it has not committed"
        elif request.call.kind != "put":
            # The bytes of a file are stored also where the document is no longer there.
            assert own, f"{request} has committed nothing, and the journal says that it has"
        if self.fault_phases.get(entry.get("fault")) == "committed" and request.call.kind != "put":
            assert entry["committed"], f"{request} met a fault after its commit, and has not committed"
        self._count(request)
        if sent.is_whole and sent.status is not None:
            if sent.status < 300:
                self._check_answer(request, own)
            else:
                self._check_refusal(request, own)

    def _check_answer(self, request: Request, own: list[Record]) -> None:
        call, body = request.call, request.sent.body
        if call.kind in ("upload", "put"):
            kind = "attachment.declared" if call.kind == "upload" else "attachment.stored"
            assert [each["kind"] for each in own] == ([kind] if request.entry["committed"] else [])
            return
        answer = json.loads(body)
        failed = {each["index"] for each in answer.get("errors", ())}
        keys = [key for index, key in enumerate(call.keys) if index not in failed]
        assert not failed or self.semantics["batch-atomicity"] == "each"
        records = [self._named(*each) for each in _names(answer)]
        assert len(records) == len(keys), f"{request} was not answered whole: {answer}"
        found = {each.get("index", 0): each["verdict"] for each in request.entry["deduplication"]}
        verdicts = [found.get(index) for index in range(len(call.keys)) if index not in failed]
        for key, verdict, record in zip(keys, verdicts, records, strict=True):
            assert record["event"].get("deduplicationId") == key
            assert record["event"]["author"]["participantId"] == PARTICIPANTS[call.who]["id"]
            is_own = record["requestId"] == request.entry["id"]
            was_done = verdict in ("replay", "changed-body")
            assert is_own is not was_done, f"{request} did not do what it was answered"
            assert verdict != "changed-body" or self.semantics["dedup-changed-body"] == "replay"
        if call.is_keyed and self.forever and not failed:
            assert self.known.answers.setdefault(call, body) == body, f"the answers to {call} disagree"

    def _named(self, kind: str, wanted: str) -> Record:
        """The record that an answer names, which has to be there."""
        for record in self.known.records:
            if record["kind"] == kind and wanted in (record["documentId"], record["event"]["id"]):
                return record
        raise AssertionError(f"{wanted} was answered, and is not there")

    def _check_refusal(self, request: Request, own: list[Record]) -> None:
        entry = request.entry
        if self.fault_phases.get(entry.get("fault")) in LATE:
            return
        assert own == [], f"{request} was refused ({request.sent.status}), and has left {own}"
        assert not entry["committed"]
        verdicts = [each["verdict"] for each in entry["deduplication"]]
        if "in-flight" in verdicts:
            assert self._met_its_key(request), f"{request} was told of another one, of which there is none"
        remembers = self.forever and self.semantics["dedup-errors"] == "remember"
        if not remembers or request.call.kind not in ("create", "append", "close", "related"):
            return
        code = "" if "fault" in entry else request.sent.code
        if verdicts in (["fresh"], ["expired"]) and code in (
            "restrictedResource",
            "objectNotFound",
            "conflictError",
        ):
            known = self.known.errors.setdefault(request.call, request.sent.body)
            assert known == request.sent.body, f"the answers to {request.call} disagree"
        if verdicts == ["replay"] and code:
            known = self.known.errors.get(request.call, request.sent.body)
            assert known == request.sent.body, f"the answers to {request.call} disagree"

    def _met_its_key(self, request: Request) -> bool:
        """Whether another one with a key of it was under way, in the same life of the world, at the same time."""
        keys = {*request.call.keys} - {None}
        return any(
            other is not request
            and (other.life, other.call.who) == (request.life, request.call.who)
            and not keys.isdisjoint(other.call.keys)
            and other.began <= self._now
            and (other.ended is None or other.ended >= request.began)
            for other in self.requests
        )

    def _count(self, request: Request) -> None:
        entry = request.entry
        for each in entry["deduplication"]:
            self.seen[f"verdict {each['verdict']}"] += 1
        if "fault" in entry:
            self.seen[f"faults at {self.fault_phases.get(entry['fault'], '?')}"] += 1
        if "replayOf" not in entry:
            return
        for other in self.requests:
            if other.life == request.life and other.entry.get("id") == entry["replayOf"]:
                was_late = self.fault_phases.get(other.entry.get("fault")) in LATE
                if was_late and not (other.sent.is_whole and other.sent.status == 201):
                    self.seen["answers that were lost, and given again"] += 1

    # Documents ------------------------------------------------------------------------------------------

    def _check_documents(self, new: list[Record]) -> None:
        """A document is the fold of its events, and what its creator reads."""
        for document_id in dict.fromkeys(each["documentId"] for each in new):
            self.check_document(document_id)

    def check_document(self, document_id: str) -> None:
        shown = self.world.control("GET", f"documents/{document_id}")
        position = len(self.known.records)
        folded = self.world.control("GET", f"documents/{document_id}?at={position}")
        assert shown.status == 200
        assert shown.body == folded.body, f"document {document_id} is not the fold of its events"
        events = [
            each["event"]
            for each in self.known.records
            if each["documentId"] == document_id and each["kind"] == "event.appended"
        ]
        assert shown.json()["externalEvents"] == events
        if not self.world.workspace.is_disturbed:
            owner = shown.json()["author"]["participantId"]
            who = next(name for name, each in PARTICIPANTS.items() if each["id"] == owner)
            read = self.world.ask("GET", f"/documents/{document_id}", None, None, headers=self.bearer(who))
            assert (read.status, read.body) == (200, shown.body)
            self.seen["documents read by their creators"] += 1

    def bearer(self, who: str) -> dict[str, str]:
        """The header of a client that has a new token."""
        tokens, now = self.world.app.state.tokens, self.world.workspace.clock.time()
        client = {"a": "carrot-test-client", "b": "carrot-partner-client"}[who]
        self._tokens += 1
        token = tokens.issue("opaque", client_id=client, issuer="", token_id=str(self._tokens), now=now)
        return {"authorization": f"Bearer {token}"}

    # The end ----------------------------------------------------------------------------------------------

    def check_end(self) -> None:
        """Once nothing disturbs any more, all has ended, and what was answered is answered again."""
        assert self.open == [], "requests are held by nothing"
        assert self.world.workspace.in_flight == {}
        for document_id in dict.fromkeys(each["documentId"] for each in self.known.records):
            self.check_document(document_id)
        for call, body in [*self.known.answers.items()][-10:]:
            again = self.world.ask(call.method, call.target, call.body, None, headers=self.bearer(call.who))
            assert again.body == body, f"{call} is not answered again as it was"
        assert self._raw() == self.known.raw


def _names(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """What an answer says was written: the kind of the record and its id."""
    if "id" in answer:
        return [("document.created", answer["id"])]
    if "eventId" in answer:
        return [("event.appended", answer["eventId"])]
    return [("event.appended", each["eventId"]) for each in answer["events"]]
