"""`carrot-mock drift`: where an API differs from what the mock assumes, and which switches make up for it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Final

import click

from pytest_carrot.commands.ending import INTERRUPTED, check_writable, ended_by_signals, fail, write
from pytest_carrot.commands.values import REPORT, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_carrot.drifting.finding import Probe
    from pytest_carrot.drifting.report import Report
    from pytest_carrot.live_environment import Permission
    from pytest_carrot.live_target import Target

_EXIT: Final = {"same": 0, "differs": 1, "incomplete": 2}
_BUDGET: Final = 160
_TOLD_EVERY: Final = 20
_NAMES: Final = {
    "url": "URL",
    "token_url": "--token-url",
    "main": "--client-id and --client-secret, or CARROT_CLIENT_ID and CARROT_CLIENT_SECRET",
    "partner": "--partner-client-id and --partner-client-secret",
}


@click.command(short_help="Tell where an API differs from what the mock assumes.")
@click.argument("url", envvar="CARROT_API_URL")
@click.option("--client-id", envvar="CARROT_CLIENT_ID", metavar="ID", help="Also CARROT_CLIENT_ID.")
@click.option(
    "--client-secret", envvar="CARROT_CLIENT_SECRET", metavar="SECRET", help="Also CARROT_CLIENT_SECRET."
)
@click.option(
    "--token-url",
    envvar="CARROT_TOKEN_URL",
    metavar="URL",
    help="The token endpoint; also CARROT_TOKEN_URL.  [default: the vendor's for the vendor's API, else "
    "/oauth2/token of URL]",
)
@click.option(
    "--partner-client-id",
    envvar="CARROT_PARTNER_CLIENT_ID",
    metavar="ID",
    help="Another integrator, for what is about two of them; also CARROT_PARTNER_CLIENT_ID.",
)
@click.option(
    "--partner-client-secret",
    envvar="CARROT_PARTNER_CLIENT_SECRET",
    metavar="SECRET",
    help="Also CARROT_PARTNER_CLIENT_SECRET.",
)
@click.option(
    "--budget",
    type=click.IntRange(1),
    default=_BUDGET,
    show_default=True,
    metavar="N",
    help="Documents, events and files that the run may leave behind; it stops before one more.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    default=4.0,
    show_default=True,
    metavar="N",
    help="Requests a second, at most the documented 5 (10 in production) but for an API on this machine.",
)
@click.option(
    "--timeout",
    type=SECONDS,
    default=10.0,
    show_default=True,
    metavar="S",
    help="Seconds that an answer may take.",
)
@click.option("--json", "json_file", type=REPORT, metavar="FILE", help="Write the report as JSON.")
@click.option(
    "--toml",
    "toml_file",
    type=REPORT,
    metavar="FILE",
    help="Write a carrot-mock.toml with the switches that fit.",
)
@click.option("--assume-test", is_flag=True, help="Go on where documents do not tell their environment.")
@click.option("--production", is_flag=True, help="Allow production, together with the next one.")
@click.option("--yes-really-production", is_flag=True, help="Allow production, together with the one before.")
def drift(
    url: str,
    client_id: str | None,
    client_secret: str | None,
    token_url: str | None,
    partner_client_id: str | None,
    partner_client_secret: str | None,
    budget: int,
    rate: float,
    timeout: float,
    json_file: str | None,
    toml_file: str | None,
    assume_test: bool,
    production: bool,
    yes_really_production: bool,
) -> None:
    """Probe the Carrot API at URL, and compare what is seen with what the mock assumes.

    \b
    carrot-mock drift https://api.carrot.eco --toml carrot-mock.toml

    Nothing there can be deleted: a run writes private test documents, whose keys and external ids all begin with
    carrot-mock-drift, no more than --budget allows. It begins with one document and goes on only when that is in
    the test environment.

    Without credentials it takes the default test credentials of a Carrot Mock, for an address on this machine alone.

    \b
    Exit code: 0 no difference, 1 differences, 2 it could not be told.
    """
    from pytest_carrot.errors import UserMistake
    from pytest_carrot.live_target import DEFAULT, check_rate, target

    files = {"json": json_file, "toml": toml_file}
    check_writable(files)
    try:
        from pytest_carrot.live_environment import Permission, told_twice

        allowed = told_twice(production, yes_really_production, "--production and --yes-really-production")
        main, partner = (client_id, client_secret), (partner_client_id, partner_client_secret)
        where = target(url, token_url, main, partner, names=_NAMES, timeout=timeout, default_here=DEFAULT)
        check_rate(rate, where, "--rate", production=allowed)
    except UserMistake as mistake:
        fail(str(mistake))
    permission = Permission(production=allowed, assume_test=assume_test)
    try:
        with ended_by_signals():
            if main == (None, None):
                where = _with_defaults(where)
            report = _drifted(where, budget, rate, permission)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    _write(report, files)
    _show(report)
    if report.stopped is not None:
        click.echo(f"carrot-mock: {report.stopped}", err=True)
    sys.exit(_EXIT[report.verdict])


def _with_defaults(where: Target) -> Target:
    """The same with the partner that a Carrot Mock knows, unless there is one; says what is used."""
    from pytest_carrot.errors import UserMistake
    from pytest_carrot.live_target import fetch_token, partner_that_works

    click.echo(
        f"carrot-mock: No credentials were given: the default test credentials are used, {where.main.client_id}.",
        err=True,
    )
    if where.partner is not None:
        return where
    try:
        fetch_token(where, where.main)
    except UserMistake as mistake:
        fail(str(mistake))
    partner = partner_that_works(where)
    if partner is not None:
        click.echo(f"carrot-mock: The partner is the default one, {partner.client_id}.", err=True)
    return replace(where, partner=partner)


def _drifted(where: Target, budget: int, rate: float, permission: Permission) -> Report:
    from pytest_carrot.control import ControlError
    from pytest_carrot.drifting.finding import CannotDrift
    from pytest_carrot.drifting.running import Plan
    from pytest_carrot.drifting.running import drift as run
    from pytest_carrot.errors import UserMistake
    from pytest_carrot.server import own_server

    try:
        with own_server() as server, _progress() as done:
            return run(where, Plan(budget, rate, permission), server, done)
    except (CannotDrift, ControlError, UserMistake) as error:
        fail(str(error))


@contextmanager
def _progress() -> Iterator[Callable[[Probe], None]]:
    """A bar on stderr; where that is no terminal, a line now and then."""
    from pytest_carrot.drifting.probes import PROBES

    if not sys.stderr.isatty():
        done = count(1)

        def tell(probe: Probe) -> None:
            if (number := next(done)) % _TOLD_EVERY == 0 and number < len(PROBES):
                click.echo(f"carrot-mock: {number} of {len(PROBES)} probes were made.", err=True)

        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("probing", total=len(PROBES))
        yield lambda probe: bar.update(task, advance=1, description=probe.behaviour)


def _write(report: Report, files: dict[str, str | None]) -> None:
    import json

    texts = {
        "json": lambda: json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n",
        "toml": report.as_toml,
    }
    write(files, texts)


def _show(report: Report) -> None:
    from pytest_carrot.drifting import screen

    if not sys.stdout.isatty():
        click.echo("\n".join(screen.plain_lines(report)))
        return
    from rich.console import Console

    screen.render(Console(highlight=False), report)
