"""Judges the vendor's go-live checklist, from runs of its own and from the other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_carrot.certifying import calls
from pytest_carrot.certifying.finding import fails, holds, not_applicable, several
from pytest_carrot.history import error_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Run

_STEPS: Final = {
    "creating a document": ("documents.create",),
    "appending an event": ("events.append", "events.batch"),
    "uploading a file": ("storage.put",),
    "retrieval": ("documents.read", "attachments.download"),
}


def ran_in_test(run: Run) -> Finding:
    """The flow in the test environment, with every rule enforced: create, append, upload, retrieve."""
    if (finding := _unfinished(run)) is not None:
        return finding
    done = {entry["operation"] for entry in run.entries if calls.succeeded(entry)}
    missing = [step for step, operations in _STEPS.items() if not done & set(operations)]
    if missing:
        made = ", ".join(step for step in _STEPS if step not in missing)
        return not_applicable(f"Not exercised by this flow: {', '.join(missing)}. Exercised: {made}.")
    return holds(
        f"{', '.join(_STEPS).capitalize()}: {several(len(run.entries), 'request')}, and all ended well."
    )


def ran_in_production(run: Run) -> Finding:
    """The same command with the production pair, and nothing else changed: production data alone is touched."""
    if (finding := _unfinished(run)) is not None:
        return finding
    strays = [each for each in run.entries if each["client"].get("environment", "PROD") != "PROD"]
    if strays:
        why = "With the production pair the command still used the test credentials."
        return fails("other", why, strays)
    kept = {each["dataSetName"] for each in run.documents}
    if kept != {"PROD"}:
        found = f"{', '.join(sorted(kept))} documents" if kept else "no document"
        return fails("other", f"With the production pair the command left {found}.")
    return holds(
        f"With the production pair alone: {several(len(run.documents), 'document')}, all of production."
    )


def confirmed(
    findings: Mapping[str, Finding],
    rows: Sequence[str],
    what: str,
    *,
    needed: Sequence[str],
    quoted: str | None = None,
) -> Finding:
    """What other rows say about a step of the checklist: each of `needed` has to hold, having been exercised.

    None may fail. The evidence of the row `quoted` is told too.
    """
    told = {row: findings[row].verdict for row in rows if row in findings}
    failed = [row for row, verdict in told.items() if verdict == "fails"]
    if failed:
        cause = findings[failed[0]].cause or "other"
        return fails(cause, f"{what} is not confirmed: see {', '.join(failed)}.")
    held = [row for row, verdict in told.items() if verdict == "holds"]
    more = f" {findings[quoted].evidence}" if quoted is not None and quoted in findings else ""
    if any(row not in held or not findings[row].exercised for row in needed):
        return not_applicable(f"{what} was not exercised.{more}")
    return holds(f"{what} is confirmed by {', '.join(held)}.{more}")


def _unfinished(run: Run) -> Finding | None:
    if run.ended.succeeded:
        return None
    refused = [each for each in run.entries if not calls.succeeded(each)]
    told = f"The command {run.ended.told}."
    if refused:
        code, message = error_of(refused[-1])
        told += f" {calls.name(refused[-1])} was answered {refused[-1].get('status')} {code}: {message}"
    return fails("other", told, refused[-3:])
