"""Whether a client stood a case, and the story of one that it did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot import history, story
from pytest_carrot.sweeping.aftermath import aftermath_of, keys_of
from pytest_carrot.sweeping.causes import cause_of
from pytest_carrot.sweeping.differences import differences
from pytest_carrot.sweeping.ending import ending_of
from pytest_carrot.sweeping.names import Names
from pytest_carrot.sweeping.run import Run
from pytest_carrot.sweeping.settling import settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_carrot.flows import Ended
    from pytest_carrot.handle import Carrot
    from pytest_carrot.history import Entry
    from pytest_carrot.sweeping.aftermath import Aftermath
    from pytest_carrot.sweeping.calls import Clean
    from pytest_carrot.sweeping.cases import Case

NOT_REACHED: Final = "not reached"
"""The note of a case whose fault never struck, as the call did not come."""

_DIFFERENCES: Final = 8
_BEFORE, _AFTER = 1, 6


@dataclass(frozen=True)
class Row:
    """A request in a story; `answer` is what the client saw."""

    id: str
    what: str
    key: str
    answer: str
    recorded: str
    mark: str = ""


@dataclass(frozen=True)
class Story:
    """What happened in a failing run, in sentences and with the requests around the struck one."""

    committed: str
    seen: str
    then: str
    requests: tuple[Row, ...] = ()
    more: int = 0
    """How many requests came after these."""
    differences: tuple[str, ...] = ()
    output: str = field(default="", repr=False)


@dataclass(frozen=True)
class Result:
    """What became of a case: `outcome` is `holds` or `fails`, the latter with a cause, a message and a story."""

    case: Case
    outcome: str
    cause: str | None = None
    message: str = ""
    story: Story | None = None
    note: str = ""
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return self.outcome == "holds"

    def as_json(self) -> dict[str, Any]:
        found = {**self.case.as_json(), "outcome": self.outcome}
        more = {"cause": self.cause, "message": self.message, "note": self.note}
        return found | {name: each for name, each in more.items() if each}


def judge(
    clean: Clean, case: Case, carrot: Carrot, ended: Ended, *, fault: str | None = None, seconds: float = 0.0
) -> Result:
    """Compare what a run with a fault left with the clean run; `fault` is its id where there may be others.

    A run whose fault never struck is held to the same, and has the note NOT_REACHED. What the client left hanging
    ends first.
    """
    settle(carrot)
    return judged(clean, case, Run.of(carrot), ended, fault=fault, seconds=seconds)


def judged(
    clean: Clean, case: Case, run: Run, ended: Ended, *, fault: str | None = None, seconds: float = 0.0
) -> Result:
    """The same, of a run that was read already."""
    found = differences(clean.ending, ending_of(run, clean.masks))
    aftermath = aftermath_of(run, clean, case, fault)
    note = NOT_REACHED if aftermath is None else ""
    if ended.succeeded and not found:
        return Result(case, "holds", note=note, seconds=seconds)
    slug, message = cause_of(case, aftermath, found, ended)
    told = tuple(each.told for each in found)
    shown = _story(run, clean, case, aftermath, ended, told)
    return Result(case, "fails", slug, message, shown, note, seconds)


def _story(
    run: Run, clean: Clean, case: Case, aftermath: Aftermath | None, ended: Ended, told: Sequence[str]
) -> Story:
    if len(told) > _DIFFERENCES:
        told = (*told[:_DIFFERENCES], f"And {len(told) - _DIFFERENCES} more differences.")
    if aftermath is None:
        return Story(
            committed="The fault struck nothing.",
            seen=f"Call {case.call.index} ({case.call.what}) did not come.",
            then=f"The run {ended.told}.",
            requests=_rows(run, clean, run.entries[-(_BEFORE + _AFTER) :], None),
            differences=tuple(told),
            output=ended.output,
        )
    struck = aftermath.struck
    place = next(n for n, each in enumerate(run.entries) if each["id"] == struck["id"])
    near = run.entries[max(place - _BEFORE, 0) : place + 1 + _AFTER]
    far = [each for each in aftermath.retries if each not in near][-2:]
    shown = [*near, *far]
    return Story(
        committed=_committed(aftermath),
        seen=_seen(struck),
        then=_then(run, clean, aftermath, ended),
        requests=_rows(run, clean, shown, aftermath),
        more=len(run.entries) - (1 + run.entries.index(shown[-1])),
        differences=tuple(told),
        output=ended.output,
    )


def _committed(aftermath: Aftermath) -> str:
    struck, what = aftermath.struck, aftermath.named(aftermath.struck)
    if struck["operation"].startswith(("documents.read", "attachments.download", "storage.get")):
        return f"{what} was to record nothing."
    done = "was recorded" if struck["operation"] != "token" else "was issued"
    return f"What {what} asked for {done if struck['committed'] else done.replace('was', 'was not')}."


def _seen(struck: Entry) -> str:
    match struck["seen"]:
        case "answer":
            return f"The client saw the answer {story.answer(struck)}."
        case "truncated":
            return "The client saw half an answer, then the connection closed."
        case "reset":
            return "The client saw the connection reset."
        case "closed":
            return "The client saw the connection closed, and no answer."
        case _:
            return "The client saw nothing, and waited."


def _then(run: Run, clean: Clean, aftermath: Aftermath, ended: Ended) -> str:
    if not aftermath.after:
        return f"Then it sent nothing more and {ended.told}."
    names = Names(run, clean.masks)
    count = len(aftermath.retries)
    if not count:
        following = aftermath.after[0]
        return f"Then it went on with {following['id']} ({names.what(following)}) and {ended.told}."
    first = aftermath.retries[0]
    how = ""
    if first["operation"] in history.KEYED:
        same = keys_of(first) == keys_of(aftermath.struck)
        how = " under the same key" if same and None not in keys_of(first) else " under another key"
        how = " without a key" if None in keys_of(first) else how
    times = "" if count == 1 else f", the first of {count} retries,"
    return (
        f"Then it sent {first['id']}{times}{how}, which was answered {story.answer(first)}, and {ended.told}."
    )


def _rows(run: Run, clean: Clean, entries: Sequence[Entry], aftermath: Aftermath | None) -> tuple[Row, ...]:
    names = Names(run, clean.masks)
    struck = "" if aftermath is None else aftermath.struck["id"]
    retries = set() if aftermath is None else {each["id"] for each in aftermath.retries}
    return tuple(
        Row(
            id=each["id"],
            what=names.what(each) if each["operation"] != "*" else story.about(each),
            key=_key(each),
            answer=story.answer(each),
            recorded=_recorded(each),
            mark=">" if each["id"] == struck else "+" if each["id"] in retries else "",
        )
        for each in entries
    )


def _key(entry: Entry) -> str:
    keys = keys_of(entry)
    if not keys:
        return ""
    first = keys[0] or "no key"
    return first if len(keys) == 1 else f"{first} +{len(keys) - 1}"


def _recorded(entry: Entry) -> str:
    if entry["operation"] == "token":
        return ""
    if entry["committed"]:
        return "yes"
    return "before" if any(each["verdict"] == "replay" for each in entry["deduplication"]) else ""
