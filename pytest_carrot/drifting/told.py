"""Answers in a few words that mean the same whatever the switches of other behaviours are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_carrot.live_target import code_of

if TYPE_CHECKING:
    from pytest_carrot.live_http import Answer

# In what form these come is a matter of its own, `edge-errors`.
_EDGE: Final = frozenset({401, 403, 413, 429, 500, 502, 503, 504})
_CODE: Final = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")


def told(answer: Answer) -> str:
    """`accepted` for any 2xx, else the status and, where they say more, the code or the form."""
    if answer.accepted:
        return "accepted"
    if answer.status in _EDGE:
        return str(answer.status)
    return f"{answer.status} {code_of(answer) or form_of(answer)}"


def form_of(answer: Answer) -> str:
    """Which of the two forms an error has."""
    found = answer.object
    if isinstance(found.get("errors"), list):
        return "in the envelope"
    return "in the short form" if isinstance(found.get("message"), str) else "in another form"


def told_token(answer: Answer) -> str:
    """`granted`, or the status and error of a refused token request."""
    if answer.accepted and isinstance(answer.object.get("access_token"), str):
        return "granted"
    error = answer.object.get("error")
    return f"{answer.status} {error if isinstance(error, str) and len(error) < 40 else 'in another form'}"


def told_storage(answer: Answer) -> str:
    """`accepted`, or the status and the `Code` of an answer of the storage."""
    if answer.accepted:
        return "accepted"
    code = _CODE.search(answer.body)
    return f"{answer.status} {code[1].decode() if code else 'without a code'}"
