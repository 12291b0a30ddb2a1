"""The lints: for each a journal that has the mistake, and the nearest one that has not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import carrot_fixtures
import httpx
import pytest

from pytest_carrot.diagnosis.lints import LINTS, examine
from pytest_carrot.diagnosis.watching import QUIET_SECONDS, Doctor, Watch
from pytest_carrot.history import PENDING

DOCUMENT = "17c13afa-c535-4b50-aa55-4b3d9b4f3a85"
OTHER = "2b0e7f4e-3c1f-4d8e-9a6b-5f4c3d2e1a0b"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLIENT = {"clientId": "c", "integrator": "a", "environment": "TEST"}
PARTNER = {"clientId": "p", "integrator": "b", "environment": "TEST"}

Entries = list[dict[str, Any]]


def moment(seconds: float) -> str:
    return (NOON + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Requests:
    """Builds a journal: each call adds a request, `apart` seconds after the one before."""

    def __init__(self, apart: float = 1.0) -> None:
        self.entries: Entries = []
        self._apart = apart
        self._at = -apart

    def wait(self, seconds: float) -> Requests:
        self._at += seconds
        return self

    def token(self, status: int = 200, **changes: Any) -> Requests:
        answer = {"access_token": "[redacted]", "expires_in": 3600}
        return self._add("token", "/oauth2/token", None, status, answer, **changes)

    def create(self, key: str | None = "d", status: int = 201, **changes: Any) -> Requests:
        body = {"category": "MassID", **keyed(key)}
        return self._add("documents.create", "/documents", body, status, **changes)

    def append(
        self, key: str | None = "k", status: int = 201, name: str = "PICK_UP", **changes: Any
    ) -> Requests:
        changes.setdefault("documentId", DOCUMENT)
        path = f"/documents/{changes['documentId']}/events"
        return self._add("events.append", path, {"name": name, **keyed(key)}, status, **changes)

    def batch(self, *keys: str | None, status: int = 201, same: bool = True, **changes: Any) -> Requests:
        items = [{"name": "A" if same else f"A{place}", **keyed(key)} for place, key in enumerate(keys)]
        body = {"documentId": DOCUMENT, "events": items}
        return self._add("events.batch", "/documents/events", body, status, **changes)

    def read(self, document_id: str = DOCUMENT, status: int = 200, **changes: Any) -> Requests:
        path = f"/documents/{document_id}"
        return self._add("documents.read", path, None, status, documentId=document_id, **changes)

    def put(self, path: str, status: int) -> Requests:
        return self._add("storage.put", path, None, status, client={})

    def _add(
        self, operation: str, path: str, body: Any, status: int, answer: Any = None, **changes: Any
    ) -> Requests:
        self._at += self._apart
        code = changes.pop(
            "code", {400: "validationError", 404: "objectNotFound", 409: "conflictError"}.get(status)
        )
        said = changes.pop("said", "No.")
        if code is not None:
            answer = {"statusCode": status, "errors": [{"code": code, "message": said}]}
        writes = operation in ("documents.create", "events.append", "events.batch")
        self.entries.append(
            {
                "id": f"r{len(self.entries) + 1}",
                "at": moment(self._at),
                "operation": operation,
                "method": "GET" if operation == "documents.read" else "POST",
                "path": path,
                "client": CLIENT,
                "phase": "responding",
                "status": status,
                "seen": "answer",
                "committed": writes and 200 <= status < 300,
                "deduplication": [],
                "attempt": 1,
                "events": [],
                "behaviours": [],
                "advisories": [],
                "request": {"headers": {}, "body": body},
                "response": {"headers": {}, "body": answer},
                **changes,
            }
        )
        return self


def keyed(key: str | None) -> dict[str, str]:
    return {} if key is None else {"deduplicationId": key}


EXPIRED: dict[str, Any] = {"status": 401, "behaviours": ["token-lifetime"]}
CHANGED: dict[str, Any] = {"status": 409, "deduplication": [{"key": "k", "verdict": "changed-body"}]}
LATE: dict[str, Any] = {
    "status": 400,
    "said": "/externalCreatedAt must not be earlier than 2026-03-01T12:00:00.000Z",
    "behaviours": ["ordering", "chronological"],
}
EARLY: dict[str, Any] = {
    "status": 400,
    "said": "/externalCreatedAt must not be more than 5 minutes ahead of the server's clock",
    "behaviours": ["future-timestamps"],
}


def several(count: int, requests: Requests, call: str, **changes: Any) -> Requests:
    for place in range(count):
        again = {"key": f"k{place}"} if call == "append" and "key" not in changes else {}
        getattr(requests, call)(**{**again, **changes})
    return requests


def per_request(calls: int, tokens: int = 3, **changes: Any) -> Requests:
    """A token before each so many calls."""
    found = Requests()
    for place in range(tokens):
        found.token(**changes)
        for number in range(calls):
            found.append(f"{place}-{number}")
    return found


def expiring(gap: float, times: int = 2) -> Requests:
    """A client that runs into the end of its tokens, a call so many seconds before each."""
    found = Requests().token()
    for place in range(times):
        found.wait(3600 - gap).append(f"a{place}").wait(gap).append(f"b{place}", **EXPIRED)
        found.token().append(f"b{place}")
    return found


def in_parallel(status: int) -> Requests:
    """Four workers in one moment, each with something of its own."""
    return several(4, Requests(apart=0.01).token(), "append", status=status)


MISTAKES: Mapping[str, tuple[str, Requests]] = {
    "a document without a key": ("missing-key r1", Requests().create(None)),
    "an event without a key": ("missing-key r2", Requests().create().append(None)),
    "an item without a key": ("missing-key r1", Requests().batch("a", None)),
    "no key, and no answer": ("missing-key r1", Requests().append(None, 500)),
    "no key, recorded and lost": ("missing-key r1", Requests().append(None, 503, committed=True)),
    "another body under a key": ("key-reused r2", Requests().append().append(name="DROP_OFF", **CHANGED)),
    "one key for two items": ("key-reused r1", Requests().batch("k", "k", same=False, status=409)),
    "a token for each call": ("token-per-request r3", per_request(1)),
    "a token for two calls": ("token-per-request r4", per_request(2)),
    "a dead token sent twice": (
        "expiry-hard-coded r2",
        Requests().token().append(**EXPIRED).append(**EXPIRED).token().append(),
    ),
    "a dead token sent on": (
        "expiry-hard-coded r2",
        Requests().token().append("a", **EXPIRED).append("b", **EXPIRED).append("c", **EXPIRED).token(),
    ),
    "a dead token, and the end": ("expiry-hard-coded r2", Requests().token().append(**EXPIRED)),
    "tokens that end amid work": ("expiry-hard-coded r3", expiring(30)),
    "a refusal sent again": ("retried-abort r2", Requests().append(status=400).append(status=400)),
    "a conflict sent again": (
        "retried-abort r3",
        Requests().append(status=409).create("o", 400).append(status=409),
    ),
    "a refusal by a fault, sent again": (
        "retried-abort r2",
        Requests().append(status=404, fault="f1").append(),
    ),
    "a read refused by a fault, sent again": (
        "retried-abort r2",
        Requests().read(status=403, fault="f1").read(),
    ),
    "tries without a pause": (
        "bursts r2",
        several(3, Requests(apart=0.1), "append", key="k", status=429),
    ),
    "going on without a pause": ("bursts r3", in_parallel(429)),
    "an event that came too late": ("times-out-of-order r1", Requests().append(**LATE)),
    "an event of tomorrow": ("future-timestamp r1", Requests().append(**EARLY)),
    "reading all the time": ("polling r1", several(10, Requests(), "read")),
    "reading with a new token each time": (
        "polling r1",
        several(9, Requests().read().token(), "read"),
    ),
}

RIGHT: Mapping[str, Requests] = {
    "nothing at all": Requests(),
    "keys everywhere": Requests().create().append().batch("a", "b"),
    "no key, and refused": Requests().append(None, 400),
    "no key, and still under way": Requests().append(None, 0, seen="silent"),
    "the same under its key": Requests().append(status=503).append().append(),
    "one key for equal items": Requests().batch("k", "k"),
    "a token for three calls": per_request(3),
    "two tokens": per_request(1, tokens=2),
    "tokens that were refused": several(3, Requests().token(), "token", status=400).append(),
    "tokens that never arrived": several(3, Requests(), "token", seen="reset").append(),
    "tokens of workers that begin at once": several(4, several(4, Requests(), "token"), "append"),
    "tokens after a 401": Requests()
    .token()
    .append(status=401)
    .token()
    .append()
    .append("l", 401)
    .token()
    .append("l"),
    "tokens late in the life of the last": Requests()
    .token()
    .append("a")
    .wait(3000)
    .token()
    .append("b")
    .wait(3000)
    .token()
    .append("c"),
    "an expired token, then a new one": Requests().token().append(**EXPIRED).token().append(),
    "an expired token of several at once": in_parallel(401).token().append("k1"),
    "a clock that was moved, twice": expiring(3500),
    "a token that expired amid work, once": expiring(30, times=1),
    "a token that another worker has renewed": Requests().token().append(**EXPIRED).append(),
    "a refusal, and then it was mended": Requests().append(status=400).append(name="DROP_OFF"),
    "a refusal, until something else came": Requests().append(status=404).create().append(status=404),
    "a refusal that was over": Requests().append(status=404).append(),
    "a refusal in another run": Requests().append(status=400).token().append(status=400),
    "a conflict when all is sent again": Requests()
    .append(status=409)
    .append("x", committed=False)
    .append(status=409),
    "a refusal that did not arrive": Requests().append(status=400, seen="reset").append(status=400),
    "a pending process": Requests().append(status=409, code=PENDING).append(status=409, code=PENDING),
    "asking until one is let in": Requests().read(status=404).read(status=404),
    "two clients that are refused the same": Requests().append(status=400).append(status=400, client=PARTNER),
    "tries with pauses": several(4, Requests(apart=1), "append", key="k", status=429).append(),
    "one try too early": several(2, Requests(apart=0.1), "append", key="k", status=429).wait(2).append(),
    "a clock that stands still": several(4, Requests(apart=0), "append", key="k", status=429),
    "workers that were limited at once, and waited": in_parallel(429).wait(1).append("k0").append("k1"),
    "a mistake beside a time in order": Requests().append(status=400, behaviours=["ordering"]),
    "reading nine times": several(9, Requests(), "read"),
    "reading between writes": several(6, several(6, Requests(), "read").append(), "read"),
    "reading two documents": several(6, several(6, Requests(), "read"), "read", document_id=OTHER),
    "reading every minute": several(12, Requests(apart=60), "read"),
    "reads that were to be repeated": several(9, several(3, Requests(), "read", status=503), "read"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found_once(name: str) -> None:
    expected, requests = MISTAKES[name]
    found: Any = examine(requests.entries, [])  # type: ignore[arg-type]  # made of parts
    assert [f"{each.code} {each.request_id}" for each in found] == [expected]
    ids = {each["id"] for each in requests.entries}
    assert set(found[0].requests) <= ids
    assert set(re.findall(r"\br\d+\b", found[0].seen)) & ids
    assert found[0].message.endswith(".")
    assert ". " in found[0].message


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_left_alone(name: str) -> None:
    assert examine(RIGHT[name].entries, []) == []  # type: ignore[arg-type]  # made of parts


# What the ledger tells ----------------------------------------------------------------------------------


def record(request: str, kind: str = "event.appended", **event: Any) -> dict[str, Any]:
    return {
        "position": int(request[1:]),
        "recordedAt": moment(0),
        "documentId": event.pop("document", DOCUMENT),
        "kind": kind,
        "origin": event.pop("origin", "integrator"),
        "requestId": request,
        "event": {"id": f"e-{request}", "participant": {"id": "who"}, **event},
    }


def named(*names: str, **more: Any) -> list[dict[str, Any]]:
    return [record(f"r{place}", name=name, **more) for place, name in enumerate(names, 1)]


DECLARED = record("r1", "attachment.declared", id="file", fileName="a.pdf")
STORED = record("r2", "attachment.stored", id="file", fileName="a.pdf")
NAMED = record("r3", name="WEIGHING", attachments=[{"attachmentId": "file", "label": "Weighing Ticket"}])
LABELLED = record("r1", name="ACTOR", label="Hauler")
GRANT = {"name": "ACTOR", "permissions": {"who": [{"effect": "ALLOW", "actions": ["READ"]}]}}

LEDGERS: Mapping[str, tuple[list[str], list[dict[str, Any]]]] = {
    "a file that was only declared": (["file-never-uploaded r1"], [DECLARED]),
    "a file that is only named": (["file-never-uploaded r1"], [DECLARED, NAMED]),
    "a file that nothing names": (["upload-never-referenced r2"], [DECLARED, STORED]),
    "a file as it should be": ([], [DECLARED, STORED, NAMED]),
    "a file that was named before it came": ([], [DECLARED, NAMED, STORED]),
    "names near known ones": (
        [f"unusual-name r{place}" for place in range(1, 7)],
        named("pick_up", "Pickup", "PICK-UP", "close", "Actor", "Transport_manifest", label="Hauler"),
    ),
    "names as documented": ([], named("PICK_UP", "RECYCLING_MANIFEST", "CLOSE")),
    "names as in the sample": ([], named("Pick-up", "Recycling Manifest", "CLOSE")),
    "names of one's own": ([], named("Rain", "Picked up late", "Closing", "Recycling")),
    "two spellings": (["mixed-names r3"], named("PICK_UP", "CLOSE", "Weighing", "DROP_OFF", "Sorting")),
    "two spellings on two documents": ([], [*named("PICK_UP"), *named("Pick-up", document=OTHER)]),
    "a role without a label": (["actor-without-label r1"], [record("r1", name="ACTOR")]),
    "a right without a role": (["actor-without-label r1"], [record("r1", **GRANT)]),
    "a right for one who has a role": ([], [LABELLED, record("r2", **GRANT)]),
    "a right taken back": ([], [record("r1", name="ACTOR", permissions={})]),
    "the platform's own and a mirror": (
        [],
        [record("r1", name="ACTOR", origin="platform"), record("r2", name="link", origin="mirror")],
    ),
}


@pytest.mark.parametrize("name", LEDGERS)
def test_the_ledger_tells_of_files_and_names(name: str) -> None:
    expected, records = LEDGERS[name]
    found = examine([], records)  # type: ignore[arg-type]  # made of parts
    assert [f"{each.code} {each.request_id}" for each in found] == expected


def test_a_refused_upload_is_told_with_the_missing_file() -> None:
    entries = Requests().put("/_storage/bucket/document/file?X-Amz-Expires=900", 403).entries
    [found] = examine(entries, [DECLARED, NAMED])  # type: ignore[list-item, arg-type]  # made of parts
    assert found.seen == (
        "r3 (the event WEIGHING) names the file a.pdf, whose bytes never came (r1 tried, and was answered 403)."
    )


# The table ----------------------------------------------------------------------------------------------


def test_every_lint_has_a_journal_above_and_a_line_in_the_docs() -> None:
    codes = {each.code for each in LINTS}
    shown = {code for code, _ in MISTAKES.values()} | {
        code for codes, _ in LEDGERS.values() for code in codes
    }
    assert {code.partition(" ")[0] for code in shown} == codes
    page = (Path(__file__).parent.parent / "docs/doctor.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z][a-z-]+)` \|", page, re.MULTILINE)) == codes


def test_the_advisories_of_the_server_come_first_and_once() -> None:
    advised = [{"code": "bearer-on-presigned-url", "message": "Leave it out."}]
    entries = Requests().create().append(None, advisories=advised).create(None).entries
    found = examine(entries, [])  # type: ignore[arg-type]  # made of parts
    assert [(each.code, each.request_id) for each in found] == [
        ("bearer-on-presigned-url", "r2"),
        ("missing-key", "r2"),
        ("missing-key", "r3"),
    ]
    assert found[0].message == "Leave it out."


def test_what_clients_send_may_be_anything() -> None:
    odd: list[Any] = [
        None,
        [],
        "text",
        7,
        {"events": 7},
        {"events": [7]},
        {"name": ["x"], "deduplicationId": 7},
    ]
    for body in odd:
        for call in ("create", "append", "batch", "read"):
            requests = getattr(Requests(), call)()
            requests.entries[0]["request"]["body"] = body
            requests.entries[0]["response"]["body"] = body
            examine([*requests.entries, {**requests.entries[0], "id": "r2"}], [])  # type: ignore[list-item]


# What is right through the front door -------------------------------------------------------------------


@pytest.mark.parametrize("event_names", ["constant", "title"])
def test_whole_journeys_are_left_alone_though_sent_again(
    event_names: str, workspace: dict[str, Any], authorised: httpx.Client
) -> None:
    for variant in ("truck", "two-step-weighing", "via-processor"):
        journey = carrot_fixtures.mass_id(seed=3, variant=variant, event_names=event_names)
        for _ in range(3):
            journey.submit(authorised)
    behind = f"/_mock/workspaces/{workspace['id']}"
    entries, records = (authorised.get(f"{behind}/{each}").json() for each in ("requests", "events"))
    assert len(entries) > 100
    assert examine(entries, records) == []


# Watching -----------------------------------------------------------------------------------------------


class Control:
    """The control API of a workspace that a test fills by hand; `asked` is how many entries it gave."""

    def __init__(self) -> None:
        self.entries: Entries = []
        self.records: list[dict[str, Any]] = []
        self.asked = 0

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        since = int(str((query or {}).get("since", 0)).removeprefix("r"))
        if path == "events":
            return [each for each in self.records if each["position"] > since]
        found = [each for each in self.entries if int(each["id"][1:]) > since]
        self.asked += len(found)
        return found

    def post(self, path: str, body: Any = None) -> Any:
        raise NotImplementedError

    def put(self, path: str, body: Any) -> Any:
        raise NotImplementedError

    def patch(self, path: str, body: Any) -> Any:
        raise NotImplementedError

    def delete(self, path: str) -> None:
        raise NotImplementedError


class Watched:
    """A workspace, a doctor that looks at it, and the time, all moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.control = Control()
        self.doctor = Doctor(Watch(self.control), lambda: self.now)

    def new(self) -> list[str]:
        return [f"{each.code} {each.request_id}" for each in self.doctor.new()]


