"""Faults: what is to go wrong with which requests, and where in their life; the table of all kinds.

Names and fields are those of the control API. What a fault does when it strikes is in `disturbing`.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

from mock_server.waiting import WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mock_server.journal import Entry, Phase

PHASES: Final[tuple[Phase, ...]] = (
    "arrived",
    "authenticated",
    "validated",
    "before_commit",
    "committed",
    "responding",
)
COMMITTING: Final = (
    "documents.create",
    "events.append",
    "events.batch",
    "attachments.upload",
    "storage.put",
    "token",
)
READING: Final = ("documents.read", "attachments.download", "storage.get")
OPERATIONS: Final = (*COMMITTING, *READING)
ANY: Final = "*"
# Those whose requests carry a bearer token.
WITH_TOKEN: Final = tuple(each for each in OPERATIONS if each != "token" and not each.startswith("storage."))

_READ_PHASES: Final[tuple[Phase, ...]] = ("arrived", "authenticated", "validated", "responding")
_WITH_ANSWER: Final[tuple[Phase, ...]] = ("committed", "responding")
LONGEST_SECONDS: Final = 86400.0


class Kind(Struct, frozen=True):
    """What a `do` is: the phases and operations where it makes sense, and how long it takes where nothing is said."""

    summary: str
    phases: tuple[Phase, ...] = PHASES
    operations: tuple[str, ...] = OPERATIONS
    seconds: float | None = None
    is_timed: bool = False


FAULTS: Final[Mapping[str, Kind]] = {
    "status": Kind("answers with an error"),
    "drop": Kind("closes the connection without a byte"),
    "reset": Kind("resets the connection (TCP RST)"),
    "hang": Kind(
        "gives no answer until released, or `seconds` are over, or the client leaves", is_timed=True
    ),
    "delay": Kind("waits `seconds`, then goes on", seconds=1.0, is_timed=True),
    "truncate": Kind("sends the full Content-Length and half of the body, then closes", _WITH_ANSWER),
    "slow": Kind(
        "sends the body a little at a time over `seconds`", _WITH_ANSWER, seconds=5.0, is_timed=True
    ),
    "expire": Kind("lets the token of the request expire", ("arrived",), WITH_TOKEN),
}
"""Every `do`, with where it makes sense."""

DEFAULT_CODES: Final[Mapping[int, str]] = {
    400: "validationError",
    401: "unauthorized",
    403: "restrictedResource",
    404: "objectNotFound",
    409: "conflictError",
    422: "unprocessableEntity",
    500: "internalServerError",
    502: "badGateway",
    503: "serviceUnavailable",
    504: "gatewayTimeout",
}
"""The code of an error where a fault names none; 422 and 502 are sent by no endpoint, so theirs are ours."""


class FaultMistake(ValueError):
    """A fault that cannot be; `name` is the field that is wrong, and `str()` a sentence."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class Fault(Struct, eq=False):
    """What is to go wrong. `times` None means without end; `id` is empty for one that came in a header."""

    operation: str
    phase: Phase
    do: str
    status: int | None = None
    code: str | None = None
    seconds: float | None = None
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    document_id: str | None = None
    deduplication_id: str | None = None
    attempt: int | None = None
    id: str = ""
    strikes: int = 0
    passed: int = 0
    random: Random = Random()  # noqa: S311 - chances of a test, which have to come again with a seed
    hanging: WaitingRoom | None = None

    @property
    def is_spent(self) -> bool:
        return self.times is not None and self.strikes >= self.times

    @property
    def room(self) -> WaitingRoom:
        """The requests that this fault holds."""
        if self.hanging is None:
            self.hanging = WaitingRoom()
        return self.hanging

    def fits(self, phase: Phase, entry: Entry, attempt: Callable[[], int]) -> bool:
        """Whether this fault is about a request that has come to a phase; spent ones are about none."""
        return (
            phase == self.phase
            and self.operation in (ANY, entry.operation)
            and not self.is_spent
            and (self.document_id is None or self.document_id in entry.documents)
            and (self.deduplication_id is None or self.deduplication_id in entry.keys)
            and (self.attempt is None or self.attempt == attempt())
        )

    def takes(self) -> bool:
        """Whether it strikes one of those that it fits: not the first `after`, and then by chance."""
        self.passed += 1
        if self.passed <= self.after:
            return False
        if self.probability < 1 and self.random.random() >= self.probability:
            return False
        self.strikes += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """The fault as the control API shows it; what was not said is absent."""
        shown = {
            "id": self.id,
            "operation": self.operation,
            "phase": self.phase,
            "do": self.do,
            "status": self.status,
            "code": self.code,
            "seconds": self.seconds,
            "after": self.after,
            "probability": self.probability,
            "documentId": self.document_id,
            "deduplicationId": self.deduplication_id,
            "attempt": self.attempt,
        }
        found = {name: value for name, value in shown.items() if value is not None}
        hanging = [each.entry.id for each in self.hanging or ()]
        return found | {"times": self.times, "strikes": self.strikes, "hanging": hanging}


