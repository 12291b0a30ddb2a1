"""Probes of relations between documents, and of documents that are closed or cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.drifting.finding import CannotProbe, Probe
from pytest_carrot.drifting.scene import FILE, FILE_TYPE, events_of
from pytest_carrot.drifting.told import told, told_storage
from pytest_carrot.live_target import NOWHERE

if TYPE_CHECKING:
    from pytest_carrot.drifting.scene import Scene


def mirrored(scene: Scene) -> str:
    """RELATED and LINK, and RELATED with `bidirectional` false."""
    found = []
    for name, more in (("RELATED", {}), ("LINK", {}), ("RELATED", {"bidirectional": False})):
        before = len(_pointing(scene, scene.other, scene.first))
        answer = scene.append(scene.first, _relating(scene, scene.other, name, **more))
        grew = len(_pointing(scene, scene.other, scene.first)) > before
        what = told(answer) if not answer.accepted else "mirrored" if grew else "not mirrored"
        found.append(f"{name}{' one way' if more else ''} {what}")
    return ", ".join(found)


def mirror(scene: Scene) -> str:
    """What of the first event the mirrored one has."""
    target = scene.new_document()
    event = _relating(scene, target, "RELATED", label="Test")
    event_id = scene.appended(scene.first, event)
    first, found = scene.stored(scene.first, event_id), _pointing(scene, target, scene.first)
    if not found:
        return "not mirrored"
    same = [name for name in _MIRRORED if found[0].get(name) == first.get(name)]
    kept = [name for name in ("deduplicationId", "externalId", "value", "metadata") if name in found[0]]
    own = "an id of its own" if found[0].get("id") != event_id else "the same id"
    return f"{own}, the same {', '.join(same) or 'nothing'}, with {', '.join(kept) or 'nothing more'}"


def mirror_in_order(scene: Scene) -> str:
    """Whether a mirrored event is there at once, and whether the order of its document counts it."""
    target = scene.new_document()
    earlier = scene.moment()
    scene.appended(scene.first, _relating(scene, target, "RELATED"))
    there = "there at once" if _pointing(scene, target, scene.first) else "not there at once"
    return (
        f"{there}, an earlier event then {told(scene.append(target, scene.event(externalCreatedAt=earlier)))}"
    )


def output(scene: Scene) -> str:
    without = told(scene.append(scene.first, scene.event("OUTPUT")))
    before = len(_pointing(scene, scene.other, scene.first))
    answer = told(scene.append(scene.first, _relating(scene, scene.other, "OUTPUT")))
    grew = len(_pointing(scene, scene.other, scene.first)) > before
    return f"without a target {without}, with one {answer} and {'mirrored' if grew else 'not mirrored'}"


def split_target(scene: Scene) -> str:
    without = told(scene.append(_valued(scene), scene.event("SPLIT", value=1)))
    target = scene.once("split target", lambda: _split(scene))
    parent = scene.read(target).get("parentDocumentId")
    return f"without a target {without}, parentDocumentId {'set' if parent == _valued(scene) else 'not set'}"


def split_value(scene: Scene) -> str:
    scene.once("split target", lambda: _split(scene))
    left = scene.read(_valued(scene)).get("currentValue")
    target = scene.other
    too_much = scene.append(_valued(scene), _relating(scene, target, "SPLIT", value=1_000_000))
    return (
        f"10 less 4 is {left:g}, too much {told(too_much)}" if isinstance(left, int | float) else "no value"
    )


def absent_target(scene: Scene) -> str:
    return told(scene.append(scene.first, _relating(scene, NOWHERE, "RELATED")))


def itself(scene: Scene) -> str:
    return told(scene.append(scene.first, _relating(scene, scene.first, "RELATED")))


def filled(scene: Scene) -> str:
    event_id = scene.appended(scene.first, _relating(scene, scene.other, "OUTPUT"))
    related = scene.stored(scene.first, event_id).get("relatedDocument") or {}
    target = scene.read(scene.other)
    right = [
        name
        for name in ("category", "type", "subtype")
        if name in target and related.get(name) == target[name]
    ]
    return ", ".join(right) or "nothing"


# Documents that have ended --------------------------------------------------------------------------------


def closed_document(scene: Scene) -> str:
    closed = _closed(scene)
    free = told(scene.append(closed, scene.event()))
    related = [
        f"{name} {told(scene.append(closed, _relating(scene, scene.other, name)))}"
        for name in ("RELATED", "LINK", "OUTPUT")
    ]
    return f"{', '.join(related)}, another event {free}"


def retry_after_close(scene: Scene) -> str:
    """The event from before the close once more, with its key."""
    closed = _closed(scene)
    event, first = scene.once("before the close", lambda: _not_there())
    again = scene.append(closed, event)
    return "the original answer" if again.object.get("eventId") == first and first else told(again)


def closed_target(scene: Scene) -> str:
    closed = told(scene.append(scene.first, _relating(scene, _closed(scene), "OUTPUT")))
    cancelled = told(scene.append(scene.first, _relating(scene, _cancelled(scene), "OUTPUT")))
    return f"closed {closed}, cancelled {cancelled}"


def declare_when_ended(scene: Scene) -> str:
    found = []
    for name, document_id in (("closed", _closed(scene)), ("cancelled", _cancelled(scene))):
        found.append(f"{name} {told(scene.declare(document_id, f'{scene.line.name()}.txt'))}")
    return ", ".join(found)


def upload_after_close(scene: Scene) -> str:
    _closed(scene)
    url = scene.once("url from before the close", lambda: _not_there())
    return told_storage(scene.store("PUT", str(url), {"content-type": FILE_TYPE}, FILE))


def write_when_cancelled(scene: Scene) -> str:
    return told(scene.append(_cancelled(scene), scene.event()))


def cancel(scene: Scene) -> str:
    """An open document and a closed one, the latter when nothing else is to be seen of it."""
    open_one = scene.read(_cancelled(scene)).get("status")
    closed = _closed(scene)
    answer = scene.append(closed, scene.event("CANCEL"))
    status = scene.read(closed).get("status")
    return f"an open one {open_one}, a closed one {status if answer.accepted else told(answer)}"


def _relating(scene: Scene, target: str, name: str, **changes: Any) -> dict[str, Any]:
    related = {"documentId": target}
    if "bidirectional" in changes:
        related["bidirectional"] = changes.pop("bidirectional")
    return scene.event(name, relatedDocument=related, **changes)


def _pointing(scene: Scene, document_id: str, target: str) -> list[dict[str, Any]]:
    """The events of a document that relate it to another."""
    return [
        each
        for each in events_of(scene.read(document_id))
        if (each.get("relatedDocument") or {}).get("documentId") == target
    ]


def _valued(scene: Scene) -> str:
    return scene.once("valued", lambda: scene.new_document(value=10))


def _split(scene: Scene) -> str:
    target = scene.new_document()
    scene.appended(_valued(scene), _relating(scene, target, "SPLIT", value=4))
    return target


def _closed(scene: Scene) -> str:
    """A document that was closed; what was sent before that is kept in the scene."""

    def make() -> str:
        document_id = scene.new_document()
        event = scene.event()
        event_id = scene.appended(document_id, event)
        scene.once("before the close", lambda: (event, event_id))
        declared = scene.declare(document_id, f"{scene.line.name()}.txt")
        if declared.accepted and "url" in declared.object:
            scene.once("url from before the close", lambda: declared.object["url"])
        scene.appended(document_id, scene.event("CLOSE"))
        return document_id

    return scene.once("closed", make)


def _cancelled(scene: Scene) -> str:
    def make() -> str:
        document_id = scene.new_document()
        scene.appended(document_id, scene.event("CANCEL"))
        return document_id

    return scene.once("cancelled", make)


def _not_there() -> Any:
    raise CannotProbe("what was to be sent before the close was refused")


_MIRRORED: Final = ("name", "externalCreatedAt", "isPublic", "author", "participant", "address", "label")
PROBES: Final = (
    Probe("relation-mirrored", mirrored),
    Probe("mirror-shape", mirror),
    Probe("mirror-atomic", mirror_in_order),
    Probe("output-target", output),
    Probe("split-target", split_target),
    Probe("split-reduces-value", split_value),
    Probe("relation-target-exists", absent_target),
    Probe("relation-not-itself", itself),
    Probe("relation-filled", filled),
    Probe("closed-allows-relations", closed_document),
    Probe("dedup-before-state", retry_after_close),
    Probe("relation-target-state", closed_target),
    Probe("declare-when-ended", declare_when_ended),
    Probe("storage-survives-close", upload_after_close),
    Probe("cancelled-conflict", write_when_cancelled),
    Probe("cancel-open-or-closed", cancel),
)
