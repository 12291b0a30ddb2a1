"""The stage of all probes: documents that are obviously tests, made when the first probe needs them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import uuid4

from pytest_carrot.drifting.finding import CannotProbe, NotProbed
from pytest_carrot.drifting.told import told
from pytest_carrot.live_target import SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_carrot.drifting.calling import Caller, Line
    from pytest_carrot.live_http import Answer

_Made = TypeVar("_Made")
PLAIN: Final = "Carrot Mock Drift"
"""The name of events that are about nothing else."""
FILE: Final = b"This file is a test of carrot-mock drift.\n"
FILE_TYPE: Final = "text/plain"
ADDRESS: Final[Mapping[str, Any]] = {
    "city": "São Paulo",
    "countryCode": "BR",
    "countryState": "SP",
    "name": "Carrot Mock drift test",
    "number": "1",
    "street": "Rua de Teste",
}


class Scene:
    """What probes work with; `main` and `partner` are two companies, the latter perhaps not there."""

    def __init__(self, main: Caller, partner: Caller | None, start: datetime) -> None:
        self.main = main
        self._partner = partner
        self._made: dict[str, Any] = {}
        self._start = start.replace(microsecond=0) - timedelta(days=1)
        self._moments = 0

    @property
    def line(self) -> Line:
        return self.main.line

    @property
    def partner(self) -> Caller:
        """Raises NotProbed when there is none."""
        if self._partner is None:
            raise NotProbed(
                "it needs the credentials of a partner, another integrator in the same environment"
            )
        return self._partner

    def once(self, name: str, make: Callable[[], _Made]) -> _Made:
        """What several probes share; what stood in the way the first time does so again."""
        if name not in self._made:
            try:
                self._made[name] = make()
            except (CannotProbe, NotProbed) as why:
                self._made[name] = why
        found = self._made[name]
        if isinstance(found, CannotProbe | NotProbed):
            raise found
        return found  # type: ignore[no-any-return]

    # Bodies -----------------------------------------------------------------------------------------------

    def moment(self, **before: float) -> str:
        """A moment of yesterday, later than all before it; or that moment less so many hours, days …"""
        self._moments += 1
        return _iso(self._start + timedelta(seconds=self._moments) - timedelta(**before))

    def ahead(self) -> str:
        """The moment in two days."""
        return _iso(self._start + timedelta(days=3))

    def names(self) -> dict[str, str]:
        """The two names of this run that everything has which is written."""
        name = self.line.name()
        return {"deduplicationId": name, "externalId": name}

    def document(self, **changes: Any) -> dict[str, Any]:
        """A document to create; a change to `...` leaves the key out."""
        body = {
            "category": "MassID",
            "type": "Organic",
            "measurementUnit": "kg",
            "title": "Carrot Mock drift test: please ignore",
            # Before all events, so that any event may go to any document.
            "externalCreatedAt": self.moment(hours=2),
            "isPublic": False,
            "isPubliclySearchable": False,
            "participant": self.party(),
            "address": dict(ADDRESS),
            **self.names(),
        }
        return _changed(body, changes)

    def event(self, name: Any = PLAIN, **changes: Any) -> dict[str, Any]:
        """An event to append; a change to `...` leaves the key out."""
        body = {
            "name": name,
            "externalCreatedAt": self.moment(),
            "isPublic": False,
            "participant": self.party(),
            "address": dict(ADDRESS),
            **self.names(),
        }
        return _changed(body, changes)

    def party(self, number: int = 0, **changes: Any) -> dict[str, Any]:
        """An invented company of this run, by number."""
        tax_id = self.once(f"tax id {number}", lambda: _cnpj(uuid4().int % 10**7))
        body = {
            "countryCode": "BR",
            "name": "Carrot Mock drift test",
            "taxId": tax_id,
            "taxIdType": "CNPJ",
            "type": "COMPANY",
        }
        return _changed(body, changes)

    # What is there ----------------------------------------------------------------------------------------

    @property
    def first(self) -> str:
        """The id of the document that most probes share."""
        return self.once("first", lambda: self.new_document())

    @property
    def other(self) -> str:
        """The id of a second one, to relate to."""
        return self.once("other", lambda: self.new_document())

    @property
    def partners(self) -> str:
        """The id of a document of the partner's; raises NotProbed when there is none."""
        return self.once("partner's", lambda: self.new_document(self.partner))

    def new_document(self, caller: Caller | None = None, **changes: Any) -> str:
        """The id of a new document; raises CannotProbe when it is refused."""
        answer = (caller or self.main).post("/documents", self.document(**changes))
        if (found := answer.object.get("id")) is None or not answer.accepted:
            raise CannotProbe(f"a document for it was answered {told(answer)}")
        return str(found)

    def append(self, document_id: str, body: Mapping[str, Any], caller: Caller | None = None) -> Answer:
        return (caller or self.main).post(f"/documents/{document_id}/events", dict(body))

    def appended(self, document_id: str, body: Mapping[str, Any], caller: Caller | None = None) -> str:
        """The id of an event that has to be accepted; raises CannotProbe when it is not."""
        answer = self.append(document_id, body, caller)
        if not answer.accepted:
            raise CannotProbe(f"an event ({body['name']}) for it was answered {told(answer)}")
        return str(answer.object.get("eventId"))

    def batch(self, document_id: str | None, items: list[dict[str, Any]], **more: Any) -> Answer:
        top = {} if document_id is None else {"documentId": document_id}
        return self.main.post("/documents/events", {**top, "events": items, **more})

    def read(self, document_id: str, caller: Caller | None = None) -> dict[str, Any]:
        """A document; raises CannotProbe when it cannot be read."""
        answer = (caller or self.main).get(f"/documents/{document_id}")
        if not answer.accepted or not answer.object:
            raise CannotProbe(f"reading the document for it was answered {told(answer)}")
        return answer.object

    def stored(self, document_id: str, event_id: str) -> dict[str, Any]:
        """An event as a read shows it; raises CannotProbe when it is not there."""
        for each in events_of(self.read(document_id)):
            if each.get("id") == event_id:
                return each
        raise CannotProbe("the event that was appended is not in the document under its eventId")

    def own_participant(self, caller: Caller) -> str:
        """The id of an integrator's own participant, as a document of its own tells it."""

        def look() -> str:
            document_id = self.first if caller is self.main else self.partners
            author = self.read(document_id, caller).get("author") or {}
            if "participantId" not in author:
                event_id = self.appended(document_id, self.event(), caller)
                found = events_of(self.read(document_id, caller))
                author = next((each.get("author") or {} for each in found if each.get("id") == event_id), {})
            if "participantId" not in author:
                raise CannotProbe("no read tells the id of the integrator's own participant")
            return str(author["participantId"])

        return self.once(f"own participant {caller is self.main}", look)

    # Files and tokens -------------------------------------------------------------------------------------

    def declare(self, document_id: str, name: str, caller: Caller | None = None, **changes: Any) -> Answer:
        """Ask for an upload URL, with the parameters in a JSON body."""
        body = {"contentLength": len(FILE), "contentType": FILE_TYPE, **changes}
        return (caller or self.main).put(f"/documents/{document_id}/attachments/{name}", body)

    def store(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """A call of the storage, at a URL that the API gave."""
        sized = method != "PUT" or body is not None
        return self.line.send(method, url, headers, body, sized=sized, writes=int(method == "PUT"))

    def token(
        self, form: Mapping[str, str], *, basic: str | None = None, method: str = "POST", **headers: str
    ) -> Answer:
        """A call of the token endpoint with a form, or with the headers and the body that are given."""
        sent = {"content-type": "application/x-www-form-urlencoded"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if basic is not None:
            sent["authorization"] = basic
        body = None if method == "GET" else urlencode(form).encode()
        return self.line.send(method, self.line.target.token_url, sent, body)


GRANT: Final = {"grant_type": "client_credentials", "scope": SCOPE}


def events_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = document.get("externalEvents")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _changed(body: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**body, **changes}.items() if value is not ...}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _cnpj(number: int) -> str:
    """A Brazilian tax id that no company has, with the check digits that it should have."""
    digits = [9, *(int(each) for each in f"{number:07}0001")]
    for _ in range(2):
        weights = [2 + place % 8 for place in range(len(digits))][::-1]
        rest = sum(map(int.__mul__, digits, weights)) % 11
        digits.append(0 if rest < 2 else 11 - rest)
    return "".join(map(str, digits))
