"""Two things side by side, field by field or name by name: what was expected, and the nearest that came."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_carrot.table import table, value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_T = TypeVar("_T")
_CANDIDATES: Final = 200


def nearest_miss(expected: Mapping[str, Any], candidates: Mapping[str, Mapping[str, Any]]) -> str:
    """The candidate that differs least from what was expected, field by field; empty without candidates.

    Both are flat mappings; only fields of `expected` are looked at. The names of the candidates say which
    they are: `WEIGHING of r7`.
    """
    named = list(candidates.items())[-_CANDIDATES:]
    if not named:
        return ""
    name, nearest = max(named, key=lambda each: likeness(expected, each[1]))
    return f"Nearest miss: {name}\n{fields(expected, nearest)}"


def fields(
    expected: Mapping[str, Any], got: Mapping[str, Any], names: tuple[str, str] = ("expected", "got")
) -> str:
    """The fields of `expected` that are otherwise in `got`, with how many are the same."""
    other = differing(expected, got)
    if not other:
        return "  all the same"
    rows = [[name, _shown(expected[name]), _shown(got.get(name, ABSENT))] for name in other]
    told = table(("field", *names), rows, elastic=names)
    alike = len(expected) - len(other)
    return f"{told}\n  {_alike(alike)}" if alike else told


def differing(expected: Mapping[str, Any], got: Mapping[str, Any]) -> list[str]:
    """The names of the fields of `expected` that are otherwise in `got`, or not there."""
    return [name for name in expected if not same(expected[name], got.get(name, ABSENT))]


def likeness(expected: Mapping[str, Any], got: Mapping[str, Any]) -> float:
    """How much two flat mappings are alike: fields that come first count more, those that are near a little."""
    from difflib import SequenceMatcher

    def near(name: str) -> float:
        if name not in got:
            return 0.0
        if same(expected[name], got[name]):
            return 1.0
        left, right = str(expected[name]).lower()[:200], str(got[name]).lower()[:200]
        return 0.5 * SequenceMatcher(None, left, right, autojunk=False).ratio()

    return sum(near(name) * (len(expected) - place) for place, name in enumerate(expected))


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: 1 is 1.0, but true is not 1."""
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def flat(found: Any, path: str = "") -> dict[str, Any]:
    """JSON as one level, by paths such as `metadata.attributes[Vehicle Type].value`."""
    if isinstance(found, dict) and found:
        parts = [(f"{path}.{name}" if path else name, each) for name, each in found.items()]
    elif isinstance(found, list) and found:
        names = [each.get("name") if isinstance(each, dict) else None for each in found]
        unique = None not in names and len(set(map(str, names))) == len(names)
        parts = [(f"{path}[{names[n] if unique else n}]", each) for n, each in enumerate(found)]
    else:
        return {path: found}
    return {name: leaf for where, each in parts for name, leaf in flat(each, where).items()}


ABSENT: Final = object()


def _shown(found: Any) -> str:
    return "absent" if found is ABSENT else value(found)


def _alike(count: int) -> str:
    return "the other one is the same" if count == 1 else f"the other {count} are the same"


def side_by_side(expected: Sequence[str], got: Sequence[str]) -> str:
    """Two lists of names as a table, with what is missing, unexpected, spelled otherwise or elsewhere."""
    pairs: list[tuple[str, str]] = []
    for lefts, rights in aligned(expected, got):
        for left, right in zip_longest(lefts, rights, fillvalue=""):
            one = left == right or _spelled_otherwise(left, right)
            pairs += [(left, right)] if one else filter(any, [(left, ""), ("", right)])
    missing = {left for left, right in pairs if not right}
    unexpected = {right for left, right in pairs if not left}

    def note(left: str, right: str) -> str:
        if left and right:
            return "" if left == right else "spelled otherwise"
        if (left or right) in missing & unexpected:
            return "in another place"
        return "missing" if left else "unexpected"

    rows = [[str(n), left, right, note(left, right)] for n, (left, right) in enumerate(pairs, 1)]
    marked = [n for n, row in enumerate(rows) if row[3]]
    return table(("", "expected", "got", ""), rows, marked=marked)


def aligned(one: Sequence[_T], other: Sequence[_T]) -> Iterator[tuple[Sequence[_T], Sequence[_T]]]:
    """Two sequences cut into pieces, of which those that are the same in both stand side by side."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, one, other, autojunk=False)
    for _, low, high, other_low, other_high in matcher.get_opcodes():
        yield one[low:high], other[other_low:other_high]


def _spelled_otherwise(left: str, right: str) -> bool:
    """Whether names differ only in the case of letters and in what separates words: `PICK_UP`, `Pick-up`."""
    plain = [re.sub(r"[\W_]", "", each).casefold() for each in (left, right)]
    return left != right and plain[0] == plain[1]
