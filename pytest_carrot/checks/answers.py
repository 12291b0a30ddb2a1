"""Checks of one answer alone: its shape, its nulls, its status."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.checks.subject import MISSING, Broken, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema_rs import Draft202012Validator

    from pytest_carrot.checks.knowing import Known
    from pytest_carrot.checks.subject import Subject

CODES: Final = {
    400: ("invalidJson", "validationError"),
    401: ("unauthorized",),
    403: ("restrictedResource",),
    404: ("objectNotFound",),
    409: ("conflictError", "PENDING_PROCESS_CONFLICT_ERROR"),
    500: ("internalServerError",),
    503: ("serviceUnavailable",),
    504: ("gatewayTimeout",),
}
"""The codes that are documented for a status."""
_ACCEPTED: Final = {
    "token": "TokenAnswer",
    "documents.create": "DocumentCreated",
    "documents.read": "Document",
    "events.append": "EventAppended",
    "events.batch": "EventsAppended",
    "attachments.upload": "PresignedUrl",
    "attachments.download": "PresignedUrl",
}
_ID: Final = re.compile(r"[0-9A-Za-z_-]{21}")
# Of seconds: milliseconds have three more.
_DIGITS: Final = re.compile(r"[0-9]{1,11}")
_TOO_MANY: Final = {"message": "Too Many Requests"}
_STORAGE_ERROR: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*\?>)?\s*<Error(?:\s[^>]*)?>(?=.*<Code>[^<]+</Code>)(?=.*<Message>[^<]+</Message>).*</Error>\s*",
    re.DOTALL,
)


def never_a_server_error(subject: Subject, known: Known) -> bool | None:
    """No request, however wrong, makes the API fail: no 5xx ever."""
    if subject.status >= 500:
        raise Broken(f"Expected no server error, whatever is sent; got {shown(subject.response)}.")
    return None


def errors_have_a_known_shape(subject: Subject, known: Known) -> bool | None:
    """An error's body is the envelope or the short form; OAuth's at the token endpoint, and S3's in the storage."""
    if subject.status < 400 or subject.method == "HEAD":
        return True
    if "/_storage/" in subject.path:
        _check_storage_error(subject)
    elif subject.path.endswith("/oauth2/token"):
        _check_token_error(subject)
    else:
        _check_api_error(subject)
    return None


def accepted_answers_validate_without_nulls(subject: Subject, known: Known) -> bool | None:
    """A 2xx has the shape of the contract, and what is absent is absent: null is an attribute's or a tag's value."""
    name = _ACCEPTED.get(subject.operation)
    if name is None or not subject.accepted:
        return True
    if subject.answer is MISSING:
        raise Broken(f"Expected JSON as {name} of the contract; got {shown(subject.response)}.")
    # A read may be as a document is stored, unless it is known to be whole.
    shape = known.switch("get-shape") or "stored"
    for error in _validator(name, shape).iter_errors(subject.answer):
        place = "".join(f"/{each}" for each in error.instance_path) or "the whole"
        raise Broken(f"Expected an answer as {name} of the contract; {place} is not: {error.message}.")
    for place in _nulls(subject.answer):
        raise Broken(
            f"Expected no null where something is absent; got one at {place}. Only the value of an attribute and "
            "of a tag may be null."
        )
    return None


def _check_api_error(subject: Subject) -> None:
    body, status = subject.answer, subject.status
    if status == 429:
        if body != _TOO_MANY:
            raise Broken(
                f'Expected exactly {{"message": "Too Many Requests"}} with 429; got {_came(subject)}.'
            )
        return
    if _is_short(body):
        return
    if not isinstance(body, dict) or body.keys() != {"statusCode", "errors"}:
        raise Broken(
            f'Expected an error as {{"statusCode", "errors"}} or {{"message"}}; got {_came(subject)}.'
        )
    if body["statusCode"] != status:
        raise Broken(f"Expected statusCode {status}, as the answer has; got {body['statusCode']!r}.")
    entries = body["errors"]
    if not isinstance(entries, list) or not entries or not all(map(_is_entry, entries)):
        raise Broken(
            "Expected errors to be one or more of code, message, id (21 characters) and timestamp (Unix seconds as "
            f"a string); got {_came(subject)}."
        )
    for entry in entries:
        if entry["code"] not in CODES.get(status, (entry["code"],)):
            raise Broken(
                f"Expected the code {' or '.join(CODES[status])} with {status}; got {entry['code']}."
            )


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"code", "message", "id", "timestamp"}
        and all(isinstance(each, str) and each for each in entry.values())
        and _ID.fullmatch(entry["id"]) is not None
        and _DIGITS.fullmatch(entry["timestamp"]) is not None
    )


def _is_short(body: Any) -> bool:
    return isinstance(body, dict) and body.keys() == {"message"} and isinstance(body["message"], str)


def _check_token_error(subject: Subject) -> None:
    body = subject.answer
    if _is_short(body) or (isinstance(body, dict) and isinstance(body.get("error"), str)):
        return
    raise Broken(f'Expected an OAuth error, {{"error": …}}, from the token endpoint; got {_came(subject)}.')


def _check_storage_error(subject: Subject) -> None:
    if _STORAGE_ERROR.fullmatch(subject.response.content) is None:
        raise Broken(
            f"Expected an error of S3, XML with Code and Message, from the storage; got {_came(subject)}."
        )


def _came(subject: Subject) -> str:
    return shown(subject.response)


@lru_cache
def _validator(name: str, shape: str) -> Draft202012Validator:
    from jsonschema_rs import Draft202012Validator

    from mock_server import contract
    from mock_server.behaviours import Semantics

    in_force = contract.in_force(Semantics.default().replace({"get-shape": shape}))
    schemas = in_force["components"]["schemas"]
    whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    return Draft202012Validator(whole, offline=True)


def _nulls(value: Any, place: str = "", *, may_be_null: bool = False) -> Iterator[str]:
    """The JSON pointers of nulls that stand for something absent."""
    if value is None and not may_be_null:
        yield place
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _nulls(each, f"{place}/{number}")
    elif isinstance(value, dict):
        is_attribute, are_tags = _ATTRIBUTE.search(place) is not None, place == "/tags"
        for name, each in value.items():
            if is_attribute and name == "value":
                # Any JSON, as it was sent.
                continue
            yield from _nulls(each, f"{place}/{name}", may_be_null=are_tags)


_ATTRIBUTE: Final = re.compile(r"/metadata/attributes/\d+$")
