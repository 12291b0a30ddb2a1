"""`/_storage/…`: where pre-signed URLs lead, an object storage that knows nothing of documents."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mock_server.call import Answer
from mock_server.domain import attaching
from mock_server.domain.changes import Changes
from mock_server.domain.document import OPEN
from mock_server.storage_call import FaultedError, StorageRequest, WorldChangedError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mock_server.call import Call
    from mock_server.storage_call import StorageAnswer, StorageError
    from mock_server.wire import Arrival
    from mock_server.workspace import Workspace, Workspaces


def request_of(arrival: Arrival) -> StorageRequest:
    """The request as the storage reads it."""
    scope = arrival.scope
    return StorageRequest(scope["method"], arrival.path, scope["query_string"], scope["headers"])


def workspace_of(workspaces: Workspaces, request: StorageRequest) -> Workspace | None:
    """Whose storage key a URL names."""
    from mock_server.presign import claimed_access_key

    return workspaces.of_access_key(claimed_access_key(request.query))


def document_of(request: StorageRequest) -> str | None:
    """The document whose file a URL names, as far as its path tells."""
    parts = request.path.decode("latin-1").split("/")
    return parts[3].lower() if len(parts) == _PARTS else None


# Nothing, `_storage`, bucket, document, attachment.
_PARTS = 5


def shown(body: bytes) -> bytes:
    """What the journal keeps of a file: only how many bytes there were."""
    return f"[{len(body)} bytes]".encode() if body else b""


def admit(call: Call, request: StorageRequest, owner: Workspace | None) -> int:
    """The bytes of body that may come; raises StorageError."""
    from mock_server import storage

    return storage.admit(None if owner is None else owner.storage_keys, request, _now(call))


def room(call: Call, request: StorageRequest, size: int) -> AbstractContextManager[None]:
    """Holds room for an upload while its bytes arrive; raises StorageError when there is none."""
    from mock_server import storage

    if request.method != "PUT":
        return nullcontext()
    key = storage.object_key(call.workspace.storage_keys.bucket, request.path)
    return call.workspace.objects.receiving(key, size)


def answer(call: Call, request: StorageRequest) -> Answer:
    """Store or give the bytes; raises StorageError."""
    from mock_server import storage

    if call.ledger is not call.workspace.ledger:
        # A deleted workspace has nobody to give the bytes back to the bound.
        raise WorldChangedError
    objects = call.workspace.objects
    bucket = call.workspace.storage_keys.bucket
    key = storage.object_key(bucket, request.path)
    call.entry.document_id = key.partition("/")[0]
    again = request.method == "PUT" and key in objects
    given = storage.answer(objects, bucket, request, call.body, _now(call))
    if request.method == "PUT":
        _record(call, key)
        call.entry.behaviours += ("attachment-upload", "s3-etag", *(("upload-again",) if again else ()))
    else:
        call.entry.behaviours += ("attachment-download", "s3-download")
    request_id = call.entry.id.rjust(16, "0").upper()
    return _answer(storage.stamp(given, request_id, call.workspace.answer_ids.secret()))


def struck(call: Call, status: int, code: str | None) -> Answer:
    """The refusal that a fault asks for."""
    return refusal(call, request_of(call.arrival), FaultedError(status, code))


def left(call: Call) -> Answer:
    """The refusal of a request whose world was left before it was answered."""
    return refusal(call, request_of(call.arrival), WorldChangedError())


def refusal(call: Call, request: StorageRequest, error: StorageError) -> Answer:
    """A refusal as S3 words it."""
    from mock_server import storage

    call.entry.behaviours += ("s3-errors", *_BEHAVIOURS.get(error.code, ()))
    if error.message == "Request has expired":
        call.entry.behaviours += ("s3-expired", "presign-lifetime")
    elif error.code == "SignatureDoesNotMatch" and (others := _other_headers(call, request)):
        if "content-length" in others:
            call.entry.behaviours.append("s3-content-length")
        told = ", ".join(
            f"{name} {given} (declared: {declared})" for name, (given, declared) in others.items()
        )
        call.entry.advise("upload-not-as-declared", f"The upload came with {told}.")
    if call.header(b"authorization") is not None:
        call.entry.advise(
            "bearer-on-presigned-url",
            "An Authorization header came with a pre-signed URL, whose query is the authorisation: leave it out.",
        )
    request_id = call.entry.id.rjust(16, "0").upper()
    return _answer(storage.error_answer(error, request, request_id, call.workspace.answer_ids.secret()))


_BEHAVIOURS = {
    "SignatureDoesNotMatch": ("s3-signature", "presign-signed-headers"),
    "IncompleteBody": ("s3-short-body",),
    "MissingContentLength": ("s3-length-required",),
    "InvalidArgument": ("s3-bearer",),
}


def _other_headers(call: Call, request: StorageRequest) -> dict[str, tuple[str, str]]:
    """The headers of an upload that differ from what its file was declared with: name to (came, declared)."""
    document_id, _, attachment_id = request.path.decode("latin-1").rpartition("/")
    document = call.ledger.document(document_id.rpartition("/")[2])
    declared = () if document is None else document.attachments.values()
    attachment = next((each for each in declared if each.id == attachment_id), None)
    if attachment is None or request.method != "PUT":
        return {}
    wanted = {"content-length": str(attachment.content_length), "content-type": attachment.content_type}
    came = {name: (request.header(name.encode()) or b"none").decode("latin-1") for name in wanted}
    return {name: (came[name], wanted[name]) for name in wanted if came[name] != wanted[name]}


def _record(call: Call, key: str) -> None:
    """Let the ledger know that the bytes are there."""
    document_id, _, attachment_id = key.partition("/")
    ledger = call.ledger
    document = ledger.document(document_id)
    if document is None:
        call.entry.advise(
            "upload-of-nothing",
            f"The bytes were stored, but there is no document {document_id} here: the workspace was reset, or "
            "restored to a time before it. Declare the file anew.",
        )
        return
    stored = call.workspace.objects.get(key)
    assert stored is not None  # noqa: S101 - for the type checker: it was stored just now
    changes = Changes(ledger, ledger.parties(document.environment), call.workspace.clock.time())
    declared = next((each for each in document.attachments.values() if each.id == attachment_id), None)
    if declared is not None and declared.content_type != stored.content_type:
        # Only a URL that does not sign the content type lets another one through.
        call.entry.behaviours.append("presign-signed-headers")
    if attaching.received(changes, document_id, attachment_id, len(stored.content), stored.content_type):
        ledger.commit(changes, document.environment, call.entry.number)
        call.entry.committed = True
    if document.status != OPEN:
        call.entry.behaviours.append("storage-survives-close")
        call.entry.advise(
            "upload-after-end",
            f"The bytes were stored although document {document_id} is {document.status}: the storage knows "
            "nothing of documents.",
        )


def _answer(given: StorageAnswer) -> Answer:
    is_xml = given.body.startswith(b"<?xml") and given.status >= 400
    # The storage has set the length itself: that of a HEAD is not that of its empty body.
    return Answer(given.status, given.body, given.headers, None if is_xml else shown(given.body), sized=True)


def _now(call: Call) -> datetime:
    return datetime.fromtimestamp(call.workspace.clock.time(), UTC)
