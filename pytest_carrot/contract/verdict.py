"""What a run comes to, and how it is told: lines for a terminal, JUnit XML for a CI system."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pytest_carrot.checking.plan import PHASES
from pytest_carrot.contract.masking import Mask, curl, token_command
from pytest_carrot.reporting.junit import Check, junit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_carrot.checking.outcome import Failure, Outcome

# Characters of a command that are shown.
_LONGEST: Final = 1500
_STEPS: Final = {
    "events.append": "append",
    "events.batch": "batch",
    "attachments.upload": "declare a file",
    "attachments.download": "download URL",
    "documents.read": "read",
}


@dataclass(frozen=True)
class Verdict:
    """A run with all that is to be told of it."""

    url: str
    token_url: str
    client_id: str
    outcome: Outcome
    held: Mapping[tuple[str, str], int]
    """(operation, check) → how often it held."""
    checks: Sequence[str]
    """All checks that were asked for."""
    phases: Sequence[str]
    seed: int
    seconds: float
    mask: Mask = field(repr=False)
    cut_short: str | None = None
    is_dropped: bool = False
    """Whether what was written is gone by now."""

    @cached_property
    def exit_code(self) -> int:
        """0 the contract holds, 1 it does not, 2 it could not be told."""
        if self.outcome.failures or self._refuses_everything:
            return 1
        return 2 if self.outcome.errors or self._early_end or not self.outcome.cases else 0

    @property
    def _early_end(self) -> str | None:
        """Why the run ended before its end, as a sentence."""
        if self.outcome.given_up is not None:
            return self.mask.text(self.outcome.given_up)
        return f"The run was cut short: {self.cut_short}." if self.cut_short else None

    @property
    def _refuses_everything(self) -> bool:
        positive = self.outcome.positive
        return positive.cases > 0 and positive.accepted == 0

    # For a terminal ---------------------------------------------------------------------------------------

    def lines(self, most: int) -> Iterator[str]:
        """The whole, with `most` of the failures."""
        yield (
            f"The contract at {self.url}, as client {self.client_id}: {_several(self.outcome.cases, 'case')}, seed "
            f"{self.seed}, {self.seconds:.1f} s"
        )
        yield ""
        yield from self._table()
        yield ""
        yield from self._shares()
        yield from self._checks()
        yield ""
        yield from self._failures(most)
        yield from self._errors()
        yield self._sentence()

    def _table(self) -> Iterator[str]:
        phases = [each for each in PHASES if each in self.phases]
        rows = [
            (name, [counts.get(phase, 0) for phase in phases])
            for name, counts in sorted(self.outcome.by_operation.items())
        ]
        rows.append(("all", [sum(column) for column in zip(*(counts for _, counts in rows), strict=True)]))
        width = max(len(name) for name, _ in [("operation", []), *rows])
        yield f"  {'operation':<{width}}" + "".join(f"{each:>10}" for each in phases)
        for name, counts in rows:
            yield f"  {name:<{width}}" + "".join(f"{each or '–':>10}" for each in counts)

    def _shares(self) -> Iterator[str]:
        positive = self.outcome.positive
        if positive.cases:
            yield f"Valid data accepted: {positive.value:.1%} ({positive.accepted} of {positive.cases})"
        else:
            yield "Valid data accepted: no case that counts"
        if "stateful" in self.phases:
            reached = (
                f"{_STEPS[name]} {share.accepted} of {share.cases}"
                for name, share in self.outcome.reach.items()
            )
            yield f"Accepted steps on documents that exist: {', '.join(reached)}"
            missing = [_STEPS[each] for each, share in self.outcome.reach.items() if not share.cases]
            if missing and not self._early_end:
                yield f"  never tried: {', '.join(missing)}; a greater --max-examples reaches more"

    def _checks(self) -> Iterator[str]:
        failed = {each.check for each in self.outcome.failures}
        held = {check for (_, check), times in self.held.items() if times} - failed
        idle = [each for each in self.checks if each not in failed and each not in held]
        yield f"Checks: {len(held)} hold, {len(failed)} fail, {len(idle)} had nothing to judge"
        if idle:
            yield f"  nothing to judge: {', '.join(idle)}"

    def _failures(self, most: int) -> Iterator[str]:
        groups: dict[str, list[Failure]] = defaultdict(list)
        for each in self.outcome.failures:
            groups[each.check].append(each)
        shown = 0
        for check, failures in sorted(groups.items(), key=lambda each: -len(each[1])):
            yield f"✗ {check}: {_several(len(failures), 'failure')}"
            for failure in failures:
                if (shown := shown + 1) > most:
                    break
                yield from self._failure(failure)
        if shown:
            yield ""
        if len(self.outcome.failures) > most:
            yield f"Only the first {most} are shown: --show {len(self.outcome.failures)} shows all."
        if any("$TOKEN" in curl(each, self.mask) for each in self.outcome.failures[:most]):
            yield "The commands need a token, and the id and secret of the client that gets it:"
            yield f"  {token_command(self.token_url)}"
            if any("[redacted]" in curl(each, self.mask) for each in self.outcome.failures[:most]):
                yield "  A URL with [redacted] in it was signed for this run: ask the API for one of your own."
            if self.is_dropped:
                yield "  What they are about was dropped with the run's workspace: --keep keeps it."
            yield ""

    def _failure(self, failure: Failure) -> Iterator[str]:
        yield f"  {failure.operation}, in the phase {failure.phase}"
        yield from (f"    {line}".rstrip() for line in self._message(failure).splitlines())
        command = curl(failure, self.mask)
        if len(command) > _LONGEST:
            yield f"    {command[:_LONGEST]} …"
            yield f"    ({len(command)} characters: --junit writes the whole)"
        else:
            yield from (f"    {line}".rstrip() for line in command.splitlines())

    def _message(self, failure: Failure) -> str:
        title, _, rest = failure.message.partition("\n")
        # What schemathesis calls each check that is not its own says no more than its name does.
        text = rest.strip() if title.startswith("Custom check failed") and rest.strip() else failure.message
        return self.mask.text(text)

    def _errors(self) -> Iterator[str]:
        if self.outcome.errors:
            yield f"Could not be checked ({len(self.outcome.errors)}):"
            yield from (f"  {self.mask.text(each).splitlines()[0]}" for each in self.outcome.errors[:5])
            yield ""

    def _sentence(self) -> str:
        count = len(self.outcome.failures)
        if count:
            checks = len({each.check for each in self.outcome.failures})
            early = f" The run ended early: {self._early_end}" if self._early_end else ""
            return f"FAILS: {_several(count, 'failure')} of {_several(checks, 'check')}.{early}"
        if self._refuses_everything:
            return (
                f"FAILS: none of {_several(self.outcome.positive.cases, 'case')} of valid data was accepted, so that "
                "the rest proves nothing."
            )
        if self._early_end:
            return f"COULD NOT BE TOLD: {self._early_end}"
        if self.exit_code:
            return "COULD NOT BE TOLD: no failure, but something was not checked."
        return f"HOLDS: {_several(self.outcome.cases, 'case')}, no failure."

    # For a CI system --------------------------------------------------------------------------------------

    def as_junit(self) -> str:
        """One testcase for each operation and check: the operation is its class."""
        failures: dict[tuple[str, str], list[Failure]] = defaultdict(list)
        for each in self.outcome.failures:
            failures[each.operation, each.check].append(each)
        judged = Counter(self.held) + Counter(dict.fromkeys(failures, 1))
        found = [self._case(key, failures.get(key, [])) for key in sorted(judged)]
        found += [
            Check("errors", f"error {number}", failure=self.mask.text(each), kind="error")
            for number, each in enumerate(self.outcome.errors, 1)
        ]
        positive = self.outcome.positive
        refused = f"none of {positive.cases} was accepted" if self._refuses_everything else None
        found.append(Check("the whole run", "valid data is accepted", self.seconds, failure=refused))
        if self._early_end:
            found.append(Check("the whole run", "it comes to its end", failure=self._early_end))
        return junit(f"carrot-mock check {self.url}", found)

    def _case(self, key: tuple[str, str], failures: Sequence[Failure]) -> Check:
        if not failures:
            return Check(*key)
        told = [f"{self._message(each)}\n\n{curl(each, self.mask)}" for each in failures]
        return Check(*key, failure=self._message(failures[0]).splitlines()[0], details="\n\n".join(told))


def _several(count: int, one: str) -> str:
    return f"{count} {one}{'' if count == 1 else 's'}"
