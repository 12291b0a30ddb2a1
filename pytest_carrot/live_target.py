"""An API that is not ours: its addresses, who logs in, a token, and whether it is Carrot's at all."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

from pytest_carrot.errors import UserMistake
from pytest_carrot.live_http import NoAnswer, exchange
from pytest_carrot.live_limits import PRODUCTION_RATE, TEST_RATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_carrot.live_http import Answer

VENDOR: Final = "https://api.carrot.eco"
VENDOR_TOKENS: Final = "https://auth.api.carrot.eco/oauth2/token"
SCOPE: Final = "api.carrot.eco/main-scope"
NOWHERE: Final = "00000000-0000-4000-8000-000000000000"
"""The id of a document that is not there."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
# What a server says of an error is shown no further.
_SHOWN: Final = 200


@dataclass(frozen=True)
class Login:
    """What one integrator logs in with."""

    client_id: str
    client_secret: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The Authorization header of a token request."""
        return f"Basic {b64encode(f'{self.client_id}:{self.client_secret}'.encode()).decode()}"


@dataclass(frozen=True)
class Target:
    """Where the API is, without a slash at the end, and who calls it; `partner` is another company."""

    url: str
    token_url: str
    main: Login
    partner: Login | None = None

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, and so no API of the vendor."""
        return urlsplit(self.url).hostname in _LOOPBACK

    @property
    def secrets(self) -> list[str]:
        logins = [each for each in (self.main, self.partner) if each is not None]
        return [text for each in logins for text in (each.client_secret, each.basic.partition(" ")[2])]


def target(
    url: str,
    token_url: str | None,
    main: tuple[str | None, str | None],
    partner: tuple[str | None, str | None] = (None, None),
    *,
    names: Mapping[str, str],
) -> Target:
    """A target from what a user gave; raises UserMistake, in which settings are called by `names`."""
    address = _address(url, names["url"])
    tokens = token_url or (VENDOR_TOKENS if address == VENDOR else f"{address}/oauth2/token")
    _address(tokens, names["token_url"], path=True)
    if not all(main):
        raise UserMistake(f"Give the credentials of an integrator, as {names['main']}.")
    if any(partner) and not all(partner):
        raise UserMistake(f"Give both the id and the secret of the partner, as {names['partner']}.")
    found = Login(*map(str, main))
    other = Login(*map(str, partner)) if all(partner) else None
    if other is not None and other.client_id == found.client_id:
        raise UserMistake("The partner has to be another integrator than the main one.")
    return Target(address, tokens, found, other)


def check_rate(rate: float, where: Target, name: str, *, production: bool) -> float:
    """The rate, when it is allowed there; raises UserMistake, in which it is called by `name`."""
    documented = PRODUCTION_RATE if production else TEST_RATE
    if rate > documented and not where.is_here:
        raise UserMistake(
            f"{name} is at most {documented:g} requests a second, which is what the vendor allows an integrator."
        )
    return rate


def fetch_token(where: Target, login: Login) -> str:
    """A new access token; raises UserMistake."""
    form = urlencode({"grant_type": "client_credentials", "scope": SCOPE}).encode()
    headers = {"authorization": login.basic, "content-type": "application/x-www-form-urlencoded"}
    try:
        answer = exchange("POST", where.token_url, headers, form)
    except NoAnswer as why:
        raise UserMistake(f"No token can be had: {why}") from None
    token = answer.object.get("access_token")
    if answer.accepted and isinstance(token, str) and token.isascii() and token.isprintable():
        return token
    error = answer.object.get("error")
    if isinstance(error, str) and answer.status in (400, 401, 403):
        shown = scrubbed(error, where)
        raise UserMistake(
            f"The token endpoint {where.token_url} refuses the credentials of {login.client_id} ({answer.status} "
            f"{shown}): check id and secret, and whether they are of this environment."
        )
    raise UserMistake(
        f"No token can be had: {where.token_url} should answer with JSON that has an access_token, and answered "
        f"{looks(answer)}. Check its address."
    )


def check_is_carrot(where: Target, token: str) -> None:
    """Raises UserMistake unless a document that is not there is answered as Carrot answers."""
    path = f"/documents/{NOWHERE}"
    try:
        answer = exchange("GET", where.url + path, {"authorization": f"Bearer {token}"})
    except NoAnswer as why:
        raise UserMistake(str(why)) from None
    if answer.status == 401:
        raise UserMistake(
            f"{where.url} does not take the tokens of {where.token_url} (401): do the two addresses belong together?"
        )
    if answer.status in (403, 404) and code_of(answer) is not None:
        return
    if answer.status == 429:
        raise UserMistake(
            f"{where.url} has too many requests of this integrator already (429): wait, then run again."
        )
    raise UserMistake(
        f"What answers at {where.url} is not the Carrot API: GET {path} should be 404 objectNotFound, and was "
        f"{looks(answer)}. Check the address."
    )


def code_of(answer: Answer) -> str | None:
    """The code of the first error in the documented envelope; None in any other form."""
    errors = answer.object.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    return code if isinstance(code, str) else None


def looks(answer: Answer) -> str:
    """An answer in a few words, with nothing in them that it says."""
    kind = answer.header("content-type").partition(";")[0].strip().lower()
    named = {"text/html": "an HTML page", "application/json": "JSON", "": "no content type"}
    return f"{answer.status} with {named.get(kind, kind if kind.isprintable() else 'something else')}"


def scrubbed(text: str, where: Target) -> str:
    """What a server said, on one line, shortened and without secrets."""
    from mock_server.redaction import scrub

    plain = "".join(each if each.isprintable() else " " for each in text)
    return str(scrub(plain.encode("utf-8", "replace").decode(), where.secrets))[:_SHOWN]


def _address(text: str, name: str, *, path: bool = False) -> str:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = good and not (parts.query or parts.fragment or parts.username) and text.isascii()
        good = good and text.isprintable() and " " not in text and (path or not parts.path.strip("/"))
        (parts.hostname or "").encode("idna")  # as looking it up does
    except ValueError:
        good = False
    if not good:
        example = VENDOR_TOKENS if path else VENDOR
        raise UserMistake(f"{name} takes an address such as {example}, not {text.partition('?')[0]!r}.")
    return text if path else text.rstrip("/")
