"""One running server: of this process, in a thread, or one that runs already, maybe elsewhere."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pytest_carrot.control import ControlError, JsonControl, Socket
from pytest_carrot.errors import UserMistake
from pytest_carrot.ours import require
from pytest_carrot.starting import unhindered

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long the first answer may take.
_PATIENCE_SECONDS = 10.0


class CarrotServer:
    """A server that is ready: `url` is its address, without a slash at the end."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.wire = Socket(url)
        self.control = JsonControl(self.wire, "/_mock/", token)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.url}>"

    def workspaces(self) -> list[dict[str, Any]]:
        """All workspaces with their credentials, those of other tests among them."""
        found: list[dict[str, Any]] = self.control.get("workspaces")
        return found


@contextmanager
def own_server() -> Iterator[CarrotServer]:
    """A server of this process on a free port of 127.0.0.1."""
    require("mock_server")
    with ExitStack() as stack:
        with unhindered():
            from mock_server import create_app
            from mock_server.server import in_thread
            from mock_server.settings import Settings

            server = CarrotServer(stack.enter_context(in_thread(create_app(Settings(rate_limit="off")))))
            stack.callback(server.wire.close)
            # The first request to the control API loads the rest of it.
            server.control.get("workspaces/default")
        yield server


@contextmanager
def server_at(url: str, token: str | None) -> Iterator[CarrotServer]:
    """The server that runs at `url`; raises UserMistake unless it can be used."""
    server = CarrotServer(url, token)
    try:
        _check(server, token)
        yield server
    finally:
        server.wire.close()


def _check(server: CarrotServer, token: str | None) -> None:
    require("mock_server")
    from mock_server.version import __version__

    version = _version(server.url)
    if version != __version__:
        raise UserMistake(
            f"The Carrot Mock at {server.url} is of version {version}, and this plugin of {__version__}: install "
            f"the same version of carrot-mock on both sides."
        )
    try:
        server.control.get("workspaces/default")
    except ControlError as error:
        if error.status == 404:
            raise UserMistake(
                f"The control API of the Carrot Mock at {server.url} is switched off: start it without --no-control."
            ) from None
        if error.status != 401:
            raise UserMistake(str(error)) from None
        needs = "needs a control token" if token is None else "has another control token than the one given"
        raise UserMistake(
            f"The Carrot Mock at {server.url} {needs}: give the one it was started with, as "
            f"--carrot-control-token or in the variable CARROT_MOCK_CONTROL_TOKEN."
        ) from None


def _no_answer(url: str, error: ControlError) -> str:
    if url.startswith("https:"):
        from ssl import SSLCertVerificationError, SSLError

        if isinstance(error.__cause__, SSLCertVerificationError):
            return (
                f"The certificate of the server at {url} is not trusted ({error.__cause__.verify_message}): give the "
                f"file of the authority that signed it in the variable SSL_CERT_FILE."
            )
        if isinstance(error.__cause__, SSLError):
            return (
                f"What answers at {url} does not speak https ({error.reason}): `carrot-mock serve` does not, so "
                f"give --carrot-url its address with http."
            )
    return (
        f"No Carrot Mock answers at {url} ({error.reason}): start one there with `carrot-mock serve`, or leave "
        f"--carrot-url out and have one of the run's own."
    )


def _version(url: str) -> str:
    wire = Socket(url, _PATIENCE_SECONDS)
    try:
        status, answer = wire.exchange("GET", "/_mock/health", b"", {})
    except ControlError as error:
        raise UserMistake(_no_answer(url, error)) from None
    finally:
        wire.close()
    try:
        health = json.loads(answer)
        if status == 200 and health["status"] == "ready":
            return str(health["version"])
    except (ValueError, KeyError, TypeError):
        pass
    raise UserMistake(
        f"What answers at {url} is no Carrot Mock (GET /_mock/health: status {status}): give --carrot-url the "
        f"address that `carrot-mock serve` prints."
    )
