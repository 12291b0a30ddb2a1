"""From what a user gave to an API that can be checked, or the sentence that says why it cannot."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from secrets import randbits
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pytest_carrot.checking.plan import Target
from pytest_carrot.control import ControlError, JsonControl, Socket
from pytest_carrot.errors import UserMistake
from pytest_carrot.handle import Carrot, Credentials, new_workspace
from pytest_carrot.live_http import NoAnswer, exchange
from pytest_carrot.live_target import VENDOR, VENDOR_TOKENS, Login, check_is_carrot, fetch_token
from pytest_carrot.live_target import Target as LiveTarget

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE: Final = "5/s"
"""What an API that is no mock of one's own is asked for: the documented limit of the test environment."""
_DEFAULT: Final = ("carrot-test-client", "carrot-test-secret")
_DEFAULT_PARTNER: Final = ("carrot-partner-client", "carrot-partner-secret")
# What depends on order and on the time of day no schema can say.
_SEMANTICS: Final = {"ordering": "off", "future-timestamps": "off"}

_DOCUMENT: Final = {
    "category": "MassID",
    "type": "Organic",
    "externalCreatedAt": "2026-03-01T10:00:00.000Z",
    "isPublic": False,
    "isPubliclySearchable": False,
    "externalId": "carrot-mock check",
    "participant": {
        "countryCode": "BR",
        "name": "Cantina Modelo Ltda",
        "taxId": "99000001000101",
        "taxIdType": "CNPJ",
        "type": "COMPANY",
    },
    "address": {
        "name": "Matriz",
        "street": "Rua Modelo",
        "number": "250",
        "city": "São Paulo",
        "countryState": "SP",
        "countryCode": "BR",
    },
}
"""What is written first, to see where it goes."""

Given = tuple[str | None, str | None]


@dataclass(frozen=True)
class Wanted:
    """What the user said; a pair is an id and a secret."""

    url: str
    token_url: str | None = None
    main: Given = (None, None)
    partner: Given = (None, None)
    control_token: str | None = None
    may_write: bool = False
    """Whether documents may be written to an API that is not on this machine."""
    keep: bool = False
    """Whether a workspace of the run's own stays."""


@dataclass(frozen=True)
class Aim:
    """An API that can be checked, and what the user is to know of it, in sentences."""

    target: Target
    said: tuple[str, ...]
    is_own: bool
    """Whether it is a workspace that nobody else uses, and that has no rate limit."""
    is_dropped: bool = False
    """Whether that is gone after the block."""

    @property
    def secrets(self) -> list[str]:
        partner = self.target.partner
        return [self.target.client_secret, *([] if partner is None else [partner.client_secret])]


@contextmanager
def aimed(wanted: Wanted) -> Iterator[Aim]:
    """The API while the block runs; raises UserMistake when there is none that could be checked."""
    _check_url(wanted.url, "URL")
    where = _live(wanted)
    said = _check_credentials(wanted, where)
    with ExitStack() as stack:
        if (control := _control(wanted, stack)) is not None:
            own = _own_workspace(control, where.url, wanted, stack)
            if isinstance(own, Aim):
                yield own
                return
            said.append(own)
        yield Aim(_other(wanted, where, said), tuple(said), is_own=False)


# A Carrot Mock -------------------------------------------------------------------------------------------


def _control(wanted: Wanted, stack: ExitStack) -> JsonControl | None:
    """The control API, where a Carrot Mock answers; raises UserMistake when nothing answers at all."""
    url = wanted.url.rstrip("/")
    try:
        answer = exchange("GET", f"{url}/_mock/health", {})
    except NoAnswer as why:
        raise UserMistake(str(why)) from None
    if answer.status != 200 or answer.object.get("status") != "ready" or urlsplit(url).path.strip("/"):
        return None
    wire = Socket(url)
    stack.callback(wire.close)
    return JsonControl(wire, "/_mock/", wanted.control_token)


def _own_workspace(control: JsonControl, url: str, wanted: Wanted, stack: ExitStack) -> Aim | str:
    """A workspace of the run's own, dropped at the end; a sentence where the control API cannot be used."""
    try:
        found = new_workspace(control, seed=randbits(32), semantics=_SEMANTICS, rate_limit="off")
    except ControlError as error:
        if error.status == 404:
            return "It is a Carrot Mock whose control API is switched off, and is checked as any other API."
        if error.status != 401:
            raise UserMistake(f"The Carrot Mock at {url} gives no workspace: {error}") from None
        if wanted.control_token is not None:
            raise UserMistake(
                f"The Carrot Mock at {url} has another control token than the one given."
            ) from None
        return (
            "It is a Carrot Mock whose control API needs its token, and is checked as any other API; with "
            "--control-token the run would have a workspace of its own."
        )
    except json.JSONDecodeError:
        raise UserMistake(f"The Carrot Mock at {url} is behind something that answers no JSON.") from None
    wire = Socket(url)
    stack.callback(wire.close)
    world = Carrot(wire, control.within(f"workspaces/{found['id']}"), url, found)
    if wanted.keep:
        end = f"stays, with client {world.client_id}"
    else:
        stack.callback(_drop, world)
        end = "is dropped at the end (--keep keeps it)"
    target = Target(
        world.url,
        world.token_url,
        world.client_id,
        world.client_secret,
        world.partner,
        control.within(f"workspaces/{found['id']}"),
    )
    said = f"It is a Carrot Mock: the run has workspace {world.id} of its own, without a rate limit, which {end}."
    return Aim(target, (said,), is_own=True, is_dropped=not wanted.keep)


