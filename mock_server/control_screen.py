"""How the commands for a running server show faults, gates, requests, the clock and snapshots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mock_server.printing import print_fields, print_table, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Found = Mapping[str, Any]

_PENDING = "PENDING_PROCESS_CONFLICT_ERROR"


def print_faults(faults: Sequence[Found]) -> None:
    rows = [
        [
            each["id"],
            each["operation"],
            each["phase"],
            what(each),
            f"{each['strikes']}" + ("" if each.get("times") is None else f" of {each['times']}"),
            _only(each),
            ", ".join(each.get("hanging", ())),
        ]
        for each in faults
    ]
    columns = ("id", "operation", "phase", "do", "struck", "only", "holds")
    print_table(columns, rows, "There is no fault.", elastic=("only", "holds"))


def what(fault: Found) -> str:
    """What a fault does: `status 503`, `hang 2 s`, `drop`."""
    told = [fault["do"]]
    told += [str(fault[name]) for name in ("status", "code") if fault.get(name) is not None]
    if fault.get("seconds") is not None:
        told.append(f"{fault['seconds']:g} s")
    return " ".join(told)


def place(operation: str, phase: str) -> str:
    """A phase in the life of an operation's requests."""
    return f"{phase} of {'any operation' if operation == '*' else operation}"


def print_gates(gates: Sequence[Found]) -> None:
    rows = [[each["id"], each["operation"], each["phase"], _waiting(each["waiting"])] for each in gates]
    print_table(("id", "operation", "phase", "waiting"), rows, "There is no gate.", elastic=("waiting",))


def say_released(ids: Sequence[str]) -> None:
    say(f"Let go: {', '.join(ids)}." if ids else "Nobody waited.", *ids)


def say_clock(clock: Found) -> None:
    pace = "goes on" if clock["rate"] else "stands still"
    skew = f"; the Date header and tokens are {clock['skew']:g} s ahead" if clock["skew"] else ""
    say(f"{clock['now']}, and {pace}{skew}.", f"{clock['now']}\t{clock['rate']}\t{clock['skew']:g}")


def print_snapshots(snapshots: Sequence[Found]) -> None:
    rows = [[each["id"], str(each["position"]), each["at"]] for each in snapshots]
    print_table(("id", "ledger", "at"), rows, "There is no snapshot.")


# Requests ---------------------------------------------------------------------------------------------------


def print_requests(entries: Sequence[Found]) -> None:
    headings = "id at operation about document answer done try key verdict fault"
    rows = [
        [
            each["id"],
            each["at"].partition("T")[2].removesuffix("Z") or each["at"],
            each["operation"],
            _about(each),
            each.get("documentId", "")[:8],
            _answer(each),
            "yes" if each["committed"] else "",
            str(each["attempt"]) if each["attempt"] > 1 else "",
            _keys(each),
            _verdicts(each),
            each.get("fault") or "",
        ]
        for each in entries
    ]
    print_table(
        headings.split(),
        rows,
        "No request fits.",
        elastic=("about", "answer", "key"),
        spare=("document", "at", "about", "try"),
    )


def print_request(entry: Found) -> None:
    """All that the journal knows of one request."""
    client = entry["client"]
    fields = [
        ("request", f"{entry['id']} {entry['operation']}"),
        ("call", f"{entry['method']} {entry['path']}"),
        ("at", entry["at"]),
        (
            "client",
            " ".join(client[name] for name in ("clientId", "integrator", "environment") if name in client),
        ),
        ("answer", _answer(entry)),
        ("client saw", entry["seen"]),
        ("phase", entry["phase"]),
        ("recorded", "yes" if entry["committed"] else "no"),
        ("try", str(entry["attempt"])),
        ("keys", "\n".join(f"{each['key']} ({each['verdict']})" for each in entry["deduplication"])),
        ("fault", entry.get("fault") or ""),
        ("replay of", entry.get("replayOf") or ""),
        ("replayed by", ", ".join(entry.get("replayedBy", ()))),
        ("document", entry.get("documentId", "")),
        ("events", "\n".join(entry["events"])),
        ("rests on", ", ".join(entry["behaviours"])),
        ("advisories", "\n".join(f"{each['code']}: {each['message']}" for each in entry["advisories"])),
        ("sent", _message(entry["request"])),
        ("answered", _message(entry["response"])),
    ]
    print_fields(fields)


def _message(message: Found) -> str:
    """Headers, an empty line, and the body."""
    headers = "\n".join(f"{name}: {value}" for name, value in message["headers"].items())
    body = message["body"]
    if body is None:
        return headers
    shown = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, indent=2)
    return f"{headers}\n\n{shown}"


def _about(entry: Found) -> str:
    """The event, the category of the document, the file, or the path: what a request is about."""
    body = entry["request"]["body"]
    if entry["operation"] == "events.batch":
        events = body.get("events") if isinstance(body, dict) else None
        return f"{len(events)} events" if isinstance(events, list) else ""
    if entry["operation"] in ("documents.create", "events.append") and isinstance(body, dict):
        return str(body.get("name", body.get("category", "")))
    path: str = entry["path"].partition("?")[0]
    if entry["operation"].startswith("attachments."):
        return path.rpartition("/")[2]
    return f"{entry['method']} {path}" if entry["operation"] == "*" else ""


def _answer(entry: Found) -> str:
    """Status and code of the answer, and what became of it where the client did not see it whole."""
    code = _code(entry)
    told = f"{entry.get('status', 'none')} {'pending' if code == _PENDING else code}".rstrip()
    return told if entry["seen"] == "answer" else f"{told} ({entry['seen']})"


def _code(entry: Found) -> str:
    body = entry["response"]["body"]
    if entry.get("status", 0) < 400 or not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("code", ""))
    return str(body.get("error", ""))


def _keys(entry: Found) -> str:
    body = entry["request"]["body"]
    keys = [each["key"] for each in entry["deduplication"]]
    if not keys and isinstance(body, dict) and isinstance(body.get("deduplicationId"), str):
        keys = [body["deduplicationId"]]
    return f"{keys[0]} +{len(keys) - 1}" if len(keys) > 1 else "".join(keys)


def _verdicts(entry: Found) -> str:
    return ", ".join(dict.fromkeys(each["verdict"] for each in entry["deduplication"]))


def _waiting(waiting: Sequence[Found]) -> str:
    return ", ".join(f"{each['requestId']} {each.get('deduplicationId', '')}".rstrip() for each in waiting)


def _only(fault: Found) -> str:
    """Which of the requests a fault is about."""
    named = (("documentId", "document"), ("deduplicationId", "key"), ("attempt", "attempt"))
    told = [f"{name} {fault[field]}" for field, name in named if fault.get(field) is not None]
    if fault.get("after"):
        told.append(f"after {fault['after']}")
    if fault.get("probability", 1) != 1:
        told.append(f"by chance {fault['probability']:g}")
    return ", ".join(told)
