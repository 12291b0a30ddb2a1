"""Every value of every switch has a test, and the journal says which switches and rows decided a request."""

import ast
import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import World
from payloads import at, event, mass_id

import mock_server
from mock_server import errors
from mock_server.behaviours import BEHAVIOURS, SWITCHES, SwitchError

TESTS = Path(__file__).parent
SOURCE = Path(mock_server.__file__).parent
PDF = {"content-type": "application/pdf"}

# Every value has a test ---------------------------------------------------------------------------------


def marks() -> Iterator[tuple[str, str, str]]:
    """File, switch and value of each `pytest.mark.switch(…)` in the tests, read and not run."""
    for file in sorted(TESTS.glob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "switch"
                and ast.unparse(node.func.value).endswith("mark")
                and all(isinstance(each, ast.Constant) for each in node.args)
            ):
                name, value = (str(each.value) for each in node.args if isinstance(each, ast.Constant))
                yield file.name, name, value


def test_every_value_of_every_switch_has_a_test() -> None:
    tested: dict[str, set[str]] = {name: set() for name in SWITCHES}
    for _, name, value in marks():
        if name in SWITCHES:
            values = SWITCHES[name].values
            tested[name].add(value if value in values else "seconds")
    assert tested == {name: set(switch.values) for name, switch in SWITCHES.items()}


def test_every_mark_names_a_switch_and_a_value_that_there_are() -> None:
    wrong = []
    for file, name, value in marks():
        try:
            if value != "seconds" and name != "rate-limit":
                SWITCHES[name].parse(value)
        except (KeyError, SwitchError):
            wrong.append((file, name, value))
    assert wrong == []


# What the code reports is in the table ----------------------------------------------------------------

# How many arguments of a call come before the ids of behaviours.
CALLS = {each.__name__: 1 for each in vars(errors).values() if isinstance(each, type)} | {
    "TokenError": 2,
    "refuse": 2,
    "_missing": 1,
    "kind": 1,
    "MethodNotAllowed": 3,
}


