"""The control API: every path and method answers as its contract says, and bad input never breaks it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import World
from jsonschema_rs import Draft202012Validator
from payloads import mass_id

import mock_server.control
from mock_server.behaviours import SWITCHES
from mock_server.control.routes import CONTROL

SPEC: dict[str, Any] = json.loads(Path(mock_server.control.__file__).with_name("openapi.json").read_text())
METHODS = ("get", "put", "post", "delete", "patch")
WORKSPACE = "/_mock/workspaces/{workspace}"
DEFAULT = "/_mock/workspaces/default"
MIB = 1024 * 1024


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        target: Any = SPEC
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def keeps_contract(answer: httpx.Response, template: str) -> Any:
    """The answer's JSON, after holding it against the response that the contract has for it."""
    described = SPEC["paths"][template][answer.request.method.lower()]["responses"]
    assert str(answer.status_code) in described, answer.text
    content = resolved(described[str(answer.status_code)]).get("content")
    if content is None:
        assert answer.content == b""
        return None
    assert answer.headers["content-type"] == "application/json"
    schema = {"allOf": [content["application/json"]["schema"]], "components": SPEC["components"]}
    Draft202012Validator(schema, offline=True).validate(answer.json())
    return answer.json()


def refused(answer: httpx.Response, status: int, code: str) -> tuple[str, str]:
    """Path and message of an error in the control API's form."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "path"}
    assert body["error"]["code"] == code
    schema = {"$ref": "#/components/schemas/Error", "components": SPEC["components"]}
    Draft202012Validator(schema, offline=True).validate(body)
    return body["error"]["path"], body["error"]["message"]


def busy_world(world: World) -> str:
    """A world with some of everything: the id of its document."""
    document_id = world.document(deduplicationId="made")
    world.append(document_id, deduplicationId="picked")
    answer = world.a.put(
        f"/documents/{document_id}/attachments/mtr.pdf",
        json={"contentLength": 3, "contentType": "application/pdf"},
    )
    assert world.anyone.put(
        answer.json()["url"], content=b"pdf", headers={"content-type": "application/pdf"}
    ).is_success
    other = world.document()
    assert world.append(document_id, "RELATED", relatedDocument={"documentId": other}).is_success
    world.semantics(dedup_errors="remember")
    assert world.a.post(f"/documents/{document_id}/events", json={}).status_code == 400
    assert world.b.get(f"/documents/{document_id}").status_code == 404
    assert world.anyone.get("/nowhere").status_code == 404
    return document_id


def test_the_contract_describes_every_path_and_method_that_is_served() -> None:
    served = {
        path.replace("{key:path}", "{key}"): {method.lower() for method in methods}
        for path, methods in CONTROL.items()
    }
    served |= {"/_mock/health": {"get"}, "/_mock/openapi.json": {"get"}}
    assert {path: set(METHODS) & set(item) for path, item in SPEC["paths"].items()} == served


def test_the_contract_knows_the_switches_and_their_values() -> None:
    switches = SPEC["components"]["schemas"]["Semantics"]
    assert switches["required"] == list(switches["properties"]) == list(SWITCHES)
    for name, switch in SWITCHES.items():
        assert switch.kind == "duration" or switches["properties"][name]["enum"] == list(switch.values)


def test_health_and_the_description_of_itself(world: World) -> None:
    health = keeps_contract(world.anyone.get("/_mock/health"), "/_mock/health")
    assert health["status"] == "ready"
    assert keeps_contract(world.anyone.get("/_mock/openapi.json"), "/_mock/openapi.json") == SPEC


@pytest.mark.parametrize(
    "resource", ["", "/events", "/documents", "/semantics", "/deduplication", "/requests"]
)
def test_what_can_be_read_has_the_shape_of_the_contract(world: World, resource: str) -> None:
    busy_world(world)
    answer = world.anyone.get(DEFAULT + resource)
    assert answer.status_code == 200
    assert keeps_contract(answer, WORKSPACE + resource)
    head = world.anyone.head(DEFAULT + resource)
    assert (head.status_code, head.headers["content-type"]) == (200, "application/json")


def test_single_things_have_the_shape_of_the_contract(world: World) -> None:
    document_id = busy_world(world)
    world.append("00000000-0000-4000-8000-000000000000", deduplicationId="lost")
    keeps_contract(world.control.get(f"documents/{document_id.upper()}"), f"{WORKSPACE}/documents/{{id}}")
    keeps_contract(world.control.get("requests/r1"), f"{WORKSPACE}/requests/{{id}}")
    for key, member in [("made", "documentId"), ("picked", "eventId"), ("lost", "error")]:
        (claim,) = keeps_contract(
            world.control.get(f"deduplication/{key}"), f"{WORKSPACE}/deduplication/{{key}}"
        )
        assert member in claim


def test_a_key_with_a_slash_is_a_key(world: World) -> None:
    world.document(deduplicationId="plant/7?a#b")
    path = "deduplication/plant/7%3Fa%23b"
    assert world.control.get(path).json()[0]["key"] == "plant/7?a#b"
    keeps_contract(world.control.delete(path), f"{WORKSPACE}/deduplication/{{key}}")
    assert world.control.get("deduplication").json() == []
    refused(world.control.delete(path), 404, "notFound")


def test_a_workspace_is_created_shown_listed_and_deleted(world: World) -> None:
    body = {"seed": 7, "semantics": {"ordering": "warn", "pending-window": 2.5}, "rateLimit": 3}
    made = keeps_contract(world.anyone.post("/_mock/workspaces", json=body), "/_mock/workspaces")
    assert (made["seed"], made["rateLimit"]) == (7, 3)
    assert (made["semantics"]["ordering"], made["semantics"]["pending-window"]) == ("warn", "2.5")
    assert [(each["integrator"], each["environment"]) for each in made["credentials"]] == [
        ("a", "TEST"),
        ("a", "PROD"),
        ("b", "TEST"),
    ]
    assert made["storage"]["endpoint"] == "http://carrot.test/_storage"
    path = f"/_mock/workspaces/{made['id']}"
    assert keeps_contract(world.anyone.get(path), WORKSPACE) == made
    listed = keeps_contract(world.anyone.get("/_mock/workspaces"), "/_mock/workspaces")
    assert [each["id"] for each in listed] == ["default", made["id"]]
    keeps_contract(world.anyone.delete(path), WORKSPACE)
    keeps_contract(world.anyone.get(path), WORKSPACE)
    refused(world.anyone.delete(path), 404, "notFound")


def test_what_a_new_workspace_is_not_told_is_as_the_server_was_started(
    make_world: Callable[..., World],
) -> None:
    world = make_world(rate_limit="documented")
    world.semantics(ordering="off")
    made = world.anyone.post("/_mock/workspaces").json()
    assert (made["rateLimit"], made["semantics"]["ordering"]) == ("documented", "reject")


def test_the_default_workspace_cannot_be_deleted(world: World) -> None:
    document_id = world.document()
    _, message = refused(world.anyone.delete(DEFAULT), 409, "conflict")
    assert "reset" in message
    assert world.read(document_id)


def test_semantics_change_all_at_once_or_not_at_all(world: World) -> None:
    changed = keeps_contract(
        world.control.patch("semantics", json={"ordering": "off", "dedup-lifetime": 60}),
        f"{WORKSPACE}/semantics",
    )
    assert (changed["ordering"], changed["dedup-lifetime"]) == ("off", "60")
    refused(
        world.control.patch("semantics", json={"ordering": "warn", "get-shape": "round"}),
        400,
        "validationError",
    )
    assert world.control.get("semantics").json() == changed
    assert world.control.patch("semantics").json() == changed


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("orderng", "off", 'There is no switch "orderng"; did you mean "ordering"?'),
        ("ordering", "of", 'ordering takes "reject", "warn" or "off", not "of"; did you mean "off"?'),
        ("ordering", ["off"], "ordering takes"),
        ("ordering", None, "ordering takes"),
        ("pending-window", -1, "pending-window takes a number of seconds"),
        ("path-prefix", "off", "a behaviour without a switch"),
        ("rate-limit", "off", "--rate-limit"),
        ("a/b~c", "off", "There is no switch"),
        ("é" * 9000, "off", "There is no switch"),
    ],
)
def test_a_wrong_switch_is_pointed_to_and_the_nearest_named(
    world: World, name: str, value: Any, message: str
) -> None:
    before = world.control.get("semantics").json()
    at = "/" + name.replace("~", "~0").replace("/", "~1")
    path, said = refused(world.control.patch("semantics", json={name: value}), 400, "validationError")
    assert (path, message in said) == (at, True)
    path, said = refused(
        world.anyone.post("/_mock/workspaces", json={"semantics": {name: value}}), 400, "validationError"
    )
    assert (path, message in said) == (f"/semantics{at}", True)
    assert world.control.get("semantics").json() == before
    assert len(world.anyone.get("/_mock/workspaces").json()) == 1


BAD_JSON = [b"{", b"[1", b"nothing", b'{"seed": NaN}', b'{"seed": 1e400}', b'"\\ud800"', b"\xff", b"[" * 9999]
WRONG_BODIES = [b"[]", b'"seed"', b"7", b"null", b"true"]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/_mock/workspaces"), ("PATCH", f"{DEFAULT}/semantics")]
)
def test_a_body_that_is_no_object_is_refused(world: World, method: str, path: str) -> None:
    for body in BAD_JSON:
        refused(world.anyone.request(method, path, content=body), 400, "invalidJson")
    for body in WRONG_BODIES:
        refused(world.anyone.request(method, path, content=body), 400, "validationError")
    for chunks in ([b" " * (MIB + 1)], [b"{" * 1000] * 1100):
        answer = world.anyone.request(method, path, content=iter(chunks))
        refused(answer, 413, "contentTooLarge")
    assert len(world.anyone.get("/_mock/workspaces").json()) == 1


@pytest.mark.parametrize(
    ("body", "path", "fragment"),
    [
        ({"sed": 1}, "/sed", "did you mean seed?"),
        ({"": 1}, "/", "there is seed, semantics, rateLimit"),
        ({"seed": "7"}, "/seed", 'got "7"'),
        ({"seed": -1}, "/seed", "whole number"),
        ({"seed": 1.5}, "/seed", "whole number"),
        ({"seed": True}, "/seed", "got true"),
        ({"seed": None}, "/seed", "got null"),
        ({"seed": 2**63}, "/seed", "whole number"),
        ({"semantics": []}, "/semantics", "must be an object; got []"),
        ({"semantics": None}, "/semantics", "must be an object; got null"),
        ({"rateLimit": 0}, "/rateLimit", "above 0"),
        ({"rateLimit": "fast"}, "/rateLimit", "fast"),
        ({"rateLimit": True}, "/rateLimit", "above 0"),
        ({"rateLimit": None}, "/rateLimit", "above 0"),
        ({"rateLimit": [5]}, "/rateLimit", "above 0"),
    ],
)
def test_a_wrong_value_for_a_workspace_is_pointed_to(
    world: World, body: dict[str, Any], path: str, fragment: str
) -> None:
    where, message = refused(world.anyone.post("/_mock/workspaces", json=body), 400, "validationError")
    assert where == path
    assert fragment in message
    assert len(world.anyone.get("/_mock/workspaces").json()) == 1


@pytest.mark.parametrize("rate", [1e300, 0.5, 5, "off"])
def test_any_rate_above_zero_is_taken_and_shown(world: World, rate: Any) -> None:
    made = keeps_contract(
        world.anyone.post("/_mock/workspaces", json={"rateLimit": rate}), "/_mock/workspaces"
    )
    assert made["rateLimit"] == rate


@pytest.mark.parametrize("since", ["-1", "x", "1.5", "", "²", "9" * 5000])
def test_a_wrong_position_is_refused(world: World, since: str) -> None:
    path, _ = refused(world.control.get("events", params={"since": since}), 400, "validationError")
    assert path == "/since"


@pytest.mark.parametrize("at", ["-1", "x", "", "2026-03-01", "2026-03-01T12:00:00", "9" * 5000, "²"])
def test_a_wrong_moment_is_refused(world: World, at: str) -> None:
    document_id = world.document()
    answer = world.control.get(f"documents/{document_id}", params={"at": at})
    assert refused(answer, 400, "validationError")[0] == "/at"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", "yesterday"),
        ("since", "2026-03-01T12:00:00"),
        ("since", "r"),
        ("since", "9" * 5000),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "9" * 5000),
        ("operation", "documents.delete"),
    ],
)
def test_a_wrong_filter_is_refused_even_where_nothing_is_filtered(
    world: World, name: str, value: str
) -> None:
    path, _ = refused(world.control.get("requests", params={name: value}), 400, "validationError")
    assert path == f"/{name}"


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/_mock/workspaces/nowhere", "/workspace"),
        ("/_mock/workspaces/nowhere/events", "/workspace"),
        ("/_mock/workspaces/nowhere/requests/r1", "/workspace"),
        (f"{DEFAULT}/documents/00000000-0000-4000-8000-000000000000", "/id"),
        (f"{DEFAULT}/documents/no-uuid", "/id"),
        (f"{DEFAULT}/deduplication/none", "/key"),
        (f"{DEFAULT}/deduplication/", "/key"),
        (f"{DEFAULT}/requests/r99", "/id"),
        (f"{DEFAULT}/requests/%00%ff", "/id"),
        (f"{DEFAULT}/nothing", ""),
        (f"{DEFAULT}/events/", ""),
        ("/_mock/workspaces/", ""),
        ("/_mock", ""),
        ("/_mock/", ""),
        ("/_mock/nothing", ""),
    ],
)
def test_what_is_not_there_answers_404(world: World, path: str, where: str) -> None:
    assert refused(world.anyone.get(path), 404, "notFound")[0] == where


def test_reset_of_a_workspace_that_is_not_there_answers_404(world: World) -> None:
    refused(world.anyone.post("/_mock/workspaces/nowhere/reset"), 404, "notFound")
    refused(world.anyone.patch("/_mock/workspaces/nowhere/semantics", json={}), 404, "notFound")


@pytest.mark.parametrize("template", SPEC["paths"])
def test_another_method_answers_405_with_what_is_allowed(world: World, template: str) -> None:
    path = template.format(workspace="default", id="x", key="x")
    allowed = {method.upper() for method in METHODS if method in SPEC["paths"][template]}
    allowed |= {"HEAD"} & {"HEAD" if "GET" in allowed else ""}
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} - allowed:
        answer = world.anyone.request(method, path)
        refused(answer, 405, "methodNotAllowed")
        assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("host", ["[", "a b", "x:y:z", "[::1", '"'])
def test_a_strange_host_header_breaks_nothing(world: World, host: str) -> None:
    for path in ("/_mock/workspaces", f"{DEFAULT}/nothing", "/_mock/health"):
        assert world.anyone.get(path, headers={"host": host}).status_code in {200, 400, 404}
    assert world.anyone.put("/_mock/workspaces", headers={"host": host}).status_code == 405


def test_a_control_token_is_asked_for_everywhere_but_at_health(make_world: Callable[..., World]) -> None:
    world = make_world(control_token="open-sesamé")
    assert world.anyone.get("/_mock/health").status_code == 200
    calls = [
        (method.upper(), template.format(workspace="default", id="x", key="x"))
        for template, item in SPEC["paths"].items()
        for method in METHODS
        if method in item and template != "/_mock/health"
    ]
    for method, path in [*calls, ("GET", "/_mock/nothing"), ("BREW", "/_mock/workspaces")]:
        for given in (None, "Bearer", "Bearer open-sesam", "Basic open-sesamé", "open-sesamé", "Bearer é"):
            headers = {} if given is None else {b"authorization": given.encode()}
            answer = world.anyone.request(method, path, headers=headers)
            refused(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
    for scheme in ("Bearer", "bearer"):
        headers = {b"authorization": f"{scheme} open-sesamé".encode()}
        assert world.anyone.get("/_mock/workspaces", headers=headers).status_code == 200
    assert world.a.post("/documents", json=mass_id()).status_code == 201
    assert world.anyone.get("/docs").status_code == 200


def test_without_the_control_api_only_health_is_left(make_world: Callable[..., World]) -> None:
    world = make_world(control=False)
    assert world.anyone.get("/_mock/health").status_code == 200
    for path in ("/_mock/workspaces", DEFAULT, f"{DEFAULT}/requests", "/_mock/openapi.json", "/_mock"):
        _, message = refused(world.anyone.get(path), 404, "notFound")
        assert "switched off" in message
    refused(world.anyone.post(f"{DEFAULT}/reset"), 404, "notFound")
    assert world.a.post("/documents", json=mass_id()).status_code == 201
