"""What is kept of a failed test: its journal, its ledger and its timelines, with the report and in files."""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from pytest_carrot import history, story

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest

    from pytest_carrot.control import Control

# What is put into a report itself; the files have all of it.
_MOST_CHARACTERS = 100_000
_MOST_TIMELINES = 10


def attach(item: pytest.Item, report: pytest.TestReport, control: Control) -> None:
    """Add the journal and the timelines of a world to a report, as JUnit properties and, where pytest-html is
    used, as its extras."""
    journal = _json(history.entries(control))
    timelines = timelines_of(control)
    # JUnit takes those of the report on the tear-down, which are the item's.
    item.user_properties += [
        ("carrot-journal", _short(journal)),
        ("carrot-timelines", _short(timelines)),
    ]
    try:
        from pytest_html import extras
    except ImportError:
        return
    shown = [
        extras.text(timelines, name="Carrot timelines"),
        extras.json(json.loads(journal), name="Carrot journal"),
    ]
    vars(report)["extras"] = [*getattr(report, "extras", []), *shown]


def write(directory: Path, nodeid: str, control: Control, number: int = 1) -> Path:
    """Write journal, ledger, documents and timelines of a world into a folder of the test; raises OSError."""
    folder = directory / folder_name(nodeid)
    if number > 1:
        folder = folder / str(number)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "journal.json").write_text(_json(history.entries(control)), "utf-8")
    lines = [json.dumps(each, ensure_ascii=False) for each in history.records(control)]
    (folder / "ledger.ndjson").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    (folder / "timelines.txt").write_text(timelines_of(control), "utf-8")
    for each in history.documents(control):
        document = history.document(control, each["id"])
        (folder / f"document-{each['id']}.json").write_text(_json(document), "utf-8")
    return folder


def timelines_of(control: Control) -> str:
    """The requests of a world, and the timelines of its documents, as a failed assertion tells them."""
    entries, records = history.entries(control), history.records(control)
    documents = history.documents(control)
    told = [f"The requests:\n{story.requests(entries)}" if entries else "There was no request."]
    told += [story.timeline(records, entries, each["id"], each) for each in documents[:_MOST_TIMELINES]]
    if len(documents) > _MOST_TIMELINES:
        told.append(f"And {len(documents) - _MOST_TIMELINES} more documents.")
    return "\n\n".join(told) + "\n"


def folder_name(nodeid: str) -> str:
    """A name for files that is the test's own, whatever its parameters are called."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", nodeid).strip("-.")[:100]
    return f"{readable}-{blake2b(nodeid.encode(), digest_size=4).hexdigest()}"


def _json(found: Sequence[Any] | dict[str, Any]) -> str:
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def _short(text: str) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return text
    rest = len(text) - _MOST_CHARACTERS
    return f"{text[:_MOST_CHARACTERS]}\n… and {rest} characters more; --carrot-artifacts writes all of it"
