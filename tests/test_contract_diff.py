"""Two versions of the contract compared: what breaks a client, and what a version has to be called."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "tools"))
from contract_diff import CONTRACT, PAGE, RELEASES, ROOT, complaints, differences, last_release, main

SPEC: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "A contract", "version": "1.2.0"},
    "security": [{"bearer": []}],
    "paths": {
        "/things/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "put": {
                "operationId": "things.put",
                "parameters": [{"name": "dry", "in": "query", "schema": {"type": "boolean"}}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}}
                },
                "responses": {
                    "200": {
                        "description": "The thing.",
                        "headers": {"Date": {"schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                    },
                    "404": {"description": "No such thing."},
                },
            },
        }
    },
    "components": {
        "schemas": {
            "Kind": {"type": "string", "enum": ["a", "b"]},
            "New": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^[a-z]+$"},
                    "kind": {"$ref": "#/components/schemas/Kind"},
                    "parts": {"type": "array", "items": {"type": "integer"}},
                    "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                },
                "allOf": [{"properties": {"name": {"not": {"const": "x"}}}}],
                "additionalProperties": {"not": {}},
            },
            "Thing": {
                "type": "object",
                "description": "A thing.",
                "required": ["id", "kind"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "kind": {"$ref": "#/components/schemas/Kind"},
                    "size": {"type": "number", "maximum": 9},
                    "inner": {"$ref": "#/components/schemas/Thing"},
                },
            },
        }
    },
}
PUT = "PUT /things/{id}"


def changed(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """Sets what is at a path, or takes it away with `...`."""

    def change(spec: dict[str, Any]) -> None:
        here: Any = spec
        for step in path[:-1]:
            here = here[step]
        if to is ...:
            del here[path[-1]]
        else:
            here[path[-1]] = to

    return change


def put(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    return changed("paths", "/things/{id}", "put", *path, to=to)


def new(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """A change to what a client sends."""
    return changed("components", "schemas", "New", *path, to=to)


def thing(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    """A change to what a client gets."""
    return changed("components", "schemas", "Thing", *path, to=to)


def after(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    spec = copy.deepcopy(SPEC)
    change(spec)
    return spec


OPTIONAL = {"name": "more", "in": "query", "schema": {}}
REQUIRED = {**OPTIONAL, "required": True}

BREAKS = {
    "an operation is gone": (put(to=...), PUT),
    "an operation has another id": (put("operationId", to="things.replace"), PUT),
    "a way to authenticate is gone": (put("security", to=[]), PUT),
    "a parameter is gone": (put("parameters", to=[]), f"{PUT} query dry"),
    "a new parameter is required": (put("parameters", to=[REQUIRED]), f"{PUT} query more"),
    "a parameter takes less": (put("parameters", 0, "schema", "enum", to=[True]), f"{PUT} query dry"),
    "the body is required": (put("requestBody", "required", to=True), f"{PUT} request"),
    "the body is gone": (put("requestBody", to=...), f"{PUT} request"),
    "a body of another type": (
        put("requestBody", "content", to={"text/plain": {}}),
        f"{PUT} request application/json",
    ),
    "a good answer is gone": (put("responses", "200", to=...), f"{PUT} 200"),
    "a header is gone": (put("responses", "200", "headers", to=...), f"{PUT} 200 Date"),
    "an answer of another type": (put("responses", "200", "content", to=...), f"{PUT} 200 application/json"),
    "a property of a request is required": (new("required", to=["name", "kind"]), "New/kind"),
    "a property of a request is gone": (new("properties", "parts", to=...), "New/parts"),
    "a longer text is expected": (new("properties", "name", "minLength", to=2), "New/name"),
    "a shorter text is expected": (new("properties", "name", "maxLength", to=8), "New/name"),
    "another pattern": (new("properties", "name", "pattern", to="^[a-y]+$"), "New/name"),
    "a request has another type": (new("properties", "name", "type", to="number"), "New/name"),
    "an item takes less": (new("properties", "parts", "items", "minimum", to=1), "New/parts[]"),
    "an alternative is gone": (new("properties", "either", "anyOf", 1, to=...), "New/either"),
    "an alternative takes less": (
        new("properties", "either", "anyOf", 0, "minLength", to=1),
        "New/either anyOf 1",
    ),
    "a further condition": (
        new("allOf", to=[*SPEC["components"]["schemas"]["New"]["allOf"], {"minProperties": 2}]),
        "New",
    ),
    "a condition on a further property": (
        new("allOf", 0, "properties", "kind", to={"const": "a"}),
        "New allOf 1/kind",
    ),
    "another condition": (
        new("allOf", 0, "properties", "name", "not", to={"const": "y"}),
        "New allOf 1/name",
    ),
    "a property of an answer is gone": (thing("properties", "size", to=...), "Thing/size"),
    "a property of an answer may be absent": (thing("required", to=["id"]), "Thing/kind"),
    "a greater number may come": (thing("properties", "size", "maximum", to=10), "Thing/size"),
    "an answer may be null": (thing("properties", "id", "type", to=["string", "null"]), "Thing/id"),
    "an answer has another format": (thing("properties", "id", "format", to="uri"), "Thing/id"),
    "a value may come that did not": (
        changed("components", "schemas", "Kind", "enum", to=["a", "b", "c"]),
        "Kind",
    ),
    "a value is taken no more": (changed("components", "schemas", "Kind", "enum", to=["a"]), "Kind"),
}
ADDS = {
    "an operation": (
        changed("paths", "/more", to={"get": {"operationId": "more", "responses": {}}}),
        "GET /more",
    ),
    "a way to authenticate": (put("security", to=[{"bearer": []}, {"basic": []}]), PUT),
    "an optional parameter": (put("parameters", 0, to=OPTIONAL), f"{PUT} query more"),
    "a status": (put("responses", "409", to={"description": "No."}), f"{PUT} 409"),
    "a header": (put("responses", "200", "headers", "ETag", to={"schema": {}}), f"{PUT} 200 ETag"),
    "an optional property of a request": (new("properties", "note", to={"type": "string"}), "New/note"),
    "a property that may be left out": (new("required", to=[]), "New/name"),
    "a longer text": (new("properties", "name", "maxLength", to=10), "New/name"),
    "any text": (new("properties", "name", "pattern", to=...), "New/name"),
    "another alternative": (
        new("properties", "either", "anyOf", to=[{"type": "string"}, {"type": "integer"}, {"type": "null"}]),
        "New/either",
    ),
    "one condition less": (new("allOf", to=...), "New"),
    "unknown properties": (new("additionalProperties", to=True), "New/*"),
    "a property of an answer": (thing("properties", "note", to={"type": "string"}), "Thing/note"),
    "a property of an answer that is always there": (
        thing("required", to=["id", "kind", "size"]),
        "Thing/size",
    ),
    "a smaller number in an answer": (thing("properties", "size", "maximum", to=8), "Thing/size"),
    "a form of numbers in an answer": (thing("properties", "size", "type", to="integer"), "Thing/size"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_this_breaks_clients(name: str) -> None:
    change, where = BREAKS[name]
    assert where in {each.where for each in differences(SPEC, after(change)) if each.breaks}


@pytest.mark.parametrize("name", ADDS)
def test_this_adds_and_breaks_nothing(name: str) -> None:
    change, where = ADDS[name]
    spec = after(change)
    if name == "an optional parameter":
        spec["paths"]["/things/{id}"]["put"]["parameters"] += SPEC["paths"]["/things/{id}"]["put"][
            "parameters"
        ]
    found = differences(SPEC, spec)
    assert [each for each in found if each.breaks] == []
    assert where in {each.where for each in found}


def test_a_shared_part_is_told_once_for_requests_and_once_for_answers() -> None:
    found = differences(SPEC, after(changed("components", "schemas", "Kind", "enum", to=["a", "b", "c"])))
    assert list(map(str, found)) == [
        'breaking  Kind: in answers, the values "c" are new',
        'additive  Kind: in requests, the values "c" are new',
    ]


def test_words_are_no_difference() -> None:
    spec = after(thing("description", to="Another word for it."))
    spec["components"]["schemas"]["New"]["properties"]["name"]["examples"] = ["abc"]
    spec["components"]["schemas"]["New"]["x-carrot-evidence"] = "D"
    assert differences(SPEC, spec) == []


# What a version has to be called


def named(version: str, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    spec = after(change)
    spec["info"]["version"] = version
    return spec


BREAK, ADDITION = new("required", to=["name", "kind"]), thing("properties", "note", to={"type": "string"})


def test_a_break_needs_a_major_version_and_its_line_on_the_page() -> None:
    said = complaints(SPEC, named("1.3.0", BREAK), "## 1.3.0\n\n- `New/kind` is required.\n")
    assert said == [
        "Clients of 1.2.0 break, so a major version after 1.2.0 is expected; got 1.3.0:",
        "  breaking  New/kind: in requests, the property is required now",
    ]
    said = complaints(SPEC, named("2.0.0", BREAK), "## 2.0.0\n\nNews.\n\n## 1.2.0\n\n`New/kind`\n")
    assert said == ["Expected `New/kind`, which breaks clients, in docs/contract-changes.md under 2.0.0."]
    assert complaints(SPEC, named("2.0.0", BREAK), "## 2.0.0\n\n- `New/kind` is required.\n") == []


def test_an_addition_needs_a_minor_version_and_a_section() -> None:
    said = complaints(SPEC, named("1.2.1", ADDITION), "## 1.2.1\n")
    assert said[0] == "There is more than in 1.2.0, so a minor version after it is expected; got 1.2.1:"
    said = complaints(SPEC, named("1.3.0", ADDITION), "## 1.2.0\n")
    assert said == [
        'Expected a section "## 1.3.0" in docs/contract-changes.md; got none. Say there what changed for users.'
    ]
    assert complaints(SPEC, named("1.10.0", ADDITION), "## 1.10.0\n") == []


def tree(root: Path, spec: dict[str, Any], page: str) -> Path:
    for file in (CONTRACT, RELEASES / "1.2.0.json", PAGE):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / CONTRACT).write_text(json.dumps(spec))
    (root / RELEASES / "1.2.0.json").write_text(json.dumps(SPEC))
    (root / PAGE).write_text(page)
    return root


def test_the_command_compares_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tree(tmp_path, named("1.3.0", BREAK), "")
    files = [str(root / RELEASES / "1.2.0.json"), str(root / CONTRACT)]
    assert main(files) == 1
    assert capsys.readouterr().out == "breaking  New/kind: in requests, the property is required now\n"
    assert main([files[0], files[0]]) == 0


def test_a_release_is_what_the_next_check_compares_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tree(tmp_path, named("10.0.0", BREAK), "## 10.0.0\n")
    assert main(["--check"], root) == 1
    assert "`New/kind`" in capsys.readouterr().err
    assert main(["--release"], root) == 0
    assert last_release(root).name == "10.0.0.json"
    assert main(["--check"], root) == 0


def test_the_contract_keeps_what_its_last_release_promised() -> None:
    assert main(["--check"], ROOT) == 0
