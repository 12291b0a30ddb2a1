"""The steps of the demo in their order: each call, and what its answer has to be."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from mock_server.demo_client import DemoFailed
from mock_server.demo_document import check, kept, number
from mock_server.demo_screen import Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mock_server.demo_client import Answer, Client
    from mock_server.demo_screen import Kept, Screen
    from mock_server.journey import File, Journey

_REFUSED: Final = range(400, 500)


class Story:
    """The steps in their order, and what one leaves for the next."""

    def __init__(self, client: Client, show: Screen, journey: Journey) -> None:
        self._client = client
        self._show = show
        self._journey = journey
        self._steps = 0
        self._id = ""
        # How many requests with a key were answered with its event.
        self._sent: Counter[str] = Counter()
        self._event_ids: dict[str, str] = {}
        client.on_wait = self._wait

    def tell(self, client_id: str, client_secret: str) -> Kept:
        """Submit the journey and say so; what the server has of it then.

        Raises DemoFailed when something goes otherwise than expected.
        """
        *submitted, close = self._journey.events
        actors = [event for event in submitted if event["name"] == "ACTOR"]
        others = [event for event in submitted if event["name"] != "ACTOR"]
        self._token(client_id, client_secret)
        self._create()
        self._batch(actors)
        for has_files, events in groupby(others, key=lambda event: bool(event.get("attachments"))):
            append = self._with_files if has_files else self._one_by_one
            append(list(events))
        weighed = next(event for event in others if event["name"].upper() == "WEIGHING")
        self._retry(weighed)
        self._mistake(others[-1])
        self._changed(weighed)
        self._end(close)
        return self._read()

    # What is submitted. ----------------------------------------------------------------------------------

    def _token(self, client_id: str, client_secret: str) -> None:
        self._step("Get a token")
        answer = self._client.authorise(client_id, client_secret)
        if answer.status in _REFUSED and isinstance(answer.body.get("error"), str):
            raise DemoFailed(
                f"{answer.server} refused the client id {client_id} ({answer.status} {answer.errors[0][0]}). "
                "Set CARROT_CLIENT_ID and CARROT_CLIENT_SECRET to credentials of that server."
            )
        if not 200 <= answer.status < 300:
            raise DemoFailed(f"{answer.call} answered {answer.status}. Is {answer.server} a Carrot server?")
        life = answer.body.get("expires_in", "?")
        self._say(answer, "POST", "/oauth2/token", f"a bearer token, good for {life} seconds")

    def _create(self) -> None:
        self._step("Create the document of the MassID")
        answer = self._post("/documents", self._journey.document)
        self._id = answer.text("id")
        self._say(answer, "POST", "/documents", f"document {self._id}, called {{id}} below")

    def _batch(self, events: Sequence[Mapping[str, Any]]) -> None:
        self._step("Say who takes part: the ACTOR events, all in one batch")
        answer = self._post("/documents/events", {"documentId": self._id, "events": list(events)})
        appended = answer.body.get("events")
        if not isinstance(appended, list) or len(appended) != len(events):
            raise DemoFailed(
                f"{answer.call} did not answer with an eventId for each of {len(events)} events."
            )
        self._sent.update(str(event["deduplicationId"]) for event in events)
        labels = ", ".join(str(event["label"]) for event in events)
        self._say(answer, "POST", "/documents/events", f"{len(events)} events: {labels}")

    def _one_by_one(self, events: Sequence[Mapping[str, Any]]) -> None:
        names = ", ".join(str(event["name"]) for event in events)
        self._step(f"Append {'an event' if len(events) == 1 else 'events, one by one'}: {names}")
        for event in events:
            self._append(event)

    def _with_files(self, events: Sequence[Mapping[str, Any]]) -> None:
        names = ", ".join(str(event["name"]) for event in events)
        one = len(events) == 1
        self._step(f"Upload {'a file, and name it' if one else 'files, and name each'} in an event: {names}")
        files = {file.file_name: file for file in self._journey.attachments}
        for event in events:
            for attachment in event["attachments"]:
                self._upload(files[attachment["fileName"]])
            self._append(event)

    def _upload(self, file: File) -> None:
        path = f"/documents/{self._id}/attachments/{file.file_name}"
        size = len(file.content)
        declaration = {"contentLength": size, "contentType": file.content_type}
        declared = self._client.call("PUT", path, declaration).expect(2)
        self._say(declared, "PUT", path, f"{file.content_type}, {size:,} bytes declared: a URL to upload to")
        stored = self._client.storage("PUT", declared.text("url"), file.content, file.content_type).expect(2)
        self._say(stored, "PUT", "<the pre-signed URL>", "the bytes are stored; no bearer token here")

    def _append(self, event: Mapping[str, Any]) -> None:
        answer = self._post(self._events, event)
        key = str(event["deduplicationId"])
        self._event_ids[key] = answer.text("eventId")
        self._sent[key] += 1
        named = [str(each["fileName"]) for each in event.get("attachments", ())]
        facts = ([f"{number(event['value'])} kg"] if "value" in event else []) + named
        what = f"{event['name']} ({', '.join(facts)})" if facts else str(event["name"])
        self._say(answer, "POST", self._events, f"{what} is event {self._event_ids[key]}")

    # What goes wrong, and what comes of it. --------------------------------------------------------------

    def _retry(self, event: Mapping[str, Any]) -> None:
        key = str(event["deduplicationId"])
        self._step(f"Was an answer lost? Send again, each with its key: {event['name']}, the document")
        answer = self._post(self._events, event)
        _same(answer, "eventId", self._event_ids[key])
        self._sent[key] += 1
        meaning = f"the same event {self._event_ids[key]}: nothing new appended"
        self._say(answer, "POST", self._events, meaning)
        answer = self._post("/documents", self._journey.document)
        _same(answer, "id", self._id)
        self._say(answer, "POST", "/documents", "the same document: no second one was made")

    def _mistake(self, event: Mapping[str, Any]) -> None:
        self._step("A newcomer's mistakes: no externalCreatedAt, and an attribute's name in kebab-case")
        body = {
            "name": event["name"],
            "isPublic": True,
            "metadata": {"attributes": [{"name": "document-type", "value": "CDF", "isPublic": True}]},
        }
        answer = self._client.call("POST", self._events, body)
        self._refused(answer, 400, "the event is refused; every fault has an entry:")

    def _changed(self, event: Mapping[str, Any]) -> None:
        self._step("Another body under a key that was used already")
        answer = self._client.call("POST", self._events, {**event, "value": event["value"] + 1})
        self._refused(answer, 409, "do not send it again as it is:")

    def _end(self, close: Mapping[str, Any]) -> None:
        self._step("Close the document, and try to add to it")
        self._append(close)
        late = {
            "name": "WEIGHING",
            "externalCreatedAt": close["externalCreatedAt"],
            "isPublic": True,
            "deduplicationId": f"{close['deduplicationId']}-and-then",
        }
        self._refused(self._client.call("POST", self._events, late), 409, "the document is closed:")

    def _refused(self, answer: Answer, status: int, meaning: str) -> None:
        answer.expect(status)
        codes = ", ".join(sorted({code for code, _ in answer.errors if code}))
        self._say(answer, "POST", self._events, f"{codes}: {meaning}" if codes else meaning)
        self._show.points([message for _, message in answer.errors])

    # What the server has now. ----------------------------------------------------------------------------

    def _read(self) -> Kept:
        self._step("Read the document, and fetch a file back")
        path = f"/documents/{self._id}"
        answer = self._client.call("GET", path).expect(2)
        document = answer.body
        events = answer.items("externalEvents")
        self._say(answer, "GET", path, f"{document.get('status')}, {len(events)} events")
        for file in self._journey.attachments[:1]:
            self._fetch(file)
        check(answer, self._journey)
        self._timeline(document, events)
        return kept(document, self._journey)

    def _fetch(self, file: File) -> None:
        path = f"/documents/{self._id}/attachments/{file.file_name}"
        answer = self._client.call("GET", path).expect(2)
        self._say(answer, "GET", path, "a URL to download from")
        stored = self._client.storage("GET", answer.text("url")).expect(2)
        if stored.content != file.content:
            raise DemoFailed(f"{stored.call} answered with other bytes than those of {file.file_name}.")
        meaning = f"{len(stored.content):,} bytes, the same as were uploaded"
        self._say(stored, "GET", "<the pre-signed URL>", meaning)

    def _timeline(self, document: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> None:
        value = f"{number(document['currentValue'])} {document.get('measurementUnit', '')}".rstrip()
        files = len(document.get("attachments", ()))
        summary = f"status {document['status']}, currentValue {value}, {len(events)} events, {files} files"
        rows = [self._row(event) for event in events]
        self._show.timeline(f"The timeline of document {self._id}", rows, summary)

    def _row(self, event: Mapping[str, Any]) -> Row:
        key = event.get("deduplicationId")
        who = event.get("label") or event.get("participant", {}).get("name", "")
        return Row(
            moment=str(event["externalCreatedAt"])[:16].replace("T", " "),
            name=str(event["name"]),
            who=str(who),
            kg=number(event["value"]) if "value" in event else "",
            attributes=str(len(event.get("metadata", {}).get("attributes", ())) or ""),
            files=str(len(event.get("attachments", ())) or ""),
            sent=f"{self._sent[str(key)]}x" if key else "",
            key=str(key) if key else "none: the platform's own",
        )

    # How it is sent and told. ----------------------------------------------------------------------------

    @property
    def _events(self) -> str:
        return f"/documents/{self._id}/events"

    def _post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return self._client.call("POST", path, body).expect(2)

    def _step(self, text: str) -> None:
        self._steps += 1
        self._show.step(self._steps, text)

    def _wait(self, answer: Answer, seconds: float) -> None:
        method, _, path = answer.call.partition(" ")
        self._say(answer, method, path, f"not now: the same call again in {seconds:g} s")

    def _say(self, answer: Answer, method: str, path: str, meaning: str) -> None:
        shown = path.replace(self._id, "{id}") if self._id else path
        self._show.call(answer.status, method, shown, meaning)


def _same(answer: Answer, name: str, expected: str) -> None:
    if (found := answer.text(name)) != expected:
        raise DemoFailed(
            f"{answer.call}, sent again with its deduplicationId, answered with another {name}: {found}, not "
            f"{expected}."
        )
