"""The table of places agrees with what is known of Brazil apart from it: postal ranges, and where cities lie."""

from __future__ import annotations

import unicodedata
from itertools import combinations
from math import asin, cos, hypot, radians, sin, sqrt
from typing import Final

import pytest
from carrot_fixtures.places import CITIES, City, District

EARTH_KM: Final = 6_371.0
FARTHEST_KM: Final = 30.0  # from the middle of the city
FARTHEST_DEGREES: Final = 0.35  # from the first district of the city
NEAREST_KM: Final = 0.3  # two districts of a city are not one point
SEVERAL: Final = {"SP", "RJ", "MG", "PR", "SC", "RS", "BA", "GO", "PE"}  # states with two cities at least

# The first five digits of the lowest and of the highest postal code, as the post office hands them out to states.
STATES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "AC": (("69900", "69999"),),
    "AL": (("57000", "57999"),),
    "AM": (("69000", "69299"), ("69400", "69899")),
    "AP": (("68900", "68999"),),
    "BA": (("40000", "48999"),),
    "CE": (("60000", "63999"),),
    "DF": (("70000", "72799"), ("73000", "73699")),
    "ES": (("29000", "29999"),),
    "GO": (("72800", "72999"), ("73700", "76799")),
    "MA": (("65000", "65999"),),
    "MG": (("30000", "39999"),),
    "MS": (("79000", "79999"),),
    "MT": (("78000", "78899"),),
    "PA": (("66000", "68899"),),
    "PB": (("58000", "58999"),),
    "PE": (("50000", "56999"),),
    "PI": (("64000", "64999"),),
    "PR": (("80000", "87999"),),
    "RJ": (("20000", "28999"),),
    "RN": (("59000", "59999"),),
    "RO": (("76800", "76999"),),
    "RR": (("69300", "69399"),),
    "RS": (("90000", "99999"),),
    "SC": (("88000", "89999"),),
    "SE": (("49000", "49999"),),
    "SP": (("01000", "19999"),),
    "TO": (("77000", "77999"),),
}

# State, the same two ends for the city (of the range that its streets here are in), and the middle of the city.
KNOWN: Final[dict[str, tuple[str, str, str, float, float]]] = {
    "Anápolis": ("GO", "75000", "75159", -16.3267, -48.9528),
    "Aracaju": ("SE", "49010", "49098", -10.9111, -37.0717),
    "Belo Horizonte": ("MG", "30110", "31999", -19.9208, -43.9378),
    "Belém": ("PA", "66000", "66999", -1.4558, -48.5044),
    "Blumenau": ("SC", "89010", "89079", -26.9194, -49.0661),
    "Boa Vista": ("RR", "69301", "69339", 2.8197, -60.6733),
    "Brasília": ("DF", "70000", "72799", -15.7939, -47.8828),
    "Campina Grande": ("PB", "58400", "58449", -7.2306, -35.8811),
    "Campinas": ("SP", "13010", "13139", -22.9056, -47.0608),
    "Campo Grande": ("MS", "79002", "79124", -20.4428, -54.6464),
    "Caxias do Sul": ("RS", "95010", "95124", -29.1681, -51.1794),
    "Cuiabá": ("MT", "78005", "78109", -15.5961, -56.0967),
    "Curitiba": ("PR", "80010", "82999", -25.4278, -49.2731),
    "Feira de Santana": ("BA", "44001", "44099", -12.2667, -38.9667),
    "Florianópolis": ("SC", "88010", "88099", -27.5969, -48.5495),
    "Fortaleza": ("CE", "60010", "61599", -3.7172, -38.5431),
    "Goiânia": ("GO", "74000", "74899", -16.6786, -49.2539),
    "Guarulhos": ("SP", "07000", "07399", -23.4628, -46.5333),
    "Joinville": ("SC", "89200", "89239", -26.3044, -48.8456),
    "João Pessoa": ("PB", "58010", "58099", -7.1150, -34.8631),
    "Juiz de Fora": ("MG", "36010", "36107", -21.7642, -43.3503),
    "Jundiaí": ("SP", "13201", "13219", -23.1864, -46.8842),
    "Londrina": ("PR", "86010", "86099", -23.3103, -51.1628),
    "Macapá": ("AP", "68900", "68914", 0.0349, -51.0694),
    "Maceió": ("AL", "57010", "57099", -9.6658, -35.7353),
    "Manaus": ("AM", "69005", "69099", -3.1019, -60.0250),
    "Maringá": ("PR", "87010", "87109", -23.4253, -51.9386),
    "Natal": ("RN", "59010", "59149", -5.7950, -35.2094),
    "Niterói": ("RJ", "24020", "24399", -22.8833, -43.1036),
    "Olinda": ("PE", "53010", "53399", -8.0089, -34.8553),
    "Palmas": ("TO", "77001", "77270", -10.1844, -48.3336),
    "Pelotas": ("RS", "96010", "96099", -31.7719, -52.3425),
    "Petrópolis": ("RJ", "25600", "25779", -22.5050, -43.1786),
    "Porto Alegre": ("RS", "90010", "91999", -30.0331, -51.2300),
    "Porto Velho": ("RO", "76801", "76834", -8.7619, -63.9039),
    "Recife": ("PE", "50010", "52999", -8.0539, -34.8811),
    "Ribeirão Preto": ("SP", "14000", "14114", -21.1775, -47.8103),
    "Rio Branco": ("AC", "69900", "69924", -9.9747, -67.8100),
    "Rio de Janeiro": ("RJ", "20010", "23799", -22.9068, -43.1729),
    "Salvador": ("BA", "40010", "42499", -12.9711, -38.5108),
    "Santos": ("SP", "11010", "11099", -23.9608, -46.3336),
    "Sorocaba": ("SP", "18010", "18109", -23.5017, -47.4581),
    "São José dos Campos": ("SP", "12200", "12249", -23.1794, -45.8869),
    "São Luís": ("MA", "65010", "65109", -2.5283, -44.3044),
    "São Paulo": ("SP", "01000", "05999", -23.5505, -46.6333),
    "Teresina": ("PI", "64000", "64099", -5.0892, -42.8019),
    "Uberlândia": ("MG", "38400", "38415", -18.9186, -48.2772),
    "Vitória": ("ES", "29010", "29099", -20.3194, -40.3378),
}