class Faults:
    """The faults of a workspace, in the order in which they were set."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        # Whether one of them may still strike.
        self.any_left = False
        self._numbers = 0
        self._faults: dict[str, Fault] = {}
        # Those that requests ask for have chances and a room in common: nobody else knows of them.
        self._chances = Random(f"{seed}/header")  # noqa: S311 - see above
        self._asking = WaitingRoom()

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._faults.values()))

    def look_what_is_left(self) -> None:
        """To be called when one of them is spent: most requests go a shorter way while none may strike."""
        self.any_left = any(not each.is_spent for each in self._faults.values())

    def add(self, fault: Fault) -> Fault:
        self._numbers += 1
        fault.id = f"f{self._numbers}"
        fault.random = Random(f"{self._seed}/{fault.id}")  # noqa: S311 - see above
        self._faults[fault.id] = fault
        self.any_left = True
        return fault

    def ask(self, fault: Fault) -> Fault:
        """A fault for the one request that asks for it; let go and dropped with the others."""
        fault.random, fault.hanging = self._chances, self._asking
        return fault

    def find(self, fault_id: str) -> Fault | None:
        return self._faults.get(fault_id)

    def remove(self, fault: Fault) -> None:
        """Take a fault away; what hangs by it goes on."""
        self._faults.pop(fault.id, None)
        fault.room.release()
        self.look_what_is_left()

    def clear(self) -> None:
        for fault in self:
            self.remove(fault)
        self._asking.release()

    def drop(self) -> None:
        """End what hangs, without an answer."""
        for fault in self:
            fault.room.drop()
        self._asking.drop()


# From fields to a fault -----------------------------------------------------------------------------------

FIELDS: Final = (
    "operation",
    "phase",
    "do",
    "status",
    "code",
    "seconds",
    "times",
    "after",
    "probability",
    "documentId",
    "deduplicationId",
    "attempt",
)
HEADER_FIELDS: Final = ("phase", "do", "status", "code", "seconds", "probability", "attempt")


def fault_of(fields: Mapping[str, Any]) -> Fault:
    """A fault from its fields by the names of the control API; raises FaultMistake.

    Names that are none are for the caller to refuse.
    """
    for name, value in fields.items():
        if value is None and name != "times":
            raise FaultMistake(name, f"/{name} must not be null; leave it out where there is nothing to say.")
    operation = _one_of("operation", fields, (*OPERATIONS, ANY))
    phase = cast("Phase", _one_of("phase", fields, PHASES))
    do = _one_of("do", fields, tuple(FAULTS))
    check_place(operation, phase)
    _check_pair(operation, phase, do)
    _check_matches(operation, fields)
    return Fault(
        operation,
        phase,
        do,
        status=_status(fields, do),
        code=_text("code", fields, do == "status", "status"),
        seconds=_seconds(fields, do),
        times=None if fields.get("times", 1) is None else _whole("times", fields, 1, 1),
        after=cast("int", _whole("after", fields, 0, 0)),
        probability=_probability(fields),
        document_id=_lower(_text("documentId", fields)),
        deduplication_id=_text("deduplicationId", fields),
        attempt=_whole("attempt", fields, 1, None),
    )


def phases_of(operation: str) -> tuple[Phase, ...]:
    """The phases in the life of an operation's requests; those of `*` are the ones that any of them has."""
    return _READ_PHASES if operation in READING else PHASES


def check_place(operation: str, phase: str) -> None:
    """Raises FaultMistake for a phase that an operation does not have."""
    if phase not in phases_of(operation):
        raise FaultMistake(
            "phase",
            f"/phase must be one that {operation} has: {', '.join(phases_of(operation))}; got {phase}. A read "
            "commits nothing.",
        )


