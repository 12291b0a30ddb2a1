"""Follows a run: counts what each check said, and records requests and answers."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from copy import copy
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pytest_carrot.checking.shaping import operation_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_carrot.contract.masking import Mask


class Watch:
    """What was seen so far; `take` gets each event of schemathesis' engine."""

    def __init__(self, progress: Callable[[str, int], None]) -> None:
        self.held: Counter[tuple[str, str]] = Counter()
        """(operation, check) → how often it held."""
        self.failed: Counter[tuple[str, str]] = Counter()
        self.cut_short: str | None = None
        """Why the run ended before its end."""
        self._cases = 0
        self._progress = progress

    def take(self, event: Any) -> None:
        """Count an event; raises KeyboardInterrupt for an end by Ctrl-C, which the engine keeps to itself."""
        from schemathesis.engine import StopReason, events

        if isinstance(event, events.Interrupted):
            raise KeyboardInterrupt
        if isinstance(event, events.EngineFinished):
            if event.stop_reason not in (StopReason.COMPLETED, StopReason.FAILURE_LIMIT):
                self.cut_short = event.stop_reason.skip_explanation
        elif isinstance(event, events.ScenarioFinished):
            self._take_checks(event.recorder)
            self._cases += len(event.recorder.interactions)
            self._progress(str(event.phase.value), self._cases)

    def _take_checks(self, recorder: Any) -> None:
        for case_id, checks in recorder.checks.items():
            operation = operation_id(recorder.cases[case_id].value)
            for check in checks:
                counted = self.held if check.failure_info is None else self.failed
                counted[operation, check.name] += 1


class Recording:
    """Writes every request and answer of a run to files, without secrets; a context manager."""

    def __init__(self, har: str | None, vcr: str | None, mask: Mask, seed: int) -> None:
        self._files = har, vcr
        self._mask = mask
        self._seed = seed
        self._stack = ExitStack()
        self._writers: list[Any] = []

    def __enter__(self) -> Recording:
        from schemathesis.config import OutputConfig
        from schemathesis.reporting.har import HarWriter
        from schemathesis.reporting.vcr import VcrWriter

        har, vcr = self._files
        if har is not None:
            writer = self._stack.enter_context(HarWriter(Path(har), OutputConfig()))
            writer.open(seed=self._seed)
            self._writers.append(writer)
        if vcr is not None:
            recorder = self._stack.enter_context(VcrWriter(Path(vcr), OutputConfig()))
            recorder.open(seed=self._seed, command="carrot-mock check")
            self._writers.append(recorder)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def take(self, event: Any) -> None:
        """Write what an event of the engine brings."""
        from schemathesis.engine import events

        if self._writers and isinstance(event, events.ScenarioFinished):
            shown = self._masked(event.recorder)
            for writer in self._writers:
                writer.write(shown)

    def _masked(self, recorder: Any) -> Any:
        """The same scenario, with bodies and addresses without secrets; the writers see to the headers."""
        interactions = {}
        for case_id, interaction in recorder.interactions.items():
            shown = interactions[case_id] = copy(interaction)
            request = shown.request = copy(interaction.request)
            request.uri = self._mask.text(request.uri)
            if isinstance(request.body, bytes):
                request.body, request._encoded_body_cache = self._mask.body(request.body), None
            if interaction.response is not None:
                response = shown.response = copy(interaction.response)
                response.content = self._mask.body(response.content or b"")
        return SimpleNamespace(
            label=recorder.label, cases=recorder.cases, checks=recorder.checks, interactions=interactions
        )
