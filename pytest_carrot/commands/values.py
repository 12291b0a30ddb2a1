"""Values of options that more than one command takes."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import click


class _Seconds(click.FloatRange):
    """A number of seconds above 0; `nan` and `inf` are numbers, but no time that anybody waits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if not isfinite(found):
            self.fail(f"{value} is no number of seconds: give one such as 30.", param, ctx)
        return found


class _Report(click.ParamType[str]):
    """The name of a file; stdout is for people."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "-":
            self.fail("stdout has the report for people: give the name of a file.", param, ctx)
        return str(value)


SECONDS: Final = _Seconds(0, min_open=True)
REPORT: Final = _Report()
