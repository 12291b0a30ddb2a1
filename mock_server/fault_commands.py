"""`carrot-mock fault|gate`: let requests to a running server go wrong, and hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mock_server import control_screen as screen
from mock_server.control_reach import done, id_of, operation_of, reaching, seconds_of, show, times_of
from mock_server.printing import print_json, say

if TYPE_CHECKING:
    from mock_server.control_client import ControlClient

# Faults -----------------------------------------------------------------------------------------------------


@click.group()
def fault() -> None:
    """Let requests to a running server go wrong, at a phase of their life."""


@fault.command("add", short_help="Let the next request of an operation go wrong.")
@click.argument("operation", callback=operation_of)
@click.argument("phase")
@click.argument("do")
@click.option("--status", type=int, metavar="N", help="Of do status: 400 to 599.  [default: 500]")
@click.option("--code", metavar="CODE", help="Of do status: the error's code.  [default: by the status]")
@click.option("--seconds", metavar="S", callback=seconds_of, help="How long it takes, such as 2 or 500ms.")
@click.option(
    "--times",
    metavar="N",
    default="1",
    show_default=True,
    callback=times_of,
    help="How often it strikes, or `forever`.",
)
@click.option("--after", type=int, metavar="N", help="Let N requests pass first.")
@click.option("--probability", type=float, metavar="P", help="The chance of each, from 0 to 1.")
@click.option("--document", "documentId", metavar="ID", help="Only requests about this document.")
@click.option("--key", "deduplicationId", metavar="KEY", help="Only requests with this deduplicationId.")
@click.option(
    "--attempt", type=int, metavar="N", help="Only the N-th request with its key or, without one, body."
)
@reaching
def fault_add(client: ControlClient, as_json: bool, times: int | None, **more: Any) -> None:
    """Let a request go wrong: DO at a PHASE of an OPERATION.

    \b
    OPERATION  documents.create, documents.read, events.append, events.batch, attachments.upload,
               attachments.download, storage.put, storage.get, token, or any
    PHASE      arrived, authenticated, validated, before_commit, committed, responding
    DO         status, drop, reset, hang, delay, expire; truncate and slow from committed on

    \b
    carrot-mock fault add events.append committed drop
    carrot-mock fault add any arrived status --status 503 --times 3
    """
    wanted = {name: value for name, value in more.items() if value is not None} | {"times": times}
    made = client.post("faults", wanted)
    if as_json:
        print_json(made)
        return
    often = {None: "each time", 1: "once"}.get(times, f"{times} times")
    where = screen.place(more["operation"], more["phase"])
    say(f"Fault {made['id']} is set: {screen.what(wanted)} at {where}, {often}.", made["id"])


@fault.command("list")
@reaching
def fault_list(client: ControlClient, as_json: bool) -> None:
    """What is to go wrong, how often it has, and what it holds."""
    found = client.get("faults")
    show(found, as_json, screen.print_faults)


@fault.command("release")
@click.argument("fault_id", metavar="ID")
@reaching
def fault_release(client: ControlClient, as_json: bool, fault_id: str) -> None:
    """Let go on what a fault holds (do hang or delay)."""
    _released(client.post(f"faults/{id_of(fault_id)}/release", {}), as_json)


@fault.command("remove")
@click.argument("fault_id", metavar="ID")
@reaching
def fault_remove(client: ControlClient, as_json: bool, fault_id: str) -> None:
    """Take a fault away; what it holds goes on."""
    client.delete(f"faults/{id_of(fault_id)}")
    done(f"Fault {fault_id} is gone.", as_json)


@fault.command("clear")
@reaching
def fault_clear(client: ControlClient, as_json: bool) -> None:
    """Take all faults away."""
    client.delete("faults")
    done("There is no fault any more.", as_json)


# Gates ------------------------------------------------------------------------------------------------------


@click.group()
def gate() -> None:
    """Hold requests to a running server at a phase, and let them go in the order that you want."""


@gate.command("hold", short_help="Hold the requests of an operation at a phase.")
@click.argument("operation", callback=operation_of)
@click.argument("phase")
@click.option(
    "--timeout", metavar="S", callback=seconds_of, help="How long to hold each at most.  [default: 30]"
)
@reaching
def gate_hold(
    client: ControlClient, as_json: bool, operation: str, phase: str, timeout: float | None
) -> None:
    """Hold the requests of an OPERATION (or any) at a PHASE.

    \b
    carrot-mock gate hold events.append before_commit
    """
    wanted: dict[str, Any] = {"operation": operation, "phase": phase}
    made = client.post("gates", wanted if timeout is None else {**wanted, "timeout": timeout})
    if as_json:
        print_json(made)
        return
    where = screen.place(operation, phase)
    say(f"Gate {made['id']} is set at {where}; `carrot-mock gate release {made['id']}` opens it.", made["id"])


@gate.command("list")
@reaching
def gate_list(client: ControlClient, as_json: bool) -> None:
    """Which gates there are, and who waits at them, first come first."""
    found = client.get("gates")
    show(found, as_json, screen.print_gates)


@gate.command("release")
@click.argument("gate_id", metavar="ID")
@click.option("--count", type=int, metavar="N", help="Only the N that came first.")
@click.option("--request", "request_id", metavar="ID", help="Only this request.")
@reaching
def gate_release(
    client: ControlClient, as_json: bool, gate_id: str, count: int | None, request_id: str | None
) -> None:
    """Let requests go on: all, after which the gate is gone, or with an option some, and it stays."""
    if count is not None and request_id is not None:
        raise click.UsageError("--count and --request exclude each other: give one of them.")
    asked = {"count": count, "requestId": request_id}
    wanted = {name: value for name, value in asked.items() if value is not None}
    _released(client.post(f"gates/{id_of(gate_id)}/release", wanted), as_json)


@gate.command("remove")
@click.argument("gate_id", metavar="ID")
@reaching
def gate_remove(client: ControlClient, as_json: bool, gate_id: str) -> None:
    """Take a gate away; who waits goes on."""
    client.delete(f"gates/{id_of(gate_id)}")
    done(f"Gate {gate_id} is gone.", as_json)


@gate.command("clear")
@reaching
def gate_clear(client: ControlClient, as_json: bool) -> None:
    """Take all gates away."""
    client.delete("gates")
    done("There is no gate any more.", as_json)


def _released(answer: dict[str, Any], as_json: bool) -> None:
    show(answer, as_json, lambda found: screen.say_released(found["released"]))
