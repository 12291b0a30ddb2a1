"""Bodies that the API takes, all parties in them invented; tests change what they are about."""

from __future__ import annotations

import copy
from typing import Any

PARTICIPANT: dict[str, Any] = {
    "countryCode": "BR",
    "email": "gerador@example.org",
    "mobileNumber": "+5511900000101",
    "name": "Cantina Modelo Ltda",
    "taxId": "99000001000101",
    "taxIdType": "CNPJ",
    "type": "COMPANY",
}
ADDRESS: dict[str, Any] = {
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
RECYCLER: dict[str, Any] = {
    "countryCode": "BR",
    "name": "Composteira Modelo SA",
    "taxId": "99000002000148",
    "taxIdType": "CNPJ",
    "type": "COMPANY",
}
# Moments in order, all before the clock of the `world` fixture.
DAY = "2026-02-01"


def at(hour: int, minute: int = 0) -> str:
    return f"{DAY}T{hour:02}:{minute:02}:00.000Z"


def mass_id(**changes: Any) -> dict[str, Any]:
    """A document to create; a change to `...` leaves the key out."""
    body: dict[str, Any] = {
        "category": "MassID",
        "type": "Organic",
        "subtype": "Food, Food Waste and Beverages",
        "measurementUnit": "kg",
        "externalCreatedAt": at(8),
        "isPublic": True,
        "isPubliclySearchable": True,
        "participant": copy.deepcopy(PARTICIPANT),
        "address": copy.deepcopy(ADDRESS),
    }
    return _changed(body, changes)


def event(name: str = "Pick-up", **changes: Any) -> dict[str, Any]:
    """An event to append; a change to `...` leaves the key out."""
    return _changed({"name": name, "externalCreatedAt": at(9), "isPublic": True}, changes)


def attribute(name: str, value: Any, **changes: Any) -> dict[str, Any]:
    return _changed({"name": name, "value": value, "isPublic": True}, changes)


def _changed(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**body, **changes}.items() if value is not ...}
