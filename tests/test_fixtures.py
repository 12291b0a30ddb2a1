"""What journeys promise before they are sent: the same again for a seed, numbers that agree, and clear refusals."""

from __future__ import annotations

import json
import pickle
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import carrot_fixtures
import pytest
from carrot_fixtures import DEFAULT_NOW, METHODOLOGIES, VARIANTS, MassIdJourney, mass_id
from carrot_fixtures.cargo import CAPTURE_METHODS, CONTAINERS, SCALES, VEHICLES
from carrot_fixtures.waste import codes_of, waste_codes
from faker import Faker
from golden_files import InventedNames
from judge import ill_shaped
from test_pdf import text_of


def whole(journey: MassIdJourney) -> bytes:
    """All that a journey holds, as bytes."""
    parts = (journey.document, journey.events, journey.accreditations, journey.deduplication_ids)
    return json.dumps(parts).encode() + b"".join(file.content for file in journey.attachments)


def value(event: dict[str, Any], name: str) -> Any:
    return next((each["value"] for each in event["metadata"]["attributes"] if each["name"] == name), None)


def named(journey: MassIdJourney, name: str) -> dict[str, Any]:
    return next(event for event in journey.events if event["name"] == name)


# The same again ---------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert whole(mass_id(seed=7)) == whole(mass_id(seed=7))
    assert mass_id(seed=7) == mass_id(seed=7)
    assert whole(mass_id(seed=7)) != whole(mass_id(seed=8))


@pytest.mark.parametrize("bits", [0, 1, 64, 200, 20_000])
def test_any_integer_is_a_seed(bits: int) -> None:
    for seed in (2**bits, -(2**bits)):
        assert whole(mass_id(seed=seed)) == whole(mass_id(seed=seed))


def test_a_seed_and_its_negative_have_nothing_in_common() -> None:
    assert mass_id(seed=1).document["participant"]["name"] != mass_id(seed=-1).document["participant"]["name"]


def test_what_counts_as_an_integer_is_a_seed() -> None:
    class Count:
        def __index__(self) -> int:
            return 7

    assert mass_id(seed=Count()) == mass_id(seed=7)  # type: ignore[arg-type]


def test_the_parties_of_a_journey_have_different_names() -> None:
    for seed in range(100):
        names = [event["participant"]["name"] for event in mass_id(seed=seed).events[:5]]
        assert len(set(names)) == 5


def test_threads_make_the_same_as_one_after_the_other() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda seed: whole(mass_id(seed=seed)), range(60)))
    assert made == [whole(mass_id(seed=seed)) for seed in range(60)]


def test_without_a_seed_it_is_another_each_time_and_says_how_to_have_it_again() -> None:
    first, second = mass_id(), mass_id()
    assert first.seed != second.seed
    assert whole(mass_id(seed=first.seed)) == whole(first)


