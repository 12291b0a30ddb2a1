"""`PUT` and `GET /documents/{documentId}/attachments/{fileName}`: pre-signed URLs for a file's bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import orjson

from mock_server import contract
from mock_server.call import Answer
from mock_server.domain import attaching
from mock_server.writing import Item, Outcome, Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mock_server.call import Call
    from mock_server.domain.acting import Act
    from mock_server.writing import Claim

UPLOAD = ("upload-url-answer", "success-status", "presign-lifetime", "presign-signed-headers")
DOWNLOAD = ("download-url-answer", "success-status", "presign-lifetime")


def upload(call: Call) -> Write:
    """What declaring a file asks for, once it is known to keep the contract."""
    name = attaching.file_name(call.route.file_name)
    sent = _parameters(call)
    checked = contract.check("AttachmentDeclaration", sent, call.semantics)
    call.note(checked)
    length, content_type = int(checked.body["contentLength"]), checked.body["contentType"]

    def decide(act: Act, item: Item, _claim: Claim) -> Outcome:
        attachment = attaching.declare(act, item.target, name, length, content_type)
        return Outcome(attachment.id, item.target)

    def answer(call: Call, outcomes: Sequence[Outcome]) -> Answer:
        attachment_id, document_id = outcomes[0].id, outcomes[0].document_id
        call.entry.document_id = document_id
        call.entry.behaviours += UPLOAD
        signed = {"content-length": str(length)}
        if call.semantics.presign_signed_headers == "strict":
            signed["content-type"] = content_type
        return _presigned(call, "PUT", document_id, attachment_id, signed)

    item = Item(checked.body, "declare", None, None, call.route.document_id.lower())
    return Write((item,), decide, answer)


def download(call: Call) -> Answer:
    """A URL for bytes that are there."""
    name = attaching.file_name(call.route.file_name)
    document, attachment = attaching.fetch(call.act(), call.route.document_id, name)
    call.entry.document_id = document.id
    call.entry.behaviours += DOWNLOAD
    return _presigned(call, "GET", document.id, attachment.id, {})


def _parameters(call: Call) -> Any:
    """The parameters of the JSON body or, with an empty body, of the query."""
    if call.body.strip() or not call.query:
        return call.json()
    sent: dict[str, Any] = dict(parse_qsl(call.query.decode("latin-1"), keep_blank_values=True))
    length = sent.get("contentLength", "")
    # Digits become a number; anything else stays what it is, and the contract says what is wrong with it.
    if length.isascii() and length.isdigit() and len(length) < 16:
        sent["contentLength"] = int(length)
    return sent


def _presigned(
    call: Call, method: str, document_id: str, attachment_id: str, headers: Mapping[str, str]
) -> Answer:
    from mock_server.presign import presign
    from mock_server.storage import object_path

    keys = call.workspace.storage_keys
    # Taken apart by hand: the host is whatever the client sent, and need not be one.
    scheme, _, rest = call.base_url.partition("://")
    host, slash, path = rest.partition("/")
    url = presign(
        keys,
        method=method,
        scheme=scheme,
        host=host,
        path=slash + path + object_path(keys.bucket, f"{document_id}/{attachment_id}"),
        headers=headers,
        now=datetime.fromtimestamp(call.workspace.clock.time(), UTC),
        expires=int(call.semantics.presign_lifetime),
    )
    return Answer(200, orjson.dumps({"url": url}))