def _check_pair(operation: str, phase: Phase, do: str) -> None:
    kind = FAULTS[do]
    if operation != ANY and operation not in kind.operations:
        raise FaultMistake(
            "operation",
            f"/do {do} makes sense for {', '.join(kind.operations)}; got {operation}, whose requests carry no "
            "bearer token.",
        )
    sensible = [each for each in kind.phases if each in phases_of(operation)]
    if phase not in sensible:
        raise FaultMistake("phase", f"/do {do} makes sense at {', '.join(sensible)}; got {phase}.")


def _check_matches(operation: str, fields: Mapping[str, Any]) -> None:
    for name, without in _WITHOUT.items():
        if fields.get(name) is not None and operation in without:
            raise FaultMistake(name, f"/{name} fits no request of {operation}: they carry none.")


# What requests of these operations never have.
_WITHOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "documentId": ("token",),
    "deduplicationId": tuple(
        each for each in OPERATIONS if each not in ("documents.create", "events.append", "events.batch")
    ),
}


def _one_of(name: str, fields: Mapping[str, Any], known: tuple[str, ...]) -> str:
    value = fields.get(name)
    if isinstance(value, str) and value in known:
        return value
    got = "it is missing" if value is None else f"got {shown(value)}"
    raise FaultMistake(name, f"/{name} must be one of {', '.join(known)}; {got}.")


def _status(fields: Mapping[str, Any], do: str) -> int | None:
    if do != "status":
        if fields.get("status") is not None:
            raise FaultMistake("status", f"/status goes with do status alone; got do {do}.")
        return None
    value = fields.get("status", 500)
    if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
        return value
    raise FaultMistake("status", f"/status must be a whole number from 400 to 599; got {shown(value)}.")


def _seconds(fields: Mapping[str, Any], do: str) -> float | None:
    kind = FAULTS[do]
    value = fields.get("seconds")
    if value is None:
        return kind.seconds
    if not kind.is_timed:
        timed = [name for name, each in FAULTS.items() if each.is_timed]
        raise FaultMistake("seconds", f"/seconds goes with do {', '.join(timed)}; got do {do}.")
    return seconds_of(value, "seconds")


def seconds_of(value: Any, name: str) -> float:
    """A time span from JSON; raises FaultMistake."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_SECONDS:
        return float(value)
    message = (
        f"/{name} must be a number of seconds above 0, at most {LONGEST_SECONDS:.0f}; got {shown(value)}."
    )
    raise FaultMistake(name, message)


def _probability(fields: Mapping[str, Any]) -> float:
    value = fields.get("probability", 1.0)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise FaultMistake("probability", f"/probability must be a number from 0 to 1; got {shown(value)}.")


def _whole(name: str, fields: Mapping[str, Any], least: int, default: int | None) -> int | None:
    value = fields.get(name)
    if value is None:
        return default
    if isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**53:
        return value
    raise FaultMistake(name, f"/{name} must be a whole number from {least} on; got {shown(value)}.")


def _text(name: str, fields: Mapping[str, Any], goes: bool = True, with_do: str = "") -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not goes:
        raise FaultMistake(name, f"/{name} goes with do {with_do} alone.")
    if isinstance(value, str) and value:
        return value
    raise FaultMistake(name, f"/{name} must be a text that is not empty; got {shown(value)}.")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def shown(value: Any) -> str:
    """A value as JSON, cut short."""
    import orjson

    text = orjson.dumps(value).decode()
    return text if len(text) <= 120 else text[:119] + "…"


# From a header --------------------------------------------------------------------------------------------

_NUMBERS: Final = frozenset({"status", "seconds", "probability", "attempt"})


def fault_of_header(text: str, operation: str) -> Fault:
    """The fault that a request asks for itself: `phase=committed; do=drop`; raises FaultMistake."""
    fields: dict[str, Any] = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not equals or name not in HEADER_FIELDS or name in fields:
            raise FaultMistake(
                name,
                "it takes name=value pairs, separated by semicolons, each name once, of "
                f"{', '.join(HEADER_FIELDS)}; got {shown(part)}.",
            )
        fields[name] = _number(value) if name in _NUMBERS else value
    return fault_of({**fields, "operation": operation, "times": None})


def _number(text: str) -> int | float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() and "." not in text else number
