"""`carrot-mock`: arguments in, a running server or a printed answer out."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager, suppress
from itertools import cycle, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

from mock_server.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from mock_server.journey import Journey
    from mock_server.settings import Settings

Command = TypeVar("Command", bound="Callable[..., None]")

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


# Commands that are heavy, or need what not every installation has: loaded when they are asked for.
_ELSEWHERE: Final = {
    "fault": "mock_server.control_commands",
    "clock": "mock_server.control_commands",
    "gate": "mock_server.control_commands",
    "requests": "mock_server.control_commands",
    "snapshot": "mock_server.control_commands",
    "sweep": "pytest_carrot.commands.sweep",
    "certify": "pytest_carrot.commands.certify",
    "doctor": "pytest_carrot.commands.doctor",
    "check": "pytest_carrot.commands.check",
    "drift": "pytest_carrot.commands.drift",
}


class _Commands(click.Group):
    """The commands of this module, and those that are elsewhere."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *_ELSEWHERE]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        from importlib import import_module

        found: click.Command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
        return found


@click.group(cls=_Commands, context_settings=_CONTEXT)
@click.version_option(__version__, "--version", message="carrot-mock %(version)s")
def app() -> None:
    """A stand-in for the Carrot API: a mock server, and tools around it."""


def main() -> None:
    """The entry of the script; a user's mistake ends in one sentence and exit code 2."""
    try:
        code = app.main(prog_name="carrot-mock", standalone_mode=False)
    except click.UsageError as error:
        # Without a command there is help to show, which click has put into the message.
        if "\n" in (sentence := error.format_message()):
            click.echo(sentence)
            sys.exit(2)
        fail(sentence)
    except click.Abort:
        sys.exit(1)
    except BrokenPipeError:
        # The reader of the output has enough (`| head`): no failure, and nothing more to say.
        sys.stderr.close()
        sys.exit(0)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def fail(sentence: str) -> NoReturn:
    """End with one sentence on stderr and exit code 2."""
    click.echo(f"carrot-mock: {sentence}", err=True)
    sys.exit(2)


@app.command()
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", help="Port to listen on; 0 takes a free one.  [default: 8750]")
@click.option("--rate-limit", help="documented, off, or requests a second.  [default: documented]")
@click.option("--store", help="Where the ledger is kept: memory.  [default: memory]")
@click.option(
    "--semantics",
    multiple=True,
    metavar="K=V[,K=V]",
    help="Set switches of the behaviours, such as ordering=off; may be repeated.",
)
@click.option("--config", metavar="FILE", help="Read settings from a TOML file.")
@click.option("--seed", help="Make ids and other random choices repeatable.")
@click.option(
    "--public-url", metavar="URL", help="How clients reach the server, for the URLs that it hands out."
)
@click.option("--workers", help="Worker processes; more than one needs a shared store.  [default: 1]")
@click.option("--ready-file", metavar="FILE", help="Write the address to a file once the server is ready.")
@click.option("--control-token", metavar="T", help="Ask for this bearer token on the control API.")
@click.option(
    "--control/--no-control", default=None, help="Serve the control API under /_mock.  [default: on]"
)
@click.option(
    "--allow-fault-header/--no-allow-fault-header",
    default=None,
    help="Let a request ask for a fault itself, in the header X-Carrot-Mock-Fault.  [default: off]",
)
@click.option("--journal-entries", help="Requests that the journal keeps.  [default: 1000]")
@click.option("--journal-bytes", help="Bytes of bodies that the journal keeps.  [default: 16777216]")
@click.option("--storage-bytes", help="Bytes of attachments held in memory.  [default: 268435456]")
@click.option(
    "--json", is_flag=True, default=None, help="Print one line of JSON when ready, and nothing else."
)
def serve(**flags: Any) -> None:
    """Run the mock server until Ctrl-C or SIGTERM.

    Every option is also an environment variable (--rate-limit: CARROT_MOCK_RATE_LIMIT) and a key of the file
    (rate-limit); an option beats a variable, which beats the file.
    """
    from mock_server.settings import SettingsError, load

    try:
        settings = load(flags)
    except SettingsError as error:
        fail(str(error))
    else:
        _serve(settings)


def _serve(settings: Settings) -> None:
    # Until the server runs there is nothing to collect, and to look for it takes a tenth of the start.
    gc.disable()
    from mock_server import server

    try:
        listener = server.bind(settings.host, settings.port)
    except OSError as error:
        why = error.strerror or str(error)
        fail(
            f"cannot listen on {settings.host} port {settings.port}: {why}. Choose another --port (0 takes a free "
            "one) or --host."
        )
    from mock_server import create_app

    host, port = server.address(listener)
    shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104 - compared only
    url = settings.public_url or f"http://{shown}:{port}"
    try:
        server.run(create_app(settings), listener, lambda: _announce(settings, url))
    finally:
        if settings.ready_file is not None:
            # Nobody should wait for a server that is gone.
            Path(settings.ready_file).unlink(missing_ok=True)


