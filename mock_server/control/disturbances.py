"""The control API of what goes wrong on purpose: faults, gates, the clock, and snapshots to go back to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import Response

from mock_server import clock
from mock_server.control.answers import ControlError, check_keys, json_answer, json_object, pointer, shown
from mock_server.control.handlers import workspace_of
from mock_server.faults import (
    ANY,
    FIELDS,
    OPERATIONS,
    PHASES,
    FaultMistake,
    check_place,
    fault_of,
    seconds_of,
)
from mock_server.gates import DEFAULT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from mock_server.faults import Fault
    from mock_server.gates import Gate
    from mock_server.workspace import Snapshot, Workspace

# Faults -----------------------------------------------------------------------------------------------


async def list_faults(request: Request) -> Response:
    """All faults, spent ones too, with how often each has struck and what hangs by it."""
    return json_answer([each.as_json() for each in workspace_of(request).faults])


async def add_fault(request: Request) -> Response:
    """A new fault, for the requests that come to its phase from now on."""
    workspace = workspace_of(request)
    body = await json_object(request)
    check_keys(body, FIELDS)
    try:
        fault = fault_of(body)
    except FaultMistake as mistake:
        raise _mistake(mistake) from None
    return json_answer({"id": workspace.faults.add(fault).id}, 201)


async def clear_faults(request: Request) -> Response:
    """Take all faults away; what hangs goes on."""
    workspace_of(request).faults.clear()
    return await _gone()


async def remove_fault(request: Request) -> Response:
    """Take one fault away; what hangs by it goes on."""
    workspace_of(request).faults.remove(_fault(request))
    return await _gone()


async def release_fault(request: Request) -> Response:
    """Let what hangs by a fault go on."""
    check_keys(await json_object(request), ())
    return await _released(_fault(request).room.release())


# Gates ------------------------------------------------------------------------------------------------


async def list_gates(request: Request) -> Response:
    """All gates, with the requests that wait at each, first come first."""
    return json_answer([each.as_json() for each in workspace_of(request).gates])


async def hold_gate(request: Request) -> Response:
    """A new gate: requests that come to its phase from now on are held there."""
    workspace = workspace_of(request)
    body = await json_object(request)
    check_keys(body, ("operation", "phase", "timeout"))
    operation, phase = body.get("operation"), body.get("phase")
    for name, value, known in (("operation", operation, (*OPERATIONS, ANY)), ("phase", phase, PHASES)):
        if value not in known:
            got = "it is missing" if value is None else f"got {shown(value)}"
            message = f"/{name} must be one of {', '.join(known)}; {got}."
            raise ControlError(400, "validationError", message, f"/{name}")
    try:
        check_place(str(operation), str(phase))
        seconds = seconds_of(body["timeout"], "timeout") if "timeout" in body else DEFAULT_SECONDS
    except FaultMistake as mistake:
        raise _mistake(mistake) from None
    gate = workspace.gates.hold(str(operation), phase, seconds)  # type: ignore[arg-type]  # checked above
    return json_answer({"id": gate.id}, 201)


async def clear_gates(request: Request) -> Response:
    """Take all gates away; what waited goes on."""
    workspace_of(request).gates.clear()
    return await _gone()


async def remove_gate(request: Request) -> Response:
    """Take one gate away; what waited at it goes on."""
    workspace_of(request).gates.remove(_gate(request))
    return await _gone()


async def release_gate(request: Request) -> Response:
    """Let go all, and take the gate away; or some, or one, and it stays."""
    gate, body = _gate(request), await json_object(request)
    check_keys(body, ("count", "requestId"))
    if len(body) > 1:
        message = "Give /count or /requestId, not both."
        raise ControlError(400, "validationError", message)
    if not body:
        return await _released(workspace_of(request).gates.remove(gate))
    if "count" in body:
        return await _released(gate.room.release(count=_count(body["count"])))
    wanted = body["requestId"]
    released = gate.room.release(request_id=wanted) if isinstance(wanted, str) else []
    if not released:
        waiting = ", ".join(each.entry.id for each in gate.room) or "none"
        message = f"/requestId must name a request that waits at {gate.id} ({waiting}); got {shown(wanted)}."
        raise ControlError(404 if isinstance(wanted, str) else 400, "notFound", message, "/requestId")
    return await _released(released)


# The clock --------------------------------------------------------------------------------------------


async def show_clock(request: Request) -> Response:
    return json_answer(_clock(workspace_of(request)))


async def change_clock(request: Request) -> Response:
    """Set the clock, move it on, stop it or let it run, and set what the Date header is ahead of it."""
    workspace = workspace_of(request)
    body = await json_object(request)
    check_keys(body, ("now", "advance", "rate", "skew"))
    if not body:
        raise ControlError(400, "validationError", "Say what to change: /now, /advance, /rate or /skew.")
    if "now" in body and "advance" in body:
        raise ControlError(400, "validationError", "Give /now or /advance, not both.", "/advance")
    now, runs, skew = workspace.clock.time(), workspace.clock_runs, workspace.skew
    if "now" in body:
        now = _moment(body["now"])
    if "advance" in body:
        now += _seconds(body, "advance", least=0.0)
    if "rate" in body:
        runs = _rate(body["rate"])
    if "skew" in body:
        skew = _seconds(body, "skew", least=-_LONGEST)
    if not min(now, now + skew) >= _EARLIEST or not max(now, now + skew) < _LATEST:
        raise ControlError(
            400,
            "validationError",
            "The clock must stay within the years 1970 to 9999, its skew included.",
            "/now" if "now" in body else "/advance" if "advance" in body else "/skew",
        )
    if body.keys() & {"now", "advance", "rate"}:
        workspace.move_clock(now, runs=runs)
    workspace.skew = skew
    return json_answer(_clock(workspace))


# Snapshots --------------------------------------------------------------------------------------------


async def list_snapshots(request: Request) -> Response:
    return json_answer([_snapshot(each) for each in workspace_of(request).snapshots.values()])


async def take_snapshot(request: Request) -> Response:
    """Keep ledger, parties, keys, files and clock as they are now."""
    check_keys(await json_object(request), ())
    return json_answer(_snapshot(workspace_of(request).snapshot()), 201)


async def restore_snapshot(request: Request) -> Response:
    """Go back, or forth, to a snapshot; as often as one likes."""
    check_keys(await json_object(request), ())
    workspace = workspace_of(request)
    wanted = request.path_params["id"]
    snapshot = workspace.snapshots.get(wanted)
    if snapshot is None:
        raise ControlError(404, "notFound", f"There is no snapshot {wanted}.", "/id")
    workspace.restore(snapshot)
    return Response(status_code=204)


# What they share --------------------------------------------------------------------------------------

_EARLIEST: Final = 0.0
_LATEST: Final = 253402300800.0  # 10000-01-01T00:00:00Z
_LONGEST: Final = 1e10


async def _released(ids: list[str]) -> Response:
    await _let_those_go_first()
    return json_answer({"released": ids})


async def _gone() -> Response:
    await _let_those_go_first()
    return Response(status_code=204)


async def _let_those_go_first() -> None:
    """Who was let go comes before whoever waits for the answer to that."""
    for _ in range(3):
        await asyncio.sleep(0)


def _fault(request: Request) -> Fault:
    wanted = request.path_params["id"]
    found = workspace_of(request).faults.find(wanted)
    if found is None:
        raise ControlError(404, "notFound", f"There is no fault {wanted}.", "/id")
    return found


def _gate(request: Request) -> Gate:
    wanted = request.path_params["id"]
    found = workspace_of(request).gates.find(wanted)
    if found is None:
        raise ControlError(404, "notFound", f"There is no gate {wanted}.", "/id")
    return found


def _mistake(mistake: FaultMistake) -> ControlError:
    return ControlError(400, "validationError", str(mistake), pointer(mistake.name))


def _clock(workspace: Workspace) -> dict[str, Any]:
    return {
        "now": clock.iso(workspace.clock.time()),
        "rate": 1 if workspace.clock_runs else 0,
        "skew": int(workspace.skew) if workspace.skew.is_integer() else workspace.skew,
    }


def _snapshot(taken: Snapshot) -> dict[str, Any]:
    return {"id": taken.id, "position": taken.position, "at": clock.iso(taken.at)}


def _moment(value: Any) -> float:
    try:
        return clock.parse(value)
    except (ValueError, TypeError):
        message = f"/now must be a date-time with Z or an offset; got {shown(value)}."
        raise ControlError(400, "validationError", message, "/now") from None


def _seconds(body: Mapping[str, Any], name: str, least: float) -> float:
    value = body[name]
    if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= _LONGEST:
        return float(value)
    back = " To go back, set /now." if name == "advance" else ""
    message = (
        f"/{name} must be a number of seconds{' from 0 on' if least == 0 else ''}; got {shown(value)}.{back}"
    )
    raise ControlError(400, "validationError", message, f"/{name}")


def _rate(value: Any) -> bool:
    if value in (0, 1) and not isinstance(value, bool):
        return bool(value)
    message = f"/rate must be 0 (the clock stands still) or 1 (it runs); got {shown(value)}."
    raise ControlError(400, "validationError", message, "/rate")


def _count(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    message = f"/count must be a whole number from 1 on; got {shown(value)}."
    raise ControlError(400, "validationError", message, "/count")
