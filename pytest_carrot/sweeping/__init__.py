"""The exactly-once sweep: a flow is run with a fault at every call, phase and kind, and must leave the same.

The steps are apart, so that they can be run over many worlds at once or one after the other: `record` what a
clean run did, then for each of its `cases` have a fresh world, `arm` it, run the flow, and `judge` what it left.
"""

from pytest_carrot.sweeping.calls import Call, CannotSweep, Clean, record
from pytest_carrot.sweeping.cases import HANG_SECONDS, KINDS, Case, Wanted, arm, cases
from pytest_carrot.sweeping.causes import CAUSES
from pytest_carrot.sweeping.judging import NOT_REACHED, Result, Story, judge
from pytest_carrot.sweeping.report import Report

__all__ = [
    "CAUSES",
    "HANG_SECONDS",
    "KINDS",
    "NOT_REACHED",
    "Call",
    "CannotSweep",
    "Case",
    "Clean",
    "Report",
    "Result",
    "Story",
    "Wanted",
    "arm",
    "cases",
    "judge",
    "record",
]