def test_each_finding_is_told_once_as_it_appears() -> None:
    watched, requests = Watched(), Requests()
    watched.control.entries = requests.entries
    assert watched.new() == []
    requests.create(None)
    assert watched.new() == ["missing-key r1"]
    assert watched.new() == []
    several(300, requests, "append").append(None)
    assert watched.new() == ["missing-key r302"]
    watched.control.asked = 0
    assert watched.new() == []
    assert watched.control.asked == 1


def test_what_may_still_come_is_waited_for() -> None:
    watched = Watched()
    watched.control.records = [DECLARED]
    assert watched.new() == []
    watched.now = QUIET_SECONDS - 1
    assert watched.new() == []
    watched.control.records = [DECLARED, STORED]
    watched.now = QUIET_SECONDS + 1
    assert watched.new() == []
    watched.now += QUIET_SECONDS
    assert watched.new() == ["upload-never-referenced r2"]
    watched.now += QUIET_SECONDS
    assert watched.new() == []


def test_an_answer_that_comes_later_is_looked_at_again() -> None:
    watched, requests = Watched(), Requests()
    watched.control.entries = requests.append(None, 0, seen="silent").create().entries
    assert watched.new() == []
    requests.entries[0] = {**requests.entries[0], "status": 201, "seen": "answer", "committed": True}
    assert watched.new() == ["missing-key r1"]


