"""`/_storage/…`: where pre-signed URLs lead, an object storage that knows nothing of documents."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mock_server.call import Answer
from mock_server.domain import attaching
from mock_server.domain.changes import Changes
from mock_server.domain.document import OPEN

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mock_server.call import Call
    from mock_server.storage_call import StorageAnswer, StorageError, StorageRequest
    from mock_server.workspace import Workspace, Workspaces


def request_of(method: str, path: bytes, query: bytes, headers: Any) -> StorageRequest:
    from mock_server.storage_call import StorageRequest

    return StorageRequest(method, path, query, headers)


def workspace_of(workspaces: Workspaces, query: bytes) -> Workspace | None:
    """Whose storage key a URL names."""
    from mock_server.presign import claimed_access_key

    return workspaces.of_access_key(claimed_access_key(query))


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

    objects = call.workspace.objects
    bucket = call.workspace.storage_keys.bucket
    given = storage.answer(objects, bucket, request, call.body, _now(call))
    key = storage.object_key(bucket, request.path)
    call.entry.document_id = key.partition("/")[0]
    if request.method == "PUT":
        _record(call, key)
        call.entry.behaviours += ("attachment-upload", "s3-etag", "upload-again")
    else:
        call.entry.behaviours += ("attachment-download", "s3-download")
    request_id = call.entry.id.rjust(16, "0").upper()
    return _answer(storage.stamp(given, request_id, call.ids.secret()))


def refusal(call: Call, request: StorageRequest, error: StorageError) -> Answer:
    """A refusal as S3 words it."""
    from mock_server import storage

    call.entry.behaviours += _BEHAVIOURS.get(error.code, ("s3-errors",))
    if call.header(b"authorization") is not None:
        call.entry.advise(
            "bearer-on-presigned-url",
            "An Authorization header came with a pre-signed URL, whose query is the authorisation: leave it out.",
        )
    request_id = call.entry.id.rjust(16, "0").upper()
    return _answer(storage.error_answer(error, request, request_id, call.ids.secret()))


_BEHAVIOURS = {
    "AccessDenied": ("s3-errors", "s3-expired"),
    "SignatureDoesNotMatch": ("s3-errors", "s3-signature", "presign-signed-headers"),
    "IncompleteBody": ("s3-errors", "s3-short-body"),
    "MissingContentLength": ("s3-errors", "s3-length-required"),
    "InvalidArgument": ("s3-errors", "s3-bearer"),
}


def _record(call: Call, key: str) -> None:
    """Let the ledger know that the bytes are there."""
    document_id, _, attachment_id = key.partition("/")
    ledger = call.ledger
    document = ledger.document(document_id)
    if document is None:
        return
    stored = call.workspace.objects.get(key)
    assert stored is not None  # noqa: S101 - for the type checker: it was stored just now
    changes = Changes(ledger, ledger.parties(document.environment), call.workspace.clock.time())
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
    return Answer(given.status, given.body, given.headers)


def _now(call: Call) -> datetime:
    return datetime.fromtimestamp(call.workspace.clock.time(), UTC)
