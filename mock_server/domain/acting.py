"""One act on the ledger: who acts, by which rules, when; and which documents that one may reach."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from mock_server import clock
from mock_server.domain.permissions import STRANGER, policy_for
from mock_server.errors import Conflict, NotFound, PendingProcess, Problem, Restricted, ValidationFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mock_server.behaviours import Semantics
    from mock_server.domain.changes import Changes
    from mock_server.domain.document import Document, Environment
    from mock_server.domain.permissions import Policy
    from mock_server.ids import Ids

FUTURE_TOLERANCE_SECONDS = 300


class Integrator(Struct, frozen=True, dict=True):
    """A Network Integrator in one environment: `participant` is its own, in the stored shape.

    `scope` is where its deduplication keys and its rate limit live.
    """

    name: str
    client_id: str
    environment: Environment
    participant: Mapping[str, Any]
    scope: str

    @property
    def participant_id(self) -> str:
        return str(self.participant["id"])

    @cached_property
    def author(self) -> Mapping[str, str]:
        """Who the stored events of this integrator say that wrote them."""
        return {
            "clientId": self.client_id,
            "dataSetName": self.environment,
            "participantId": self.participant["id"],
        }


# Whose request it is before its token is known to be good.
NOBODY = Integrator("", "", "TEST", {}, "")


class Act(Struct, gc=False):
    """What a decision may look at and add to.

    `changes` collects what will be committed, `advisories` what the integrator should know although nothing
    was refused, `behaviours` the ids of the rows of the behaviours table that decided something; `now` is the
    time of the changes in the stored spelling.
    """

    by: Integrator
    semantics: Semantics
    ids: Ids
    changes: Changes
    advisories: list[tuple[str, str]]
    behaviours: list[str]
    now: str

    def within(self, changes: Changes) -> Act:
        """The same act over a layer of changes."""
        return replace(self, changes=changes)

    def advise(self, code: str, message: str) -> None:
        self.advisories.append((code, message))

    def policy(self, document: Document) -> Policy:
        """What this integrator may do with a document, by its own participant."""
        if self.by.participant["id"] != document.creator:
            self.behaviours.append("integrator-participant")
        names = self.changes.known.known_as(self.by.participant["id"])
        if len(names) == 1:
            return document.policies.get(names[0], STRANGER)
        return policy_for(document.policies, names)

    def readable(self, document_id: str) -> tuple[Document, Policy]:
        """A document that the integrator may read at least in part; raises NotFound or Restricted."""
        document = self._here(document_id, "read")
        policy = self.policy(document)
        if not policy.read.some:
            if not (self.semantics.public_read == "anyone" and document.is_public):
                # The switch made the difference only where the document is public.
                public = ("public-read",) if document.is_public else ()
                raise self._missing(document_id, "object-not-found", "read-not-shared", *public)
            self.behaviours.append("public-read")
        return document, policy

    def writable(self, document_id: str, event_name: str | None) -> Document:
        """A document that takes events of a name (None: whole, as a file asks for) from this integrator."""
        document = self._here(document_id, "write")
        policy = self.policy(document)
        write = policy.write
        if write.unconditional if event_name is None else write.covers(event_name):
            return document
        if not write.some and not policy.read.some:
            raise self._missing(document_id, "object-not-found", "write-without-right")
        what = "a file" if event_name is None else f"the event {event_name}"
        raise Restricted(
            f"Document {document_id} does not take {what} from participant {self.by.participant_id}: its ACTOR "
            "events give this participant no WRITE for that.",
            "restricted-resource",
            "write-without-right",
            *(("attachment-rights",) if event_name is None else ("conditional-write",)),
        )

    def not_busy(self, document: Document, *, read: bool = False) -> None:
        """Raises PendingProcess while a background process is taken to hold the document.

        What this act itself does to the document does not count.
        """
        window = self.semantics.pending_window
        if window <= 0:
            return
        before = self.changes.committed(document.id) or document
        left = before.updated_at + window - self.changes.now
        # No window is longer than it is, whatever a clock says that was set back.
        if left <= 0 or left > window:
            return
        if read:
            self.behaviours.append("pending-reads")
        if not read or self.semantics.pending_reads == "on":
            raise PendingProcess(
                f"A background process still holds document {document.id}, for {left:.3f} seconds more; send "
                "the request again in 2 to 5 seconds, with the same deduplicationId.",
                "pending-process-conflict",
                "pending-window",
            )

    def check_future(self, external_created_at: str, pointer: str = "/externalCreatedAt") -> None:
        """Refuses or notes a moment (stored spelling) too far ahead of the clock, as the switch says."""
        rule = self.semantics.future_timestamps
        if external_created_at <= self.now:
            return
        if external_created_at <= clock.iso(self.changes.now + FUTURE_TOLERANCE_SECONDS):
            return
        self.behaviours.append("future-timestamps")
        if rule == "off":
            return
        message = (
            f"{pointer} must not be more than 5 minutes ahead of the server's clock "
            f"({self.now}); got {external_created_at}."
        )
        if rule == "reject":
            raise ValidationFailed(message, problems=[Problem(message, pointer)])
        self.advise("future-timestamp", message)

    def _here(self, document_id: str, purpose: str) -> Document:
        document = self.changes.document(document_id.lower())
        if document is None:
            raise self._missing(document_id, "object-not-found")
        if document.environment != self.by.environment:
            self._refuse_other_environment(document, purpose)
        return document

    def _refuse_other_environment(self, document: Document, purpose: str) -> None:
        rule = self.semantics.cross_environment
        if rule == "hidden" or (rule == "split" and purpose == "read"):
            raise self._missing(document.id, "environment-isolation", "cross-environment")
        raise Restricted(
            f"Document {document.id} belongs to the environment {document.environment}, and client "
            f"{self.by.client_id} to {self.by.environment}: the credential pair selects the environment.",
            "environment-isolation",
            "cross-environment",
        )

    def _missing(self, document_id: str, *behaviours: str) -> NotFound:
        return NotFound(
            f"There is no document {document_id} that is shared with participant {self.by.participant_id} "
            f"in {self.by.environment}.",
            *behaviours,
        )


def refuse(pointer: str, message: str, *behaviours: str) -> ValidationFailed:
    """A 400 about one value that the schema alone could not judge."""
    return ValidationFailed(message, *behaviours, problems=[Problem(message, pointer)])


def refuse_ended(document: Document, what: str, allowed: str = "", *, behaviour: str = "") -> Conflict:
    """A 409 for a document whose timeline has ended."""
    hint = f"; a closed document takes only {allowed}" if allowed and document.status == "CLOSED" else ""
    ids: tuple[str, ...] = (
        ("close-ends-updates", "closed-allows-relations")
        if document.status == "CLOSED"
        else ("cancel-blocks", "cancelled-conflict")
    )
    if behaviour:
        ids = (*ids, behaviour)
    return Conflict(
        f"Document {document.id} is {document.status} and does not take {what}{hint}.", "conflict-error", *ids
    )
