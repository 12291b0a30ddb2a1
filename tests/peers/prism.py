"""Prism between a client and an API: it holds what passes against the contract, both ways."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from peers.installed import command

_LISTENING = re.compile(r"Prism is listening on (http://\S+)")
_LOUD = Path(__file__).with_name("loud.cjs")


class Prism:
    """`prism proxy` as the page shows it, on a free port; `url` is its address.

    Without `strict` it lets violations pass and names them in a header of the answer.
    """

    def __init__(self, mock: str, *, upstream: str | None = None, strict: bool = True) -> None:
        arguments = command("npx @stoplight/prism-cli", mock)
        if upstream is not None:
            arguments[arguments.index(mock)] = upstream
        if not strict:
            arguments.remove("--errors")
        self._process = subprocess.Popen(
            [*arguments, "--port", "0"],
            env={**os.environ, "NODE_OPTIONS": f"--require {_LOUD}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._ready.wait(60)
        found = _LISTENING.search(self.log)
        if found is None:
            self.stop()
            raise AssertionError(f"Prism did not start: {self.log}")
        self.url = found[1]

    @property
    def log(self) -> str:
        """All that it has printed so far."""
        return "".join(self._lines)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)
            if _LISTENING.search(line):
                self._ready.set()
        self._ready.set()


@dataclass
class Judgement:
    """A hook of a client: the answers that passed, and what Prism has against them."""

    answers: set[str] = field(default_factory=set)
    against_requests: list[str] = field(default_factory=list)
    against_answers: list[str] = field(default_factory=list)

    def __call__(self, answer: httpx.Response) -> None:
        call = f"{answer.request.method} {answer.request.url.path} {answer.status_code}"
        self.answers.add(call)
        violations: list[dict[str, Any]] = json.loads(answer.headers.get("sl-violations", "[]"))
        for each in violations:
            about = self.against_answers if each["location"][0] == "response" else self.against_requests
            about.append(f"{call}: {each['message']}")
