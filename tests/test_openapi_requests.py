"""What the contract says of requests: the published samples pass, and each rule is told in a sentence."""

from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from mock_server import contract
from mock_server.behaviours import Semantics
from mock_server.domain.conventions import title_case
from mock_server.errors import ValidationFailed

COMPONENTS = contract.document()["components"]
DATE_TIME = Draft202012Validator(COMPONENTS["schemas"]["DateTime"])
FILE_NAME = Draft202012Validator(COMPONENTS["parameters"]["FileName"]["schema"])


def problems(schema: str, body: Any, semantics: Semantics | None = None) -> list[str]:
    """The sentences that a client would get for a body."""
    try:
        contract.check(schema, body, semantics or Semantics.default())
    except ValidationFailed as refused:
        return [problem.message for problem in refused.problems]
    return []


# Convention: attribute names

METHODOLOGY_NAMES = """
Accreditation Status, Approved Exceptions, Baselines, Business Size Declaration, Captured GPS
Latitude, Captured GPS Longitude, Carbon Analysis Date, Carbon Fraction, Container Capacity,
Container Quantity, Container Type, Credit Unit Price, Deducted Weight, Description, Document
Number, Document Type, Driver Identifier, Driver Identifier Exemption Justification, Effective Date,
Evaluation Result, Exceeding Emission Coefficient (per ton), Exemption Justification, Expiration
Date, Greenhouse Gas Type (GHG), Gross Weight, Issue Date, Local Waste Classification Description,
Local Waste Classification ID, Methodology Slug, Moisture Fraction, Receiving Operator Identifier,
Recycler Operator Identifier, Reference Year, Required Additional Verifications, Rule Processor
Result Content, Rule Result Details, Scale Type, Scale Validation, Slug, Sorting Factor, Tare,
Vehicle Description, Vehicle License Plate, Vehicle Type, Waste Origin, Weighing Capture Method
"""
TITLE_CASE = [name.strip() for name in METHODOLOGY_NAMES.replace("\n", " ").split(",")]
ALSO_TITLE_CASE = [
    "Pick-up",
    "E-mail",
    "CO₂e",
    "Placa do Veículo",
    "Árvore",
    "Łódź",
    "pH",
    "2nd Weighing",
    "重量",
]
LEGACY = [
    "vehicle-license-plate",
    "vehicle_license_plate",
    "Vehicle_License_Plate",
    "vehicleLicensePlate",
    "vehicle-License-Plate",
    "vehicle license plate",
    "app-gps-latitude",
    "tare",
    "co₂e",
    "descrição",
    "árvore",
    "GROSS_WEIGHT",
]


def test_the_methodologies_have_46_attribute_names() -> None:
    assert len(set(TITLE_CASE)) == 46


@pytest.mark.parametrize("name", TITLE_CASE + ALSO_TITLE_CASE)
def test_title_case_names_are_accepted(name: str) -> None:
    assert problems("AttributeInput", {"name": name}) == []


@pytest.mark.parametrize("name", LEGACY)
def test_names_in_the_old_spellings_are_refused_and_told_the_new_one(name: str) -> None:
    (message,) = problems("AttributeInput", {"name": name})
    assert message.startswith(f'/name: Expected "{title_case(name)}", an attribute name in Title Case;')


@pytest.mark.parametrize(
    ("schema", "change", "replacement"),
    [
        ("AttributeInput", {"name": "actor-type"}, '"label"'),
        ("DocumentCreate", {"category": "Mass"}, '"MassID"'),
        ("DocumentCreate", {"measurementUnit": "KG"}, '"kg"'),
        ("DocumentCreate", {"measurementUnit": "Kg"}, '"kg"'),
        ("EventCreate", {"name": "OPEN"}, "nothing replaces it"),
    ],
)
def test_old_vocabulary_is_told_its_replacement(
    schema: str, change: dict[str, str], replacement: str
) -> None:
    (message,) = problems(schema, {**GOOD[schema], **change})
    assert replacement in message
    without = Semantics.default().replace({"conventions": "off"})
    assert problems(schema, {**GOOD[schema], **change}, without) == []


# Requests

