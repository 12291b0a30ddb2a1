"""Makes sure that a module about to be imported by name is Carrot Mock's, not one of the project's under test."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from pytest_carrot.errors import UserMistake

_HERE = Path(__file__).resolve().parents[1]
_FOLDERS = {
    "mock_server": (_HERE / "mock_server",),
    # in an installation, and in a checkout
    "carrot_fixtures": (_HERE / "carrot_fixtures", _HERE / "fixtures" / "carrot_fixtures"),
}


def require_trustme() -> None:
    """Raises UserMistake when the package that makes throw-away authorities is missing."""
    if importlib.util.find_spec("trustme") is None:
        raise UserMistake("carrot_intercept needs trustme: pip install carrot-mock[pytest].")


def require(name: str) -> None:
    """Raises UserMistake when `import name` would give another module, or gave one before; imports nothing."""
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # a module that a test put there by hand
        spec = None
    origin = spec.origin if spec is not None else None
    if origin is not None and Path(origin).resolve().parent in _FOLDERS[name]:
        return
    raise UserMistake(
        f"The module {name} is {origin or 'one without a file'}, not Carrot Mock's, which the fixture needs: "
        f"give it another name, or move it into a package."
    )
