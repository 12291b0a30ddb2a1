"""The check of an answer's headers: Date, Allow and WWW-Authenticate."""

from __future__ import annotations

import re
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pytest_carrot.checks.subject import Broken

if TYPE_CHECKING:
    from pytest_carrot.checks.knowing import Known
    from pytest_carrot.checks.subject import Subject

# What a server may do for any path besides what is asked of it.
_FREE: Final = {"HEAD", "OPTIONS"}


def headers_are_right(subject: Subject, known: Known) -> bool | None:
    """Every answer has one HTTP date, a 405 the methods that the path does take, a 401 how to log in."""
    _check_date(subject)
    if subject.status == 405:
        _check_allow(subject)
    if subject.status == 401:
        _check_challenge(subject)
    return None


def _check_date(subject: Subject) -> None:
    value = subject.header("date")
    if value is None or not _is_http_date(value):
        raise Broken(
            "Expected one header Date such as Sun, 01 Mar 2026 10:00:00 GMT with every answer; got "
            f"{'none' if value is None else value}."
        )


def _is_http_date(value: str) -> bool:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return False
    return moment.tzinfo is not None and format_datetime(moment, usegmt=True) == value


def _check_allow(subject: Subject) -> None:
    value = subject.header("allow")
    expected = _methods(subject.path)
    if expected is None:
        return
    allowed = {each.strip() for each in value.split(",")} if value is not None else set()
    if not expected <= allowed <= expected | _FREE or subject.method in allowed:
        raise Broken(
            f"Expected Allow to name the methods that {subject.path} takes, {', '.join(sorted(expected))}; got "
            f"{'none' if value is None else value} for {subject.method}."
        )


def _methods(path: str) -> set[str] | None:
    """What the contract has for a path; None for a path that it does not have, and in the storage."""
    if "/_storage/" in path:
        # There a method is signed, and refused when it is another one.
        return None
    for pattern, methods in _paths():
        if pattern.search(path):
            return methods
    return None


@lru_cache(maxsize=1)
def _paths() -> list[tuple[re.Pattern[str], set[str]]]:
    """The paths of the contract with their methods; those with fewer parameters, which come first, win."""
    from mock_server import contract

    paths = sorted(contract.document()["paths"].items(), key=lambda each: each[0].count("{"))
    known = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
    return [
        (
            re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(template)) + "$"),
            {name.upper() for name in methods if name in known},
        )
        for template, methods in paths
    ]


def _check_challenge(subject: Subject) -> None:
    value = subject.header("www-authenticate")
    if subject.path.endswith("/oauth2/token"):
        if value is None or not value.lower().startswith("basic"):
            raise Broken(
                f"Expected WWW-Authenticate: Basic with 401 from the token endpoint; got {value or 'none'}."
            )
        return
    if value is None or not value.lower().startswith("bearer"):
        raise Broken(f"Expected WWW-Authenticate: Bearer with 401; got {value or 'none'}.")
    scheme, _, token = (subject.sent_header("Authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and token.strip() and 'error="invalid_token"' not in value:
        raise Broken(
            f'Expected WWW-Authenticate to say error="invalid_token", as a token was sent; got {value}.'
        )
