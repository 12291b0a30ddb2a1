"""What a seed decides about each variant, apart from Faker's names, as text that can be read and compared.

`truck` is written in full, every other variant as its differences from it, and each with a digest of all its
bytes, files and accreditations included. `python tests/golden_files.py` writes the files anew: do that only when
users are meant to get other bytes for a seed, and say so in the changelog.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from carrot_fixtures import METHODOLOGIES, VARIANTS, MassIdJourney, mass_id

FOLDER = Path(__file__).parent / "golden"
SEED = 20_260_701


class InventedNames:
    """Stands in for a Faker, whose names may change with its release."""

    def __init__(self) -> None:
        self._companies = self._streets = 0

    def company(self) -> str:
        self._companies += 1
        return f"Company {self._companies}"

    def street_name(self) -> str:
        self._streets += 1
        return f"Street {self._streets}"

    def name(self) -> str:
        return "Person"


def journey(**arguments: Any) -> MassIdJourney:
    return mass_id(InventedNames(), seed=SEED, **arguments)


def sections(methodology: str) -> dict[str, dict[str, str]]:
    """The arguments of each section of a methodology's file, by its heading."""
    named = {name: {"variant": name} for name in VARIANTS if methodology in VARIANTS[name].methodologies}
    return {**named, "truck, en_US": {"locale": "en_US"}, "truck, title": {"event_names": "title"}}


def text(methodology: str) -> str:
    """The golden file of a methodology."""
    truck = lines(journey(methodology=methodology))
    written = []
    for heading, arguments in sections(methodology).items():
        made = journey(methodology=methodology, **arguments)
        body = truck if heading == "truck" else differences(truck, lines(made))
        written += [f"== {heading}", *body, f"sha256 {digest(made)}", ""]
    return "\n".join(written)


def lines(made: MassIdJourney) -> list[str]:
    """One line for each value, by its path; without the ids of the accreditations and of their events."""
    key = made.document["externalId"]
    events = {event["deduplicationId"].removeprefix(f"{key}-"): event for event in made.events}
    accredited = {
        each["subtype"]: {
            **{name: value for name, value in each.items() if name not in ("id", "externalEvents")},
            **{
                event["name"]: event.get("metadata", {}).get("attributes", [])
                for event in each["externalEvents"]
            },
        }
        for each in made.accreditations
    }
    found = {"document": made.document, "events": events, "accreditations": accredited}
    # The key is another one in each variant; once is enough to show it.
    return (
        [f"KEY = {key}"]
        + [f"{path} = {value.replace(key, 'KEY')}" for path, value in flat(found)]
        + [
            f"attachments / {file.file_name} / {file.label} = {len(file.content)} bytes of {file.content_type}"
            for file in made.attachments
        ]
    )


def flat(found: Any, path: str = "") -> Iterator[tuple[str, str]]:
    match found:
        case dict() if found:
            for name, value in found.items():
                yield from flat(value, f"{path} / {name}" if path else name)
        case [{"name": _, "value": _}, *_]:
            for attribute in found:
                rest = {name: value for name, value in attribute.items() if name not in ("name", "value")}
                yield f"{path} / {attribute['name']}", f"{as_json(attribute['value'])} {as_json(rest)}"
        case _:
            yield path, as_json(found)


def as_json(found: Any) -> str:
    return json.dumps(found, ensure_ascii=False)


def differences(before: list[str], after: list[str]) -> list[str]:
    return [
        line
        for line in difflib.unified_diff(before, after, n=0, lineterm="")
        if not line.startswith(("---", "+++", "@@"))
    ]


def digest(made: MassIdJourney) -> str:
    """Of everything: the bodies, the accreditations and the files, in their order."""
    summed = hashlib.sha256()
    for part in (made.document, made.events, made.accreditations):
        summed.update(json.dumps(part).encode())
    for file in made.attachments:
        summed.update(file.content)
    return summed.hexdigest()


def stored(methodology: str) -> dict[str, str]:
    """The sections that are stored, by their headings."""
    kept = (FOLDER / f"{methodology}.txt").read_text("utf-8")
    return {part.partition("\n")[0]: part.partition("\n")[2].strip() for part in kept.split("== ")[1:]}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for slug in METHODOLOGIES:
        (FOLDER / f"{slug}.txt").write_text(text(slug), "utf-8")