def _announce(settings: Settings, url: str) -> None:
    from mock_server.ready import banner, ready_line, write_ready_file

    if settings.ready_file is not None:
        try:
            write_ready_file(settings.ready_file, url)
        except OSError as error:
            fail(f"cannot write {settings.ready_file}: {error.strerror}.")
    text = ready_line(url) if settings.json else banner(url, settings)
    click.echo(text)
    sys.stdout.flush()


@app.command()
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--grade", type=click.Choice(["D", "C", "A"], case_sensitive=False), help="Only one grade.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def behaviours(words: tuple[str, ...], grade: str | None, as_json: bool) -> None:
    """Everything that the mock does: what is documented, what is assumed, and the switch for it.

    With words, only the rows that have one of them in their id, each with its source.
    """
    from mock_server.behaviours import BEHAVIOURS
    from mock_server.behaviours import behaviours as as_list

    chosen = {row.id for row in BEHAVIOURS.values() if not words or any(word in row.id for word in words)}
    if not chosen:
        fail(f"no behaviour has {' or '.join(words)} in its id; `carrot-mock behaviours` lists them all.")
    if as_json:
        import orjson

        rows = [row for row in as_list(grade) if row["id"] in chosen]
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
        return
    from mock_server.terminal import print_behaviours, print_details

    print_rows = print_details if words else print_behaviours
    print_rows([row for row in BEHAVIOURS.values() if row.id in chosen and grade in (None, row.grade)])


@app.command()
@click.option("--yaml", "as_yaml", is_flag=True, help="Print YAML, as it was written, comments included.")
def openapi(as_yaml: bool) -> None:
    """The contract of the API as OpenAPI 3.1."""
    from mock_server import contract

    if as_yaml:
        click.echo(contract.source("openapi.yaml"), nl=False)
        return
    import orjson

    click.echo(orjson.dumps(contract.document(), option=orjson.OPT_INDENT_2))


@app.command()
def version() -> None:
    """The version of carrot-mock."""
    click.echo(f"carrot-mock {__version__}")


# What a client may meet, all of them good; the first is the one whose story is told.
DEMO_VARIANTS: Final = (
    "truck",
    "bin",
    "two-step-weighing",
    "bicycle",
    "via-processor",
    "cart",
    "manifest-exempt",
    "boat",
    "one-company",
)


def _whole(context: click.Context, parameter: click.Parameter, value: str) -> int:
    """A count from the command line; raises BadParameter for what is none, or below 1."""
    try:
        count = int(value)
    except ValueError:
        count = 0
    if count < 1:
        raise click.BadParameter(f"a whole number from 1 on is needed, not {value!r}.")
    return count


def _moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """A moment from the command line; raises BadParameter for what is none."""
    if value is None:
        return None
    from datetime import datetime

    with suppress(ValueError):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment
    raise click.BadParameter(
        f"a date and time with a zone is needed, such as 2026-07-01T12:00:00Z, not {value!r}."
    )


def _methodology(command: Command) -> Command:
    """The option that says for which methodology MassIDs are made."""
    return click.option(
        "--methodology",
        metavar="NAME",
        default="bold-recycling",
        show_default=True,
        help="Whose rules they keep: bold-recycling or bold-carbon.",
    )(command)


