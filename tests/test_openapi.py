"""The contract as a document: valid, graded, switched as the table says, its examples true to it."""

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
import yaml
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate

from mock_server import contract
from mock_server.behaviours import SWITCHES, Semantics

ROOT = Path(__file__).resolve().parent.parent
SPEC: dict[str, Any] = yaml.safe_load((ROOT / "mock_server/openapi.yaml").read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = SPEC["components"]["schemas"]
IN_FORCE = contract.in_force(Semantics.default())
METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in SPEC["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}


# Reading the document


def compiler() -> ModuleType:
    """The script that compiles the contract; its folder is not a package."""
    spec = importlib.util.spec_from_file_location("compile_openapi", ROOT / "tools/compile_openapi.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def resolved(part: dict[str, Any], spec: dict[str, Any] = SPEC) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    target = spec
    for step in part["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    return target


def answers(spec: dict[str, Any] = SPEC) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every answer of every operation, shared ones once for each."""
    for path, item in spec["paths"].items():
        for method in sorted(METHODS & item.keys()):
            for status, answer in item[method]["responses"].items():
                yield f"{method} {path} {status}", resolved(answer, spec)


def parameters(spec: dict[str, Any] = SPEC) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in spec["paths"].items():
        for holder in (item, *(item[method] for method in sorted(METHODS & item.keys()))):
            for each in holder.get("parameters", []):
                parameter = resolved(each, spec)
                yield f"{path} {parameter['in']} {parameter['name']}", parameter


def media(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of a request or an answer."""
    for path, item in spec["paths"].items():
        for method in sorted(METHODS & item.keys()):
            for kind, holder in item[method].get("requestBody", {}).get("content", {}).items():
                yield f"{method} {path} {kind}", holder
    for name, answer in answers(spec):
        for kind, holder in answer.get("content", {}).items():
            yield f"{name} {kind}", holder


def properties(schemas: dict[str, Any] = SCHEMAS) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property that a schema defines; those under `allOf` only bind what is defined beside it."""
    for name, schema in schemas.items():
        for key, child in schema.get("properties", {}).items():
            yield f"{name}/{key}", child
            yield from properties({f"{name}/{key}": child})
        if isinstance(items := schema.get("items"), dict):
            yield from properties({f"{name}[]": items})


def required(part: Any) -> Iterator[str]:
    """The names that a schema asks for at its own level, in conditions and alternatives too."""
    for key, child in part.items():
        if key == "required":
            yield from child
        elif key in ("not", "if", "then", "else"):
            yield from required(child)
        elif key in ("allOf", "anyOf", "oneOf"):
            for each in child:
                yield from required(each)


def found(key: str, part: Any = SPEC) -> Iterator[Any]:
    """Every value of a key, wherever it stands."""
    if isinstance(part, dict):
        for name, child in part.items():
            if name == key:
                yield child
            yield from found(key, child)
    elif isinstance(part, list):
        for child in part:
            yield from found(key, child)


def holds(schema: dict[str, Any], value: Any) -> None:
    """Raises ValidationError unless the value keeps the schema, references into the contract included."""
    Draft202012Validator({"allOf": [schema], "components": IN_FORCE["components"]}, offline=True).validate(
        value
    )


# The document itself


def test_the_contract_is_valid_openapi() -> None:
    validate(SPEC)


def test_the_json_that_the_server_loads_is_the_yaml_that_people_write() -> None:
    assert orjson.loads((ROOT / "mock_server/openapi.json").read_bytes()) == SPEC
    assert compiler().main(["--check"]) == 0


def test_a_compiled_file_that_is_out_of_date_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mock_server"
    folder.mkdir()
    (folder / "openapi.yaml").write_text("a: &one {b: 1}\nc: *one\n", encoding="utf-8")
    assert compiler().main(["--check"], root=tmp_path) == 1
    assert "mock_server/openapi.json differs from mock_server/openapi.yaml" in capsys.readouterr().err
    assert compiler().main([], root=tmp_path) == 0
    assert (folder / "openapi.json").read_bytes() == b'{"a":{"b":1},"c":{"b":1}}\n'
    assert compiler().main(["--check"], root=tmp_path) == 0


@pytest.mark.parametrize("text", ["day: 2026-03-01", "responses: {200: ok}"])
def test_yaml_that_json_lacks_is_refused(tmp_path: Path, text: str) -> None:
    source = tmp_path / "openapi.yaml"
    source.write_text(text, encoding="utf-8")
    with pytest.raises(TypeError, match="quote it"):
        compiler().compiled(source)


def test_the_operations_are_the_six_calls_the_token_and_the_storage() -> None:
    assert {call: operation["operationId"] for call, operation in OPERATIONS.items()} == {
        "POST /oauth2/token": "token",
        "POST /documents": "documents.create",
        "GET /documents/{id}": "documents.read",
        "POST /documents/{documentId}/events": "events.append",
        "POST /documents/events": "events.batch",
        "PUT /documents/{documentId}/attachments/{fileName}": "attachments.upload",
        "GET /documents/{documentId}/attachments/{fileName}": "attachments.download",
        "PUT /_storage/{bucket}/{documentId}/{attachmentId}": "storage.put",
        "GET /_storage/{bucket}/{documentId}/{attachmentId}": "storage.get",
    }


def test_links_lead_from_a_created_id_to_every_call_that_takes_it() -> None:
    links = OPERATIONS["POST /documents"]["responses"]["201"]["links"]
    assert {link["operationId"] for link in links.values()} == {
        "documents.read",
        "events.append",
        "events.batch",
        "attachments.upload",
        "attachments.download",
    }
    known = {operation["operationId"] for operation in OPERATIONS.values()}
    assert {each["operationId"] for links in found("links") for each in links.values()} <= known


# What each part says about itself


def test_every_operation_parameter_property_and_answer_says_how_well_it_is_known() -> None:
    parts = {**OPERATIONS, **dict(answers()), **dict(properties()), **dict(parameters())}
    assert len(parts) > 350
    wrong = [name for name, part in parts.items() if part.get("x-carrot-evidence") not in ("D", "C", "A")]
    assert wrong == []


def test_every_property_is_described_and_shown() -> None:
    bare = [name for name, each in properties() if not each.get("description")]
    assert bare == []
    scalars = {"string", "number", "integer", "boolean"}
    unseen = [name for name, each in properties() if each.get("type") in scalars and not each.get("examples")]
    assert unseen == []


def test_what_is_graded_as_documented_or_seen_names_its_source() -> None:
    silent = [
        name
        for name, each in properties()
        if each["x-carrot-evidence"] != "A" and not re.search(r"\[[a-z-]+\]", each["description"])
    ]
    assert silent == []


def test_every_switch_named_is_one_of_the_table_with_one_of_its_values() -> None:
    named = {(name, value) for pairs in found("x-carrot-switch") for name, value in pairs.items()}
    assert {"conventions", "event-parties", "unknown-properties"} <= {name for name, _ in named}
    assert [
        pair for pair in named if pair[0] not in SWITCHES or pair[1] not in SWITCHES[pair[0]].values
    ] == []


def test_every_message_is_a_sentence_about_what_was_expected() -> None:
    messages = [message for message in found("x-carrot-message") if isinstance(message, str)]
    assert [
        message for message in messages if not re.fullmatch(r"(Expected|A file name) .+\.", message)
    ] == []


def test_every_required_property_is_defined() -> None:
    missing = [
        f"{name}/{each}"
        for name, schema in SCHEMAS.items()
        for each in required(schema)
        if each not in schema["properties"]
    ]
    assert missing == []


def test_a_batch_item_is_a_single_event_that_names_its_document() -> None:
    item, event = SCHEMAS["BatchItem"], SCHEMAS["EventCreate"]
    assert item["properties"].keys() - event["properties"].keys() == {"documentId", "targetDocumentId"}
    assert all(item["properties"][name] == schema for name, schema in event["properties"].items())
    assert (item["required"], item["allOf"]) == (event["required"], event["allOf"])


def test_patterns_keep_to_what_every_regex_engine_knows() -> None:
    patterns = {pattern for pattern in found("pattern") if isinstance(pattern, str)}
    assert len(patterns) > 10
    for pattern in patterns:
        re.compile(pattern)
        assert not re.search(r"\(\?[^:]|\\[pPdDwWsSbBAzZ]", pattern), pattern


# Examples


def examples() -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Where each example stands, the schema it has to keep, and the example."""
    for name, schema in IN_FORCE["components"]["schemas"].items():
        yield from (
            (f"{name}/examples/{at}", schema, value) for at, value in enumerate(schema.get("examples", []))
        )
    for name, schema in properties(IN_FORCE["components"]["schemas"]):
        yield from (
            (f"{name}/examples/{at}", schema, value) for at, value in enumerate(schema.get("examples", []))
        )
    for name, part in parameters(IN_FORCE):
        yield name, part["schema"], part["example"]
    for name, holder in media(IN_FORCE):
        if "example" in holder:
            yield name, holder["schema"], holder["example"]
        for title, example in holder.get("examples", {}).items():
            yield f"{name}/{title}", holder["schema"], resolved(example, IN_FORCE)["value"]


@pytest.mark.parametrize(("schema", "value"), [pytest.param(*each, id=name) for name, *each in examples()])
def test_every_example_keeps_its_schema(schema: dict[str, Any], value: Any) -> None:
    holds(schema, value)
