"""One pick-up of organic waste from first to last, as every client in this folder submits it."""

from __future__ import annotations

import sys
from typing import Any

from carrot_client import Client, Failed

# The business record: all keys are made from its number, so that it has the same ones whenever it is sent.
RECORD = "pick-up-2026-0217"
MANIFEST = b"Manifest 0217: 320 kg of food waste, from Cantina Modelo to Composteira Modelo.\n"

DOCUMENT: dict[str, Any] = {
    "category": "MassID",
    "type": "Organic",
    "subtype": "Food, Food Waste and Beverages",
    "measurementUnit": "kg",
    "value": 320,
    "externalCreatedAt": "2026-02-17T08:00:00.000Z",
    "isPublic": True,
    "isPubliclySearchable": True,
    "deduplicationId": f"{RECORD}/document",
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
        "name": "Matriz",
        "number": "250",
        "street": "Rua Modelo",
    },
}


def event(name: str, at: str, **more: Any) -> dict[str, Any]:
    key = f"{RECORD}/{name.lower().replace('_', '-')}"
    when = f"2026-02-17T{at}:00.000Z"
    return {"name": name, "externalCreatedAt": when, "isPublic": True, "deduplicationId": key, **more}


FIRST = [event("PICK_UP", "09:00"), event("WEIGHING", "09:20", value=318)]
BATCH = [event("DROP_OFF", "11:00"), event("SORTING", "12:30", value=310)]
MANIFEST_SENT = event(
    "TRANSPORT_MANIFEST",
    "13:00",
    attachments=[{"fileName": "manifest.txt", "label": "Transport manifest", "isPublic": False}],
)
CLOSE = event("CLOSE", "15:00")


def submit(client: Client) -> str:
    """Submit the record and read it back; the id of its document. Raises Failed or Incomplete."""
    document_id = client.create(DOCUMENT)
    for each in FIRST:
        client.append(document_id, each)
    client.append_all(document_id, BATCH)
    client.upload(document_id, "manifest.txt", "text/plain", MANIFEST)
    client.append(document_id, MANIFEST_SENT)
    client.append(document_id, CLOSE)
    check(client.read(document_id))
    return document_id


class Incomplete(Exception):
    """The document that was read is not the record that was sent."""


def check(document: dict[str, Any]) -> None:
    wanted = [each["name"] for each in (*FIRST, *BATCH, MANIFEST_SENT, CLOSE)]
    # The platform adds an ACTOR of its own.
    found = [each["name"] for each in document["externalEvents"] if each["name"] != "ACTOR"]
    if (document["status"], found) != ("CLOSED", wanted):
        raise Incomplete(
            f"The document is {document['status']} with {found}, where CLOSED with {wanted} was expected."
        )


def main(client: Client) -> None:
    """Submit the record; the exit code says whether that went well."""
    try:
        print(submit(client))
    except (Failed, Incomplete) as failure:
        sys.exit(str(failure))
