"""Learns from answers what exists, for the cases that come after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_carrot.checking.calling import says_busy
from pytest_carrot.checking.knowledge import File
from pytest_carrot.checking.shaping import file_name, operation_id, target_of

if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.core.transport import Response

    from pytest_carrot.checking.knowledge import Knowledge

_LAST = ("CLOSE", "CANCEL")


def learn(case: Case[Any], response: Response, known: Knowledge) -> None:
    """Remember the document or file that exists now, and how many events a document has."""
    operation = operation_id(case)
    if says_busy(response.status_code, response.text):
        known.met_busy(operation, target_of(case))
    if not 200 <= response.status_code < 300:
        return
    try:
        if operation == "storage.put":
            known.wrote(str(target_of(case)))
        elif operation == "attachments.upload":
            _learn_file(case, response.json(), known)
            known.wrote(str(case.path_parameters["documentId"]))
        elif operation == "documents.create":
            known.documents.add(document_id := str(response.json()["id"]))
            known.wrote(document_id)
        elif operation in ("events.append", "events.batch"):
            _learn_events(case, response.json(), known)
    except (ValueError, KeyError, TypeError):
        # Not what the contract promises, which the checks say.
        return


def _learn_events(case: Case[Any], answer: Any, known: Knowledge) -> None:
    sent: Any = case.body
    document_id = str(answer["documentId"])
    known.wrote(document_id)
    for event in sent.get("events", [sent]):
        known.events[document_id] += 1
        if event["name"] in _LAST:
            known.ended.add(document_id)


def _learn_file(case: Case[Any], answer: Any, known: Knowledge) -> None:
    sent: Any = case.body if isinstance(case.body, dict) else case.query
    document_id = str(case.path_parameters["documentId"])
    known.files[document_id][file_name(case)] = File(
        str(sent["contentType"]), int(sent["contentLength"]), str(answer["url"])
    )
