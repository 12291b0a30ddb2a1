"""One spelling for what is another in each run: ids, deduplication keys and times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from pytest_carrot import comparison, history, story

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_carrot.history import Entry, Item, Record
    from pytest_carrot.sweeping.run import Run

    Masks = frozenset[tuple[str, str]]

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9_-]{21}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|[+-]\d\d:?\d\d))?")
_SUFFIX: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
# Masks with this have the names of files that are the same in each run, and an empty one where others are not.
_STEADY_FILE: Final = "steady file"
_IDS: Final = ("id", "piiSnapshotId", "participantId", "addressId", "attachmentId", "documentId", "eventId")
_DAY: Final = 86_400.0
# A key this short may be a part of any word.
_SHORTEST_PART: Final = 8
_WHAT: Final = {
    "token": "token",
    "documents.create": "create",
    "documents.read": "read",
    "events.append": "append",
    "events.batch": "batch of",
    "attachments.upload": "declare",
    "attachments.download": "ask for",
    "storage.put": "upload",
    "storage.get": "download",
}


class Names:
    """Calls the things of a run by names that they have in every run.

    Documents go by their category and type and, where several have the same, by what they were created with; of
    this the masks leave out what is another in each run. Unless `by_content` those with the same go by one name.
    Files whose names are others in each run go by what these end in.
    """

    def __init__(self, run: Run, masks: Masks, *, by_content: bool = True) -> None:
        self._began = run.began
        self._masks = masks
        self._ids: dict[str, str] = {}
        self._keys = {item.key: "<key>" for each in run.entries for item in history.items(each) if item.key}
        self._files = _names_of_files(run, masks)
        self._keys |= self._files
        # The longest first: one may be the beginning of another.
        self._parts = sorted((key for key in self._keys if len(key) >= _SHORTEST_PART), key=len, reverse=True)
        for entry in run.entries:
            if "integrator" in (client := entry["client"]):
                # Whose it is counts, not what the credentials of a world are called.
                self._ids[client["clientId"]] = f"<client {client['integrator']} {client['environment']}>"
        for record in run.records:
            self._name(record)
        self._ids |= self._documents(run, by_content=by_content)

    def document(self, document_id: str) -> str:
        """`MassID Organic`."""
        return self._ids.get(document_id, "<document>")[1:-1]

    # Values -------------------------------------------------------------------------------------------

    def flat(self, found: Mapping[str, Any], where: str) -> dict[str, Any]:
        """JSON by paths, in the spelling of every run, without what is masked there."""
        plain = comparison.flat(self.plain(dict(found)))
        return {path: each for path, each in plain.items() if (where, path) not in self._masks}

    def plain(self, found: Any, name: str = "") -> Any:
        """JSON in the spelling of every run."""
        match found:
            case dict():
                return self._object(found)
            case list():
                return [self.plain(each) for each in found]
            case str() if name == "deduplicationId":
                return "<key>"
            case str() if name in _IDS and _SHORT_ID.fullmatch(found):
                return self._ids.get(found, "<id>")
            case str():
                return self.text(found)
            case int() | float() if not isinstance(found, bool) and self._is_now(found):
                return "<time>"
            case float() if found.is_integer():
                return int(found)
            case _:
                return found

    def _object(self, found: Mapping[str, Any]) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        for key, each in found.items():
            name = self.text(key)
            # Ids as keys, such as those of permissions, have one name in common.
            while name in plain:
                name += "+"
            plain[name] = self.plain(each, key)
        return plain

    def text(self, text: str) -> str:
        """A text in the spelling of every run."""
        if (name := self._ids.get(text.lower()) or self._ids.get(text) or self._keys.get(text)) is not None:
            return name
        for key in self._parts:
            text = text.replace(key, self._keys[key])
        text = _UUID.sub(lambda found: self._ids.get(found[0].lower(), "<id>"), text)
        return _TIME.sub("<time>", text)

    def _is_now(self, number: float) -> bool:
        """Whether a number is a moment of this run, in seconds or milliseconds since 1970."""
        return any(abs(number / unit - self._began) < _DAY for unit in (1, 1000)) and bool(self._began)

    # Requests -----------------------------------------------------------------------------------------

    def what(self, entry: Entry) -> str:
        """What a request is about, for people: `append WEIGHING`."""
        operation, body = entry["operation"], entry["request"]["body"]
        about = story.about(entry)
        if operation == "documents.read":
            about = self.document(entry.get("documentId", ""))
        elif operation.startswith(("attachments.", "storage.")):
            about = unquote(entry["path"].partition("?")[0].rpartition("/")[2])
            # The storage knows no names of files, just their ids.
            about = self._ids.get(about, about).removeprefix("<file ").removesuffix(">")
            about = self._files.get(about, about)
        elif operation == "events.append" and isinstance(body, dict) and isinstance(body.get("label"), str):
            about = f"{about} ({body['label']})"
        return self.text(f"{_WHAT.get(operation, operation)} {about}".rstrip())

    def thing(self, entry: Entry) -> str:
        """What a request asks for, whatever its key and whenever it was sent."""
        if entry["operation"] == "token":
            return "token"
        path = unquote(entry["path"].partition("?")[0])
        folder, _, last = path.rpartition("/")
        # Another name for an unsteady file is no other file yet.
        path = f"{self.text(folder)}/{_ending(last)}" if last in self._files else self.text(path)
        return history.canonical([entry["operation"], path, self._asked(entry)])

    def masks(self, entry: Entry, others: Names, other: Entry) -> Masks:
        """What differs between two requests that are the same call of two runs."""
        where = _request(self.what(entry))
        one, two = self._asked(entry), others._asked(other)
        return frozenset(
            (where, path)
            for path in {**one, **two}
            if not comparison.same(one.get(path, comparison.ABSENT), two.get(path, comparison.ABSENT))
        )

    def content(self, item: Item) -> str:
        """What one thing is that a request asks for, alone or in a batch."""
        name = str(item.body.get("name", ""))
        return history.canonical(self.flat(item.body, f"event {name}"))

    def _asked(self, entry: Entry) -> dict[str, Any]:
        body = entry["request"]["body"]
        # The storage shows no more than the size, and that not of what was refused early.
        if entry["operation"].startswith("storage.") or not isinstance(body, dict):
            return {}
        flat = self.flat(body, _request(self.what(entry)))
        return {path: each for path, each in flat.items() if each != "<key>"}

    # Names of things ----------------------------------------------------------------------------------

    def _name(self, record: Record) -> None:
        event = record["event"]
        match record["kind"]:
            case "event.appended":
                self._ids[event["id"]] = f"<event {event['name']}>"
            case "attachment.declared":
                name = event["fileName"]
                self._ids[event["id"]] = f"<file {self._files.get(name, name)}>"

    def _documents(self, run: Run, *, by_content: bool) -> dict[str, str]:
        created = [each for each in run.records if each["kind"] == "document.created"]
        named = {each["documentId"]: kind_of(each) for each in created}
        facts = {
            each["documentId"]: history.canonical(self.flat(each["event"], document_mask(each)))
            for each in created
        }
        found = {}
        for document_id, name in named.items():
            alike = {facts[other] for other, its in named.items() if its == name}
            # The same number in each run in which these are the documents of that kind.
            is_one_of = by_content and len(alike) > 1
            more = f" {sorted(alike).index(facts[document_id]) + 1}" if is_one_of else ""
            found[document_id] = f"<{name}{more}>"
        return found


def unsteady_files(one: Sequence[Entry], other: Sequence[Entry]) -> Masks:
    """Where two clean runs declare files of other names, a mask of all names that are not the same in both."""
    left, right = _declared(one), _declared(other)
    if left == right or len(left) != len(right):
        return frozenset()
    steady = {name for name, twin in zip(left, right, strict=True) if name == twin}
    return frozenset((_STEADY_FILE, name) for name in ("", *steady))


def kind_of(record: Record) -> str:
    """Category and type of the document that a record created."""
    event = record["event"]
    return " ".join(dict.fromkeys(str(event.get(each, "")) for each in ("category", "type"))).strip()


def document_mask(record: Record) -> str:
    """Where a mask of a document's own fields is: the same for all of a kind."""
    return f"document {kind_of(record)}"


def _declared(entries: Sequence[Entry]) -> list[str]:
    """The names of the files that are declared, in order."""
    paths = (each["path"].partition("?")[0] for each in entries if each["operation"] == "attachments.upload")
    return [unquote(path.rpartition("/")[2]) for path in paths]


def _names_of_files(run: Run, masks: Masks) -> dict[str, str]:
    """For the files that have other names in each run, one for every run; by the order in which they appear."""
    if (_STEADY_FILE, "") not in masks:
        return {}
    recorded = [each["event"]["fileName"] for each in run.records if each["kind"] == "attachment.declared"]
    found: dict[str, str] = {}
    # What was not recorded comes last: the retry of it may have got another name.
    for name in (*recorded, *_declared(run.entries)):
        if name not in found and (_STEADY_FILE, name) not in masks:
            earlier = sum(_ending(each) == _ending(name) for each in found)
            found[name] = f"{_ending(name)} {earlier + 1}" if earlier else _ending(name)
    return found


def _ending(name: str) -> str:
    """`*.txt`."""
    found = _SUFFIX.search(name)
    return f"*{found[0] if found else ''}"


def _request(what: str) -> str:
    return f"request {what}"
