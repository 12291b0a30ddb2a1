"""Judges what a client sends: no retired vocabulary, and a key on everything that is created or appended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_carrot.certifying import calls
from pytest_carrot.certifying.finding import fails, holds, of_all, several
from pytest_carrot.history import KEYED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Run
    from pytest_carrot.history import Entry


def up_to_date(run: Run) -> Finding:
    """Nothing on the list of what was replaced: categories, units, event and attribute names."""
    return _without(run, "deprecated-vocabulary", "of the retired vocabulary")


def chronological(run: Run) -> Finding:
    """The moments of a timeline do not go back."""
    return _without(run, "out-of-order", "out of order")


def keyed(run: Run) -> Finding:
    """Every create and every event carries a deduplicationId."""
    sent = calls.of(run.entries, *KEYED)
    without = [each for each in sent if calls.lacks_key(each)]
    if without:
        first = f"{calls.name(without[0])} is the first"
        why = f"{of_all(len(without), len(sent), 'write')} came without a deduplicationId; {first}."
        return fails("other", why, without)
    return holds(f"{several(len(sent), 'write')}, each with a deduplicationId.")


def _without(run: Run, code: str, what: str) -> Finding:
    """No request drew an advisory of this code: the runs are made with these rules set to warn."""
    told = [
        (entry, advisory["message"])
        for entry in run.entries
        for advisory in entry["advisories"]
        if advisory["code"] == code
    ]
    if told:
        why = f"{several(len(told), 'thing')} {what}. The first: {told[0][1]}"
        return fails("other", why, _once([entry for entry, _ in told]))
    return holds(f"{several(len(calls.of(run.entries, *KEYED)), 'write')}, nothing {what}.")


def _once(found: Sequence[Entry]) -> list[Entry]:
    return [each for place, each in enumerate(found) if each not in found[:place]]