def test_a_workspace_that_was_reset_begins_anew() -> None:
    watched = Watched()
    watched.control.entries = Requests().create(None).append(None).entries
    watched.control.records = named("pick_up", "pick_up")
    assert watched.new() == ["missing-key r1", "unusual-name r1", "missing-key r2", "unusual-name r2"]
    watched.control.entries, watched.control.records = [], []
    assert watched.new() == []
    watched.control.entries = Requests(apart=7).create(None).entries
    assert watched.new() == ["missing-key r1"]


def test_a_journal_that_went_on_beyond_what_was_seen_is_no_new_one() -> None:
    watched, requests = Watched(), Requests()
    watched.control.entries = requests.create(None).entries
    assert watched.new() == ["missing-key r1"]
    several(3, requests, "append")
    watched.control.entries = requests.append(None).entries[3:]
    assert watched.new() == ["missing-key r5"]


def test_a_snapshot_that_was_restored_takes_back_what_the_ledger_told() -> None:
    watched = Watched()
    watched.control.records = named("PICK_UP", "Weighing")
    assert watched.new() == ["mixed-names r2"]
    watched.control.records = named("PICK_UP")
    assert watched.new() == []
    watched.control.records = [*named("PICK_UP"), record("r2", name="DROP_OFF"), record("r3", name="Sorting")]
    assert watched.new() == ["mixed-names r3"]
