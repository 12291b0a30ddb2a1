"""Judges the use of pre-signed URLs: in time, without a bearer token, and asked for anew once they have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_carrot.certifying import calls
from pytest_carrot.certifying.finding import fails, holds, not_applicable, of_all, seconds, several

if TYPE_CHECKING:
    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Run, Struck
    from pytest_carrot.history import Entry

NO_FILES = "The flow uploads and downloads no file."


def in_time(run: Run) -> Finding:
    """Every URL was used before it expired."""
    used = calls.of(run.entries, *calls.STORAGE)
    if not used:
        return not_applicable(NO_FILES)
    late = [each for each in used if "s3-expired" in each["behaviours"]]
    if late:
        return fails("other", f"{several(len(late), 'pre-signed URL')} had expired before use.", late)
    longest = max((_age(run, each) for each in used), default=0.0)
    told = f"used within {seconds(longest)} of being handed out"
    return holds(f"{several(len(used), 'storage call')}, {told}; none met an expired URL.")


def without_bearer(run: Run) -> Finding:
    """A storage call carries no Authorization header: the URL is the authorisation."""
    used = calls.of(run.entries, *calls.STORAGE)
    if not used:
        return not_applicable(NO_FILES)
    with_token = [each for each in used if calls.header(each, "authorization") is not None]
    if with_token:
        why = f"{of_all(len(with_token), len(used), 'storage call')} came with an Authorization header."
        return fails("other", f"{why} Storage refuses them.", with_token)
    return holds(f"{several(len(used), 'storage call')}, none with an Authorization header.")


def declared_again(case: Struck) -> Finding:
    """The URL expired before the upload: the file is declared again and uploaded to the new URL."""
    later = calls.after(case.run.entries, case.first)
    met = "The URL of the first upload had expired when it was used (403)"
    if case.first.get("status") != 403:
        return not_applicable("The upload was not refused: the client had asked for a new URL by itself.")
    declared = calls.of(later, "attachments.upload")
    shown = [case.first, *calls.of(later, "attachments.upload", "storage.put")]
    if not declared:
        again = calls.of(later, "storage.put")
        how = "the same URL was tried again" if again else "nothing was sent again"
        return fails("retried-abort" if again else "gave-up", f"{met}; {how}; {case.ending}.", shown)
    uploaded = [each for each in calls.of(later, "storage.put") if calls.succeeded(each)]
    if not uploaded:
        return fails("half-done", f"{met}; it was declared again, but never uploaded; {case.ending}.", shown)
    if not case.run.ended.succeeded:
        return fails("gave-up", f"{met}; uploaded anew, but the flow did not end well: {case.ending}.", shown)
    return holds(f"{met}: declared again, uploaded to the new URL, and the flow ended well.")


def _age(run: Run, used: Entry) -> float:
    """Seconds between the latest hand-out of a URL and this use of one."""
    before = [
        each
        for each in calls.of(run.entries, "attachments.upload", "attachments.download")
        if each not in calls.after(run.entries, used)
    ]
    return calls.between(before[-1], used) if before else 0.0
