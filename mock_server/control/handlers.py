"""The control API: workspaces, and what a person or a test may see and change in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.responses import Response, StreamingResponse

from mock_server import clock
from mock_server.api import documents as api_documents
from mock_server.behaviours import SwitchError, parse_semantics
from mock_server.control.answers import (
    ControlError,
    check_keys,
    json_answer,
    json_object,
    pointer,
    raw_answer,
    shown,
)
from mock_server.domain.document import Document, fold
from mock_server.ledger import Record, Remembered
from mock_server.limits import parse_rate_limit
from mock_server.pipeline import OPERATIONS
from mock_server.workspace import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.requests import Request

    from mock_server.journal import Entry
    from mock_server.workspace import Workspace, Workspaces


_FILTERS = ("operation", "deduplicationId", "documentId", "since", "limit")

# Workspaces -------------------------------------------------------------------------------------------


async def list_workspaces(request: Request) -> Response:
    """All workspaces with their credentials, the default one first."""
    base_url = _base_url(request)
    return json_answer([each.as_json(base_url) for each in _workspaces(request)])


async def create_workspace(request: Request) -> Response:
    """A new, empty world with credentials of its own."""
    body = await json_object(request)
    check_keys(body, ("seed", "semantics", "rateLimit"))
    workspace = _workspaces(request).create(
        seed=_seed(body["seed"]) if "seed" in body else None,
        semantics=_switches(body.get("semantics", {}), "semantics"),
        rate_limit=_rate_limit(body["rateLimit"]) if "rateLimit" in body else None,
    )
    return json_answer(workspace.as_json(_base_url(request)), 201)


async def show_workspace(request: Request) -> Response:
    return json_answer(workspace_of(request).as_json(_base_url(request)))


async def delete_workspace(request: Request) -> Response:
    """Forget a world with all that is in it."""
    workspace = workspace_of(request)
    if workspace.id == DEFAULT:
        raise ControlError(409, "conflict", "The default workspace cannot be deleted; reset it instead.")
    _workspaces(request).delete(workspace)
    return Response(status_code=204)


async def reset(request: Request) -> Response:
    """As new; credentials and storage keys stay."""
    workspace_of(request).reset()
    return Response(status_code=204)


# The ledger -------------------------------------------------------------------------------------------


async def events(request: Request) -> Response:
    """The ledger after a position, as a JSON array or as lines of JSON."""
    records = workspace_of(request).ledger.records(_number(request, "since", 0))
    if "application/x-ndjson" in request.headers.get("accept", ""):
        return StreamingResponse(_lines(records), media_type="application/x-ndjson")
    return raw_answer(b"[%s]" % b",".join(map(_record, records)))


async def documents(request: Request) -> Response:
    """All documents in a line each."""
    return json_answer(
        [
            {
                "id": each.id,
                "category": each.category,
                "type": each.type,
                "status": each.status,
                "dataSetName": each.environment,
                "events": len(_shown(request, each)),
                "currentValue": each.value,
            }
            for each in workspace_of(request).ledger.documents()
        ]
    )


async def document(request: Request) -> Response:
    """A document as its creator reads it, now or as it was at a moment or a position of the ledger."""
    ledger = workspace_of(request).ledger
    found = ledger.document(request.path_params["id"].lower())
    if found is None:
        raise ControlError(404, "notFound", f"There is no document {request.path_params['id']}.", "/id")
    history = ledger.history(found.id)
    at = request.query_params.get("at")
    if at is not None:
        history = _until(history, at)
        if not history:
            raise ControlError(404, "notFound", f"Document {found.id} was not there yet at {at}.", "/at")
        found = _folded(history)
    return raw_answer(api_documents.whole(found, history))


# Semantics, keys, journal -----------------------------------------------------------------------------


async def semantics(request: Request) -> Response:
    return json_answer(workspace_of(request).semantics.as_dict())


async def change_semantics(request: Request) -> Response:
    """Set some switches; all of the change, or with a 400 none of it."""
    workspace = workspace_of(request)
    workspace.semantics = workspace.semantics.replace(_switches(await json_object(request)))
    return json_answer(workspace.semantics.as_dict())


async def deduplication(request: Request) -> Response:
    """Every key that stands for something."""
    claims = workspace_of(request).ledger.claims()
    return json_answer([_claim(scope, key, known) for scope, key, known in claims])


async def deduplication_key(request: Request) -> Response:
    """What one key stands for, in each environment, integrator and, as the case may be, operation."""
    wanted = request.path_params["key"]
    found = [
        _claim(scope, key, known)
        for scope, key, known in workspace_of(request).ledger.claims()
        if key == wanted
    ]
    if not found:
        raise ControlError(404, "notFound", f"The deduplicationId {wanted} stands for nothing.", "/key")
    return json_answer(found)


async def forget_key(request: Request) -> Response:
    """Drop a key; what was written under it stays."""
    wanted = request.path_params["key"]
    if not workspace_of(request).ledger.forget(wanted):
        raise ControlError(404, "notFound", f"The deduplicationId {wanted} stands for nothing.", "/key")
    return Response(status_code=204)


async def requests(request: Request) -> Response:
    """The journal, oldest first, filtered as the query says."""
    check_keys(request.query_params, _FILTERS)
    matches = _filter(request)
    limit = _number(request, "limit", -1)
    found = [each for each in workspace_of(request).journal.placed() if matches(each[0])]
    if limit >= 0:
        found = found[max(len(found) - limit, 0) :]
    return json_answer(_without_secrets(request, [entry.as_json(place) for entry, place in found]))


async def request(request: Request) -> Response:
    """One entry of the journal."""
    wanted = request.path_params["id"]
    for entry, place in workspace_of(request).journal.placed():
        if entry.id == wanted:
            return json_answer(_without_secrets(request, entry.as_json(place)))
    raise ControlError(404, "notFound", f"The journal has no request {wanted}; it keeps the newest.", "/id")


def _without_secrets(request: Request, shown: Any) -> Any:
    from mock_server.redaction import scrub

    return scrub(shown, [each.client_secret for each in workspace_of(request).credentials])


# What they share --------------------------------------------------------------------------------------


def _workspaces(request: Request) -> Workspaces:
    found: Workspaces = request.app.state.workspaces
    return found


def workspace_of(request: Request) -> Workspace:
    """The workspace that a path names; raises ControlError."""
    workspace_id = request.path_params["workspace"]
    found = _workspaces(request).find(workspace_id)
    if found is None:
        raise ControlError(404, "notFound", f"There is no workspace {workspace_id}.", "/workspace")
    return found


def _base_url(request: Request) -> str:
    """Where the client reached the server; the Host header may be any text, so it is not taken apart."""
    if (public_url := request.app.state.settings.public_url) is not None:
        return str(public_url)
    address, port = request.scope.get("server") or ("127.0.0.1", 80)
    return f"{request.scope['scheme']}://{request.headers.get('host') or f'{address}:{port}'}"


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not _is_number(text):
        message = f"{name} must be a whole number from 0; got {shown(text)}."
        raise ControlError(400, "validationError", message, f"/{name}")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _seed(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    message = f"/seed must be a whole number from 0 to {2**63 - 1}; got {shown(value)}."
    raise ControlError(400, "validationError", message, "/seed")


def _switches(value: Any, *where: str) -> dict[str, str]:
    """Switches in their one spelling; raises ControlError that points to the first wrong one."""
    if not isinstance(value, dict):
        message = f"{pointer(*where)} must be an object; got {shown(value)}."
        raise ControlError(400, "validationError", message, pointer(*where))
    found: dict[str, str] = {}
    for name, wanted in value.items():
        try:
            found |= parse_semantics({name: wanted})
        except SwitchError as error:
            raise ControlError(400, "validationError", str(error), pointer(*where, name)) from None
    return found


def _rate_limit(value: Any) -> str | float:
    try:
        return parse_rate_limit(value)
    except ValueError as error:
        raise ControlError(400, "validationError", str(error), "/rateLimit") from None


def _record(record: Record) -> bytes:
    head = {
        "position": record.position,
        "recordedAt": clock.iso(record.recorded_at),
        "documentId": record.document_id,
        "kind": record.kind,
        "origin": record.origin,
        "requestId": f"r{record.request}",
    }
    return b'%s,"event":%s}' % (orjson.dumps(head)[:-1], record.event)


def _lines(records: Sequence[Record]) -> Iterator[bytes]:
    for record in records:
        yield _record(record) + b"\n"


def _shown(request: Request, found: Document) -> list[bytes]:
    return api_documents.visible(found, workspace_of(request).ledger.history(found.id))


def _until(history: Sequence[Record], at: str) -> Sequence[Record]:
    if _is_number(at):
        return [record for record in history if record.position <= int(at)]
    try:
        # A space is what becomes of the plus of an offset that was not percent-encoded.
        moment = clock.parse(at.replace(" ", "+"))
    except ValueError:
        raise ControlError(
            400,
            "validationError",
            f"at must be a position of the ledger or a date-time with Z or an offset; got {shown(at)}.",
            "/at",
        ) from None
    # Times are shown in milliseconds: a moment means all of its millisecond. A clock that was set back shows one
    # several times: what counts is the last.
    milliseconds = round(moment * 1000)
    place = len(history)
    while place and int(history[place - 1].recorded_at * 1000 + 0.5e-3) > milliseconds:
        place -= 1
    return history[:place]


def _folded(history: Sequence[Record]) -> Document:
    first, *rest = history
    found = fold(
        None, first.kind, first.origin, first.document_id, orjson.loads(first.event), first.recorded_at
    )
    for record in rest:
        event = orjson.loads(record.event)
        found = fold(found, record.kind, record.origin, record.document_id, event, record.recorded_at)
    return found


def _claim(scope: str, key: str, known: Record | Remembered) -> dict[str, Any]:
    environment, integrator, *operation = scope.split("/", 2)
    shown: dict[str, Any] = {
        "key": key,
        "environment": environment,
        "integrator": integrator,
        "recordedAt": clock.iso(known.recorded_at),
    }
    if operation:
        shown["operation"] = operation[0]
    if isinstance(known, Remembered):
        return shown | {"error": {"status": known.status, "code": known.code, "message": known.message}}
    shown |= {"documentId": known.document_id, "position": known.position, "requestId": f"r{known.request}"}
    if known.kind == "event.appended":
        shown["eventId"] = orjson.loads(known.event)["id"]
    return shown


def _filter(request: Request) -> Callable[[Entry], bool]:
    """What the query asks of an entry; raises ControlError."""
    query = request.query_params
    operation, key = query.get("operation"), query.get("deduplicationId")
    document_id = query["documentId"].lower() if "documentId" in query else None
    comes_after = _since(query["since"]) if "since" in query else None
    if operation is not None and operation not in JOURNAL_OPERATIONS:
        message = f"operation must be one of {', '.join(JOURNAL_OPERATIONS)}; got {shown(operation)}."
        raise ControlError(400, "validationError", message, "/operation")

    def matches(entry: Entry) -> bool:
        return (
            (operation is None or entry.operation == operation)
            and (key is None or key in entry.keys)
            and (document_id is None or entry.document_id == document_id)
            and (comes_after is None or comes_after(entry))
        )

    return matches


JOURNAL_OPERATIONS: Final = (*OPERATIONS, "token", "storage.put", "storage.get", "*")
"""The operations of journal entries; `*` is a request that reached none."""


def _since(since: str) -> Callable[[Entry], bool]:
    """Whether an entry came after another one (`r12`) or at a moment or later; raises ControlError."""
    if _is_number(number := since.removeprefix("r")):
        return lambda entry: entry.number > int(number)
    try:
        moment = clock.parse(since.replace(" ", "+"))
    except ValueError:
        raise ControlError(
            400,
            "validationError",
            f"since must be the id of a request or a date-time with Z or an offset; got {shown(since)}.",
            "/since",
        ) from None
    return lambda entry: entry.at >= moment
