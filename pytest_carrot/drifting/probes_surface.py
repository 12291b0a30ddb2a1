"""Probes of what all calls have in common: statuses, forms of errors, content types and odd bodies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.drifting.finding import CannotProbe, Probe
from pytest_carrot.drifting.scene import FILE, FILE_TYPE
from pytest_carrot.drifting.told import form_of, told
from pytest_carrot.live_target import code_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_carrot.drifting.scene import Scene
    from pytest_carrot.live_http import Answer

_LIMIT: Final = 6 * 1024 * 1024


def versioned_path(scene: Scene) -> str:
    return told(scene.main.get(f"/v1/documents/{scene.first}"))


def status_of(call: Callable[[Scene], Answer]) -> Callable[[Scene], str]:
    def look(scene: Scene) -> str:
        answer = call(scene)
        if not answer.accepted:
            raise CannotProbe(f"the call was answered {told(answer)}")
        return str(answer.status)

    return look


def created(scene: Scene) -> Answer:
    return scene.main.post("/documents", scene.document())


def read(scene: Scene) -> Answer:
    return scene.main.get(f"/documents/{scene.first}")


def appended(scene: Scene) -> Answer:
    return scene.append(scene.first, scene.event())


def batched(scene: Scene) -> Answer:
    return scene.batch(scene.first, [scene.event()])


def declared(scene: Scene) -> Answer:
    return scene.declare(scene.first, f"{scene.line.name()}.txt")


def downloaded(scene: Scene) -> Answer:
    name = f"{scene.line.name()}.txt"
    url = str(scene.declare(scene.first, name).object.get("url"))
    stored = scene.store("PUT", url, {"content-type": FILE_TYPE}, FILE)
    if not stored.accepted:
        raise CannotProbe(f"uploading the file for it was answered {stored.status}")
    return scene.main.get(f"/documents/{scene.first}/attachments/{name}")


def unauthorised_form(scene: Scene) -> str:
    answer = scene.line.send("GET", f"{scene.line.target.url}/documents/{scene.first}", {})
    return f"{answer.status} {form_of(answer)}"


def challenge(scene: Scene) -> str:
    url = f"{scene.line.target.url}/documents/{scene.first}"
    without = scene.line.send("GET", url, {})
    wrong = scene.line.send("GET", url, {"authorization": "Bearer carrot-mock-drift"})
    told = (each.header("www-authenticate") or "nothing" for each in (without, wrong))
    return "without a token {}, with a wrong one {}".format(*map(_shape, told))


def message(scene: Scene) -> str:
    answer = scene.append(scene.first, scene.event(value="heavy"))
    errors = answer.object.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else {}
    says = str(first.get("message", "")) if isinstance(first, dict) else ""
    if "/value" in says:
        return "names the JSON pointer"
    return "names the field" if "value" in says else "does not name the place"


def large_body(scene: Scene) -> str:
    """Too large, and no document either, so that it is refused in any case."""
    answer = scene.main.post("/documents", {**scene.names(), "title": "a" * (_LIMIT + 1)})
    return f"{answer.status} {form_of(answer)}" if answer.status == 413 else told(answer)


def content_type(scene: Scene) -> str:
    """With a body that is refused in any case, for what it lacks."""
    as_text = scene.main.post_as("/documents", scene.names(), "text/plain")
    without = scene.main.post_as("/documents", scene.names(), None)
    return f"text/plain: {_with_form(as_text)}, none: {_with_form(without)}"


def unusable_json(scene: Scene) -> str:
    odd = {
        "NaN": b"NaN",
        "1e400": b"1e400",
        "a lone surrogate": b'"\\ud800"',
        "deep nesting": b"[" * 2000 + b"]" * 2000,
    }
    found: dict[str, list[str]] = {}
    for name, value in odd.items():
        answer = scene.main.post("/documents", _odd(scene, value))
        found.setdefault(told(answer), []).append(name)
    return ", ".join(f"{', '.join(names)}: {what}" for what, names in found.items())


def nul(scene: Scene) -> str:
    return told(scene.append(scene.first, scene.event(label="a\0b")))


def twice_the_same_name(scene: Scene) -> str:
    body = json.dumps(scene.event(label="first"))[:-1] + ',"label":"last"}'
    answer = scene.main.post(f"/documents/{scene.first}/events", body.encode())
    if not answer.accepted:
        return told(answer)
    event = scene.stored(scene.first, str(answer.object.get("eventId")))
    return f"the {event.get('label')} counts"


def accidents(scene: Scene) -> str:
    """After all other probes: whether any call was answered 500."""
    found = sorted(set(map(_general, scene.line.accidents)))
    return f"500 to {', '.join(found)}" if found else "no 500"


def _odd(scene: Scene, value: bytes) -> bytes:
    """An object without what a document needs, with a value that is no good JSON."""
    return json.dumps(scene.names())[:-1].encode() + b',"tags":' + value + b"}"


def _with_form(answer: Answer) -> str:
    return told(answer) if code_of(answer) else f"{answer.status} {form_of(answer)}"


def _shape(header: str) -> str:
    scheme = header.partition(" ")[0].partition(",")[0]
    return f"{scheme} invalid_token" if "invalid_token" in header else scheme


def _general(place: str) -> str:
    return "/".join("…" if len(each) > 20 else each for each in place.split("/"))


def _statuses() -> dict[str, Any]:
    return {
        "documents.create": created,
        "documents.read": read,
        "events.append": appended,
        "events.batch": batched,
        "attachments.upload": declared,
        "attachments.download": downloaded,
    }


PROBES: Final = (
    Probe("edge-errors", unauthorised_form),
    *(Probe("success-status", status_of(call), operation) for operation, call in _statuses().items()),
    Probe("path-prefix", versioned_path),
    Probe("bearer-challenge", challenge),
    Probe("message", message),
    Probe("body-limit", large_body),
    Probe("content-type", content_type),
    Probe("unusable-json", unusable_json),
    Probe("nul-in-strings", nul),
    Probe("duplicate-json-keys", twice_the_same_name),
)
LAST: Final = (Probe("no-accidental-500", accidents),)