PLACE = {
    "city": "São Paulo",
    "countryCode": "BR",
    "countryState": "SP",
    "latitude": -23.5501,
    "longitude": -46.6402,
    "name": "Matriz",
    "neighborhood": "Centro",
    "number": "250",
    "street": "Rua Modelo",
    "zipCode": "01002000",
}
COMPANY = {
    "countryCode": "BR",
    "email": "gerador@example.org",
    "mobileNumber": "+5511900000101",
    "name": "Cantina Modelo Ltda",
    "taxId": "99000001000101",
    "taxIdType": "CNPJ",
    "type": "COMPANY",
}
RECYCLER_ID = "33333333-3333-4333-8333-333333333333"
MASS_ID = {
    "address": PLACE,
    "category": "MassID",
    "externalCreatedAt": "2024-12-05T11:02:47Z",
    "isPublic": True,
    "isPubliclySearchable": True,
    "participant": COMPANY,
    "subtype": "Food, Food Waste and Beverages",
    "title": "MassID",
    "type": "Organic",
}
EVENT = {"name": "CLOSE", "externalCreatedAt": "2020-01-01T00:00:00.000Z", "isPublic": True}
ACTOR = EVENT | {"name": "ACTOR", "label": "Recycler", "isPublic": False, "address": PLACE}
GOOD: dict[str, dict[str, Any]] = {
    "DocumentCreate": MASS_ID,
    "EventCreate": EVENT,
    "BatchItem": EVENT,
    "AttributeInput": {"name": "Tare"},
    "AttachmentDeclaration": {"contentLength": 18234, "contentType": "application/pdf"},
    "EventBatch": {"events": [EVENT]},
}
STATEMENT = {
    "effect": "ALLOW",
    "actions": ["WRITE", "READ"],
    "condition": {"$in": {"eventNames": ["RELATED"]}},
}


def with_(schema: str, /, **changes: Any) -> tuple[str, dict[str, Any]]:
    return schema, {**GOOD[schema], **changes}


def attributes(*items: dict[str, Any]) -> dict[str, Any]:
    return {"attributes": list(items)}


