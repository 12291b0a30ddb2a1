"""The table of lints, and what all of them find in one journal and ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_carrot.diagnosis.files import file_never_uploaded, upload_never_referenced
from pytest_carrot.diagnosis.finding import Finding
from pytest_carrot.diagnosis.keys import key_reused, missing_key
from pytest_carrot.diagnosis.names import actor_without_label, mixed_names, unusual_name
from pytest_carrot.diagnosis.pace import bursts, bursts_given_up, polling, retried_abort
from pytest_carrot.diagnosis.times import time_in_future, times_out_of_order
from pytest_carrot.diagnosis.tokens import expiry_hard_coded, token_per_request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_carrot.history import Entry, Record

    Look = Callable[[Sequence[Entry], Sequence[Record]], Iterator[Finding]]


@dataclass(frozen=True)
class Lint:
    """How one mistake is found; `waits` when something that may still come would make it none."""

    code: str
    find: Look
    waits: bool = False


LINTS: Final = (
    Lint("missing-key", missing_key),
    Lint("key-reused", key_reused),
    Lint("token-per-request", token_per_request),
    Lint("expiry-hard-coded", expiry_hard_coded, waits=True),
    Lint("retried-abort", retried_abort),
    Lint("bursts", bursts),
    Lint("bursts", bursts_given_up, waits=True),
    Lint("times-out-of-order", times_out_of_order),
    Lint("future-timestamp", time_in_future),
    Lint("polling", polling),
    Lint("file-never-uploaded", file_never_uploaded, waits=True),
    Lint("upload-never-referenced", upload_never_referenced, waits=True),
    Lint("unusual-name", unusual_name),
    Lint("mixed-names", mixed_names),
    Lint("actor-without-label", actor_without_label),
)
"""Every lint; each finds what has its code."""


def examine(entries: Sequence[Entry], records: Sequence[Record], *, settled: bool = True) -> list[Finding]:
    """The advisories of the server and what the lints find, in the order of the requests.

    Without `settled`, requests are still coming: the lints that wait are left out.
    """
    found = [
        Finding(advisory["code"], advisory["message"], (entry["id"],), about=advisory["message"])
        for entry in entries
        for advisory in entry["advisories"]
    ]
    for lint in LINTS:
        if settled or not lint.waits:
            found += lint.find(entries, records)
    return sorted(found, key=lambda each: int(each.request_id.removeprefix("r")))
