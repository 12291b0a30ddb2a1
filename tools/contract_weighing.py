"""What one version of a schema's keyword allows beside the other: more, less, or something else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from contract_parts import Spec, written

if TYPE_CHECKING:
    from collections.abc import Iterator

Effect = Literal["narrower", "wider", "other", "added", "removed"]
Change = tuple[str, Effect, str]
# Keyword → whether a greater number allows more.
BOUNDS = {
    "minimum": False,
    "exclusiveMinimum": False,
    "minLength": False,
    "minItems": False,
    "minProperties": False,
    "maximum": True,
    "exclusiveMaximum": True,
    "maxLength": True,
    "maxItems": True,
    "maxProperties": True,
}
TYPES = frozenset({"string", "number", "integer", "boolean", "null", "array", "object"})
# Compared as they are written: any two of them that differ cannot be weighed.
OPAQUE = ("pattern", "format", "multipleOf", "uniqueItems")
CONDITIONS = ("not", "if", "then", "else", "dependentSchemas", "dependentRequired", "prefixItems", "contains")


def changes(old: Spec, new: Spec) -> Iterator[Change]:
    """Where, how and by what two versions of a schema differ, in what they say of the value itself."""
    yield from _sets("types", _types(old), _types(new))
    yield from _sets("values", _values(old), _values(new))
    for keyword, more in BOUNDS.items():
        yield from _bound(keyword, old.get(keyword), new.get(keyword), greater_is_wider=more)
    for keyword in (*OPAQUE, *CONDITIONS):
        yield from _opaque(keyword, old.get(keyword), new.get(keyword))
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before.keys() - after.keys():
        yield f"/{name}", "removed", "the property is gone"
    for name in after.keys() - before.keys():
        yield f"/{name}", "added", "the property is new"
    needed, needs = set(old.get("required", [])), set(new.get("required", []))
    for name in needs - needed:
        yield f"/{name}", "narrower", "the property is required now"
    for name in needed - needs:
        yield f"/{name}", "wider", "the property may be absent now"


def _types(schema: Spec) -> frozenset[str]:
    found = schema.get("type", TYPES)
    types = frozenset([found] if isinstance(found, str) else found)
    return types | {"integer"} if "number" in types else types


def _values(schema: Spec) -> frozenset[str] | None:
    if "const" in schema:
        return frozenset({json.dumps(schema["const"])})
    return frozenset(map(json.dumps, schema["enum"])) if "enum" in schema else None


def _sets(
    name: str, old: frozenset[str] | None, new: frozenset[str] | None
) -> Iterator[tuple[str, Effect, str]]:
    if old is None or new is None:
        if old != new:
            effect: Effect = "wider" if new is None else "narrower"
            yield "", effect, f"the {name} are {'free' if new is None else 'listed'} now"
        return
    if gone := sorted(old - new):
        yield "", "narrower", f"the {name} {', '.join(gone)} are gone"
    if added := sorted(new - old):
        yield "", "wider", f"the {name} {', '.join(added)} are new"


def _bound(
    keyword: str, old: float | None, new: float | None, *, greater_is_wider: bool
) -> Iterator[tuple[str, Effect, str]]:
    if old == new:
        return
    wider = new is None or (old is not None and (new > old) == greater_is_wider)
    shown = "gone" if new is None else f"{new}, was {'free' if old is None else old}"
    yield "", "wider" if wider else "narrower", f"{keyword} is {shown}"


def _opaque(keyword: str, old: Any, new: Any) -> Iterator[tuple[str, Effect, str]]:
    if written(old) == written(new):
        return
    effect: Effect = "wider" if new is None else "narrower" if old is None else "other"
    yield "", effect, f"{keyword} is {'gone' if new is None else 'new' if old is None else 'another'}"
