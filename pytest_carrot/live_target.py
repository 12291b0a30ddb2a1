"""An API that is not ours: its addresses, who logs in, a token, and whether it is Carrot's at all."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from pytest_carrot.errors import UserMistake
from pytest_carrot.live_http import SECONDS, NoAnswer, exchange
from pytest_carrot.live_limits import PRODUCTION_RATE, TEST_RATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_carrot.live_http import Answer

VENDOR: Final = "https://api.carrot.eco"
VENDOR_TOKENS: Final = "https://auth.api.carrot.eco/oauth2/token"
DEFAULT: Final = ("carrot-test-client", "carrot-test-secret")
"""The id and the secret that a Carrot Mock knows from the start."""
DEFAULT_PARTNER: Final = ("carrot-partner-client", "carrot-partner-secret")
SCOPE: Final = "api.carrot.eco/main-scope"
NOWHERE: Final = "00000000-0000-4000-8000-000000000000"
"""The id of a document that is not there."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_TOKEN_SETTING: Final = "--token-url or CARROT_TOKEN_URL"  # noqa: S105 - a flag
_TROUBLE: Final = (500, 502, 503, 504)
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


_NOBODY: Final = Login("carrot-mock-nobody", "no-secret")


@dataclass(frozen=True)
class Target:
    """Where the API is, without a slash at the end, and who calls it; `partner` is another company."""

    url: str
    token_url: str
    main: Login
    partner: Login | None = None
    timeout: float = SECONDS
    """Seconds that an answer may take."""
    token_setting: str = _TOKEN_SETTING
    """What a sentence calls that which a user gives the token endpoint with."""

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
    timeout: float = SECONDS,
    default_here: tuple[str, str] | None = None,
) -> Target:
    """A target from what a user gave; raises UserMistake, in which settings are called by `names`.

    `default_here` logs in where none is given and the address is on this machine.
    """
    setting = names.get("token_setting", _TOKEN_SETTING)
    address = checked_address(url, names["url"])
    if path := urlsplit(address).path:
        raise UserMistake(
            f"{names['url']} takes an address without a path, such as {VENDOR}, and {path!r} is one: leave it out. "
            f"What has a path is the token endpoint: give its address as {setting}."
        )
    tokens = token_url or (VENDOR_TOKENS if address == VENDOR else f"{address}/oauth2/token")
    checked_address(tokens, names["token_url"], example=VENDOR_TOKENS)
    if main == (None, None) and default_here is not None and urlsplit(address).hostname in _LOOPBACK:
        main = default_here
    if not all(main):
        raise UserMistake(f"Give the credentials of an integrator, as {names['main']}.")
    if any(partner) and not all(partner):
        raise UserMistake(f"Give both the id and the secret of the partner, as {names['partner']}.")
    found = Login(*map(str, main))
    other = Login(*map(str, partner)) if all(partner) else None
    if other is not None and other.client_id == found.client_id:
        raise UserMistake("The partner has to be another integrator than the main one.")
    return Target(address, tokens, found, other, timeout, setting)


def check_rate(rate: float, where: Target, name: str, *, production: bool) -> float:
    """The rate, when it is allowed there; raises UserMistake, in which it is called by `name`."""
    documented = PRODUCTION_RATE if production else TEST_RATE
    if not rate <= documented and not where.is_here:  # no number is more as well
        raise UserMistake(
            f"{name} is at most {documented:g} requests a second, which is what the vendor allows an integrator."
        )
    return rate


def fetch_token(where: Target, login: Login) -> str:
    """A new access token; raises UserMistake."""
    form = urlencode({"grant_type": "client_credentials", "scope": SCOPE}).encode()
    headers = {"authorization": login.basic, "content-type": "application/x-www-form-urlencoded"}
    try:
        answer = exchange("POST", where.token_url, headers, form, seconds=where.timeout)
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
    raise UserMistake(_no_token(where, answer))


def _no_token(where: Target, answer: Answer) -> str:
    if answer.status == 429:
        return (
            f"The token endpoint {where.token_url} has too many requests already (429): wait, then run again."
        )
    if answer.status in _TROUBLE:
        return (
            f"The token endpoint {where.token_url} has trouble of its own now, and answered {looks(answer)}: try "
            "again later. If it stays so, check its address."
        )
    return (
        f"No token can be had: {where.token_url} should answer with JSON that has an access_token, and answered "
        f"{looks(answer)}. If the tokens are elsewhere, give their address as {where.token_setting}."
    )


def check_is_carrot(where: Target, token: str) -> None:
    """Raises UserMistake unless a document that is not there is answered as Carrot answers."""
    path = f"/documents/{NOWHERE}"
    try:
        answer = exchange(
            "GET", where.url + path, {"authorization": f"Bearer {token}"}, seconds=where.timeout
        )
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
    if answer.status in _TROUBLE:
        raise UserMistake(
            f"{where.url} has trouble of its own now, and answered {looks(answer)} to GET {path}, where 404 "
            "objectNotFound was expected: try again later. If it stays so, check the address."
        )
    raise UserMistake(
        f"What answers at {where.url} is not the Carrot API: GET {path} should be 404 objectNotFound, and was "
        f"{looks(answer)}. Check the address."
    )


def partner_that_works(where: Target) -> Login | None:
    """The partner that a Carrot Mock knows from the start, where the API knows it as well.

    None also where the API knows everybody, and so tells nobody from another.
    """
    login = Login(*DEFAULT_PARTNER)
    return login if _is_known(where, login) and not _is_known(where, _NOBODY) else None


def _is_known(where: Target, login: Login) -> bool:
    try:
        fetch_token(where, login)
    except UserMistake:
        return False
    return True


def check_partner(
    main: Login,
    partner: Login,
    of_main: Mapping[str, Any],
    of_partner: Mapping[str, Any],
    *,
    reads: bool = False,
) -> None:
    """Raises UserMistake when two client ids are those of one integrator.

    The documents are one that each has made, as it reads it: they have one author then (`author.participantId`).
    Where one of them does not tell its author, it counts whether the partner `reads` the main one's private document.
    """
    first, second = author_of(of_main), author_of(of_partner)
    if reads if first is None or second is None else first == second:
        seen = (
            "it reads the other's private document"
            if first is None or second is None
            else f"both are {first}"
        )
        raise UserMistake(
            f"The partner {partner.client_id} has to be another integrator than the main one, {main.client_id}, and "
            f"has another client id of the same one ({seen}). Give the credentials of another integrator, or none."
        )


def author_of(document: Mapping[str, Any]) -> str | None:
    """The id of the participant of the integrator who made a document, where that tells it."""
    author = document.get("author")
    found = author.get("participantId") if isinstance(author, dict) else None
    return found if isinstance(found, str) else None


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


def checked_address(text: str, name: str, *, example: str = VENDOR) -> str:
    """The address without slashes at its end; raises UserMistake when it is none."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = good and not (parts.query or parts.fragment or "@" in parts.netloc) and text.isascii()
        good = good and text.isprintable() and " " not in text
        (parts.hostname or "").encode("idna")  # as looking it up does
    except ValueError:
        good = False
    if not good:
        _, at, shown = text.partition("?")[0].rpartition("@")
        # What stands before the host may be a password.
        also = " (with a name or a password before it)" if at else ""
        raise UserMistake(f"{name} takes an address such as {example}, not {shown!r}{also}.")
    return text.rstrip("/")
