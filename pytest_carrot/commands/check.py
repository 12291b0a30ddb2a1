"""`carrot-mock check`: holds any API against the contract."""

from __future__ import annotations

import errno
import os
import re
import sys
from contextlib import contextmanager, nullcontext
from secrets import randbits
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

import click

from pytest_carrot.checking.plan import PHASES
from pytest_carrot.commands.ending import INTERRUPTED, check_writable, ended_by_signals, fail, write
from pytest_carrot.commands.values import REPORT, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_carrot.contract.targeting import Aim, Wanted
    from pytest_carrot.contract.verdict import Verdict

_EXAMPLES, _FEWER_EXAMPLES = 100, 20
_RATE: Final = re.compile(r"[1-9][0-9]*/[smhd]")
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_NEEDED: Final = "checking against the contract needs schemathesis: pip install 'carrot-mock[schemathesis]'."


def _phases(context: click.Context, option: click.Parameter, given: str) -> tuple[str, ...]:
    wanted = [each.strip() for each in given.split(",")]
    for each in wanted:
        if each not in PHASES:
            raise click.BadParameter(f"{each!r} is not one of {', '.join(PHASES)}.")
    return tuple(each for each in PHASES if each in wanted)


def _rate(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    if given is not None and given != "off" and not _RATE.fullmatch(given):
        raise click.BadParameter(f"{given!r} is no rate such as 5/s or 100/m, and not off.")
    return given


def _switches(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    from mock_server.behaviours import Semantics

    found = {}
    for each in (one for many in given for one in many.split(",")):
        name, equals, value = each.partition("=")
        if not equals:
            raise click.BadParameter(f"{each!r} is no KEY=VALUE.")
        found[name.strip()] = value.strip()
    try:
        Semantics.default().replace(found)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return found


@click.command(short_help="Hold any API against the contract.")
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
    help="Another integrator, who must not read what the first one writes; also CARROT_PARTNER_CLIENT_ID.",
)
@click.option(
    "--partner-client-secret",
    envvar="CARROT_PARTNER_CLIENT_SECRET",
    metavar="SECRET",
    help="Also CARROT_PARTNER_CLIENT_SECRET.",
)
@click.option(
    "--control-token",
    envvar="CARROT_MOCK_CONTROL_TOKEN",
    metavar="T",
    help="That of a Carrot Mock; also CARROT_MOCK_CONTROL_TOKEN.",
)
@click.option(
    "--max-examples",
    type=click.IntRange(1),
    metavar="N",
    help=f"Generated cases for each operation, and chains of calls in all.  [default: {_EXAMPLES}; "
    f"{_FEWER_EXAMPLES} where the run is paced]",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="The same cases as in another run.  [default: 0 in a workspace of a Carrot Mock, else a new one]",
)
@click.option(
    "--phases",
    callback=_phases,
    default=",".join(PHASES),
    show_default=True,
    metavar="P,P",
    help="Which kinds of cases.",
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Cases at a time."
)
@click.option(
    "--timeout",
    type=SECONDS,
    default=10.0,
    show_default=True,
    metavar="S",
    help="Seconds that an answer may take.",
)
@click.option(
    "--rate-limit",
    callback=_rate,
    metavar="N/s",
    help="Requests a second (or /m), or off.  [default: off in a workspace of a Carrot Mock, else 5/s]",
)
@click.option(
    "--semantics",
    multiple=True,
    callback=_switches,
    metavar="K=V",
    help="A switch that is known of the API, such as dedup-changed-body=replay; may be repeated.",
)
@click.option("--junit", "junit_file", type=REPORT, metavar="FILE", help="Write JUnit XML, for a CI system.")
@click.option("--har", "har_file", type=REPORT, metavar="FILE", help="Write every request and answer as HAR.")
@click.option(
    "--vcr", "vcr_file", type=REPORT, metavar="FILE", help="Write every request and answer as a VCR cassette."
)
@click.option(
    "--show", type=click.IntRange(1), default=10, show_default=True, metavar="N", help="Failures to show."
)
@click.option("--keep", is_flag=True, help="Keep the run's workspace of a Carrot Mock, to send cases again.")
@click.option("--yes", is_flag=True, help="Write documents to an API that is not on this machine.")
def check(
    url: str,
    client_id: str | None,
    client_secret: str | None,
    token_url: str | None,
    partner_client_id: str | None,
    partner_client_secret: str | None,
    control_token: str | None,
    junit_file: str | None,
    har_file: str | None,
    vcr_file: str | None,
    show: int,
    keep: bool,
    yes: bool,
    **how: Any,
) -> None:
    """Send thousands of right and wrong requests to the API at URL, and judge each answer by the contract.

    \b
    carrot-mock check http://127.0.0.1:8750
    carrot-mock check http://localhost:4010 --junit check.xml --har check.har

    Without credentials it takes the default test credentials of a Carrot Mock. It writes documents. On a Carrot Mock
    it does that in a workspace of its own; for any other API that is not on this machine, where they stay, it asks
    for --yes, and it keeps to 5 requests a second.

    \b
    Exit code 0: the contract holds. 1: it does not. 2: it could not be told.
    """
    from pytest_carrot.contract.targeting import Wanted

    _require_schemathesis()
    files = {"junit": junit_file, "har": har_file, "vcr": vcr_file}
    check_writable(files)
    wanted = Wanted(
        url,
        token_url,
        (client_id, client_secret),
        (partner_client_id, partner_client_secret),
        control_token,
        may_write=yes,
        keep=keep,
        timeout=how["timeout"],
    )
    try:
        with ended_by_signals():
            verdict = _checked(wanted, har_file, vcr_file, **how)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    write({"junit": junit_file}, {"junit": verdict.as_junit})
    for line in verdict.lines(show):
        click.echo(_writable(line))
    sys.exit(verdict.exit_code)


def _require_schemathesis() -> None:
    try:
        import schemathesis  # noqa: F401 -- only whether it is there
    except ImportError:
        fail(_NEEDED)


def _checked(wanted: Wanted, har: str | None, vcr: str | None, **how: Any) -> Verdict:
    from pytest_carrot.checking.plan import CannotCheck
    from pytest_carrot.contract.targeting import aimed
    from pytest_carrot.control import ControlError
    from pytest_carrot.errors import UserMistake

    with _unhindered(), _leaving_nothing():
        try:
            with aimed(wanted) as aim:
                return _judged(aim, har, vcr, **how)
        except (CannotCheck, ControlError, UserMistake) as error:
            fail(_on_one_line(error))
        except OSError as error:
            if error.errno not in _FULL:
                raise
            fail(f"the run's recordings could not be written: {error.strerror}.")
        except Exception as error:
            # Whatever an API does, it ends with a sentence; there is no end to what some of them do.
            fail(
                f"what answers at {wanted.url} does not act as the Carrot API, so far that it could be checked "
                f"({type(error).__name__}: {_on_one_line(error)})."
            )


def _judged(
    aim: Aim,
    har: str | None,
    vcr: str | None,
    *,
    max_examples: int | None,
    seed: int | None,
    phases: tuple[str, ...],
    workers: int,
    timeout: float,
    rate_limit: str | None,
    semantics: dict[str, str],
) -> Verdict:
    from pytest_carrot import checks
    from pytest_carrot.checking.engine import BUILT_IN, Plan, run
    from pytest_carrot.contract.masking import Mask
    from pytest_carrot.contract.ordering import in_order
    from pytest_carrot.contract.targeting import RATE
    from pytest_carrot.contract.verdict import Verdict
    from pytest_carrot.contract.watching import Recording, Watch

    target, mask = aim.target, Mask(aim.secrets)
    # An API that keeps everything has the keys of an earlier run of the same seed.
    seed = (0 if aim.is_own else randbits(32)) if seed is None else seed
    rate = rate_limit or ("off" if aim.is_own else RATE)
    for sentence in aim.said:
        click.echo(f"carrot-mock: {sentence}", err=True)
    if rate != "off":
        click.echo(f"carrot-mock: At most {rate} requests are sent, so that it takes a while.", err=True)
    switches = {**aim.semantics, **semantics} or None
    ours = checks.for_target(
        partner=target.partner,
        token_url=target.token_url,
        control=target.control,
        semantics=switches,
    )
    plan = Plan(
        phases=phases,
        max_examples=max_examples or (_EXAMPLES if rate == "off" else _FEWER_EXAMPLES),
        seed=seed,
        checks=(*BUILT_IN, *ours),
        rate_limit=None if rate == "off" else rate,
        workers=workers,
        timeout=timeout,
        semantics=switches,
    )
    if rate != "off":
        # What was asked so far is forgotten by then.
        sleep(1)
    began = monotonic()
    with (
        _progress() as progress,
        Recording(har, vcr, mask, seed) as recording,
        nullcontext() if aim.is_own else in_order(target.url),
    ):
        watch = Watch(progress)

        def take(event: Any) -> None:
            recording.take(event)
            watch.take(event)

        outcome = run(target, plan, take)
    return Verdict(
        url=target.url,
        token_url=target.token_url,
        client_id=target.client_id,
        outcome=outcome,
        held=watch.held,
        checks=[each if isinstance(each, str) else each.__name__ for each in plan.checks],
        phases=phases,
        seed=seed,
        seconds=monotonic() - began,
        mask=mask,
        cut_short=watch.cut_short,
        is_dropped=aim.is_dropped,
    )


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """The phase and the number of requests on stderr; where that is no terminal, a line for each phase."""
    if not sys.stderr.isatty():
        yield _by_lines()
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("examples", total=None)
        yield lambda phase, requests: bar.update(task, description=f"{phase}, {requests} requests")


def _by_lines() -> Callable[[str, int], None]:
    seen = ""

    def tell(phase: str, requests: int) -> None:
        nonlocal seen
        if phase != seen:
            seen = phase
            click.echo(f"carrot-mock: The phase {phase} has begun.", err=True)

    return tell


@contextmanager
def _leaving_nothing() -> Iterator[None]:
    """What Hypothesis keeps of a run is not left where the command was called."""
    from hypothesis.configuration import set_hypothesis_home_dir

    with TemporaryDirectory(prefix="carrot-mock-check-", ignore_cleanup_errors=True) as place:
        set_hypothesis_home_dir(place)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


@contextmanager
def _unhindered() -> Iterator[None]:
    """No proxy is asked for what is on this machine, and one file of authorities counts for all connections."""
    before = dict(os.environ)
    named = [
        each for each in (os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or "").split(",") if each
    ]
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join([*named, "127.0.0.1", "localhost", "::1"])
    if "SSL_CERT_FILE" in os.environ:
        os.environ.setdefault("REQUESTS_CA_BUNDLE", os.environ["SSL_CERT_FILE"])
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _on_one_line(error: BaseException) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in str(error)).split())


def _writable(line: str) -> str:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)