def _drop(world: Carrot) -> None:
    try:
        world.close()
    except ControlError:
        # The server has gone, and the workspace with it.
        return


# Any other API -------------------------------------------------------------------------------------------


def _live(wanted: Wanted) -> LiveTarget:
    url = wanted.url.rstrip("/")
    tokens = wanted.token_url or (VENDOR_TOKENS if url == VENDOR else f"{url}/oauth2/token")
    _check_url(tokens, "--token-url")
    main = _pair(wanted.main, "--client-id and --client-secret", "CARROT_CLIENT_ID and CARROT_CLIENT_SECRET")
    partner = _pair(
        wanted.partner,
        "--partner-client-id and --partner-client-secret",
        "CARROT_PARTNER_CLIENT_ID and CARROT_PARTNER_CLIENT_SECRET",
    )
    if partner is not None and main is not None and partner.client_id == main.client_id:
        raise UserMistake("The partner has to be another integrator than the main one.")
    return LiveTarget(url, tokens, main or Login(*_DEFAULT), partner)


def _check_credentials(wanted: Wanted, where: LiveTarget) -> list[str]:
    """What is to be said of them; raises UserMistake when those that were given are refused."""
    if wanted.main[0] is not None:
        fetch_token(where, where.main)
        said = []
    else:
        said = [f"No credentials were given: the default test credentials are used, {where.main.client_id}."]
    if where.partner is not None:
        fetch_token(where, where.partner)
    return said


def _other(wanted: Wanted, where: LiveTarget, said: list[str]) -> Target:
    """An API with other users, which is paced and keeps what is written; raises UserMistake."""
    token = fetch_token(where, where.main)
    check_is_carrot(where, token)
    if not where.is_here and not wanted.may_write:
        raise UserMistake(
            f"A check WRITES DOCUMENTS to {where.url}, hundreds of them, and nobody can delete them there. If they "
            "are meant to be there, and the credentials are those of a test environment, say so with --yes."
        )
    _check_environment(where, token)
    partner = where.partner
    if partner is None and wanted.main[0] is None:
        partner = _partner_that_works(where)
    if partner is None:
        said.append("Without credentials of a partner nobody tries to read what is not theirs.")
    said.append(f"Its documents stay: the run writes some hundreds to {where.url}.")
    return Target(
        where.url,
        where.token_url,
        where.main.client_id,
        where.main.client_secret,
        None if partner is None else Credentials(partner.client_id, partner.client_secret, ""),
    )


def _check_environment(where: LiveTarget, token: str) -> None:
    """Raises UserMistake when a document that is written there is in production."""
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    try:
        created = exchange("POST", f"{where.url}/documents", headers, json.dumps(_DOCUMENT).encode())
        found = exchange("GET", f"{where.url}/documents/{created.object.get('id')}", headers)
    except NoAnswer as why:
        raise UserMistake(str(why)) from None
    if found.accepted and found.object.get("dataSetName", "TEST") != "TEST":
        raise UserMistake(
            f"These are credentials of production (dataSetName {str(found.object['dataSetName'])[:40]!r}), where "
            f"nothing is tried out: the run stopped after its first document, {found.object.get('id')}, which is "
            "private and stays there. Give credentials of the test environment."
        )


def _partner_that_works(where: LiveTarget) -> Login | None:
    """The default partner, where the API knows it."""
    login = Login(*_DEFAULT_PARTNER)
    try:
        fetch_token(where, login)
    except UserMistake:
        return None
    return login


def _pair(given: Given, flags: str, variables: str) -> Login | None:
    first, second = given
    if first is None and second is None:
        return None
    if not first or not second:
        raise UserMistake(f"Give both of {flags}, or of {variables}; only one of them is there.")
    return Login(first, second)


def _check_url(text: str, name: str) -> None:
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = good and not (parts.query or parts.fragment or parts.username)
        good = good and text.isascii() and text.isprintable() and " " not in text
        (parts.hostname or "").encode("idna")  # as looking it up does
    except ValueError:
        good = False
    if not good:
        raise UserMistake(f"{name} takes an address such as {VENDOR}, not {text.partition('?')[0]!r}.")
