"""The provider on its own, in a Faker of the user's."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from carrot_fixtures import DEFAULT_NOW, CarrotProvider
from carrot_fixtures.cargo import CONTAINERS
from carrot_fixtures.places import CITIES
from carrot_fixtures.texts import TEXTS
from faker import Factory, Faker
from faker.config import PROVIDERS
from faker.providers.company.pt_BR import company_id_checksum
from faker.providers.ssn.pt_BR import checksum

CNPJ = re.compile(r"99\d{6}0001\d{2}")
PLATE = re.compile(r"ZZ[A-Z]\d(?:[A-Z]\d{2}|\d{3})")


@pytest.fixture(params=["pt_BR", "en_US"])
def fake(request: pytest.FixtureRequest) -> Faker:
    found = Faker(request.param)
    found.add_provider(CarrotProvider)
    found.seed_instance(3)
    return found


def attributes(part: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each["value"] for each in part["metadata"]["attributes"]}


def test_everything_can_be_had_again_from_the_seed(fake: Faker) -> None:
    methods = [name for name in vars(CarrotProvider) if not name.startswith("_") and name != "language"]
    assert len(methods) > 15

    def all_of_them() -> list[Any]:
        fake.seed_instance(5)
        made = [getattr(fake, method)() for method in methods]
        assert made != [getattr(fake, method)() for method in methods]
        return made

    assert all_of_them() == all_of_them()


def test_tax_ids_have_check_digits_that_faker_agrees_with(fake: Faker) -> None:
    for _ in range(200):
        company, person = fake.cnpj_br(), fake.cpf_br()
        assert CNPJ.fullmatch(company)
        digits = [int(digit) for digit in company]
        assert digits[12:] == list(company_id_checksum(digits[:12]))
        assert re.fullmatch(r"90000\d{6}", person)
        first = [int(digit) for digit in person[:9]]
        assert int(person[9]) == checksum(first)
        assert int(person[10]) == checksum([*first, int(person[9])])


def test_plates_are_of_the_kind_that_is_asked_for(fake: Faker) -> None:
    plates = {fake.license_plate_br() for _ in range(100)}
    assert all(PLATE.fullmatch(plate) for plate in plates)
    assert {plate[4].isalpha() for plate in plates} == {True, False}
    assert all(fake.license_plate_br(mercosul=True)[4].isalpha() for _ in range(30))
    assert all(fake.license_plate_br(mercosul=False)[3:].isdigit() for _ in range(30))


def test_a_waste_code_is_of_the_subtype_that_is_asked_for(fake: Faker) -> None:
    assert fake.waste_code("Garden, Yard and Park Waste").code == "20 02 01"
    assert {fake.waste_code().subtype for _ in range(300)} > {"Domestic Sludge", "Others (if organic)"}
    with pytest.raises(ValueError, match="no subtype with a waste code 'Tobacco'"):
        fake.waste_code("Tobacco")


@pytest.mark.parametrize("role", ["waste_generator", "hauler", "processor", "recycler", "integrator"])
def test_a_party_is_ready_to_be_a_part_of_a_payload(fake: Faker, role: str) -> None:
    party = getattr(fake, role)()
    assert CNPJ.fullmatch(party["participant"]["taxId"])
    assert party["participant"]["id"] != party["address"]["id"]
    assert {"city", "countryCode", "countryState", "name", "number", "street"} <= set(party["address"])


def test_the_same_tax_id_always_has_the_same_id(fake: Faker) -> None:
    ids = {}
    for _ in range(300):
        person = fake.waste_generator(person=True)["participant"]
        assert person["taxIdType"] == "CPF"
        assert ids.setdefault(person["taxId"], person["id"]) == person["id"]
    assert len(set(ids.values())) == len(ids)


def test_an_address_is_all_of_one_place(fake: Faker) -> None:
    districts = {
        (city.name, city.state, district.name): district for city in CITIES for district in city.districts
    }
    for _ in range(200):
        address = fake.address_br()
        district = districts[address["city"], address["countryState"], address["neighborhood"]]
        assert address["zipCode"].startswith(district.postal_prefix)
        assert len(address["zipCode"]) == 8
        assert address["latitude"] == pytest.approx(district.latitude, abs=0.0023)
        assert address["longitude"] == pytest.approx(district.longitude, abs=0.0023)


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_weighing_adds_up_to_the_net_weight_that_is_asked_for(fake: Faker, container: str) -> None:
    weighing = fake.weighing(net_kg=432.5, container=container)
    read = attributes(weighing)
    net = read["Gross Weight"] - read["Tare"] * read.get("Container Quantity", 1)
    assert weighing["value"] == 432.5 == pytest.approx(net)
    assert ("Container Quantity" in read) == (container != "Truck")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"container": "Bins"}, "no container 'Bins'; the nearest are Bin"),
        ({"scale": "Weighbrige"}, "the nearest are Weighbridge"),
        ({"net_kg": 0.001}, "net_kg must be a weight from 0.01"),
        ({"net_kg": "5"}, "net_kg must be a weight from 0.01"),
        ({"net_kg": True}, "net_kg must be a weight from 0.01"),
        ({"net_kg": 0}, "net_kg must be a weight from 0.01"),
        ({"net_kg": float("nan")}, "net_kg must be a weight from 0.01"),
        ({"net_kg": float("inf")}, "net_kg must be a weight from 0.01"),
    ],
)
def test_a_weighing_that_cannot_be_is_refused(fake: Faker, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fake.weighing(**arguments)


def test_a_load_fits_the_containers_that_are_chosen_for_it(fake: Faker) -> None:
    for net_kg in (0.01, 3, 80, 900, 5_000, 250_000):
        for _ in range(20):
            read = attributes(fake.weighing(net_kg=net_kg))
            kind = CONTAINERS[read["Container Type"]]
            if kind.quantity is not None:
                assert net_kg * 100 <= read["Container Quantity"] * kind.load[1]


def test_a_timeline_is_in_order_and_ends_before_now(fake: Faker) -> None:
    moments = list(fake.mass_id_timeline(now=DEFAULT_NOW).values())
    assert all(earlier <= later for earlier, later in pairwise(moments))
    assert moments[-1] < DEFAULT_NOW.isoformat()


def test_it_writes_in_the_language_of_its_faker() -> None:
    english = Faker("en_US", includes=["carrot_fixtures"])
    portuguese = Faker("pt_BR", includes=["carrot_fixtures"])
    german = Faker("de_DE", includes=["carrot_fixtures"])
    assert english.mass_id(seed=1).locale == "en_US"
    assert portuguese.mass_id(seed=1).locale == "pt_BR"
    assert german.mass_id(seed=1).locale == "pt_BR"
    assert english.weighing()["metadata"]["attributes"][0]["value"] in TEXTS["en_US"].weighing
    assert german.weighing()["metadata"]["attributes"][0]["value"] in TEXTS["pt_BR"].weighing


def test_added_to_a_faker_it_follows_its_language(fake: Faker) -> None:
    (language,) = fake.locales
    assert fake.mass_id(seed=1).locale == language
    assert fake.mass_id(seed=1, locale="pt_BR").locale == "pt_BR"


def test_adding_it_hides_nothing_of_fakers_own() -> None:
    # Older releases add what one Faker includes to every later one.
    own = [path for path in PROVIDERS if path.startswith("faker.")]
    before = {name for name in dir(Factory.create("pt_BR", own)) if not name.startswith("_")}
    offered = {name for name in vars(CarrotProvider) if not name.startswith("_")}
    assert before.isdisjoint(offered)
