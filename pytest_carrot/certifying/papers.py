"""The certificate as files: the passport, JUnit for a CI system, and a page for people, to be read or printed."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pytest_carrot.certifying.certificate import TITLE, WHAT_IT_IS
from pytest_carrot.certifying.rows import SECTIONS
from pytest_carrot.certifying.tried import HEADS, rows_of_tries
from pytest_carrot.reporting.html import Markup, page, table, tag
from pytest_carrot.reporting.junit import Check, junit

if TYPE_CHECKING:
    from pytest_carrot.certifying.certificate import Certificate, Judged

_WORDS: Final = {"holds": "holds", "fails": "fails", "not-applicable": "not applicable"}
_CLASSES: Final = {"holds": "good", "fails": "bad", "not-applicable": "quiet"}

# Paper has no scrolling, no dark side, and nobody wants a row that breaks in the middle.
_PRINT: Final = """
.verdict { font-size: 1.4rem; margin: .2rem 0 1rem; }
.facts td:first-child { color: var(--quiet); }
.rows { width: 100%; min-width: 42rem; table-layout: fixed; overflow-wrap: anywhere; }
.rows th:nth-child(1) { width: 15%; } .rows th:nth-child(2) { width: 32%; } .rows th:nth-child(3) { width: 13%; }
td code { white-space: nowrap; } .source, .source a { color: var(--quiet); }
@media print {
  @page { margin: 15mm; }
  :root { color-scheme: light; --bad: #b3261e; --good: #1b6e3c; --quiet: #555; }
  html { font-size: 11px; } body { font-size: 1rem; background: #fff; color: #000; }
  main { max-width: none; padding: 0; }
  tr, .note { break-inside: avoid; } h2 { break-after: avoid; } .wide { overflow: visible; } .rows { min-width: 0; }
}
"""


def as_json(certificate: Certificate) -> str:
    """The passport, indented."""
    return json.dumps(certificate.as_json(), indent=2, ensure_ascii=False) + "\n"


def as_junit(certificate: Certificate) -> str:
    """A test case a row; rows that do not apply are skipped."""
    return junit("carrot-mock certify", [_check(each) for each in certificate.judged])


def as_html(certificate: Certificate) -> str:
    """A page without a script that needs no other file."""
    verdict = tag("p", tag("strong", certificate.verdict.upper()), f": {certificate.summary}.")
    facts = [
        ("Tool", f"carrot-mock {certificate.tool}"),
        ("Contract", f"version {certificate.contract}"),
        ("Date", f"{certificate.date:%Y-%m-%d %H:%M} UTC"),
        *([("Command", certificate.command)] if certificate.command else []),
    ]
    listed = tag("tbody", *(tag("tr", tag("td", name), tag("td", value)) for name, value in facts))
    sections = [
        part
        for name, each in groupby(certificate.judged, key=_section)
        for part in (tag("h2", name), _rows(list(each)))
    ]
    failures = [_failure(each) for each in certificate.failures if each.finding.requests]
    return page(
        TITLE,
        tag("style", Markup(_PRINT)),
        tag("div", verdict, class_=f"verdict {_CLASSES[certificate.verdict]}"),
        tag("table", listed, class_="facts"),
        tag("p", WHAT_IT_IS, class_="note"),
        *sections,
        *([tag("h2", "What was sent where a row fails"), *failures] if failures else []),
        tag("h2", "Sources"),
        _sources(certificate),
    )


def _section(judged: Judged) -> str:
    return next((name for name, rows in SECTIONS.items() if judged.row in rows), "Other rows")


def _rows(judged: list[Judged]) -> Markup:
    heads = ("Row", "What is asked", "Verdict", "Evidence")
    return table(heads, map(_cells, judged), class_="rows")


def _cells(judged: Judged) -> list[str]:
    row, finding = judged.row, judged.finding
    source = tag("a", str(row.source), href=row.source.url)
    verdict = _WORDS[finding.verdict] + (f" ({finding.cause})" if finding.cause else "")
    return [
        tag("td", tag("code", row.id)),
        tag("td", row.title, tag("br"), tag("span", source, class_="source")),
        tag("td", verdict, class_=_CLASSES[finding.verdict]),
        finding.evidence,
    ]


def _sources(certificate: Certificate) -> Markup:
    pages = dict.fromkeys((each.row.source.page, each.row.source.url) for each in certificate.judged)
    return table(("Page of the vendor", "Address"), pages)


def _failure(judged: Judged) -> Markup:
    named = tag("p", tag("code", judged.row.id), f": {judged.row.title}")
    return tag(
        "div", named, table([each.capitalize() for each in HEADS], rows_of_tries(judged.finding.requests))
    )


def _check(judged: Judged) -> Check:
    finding = judged.finding
    tries = "\n".join("  ".join(row) for row in rows_of_tries(finding.requests))
    return Check(
        classname="certify",
        name=f"{judged.row.id}: {judged.row.title}",
        seconds=judged.seconds,
        failure=finding.evidence if finding.verdict == "fails" else None,
        details=f"{finding.evidence}\n\n{judged.row.source}: {judged.row.source.url}\n\n{tries}",
        kind=finding.cause or "other",
        skipped=finding.evidence if finding.verdict == "not-applicable" else None,
    )
