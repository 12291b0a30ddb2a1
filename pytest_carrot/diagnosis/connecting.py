"""The way to a workspace of a running server, or the sentence that says why there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from pytest_carrot.control import ControlError, JsonControl, Socket
from pytest_carrot.errors import UserMistake

if TYPE_CHECKING:
    from pytest_carrot.control import Control

_SECONDS = 10.0
_NAMED = 5


def workspace_at(url: str, workspace: str, token: str | None) -> Control:
    """The control API of a workspace that is there; raises UserMistake."""
    address = _checked(url)
    if token is not None and not (token.isascii() and token.isprintable()):
        raise UserMistake("The control token has characters that no HTTP header may have.")
    wire = Socket(address, _SECONDS)
    _check_server(wire)
    control = JsonControl(wire, "/_mock/", token)
    _check_control(control, address, token)
    within = control.within(f"workspaces/{quote(workspace, safe='')}")
    try:
        within.get("")
    except ControlError as error:
        if error.status != 404:
            raise UserMistake(str(error)) from None
        raise UserMistake(f"There is no workspace {workspace!r} at {address}; {_known(control)}.") from None
    return within


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        good = good and not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        good = good and url.isprintable() and " " not in url
        (parts.hostname or "").encode("idna")  # as looking it up does
    except ValueError:
        good = False
    if not good:
        raise UserMistake(f"--url takes an address such as http://127.0.0.1:8750, not {url!r}.")
    return url.rstrip("/")


def _check_server(wire: Socket) -> None:
    try:
        status, answer = wire.exchange("GET", "/_mock/health", b"", {})
    except ControlError as error:
        raise UserMistake(
            f"No Carrot Mock answers at {wire.url} ({error.reason}): start one there with `carrot-mock serve`, or "
            "give --url the address that it prints."
        ) from None
    try:
        health = json.loads(answer)
        if status == 200 and health["status"] == "ready":
            return
    except (ValueError, KeyError, TypeError):
        pass
    raise UserMistake(
        f"What answers at {wire.url} is no Carrot Mock (GET /_mock/health: status {status}): give --url the address "
        "that `carrot-mock serve` prints."
    )


def _check_control(control: JsonControl, url: str, token: str | None) -> None:
    try:
        control.get("workspaces/default")
    except ControlError as error:
        if error.status == 404:
            raise UserMistake(
                f"The control API of the Carrot Mock at {url} is switched off, and with it the journal: start it "
                "without --no-control."
            ) from None
        if error.status != 401:
            raise UserMistake(str(error)) from None
        needs = "needs a control token" if token is None else "has another control token than the one given"
        raise UserMistake(
            f"The Carrot Mock at {url} {needs}: give the one it was started with, as --control-token or in the "
            "variable CARROT_MOCK_CONTROL_TOKEN."
        ) from None


def _known(control: JsonControl) -> str:
    found: list[dict[str, Any]] = control.get("workspaces")
    ids = [str(each["id"]) for each in found]
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return f"there is {', '.join(ids[:_NAMED])}{more}"
