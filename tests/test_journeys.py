"""Journeys of every variant, submitted over HTTP: what is read then is judged by the methodologies' rules alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from carrot_fixtures import METHODOLOGIES, VARIANTS, MassIdJourney, SubmissionFailed, mass_id
from carrot_fixtures.events import iso
from carrot_fixtures.making import EARLIEST_NOW
from conftest import World
from judge import disagreements, ill_shaped, judge

CASES = [
    (methodology, variant.name)
    for variant in VARIANTS.values()
    for methodology in METHODOLOGIES
    if methodology in variant.methodologies
]
STRICT = {"unknown-properties": "reject", "event-parties": "required", "future-timestamps": "reject"}


def failures(document: dict[str, Any], journey: MassIdJourney) -> dict[str, str]:
    verdicts = judge(document, journey.accreditations, methodology=journey.methodology, now=journey.now)
    return {rule: verdict.why for rule, verdict in verdicts.items() if not verdict.passed}


@pytest.fixture
def strict(workspace: dict[str, Any]) -> Iterator[httpx.Client]:
    """The control API of a workspace that accepts nothing doubtful."""
    with httpx.Client(
        base_url=f"{workspace['url']}/_mock/workspaces/{workspace['id']}/", verify=False
    ) as control:
        assert control.patch("semantics", json=STRICT).status_code == 200
        yield control


@pytest.mark.parametrize(("methodology", "variant"), CASES)
def test_what_is_read_breaks_the_rules_that_the_variant_names_and_no_other(
    authorised: httpx.Client, strict: httpx.Client, methodology: str, variant: str
) -> None:
    journey = mass_id(seed=41, methodology=methodology, variant=variant)
    if VARIANTS[variant].own_names:
        strict.patch("semantics", json={"conventions": "off"})
    document_id = journey.submit(authorised)

    document = authorised.get(f"/documents/{document_id}").json()
    assert ill_shaped(document) == []
    assert disagreements(document, journey.accreditations) == []
    assert tuple(failures(document, journey)) == VARIANTS[variant].breaks, failures(document, journey)
    noted = [note for entry in strict.get("requests").json() for note in entry["advisories"]]
    assert noted == []


@pytest.mark.parametrize("seed", range(12))
def test_another_seed_makes_another_journey_that_is_as_good(world: World, seed: int) -> None:
    for methodology, variant in CASES[seed::12]:
        now = datetime(2025 + seed % 3, 1 + seed, 1 + 2 * seed, seed, tzinfo=UTC)
        journey = mass_id(
            seed=-seed, methodology=methodology, variant=variant, event_names="constant", now=now
        )
        world.semantics(conventions="off" if VARIANTS[variant].own_names else "enforce")
        document = world.read(journey.submit(world.a, batch=True))

        assert ill_shaped(document) == []
        assert disagreements(document, journey.accreditations) == []
        assert tuple(failures(document, journey)) == VARIANTS[variant].breaks, (seed, methodology, variant)


def test_the_oldest_and_the_shortest_period_hold_a_journey(world: World) -> None:
    for now in (
        EARLIEST_NOW,
        datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=UTC),
    ):
        journey = mass_id(seed=5, now=now)
        assert failures(world.read(journey.submit(world.a)), journey) == {}
        assert all(event["externalCreatedAt"] < iso(now) for event in journey.events)


def test_all_variants_of_a_seed_can_be_told_to_one_server(world: World) -> None:
    for locale in ("pt_BR", "en_US"):
        for methodology, variant in CASES:
            world.semantics(conventions="off" if VARIANTS[variant].own_names else "enforce")
            journey = mass_id(seed=1, methodology=methodology, variant=variant, locale=locale)
            document = world.read(journey.submit(world.a, batch=True))
            assert disagreements(document, journey.accreditations) == []


def test_the_title_spelling_is_judged_the_same(world: World) -> None:
    journey = mass_id(seed=3, event_names="title", locale="en_US")
    document = world.read(journey.submit(world.a))
    names = [event["name"] for event in document["externalEvents"] if event["name"] not in ("ACTOR", "CLOSE")]
    assert names[:3] == ["Pick-up", "Transport Manifest", "Weighing"]
    assert failures(document, journey) == {}


def test_the_deprecated_vocabulary_is_refused_where_conventions_are_enforced(world: World) -> None:
    journey = mass_id(seed=1, variant="legacy")
    with pytest.raises(SubmissionFailed, match=r"POST /documents answered 400 to the document: .*MassID"):
        journey.submit(world.a)
    document_id = world.document()
    answers = [world.a.post(f"/documents/{document_id}/events", json=event) for event in journey.events]
    assert {answer.status_code for answer in answers} == {400}
    assert world.timeline(document_id) == []


def test_submitted_twice_it_is_there_once(world: World) -> None:
    journey = mass_id(seed=8)
    first = journey.submit(world.a)
    assert journey.submit(world.a, batch=True) == first
    keys = [event["deduplicationId"] for event in world.timeline(first)]
    assert keys == list(journey.deduplication_ids[1:])


def test_the_files_that_were_uploaded_come_back_as_they_were(world: World) -> None:
    journey = mass_id(seed=8)
    document_id = journey.submit(world.a)
    for file in journey.attachments:
        url = world.a.get(f"/documents/{document_id}/attachments/{file.file_name}").json()["url"]
        assert world.anyone.get(url).content == file.content


def test_a_refused_part_is_named_with_its_key_and_the_answer(world: World) -> None:
    journey = mass_id(seed=8)
    journey.events[5]["externalCreatedAt"] = "yesterday"
    with pytest.raises(SubmissionFailed) as refused:
        journey.submit(world.a)
    assert journey.events[5]["deduplicationId"] in str(refused.value)
    assert "answered 400 to the event PICK_UP" in str(refused.value)
    assert "/externalCreatedAt" in str(refused.value)


def test_a_refusal_can_be_read_by_a_program(world: World) -> None:
    journey = mass_id(seed=8)
    journey.document["measurementUnit"] = "KG"
    with pytest.raises(SubmissionFailed) as refused:
        journey.submit(world.a)
    assert (refused.value.part, refused.value.status) == ("the document", 400)
    assert "kg" in refused.value.answer


def test_bodies_without_keys_are_sent_as_they_are(world: World) -> None:
    journey = mass_id(seed=8)
    for body in (journey.document, *journey.events):
        del body["deduplicationId"]
    assert journey.deduplication_ids == ()
    assert journey.submit(world.a) != journey.submit(world.a, batch=True)


def test_it_waits_when_the_api_asks_for_patience(make_world: Any) -> None:
    limited = make_world(rate_limit=5)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        limited.clock.advance(seconds)

    journey = mass_id(seed=8)
    document_id = journey.submit(limited.a, sleep=sleep)
    assert waited
    assert set(waited) == {1.0}
    limited.clock.advance(10)
    assert len(limited.timeline(document_id)) == len(journey.events)


def test_it_gives_up_after_five_tries(make_world: Any) -> None:
    limited = make_world(rate_limit=1)
    waited: list[float] = []
    with pytest.raises(SubmissionFailed, match="answered 429 to the file mtr-"):
        mass_id(seed=8).submit(limited.a, sleep=waited.append)
    assert waited == [1.0, 2.0, 4.0, 8.0]
