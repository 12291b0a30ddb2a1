"""The documents of a workspace as they are or were, and assertions about their state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pytest_carrot import history, story

if TYPE_CHECKING:
    from decimal import Decimal

    from pytest_carrot.control import Control
    from pytest_carrot.history import Moment, Summary

# What goes wrong here is about what the test asked: its traceback ends there.
__tracebackhide__ = True


class Documents:
    """The documents of a workspace, of both environments."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def all(self) -> list[Summary]:
        """All documents in a line each, oldest first: `id`, `status`, `currentValue`, …"""
        return history.documents(self._control)

    def read(self, document_id: str, at: Moment | None = None) -> dict[str, Any]:
        """A document as its creator reads it, now or as it was at a position of the ledger or at a moment.

        Raises ControlError when there is none of that id, or was none yet.
        """
        return history.document(self._control, document_id, at)

    def only(self) -> dict[str, Any]:
        """The one document that there is; fails with the list when there are none or several."""
        __tracebackhide__ = True
        there = self.all()
        if len(there) != 1:
            story.fail(
                self._control,
                f"Expected exactly one document, got {len(there)}.",
                story.listed(there),
                "" if there else story.created(self._control),
            )
        return self.read(there[0]["id"])

    def assert_status(self, document_id: str, status: str) -> None:
        """The document is `OPEN`, `CLOSED` or `CANCELLED`."""
        __tracebackhide__ = True
        if status not in ("OPEN", "CLOSED", "CANCELLED"):
            raise ValueError(f"A status is OPEN, CLOSED or CANCELLED, not {status!r}.")
        found = story.known(self._control, document_id)
        if found["status"] != status:
            story.fail(
                self._control,
                f"Document {found['id']} is {found['status']}, expected {status}.",
                documents=[found["id"]],
            )

    def assert_value(self, document_id: str, kg: float | Decimal) -> None:
        """The document has this current value, but for the dust of binary fractions."""
        __tracebackhide__ = True
        found = story.known(self._control, document_id)
        if math.isclose(found["currentValue"], kg, rel_tol=1e-9):
            return
        valued = [
            each
            for each in history.records(self._control)
            if each["documentId"] == found["id"] and history.by_integrators(each) and "value" in each["event"]
        ]
        last = valued[-1] if valued else None
        why = f"; {last['event']['name']} of {last['requestId']} set it" if last else "; no event has a value"
        story.fail(
            self._control,
            f"Document {found['id']} has the value {found['currentValue']}, expected {kg}{why}.",
            documents=[found["id"]],
            marked=[last["position"]] if last else [],
        )
