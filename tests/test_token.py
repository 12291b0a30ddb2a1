"""The token endpoint: each refusal of RFC 6749, both forms of a token, and the clients that people use."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import httpx
import jwt
import pytest
from conftest import NOON, World, created, error_of
from payloads import mass_id

from mock_server.tokens import LIFETIME_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

SCOPE = "api.carrot.eco/main-scope"
GRANT = {"grant_type": "client_credentials"}
GOOD = ("carrot-test-client", "carrot-test-secret")
ODD = ("carrot-odd-client", "carrot+odd/secret=with:100%")


def basic(client_id: str, secret: str) -> dict[str, str]:
    pair = f"{client_id}:{secret}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def ask(world: World, data: Any = GRANT, headers: Any = None, **more: Any) -> httpx.Response:
    return world.anyone.post(
        "/oauth2/token", data=data, headers=basic(*GOOD) if headers is None else headers, **more
    )


def raw(
    world: World, body: bytes, content_type: str | None = "application/x-www-form-urlencoded"
) -> httpx.Response:
    headers = basic(*GOOD) if content_type is None else {**basic(*GOOD), "Content-Type": content_type}
    return world.anyone.post("/oauth2/token", content=body, headers=headers)


# What a good request gets -----------------------------------------------------------------------------


@pytest.mark.parametrize("data", [GRANT, {**GRANT, "scope": SCOPE}, {**GRANT, "scope": ""}])
def test_a_token_comes_with_its_type_life_and_scope_and_is_not_cached(world: World, data: Any) -> None:
    answer = ask(world, data)
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, SCOPE)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert world.anyone.post("/documents", json=mass_id(), headers=headers).status_code == 201


def test_a_token_request_without_a_scope_says_so_in_the_journal(world: World) -> None:
    ask(world)
    assert "token-default-scope" in world.journal()[-1]["behaviours"]
    ask(world, {**GRANT, "scope": SCOPE})
    assert "token-default-scope" not in world.journal()[-1]["behaviours"]


@pytest.mark.switch("token-format", "jwt")
def test_a_jwt_has_the_claims_of_a_user_pool_and_verifies_by_the_key_set(world: World) -> None:
    token = ask(world).json()["access_token"]
    keys = jwt.PyJWKSet.from_dict(world.anyone.get("/.well-known/jwks.json").json())
    header = jwt.get_unverified_header(token)
    assert header["alg"] == "RS256"
    claims = jwt.decode(
        token,
        keys[header["kid"]].key,
        algorithms=["RS256"],
        options={"verify_exp": False, "verify_iat": False},
    )
    now = int(NOON.timestamp())
    assert {"client_id", "token_use", "scope", "iss", "iat", "exp", "jti"} <= set(claims)
    assert (claims["client_id"], claims["token_use"], claims["scope"]) == (GOOD[0], "access", SCOPE)
    assert (claims["iat"], claims["exp"]) == (now, now + 3600)
    assert (
        claims["jti"]
        != jwt.decode(ask(world).json()["access_token"], options={"verify_signature": False})["jti"]
    )


def test_the_key_set_holds_nothing_private(world: World) -> None:
    (key,) = world.anyone.get("/.well-known/jwks.json").json()["keys"]
    assert set(key) == {"kty", "kid", "use", "alg", "n", "e", "key_ops"} - ({"key_ops"} - set(key))
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(key)


@pytest.mark.switch("token-format", "opaque")
def test_an_opaque_token_is_no_jwt_and_works_as_well(world: World) -> None:
    world.semantics(token_format="opaque")
    token = ask(world).json()["access_token"]
    with pytest.raises(jwt.DecodeError):
        jwt.decode(token, options={"verify_signature": False})
    assert world.a.headers["Authorization"].startswith("Bearer cmo_")
    assert world.document()


@pytest.mark.switch("token-format", "jwt")
@pytest.mark.switch("token-format", "opaque")
@pytest.mark.parametrize("form", ["jwt", "opaque"])
def test_a_token_works_for_an_hour_to_the_second(world: World, form: str) -> None:
    world.semantics(token_format=form)
    document_id = world.document()
    world.clock.advance(LIFETIME_SECONDS - 1)
    assert world.a.get(f"/documents/{document_id}").status_code == 200
    world.clock.advance(1)
    answer = world.a.get(f"/documents/{document_id}")
    assert error_of(answer)[:2] == (401, "unauthorized")
    assert "expired" in error_of(answer)[2]
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert {"unauthorized", "token-lifetime"} <= set(world.journal()[-1]["behaviours"])


def test_a_new_token_leaves_the_old_one_good(world: World) -> None:
    first, second = world.token(), world.token()
    assert first != second
    for token in (first, second, first):
        headers = {"Authorization": f"Bearer {token}"}
        assert world.anyone.get("/documents/1", headers=headers).status_code == 404


# Who is asking ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "data", "way"),
    [
        (basic(*ODD), GRANT, "basic-raw"),
        (basic(ODD[0], quote_plus(ODD[1])), GRANT, "basic-form-url-encoded"),
        (basic(*GOOD), GRANT, "basic"),
        ({}, {**GRANT, "client_id": ODD[0], "client_secret": ODD[1]}, "body"),
        (basic(*GOOD), {**GRANT, "client_id": GOOD[0]}, "basic"),
    ],
)
def test_credentials_come_raw_url_encoded_or_in_the_body_and_the_journal_says_how(
    world: World, headers: dict[str, str], data: dict[str, str], way: str
) -> None:
    assert ask(world, data, headers).status_code == 200
    entry = world.journal()[-1]
    assert entry["authentication"] == way
    assert ("token-basic-encoding" in entry["behaviours"]) == (way in ("basic-raw", "basic-form-url-encoded"))
    assert ("token-body-credentials" in entry["behaviours"]) == (way == "body")
    assert ("credentials-in-body" in [each["code"] for each in entry["advisories"]]) == (way == "body")
    assert ODD[1] not in json.dumps(entry)
    assert quote_plus(ODD[1]) not in json.dumps(entry)


def test_a_lower_case_scheme_is_basic_too(world: World) -> None:
    header = basic(*GOOD)["Authorization"].replace("Basic", "basic")
    assert ask(world, headers={"Authorization": header}).status_code == 200


NOBODY: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, GRANT),
    (basic(GOOD[0], "wrong"), GRANT),
    (basic(GOOD[0], ""), GRANT),
    (basic("nobody", GOOD[1]), GRANT),
    (basic("carrot-prod-client", GOOD[1]), GRANT),
    (basic(ODD[0], quote_plus(quote_plus(ODD[1]))), GRANT),
    ({"Authorization": "Basic"}, GRANT),
    ({"Authorization": "Basic !!!"}, GRANT),
    ({"Authorization": "Basic " + base64.b64encode(b"no colon").decode()}, GRANT),
    ({"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode()}, GRANT),
    ({"Authorization": "Bearer " + base64.b64encode(b"a:b").decode()}, GRANT),
    ({}, {**GRANT, "client_id": GOOD[0]}),
    ({}, {**GRANT, "client_secret": GOOD[1]}),
    ({}, {**GRANT, "client_id": GOOD[0], "client_secret": "wrong"}),
    ({}, {**GRANT, "client_id": "nobody", "client_secret": GOOD[1]}),
]


@pytest.mark.switch("token-errors", "cognito")
@pytest.mark.parametrize(("headers", "data"), NOBODY)
def test_an_unknown_client_gets_400_in_the_manner_of_cognito(world: World, headers: Any, data: Any) -> None:
    answer = ask(world, data, headers)
    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid_client"}
    assert "www-authenticate" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert "token-errors" in world.journal()[-1]["behaviours"]


@pytest.mark.switch("token-errors", "rfc6749")
@pytest.mark.parametrize(("headers", "data"), NOBODY)
def test_an_unknown_client_gets_401_as_the_standard_says(world: World, headers: Any, data: Any) -> None:
    world.semantics(token_errors="rfc6749")
    answer = ask(world, data, headers)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert answer.headers["cache-control"] == "no-store"


# What is asked ----------------------------------------------------------------------------------------


def _form(body: bytes) -> Callable[[World], httpx.Response]:
    return lambda world: raw(world, body)


REFUSED: dict[str, tuple[Callable[[World], httpx.Response], str]] = {
    "no grant_type": (lambda world: ask(world, {"scope": SCOPE}), "invalid_request"),
    "an empty grant_type": (lambda world: ask(world, {"grant_type": ""}), "invalid_request"),
    "an empty body": (_form(b""), "invalid_request"),
    "grant_type twice": (
        _form(b"grant_type=client_credentials&grant_type=client_credentials"),
        "invalid_request",
    ),
    "scope twice": (
        _form(f"grant_type=client_credentials&scope={SCOPE}&scope={SCOPE}".encode()),
        "invalid_request",
    ),
    "an unknown parameter twice": (_form(b"grant_type=client_credentials&a=1&a=2"), "invalid_request"),
    "no form": (_form(b"grant_type"), "invalid_request"),
    "raw bytes": (_form(b"grant_type=client_credentials&a=\xff"), "invalid_request"),
    "encoded bytes that are no text": (_form(b"grant_type=client_credentials&a=%ff"), "invalid_request"),
    "JSON": (
        lambda world: world.anyone.post("/oauth2/token", json=GRANT, headers=basic(*GOOD)),
        "invalid_request",
    ),
    "no content type": (lambda world: raw(world, b"grant_type=client_credentials", None), "invalid_request"),
    "credentials in header and body": (
        lambda world: ask(world, {**GRANT, "client_id": GOOD[0], "client_secret": GOOD[1]}),
        "invalid_request",
    ),
    "a secret in the body beside the header": (
        lambda world: ask(world, {**GRANT, "client_secret": GOOD[1]}),
        "invalid_request",
    ),
    "another client_id in the body": (
        lambda world: ask(world, {**GRANT, "client_id": "x"}),
        "invalid_request",
    ),
    "password": (lambda world: ask(world, {"grant_type": "password"}), "unsupported_grant_type"),
    "other letters": (
        lambda world: ask(world, {"grant_type": "Client_Credentials"}),
        "unsupported_grant_type",
    ),
    "another scope": (lambda world: ask(world, {**GRANT, "scope": "openid"}), "invalid_scope"),
    "one scope too many": (lambda world: ask(world, {**GRANT, "scope": f"{SCOPE} openid"}), "invalid_scope"),
    "a scope in other letters": (
        lambda world: ask(world, {**GRANT, "scope": SCOPE.upper()}),
        "invalid_scope",
    ),
}


@pytest.mark.switch("token-errors", "cognito")
@pytest.mark.switch("token-errors", "rfc6749")
@pytest.mark.parametrize("profile", ["cognito", "rfc6749"])
@pytest.mark.parametrize(("case", "error"), REFUSED.values(), ids=REFUSED)
def test_a_bad_request_gets_400_with_its_code_in_both_profiles(
    world: World, case: Callable[[World], httpx.Response], error: str, profile: str
) -> None:
    world.semantics(token_errors=profile)
    answer = case(world)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert set(answer.json()) <= {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    entry = world.journal()[-1]
    assert [each["code"] for each in entry["advisories"]] == ["token-refused"]
    assert entry["committed"] is False
    if error != "invalid_request":
        assert set(entry["behaviours"]) & {
            "token-unsupported-grant",
            "token-invalid-scope",
            "token-unauthorized-client",
        }


@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token"])
@pytest.mark.parametrize("profile", ["cognito", "rfc6749"])
def test_a_grant_of_user_pools_that_is_not_for_these_clients_is_refused(
    world: World, grant_type: str, profile: str
) -> None:
    world.semantics(token_errors=profile)
    answer = ask(world, {"grant_type": grant_type, "code": "x", "refresh_token": "x"})
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")
    assert "token-unauthorized-client" in world.journal()[-1]["behaviours"]


def test_who_asks_is_settled_before_what_is_asked(world: World) -> None:
    assert ask(world, {"grant_type": "password"}, basic("nobody", "x")).json() == {"error": "invalid_client"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_the_token_endpoint_takes_post_only(world: World, method: str) -> None:
    answer = world.anyone.request(method, "/oauth2/token", headers=basic(*GOOD))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "token-post-only" in world.journal()[-1]["behaviours"]


# The token in a call ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "challenge"),
    [
        (None, "Bearer"),
        ("", "Bearer"),
        ("Token abc", "Bearer"),
        (basic(*GOOD)["Authorization"], "Bearer"),
        ("Bearer nonsense", 'Bearer error="invalid_token"'),
        ("Bearer a.b.c", 'Bearer error="invalid_token"'),
        ("Bearer cmo_a.b", 'Bearer error="invalid_token"'),
        ("Bearer \xff.\xff.\xff", 'Bearer error="invalid_token"'),
    ],
)
def test_a_call_without_a_good_token_answers_401_with_a_challenge(
    world: World, header: str | None, challenge: str
) -> None:
    headers = {} if header is None else {b"Authorization": header.encode("latin-1")}
    answer = world.anyone.post("/documents", json=mass_id(), headers=headers)
    assert error_of(answer)[:2] == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == challenge
    assert world.ledger() == []


def test_the_scheme_may_be_written_in_any_letters(world: World) -> None:
    headers = {"Authorization": f"bearer {world.token()}"}
    assert world.anyone.get("/documents/1", headers=headers).status_code == 404


# The clients that people use, over a socket --------------------------------------------------------------


def _creates(client: Any, url: str) -> None:
    created(client.post(f"{url}/documents", json=mass_id()))


def _credential(workspace: dict[str, Any]) -> tuple[str, str]:
    return workspace["credentials"][0]["clientId"], workspace["credentials"][0]["clientSecret"]


def _profile(workspace: dict[str, Any], **switches: str) -> None:
    where = f"{workspace['url']}/_mock/workspaces/{workspace['id']}/semantics"
    named = {name.replace("_", "-"): value for name, value in switches.items()}
    assert httpx.patch(where, json=named).status_code == 200


@pytest.mark.parametrize("form", ["jwt", "opaque"])
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_gets_a_token_and_calls_the_api(workspace: dict[str, Any], method: str, form: str) -> None:
    from authlib.integrations.requests_client import OAuth2Session

    _profile(workspace, token_format=form)
    client_id, secret = _credential(workspace)
    with OAuth2Session(client_id, secret, token_endpoint_auth_method=method, scope=SCOPE) as client:
        client.fetch_token(f"{workspace['url']}/oauth2/token", grant_type="client_credentials")
        _creates(client, workspace["url"])


@pytest.mark.parametrize("in_body", [False, True])
def test_requests_oauthlib_gets_a_token_and_calls_the_api(
    workspace: dict[str, Any], in_body: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oauthlib.oauth2 import BackendApplicationClient
    from requests_oauthlib import OAuth2Session

    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    client_id, secret = _credential(workspace)
    with OAuth2Session(client=BackendApplicationClient(client_id, scope=[SCOPE])) as session:
        session.fetch_token(
            f"{workspace['url']}/oauth2/token",
            client_id=client_id,
            client_secret=secret,
            include_client_id=in_body or None,
        )
        _creates(session, workspace["url"])


def test_requests_oauthlib_sends_the_odd_secret_unharmed(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from oauthlib.oauth2 import BackendApplicationClient
    from requests_oauthlib import OAuth2Session

    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    with OAuth2Session(client=BackendApplicationClient(ODD[0])) as session:
        token = session.fetch_token(f"{server.url}/oauth2/token", client_id=ODD[0], client_secret=ODD[1])
        assert token["token_type"] == "Bearer"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_sends_the_odd_secret_unharmed(server: Any, method: str) -> None:
    from authlib.integrations.requests_client import OAuth2Session

    with OAuth2Session(*ODD, token_endpoint_auth_method=method) as client:
        token = client.fetch_token(f"{server.url}/oauth2/token", grant_type="client_credentials")
        assert token["token_type"] == "Bearer"


@pytest.mark.parametrize("error", ["cognito", "rfc6749"])
def test_authlib_tells_of_a_wrong_secret_in_both_profiles(workspace: dict[str, Any], error: str) -> None:
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.requests_client import OAuth2Session

    _profile(workspace, token_errors=error)
    with (
        OAuth2Session(_credential(workspace)[0], "wrong") as client,
        pytest.raises(OAuthError, match="invalid_client"),
    ):
        client.fetch_token(f"{workspace['url']}/oauth2/token", grant_type="client_credentials")


def test_httpx_gets_a_token_and_calls_the_api(workspace: dict[str, Any]) -> None:
    with httpx.Client() as client:
        answer = client.post(f"{workspace['url']}/oauth2/token", data=GRANT, auth=_credential(workspace))
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        _creates(client, workspace["url"])


@pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="curl is not installed on this machine"
)
@pytest.mark.parametrize("way", ["basic", "body"])
def test_curl_gets_a_token_and_calls_the_api(workspace: dict[str, Any], way: str) -> None:
    def curl(*arguments: str) -> Any:
        done = subprocess.run(
            ["curl", "-sS", "--fail", *arguments], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)

    client_id, secret = _credential(workspace)
    url = workspace["url"]
    given = {
        "basic": ["-u", f"{client_id}:{secret}"],
        "body": ["--data-urlencode", f"client_id={client_id}", "--data-urlencode", f"client_secret={secret}"],
    }[way]
    token = curl(*given, "-d", "grant_type=client_credentials", f"{url}/oauth2/token")["access_token"]
    body = json.dumps(mass_id())
    made = curl(
        "-H",
        f"Authorization: Bearer {token}",
        "-H",
        "Content-Type: application/json",
        "-d",
        body,
        f"{url}/documents",
    )
    read = curl("-H", f"Authorization: Bearer {token}", f"{url}/documents/{made['id']}")
    assert read["id"] == made["id"]


def test_a_jwt_from_a_running_server_verifies_by_its_key_set(workspace: dict[str, Any]) -> None:
    answer = httpx.post(f"{workspace['url']}/oauth2/token", data=GRANT, auth=_credential(workspace))
    token = answer.json()["access_token"]
    key = jwt.PyJWKClient(f"{workspace['url']}/.well-known/jwks.json").get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key.key, algorithms=["RS256"])
    assert claims["client_id"] == _credential(workspace)[0]
    assert claims["exp"] - claims["iat"] == answer.json()["expires_in"]
