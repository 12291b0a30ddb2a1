"""Reads a document back, and holds it against the journey that was submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mock_server.demo_client import DemoFailed
from mock_server.demo_screen import Kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_server.demo_client import Answer
    from mock_server.journey import Journey


def check(answer: Answer, journey: Journey) -> None:
    """Raises DemoFailed when a document is not closed, or has not each event of the journey once, in order."""
    document = answer.body
    keys = [each["deduplicationId"] for each in answer.items("externalEvents") if "deduplicationId" in each]
    expected = [each["deduplicationId"] for each in journey.events]
    if keys != expected:
        raise DemoFailed(
            f"Document {document.get('id')} has events with the keys {', '.join(keys) or 'none'}, where each of "
            f"{', '.join(expected)} was expected once."
        )
    value = [each["value"] for each in journey.events if "value" in each][-1]
    for name, wanted in (("status", "CLOSED"), ("currentValue", value)):
        if document.get(name) != wanted:
            raise DemoFailed(
                f"Document {document.get('id')} has the {name} {document.get(name)}, where {wanted} was expected."
            )


def kept(document: Mapping[str, Any], journey: Journey) -> Kept:
    """What a table says of a document that was read."""
    return Kept(
        id=str(document["id"]),
        variant=journey.variant,
        kg=number(document["currentValue"]),
        events=len(document["externalEvents"]),
        files=len(document.get("attachments", ())),
    )


def number(value: float) -> str:
    return f"{value:,.10g}"
