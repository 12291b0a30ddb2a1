"""Takes secrets out of what the journal shows: paths, headers and bodies of requests and answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

import orjson

from mock_server.nesting import too_deep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

REDACTED: Final = "[redacted]"

_SECRET_HEADERS = frozenset({b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"})
_SCHEMES = frozenset({"basic", "bearer"})
# Parameters by their names in lower case, without `-` and `_`.
_SECRET_PARAMETERS = frozenset(
    {
        "accesstoken",
        "assertion",
        "clientassertion",
        "clientsecret",
        "password",
        "refreshtoken",
        "secret",
        "signature",
        "token",
        "xamzsecuritytoken",
        "xamzsignature",
    }
)
# Of a token request everything else may be a secret under a mistaken name.
_SHOWN_PARAMETERS = frozenset({"grant_type", "scope", "client_id"})
_SIGNATURE = re.compile(r"(X-Amz-Signature(?:=|%3D)|<SignatureProvided>)[0-9A-Za-z]*", re.IGNORECASE)
_JSON_SECRET = re.compile(
    r'("(?:access_?token|client_?secret|refresh_?token|password)"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE
)
# A JWT, or an opaque token of this server, in any letters.
_TOKEN = re.compile(
    r"eyj[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}(?:\.[a-z0-9_-]*)?|cmo_[a-z0-9_-]{8,}(?:\.[a-z0-9_-]*)?", re.IGNORECASE
)
_FORM_SECRET = re.compile(
    r"((?:access_?token|client_?secret|refresh_?token|password)=)[^&\s\"]*", re.IGNORECASE
)


def scrub(value: Any, secrets: Iterable[str]) -> Any:
    """Any JSON without tokens and without the given secrets, wherever in it they stand."""
    text = _TOKEN.sub(REDACTED, orjson.dumps(value).decode())
    for secret in secrets:
        for spelling in {secret, quote(secret, safe=""), quote_plus(secret)}:
            text = text.replace(spelling, REDACTED)
    return orjson.loads(text)


def path(text: str) -> str:
    """A path with its query, without the values of parameters that are secrets."""
    before, mark, query = text.partition("?")
    return before + mark + "&".join(map(_parameter, query.split("&"))) if mark else text


def headers(given: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name, those of one name joined; of an authorisation only the scheme is left."""
    found: dict[str, str] = {}
    for name, value in given:
        text = value.decode("latin-1")
        text = _scheme(text) if _is_secret(name) else _SIGNATURE.sub(rf"\1{REDACTED}", text)
        key = name.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def body(raw: bytes, *, credentials: bool = False) -> Any:
    """A body as JSON where it is JSON, as text where it is text, else as its length; None when empty.

    With `credentials` it is a request that may hold some anywhere: only what is known to be none is shown.
    """
    if not raw:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return f"[{len(raw)} bytes]"
    if credentials:
        return _credentials(text)
    text = _SIGNATURE.sub(rf"\1{REDACTED}", text)
    text = _JSON_SECRET.sub(rf'\1"{REDACTED}"', text)
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _FORM_SECRET.sub(rf"\1{REDACTED}", text)
    # What is nested deeper than this server can write is shown as text.
    return text if too_deep(raw, value) else value


def _credentials(text: str) -> Any:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    else:
        if not isinstance(value, dict):
            return REDACTED
        return {
            name: each if name in _SHOWN_PARAMETERS and isinstance(each, str) else REDACTED
            for name, each in value.items()
        }
    pairs = [pair.partition("=") for pair in text.split("&")]
    return "&".join(
        f"{name}={value if unquote_plus(name) in _SHOWN_PARAMETERS else REDACTED}" if equals else REDACTED
        for name, equals, value in pairs
    )


def _parameter(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    plain = re.sub("[-_]", "", unquote_plus(name)).lower()
    return f"{name}={REDACTED}" if equals and plain in _SECRET_PARAMETERS else pair


def _is_secret(name: bytes) -> bool:
    return name in _SECRET_HEADERS or b"token" in name or b"secret" in name or b"api-key" in name


def _scheme(value: str) -> str:
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {REDACTED}" if space and scheme.lower() in _SCHEMES else REDACTED
