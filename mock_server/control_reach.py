"""What the commands for a running server have in common: where it is, what they take, how they end."""

from __future__ import annotations

import functools
import math
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote

import click

from mock_server.control_client import ControlClient, ControlFailed
from mock_server.printing import print_json, printable, say

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., None]

Found = TypeVar("Found")

# So that a number may be negative: it would be taken for an option.
WITH_NUMBERS: Final = {"ignore_unknown_options": True}
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def reaching(command: Command) -> Command:
    """The options that say where the server is; the command gets a client, and whether to print JSON."""

    @click.option(
        "--url",
        envvar="CARROT_MOCK_URL",
        default="http://127.0.0.1:8750",
        show_default=True,
        show_envvar=True,
        metavar="URL",
        help="The running server.",
    )
    @click.option("--workspace", default="default", show_default=True, metavar="ID", help="The world in it.")
    @click.option(
        "--control-token",
        envvar="CARROT_MOCK_CONTROL_TOKEN",
        show_envvar=True,
        metavar="T",
        help="The control token that the server was started with.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(command)
    def reached(url: str, workspace: str, control_token: str | None, **more: Any) -> None:
        try:
            with closing(ControlClient(url, workspace, control_token)) as client:
                client.check()
                command(client, **more)
        except ControlFailed as error:
            raise click.UsageError(printable(str(error))) from None

    return reached


def seconds_of(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    """A time span such as 90, 1.5h or -10s, in seconds."""
    if value is None:
        return None
    number = value.rstrip("abcdefghijklmnopqrstuvwxyz")
    try:
        seconds = float(number) * _UNITS[value[len(number) :] or "s"]
        if math.isfinite(seconds):
            return seconds
    except (ValueError, KeyError):
        pass
    raise click.BadParameter(f"a number of seconds is needed, such as 90, or 15m, 2h, 1d; not {value!r}.")


def times_of(_context: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    """How often; None without end."""
    if value == "forever":
        return None
    try:
        return int(value)
    except ValueError:
        raise click.BadParameter(f"a whole number or `forever` is needed, not {value!r}.") from None


def operation_of(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """An operation; `any` is `*`."""
    # A shell takes * for the files of the folder.
    return "*" if value == "any" else value


def id_of(value: str) -> str:
    """An id as a part of a path."""
    return quote(value, safe="")


def show(found: Found, as_json: bool, printed: Callable[[Found], None]) -> None:
    """As JSON, or for people."""
    if as_json:
        print_json(found)
    else:
        printed(found)


def done(sentence: str, as_json: bool) -> None:
    """Nothing to say to a program: the exit code says it."""
    if as_json:
        print_json({})
    else:
        say(sentence)
