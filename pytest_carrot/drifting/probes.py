"""All probes, in the order in which they are made, and why some assumptions have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot.drifting import (
    probes_documents,
    probes_events,
    probes_files,
    probes_keys,
    probes_permissions,
    probes_relations,
    probes_surface,
    probes_tokens,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_carrot.drifting.finding import Probe

PROBES: Final[tuple[Probe, ...]] = (
    *probes_tokens.PROBES,
    *probes_surface.PROBES,
    *probes_keys.PROBES,
    *probes_events.PROBES,
    *probes_documents.PROBES,
    *probes_files.PROBES,
    *probes_relations.PROBES,
    *probes_permissions.PROBES,
    *probes_surface.LAST,
)

_PRODUCTION: Final = "it needs credentials of production as well, where nothing is tried out"
_RATE: Final = "it would have to go over the documented rate limit on purpose"
_EVENTS: Final = "it would leave more than a hundred events behind"
_TIME: Final = "it takes longer than a run: what is remembered or good for long would have to be waited for"
_MOMENT: Final = "two requests would have to arrive within the same few milliseconds, which a network decides"
_OURS: Final = "it is about the mock itself, and nothing that an API shows"
UNPROBED: Final[Mapping[str, str]] = {
    "cross-environment": _PRODUCTION,
    "environment-own-world": _PRODUCTION,
    "default-workspace": _OURS,
    "world-changed": _OURS,
    "rate-limit": _RATE,
    "rate-limit-no-retry-after": _RATE,
    "rate-limit-buckets": _RATE,
    "rate-limit-counts": _RATE,
    "event-limit": _EVENTS,
    "event-limit-counts": _EVENTS,
    "public-read": "it needs a public document, and everything that a run writes is private",
    "creator-replaceable": "it would give away the rights to a document, perhaps for ever",
    "dedup-in-flight": _MOMENT,
    "dedup-in-flight-span": _MOMENT,
    "dedup-lifetime": _TIME,
    "dedup-verdict": _OURS,
    "url-host": _OURS,
    "storage-keys-shown": _OURS,
    "s3-expired": _TIME,
    "s3-short-body": "a connection would have to break in the middle, and what that leaves is not seen at once",
}
"""Assumptions without a probe, with the reason."""
