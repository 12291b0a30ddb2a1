"""A document as the fold of its records: what each record, and each event name, does to it.

Source: [event-spec], [events], [permissions]; details that these leave open are assumed (CONTRACT §8).
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from mock_server.domain.permissions import CREATOR, Policy, policy
from mock_server.ids import uuid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Kind = Literal["document.created", "event.appended", "attachment.declared", "attachment.stored"]
Origin = Literal["integrator", "platform", "mirror"]
Environment = Literal["TEST", "PROD"]

OPEN, CLOSED, CANCELLED = "OPEN", "CLOSED", "CANCELLED"


class Attachment(Struct, frozen=True, gc=False):
    """A declared file of a document; `stored` once its bytes have arrived."""

    id: str
    file_name: str
    content_length: int
    content_type: str
    stored: bool = False


class Document(Struct, frozen=True, gc=False):
    """What the records so far amount to; the events themselves stay in the ledger.

    `latest` is the greatest `externalCreatedAt` that counts for ordering, in the stored spelling; `counted`
    the events that count for the limit; times are seconds since 1970.
    """

    id: str
    environment: Environment
    category: str
    type: str
    subtype: str | None
    creator: str
    status: str
    value: float
    is_public: bool
    is_publicly_searchable: bool
    parent_id: str | None
    latest: str
    counted: int
    updated_at: float
    roles: tuple[tuple[str, str], ...]
    policies: Mapping[str, Policy]
    attachments: Mapping[str, Attachment]


def created(facts: Mapping[str, Any], recorded_at: float) -> Document:
    """A document as its creation left it; `facts` as stored in its first record."""
    creator = facts["author"]["participantId"]
    subtype = facts.get("subtype")
    return Document(
        facts["id"],
        facts["dataSetName"],
        # Few words for many documents.
        intern(facts["category"]),
        intern(facts["type"]),
        None if subtype is None else intern(subtype),
        creator,
        OPEN,
        facts["currentValue"],
        facts["isPublic"],
        facts["isPubliclySearchable"],
        None,
        facts["externalCreatedAt"],
        0,
        recorded_at,
        (),
        _creator_only(creator),
        _NO_ATTACHMENTS,
    )


@lru_cache(maxsize=64)
def _creator_only(creator: str) -> Mapping[str, Policy]:
    """One mapping for all documents of a creator: most of them keep it for ever."""
    return MappingProxyType({creator: CREATOR})


def appended(document: Document, event: Mapping[str, Any], origin: Origin, recorded_at: float) -> Document:
    """A document after an event was appended to its timeline."""
    if origin != "integrator":
        return replace(document, updated_at=recorded_at)
    counted = replace(
        document,
        counted=document.counted + 1,
        latest=max(document.latest, event["externalCreatedAt"]),
        updated_at=recorded_at,
    )
    return EFFECTS.get(event["name"], _value_becomes_current)(counted, event)


def related_from(
    document: Document, event: Mapping[str, Any], source_id: str, recorded_at: float
) -> Document:
    """A document after an event on another one's timeline, `source_id`'s, named it."""
    if event["name"] == "SPLIT":
        return replace(document, parent_id=source_id, updated_at=recorded_at)
    return document


def declared(document: Document, facts: Mapping[str, Any], recorded_at: float, *, stored: bool) -> Document:
    """A document after an attachment was declared on it or, with `stored`, its bytes arrived."""
    attachment = Attachment(
        facts["id"], facts["fileName"], facts["contentLength"], facts["contentType"], stored
    )
    known = document.attachments.get(attachment.file_name)
    if known is not None and not stored:
        attachment = replace(attachment, stored=known.stored)
    if known is not None and stored:
        # An upload by an older URL does not undo what was declared since.
        attachment = replace(known, stored=True)
    return replace(
        document,
        attachments={**document.attachments, attachment.file_name: attachment},
        updated_at=recorded_at,
    )


def fold(
    document: Document | None,
    kind: Kind,
    origin: Origin,
    document_id: str,
    event: Mapping[str, Any],
    recorded_at: float,
) -> Document:
    """One more record of a document's history; `document` is None before the first."""
    if document is None:
        return created(event, recorded_at)
    if kind == "event.appended":
        if document_id != document.id:
            return related_from(document, event, document_id, recorded_at)
        return appended(document, event, origin, recorded_at)
    return declared(document, event, recorded_at, stored=kind == "attachment.stored")


# What each event name does to a document --------------------------------------------------------------


def _value_becomes_current(document: Document, event: Mapping[str, Any]) -> Document:
    return replace(document, value=event["value"]) if "value" in event else document


def _actor(document: Document, event: Mapping[str, Any]) -> Document:
    participant_id = event["participant"]["id"]
    roles = (*document.roles, (uuid_of(event["id"]), participant_id))
    permissions = event.get("permissions")
    if permissions is None:
        return replace(document, roles=roles)
    given = {key.lower(): policy(statements, len(roles)) for key, statements in dict(permissions).items()}
    if not given:
        given = {participant_id: policy((), len(roles))}
    return replace(document, roles=roles, policies={**document.policies, **given})


def _close(document: Document, _event: Mapping[str, Any]) -> Document:
    return replace(document, status=CLOSED)


def _cancel(document: Document, _event: Mapping[str, Any]) -> Document:
    return replace(document, status=CANCELLED)


def _nothing(document: Document, _event: Mapping[str, Any]) -> Document:
    return document


def _split(document: Document, event: Mapping[str, Any]) -> Document:
    return replace(document, value=difference(document.value, event["value"]))


def _update(document: Document, event: Mapping[str, Any]) -> Document:
    updates = event["updates"]
    return replace(document, **{_VISIBILITY[name]: updates[name] for name in _VISIBILITY if name in updates})


_VISIBILITY: Final = {"isPublic": "is_public", "isPubliclySearchable": "is_publicly_searchable"}


def difference(minuend: float, subtrahend: float) -> float:
    """Two decimal numbers' difference without the dust of binary fractions: 0.3 - 0.1 is 0.2."""
    from decimal import Decimal  # needed by SPLIT alone, and slow to load

    result = Decimal(str(minuend)) - Decimal(str(subtrahend))
    # JSON is written with whole numbers of 64 bits.
    is_whole = result == result.to_integral_value() and result < 2**63
    return int(result) if is_whole else float(result)


# An event name that is not here is the integrator's own: its value, if any, becomes the current one.
EFFECTS: Final[Mapping[str, Callable[[Document, Mapping[str, Any]], Document]]] = MappingProxyType(
    {
        "ACTOR": _actor,
        "CLOSE": _close,
        "CANCEL": _cancel,
        "RELATED": _nothing,
        "LINK": _nothing,
        "OUTPUT": _nothing,
        "SPLIT": _split,
        "UPDATE": _update,
    }
)
RELATIONS: Final = frozenset({"RELATED", "LINK", "OUTPUT", "SPLIT"})
MIRRORED: Final = frozenset({"RELATED", "LINK"})
AFTER_CLOSE: Final = frozenset({"RELATED", "LINK", "OUTPUT", "CANCEL"})
_NO_ATTACHMENTS: Final[Mapping[str, Attachment]] = MappingProxyType({})
