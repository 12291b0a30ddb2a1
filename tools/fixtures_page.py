"""Writes the parts of docs/fixtures.md that the code knows; with `--check` it says whether they are as written."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from carrot_fixtures import METHODOLOGIES, VARIANTS, CarrotProvider, MassIdJourney, mass_id

PAGE = Path(__file__).parent.parent / "docs" / "fixtures.md"
SEED = 7


def page() -> str:
    """The page as it should be."""
    text = PAGE.read_text("utf-8")
    for name, part in (("journey", _journey()), ("variants", _variants()), ("provider", _provider())):
        block = f"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)"
        text, found = re.subn(
            block, lambda match, part=part: match[1] + part + match[2], text, flags=re.DOTALL
        )
        if found != 1:
            raise SystemExit(f"docs/fixtures.md has no part {name}")
    return text


def _journey() -> str:
    journey = mass_id(seed=SEED, locale="en_US")
    rows = ["| when (UTC) | event | who | kg | what it says |", "| --- | --- | --- | ---: | --- |"]
    roles = {event["participant"]["id"]: event["label"] for event in journey.events if "label" in event}
    for event in journey.events:
        who = event.get("label") or roles[event["participantId"]]
        attributes = event.get("metadata", {}).get("attributes", [])
        said = "; ".join(f"{each['name']}: {each['value']}" for each in attributes)
        said += "".join(f" 📎 {file['fileName']}" for file in event.get("attachments", ()))
        moment = event["externalCreatedAt"][:16].replace("T", " ")
        rows.append(f"| {moment} | {event['name']} | {who} | {event.get('value', '')} | {said.strip()} |")
    return (
        f'`mass_id(seed={SEED}, locale="en_US")`:\n\n```text\n{_sketch(journey)}\n```\n\n'
        + "\n".join(rows)
        + "\n"
    )


def _sketch(journey: MassIdJourney) -> str:
    """Where the load goes, as a map of two stops."""
    places = {event["label"]: event["address"] for event in journey.events if event["name"] == "ACTOR"}
    at = {event["name"]: event for event in journey.events}
    start, end = places["Waste Generator"], places["Recycler"]
    plate = journey.facts.vehicle.plate
    north = "north" if end["latitude"] > start["latitude"] else "south"
    east = "east" if end["longitude"] > start["longitude"] else "west"
    left = [
        "(1) Waste Generator",
        f"{start['neighborhood']}, {start['city']} - {start['countryState']}",
        f"{start['latitude']}, {start['longitude']}",
        f"PICK_UP {at['PICK_UP']['externalCreatedAt'][11:16]}",
        f"{at['PICK_UP']['value']} kg",
    ]
    right = [
        "(2) Recycler",
        f"{end['neighborhood']}, {end['city']} - {end['countryState']}",
        f"{end['latitude']}, {end['longitude']}",
        f"DROP_OFF {at['DROP_OFF']['externalCreatedAt'][11:16]}, SORTING {at['SORTING']['externalCreatedAt'][11:16]}",
        f"{at['SORTING']['value']} kg after sorting, RECYCLED {at['RECYCLED']['externalCreatedAt'][:10]}",
    ]
    width = max(map(len, left))
    road = ["", f"  Truck {plate}  ", "─" * 17 + "▶", f"  to the {north}-{east}", ""]
    middle = max(map(len, road))
    lines = [
        f"{one:<{width}}  {by:<{middle}}  {two}".rstrip()
        for one, by, two in zip(left, road, right, strict=True)
    ]
    return "\n".join(lines)


def _variants() -> str:
    rows = ["| variant | what it is | breaks | only for |", "| --- | --- | --- | --- |"]
    for variant in VARIANTS.values():
        breaks = "<br>".join(f"`{rule}`" for rule in variant.breaks)
        only = "" if set(variant.methodologies) == set(METHODOLOGIES) else ", ".join(variant.methodologies)
        rows.append(f"| `{variant.name}` | {variant.summary} | {breaks} | {only} |")
    return "\n".join(rows) + "\n"


def _provider() -> str:
    rows = ["| method | what it gives |", "| --- | --- |"]
    for name, method in vars(CarrotProvider).items():
        if not name.startswith("_") and callable(method):
            rows.append(
                f"| `{name}()` | {(method.__doc__ or '').split(chr(10))[0].rstrip('.').replace('|', '')} |"
            )
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page(), "utf-8")
    elif page() != PAGE.read_text("utf-8"):
        sys.exit("docs/fixtures.md is not as the code says: run `python tools/fixtures_page.py`")
