"""What a MassID is to the commands that send or print one: `carrot_fixtures.MassIdJourney` has all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class File(Protocol):
    """A file of a journey; `label` is the one that it has on the event that names it."""

    @property
    def file_name(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...
    @property
    def label(self) -> str: ...


class Journey(Protocol):
    """A MassID from its ACTOR events to its CLOSE, each body with its key, and what it was made from."""

    @property
    def document(self) -> Mapping[str, Any]: ...
    @property
    def events(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def attachments(self) -> Sequence[File]: ...
    @property
    def accreditations(self) -> Sequence[Mapping[str, Any]]: ...
    @property
    def seed(self) -> int: ...
    @property
    def variant(self) -> str: ...
