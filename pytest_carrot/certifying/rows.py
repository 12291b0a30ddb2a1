"""The rows of the certificate: what is asked, where that is known from, how the run is disturbed, who judges it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from pytest_carrot.certifying import (
    aborting,
    going_live,
    limiting,
    retrying,
    sources,
    tokens,
    uploading,
    wording,
)
from pytest_carrot.certifying.kinds import (
    AS_DOCUMENTED,
    CALM,
    PRODUCTION,
    UNDER_THE_LIMIT,
    Concluding,
    Fault,
    Late,
    Striking,
    Watching,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_carrot.certifying.kinds import Row

_WRITES: Final = ("documents.create", "events.append", "events.batch")
_APPENDS: Final = ("events.append", "events.batch", "documents.create")
_API: Final = (*_APPENDS, "attachments.upload", "documents.read", "attachments.download")


def _abort(
    status: int, name: str, operations: tuple[str, ...] = _WRITES, phase: str = "validated"
) -> Striking:
    title = f"{status} {name}: not sent again"
    strike = Fault(phase, "status", status)
    return Striking(f"abort-{status}", title, sources.RETRY_TABLE, operations, strike, aborting.aborted)


def _retry(status: int, name: str, operations: tuple[str, ...], phase: str) -> Striking:
    title = f"{status} {name}: sent again with the same key"
    strike = Fault(phase, "status", status)
    return Striking(f"retry-{status}", title, sources.RETRY_TABLE, operations, strike, retrying.retried)


_ABORTS: Final = (
    _abort(400, "validation error", _APPENDS),
    Striking(
        "abort-401",
        "401 with a good token: one refresh and one more try at most",
        sources.RETRY_TABLE,
        _WRITES,
        Fault("authenticated", "status", 401, times=None),
        aborting.refused_with_a_good_token,
    ),
    _abort(403, "no permission", _APPENDS, "authenticated"),
    _abort(404, "not found", _APPENDS),
    _abort(409, "conflict", _WRITES),
    _abort(422, "unprocessable", _APPENDS),
)

_RETRIES: Final = (
    _retry(429, "too many requests", _WRITES, "authenticated"),
    _retry(500, "server error", _WRITES, "before_commit"),
    _retry(502, "bad gateway", _APPENDS, "authenticated"),
    _retry(503, "unavailable", _WRITES, "authenticated"),
    _retry(504, "gateway timeout, after the commit", _APPENDS, "committed"),
    Striking(
        "no-answer",
        "No answer at all: sent again with the same key",
        sources.SAME_KEY,
        _APPENDS,
        Fault("arrived", "drop"),
        retrying.retried,
    ),
    Striking(
        "lost-answer",
        "Answer lost after the commit: sent again with the same key",
        sources.SAME_KEY,
        _WRITES,
        Fault("committed", "drop"),
        retrying.retried,
    ),
    Striking(
        "pending-409",
        "409 pending process: sent again after 2 to 5 s",
        sources.RETRY_TABLE,
        _APPENDS,
        Fault("validated", "status", 409, "PENDING_PROCESS_CONFLICT_ERROR"),
        retrying.waited_for_pending,
    ),
    Striking(
        "back-off",
        "503 for ever: growing waits from about 1 s, at most 5 tries, then an error",
        sources.RETRY_STRATEGY,
        _APPENDS,
        Fault("authenticated", "status", 503, times=None),
        retrying.backed_off,
    ),
)

_TOKENS: Final = (
    Watching("token-reuse", "One token for the whole flow", sources.TOKEN_LIFE, CALM, tokens.reused),
    Watching(
        "token-basic", "Credentials as HTTP Basic", sources.TOKEN_REQUEST, CALM, tokens.asked_for_with_basic
    ),
    Striking(
        "token-expired",
        "Expired token: one refresh, and the call again",
        sources.TOKEN_LIFE,
        _API,
        Late("token"),
        tokens.refreshed,
    ),
    Striking(
        "token-503",
        "Token endpoint unavailable: asked again, not at once",
        sources.RETRY_TABLE,
        ("token",),
        Fault("arrived", "status", 503),
        tokens.asked_for_again,
    ),
)

_SENDING: Final = (
    Watching(
        "rate-limit",
        "5 requests a second: no hurry after a 429",
        sources.THROTTLING,
        UNDER_THE_LIMIT,
        limiting.kept_to_the_limit,
    ),
    Watching("vocabulary", "No retired vocabulary", sources.MIGRATION, CALM, wording.up_to_date),
    Watching(
        "ordering", "Events in the order of their times", sources.MIGRATION, CALM, wording.chronological
    ),
    Watching("keys", "A deduplicationId on every write", sources.MIGRATION, CALM, wording.keyed),
)

_FILES: Final = (
    Watching("url-in-time", "Pre-signed URLs used in time", sources.UPLOADS, CALM, uploading.in_time),
    Watching(
        "url-no-bearer", "No bearer token on storage calls", sources.UPLOADS, CALM, uploading.without_bearer
    ),
    Striking(
        "url-expired",
        "Expired upload URL: declared again (our reading)",
        sources.UPLOADS,
        ("storage.put",),
        Late("url"),
        uploading.declared_again,
        missing="The flow uploads no file.",
    ),
)

_GO_LIVE: Final = (
    Watching(
        "live-flow", "The full flow in test", sources.FLOW_IN_TEST, AS_DOCUMENTED, going_live.ran_in_test
    ),
    Concluding(
        "live-retries",
        "Retries and idempotency confirmed",
        sources.RETRIES_CONFIRMED,
        partial(
            going_live.confirmed,
            rows=("keys", *(each.id for each in _RETRIES)),
            what="Trying again with the same deduplicationId",
            needed=("keys", "lost-answer"),
        ),
    ),
    Concluding(
        "live-limit",
        "Rate limit confirmed at the flow's own pace",
        sources.LIMIT_CONFIRMED,
        partial(
            going_live.confirmed,
            rows=("rate-limit", "retry-429"),
            what="Keeping to the rate limit",
            needed=("rate-limit",),
            quoted="rate-limit",
        ),
    ),
    Watching(
        "live-production",
        "The production pair in place of the test pair",
        sources.PROMOTED,
        PRODUCTION,
        going_live.ran_in_production,
    ),
)

SECTIONS: Final[Mapping[str, tuple[Row, ...]]] = {
    "Answers that end a call": _ABORTS,
    "Failures that pass": _RETRIES,
    "Tokens": _TOKENS,
    "What is sent, and how fast": _SENDING,
    "Files": _FILES,
    "Before going live": _GO_LIVE,
}
"""The rows by what they are about, in the order of the certificate."""

ROWS: Final[tuple[Row, ...]] = tuple(row for rows in SECTIONS.values() for row in rows)
