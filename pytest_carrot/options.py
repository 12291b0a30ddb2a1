"""What the command line asks of the plugin."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_carrot.errors import UserMistake

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_carrot.live_options import LiveOptions

SEED_LIMIT = 2**63
ALL = "all"
_VARIABLE = "CARROT_MOCK_CONTROL_TOKEN"
_LIVE_BUDGET = 40
# As `live_limits.USUAL_RATE`, which other runs do not load.
_LIVE_RATE = 4
# As `live_http.SECONDS`, for the same reason.
_LIVE_TIMEOUT = 30


@dataclass(frozen=True)
class Options:
    """The checked options; `semantics` are switches by name, `every_semantics` says that `all` was asked.

    `live` is what is asked of a run against the real API, None for one against a mock.
    """

    url: str | None
    seed: int
    semantics: Mapping[str, str]
    every_semantics: bool
    control_token: str | None
    only_documented: bool
    assumptions: bool
    artifacts: str | None
    live: LiveOptions | None = None

    @property
    def look_at_all(self) -> bool:
        """Whether the worlds of a test that passed have to be looked at too."""
        return self.only_documented or self.assumptions or self.every_semantics


OPTIONS = pytest.StashKey[Options]()


def declare(parser: pytest.Parser) -> None:
    """Tell pytest about all options."""
    group = parser.getgroup("carrot", "Carrot Mock")
    group.addoption(
        "--carrot-url",
        metavar="URL",
        help="use the server that runs there, instead of one of the run's own: http://127.0.0.1:8750",
    )
    group.addoption(
        "--carrot-seed",
        metavar="N",
        default="0",
        help="what all ids and payloads are made from, together with the test's name (0)",
    )
    group.addoption(
        "--carrot-semantics",
        metavar="KEY=VALUE|all",
        action="append",
        default=[],
        help="set switches in every test's world (carrot-mock behaviours lists them); all: run each test "
        "that rests on a switch under its other values too",
    )
    group.addoption(
        "--carrot-control-token",
        metavar="TOKEN",
        help=f"the control token of the server at --carrot-url (${_VARIABLE})",
    )
    group.addoption(
        "--carrot-only-documented",
        action="store_true",
        help="fail tests that rest on what the mock only assumes",
    )
    group.addoption(
        "--carrot-assumptions",
        action="store_true",
        help="list at the end which tests rest on what the mock only assumes",
    )
    group.addoption(
        "--carrot-artifacts",
        metavar="DIR",
        help="write the journal and the timelines of every failed test there",
    )
    _declare_live(group)


def _declare_live(group: pytest.OptionGroup) -> None:
    group.addoption(
        "--carrot-target",
        choices=("mock", "live"),
        default="mock",
        help="live: run the tests marked carrot_live against the API that CARROT_API_URL, CARROT_TOKEN_URL, "
        "CARROT_CLIENT_ID and CARROT_CLIENT_SECRET name, and skip all others (mock)",
    )
    group.addoption(
        "--carrot-live-budget",
        metavar="N",
        default=str(_LIVE_BUDGET),
        help="documents, events and declared files that a live run may leave behind; one more stops it "
        f"({_LIVE_BUDGET})",
    )
    group.addoption(
        "--carrot-live-rate",
        metavar="N",
        default=str(_LIVE_RATE),
        help=f"requests a second of a live run ({_LIVE_RATE})",
    )
    group.addoption(
        "--carrot-live-timeout",
        metavar="S",
        default=str(_LIVE_TIMEOUT),
        help=f"seconds that an answer of the API may take in a live run ({_LIVE_TIMEOUT})",
    )
    group.addoption(
        "--carrot-live-assume-test",
        action="store_true",
        help="let a live run go on where documents do not tell their environment",
    )
    group.addoption(
        "--carrot-live-production",
        action="store_true",
        help="allow a live run in production, together with the next one",
    )
    group.addoption(
        "--carrot-live-yes-really-production",
        action="store_true",
        help="allow a live run in production, together with the one before",
    )


def read(config: pytest.Config) -> Options:
    """The options, checked; raises UserMistake. Loads the table of switches only if one is set."""
    texts: Sequence[str] = config.getoption("carrot_semantics")
    url = _url(config.getoption("carrot_url"))
    token = config.getoption("carrot_control_token") or os.environ.get(_VARIABLE) or None
    return Options(
        url=url,
        seed=_seed(config.getoption("carrot_seed")),
        semantics=_semantics([text for text in texts if text.strip() != ALL]),
        every_semantics=any(text.strip() == ALL for text in texts),
        control_token=None if url is None or token is None else _control_token(token),
        only_documented=config.getoption("carrot_only_documented"),
        assumptions=config.getoption("carrot_assumptions"),
        artifacts=_directory(config.getoption("carrot_artifacts")),
        live=_live(config),
    )


def _live(config: pytest.Config) -> LiveOptions | None:
    if config.getoption("carrot_target") != "live":
        return None
    from pytest_carrot import live_options

    return live_options.read(config)


def _url(text: str | None) -> str | None:
    if text is None:
        return None
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        good = good and not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        good = good and text.isprintable() and " " not in text
        (parts.hostname or "").encode("idna")  # as looking it up does
    except ValueError:
        good = False
    if not good:
        raise UserMistake(f"--carrot-url takes an address such as http://127.0.0.1:8750, not {text!r}.")
    return text.rstrip("/")


def _control_token(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    raise UserMistake(
        f"--carrot-control-token and {_VARIABLE} take one line of ASCII characters, as they go into a header."
    )


def _directory(text: str | None) -> str | None:
    if text is not None and (not text.strip() or os.path.isfile(text)):
        raise UserMistake(f"--carrot-artifacts takes a directory, not {text!r}.")
    return text


def _seed(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 20 and int(text) < SEED_LIMIT:
        return int(text)
    raise UserMistake(f"--carrot-seed takes a whole number from 0 to {SEED_LIMIT - 1}, not {text!r}.")


def _semantics(texts: Sequence[str]) -> dict[str, str]:
    if not texts:
        return {}
    from pytest_carrot.ours import require

    require("mock_server")
    from mock_server.behaviours import SwitchError, parse_semantics, split_pairs

    try:
        pairs = [parse_semantics(split_pairs(text)) for text in texts]
    except SwitchError as error:
        raise UserMistake(f"--carrot-semantics: {error}") from None
    return {name: value for each in pairs for name, value in each.items()}