ACCEPTED = {
    "a MassID as in the guides": ("DocumentCreate", MASS_ID),
    "the words of the vendor's own sample": with_("DocumentCreate", category="DOCUMENT", type="ORGANIC"),
    "a unit that one guide uses": with_("DocumentCreate", measurementUnit="kg CO₂e"),
    "an unknown property": with_("DocumentCreate", measureUnit="kg"),
    "tags with null": with_("DocumentCreate", tags={"batch": "A-17", "note": None}),
    "a batch as in the reference": ("EventBatch", {"events": [EVENT | {"name": "Pick-up"}]}),
    "the minimal event of the reference": ("EventCreate", EVENT),
    "the same in a batch": ("BatchItem", EVENT | {"targetDocumentId": RECYCLER_ID}),
    "an ACTOR with an id and the details": (
        "EventCreate",
        ACTOR | {"participant": COMPANY | {"id": "11111111-1111-4111-8111-111111111111"}},
    ),
    "a policy": ("EventCreate", ACTOR | {"permissions": {RECYCLER_ID: [STATEMENT]}}),
    "a revoking policy": ("EventCreate", ACTOR | {"permissions": {RECYCLER_ID: []}}),
    "a revocation as a map": ("EventCreate", ACTOR | {"permissions": {}}),
    "a revocation as a list": ("EventCreate", ACTOR | {"permissions": []}),
    "attributes of every kind": with_(
        "EventCreate",
        name="Weighing",
        value=450,
        metadata=attributes(
            {"isPublic": True, "name": "Scale Type", "value": "Floor Scale"},
            {"isPublic": True, "name": "Scale Validation", "value": {"documentId": RECYCLER_ID}},
            {"isPublic": True, "name": "Container Capacity", "value": 240, "format": "LITER"},
            {"isPublic": False, "name": "Vehicle License Plate", "value": "ZZZ0A00", "sensible": True},
            {"name": "Baselines", "value": {"Food, Food Waste and Beverages": "Open-air dump"}},
            {"name": "Approved Exceptions", "value": [{"Reason": "x"}], "type": "REFERENCE"},
            {"name": "Description", "value": None, "valuePrefix": "", "valueSuffix": "kg"},
        ),
    ),
    "an attachment by id in the stored shape": with_(
        "EventCreate",
        attachments=[
            {
                "attachmentId": RECYCLER_ID,
                "contentLength": 18234,
                "isPublic": False,
                "label": "Transport Manifest",
            }
        ],
    ),
    "a relation": with_(
        "EventCreate", name="RELATED", relatedDocument={"documentId": "any", "bidirectional": False}
    ),
    "a SPLIT": with_("EventCreate", name="SPLIT", relatedDocument={"documentId": RECYCLER_ID}, value=0),
    "an UPDATE": with_("EventCreate", name="UPDATE", updates={"isPubliclySearchable": False}),
    "a type with a parameter": with_("AttachmentDeclaration", contentType="text/plain; charset=utf-8"),
    "a file of 10 MB": with_("AttachmentDeclaration", contentLength=10 * 1024 * 1024),
}
ONLY_ONE = "Expected only one of"
REFUSED = {
    "no participant": (
        "DocumentCreate",
        {k: v for k, v in MASS_ID.items() if k != "participant"},
        "Expected one of",
    ),
    "both participants": (*with_("DocumentCreate", participantId=RECYCLER_ID), ONLY_ONE),
    "both addresses": (*with_("DocumentCreate", addressId=RECYCLER_ID), ONLY_ONE),
    "both participants of an event": (
        *with_("EventCreate", participant=COMPANY, participantId="x"),
        ONLY_ONE,
    ),
    "a negative value": (*with_("DocumentCreate", value=-1), "/value: Expected a number of 0 or more"),
    "an event's negative value": (
        *with_("EventCreate", value=-0.1),
        "/value: Expected a number of 0 or more",
    ),
    "a latitude beyond the pole": (
        *with_("DocumentCreate", address=PLACE | {"latitude": 90.01}),
        "from -90 to 90",
    ),
    "a longitude too far": (
        *with_("DocumentCreate", address=PLACE | {"longitude": -181}),
        "from -180 to 180",
    ),
    "a number that is a number": (*with_("DocumentCreate", address=PLACE | {"number": 250}), "as a string"),
    "an empty category": (*with_("DocumentCreate", category=""), "/category"),
    "an empty key": (*with_("DocumentCreate", deduplicationId=""), "deduplication key"),
    "a key of 256 characters": (*with_("EventCreate", deduplicationId="k" * 256), "deduplication key"),
    "a participant's id that is no UUID": (
        *with_("DocumentCreate", participant=COMPANY | {"id": "7"}),
        "a UUID",
    ),
    "a policy for no UUID": (*with_("EventCreate", permissions={"x": []}), "a UUID, as the key"),
    "permissions as a list": (*with_("EventCreate", permissions=[STATEMENT]), "a map from participant ids"),
    "an unknown action": (
        *with_("EventCreate", permissions={RECYCLER_ID: [{"effect": "ALLOW", "actions": ["SHARE"]}]}),
        "/actions/0",
    ),
    "a relation without its document": (*with_("EventCreate", name="LINK"), '"relatedDocument"'),
    "a SPLIT without a value": (
        *with_("EventCreate", name="SPLIT", relatedDocument={"documentId": "x"}),
        '"value"',
    ),
    "an UPDATE of nothing": (*with_("EventCreate", name="UPDATE", updates={}), '"isPubliclySearchable"'),
    "an UPDATE without updates": (*with_("EventCreate", name="UPDATE"), '"updates"'),
    "an UPDATE of another key": (
        *with_("EventCreate", name="UPDATE", updates={"status": "OPEN"}),
        "nothing else",
    ),
    "an unknown format": (*with_("AttributeInput", format="LITRE"), '"LITER"'),
    "an attachment named twice": (
        *with_("EventCreate", attachments=[{"fileName": "a", "attachmentId": "b", "label": "c"}]),
        ONLY_ONE,
    ),
    "an attachment without a name": (*with_("EventCreate", attachments=[{"label": "c"}]), "Expected one of"),
    "an empty batch": (*with_("EventBatch", events=[]), "1 to 100 events"),
    "a batch of 101": (*with_("EventBatch", events=[EVENT] * 101), "1 to 100 events"),
    "a key beside the events": (*with_("EventBatch", deduplicationId="k"), "on each item"),
    "a file over 10 MB": (*with_("AttachmentDeclaration", contentLength=10 * 1024 * 1024 + 1), "10 MB"),
    "a type that is none": (*with_("AttachmentDeclaration", contentType="pdf"), "MIME type"),
}


