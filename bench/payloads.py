"""The bodies that are sent; `@…@` in them becomes a key that is used once. All parties are invented."""

from __future__ import annotations

import json
from typing import Any

from bench.load import KEY

_MOMENT = "2024-12-05T11:02:47.000Z"
_PARTIES: dict[str, Any] = {
    "participant": {
        "countryCode": "BR",
        "name": "Cantina Modelo Ltda",
        "taxId": "99000001000101",
        "taxIdType": "CNPJ",
        "type": "COMPANY",
    },
    "address": {
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
    },
}
_CONTACT = {
    "businessName": "Cantina Modelo",
    "email": "gerador@example.org",
    "mobileNumber": "+5511900000101",
}


def mass_id() -> bytes:
    """A MassID of about 900 bytes."""
    return _encoded(
        {
            "category": "MassID",
            "type": "Organic",
            "subtype": "Food, Food Waste and Beverages",
            "title": "MassID",
            "measurementUnit": "kg",
            "value": 3250.5,
            "externalCreatedAt": _MOMENT,
            "externalId": "massid-2024-000123",
            "deduplicationId": KEY.decode(),
            "isPublic": True,
            "isPubliclySearchable": True,
            "shortTitle": "MassID",
            "tags": {"route": "Zona Oeste 12", "batch": "A-17"},
            "participant": _PARTIES["participant"] | _CONTACT,
            "address": _PARTIES["address"] | {"complement": "Doca 2"},
        }
    )


def pick_up() -> bytes:
    """An event of about 700 bytes, with attributes, participant and address."""
    attributes = [
        {"name": "Vehicle Type", "value": "Truck", "isPublic": True},
        {"name": "Vehicle License Plate", "value": "ZZZ0A00", "isPublic": False, "sensitive": True},
    ]
    return _encoded(
        {
            "name": "PICK_UP",
            "value": 3250.5,
            "externalCreatedAt": _MOMENT,
            "deduplicationId": KEY.decode(),
            "isPublic": True,
            "metadata": {"attributes": attributes},
            **_PARTIES,
        }
    )


def keyed(body: bytes, number: int) -> bytes:
    """The body with the key of a number below 10^12."""
    return body.replace(KEY, b"00000000-0000-4000-9000-%012d" % number)


def _encoded(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
