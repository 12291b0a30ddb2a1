"""What differs between two versions of a contract, and which of it breaks the clients of the old one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from contract_parts import Spec, as_object, binding, shared_name, whole, written
from contract_weighing import Effect, changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")

Side = Literal["request", "answer"]
# What an effect on a side does to a client that kept to the old version. "other" cannot be weighed, so it breaks.
BREAKING: frozenset[tuple[Side, Effect]] = frozenset(
    {
        ("request", "narrower"),
        ("request", "other"),
        ("request", "removed"),
        ("answer", "wider"),
        ("answer", "other"),
        ("answer", "removed"),
    }
)
OPPOSITE: Mapping[Effect, Effect] = {"narrower": "wider", "wider": "narrower"}
SIDES: Mapping[Side, str] = {"request": "requests", "answer": "answers"}


@dataclass(frozen=True, order=True)
class Difference:
    """One thing that is otherwise; `where` is a schema's or operation's name and the way inside it."""

    where: str
    what: str
    breaks: bool

    def __str__(self) -> str:
        return f"{'breaking' if self.breaks else 'additive'}  {self.where}: {self.what}"


def differences(base: Spec, new: Spec) -> list[Difference]:
    """All that differs, each shared part once, in a stable order."""
    return sorted(set(_Comparison(whole(base, base), whole(new, new)).operations()))


class _Comparison:
    def __init__(self, base: Spec, new: Spec) -> None:
        self._specs = (base, new)

    # Operations, top to bottom ----------------------------------------------------------------------------

    def operations(self) -> Iterator[Difference]:
        old, new = (dict(_operations(spec)) for spec in self._specs)
        for name in old.keys() - new.keys():
            yield Difference(name, "the operation is gone", True)
        for name in new.keys() - old.keys():
            yield Difference(name, "the operation is new", False)
        for name in old.keys() & new.keys():
            yield from self._operation(name, old[name], new[name])

    def _operation(self, name: str, old: Spec, new: Spec) -> Iterator[Difference]:
        if old.get("operationId") != new.get("operationId"):
            yield Difference(name, f"operationId was {old.get('operationId')}", True)
        yield from self._security(name, old, new)
        yield from self._parameters(name, old, new)
        yield from self._request(name, old.get("requestBody", {}), new.get("requestBody", {}))
        before, after = old.get("responses", {}), new.get("responses", {})
        for status in before.keys() - after.keys():
            yield Difference(f"{name} {status}", "the answer is gone", status < "3")
        for status in after.keys() - before.keys():
            yield Difference(f"{name} {status}", "the answer is new", False)
        for status in before.keys() & after.keys():
            first, second = before[status], after[status]
            yield from self._answer(shared_name(first, second) or f"{name} {status}", first, second)

    def _security(self, name: str, old: Spec, new: Spec) -> Iterator[Difference]:
        ways = [
            {written(way) for way in part.get("security", spec.get("security", []))}
            for part, spec in zip((old, new), self._specs, strict=True)
        ]
        for gone in ways[0] - ways[1]:
            yield Difference(name, f"one can no longer authenticate by {gone}", True)
        for added in ways[1] - ways[0]:
            yield Difference(name, f"one can authenticate by {added}", False)

    def _parameters(self, name: str, old: Spec, new: Spec) -> Iterator[Difference]:
        before, after = (
            {(each["in"], each["name"]): each for each in part["parameters"]} for part in (old, new)
        )
        for place, called in before.keys() | after.keys():
            where = f"{name} {place} {called}"
            first, second = before.get((place, called)), after.get((place, called))
            if second is None:
                yield Difference(where, "the parameter is gone", True)
            elif first is None:
                needed = bool(second.get("required"))
                yield Difference(where, f"the parameter is new{' and required' if needed else ''}", needed)
            else:
                yield from _required(where, first, second)
                yield from self._schema(where, first.get("schema", {}), second.get("schema", {}), "request")

    def _request(self, name: str, old: Spec, new: Spec) -> Iterator[Difference]:
        where = f"{name} request"
        if not old or not new:
            if old:
                yield Difference(where, "it takes no body any more", True)
            elif new:
                needed = bool(new.get("required"))
                yield Difference(where, f"it takes a body{', and needs it' if needed else ''}", needed)
            return
        yield from _required(where, old, new)
        yield from self._media(where, old, new, "request")

    def _answer(self, where: str, old: Spec, new: Spec) -> Iterator[Difference]:
        before, after = old.get("headers", {}), new.get("headers", {})
        for header in before.keys() - after.keys():
            yield Difference(f"{where} {header}", "the header is gone", True)
        for header in after.keys() - before.keys():
            yield Difference(f"{where} {header}", "the header is new", False)
        for header in before.keys() & after.keys():
            first, second = before[header].get("schema", {}), after[header].get("schema", {})
            yield from self._schema(f"{where} {header}", first, second, "answer")
        yield from self._media(where, old, new, "answer")

    def _media(self, where: str, old: Spec, new: Spec, side: Side) -> Iterator[Difference]:
        before, after = old.get("content", {}), new.get("content", {})
        for kind in before.keys() - after.keys():
            yield Difference(f"{where} {kind}", "the media type is gone", True)
        for kind in after.keys() - before.keys():
            yield Difference(f"{where} {kind}", "the media type is new", False)
        for kind in before.keys() & after.keys():
            yield from self._schema(
                where, before[kind].get("schema", {}), after[kind].get("schema", {}), side
            )

    # Schemas ----------------------------------------------------------------------------------------------

    def _schema(self, where: str, old: Any, new: Any, side: Side) -> Iterator[Difference]:
        old, new = as_object(old), as_object(new)
        if written(old) == written(new):
            return
        where = shared_name(old, new) or where
        for place, effect, what in changes(old, new):
            yield Difference(where + place, f"in {SIDES[side]}, {what}", (side, effect) in BREAKING)
        yield from self._inner(where, old, new, side)

    def _inner(self, where: str, old: Spec, new: Spec, side: Side) -> Iterator[Difference]:
        """What a schema says by schemas inside it."""
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before.keys() & after.keys():
            yield from self._schema(f"{where}/{name}", before[name], after[name], side)
        for keyword, place in (("items", "[]"), ("additionalProperties", "/*"), ("propertyNames", " keys")):
            yield from self._schema(where + place, old.get(keyword, True), new.get(keyword, True), side)
        for keyword in ("allOf", "anyOf", "oneOf"):
            yield from self._list(where, keyword, old.get(keyword), new.get(keyword), side)

    def _list(self, where: str, keyword: str, old: Any, new: Any, side: Side) -> Iterator[Difference]:
        if old is None or new is None:
            effect: Effect = "narrower" if old is None else "wider"
            if old != new:
                what = f"{keyword} is {'new' if old is None else 'gone'}"
                yield Difference(where, f"in {SIDES[side]}, {what}", (side, effect) in BREAKING)
            return
        before, after = ([written(as_object(each)) for each in part] for part in (old, new))
        left = [each for each, text in zip(old, before, strict=True) if text not in after]
        right = [each for each, text in zip(new, after, strict=True) if text not in before]
        for first, second in zip(left, right, strict=False):
            place = f"{where} {keyword} {old.index(first) + 1}"
            if keyword == "allOf":
                yield from self._schema(place, binding(first, second), binding(second, first), side)
            else:
                yield from self._schema(place, first, second, side)
        # Another alternative allows more, another condition less.
        more: Effect = "narrower" if keyword == "allOf" else "wider"
        for _ in left[len(right) :]:
            breaks = (side, OPPOSITE[more]) in BREAKING
            yield Difference(where, f"in {SIDES[side]}, {keyword} has one less", breaks)
        for _ in right[len(left) :]:
            yield Difference(where, f"in {SIDES[side]}, {keyword} has one more", (side, more) in BREAKING)


def _operations(spec: Spec) -> Iterator[tuple[str, Spec]]:
    for path, item in spec["paths"].items():
        for method in METHODS:
            if method in item:
                shared = [*item.get("parameters", []), *item[method].get("parameters", [])]
                yield f"{method.upper()} {path}", {**item[method], "parameters": shared}


def _required(where: str, old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = bool(old.get("required")), bool(new.get("required"))
    if before != after:
        yield Difference(where, f"it is {'required' if after else 'optional'} now", after)
