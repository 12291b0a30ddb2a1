"""Bodies that every Carrot API takes, whatever its switches: what a run writes for itself is made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MOMENT: Final = "2026-03-01T10:00:00.000Z"
"""One for all, as equal moments are in order whichever comes first."""
PARTIES: Final[Mapping[str, Any]] = {
    "participant": {
        "countryCode": "BR",
        "name": "Cantina Modelo Ltda",
        "taxId": "99000001000101",
        "taxIdType": "CNPJ",
        "type": "COMPANY",
    },
    "address": {
        "name": "Matriz",
        "street": "Rua Modelo",
        "number": "250",
        "city": "São Paulo",
        "countryState": "SP",
        "countryCode": "BR",
    },
}
DOCUMENT: Final[Mapping[str, Any]] = {
    "category": "MassID",
    "type": "Organic",
    "externalCreatedAt": MOMENT,
    "isPublic": False,
    "isPubliclySearchable": False,
    "externalId": "carrot-mock check",
    **PARTIES,
}
EVENT: Final[Mapping[str, Any]] = {"name": "Pick-up", "externalCreatedAt": MOMENT, "isPublic": False}
