"""What the checks know of a target: what they were told, and what they have seen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Protocol
from weakref import finalize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_carrot.control import Control


class Integrator(Protocol):
    """What an integrator logs in with."""

    @property
    def client_id(self) -> str: ...

    @property
    def client_secret(self) -> str: ...


@dataclass
class Known:
    """One target in one run; safe to use from several threads, which hold `lock` while they compare."""

    partner: Integrator | None = None
    token_url: str | None = None
    control: Control | None = None
    semantics: Mapping[str, str] | None = None
    lock: RLock = field(default_factory=RLock)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Document id → its events as they were read last."""
    changed_body: str | None = None
    """What the target did with a changed body the first time: a value of `dedup-changed-body`."""
    position: int | None = None
    """Of the last record of the ledger that was looked at."""
    sent_anew: int = 0
    """Refused requests that were sent once more, to a document that is there."""
    readers: dict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    """Document id → the Authorization headers by which it was read."""
    shared: set[str] = field(default_factory=set)
    """Documents with an ACTOR that was sent in this run, who may have restricted their creator."""
    strangers: set[str] = field(default_factory=set)
    """Operations that were tried with what nobody was given."""
    looked_at: int = 0
    """Writes that were read back and compared."""
    created: int = 0
    """New documents that were read at once."""
    tried: set[str] = field(default_factory=set)
    """Documents that the partner tried to read."""
    partner_token: str | None = None

    def switch(self, name: str) -> str | None:
        """The value of a switch; None when it is not known."""
        with self.lock:
            if self.semantics is None and self.control is not None:
                self.semantics = self.control.get("semantics")
            return None if self.semantics is None else self.semantics.get(name)


# By the schema's configuration, which a schema that is narrowed down keeps.
_KNOWN: dict[int, Known] = {}
_LOCK = Lock()


def known_of(schema: Any) -> Known:
    """What is known of the target of a schema, and of whatever is derived from it; gone with it."""
    with _LOCK:
        return _KNOWN.get(id(schema.config)) or _set(schema.config, Known())


def know(schema: Any, known: Known) -> None:
    """Have this known of the target of a schema from now on, and nothing else."""
    with _LOCK:
        _set(schema.config, known)


def _set(config: Any, known: Known) -> Known:
    if id(config) not in _KNOWN:
        finalize(config, _KNOWN.pop, id(config), None)
    _KNOWN[id(config)] = known
    return known