@app.command()
@click.option("--url", metavar="URL", help="Tell the story to a running server instead of one of its own.")
@click.option(
    "--mass-ids",
    metavar="N",
    callback=_whole,
    default="1",
    show_default=True,
    help="How many MassIDs to submit; the first is told step by step.",
)
@_methodology
def demo(url: str | None, mass_ids: int, methodology: str) -> None:
    """Submit MassIDs through the whole API: the first is told step by step, to its timeline.

    With --url the credentials are CARROT_CLIENT_ID and CARROT_CLIENT_SECRET of the environment, or else the
    test credentials that every Carrot Mock has.
    """
    from datetime import UTC, datetime, timedelta

    from mock_server.demo import DemoFailed, run

    _stdout_needed()
    now = datetime.now(UTC)
    # The time is the seed: told to the same server again, the story is that of another MassID.
    seed = (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    variants = islice(cycle(DEMO_VARIANTS), mass_ids)
    try:
        run(url, _journeys(seed, variants, methodology=methodology, now=now), mass_ids)
    except DemoFailed as error:
        sys.stdout.flush()
        click.echo(f"carrot-mock: {error}", err=True)
        sys.exit(error.exit_code)


def _journeys(first: int, variants: Iterable[str], **more: Any) -> Iterator[Journey]:
    """A MassID of each variant: the first has the seed `first`, the next the one after it, and so on."""
    with _faker_needed():
        from carrot_fixtures import mass_id
    for seed, variant in enumerate(variants, first):
        try:
            journey = mass_id(seed=seed, variant=variant, **more)
        except ValueError as error:
            fail(f"{error}.".replace("event_names", "--event-names"))
        yield journey


@contextmanager
def _faker_needed() -> Iterator[None]:
    """Around an import of the fixtures: without Faker the command ends in a sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "faker":
            raise
        fail("this command makes its data with Faker, which is not installed. Run: pip install faker")


@app.group()
def generate() -> None:
    """Make payloads for tests: MassIDs that a methodology accepts, or refuses on purpose."""


@generate.command("mass-id", short_help="Print MassIDs as JSON, or as a script that submits them.")
@click.option(
    "--count", metavar="N", callback=_whole, default="1", show_default=True, help="How many MassIDs to make."
)
@click.option(
    "--seed",
    type=int,
    metavar="N",
    help="Make the same again: the first has the seed N, the next N + 1, and so on.  [default: a random one]",
)
@_methodology
@click.option(
    "--locale",
    type=click.Choice(["pt_BR", "en_US"]),
    default="pt_BR",
    show_default=True,
    help="The language of names and texts; places, waste codes and files are Brazilian in both.",
)
@click.option(
    "--variant",
    metavar="NAME",
    default="truck",
    show_default=True,
    help="What kind of MassID; `carrot-mock generate variants` lists them.",
)
@click.option(
    "--event-names",
    type=click.Choice(["constant", "title"]),
    default="constant",
    show_default=True,
    help="How events are called: PICK_UP, or Pick-up.",
)
@click.option(
    "--now",
    metavar="ISO",
    callback=_moment,
    help="The moment that they end before, with a zone.  [default: 2026-07-01T12:00:00Z]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["json", "ndjson", "curl"]),
    default="json",
    show_default=True,
    help="JSON to read; a line of JSON each; or a shell script that submits them to $CARROT_URL.",
)
def generate_mass_id(
    count: int, seed: int | None, variant: str, now: datetime | None, form: str, **more: Any
) -> None:
    """Print MassIDs: all that a client sends for each, from the document to its last event.

    \b
    One is {"document", "events", "attachments", "accreditations"}: the body that
    creates the document, those of its events in their order, the files in base64,
    and what the platform knows about who takes part (which no client sends).

    \b
    carrot-mock generate mass-id --seed 7
    carrot-mock generate mass-id --count 1000 --format ndjson > mass-ids.ndjson
    carrot-mock generate mass-id --format curl > submit.sh
    CARROT_URL=http://127.0.0.1:8750 sh submit.sh

    The same arguments with the same --seed give the same bytes.
    """
    from secrets import randbits

    from mock_server.generate_screen import watched
    from mock_server.generating import pieces

    if now is not None:
        more["now"] = now
    first = randbits(48) if seed is None else seed
    journeys = _journeys(first, repeat(variant, count), **more)
    _write(watched(pieces(journeys, count, form), count, "MassIDs"))
    if seed is None and sys.stderr.isatty():
        click.echo(f"carrot-mock: add --seed {first} to get the same again.", err=True)


def _write(pieces: Iterable[bytes]) -> None:
    """Write to stdout, each piece at once; a reader that has enough (`| head`) ends the command quietly."""
    _stdout_needed()
    out = sys.stdout.buffer
    try:
        for piece in pieces:
            out.write(piece)
            out.flush()
    except OSError as error:
        # What is left in the buffer would be written at the exit, and fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        if not isinstance(error, BrokenPipeError):
            fail(f"cannot write the output: {error.strerror}.")
        sys.exit(0)


def _stdout_needed() -> None:
    """End with a sentence where there is no stdout to write to (`>&-` in a shell)."""
    if sys.stdout is None:
        fail("there is nowhere to print to: stdout is closed.")


@generate.command("variants", short_help="What kinds of MassIDs there are, and what they break.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def generate_variants(as_json: bool) -> None:
    """What kinds of MassIDs there are, and which rules each of them breaks."""
    _stdout_needed()
    with _faker_needed():
        from carrot_fixtures import VARIANTS

    from mock_server import generate_screen

    if not as_json:
        generate_screen.print_variants(list(VARIANTS.values()))
        return
    import orjson

    click.echo(orjson.dumps(generate_screen.as_rows(VARIANTS.values()), option=orjson.OPT_INDENT_2))
