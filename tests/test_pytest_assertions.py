"""The assertions of the plugin: each passes on what is right, and tells the story of what is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import carrot_fixtures
import httpx
import pytest
from payloads import at, attribute, event, mass_id

from pytest_carrot.documents import Documents
from pytest_carrot.journal import Journal
from pytest_carrot.ledger import Ledger

PDF = {"contentLength": 3, "contentType": "application/pdf"}
NOWHERE = "00000000-0000-4000-8000-000000000000"


class Control:
    """The control API of a workspace over httpx."""

    def __init__(self, client: httpx.Client, workspace_id: str) -> None:
        self._client = client
        self._prefix = f"/_mock/workspaces/{workspace_id}/"

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Any = None) -> Any:
        return self._call("POST", path, json=body)

    def patch(self, path: str, body: Any) -> Any:
        return self._call("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = self._client.request(method, (self._prefix + path).rstrip("/"), **more)
        answer.raise_for_status()
        return answer.json() if answer.content else None


class Carrot:
    """A workspace with an authorised client of integrator A."""

    def __init__(self, server: str, **wishes: Any) -> None:
        self._anyone = httpx.Client(base_url=server)
        made = self._anyone.post("/_mock/workspaces", json=wishes).json()
        credential = made["credentials"][0]
        token = self._anyone.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(credential["clientId"], credential["clientSecret"]),
        ).json()["access_token"]
        self.secrets = (token, *(each["clientSecret"] for each in made["credentials"]))
        self.client = httpx.Client(base_url=server, headers={"Authorization": f"Bearer {token}"})
        self.control = Control(self._anyone, made["id"])
        self.journal = Journal(self.control)
        self.ledger = Ledger(self.control)
        self.documents = Documents(self.control)

    def create(self, **changes: Any) -> str:
        return str(self.client.post("/documents", json=mass_id(**changes)).json()["id"])

    def append(self, document_id: str, name: str = "Pick-up", **changes: Any) -> httpx.Response:
        return self.client.post(f"/documents/{document_id}/events", json=event(name, **changes))

    def close(self) -> None:
        self.client.close()
        self._anyone.close()


@pytest.fixture
def make_carrot(server: Any) -> Iterator[Callable[..., Carrot]]:
    """Makes workspaces with wishes of their own."""
    made: list[Carrot] = []

    def make(**wishes: Any) -> Carrot:
        made.append(Carrot(server.url, **wishes))
        return made[-1]

    yield make
    for each in made:
        each.control.delete("")
        each.close()


@pytest.fixture
def carrot(make_carrot: Callable[..., Carrot]) -> Carrot:
    return make_carrot()


@pytest.fixture
def limited(make_carrot: Callable[..., Carrot]) -> Carrot:
    """A workspace that takes one request, and answers 429 for the next 100 seconds."""
    return make_carrot(rateLimit=0.01)


def report(assertion: Callable[..., None], *given: Any, **more: Any) -> str:
    """What an assertion that fails says; it fits into a CI log."""
    with pytest.raises(AssertionError) as caught:
        assertion(*given, **more)
    told = str(caught.value)
    assert all(len(line) <= 92 for line in told.splitlines()), told
    assert "\x1b" not in told
    return told


def line(told: str, start: str) -> str:
    """The first line of a report that has a text, both without repeated spaces."""
    lines = (" ".join(each.split()) for each in told.splitlines())
    return next(each for each in lines if start in each)


# Journal: entries, advisories, counts -----------------------------------------------------------------


def test_entries_are_filtered(carrot: Carrot) -> None:
    document_id = carrot.create(deduplicationId="d")
    carrot.append(document_id, deduplicationId="e")
    carrot.append(document_id, name="")
    journal = carrot.journal
    assert [each["operation"] for each in journal.entries()] == [
        "token",
        "documents.create",
        "events.append",
        "events.append",
    ]
    assert [each["id"] for each in journal.entries(status=400)] == ["r4"]
    assert [each["id"] for each in journal.entries(deduplication_id="e")] == ["r3"]
    assert [each["id"] for each in journal.entries(document_id=document_id, since="r3")] == ["r4"]
    assert [each["id"] for each in journal.entries(operation="events.append", limit=1)] == ["r4"]
    assert [each["id"] for each in journal.entries(status=201, limit=1)] == ["r3"]
    assert journal.entries(since=datetime(2100, 1, 1, tzinfo=UTC)) == []
    with pytest.raises(ValueError, match="has no time zone"):
        journal.entries(since=datetime(2100, 1, 1))


def test_advisories_say_which_request_they_are_of(carrot: Carrot) -> None:
    document_id = carrot.create(deduplicationId="d")
    carrot.journal.assert_no_advisories()
    carrot.control.patch("semantics", {"ordering": "warn"})
    carrot.append(document_id, externalCreatedAt=at(7), deduplicationId="e")
    [advisory] = carrot.journal.advisories
    assert (advisory["code"], advisory["requestId"]) == ("out-of-order", "r3")
    told = report(carrot.journal.assert_no_advisories)
    assert told.startswith("Expected no advisories, got 1.\n")
    assert line(told, "r3 out-of-order:").startswith(
        "r3 out-of-order: /externalCreatedAt must not be earlier"
    )
    assert line(told, "events.append").endswith("Pick-up 201 1 e fresh")


def test_requests_are_counted(carrot: Carrot) -> None:
    document_id = carrot.create()
    carrot.append(document_id, name="")
    journal = carrot.journal
    journal.assert_count(3)
    journal.assert_count(1, operation="events.append")
    journal.assert_count(0, operation="events.append", status=201)
    journal.assert_count(1, since="r2")
    told = report(journal.assert_count, 1, operation="events.append", status=201)
    assert told.startswith("Expected 1 request with operation events.append, status 201, got 0.\n")
    assert "events.append - 400 validationError" in line(told, "r3 ")
    assert "Nearest miss: r3" in told
    assert "\n  status       201  400\n" in told
    told = report(journal.assert_count, 0, operation="token")
    assert line(told, "r1 ").startswith("> r1 0.00 token - 200")
    assert "Nearest miss" not in told


def test_a_journal_that_lost_its_first_requests_cannot_tell() -> None:
    journal = Journal(Canned([entry(7), entry(8)]))
    told = report(journal.assert_no_advisories)
    assert told.startswith("Cannot tell: the journal keeps the newest 2 requests, and the first 6 of")
    assert "--journal-entries" in told
    report(journal.assert_count, 2)
    report(journal.assert_retried_with_same_key, "events.append")


# Journal: retries -------------------------------------------------------------------------------------


def test_a_client_that_retries_with_its_key_passes(limited: Carrot) -> None:
    document_id = limited.create(deduplicationId="d")
    for _ in range(3):
        assert limited.append(document_id, deduplicationId="e").status_code == 429
    limited.journal.assert_retried_with_same_key("events.append")


def test_a_client_that_makes_a_new_key_per_retry_is_caught(limited: Carrot) -> None:
    document_id = limited.create(deduplicationId="d")
    for key in ("key-1", "key-2", "key-3"):
        assert limited.append(document_id, deduplicationId=key).status_code == 429
    told = report(limited.journal.assert_retried_with_same_key, "events.append")
    assert told.startswith("events.append was retried under another key: 2 of 2 retries. A retry must\n")
    assert line(told, "r3 ") == "r3 1 Pick-up 429 key-1"
    assert line(told, "r4 ") == "> r4 2 Pick-up 429 key-2"
    assert line(told, "r5 ") == "> r5 3 Pick-up 429 key-3"
    assert "Nearest miss: r4, a retry of r3" in told
    assert line(told, 'deduplicationId "') == 'deduplicationId "key-1" "key-2"'
    assert "the other 3 are the same" in told


def test_what_a_retry_under_another_key_did_is_on_the_timeline(carrot: Carrot) -> None:
    document_id = carrot.create(deduplicationId="d")
    carrot.control.patch("semantics", {"pending-window": 1000})
    carrot.append(document_id, deduplicationId="e")
    carrot.control.patch("semantics", {"pending-window": 0})
    carrot.append(document_id, deduplicationId="f")
    told = report(carrot.journal.assert_retried_with_same_key, "events.append")
    assert line(told, "r3 ") == "r3 1 Pick-up 409 pending e fresh -"
    assert line(told, "r4 ") == "> r4 2 Pick-up 201 f fresh yes"
    assert f"Timeline of document {document_id} (OPEN, value 0):" in told


def test_a_retry_without_a_key_is_caught(limited: Carrot) -> None:
    for _ in range(3):
        limited.client.post("/documents", json=mass_id())
    told = report(limited.journal.assert_retried_with_same_key, "documents.create")
    assert told.startswith("documents.create was retried without a key: 1 of 1 retry.")
    assert line(told, "r4 ") == "> r4 2 MassID 429 no key"


def test_it_has_to_come_to_a_retry(limited: Carrot) -> None:
    retried = limited.journal.assert_retried_with_same_key
    told = report(retried, "documents.create")
    assert told.startswith("Expected documents.create to be retried, but there was no request of\n")
    assert line(told, "r1 ").startswith("r1 0.00 token 200")
    document_id = limited.create(deduplicationId="d")
    assert "but its one answer did not ask for it." in " ".join(report(retried, "documents.create").split())
    limited.append(document_id, deduplicationId="e")
    limited.append(document_id, "Weighing", deduplicationId="f")
    told = report(retried, "events.append")
    assert "2 answers asked for a retry, and nothing like it was sent again." in " ".join(told.split())
    assert line(told, "r4 ").startswith("> r4 ")


def test_operations_without_keys_have_no_retry_to_check(carrot: Carrot) -> None:
    with pytest.raises(ValueError, match=r"'documents\.read' carry no deduplicationId"):
        carrot.journal.assert_retried_with_same_key("documents.read")


def test_two_things_that_are_the_same_are_no_retry_of_each_other(carrot: Carrot) -> None:
    document_id = carrot.create(deduplicationId="d")
    for key in ("e", "f", "e"):
        carrot.append(document_id, deduplicationId=key)
    carrot.journal.assert_retried_with_same_key("events.append")


class Canned:
    """A control API that has these requests and nothing else."""

    def __init__(self, entries: list[dict[str, Any]]) -> None:
        self._entries = entries

    def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
        wanted = dict(query or {})
        return [
            each for each in self._entries if wanted.get("operation", each["operation"]) == each["operation"]
        ] * (path == "requests")

    def post(self, path: str, body: Any = None) -> Any:
        raise NotImplementedError

    def patch(self, path: str, body: Any) -> Any:
        raise NotImplementedError

    def delete(self, path: str) -> None:
        raise NotImplementedError


def entry(number: int, key: str | None = "k", **changes: Any) -> dict[str, Any]:
    """A request of the journal that appends an event."""
    body = changes.pop("body", event(**({"deduplicationId": key} if key else {})))
    return {
        "id": f"r{number}",
        "at": f"2026-03-01T12:00:{number:02}.000Z",
        "operation": "events.append",
        "method": "POST",
        "path": f"/documents/{NOWHERE}/events",
        "client": {"clientId": "c", "integrator": "a", "environment": "TEST"},
        "phase": "responding",
        "status": 201,
        "seen": "answer",
        "committed": False,
        "deduplication": [],
        "attempt": 1,
        "documentId": NOWHERE,
        "events": [],
        "behaviours": [],
        "advisories": [],
        "request": {"headers": {}, "body": body},
        "response": {"headers": {}, "body": None},
        **changes,
    }


LOST: dict[str, Any] = {"seen": "reset"}
BUSY: dict[str, Any] = {"status": 503}
PARTNER: dict[str, Any] = {"client": {"clientId": "p", "integrator": "b", "environment": "TEST"}}


def batch(*keys: str, **changes: Any) -> dict[str, Any]:
    body = {"documentId": NOWHERE, "events": [event(deduplicationId=key) for key in keys]}
    return {"operation": "events.batch", "body": body, **changes}


@pytest.mark.parametrize(
    "entries",
    [
        [entry(1, "k", **LOST), entry(2, "k")],
        [entry(1, "k", **BUSY), entry(2, "k", **BUSY), entry(3, "k")],
        [entry(1, "k"), entry(2, "k")],
        # Two that are the same are under way at once, and each is repeated under its own key.
        [entry(1, "k", **BUSY), entry(2, "l", **BUSY), entry(3, "k"), entry(4, "l")],
        [entry(1, "k", **BUSY), entry(2, "l"), entry(3, "k")],
        # A copy of another client's.
        [entry(1, "k", **BUSY), entry(2, "l", **PARTNER), entry(3, "l", **PARTNER)],
    ],
)
def test_retries_under_the_first_key(entries: list[dict[str, Any]]) -> None:
    Journal(Canned(entries)).assert_retried_with_same_key("events.append")


@pytest.mark.parametrize(
    ("entries", "stray"),
    [
        ([entry(1, "k", **LOST), entry(2, "l")], "> r2 2 Pick-up 201 l"),
        ([entry(1, "k", **BUSY, client={}), entry(2, "l")], "> r2 2 Pick-up 201 l"),
        ([entry(1, "k", **BUSY), entry(2, None)], "> r2 2 Pick-up 201 no key"),
        # The moment is made anew each time, too.
        (
            [entry(1, "k", **BUSY), entry(2, body=event(deduplicationId="l", externalCreatedAt=at(10)))],
            "> r2 2 Pick-up 201 l",
        ),
        # One client keeps its key, another part of it does not.
        (
            [entry(1, "k", **BUSY), entry(2, "k"), entry(3, "m", **BUSY), entry(4, "n")],
            "> r4 2 Pick-up 201 n",
        ),
    ],
)
def test_retries_under_another_key(entries: list[dict[str, Any]], stray: str) -> None:
    told = report(Journal(Canned(entries)).assert_retried_with_same_key, "events.append")
    assert line(told, "> r") == stray


def test_every_item_of_a_batch_keeps_its_key() -> None:
    again = [entry(1, **batch("a", "b", **BUSY)), entry(2, **batch("b", "a"))]
    Journal(Canned(again)).assert_retried_with_same_key("events.batch")
    half = [entry(1, **batch("a", "b", **BUSY)), entry(2, **batch("a", "c"))]
    told = report(Journal(Canned(half)).assert_retried_with_same_key, "events.batch")
    assert told.startswith("events.batch was retried under another key: 1 of 2 retries.")
    assert line(told, "> r") == "> r2 2 Pick-up 201 c"


# Ledger -----------------------------------------------------------------------------------------------


def journey(carrot: Carrot) -> tuple[str, carrot_fixtures.MassIdJourney]:
    made = carrot_fixtures.mass_id(seed=3)
    return made.submit(carrot.client), made


def test_a_whole_journey_passes_all_assertions(carrot: Carrot) -> None:
    document_id, made = journey(carrot)
    carrot.ledger.assert_appended(document_id, [each["name"] for each in made.events])
    for key in made.deduplication_ids:
        carrot.ledger.assert_exactly_once(key)
    carrot.ledger.assert_no_duplicates()
    carrot.ledger.assert_every_event_has_a_key()
    carrot.ledger.assert_attachments_uploaded()
    carrot.ledger.assert_count(len(made.events), document_id=document_id)
    carrot.documents.assert_status(document_id, "CLOSED")
    carrot.journal.assert_no_advisories()
    carrot.ledger.mark()
    made.submit(carrot.client)
    carrot.ledger.assert_unchanged()
    carrot.journal.assert_retried_with_same_key("events.append")


def test_records_and_moments(carrot: Carrot) -> None:
    ledger = carrot.ledger
    one, other = carrot.create(), carrot.create()
    mark = ledger.mark()
    carrot.append(one)
    assert [each["kind"] for each in ledger.records()] == [
        *("document.created", "event.appended") * 2,
        "event.appended",
    ]
    assert [each["position"] for each in ledger.records(other.upper())] == [3, 4]
    assert [each["position"] for each in ledger.records(since=mark)] == [5]
    assert [each["position"] for each in ledger.as_of(mark)] == [1, 2, 3, 4]
    assert ledger.as_of(datetime(2100, 1, 1, tzinfo=UTC)) == ledger.records()
    assert ledger.as_of("2026-01-01T00:00:00Z") == []
    with pytest.raises(ValueError, match="has no time zone"):
        ledger.as_of("2026-01-01T00:00:00")


def test_other_events_than_expected(carrot: Carrot) -> None:
    document_id, elsewhere = carrot.create(deduplicationId="d"), carrot.create()
    carrot.append(document_id, "PICK_UP", value=12.5, deduplicationId="e")
    carrot.append(elsewhere, "Drop-off")
    carrot.append(document_id, "Weighing", value=12, externalCreatedAt=at(7))
    carrot.append(document_id, "Rain")
    told = report(carrot.ledger.assert_appended, document_id, ["Pick-up", "Weighing", "Drop-off"])
    assert told.startswith(
        f"Document {document_id} has other events than\nexpected: expected 3 events, got 2."
    )
    assert line(told, "1 Pick-up") == "> 1 Pick-up PICK_UP spelled otherwise"
    assert line(told, "2 Weighing") == "> 2 Weighing - missing"
    assert line(told, "3 -") == "> 3 - Rain unexpected"
    assert line(told, "4 Drop-off") == "> 4 Drop-off - missing"
    assert f"Appended to another document:\n  Drop-off by r5, to {elsewhere}" in told
    assert line(told, "PICK_UP 12.5") == "> 5 PICK_UP 12.5 2026-02-01 09:00 r4 1 e fresh"
    assert "What was refused there:\n  r6 events.append Weighing was answered 400 validationError:" in told


def test_events_in_another_order(carrot: Carrot) -> None:
    document_id = carrot.create()
    for name in ("A", "B", "C"):
        carrot.append(document_id, name)
    carrot.ledger.assert_appended(document_id, ("A", "B", "C"))
    told = report(carrot.ledger.assert_appended, document_id, ["B", "A", "C"])
    assert told.count("in another place") == 2


def test_events_since_a_position(carrot: Carrot) -> None:
    document_id = carrot.create()
    carrot.append(document_id, "A")
    mark = carrot.ledger.mark()
    carrot.append(document_id, "B")
    carrot.ledger.assert_appended(document_id, ["B"], since=mark)
    assert "after position 3" in report(carrot.ledger.assert_appended, document_id, ["A"], since=mark)


def test_the_platforms_own_and_mirrored_events_do_not_count(carrot: Carrot) -> None:
    one, other = carrot.create(), carrot.create()
    carrot.append(one, "RELATED", relatedDocument={"documentId": other, "bidirectional": True})
    carrot.ledger.assert_appended(one, ["RELATED"])
    carrot.ledger.assert_appended(other, [])
    told = report(carrot.ledger.assert_appended, other, ["RELATED"])
    assert line(told, "RELATED*") == "6 RELATED* 2026-02-01 09:00 r4 1 -"
    assert "* the platform's own, or the mirror of an event on another document" in told


@pytest.mark.parametrize("assertion", ["appended", "attribute", "status", "count"])
def test_a_document_that_is_not_there(carrot: Carrot, assertion: str) -> None:
    carrot.client.post("/documents", json=mass_id(category=...))
    asserted: dict[str, Callable[[], None]] = {
        "appended": lambda: carrot.ledger.assert_appended(NOWHERE, []),
        "attribute": lambda: carrot.ledger.assert_attribute(NOWHERE, "E", "A", 1),
        "status": lambda: carrot.documents.assert_status(NOWHERE, "OPEN"),
        "count": lambda: carrot.ledger.assert_count(0, document_id=NOWHERE),
    }
    told = report(asserted[assertion])
    assert told.startswith(f"There is no document {NOWHERE} in this workspace.")
    assert "There is no document at all." in told
    assert line(told, "r2 ").startswith("r2 0.00 documents.create 400 validationError")
    there = carrot.create()
    assert line(report(asserted[assertion]), there) == f"{there} MassID Organic OPEN 0 1 TEST"


def test_names_are_a_list(carrot: Carrot) -> None:
    with pytest.raises(TypeError, match=r"such as \['CLOSE'\]"):
        carrot.ledger.assert_appended(carrot.create(), "CLOSE")


def test_records_are_counted(carrot: Carrot) -> None:
    document_id = carrot.create()
    carrot.append(document_id)
    ledger = carrot.ledger
    ledger.assert_count(1)
    ledger.assert_count(0, name="Weighing")
    assert report(ledger.assert_count, 1, kind="attachment.stored").endswith("Every uploaded file:\n  none")
    ledger.assert_count(1, kind="document.created")
    told = report(ledger.assert_count, 2, document_id=document_id, name="Pick-up")
    assert told.startswith("Expected 2 events named Pick-up of document\n")
    assert line(told, "> 3").startswith("> 3 Pick-up")
    told = report(ledger.assert_count, 2, kind="document.created")
    assert told.startswith("Expected 2 documents, got 1.\n\nEvery document:\n")
    assert line(told, "created: MassID") == f"1 {document_id[:8]} created: MassID 2026-02-01 08:00 r2"
    with pytest.raises(ValueError, match="A kind is one of "):
        ledger.assert_count(1, kind="event")


def test_an_attribute_has_a_value(carrot: Carrot) -> None:
    document_id = carrot.create()
    attributes = [attribute("Vehicle License Plate", "ABC1D23"), attribute("Net Weight", 12.0)]
    carrot.append(document_id, metadata={"attributes": attributes})
    asserted = carrot.ledger.assert_attribute
    asserted(document_id, "Pick-up", "Vehicle License Plate", "ABC1D23")
    asserted(document_id, "Pick-up", "Net Weight", 12)
    told = report(asserted, document_id, "Pick-up", "Net Weight", "12")
    assert 'to be "12", but its value is 12.0.' in told
    assert "Nearest miss: attribute 'Net Weight' of Pick-up by r3" in told
    assert line(told, 'value "') == 'value "12" 12.0'
    assert "the other 2 are the same" in told
    assert line(told, "> 3").startswith("> 3 Pick-up")
    told = report(asserted, document_id, "Pick-up", "vehicle-license-plate", "ABC1D23")
    assert "no such event has that attribute." in told
    assert line(told, 'attribute "') == 'attribute "vehicle-license-plate" "Vehicle License Plate"'
    told = report(asserted, document_id, "PICK_UP", "Net Weight", 12)
    assert "but there is no event PICK_UP." in " ".join(told.split())
    assert line(told, 'event "') == 'event "PICK_UP" "Pick-up"'


def test_true_is_not_one(carrot: Carrot) -> None:
    document_id = carrot.create()
    carrot.append(document_id, metadata={"attributes": [attribute("Flag", True)]})
    carrot.ledger.assert_attribute(document_id, "Pick-up", "Flag", True)
    report(carrot.ledger.assert_attribute, document_id, "Pick-up", "Flag", 1)


def test_exactly_once(carrot: Carrot) -> None:
    document_id = carrot.create(deduplicationId="d")
    carrot.append(document_id, deduplicationId="e")
    carrot.append(document_id, deduplicationId="e")
    carrot.client.post(
        "/documents/events",
        json={"documentId": document_id, "events": [event("A"), event(deduplicationId="e")]},
    )
    # A refusal tells of no effect.
    assert carrot.append(document_id, "Another", deduplicationId="e").status_code == 409
    carrot.ledger.assert_exactly_once("d")
    carrot.ledger.assert_exactly_once("e")


def test_two_effects_of_a_key(carrot: Carrot) -> None:
    document_id = carrot.create(deduplicationId="d")
    carrot.append(document_id, deduplicationId="e")
    carrot.control.delete("deduplication/e")
    carrot.append(document_id, deduplicationId="e")
    told = report(carrot.ledger.assert_exactly_once, "e")
    assert told.startswith("Expected the key e to have one effect, got 2: Pick-up by r3, Pick-up by r4.")
    assert line(told, "events.append") == "r3 0.00 events.append Pick-up 201 1 e fresh"
    assert line(told, "> 3") == "> 3 Pick-up 2026-02-01 09:00 r3 1 e fresh"
    assert line(told, "> 4") == "> 4 Pick-up 2026-02-01 09:00 r4 2 e fresh"
    assert "Sent more than once:\n  e: r3 201 fresh, r4 201 fresh" in told


def test_no_effect_of_a_key(carrot: Carrot) -> None:
    document_id = carrot.create(deduplicationId="order-17")
    told = report(carrot.ledger.assert_exactly_once, "order-71")
    assert "Nothing was recorded under the key order-71: no request carried it." in told
    assert "The nearest keys in the ledger:\n  order-17" in told
    carrot.append(document_id, "", deduplicationId="e")
    told = report(carrot.ledger.assert_exactly_once, "e")
    assert "1 request carried it; r3 was answered 400 validationError." in " ".join(told.split())
    assert "\n  r3 events.append was answered 400 validationError: /name must" in told
    assert f"Timeline of document {document_id}" in told


def test_answers_that_do_not_agree(carrot: Carrot) -> None:
    document_id = carrot.create()
    carrot.append(document_id, deduplicationId="e")
    carrot.append(document_id, deduplicationId="e")

    class Forged(Control):
        def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Any:
            found = super().get(path, query)
            if path == "requests":
                found[-1]["response"]["body"]["eventId"] = "another-one"
            return found

    told = report(
        Ledger(Forged(carrot._anyone, carrot.control._prefix.split("/")[3])).assert_exactly_once, "e"
    )
    assert "has one effect, Pick-up by r3, but not all answers tell of it." in " ".join(told.split())
    assert line(told, "another-one").startswith("r4 ")


def test_nothing_changed(carrot: Carrot) -> None:
    ledger = carrot.ledger
    ledger.assert_unchanged()
    document_id = carrot.create()
    assert report(ledger.assert_unchanged).startswith("Expected nothing new since the start, got 2 records: ")
    assert ledger.mark() == 2
    other = carrot.create()
    ledger.assert_unchanged(document_id)
    assert ledger.mark() == 4
    ledger.assert_unchanged()
    carrot.append(document_id)
    told = report(ledger.assert_unchanged)
    assert told.startswith("Expected nothing new since position 4, got 1 record: Pick-up by r4.")
    assert line(told, "> 5") == "> 5 Pick-up 2026-02-01 09:00 r4 1 no key"
    assert other not in told


def test_of_many_documents_some_are_told(carrot: Carrot) -> None:
    for _ in range(5):
        carrot.create()
    told = report(carrot.ledger.assert_unchanged)
    assert told.count("Timeline of document") == 3
    assert told.endswith("\n\nAnd 2 more documents.")


def test_duplicates(carrot: Carrot) -> None:
    document_id = carrot.create(deduplicationId="d")
    carrot.append(document_id, deduplicationId="e")
    carrot.append(document_id, deduplicationId="f", value=1)
    carrot.ledger.assert_no_duplicates()
    carrot.append(document_id, deduplicationId="g")
    told = report(carrot.ledger.assert_no_duplicates)
    assert told.startswith("Recorded more than once: Pick-up by r3, Pick-up by r5.")
    assert line(told, 'deduplicationId "') == 'deduplicationId "e" "g"'
    assert line(told, "> 3").startswith("> 3 Pick-up")
    assert line(told, "> 5").startswith("> 5 Pick-up")


def test_a_document_that_was_created_twice(carrot: Carrot) -> None:
    one, _ = carrot.create(deduplicationId="d"), carrot.create(deduplicationId="e")
    carrot.ledger.assert_no_duplicates(one)
    told = report(carrot.ledger.assert_no_duplicates)
    assert told.startswith("Recorded more than once: created: MassID by r2, created: MassID by r3.")


def test_events_without_a_key(carrot: Carrot) -> None:
    document_id = carrot.create()
    told = report(carrot.ledger.assert_every_event_has_a_key)
    assert told.startswith("Recorded without a deduplicationId: created: MassID by r2. ")
    carrot.ledger.assert_every_event_has_a_key(document_id)
    carrot.append(document_id)
    told = report(carrot.ledger.assert_every_event_has_a_key, document_id)
    assert line(told, "> 3") == "> 3 Pick-up 2026-02-01 09:00 r3 1 no key"


def test_files_that_were_not_uploaded_or_named(carrot: Carrot) -> None:
    document_id = carrot.create()
    files = carrot.ledger.assert_attachments_uploaded
    assert report(files).startswith("Expected attachments, but no file was declared.")
    for name in ("named.pdf", "stored.pdf", "all.pdf"):
        answer = carrot.client.put(f"/documents/{document_id}/attachments/{name}", json=PDF)
        if name != "named.pdf":
            httpx.put(answer.json()["url"], content=b"pdf", headers={"content-type": "application/pdf"})
        if name != "stored.pdf":
            carrot.append(document_id, attachments=[{"fileName": name, "label": "CDF"}])
    told = report(files, document_id)
    assert told.startswith("Of 3 files, 2 were not uploaded, or no event names them.")
    short = document_id[:8]
    assert line(told, "named.pdf") == f"> {short} named.pdf r3 never Pick-up r4"
    assert line(told, "stored.pdf") == f"> {short} stored.pdf r5 r6 never"
    assert line(told, " all.pdf") == f"{short} all.pdf r7 r8 Pick-up r9"


# Differences ------------------------------------------------------------------------------------------


def test_the_difference_of_two_moments(carrot: Carrot) -> None:
    document_id = carrot.create()
    before = carrot.ledger.mark()
    carrot.append(document_id, value=12.5)
    carrot.append(document_id, "CLOSE")
    difference = carrot.ledger.diff(before, 4)
    assert [each["event"]["name"] for each in difference.added] == ["Pick-up", "CLOSE"]
    assert difference.missing == []
    assert difference.changed == {
        f"{document_id[:8]} currentValue": (0, 12.5),
        f"{document_id[:8]} status": ("OPEN", "CLOSED"),
    }
    told = str(difference)
    assert told.startswith("From position 2 to position 4: 2 added, 2 fields changed.\n")
    assert line(told, "+ 3") == f"+ 3 {document_id[:8]} Pick-up 12.5 2026-02-01 09:00 r3"
    assert line(told, "status") == f'{document_id[:8]} status "OPEN" "CLOSED"'
    backwards = carrot.ledger.diff(4, before)
    assert (backwards.added, backwards.missing) == ([], difference.added)
    nothing = carrot.ledger.diff(4, datetime(2100, 1, 1, tzinfo=UTC))
    assert not nothing
    assert str(nothing) == "From position 4 to 2100-01-01T00:00:00.000Z: no difference."


def test_the_difference_of_two_documents(carrot: Carrot) -> None:
    one, other = carrot.create(deduplicationId="d"), carrot.create(deduplicationId="e")
    assert not carrot.ledger.diff(one, other)
    carrot.append(one, value=12, metadata={"attributes": [attribute("Net Weight", 12)]})
    carrot.append(other, value=13, metadata={"attributes": [attribute("Net Weight", 13)]})
    carrot.append(one, "Weighing", value=13)
    carrot.append(other, "CLOSE")
    difference = carrot.ledger.diff(one, other)
    assert difference
    assert [each["event"]["name"] for each in difference.added] == ["CLOSE"]
    assert [each["event"]["name"] for each in difference.missing] == ["Weighing"]
    assert difference.changed == {
        "status": ("OPEN", "CLOSED"),
        "Pick-up.value": (12, 13),
        "Pick-up.metadata.attributes[Net Weight].value": (12, 13),
    }
    assert str(difference).startswith(
        f"From document {one[:8]} to document {other[:8]}: 1 added, 1 missing, 3 fields changed."
    )


def test_a_moment_and_a_document_have_no_difference(carrot: Carrot) -> None:
    with pytest.raises(TypeError, match="two moments or two ids"):
        carrot.ledger.diff(1, carrot.create())
    report(lambda: carrot.ledger.diff(NOWHERE, NOWHERE) and None)


# Documents --------------------------------------------------------------------------------------------


def test_documents_are_read_as_they_are_and_were(carrot: Carrot) -> None:
    assert carrot.documents.all() == []
    document_id = carrot.create()
    carrot.append(document_id, "CLOSE")
    assert carrot.documents.read(document_id)["status"] == "CLOSED"
    assert carrot.documents.read(document_id, at=2)["status"] == "OPEN"
    assert carrot.documents.read(document_id, datetime(2100, 1, 1, tzinfo=UTC))["status"] == "CLOSED"
    assert [each["events"] for each in carrot.documents.all()] == [2]


def test_the_only_document(carrot: Carrot) -> None:
    told = report(carrot.documents.only)
    assert told == "Expected exactly one document, got 0.\n\nThere is no document at all."
    one = carrot.create()
    assert carrot.documents.only() == carrot.documents.read(one)
    other = carrot.create()
    told = report(carrot.documents.only)
    assert told.startswith("Expected exactly one document, got 2.")
    assert one in told
    assert other in told


def test_the_status_of_a_document(carrot: Carrot) -> None:
    document_id = carrot.create()
    carrot.documents.assert_status(document_id, "OPEN")
    carrot.append(document_id, "CLOSE", externalCreatedAt=at(7))
    told = report(carrot.documents.assert_status, document_id, "CLOSED")
    assert told.startswith(f"Document {document_id} is OPEN, expected CLOSED.")
    assert "Timeline of document" in told
    assert "r3 events.append CLOSE was answered 400 validationError: /externalCreatedAt must" in told
    with pytest.raises(ValueError, match="not 'closed'"):
        carrot.documents.assert_status(document_id, "closed")


def test_the_value_of_a_document(carrot: Carrot) -> None:
    document_id = carrot.create()
    carrot.documents.assert_value(document_id, 0)
    told = report(carrot.documents.assert_value, document_id, 1)
    assert "has the value 0, expected 1; no event has a value." in " ".join(told.split())
    carrot.append(document_id, value=0.3)
    carrot.documents.assert_value(document_id, 0.1 + 0.2)
    told = report(carrot.documents.assert_value, document_id, 0.4)
    assert "has the value 0.3, expected 0.4; Pick-up of r3 set it." in " ".join(told.split())
    assert line(told, "> 3").startswith("> 3 Pick-up 0.3")


def test_no_report_tells_a_secret(carrot: Carrot) -> None:
    document_id, _ = journey(carrot)
    told = report(carrot.journal.assert_count, 0) + report(
        carrot.documents.assert_status, document_id, "OPEN"
    )
    assert not any(secret in told for secret in carrot.secrets)
