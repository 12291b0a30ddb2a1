"""The ledger in memory commits all of a request or nothing of it."""

import pytest
from payloads import mass_id

from mock_server import clock
from mock_server.behaviours import Semantics
from mock_server.clock import ManualClock
from mock_server.domain.acting import Act
from mock_server.domain.changes import Changes, Draft
from mock_server.domain.creation import create
from mock_server.domain.document import Document
from mock_server.ids import Ids
from mock_server.ledger import Remembered
from mock_server.ledger.memory import MemoryLedger
from mock_server.settings import Settings
from mock_server.workspace import PARTICIPANTS, Workspaces

INTEGRATOR = Workspaces(Settings(seed=1), ManualClock(0.0)).default.integrators["carrot-test-client"]
CLAIM = ("TEST/a", "k", b"fingerprint")


@pytest.fixture
def ledger() -> MemoryLedger:
    return MemoryLedger()


def act(ledger: MemoryLedger, now: float = 5.0) -> Act:
    changes = Changes(ledger, ledger.parties("TEST").layer(), now)
    return Act(INTEGRATOR, Semantics.default(), Ids(ledger.position), changes, [], [], clock.iso(now))


def committed(ledger: MemoryLedger, key: str = "k") -> Document:
    acting = act(ledger)
    document_id = create(acting, mass_id(), ("TEST/a", key, b"fingerprint"))
    ledger.commit(acting.changes, "TEST", 1)
    document = ledger.document(document_id)
    assert document is not None
    return document


def state(ledger: MemoryLedger) -> tuple[object, ...]:
    """All that a ledger shows."""
    documents = list(ledger.documents())
    return (
        ledger.position,
        list(ledger.records()),
        documents,
        [list(ledger.history(each.id)) for each in documents],
        list(ledger.claims()),
    )


def test_a_commit_makes_records_documents_keys_and_parties_visible(ledger: MemoryLedger) -> None:
    document = committed(ledger)
    records = ledger.records()
    assert [(each.position, each.kind, each.recorded_at, each.request) for each in records] == [
        (1, "document.created", 5.0, 1),
        (2, "event.appended", 5.0, 1),
    ]
    assert ledger.position == 2
    assert list(ledger.history(document.id)) == list(records)
    assert ledger.claim("TEST/a", "k") is records[0]
    assert ledger.claim("TEST/b", "k") is None
    facts = ledger.facts(document.id)
    assert ledger.parties("TEST").knows(facts["primaryParticipant"]["id"])
    assert not ledger.parties("PROD").knows(facts["primaryParticipant"]["id"])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_draft_that_cannot_be_encoded_leaves_nothing_behind(ledger: MemoryLedger, place: int) -> None:
    committed(ledger, "earlier")
    before = state(ledger)
    acting = act(ledger)
    body = mass_id()
    body["participant"]["taxId"] = "99000002000148"
    document_id = create(acting, body, CLAIM)
    drafts = acting.changes.drafts
    sent = drafts[0].event["primaryParticipant"]["id"]
    broken = Draft(document_id, "event.appended", "integrator", {"id": "x", "name": "X", "value": object()})
    drafts.insert(place, broken)
    with pytest.raises(TypeError):
        ledger.commit(acting.changes, "TEST", 2)
    assert state(ledger) == before
    assert ledger.document(document_id) is None
    assert ledger.claim("TEST/a", "k") is None
    assert not ledger.parties("TEST").knows(sent)
    with pytest.raises(KeyError):
        ledger.facts(document_id)


def test_changes_that_are_never_committed_are_never_seen(ledger: MemoryLedger) -> None:
    acting = act(ledger)
    before = state(ledger)
    document_id = create(acting, mass_id(), CLAIM)
    assert acting.changes.document(document_id) is not None
    assert state(ledger) == before


def test_positions_go_on_where_they_ended(ledger: MemoryLedger) -> None:
    for key in ("a", "b", "c"):
        committed(ledger, key)
    assert [each.position for each in ledger.records()] == [1, 2, 3, 4, 5, 6]
    assert [each.position for each in ledger.records(4)] == [5, 6]
    assert list(ledger.records(99)) == []


def test_a_record_keeps_no_more_memory_than_its_own_bytes(ledger: MemoryLedger) -> None:
    committed(ledger)
    for record in ledger.records():
        assert record.event.__sizeof__() == len(record.event) + b"".__sizeof__()


def test_keys_are_forgotten_in_every_scope_and_their_events_stay(ledger: MemoryLedger) -> None:
    document = committed(ledger)
    error = Remembered(5.0, b"fingerprint", 404, "objectNotFound", "There is none.", b"{}")
    ledger.remember("PROD/a", "k", error)
    assert [(scope, key) for scope, key, _ in ledger.claims()] == [("TEST/a", "k"), ("PROD/a", "k")]
    assert ledger.forget("k") == 2
    assert ledger.forget("k") == 0
    assert list(ledger.claims()) == []
    assert ledger.document(document.id) == document


def test_an_integrators_own_participant_is_known_before_anything_happened(ledger: MemoryLedger) -> None:
    ledger.parties("TEST").register(dict(PARTICIPANTS["a"]))
    assert ledger.parties("TEST").knows(PARTICIPANTS["a"]["id"])
    assert not ledger.parties("PROD").knows(PARTICIPANTS["a"]["id"])
