"""`carrot-mock sweep`: proves that a client in any language does everything once, whatever goes wrong."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

import click

from pytest_carrot.commands.ending import INTERRUPTED, check_writable, ended_by_signals, fail, write
from pytest_carrot.commands.values import REPORT, SECONDS
from pytest_carrot.sweeping.calls import OPERATIONS, PHASES
from pytest_carrot.sweeping.cases import HANG_SECONDS, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_carrot.flows import Command
    from pytest_carrot.sweeping.cases import Wanted
    from pytest_carrot.sweeping.judging import Result
    from pytest_carrot.sweeping.report import Report

# With so many runs, a line now and then says how far it is.
_MANY: Final = 20


# What comes after the command is the command's, with or without `--`.
@click.command(
    short_help="Prove that a client does everything once, whatever goes wrong.",
    context_settings={"allow_interspersed_args": False},
)
@click.option(
    "--jobs", type=click.IntRange(1), metavar="N", help="Runs at a time.  [default: 2 a core, and 2]"
)
@click.option(
    "--timeout",
    type=SECONDS,
    default=60.0,
    metavar="S",
    help="Seconds that a run may take; then it is stopped, and fails.  [default: 60]",
)
@click.option("--json", "json_file", type=REPORT, help="Write the report as JSON.")
@click.option("--junit", "junit_file", type=REPORT, help="Write the report as JUnit XML.")
@click.option("--html", "html_file", type=REPORT, help="Write the report as a page.")
@click.option(
    "--hang",
    type=SECONDS,
    default=HANG_SECONDS,
    metavar="S",
    help=f"Seconds that a hanging request hangs.  [default: {HANG_SECONDS:g}]",
)
@click.option(
    "--operation",
    multiple=True,
    type=click.Choice(OPERATIONS),
    metavar="OP",
    help="Only faults at its calls.",
)
@click.option(
    "--phase", multiple=True, type=click.Choice(PHASES), metavar="P", help="Only faults at this phase."
)
@click.option(
    "--kind", multiple=True, type=click.Choice(KINDS), metavar="K", help="Only faults of this kind."
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def sweep(
    jobs: int | None,
    timeout: float,
    json_file: str | None,
    junit_file: str | None,
    html_file: str | None,
    hang: float,
    operation: tuple[str, ...],
    phase: tuple[str, ...],
    kind: tuple[str, ...],
    command: tuple[str, ...],
) -> None:
    """Run a client cleanly, then with a fault at each call, phase and kind; each run must leave the same.

    \b
    carrot-mock sweep -- python my_client.py
    carrot-mock sweep --junit sweep.xml --html sweep.html -- node client.mjs

    The command submits something from start to end and exits with 0. It finds the server in CARROT_API_URL and
    CARROT_TOKEN_URL, and its credentials in CARROT_CLIENT_ID and CARROT_CLIENT_SECRET. --operation, --phase and
    --kind may be repeated.

    \b
    Exit code: 0 everything was recorded once, 1 it was not, 2 it could not be told.
    """
    from pytest_carrot.control import ControlError
    from pytest_carrot.errors import UserMistake
    from pytest_carrot.flows import CannotStart, Command
    from pytest_carrot.sweeping.calls import CannotSweep
    from pytest_carrot.sweeping.cases import Wanted

    if not command:
        raise click.UsageError(
            "Give the command that runs the client after `--`, such as: carrot-mock sweep -- python my_client.py"
        )
    files = {"json": json_file, "junit": junit_file, "html": html_file}
    check_writable(files)
    flow = Command(command, timeout)
    try:
        with ended_by_signals():
            report = _swept(flow, Wanted(operation, phase, kind), jobs or 2 * (os.cpu_count() or 1) + 2, hang)
    except (CannotSweep, CannotStart, ControlError, UserMistake) as error:
        fail(str(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        flow.stop()
    _write(report, files)
    report.print()
    sys.exit(1 if report.failures else 0)


def _swept(flow: Command, wanted: Wanted, jobs: int, hang: float) -> Report:
    from pytest_carrot.reporting import redacting
    from pytest_carrot.sweeping.running import clean_runs, wanted_cases
    from pytest_carrot.sweeping.running import sweep as run_all
    from pytest_carrot.worlds import Worlds

    with ExitStack() as stack:
        worlds = stack.enter_context(Worlds())
        # Before the server goes, what still calls it.
        stack.callback(flow.stop)
        click.echo("carrot-mock: running the command twice as it is ...", err=True)
        clean = clean_runs(flow, worlds)
        chosen = wanted_cases(clean, wanted)
        done = stack.enter_context(_progress(len(chosen)))
        of = redacting.shown(flow.argv)
        return run_all(flow, worlds, clean, chosen, jobs=jobs, hang_seconds=hang, done=done, of=of)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Result], None]]:
    """On stderr: a bar, or where that is no terminal a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    failed = 0
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sweeping", total=total)

        def done(result: Result) -> None:
            nonlocal failed
            failed += not result.holds
            bar.update(task, advance=1, description=f"sweeping, {failed} failed" if failed else "sweeping")

        yield done


def _lines(total: int) -> Callable[[Result], None]:
    """A line at the start, and after each tenth of the runs where these are many."""
    from pytest_carrot.story import several

    told = several(total, "run with a fault", "runs with a fault each")
    click.echo(f"carrot-mock: {told} ...", err=True)
    ended = failed = 0

    def done(result: Result) -> None:
        nonlocal ended, failed
        ended, failed = ended + 1, failed + (not result.holds)
        if total >= _MANY and ended < total and ended * 10 // total > (ended - 1) * 10 // total:
            click.echo(f"carrot-mock: {ended} of {total} runs, {failed} failed ...", err=True)

    return done


def _write(report: Report, files: Mapping[str, str | None]) -> None:
    import json

    texts = {
        "json": lambda: json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n",
        "junit": report.as_junit,
        "html": report.as_html,
    }
    write(files, texts)