EVERY_CITY: Final = pytest.mark.parametrize("city", CITIES, ids=lambda city: f"{city.name}-{city.state}")


def in_range(prefix: str, *ranges: tuple[str, str]) -> bool:
    return any(low <= prefix <= high for low, high in ranges)


def km(one: District, latitude: float, longitude: float) -> float:
    """The great-circle distance."""
    north, east = radians(latitude - one.latitude), radians(longitude - one.longitude)
    chord = sin(north / 2) ** 2 + cos(radians(one.latitude)) * cos(radians(latitude)) * sin(east / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(chord))


def names() -> list[str]:
    return [name for city in CITIES for name in (city.name, *(each.name for each in city.districts))]


def test_every_state_has_a_city() -> None:
    assert {city.state for city in CITIES} == set(STATES)


def test_the_large_states_have_two() -> None:
    states = [city.state for city in CITIES]
    assert {state for state in SEVERAL if states.count(state) < 2} == set()


def test_each_city_is_there_once() -> None:
    assert len({(city.name, city.state) for city in CITIES}) == len(CITIES)


def test_the_cities_are_those_that_are_known_here() -> None:
    assert {city.name: city.state for city in CITIES} == {name: known[0] for name, known in KNOWN.items()}


@pytest.mark.parametrize("name", sorted(set(names())))
def test_a_name_is_trimmed_and_composed(name: str) -> None:
    assert name == " ".join(name.split())
    assert name
    assert unicodedata.is_normalized("NFC", name)


@EVERY_CITY
def test_a_city_has_three_to_five_districts_of_different_names(city: City) -> None:
    assert 3 <= len(city.districts) <= 5
    assert len({district.name.casefold() for district in city.districts}) == len(city.districts)


@EVERY_CITY
def test_a_postal_prefix_is_in_the_range_of_its_state_and_of_its_city(city: City) -> None:
    _, low, high, _, _ = KNOWN[city.name]
    for district in city.districts:
        prefix = district.postal_prefix
        assert len(prefix) == 5, district
        assert prefix.isascii(), district
        assert prefix.isdigit(), district
        assert in_range(prefix, *STATES[city.state]), district
        assert in_range(prefix, (low, high)), district


@EVERY_CITY
def test_a_district_is_near_the_middle_of_its_city(city: City) -> None:
    *_, latitude, longitude = KNOWN[city.name]
    assert [each for each in city.districts if km(each, latitude, longitude) > FARTHEST_KM] == []


@EVERY_CITY
def test_a_district_is_near_the_first_of_its_city(city: City) -> None:
    first = city.districts[0]
    assert [
        each
        for each in city.districts
        if hypot(each.latitude - first.latitude, each.longitude - first.longitude) > FARTHEST_DEGREES
    ] == []


@EVERY_CITY
def test_two_districts_are_apart(city: City) -> None:
    pairs = combinations(city.districts, 2)
    assert [(a, b) for a, b in pairs if km(a, b.latitude, b.longitude) < NEAREST_KM] == []


@EVERY_CITY
def test_a_coordinate_has_four_decimals_at_most(city: City) -> None:
    for district in city.districts:
        for degrees in (district.latitude, district.longitude):
            assert isinstance(degrees, float), district
            assert degrees == round(degrees, 4), district


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        CITIES[0].districts[0].name = "Outro"  # type: ignore[misc]
