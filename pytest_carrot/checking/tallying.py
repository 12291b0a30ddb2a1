"""Counts the cases of a run and gathers its failures, from the events of schemathesis' engine."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pytest_carrot.checking.outcome import STEPS, Failure, Outcome, Share
from pytest_carrot.checking.shaping import is_positive, operation_id

if TYPE_CHECKING:
    from schemathesis import Case


class Tally:
    """What has been seen so far."""

    def __init__(self) -> None:
        self._cases: dict[str, Counter[str]] = defaultdict(Counter)
        self._creates: Counter[bool] = Counter()
        self._steps: dict[str, Counter[bool]] = defaultdict(Counter)
        self._linked: Counter[bool] = Counter()
        self._failures: dict[tuple[str, str, str], Failure] = {}
        self._errors: dict[str, None] = {}
        self.refused: Counter[tuple[str, int, str]] = Counter()
        """Operation id, status and message of valid data that was not accepted."""

    def take(self, event: Any) -> None:
        """Count an event of the engine."""
        from schemathesis.engine import events

        if isinstance(event, events.ScenarioFinished):
            self._take_scenario(str(event.phase.value), event.recorder)
        elif isinstance(event, events.NonFatalError):
            self._errors[f"{event.label}: {event.info.message or event.info.title}"] = None
        elif isinstance(event, events.FatalError):
            self._errors[f"schemathesis stopped: {event.exception!r}"] = None
        elif isinstance(event, events.EngineFinished):
            for failure in event.failures:
                self._fail("the whole run", type(failure).__name__, failure, "", "all")

    def outcome(self) -> Outcome:
        """All that was seen."""
        reach = {name: Share(self._steps[name][True], self._steps[name].total()) for name in STEPS}
        counted = self._creates + self._linked
        return Outcome(
            cases=sum(each.total() for each in self._cases.values()),
            by_operation={name: dict(each) for name, each in self._cases.items()},
            positive=Share(counted[True], counted.total()),
            reach=reach,
            failures=list(self._failures.values()),
            errors=list(self._errors),
        )

    def _take_scenario(self, phase: str, recorder: Any) -> None:
        for case_id, node in recorder.cases.items():
            # A case without a transition that has a parent was sent by a check.
            interaction = recorder.interactions.get(case_id)
            if interaction is None or (node.parent_id is not None and node.transition is None):
                continue
            self._cases[operation_id(node.value)][phase] += 1
            if interaction.response is not None:
                self._weigh(phase, node, interaction.response)
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    case = recorder.cases[case_id].value
                    info = check.failure_info
                    self._fail(operation_id(case), check.name, info.failure, info.code_sample, phase)

    def _weigh(self, phase: str, node: Any, response: Any) -> None:
        case: Case[Any] = node.value
        if not is_positive(case):
            return
        operation, accepted = operation_id(case), 200 <= response.status_code < 300
        if phase == "stateful" and operation in STEPS:
            self._steps[operation][accepted] += 1
        if operation == "documents.create" and _has_inline_parties(case.body):
            self._creates[accepted] += 1
        elif phase == "stateful" and operation in STEPS and _is_of_an_earlier_answer(node):
            self._linked[accepted] += 1
        else:
            return
        if not accepted:
            self.refused[operation, response.status_code, response.text[:300]] += 1

    def _fail(self, operation: str, check: str, failure: Any, curl: str, phase: str) -> None:
        message = f"{failure.title}\n{failure.message}".strip()
        self._failures.setdefault(
            (operation, check, failure.title), Failure(operation, check, message, curl, phase)
        )


def _is_of_an_earlier_answer(node: Any) -> bool:
    """Whether a link gave all that a step needs to exist: the document, and for a download the file."""
    if not node.is_transition_applied:
        return False
    case: Case[Any] = node.value
    linked = [param for params in node.transition.parameters.values() for param in params.items()]
    if operation_id(case) == "events.batch":
        found = _value(node.transition.request_body)
        linked_id = found.get("documentId") if isinstance(found, dict) else None
        return isinstance(case.body, dict) and linked_id == case.body.get("documentId")
    needed = {"id", "documentId"}
    if operation_id(case) == "attachments.download":
        needed.add("fileName")
    given = {name: _value(param) for name, param in linked}
    return all(
        unquote(str(given.get(name))) == unquote(str(value))
        for name, value in case.path_parameters.items()
        if name in needed
    )


def _value(param: Any) -> Any:
    """What a link took from an answer; None where it found nothing."""
    return param.value.ok() if param is not None and hasattr(param.value, "ok") else None


def _has_inline_parties(body: Any) -> bool:
    return isinstance(body, dict) and "participant" in body and "address" in body
