"""`POST /oauth2/token`: the client credentials grant (RFC 6749, 4.4)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote_plus

import orjson

from mock_server.call import JSON, Answer
from mock_server.tokens import LIFETIME_SECONDS, SCOPE

if TYPE_CHECKING:
    from mock_server.call import Call, Context
    from mock_server.workspace import Credential, Workspace

# Grants that a user pool knows, but that are for clients with users.
_OTHER_GRANTS = frozenset({"authorization_code", "refresh_token"})
_NOT_CACHED = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))


class TokenError(Exception):
    """A refusal of the token endpoint: an error code of RFC 6749, 5.2, and a sentence for the journal."""

    def __init__(self, error: str, description: str, *behaviours: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.behaviours = behaviours


class Grant(NamedTuple):
    """A good token request: whose credentials it has."""

    workspace: Workspace
    credential: Credential


class _Given(NamedTuple):
    client_id: str
    client_secret: str
    spelling: str


def claimed_client_ids(authorization: bytes | None, body: bytes) -> list[str]:
    """The client ids that a token request may mean, so that its workspace can answer even a refusal."""
    if authorization is not None:
        try:
            return [each.client_id for each in _from_header(authorization)]
        except TokenError:
            return []
    return [value for name, value in parse_qsl(body.decode("latin-1")) if name == "client_id"]


def check(call: Call, context: Context) -> Grant:
    """The grant that a request asks for; raises TokenError."""
    form = _form(call)
    header = call.header(b"authorization")
    in_body = "client_secret" in form
    if header is not None and in_body:
        raise TokenError(
            "invalid_request",
            "The client credentials came both in the Authorization header and in the body; one way is allowed.",
            "token-invalid-request",
        )
    if "grant_type" not in form:
        raise TokenError("invalid_request", "The parameter grant_type is missing.", "token-invalid-request")
    if header is not None:
        given = _from_header(header)
        if form.get("client_id", given[0].client_id) not in {each.client_id for each in given}:
            raise TokenError(
                "invalid_request",
                "The client_id of the body is not that of the Authorization header.",
                "token-invalid-request",
            )
    elif in_body and "client_id" in form:
        given = [_Given(form["client_id"], form["client_secret"], "body")]
    else:
        raise TokenError(
            "invalid_client",
            "No client credentials came. Send Authorization: Basic base64(clientId:clientSecret).",
            "token-errors",
        )
    grant = _authenticate(call, context, given)
    if form["grant_type"] in _OTHER_GRANTS:
        raise TokenError(
            "unauthorized_client",
            f"This client may not use the grant {form['grant_type']}, only client_credentials.",
            "token-unauthorized-client",
        )
    if form["grant_type"] != "client_credentials":
        raise TokenError(
            "unsupported_grant_type",
            f"grant_type must be client_credentials; got {form['grant_type']}.",
            "token-unsupported-grant",
        )
    _check_scope(call, form.get("scope"))
    return grant


def issue(call: Call, context: Context, grant: Grant) -> Answer:
    """A new token for a grant."""
    token = context.tokens.issue(
        "opaque" if call.semantics.token_format == "opaque" else "jwt",
        client_id=grant.credential.client_id,
        issuer=f"{call.base_url}/oauth2",
        token_id=call.workspace.answer_ids.uuid(),
        now=call.workspace.clock.time() + call.workspace.skew,
    )
    body = {"access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS, "scope": SCOPE}
    call.entry.behaviours += ("token-answer", "token-lifetime", "token-format", "token-not-cached")
    call.entry.committed = True
    return Answer(200, orjson.dumps(body), (JSON, *_NOT_CACHED))


def refusal(call: Call, error: TokenError) -> Answer:
    """The answer to a bad token request, as the profile of the workspace has it."""
    call.entry.behaviours += (*error.behaviours, "token-errors")
    call.entry.advise("token-refused", error.description)
    headers = [JSON, *_NOT_CACHED]
    if call.semantics.token_errors == "cognito":
        return Answer(400, orjson.dumps({"error": error.error}), headers)
    body = orjson.dumps({"error": error.error, "error_description": error.description})
    if error.error != "invalid_client":
        return Answer(400, body, headers)
    return Answer(401, body, [*headers, (b"www-authenticate", b'Basic realm="carrot", charset="UTF-8"')])


def struck(call: Call, status: int, code: str | None) -> Answer:
    """The answer that a fault asks for, in the form of RFC 6749; `code` None stands for the usual one."""
    error = code or ("invalid_client" if status == 401 else "invalid_request")
    headers = [JSON, *_NOT_CACHED]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="carrot", charset="UTF-8"'))
    return Answer(status, orjson.dumps({"error": error}), headers)


def _form(call: Call) -> dict[str, str]:
    media_type = (call.header(b"content-type") or b"").split(b";", 1)[0].strip().lower()
    if media_type != b"application/x-www-form-urlencoded":
        raise TokenError(
            "invalid_request",
            "The content type must be application/x-www-form-urlencoded; got "
            f"{media_type.decode('latin-1') or 'none'}.",
            "token-form-only",
        )
    try:
        pairs = parse_qsl(
            call.body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(call.body), errors="strict"
        )
    except (UnicodeDecodeError, ValueError):
        raise TokenError(
            "invalid_request",
            "The body must be a form in UTF-8, url-encoded.",
            "token-invalid-request",
        ) from None
    form = dict(pairs)
    if len(form) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise TokenError(
            "invalid_request", f"The parameter {repeated} came more than once.", "token-invalid-request"
        )
    # A parameter without a value counts as not sent (RFC 6749, 3.2).
    return {name: value for name, value in form.items() if value}


def _from_header(header: bytes | None) -> list[_Given]:
    scheme, _, encoded = (header or b"").partition(b" ")
    if scheme.lower() != b"basic":
        raise TokenError(
            "invalid_client",
            "The Authorization header must be Basic base64(clientId:clientSecret); got another scheme.",
            "token-errors",
        )
    try:
        text = b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise TokenError(
            "invalid_client", "The Basic credentials are not base64 of UTF-8 text.", "token-errors"
        ) from None
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise TokenError(
            "invalid_client", "The Basic credentials have no colon between id and secret.", "token-errors"
        )
    raw = _Given(client_id, secret, "basic-raw")
    encoded_form = _Given(unquote_plus(client_id), unquote_plus(secret), "basic-form-url-encoded")
    return [raw] if raw[:2] == encoded_form[:2] else [raw, encoded_form]


def _authenticate(call: Call, context: Context, given: list[_Given]) -> Grant:
    for each in given:
        found = context.workspaces.of_client(each.client_id)
        if found is not None and found[1].has_secret(each.client_secret):
            _note(call, each, ambiguous=len(given) > 1)
            return Grant(*found)
    raise TokenError(
        "invalid_client",
        f"There is no client {given[0].client_id} with this secret.",
        "token-errors",
    )


def _note(call: Call, given: _Given, *, ambiguous: bool) -> None:
    entry = call.entry
    if given.spelling == "body":
        entry.authentication = "body"
        entry.behaviours.append("token-body-credentials")
        entry.advise(
            "credentials-in-body",
            "The client credentials came in the form body; the vendor documents HTTP Basic.",
        )
        return
    entry.authentication = given.spelling if ambiguous else "basic"
    if ambiguous:
        entry.behaviours.append("token-basic-encoding")


def _check_scope(call: Call, scope: str | None) -> None:
    if scope is None:
        call.entry.behaviours.append("token-default-scope")
        return
    unknown = [each for each in scope.split() if each != SCOPE]
    if unknown or not scope.split():
        raise TokenError("invalid_scope", f"scope must be {SCOPE}; got {scope}.", "token-invalid-scope")
