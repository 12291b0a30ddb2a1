"""An independent judge of MassID documents as they are read: the rules of the methodologies, and the stored shape.

Nothing here is shared with what makes the documents: every fact comes from the written rules alone.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_DOWN, Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

Document = Mapping[str, Any]
Event = Mapping[str, Any]
Complaints = Iterator[str]
Methodology = Literal["bold-recycling", "bold-carbon"]

WASTE: dict[str, dict[str, Any]] = {
    re.sub(r"\s", "", row["code"]): row
    for row in json.loads((Path(__file__).parent / "data/waste-codes.json").read_text("utf-8"))
}
SPELLINGS = {
    "PICK_UP": "Pick-up",
    "TRANSPORT_MANIFEST": "Transport Manifest",
    "WEIGHING": "Weighing",
    "DROP_OFF": "Drop-off",
    "SORTING": "Sorting",
    "RECYCLED": "Recycled",
    "RECYCLING_MANIFEST": "Recycling Manifest",
}
FORMATS = ("CUBIC_METER", "DATE", "KILOGRAM", "LITER")
WEIGHBRIDGE = "Weighbridge (Truck Scale)"
SCALES = {
    "Bin Scale",
    "Conveyor Belt Scale",
    "Floor Scale",
    "Forklift Scale",
    "Hanging / Crane Scale",
    "Onboard Truck Scale",
    "Pallet Scale",
    "Portable Axle Weigher",
    "Precision / Bench Scale",
    WEIGHBRIDGE,
}
CAPTURES = {"Digital", "Manual", "Photo (Scale + Cargo)", "Transport Manifest"}
PLATELESS = {"Bicycle", "Cart", "Sludge Pipes"}
VEHICLES = PLATELESS | {"Boat", "Car", "Cargo Ship", "Mini Van", "Motorcycle", "Others", "Truck"}
CDM = {
    "Domestic Sludge": "8.7C",
    "EFB similar to Garden, Yard and Park Waste": "8.7A",
    "Food, Food Waste and Beverages": "8.3",
    "Garden, Yard and Park Waste": "8.5",
    "Industrial Sludge": "8.7B",
    "Others (if organic)": "8.7D",
    "Wood and Wood Products": "8.1",
}
SUBTYPES = {*CDM, "Tobacco"}
BASELINES = (
    "Landfills with flaring of methane gas (and/or capture of biogas)",
    "Landfills without flaring of methane gas",
    "Open-air dump",
)
# tCO₂e for each tonne of waste, in the order of BASELINES
FACTORS = {
    "Domestic Sludge": (0.066584, 0.22718, 0.155804),
    "EFB similar to Garden, Yard and Park Waste": (0.629488, 1.250643, 0.974574),
    "Food, Food Waste and Beverages": (0.459152, 0.940301, 0.726812),
    "Tobacco": (0.459152, 0.940301, 0.726812),
    "Garden, Yard and Park Waste": (0.499788, 1.120943, 0.844874),
    "Industrial Sludge": (0.223611, 0.512684, 0.384207),
    "Wood and Wood Products": (0.720371, 1.415883, 1.106767),
}
# slope and intercept over the carbon fraction, in the order of BASELINES
OTHERS = (("3.795947", "-0.129701"), ("6.901715", "-0.1297003"), ("5.521373", "-0.1297013"))
CARBON = {"020106": "0.15", "160306": "0.05", "170506": "0.05", "190206": "0.05", "190814": "0.09"}
FRACTION = re.compile(r"^(0|1|0\.\d+|1\.0+)$")
PLATE = re.compile(r"[A-Z]{3}\d[A-Z]\d{2}|[A-Z]{3}\d{4}|[A-Z]{2}\d{4}", re.ASCII)
ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)", re.ASCII)
ABBREVIATIONS = {
    "al": "alameda",
    "alam": "alameda",
    "av": "avenida",
    "cj": "conjunto",
    "cond": "condominio",
    "est": "estrada",
    "pc": "praca",
    "pca": "praca",
    "r": "rua",
    "res": "residencial",
    "rod": "rodovia",
    "trav": "travessa",
}
NEAR_M, FAR_M, EARTH_M = 2000, 30000, 6378137
TOLERANCE_KG = 0.1


@dataclass(frozen=True)
class Verdict:
    """Whether a document passes one rule, with a sentence that says why."""

    passed: bool
    why: str


class Fall(Exception):
    """A rule cannot go on: what it needs is not there."""


@dataclass(frozen=True)
class Case:
    """A document with what is judged along with it; its events bear the names of the stored model."""

    document: Document
    accreditations: Sequence[Document]
    now: datetime
    events: tuple[Event, ...]
    audit: Document | None = None

    @staticmethod
    def of(
        document: Document,
        accreditations: Iterable[Document],
        now: datetime,
        related: Iterable[Document] | None = None,
    ) -> Case:
        events = ({**e, "name": SPELLINGS.get(e["name"], e["name"])} for e in timeline(document))
        loaded = [a for a in accreditations if a.get("type") == "Participant Accreditation" and loadable(a)]
        audit = next((other for other in related or () if other.get("type") == "MassID Audit"), None)
        return Case(document, loaded, now, tuple(events), audit)

    def named(self, *names: str) -> list[Event]:
        return [event for event in self.events if event["name"] in names]

    def first(self, name: str) -> Event:
        for event in self.named(name):
            return event
        raise Fall(f"There is no {name} event.")

    def last(self, name: str) -> Event:
        self.first(name)
        return self.named(name)[-1]

    def actors(self, label: str) -> list[Event]:
        return [event for event in self.named("ACTOR") if event.get("label") == label]

    def actor(self, label: str) -> Event:
        for event in self.actors(label):
            return event
        raise Fall(f"There is no ACTOR with the label {label}.")

    def recycler_accreditation(self) -> Document:
        """That of the recycler of the document, else the first of any recycler, else an empty one."""
        parties = {party(event) for event in self.actors("Recycler")}
        found = [a for a in self.accreditations if a.get("subtype") == "Recycler"]
        return next((a for a in found if primary(a) in parties), found[0] if found else {})

    def accredited_address(self, label: str, participant: str | None) -> Mapping[str, Any] | None:
        """The Facility Address that the audit knows for a role; without an audit, by subtype and participant."""
        if self.audit is None:
            found = [
                a
                for a in self.accreditations
                if a.get("subtype") == label and primary(a) == participant is not None
            ]
        else:
            ids = {
                (event.get("relatedDocument") or {}).get("documentId")
                for event in timeline(self.audit)
                if (event["name"], event.get("label"), party(event)) == ("ACTOR", label, participant)
            }
            found = [a for a in self.accreditations if a["id"] in ids]
        events = [e for a in found for e in timeline(a) if e["name"] == "Facility Address"]
        return events[0].get("address") if events else None


def judge(
    document: Document,
    accreditations: Iterable[Document],
    *,
    methodology: Methodology,
    now: datetime,
    related: Iterable[Document] | None = None,
) -> dict[str, Verdict]:
    """The verdict of each rule that a document and its accreditations can decide, in the methodology's order.

    The document has to be of the stored shape, which `ill_shaped` checks.
    `related` may hold the MassID Audit, whose ACTOR events then say which accreditation is meant for a place.
    """
    rules = [rule for rule in RULES if methodology == "bold-carbon" or not rule.carbon_only]
    if not loadable(document):
        return {
            rule.slug: Verdict(False, "The document has an attribute of unknown format.") for rule in rules
        }
    case = Case.of(document, accreditations, now, related)
    return {rule.slug: _verdict(rule, case) for rule in rules}


def _verdict(rule: Rule, case: Case) -> Verdict:
    complaints: list[str] = []
    try:
        complaints.extend(rule.check(case))
    except Fall as fall:
        complaints.append(str(fall))
    return Verdict(not complaints, " ".join(complaints) or rule.passing)


# What rules read


def timeline(document: Document) -> list[Event]:
    return list(document.get("externalEvents") or ())


def loadable(document: Document) -> bool:
    """An attribute with a format that is not one of the four keeps the whole document from being loaded."""
    entries = (
        e for event in timeline(document) for e in (event.get("metadata") or {}).get("attributes") or ()
    )
    return all("format" not in e or e["format"] in FORMATS for e in entries if isinstance(e, Mapping))


def party(event: Event) -> str | None:
    return (event.get("participant") or {}).get("id")


def place(event: Event) -> str | None:
    return (event.get("address") or {}).get("id")


def primary(document: Document) -> str | None:
    return (document.get("primaryParticipant") or {}).get("id")


def attribute(event: Event, name: str) -> Mapping[str, Any]:
    """The first entry of that name, or an empty one; one misshaped entry hides them all."""
    entries = (event.get("metadata") or {}).get("attributes") or ()
    if not all(_is_entry(entry) for entry in entries):
        return {}
    return next((entry for entry in entries if entry["name"] == name), {})


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping)
        and isinstance(entry.get("isPublic"), bool)
        and isinstance(entry.get("name"), str)
    )


def value(event: Event, name: str) -> Any:
    return attribute(event, name).get("value")


def text(event: Event, name: str) -> str | None:
    found = value(event, name)
    return found if isinstance(found, str) and found.strip() else None


def is_number(found: Any) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found)


def number(event: Event, name: str) -> Any:
    """A JSON number that is no boolean, or None."""
    found = value(event, name)
    return found if is_number(found) else None


def above_zero(found: Any) -> bool:
    return is_number(found) and found > 0


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: True is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def within_tolerance(left: float, right: float) -> bool:
    return abs(left - right) <= TOLERANCE_KG + 1e-9


def instant(stamp: str) -> datetime:
    read = datetime.fromisoformat(stamp)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def happened(event: Event) -> datetime:
    return instant(event["externalCreatedAt"])


def labelled(event: Event, label: str) -> bool:
    return any(attachment.get("label") == label for attachment in event.get("attachments") or ())


def is_plate(found: str | None) -> bool:
    return found is not None and PLATE.fullmatch(re.sub(r"[-\s]", "", found.upper())) is not None


# Accreditations


def result_of(accreditation: Document) -> Event | None:
    return next((e for e in timeline(accreditation) if e["name"] == "Accreditation Result"), None)


def is_valid(accreditation: Document, now: datetime) -> bool:
    result = result_of(accreditation)
    if result is None:
        return accreditation.get("subtype") == "Integrator"
    today = now.astimezone(UTC).date()
    effective, expires = (_zoned_day(value(result, f"{kind} Date")) for kind in ("Effective", "Expiration"))
    lasting = value(result, "Expiration Date") is None or (expires is not None and expires >= today)
    started = effective is not None and effective <= today
    return started and lasting and value(result, "Accreditation Status") == "Approved"


def _zoned_day(stamp: Any) -> date | None:
    if not isinstance(stamp, str) or not ZONED.fullmatch(stamp):
        return None
    try:
        return instant(stamp).date()
    except ValueError:
        return None


def is_excepted(case: Case, event: str, name: str) -> bool:
    """Whether the recycler's accreditation holds a live approved exception for an attribute."""
    result = result_of(case.recycler_accreditation())
    listed = value(result, "Approved Exceptions") if result else None
    entries = listed if isinstance(listed, list) else []
    return any(_is_live(entry, event, name, case.now) for entry in entries if isinstance(entry, Mapping))


