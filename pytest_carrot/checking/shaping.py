"""Makes valid data valid for the state of the target too: keys of their own, ids that exist, URLs that are signed.

A schema cannot say what depends on state. What was made invalid on purpose stays as it is; the rest of such a request
is about what exists, so that it is refused for nothing else.
"""

from __future__ import annotations

import re
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pytest_carrot.checking.knowledge import OWN_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemathesis import Case

    from pytest_carrot.checking.knowledge import Knowledge


def shape(case: Case[Any], known: Knowledge) -> None:
    """Change a case that is about to be sent."""
    operation = operation_id(case)
    if is_positive(case) and operation in SHAPES:
        SHAPES[operation](case, known)
        known.wait_for(operation, target_of(case))
    elif operation in _IN_PATH or operation in _WITH_IDS:
        _keep_to_what_exists(case, operation, known)


def is_positive(case: Case[Any]) -> bool:
    """Whether all of a case was generated to be valid."""
    return case.meta is not None and case.meta.generation.mode.is_positive


def operation_id(case: Case[Any]) -> str:
    """The name of the operation in the contract."""
    return str(case.operation.definition.raw.get("operationId", ""))


def file_name(case: Case[Any]) -> str:
    """The file that the path of a case names; schemathesis quotes it."""
    return unquote(str(case.path_parameters.get("fileName", "")))


def target_of(case: Case[Any]) -> str | None:
    """The document that a case is about, as its path or its body names it."""
    path = case.path_parameters or {}
    found = path.get("documentId") or path.get("id")
    if found is None and isinstance(case.body, dict):
        items = case.body.get("events") or [{}]
        first = items[0] if isinstance(items, list) and isinstance(items[0], dict) else {}
        found = case.body.get("documentId") or first.get("documentId") or first.get("targetDocumentId")
    return None if found is None else str(found)


# Operation id → the document in its path.
_IN_PATH = {"documents.read": "id", "events.append": "documentId", "attachments.upload": "documentId"}
_WITH_IDS = ("documents.create", "events.append", "events.batch")


def _keep_to_what_exists(case: Case[Any], operation: str, known: Knowledge) -> None:
    """Put what exists in the place of the contract's examples, which do not, in a request that is wrong elsewhere."""
    name = _IN_PATH.get(operation)
    if name is not None and str((case.path_parameters or {}).get(name)) in _example_ids():
        case.path_parameters = {**case.path_parameters, name: known.open_document(1)}
    if operation in _WITH_IDS and isinstance(case.body, dict):
        body = deepcopy(case.body)
        items = body.get("events")
        for each in (body, *(items if isinstance(items, list) else ())):
            if isinstance(each, dict):
                _replace_examples(each, known)
        case.body = body


def _replace_examples(body: dict[str, Any], known: Knowledge) -> None:
    there = {
        "participantId": lambda: known.participant_id,
        "addressId": lambda: known.address_id,
        "documentId": lambda: known.open_document(1),
        "targetDocumentId": lambda: known.open_document(1),
        "deduplicationId": known.new_key,
    }
    for name, make in there.items():
        if isinstance(body.get(name), str) and body[name] in _example_ids():
            body[name] = make()


@cache
def _example_ids() -> frozenset[str]:
    """Every id that the contract has as an example."""
    from mock_server import contract

    return frozenset(_UUID.findall(contract.source("openapi.json").decode()))


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _token(case: Case[Any], known: Knowledge) -> None:
    # One way of authenticating: that of the body where it has an id, else the header, which the token hook sets.
    if isinstance(case.body, dict) and case.body.keys() & {"client_id", "client_secret"}:
        target = known.caller.target
        case.body = {**case.body, "client_id": target.client_id, "client_secret": target.client_secret}
        case.headers.pop("Authorization", None)


def _create(case: Case[Any], known: Knowledge) -> None:
    if isinstance(case.body, dict):
        body = deepcopy(case.body)
        _shape_common(body, known)
        case.body = body


def _append(case: Case[Any], known: Knowledge) -> None:
    document_id = _existing(case, "documentId", known, more=1)
    if isinstance(case.body, dict):
        body = deepcopy(case.body)
        _shape_event(body, document_id, known)
        case.body = body


