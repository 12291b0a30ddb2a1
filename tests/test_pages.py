"""The pages of the server load nothing from elsewhere and run nothing inline."""

import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from mock_server.pages import ASSETS, SECURITY_HEADERS, page

FILES = sorted(file for file, _ in ASSETS.values())
SCRIPTS = [file for file in FILES if file.endswith(".js")]
DOCUMENTS = [file for file in FILES if file.endswith(".html")]
ELSEWHERE_ON_THIS_SERVER = {
    "/openapi.json",
    "/openapi.yaml",
    "/_mock/openapi.json",
    "/_mock/health",
}
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Document(HTMLParser):
    """What a page consists of: its tags with their attributes, and the text by the id it is under."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(text(name))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "input", "img", "br"}:
            self._open.append((tag, dict(attrs).get("id")))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        for tag, name in self._open:
            key = name or tag
            self.texts[key] = self.texts.get(key, "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def text(name: str) -> str:
    return page(name).decode()


def test_every_file_of_the_folder_is_served_and_every_served_file_is_there() -> None:
    folder = files("mock_server.pages")
    there = {entry.name for entry in folder.iterdir() if entry.name not in {"__init__.py", "__pycache__"}}
    assert sorted(there) == FILES
    assert len(FILES) == len(set(FILES))


@pytest.mark.parametrize(("path", "asset"), ASSETS.items())
def test_a_file_has_the_media_type_of_its_kind(path: str, asset: tuple[str, str]) -> None:
    name, media_type = asset
    assert media_type == MEDIA_TYPES[name[name.rindex(".") :]]
    assert path in {"/", "/docs"} or path == f"/_pages/{name}"


@pytest.mark.parametrize("name", ["__init__.py", "../app.py", "style.css/../docs.js", "absent.html", ""])
def test_nothing_but_the_listed_files_can_be_had(name: str) -> None:
    with pytest.raises(KeyError):
        page(name)


def test_a_file_is_read_once() -> None:
    assert page("docs.js") is page("docs.js")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_loads_only_files_of_this_server(name: str) -> None:
    document = Document(name)
    loaded = [attributes["src"] for tag, attributes in document.tags if "src" in attributes]
    loaded += [attributes["href"] for attributes in document.all("link")]
    assert loaded
    assert [path for path in loaded if path not in ASSETS] == []
    used = {key for _, attributes in document.tags for key in attributes}
    assert used.isdisjoint({"srcset", "action", "formaction", "data", "poster"})


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_link_leads_to_this_server_or_says_nothing_to_the_place_it_leads_to(name: str) -> None:
    document = Document(name)
    ids = {attributes["id"] for _, attributes in document.tags if "id" in attributes}
    for attributes in document.all("a"):
        href = attributes["href"] or ""
        if href.startswith("https://docs.carrot.eco/"):
            assert name == "index.html"
            assert set((attributes["rel"] or "").split()) == {"noopener", "noreferrer"}
        elif href.startswith("#"):
            assert href[1:] in ids
        else:
            assert href.partition("?")[0] in {*ASSETS, *ELSEWHERE_ON_THIS_SERVER}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_has_nothing_inline(name: str) -> None:
    document = Document(name)
    assert document.all("style") == []
    assert "script" not in document.texts
    assert all("src" in attributes for attributes in document.all("script"))
    used = {key for _, attributes in document.tags for key in attributes}
    assert {key for key in used if key == "style" or key.startswith("on")} == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_page_can_be_read_by_machines_that_read_aloud(name: str) -> None:
    document = Document(name)
    assert [attributes.get("lang") for attributes in document.all("html")] == ["en"]
    assert len(document.all("main")) == 1
    assert document.texts["title"].strip()
    assert all("alt" in attributes for attributes in document.all("img"))
    labelled = {attributes.get("for") for attributes in document.all("label")}
    searched = [attributes for attributes in document.all("input") if attributes["type"] == "search"]
    assert all(attributes["id"] in labelled for attributes in searched)
    ids = [attributes["id"] for _, attributes in document.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_style_sheet_fetches_nothing() -> None:
    assert re.findall(r"@import|url\(|@font-face|image-set\(", text("style.css")) == []


def test_the_icon_is_only_shapes() -> None:
    icon = text("icon.svg").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert re.findall(r"https?:|href|<script|<style|<foreignObject|\bon\w+=", icon) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_never_turns_text_into_markup_or_code(name: str) -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|setHTMLUnsafe|createContextualFragment|DOMParser"
        r"|srcdoc|\beval\b|new Function|\bimport\(|set(?:Timeout|Interval)\(\s*[\"'`]|localStorage|cookie"
    )
    assert re.findall(forbidden, text(name)) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_takes_only_its_neighbours_and_this_server(name: str) -> None:
    script = text(name)
    imported = re.findall(r"^import .*? from \"([^\"]+)\";$", script, re.MULTILINE)
    assert len(imported) == script.count("import {")
    assert [path for path in imported if f"/_pages/{path.removeprefix('./')}" not in ASSETS] == []
    fetched = re.findall(r"\bfetch\(([^,)]+)", script)
    assert set(fetched) <= {"url", '"/_mock/health"'}
    assert re.findall(r"[\"'`]https?://", script) == []
    assert re.findall(r"XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bWorker\(", script) == []


def test_the_headers_allow_nothing_inline_and_nothing_foreign() -> None:
    directives = SECURITY_HEADERS["Content-Security-Policy"].split("; ")
    assert dict(directive.split(" ", 1) for directive in directives) == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert SECURITY_HEADERS["X-Content-Type-Options"] == "nosniff"


def test_the_first_page_says_that_it_is_a_mock_and_what_is_assumed() -> None:
    words = " ".join(Document("index.html").texts["content"].split())
    assert "This is a mock of the Carrot API" in words
    assert "Not the real one." in words
    assert all(grade in words for grade in ("documented", "seen in vendor code", "assumed"))
    assert "carrot-mock behaviours" in words


def test_the_first_page_shows_the_ready_credentials() -> None:
    shown = Document("index.html").texts["credentials"]
    for client, secret in (
        ("carrot-test-client", "carrot-test-secret"),
        ("carrot-prod-client", "carrot-prod-secret"),
        ("carrot-odd-client", "carrot+odd/secret=with:100%"),
        ("carrot-partner-client", "carrot-partner-secret"),
    ):
        assert f"{client}{secret}" in shown  # two cells side by side


def test_the_first_page_links_to_all_that_describes_the_server() -> None:
    links = {attributes["href"] for attributes in Document("index.html").all("a")}
    assert links >= {"/docs", *ELSEWHERE_ON_THIS_SERVER}


def test_the_commands_to_paste_send_a_whole_document() -> None:
    commands = Document("index.html").texts["first"]
    assert "-u carrot-test-client:carrot-test-secret" in commands
    assert "grant_type=client_credentials" in commands
    found = re.search(r"-d '(\{.*\})'", commands, re.DOTALL)
    assert found is not None
    sent = json.loads(found[1])
    assert set(sent) >= {"category", "externalCreatedAt", "isPublic", "isPubliclySearchable", "type"}
    assert set(sent["participant"]) >= {"countryCode", "name", "taxId", "taxIdType", "type"}
    assert set(sent["address"]) >= {"city", "countryCode", "countryState", "name", "number", "street"}
