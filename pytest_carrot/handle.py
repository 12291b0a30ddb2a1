"""What a test gets: a Carrot world of its own, with credentials for a client and a view from behind."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pytest_carrot.control import Control, ControlError, JsonControl
from pytest_carrot.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_carrot.clock import Clock
    from pytest_carrot.control import Wire
    from pytest_carrot.documents import Documents
    from pytest_carrot.faults import Faults
    from pytest_carrot.gates import Gates
    from pytest_carrot.journal import Journal
    from pytest_carrot.ledger import Ledger
    from pytest_carrot.snapshots import Snapshot


@dataclass(frozen=True)
class Credentials:
    """What one integrator logs in with in one environment, and the id of its own participant."""

    client_id: str
    client_secret: str = field(repr=False)
    participant_id: str


@dataclass(frozen=True)
class Storage:
    """What the pre-signed URLs of a world are signed with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str
    bucket: str
    endpoint: str


class Carrot:
    """A world of its own on a Carrot Mock: what one test does is nowhere to be seen in another.

    Everything here asks the server over its control API, so it does not matter where that runs. Methods raise
    `pytest_carrot.control.ControlError` when the server refuses or does not answer.
    """

    def __init__(
        self, wire: Wire, control: Control, url: str, workspace: Mapping[str, Any], environment: str = "test"
    ) -> None:
        self._wire = wire
        self.control = control
        """The control API of this world, for what has no method here."""
        self._token: str | None = None
        self.id: str = workspace["id"]
        """The id of the workspace."""
        self.seed: int = workspace["seed"]
        """What its ids are made from; a world with the same seed gives the same ids."""
        self.url = url
        """The base URL of the API, without a slash at the end."""
        self.token_url = f"{url}/oauth2/token"
        """The token endpoint."""
        self.control_url = f"{url}/_mock/workspaces/{self.id}"
        """The control API of this world."""
        self.test = _credentials(workspace, "a", "TEST")
        """Integrator A in the test environment: the main credentials of most tests."""
        self.production = _credentials(workspace, "a", "PROD")
        """Integrator A in production."""
        self.partner = _credentials(workspace, "b", "TEST")
        """Integrator B, another company, in the test environment."""
        self.storage = _storage(workspace["storage"])
        """The keys, bucket and address of the attachments' storage."""
        self._main = self.production if environment == "production" else self.test

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} at {self.url}>"

    # For a client -----------------------------------------------------------------------------------------

    @property
    def client_id(self) -> str:
        """The client id of the main credentials."""
        return self._main.client_id

    @property
    def client_secret(self) -> str:
        """The client secret of the main credentials."""
        return self._main.client_secret

    @property
    def participant_id(self) -> str:
        """The id of the integrator's own participant."""
        return self._main.participant_id

    @property
    def env(self) -> dict[str, str]:
        """Where a client in any language finds this world; a new dict, for `subprocess.run(env=…)`."""
        return {
            "CARROT_API_URL": self.url,
            "CARROT_TOKEN_URL": self.token_url,
            "CARROT_CLIENT_ID": self.client_id,
            "CARROT_CLIENT_SECRET": self.client_secret,
        }

    def token(self, *, new: bool = False) -> str:
        """A bearer token of the main credentials; the same one until `reset`, unless a new one is asked for."""
        if self._token is None or new:
            basic = b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
            headers = {
                "authorization": f"Basic {basic}",
                "content-type": "application/x-www-form-urlencoded",
            }
            body = b"grant_type=client_credentials&scope=api.carrot.eco%2Fmain-scope"
            status, answer = self._wire.exchange("POST", "/oauth2/token", body, headers)
            if status != 200:
                raise ControlError(f"{self.token_url} gave no token: {answer.decode()}", status)
            self._token = str(json.loads(answer)["access_token"])
        return self._token

    # From behind ------------------------------------------------------------------------------------------

    @cached_property
    def journal(self) -> Journal:
        """The requests that came, and assertions about them."""
        from pytest_carrot.journal import Journal

        return Journal(self.control)

    @cached_property
    def ledger(self) -> Ledger:
        """The events that were recorded, and assertions about them."""
        from pytest_carrot.ledger import Ledger

        return Ledger(self.control)

    @cached_property
    def documents(self) -> Documents:
        """The documents as they are and were, and assertions about them."""
        from pytest_carrot.documents import Documents

        return Documents(self.control)

    @property
    def semantics(self) -> Semantics:
        """The switches for what the vendor does not document: `carrot.semantics["get-shape"] = "stored"`.

        `carrot.semantics = {…}` sets several.
        """
        return Semantics(self.control)

    @semantics.setter
    def semantics(self, switches: Mapping[str, str | float | bool]) -> None:
        self.semantics.update(switches)

    # What goes wrong, when, and in which order ------------------------------------------------------------

    @cached_property
    def faults(self) -> Faults:
        """What is to go wrong, at which phase of which requests."""
        from pytest_carrot.faults import Faults

        return Faults(self.control)

    @cached_property
    def gates(self) -> Gates:
        """Where requests are held until the test lets them go."""
        from pytest_carrot.gates import Gates

        return Gates(self.control)

    @cached_property
    def clock(self) -> Clock:
        """The time of this world."""
        from pytest_carrot.clock import Clock

        return Clock(self.control)

    def snapshot(self) -> Snapshot:
        """Remember this state, for `restore`: ledger, parties, keys, attachments and clock."""
        from pytest_carrot import snapshots

        return snapshots.take(self.control)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a state; journal, faults, gates and semantics stay as they are.

        `ledger.assert_unchanged` counts from there. Raises ValueError for a snapshot of another world.
        """
        from pytest_carrot import snapshots

        snapshots.restore(self.control, snapshot)
        self.ledger.begin_anew(snapshot.position)

    # Anew, and the end ------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Begin anew: nothing recorded or set, semantics as the test asked for them; credentials stay."""
        self.control.post("reset")
        self._token = None
        self.ledger.begin_anew()

    def close(self) -> None:
        """Drop this world; one that is gone already is no mistake."""
        try:
            self.control.delete("")
        except ControlError as error:
            if error.status != 404:
                raise


