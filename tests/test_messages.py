"""What a client is told: sentences with a JSON pointer, what was expected and what came (CONTRACT §4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from conftest import World, error_of
from payloads import ADDRESS, PARTICIPANT, at, attribute, event, mass_id

if TYPE_CHECKING:
    import httpx

B = "bbbbbbbb-0000-4000-8000-00000000000b"
GRANT = {"effect": "ALLOW", "actions": ["READ"]}


def attributes(*items: Any) -> dict[str, Any]:
    return event("Weighing", metadata={"attributes": list(items)})


def actor(*statements: Any) -> dict[str, Any]:
    return event("ACTOR", label="Auditor", permissions={B: list(statements)})


# A bad body, where the violation is, what the sentence says was expected, and what came.
BAD: dict[str, tuple[Any, str, str, str]] = {
    "category is no string": (mass_id(category=7), "/category", "a string", "7"),
    "category is empty": (mass_id(category=""), "/category", "a length of at least 1", '""'),
    "category is null": (mass_id(category=None), "/category", "a string", "null"),
    "title is null": (mass_id(title=None), "/title", "a string", "null"),
    "flag is a word": (mass_id(isPublic="yes"), "/isPublic", "true or false", '"yes"'),
    "value is a string": (mass_id(value="12"), "/value", "a number of 0 or more", '"12"'),
    "value is negative": (mass_id(value=-0.5), "/value", "a number of 0 or more", "-0.5"),
    "moment without a zone": (
        mass_id(externalCreatedAt="2026-02-01T08:00:00"),
        "/externalCreatedAt",
        "2026-03-01T10:00:00.000Z",
        '"2026-02-01T08:00:00"',
    ),
    "tag is a number": (mass_id(tags={"a": {"b": 1}}), "/tags/a", "null or a string", '{"b":1}'),
    "tag with a slash": (mass_id(tags={"a/b~c": 1}), "/tags/a~1b~0c", "null or a string", "1"),
    "participant is a list": (mass_id(participant=[]), "/participant", "an object", "[]"),
    "tax id is a number": (
        mass_id(participant=PARTICIPANT | {"taxId": 99000001000101}),
        "/participant/taxId",
        "a string",
        "99000001000101",
    ),
    "participant's id": (
        mass_id(participant=PARTICIPANT | {"id": "7"}),
        "/participant/id",
        "a UUID, such as",
        '"7"',
    ),
    "house number": (mass_id(address=ADDRESS | {"number": 250}), "/address/number", 'such as "250"', "250"),
    "latitude": (
        mass_id(address=ADDRESS | {"latitude": 90.5}),
        "/address/latitude",
        "from -90 to 90",
        "90.5",
    ),
    "longitude": (
        mass_id(address=ADDRESS | {"longitude": -181}),
        "/address/longitude",
        "from -180 to 180",
        "-181",
    ),
    "key is too long": (
        mass_id(deduplicationId="k" * 256),
        "/deduplicationId",
        "1 to 255 characters",
        '"kkkk',
    ),
    "name is a list": (event(["Pick-up"]), "/name", "a string", '["Pick-up"]'),  # type: ignore[arg-type]
    "event's value": (event(value=True), "/value", "a number of 0 or more", "true"),
    "label is empty": (event(label=""), "/label", "a length of at least 1", '""'),
    "metadata is a list": (event(metadata=[]), "/metadata", "an object", "[]"),
    "attributes are a map": (event(metadata={"attributes": {}}), "/metadata/attributes", "an array", "{}"),
    "attribute is a string": (attributes("Tare"), "/metadata/attributes/0", "an object", '"Tare"'),
    "format": (
        attributes(attribute("Tare", 1), attribute("Tare", 2, format="KG")),
        "/metadata/attributes/1/format",
        '"KILOGRAM", "LITER", "CUBIC_METER" or "DATE"',
        '"KG"',
    ),
    "attribute's flag": (
        attributes(attribute("Tare", 1, isPublic=0)),
        "/metadata/attributes/0/isPublic",
        "true or false",
        "0",
    ),
    "effect": (
        actor(GRANT | {"effect": "MAYBE"}),
        f"/permissions/{B}/0/effect",
        '"ALLOW" or "DENY"',
        '"MAYBE"',
    ),
    "action": (
        actor(GRANT, GRANT | {"actions": ["READ", "SHARE"]}),
        f"/permissions/{B}/1/actions/1",
        '"READ" or "WRITE"',
        '"SHARE"',
    ),
    "no action": (actor(GRANT | {"actions": []}), f"/permissions/{B}/0/actions", "items of at least 1", "[]"),
    "permissions are a word": (
        event("ACTOR", permissions="all"),
        "/permissions",
        "a map from participant ids",
        '"all"',
    ),
    "a participant who is no UUID": (
        event("ACTOR", permissions={"bob": []}),
        "/permissions",
        "a UUID, as the key",
        '{"bob":[]}',
    ),
    "update of a title": (
        event("UPDATE", updates={"title": "x"}),
        "/updates",
        '"isPublic", "isPubliclySearchable" or both',
        '{"title":"x"}',
    ),
    "relation by number": (
        event("LINK", relatedDocument={"documentId": 5}),
        "/relatedDocument/documentId",
        "a string",
        "5",
    ),
}
# What is missing, or too much, stands at the object that lacks or has it.
INCOMPLETE: dict[str, tuple[Any, str, str]] = {
    "no category": (mass_id(category=...), "The body", '"category", which is missing'),
    "no participant": (mass_id(participant=...), "The body", 'one of "participant" and "participantId"'),
    "no address": (mass_id(address=...), "The body", 'one of "address" and "addressId"'),
    "two participants": (event(participant=PARTICIPANT, participantId=B), "The body", "not both"),
    "no city": (
        mass_id(address={name: value for name, value in ADDRESS.items() if name != "city"}),
        "/address",
        '"city", which is missing',
    ),
    "no name": ({"externalCreatedAt": at(9), "isPublic": True}, "The body", '"name", which is missing'),
    "attribute without a name": (
        attributes({"value": 1}),
        "/metadata/attributes/0",
        '"name", which is missing',
    ),
    "attachment without a file": (event(attachments=[{"label": "a"}]), "/attachments/0", '"attachmentId"'),
    "attachment with two": (
        event(attachments=[{"label": "a", "fileName": "b", "attachmentId": "c"}]),
        "/attachments/0",
        "not both",
    ),
    "statement without an effect": (actor({"actions": ["READ"]}), f"/permissions/{B}/0", '"effect"'),
    "condition without names": (
        actor(GRANT | {"condition": {"$in": {}}}),
        f"/permissions/{B}/0/condition/$in",
        '"eventNames"',
    ),
    "relation without a document": (event("RELATED"), "The body", '"relatedDocument"'),
    "reference without an id": (event("LINK", relatedDocument={}), "/relatedDocument", '"documentId"'),
    "SPLIT without a value": (event("SPLIT", relatedDocument={"documentId": B}), "The body", '"value"'),
    "UPDATE without updates": (event("UPDATE"), "The body", '"updates"'),
}


def send(world: World, body: Any) -> httpx.Response:
    if "isPubliclySearchable" in body:
        return world.a.post("/documents", json=body)
    return world.a.post(f"/documents/{world.document()}/events", json=body)


@pytest.mark.parametrize(("body", "pointer", "expected", "came"), BAD.values(), ids=BAD)
def test_a_bad_value_is_told_where_it_is_what_it_should_be_and_what_it_is(
    world: World, body: Any, pointer: str, expected: str, came: str
) -> None:
    answer = send(world, body)
    status, code, message = error_of(answer)
    assert (status, code, len(answer.json()["errors"])) == (400, "validationError", 1)
    assert re.match(re.escape(pointer) + r":? ", message)
    assert expected in message
    assert re.search(rf"[Gg]ot {re.escape(came)}", message)
    assert message.endswith(".")


@pytest.mark.parametrize(("body", "place", "told"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_what_is_missing_or_too_much_is_named(world: World, body: Any, place: str, told: str) -> None:
    answer = send(world, body)
    status, code, message = error_of(answer)
    assert (status, code, len(answer.json()["errors"])) == (400, "validationError", 1)
    assert re.match(re.escape(place) + r":? ", message)
    assert told in message
    assert message.endswith(".")


EVENTS = {name: row[:2] for name, row in BAD.items() if "category" not in row[0]}


@pytest.mark.parametrize(("body", "pointer"), EVENTS.values(), ids=EVENTS)
def test_in_a_batch_the_pointer_starts_at_the_item(world: World, body: Any, pointer: str) -> None:
    items = {"documentId": world.document(), "events": [event(), body]}
    message = error_of(world.a.post("/documents/events", json=items))[2]
    assert re.match(re.escape(f"/events/1{pointer}") + r":? ", message)


def test_there_is_one_entry_for_each_violation(world: World) -> None:
    body = mass_id(
        category=...,
        type=...,
        isPublic=1,
        value=-1,
        participant={"name": "x"},
        address=ADDRESS | {"number": 1, "latitude": 100},
        externalCreatedAt="today",
    )
    errors = send(world, body).json()["errors"]
    assert sorted(each["message"].split(" must")[0].split(":")[0] for each in errors) == [
        "/address/latitude",
        "/address/number",
        "/externalCreatedAt",
        "/isPublic",
        *["/participant"] * 4,
        "/value",
        "The body",
        "The body",
    ]
    assert len({each["id"] for each in errors}) == len(errors)
    assert len({each["message"] for each in errors}) == len(errors)
    assert {each["code"] for each in errors} == {"validationError"}
    assert {each["timestamp"] for each in errors} == {"1772366400"}


@pytest.mark.parametrize("body", ["[]", '"x"', "1", "null", "true"])
@pytest.mark.parametrize("path", ["/documents", "/documents/events", "/documents/{id}/events"])
def test_a_body_that_is_no_object_is_told_so_once(world: World, path: str, body: str) -> None:
    answer = world.a.post(path.replace("{id}", world.document()), content=body)
    status, code, message = error_of(answer)
    assert (status, code, len(answer.json()["errors"])) == (400, "validationError", 1)
    assert message == f"The body must be an object; got {body}."


def test_a_long_value_is_cut(world: World) -> None:
    message = error_of(send(world, event(label="é" * 5000)))[2]
    assert len(message) < 250
    assert "…" in message


def test_a_missing_body_is_not_json(world: World) -> None:
    status, code, message = error_of(world.a.post("/documents"))
    assert (status, code) == (400, "invalidJson")
    assert "empty" in message


def test_broken_json_is_told_where_it_breaks(world: World) -> None:
    status, code, message = error_of(world.a.post("/documents", content=b'{"a": 1,\n "b": }'))
    assert (status, code) == (400, "invalidJson")
    assert "line 2, column 7" in message


def test_the_journal_says_what_was_refused(world: World) -> None:
    send(world, event(value=-1))
    entry = world.journal()[-1]
    assert {"validation-error"} <= set(entry["behaviours"])
    assert entry["response"]["body"]["errors"][0]["message"].startswith("/value")
    assert (entry["phase"], entry["committed"]) == ("responding", False)