def _is_live(entry: Mapping[str, Any], event: str, name: str, now: datetime) -> bool:
    where, until, reason = (entry.get(key) for key in ("Attribute Location", "Valid Until", "Reason"))
    return (
        where == {"Asset": {"Category": "MassID"}, "Event": event}
        and entry.get("Attribute Name") == name
        and entry.get("Exception Type") == "Exemption for Mandatory Attribute"
        and bool(isinstance(reason, str) and reason.strip())
        and (not until or now <= instant(until))
    )


def metrics_event(case: Case) -> Event:
    year = str(instant(case.document["externalCreatedAt"]).year - 1)
    for event in timeline(case.recycler_accreditation()):
        told = value(event, "Reference Year")
        told = int(told) if isinstance(told, float) and told.is_integer() else told
        if "Emissions & Composting Metrics" in event["name"] and str(told) == year:
            return event
    raise Fall(f"The recycler's accreditation has no Emissions & Composting Metrics for {year}.")


# Text and distance


def normal(words: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFD", words) if not "\u0300" <= c <= "\u036f")
    kept = re.sub(r"[^0-9\sa-z]", "", bare.lower())
    return " ".join(re.sub(r"(?<=[a-z])(?=[0-9])|(?<=[0-9])(?=[a-z])", " ", kept).split())


def dice(left: str, right: str) -> float:
    """Sørensen–Dice on the multisets of neighbouring characters."""
    if left == right:
        return 1.0
    if min(len(left), len(right)) < 2:
        return 0.0
    ours, theirs = (Counter(pairwise(side)) for side in (left, right))
    return 2 * (ours & theirs).total() / (ours.total() + theirs.total())


def same_street(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Both the match and the score are asked for, so the match by fuzzy tokens can never decide."""
    ours, theirs = (address_tokens(address) for address in (left, right))
    return _numbers_agree(ours, theirs) and dice(" ".join(ours), " ".join(theirs)) >= 0.75


def address_tokens(address: Mapping[str, Any]) -> list[str]:
    words = ", ".join(str(address[key]) for key in ("street", "number", "city") if address.get(key))
    tokens: list[str] = []
    for token in normal(re.sub(r"(?<=\d)[^\w\s]+(?=\d)", " ", words)).split():
        tokens.append(ABBREVIATIONS.get(token, token))
        for size in range(1, len(tokens) // 2 + 1):
            if tokens[-size:] == tokens[-2 * size : -size]:
                del tokens[-size:]
                break
    return tokens


def _numbers_agree(ours: Iterable[str], theirs: Iterable[str]) -> bool:
    fewer, more = sorted(([t.lstrip("0") for t in side if t.isdigit()] for side in (ours, theirs)), key=len)
    return all(any(_same_number(left, right) for right in more) for left in fewer)


def _same_number(left: str, right: str) -> bool:
    short, long = sorted((left, right), key=len)
    return short == long or (short != "" and short * (len(long) // len(short)) == long)


def distance_m(left: tuple[float, float], right: tuple[float, float]) -> int:
    (lat1, lon1), (lat2, lon2) = ((math.radians(lat), math.radians(lon)) for lat, lon in (left, right))
    cosine = math.sin(lat1) * math.sin(lat2) + math.cos(lat1) * math.cos(lat2) * math.cos(lon2 - lon1)
    return round(math.acos(max(-1.0, min(1.0, cosine))) * EARTH_M)


def point(latitude: Any, longitude: Any) -> tuple[float, float] | None:
    return (latitude, longitude) if is_number(latitude) and is_number(longitude) else None


# The rules: each yields what speaks against the document


def waste_mass_is_unique(case: Case) -> Complaints:
    """Only what the search for duplicates needs: the search itself looks at other documents."""
    case.first("Drop-off")
    case.actor("Recycler")
    case.actor("Waste Generator")
    if text(case.first("Pick-up"), "Vehicle License Plate") is None:
        yield "The Pick-up has no Vehicle License Plate."


def project_period_limit(case: Case) -> Complaints:
    start = datetime(case.now.astimezone(UTC).year - 1, 1, 1, tzinfo=UTC)
    if happened(case.first("Recycled")) < start:
        yield f"The waste was recycled before {start.date()}."


def participant_accreditations(case: Case) -> Complaints:
    if not case.events or not case.accreditations:
        raise Fall("There are no events or no accreditations.")
    labels = ("Integrator", "Processor", "Recycler")
    roles = {party(event): event["label"] for event in case.events if event.get("label") in labels}
    for participant, label in roles.items():
        own = [a for a in case.accreditations if primary(a) == participant is not None]
        valid = [a for a in own if a.get("subtype") == label and is_valid(a, case.now)]
        if len(valid) != 1:
            yield f"The {label} has {len(valid)} valid accreditations, not 1."


def mass_id_qualifications(case: Case) -> Complaints:
    document = case.document
    wanted = {"category": "MassID", "type": "Organic", "measurementUnit": "kg"}
    for name, expected in wanted.items():
        if document.get(name) != expected:
            yield f"The {name} is {document.get(name)!r}, not {expected!r}."
    if not above_zero(document.get("currentValue")):
        yield "The currentValue is not above 0."
    if document.get("subtype") not in SUBTYPES:
        yield f"The subtype is {document.get('subtype')!r}."


def regional_waste_classification(case: Case) -> Complaints:
    subtype = case.document.get("subtype")
    if not subtype:
        return
    if (case.actor("Recycler").get("address") or {}).get("countryCode") != "BR":
        yield "The recycler is not in Brazil."
    code, words = (
        text(case.first("Pick-up"), f"Local Waste Classification {part}") for part in ("ID", "Description")
    )
    if code is None or words is None:
        raise Fall("The Pick-up lacks the local waste classification's ID or description.")
    row = WASTE.get(re.sub(r"\s", "", code))
    if row is None:
        raise Fall(f"{code!r} is no code of the table.")
    if CDM.get(subtype) != row["cdm"]:
        yield f"{code!r} is a code of {row['cdm']}, but {subtype} is of {CDM.get(subtype)}."
    if dice(normal(words), normal(row["label"])) < 0.85:
        yield f"{words!r} does not describe {code!r}."


def geolocation_and_address_precision(case: Case) -> Complaints:
    origin, end = case.first("Pick-up"), case.last("Drop-off")
    stops: dict[str, Event] = {}
    for event in case.named("Pick-up", "Drop-off"):
        stops["Waste Generator" if event is origin else "Recycler" if event is end else "Processor"] = event
    for role, event in stops.items():
        yield from _stop(case, role, event)


def _stop(case: Case, role: str, event: Event) -> Complaints:
    accredited = case.accredited_address(role, party(event))
    if accredited is None and role == "Waste Generator":
        return
    facility = point(accredited.get("latitude"), accredited.get("longitude")) if accredited else None
    if accredited is None or facility is None:
        raise Fall(f"The {role} has no accredited address with coordinates.")
    address = event.get("address") or {}
    told = point(address.get("latitude"), address.get("longitude"))
    metres = distance_m(told, facility) if told else None
    if metres is None or metres > NEAR_M:
        regions = [(a.get("countryCode"), a.get("countryState")) for a in (address, accredited)]
        if metres is not None and metres > FAR_M:
            yield f"The {role}'s {event['name']} is {metres} m from the accredited address."
        elif regions[0] != regions[1] or not same_street(address, accredited):
            yield f"The {role}'s {event['name']} is at another address than the accredited one."
    if metres is None or metres <= NEAR_M:
        yield from _captured(case, role, event, facility)


def _captured(case: Case, role: str, event: Event, facility: tuple[float, float]) -> Complaints:
    names = ("Captured GPS Latitude", "Captured GPS Longitude")
    captured = point(*(number(event, name) for name in names))
    if captured is None or (role == "Recycler" and all(is_excepted(case, event["name"], n) for n in names)):
        return
    metres = distance_m(captured, facility)
    if metres > NEAR_M:
        yield f"The {role}'s {event['name']} was captured {metres} m from the accredited address."


def waste_origin_identification(case: Case) -> Complaints:
    unidentified = value(case.first("Pick-up"), "Waste Origin") == "Unidentified"
    generators = len(case.actors("Waste Generator"))
    if generators != (0 if unidentified else 1):
        yield f"The origin is {'un' * unidentified}identified, but there are {generators} waste generators."


def hauler_identification(case: Case) -> Complaints:
    vehicle = value(case.first("Pick-up"), "Vehicle Type")
    if not case.actors("Hauler") and vehicle not in ("Sludge Pipes", "Cart"):
        yield f"There is no hauler, and the vehicle is {vehicle!r}."


def vehicle_identification(case: Case) -> Complaints:
    pick_up = case.first("Pick-up")
    vehicle = text(pick_up, "Vehicle Type")
    if vehicle not in VEHICLES:
        yield f"{vehicle!r} is no Vehicle Type."
    elif vehicle == "Others":
        if text(pick_up, "Vehicle Description") is None:
            yield "The other vehicle has no Vehicle Description."
    elif vehicle not in PLATELESS and not is_plate(text(pick_up, "Vehicle License Plate")):
        yield f"A {vehicle} needs a Vehicle License Plate of the known kinds."


def driver_identification(case: Case) -> Complaints:
    pick_up = case.first("Pick-up")
    if value(pick_up, "Vehicle Type") == "Sludge Pipes":
        return
    known = value(pick_up, "Driver Identifier") is not None
    excused = text(pick_up, "Driver Identifier Exemption Justification") is not None
    if known == excused:
        yield f"The driver is {'both' if known else 'neither'} identified {'and' if known else 'nor'} excused."


def transport_manifest_data(case: Case) -> Complaints:
    return _manifests(case, "Transport Manifest", "MTR")


def recycling_manifest_data(case: Case) -> Complaints:
    yield from _manifests(case, "Recycling Manifest", "CDF")
    for event in case.named("Recycling Manifest"):
        if place(event) != place(case.actor("Recycler")):
            yield "A Recycling Manifest is not at the recycler's address."


def _manifests(case: Case, name: str, kind: str) -> Complaints:
    case.first(name)
    country = (case.actor("Recycler").get("address") or {}).get("countryCode")
    for event in case.named(name):
        attached, excused = labelled(event, name), text(event, "Exemption Justification") is not None
        if event.get("attachments") and not attached:
            yield f"No attachment has the label {name}."
        elif attached == excused:
            yield f"A {name} has {'both' if attached else 'neither'} an attachment and an excuse."
        elif attached:
            yield from _manifest_attributes(event, kind if country == "BR" else None)


def _manifest_attributes(event: Event, kind: str | None) -> Complaints:
    told = text(event, "Document Type")
    if told is None or kind not in (None, told):
        yield f"The Document Type is {told!r}, not {kind!r}."
    if text(event, "Document Number") is None:
        yield "There is no Document Number."
    if attribute(event, "Issue Date").get("format") != "DATE":
        yield "There is no Issue Date of format DATE."


def processor_identification(case: Case) -> Complaints:
    return _exactly_one(case, "Processor")


def recycler_identification(case: Case) -> Complaints:
    return _exactly_one(case, "Recycler")


def _exactly_one(case: Case, label: str) -> Complaints:
    if len(case.actors(label)) != 1:
        yield f"There are {len(case.actors(label))} ACTORs with the label {label}, not 1."


def weighing(case: Case) -> Complaints:
    """Of two weighings the first is looked at in full; the second only has to be like it."""
    events = case.named("Weighing")
    if not 1 <= len(events) <= 2:
        raise Fall(f"There are {len(events)} Weighings, not 1 or 2.")
    first = events[0]
    yield from _container(case, first)
    yield from _weights(case, first)
    yield from _scale(case, first)
    if text(first, "Description") is None:
        yield "The Weighing has no Description."
    if not is_plate(text(first, "Vehicle License Plate")):
        yield "The Weighing has no Vehicle License Plate of the known kinds."
    if text(first, "Weighing Capture Method") not in CAPTURES:
        yield "The Weighing has no known Weighing Capture Method."
    if len(events) == 2:
        yield from _second_weighing(first, events[1])


def _container(case: Case, event: Event) -> Complaints:
    kind, quantity = text(event, "Container Type"), number(event, "Container Quantity")
    whole = quantity is not None and quantity > 0 and quantity == int(quantity)
    if not is_excepted(case, "Weighing", "Container Capacity"):
        yield from _measure(event, "Container Capacity")
    if kind is None:
        yield "There is no Container Type."
    if kind == "Truck" and whole:
        yield "A Truck has no Container Quantity."
    if kind != "Truck" and not whole and not is_excepted(case, "Weighing", "Container Quantity"):
        yield "The Container Quantity is no whole number above 0."


def _weights(case: Case, event: Event) -> Complaints:
    for name in ("Gross Weight", "Tare"):
        if attribute(event, name) or not is_excepted(case, "Weighing", "Tare"):
            yield from _measure(event, name)
    gross, tare, quantity = (number(event, name) for name in ("Gross Weight", "Tare", "Container Quantity"))
    net = event.get("value")
    if net is None or not above_zero(net):
        yield "The value of the Weighing is not above 0."
    elif None not in (gross, tare, quantity) and not within_tolerance(gross - tare * quantity, net):
        yield f"{gross} − {tare} × {quantity} is not {net}."


def _measure(event: Event, name: str, formats: Sequence[Any] = FORMATS) -> Complaints:
    if not above_zero(number(event, name)):
        yield f"The {name} of the {event['name']} is no number above 0."
    elif attribute(event, name).get("format") not in formats:
        yield f"The {name} of the {event['name']} has no fitting format."


def _scale(case: Case, event: Event) -> Complaints:
    accreditation = case.recycler_accreditation()
    monitoring = [e for e in timeline(accreditation) if e["name"] == "Monitoring Systems & Equipment"]
    scale, accredited = (_scale_type(e) for e in (event, *(monitoring[:1] or [{}])))
    if scale not in SCALES or scale != accredited:
        yield f"The Scale Type is {scale!r}, the accredited one {accredited!r}."
    result = result_of(accreditation)
    required = value(result, "Required Additional Verifications") if result else None
    for entry in required if isinstance(required, list) else []:
        if not isinstance(entry, Mapping) or entry.get("Verification Type") != "Scale Ticket":
            continue
        if not any(entry.get("Layout IDs") or ()) or not labelled(event, "Weighing Ticket"):
            yield "A Scale Ticket is required, but there is no Weighing Ticket with a listed layout."


def _scale_type(event: Event) -> str | None:
    found = text(event, "Scale Type")
    return WEIGHBRIDGE if found == "Weighbridge" else found


def _second_weighing(first: Event, second: Event) -> Complaints:
    names = ("Weighing Capture Method", "Scale Type", "Container Capacity")
    for name in (*names, "Container Type", "Gross Weight", "Vehicle License Plate"):
        if not same(value(first, name), value(second, name)):
            yield f"The two Weighings differ in {name}."
    if party(first) != party(second):
        yield "The two Weighings have different participants."
    if value(first, "Container Type") != "Truck" or _scale_type(first) != WEIGHBRIDGE:
        yield "Only a Truck on a weighbridge is weighed twice."


def drop_off_at_recycler(case: Case) -> Complaints:
    event = case.last("Drop-off")
    if text(event, "Receiving Operator Identifier") is None:
        yield "The last Drop-off has no Receiving Operator Identifier."
    if place(event) != place(case.actor("Recycler")):
        yield "The last Drop-off is not at the recycler's address."


def mass_id_sorting(case: Case) -> Complaints:
    event, factor = case.first("Sorting"), number(metrics_event(case), "Sorting Factor")
    prior, kept = _value_before(case, event), event.get("value")
    if not above_zero(factor) or not above_zero(prior) or not above_zero(kept):
        raise Fall("The Sorting Factor, the value before or the value after the Sorting is not above 0.")
    for name in ("Gross Weight", "Deducted Weight"):
        yield from _measure(event, name, ["KILOGRAM"])
    if text(event, "Description") is None:
        yield "The Sorting has no Description."
    gross, deducted = (number(event, name) or 0 for name in ("Gross Weight", "Deducted Weight"))
    if deducted >= gross:
        yield "The Deducted Weight is not below the Gross Weight."
    if not within_tolerance(deducted, gross * (factor or 0)):
        yield f"{deducted} is not {gross} × {factor}."
    if gross != prior:
        yield f"The Gross Weight is {gross}, the value before {prior}."
    if case.document.get("currentValue") != kept:
        yield "The currentValue is not the value of the Sorting."
    if not within_tolerance(gross - deducted, kept or 0):
        yield f"{gross} − {deducted} is not {kept}."


def _value_before(case: Case, event: Event) -> float | None:
    earlier = [e for e in case.events if e.get("value") is not None and happened(e) < happened(event)]
    return max(reversed(earlier), key=happened)["value"] if earlier else None


def composting_cycle_timeframe(case: Case) -> Complaints:
    lasted = happened(case.first("Recycled")) - happened(case.first("Drop-off"))
    hours = lasted // timedelta(hours=1)
    if not 60 * 24 - 1 <= hours <= 180 * 24 + 1:
        yield f"The composting cycle took {hours} hours."


def prevented_emissions(case: Case) -> Complaints:
    prevented_co2e_kg(case)
    yield from ()


def prevented_co2e_kg(case: Case) -> float:
    """The emissions that the document prevents, in kg CO₂e; `Fall` where they cannot be told."""
    event, subtype, mass = (
        metrics_event(case),
        case.document.get("subtype"),
        case.document.get("currentValue"),
    )
    baselines, coefficient = (
        value(event, "Baselines"),
        number(event, "Exceeding Emission Coefficient (per ton)"),
    )
    if text(event, "Greenhouse Gas Type (GHG)") is None:
        raise Fall("The metrics name no Greenhouse Gas Type (GHG).")
    if coefficient is None or coefficient < 0:
        raise Fall("The Exceeding Emission Coefficient (per ton) is no number from 0.")
    if not isinstance(baselines, Mapping) or not (
        baselines.keys() <= SUBTYPES and all(baseline in BASELINES for baseline in baselines.values())
    ):
        raise Fall("The Baselines are no map of known subtypes to known baselines.")
    if subtype not in baselines:
        raise Fall(f"There is no baseline for {subtype!r}.")
    if mass is None or not is_number(mass):
        raise Fall("The document has no currentValue.")
    column = BASELINES.index(baselines[subtype])
    factor = _others_factor(case, column) if subtype not in FACTORS else FACTORS[subtype][column]
    return float(max(0, mass * factor - mass * coefficient))


def _others_factor(case: Case, column: int) -> float:
    code = re.sub(r"\s", "", text(case.first("Pick-up"), "Local Waste Classification ID") or "")
    if WASTE.get(code, {}).get("cdm") != "8.7D":
        raise Fall(f"{code!r} is no code of other organic waste.")
    carbon = Decimal(CARBON[code] if code in CARBON else _characterized_carbon(case, code))
    slope, intercept = (Decimal(figure) for figure in OTHERS[column])
    exact = max(Decimal(0), slope * carbon + intercept)
    return float(exact.quantize(Decimal("0.000001"), ROUND_HALF_DOWN))


def _characterized_carbon(case: Case, code: str) -> str:
    """The Carbon Fraction of the generator's newest complete analysis, two years old at most at the pick-up."""
    generator = party(case.actor("Waste Generator"))
    accreditations = [a for a in case.accreditations if a.get("subtype") == "Waste Generator"]
    events = [e for a in accreditations if primary(a) == generator for e in timeline(a)]
    complete = [
        (day, carbon)
        for event in events
        if event["name"] == "Organic Waste Carbon Characterization"
        and re.sub(r"\s", "", text(event, "Local Waste Classification ID") or "") == code
        and FRACTION.fullmatch(carbon := text(event, "Carbon Fraction") or "")
        and FRACTION.fullmatch(text(event, "Moisture Fraction") or "")
        and (day := _day(text(event, "Carbon Analysis Date")))
    ]
    if not complete:
        raise Fall(f"The waste generator has no complete carbon characterization of {code!r}.")
    day, carbon = max(complete)
    if happened(case.first("Pick-up")).date() > _two_years_after(day):
        raise Fall(f"The carbon of {code!r} was last analysed on {day}, too long before the pick-up.")
    return carbon


def _day(stamp: str | None) -> date | None:
    try:
        return instant(stamp).date() if stamp else None
    except ValueError:
        return None


def _two_years_after(day: date) -> date:
    leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year + 2, day=28 if leap_day else day.day)


class Rule(NamedTuple):
    slug: str
    check: Callable[[Case], Complaints]
    passing: str
    carbon_only: bool = False


RULES = (
    Rule("waste-mass-is-unique", waste_mass_is_unique, "All that tells duplicates apart is there."),
    Rule("project-period-limit", project_period_limit, "The waste was recycled within the project period."),
    Rule(
        "participant-accreditations-and-verifications-requirements",
        participant_accreditations,
        "Every participant has the one valid accreditation it needs.",
    ),
    Rule(
        "mass-id-qualifications", mass_id_qualifications, "The document is a MassID of organic waste in kg."
    ),
    Rule("regional-waste-classification", regional_waste_classification, "The local code fits the subtype."),
    Rule(
        "geolocation-and-address-precision",
        geolocation_and_address_precision,
        "Every place is as accredited.",
    ),
    Rule("waste-origin-identification", waste_origin_identification, "The origin is told in one way."),
    Rule("hauler-identification", hauler_identification, "There is a hauler, or none is needed."),
    Rule("vehicle-identification", vehicle_identification, "The vehicle is identified."),
    Rule("driver-identification", driver_identification, "The driver is identified or excused."),
    Rule("transport-manifest-data", transport_manifest_data, "Every Transport Manifest is whole or excused."),
    Rule("processor-identification", processor_identification, "There is one processor."),
    Rule("recycler-identification", recycler_identification, "There is one recycler."),
    Rule("weighing", weighing, "The weighing is whole and on the accredited scale."),
    Rule("drop-off-at-recycler", drop_off_at_recycler, "The last Drop-off is at the recycler."),
    Rule("mass-id-sorting", mass_id_sorting, "The sorting's weights agree with its factor."),
    Rule(
        "composting-cycle-timeframe", composting_cycle_timeframe, "The composting cycle took 60 to 180 days."
    ),
    Rule("recycling-manifest-data", recycling_manifest_data, "Every Recycling Manifest is whole or excused."),
    Rule(
        "prevented-emissions", prevented_emissions, "The prevented emissions can be told.", carbon_only=True
    ),
)


# The stored shape


class Kind(NamedTuple):
    words: str
    holds: Callable[[Any], bool]


def _matching(words: str, pattern: str) -> Kind:
    return Kind(words, lambda found: isinstance(found, str) and re.fullmatch(pattern, found) is not None)


def _one_of(*allowed: str) -> Kind:
    return Kind(f"one of {', '.join(allowed)}", lambda found: isinstance(found, str) and found in allowed)


def _is_moment(found: Any) -> bool:
    if not isinstance(found, str) or not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found):
        return False
    return _day(found) is not None


