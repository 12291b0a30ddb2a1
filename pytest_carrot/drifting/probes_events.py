"""Probes of single events and batches: order, parts, effects of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.drifting.finding import Probe
from pytest_carrot.drifting.scene import events_of
from pytest_carrot.drifting.told import told

if TYPE_CHECKING:
    from pytest_carrot.drifting.scene import Scene
    from pytest_carrot.live_http import Answer

_NUMBER: Final = 12.5


def without_parties(scene: Scene) -> str:
    return told(scene.append(scene.first, scene.event(participant=..., address=...)))


def earlier(scene: Scene) -> str:
    """Earlier than the latest event, and than the document."""
    return told(scene.append(scene.first, scene.event(externalCreatedAt=scene.moment(days=2))))


def simultaneous(scene: Scene) -> str:
    moment = scene.moment()
    scene.appended(scene.first, scene.event(externalCreatedAt=moment))
    return told(scene.append(scene.first, scene.event(externalCreatedAt=moment)))


def backwards_in_batch(scene: Scene) -> str:
    first, second = scene.moment(), scene.moment()
    items = [scene.event(externalCreatedAt=second), scene.event(externalCreatedAt=first)]
    return _of_batch(scene.batch(scene.first, items))


def future(scene: Scene) -> str:
    """On a document of its own, since all that comes after it there has to be later still."""
    return told(scene.append(scene.new_document(), scene.event(externalCreatedAt=scene.ahead())))


def half_good_batch(scene: Scene) -> str:
    return _of_batch(scene.batch(scene.first, [scene.event(), scene.event(name=...)]))


def targets_on_items(scene: Scene) -> str:
    found = []
    for name in ("documentId", "targetDocumentId"):
        answer = scene.batch(None, [scene.event(**{name: scene.first})])
        found.append(f"{name} {told(answer)}")
    return ", ".join(found)


def no_target(scene: Scene) -> str:
    items = [scene.event(documentId=scene.first), scene.event(documentId=scene.other)]
    none, two = scene.batch(None, [scene.event()]), scene.batch(None, items)
    return f"none {told(none)}, two {told(two)}"


def order_of_answer(scene: Scene) -> str:
    names = ["Carrot Mock Drift One", "Carrot Mock Drift Two"]
    answer = scene.batch(scene.first, [scene.event(name) for name in names])
    if not answer.accepted:
        return told(answer)
    listed = answer.object.get("events")
    found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    by_id = {each.get("id"): each.get("name") for each in events_of(scene.read(scene.first))}
    in_order = [by_id.get(each.get("eventId")) for each in found] == names
    same = all(each.get("targetDocumentId") == answer.object.get("documentId") for each in found)
    return (
        f"{'in' if in_order else 'not in'} item order, targets {'the document' if same else 'something else'}"
    )


def key_of_batch(scene: Scene) -> str:
    return told(scene.batch(scene.first, [scene.event()], deduplicationId=scene.line.name()))


def id_in_read(scene: Scene) -> str:
    event_id = scene.appended(scene.first, scene.event())
    scene.stored(scene.first, event_id)
    return f"the eventId, of {len(event_id)} characters"


def attribute_visibility(scene: Scene) -> str:
    return f"isPublic {_attribute(scene).get('isPublic')}"


def sensitive_mark(scene: Scene) -> str:
    """`sensible` of the guides and `sensitive` of the code."""
    found = [_attribute(scene, place) for place in (1, 2)]
    names = [", ".join(name for name in ("sensible", "sensitive") if each.get(name)) for each in found]
    return "sensible as {}, sensitive as {}".format(*(each or "nothing" for each in names))


def sensitive_value(scene: Scene) -> str:
    return "in full" if _attribute(scene, 1).get("value") == "AAA0A00" else "not in full"


def files_on_event(scene: Scene) -> str:
    name = f"{scene.line.name()}.txt"
    scene.declare(scene.first, name)
    parts = [{"fileName": name, "label": "Test", "isPublic": False}]
    answer = scene.append(scene.first, scene.event(attachments=parts))
    if not answer.accepted:
        return told(answer)
    stored = scene.stored(scene.first, str(answer.object.get("eventId"))).get("attachments")
    first = stored[0] if isinstance(stored, list) and stored and isinstance(stored[0], dict) else {}
    return f"stored with {', '.join(sorted(first)) or 'nothing'}"


def undeclared_file(scene: Scene) -> str:
    parts = [{"fileName": f"{scene.line.name()}.txt", "label": "Test", "isPublic": False}]
    return told(scene.append(scene.first, scene.event(attachments=parts)))


def updates(scene: Scene) -> str:
    """Nothing becomes visible by it: what is private is made private once more."""
    good = scene.append(scene.first, scene.event("UPDATE", updates={"isPubliclySearchable": False}))
    other = scene.append(scene.first, scene.event("UPDATE", updates={"title": "Carrot Mock drift test"}))
    return f"a visibility {told(good)}, another key {told(other)}"


def value(scene: Scene) -> str:
    scene.appended(scene.first, scene.event(value=_NUMBER))
    found = scene.read(scene.first).get("currentValue")
    return "becomes currentValue" if found == _NUMBER else "does not become currentValue"


def _of_batch(answer: Answer) -> str:
    if not answer.accepted:
        return told(answer)
    events, errors = answer.object.get("events"), answer.object.get("errors")
    good, bad = (len(each) if isinstance(each, list) else 0 for each in (events, errors))
    return f"accepted, {good} appended and {bad} listed as errors"


def _attribute(scene: Scene, place: int = 0) -> dict[str, Any]:
    """One of an event's three attributes, as it is stored."""
    given: list[dict[str, Any]] = [
        {"name": "Carrot Mock Drift One", "value": "one"},
        {"name": "Carrot Mock Drift Two", "value": "AAA0A00", "isPublic": False, "sensible": True},
        {"name": "Carrot Mock Drift Three", "value": "AAA0A00", "isPublic": False, "sensitive": True},
    ]

    def stored() -> list[dict[str, Any]]:
        event_id = scene.appended(scene.first, scene.event(metadata={"attributes": given}))
        metadata = scene.stored(scene.first, event_id).get("metadata") or {}
        return [each for each in metadata.get("attributes") or () if isinstance(each, dict)]

    found = scene.once("attributes", stored)
    return next((each for each in found if each.get("name") == given[place]["name"]), {})


PROBES: Final = (
    Probe("event-parties", without_parties),
    Probe("ordering", earlier),
    Probe("future-timestamps", future),
    Probe("batch-atomicity", half_good_batch),
    Probe("ordering-equal", simultaneous),
    Probe("ordering-in-batch", backwards_in_batch),
    Probe("batch-target", targets_on_items),
    Probe("batch-one-target", no_target),
    Probe("batch-answer-order", order_of_answer),
    Probe("batch-key-on-items", key_of_batch),
    Probe("event-id", id_in_read),
    Probe("attribute-visibility", attribute_visibility),
    Probe("attribute-sensitive", sensitive_mark),
    Probe("sensitive-shown", sensitive_value),
    Probe("event-attachments", files_on_event),
    Probe("event-attachment-declared", undeclared_file),
    Probe("update-fields", updates),
    Probe("value-becomes-current", value),
)
