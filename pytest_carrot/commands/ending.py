"""How commands about clients end: with a sentence, by a signal, or with their reports in files."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


def fail(sentence: str) -> NoReturn:
    """End with one sentence on stderr and exit code 2."""
    click.echo(f"carrot-mock: {sentence}", err=True)
    sys.exit(2)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """In this block a signal that asks to end does it as Ctrl-C does, since the runs do not get it themselves."""

    def interrupt(number: int, frame: Any) -> NoReturn:
        raise KeyboardInterrupt

    numbers = [found for name in ("SIGTERM", "SIGHUP") if (found := getattr(signal, name, None)) is not None]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check_writable(files: Mapping[str, str | None]) -> None:
    """End when one of these reports, by the names of their options, could not be written; changes no file."""
    taken: dict[Path, str] = {}
    for option, name in files.items():
        if name is not None:
            path = Path(name)
            other = taken.setdefault(path.absolute(), option)
            if other != option and path.name != "null":
                fail(f"--{other} and --{option} are the same file, {name}: one would overwrite the other.")
            is_new = not path.exists()
            try:
                path.open("a").close()
            except OSError as error:
                fail(f"cannot write {name} (--{option}): {error.strerror}.")
            if is_new:
                path.unlink()


def write(files: Mapping[str, str | None], texts: Mapping[str, Callable[[], str]]) -> None:
    """Write the reports that were asked for; `texts` makes each, by the name of its option."""
    for option, name in files.items():
        if name is not None:
            try:
                Path(name).write_text(texts[option](), "utf-8")
            except OSError as error:
                fail(f"cannot write {name} (--{option}): {error.strerror}.")
