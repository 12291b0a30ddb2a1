"""A page that needs nothing else: no script, no address of another file, and every text escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_VOID: Final = frozenset({"br", "hr", "meta"})


class Markup(str):
    """Text that is HTML already; any other is escaped where it becomes part of some."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Markup:
    """An element: `tag("td", "2 < 3", class_="bad")`."""
    told = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{told}>")
    return Markup(f"<{name}{told}>{joined(children)}</{name}>")


def joined(children: Iterable[str]) -> Markup:
    """One after the other."""
    return Markup("".join(each if isinstance(each, Markup) else escape(each) for each in children))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], **attributes: str) -> Markup:
    """A table; a cell may be a `td` of one's own."""
    top = tag("tr", *(tag("th", each, scope="col") for each in head))
    body = (tag("tr", *map(_cell, row)) for row in rows)
    return tag("div", tag("table", tag("thead", top), tag("tbody", *body), **attributes), class_="wide")


def page(title: str, *parts: str) -> str:
    """The whole document; `bad`, `good`, `quiet` and `note` are classes for any element."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        # What is shown came over a wire: even if something slipped through, nothing here may run or load.
        tag("meta", **_POLICY),
        tag("title", title),
        tag("style", Markup(_STYLE)),
    )
    body = tag("body", tag("main", tag("h1", title), *parts))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _cell(found: str) -> Markup:
    is_cell = isinstance(found, Markup) and found.startswith(("<td", "<th"))
    return Markup(found) if is_cell else tag("td", found)


_POLICY: Final = {
    "http-equiv": "Content-Security-Policy",
    "content": "default-src 'none'; style-src 'unsafe-inline'",
}

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8885; --bad: #b3261e; --good: #1b6e3c; --quiet: #777; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #7fd69b; --quiet: #999; } }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); font-size: .8rem; }
details { margin: .4rem 0; } summary { cursor: pointer; }
.bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); } .quiet { color: var(--quiet); }
.note { border-left: 4px solid var(--line); padding-left: 1rem; }
"""
