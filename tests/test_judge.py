"""The judge is judged: a document that is known to pass, and changes after which exactly the named rules fall."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from judge import (
    RULES,
    SPELLINGS,
    Case,
    address_tokens,
    dice,
    disagreements,
    distance_m,
    ill_shaped,
    judge,
    normal,
    prevented_co2e_kg,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EXAMPLE = json.loads((Path(__file__).parent / "data/example-massid.json").read_text("utf-8"))
OPEN_AIR = "Open-air dump"
FOOD, OTHERS, EFB = (
    "Food, Food Waste and Beverages",
    "Others (if organic)",
    "EFB similar to Garden, Yard and Park Waste",
)
MANURE = "Fezes, urina e estrume de animais (incluindo palha suja), efluentes recolhidos separadamente"
MANURE += " e tratados noutro local"
STAR = "Outros resíduos não anteriormente especificados"

UNIQUE, PERIOD, QUALIFIED = "waste-mass-is-unique", "project-period-limit", "mass-id-qualifications"
ACCREDITED = "participant-accreditations-and-verifications-requirements"
REGIONAL, PLACES = "regional-waste-classification", "geolocation-and-address-precision"
ORIGIN, HAULER = "waste-origin-identification", "hauler-identification"
VEHICLE, DRIVER = "vehicle-identification", "driver-identification"
TRANSPORT, RECYCLING = "transport-manifest-data", "recycling-manifest-data"
PROCESSOR, RECYCLER = "processor-identification", "recycler-identification"
WEIGHING, DROP_OFF, SORTING = "weighing", "drop-off-at-recycler", "mass-id-sorting"
CYCLE, EMISSIONS = "composting-cycle-timeframe", "prevented-emissions"
ALL = {rule.slug for rule in RULES}


@dataclass
class World:
    """A document, the accreditations by label, and the clock: what a change changes."""

    document: dict[str, Any]
    accreditations: dict[str, dict[str, Any]]
    now: datetime = NOW

    @property
    def events(self) -> list[dict[str, Any]]:
        return cast(list[dict[str, Any]], self.document["externalEvents"])

    def event(self, name: str) -> dict[str, Any]:
        """The first event of a name, or the ACTOR with that label."""
        return next(e for e in self.events if name in (e["name"], e.get("label")))

    def accredited(self, label: str, name: str) -> dict[str, Any]:
        return next(e for e in self.accreditations[label]["externalEvents"] if e["name"].startswith(name))

    def fallen(self, methodology: Any = "bold-carbon") -> set[str]:
        accreditations = self.accreditations.values()
        verdicts = judge(self.document, accreditations, methodology=methodology, now=self.now)
        return {slug for slug, verdict in verdicts.items() if not verdict.passed}


Change = Callable[[World], None]


def event(name: str, **values: Any) -> dict[str, Any]:
    address = values.pop("address", None)
    entries = [{"isPublic": True, "name": key.replace("_", " "), "value": v} for key, v in values.items()]
    found = {
        "name": name,
        "externalCreatedAt": "2025-06-01T00:00:00.000Z",
        "metadata": {"attributes": entries},
    }
    return found | ({"address": address} if address else {})


def put(target: dict[str, Any], name: str, value: Any, **entry: Any) -> None:
    """Sets an attribute, keeping what else its entry says; `...` takes it away."""
    entries = target.setdefault("metadata", {}).setdefault("attributes", [])
    old = next((e for e in entries if e["name"] == name), {"isPublic": True})
    entries[:] = [e for e in entries if e["name"] != name]
    if value is not ...:
        entries.append({**old, "name": name, "value": value, **entry})


def world() -> World:
    document = copy.deepcopy(EXAMPLE)
    made = World(document, {})
    for label in ("Integrator", "Processor", "Recycler", "Waste Generator"):
        actor = copy.deepcopy(made.event(label))
        result = event("Accreditation Result")
        put(result, "Accreditation Status", "Approved")
        put(result, "Effective Date", "2025-01-01T00:00:00.000Z", format="DATE")
        made.accreditations[label] = {
            "id": f"accreditation of {label}",
            "type": "Participant Accreditation",
            "subtype": label,
            "primaryParticipant": actor["participant"],
            "primaryAddress": actor["address"],
            "externalEvents": [result, event("Facility Address", address=copy.deepcopy(actor["address"]))],
        }
    monitoring = event("Monitoring Systems & Equipment", Scale_Type="Weighbridge (Truck Scale)")
    metrics = event("Emissions & Composting Metrics (2025)", Reference_Year=2025, Sorting_Factor=0.025)
    put(metrics, "Exceeding Emission Coefficient (per ton)", 0.05, valueSuffix="tCO2e/ton")
    put(metrics, "Greenhouse Gas Type (GHG)", "Methane (CH4)")
    put(metrics, "Baselines", {FOOD: OPEN_AIR, OTHERS: OPEN_AIR, "Tobacco": OPEN_AIR, EFB: OPEN_AIR})
    made.accreditations["Recycler"]["externalEvents"] += [monitoring, metrics]
    return made


# Changes


def attr(where: str, name: str, value: Any, **entry: Any) -> Change:
    return lambda world: put(world.event(where), name, value, **entry)


def without(where: str, *names: str) -> Change:
    return both(*(attr(where, name, ...) for name in names))


def field(where: str, **values: Any) -> Change:
    return lambda world: world.event(where).update(values)


def address(where: str, **values: Any) -> Change:
    return lambda world: world.event(where)["address"].update(values)


def document(**values: Any) -> Change:
    return lambda world: world.document.update(values)


def drop(name: str) -> Change:
    return lambda world: world.events.remove(world.event(name))


def again(name: str, /, **values: Any) -> Change:
    def change(world: World) -> None:
        first = world.event(name)
        world.events.insert(world.events.index(first) + 1, copy.deepcopy(first) | values)

    return change


def acc(label: str, where: str, name: str, value: Any, **entry: Any) -> Change:
    return lambda world: put(world.accredited(label, where), name, value, **entry)


def no_acc(label: str) -> Change:
    def change(world: World) -> None:
        del world.accreditations[label]

    return change


def no_acc_event(label: str, where: str) -> Change:
    return lambda world: world.accreditations[label]["externalEvents"].remove(world.accredited(label, where))


def facility(label: str, **values: Any) -> Change:
    return lambda world: world.accredited(label, "Facility Address")["address"].update(values)


def clock(now: datetime) -> Change:
    return lambda world: setattr(world, "now", now)


def both(*changes: Change) -> Change:
    def change(world: World) -> None:
        for one in changes:
            one(world)

    return change


def excepted(name: str, event: str = "Weighing", **changes: Any) -> dict[str, Any]:
    return {
        "Attribute Location": {"Asset": {"Category": "MassID"}, "Event": event},
        "Attribute Name": name,
        "Exception Type": "Exemption for Mandatory Attribute",
        "Reason": "The scale shows the net weight only",
    } | changes


def exceptions(*listed: dict[str, Any]) -> Change:
    return acc("Recycler", "Accreditation Result", "Approved Exceptions", list(listed))


def waste(subtype: str, code: str, description: str) -> Change:
    return both(
        document(subtype=subtype),
        attr("Pick-up", "Local Waste Classification ID", code),
        attr("Pick-up", "Local Waste Classification Description", description),
    )


def bins(quantity: Any, gross: float, tare: float) -> Change:
    return both(
        attr("Weighing", "Container Type", "Bin"),
        attr("Weighing", "Container Quantity", quantity),
        attr("Weighing", "Gross Weight", gross),
        attr("Weighing", "Tare", tare),
    )


def gps(where: str, latitude: Any, longitude: Any) -> Change:
    return both(
        attr(where, "Captured GPS Latitude", latitude), attr(where, "Captured GPS Longitude", longitude)
    )


def analysed(day: str, code: str = "02 02 99", **values: str) -> Change:
    def change(world: World) -> None:
        analysis = event(
            "Organic Waste Carbon Characterization", Carbon_Fraction="0.12", Moisture_Fraction="0.7"
        )
        put(analysis, "Local Waste Classification ID", code)
        put(analysis, "Carbon Analysis Date", day)
        for name, value in values.items():
            put(analysis, name.replace("_", " "), value)
        world.accreditations["Waste Generator"]["externalEvents"].append(analysis)

    return change


def scale_ticket(*layouts: str) -> Change:
    required = [{"Verification Type": "Scale Ticket", "Layout IDs": list(layouts)}]
    return acc("Recycler", "Accreditation Result", "Required Additional Verifications", required)


MISSHAPEN = {"name": "Note", "isPublic": "yes", "value": 1}
UNIDENTIFIED = both(drop("Waste Generator"), attr("Pick-up", "Waste Origin", "Unidentified"))
SLUDGE_PIPES = attr("Pick-up", "Vehicle Type", "Sludge Pipes")
# 0.01° of latitude are 1113 m; the places of the example lie tens of kilometres apart.
NEAR, MIDDLE, AWAY = -23.142 + 0.0179, -23.142 + 0.018, -23.142 + 0.27

CASES: list[tuple[str, Change, set[str]]] = [
    ("an untouched document", both(), set()),
    # The parts that several rules need
    ("no Pick-up", drop("Pick-up"), {UNIQUE, REGIONAL, PLACES, ORIGIN, HAULER, VEHICLE, DRIVER}),
    ("no Drop-off", drop("Drop-off"), {UNIQUE, PLACES, DROP_OFF, CYCLE}),
    ("no recycler", drop("Recycler"), {UNIQUE, REGIONAL, TRANSPORT, RECYCLER, DROP_OFF, RECYCLING}),
    ("an unknown format", attr("Weighing", "Tare", 9500, format="TON"), ALL),
    ("a null format", attr("Recycled", "Note", 1, format=None), ALL),
    (
        "one misshapen entry hides the attributes of its event",
        lambda world: world.event("Drop-off")["metadata"]["attributes"].append(MISSHAPEN),
        {DROP_OFF},
    ),
    (
        "the first of two entries counts",
        lambda world: world.event("Pick-up")["metadata"]["attributes"].append(
            {"isPublic": True, "name": "Vehicle Type", "value": "Rocket"}
        ),
        set(),
    ),
    # waste-mass-is-unique
    ("no plate", without("Pick-up", "Vehicle License Plate"), {UNIQUE, VEHICLE}),
    ("a blank plate", attr("Pick-up", "Vehicle License Plate", "  "), {UNIQUE, VEHICLE}),
    ("an unidentified origin falls as a duplicate only", UNIDENTIFIED, {UNIQUE}),
    # project-period-limit
    ("the last moment of the next year", clock(datetime(2027, 12, 31, 23, 59, tzinfo=UTC)), set()),
    ("two years later", clock(datetime(2028, 1, 1, tzinfo=UTC)), {PERIOD}),
    ("no Recycled", drop("Recycled"), {PERIOD, CYCLE}),
    # participant-accreditations-and-verifications-requirements
    ("no accreditation of the integrator", no_acc("Integrator"), {ACCREDITED}),
    ("an integrator without a result", no_acc_event("Integrator", "Accreditation Result"), set()),
    ("a generator without an accreditation", no_acc("Waste Generator"), set()),
    ("a company's last label is looked at alone", no_acc("Processor"), set()),
    (
        "no accreditation of the recycler",
        no_acc("Recycler"),
        {ACCREDITED, PLACES, WEIGHING, SORTING, EMISSIONS},
    ),
    ("a recycler without a result", no_acc_event("Recycler", "Accreditation Result"), {ACCREDITED}),
    (
        "a rejected recycler",
        acc("Recycler", "Accreditation Result", "Accreditation Status", "Rejected"),
        {ACCREDITED},
    ),
    (
        "a date without time",
        acc("Recycler", "Accreditation Result", "Effective Date", "2025-01-01"),
        {ACCREDITED},
    ),
    (
        "a date-time without zone",
        acc("Recycler", "Accreditation Result", "Effective Date", "2025-01-01T00:00:00"),
        {ACCREDITED},
    ),
    (
        "effective later today",
        acc("Recycler", "Accreditation Result", "Effective Date", "2026-06-01T20:00:00Z"),
        set(),
    ),
    (
        "effective tomorrow",
        acc("Recycler", "Accreditation Result", "Effective Date", "2026-06-02T00:00:00Z"),
        {ACCREDITED},
    ),
    (
        "expired yesterday",
        acc("Recycler", "Accreditation Result", "Expiration Date", "2026-05-31T23:59:59Z"),
        {ACCREDITED},
    ),
    (
        "expires with an offset",
        acc("Recycler", "Accreditation Result", "Expiration Date", "2027-01-01T00:00:00-03:00"),
        set(),
    ),
    (
        "two valid accreditations",
        lambda world: world.accreditations.update(twice=copy.deepcopy(world.accreditations["Recycler"])),
        {ACCREDITED},
    ),
    # mass-id-qualifications
    ("KG", document(measurementUnit="KG"), {QUALIFIED}),
    ("plastic", document(type="Plastic"), {QUALIFIED}),
    ("an old category", document(category="Mass"), {QUALIFIED}),
    ("no mass", document(currentValue=0), {QUALIFIED, SORTING}),
    ("a mass in words", document(currentValue="4738.5"), {QUALIFIED, SORTING, EMISSIONS}),
    ("no subtype", lambda world: world.document.pop("subtype") and None, {QUALIFIED, EMISSIONS}),
    ("an old subtype", document(subtype="Food Waste"), {QUALIFIED, REGIONAL, EMISSIONS}),
    # regional-waste-classification
    ("a code without spaces", attr("Pick-up", "Local Waste Classification ID", "200302"), set()),
    ("a code with one space", attr("Pick-up", "Local Waste Classification ID", "2 00302"), set()),
    ("an unknown code", attr("Pick-up", "Local Waste Classification ID", "99 99 99"), {REGIONAL}),
    ("a code as a number", attr("Pick-up", "Local Waste Classification ID", 200302), {REGIONAL}),
    ("no description", without("Pick-up", "Local Waste Classification Description"), {REGIONAL}),
    (
        "a description in capitals without accents",
        attr("Pick-up", "Local Waste Classification Description", "RESIDUOS DE MERCADOS PUBLICOS E FEIRAS."),
        set(),
    ),
    (
        "a description of something else",
        attr("Pick-up", "Local Waste Classification Description", "Resíduos de feiras"),
        {REGIONAL},
    ),
    ("a code of another subtype", waste(FOOD, "20 03 04", "Lodos de fossas sépticas"), {REGIONAL}),
    ("a recycler abroad", address("Recycler", countryCode="PY"), {REGIONAL}),
    ("tobacco never passes", document(subtype="Tobacco"), {REGIONAL}),
    ("empty fruit bunches never pass", document(subtype=EFB), {REGIONAL}),
    # geolocation-and-address-precision
    ("coordinates as strings count as none", gps("Drop-off", "0.0", "0.0"), set()),
    ("half of the coordinates count as none", attr("Drop-off", "Captured GPS Latitude", "0"), set()),
    ("captured elsewhere", gps("Drop-off", 0.0, 0.0), {PLACES}),
    (
        "captured elsewhere, with exceptions for both",
        both(
            gps("Drop-off", 0, 0),
            exceptions(*(excepted(f"Captured GPS {axis}", "Drop-off") for axis in ("Latitude", "Longitude"))),
        ),
        set(),
    ),
    (
        "captured elsewhere, with an exception for one",
        both(gps("Drop-off", 0, 0), exceptions(excepted("Captured GPS Latitude", "Drop-off"))),
        {PLACES},
    ),
    ("picked up elsewhere", gps("Pick-up", 0, 0), {PLACES}),
    (
        "picked up elsewhere, unaccredited",
        both(gps("Pick-up", 0, 0), no_acc("Waste Generator")),
        set(),
    ),
    (
        "a generator without Facility Address",
        both(gps("Pick-up", 0, 0), no_acc_event("Waste Generator", "Facility Address")),
        set(),
    ),
    ("a generator's facility without coordinates", facility("Waste Generator", latitude=None), {PLACES}),
    ("a recycler without Facility Address", no_acc_event("Recycler", "Facility Address"), {PLACES}),
    ("dropped 1993 m away", both(address("Drop-off", latitude=NEAR, street="Rua Outra")), set()),
    (
        "dropped 2004 m away, same street",
        both(address("Drop-off", latitude=MIDDLE), gps("Drop-off", 0, 0)),
        set(),
    ),
    ("dropped 2004 m away, other street", address("Drop-off", latitude=MIDDLE, street="Rua Outra"), {PLACES}),
    ("dropped 2004 m away, other number", address("Drop-off", latitude=MIDDLE, number="3301"), {PLACES}),
    ("dropped 2004 m away, number with zeros", address("Drop-off", latitude=MIDDLE, number="03300"), set()),
    (
        "dropped 2004 m away, in another state",
        address("Drop-off", latitude=MIDDLE, countryState="MG"),
        {PLACES},
    ),
    (
        "dropped 2004 m away, street shortened",
        address("Drop-off", latitude=MIDDLE, street="Est. Municipal do Barreiro"),
        set(),
    ),
    ("dropped 30 km away, same street", address("Drop-off", latitude=AWAY), {PLACES}),
    ("dropped at no coordinates, same street", address("Drop-off", latitude=None, longitude=None), set()),
    (
        "dropped at no coordinates, captured elsewhere",
        both(address("Drop-off", latitude=None, longitude=None), gps("Drop-off", 0, 0)),
        {PLACES},
    ),
    (
        "an earlier Drop-off belongs to the processor",
        both(again("Drop-off"), no_acc_event("Processor", "Facility Address")),
        {PLACES},
    ),
    # waste-origin-identification
    ("no generator", drop("Waste Generator"), {UNIQUE, ORIGIN}),
    ("two generators", again("Waste Generator"), {ORIGIN}),
    ("an unidentified origin with a generator", attr("Pick-up", "Waste Origin", "Unidentified"), {ORIGIN}),
    # hauler-identification
    ("no hauler", drop("Hauler"), {HAULER}),
    (
        "no hauler with a boat",
        both(drop("Hauler"), attr("Pick-up", "Vehicle Type", "Boat")),
        {HAULER},
    ),
    ("no hauler with a cart", both(drop("Hauler"), attr("Pick-up", "Vehicle Type", "Cart")), set()),
    ("no hauler with pipes", both(drop("Hauler"), SLUDGE_PIPES), set()),
    # vehicle-identification
    ("an unknown vehicle", attr("Pick-up", "Vehicle Type", "Rocket"), {VEHICLE}),
    ("an undescribed vehicle", attr("Pick-up", "Vehicle Type", "Others"), {VEHICLE}),
    (
        "a described vehicle",
        both(attr("Pick-up", "Vehicle Type", "Others"), attr("Pick-up", "Vehicle Description", "Tractor")),
        set(),
    ),
    (
        "a bicycle has no plate",
        both(attr("Pick-up", "Vehicle Type", "Bicycle"), without("Pick-up", "Vehicle License Plate")),
        {UNIQUE},
    ),
    ("a plate in pieces", attr("Pick-up", "Vehicle License Plate", "rkx-4c 27"), set()),
    ("a plate of two letters", attr("Pick-up", "Vehicle License Plate", "ab 1234"), set()),
    ("a plate of none of the kinds", attr("Pick-up", "Vehicle License Plate", "ABCD123"), {VEHICLE}),
    # driver-identification
    ("no driver", without("Pick-up", "Driver Identifier"), {DRIVER}),
    ("a driver as a number", attr("Pick-up", "Driver Identifier", 0), set()),
    (
        "a driver and an excuse",
        attr("Pick-up", "Driver Identifier Exemption Justification", "Unknown"),
        {DRIVER},
    ),
    (
        "an excuse",
        both(
            without("Pick-up", "Driver Identifier"),
            attr("Pick-up", "Driver Identifier Exemption Justification", "Unknown"),
        ),
        set(),
    ),
    ("pipes have no driver", both(SLUDGE_PIPES, without("Pick-up", "Driver Identifier")), set()),
    # processor- and recycler-identification
    ("no processor", drop("Processor"), {PROCESSOR}),
    ("two processors", again("Processor"), {PROCESSOR}),
    ("two recyclers", again("Recycler"), {RECYCLER}),
    # weighing
    ("no weighing", drop("Weighing"), {WEIGHING}),
    ("three weighings", both(again("Weighing"), again("Weighing")), {WEIGHING}),
    ("two equal weighings", again("Weighing"), set()),
    ("a second weighing of another value", again("Weighing", value=1), set()),
    (
        "a second weighing of another tare",
        both(again("Weighing"), attr("Weighing", "Tare", 9000)),
        set(),
    ),
    (
        "a second weighing of another gross weight",
        both(again("Weighing"), attr("Weighing", "Gross Weight", 14000)),
        {WEIGHING},
    ),
    ("a second weighing by another", again("Weighing", participant={"id": "another"}), {WEIGHING}),
    (
        "two weighings of bins",
        both(bins(2, 4900, 20), again("Weighing")),
        {WEIGHING},
    ),
    (
        "two weighings on another scale",
        both(
            attr("Weighing", "Scale Type", "Floor Scale"),
            acc("Recycler", "Monitoring", "Scale Type", "Floor Scale"),
            again("Weighing"),
        ),
        {WEIGHING},
    ),
    ("a truck's arithmetic is not checked", attr("Weighing", "Gross Weight", 99999), set()),
    ("a truck with a quantity", attr("Weighing", "Container Quantity", 1), {WEIGHING}),
    ("bins that add up", bins(2, 4900, 20), set()),
    ("bins that add up within 100 g", bins(2, 4900.1, 20), set()),
    ("bins that are 110 g off", bins(2, 4900.11, 20), {WEIGHING}),
    ("half a bin", bins(1.5, 4890, 20), {WEIGHING}),
    ("no quantity of bins", bins(..., 4890, 20), {WEIGHING}),
    ("no quantity under exception", both(bins(..., 1, 9), exceptions(excepted("Container Quantity"))), set()),
    ("no capacity", without("Weighing", "Container Capacity"), {WEIGHING}),
    ("a capacity of format DATE", attr("Weighing", "Container Capacity", 12000, format="DATE"), set()),
    (
        "no capacity under exception",
        both(without("Weighing", "Container Capacity"), exceptions(excepted("Container Capacity"))),
        set(),
    ),
    (
        "no weights under exception",
        both(
            without("Weighing", "Tare", "Gross Weight"),
            exceptions(excepted("Tare", **{"Valid Until": "2026-06-01T00:00:00Z"})),
        ),
        set(),
    ),
    (
        "no weights under an exception that has ended",
        both(
            without("Weighing", "Tare", "Gross Weight"),
            exceptions(excepted("Tare", **{"Valid Until": "2026-05-31T23:59:59Z"})),
        ),
        {WEIGHING},
    ),
    (
        "an exception without a reason",
        both(without("Weighing", "Tare"), exceptions(excepted("Tare", Reason=" "))),
        {WEIGHING},
    ),
    ("a tare of nothing", attr("Weighing", "Tare", 0), {WEIGHING}),
    ("a tare in words", attr("Weighing", "Tare", "9500"), {WEIGHING}),
    ("a tare that is true", attr("Weighing", "Tare", True), {WEIGHING}),
    ("no value", field("Weighing", value=0), {WEIGHING}),
    ("no description of the weighing", without("Weighing", "Description"), {WEIGHING}),
    ("no container", without("Weighing", "Container Type"), {WEIGHING}),
    ("an unknown way of weighing", attr("Weighing", "Weighing Capture Method", "By eye"), {WEIGHING}),
    ("the scale's other name", attr("Weighing", "Scale Type", "Weighbridge"), set()),
    ("the accredited scale's other name", acc("Recycler", "Monitoring", "Scale Type", "Weighbridge"), set()),
    ("another scale than accredited", attr("Weighing", "Scale Type", "Floor Scale"), {WEIGHING}),
    (
        "a scale that the code does not know",
        both(
            attr("Weighing", "Scale Type", "Two-bin Lateral Scale"),
            acc("Recycler", "Monitoring", "Scale Type", "Two-bin Lateral Scale"),
        ),
        {WEIGHING},
    ),
    (
        "bins have a plate too",
        both(bins(2, 4900, 20), without("Weighing", "Vehicle License Plate")),
        {WEIGHING},
    ),
    ("a ticket is required and there", scale_ticket("layout1"), set()),
    (
        "a ticket is required but absent",
        both(scale_ticket("layout1"), field("Weighing", attachments=[])),
        {WEIGHING},
    ),
    ("a ticket is required of no layout", scale_ticket(), {WEIGHING}),
    # drop-off-at-recycler
    ("no operator", without("Drop-off", "Receiving Operator Identifier"), {DROP_OFF}),
    ("an operator as a number", attr("Drop-off", "Receiving Operator Identifier", 17), {DROP_OFF}),
    ("dropped at another address", address("Drop-off", id="another"), {DROP_OFF}),
    (
        "only an earlier Drop-off at another address",
        both(again("Drop-off"), address("Drop-off", id="x")),
        set(),
    ),
    # mass-id-sorting
    ("no sorting", drop("Sorting"), {SORTING}),
    ("no factor", acc("Recycler", "Emissions", "Sorting Factor", 0), {SORTING}),
    ("another factor", acc("Recycler", "Emissions", "Sorting Factor", 0.03), {SORTING}),
    ("metrics of another year", acc("Recycler", "Emissions", "Reference Year", 2024), {SORTING, EMISSIONS}),
    ("metrics of a year in words", acc("Recycler", "Emissions", "Reference Year", "2025"), set()),
    ("deducted 100 g more", attr("Sorting", "Deducted Weight", 121.6), set()),
    ("deducted 110 g more", attr("Sorting", "Deducted Weight", 121.61), {SORTING}),
    ("all deducted", attr("Sorting", "Deducted Weight", 4860), {SORTING}),
    ("gross weight 10 g above the prior value", attr("Sorting", "Gross Weight", 4860.01), {SORTING}),
    ("in litres", attr("Sorting", "Gross Weight", 4860, format="LITER"), {SORTING}),
    ("no description of the sorting", without("Sorting", "Description"), {SORTING}),
    ("a value 10 g from the document's", field("Sorting", value=4738.51), {SORTING}),
    ("an event of another value between", again("Drop-off", value=4859.9), {SORTING}),
    ("an event of another value at the same moment", both(again("Sorting", name="Note", value=1)), set()),
    # composting-cycle-timeframe
    ("1439 hours", field("Recycled", externalCreatedAt="2026-03-13T13:20:00.000Z"), set()),
    ("1 ms less", field("Recycled", externalCreatedAt="2026-03-13T13:19:59.999Z"), {CYCLE}),
    ("under 4322 hours", field("Recycled", externalCreatedAt="2026-07-11T16:19:59.999Z"), set()),
    ("4322 hours", field("Recycled", externalCreatedAt="2026-07-11T16:20:00.000Z"), {CYCLE}),
    # prevented-emissions
    ("no gas", acc("Recycler", "Emissions", "Greenhouse Gas Type (GHG)", ""), {EMISSIONS}),
    (
        "a negative coefficient",
        acc("Recycler", "Emissions", "Exceeding Emission Coefficient (per ton)", -0.1),
        {EMISSIONS},
    ),
    (
        "a coefficient above the factor",
        acc("Recycler", "Emissions", "Exceeding Emission Coefficient (per ton)", 9),
        set(),
    ),
    (
        "no baseline for the subtype",
        acc("Recycler", "Emissions", "Baselines", {OTHERS: OPEN_AIR}),
        {EMISSIONS},
    ),
    ("an unknown baseline", acc("Recycler", "Emissions", "Baselines", {FOOD: "A hole"}), {EMISSIONS}),
    (
        "a baseline for an unknown subtype",
        acc("Recycler", "Emissions", "Baselines", {FOOD: OPEN_AIR, "Rice": OPEN_AIR}),
        {EMISSIONS},
    ),
    ("others by the author's table", waste(OTHERS, "02 01 06", MANURE), set()),
    ("others without an analysis", waste(OTHERS, "02 02 99", STAR), {EMISSIONS}),
    ("others with an analysis", both(waste(OTHERS, "02 02 99", STAR), analysed("2025-12-01")), set()),
    (
        "others with an analysis of two years",
        both(waste(OTHERS, "02 02 99", STAR), analysed("2024-01-12")),
        set(),
    ),
    (
        "others with an analysis that is a day too old",
        both(waste(OTHERS, "02 02 99", STAR), analysed("2024-01-11")),
        {EMISSIONS},
    ),
    (
        "others with an analysis of another code",
        both(waste(OTHERS, "02 02 99", STAR), analysed("2025-12-01", "02 03 99")),
        {EMISSIONS},
    ),
    (
        "others with an incomplete analysis",
        both(waste(OTHERS, "02 02 99", STAR), analysed("2025-12-01", Moisture_Fraction="70%")),
        {EMISSIONS},
    ),
    ("others under a code of food", document(subtype=OTHERS), {REGIONAL, EMISSIONS}),
]

for _name, _kind, _slug in (
    ("Transport Manifest", "MTR", TRANSPORT),
    ("Recycling Manifest", "CDF", RECYCLING),
):
    _unattached, _excused = (
        field(_name, attachments=[]),
        attr(_name, "Exemption Justification", "None was made"),
    )
    CASES += [
        (f"{_name}: none", drop(_name), {_slug}),
        (f"{_name}: no attachment", _unattached, {_slug}),
        (f"{_name}: an excuse", both(_unattached, _excused), set()),
        (
            f"{_name}: an excuse without data",
            both(_unattached, _excused, without(_name, "Document Type")),
            set(),
        ),
        (f"{_name}: an attachment and an excuse", _excused, {_slug}),
        (f"{_name}: another label", field(_name, attachments=[{"label": _kind}]), {_slug}),
        (f"{_name}: another kind", attr(_name, "Document Type", "NF-e"), {_slug}),
        (
            f"{_name}: another kind abroad",
            both(attr(_name, "Document Type", "NF-e"), address("Recycler", countryCode="PY")),
            {REGIONAL},
        ),
        (f"{_name}: no number", without(_name, "Document Number"), {_slug}),
        (f"{_name}: a day as written in Brazil", attr(_name, "Issue Date", "22/04/2026"), set()),
        (
            f"{_name}: unformatted day",
            both(without(_name, "Issue Date"), attr(_name, "Issue Date", "x")),
            {_slug},
        ),
        (f"{_name}: the value does not count", field(_name, value=1), set()),
        (f"{_name}: a second one without data", again(_name, metadata={"attributes": []}), {_slug}),
        (f"{_name}: another address", address(_name, id="another"), {_slug} - {TRANSPORT}),
    ]


@pytest.mark.parametrize(("change", "fallen"), [pytest.param(*case, id=name) for name, *case in CASES])
def test_exactly_these_rules_fall(change: Change, fallen: set[str]) -> None:
    changed = world()
    change(changed)
    assert changed.fallen() == fallen
    assert changed.fallen("bold-recycling") == fallen - {EMISSIONS}


def test_every_rule_falls_in_two_cases_of_its_own_at_least() -> None:
    assert {slug for slug in ALL if sum(slug in fallen != ALL for *_, fallen in CASES) < 2} == set()


def test_the_rules_come_in_the_order_of_the_methodology_with_a_sentence_each() -> None:
    made = world()
    verdicts = judge(made.document, made.accreditations.values(), methodology="bold-carbon", now=NOW)
    assert list(verdicts) == [rule.slug for rule in RULES]
    assert all(verdict.why.endswith(".") for verdict in verdicts.values())


def test_constant_names_are_judged_alike() -> None:
    made, constants = world(), {title: constant for constant, title in SPELLINGS.items()}
    for found in made.events:
        found["name"] = constants.get(found["name"], found["name"])
    assert made.fallen() == set()
    made.event("WEIGHING")["value"] = 0
    assert made.fallen() == {WEIGHING}


def test_the_actor_of_the_platform_disturbs_nothing() -> None:
    made = world()
    network = copy.deepcopy(made.event("Hauler")) | {"label": "Network", "isPublic": False}
    network["participant"] = {**network["participant"], "id": "b1f6f6c0-0000-4000-8000-000000000001"}
    made.events.insert(0, network)
    assert made.fallen() == set()
    assert disagreements(made.document, made.accreditations.values()) == []


def test_a_document_of_the_first_version_passes_next_to_nothing() -> None:
    made = world()
    made.document |= {"category": "Mass", "measurementUnit": "KG", "subtype": "Food Waste"}
    names = {"Pick-up": "OPEN", "Recycled": "END"}
    for found in made.events:
        found["name"] = names.get(found["name"], found["name"] if found["name"] == "ACTOR" else "MOVE")
        kind = found.pop("label", "").upper() or found["name"]
        found["metadata"] = {"attributes": [{"isPublic": True, "name": "actor-type", "value": kind}]}
    assert ALL - made.fallen() == {ACCREDITED}


def test_accreditations_without_participants_to_check_still_have_to_be_there() -> None:
    made = world()
    made.accreditations.clear()
    assert ACCREDITED in made.fallen()


def test_the_audit_tells_which_accreditation_a_place_is_judged_by() -> None:
    made = world()
    actors = [
        copy.deepcopy(made.event(label))
        | {"relatedDocument": {"documentId": made.accreditations[label]["id"]}}
        for label in ("Recycler", "Waste Generator")
    ]
    audit = {"type": "MassID Audit", "externalEvents": actors}

    def passes() -> bool:
        accreditations = made.accreditations.values()
        verdicts = judge(
            made.document, accreditations, methodology="bold-recycling", now=NOW, related=[audit]
        )
        return verdicts[PLACES].passed

    assert passes()
    actors[0]["relatedDocument"] = {"documentId": "of nothing"}
    assert not passes()


@pytest.mark.parametrize(
    ("change", "kilograms"),
    [
        (both(), 4738.5 * (0.726812 - 0.05)),
        (acc("Recycler", "Emissions", "Exceeding Emission Coefficient (per ton)", 9), 0),
        (waste(OTHERS, "02 01 06", MANURE), 4738.5 * (0.698505 - 0.05)),
        (both(waste(OTHERS, "02 02 99", STAR), analysed("2025-12-01")), 4738.5 * (0.532863 - 0.05)),
        (
            both(
                waste(OTHERS, "02 02 99", STAR),
                analysed("2025-12-01", Carbon_Fraction="0.02"),
                analysed("2025-11-01"),
            ),
            0,
        ),
    ],
)
def test_prevented_emissions_are_in_kilograms(change: Change, kilograms: float) -> None:
    made = world()
    change(made)
    case = Case.of(made.document, made.accreditations.values(), NOW)
    assert prevented_co2e_kg(case) == pytest.approx(kilograms, abs=1e-6)


def test_text_is_compared_without_case_accents_and_punctuation() -> None:
    assert normal("  Resíduos (de) Feiras, nº12B ") == "residuos de feiras n 12 b"
    assert dice("night", "nacht") == 0.25
    assert (dice("a", "a"), dice("a", "ab"), dice("aaa", "aa")) == (1, 0, 2 / 3)


def test_addresses_are_spelled_out() -> None:
    told = {"street": "Av. das Acácias Av. das Acácias", "number": "10/12", "city": "São Paulo"}
    assert address_tokens(told) == ["avenida", "das", "acacias", "10", "12", "sao", "paulo"]


def test_distance_is_in_whole_metres() -> None:
    assert distance_m((0, 0), (0, 0)) == 0
    assert distance_m((0, 0), (0, 1)) == 111319
    assert distance_m((-23.142, -46.966), (MIDDLE, -46.966)) == 2004


# The stored shape


def stored() -> dict[str, Any]:
    """The example as a read of it would be: no nulls, short event ids, `address` and `author` on top."""
    found = _without_nulls(copy.deepcopy(EXAMPLE))
    for index, timeline_event in enumerate(found["externalEvents"]):
        timeline_event["id"] = f"event-id-of-21-ch-{index:03}"
    found["address"] = {k: v for k, v in found["primaryAddress"].items() if "Id" not in k and k != "id"}
    author = found["externalEvents"][0]["participant"]
    found["author"] = {k: author[k] for k in ("countryCode", "name", "taxId", "taxIdType", "type")}
    found["author"]["participantId"] = author["id"]
    return cast(dict[str, Any], found)


def _without_nulls(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _without_nulls(value) for key, value in found.items() if value is not None}
    return [_without_nulls(item) for item in found] if isinstance(found, list) else found


def test_a_stored_document_is_well_shaped() -> None:
    found = stored()
    assert ill_shaped(found) == []
    found["tags"] = {"batch": None, "line": "2"}
    found["externalEvents"][1]["metadata"]["attributes"][0]["value"] = None
    found["externalEvents"][0] |= {"permissions": {}, "propagateEvent": True}
    assert ill_shaped(found) == []


def test_the_example_differs_as_a_record_of_the_platform_does() -> None:
    told = [sentence.rstrip(".") for sentence in ill_shaped(EXAMPLE)]
    assert "/address is missing" in told
    assert "/author is missing" in told
    rest = [t for t in told if not t.endswith(("is null", "is missing")) and "21 characters" not in t]
    assert rest == []


EVENT, ENTRY = "/externalEvents/1", "/externalEvents/1/metadata/attributes/0"


@pytest.mark.parametrize(
    ("pointer", "value", "complaint"),
    [
        ("/currentValue", ..., "/currentValue is missing."),
        ("/currentValue", True, "/currentValue should be a number from 0, but is True."),
        ("/status", "DONE", "/status should be one of OPEN, CLOSED, CANCELLED, but is 'DONE'."),
        ("/title", None, "/title is null."),
        ("/tags", {"a": 1}, "/tags should be a map of strings to strings or null, but is {'a': 1}."),
        ("/email", "a@b", "/email does not belong there."),
        ("/createdAt", "2026-01-12T14:31:08Z", "/createdAt should be a date-time in UTC with milliseconds"),
        ("/updatedAt", "2026-13-12T14:31:08.000Z", "/updatedAt should be a date-time"),
        ("/id", "1", "/id should be a UUID"),
        ("/primaryParticipant/email", "a@b", "/primaryParticipant/email does not belong there."),
        ("/primaryAddress/piiSnapshotId", ..., "/primaryAddress/piiSnapshotId is missing."),
        ("/primaryAddress/latitude", 91, "/primaryAddress/latitude should be a latitude"),
        ("/permissions/0/participantId", "x", "/permissions/0/participantId should be a UUID"),
        ("/attachments/0/id", "", "/attachments/0/id should be a UUID"),
        (f"{EVENT}/id", "1", f"{EVENT}/id should be an id of 21 characters"),
        (f"{EVENT}/value", None, f"{EVENT}/value is null."),
        (f"{EVENT}/author/clientId", ..., f"{EVENT}/author/clientId is missing."),
        (f"{EVENT}/address/name", "Matriz", f"{EVENT}/address/name does not belong there."),
        (f"{EVENT}/participant", ..., f"{EVENT}/participant is missing."),
        (f"{EVENT}/relatedDocument", {}, f"{EVENT}/relatedDocument/documentId is missing."),
        ("/externalEvents/1", "x", "/externalEvents/1 is no object."),
        ("/permissions/0", [], "/permissions/0 is no object."),
        (f"{ENTRY}/isPublic", ..., f"{ENTRY}/isPublic is missing."),
        (f"{ENTRY}/name", 1, f"{ENTRY}/name should be a non-empty string, but is 1."),
        (f"{ENTRY}/format", "TON", f"{ENTRY}/format should be one of CUBIC_METER, DATE, KILOGRAM, LITER"),
        (f"{ENTRY}/sensible", True, f"{ENTRY}/sensible does not belong there."),
        (
            "/externalEvents/6/attachments/0/attachmentId",
            "23cc390c-9354-40e3-8e1f-39485d23d1f3",
            "/externalEvents/6/attachments/0/attachmentId is not declared on the document.",
        ),
        ("/externalEvents/6/attachments/0/label", ..., "/externalEvents/6/attachments/0/label is missing."),
    ],
)
def test_what_is_ill_shaped_is_told_with_its_place(pointer: str, value: Any, complaint: str) -> None:
    found = stored()
    target: Any = found
    *way, last = pointer.strip("/").split("/")
    for step in way:
        target = target[int(step) if isinstance(target, list) else step]
    if value is ...:
        del target[last]
    else:
        target[int(last) if isinstance(target, list) else last] = value
    told = ill_shaped(found)
    assert any(sentence.startswith(complaint) for sentence in told), told
    assert len(told) <= 2


# What should agree


@pytest.mark.parametrize(
    ("change", "beginnings"),
    [
        (both(), []),
        (address("Drop-off", id="x"), ["The Drop-off is at x"]),
        (both(again("Drop-off"), address("Drop-off", id="x")), []),
        (address("Sorting", id="x"), ["The Sorting is at x"]),
        (address("Recycled", id="x"), ["The Recycled is at x"]),
        (address("Recycling Manifest", id="x"), ["The Recycling Manifest is at x"]),
        (UNIDENTIFIED, []),
        (document(primaryParticipant={"id": "x"}), ["The document's participant is x"]),
        (no_acc("Processor"), ["No accreditation is of the Processor"]),
        (no_acc("Waste Generator"), []),
        (facility("Integrator", id="x"), ["No accreditation is of the Integrator"]),
        (no_acc_event("Recycler", "Facility Address"), ["No accreditation is of the Recycler"]),
        (address("Hauler", participantId="x"), ["The address of the Hauler"]),
        (lambda world: world.event("Sorting")["participant"].update(taxId="1"), ["The participant 0ecaf828"]),
    ],
)
def test_what_disagrees_is_told(change: Change, beginnings: list[str]) -> None:
    made = world()
    change(made)
    told = disagreements(made.document, made.accreditations.values())
    assert len(told) == len(beginnings), told
    assert all(sentence.startswith(start) for sentence, start in zip(told, beginnings, strict=True))
