"""`carrot-mock fault|gate|clock|requests|snapshot`: what a running server's control API does, from a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mock_server import control_screen as screen
from mock_server.control_reach import WITH_NUMBERS, done, id_of, operation_of, reaching, seconds_of, show
from mock_server.fault_commands import fault, gate
from mock_server.printing import print_json, say

if TYPE_CHECKING:
    from mock_server.control_client import ControlClient

__all__ = ["clock", "fault", "gate", "requests", "snapshot"]

# The clock --------------------------------------------------------------------------------------------------


@click.group()
def clock() -> None:
    """Set the clock of a running server: its tokens, URLs, limits and times obey it."""


@clock.command("show")
@reaching
def clock_show(client: ControlClient, as_json: bool) -> None:
    """What it shows, whether it goes on, and how far Date and tokens are ahead of it."""
    _show_clock(client.get("clock"), as_json)


@clock.command("set")
@click.argument("moment", metavar="ISO")
@reaching
def clock_set(client: ControlClient, as_json: bool, moment: str) -> None:
    """Set it to a date and time with a zone, such as 2026-07-01T12:00:00Z."""
    _show_clock(client.put("clock", {"now": moment}), as_json)


@clock.command("advance", context_settings=WITH_NUMBERS)
@click.argument("seconds", metavar="SECONDS", callback=seconds_of)
@reaching
def clock_advance(client: ControlClient, as_json: bool, seconds: float) -> None:
    """Set it forward, by seconds or 15m, 2h, 1d."""
    _show_clock(client.put("clock", {"advance": seconds}), as_json)


@clock.command("freeze")
@reaching
def clock_freeze(client: ControlClient, as_json: bool) -> None:
    """Let it stand still."""
    _show_clock(client.put("clock", {"rate": 0}), as_json)


@clock.command("resume")
@reaching
def clock_resume(client: ControlClient, as_json: bool) -> None:
    """Let it go on, from what it shows."""
    _show_clock(client.put("clock", {"rate": 1}), as_json)


@clock.command("skew", context_settings=WITH_NUMBERS)
@click.argument("seconds", metavar="SECONDS", callback=seconds_of)
@reaching
def clock_skew(client: ControlClient, as_json: bool, seconds: float) -> None:
    """Let the Date header and the times of tokens be ahead of the ledger's; negative: behind."""
    _show_clock(client.put("clock", {"skew": seconds}), as_json)


def _show_clock(found: dict[str, Any], as_json: bool) -> None:
    show(found, as_json, screen.say_clock)


# Requests ---------------------------------------------------------------------------------------------------


@click.command(short_help="What requests a running server has had, and what became of them.")
@click.argument("request_id", metavar="[ID]", required=False)
@click.option(
    "--operation",
    metavar="NAME",
    callback=lambda c, p, v: v and operation_of(c, p, v),
    help="Only of this operation; `any`: those that reached none.",
)
@click.option("--key", "deduplicationId", metavar="KEY", help="Only with this deduplicationId.")
@click.option("--document", "documentId", metavar="ID", help="Only about this document.")
@click.option("--since", metavar="ID|ISO", help="Only after this request, or from this moment on.")
@click.option("--limit", type=int, metavar="N", help="Only the newest N.")
@reaching
def requests(client: ControlClient, as_json: bool, request_id: str | None, **filters: Any) -> None:
    """What requests came, oldest first; with an ID everything about one.

    \b
    carrot-mock requests --operation events.append --limit 10
    carrot-mock requests r7
    """
    given = {name: value for name, value in filters.items() if value is not None}
    if request_id is None:
        found = client.get("requests", given)
        show(found, as_json, screen.print_requests)
        return
    if given:
        raise click.UsageError("An ID names one request: leave the filters out, or the ID.")
    entry = client.get(f"requests/{id_of(request_id)}")
    show(entry, as_json, screen.print_request)


# Snapshots --------------------------------------------------------------------------------------------------


@click.group()
def snapshot() -> None:
    """Remember the state of a running server, and go back to it."""


@snapshot.command("take")
@reaching
def snapshot_take(client: ControlClient, as_json: bool) -> None:
    """Remember ledger, parties, keys, attachments and clock as they are now."""
    made = client.post("snapshots", {})
    if as_json:
        print_json(made)
        return
    say(f"Snapshot {made['id']} is taken, at position {made['position']} of the ledger.", made["id"])


@snapshot.command("list")
@reaching
def snapshot_list(client: ControlClient, as_json: bool) -> None:
    """Which states there are to go back to."""
    found = client.get("snapshots")
    show(found, as_json, screen.print_snapshots)


@snapshot.command("restore")
@click.argument("snapshot_id", metavar="ID")
@reaching
def snapshot_restore(client: ControlClient, as_json: bool, snapshot_id: str) -> None:
    """Go back to a state. Journal, faults, gates and semantics stay as they are."""
    client.post(f"snapshots/{id_of(snapshot_id)}/restore", {})
    done(f"The world is as it was at {snapshot_id}.", as_json)
