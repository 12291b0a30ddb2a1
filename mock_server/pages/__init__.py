"""The pages for a browser: which files they are, where they are served and with which headers."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

HTML = "text/html; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
STYLE = "text/css; charset=utf-8"
IMAGE = "image/svg+xml"

ASSETS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "/": ("index.html", HTML),
        "/docs": ("docs.html", HTML),
        "/_pages/docs.js": ("docs.js", SCRIPT),
        "/_pages/index.js": ("index.js", SCRIPT),
        "/_pages/nodes.js": ("nodes.js", SCRIPT),
        "/_pages/schema.js": ("schema.js", SCRIPT),
        "/_pages/style.css": ("style.css", STYLE),
        "/_pages/icon.svg": ("icon.svg", IMAGE),
    }
)
"""Request path → (file name, for `page`; media type)."""

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
)
"""What every answer with one of these files carries: nothing inline runs, nothing foreign is loaded."""

_FILES = frozenset(file for file, _ in ASSETS.values())


@cache
def page(name: str) -> bytes:
    """Return the bytes of the file `name` (such as `docs.html`), read once and remembered.

    Raises KeyError for a name that is not in ASSETS, whatever lies in the folder.
    """
    if name not in _FILES:
        raise KeyError(name)
    # Imported here because a server that nobody opens in a browser should not wait for it at start-up.
    from importlib.resources import files

    return files(__name__).joinpath(name).read_bytes()
