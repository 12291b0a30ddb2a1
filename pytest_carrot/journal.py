"""The requests that a test's client made: what they met, and assertions about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_carrot import comparison, history, story
from pytest_carrot.diagnosis.lints import examine
from pytest_carrot.retries import chains
from pytest_carrot.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_carrot.control import Control
    from pytest_carrot.diagnosis.finding import Finding
    from pytest_carrot.history import Advisory, Entry
    from pytest_carrot.retries import Chain

_LINES: Final = 20


class Journal:
    """The journal of a workspace: every request that reached it, oldest first, without secrets.

    The journal is bounded, by default to 1000 requests. An assertion about all requests fails when some are
    gone, since it cannot tell.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def entries(
        self,
        *,
        operation: str | None = None,
        status: int | None = None,
        deduplication_id: str | None = None,
        document_id: str | None = None,
        since: str | datetime | None = None,
        limit: int | None = None,
    ) -> list[Entry]:
        """The requests that fit, oldest first, as the control API shows them.

        `operation` is `documents.create`, `documents.read`, `events.append`, `events.batch`,
        `attachments.upload`, `attachments.download`, `storage.put`, `storage.get`, `token`, or `*` for a
        request that reached none. `since` is the id of a request, which is left out, or a moment; `limit` asks
        for the newest of those that fit.
        """
        query = {
            "operation": operation,
            "deduplicationId": deduplication_id,
            "documentId": document_id,
            "since": None if since is None else history.spelled(since),
            "limit": limit if status is None else None,
        }
        given = {name: value for name, value in query.items() if value is not None}
        found = history.entries(self._control, **given)
        if status is None:
            return found
        found = [each for each in found if each.get("status") == status]
        return found if limit is None else found[max(len(found) - limit, 0) :]

    @property
    def advisories(self) -> list[Advisory]:
        """What no answer told the client and it should know nevertheless: `code`, `message`, `requestId` of each.

        It is what the server notes with a request (a property that was dropped, a deprecated word) and what
        the lints of `pytest_carrot.diagnosis` find in all of them (no key, a token for each call, a file that
        was never uploaded), in the order of the requests.
        """
        return [
            {"code": each.code, "message": each.message, "requestId": each.request_id}
            for each in self._findings(self.entries())
        ]

    def assert_count(
        self,
        count: int,
        *,
        operation: str | None = None,
        status: int | None = None,
        deduplication_id: str | None = None,
        document_id: str | None = None,
        since: str | datetime | None = None,
    ) -> None:
        """So many requests fit; the filters are those of `entries`."""
        __tracebackhide__ = True
        filters: dict[str, Any] = {
            "operation": operation,
            "status": status,
            "deduplication_id": deduplication_id,
            "document_id": document_id,
            "since": since,
        }
        every = self._all() if since is None else self.entries(since=since)
        found = self.entries(**filters)
        if len(found) == count:
            return
        asked = {name: each for name, each in filters.items() if each is not None and name != "since"}
        told = ", ".join(f"{name} {each}" for name, each in asked.items())
        about = f" with {told}" if told else ""
        ids = {each["id"] for each in found}
        others = {each["id"]: _as_filters(each, asked) for each in every if each["id"] not in ids}
        story.fail(
            self._control,
            f"Expected {story.several(count, 'request')}{about}, got {len(found)}.",
            f"All requests ('>': those counted):\n{story.requests(every, marked=ids)}",
            comparison.nearest_miss(asked, others) if len(found) < count and asked else "",
        )

    def assert_no_advisories(self) -> None:
        """There is nothing in `advisories`: nothing that the server noted, and nothing that the lints find."""
        __tracebackhide__ = True
        entries = self._all()
        found = self._findings(entries)
        if not found:
            return
        concerned = {request_id for each in found for request_id in each.requests}
        story.fail(
            self._control,
            f"Expected no advisories, got {len(found)}.",
            "\n".join(_told(found)),
            f"The requests concerned:\n{story.requests([each for each in entries if each['id'] in concerned])}",
        )

    def assert_retried_with_same_key(self, operation: str) -> None:
        """Every retry of an operation carried the deduplicationId of its first attempt, and there was one.

        A retry is the same request again, after an answer that asks for it (429, 5xx, a pending process, or
        none that arrived), or again under its key after any. A request with another key is a retry as well
        when nobody repeated the first one under its own, and it is a copy (`externalCreatedAt` may differ).
        The operation is one of those with keys: `documents.create`, `events.append`, `events.batch`.
        """
        __tracebackhide__ = True
        if operation not in history.KEYED:
            raise ValueError(
                f"Requests of {operation!r} carry no deduplicationId; those of {', '.join(history.KEYED)} do."
            )
        everything = history.lasting(self._all())
        entries = [each for each in everything if each["operation"] == operation]
        # To append an event is the same thing alone and in a batch.
        kin = history.KEYED[1:] if operation in history.KEYED[1:] else (operation,)
        found = [
            chain
            for chain in chains([each for each in everything if each["operation"] in kin])
            if any(attempt.entry["operation"] == operation for attempt in chain.attempts)
        ]
        if not any(chain.retries for chain in found):
            self._fail_without_retry(operation, entries)
        astray = [chain for chain in found if chain.strays]
        if astray:
            self._fail_astray(operation, astray, sum(len(chain.retries) for chain in found))

    def _fail_without_retry(self, operation: str, entries: Sequence[Entry]) -> None:
        __tracebackhide__ = True
        asked = [each for each in entries if history.asks_for_retry(each)]
        if not entries:
            why = f"there was no request of {operation}"
            entries = self.entries()
        elif asked:
            why = (
                f"{story.several(len(asked), 'answer')} asked for a retry, and nothing like it was sent again"
            )
        else:
            why = (
                "its one answer did not ask for it"
                if len(entries) == 1
                else f"none of its {len(entries)} answers asked for it"
            )
        story.fail(
            self._control,
            f"Expected {operation} to be retried, but {why}.",
            f"The requests:\n{story.requests(entries, marked={each['id'] for each in asked})}",
        )

    def _fail_astray(self, operation: str, astray: Sequence[Chain], retries: int) -> None:
        __tracebackhide__ = True
        strays = sum(len(chain.strays) for chain in astray)
        chain = astray[0]
        first, stray = chain.attempts[0], chain.strays[0]
        what = "under another key" if first.key and stray.key else "without a key"
        committed = [each for one in astray for each in one.attempts if each.entry["committed"]]
        story.fail(
            self._control,
            f"{operation} was retried {what}: {strays} of {story.several(retries, 'retry', 'retries')}. A retry "
            "must carry the deduplicationId of its first attempt, or what was done may be done twice.",
            f"The attempts ('>': not under the first key):\n{_attempts(astray)}",
            f"Nearest miss: {stray.entry['id']}, a retry of {first.entry['id']}\n"
            + comparison.fields(_flat(first.key, first.item.body), _flat(stray.key, stray.item.body)),
            documents=[each.entry["documentId"] for each in committed if "documentId" in each.entry],
        )

    def _findings(self, entries: Sequence[Entry]) -> list[Finding]:
        return examine(history.lasting(entries), history.records(self._control))

    def _all(self) -> list[Entry]:
        """All requests; fails when the journal has lost the first of them."""
        __tracebackhide__ = True
        found = self.entries()
        lost = history.number(found[0]) - 1 if found else 0
        if lost:
            story.fail(
                self._control,
                f"Cannot tell: the journal keeps the newest {len(found)} requests, and the first {lost} of this "
                "workspace are gone. Start the server with a greater --journal-entries or --journal-bytes.",
            )
        return found


