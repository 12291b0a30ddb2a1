"""Tables of what was measured, as text, as Markdown for the documentation and as JSON."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

MOCK = "carrot-mock"
# A server that ran for a smaller part of the time was kept from its work: its requests/s say little.
LEAST_BUSY = 0.75
_PACKAGES = ("uvloop", "httptools", "uvicorn", "starlette", "orjson", "msgspec", "jsonschema-rs", "faker")


@dataclass
class Speed:
    """A server under load: medians of its rounds; `rate` in requests/s, times in milliseconds, `cpu` in
    microseconds of the server's processor time for a request, `busy` the part of the time that it ran.

    `ratio` and `cpu_ratio` are Carrot Mock's speed divided by this server's, by requests/s and by `cpu`.
    """

    row: str
    server: str
    rounds: int
    rate: float
    p50: float
    p99: float
    cpu: float | None
    busy: float | None
    ratio: float | None = None
    cpu_ratio: float | None = None
    target: str = ""
    met: bool | None = None


@dataclass
class Figure:
    """Anything else: a value, what it is compared with, and how many times that it is."""

    row: str
    what: str
    value: str
    compared: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None


Line = Speed | Figure

_SPEEDS = (
    "row",
    "server",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "CPU µs/request",
    "busy",
    f"{MOCK} ÷ it",
    "÷ it by CPU",
    "target",
    "met",
)
_FIGURES = ("row", "what", "value", "compared with", "ratio", "target", "met")
_NOTE = (
    "Ratios are medians of the rounds' own ratios. CPU is the server's user and system time for a request: "
    "on a machine that does other things its ratio is the steadier one. Busy is the part of the time that "
    f"the server had a processor; where that is less than {LEAST_BUSY:.0%}, something else was in the way, and "
    "whether a target of speed is met is unclear."
)


def as_text(lines: list[Line]) -> str:
    """The tables for a terminal."""
    return "\n\n".join([*(_columns(head, rows) for head, rows in _tables(lines)), _NOTE])


def as_markdown(lines: list[Line], command: str) -> str:
    """The tables for a document, under what they were measured with."""
    about = environment()
    versions = ", ".join(f"{name} {about[name]}" for name in ("Python", *_PACKAGES) if name in about)
    about_it = f"Measured on {about['date']} with `{command}` on {about['machine']}, with {versions}"
    parts = [
        f"{about_it}; load by {about['load']}.",
        *(_markdown_table(head, rows) for head, rows in _tables(lines)),
        _NOTE,
    ]
    return "\n\n".join(parts)


def write_json(path: str, lines: list[Line], command: str) -> None:
    """All figures unrounded, with what they were measured with."""
    content = {"command": command, "environment": environment(), "lines": [asdict(each) for each in lines]}
    Path(path).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def environment() -> dict[str, str]:
    """Date, machine and versions."""
    found = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "Python": platform.python_version(),
        "load": _load_tool(),
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _load_tool() -> str:
    if shutil.which("wrk") is None:
        return "asyncio"
    told = subprocess.run(["wrk", "-v"], capture_output=True, text=True, timeout=10)
    first = (told.stdout + told.stderr).split("[")[0].split()
    return " ".join(first[:2]) or "wrk"


def command_line() -> str:
    """The command as it was given."""
    return " ".join(["python -m bench", *sys.argv[1:]])


def _tables(lines: list[Line]) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    speeds = [_speed(each) for each in lines if isinstance(each, Speed)]
    figures = [_figure(each) for each in lines if isinstance(each, Figure)]
    return [(head, rows) for head, rows in ((_SPEEDS, speeds), (_FIGURES, figures)) if rows]


def _speed(line: Speed) -> tuple[str, ...]:
    return (
        line.row,
        line.server,
        f"{line.rate:,.0f}",
        f"{line.p50:.2f}",
        f"{line.p99:.2f}",
        "" if line.cpu is None else f"{line.cpu:.1f}",
        "" if line.busy is None else f"{line.busy:.0%}",
        _ratio(line.ratio),
        _ratio(line.cpu_ratio),
        line.target,
        "unclear" if line.target and line.met is None else _met(line.met),
    )


def _figure(line: Figure) -> tuple[str, ...]:
    return (line.row, line.what, line.value, line.compared, _ratio(line.ratio), line.target, _met(line.met))


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _met(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "NO"


def _columns(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    ruled = [head, tuple("-" * width for width in widths), *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in ruled
    )


def _markdown_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    ruled = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in ruled)
