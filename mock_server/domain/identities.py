"""Who and where: participants and addresses, and the stable ids that they get.

Source: CONTRACT `party-identity` (assumed). An identity is a participant's `countryCode`, `taxIdType` and
`taxId`, or an address's content within its participant; names, email and phone are no part of it.
"""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from msgspec import Struct

from mock_server.errors import Conflict, NotFound, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from mock_server.ids import Ids

    Identity = tuple[Any, ...]
    Stored = dict[str, Any]

_PARTICIPANT_IDENTITY = ("countryCode", "taxIdType", "taxId")
_PARTICIPANT_STORED = ("businessName", "countryCode", "name", "taxId", "taxIdType", "type")
_PARTICIPANT_PRIVATE = ("name", "businessName", "email", "mobileNumber")
_ADDRESS_STORED = (
    "city",
    "complement",
    "countryCode",
    "countryState",
    "latitude",
    "longitude",
    "neighborhood",
    "number",
    "street",
    "zipCode",
)
_KEPT_PAYLOADS = 512


class Parties(Struct, gc=False):
    """The parties of one environment, or a layer of new ones over them that a commit may absorb.

    Nothing is ever changed in place but by `absorb`, so that a request that fails leaves no party behind.
    """

    _below: Parties | None = None
    _ids: MutableMapping[Identity, str] = {}
    _stored: MutableMapping[str, Stored] = {}
    _aliases: MutableMapping[str, str] = {}
    _names: MutableMapping[str, tuple[str, ...]] = {}
    _untold: list[tuple[str, str]] = []
    # Stored shapes of payloads, as JSON, whose party is known: most events repeat those of the one before.
    repeated: dict[bytes, Stored] = {}

    def layer(self) -> Parties:
        """An empty layer over these."""
        return Parties(self, repeated=self.repeated)

    def thawed(self) -> Parties:
        """Parties that begin with these, which must not change any more; takes no time of theirs."""
        return Parties(None, _over(self._ids), _over(self._stored), _over(self._aliases), _over(self._names))

    def absorb(self, layer: Parties) -> None:
        """Take over what a layer has added."""
        if layer._ids or layer._aliases:
            self._ids.update(layer._ids)
            self._stored.update(layer._stored)
            for alias, party_id in layer._aliases.items():
                self._aliases[alias] = party_id
                self._names[party_id] = (*self._names.get(party_id, ()), alias)

    def register(self, stored: Stored) -> None:
        """Make a participant known that came with no request: an integrator's own."""
        self._ids["participant", *(stored[name] for name in _PARTICIPANT_IDENTITY)] = stored["id"]
        self._stored[stored["id"]] = stored

    def participant(self, sent: Mapping[str, Any], ids: Ids, pointer: str = "/participant") -> Stored:
        """The stored shape of an inline participant; raises Conflict for an id that is another's."""
        payload = orjson.dumps(sent)
        if (known := self.repeated.get(payload)) is not None:
            return known
        identity = ("participant", *(sent[name] for name in _PARTICIPANT_IDENTITY))
        party_id, is_new = self._identify(identity, sent.get("id"), ids, pointer)
        stored = {"id": party_id, **{name: sent[name] for name in _PARTICIPANT_STORED if name in sent}}
        stored["piiSnapshotId"] = ids.derived("participant", party_id, *map(sent.get, _PARTICIPANT_PRIVATE))
        self._keep(payload, identity, stored, sent.get("id"), is_new=is_new)
        return stored

    def address(
        self, sent: Mapping[str, Any], participant_id: str, ids: Ids, pointer: str = "/address"
    ) -> Stored:
        """The stored shape of an inline address of a participant; raises Conflict as `participant` does."""
        payload = orjson.dumps((participant_id, sent))
        if (known := self.repeated.get(payload)) is not None:
            return known
        content = [sent.get(name) for name in _ADDRESS_STORED]
        identity = ("address", participant_id, *content)
        party_id, is_new = self._identify(identity, sent.get("id"), ids, pointer)
        stored = {"id": party_id, "participantId": participant_id}
        stored |= {name: sent[name] for name in _ADDRESS_STORED if name in sent}
        stored["piiSnapshotId"] = ids.derived("address", party_id, *content)
        self._keep(payload, identity, stored, sent.get("id"), is_new=is_new)
        return stored

    def named(self, kind: str, party_id: str, pointer: str) -> Stored:
        """The participant or address (`kind`) that an id names; raises NotFound."""
        stored = self._look_up(party_id.lower())
        if stored is None or (kind == "address") != ("participantId" in stored):
            message = (
                f"{pointer} must name {'an address' if kind == 'address' else 'a participant'} that this "
                f"environment has seen before; {party_id} names none."
            )
            raise NotFound(message, "party-reference", "party-unknown", problems=[Problem(message, pointer)])
        return stored

    def knows(self, participant_id: str) -> bool:
        stored = self._look_up(participant_id)
        return stored is not None and "participantId" not in stored

    def resolve(self, party_id: str) -> str:
        """The first id of the party that `party_id` stands for: itself, unless it is an alias."""
        party_id = party_id.lower()
        layer: Parties | None = self
        while layer is not None:
            if (target := layer._aliases.get(party_id)) is not None:
                return target
            layer = layer._below
        return party_id

    def known_as(self, participant_id: str) -> tuple[str, ...]:
        """All ids that stand for a committed participant, its first one in front."""
        return (participant_id, *self._root()._names.get(participant_id, ()))

    def take_new_aliases(self) -> list[tuple[str, str]]:
        """The aliases (as sent, as stored) that were added since this was last asked."""
        taken, self._untold = self._untold, []
        return taken

    def _identify(self, identity: Identity, chosen: str | None, ids: Ids, pointer: str) -> tuple[str, bool]:
        known = self._id_of(identity)
        if chosen is None:
            return (ids.uuid(), True) if known is None else (known, False)
        chosen = chosen.lower()
        owner = self.resolve(chosen)
        if known == owner:
            return owner, False
        if self._look_up(owner) is not None:
            kind = identity[0]
            message = (
                f"{pointer}/id must be an id that no other {kind} has; {chosen} belongs to another {kind}. "
                f"Leave the id out, or send the one that this {kind} got first."
            )
            problem = Problem(message, f"{pointer}/id")
            raise Conflict(message, "party-identity", "party-chosen-id", problems=[problem])
        if known is None:
            return chosen, True
        self._aliases[chosen] = known
        self._untold.append((chosen, known))
        return known, True

    def _keep(
        self, payload: bytes, identity: Identity, stored: Stored, chosen: str | None, *, is_new: bool
    ) -> None:
        if is_new:
            if self._id_of(identity) is None:
                self._ids[identity] = stored["id"]
                self._stored[stored["id"]] = stored
            return
        root = self._root()
        # Only what is committed: an id that a failing request made up must not outlive it.
        if root._ids.get(identity) == stored["id"] and (
            chosen is None or root.resolve(chosen) == stored["id"]
        ):
            if len(self.repeated) >= _KEPT_PAYLOADS:
                self.repeated.clear()
            # A copy: what orjson returns keeps the buffer that it was written into.
            self.repeated[bytes(memoryview(payload))] = stored

    def _root(self) -> Parties:
        layer = self
        while layer._below is not None:
            layer = layer._below
        return layer

    def _id_of(self, identity: Identity) -> str | None:
        layer: Parties | None = self
        while layer is not None:
            if (found := layer._ids.get(identity)) is not None:
                return found
            layer = layer._below
        return None

    def _look_up(self, party_id: str) -> Stored | None:
        party_id = self.resolve(party_id)
        layer: Parties | None = self
        while layer is not None:
            if (found := layer._stored.get(party_id)) is not None:
                return found
            layer = layer._below
        return None


Key = TypeVar("Key")
Value = TypeVar("Value")


def _over(below: MutableMapping[Key, Value]) -> MutableMapping[Key, Value]:
    """An empty mapping over others, which it does not change."""
    return ChainMap({}, *(below.maps if isinstance(below, ChainMap) else (below,)))
