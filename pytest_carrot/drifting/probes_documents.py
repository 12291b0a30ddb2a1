"""Probes of documents: what a create takes, whose parties are whose, and what a read shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from pytest_carrot.drifting.finding import Probe
from pytest_carrot.drifting.scene import ADDRESS, events_of
from pytest_carrot.drifting.told import told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_carrot.drifting.scene import Scene


def shape(scene: Scene) -> str:
    document = scene.read(scene.first)
    return " and ".join(
        f"{'with' if name in document else 'without'} {name}" for name in ("address", "author")
    )


def unknown_property(scene: Scene) -> str:
    answer = scene.append(scene.first, scene.event(carrotMockDrift=True))
    if not answer.accepted:
        return told(answer)
    event = scene.stored(scene.first, str(answer.object.get("eventId")))
    return "accepted and kept" if "carrotMockDrift" in event else "accepted and dropped"


def retired_vocabulary(scene: Scene) -> str:
    attribute = {"name": "vehicle-license-plate", "value": "AAA0A00", "isPublic": False}
    return told(scene.append(scene.first, scene.event(metadata={"attributes": [attribute]})))


def no_unit(scene: Scene) -> str:
    answer = scene.main.post("/documents", scene.document(measurementUnit=...))
    if not answer.accepted:
        return told(answer)
    return f"accepted as {scene.read(str(answer.object.get('id'))).get('measurementUnit')}"


def sample_vocabulary(scene: Scene) -> str:
    return told(scene.main.post("/documents", scene.document(category="DOCUMENT", type="ORGANIC")))


def same_party_again(scene: Scene) -> str:
    """The same company and place with another name and email, in a second document."""
    party = scene.party(name="Carrot Mock drift test, renamed", email="drift@example.org")
    second = scene.once("renamed", lambda: scene.new_document(participant=party))
    return _same(_party_ids(scene.read(scene.first))[0], _party_ids(scene.read(second))[0])


def own_name_on_event(scene: Scene) -> str:
    party = scene.party(name="Carrot Mock drift test, renamed")
    event_id = scene.appended(scene.first, scene.event(participant=party))
    stored = scene.stored(scene.first, event_id).get("participant") or {}
    same = _same(stored.get("id"), _party_ids(scene.read(scene.first))[0])
    return f"{same}, the name {'as sent' if stored.get('name') == party['name'] else 'not as sent'}"


def shared_ids(scene: Scene) -> str:
    """A second document of the same company and place."""
    first, second = _party_ids(scene.read(scene.first)), _party_ids(scene.read(scene.other))
    return f"participant {_same(first[0], second[0])}, address {_same(first[1], second[1])}"


def another_id(scene: Scene) -> str:
    """An id for a company that has one already."""
    answer = scene.append(scene.first, scene.event(participant=scene.party(id=str(uuid4()))))
    if not answer.accepted:
        return told(answer)
    stored = scene.stored(scene.first, str(answer.object.get("eventId"))).get("participant") or {}
    return f"accepted under {_same(stored.get('id'), _party_ids(scene.read(scene.first))[0])}"


def chosen_id(scene: Scene) -> str:
    """An id for a new company, then the same id for another one."""
    chosen = str(uuid4())
    answer = scene.append(scene.first, scene.event(participant=scene.party(1, id=chosen)))
    if not answer.accepted:
        return f"first {told(answer)}"
    stored = scene.stored(scene.first, str(answer.object.get("eventId"))).get("participant") or {}
    honoured = "honoured" if stored.get("id") == chosen else "replaced"
    again = scene.append(scene.first, scene.event(participant=scene.party(2, id=chosen)))
    return f"{honoured}, then for another company {told(again)}"


def address_alone(scene: Scene) -> str:
    event = scene.event(participant=..., address={**ADDRESS, "street": "Rua de Teste Dois"})
    answer = scene.append(scene.first, event)
    if not answer.accepted:
        return told(answer)
    stored = scene.stored(scene.first, str(answer.object.get("eventId"))).get("address") or {}
    owner = _party_ids(scene.read(scene.first))[0]
    return f"belongs to {_same(stored.get('participantId'), owner, 'participant')}"


def reference(scene: Scene) -> str:
    """Parties by their ids, and the integrator's own participant."""
    participant, address = _party_ids(scene.read(scene.first))
    by_id: dict[str, Any] = {
        "participant": ...,
        "address": ...,
        "participantId": participant,
        "addressId": address,
    }
    named = told(scene.append(scene.first, scene.event(**by_id)))
    own: dict[str, Any] = {"participant": ..., "participantId": scene.own_participant(scene.main)}
    return f"{named}, own participant {told(scene.append(scene.first, scene.event(**own)))}"


