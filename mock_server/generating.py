"""Prints MassIDs: as JSON, as a line of JSON each, or as a shell script that submits them."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from shlex import quote as shell_quote
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote as url_quote

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mock_server.journey import File, Journey

# No line of JSON begins like it, and base64 has no underscore: a text can never end where it does not end.
_END: Final = b"END_OF_DATA"
_LINE_LENGTH: Final = 76


def pieces(journeys: Iterable[Journey], count: int, form: str) -> Iterator[bytes]:
    """What to write for each of `count` journeys, in UTF-8, as soon as it is made; `form` is one of FORMATS.

    Nothing is kept from one to the next, and nothing comes before the first journey is made.
    """
    return FORMATS[form](journeys, count)


def as_json(journey: Journey) -> dict[str, Any]:
    """All of a journey as one JSON value, its files in base64."""
    return {
        "document": journey.document,
        "events": journey.events,
        "attachments": [
            {
                "fileName": file.file_name,
                "contentType": file.content_type,
                "label": file.label,
                "contentBase64": b64encode(file.content).decode(),
            }
            for file in journey.attachments
        ],
        "accreditations": journey.accreditations,
    }


def _json(journeys: Iterable[Journey], count: int) -> Iterator[bytes]:
    """One object, or an array when there are more."""
    written = (orjson.dumps(as_json(journey), option=orjson.OPT_INDENT_2) for journey in journeys)
    if count == 1:
        for each in written:
            yield each + b"\n"
        return
    before = b"[\n  "
    for each in written:
        yield before + each.replace(b"\n", b"\n  ")
        before = b",\n  "
    yield b"\n]\n"


def _ndjson(journeys: Iterable[Journey], count: int) -> Iterator[bytes]:
    for journey in journeys:
        yield orjson.dumps(as_json(journey)) + b"\n"


def _curl(journeys: Iterable[Journey], count: int) -> Iterator[bytes]:
    """A script for any POSIX shell; what it needs to know is said at its top, in submit.sh."""
    before = Path(__file__).with_name("submit.sh").read_bytes()
    for number, journey in enumerate(journeys, 1):
        title = f"\n# MassID {number} of {count}: {journey.variant}, seed {journey.seed}\n".encode()
        yield before + title + b"".join(_commands(journey))
        before = b""


def _commands(journey: Journey) -> Iterator[bytes]:
    yield _command(["document"], orjson.dumps(journey.document))
    for file in journey.attachments:
        yield _command(["upload", *_upload(file)], b"\n".join(_lines(b64encode(file.content))))
    for event in journey.events:
        what = " ".join(str(event[name]) for name in ("name", "label") if name in event)
        yield _command(["event", what], orjson.dumps(event))
    yield b"submitted\n"


def _upload(file: File) -> tuple[str, ...]:
    """The file's name as a path has it, its type, and the body that declares it."""
    declared = {"contentLength": len(file.content), "contentType": file.content_type}
    return url_quote(file.file_name, safe=""), file.content_type, orjson.dumps(declared).decode()


def _command(words: list[str], data: bytes) -> bytes:
    """A command with data on its stdin, in which the shell expands nothing."""
    command = " ".join(map(shell_quote, words)).encode()
    return b"%s <<'%s'\n%s\n%s\n" % (command, _END, data, _END)


def _lines(data: bytes) -> Iterator[bytes]:
    return (data[start : start + _LINE_LENGTH] for start in range(0, len(data), _LINE_LENGTH))


FORMATS: Final[Mapping[str, Callable[[Iterable[Journey], int], Iterator[bytes]]]] = {
    "json": _json,
    "ndjson": _ndjson,
    "curl": _curl,
}
