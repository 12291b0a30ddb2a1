"""The check of who gets in: nobody with a wrong secret, and nobody with a token that was never given."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Final

from pytest_carrot.checks.subject import Broken, shown

if TYPE_CHECKING:
    from pytest_carrot.checks.knowing import Known
    from pytest_carrot.checks.subject import Subject

_UNKNOWN: Final = "Bearer no-such-token"


def strangers_are_refused(subject: Subject, known: Known) -> bool | None:
    """A wrong secret gets no token, and a token that was never given gets 401; tried once each."""
    if not subject.accepted or subject.operation not in ("token", "documents.read"):
        return True
    with known.lock:
        if subject.operation in known.strangers:
            return True
        known.strangers.add(subject.operation)
    return _with_wrong_secret(subject) if subject.operation == "token" else _with_wrong_token(subject)


def _with_wrong_secret(subject: Subject) -> bool | None:
    scheme, _, encoded = (subject.sent_header("Authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return True
    client_id, _, secret = b64decode(encoded).decode().partition(":")
    if subject.token(f"{subject.base_url}{_path(subject)}", client_id, f"{secret}-wrong") is not None:
        raise Broken("Expected a wrong client secret to get no token; got one.")
    return None


def _path(subject: Subject) -> str:
    return subject.path[subject.path.index("/oauth2/") :] if "/oauth2/" in subject.path else subject.path


def _with_wrong_token(subject: Subject) -> bool | None:
    answer = subject.read(str(subject.case.path_parameters["id"]), _UNKNOWN)
    if answer.status_code != 401:
        raise Broken(f"Expected a token that was never given to get 401; got {shown(answer)}.")
    return None
