"""What the command line and the environment ask of a live run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_carrot.errors import UserMistake
from pytest_carrot.live_environment import Permission, told_twice
from pytest_carrot.live_target import Target, check_rate, target

if TYPE_CHECKING:
    import pytest

_NAMES: Final = {
    "url": "The variable CARROT_API_URL",
    "token_url": "The variable CARROT_TOKEN_URL",
    "token_setting": "the variable CARROT_TOKEN_URL",
    "main": "the variables CARROT_CLIENT_ID and CARROT_CLIENT_SECRET",
    "partner": "the variables CARROT_PARTNER_CLIENT_ID and CARROT_PARTNER_CLIENT_SECRET",
}
_PRODUCTION: Final = ("--carrot-live-production", "--carrot-live-yes-really-production")
_ASSUME_TEST: Final = "--carrot-live-assume-test"
# What needs a mock, by the name of the option and that of its value.
_MOCK_ONLY: Final = {
    "--carrot-url": "carrot_url",
    "--carrot-semantics": "carrot_semantics",
    "--carrot-only-documented": "carrot_only_documented",
    "--carrot-assumptions": "carrot_assumptions",
    "--carrot-artifacts": "carrot_artifacts",
}


@dataclass(frozen=True)
class LiveOptions:
    """The API of a live run, how many writes it allows, and how many requests a second."""

    target: Target
    budget: int
    rate: float
    permission: Permission


def read(config: pytest.Config) -> LiveOptions:
    """The options of a live run, checked; raises UserMistake."""
    for option, name in _MOCK_ONLY.items():
        if config.getoption(name):
            raise UserMistake(f"{option} needs the mock: leave it out, or --carrot-target=live.")
    first, second = (bool(config.getoption(name)) for name in _PRODUCTION)
    allowed = told_twice(first, second, " and ".join(_PRODUCTION))
    where = _target(_number(config, "timeout"))
    rate = check_rate(_number(config, "rate"), where, "--carrot-live-rate", production=allowed)
    return LiveOptions(
        where,
        int(_number(config, "budget")),
        rate,
        Permission(
            production=allowed,
            assume_test=config.getoption("carrot_live_assume_test"),
            production_flags=" ".join(_PRODUCTION),
            assume_test_flag=_ASSUME_TEST,
        ),
    )


def _target(timeout: float) -> Target:
    given = os.environ.get
    if not given("CARROT_API_URL"):
        raise UserMistake("--carrot-target=live needs the address of the API in the variable CARROT_API_URL.")
    return target(
        os.environ["CARROT_API_URL"],
        given("CARROT_TOKEN_URL"),
        (given("CARROT_CLIENT_ID"), given("CARROT_CLIENT_SECRET")),
        (given("CARROT_PARTNER_CLIENT_ID"), given("CARROT_PARTNER_CLIENT_SECRET")),
        names=_NAMES,
        timeout=timeout,
    )


def _number(config: pytest.Config, name: str) -> float:
    text: str = config.getoption(f"carrot_live_{name}")
    whole = name == "budget"
    try:
        number = float(text)
        good = 0 < number < 1e9 and (not whole or number.is_integer())
    except ValueError:
        good = False
    if not good:
        kind = "a whole number" if whole else "a number"
        raise UserMistake(f"--carrot-live-{name} takes {kind} above 0, not {text!r}.")
    return number