def strings(node: ast.AST) -> Iterator[str]:
    """The texts among the values of an expression; the keys of a mapping are none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Dict):
        for value in node.values:
            yield from strings(value)
    elif isinstance(node, ast.Tuple | ast.List):
        for element in node.elts:
            yield from strings(element)
    elif isinstance(node, ast.Starred):
        yield from strings(node.value)
    elif isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)


def is_behaviours(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "behaviours"


def reported(tree: ast.Module) -> Iterator[str]:
    """The texts that a module reports as ids of behaviours."""
    constants = {
        target.id: list(strings(node.value))
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }

    def expanded(node: ast.AST) -> Iterator[str]:
        yield from strings(node)
        for name in ast.walk(node):
            if isinstance(name, ast.Name):
                yield from constants.get(name.id, ())

    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign) and is_behaviours(node.target):
            yield from expanded(node.value)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "append" and is_behaviours(getattr(node.func, "value", node)):
                yield from strings(node.args[0])
            for argument in node.args[CALLS[name] :] if name in CALLS else ():
                yield from strings(argument)


def inferred() -> Iterator[str]:
    """The ids that are read off an entry when it is shown."""
    tree = ast.parse((SOURCE / "inferred.py").read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield | ast.YieldFrom) and node.value is not None:
            yield from strings(node.value)


def test_every_id_that_the_code_reports_is_a_row_of_the_table() -> None:
    used = set(inferred())
    for file in SOURCE.rglob("*.py"):
        used |= set(reported(ast.parse(file.read_text("utf-8"))))
    assert len(used) > 100
    assert used - set(BEHAVIOURS) == set()


# Each switch is in the journal of what it decided -------------------------------------------------------


def declared(world: World) -> tuple[str, str]:
    """A document with a declared file of three bytes, and the URL to upload them to."""
    document_id = world.document()
    answer = world.a.put(
        f"/documents/{document_id}/attachments/mtr.pdf",
        json={"contentLength": 3, "contentType": "application/pdf"},
    )
    return document_id, str(answer.json()["url"])


def token_errors(world: World) -> None:
    form = {"grant_type": "client_credentials"}
    world.anyone.post("/oauth2/token", data=form, auth=("carrot-test-client", "wrong"))


def token_format(world: World) -> None:
    world.token()


def cross_environment(world: World) -> None:
    world.prod.post(f"/documents/{world.document()}/events", json=event())


def edge_errors(world: World) -> None:
    world.anyone.post("/documents", json=mass_id())


def unknown_properties(world: World) -> None:
    world.a.post("/documents", json=mass_id(colour="green"))


def conventions(world: World) -> None:
    world.a.post("/documents", json=mass_id(category="Mass"))


def get_shape(world: World) -> None:
    world.read(world.document())


def public_read(world: World) -> None:
    world.b.get(f"/documents/{world.document(isPublic=True)}")


def event_parties(world: World) -> None:
    world.append(world.document())


def ordering(world: World) -> None:
    world.append(world.document(), externalCreatedAt=at(7))


def future_timestamps(world: World) -> None:
    world.append(world.document(), externalCreatedAt="2026-03-01T12:05:00.001Z")


def batch_atomicity(world: World) -> None:
    items = [event(), event("SPLIT", value=1, relatedDocument={"documentId": world.document()})]
    world.a.post("/documents/events", json={"documentId": world.document(), "events": items})


def dedup_changed_body(world: World) -> None:
    world.document(deduplicationId="k")
    world.a.post("/documents", json=mass_id(deduplicationId="k", value=1))


def dedup_in_flight(world: World) -> None:
    """Two requests with one key, the second while the first is about to be committed."""
    headers = {"authorization": f"Bearer {world.token()}"}
    body = mass_id(deduplicationId="k")

    async def run() -> None:
        transport = httpx.ASGITransport(world.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://carrot.test", headers=headers
        ) as client:
            second: list[asyncio.Task[httpx.Response]] = []

            async def hook(phase: str, entry: Any) -> None:
                if phase == "before_commit" and not second:
                    second.append(asyncio.create_task(client.post("/documents", json=body)))
                    while not any(each["verdict"] == "in-flight" for each in seen()):
                        await asyncio.sleep(0)

            def seen() -> list[dict[str, Any]]:
                entries = [entry.as_json(place) for entry, place in world.workspace.journal.placed()]
                return [verdict for entry in entries for verdict in entry["deduplication"]]

            world.pipeline.hook = hook
            assert (await client.post("/documents", json=body)).status_code == 201
            await second[0]

    asyncio.run(run())


def dedup_scope(world: World) -> None:
    document_id = world.document(deduplicationId="k")
    world.append(document_id, deduplicationId="k")


def dedup_errors(world: World) -> None:
    world.append("00000000-0000-4000-8000-000000000000", deduplicationId="k")


def dedup_lifetime(world: World) -> None:
    world.document(deduplicationId="k")
    world.clock.advance(60)
    world.document(deduplicationId="k")


def pending_window(world: World) -> None:
    world.append(world.document())


def pending_reads(world: World) -> None:
    world.semantics(pending_window=5)
    world.a.get(f"/documents/{world.document()}")


def presign_lifetime(world: World) -> None:
    _, url = declared(world)
    world.clock.advance(901)
    world.anyone.put(url, content=b"pdf", headers=PDF)


def presign_signed_headers(world: World) -> None:
    _, url = declared(world)
    world.anyone.put(url, content=b"pdf", headers={"content-type": "text/plain"})


DECIDED: dict[str, Callable[[World], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (
        token_errors,
        token_format,
        cross_environment,
        edge_errors,
        unknown_properties,
        conventions,
        get_shape,
        public_read,
        event_parties,
        ordering,
        future_timestamps,
        batch_atomicity,
        dedup_changed_body,
        dedup_in_flight,
        dedup_scope,
        dedup_errors,
        dedup_lifetime,
        pending_window,
        pending_reads,
        presign_lifetime,
        presign_signed_headers,
    )
}
VALUES = {"pending-window": ["5"], "dedup-lifetime": ["forever", "60"], "presign-lifetime": ["900", "60"]}
# In the default world a key of another operation is a changed body; the statuses show that values matter.
STATUSES = {
    ("token-errors", "cognito"): 400,
    ("token-errors", "rfc6749"): 401,
    ("cross-environment", "hidden"): 404,
    ("unknown-properties", "reject"): 400,
    ("conventions", "enforce"): 400,
    ("conventions", "off"): 201,
    ("public-read", "shared"): 404,
    ("public-read", "anyone"): 200,
    ("event-parties", "required"): 400,
    ("ordering", "reject"): 400,
    ("ordering", "off"): 201,
    ("future-timestamps", "reject"): 400,
    ("future-timestamps", "off"): 201,
    ("batch-atomicity", "all"): 400,
    ("batch-atomicity", "each"): 201,
    ("dedup-changed-body", "replay"): 201,
    ("dedup-changed-body", "reject"): 400,
    ("dedup-in-flight", "pending"): 409,
    ("dedup-in-flight", "wait"): 201,
    ("dedup-scope", "integrator"): 409,
    ("dedup-scope", "operation"): 201,
    ("pending-window", "5"): 409,
    ("pending-reads", "on"): 409,
    ("pending-reads", "off"): 200,
    ("presign-lifetime", "900"): 403,
    ("presign-signed-headers", "strict"): 403,
    ("presign-signed-headers", "length-only"): 200,
}


@pytest.mark.parametrize(
    ("switch", "value"),
    [(name, value) for name in SWITCHES for value in VALUES.get(name, SWITCHES[name].values)],
)
def test_a_switch_that_decided_a_request_is_in_its_entry(world: World, switch: str, value: str) -> None:
    world.semantics(**{switch: value})
    DECIDED[switch](world)
    entry = world.journal()[-1]
    assert switch in entry["behaviours"]
    assert entry["status"] == STATUSES.get((switch, value), entry["status"])
    assert set(entry["behaviours"]) <= set(BEHAVIOURS)


def test_what_a_rate_limit_refuses_names_it(world: World) -> None:
    world.workspace.rate_limit = 1
    assert [world.a.post("/documents", json=mass_id()).status_code for _ in range(2)] == [201, 429]
    first, second = world.journal()[-2:]
    assert "rate-limit" not in first["behaviours"]
    assert {"rate-limit", "too-many-requests", "edge-errors"} <= set(second["behaviours"])


def test_a_request_that_no_switch_concerns_names_none(world: World) -> None:
    party = mass_id()
    document_id = world.document(deduplicationId="k")
    whole = {"participant": party["participant"], "address": party["address"]}
    world.append(document_id, deduplicationId="l", **whole)
    world.read(document_id)
    named = [SWITCHES.keys() & entry["behaviours"] for entry in world.journal()]
    assert named == [{"token-format"}, set(), set(), {"get-shape"}]


# The other assumptions ----------------------------------------------------------------------------------


def relation(world: World, name: str, status: str = "OPEN", **more: Any) -> None:
    target = world.document()
    if status != "OPEN":
        world.append(target, {"CLOSED": "CLOSE", "CANCELLED": "CANCEL"}[status])
    world.append(world.document(value=5), name, relatedDocument={"documentId": target}, **more)


def batch(world: World, *items: dict[str, Any], **more: Any) -> None:
    world.a.post("/documents/events", json={"documentId": world.document(), "events": items, **more})


def acting(world: World, permissions: Any, **more: Any) -> str:
    document_id = world.document()
    world.append(document_id, "ACTOR", permissions=permissions, **more)
    return document_id


def as_partner(world: World, condition: dict[str, Any] | None) -> str:
    """A document that the partner may read and write, under a condition or not."""
    partner = world.b.post("/documents", json=mass_id()).json()["id"]
    author = world.b.get(f"/documents/{partner}").json()["author"]["participantId"]
    statement: dict[str, Any] = {"effect": "ALLOW", "actions": ["READ", "WRITE"]}
    if condition is not None:
        statement["condition"] = condition
    return acting(world, {author: [statement]})


ONLY_WEIGHING = {"$in": {"eventNames": ["Weighing"]}}
SOMEONE = "11111111-1111-4111-8111-111111111111"


def uploaded(world: World, **headers: str) -> tuple[str, str]:
    document_id, url = declared(world)
    world.anyone.put(url, content=b"pdf", headers={**PDF, **headers})
    return document_id, url


def post_raw(world: World, content: bytes, **headers: str) -> None:
    world.a.post("/documents", content=content, headers=headers)


def token(world: World, **data: str) -> None:
    auth = ("carrot-test-client", "carrot-test-secret")
    world.anyone.post("/oauth2/token", data={"grant_type": "client_credentials", **data}, auth=auth)


def limited(world: World) -> None:
    document_id = world.document()
    for _ in range(101):
        world.append(document_id)


def relate_as_reader(world: World) -> None:
    """The partner relates a document of its own to one that it may only read."""
    own = world.b.post("/documents", json=mass_id()).json()["id"]
    partner = world.b.get(f"/documents/{own}").json()["author"]["participantId"]
    target = acting(world, {partner: [{"effect": "ALLOW", "actions": ["READ"]}]})
    world.b.post(f"/documents/{own}/events", json=event("LINK", relatedDocument={"documentId": target}))


def ended(world: World, name: str, then: Callable[[World, str], object]) -> None:
    document_id = world.document()
    world.append(document_id, name)
    then(world, document_id)


def redeclare(world: World, document_id: str) -> None:
    world.a.put(
        f"/documents/{document_id}/attachments/mtr.pdf",
        json={"contentLength": 4, "contentType": "application/pdf"},
    )


def chosen(world: World, *tax_ids: str) -> None:
    for tax_id in tax_ids:
        body = mass_id()
        body["participant"] |= {"id": SOMEONE, "taxId": tax_id}
        world.a.post("/documents", json=body)


LOST = "00000000-0000-4000-8000-000000000000"
SITUATIONS: list[tuple[str, Callable[[World], object]]] = [
    ("path-prefix", lambda w: w.a.post("/v1/documents", json=mass_id())),
    ("token-default-scope", token),
    ("token-invalid-scope", lambda w: token(w, scope="other")),
    ("token-unsupported-grant", lambda w: token(w, grant_type="password")),
    ("token-invalid-request", lambda w: token(w, client_secret="twice")),
    ("token-form-only", lambda w: w.anyone.post("/oauth2/token", json={})),
    ("token-post-only", lambda w: w.anyone.get("/oauth2/token")),
    ("bearer-challenge", lambda w: w.anyone.get(f"/documents/{LOST}")),
    ("content-type", lambda w: post_raw(w, b"{}", **{"content-type": "text/plain"})),
    ("unusable-json", lambda w: post_raw(w, b"[" * 5000)),
    ("nul-in-strings", lambda w: w.a.post("/documents", json=mass_id(title="a\0b"))),
    ("duplicate-json-keys", lambda w: post_raw(w, b'{"type": 1, "type": 2}')),
    ("event-limit", limited),
    ("event-limit-counts", limited),
    ("file-limit", lambda w: w.a.put(
        f"/documents/{w.document()}/attachments/a", json={"contentLength": 10485761, "contentType": "a/b"})),
    ("measurement-unit-optional", lambda w: w.document(measurementUnit=...)),
    ("sample-vocabulary", lambda w: w.document(category="DOCUMENT", type="ORGANIC")),
    ("identity-alias", lambda w: w.append(
        w.document(), participant={**mass_id()["participant"], "id": SOMEONE})),
    ("inline-address-owner", lambda w: w.append(w.document(), address=mass_id()["address"])),
    ("party-identity", lambda w: w.document()),
    ("party-chosen-id", lambda w: chosen(w, "99000004000137")),
    ("party-chosen-id", lambda w: chosen(w, "99000004000137", "99000003000192")),
    ("party-reference", lambda w: w.append(w.document(), participantId=LOST)),
    ("party-unknown", lambda w: w.append(w.document(), participantId=LOST)),
    ("read-address", lambda w: w.read(w.document())),
    ("permissions-list", lambda w: w.read(acting(w, None or {}, label="Hauler"))),
    ("date-time-normal-form", lambda w: w.document(externalCreatedAt="2026-02-01T08:00:00-03:00")),
    ("event-id", lambda w: w.read(w.document())),
    ("attribute-visibility", lambda w: w.append(
        w.document(), metadata={"attributes": [{"name": "Note", "value": 1}]})),
    ("attribute-sensitive", lambda w: w.append(
        w.document(), metadata={"attributes": [{"name": "Note", "isPublic": True, "sensible": True}]})),
    ("actor-newest-appended", lambda w: acting(w, {})),
    ("actor-empty-entry", lambda w: acting(w, {SOMEONE: []})),
    ("actor-role-only", lambda w: w.append(w.document(), "ACTOR", label="Hauler")),
    ("deny-beats-allow", lambda w: acting(w, {SOMEONE: [{"effect": "DENY", "actions": ["READ"]}]})),
    ("permission-evaluation", lambda w: as_partner(w, ONLY_WEIGHING)),
    ("conditional-read", lambda w: w.b.get(f"/documents/{as_partner(w, ONLY_WEIGHING)}")),
    ("conditional-write", lambda w: w.b.post(
        f"/documents/{as_partner(w, ONLY_WEIGHING)}/events", json=event())),
    ("attachment-rights", lambda w: redeclare_as_partner(w)),
    ("integrator-participant", lambda w: w.b.get(f"/documents/{as_partner(w, None)}")),
    ("permission-ids", lambda w: acting(w, {SOMEONE: []})),
    ("closed-allows-relations", lambda w: ended(w, "CLOSE", lambda w, d: w.append(
        d, "RELATED", relatedDocument={"documentId": w.document()}))),
    ("closed-allows-relations", lambda w: ended(w, "CLOSE", lambda w, d: w.append(d))),
    ("cancel-open-or-closed", lambda w: w.append(w.document(), "CANCEL")),
    ("cancelled-conflict", lambda w: ended(w, "CANCEL", lambda w, d: w.append(d))),
    ("relation-mirrored", lambda w: relation(w, "RELATED")),
    ("mirror-shape", lambda w: relation(w, "LINK")),
    ("mirror-atomic", lambda w: relation(w, "LINK")),
    ("relation-filled", lambda w: relation(w, "OUTPUT")),
    ("output-target", lambda w: relation(w, "OUTPUT")),
    ("split-target", lambda w: relation(w, "SPLIT", value=1)),
    ("split-reduces-value", lambda w: relation(w, "SPLIT", value=9)),
    ("relation-target-state", lambda w: relation(w, "RELATED", "CLOSED")),
    ("relation-target-state", lambda w: relation(w, "RELATED", "CANCELLED")),
    ("relation-target-exists", lambda w: w.append(
        w.document(), "RELATED", relatedDocument={"documentId": LOST})),
    ("relation-read-only", relate_as_reader),
    ("relation-not-itself", lambda w: (lambda d: w.append(
        d, "RELATED", relatedDocument={"documentId": d}))(w.document())),
    ("update-fields", lambda w: w.append(w.document(), "UPDATE", updates={"title": "x"})),
    ("value-becomes-current", lambda w: w.append(w.document(), value=3)),
    ("system-actor", lambda w: w.document()),
    ("event-attachment-declared", lambda w: w.append(
        w.document(), attachments=[{"fileName": "x", "label": "MTR"}])),
    ("event-attachments", lambda w: w.append(
        uploaded(w)[0], attachments=[{"fileName": "mtr.pdf", "label": "MTR"}])),
    ("ordering-equal", lambda w: w.append(w.document(), externalCreatedAt=at(8))),
    ("ordering-in-batch", lambda w: batch(w, event(), event(externalCreatedAt=at(8, 30)))),
    ("batch-target", lambda w: batch(w, event())),
    ("batch-one-target", lambda w: w.a.post("/documents/events", json={"events": [event()]})),
    ("batch-answer-order", lambda w: batch(w, event())),
    ("batch-key-on-items", lambda w: batch(w, event(), deduplicationId="k")),
    ("dedup-body-equality", lambda w: [w.document(deduplicationId="k") for _ in range(2)]),
    ("dedup-before-state", lambda w: [w.document(deduplicationId="k") for _ in range(2)]),
    ("dedup-byte-identical", lambda w: [w.document(deduplicationId="k") for _ in range(2)]),
    ("dedup-answer-shape", lambda w: [w.document(deduplicationId="k") for _ in range(2)]),
    ("dedup-other-operation", dedup_scope),
    ("dedup-batch-items", lambda w: batch(w, event(deduplicationId="k"))),
    ("dedup-twice-in-batch", lambda w: batch(w, *[event(deduplicationId="k")] * 2)),
    ("dedup-in-flight-span", dedup_in_flight),
    ("attachment-parameters", declared),
    ("attachment-answer", declared),
    ("download-before-upload", lambda w: w.a.get(f"/documents/{declared(w)[0]}/attachments/mtr.pdf")),
    ("upload-again", lambda w: w.anyone.put(uploaded(w)[1], content=b"PDF", headers=PDF)),
    ("declare-when-ended", lambda w: ended(w, "CLOSE", redeclare)),
    ("declare-again", lambda w: redeclare(w, declared(w)[0])),
    ("declared-is-listed", lambda w: w.read(declared(w)[0])),
    ("filename-rules", lambda w: w.a.put(f"/documents/{LOST}/attachments/a%2fb", json={})),
    ("s3-errors", lambda w: w.anyone.get("/_storage/x")),
    ("s3-expired", presign_lifetime),
    ("s3-signature", presign_signed_headers),
    ("s3-content-length", lambda w: w.anyone.put(declared(w)[1], content=b"four", headers=PDF)),
    ("s3-bearer", lambda w: uploaded(w, authorization="Bearer x")),
    ("s3-etag", uploaded),
    ("s3-download", lambda w: w.anyone.get(
        w.a.get(f"/documents/{uploaded(w)[0]}/attachments/mtr.pdf").json()["url"])),
    ("sensitive-shown", lambda w: w.read(sensitive(w))),
]  # fmt: skip


def redeclare_as_partner(world: World) -> None:
    world.b.put(
        f"/documents/{as_partner(world, ONLY_WEIGHING)}/attachments/mtr.pdf",
        json={"contentLength": 4, "contentType": "application/pdf"},
    )


def sensitive(world: World) -> str:
    document_id = world.document()
    plate = {"name": "Vehicle License Plate", "value": "ZZZ0A00", "isPublic": True, "sensitive": True}
    world.append(document_id, metadata={"attributes": [plate]})
    return document_id


@pytest.mark.parametrize(
    ("behaviour", "act"), SITUATIONS, ids=[f"{index}-{name}" for index, (name, _) in enumerate(SITUATIONS)]
)
def test_an_assumption_that_a_request_rested_on_is_in_its_entry(
    world: World, behaviour: str, act: Callable[[World], object]
) -> None:
    act(world)
    entry = world.journal()[-1]
    assert behaviour in entry["behaviours"], entry["behaviours"]
    assert set(entry["behaviours"]) <= set(BEHAVIOURS)


# What leaves no trace in a request, or is told by no single one.
UNTOLD = {
    "token-unauthorized-client": "every client may use the one grant that there is",
    "environment-own-world": "it is why nothing is found, which cannot be told from nothing being there",
    "identity-ignores-contact": "names are not compared where a party is known",
    "creator-replaceable": "it is told as actor-newest-appended",
    "date-time-offset": "it is one violation of the schema among others",
    "methodology-not-applied": "it is about what does not happen",
}
SHOWN_ELSEWHERE = {
    "s3-length-required",
    "s3-short-body",
    "rate-limit-buckets",
    "rate-limit-counts",
    "rate-limit-no-retry-after",
    "token-body-credentials",
    "token-basic-encoding",
    "body-limit",
    "storage-survives-close",
}


def test_every_assumption_is_told_or_it_is_said_why_not() -> None:
    wanted = {row.id for row in BEHAVIOURS.values() if row.grade == "A" and not row.benign}
    told = {name for name, _ in SITUATIONS} | set(DECIDED) | {"rate-limit"} | SHOWN_ELSEWHERE
    assert wanted - told == set(UNTOLD)


def test_the_table_of_situations_has_every_switch() -> None:
    assert list(DECIDED) == list(SWITCHES)
