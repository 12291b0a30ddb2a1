"""Deciding on a new document: its stored facts, and the platform's ACTOR that every document begins with."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from mock_server.domain.changes import Draft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_server.domain.acting import Act

# The network itself: an invented party, the same in every world (CONTRACT §8, `system-actor`).
NETWORK_PARTICIPANT: Final = {
    "id": "c0ffee00-0000-4000-8000-000000000001",
    "piiSnapshotId": "c0ffee00-0000-4000-8000-000000000002",
    "countryCode": "BR",
    "name": "Rede Modelo de Carbono (mock)",
    "taxId": "99000009000160",
    "taxIdType": "CNPJ",
    "type": "COMPANY",
}
NETWORK_ADDRESS: Final = {
    "id": "c0ffee00-0000-4000-8000-000000000003",
    "piiSnapshotId": "c0ffee00-0000-4000-8000-000000000004",
    "participantId": NETWORK_PARTICIPANT["id"],
    "city": "São Paulo",
    "countryCode": "BR",
    "countryState": "SP",
    "number": "1",
    "street": "Rua da Rede Modelo",
}
NETWORK_CLIENT_ID: Final = "carrot-network"

_COPIED = ("deduplicationId", "externalId", "shortTitle", "subtype", "tags", "title")
_NOT_SENT = ("id", "participantId", "piiSnapshotId")


def create(act: Act, body: Mapping[str, Any], claim: tuple[str, str | None, bytes | None]) -> str:
    """Add the records of a new document to the act's changes; its id.

    `body` is valid by the contract, `externalCreatedAt` in the stored spelling; `claim` is the deduplication
    scope, key and fingerprint. Raises NotFound and Conflict for parties.
    """
    moment = body["externalCreatedAt"]
    act.check_future(moment)
    participant, address, sent_address = _parties(act, body)
    document_id = act.ids.uuid()
    facts: dict[str, Any] = {
        "address": sent_address,
        "author": _document_author(act.by.participant),
        "category": body["category"],
        "createdAt": act.now,
        "dataSetName": act.by.environment,
        "externalCreatedAt": moment,
        "id": document_id,
        "measurementUnit": body.get("measurementUnit", "kg"),
        "primaryAddress": address,
        "primaryParticipant": participant,
        "type": body["type"],
    }
    for name in _COPIED:
        if name in body:
            facts[name] = body[name]
    # What may change stands last, so that a read can take all before it as it is stored.
    facts["currentValue"] = body.get("value", 0)
    facts["isPublic"] = body["isPublic"]
    facts["isPubliclySearchable"] = body["isPubliclySearchable"]
    act.changes.begin(
        Draft(document_id, "document.created", "integrator", facts, None, *claim),
        _platform_actor(act, document_id, moment),
    )
    return document_id


def _parties(act: Act, body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], Mapping[str, Any]]:
    changes = act.changes
    if (sent := body.get("participant")) is not None:
        participant = changes.participant(sent, act.ids)
    else:
        participant = changes.parties.named("participant", body["participantId"], "/participantId")
    if (sent := body.get("address")) is not None:
        address = changes.address(sent, participant["id"], act.ids)
    else:
        address = changes.parties.named("address", body["addressId"], "/addressId")
        sent = {name: value for name, value in address.items() if name not in _NOT_SENT}
    note_aliases(act)
    return participant, address, sent


def _document_author(participant: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "countryCode": participant["countryCode"],
        "name": participant["name"],
        "participantId": participant["id"],
        "taxId": participant["taxId"],
        "taxIdType": participant["taxIdType"],
        "type": participant["type"],
    }


def note_aliases(act: Act) -> None:
    """Tell the integrator of ids that stand for a party which has another one already."""
    for alias, party_id in act.changes.take_new_aliases():
        act.behaviours.append("identity-alias")
        act.advise(
            "party-alias",
            f"The id {alias} was sent for a party that is stored as {party_id} already; both name it from now "
            "on, and answers show the stored one.",
        )


def _platform_actor(act: Act, document_id: str, moment: str) -> Draft:
    event_id = act.ids.short()
    # Nothing but the id and the moment differs: the rest is encoded once for all documents.
    start, middle, end = _platform_template(act.by.environment)
    encoded = b"".join((start, event_id.encode(), middle, moment.encode(), end))
    event = {"id": event_id, "name": "ACTOR"}
    return Draft(document_id, "event.appended", "platform", event, encoded=encoded)


@cache
def _platform_template(environment: str) -> list[bytes]:
    encoded = orjson.dumps(
        {
            "id": "@",
            "name": "ACTOR",
            "label": "Network",
            "externalCreatedAt": "@",
            "isPublic": False,
            "participant": NETWORK_PARTICIPANT,
            "address": NETWORK_ADDRESS,
            "author": {
                "clientId": NETWORK_CLIENT_ID,
                "dataSetName": environment,
                "participantId": NETWORK_PARTICIPANT["id"],
            },
        }
    )
    return encoded.split(b"@")
