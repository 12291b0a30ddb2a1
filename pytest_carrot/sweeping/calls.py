"""The calls that a flow makes when nothing goes wrong, and what they leave behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from pytest_carrot import history
from pytest_carrot.sweeping.ending import Ending, ending_of, masks_between
from pytest_carrot.sweeping.names import Names, unsteady_files
from pytest_carrot.sweeping.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_carrot.handle import Carrot
    from pytest_carrot.history import Entry
    from pytest_carrot.sweeping.names import Masks

PHASES: Final = ("arrived", "authenticated", "validated", "before_commit", "committed", "responding")
COMMITTING: Final = (
    "documents.create", "events.append", "events.batch", "attachments.upload", "storage.put", "token"
)  # fmt: skip
READING: Final = ("documents.read", "attachments.download", "storage.get")
OPERATIONS: Final = (*COMMITTING, *READING)
NO_CALL: Final = (
    "The clean run made no call: the command finds the server in the variables CARROT_API_URL and "
    "CARROT_TOKEN_URL, and its credentials in CARROT_CLIENT_ID and CARROT_CLIENT_SECRET."
)
_OF_A_WRITE: Final = ("before_commit", "committed")


class CannotSweep(Exception):
    """The flow cannot be swept; `str()` is a sentence or two, maybe with the end of an output below."""


@dataclass(frozen=True)
class Call:
    """A call of the clean run; `what` says for people what it is about, and `thing` for comparing.

    `earlier` has the phases that it came to, each with how many calls of its operation had come there before.
    """

    index: int
    operation: str
    what: str
    thing: str = field(default="", repr=False)
    earlier: Mapping[str, int] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Clean:
    """A run in which nothing went wrong; what its masks name is not compared."""

    calls: tuple[Call, ...]
    ending: Ending = field(repr=False)
    masks: Masks = field(default=frozenset(), repr=False)


def record(carrot: Carrot, second: Carrot | None = None) -> Clean:
    """What a clean run did in a world; with that of a second one, what differs between them is masked.

    Raises CannotSweep when there were no calls, or the runs did not do the same.
    """
    return clean_of(Run.of(carrot), None if second is None else Run.of(second))


def clean_of(run: Run, second: Run | None = None) -> Clean:
    """The same, of runs that were read already."""
    _check_complete(run)
    if not calls_of(run):
        raise CannotSweep(NO_CALL)
    masks: Masks = frozenset()
    if second is not None:
        _check_complete(second)
        files = unsteady_files(run.entries, second.entries)
        _check_calls(run, second, files)
        masks = _masks(run, second, files)
    return Clean(tuple(_numbered(run, masks)), ending_of(run, masks), masks)


def _masks(run: Run, second: Run, files: Masks) -> Masks:
    """What differs between two clean runs, besides the names of files."""
    # Where several documents are alike, what is masked of them decides which name means which.
    masks = _of_endings(run, second, _of_endings(run, second, files, by_content=False))
    names, others = Names(run, masks), Names(second, masks)
    for one, two in zip(calls_of(run), calls_of(second), strict=True):
        masks |= names.masks(one, others, two)
    return masks


def _of_endings(run: Run, second: Run, known: Masks, *, by_content: bool = True) -> Masks:
    one, other = (ending_of(each, known, by_content=by_content) for each in (run, second))
    found = masks_between(one, other)
    if isinstance(found, str):
        raise CannotSweep(f"Two clean runs did not leave the same behind, so none can be compared: {found}")
    return found | known


def _numbered(run: Run, masks: Masks) -> Sequence[Call]:
    names = Names(run, masks)
    came: Counter[tuple[str, str]] = Counter()
    calls = []
    for index, entry in enumerate(calls_of(run), 1):
        operation, phases = entry["operation"], _phases(entry)
        earlier = {phase: came[operation, phase] for phase in phases}
        came.update((operation, phase) for phase in phases)
        calls.append(Call(index, operation, names.what(entry), names.thing(entry), earlier))
    return calls


def phases_of(operation: str) -> tuple[str, ...]:
    """The phases in the life of an operation's requests; a read commits nothing."""
    return tuple(each for each in PHASES if operation not in READING or each not in _OF_A_WRITE)


def _phases(entry: Entry) -> tuple[str, ...]:
    """The phases that a request came to; of one that was refused only those that it surely came to."""
    every = phases_of(entry["operation"])
    if entry["committed"] or (entry.get("status", 0) < 400 and entry["operation"] in READING):
        return every
    if entry.get("status", 0) < 400:
        return tuple(each for each in every if each not in _OF_A_WRITE)
    return ("arrived", "responding")


def calls_of(run: Run) -> list[Entry]:
    """The requests that a fault can be aimed at."""
    return [each for each in run.entries if each["operation"] in OPERATIONS]


def _check_complete(run: Run) -> None:
    lost = history.number(run.entries[0]) - 1 if run.entries else 0
    if lost:
        raise CannotSweep(
            f"The flow is too long: the journal keeps the newest {len(run.entries)} requests, and the first {lost} "
            "are gone. Sweep a shorter one, such as one document instead of many."
        )


def _check_calls(run: Run, second: Run, files: Masks) -> None:
    for index, (left, right) in enumerate(zip_longest(_told(run, files), _told(second, files)), 1):
        if left != right:
            raise CannotSweep(
                f"Two clean runs did not make the same calls, so no fault can be aimed at one: call {index} was "
                f"{left or 'not made'} in the first and {right or 'not made'} in the second. Sweep a flow that does "
                "the same each time, one call after the other."
            )


def _told(run: Run, files: Masks) -> list[str]:
    names = Names(run, files, by_content=False)
    return [f"{each['operation']} ({names.what(each)})" for each in calls_of(run)]
