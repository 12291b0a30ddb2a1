"""Measures the rows that are asked for, and prints each beside what it is compared with."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from bench import fixtures, memory, plugin, report, rows
from bench.servers import BenchError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.report import Line
    from bench.rows import Effort

ROWS: dict[str, Callable[[Effort], Sequence[Line]]] = {
    "create": rows.create,
    "append": rows.append,
    "read": rows.read,
    "token": rows.token,
    "hook": rows.hook,
    "startup": rows.startup,
    "memory": lambda _: memory.run("memory"),
    "fixtures": fixtures.run,
    "plugin": plugin.run,
    "growth": lambda _: memory.run("growth"),
}


def main() -> int:
    """Exit code 0, or 1 when a row could not be measured; a target that is missed is not an error."""
    options = _options()
    # As Ctrl-C does: the servers that were started are stopped on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    lines: list[Line] = []
    failed = False
    for name in options.only:
        began = time.perf_counter()
        print(f"{name} …", end=" ", flush=True, file=sys.stderr)
        try:
            lines += ROWS[name](rows.QUICK if options.quick else rows.FULL)
        except (BenchError, OSError, subprocess.SubprocessError) as error:
            failed = True
            print(f"could not run: {error}", file=sys.stderr)
        else:
            print(f"{time.perf_counter() - began:.0f} s", file=sys.stderr)
    command = report.command_line()
    print(report.as_markdown(lines, command) if options.markdown else report.as_text(lines))
    if options.json:
        report.write_json(options.json, lines, command)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter rounds; under a minute and a half"
    )
    parser.add_argument(
        "--only",
        type=_names,
        default=list(ROWS),
        metavar="ROW[,ROW]",
        help=f"some rows only: {', '.join(ROWS)}",
    )
    parser.add_argument("--json", metavar="FILE", help="also write all figures as JSON")
    parser.add_argument("--markdown", action="store_true", help="print Markdown, with machine and versions")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        raise argparse.ArgumentTypeError(f"there is no row {unknown[0]}; there are {', '.join(ROWS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
