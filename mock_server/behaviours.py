"""The table of what the mock does, how well each row is known, and which rows a switch can change.

The rows are data, in `behaviours.json` beside this module; everything here is read from there once, at
import, in less than two milliseconds (named tuples, since every server pays for this at its start).
"""

# No postponed annotations here: named tuples would compile each one from text, half a millisecond in all.
import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, cast

import orjson

Grade = Literal["D", "C", "A"]

# How each row is known, for headings and help.
GRADES: Final[Mapping[str, str]] = MappingProxyType(
    {"D": "documented by the vendor", "C": "seen in the vendor's public code", "A": "assumed by the mock"}
)


class SwitchError(ValueError):
    """A switch or a value that does not exist; `str()` is a sentence for the user, nearest name included."""


class Behaviour(NamedTuple):
    """One checkable behaviour: `statement` is one sentence, `source` says where it is known from.

    `switch` is set where the behaviour can be changed, with its `values` and its `default`. `benign` marks an
    assumption on which a client that follows the documentation cannot depend. `section` is the subject.
    """

    id: str
    grade: Grade
    statement: str
    source: str
    section: str
    switch: str | None = None
    values: tuple[str, ...] = ()
    default: str | None = None
    benign: bool = False


class Seconds(NamedTuple):
    """The seconds that a duration may have: from `minimum` (`exclusive`: more than it) to `maximum`."""

    minimum: float = 0.0
    maximum: float | None = None
    exclusive: bool = False
    whole: bool = False

    def allow(self, value: float) -> bool:
        if not isfinite(value) or value < self.minimum or (self.exclusive and value == self.minimum):
            return False
        return (self.maximum is None or value <= self.maximum) and (not self.whole or value.is_integer())

    def __str__(self) -> str:
        kind = "a whole number of seconds" if self.whole else "a number of seconds"
        if self.maximum is not None:
            return f"{kind} from {_spell(self.minimum)} to {_spell(self.maximum)}"
        return f"{kind}, {'more than' if self.exclusive else 'at least'} {_spell(self.minimum)}"


class Switch(NamedTuple):
    """One semantics switch; a `duration` takes seconds within `bounds`, besides the names among `values`."""

    name: str
    values: tuple[str, ...]
    default: str
    bounds: Seconds | None = None

    @property
    def kind(self) -> Literal["choice", "duration"]:
        return "choice" if self.bounds is None else "duration"

    @property
    def attribute(self) -> str:
        """The name of this switch as an attribute of `Semantics`."""
        return self.name.replace("-", "_")

    def parse(self, text: object) -> str:
        """The value in its one spelling; numbers are seconds, true and false mean "on" and "off".

        Raises `SwitchError`, whose sentence names what the switch takes.
        """
        word = ("on" if text else "off") if isinstance(text, bool) else text
        word = word.strip() if isinstance(word, str) else word
        if word in self.values and word != _SECONDS:
            return str(word)
        if self.bounds is not None and (number := _number(word)) is not None and self.bounds.allow(number):
            return _spell(number)
        came = f'"{text}"' if isinstance(text, str) else repr(text)
        came = came if len(came) <= 60 else f"{came[:57]}..."
        raise SwitchError(f"{self.name} takes {self._takes()}, not {came}{_nearest(str(text), self.values)}")

    def _takes(self) -> str:
        named = [f'"{value}"' for value in self.values if value != _SECONDS]
        return _either(named if self.bounds is None else [*named, str(self.bounds)])


class Semantics(NamedTuple):
    """The value of every switch in force; hashable, so that it can key what was compiled for it.

    Choices are strings; durations are seconds, None meaning for ever.
    """

    token_errors: str
    token_format: str
    cross_environment: str
    edge_errors: str
    unknown_properties: str
    conventions: str
    get_shape: str
    public_read: str
    event_parties: str
    ordering: str
    future_timestamps: str
    batch_atomicity: str
    dedup_changed_body: str
    dedup_in_flight: str
    dedup_scope: str
    dedup_errors: str
    dedup_lifetime: float | None
    pending_window: float
    pending_reads: str
    presign_lifetime: float
    presign_signed_headers: str

    @staticmethod
    def default() -> "Semantics":
        """Every switch at its default; always the same object."""
        return _DEFAULT

    def replace(self, pairs: Mapping[str, object]) -> "Semantics":
        """These semantics with the named switches changed; raises `SwitchError` before anything changes."""
        return _semantics({**self.as_dict(), **parse_semantics(pairs)})

    def as_dict(self) -> dict[str, str]:
        """Switch names to values, in the order of the table, as `parse_semantics` takes them."""
        found = {name: getattr(self, switch.attribute) for name, switch in SWITCHES.items()}
        return {name: value if isinstance(value, str) else _spell(value) for name, value in found.items()}


