"""JUnit XML, as CI systems read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

if TYPE_CHECKING:
    from collections.abc import Sequence

# What XML 1.0 has no way to write.
_NO_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Check:
    """A line of a report: it failed when there is a `failure`, a sentence; `details` are lines below that."""

    classname: str
    name: str
    seconds: float = 0.0
    failure: str | None = None
    details: str = ""
    kind: str = "failure"
    skipped: str | None = None


def junit(suite: str, checks: Sequence[Check]) -> str:
    """The checks as one suite."""
    counts = {
        "tests": len(checks),
        "failures": sum(each.failure is not None for each in checks),
        "errors": 0,
        "skipped": sum(each.skipped is not None for each in checks),
    }
    told = {name: str(count) for name, count in counts.items()}
    told["time"] = _seconds(sum(each.seconds for each in checks))
    suites = Element("testsuites", {"name": suite, **told})
    parent = SubElement(suites, "testsuite", {"name": suite, **told})
    for check in checks:
        _add(parent, check)
    indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _add(parent: Element, check: Check) -> None:
    named = {"classname": _plain(check.classname), "name": _plain(check.name)}
    case = SubElement(parent, "testcase", {**named, "time": _seconds(check.seconds)})
    if check.failure is not None:
        failure = SubElement(case, "failure", {"message": _plain(check.failure), "type": _plain(check.kind)})
        failure.text = _plain(check.details or check.failure)
    elif check.skipped is not None:
        SubElement(case, "skipped", {"message": _plain(check.skipped)})


def _plain(text: str) -> str:
    return _NO_XML.sub("?", text)


def _seconds(found: float) -> str:
    return f"{found:.3f}"