def unknown_party(scene: Scene) -> str:
    event = scene.event(participant=..., participantId=str(uuid4()))
    return told(scene.append(scene.first, event))


def top_level(scene: Scene) -> str:
    document = scene.read(scene.first)
    address = document.get("address")
    if not isinstance(address, dict) or not isinstance(document.get("author"), dict):
        return shape(scene)
    sent = all(address.get(name) == value for name, value in ADDRESS.items())
    own = _same(document["author"].get("participantId"), scene.own_participant(scene.main), "participant")
    return f"address {'as sent' if sent else 'not as sent'}, author of {own}"


def list_of_permissions(scene: Scene) -> str:
    document_id = scene.new_document()
    scene.appended(document_id, scene.event("ACTOR", label="Integrator"))
    found = scene.read(document_id).get("permissions")
    if not isinstance(found, list):
        return "no list"
    names = sorted({name for each in found if isinstance(each, dict) for name in each})
    return f"{len(found)} for one ACTOR, with {', '.join(names)}"


def platform_actor(scene: Scene) -> str:
    found = events_of(scene.read(scene.other))
    first: Mapping[str, Any] = found[0] if found else {}
    if first.get("name") != "ACTOR":
        return "not the first event"
    return f"label {first.get('label')}, {'public' if first.get('isPublic') else 'not public'}"


def no_offset(scene: Scene) -> str:
    moment = scene.moment().removesuffix("Z")
    return told(scene.append(scene.first, scene.event(externalCreatedAt=moment)))


def other_offset(scene: Scene) -> str:
    """The moment of now as a clock two hours ahead shows it."""
    from datetime import datetime, timedelta, timezone

    moment = scene.moment()
    there = (
        datetime.fromisoformat(moment).astimezone(timezone(timedelta(hours=2))).isoformat(timespec="seconds")
    )
    answer = scene.append(scene.first, scene.event(externalCreatedAt=there))
    if not answer.accepted:
        return told(answer)
    stored = scene.stored(scene.first, str(answer.object.get("eventId"))).get("externalCreatedAt")
    whole = datetime.fromisoformat(moment).replace(microsecond=0)
    if stored == whole.isoformat(timespec="milliseconds").replace("+00:00", "Z"):
        return "stored in UTC with milliseconds"
    return "stored as sent" if stored == there else "stored in another form"


def rule_of_a_methodology(scene: Scene) -> str:
    """A weighing without a weight."""
    return told(scene.append(scene.first, scene.event("Weighing")))


def _party_ids(document: Mapping[str, Any]) -> tuple[Any, Any]:
    participant, address = document.get("primaryParticipant"), document.get("primaryAddress")
    return (participant or {}).get("id"), (address or {}).get("id")


def _same(one: Any, other: Any, what: str = "id") -> str:
    if one is None or other is None:
        return f"no {what} to see"
    return f"the same {what}" if one == other else f"another {what}"


PROBES: Final = (
    Probe("get-shape", shape),
    Probe("unknown-properties", unknown_property),
    Probe("conventions", retired_vocabulary),
    Probe("measurement-unit-optional", no_unit),
    Probe("sample-vocabulary", sample_vocabulary),
    Probe("identity-ignores-contact", same_party_again, "document"),
    Probe("identity-ignores-contact", own_name_on_event, "event"),
    Probe("party-identity", shared_ids),
    Probe("identity-alias", another_id),
    Probe("party-chosen-id", chosen_id),
    Probe("inline-address-owner", address_alone),
    Probe("party-reference", reference),
    Probe("party-unknown", unknown_party),
    Probe("read-address", top_level),
    Probe("permissions-list", list_of_permissions),
    Probe("system-actor", platform_actor),
    Probe("date-time-offset", no_offset),
    Probe("date-time-normal-form", other_offset),
    Probe("methodology-not-applied", rule_of_a_methodology),
)
