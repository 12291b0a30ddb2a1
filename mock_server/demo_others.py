"""The MassIDs of the demo after the first: each in as few calls as the API allows, and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mock_server.demo_document import check, kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mock_server.demo_client import Client
    from mock_server.demo_screen import Kept, Screen
    from mock_server.journey import File, Journey

_LAST: Final = 5


def tell(client: Client, show: Screen, first: Kept, journeys: Iterable[Journey], total: int) -> None:
    """Submit `total` journeys after the first document, and say what the server has now.

    Raises DemoFailed when something goes otherwise than expected.
    """
    # How long it waits is seen by how long it takes.
    client.on_wait = lambda answer, seconds: None
    documents, events, last = 1, first.events, [first]
    kinds = "MassID of another kind" if total == 1 else "MassIDs of other kinds"
    with show.working(f"Submit {total} more {kinds}, the events of each in one batch", total) as done:
        for document in _submitted(client, journeys):
            documents, events, last = documents + 1, events + document.events, [*last, document][-_LAST:]
            done(document)
    cut = f"; the last {_LAST} are above" if documents > _LAST else ""
    show.documents(last, f"{documents:,} documents with {events:,} events, all CLOSED{cut}")


def _submitted(client: Client, journeys: Iterable[Journey]) -> Iterator[Kept]:
    for journey in journeys:
        document_id = client.call("POST", "/documents", journey.document).expect(2).text("id")
        for file in journey.attachments:
            _upload(client, document_id, file)
        batch = {"documentId": document_id, "events": journey.events}
        client.call("POST", "/documents/events", batch).expect(2)
        answer = client.call("GET", f"/documents/{document_id}").expect(2)
        check(answer, journey)
        yield kept(answer.body, journey)


def _upload(client: Client, document_id: str, file: File) -> None:
    declaration = {"contentLength": len(file.content), "contentType": file.content_type}
    path = f"/documents/{document_id}/attachments/{file.file_name}"
    url = client.call("PUT", path, declaration).expect(2).text("url")
    client.storage("PUT", url, file.content, file.content_type).expect(2)
