"""The parts of a contract: what stands where it refers to, and what a schema says that validates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Spec = Mapping[str, Any]
# The name of the shared part that stands in the place of a reference to it.
NAME = "x-name"


def whole(part: Any, spec: Spec, inside: tuple[str, ...] = ()) -> Any:
    """A part with what it refers to in the place of the references, named after it; circles stay references."""
    if isinstance(part, list):
        return [whole(each, spec, inside) for each in part]
    if not isinstance(part, Mapping):
        return part
    ref = part.get("$ref")
    beside = {key: whole(value, spec, inside) for key, value in part.items() if key != "$ref"}
    if not isinstance(ref, str) or ref in inside:
        return beside if ref is None else dict(part)
    target: Any = spec
    for step in ref.removeprefix("#/").split("/"):
        target = target[step.replace("~1", "/").replace("~0", "~")]
    return {**whole(target, spec, (*inside, ref)), NAME: ref.rpartition("/")[2], **beside}


def shared_name(old: Spec, new: Spec) -> str:
    """The name of a shared part, where both versions have it in this place."""
    return str(old[NAME]) if NAME in old and old.get(NAME) == new.get(NAME) else ""


def as_object(schema: Any) -> Spec:
    """A schema that is true or false, as an object."""
    if isinstance(schema, bool):
        return {} if schema else {"enum": []}
    return {"enum": []} if schema.get("not") in ({}, True) else schema


def binding(schema: Any, other: Any) -> Any:
    """A condition with every property of the other one: what it does not name, it leaves free."""
    names = other.get("properties", {}) if isinstance(other, Mapping) else {}
    if not isinstance(schema, Mapping) or not names:
        return schema
    return {**schema, "properties": {**{name: {} for name in names}, **schema.get("properties", {})}}


def written(part: Any) -> str:
    """A schema as text, without what only explains it."""
    return json.dumps(_bare(part), sort_keys=True)


def _bare(part: Any) -> Any:
    if isinstance(part, Mapping):
        return {key: _bare(value) for key, value in part.items() if not _explains(key, value)}
    return [_bare(each) for each in part] if isinstance(part, list) else part


def _explains(key: str, value: Any) -> bool:
    return key.startswith("x-") or (
        key in {"description", "title", "summary", "examples", "example", "xml"}
        and not isinstance(value, Mapping)
    )
