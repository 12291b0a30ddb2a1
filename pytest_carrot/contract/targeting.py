"""From what a user gave to an API that can be checked, or the sentence that says why it cannot."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from secrets import randbits
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mock_server.behaviours import SWITCHES
from pytest_carrot.checking.plan import Target
from pytest_carrot.contract.sounding import Line, switches
from pytest_carrot.control import ControlError, JsonControl, Socket
from pytest_carrot.errors import UserMistake
from pytest_carrot.handle import Carrot, Credentials, new_workspace
from pytest_carrot.live_environment import Permission, environment_of
from pytest_carrot.live_http import NoAnswer, exchange
from pytest_carrot.live_target import (
    DEFAULT,
    VENDOR,
    VENDOR_TOKENS,
    Login,
    check_is_carrot,
    check_partner,
    checked_address,
    fetch_token,
    looks,
    partner_that_works,
)
from pytest_carrot.live_target import Target as LiveTarget

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RATE: Final = "5/s"
"""What an API that is no mock of one's own is asked for: the documented limit of the test environment."""
# What depends on order and on the time of day no schema can say.
_SEMANTICS: Final = {"ordering": "off", "future-timestamps": "off"}

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
    timeout: float = 10.0
    """Seconds that an answer may take."""


@dataclass(frozen=True)
class Aim:
    """An API that can be checked, and what the user is to know of it, in sentences."""

    target: Target
    said: tuple[str, ...]
    is_own: bool
    """Whether it is a workspace that nobody else uses, and that has no rate limit."""
    is_dropped: bool = False
    """Whether that is gone after the block."""
    semantics: Mapping[str, str] = field(default_factory=dict)
    """Switches that were seen of it."""

    @property
    def secrets(self) -> list[str]:
        partner = self.target.partner
        return [self.target.client_secret, *([] if partner is None else [partner.client_secret])]


@contextmanager
def aimed(wanted: Wanted) -> Iterator[Aim]:
    """The API while the block runs; raises UserMistake when there is none that could be checked."""
    checked_address(wanted.url, "URL")
    where = _live(wanted)
    said = _check_credentials(wanted, where)
    with ExitStack() as stack:
        if (control := _control(wanted, stack)) is not None:
            own = _own_workspace(control, where.url, wanted, stack)
            if isinstance(own, Aim):
                yield own
                return
            said.append(own)
        yield _other(wanted, where, said)


# A Carrot Mock -------------------------------------------------------------------------------------------


def _control(wanted: Wanted, stack: ExitStack) -> JsonControl | None:
    """The control API, where a Carrot Mock answers; raises UserMistake when nothing answers at all."""
    url = wanted.url.rstrip("/")
    try:
        answer = exchange("GET", f"{url}/_mock/health", {}, seconds=wanted.timeout)
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
    checked_address(tokens, "--token-url", example=VENDOR_TOKENS)
    main = _pair(wanted.main, "--client-id and --client-secret", "CARROT_CLIENT_ID and CARROT_CLIENT_SECRET")
    partner = _pair(
        wanted.partner,
        "--partner-client-id and --partner-client-secret",
        "CARROT_PARTNER_CLIENT_ID and CARROT_PARTNER_CLIENT_SECRET",
    )
    if partner is not None and main is not None and partner.client_id == main.client_id:
        raise UserMistake("The partner has to be another integrator than the main one.")
    return LiveTarget(url, tokens, main or Login(*DEFAULT), partner, wanted.timeout)


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


def _other(wanted: Wanted, where: LiveTarget, said: list[str]) -> Aim:
    """An API with other users, which is paced and keeps what is written; raises UserMistake."""
    token = fetch_token(where, where.main)
    check_is_carrot(where, token)
    if not where.is_here and not wanted.may_write:
        raise UserMistake(
            f"A check WRITES DOCUMENTS to {where.url}, hundreds of them, and nobody can delete them there. If they "
            "are meant to be there, and the credentials are those of a test environment, say so with --yes."
        )
    partner = where.partner
    if partner is None and wanted.main[0] is None:
        partner = partner_that_works(where)
    try:
        semantics = _looked_at(where, token, partner)
    except NoAnswer as why:
        raise UserMistake(str(why)) from None
    if partner is None:
        said.append("Without credentials of a partner nobody tries to read what is not theirs.")
    if seen := [f"{name}={value}" for name, value in semantics.items() if SWITCHES[name].default != value]:
        said.append(f"Its first answers show {', '.join(seen)}, so it is judged by that.")
    said.append(f"Its documents stay: the run writes some hundreds to {where.url}.")
    target = Target(
        where.url,
        where.token_url,
        where.main.client_id,
        where.main.client_secret,
        None if partner is None else Credentials(partner.client_id, partner.client_secret, ""),
    )
    return Aim(target, tuple(said), is_own=False, semantics=semantics)


def _looked_at(where: LiveTarget, token: str, partner: Login | None) -> dict[str, str]:
    """The switches that first documents show; raises UserMistake where nothing more is to be written."""
    line = Line(where.url, f"Bearer {token}", where.timeout)
    document_id, document = _first_document(line)
    if partner is not None:
        others = Line(where.url, f"Bearer {fetch_token(where, partner)}", where.timeout)
        _, of_partner = _first_document(others)
        reads = others.read(document_id).accepted
        check_partner(where.main, partner, document, of_partner, reads=reads)
    return switches(line, document_id, document)


def _first_document(line: Line) -> tuple[str, dict[str, Any]]:
    """A document that is written to see where it goes: its id, and how it is read."""
    created = line.create()
    document_id = str(created.object.get("id"))
    if not created.accepted or "id" not in created.object:
        raise UserMistake(
            f"What answers at {line.url} does not act as the Carrot API: POST /documents with a private document was "
            f"to be answered 201 with its id, and came with {looks(created)}."
        )
    found = line.read(document_id)
    if not found.accepted or not found.object:
        raise UserMistake(
            f"What answers at {line.url} does not act as the Carrot API: the document that it has just created, "
            f"{document_id}, was to be read with 200 and a JSON object, and came with {looks(found)}"
            f"{', which is no object' if found.accepted else ''}."
        )
    # Many a stub names no environment.
    environment_of(found.object, document_id, Permission(assume_test=True, production_flags=""))
    return document_id, found.object


def _pair(given: Given, flags: str, variables: str) -> Login | None:
    first, second = given
    if first is None and second is None:
        return None
    if not first or not second:
        raise UserMistake(f"Give both of {flags}, or of {variables}; only one of them is there.")
    return Login(first, second)