def test_another_process_makes_the_same_bytes() -> None:
    program = (
        "import random, sys; random.seed(int(sys.argv[1])); from carrot_fixtures import mass_id;"
        "sys.stdout.write(repr((mass_id(seed=7), mass_id(seed=7).attachments, mass_id(seed=7).accreditations)))"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", program, noise],
            env={"PYTHONHASHSEED": noise, "TZ": zone, "LC_ALL": "C", "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for noise, zone in (("1", "UTC"), ("2", "America/Rio_Branco"))
    ]
    journey = mass_id(seed=7)
    assert made[0] == made[1] == repr((journey, journey.attachments, journey.accreditations)).encode()


def test_it_leaves_the_global_random_numbers_alone() -> None:
    random.seed(1)
    before = random.getstate()
    mass_id().attachments  # noqa: B018 - they are made when asked for
    Faker("pt_BR").seed_instance(3)
    assert random.getstate() == before


def test_a_seeded_faker_decides_the_journey_and_moves_on() -> None:
    fake, again = Faker("pt_BR"), Faker("pt_BR")
    fake.seed_instance(3)
    again.seed_instance(3)
    first = mass_id(fake)
    assert whole(first) == whole(mass_id(again))
    assert fake.pyint() == again.pyint()
    assert mass_id(fake).seed != first.seed


def test_with_a_faker_and_a_seed_the_seed_decides_and_the_faker_stays_where_it_was() -> None:
    fake, untouched = Faker("en_US"), Faker("en_US")
    fake.seed_instance(3)
    untouched.seed_instance(3)
    assert whole(mass_id(fake, seed=7)) == whole(mass_id(fake, seed=7))
    assert fake.pyint() == untouched.pyint()


def test_a_faker_of_several_locales_gives_names_of_its_first() -> None:
    fake = Faker(["en_US", "pt_BR"])
    assert whole(mass_id(fake, seed=7)) == whole(mass_id(Faker("en_US"), seed=7))


def test_names_that_the_font_of_a_page_lacks_do_not_stop_it() -> None:
    journey = mass_id(Faker("ja_JP"), seed=7)
    assert "?" in "".join(text_of(journey.attachments[0].content))


def test_only_names_come_from_faker() -> None:
    """Two Fakers of different languages agree on everything else."""

    def rest(journey: MassIdJourney) -> str:
        text = json.dumps([journey.events, journey.accreditations], ensure_ascii=False)
        for party in re.findall(r'"(?:name|street)": "[^"]*"', text):
            text = text.replace(party, "")
        # addresses are other ones by their streets, and so have other ids; keys are the language's too
        return re.sub(r'"[0-9a-f-]{36}"|massid-[0-9a-f]{16}', "", text)

    assert rest(mass_id(Faker("en_US"), seed=7)) == rest(mass_id(Faker("de_DE"), seed=7))


def test_a_journey_can_be_copied_to_another_process() -> None:
    journey = mass_id(seed=7)
    assert whole(pickle.loads(pickle.dumps(journey))) == whole(journey)


def test_what_is_changed_in_one_event_stays_there() -> None:
    journey, untouched = mass_id(seed=7), mass_id(seed=7)
    journey.events[0]["participant"]["name"] = "Somebody else"
    journey.events[5]["metadata"]["attributes"].clear()
    assert journey.document == untouched.document
    assert journey.events[1:5] == untouched.events[1:5]
    assert journey.accreditations == untouched.accreditations
    assert mass_id(seed=7) == untouched


# Numbers that agree -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_weights_add_up(seed: int) -> None:
    variant = ("truck", "bin", "waste-box", "bag")[seed % 4]
    journey = mass_id(seed=seed, variant=variant)
    weighing, sorting = named(journey, "WEIGHING"), named(journey, "SORTING")
    quantity = value(weighing, "Container Quantity")
    assert (quantity is None) == (variant == "truck")
    net = value(weighing, "Gross Weight") - value(weighing, "Tare") * (quantity or 1)
    assert net == pytest.approx(weighing["value"])
    assert value(sorting, "Gross Weight") == weighing["value"] == journey.document["value"]
    deducted = value(sorting, "Gross Weight") * value(sorting, "Sorting Factor")
    assert value(sorting, "Deducted Weight") == pytest.approx(deducted, abs=0.0051)
    assert sorting["value"] == pytest.approx(weighing["value"] - value(sorting, "Deducted Weight"))


@pytest.mark.parametrize("seed", range(20))
def test_times_are_in_order_with_gaps_as_in_life(seed: int) -> None:
    now = DEFAULT_NOW + timedelta(days=37 * seed)
    journey = mass_id(seed=seed, now=now, variant="two-step-weighing")
    moments = [datetime.fromisoformat(event["externalCreatedAt"]) for event in journey.events]
    assert all(earlier <= later for earlier, later in pairwise(moments))
    assert moments[-1] < now
    at = {event["name"]: datetime.fromisoformat(event["externalCreatedAt"]) for event in journey.events}
    assert timedelta(days=60) <= at["RECYCLED"] - at["DROP_OFF"] <= timedelta(days=180)
    assert timedelta(minutes=30) <= at["DROP_OFF"] - at["PICK_UP"] <= timedelta(hours=6)
    assert at["RECYCLED"].year >= now.year - 1
    # One day from pick-up to sorting, in each of Brazil's time zones: what the files say has one date.
    for hours in (-2, -3, -4, -5):
        zone = timezone(timedelta(hours=hours))
        assert at["PICK_UP"].astimezone(zone).date() == at["SORTING"].astimezone(zone).date()


@pytest.mark.parametrize("variant", ["truck", "bin", "person-as-generator", "unidentified-origin", "cart"])
def test_the_files_state_the_numbers_of_the_events(variant: str) -> None:
    journey = mass_id(seed=11, variant=variant)
    manifest, ticket, certificate = (text_of(file.content) for file in journey.attachments)
    pick_up, weighing = named(journey, "PICK_UP"), named(journey, "WEIGHING")
    carried, recycled = named(journey, "TRANSPORT_MANIFEST"), named(journey, "RECYCLING_MANIFEST")

    def day(event: dict[str, Any]) -> str:
        return f"{datetime.fromisoformat(event['externalCreatedAt']):%d/%m/%Y}"

    tax_ids = {
        event["label"]: event["participant"]["taxId"] for event in journey.events if event["name"] == "ACTOR"
    }
    assert f"Número do MTR: {value(carried, 'Document Number')}" in manifest
    assert f"Data de emissão: {day(carried)}" in manifest
    assert f"Data do transporte: {day(pick_up)}" in manifest
    assert f"Data do recebimento: {day(named(journey, 'DROP_OFF'))}" in manifest
    assert f"Placa do veículo: {value(pick_up, 'Vehicle License Plate')}" in manifest
    assert f"Quantidade: {carried['value']} kg" in manifest
    assert any(value(pick_up, "Local Waste Classification ID") in line for line in manifest)
    assert f"Peso líquido: {weighing['value']} kg" in ticket
    assert f"Peso bruto: {value(weighing, 'Gross Weight')} kg" in ticket
    assert f"Número do CDF: {value(recycled, 'Document Number')}" in certificate
    assert f"Data de emissão: {day(recycled)}" in certificate
    assert f"Período: {day(named(journey, 'DROP_OFF'))} a {day(named(journey, 'RECYCLED'))}" in certificate
    assert f"Quantidade compostada: {recycled['value']} kg" in certificate
    assert f"Manifestos incluídos: {value(carried, 'Document Number')}" in certificate
    for role, page in (("Recycler", manifest), ("Recycler", certificate), ("Hauler", manifest)):
        if role in tax_ids:
            assert any(tax_ids[role] in line for line in page)
    assert any(journey.document["participant"]["taxId"] in line for line in manifest)
    for event, file in zip((carried, weighing, recycled), journey.attachments, strict=True):
        assert [(each["fileName"], each["label"]) for each in event["attachments"]] == [
            (file.file_name, file.label)
        ]


def test_who_is_known_by_an_actor_event_is_named_by_id_afterwards() -> None:
    journey = mass_id(seed=7)
    inline = [event for event in journey.events if "participant" in event]
    assert [event["name"] for event in inline] == ["ACTOR"] * 5
    known = {(event["participant"]["id"], event["address"]["id"]) for event in inline}
    others = [event for event in journey.events if event["name"] != "ACTOR"]
    assert all((event["participantId"], event["addressId"]) in known for event in others)


def test_the_batch_holds_the_events_for_a_document() -> None:
    journey = mass_id(seed=7)
    assert journey.batch("an id") == {"documentId": "an id", "events": journey.events}


def test_keys_are_one_for_each_body_and_differ_between_journeys() -> None:
    journeys = [
        mass_id(seed=seed, variant=name) for seed in range(5) for name in VARIANTS if "emis" not in name
    ]
    keys = [key for journey in journeys for key in journey.deduplication_ids]
    assert len(set(keys)) == len(keys)
    assert len(keys) > 5_000


# The tables -------------------------------------------------------------------------------------------------


def test_every_value_that_the_rules_know_is_in_a_variant() -> None:
    plans = [variant.plan for variant in VARIANTS.values() if not variant.name.startswith("broken:")]
    assert {plan.vehicle for plan in plans} == set(VEHICLES)
    assert {plan.container for plan in plans} == set(CONTAINERS)
    assert {plan.scale for plan in plans} == set(SCALES)
    assert {plan.capture_method for plan in plans} == set(CAPTURE_METHODS)
    assert {plan.subtype for plan in plans} >= {code.subtype for code in waste_codes()}


def test_every_rule_that_a_payload_can_break_has_a_variant_that_breaks_it_alone() -> None:
    for methodology in METHODOLOGIES.values():
        for rule in methodology.rules:
            if "conflicting" in rule:
                # It is about other documents: certificates and orders that were issued for this one.
                assert f"broken:{rule}" not in VARIANTS
                continue
            variant = VARIANTS[f"broken:{rule}"]
            assert variant.breaks == (rule,)
            assert methodology.slug in variant.methodologies


def test_every_waste_code_comes_up() -> None:
    seen = {
        value(named(mass_id(seed=seed, variant=variant), "PICK_UP"), "Local Waste Classification ID")
        for variant in ("food", "garden", "wood", "domestic-sludge", "industrial-sludge", "others-if-organic")
        for seed in range(700 if variant == "others-if-organic" else 150)
    }
    assert seen == {code.code for code in waste_codes()}
    assert len(seen) == 154
    assert codes_of("Tobacco") == ()


@pytest.mark.parametrize("variant", ["bicycle", "cart", "boat", "cargo-ship", "sludge-pipes"])
def test_what_goes_slowly_stays_in_town(variant: str) -> None:
    for seed in range(50):
        journey = mass_id(seed=seed, variant=variant)
        addresses = {event["label"]: event["address"] for event in journey.events if "label" in event}
        assert addresses["Waste Generator"]["city"] == addresses["Recycler"]["city"]
        assert variant not in ("bicycle", "cart") or journey.document["value"] <= 130


def test_the_last_events_are_in_working_hours_so_that_their_dates_are_those_of_brazil() -> None:
    for seed in range(60):
        for event in mass_id(seed=seed).events[-3:]:
            assert 13 <= datetime.fromisoformat(event["externalCreatedAt"]).hour <= 20


def test_the_table_of_variants_says_what_each_is() -> None:
    for name, variant in VARIANTS.items():
        assert variant.name == name
        assert variant.summary.endswith((".", "`."))
        assert set(variant.breaks) <= {rule for each in METHODOLOGIES.values() for rule in each.rules}
        assert set(variant.methodologies) <= set(METHODOLOGIES)


@pytest.mark.parametrize(
    ("name", "last"),
    [("incomplete", "DROP_OFF"), ("incomplete:sorting", "SORTING"), ("incomplete:pick-up", "PICK_UP")],
)
def test_an_incomplete_journey_stops_at_its_event_with_the_files_until_then(name: str, last: str) -> None:
    journey = mass_id(seed=7, variant=name)
    assert journey.events[-1]["name"] == last
    declared = {file["fileName"] for event in journey.events for file in event.get("attachments", ())}
    assert {file.file_name for file in journey.attachments} == declared


def test_what_the_package_offers_is_what_it_says() -> None:
    assert all(getattr(carrot_fixtures, name) is not None for name in carrot_fixtures.__all__)
    promised = "mass_id MassIdJourney Attachment CarrotProvider METHODOLOGIES VARIANTS DEFAULT_NOW"
    assert set(promised.split()) <= set(carrot_fixtures.__all__)


# Clear refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"variant": "two-step"}, "there is no variant 'two-step'; the nearest are two-step-weighing"),
        ({"variant": "broken:weighting"}, "the nearest are broken:weighing"),
        ({"variant": None}, "there is no variant None"),
        ({"variant": "TRUCK"}, "the nearest are truck"),
        ({"variant": "zzzzzzzzzzzz"}, "there are 80, such as truck"),
        ({"faker": Faker}, "faker must be a Faker"),
        ({"faker": Faker().unique}, "faker must be a Faker"),
        ({"faker": InventedNames()}, "give a seed"),
        (
            {"variant": "truck", "methodology": "bold"},
            "no methodology 'bold'; there are bold-recycling, bold-carbon",
        ),
        ({"locale": "pt-BR"}, "there is no locale 'pt-BR'; there are pt_BR, en_US"),
        ({"locale": ["pt_BR"]}, "there is no locale"),
        ({"event_names": "kebab"}, "there is no event_names 'kebab'; there are constant, title"),
        ({"seed": "7"}, "seed must be an integer, not '7'"),
        ({"seed": 7.0}, "seed must be an integer, not 7.0"),
        ({"seed": True}, "seed must be an integer, not True"),
        ({"now": datetime(2026, 7, 1)}, "now needs a time zone"),
        ({"now": datetime(2024, 12, 31, 23, 59, tzinfo=UTC)}, "now must be in 2025 or later"),
        ({"now": datetime(9999, 12, 31, tzinfo=UTC)}, "now must be before"),
        ({"now": "2026-07-01T00:00:00Z"}, "now must be a datetime with a time zone, not '2026"),
        ({"variant": "broken:prevented-emissions"}, "is for bold-carbon, not for bold-recycling"),
        ({"variant": "legacy", "event_names": "title"}, "the variant legacy has event names of its own"),
        ({"faker": 7}, "faker must be a Faker"),
    ],
)
def test_what_it_does_not_know_or_contradicts_itself_is_a_clear_value_error(
    arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        mass_id(**arguments)


# What the platform knows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("methodology", METHODOLOGIES)
def test_accreditations_have_the_shape_that_the_platform_stores(methodology: str) -> None:
    """As the API reads documents, but for the ids of events, and without what only the API adds."""
    for variant in VARIANTS.values():
        if methodology not in variant.methodologies:
            continue
        journey = mass_id(seed=2, methodology=methodology, variant=variant.name)
        roles = [each["subtype"] for each in journey.accreditations]
        expected = ["Waste Generator", "Processor", "Recycler", "Integrator"]
        assert roles == (expected if variant.plan.generator_known else expected[1:])
        for accreditation in journey.accreditations:
            complaints = {each for each in ill_shaped(accreditation) if "an id of 21 characters" not in each}
            assert complaints == {"/author is missing.", "/address is missing."}
            for event in accreditation["externalEvents"]:
                assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", event["id"])
