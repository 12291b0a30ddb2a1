"""What tests get with `--carrot-target=live`: the real API in place of a mock, and no view from behind."""

from __future__ import annotations

from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, NoReturn

from pytest_carrot.control import ControlError, Socket
from pytest_carrot.errors import UserMistake
from pytest_carrot.handle import Carrot, Credentials
from pytest_carrot.live_guard import Guard, Refused
from pytest_carrot.live_limits import Budget, Pace
from pytest_carrot.live_relay import LiveRelay
from pytest_carrot.live_target import author_of, check_is_carrot, check_partner, fetch_token
from pytest_carrot.server import CarrotServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_carrot.live_options import LiveOptions
    from pytest_carrot.live_target import Login

# What goes wrong here is about what the test asked: its traceback ends there.
__tracebackhide__ = True

PREFIX: Final = "carrot-mock-live"


class NeedsTheMock(ControlError):
    """A test asked for what only a mock has."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} needs the mock: the real API shows nothing from behind. Run this test without "
            "--carrot-target=live, and do not mark it carrot_live."
        )


class _Behind:
    """An attribute that only a mock has."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, world: object, owner: type) -> Any:
        raise NeedsTheMock(f"carrot.{self._name}")

    def __set__(self, world: object, value: object) -> None:
        raise NeedsTheMock(f"carrot.{self._name}")


class _NoControl:
    """The control API of no mock."""

    def __getattr__(self, name: str) -> NoReturn:
        raise NeedsTheMock("The control API")


class LiveServer(CarrotServer):
    """The guarded way to the real API; `url` is on this machine, `api_url` where it leads to."""

    def __init__(self, asked: LiveOptions, relay: LiveRelay) -> None:
        self.url = relay.url
        self.api_url = asked.target.url
        self.wire = Socket(relay.url)
        self.guard = relay.guard
        self.target = asked.target

    control: Any = _NoControl()

    def workspaces(self) -> list[dict[str, Any]]:
        raise NeedsTheMock("carrot_server.workspaces()")


class LiveCarrot(Carrot):
    """The real API as a test's world: what a client needs is there, what only a mock has raises NeedsTheMock.

    `id` begins every key and external id of the run. `url` leads through a guard on this machine, which sets them,
    keeps the pace and counts what is written.
    """

    def __init__(self, server: LiveServer, seed: int) -> None:
        self._wire = server.wire
        self._server = server
        self._token: str | None = None
        self.id = server.guard.prefix
        self.seed = seed
        self.url = server.url
        self.token_url = f"{server.url}/oauth2/token"
        self.api_url = server.api_url

    control: Any = _NoControl()
    control_url: Any = _Behind()
    storage: Any = _Behind()
    production: Any = _Behind()
    journal: Any = _Behind()
    ledger: Any = _Behind()
    documents: Any = _Behind()
    semantics: Any = _Behind()
    faults: Any = _Behind()
    gates: Any = _Behind()
    clock: Any = _Behind()
    snapshot: Any = _Behind()
    restore: Any = _Behind()
    reset: Any = _Behind()

    @property
    def client_id(self) -> str:
        return self._server.target.main.client_id

    @property
    def client_secret(self) -> str:
        return self._server.target.main.client_secret

    @property
    def participant_id(self) -> str:
        """The id of the integrator's own participant, as the first document of the run tells it."""
        return self._participant(f"Bearer {self.token()}")

    @property
    def test(self) -> Credentials:  # type: ignore[override]
        return Credentials(self.client_id, self.client_secret, self.participant_id)

    @property
    def partner(self) -> Credentials:  # type: ignore[override]
        """Another integrator; raises UserMistake when the environment names none, or the same one again."""
        login = self._server.target.partner
        if login is None:
            raise UserMistake(
                "carrot.partner needs the credentials of another integrator: give them in "
                "CARROT_PARTNER_CLIENT_ID and CARROT_PARTNER_CLIENT_SECRET."
            )
        authorization = self._bearer(login)
        participant_id = self._participant(authorization)
        both = self._first(f"Bearer {self.token()}"), self._first(authorization)
        check_partner(self._server.target.main, login, *both)
        return Credentials(login.client_id, login.client_secret, participant_id)

    def close(self) -> None:
        """What was written stays."""

    def _participant(self, authorization: str) -> str:
        found = author_of(self._first(authorization))
        if found is None:
            raise ControlError(
                "The first document of the run does not tell the integrator's own participant."
            )
        return found

    def _first(self, authorization: str) -> dict[str, Any]:
        try:
            return self._server.guard.first_document(authorization)
        except Refused as why:
            raise ControlError(str(why)) from None

    def _bearer(self, login: Login) -> str:
        form = b"grant_type=client_credentials&scope=api.carrot.eco%2Fmain-scope"
        headers = {"authorization": login.basic, "content-type": "application/x-www-form-urlencoded"}
        answer = self._server.guard.pass_on("POST", "/oauth2/token", headers, form)
        return f"Bearer {answer.object.get('access_token')}"


@contextmanager
def live_server(asked: LiveOptions, workers: int) -> Iterator[LiveServer]:
    """The guarded way to the API while the block runs; raises UserMistake when there is no Carrot API there."""
    check_is_carrot(asked.target, fetch_token(asked.target, asked.target.main))
    among = f", of which each of {workers} workers has its part" if workers > 1 else ""
    guard = Guard(
        asked.target,
        f"{PREFIX}-{token_hex(4)}",
        Pace(asked.rate / workers),
        Budget(asked.budget // workers, f"--carrot-live-budget{among}"),
        asked.permission,
    )
    relay = LiveRelay(guard)
    relay.start()
    server = LiveServer(asked, relay)
    try:
        yield server
    finally:
        server.wire.close()
        relay.stop()
