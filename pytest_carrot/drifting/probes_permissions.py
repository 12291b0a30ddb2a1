"""Probes of who may do what: all need a partner but the one about ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from pytest_carrot.drifting.finding import CannotProbe, Probe
from pytest_carrot.drifting.scene import PLAIN, events_of
from pytest_carrot.drifting.told import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.drifting.scene import Scene

_OTHER: Final = "Carrot Mock Drift Other"


def granted(scene: Scene) -> str:
    return f"the partner's read is {_read(scene, _shared(scene, [_allow('READ')]))}"


def role_only(scene: Scene) -> str:
    document_id = scene.new_document()
    partner = {"participant": ..., "participantId": scene.own_participant(scene.partner)}
    scene.appended(document_id, scene.event("ACTOR", label="Processor", **partner))
    return _read(scene, document_id)


def emptied(scene: Scene) -> str:
    document_id = _shared(scene, [_allow("READ", "WRITE")])
    _permit(scene, document_id, [])
    return _read(scene, document_id)


def replaced(scene: Scene) -> str:
    """READ, then WRITE alone."""
    document_id = _shared(scene, [_allow("READ")])
    _permit(scene, document_id, [_allow("WRITE")])
    return f"the partner's read is then {_read(scene, document_id)}"


def denied(scene: Scene) -> str:
    return _read(scene, _shared(scene, [_allow("READ"), {**_allow("READ"), "effect": "DENY"}]))


def denied_for_a_name(scene: Scene) -> str:
    """All may be read but the events of one name."""
    policy = [_allow("READ"), {**_allow("READ", names=[_OTHER]), "effect": "DENY"}]
    return _names(scene, _shared(scene, policy, events=(PLAIN, _OTHER)))


def read_of_a_name(scene: Scene) -> str:
    return _names(scene, _conditional(scene))


def write_of_a_name(scene: Scene) -> str:
    found = []
    for name in (PLAIN, _OTHER):
        answer = scene.append(_conditional(scene), scene.event(name), scene.partner)
        found.append(f"{'that' if name == PLAIN else 'another'} name {told(answer)}")
    return ", ".join(found)


def files(scene: Scene) -> str:
    """With rights under a condition only."""
    document_id, name = _conditional(scene), f"{scene.line.name()}.txt"
    scene.declare(document_id, name)
    up = scene.declare(document_id, f"{scene.line.name()}.txt", scene.partner)
    down = scene.partner.get(f"/documents/{document_id}/attachments/{name}")
    return f"declaring {told(up)}, downloading {told(down)}"


def relation_to_readable(scene: Scene) -> str:
    """A document of the partner's relates to one that it may only read."""
    target = _shared(scene, [_allow("READ")])
    event = scene.event("OUTPUT", relatedDocument={"documentId": target})
    return told(scene.append(scene.partners, event, scene.partner))


def ids(scene: Scene) -> str:
    """One that is nobody's, and one that is no UUID."""
    document_id = scene.new_document()
    found = []
    for what, name in (("unknown", str(uuid4())), ("no UUID", "carrot-mock-drift")):
        event = scene.event("ACTOR", label="Processor", permissions={name: [_allow("READ")]})
        found.append(f"{what} {told(scene.append(document_id, event))}")
    return ", ".join(found)


def _allow(*actions: str, names: Sequence[str] = ()) -> dict[str, Any]:
    condition = {"condition": {"$in": {"eventNames": list(names)}}} if names else {}
    return {"effect": "ALLOW", "actions": list(actions), **condition}


def _permit(scene: Scene, document_id: str, policy: list[dict[str, Any]]) -> None:
    permissions = {scene.own_participant(scene.partner): policy}
    scene.appended(document_id, scene.event("ACTOR", label="Processor", permissions=permissions))


def _shared(scene: Scene, policy: list[dict[str, Any]], events: Sequence[str] = ()) -> str:
    """A document of its own with what the partner may do there."""
    scene.own_participant(scene.partner)
    document_id = scene.new_document()
    _permit(scene, document_id, policy)
    for name in events:
        scene.appended(document_id, scene.event(name))
    return document_id


def _conditional(scene: Scene) -> str:
    policy = [_allow("READ", "WRITE", names=[PLAIN])]
    return scene.once("conditional", lambda: _shared(scene, policy, events=(PLAIN, _OTHER)))


def _read(scene: Scene, document_id: str) -> str:
    return told(scene.partner.get(f"/documents/{document_id}"))


def _names(scene: Scene, document_id: str) -> str:
    """Of which of its own events the partner sees the names."""
    answer = scene.partner.get(f"/documents/{document_id}")
    if not answer.accepted:
        return told(answer)
    names = {each.get("name") for each in events_of(answer.object)}
    seen = [what for what, name in (("one", PLAIN), ("other", _OTHER)) if name in names]
    if "attachments" not in answer.object:
        raise CannotProbe("the document that was read has no attachments")
    return f"accepted, with {' and '.join(seen) or 'no'} event and {len(answer.object['attachments'])} attachments"


PROBES: Final = (
    Probe("permission-ids", ids),
    Probe("integrator-participant", granted),
    Probe("conditional-read", read_of_a_name),
    Probe("conditional-write", write_of_a_name),
    Probe("attachment-rights", files),
    Probe("permission-evaluation", denied_for_a_name),
    Probe("deny-beats-allow", denied),
    Probe("actor-role-only", role_only),
    Probe("actor-empty-entry", emptied),
    Probe("actor-newest-appended", replaced),
    Probe("relation-read-only", relation_to_readable),
)
