"""The one reader of the contract: validators compiled from it, and sentences for what breaks it."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson
from msgspec import Struct

from mock_server import clock
from mock_server.errors import Problem, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jsonschema_rs import Draft202012Validator, ValidationError

    from mock_server.behaviours import Semantics

# The switches that decide which keywords of a request's schema count; a key has their values in this order.
GOVERNING = ("conventions", "event-parties", "unknown-properties")
_ADVISORY = {"conventions": "deprecated-vocabulary", "unknown-properties": "unknown-property"}


Key = tuple[str, str, str]


class Checked(Struct, frozen=True, gc=False):
    """A body that keeps the contract in force; `advisories` tell what a stricter one would have refused.

    `body` is what to store from: without unknown properties, its `externalCreatedAt` in the stored spelling.
    """

    body: dict[str, Any]
    advisories: Sequence[tuple[str, str]] = ()
    behaviours: Sequence[str] = ()


@lru_cache(maxsize=1)
def document() -> Mapping[str, Any]:
    """The contract as OpenAPI 3.1, every switch-governed keyword included."""
    return cast("Mapping[str, Any]", orjson.loads(source("openapi.json")))


def source(name: str) -> bytes:
    """A file of the contract, `openapi.json` or `openapi.yaml`, as it is in the package."""
    return Path(__file__).parent.joinpath(name).read_bytes()


def in_force(semantics: Semantics) -> dict[str, Any]:
    """The contract without the keywords that these semantics switch off."""
    return cast("dict[str, Any]", _without_switched_off(document(), semantics.as_dict()))


def check(schema: str, body: Any, semantics: Semantics, pointer: str = "") -> Checked:
    """Hold a body against a schema of the contract.

    `pointer` is where the body stands in the request. Raises ValidationFailed with one problem for each
    violation.
    """
    strictest = ("enforce", semantics.event_parties, "reject")
    if _validator(schema, strictest).is_valid(body):
        moment = body.get("externalCreatedAt")
        # The contract's pattern knows the calendar: such a moment exists, and is spelled as stored.
        if moment is None or (len(moment) == 24 and moment[19] == "." and moment[23] == "Z"):
            return Checked(body)
        return Checked(_with_stored_times(body, pointer))
    key = (semantics.conventions, semantics.event_parties, semantics.unknown_properties)
    if strictest == key or not _validator(schema, key).is_valid(body):
        raise _failure(schema, key, body, pointer)
    found = [
        (_rule(schema, strictest, error), message)
        for error, message in _described(schema, strictest, body, pointer)
    ]
    return Checked(
        _with_stored_times(_known_part(schema, strictest, body), pointer),
        # Where conventions are off nobody is told of them, but the journal says that the switch decided.
        [
            (_ADVISORY[rule], message)
            for rule, message in found
            if rule != "conventions" or semantics.conventions == "warn"
        ],
        [rule for rule, _ in found],
    )


def holds_nul(raw: bytes, body: Any) -> bool:
    """True when a string of a JSON body has the character NUL; `raw` is the body as it came."""
    return b"\\u0000" in raw and _holds_nul(body)


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in name or _holds_nul(each) for name, each in value.items())
    return isinstance(value, list) and any(map(_holds_nul, value))


def _with_stored_times(body: dict[str, Any], pointer: str) -> dict[str, Any]:
    moment = body.get("externalCreatedAt")
    if moment is None:
        return body
    try:
        stored = clock.instant(moment)
    except ValueError:
        message = (
            f"{pointer}/externalCreatedAt must be a moment that exists, in the years 1 to 9999; got {moment}."
        )
        raise ValidationFailed(
            message, "validation-error", problems=[Problem(message, f"{pointer}/externalCreatedAt")]
        ) from None
    return body if stored == moment else {**body, "externalCreatedAt": stored}


# Compiling ------------------------------------------------------------------------------------------


@cache
def _validator(schema: str, key: Key) -> Draft202012Validator:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator(_schema(schema, key), offline=True)


@lru_cache(maxsize=128)
def _schema(schema: str, key: Key) -> dict[str, Any]:
    schemas = _without_switched_off(
        document()["components"]["schemas"], dict(zip(GOVERNING, key, strict=True))
    )
    if schema == "EventBatch":
        # The items are held against BatchItem one by one, so that each can fail or pass on its own.
        schemas["EventBatch"]["properties"]["events"].pop("items")
    return {"$ref": f"#/components/schemas/{schema}", "components": {"schemas": schemas}}


def _without_switched_off(value: Any, governing: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_switched_off(each, governing)
            for name, each in value.items()
            if not _is_switched_off(each, governing)
        }
    if isinstance(value, list):
        return [
            _without_switched_off(each, governing) for each in value if not _is_switched_off(each, governing)
        ]
    return value


def _is_switched_off(value: Any, governing: Mapping[str, str]) -> bool:
    if not isinstance(value, dict):
        return False
    return any(governing.get(name) != wanted for name, wanted in value.get("x-carrot-switch", {}).items())


# Explaining -----------------------------------------------------------------------------------------


def _failure(schema: str, key: Key, body: Any, pointer: str) -> ValidationFailed:
    problems: dict[Problem, None] = {}
    behaviours = ["validation-error"]
    for error, message in _described(schema, key, body, pointer):
        problems[Problem(message, pointer + _pointer(error.instance_path))] = None
        behaviours += _nearest(error, _schema(schema, key), "x-carrot-switch") or ()
    found = list(problems)
    return ValidationFailed(found[0].message, *dict.fromkeys(behaviours), problems=found)


def _described(schema: str, key: Key, body: Any, pointer: str) -> Iterator[tuple[ValidationError, str]]:
    for error in _validator(schema, key).iter_errors(body):
        for each in _leaves(error):
            yield each, _sentence(each, _schema(schema, key), pointer)


def _leaves(error: ValidationError) -> list[ValidationError]:
    """An error itself or, of alternatives that all failed, what is wrong with the nearest one."""
    branches = getattr(error.kind, "context", None)
    if not branches:
        return [error]
    nearest = max(branches, key=lambda branch: min((len(each.instance_path) for each in branch), default=0))
    deeper = [each for each in nearest if len(each.instance_path) > len(error.instance_path)]
    return [leaf for each in deeper for leaf in _leaves(each)] or [error]


def _sentence(error: ValidationError, schema: Mapping[str, Any], pointer: str) -> str:
    place = (pointer + _pointer(error.instance_path)) or "The body"
    if (written := _nearest(error, schema, "x-carrot-message")) is not None:
        if _nearest(error, schema, "x-carrot-suggest") == "title-case":
            from mock_server.domain.conventions import title_case  # only a mistake needs it

            written = written.replace("Expected ", f'Expected "{title_case(str(error.instance))}", ', 1)
        if _is_unknown_property(error):
            written += _nearest_property(error, schema)
        return f"{place}: {written} Got {_shown(error.instance)}."
    return f"{place} {_expected(error, schema)}."


def _expected(error: ValidationError, schema: Mapping[str, Any]) -> str:
    kind: Any = error.kind
    came = _shown(error.instance)
    match kind.name:
        case "required":
            return f'must have the property "{kind.property}", which is missing'
        case "type":
            return f"must be {_either([_ARTICLES.get(each, each) for each in kind.types])}; got {came}"
        case "enum":
            return f"must be one of {_either([_shown(each) for each in kind.options])}; got {came}"
        case "const":
            return f"must be {_shown(kind.expected_value)}; got {came}"
        case "minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties":
            return f"must have {_BOUNDS[kind.name]} {_shown(kind.value)}; got {came}"
        case "pattern":
            return f"must match {kind.pattern}; got {came}"
        case "not" if _is_unknown_property(error):
            return f"is a property that the contract does not have; got {came}"
        case "additionalProperties":
            return f"must not have the properties {_either([_shown(each) for each in kind.unexpected])}"
        case _:
            return f"breaks the contract: {error.message}"


def _is_unknown_property(error: ValidationError) -> bool:
    return len(error.schema_path) > 1 and error.schema_path[-2] == "additionalProperties"


def _nearest_property(error: ValidationError, schema: Mapping[str, Any]) -> str:
    """A question for a name that looks like one of the contract's; nothing for others."""
    from difflib import get_close_matches  # only a mistake needs it

    if not error.instance_path:
        # The name is empty, which the path leaves out.
        return ""
    here: Any = schema
    for step in error.schema_path[:-2]:
        here = here[step]
    folded = {name.lower(): name for name in here.get("properties", ())}
    found = get_close_matches(str(error.instance_path[-1]).lower(), folded, n=1, cutoff=0.75)
    return f' Did you mean "{folded[found[0]]}"?' if found else ""