def _batch(case: Case[Any], known: Knowledge) -> None:
    if not isinstance(case.body, dict):
        return
    body: dict[str, Any] = deepcopy(case.body)
    # All items go to one document, which the schema cannot demand.
    items = [each for each in body.get("events", ()) if isinstance(each, dict)]
    document_id = str(body.get("documentId", ""))
    if not known.takes(document_id, len(items)) and not _stays_unknown(document_id):
        document_id = known.open_document(len(items))
    for item in items:
        for name in ("documentId", "targetDocumentId"):
            if name in item:
                item[name] = document_id
        _shape_event(item, document_id, known)
    if "documentId" in body or not all(item.keys() & {"documentId", "targetDocumentId"} for item in items):
        body["documentId"] = document_id
    case.body = body


def _read(case: Case[Any], known: Knowledge) -> None:
    _existing(case, "id", known)


def _upload(case: Case[Any], known: Knowledge) -> None:
    _existing(case, "documentId", known)


def _existing(case: Case[Any], name: str, known: Knowledge, more: int = 0) -> str:
    """Put a document that exists, and takes so many more events, in a path, unless it names one; its id."""
    document_id = str(case.path_parameters.get(name, ""))
    if not known.takes(document_id, more) and not _stays_unknown(document_id):
        document_id = known.open_document(more)
        case.path_parameters = {**case.path_parameters, name: document_id}
    return document_id


def _stays_unknown(document_id: str) -> bool:
    """Whether a generated id is left as it is, for answers of 404; one in sixteen is, whenever it comes."""
    return document_id.endswith("f")


def _shape_event(event: dict[str, Any], document_id: str, known: Knowledge) -> None:
    _shape_common(event, known)
    if event.get("name") == "SPLIT":
        # No more than the document has, which may be nothing.
        event["value"] = 0
    if isinstance(event.get("relatedDocument"), dict):
        event["relatedDocument"]["documentId"] = known.other_than(document_id)
    declared = list(known.files.get(document_id, ()))
    if "attachments" in event:
        event["attachments"] = [
            {
                **{name: value for name, value in each.items() if name != "attachmentId"},
                "fileName": declared[0],
            }
            for each in event["attachments"]
            if declared and isinstance(each, dict)
        ]


def _shape_common(body: dict[str, Any], known: Knowledge) -> None:
    if "deduplicationId" in body:
        body["deduplicationId"] = known.new_key()
    if "participantId" in body:
        body["participantId"] = known.participant_id
    if "addressId" in body:
        body["addressId"] = known.address_id
    for party in ("participant", "address"):
        if isinstance(body.get(party), dict) and "id" in body[party]:
            body[party]["id"] = known.new_id()


def _download(case: Case[Any], known: Knowledge) -> None:
    document_id = _existing(case, "documentId", known)
    if document_id == known.document_id and file_name(case) not in known.files[document_id]:
        known.upload()
        case.path_parameters = {**case.path_parameters, "fileName": OWN_FILE}
    if (file := known.files.get(document_id, {}).get(file_name(case))) is not None:
        known.send_bytes(file)


def _storage_put(case: Case[Any], known: Knowledge) -> None:
    file = known.upload()
    _use(case, file.url)
    case.body, case.media_type = "0" * file.length, file.content_type
    case.headers["Content-Type"] = file.content_type


def _storage_get(case: Case[Any], known: Knowledge) -> None:
    _use(case, known.download_url())


def _use(case: Case[Any], url: str) -> None:
    """Take a signed URL apart into the parameters of a case."""
    parts = urlsplit(url)
    *_, bucket, document_id, attachment_id = parts.path.split("/")
    case.path_parameters = {"bucket": bucket, "documentId": document_id, "attachmentId": attachment_id}
    case.query = dict(parse_qsl(parts.query))


SHAPES: dict[str, Callable[[Case[Any], Knowledge], None]] = {
    "token": _token,
    "documents.create": _create,
    "documents.read": _read,
    "events.append": _append,
    "events.batch": _batch,
    "attachments.upload": _upload,
    "attachments.download": _download,
    "storage.put": _storage_put,
    "storage.get": _storage_get,
}
"""Operation id → what makes its valid data valid for the state."""
