"""Counts the cases of a run and gathers its failures, from the events of schemathesis' engine."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from pytest_carrot.checking.outcome import STEPS, Failure, Outcome, Share
from pytest_carrot.checking.shaping import SHAPES, file_name, is_positive, operation_id, target_of

if TYPE_CHECKING:
    from schemathesis import Case

    from pytest_carrot.checking.knowledge import Knowledge

ACCEPTANCE: Final = "valid_data_is_accepted"
"""What a failure is of when an operation refuses everything."""
_OF_ONE_ANSWER: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "missing_required_header",
    "unsupported_method",
)
# Fewer may be refused for what no schema says.
_ENOUGH: Final = 3


class Tally:
    """What has been seen so far."""

    def __init__(self, known: Knowledge) -> None:
        self._known = known
        self._cases: dict[str, Counter[str]] = defaultdict(Counter)
        self._creates: Counter[bool] = Counter()
        self._steps: dict[str, Counter[bool]] = defaultdict(Counter)
        self._linked: Counter[bool] = Counter()
        self._valid: dict[str, Counter[bool]] = defaultdict(Counter)
        self._first_refused: dict[str, Failure] = {}
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

    def met(self, accident: str) -> None:
        """Count what a call that the run made for itself was answered."""
        message = (
            f"Expected no server error, whatever is sent; {accident}, a call that the run made for itself."
        )
        name = "never_a_server_error"
        self._failures.setdefault(
            ("the whole run", name, accident), Failure("the whole run", name, message, "", "all")
        )

    def outcome(self, given_up: str | None = None) -> Outcome:
        """All that was seen, and why no more was."""
        reach = {name: Share(self._steps[name][True], self._steps[name].total()) for name in STEPS}
        counted = self._creates + self._linked
        refusing, untold = self._refusing()
        errors = [each for each in self._errors if given_up is None or given_up not in each]
        return Outcome(
            cases=sum(each.total() for each in self._cases.values()),
            by_operation={name: dict(each) for name, each in self._cases.items()},
            positive=Share(counted[True], counted.total()),
            reach=reach,
            failures=[*self._failures.values(), *refusing],
            errors=errors if given_up else [*errors, *untold],
            given_up=given_up,
        )

    def _refusing(self) -> tuple[list[Failure], list[str]]:
        """Operations that refuse everything: as failures, and as sentences where it was too little to tell."""
        failures, sentences = [], []
        for name, counts in self._valid.items():
            if counts[True]:
                continue
            if counts.total() >= _ENOUGH:
                first = self._first_refused[name]
                message = (
                    f"None of {counts.total()} valid requests was accepted, so that all else about {name} proves "
                    f"nothing. The first one got {first.message}"
                )
                failures.append(replace(first, message=message))
            else:
                sentences.append(
                    f"{name}: no valid request was accepted, of only {counts.total()}; a greater --max-examples "
                    "tells whether any is."
                )
        return failures, sentences

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
                    answer = _answer(check.name, recorder.interactions.get(case_id))
                    self._fail(operation_id(case), check.name, info.failure, info.code_sample, phase, answer)

    def _weigh(self, phase: str, node: Any, response: Any) -> None:
        case: Case[Any] = node.value
        if not is_positive(case):
            return
        operation, accepted = operation_id(case), 200 <= response.status_code < 300
        if accepted or self._should_be(operation, case):
            self._valid[operation][accepted] += 1
            if not accepted and operation not in self._first_refused:
                got = f"{response.status_code} {response.text[:300]}".rstrip()
                curl = case.as_curl_command(dict(response.request.headers))
                self._first_refused[operation] = Failure(operation, ACCEPTANCE, got, curl, phase)
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

    def _should_be(self, operation: str, case: Case[Any]) -> bool:
        """Whether a valid request is about what is known to exist, so that nothing is left to refuse it for."""
        if operation == "documents.create":
            return _has_inline_parties(case.body)
        if operation not in STEPS:
            return operation in SHAPES
        document_id = target_of(case)
        if document_id not in self._known.documents:
            return False
        if operation == "attachments.download":
            file = self._known.files.get(document_id, {}).get(file_name(case))
            return file is not None and file.is_sent
        return operation == "documents.read" or document_id not in self._known.ended

    def _fail(
        self, operation: str, check: str, failure: Any, curl: str, phase: str, answer: str = ""
    ) -> None:
        message = f"{failure.title}\n{failure.message}\n{answer}".strip()
        self._failures.setdefault(
            (operation, check, failure.title), Failure(operation, check, message, curl, phase)
        )


def _answer(check: str, interaction: Any) -> str:
    """What was answered, where a check that schemathesis brings is about that and does not say it."""
    if check not in _OF_ONE_ANSWER or interaction is None or interaction.response is None:
        return ""
    response = interaction.response
    return f"Answered: {response.status_code} {response.text[:300]}".rstrip()


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