def parse_semantics(pairs: Mapping[str, object]) -> dict[str, str]:
    """Switch names to checked values in their one spelling; raises `SwitchError` at the first wrong one."""
    return {name: _switch(name).parse(value) for name, value in pairs.items()}


def split_pairs(text: str) -> dict[str, str]:
    """`ordering=off,get-shape=stored` as names to values, unchecked; of a repeated name the last counts."""
    pairs: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = pair.partition("=")
        if not equals:
            raise SwitchError(f'Semantics are written NAME=VALUE, separated by commas, not "{pair}".')
        pairs[name.strip()] = value.strip()
    return pairs


def seconds(value: str) -> float | None:
    """A parsed duration in seconds; None for `forever`."""
    return None if value == _FOREVER else float(value)


def behaviours(grade: str | None = None) -> list[dict[str, object]]:
    """The rows as JSON objects, all or of one grade; a key that says nothing about a row is absent."""
    return [_as_json(row) for row in BEHAVIOURS.values() if grade is None or row.grade == grade]


def _as_json(row: Behaviour) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": row.id,
        "grade": row.grade,
        "statement": row.statement,
        "source": row.source,
    }
    if row.switch is not None:
        shown |= {"switch": row.switch, "values": list(row.values), "default": row.default}
    return shown | {"benign": True} if row.benign else shown


_FOREVER: Final = "forever"
_SECONDS: Final = "seconds"
_NUMBER: Final = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD: Final = re.compile(r"\[([a-z-]+)\]")
# The one setting among the switches of the table that has names of its own.
_RATE_LIMIT: Final = "rate-limit"


def _number(value: object) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _spell(value: float | None) -> str:
    if value is None:
        return _FOREVER
    return str(int(value)) if float(value).is_integer() else repr(value)


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _nearest(word: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # only a mistake needs it

    close = get_close_matches(word.strip().lower().replace("_", "-"), known, n=3, cutoff=0.55)
    near = [f'"{name}"' for name in close if name != _SECONDS]
    return f"; did you mean {_either(near)}?" if near else "."


def _switch(name: str) -> Switch:
    if found := SWITCHES.get(name):
        return found
    if name == _RATE_LIMIT:
        raise SwitchError("The rate limit is set by --rate-limit or a workspace's rateLimit, not here.")
    if name in BEHAVIOURS:
        raise SwitchError(f'"{name}" is a behaviour without a switch: there is nothing to set.')
    known = tuple(SWITCHES)
    near = _nearest(name, known)
    all_of_them = f" The switches are {', '.join(known)}." if near == "." else ""
    raise SwitchError(f'There is no switch "{name}"{near}{all_of_them}')


def _semantics(values: Mapping[str, str]) -> Semantics:
    fields: dict[str, Any] = {
        switch.attribute: values[name] if switch.bounds is None else seconds(values[name])
        for name, switch in SWITCHES.items()
    }
    return Semantics(**fields)


def _read() -> tuple[dict[str, Behaviour], dict[str, Switch]]:
    table = orjson.loads(Path(__file__).with_name("behaviours.json").read_bytes())
    sources = cast("dict[str, str]", table["sources"])
    rows: dict[str, Behaviour] = {}
    switches: dict[str, Switch] = {}
    for section, entries in table["behaviours"].items():
        for entry in entries:
            bounds = entry.pop("bounds", None)
            source = _WORD.sub(lambda word: sources[word[1]], entry.pop("source"))
            values = tuple(entry.pop("values", ()))
            row = Behaviour(**entry, source=source, section=section, values=values)
            rows[row.id] = row
            if row.switch is not None and row.default is not None and row.switch != _RATE_LIMIT:
                limits = None if bounds is None else Seconds(**bounds)
                switches[row.switch] = Switch(row.switch, values, row.default, limits)
    return rows, switches


_rows, _switches = _read()
BEHAVIOURS: Final[Mapping[str, Behaviour]] = MappingProxyType(_rows)
SWITCHES: Final[Mapping[str, Switch]] = MappingProxyType(_switches)
_DEFAULT: Final = _semantics({name: switch.default for name, switch in SWITCHES.items()})
