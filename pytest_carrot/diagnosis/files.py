"""Lints about files: declared or named without their bytes, and bytes that nothing names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_carrot.diagnosis.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_carrot.history import Entry, Record

_UPLOAD: Final = (
    "An auditor who opens it finds nothing. After declaring a file, PUT its bytes to the returned URL before that "
    "expires, with the declared length and type and no bearer token, and check that the answer is 200."
)
_REFER: Final = (
    "The file belongs to nothing that happened, so no rule will find it. Name it in the attachments of the event "
    "that it proves, with its label."
)


@dataclass
class _File:
    """A file of a document, with the requests that declared, stored and named it."""

    id: str
    name: str
    declared_by: str
    stored_by: str | None = None
    named_by: str | None = None
    event: str = ""


def file_never_uploaded(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Files without their bytes, whether an event names them or not."""
    for file in _files(records):
        if file.stored_by is not None:
            continue
        refused = [each for each in entries if each["operation"] == "storage.put" and file.id in each["path"]]
        tried = (
            f" ({refused[-1]['id']} tried, and was answered {refused[-1].get('status')})" if refused else ""
        )
        if file.named_by is None:
            seen = f"{file.declared_by} declared the file {file.name}, whose bytes never came{tried}."
            ids: tuple[str, ...] = (file.declared_by,)
        else:
            event = f"{file.named_by} (the event {file.event})"
            seen = f"{event} names the file {file.name}, whose bytes never came{tried}."
            ids = tuple(dict.fromkeys((file.declared_by, file.named_by)))
        yield Finding("file-never-uploaded", seen, ids, _UPLOAD, about=file.id)


def upload_never_referenced(entries: Sequence[Entry], records: Sequence[Record]) -> Iterator[Finding]:
    """Files whose bytes came, and that no event names."""
    for file in _files(records):
        if file.stored_by is not None and file.named_by is None:
            seen = f"{file.stored_by} uploaded the file {file.name}, and no event names it."
            yield Finding("upload-never-referenced", seen, (file.stored_by,), _REFER, about=file.id)


def _files(records: Sequence[Record]) -> list[_File]:
    found: dict[str, _File] = {}
    for record in records:
        event, request = record["event"], record["requestId"]
        if record["kind"] == "attachment.declared":
            found.setdefault(event["id"], _File(event["id"], event["fileName"], request))
        elif record["kind"] == "attachment.stored" and (file := found.get(event["id"])) is not None:
            file.stored_by = file.stored_by or request
        elif record["kind"] == "event.appended":
            for each in event.get("attachments", ()):
                if (file := found.get(each["attachmentId"])) is not None and file.named_by is None:
                    file.named_by, file.event = request, event["name"]
    return list(found.values())