class Semantics(Mapping[str, str]):
    """Every switch with its value; assigning sets it on the server at once."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def __getitem__(self, switch: str) -> str:
        values = self._values()
        if switch in values:
            return values[switch]
        raise KeyError(f"There is no switch {switch}; {nearest(switch, tuple(values))}")

    def __setitem__(self, switch: str, value: str | float | bool) -> None:
        self.update({switch: value})

    def update(self, switches: Mapping[str, str | float | bool]) -> None:
        """Set several, or with a ValueError, which names the nearest, none."""
        try:
            self._control.patch("semantics", dict(switches))
        except ControlError as error:
            if error.status != 400:
                raise
            raise ValueError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._values()})"

    def _values(self) -> dict[str, str]:
        found: dict[str, str] = self._control.get("semantics")
        return found


def new_workspace(
    control: JsonControl, *, seed: int, semantics: Mapping[str, Any], rate_limit: str | float
) -> dict[str, Any]:
    """A workspace as `POST /_mock/workspaces` answers; raises ControlError, with status 400 for wrong wishes."""
    wanted = {"seed": seed, "semantics": dict(semantics), "rateLimit": rate_limit}
    found: dict[str, Any] = control.post("workspaces", wanted)
    return found


def _credentials(workspace: Mapping[str, Any], integrator: str, environment: str) -> Credentials:
    for each in workspace["credentials"]:
        if (each["integrator"], each["environment"]) == (integrator, environment):
            return Credentials(each["clientId"], each["clientSecret"], each["participantId"])
    raise ControlError(f"The workspace has no credentials of integrator {integrator} in {environment}.")


def _storage(found: Mapping[str, str]) -> Storage:
    return Storage(
        access_key_id=found["accessKeyId"],
        secret_access_key=found["secretAccessKey"],
        region=found["region"],
        bucket=found["bucket"],
        endpoint=found["endpoint"],
    )
