"""Deciding on a file of a document: may it be declared, may it be fetched, what does its upload change.

Source: [uploads]; what it leaves open is assumed (CONTRACT §11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from mock_server.domain.acting import refuse, refuse_ended
from mock_server.domain.changes import Changes, Draft
from mock_server.domain.document import OPEN, Attachment
from mock_server.errors import NotFound, Restricted

if TYPE_CHECKING:
    from mock_server.domain.acting import Act
    from mock_server.domain.document import Document

FILE_LIMIT_BYTES: Final = 10 * 1024 * 1024
FILE_NAME_CHARACTERS: Final = 255


def file_name(raw: bytes) -> str:
    """A file name from its decoded path segment; raises ValidationFailed for one that is none."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        raise refuse("/fileName", "The file name must be UTF-8.", "filename-rules") from None
    if not 1 <= len(name) <= FILE_NAME_CHARACTERS:
        what = f"1 to {FILE_NAME_CHARACTERS} characters; got {len(name)}"
    elif name in (".", ".."):
        what = f"a name, not a place; got {name}"
    elif "/" in name or "\\" in name:
        what = "no slash and no backslash"
    elif any(ord(each) < 32 or 127 <= ord(each) < 160 for each in name):
        what = "no control character"
    else:
        return name
    raise refuse("/fileName", f"The file name must have {what}.", "filename-rules")


def declare(act: Act, document_id: str, name: str, content_length: int, content_type: str) -> Attachment:
    """Add a declared file to the act's changes; raises as a write does, and Conflict when the document ended."""
    document = act.writable(document_id, None)
    if document.status != OPEN:
        raise refuse_ended(document, "a file", behaviour="declare-when-ended")
    act.not_busy(document)
    if content_length > FILE_LIMIT_BYTES:
        raise refuse(
            "/contentLength",
            f"/contentLength must be at most {FILE_LIMIT_BYTES} bytes (10 MB); got {content_length}.",
            "file-size",
            "file-limit",
        )
    known = document.attachments.get(name)
    attachment = Attachment(
        known.id if known is not None else act.ids.uuid(), name, content_length, content_type
    )
    if known is not None:
        act.behaviours.append("declare-again")
    act.changes.add(Draft(document.id, "attachment.declared", "integrator", _facts(attachment)))
    return attachment


def fetch(act: Act, document_id: str, name: str) -> tuple[Document, Attachment]:
    """A file whose bytes are there, for one who may read the whole document."""
    document, policy = act.readable(document_id)
    act.not_busy(document, read=True)
    if not policy.read.unconditional:
        raise Restricted(
            f"Participant {act.by.participant_id} may read only some events of document {document.id}, and a "
            "file takes READ on the whole.",
            "restricted-resource",
            "attachment-rights",
        )
    attachment = document.attachments.get(name)
    if attachment is None or not attachment.stored:
        why = (
            "was never declared" if attachment is None else "is declared, but its bytes were not uploaded yet"
        )
        raise NotFound(
            f"The file {name} of document {document.id} {why}.", "object-not-found", "download-before-upload"
        )
    return document, attachment


def received(
    changes: Changes, document_id: str, attachment_id: str, size: int, content_type: str
) -> Attachment | None:
    """Add the arrival of a file's bytes to the changes; None when no document knows the file any more."""
    document = changes.document(document_id)
    if document is None:
        return None
    attachment = next((each for each in document.attachments.values() if each.id == attachment_id), None)
    if attachment is None:
        return None
    stored = replace(attachment, content_length=size, content_type=content_type)
    changes.add(Draft(document.id, "attachment.stored", "integrator", _facts(stored)))
    return stored


def _facts(attachment: Attachment) -> dict[str, Any]:
    return {
        "id": attachment.id,
        "fileName": attachment.file_name,
        "contentLength": attachment.content_length,
        "contentType": attachment.content_type,
    }