def _told(found: Sequence[Finding]) -> list[str]:
    """A line for each finding; why it matters and what to do is told with the first of a code."""
    lines: list[str] = []
    explained: set[str] = set()
    for each in found:
        text = each.seen if each.advice in explained else each.message
        explained.add(each.advice)
        # The server's own advisories come without advice, and do not say in which request.
        where = "" if each.advice else f"{each.request_id} "
        lines.append(story.line(f"  {where}{each.code}: {text}"))
    if len(lines) > _LINES:
        lines[_LINES:] = [f"  ... {len(lines) - _LINES} more ..."]
    return lines


def _attempts(found: Sequence[Chain]) -> str:
    rows: list[list[str]] = []
    marked: list[int] = []
    for chain in found:
        for tries, attempt in enumerate(chain.attempts, 1):
            if attempt in chain.strays:
                marked.append(len(rows))
            entry, key = attempt.entry, attempt.key
            rows.append(
                [
                    entry["id"],
                    str(tries),
                    str(attempt.item.body.get("name", attempt.item.body.get("category", ""))),
                    story.answer(entry),
                    key or "no key",
                    history.verdict(entry, key) if key else "",
                    "yes" if entry["committed"] else "",
                    entry.get("fault") or "",
                ]
            )
    columns = ("request", "try", "about", "answer", "key", "verdict", "recorded", "fault")
    return table(columns, rows, marked=marked)


def _flat(key: str | None, body: dict[str, Any]) -> dict[str, Any]:
    return comparison.flat({"deduplicationId": key, **body})


def _as_filters(entry: Entry, asked: dict[str, Any]) -> dict[str, Any]:
    """What an entry has of the things that were asked for, by the names of the filters."""
    keys = [item.key for item in history.items(entry) if item.key]
    wanted = asked.get("deduplication_id")
    has = {
        "operation": entry["operation"],
        "status": entry.get("status"),
        "document_id": entry.get("documentId"),
        "deduplication_id": wanted if wanted in keys else next(iter(keys), None),
    }
    return {name: has[name] for name in asked}