@pytest.mark.parametrize(("schema", "body"), ACCEPTED.values(), ids=ACCEPTED)
def test_the_default_contract_accepts(schema: str, body: dict[str, Any]) -> None:
    assert problems(schema, body) == []


@pytest.mark.parametrize(("schema", "body", "told"), REFUSED.values(), ids=REFUSED)
def test_the_contract_refuses_with_a_sentence(schema: str, body: dict[str, Any], told: str) -> None:
    (message,) = problems(schema, body)
    assert told in message


@pytest.mark.parametrize(
    "schema", ["DocumentCreate", "EventCreate", "BatchItem", "EventBatch", "AttributeInput"]
)
def test_a_body_that_is_no_object_breaks_one_rule(schema: str) -> None:
    assert len(problems(schema, [])) == 1


def test_unknown_properties_are_refused_wherever_they_stand_when_the_switch_says_so() -> None:
    strict = Semantics.default().replace({"unknown-properties": "reject"})
    _, document = with_(
        "DocumentCreate", measureUnit="kg", address=PLACE | {"a": 1}, participant=COMPANY | {"b": 2}
    )
    assert len(problems("DocumentCreate", document, strict)) == 3
    _, event = with_(
        "EventCreate",
        c=1,
        metadata={"attributes": [{"name": "Tare", "d": 1}], "e": 1},
        attachments=[{"fileName": "f", "label": "g", "h": 1}],
        relatedDocument={"documentId": "i", "j": 1},
        permissions={
            RECYCLER_ID: [STATEMENT | {"k": 1, "condition": {"$in": {"eventNames": [], "l": 1}, "m": 1}}]
        },
    )
    assert len(problems("EventCreate", event, strict)) == 8
    assert problems("EventCreate", event) == []


def test_parties_of_an_event_are_required_when_the_switch_says_so() -> None:
    required_ = Semantics.default().replace({"event-parties": "required"})
    assert len(problems("EventCreate", EVENT, required_)) == 2
    assert problems("EventCreate", EVENT | {"participantId": "x", "address": PLACE}, required_) == []


@pytest.mark.parametrize(
    "moment",
    [
        "2020-01-01T00:00:00.000Z",
        "2024-12-05T11:02:47Z",
        "2026-03-01T10:00Z",
        "2026-03-01T10:00:00.123456789+05:30",
        "2026-03-01T23:59:59-03:00",
        "2024-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z",
    ],
)
def test_date_times_with_a_zone_are_accepted(moment: str) -> None:
    DATE_TIME.validate(moment)


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "2026-03-01",
        "2026-03-01T10:00:00",
        "2026-03-01 10:00:00Z",
        "2026-03-01T10:00:00z",
        "2026-03-01T10Z",
        "2026-3-1T10:00:00Z",
        "2026-00-01T10:00:00Z",
        "2026-13-01T10:00:00Z",
        "2026-04-31T10:00:00Z",
        "2026-02-29T10:00:00Z",
        "1900-02-29T10:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T10:60:00Z",
        "2026-03-01T10:00:60Z",
        "2026-03-01T10:00:00.Z",
        "2026-03-01T10:00:00.1234567890Z",
        "2026-03-01T10:00:00+24:00",
        "2026-03-01T10:00:00+0300",
        "2026-03-01T10:00:00Z\n",
        "٢٠٢٦-03-01T10:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_date_times_that_are_none_or_have_no_zone_are_refused(moment: str) -> None:
    (message,) = problems("EventCreate", EVENT | {"externalCreatedAt": moment})
    assert message.startswith("/externalCreatedAt: Expected a moment that exists, as a date-time with a zone")


def test_real_leap_years_are_told_from_others() -> None:
    taken = DATE_TIME.is_valid
    years = [year for year in range(1000, 9000) if taken(f"{year}-02-29T12:00:00Z")]
    assert years == [
        year for year in range(1000, 9000) if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    ]


@pytest.mark.parametrize(
    "name", ["mtr.pdf", "a", ".hidden", "..a", "...", "Ticket da balança nº 3.pdf", "x" * 255]
)
def test_ordinary_file_names_are_accepted(name: str) -> None:
    FILE_NAME.validate(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "a\\b", "../a", "a\0", "a\n", "\x7f", "a\x85", "x" * 256]
)
def test_file_names_that_could_lead_elsewhere_are_refused(name: str) -> None:
    assert not FILE_NAME.is_valid(name)