ANY = Kind("anything", lambda _: True)
TEXT = Kind("a string", lambda found: isinstance(found, str))
NAME = Kind("a non-empty string", lambda found: isinstance(found, str) and found != "")
FLAG = Kind("a boolean", lambda found: isinstance(found, bool))
AMOUNT = Kind("a number from 0", lambda found: is_number(found) and found >= 0)
LENGTH = Kind("a whole number from 0", lambda found: type(found) is int and found >= 0)
LATITUDE = Kind("a latitude", lambda found: is_number(found) and abs(found) <= 90)
LONGITUDE = Kind("a longitude", lambda found: is_number(found) and abs(found) <= 180)
OBJECT = Kind("an object", lambda found: isinstance(found, Mapping))
ARRAY = Kind("an array", lambda found: isinstance(found, list))
POLICY = Kind("an object or an array", lambda found: isinstance(found, Mapping | list))
UUID = _matching("a UUID", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EVENT_ID = _matching("an id of 21 characters", r"[A-Za-z0-9_-]{21}")
MOMENT = Kind("a date-time in UTC with milliseconds", _is_moment)
DATA_SET = _one_of("TEST", "PROD", "PROD_SIMULATION")
TAGS = Kind(
    "a map of strings to strings or null",
    lambda found: isinstance(found, Mapping) and all(v is None or isinstance(v, str) for v in found.values()),
)

Shape = Mapping[str, Kind]
IDENTITY: Shape = dict.fromkeys(("countryCode", "name", "taxId", "taxIdType", "type"), TEXT)
PARTICIPANT: Shape = {"id": UUID, "piiSnapshotId": UUID, **IDENTITY}
SITE: Shape = dict.fromkeys(("city", "countryCode", "countryState", "street", "number"), TEXT)
SITE_EXTRA: Shape = {
    **dict.fromkeys(("complement", "neighborhood", "zipCode"), TEXT),
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
}
ADDRESS: Shape = {"id": UUID, "piiSnapshotId": UUID, "participantId": UUID, **SITE}
DOCUMENT: Shape = {
    "id": UUID,
    "category": TEXT,
    "type": TEXT,
    "status": _one_of("OPEN", "CLOSED", "CANCELLED"),
    "dataSetName": DATA_SET,
    "currentValue": AMOUNT,
    "measurementUnit": TEXT,
    **dict.fromkeys(("externalCreatedAt", "createdAt", "updatedAt"), MOMENT),
    **dict.fromkeys(("isPublic", "isPubliclySearchable"), FLAG),
    **dict.fromkeys(("address", "author", "primaryAddress", "primaryParticipant"), OBJECT),
    **dict.fromkeys(("permissions", "attachments", "externalEvents"), ARRAY),
}
DOCUMENT_EXTRA: Shape = {
    **dict.fromkeys(("subtype", "title", "shortTitle", "externalId", "deduplicationId"), TEXT),
    "parentDocumentId": UUID,
    "tags": TAGS,
}
EVENT: Shape = {
    "id": EVENT_ID,
    "name": NAME,
    "externalCreatedAt": MOMENT,
    "isPublic": FLAG,
    **dict.fromkeys(("participant", "address", "author"), OBJECT),
}
EVENT_EXTRA: Shape = {
    **dict.fromkeys(("label", "externalId", "deduplicationId"), TEXT),
    **dict.fromkeys(("preserveSensitiveData", "propagateEvent"), FLAG),
    **dict.fromkeys(("metadata", "relatedDocument", "updates"), OBJECT),
    "value": AMOUNT,
    "attachments": ARRAY,
    "permissions": POLICY,
}
ATTRIBUTE_EXTRA: Shape = {
    **dict.fromkeys(("type", "valuePrefix", "valueSuffix"), TEXT),
    "value": ANY,
    "format": _one_of(*FORMATS),
    "sensitive": FLAG,
}
RELATED_EXTRA: Shape = {**dict.fromkeys(("category", "type", "subtype"), TEXT), "bidirectional": FLAG}


def ill_shaped(document: Document) -> list[str]:
    """What in a read document is not of the stored shape, each with the JSON pointer of its place."""
    return [*_nulls(document, ""), *_document(document)]


def _nulls(found: Any, where: str) -> Complaints:
    """Every null but an attribute's value and the values of tags."""
    if found is None:
        yield f"{where} is null."
    items = (
        found.items() if isinstance(found, Mapping) else enumerate(found) if isinstance(found, list) else ()
    )
    for key, item in items:
        below = f"{where}/{key}"
        if below != "/tags" and not re.search(r"/metadata/attributes/\d+/value$", below):
            yield from _nulls(item, below)


def _document(document: Document) -> Complaints:
    yield from _fields(document, "", DOCUMENT, DOCUMENT_EXTRA)
    yield from _fields(document.get("address"), "/address", SITE, {**SITE_EXTRA, "id": UUID, "name": TEXT})
    yield from _fields(document.get("author"), "/author", {**IDENTITY, "participantId": UUID})
    yield from _fields(
        document.get("primaryParticipant"), "/primaryParticipant", PARTICIPANT, {"businessName": TEXT}
    )
    yield from _fields(document.get("primaryAddress"), "/primaryAddress", ADDRESS, SITE_EXTRA)
    yield from _each(document, "", "permissions", {"id": UUID, "participantId": UUID})
    yield from _each(document, "", "attachments", {"id": UUID, "fileName": NAME, "contentLength": LENGTH})
    declared = [attachment.get("id") for attachment in _objects(document, "attachments")]
    yield from _each(document, "", "externalEvents", EVENT, EVENT_EXTRA)
    for index, event in enumerate(_items(document, "externalEvents")):
        if isinstance(event, Mapping):
            yield from _event(event, f"/externalEvents/{index}", declared)


def _event(event: Event, where: str, declared: list[Any]) -> Complaints:
    author = {"clientId": NAME, "dataSetName": DATA_SET, "participantId": UUID}
    yield from _fields(event.get("author"), f"{where}/author", author)
    yield from _fields(event.get("participant"), f"{where}/participant", PARTICIPANT, {"businessName": TEXT})
    yield from _fields(event.get("address"), f"{where}/address", ADDRESS, SITE_EXTRA)
    related = {"documentId": UUID}
    yield from _fields(event.get("relatedDocument"), f"{where}/relatedDocument", related, RELATED_EXTRA)
    metadata = event.get("metadata")
    yield from _fields(metadata, f"{where}/metadata", {}, {"attributes": ARRAY})
    entry = {"name": NAME, "isPublic": FLAG}
    yield from _each(metadata, f"{where}/metadata", "attributes", entry, ATTRIBUTE_EXTRA)
    attached = {"attachmentId": UUID, "contentLength": LENGTH, "isPublic": FLAG, "label": TEXT}
    yield from _each(event, where, "attachments", attached)
    for index, attachment in enumerate(_objects(event, "attachments")):
        if attachment.get("attachmentId") not in declared:
            yield f"{where}/attachments/{index}/attachmentId is not declared on the document."


def _each(owner: Any, where: str, key: str, always: Shape, sometimes: Shape | None = None) -> Complaints:
    for index, item in enumerate(_items(owner, key)):
        if not isinstance(item, Mapping):
            yield f"{where}/{key}/{index} is no object."
        yield from _fields(item, f"{where}/{key}/{index}", always, sometimes)


def _items(owner: Any, key: str) -> list[Any]:
    found = owner.get(key) if isinstance(owner, Mapping) else None
    return found if isinstance(found, list) else []


def _objects(owner: Any, key: str) -> list[Mapping[str, Any]]:
    return [item for item in _items(owner, key) if isinstance(item, Mapping)]


def _fields(found: Any, where: str, always: Shape, sometimes: Shape | None = None) -> Complaints:
    """Nothing about what is absent or of no object's kind, nor about nulls: both are told elsewhere."""
    if not isinstance(found, Mapping):
        return
    for name in always.keys() - found.keys():
        yield f"{where}/{name} is missing."
    kinds = {**always, **(sometimes or {})}
    for name, item in found.items():
        if name not in kinds:
            yield f"{where}/{name} does not belong there."
        elif item is not None and not kinds[name].holds(item):
            yield f"{where}/{name} should be {kinds[name].words}, but is {item!r}."


# What should agree


def disagreements(document: Document, accreditations: Iterable[Document]) -> list[str]:
    """What should be the same in several places of a document and its accreditations, and is not."""
    accredited = list(accreditations)
    case = Case.of(document, accredited, datetime.now(UTC))
    return [
        *_recycler_places(case),
        *_generator(case),
        *_accredited_actors(case),
        *_owners(case),
        *_tax_ids([document, *accredited]),
    ]


def _recycler_places(case: Case) -> Complaints:
    events = [*case.named("Drop-off")[-1:], *case.named("Sorting", "Recycled", "Recycling Manifest")]
    for actor in case.actors("Recycler"):
        for event in events:
            if place(event) != place(actor):
                yield f"The {event['name']} is at {place(event)}, the recycler at {place(actor)}."


def _generator(case: Case) -> Complaints:
    for actor in case.actors("Waste Generator"):
        if party(actor) != primary(case.document):
            yield f"The document's participant is {primary(case.document)}, the generator {party(actor)}."


def _accredited_actors(case: Case) -> Complaints:
    for label in ("Integrator", "Processor", "Recycler"):
        for actor in case.actors(label):
            wanted = (party(actor), place(actor), {place(actor)})
            if wanted not in [_seat(a) for a in case.accreditations if a.get("subtype") == label]:
                yield f"No accreditation is of the {label} {party(actor)} at {place(actor)}."


def _seat(accreditation: Document) -> tuple[str | None, str | None, set[str | None]]:
    facilities = {place(e) for e in timeline(accreditation) if e["name"] == "Facility Address"}
    return primary(accreditation), (accreditation.get("primaryAddress") or {}).get("id"), facilities


def _owners(case: Case) -> Complaints:
    for actor in case.named("ACTOR"):
        owner = (actor.get("address") or {}).get("participantId")
        if actor.get("label") != "Network" and owner != party(actor):
            yield f"The address of the {actor.get('label')} {party(actor)} belongs to {owner}."


def _tax_ids(documents: Iterable[Document]) -> Complaints:
    known: defaultdict[str, set[Any]] = defaultdict(set)
    for document in documents:
        for participant in (
            document.get("primaryParticipant") or {},
            *(event.get("participant") or {} for event in timeline(document)),
        ):
            if "id" in participant:
                known[participant["id"]].add(participant.get("taxId"))
    for participant_id, tax_ids in known.items():
        if len(tax_ids) > 1:
            yield f"The participant {participant_id} has the tax ids {', '.join(sorted(map(str, tax_ids)))}."
