"""A seed gives the same bytes for ever: on every platform and Python, with every release of Faker."""

from __future__ import annotations

import pytest
from carrot_fixtures import METHODOLOGIES
from golden_files import differences, digest, journey, lines, sections, stored

SECTIONS = [(methodology, heading) for methodology in METHODOLOGIES for heading in sections(methodology)]


@pytest.mark.parametrize(("methodology", "heading"), SECTIONS)
def test_a_variant_is_byte_for_byte_as_it_was(methodology: str, heading: str) -> None:
    made = journey(methodology=methodology, **sections(methodology)[heading])
    found = lines(made)
    if heading != "truck":
        found = differences(lines(journey(methodology=methodology)), found)
    assert "\n".join([*found, f"sha256 {digest(made)}"]) == stored(methodology)[heading]


@pytest.mark.parametrize("methodology", METHODOLOGIES)
def test_every_section_of_a_golden_file_is_of_a_variant_that_there_is(methodology: str) -> None:
    assert list(stored(methodology)) == list(sections(methodology))
