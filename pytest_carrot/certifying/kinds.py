"""What a row of the certificate is: a call that is struck, a run that is watched, or what follows from others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_carrot.certifying.finding import Finding
    from pytest_carrot.certifying.flow import Run, Struck
    from pytest_carrot.certifying.sources import Source

# One slip of a client shall cost it one row: old words and times out of order are told, not refused.
_LENIENT: Final = (("conventions", "warn"), ("ordering", "warn"))
_NO_SUCH_CALL: Final = "The flow makes no such call."


@dataclass(frozen=True)
class Fault:
    """What the mock does to a call, in the words of the control API."""

    phase: str
    do: str
    status: int | None = None
    code: str | None = None
    times: int | None = 1


@dataclass(frozen=True)
class Late:
    """A call is held on its way while the clock goes on: what it carries has expired when it arrives.

    `expires` is what: a token lives an hour, a pre-signed URL as long as the switch `presign-lifetime` says.
    """

    expires: Literal["token", "url"]
    phase: str = "arrived"
    do: str = "expire"


@dataclass(frozen=True)
class World:
    """What the world of a run is like."""

    semantics: tuple[tuple[str, str], ...] = _LENIENT
    rate_limit: str = "off"
    environment: str = "test"


CALM: Final = World()
AS_DOCUMENTED: Final = World(semantics=())
UNDER_THE_LIMIT: Final = World(rate_limit="documented")
PRODUCTION: Final = World(semantics=(), environment="production")


@dataclass(frozen=True)
class Striking:
    """A row with a run of its own, in which the first call of the first of `operations` is struck."""

    id: str
    title: str
    source: Source
    operations: tuple[str, ...]
    strike: Fault | Late
    judge: Callable[[Struck], Finding]
    missing: str = _NO_SUCH_CALL


@dataclass(frozen=True)
class Watching:
    """A row that judges an undisturbed run; rows with the same world share it."""

    id: str
    title: str
    source: Source
    world: World
    judge: Callable[[Run], Finding]


@dataclass(frozen=True)
class Concluding:
    """A row that follows from what others found."""

    id: str
    title: str
    source: Source
    judge: Callable[[Mapping[str, Finding]], Finding]


Row = Striking | Watching | Concluding
