"""The limits: requests a second, events a document, bytes a file and bytes a body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from conftest import World, created, error_of
from payloads import event, mass_id

from mock_server.limits import parse_rate_limit

if TYPE_CHECKING:
    from collections.abc import Callable

FILE = {"contentLength": 3, "contentType": "text/plain"}
SOME = "00000000-0000-4000-8000-000000000000"
MiB = 1024 * 1024


def passed(client: httpx.Client, tries: int = 15) -> int:
    """How many of some requests sent at one moment are not refused by the rate limit."""
    return sum(client.get(f"/documents/{SOME}").status_code != 429 for _ in range(tries))


# Requests a second ------------------------------------------------------------------------------------


def test_a_429_has_exactly_the_documented_body_and_no_retry_after(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit="documented")
    assert passed(world.a, 5) == 5
    answer = world.a.post("/documents", json=mass_id())
    assert answer.status_code == 429
    assert answer.json() == {"message": "Too Many Requests"}
    assert answer.headers["content-type"] == "application/json"
    assert "retry-after" not in answer.headers
    assert not [name for name in answer.headers if "ratelimit" in name.lower()]
    assert {"too-many-requests", "rate-limit"} <= set(world.journal()[-1]["behaviours"])
    assert world.ledger() == []


@pytest.mark.parametrize(
    ("limit", "test", "production"),
    [("documented", 5, 10), (3, 3, 3), (1, 1, 1), (0.5, 1, 1), (2.5, 2, 2), ("off", 15, 15)],
)
def test_a_bucket_holds_a_second_of_requests(
    make_world: Callable[..., World], limit: Any, test: int, production: int
) -> None:
    world = make_world(rate_limit=limit)
    assert (passed(world.a), passed(world.prod)) == (test, production)


@pytest.mark.parametrize(
    ("limit", "seconds", "passes"),
    [
        ("documented", 0.2, 1),
        ("documented", 0.19, 0),
        ("documented", 0.5, 2),
        ("documented", 1, 5),
        ("documented", 3599, 5),
        (0.5, 1, 0),
        (0.5, 2, 1),
        (2.5, 0.4, 1),
    ],
)
def test_a_bucket_fills_at_its_rate_on_the_clock(
    make_world: Callable[..., World], limit: Any, seconds: float, passes: int
) -> None:
    world = make_world(rate_limit=limit)
    passed(world.a)
    world.clock.advance(seconds)
    assert passed(world.a) == passes


def test_five_a_second_can_go_on_for_ever(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit="documented")
    passed(world.a)
    for _ in range(100):
        world.clock.advance(0.2)
        assert passed(world.a, 2) == 1


def test_each_integrator_and_environment_has_a_bucket(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit="documented")
    assert [passed(client) for client in (world.a, world.b, world.prod)] == [5, 5, 10]


def test_all_credentials_and_tokens_of_an_integrator_share_its_bucket(
    make_world: Callable[..., World],
) -> None:
    world = make_world(rate_limit="documented")
    assert passed(world.client("test"), 2) == 2
    assert passed(world.client("test"), 2) == 2
    odd = world.anyone.post(
        "/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=("carrot-odd-client", "carrot+odd/secret=with:100%"),
    )
    headers = {"Authorization": f"Bearer {odd.json()['access_token']}"}
    assert world.anyone.get(f"/documents/{SOME}", headers=headers).status_code == 404
    assert world.anyone.get(f"/documents/{SOME}", headers=headers).status_code == 429


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", f"/documents/{SOME}", {}),
        ("HEAD", f"/documents/{SOME}", {}),
        ("POST", "/documents", {"json": mass_id()}),
        ("POST", "/v1/documents", {"json": mass_id()}),
        ("POST", "/documents", {"json": {}}),
        ("POST", "/documents", {"content": b"{"}),
        ("POST", "/documents", {"content": b"x", "headers": {"Content-Type": "text/plain"}}),
        ("POST", "/documents", {"content": b" " * (6 * MiB + 1)}),
        ("POST", f"/documents/{SOME}/events", {"json": event()}),
        ("POST", "/documents/events", {"json": {"events": [event()]}}),
        ("PUT", f"/documents/{SOME}/attachments/a.txt", {"json": FILE}),
        ("GET", f"/documents/{SOME}/attachments/a.txt", {}),
    ],
)
def test_every_call_with_a_good_token_counts_whatever_its_answer(
    make_world: Callable[..., World], method: str, path: str, more: Any
) -> None:
    world = make_world(rate_limit=1)
    assert world.a.request(method, path, **more).status_code != 429
    assert world.a.get(f"/documents/{SOME}").status_code == 429


def test_token_and_storage_calls_and_calls_without_a_good_token_do_not_count(
    make_world: Callable[..., World],
) -> None:
    world = make_world(rate_limit=3)
    document_id = created(world.a.post("/documents", json=mass_id()))
    here = f"/documents/{document_id}/attachments/a.txt"
    upload = world.a.put(here, json=FILE).json()["url"]
    for _ in range(5):
        world.token()
        world.anyone.put(upload, content=b"abc", headers={"Content-Type": "text/plain"})
        world.anyone.get(f"/documents/{SOME}", headers={"Authorization": "Bearer nonsense"})
        world.anyone.get(f"/documents/{SOME}")
        world.control.get("documents")
    assert passed(world.a) == 1


def test_an_expired_token_does_not_count(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit=1)
    old = world.client("test")
    world.clock.advance(3600)
    assert {old.get(f"/documents/{SOME}").status_code for _ in range(3)} == {401}
    assert passed(world.client("test")) == 1


def test_a_refused_request_leaves_its_key_free(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit=1)
    passed(world.a, 1)
    body = mass_id(deduplicationId="k")
    assert world.a.post("/documents", json=body).status_code == 429
    world.clock.advance(1)
    assert world.a.post("/documents", json=body).status_code == 201
    assert world.journal()[-1]["deduplication"] == [{"key": "k", "verdict": "fresh"}]


def test_each_workspace_has_a_limit_and_buckets_of_its_own(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit="documented")
    assert passed(world.a) == 5
    made = {
        limit: world.anyone.post(
            "/_mock/workspaces", json={} if limit is None else {"rateLimit": limit}
        ).json()
        for limit in (None, "off", 2)
    }
    assert [each["rateLimit"] for each in made.values()] == ["documented", "off", 2]
    for limit, expected in ((None, 5), ("off", 15), (2, 2)):
        credential = made[limit]["credentials"][0]
        answer = world.anyone.post(
            "/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(credential["clientId"], credential["clientSecret"]),
        )
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        client = httpx.Client(transport=world.transport, base_url="http://carrot.test", headers=headers)
        assert passed(client) == expected


def test_a_reset_fills_the_buckets(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit="documented")
    passed(world.a)
    assert world.control.post("reset").status_code in (200, 204)
    assert passed(world.a) == 5


def test_a_clock_set_back_neither_fills_nor_empties_a_bucket(make_world: Callable[..., World]) -> None:
    world = make_world(rate_limit="documented")
    passed(world.a, 3)
    world.clock.set(world.clock.time() - 600)
    assert passed(world.a) == 2


@pytest.mark.parametrize("value", ["documented", "off", 5, 2.5, "5", "2.5", "5.0"])
def test_a_rate_is_a_name_or_a_number(value: object) -> None:
    assert parse_rate_limit(value) == (value if value in ("documented", "off") else float(str(value)))


@pytest.mark.parametrize("value", ["", "Off", "fast", 0, -1, "0", "nan", "inf", True, None, [], 1e400])
def test_anything_else_is_no_rate(value: object) -> None:
    with pytest.raises(ValueError, match="number of requests a second above 0"):
        parse_rate_limit(value)


# Events a document ------------------------------------------------------------------------------------


def full(world: World) -> str:
    """A document with 100 events."""
    document_id = world.document()
    answer = world.a.post("/documents/events", json={"documentId": document_id, "events": [event()] * 100})
    assert answer.status_code == 201
    return document_id


def test_a_document_takes_a_hundred_events_beside_the_platforms_own(world: World) -> None:
    document_id = full(world)
    assert len(world.read(document_id)["externalEvents"]) == 101
    answer = world.append(document_id)
    assert error_of(answer)[:2] == (400, "validationError")
    assert "100" in error_of(answer)[2]
    assert {"event-limit"} <= set(world.journal()[-1]["behaviours"])
    assert len(world.read(document_id)["externalEvents"]) == 101


@pytest.mark.parametrize("name", ["ACTOR", "CLOSE", "CANCEL", "UPDATE"])
def test_the_limit_holds_for_events_with_an_effect_too(world: World, name: str) -> None:
    more = {"updates": {"isPublic": False}} if name == "UPDATE" else {}
    document_id = full(world)
    assert error_of(world.append(document_id, name, **more))[:2] == (400, "validationError")
    assert world.read(document_id)["status"] == "OPEN"


def test_a_batch_that_goes_over_the_limit_appends_nothing(world: World) -> None:
    document_id = world.document()
    for _ in range(98):
        world.append(document_id)
    answer = world.a.post("/documents/events", json={"documentId": document_id, "events": [event()] * 3})
    assert error_of(answer)[:2] == (400, "validationError")
    assert len(world.timeline(document_id)) == 98


def test_relations_mirrored_from_elsewhere_do_not_count(world: World) -> None:
    document_id = full(world)
    other = world.document()
    related = {"relatedDocument": {"documentId": document_id}}
    assert world.append(other, "RELATED", **related).status_code == 201
    assert len(world.timeline(document_id)) == 101
    one_short = world.document()
    world.append(other, "RELATED", relatedDocument={"documentId": one_short})
    events = {"documentId": one_short, "events": [event()] * 100}
    assert world.a.post("/documents/events", json=events).status_code == 201


def test_a_replay_on_a_full_document_still_gets_its_answer(world: World) -> None:
    document_id = world.document()
    first = world.append(document_id, deduplicationId="k")
    world.a.post("/documents/events", json={"documentId": document_id, "events": [event()] * 99})
    assert world.append(document_id).status_code == 400
    assert world.append(document_id, deduplicationId="k").content == first.content


@pytest.mark.parametrize("count", [0, 101])
def test_a_batch_has_one_to_a_hundred_items(world: World, count: int) -> None:
    body = {"documentId": world.document(), "events": [event()] * count}
    assert error_of(world.a.post("/documents/events", json=body))[:2] == (400, "validationError")


# Bytes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "status"), [(10_485_760, 200), (10_485_761, 400), (10**15, 400)])
def test_a_file_has_ten_megabytes_at_most(world: World, length: int, status: int) -> None:
    here = f"/documents/{world.document()}/attachments/a.txt"
    answer = world.a.put(here, json={**FILE, "contentLength": length})
    assert answer.status_code == status
    if status == 400:
        assert error_of(answer)[1] == "validationError"
        assert "/contentLength" in error_of(answer)[2]
        assert "10485760" in error_of(answer)[2]


def test_a_body_has_six_mebibytes_at_most(world: World) -> None:
    body = orjson.dumps(mass_id())
    assert world.a.post("/documents", content=body.ljust(6 * MiB)).status_code == 201
    answer = world.a.post("/documents", content=body.ljust(6 * MiB + 1))
    assert answer.status_code == 413
    assert set(answer.json()) == {"message"}
    assert "body-limit" in world.journal()[-1]["behaviours"]
    assert len([each for each in world.ledger() if each["kind"] == "document.created"]) == 1


def test_a_body_that_is_too_large_is_refused_for_its_token_or_rate_first(
    make_world: Callable[..., World],
) -> None:
    world = make_world(rate_limit=1)
    body = b" " * (6 * MiB + 1)
    assert error_of(world.anyone.post("/documents", content=body))[:2] == (401, "unauthorized")
    assert [world.a.post("/documents", content=body).status_code for _ in range(2)] == [413, 429]


def test_the_token_endpoint_has_the_limit_too(world: World) -> None:
    answer = world.anyone.post(
        "/oauth2/token",
        content=b"a=" + b"x" * 6 * MiB,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 413
