"""`carrot-mock doctor`: what a client did that no answer told it of."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from pytest_carrot import history
from pytest_carrot.control import ControlError
from pytest_carrot.diagnosis.connecting import workspace_at
from pytest_carrot.diagnosis.lints import examine
from pytest_carrot.diagnosis.screen import Screen, printable
from pytest_carrot.diagnosis.watching import Doctor, Watch
from pytest_carrot.errors import UserMistake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.control import Control
    from pytest_carrot.diagnosis.finding import Finding
    from pytest_carrot.history import Entry

_CLEAN, _ADVISORIES, _COULD_NOT_RUN = 0, 1, 2
_POLL_SECONDS: Final = 0.5


@click.command(short_help="What a client did wrong that no answer told it of.")
@click.option(
    "--url",
    metavar="URL",
    envvar="CARROT_MOCK_URL",
    default="http://127.0.0.1:8750",
    show_default=True,
    help="Where the server runs; also CARROT_MOCK_URL.",
)
@click.option(
    "--workspace", metavar="ID", default="default", show_default=True, help="The workspace to look at."
)
@click.option(
    "--control-token",
    metavar="T",
    envvar="CARROT_MOCK_CONTROL_TOKEN",
    help="The control token that the server was started with; also CARROT_MOCK_CONTROL_TOKEN.",
)
@click.option(
    "--follow", is_flag=True, help="Keep watching, and tell each finding as it appears, until Ctrl-C."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --follow a line for each finding.")
def doctor(url: str, workspace: str, control_token: str | None, follow: bool, as_json: bool) -> None:
    """Look at the requests that a running server has had, and tell what the client should do otherwise.

    \b
    Exit code 0: nothing to tell. 1: advisories. 2: could not run.
    """
    if sys.stdout is None:
        _fail("there is nowhere to print to: stdout is closed.")
    where = f"workspace {workspace} at {url}"
    try:
        control = workspace_at(url, workspace, control_token)
        found = _follow(control, where, as_json) if follow else _once(control, where, as_json)
    except UserMistake as mistake:
        _fail(str(mistake))
    except KeyboardInterrupt:
        sys.exit(_COULD_NOT_RUN)
    except (json.JSONDecodeError, UnicodeDecodeError):
        _fail(f"{where} was answered with something that is no JSON: is there a proxy in between?")
    except ControlError as error:
        gone = "was deleted." if error.status == 404 else f"can no longer be looked at: {error}"
        _fail(f"{where} {gone}")
    sys.exit(_ADVISORIES if found else _CLEAN)


def _once(control: Control, where: str, as_json: bool) -> int:
    """Tell everything that there is; how much that is."""
    entries, records = history.entries(control), history.records(control)
    findings = examine(entries, records)
    if as_json:
        told = {
            "requests": len(entries),
            "lost": _lost(entries),
            "advisories": [_as_json(each) for each in findings],
        }
        click.echo(json.dumps(told, indent=2))
    else:
        _report(Screen(), where, entries, findings)
    return len(findings)


def _follow(control: Control, where: str, as_json: bool) -> int:
    """Tell what there is and what appears, until Ctrl-C; how much that was."""
    watch = Watch(control)
    watching = Doctor(watch, time.monotonic)
    screen = None if as_json else Screen()
    told = 0
    try:
        new = watching.new()
        if screen is not None:
            _report(screen, where, watch.entries, new)
            screen.line("")
            screen.line("Watching; Ctrl-C ends it.", "dim")
            told, new = len(new), []
        while True:
            told += len(new)
            for each in new:
                if screen is None:
                    click.echo(json.dumps(_as_json(each)))
                else:
                    screen.one(each)
            time.sleep(_POLL_SECONDS)
            new = watching.new()
    except KeyboardInterrupt:
        if screen is not None:
            screen.line("")
            screen.line(
                f"{_several(told, 'advisory', 'advisories')} while watching." if told else "Nothing to tell."
            )
    return told


def _report(screen: Screen, where: str, entries: Sequence[Entry], findings: Sequence[Finding]) -> None:
    if not entries:
        screen.line(f"{where[0].upper()}{where[1:]}: no requests yet.")
    else:
        what = _several(len(findings), "advisory", "advisories") if findings else "nothing to tell"
        requests = _several(len(entries), "request", "requests")
        screen.line(f"{where[0].upper()}{where[1:]}: {requests}, {what}.", "bold")
    if lost := _lost(entries):
        screen.line(
            f"The journal keeps the newest {len(entries)} requests, and the first {lost} of this workspace are gone: "
            "what they would tell is not here. Start the server with a greater --journal-entries or --journal-bytes."
        )
    screen.groups(findings)


def _lost(entries: Sequence[Entry]) -> int:
    return history.number(entries[0]) - 1 if entries else 0


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "message": finding.message,
        "requestId": finding.request_id,
        "requests": list(finding.requests),
    }


def _several(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _fail(sentence: str) -> NoReturn:
    click.echo(f"carrot-mock: {printable(sentence)}", err=True)
    sys.exit(_COULD_NOT_RUN)
