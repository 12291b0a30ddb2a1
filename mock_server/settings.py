"""Every setting once: its flag, its environment variable, its key in the TOML file, its default."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from mock_server.behaviours import Semantics, SwitchError, split_pairs
from mock_server.limits import RateLimit, parse_rate_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PREFIX = "CARROT_MOCK_"


class SettingsError(ValueError):
    """A setting that cannot be; `str()` is a sentence that names where it came from."""


class Settings(Struct, frozen=True):
    """How a server runs.

    A setting `rate_limit` is the flag `--rate-limit`, the variable `CARROT_MOCK_RATE_LIMIT` and the key
    `rate-limit` of the file; a flag beats a variable, which beats the file.
    """

    host: str = "127.0.0.1"
    port: int = 8750
    rate_limit: RateLimit = "documented"
    store: str = "memory"
    semantics: Semantics = Semantics.default()
    seed: int | None = None
    public_url: str | None = None
    workers: int = 1
    ready_file: str | None = None
    control_token: str | None = None
    control: bool = True
    allow_fault_header: bool = False
    json: bool = False
    journal_entries: int = 1000
    journal_bytes: int = 16 * 1024 * 1024
    storage_bytes: int = 256 * 1024 * 1024


def load(flags: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings from flags, environment and file; raises SettingsError with a sentence.

    `flags` are given values by setting name, None meaning not given; `semantics` is a sequence of
    `K=V[,K=V]` texts and `config` the path of a TOML file.
    """
    config = flags.get("config") or environ.get(f"{PREFIX}CONFIG")
    settings = Settings()
    if config:
        settings = _applied(settings, _read_file(config), f"the file {config}")
    variables = {
        name: environ[f"{PREFIX}{name.upper()}"]
        for name in (*NAMES, _NO_CONTROL)
        if environ.get(f"{PREFIX}{name.upper()}")
    }
    for name, value in variables.items():
        settings = _applied(settings, {name: value}, f"the variable {PREFIX}{name.upper()}")
    given = {name: value for name, value in flags.items() if name in NAMES and value not in (None, ())}
    for name, value in given.items():
        settings = _applied(settings, {name: value}, f"--{name.replace('_', '-')}")
    return settings


def _applied(settings: Settings, values: Mapping[str, Any], where: str) -> Settings:
    changed: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name == _NO_CONTROL:
            name, value = "control", _opposite(value)
        if name not in NAMES:
            from difflib import get_close_matches

            nearest = get_close_matches(key, [each.replace("_", "-") for each in NAMES], n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else "."
            raise SettingsError(f"There is no setting {key} ({where}){hint}")
        try:
            changed[name] = (
                _semantics(settings.semantics, value) if name == "semantics" else _READERS[name](value)
            )
        except (SwitchError, ValueError) as error:
            raise SettingsError(f"{str(error).rstrip('.')} ({where}).") from None
    return replace(settings, **changed)


def _read_file(path: str | Path) -> Mapping[str, Any]:
    import tomllib

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingsError(f"The file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The file {path} is not TOML: {error}.") from None


def _semantics(before: Semantics, value: object) -> Semantics:
    if isinstance(value, dict):
        return before.replace(value)
    texts = value if isinstance(value, list | tuple) else [value]
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"Semantics are a table, or texts such as ordering=off, not {text!r}")
        before = before.replace(split_pairs(text))
    return before


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"A text is needed, not {value!r}")
    return value


def _token(value: object) -> str:
    text = _text(value)
    if not (text.isascii() and text.isprintable()):
        raise ValueError("One line of ASCII characters is needed, as it goes into a header")
    return text


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        try:
            number = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
        except ValueError:
            number = None
        if number is None or not least <= number <= most:
            raise ValueError(f"A whole number from {least} to {most} is needed, not {value!r}")
        return number

    return read


def _yes_or_no(value: object) -> bool:
    known = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    word = str(value).lower()
    if word not in known:
        raise ValueError(f"True or false is needed, not {value!r}")
    return known[word]


def _opposite(value: object) -> str:
    """`no-control`, which switches off, as what `control` takes; what is neither yes nor no stays so."""
    try:
        return "no" if _yes_or_no(value) else "yes"
    except ValueError:
        return str(value)


def _url(value: object) -> str:
    from urllib.parse import urlsplit

    text = _text(value)
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"An address such as https://carrot.example.org is needed, not {text!r}")
    if parts.path.strip("/"):
        # Pre-signed URLs sign their path: one that a proxy takes away could not be verified here.
        raise ValueError(f"An address without a path is needed, not {text!r}")
    return text.rstrip("/")


def _store(value: object) -> str:
    if value != "memory":
        raise ValueError(f'The store is "memory", the only one of this version, not {value!r}')
    return "memory"


def _workers(value: object) -> int:
    if _whole(1, 1024)(value) != 1:
        raise ValueError(
            "More than one worker needs a shared store, and this version has only the one in memory"
        )
    return 1


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "host": _text,
    "port": _whole(0, 65535),
    "rate_limit": parse_rate_limit,
    "store": _store,
    "semantics": _text,
    "seed": _whole(0, 2**63 - 1),
    "public_url": _url,
    "workers": _workers,
    "ready_file": _text,
    "control_token": _token,
    "control": _yes_or_no,
    "allow_fault_header": _yes_or_no,
    "json": _yes_or_no,
    "journal_entries": _whole(1, 10_000_000),
    "journal_bytes": _whole(0, 2**40),
    "storage_bytes": _whole(0, 2**40),
}
# The flag's own spelling, for the variable and the file.
_NO_CONTROL = "no_control"
NAMES = Settings.__struct_fields__