_ARTICLES = {
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
_BOUNDS = {
    "minimum": "a value of at least",
    "maximum": "a value of at most",
    "minLength": "a length of at least",
    "maxLength": "a length of at most",
    "minItems": "a number of items of at least",
    "maxItems": "a number of items of at most",
    "minProperties": "a number of properties of at least",
}
_SHOWN_CHARACTERS = 120


def _shown(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _either(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"


def _pointer(path: list[str | int]) -> str:
    return "".join("/" + str(each).replace("~", "~0").replace("/", "~1") for each in path)


def _nearest(error: ValidationError, schema: Mapping[str, Any], annotation: str) -> Any:
    """The value of an annotation on the innermost schema around an error that has it."""
    found = None
    here: Any = schema
    for step in error.schema_path:
        if isinstance(here, dict) and annotation in here:
            found = here[annotation]
        here = here[step]
    return found


# What the stricter contract would have refused -------------------------------------------------------


def _rule(schema: str, key: Key, error: ValidationError) -> str:
    switch = _nearest(error, _schema(schema, key), "x-carrot-switch") or {}
    return next((name for name in switch if name in _ADVISORY), "unknown-properties")


def _known_part(schema: str, key: Key, body: dict[str, Any]) -> dict[str, Any]:
    """A copy of the body without the properties that the contract does not have."""
    whole = _schema(schema, key)
    # By the schema and not by where an error stands: its path leaves out an empty name and takes "0" for a place.
    return cast("dict[str, Any]", _pruned(body, whole, whole["components"]["schemas"]))


def _pruned(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        items = schema.get("items", {})
        return [_pruned(each, items, schemas) for each in value]
    if not isinstance(value, dict):
        return value
    known, others = schema.get("properties", {}), schema.get("additionalProperties") or {}
    return {
        name: _pruned(each, known.get(name, others), schemas)
        for name, each in value.items()
        if name in known or "unknown-properties" not in others.get("x-carrot-switch", {})
    }
