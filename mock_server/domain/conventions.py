"""The Title Case name that stands today for an attribute name in one of the retired spellings.

Source: METHODOLOGY §2.5 (the names in use) and §2.6 (those that became others).
"""

from __future__ import annotations

import re
from typing import Final

KNOWN: Final = (
    "Accreditation Status",
    "Approved Exceptions",
    "Baselines",
    "Business Size Declaration",
    "Captured GPS Latitude",
    "Captured GPS Longitude",
    "Carbon Analysis Date",
    "Carbon Fraction",
    "Container Capacity",
    "Container Quantity",
    "Container Type",
    "Credit Unit Price",
    "Deducted Weight",
    "Description",
    "Document Number",
    "Document Type",
    "Driver Identifier",
    "Driver Identifier Exemption Justification",
    "Effective Date",
    "Evaluation Result",
    "Exceeding Emission Coefficient (per ton)",
    "Exemption Justification",
    "Expiration Date",
    "Greenhouse Gas Type (GHG)",
    "Gross Weight",
    "Issue Date",
    "Local Waste Classification Description",
    "Local Waste Classification ID",
    "Methodology Slug",
    "Moisture Fraction",
    "Receiving Operator Identifier",
    "Recycler Operator Identifier",
    "Reference Year",
    "Required Additional Verifications",
    "Rule Processor Result Content",
    "Rule Result Details",
    "Scale Type",
    "Scale Validation",
    "Slug",
    "Sorting Factor",
    "Tare",
    "Vehicle Description",
    "Vehicle License Plate",
    "Vehicle Type",
    "Waste Origin",
    "Weighing Capture Method",
)
"""The attribute names of the methodologies."""

# The old name in words, in lower case, to the one that took its place.
RENAMED: Final = {
    "app gps latitude": "Captured GPS Latitude",
    "app gps longitude": "Captured GPS Longitude",
    "driver internal id": "Driver Identifier",
    "has cdf": "Exemption Justification",
    "has mtr": "Exemption Justification",
    "has reason dismissal cdf": "Exemption Justification",
    "has reason dismissal mtr": "Exemption Justification",
    "homologation date": "Effective Date",
    "homologation due date": "Expiration Date",
    "local waste classification desc": "Local Waste Classification Description",
    "report date issued": "Issue Date",
    "report number": "Document Number",
    "report type": "Document Type",
    "unit price": "Credit Unit Price",
    "vehicle gross weight": "Gross Weight",
    "vehicle weight": "Tare",
    "waste origin identified": "Waste Origin",
    "weight scale type": "Scale Type",
}

_WORD = re.compile(r"[^\W_]+")
_HYPHENATED = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_HUMP = re.compile(r"(?<=[0-9a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])")
_ACRONYMS = {word: word.upper() for word in ("cdf", "ghg", "gps", "id", "mtr")}
_IN_USE = {**{" ".join(_WORD.findall(name.lower())): name for name in KNOWN}, **RENAMED}


def title_case(name: str) -> str:
    """The name that a kebab-case, snake_case, camelCase or lower-case name has today.

    A name that the methodologies do not have gets a capital on each word: `scanner-serial` is
    `Scanner Serial`.
    """
    spaced = name.replace("_", " ") if " " in name else _HUMP.sub(" ", re.sub("[-_]", " ", name))
    spaced = spaced.strip().lower()
    return _IN_USE.get(" ".join(_WORD.findall(spaced))) or _HYPHENATED.sub(_capitalised, spaced)


def _capitalised(word: re.Match[str]) -> str:
    text = word[0]
    return _ACRONYMS.get(text) or text[0].upper() + text[1:]
