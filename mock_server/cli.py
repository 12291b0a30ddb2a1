"""`carrot-mock`: arguments in, a running server or a printed answer out."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mock_server.version import __version__

if TYPE_CHECKING:
    from mock_server.settings import Settings

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_CONTEXT)
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


def fail(sentence: str) -> None:
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
        return
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


@app.command()
@click.option("--url", metavar="URL", help="Tell the story to a running server instead of one of its own.")
def demo(url: str | None) -> None:
    """Submit one MassID through the whole API, and show its timeline.

    With --url the credentials are CARROT_CLIENT_ID and CARROT_CLIENT_SECRET of the environment, or else the
    test credentials that every Carrot Mock has.
    """
    from datetime import UTC, datetime

    from carrot_fixtures import demo_mass_id

    from mock_server.demo import DemoFailed, run

    try:
        run(url, demo_mass_id(datetime.now(UTC)))
    except DemoFailed as error:
        sys.stdout.flush()
        click.echo(f"carrot-mock: {error}", err=True)
        sys.exit(error.exit_code)
