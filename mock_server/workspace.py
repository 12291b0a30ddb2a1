"""Isolated worlds: each workspace has credentials, a ledger, a clock, limits, semantics and a journal of its own."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mock_server.clock import ManualClock, MovedClock
from mock_server.domain.acting import Integrator
from mock_server.domain.creation import NETWORK_PARTICIPANT
from mock_server.faults import Faults
from mock_server.gates import Gates
from mock_server.ids import Ids
from mock_server.journal import Journal
from mock_server.ledger.memory import MemoryLedger
from mock_server.limits import DOCUMENTED, Buckets, RateLimit

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Iterator, Mapping

    from mock_server.behaviours import Semantics
    from mock_server.clock import Clock
    from mock_server.domain.document import Environment
    from mock_server.journal import Line
    from mock_server.ledger import Ledger
    from mock_server.presign import StorageKeys
    from mock_server.settings import Settings
    from mock_server.storage import FrozenObjects, ObjectStore, StorageBudget

DEFAULT: Final = "default"
_BUCKET: Final = "carrot-mock-attachments"
_REGION: Final = "us-east-1"

# The integrators' own participants, the same in every workspace and in both environments. All invented.
PARTICIPANTS: Final[Mapping[str, Mapping[str, str]]] = {
    "a": {
        "id": "aaaaaaaa-0000-4000-8000-00000000000a",
        "piiSnapshotId": "aaaaaaaa-0000-4000-8000-0000000000aa",
        "countryCode": "BR",
        "name": "Integradora Modelo A Ltda (mock)",
        "taxId": "99000011000139",
        "taxIdType": "CNPJ",
        "type": "COMPANY",
    },
    "b": {
        "id": "bbbbbbbb-0000-4000-8000-00000000000b",
        "piiSnapshotId": "bbbbbbbb-0000-4000-8000-0000000000bb",
        "countryCode": "BR",
        "name": "Parceira Modelo B Ltda (mock)",
        "taxId": "99000012000183",
        "taxIdType": "CNPJ",
        "type": "COMPANY",
    },
}


class Credential(NamedTuple):
    """A pair of client credentials; the pair selects the integrator and the environment."""

    client_id: str
    client_secret: str
    integrator: str
    environment: Environment

    def has_secret(self, secret: str) -> bool:
        """Compares in a time that does not depend on where the secrets differ."""
        return hmac.compare_digest(self.client_secret.encode(), secret.encode("utf-8", "surrogatepass"))


DEFAULT_CREDENTIALS: Final = (
    Credential("carrot-test-client", "carrot-test-secret", "a", "TEST"),
    Credential("carrot-prod-client", "carrot-prod-secret", "a", "PROD"),
    Credential("carrot-partner-client", "carrot-partner-secret", "b", "TEST"),
    # Its secret needs encoding in a form, and has a colon: libraries disagree about both.
    Credential("carrot-odd-client", "carrot+odd/secret=with:100%", "a", "TEST"),
)


class Snapshot(NamedTuple):
    """A world as it was at a moment, `at` seconds since 1970 on its clock."""

    id: str
    position: int
    at: float
    ledger: Ledger
    objects: FrozenObjects | None
    clock: Clock
    skew: float
    line: Line


class Workspace:
    """One world. Everything but its credentials and storage keys begins anew with `reset`."""

    def __init__(
        self,
        workspace_id: str,
        credentials: tuple[Credential, ...],
        *,
        seed: int | None,
        semantics: Semantics,
        rate_limit: RateLimit,
        clock: Clock,
        settings: Settings,
        budget: Budget,
    ) -> None:
        self.id = workspace_id
        self.deleted = False
        self.credentials = credentials
        self._own_clock = clock
        self._initial_semantics = semantics
        self.rate_limit = rate_limit
        self._settings = settings
        self._budget = budget
        self._objects: ObjectStore | None = None
        self._chosen_seed = seed
        self.ids = Ids(seed)
        self.seed = self.ids.seed
        # What is not stored has ids of its own: an error more does not change those of what follows.
        self.answer_ids = Ids(self.seed + 1)
        self.integrators = {
            each.client_id: Integrator(
                each.integrator,
                each.client_id,
                each.environment,
                PARTICIPANTS[each.integrator],
                f"{each.environment}/{each.integrator}",
            )
            for each in credentials
        }
        self._begin(semantics)

    def reset(self) -> None:
        """Begin anew; with a seed that was chosen, the next ids are the first ones again.

        Requests that are held go on, and learn that their world is no more.
        """
        self.gates.clear()
        self.faults.clear()
        if self._objects is not None:
            self._objects.close()
            self._objects = None
        self.ids = Ids(self._chosen_seed)
        self.seed = self.ids.seed
        self.answer_ids = Ids(self.seed + 1)
        self._begin(self._initial_semantics)

    def _begin(self, semantics: Semantics) -> None:
        self.semantics = semantics
        self.clock: Clock = self._own_clock
        # How far the Date header and the times of tokens are ahead of the clock, in seconds.
        self.skew = 0.0
        self.faults = Faults(self.seed)
        self.gates = Gates()
        # Authorization headers whose tokens a fault let expire before their time.
        self.expired_tokens: set[bytes] = set()
        self._snapshots: dict[str, Snapshot] = {}
        self.buckets = Buckets()
        self.journal = Journal(self._settings.journal_entries, self._settings.journal_bytes)
        # Keys whose first request is not answered yet, with those who wait for it.
        self.in_flight: dict[tuple[str, str], list[Future[None]]] = {}
        self.ledger: Ledger = MemoryLedger()
        for environment in ("TEST", "PROD"):
            self.ledger.parties(environment).register(dict(NETWORK_PARTICIPANT))
        for credential in self.credentials:
            self.ledger.parties(credential.environment).register(dict(PARTICIPANTS[credential.integrator]))

    # What is to go wrong, and the time ---------------------------------------------------------------------

    @property
    def is_disturbed(self) -> bool:
        """Whether there is a gate, or a fault that may still strike."""
        return self.faults.any_left or len(self.gates) > 0

    def drop_held(self) -> None:
        """End the requests that faults and gates hold, without an answer, and hold no more."""
        self.gates.drop()
        self.faults.drop()
        self.gates.clear()
        self.faults.clear()

    def use_clock(self, clock: Clock) -> None:
        """Take the time from another clock, also after a reset."""
        self._own_clock = self.clock = clock

    @property
    def clock_runs(self) -> bool:
        return self.clock.runs if isinstance(self.clock, MovedClock) else True

    def move_clock(self, now: float, *, runs: bool) -> None:
        """Let the clock show `now`, seconds since 1970, and go on from there or stand still."""
        clock = self.clock if isinstance(self.clock, MovedClock) else MovedClock(self.clock)
        self.clock = clock.moved(now, runs=runs)

    # Snapshots --------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Keep the ledger, with its keys and parties, the files and the clock as they are now."""
        objects = None if self._objects is None else self._objects.frozen()
        taken = Snapshot(
            f"s{len(self._snapshots) + 1}",
            self.ledger.position,
            self.clock.time(),
            self.ledger.frozen(),
            objects,
            self.clock,
            self.skew,
            self.journal.line,
        )
        self._snapshots[taken.id] = taken
        return taken

    @property
    def snapshots(self) -> Mapping[str, Snapshot]:
        return self._snapshots

    def restore(self, snapshot: Snapshot) -> None:
        """Let the world be again as it was; requests that are under way belong to the one that is left.

        Ids go on where they were: what is written next is nothing that was there before.
        """
        self.journal.go_back(snapshot.line)
        self.ledger = snapshot.ledger.thawed()
        if self._objects is not None:
            self._objects.restore(snapshot.objects)
        self.clock, self.skew = snapshot.clock, snapshot.skew
        if isinstance(self.clock, ManualClock):
            self.clock.set(snapshot.at)
        self.in_flight = {}

    @property
    def objects(self) -> ObjectStore:
        """The bytes of the attachments."""
        if self._objects is None:
            from mock_server.storage import ObjectStore

            self._objects = ObjectStore(self._budget.shared)
        return self._objects

    @property
    def storage_keys(self) -> StorageKeys:
        """What pre-signed URLs are signed with; shown to everyone, so that a client's signer can be compared."""
        from mock_server.presign import StorageKeys

        return StorageKeys(
            access_key_id=self.access_key_id,
            secret_access_key="carrot-mock-demo-secret-" + self.access_key_id.lower(),
            region=_REGION,
            bucket=_BUCKET,
        )

    @property
    def access_key_id(self) -> str:
        return "CARROTMOCK" + self.id.replace("-", "").upper()

    def rate(self, environment: Environment) -> float | None:
        """Requests a second for one integrator in an environment; None without a limit."""
        if self.rate_limit == "documented":
            return DOCUMENTED[environment]
        return None if self.rate_limit == "off" else float(self.rate_limit)

    def as_json(self, base_url: str) -> dict[str, Any]:
        """The workspace as the control API shows it; `base_url` is where the caller reached the server."""
        keys = self.storage_keys
        return {
            "id": self.id,
            "seed": self.seed,
            "semantics": self.semantics.as_dict(),
            "rateLimit": self.rate_limit,
            "credentials": [
                {
                    "clientId": each.client_id,
                    "clientSecret": each.client_secret,
                    "integrator": each.integrator,
                    "environment": each.environment,
                    "participantId": PARTICIPANTS[each.integrator]["id"],
                }
                for each in self.credentials
            ],
            "storage": {
                "accessKeyId": keys.access_key_id,
                "secretAccessKey": keys.secret_access_key,
                "region": keys.region,
                "bucket": keys.bucket,
                "endpoint": f"{base_url}/_storage",
            },
        }


