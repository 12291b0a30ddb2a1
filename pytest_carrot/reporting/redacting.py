"""A command as it may be shown: without the values of arguments that look like secrets."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_REDACTED: Final = "[redacted]"
_SECRET: Final = re.compile("secret|token|passw|credential|api[-_]?key", re.IGNORECASE)
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")


def shown(argv: Sequence[str]) -> str:
    """`client --secret [redacted] NAME_TOKEN=[redacted]`, quoted as a shell wants it where nothing is redacted."""
    told: list[str] = []
    hide_next = False
    for argument in argv:
        name, equals, _ = argument.partition("=")
        if hide_next and not argument.startswith("-"):
            told.append(_REDACTED)
        elif equals and _SECRET.search(name):
            told.append(f"{name}={_REDACTED}")
        elif _LOGIN.search(argument):
            told.append(_LOGIN.sub(_REDACTED, argument))
        else:
            told.append(shlex.quote(argument))
        hide_next = argument.startswith("-") and not equals and _SECRET.search(argument) is not None
    return " ".join(told)
