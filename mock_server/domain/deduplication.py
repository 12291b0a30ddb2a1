"""When two requests with one deduplication key ask for the same thing.

Source: [recovery] for the key; the comparison is assumed (CONTRACT §9): key order and the spelling of
numbers do not count, the operation and the document do.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import orjson

Verdict = Literal["fresh", "replay", "changed-body", "in-flight", "expired"]

# How orjson writes whole numbers that were spelled as floats; the same in a string only costs a second look.
_WHOLE_FLOAT = re.compile(rb"\.0[,\]}]")
# By what stands before the digits of the exponent, which few other things have.
_LARGE_FLOAT = re.compile(re.escape(orjson.dumps(1e16)[-3:-2]) + b"1[6-9]")
_TARGETS = ("documentId", "targetDocumentId")


def fingerprint(operation: str, body: dict[str, Any]) -> bytes:
    """Eight bytes that are, within a process, the same for bodies that ask for the same.

    `operation` names the call and its document. A batch's item loses its target first, so that it equals the
    body of a single append to that document.
    """
    if "documentId" in body or "targetDocumentId" in body:
        body = {name: value for name, value in body.items() if name not in _TARGETS}
    canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    if _WHOLE_FLOAT.search(canonical) or _LARGE_FLOAT.search(canonical):
        canonical = orjson.dumps(_numbers_as_values(body), option=orjson.OPT_SORT_KEYS)
    # It is compared only with the one other that came with the same key.
    return hash((operation, canonical)).to_bytes(8, "big", signed=True)


def _numbers_as_values(value: Any) -> Any:
    # Beyond 64 bits orjson reads every number as a float, however it is spelled.
    if isinstance(value, float) and value.is_integer() and -(2**63) <= value < 2**64:
        return int(value)
    if isinstance(value, dict):
        return {name: _numbers_as_values(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_numbers_as_values(each) for each in value]
    return value
