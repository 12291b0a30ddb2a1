"""`carrot-mock certify`: a command in, the retry-contract certificate out."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pytest_carrot.commands.ending import INTERRUPTED, check_writable, ended_by_signals, fail, write
from pytest_carrot.commands.values import REPORT, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_carrot.certifying.certificate import Certificate
    from pytest_carrot.certifying.running import CannotCertify
    from pytest_carrot.flows import Command

_LINES_OF_OUTPUT = 15


@click.command(short_help="Certify that a client keeps the retry contract.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Runs at the same time.  [default: all, since they mostly wait]",
)
@click.option(
    "--timeout",
    type=SECONDS,
    default=180,
    show_default=True,
    metavar="S",
    help="Seconds that one run may take.",
)
@click.option("--json", "json_file", type=REPORT, help="Write the passport: the certificate as JSON.")
@click.option("--junit", "junit_file", type=REPORT, help="Write JUnit XML, for a CI system.")
@click.option("--html", "html_file", type=REPORT, help="Write a page to show or print.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...")
def certify(
    jobs: int | None,
    timeout: float,
    json_file: str | None,
    junit_file: str | None,
    html_file: str | None,
    command: tuple[str, ...],
) -> None:
    """Run COMMAND once for each row of the vendor's retry table, and judge what it does.

    COMMAND is a client in any language that submits something and exits with 0 when that went well. It finds its
    own Carrot world in CARROT_API_URL, CARROT_TOKEN_URL, CARROT_CLIENT_ID and CARROT_CLIENT_SECRET.

    \b
    carrot-mock certify --html certificate.html -- python submit.py

    Waits are judged in real time, the rows side by side: the whole takes about as long as the longest row, 20
    seconds or so. Exit code 0: it holds; 1: a row fails; 2: it could not be run.
    """
    from pytest_carrot.certifying import papers
    from pytest_carrot.flows import Command

    if not command:
        raise click.UsageError(
            "Give the command that runs the client after `--`, such as: carrot-mock certify -- python my_client.py"
        )
    files = {"json": json_file, "junit": junit_file, "html": html_file}
    check_writable(files)
    flow = Command(command, timeout)
    try:
        with ended_by_signals():
            certificate = _certified(flow, jobs)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        flow.stop()
    write(
        files,
        {
            "json": lambda: papers.as_json(certificate),
            "junit": lambda: papers.as_junit(certificate),
            "html": lambda: papers.as_html(certificate),
        },
    )
    _show(certificate)
    sys.exit(1 if certificate.failures else 0)


def _certified(flow: Command, jobs: int | None) -> Certificate:
    from datetime import UTC, datetime

    from mock_server import contract
    from mock_server.version import __version__
    from pytest_carrot.certifying import running
    from pytest_carrot.certifying.certificate import Certificate
    from pytest_carrot.control import ControlError
    from pytest_carrot.errors import UserMistake
    from pytest_carrot.flows import CannotStart
    from pytest_carrot.reporting import redacting
    from pytest_carrot.worlds import Worlds

    began = datetime.now(UTC)
    try:
        with Worlds() as worlds, _progress() as progress:
            clean = running.clean_run(worlds, flow)
            judged = running.certify(worlds, flow, clean, jobs=jobs, progress=progress, stop=flow.stop)
    except running.CannotCertify as error:
        fail(_told(error))
    except (CannotStart, ControlError, UserMistake) as error:
        fail(str(error))
    version = str(contract.document()["info"]["version"])
    return Certificate(judged, __version__, version, began, redacting.shown(flow.argv))


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """While it runs: a bar on a terminal, else two lines; called with the runs that have ended, and all."""
    if not sys.stderr.isatty():
        click.echo("carrot-mock: running the command once as it is ...", err=True)
        yield _first_line
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("one clean run", total=None)
        yield lambda done, total: bar.update(task, description="runs", completed=done, total=total)


def _first_line(done: int, total: int) -> None:
    if done == 0:
        click.echo(f"carrot-mock: {total} runs more, side by side ...", err=True)


def _show(certificate: Certificate) -> None:
    from pytest_carrot.certifying import screen

    if not sys.stdout.isatty():
        click.echo("\n".join(screen.plain_lines(certificate)))
        return
    from rich.console import Console

    screen.render(Console(highlight=False), certificate)


def _told(error: CannotCertify) -> str:
    """The sentence, and below it the end of what the command printed."""
    lines = error.output.strip().splitlines()[-_LINES_OF_OUTPUT:]
    return "\n".join(
        [str(error), *(["The end of what it printed:"] if lines else []), *(f"  {each}" for each in lines)]
    )
