"""What the lints ask of requests: whose they are, when they came, and what they are about."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.history import PENDING, canonical, error_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_carrot.history import Entry

API: Final = (
    "documents.create",
    "documents.read",
    "events.append",
    "events.batch",
    "attachments.upload",
    "attachments.download",
)
"""The operations that a token is for."""

ABORTED: Final = (400, 403, 404, 409, 422)
"""The statuses after which the vendor's retry table says not to send the same again; 401 asks for a token."""

_LISTED = 6


def by_client(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """The requests of each client id; those that nobody can be told from are nobody's."""
    found: dict[str, list[Entry]] = {}
    for each in entries:
        if (client_id := each["client"].get("clientId")) is not None:
            found.setdefault(client_id, []).append(each)
    return found


def moment(entry: Entry) -> float:
    """When a request came, in seconds, by the clock of its workspace."""
    return datetime.fromisoformat(entry["at"]).timestamp()


def is_call(entry: Entry) -> bool:
    """Whether it is one of the six calls of the API."""
    return entry["operation"] in API


def is_granted(entry: Entry) -> bool:
    """Whether it brought its client a token."""
    return entry["operation"] == "token" and entry.get("status") == 200 and entry["seen"] == "answer"


def is_accepted(entry: Entry) -> bool:
    return entry["seen"] == "answer" and 200 <= entry.get("status", 0) < 300


def is_aborted(entry: Entry) -> bool:
    """Whether the client saw an answer that says not to send the same again."""
    return entry["seen"] == "answer" and entry.get("status") in ABORTED and error_of(entry)[0] != PENDING


def sent(entry: Entry) -> str:
    """What a request asks for, the same for each time that it is sent unchanged."""
    return f"{entry['operation']} {entry['method']} {entry['path']} {canonical(entry['request']['body'])}"


def complaints(entry: Entry) -> list[str]:
    """The messages of all errors in an answer, those of single items of a batch among them."""
    body = entry["response"]["body"]
    errors = body.get("errors") if isinstance(body, dict) else None
    found: list[Any] = errors if isinstance(errors, list) else []
    return [str(each.get("message", "")) for each in found if isinstance(each, dict)]


def told(entry: Entry) -> str:
    """A request in two words: `r7 (events.append PICK_UP)`."""
    body = entry["request"]["body"]
    name = body.get("name") or body.get("category") if isinstance(body, dict) else None
    return f"{entry['id']} ({entry['operation']}{f' {name}' if isinstance(name, str) else ''})"


def listed(ids: Iterable[str]) -> str:
    """`r1, r2 and r3`; of many the first ones and how many more."""
    every = list(dict.fromkeys(ids))
    if len(every) > _LISTED:
        return f"{', '.join(every[: _LISTED - 1])} and {len(every) - _LISTED + 1} more"
    return " and ".join(filter(None, (", ".join(every[:-1]), every[-1])))
