"""What a run knows of the target's state: what exists that valid data may refer to."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import NAMESPACE_URL, uuid4, uuid5

from pytest_carrot.checking.plan import CannotCheck
from pytest_carrot.checking.valid import DOCUMENT

if TYPE_CHECKING:
    from pytest_carrot.checking.calling import Caller

# How long a URL is taken to be good that does not say it; it is asked for anew long before it expires.
_URL_SECONDS = 900.0
# Far below the hundred that a document takes: checks append as well, and so does the platform.
_EVENT_LIMIT = 60
# A busy document is to be tried again after 2 to 5 seconds.
_BUSY_SECONDS = 5.0
OWN_FILE = "check.txt"
"""The name of the file that a document of the run's own has."""


@dataclass
class File:
    """A file that was declared, and the URL that takes its bytes."""

    content_type: str
    length: int
    url: str
    asked_at: float = field(default_factory=monotonic)
    is_sent: bool = False

    @property
    def seconds(self) -> float:
        """For how long the URL is good, as it says itself where it is signed as S3 does it."""
        (given,) = parse_qs(urlsplit(self.url).query).get("X-Amz-Expires", [""])[:1]
        return float(given) if given.isdecimal() else _URL_SECONDS


class Knowledge:
    """Ids that exist, files that were declared, and numbers that were not used before."""

    def __init__(self, caller: Caller, seed: int) -> None:
        self.caller = caller
        self.participant_id = ""
        self.address_id = ""
        self.document_id = ""
        """A document of the run's own."""
        self._other_id = ""
        self.files: dict[str, dict[str, File]] = defaultdict(dict)
        """Document id → file name → file."""
        self.events: dict[str, int] = defaultdict(int)
        """Document id → events that the run appended to it."""
        self.documents: set[str] = set()
        """Documents that exist."""
        self.ended: set[str] = set()
        """Documents that take no more events of most names."""
        self._written: dict[str, float] = {}
        """Document id → when it was written last."""
        self._busy: set[str] = set()
        """The operations that have met a busy document."""
        # An API that keeps everything still has the keys of an earlier run of this seed.
        is_new = caller.target.control is not None or caller.target.app is not None
        self._seed = f"{seed}" if is_new else f"{seed}:{uuid4()}"
        self._made = 0
        self._token = ""

    def new_key(self) -> str:
        """A deduplication key that no other case has."""
        return f"check-{self.new_id()}"

    def new_id(self) -> str:
        """A UUID that no other case has; the same in each run of the same seed on a new workspace."""
        self._made += 1
        return str(uuid5(NAMESPACE_URL, f"carrot-check:{self._seed}:{self._made}"))

    def wrote(self, document_id: str) -> None:
        """Remember that a document was written just now."""
        self._written[document_id] = monotonic()

    def met_busy(self, operation: str, document_id: str | None) -> None:
        """Remember that this document is busy now, and that others will be for this operation."""
        self._written[str(document_id)] = monotonic()
        self._busy.add(operation)

    def wait_for(self, operation: str, document_id: str | None) -> None:
        """Wait until a document is no longer busy, where the operation has met one that was."""
        if operation in self._busy and document_id in self._written:
            left = self._written[document_id] + _BUSY_SECONDS - monotonic()
            sleep(max(left, 0.0))

    def authorization(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}

    def arrange(self) -> None:
        """Create documents of the run's own, and a file; raises CannotCheck when the target does not let it."""
        self._token = self.caller.token()
        self.document_id, self._other_id = self._create(), self._create()
        found = self._ask("GET", f"/documents/{self.document_id}", 200)
        self.participant_id = found["primaryParticipant"]["id"]
        self.address_id = found["primaryAddress"]["id"]
        self.upload()

    def open_document(self, more: int) -> str:
        """A document of the run's own that takes this many more events."""
        if not self.takes(self.document_id, more):
            self.document_id = self._create()
        return self.document_id

    def takes(self, document_id: str, more: int) -> bool:
        """Whether a document is known to exist and to take this many more events."""
        return (
            document_id in self.documents
            and document_id not in self.ended
            and self.events[document_id] + more <= _EVENT_LIMIT
        )

    def other_than(self, document_id: str) -> str:
        """A document of the run's own that another may be related to."""
        return self._other_id if document_id != self._other_id else self.open_document(0)

    def _create(self) -> str:
        document = {**DOCUMENT, "deduplicationId": self.new_key()}
        document_id = str(self._ask("POST", "/documents", 201, document)["id"])
        self.documents.add(document_id)
        self.wrote(document_id)
        return document_id

    def upload(self) -> File:
        """The run's own file, whose URL is fresh."""
        # One that was closed takes no file.
        self.open_document(0)
        known = self.files[self.document_id].get(OWN_FILE)
        if known is None or monotonic() - known.asked_at > known.seconds / 3:
            body = {"contentLength": 5, "contentType": "text/plain"}
            path = f"/documents/{self.document_id}/attachments/{OWN_FILE}"
            url = self._ask("PUT", path, 200, body)["url"]
            self.wrote(self.document_id)
            known = self.files[self.document_id][OWN_FILE] = File("text/plain", 5, url)
        return known

    def download_url(self) -> str:
        """A fresh URL of the run's own file, whose bytes are there."""
        self.send_bytes(self.upload())
        path = f"/documents/{self.document_id}/attachments/{OWN_FILE}"
        return str(self._ask("GET", path, 200)["url"])

    def send_bytes(self, file: File) -> None:
        """Send the bytes of a file, unless they are there."""
        if not file.is_sent:
            headers = {"content-type": file.content_type}
            self.caller.send("PUT", file.url, data=bytes(file.length), headers=headers)
            file.is_sent = True

    def _ask(self, method: str, path: str, status: int, body: Any = None) -> Any:
        url = self.caller.target.url + path
        for attempt in range(2):
            answer = self.caller.send(method, url, json=body, headers=self.authorization())
            if answer.status_code == 401 and attempt == 0:
                self._token = self.caller.token()
                continue
            break
        if 200 <= answer.status_code < 300:
            try:
                return answer.json()
            except json.JSONDecodeError:
                pass
        raise CannotCheck(
            f"What answers at {self.caller.target.url} does not act as the Carrot API: {method} {path} was to be "
            f"answered with status {status} and JSON, and came with {answer.status_code}: {answer.text[:200]}"
        )