class Budget:
    """The bound on attachment bytes that all workspaces of a server share; made when first needed."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._shared: StorageBudget | None = None

    @property
    def shared(self) -> StorageBudget:
        if self._shared is None:
            from mock_server.storage import StorageBudget

            self._shared = StorageBudget(self._limit)
        return self._shared


class Workspaces:
    """All workspaces of a server, found by their id, by a client id or by a storage key."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._budget = Budget(settings.storage_bytes)
        self._ids = Ids(None if settings.seed is None else settings.seed + 1)
        self._by_id: dict[str, Workspace] = {}
        self._by_client: dict[str, tuple[Workspace, Credential]] = {}
        self._by_access_key: dict[str, Workspace] = {}
        self.semantics = settings.semantics
        self.default = self._add(
            DEFAULT, DEFAULT_CREDENTIALS, settings.seed, self.semantics, settings.rate_limit
        )

    def __iter__(self) -> Iterator[Workspace]:
        return iter(self._by_id.values())

    def create(
        self,
        *,
        seed: int | None = None,
        semantics: Mapping[str, object] | None = None,
        rate_limit: RateLimit | None = None,
    ) -> Workspace:
        """A new world with credentials of its own; raises SwitchError for semantics that do not exist.

        What is not given is as the server was started.
        """
        chosen = self.semantics.replace(semantics) if semantics else self.semantics
        workspace_id = self._ids.uuid()
        short = workspace_id[:8]
        credentials = tuple(
            each._replace(
                client_id=f"{each.client_id}-{short}{workspace_id[9:13]}", client_secret=self._ids.secret()
            )
            for each in DEFAULT_CREDENTIALS[:3]
        )
        limit = self._settings.rate_limit if rate_limit is None else rate_limit
        return self._add(workspace_id, credentials, seed, chosen, limit)

    def delete(self, workspace: Workspace) -> None:
        """Forget a world; its tokens and URLs are unknown from now on."""
        del self._by_id[workspace.id]
        del self._by_access_key[workspace.access_key_id]
        for credential in workspace.credentials:
            del self._by_client[credential.client_id]
        workspace.deleted = True
        workspace.reset()

    def find(self, workspace_id: str) -> Workspace | None:
        return self._by_id.get(workspace_id)

    def of_client(self, client_id: str) -> tuple[Workspace, Credential] | None:
        return self._by_client.get(client_id)

    def of_access_key(self, access_key_id: str | None) -> Workspace | None:
        return None if access_key_id is None else self._by_access_key.get(access_key_id)

    def _add(
        self,
        workspace_id: str,
        credentials: tuple[Credential, ...],
        seed: int | None,
        semantics: Semantics,
        rate_limit: RateLimit,
    ) -> Workspace:
        workspace = Workspace(
            workspace_id,
            credentials,
            seed=seed,
            semantics=semantics,
            rate_limit=rate_limit,
            clock=self._clock,
            settings=self._settings,
            budget=self._budget,
        )
        self._by_id[workspace_id] = workspace
        self._by_access_key[workspace.access_key_id] = workspace
        for credential in credentials:
            self._by_client[credential.client_id] = (workspace, credential)
        return workspace
