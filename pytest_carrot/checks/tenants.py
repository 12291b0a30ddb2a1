"""The check of who sees what: another integrator reads nothing that was not shared with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.checks.subject import Broken, document_in, is_uuid, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_carrot.checks.knowing import Known
    from pytest_carrot.checks.subject import Subject

# Shorter texts may stand in an error by chance.
_TELLING: Final = 12


def no_cross_tenant_read(subject: Subject, known: Known) -> bool | None:
    """Another integrator's read of a document gets 404 or 403, and nothing of what is in it."""
    if known.partner is None or not subject.accepted:
        return True
    document_id, facts = _document(subject)
    if document_id is None or not _is_due(document_id, known):
        return True
    if facts.get("isPublic") is not False and known.switch("public-read") != "shared":
        # Where public documents are for anyone to read, nothing is wrong.
        return True
    token = _partner_token(subject, known)
    if token is None:
        return True
    answer = subject.read(document_id, token)
    if answer.status_code == 401:
        with known.lock:
            known.partner_token = None
            known.tried.discard(document_id)
        return True
    if answer.status_code == 429:
        return True
    told = f'curl -H "Authorization: Bearer $PARTNER_TOKEN" {subject.base_url}/documents/{document_id}'
    if answer.status_code not in (403, 404):
        raise Broken(
            f"Expected 404 or 403 when another integrator reads document {document_id}; got {shown(answer)}. Ask "
            f"for it with: {told}"
        )
    text = answer.content.decode("utf-8", "replace")
    for fact in _texts(facts):
        if fact in text and fact != document_id:
            raise Broken(
                f"Expected nothing of document {document_id} in the refusal that another integrator gets; it says "
                f"{fact!r}. Ask for it with: {told}"
            )
    return None


def _document(subject: Subject) -> tuple[str | None, dict[str, Any]]:
    """The document that was created or read, and what is known to be in it."""
    if subject.operation == "documents.create" and isinstance(subject.answer, dict):
        found, facts = subject.answer.get("id"), subject.sent
    elif subject.operation == "documents.read":
        facts = document_in(subject.response)
        found = None if facts is None else facts.get("id")
    else:
        return None, {}
    return (str(found), facts) if is_uuid(found) and isinstance(facts, dict) else (None, {})


def _is_due(document_id: str, known: Known) -> bool:
    """Whether this document is one that was not tried yet, and from now on is."""
    with known.lock:
        if document_id in known.tried:
            return False
        known.tried.add(document_id)
        return True


def _partner_token(subject: Subject, known: Known) -> str | None:
    with known.lock:
        if known.partner_token is None and known.partner is not None:
            url = known.token_url or f"{subject.base_url.removesuffix('/v1')}/oauth2/token"
            known.partner_token = subject.token(url, known.partner.client_id, known.partner.client_secret)
        return known.partner_token


def _texts(value: Any) -> Iterator[str]:
    """Every text in a body that tells something."""
    if isinstance(value, str) and len(value) >= _TELLING:
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
