"""The table of behaviours is complete, each row is well formed, and its switches take what they say."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

import mock_server.behaviours
from mock_server.behaviours import (
    BEHAVIOURS,
    SWITCHES,
    Behaviour,
    Semantics,
    SwitchError,
    behaviours,
    parse_semantics,
    seconds,
    split_pairs,
)
from mock_server.terminal import plain_lines, print_behaviours, render_behaviours

# Written again by hand: a default that changes has to change here too.
CHOICES = {
    "token-errors": ("cognito", "rfc6749"),
    "token-format": ("jwt", "opaque"),
    "cross-environment": ("split", "forbidden", "hidden"),
    "edge-errors": ("documented", "gateway"),
    "unknown-properties": ("allow", "reject"),
    "conventions": ("enforce", "warn", "off"),
    "get-shape": ("full", "stored"),
    "public-read": ("shared", "anyone"),
    "event-parties": ("optional", "required"),
    "ordering": ("reject", "warn", "off"),
    "batch-atomicity": ("all", "each"),
    "dedup-changed-body": ("conflict", "replay", "reject"),
    "dedup-in-flight": ("pending", "wait"),
    "dedup-scope": ("integrator", "operation"),
    "dedup-errors": ("forget", "remember"),
    "presign-signed-headers": ("strict", "length-only"),
}  # the first value is the default
DEFAULTS = {name: values[0] for name, values in CHOICES.items()} | {
    "future-timestamps": "warn",
    "dedup-lifetime": "forever",
    "pending-window": "0",
    "pending-reads": "off",
    "presign-lifetime": "900",
}
WITHOUT_SWITCH = {
    "path-prefix",
    "success-status",
    "message",
    "party-identity",
    "body-limit",
    "event-limit",
    "file-limit",
}
ROWS = list(BEHAVIOURS.values())


def test_the_switches_and_their_defaults_are_those_of_the_contract() -> None:
    assert {name: switch.default for name, switch in SWITCHES.items()} == DEFAULTS
    assert {name: SWITCHES[name].values for name in CHOICES} == CHOICES
    assert set(SWITCHES["future-timestamps"].values) == {"reject", "warn", "off"}
    assert set(SWITCHES["pending-reads"].values) == {"on", "off"}
    assert {name for name, switch in SWITCHES.items() if switch.kind == "duration"} == {
        "dedup-lifetime",
        "pending-window",
        "presign-lifetime",
    }


def test_assumptions_with_one_sensible_choice_have_no_switch() -> None:
    assert all(BEHAVIOURS[name].grade == "A" and BEHAVIOURS[name].switch is None for name in WITHOUT_SWITCH)


def test_the_rate_limit_is_a_row_but_no_switch_of_the_semantics() -> None:
    row = BEHAVIOURS["rate-limit"]
    assert (row.switch, row.values, row.default) == (
        "rate-limit",
        ("documented", "off", "number"),
        "documented",
    )
    assert "--rate-limit" in row.statement
    with pytest.raises(SwitchError, match="--rate-limit"):
        parse_semantics({"rate-limit": "off"})


def test_no_id_is_used_twice() -> None:
    file = Path(mock_server.behaviours.__file__).with_name("behaviours.json")
    table = json.loads(file.read_text("utf-8"))
    ids = [row["id"] for rows in table["behaviours"].values() for row in rows]
    assert len(ids) == len(set(ids)) == len(BEHAVIOURS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_is_well_formed(row: Behaviour) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", row.id)
    assert row.grade in {"D", "C", "A"}
    assert row.statement.endswith(".")
    assert not re.search(r"[.!?] [A-Z]", row.statement), "one sentence"
    assert len(row.statement) <= 160
    assert "[" not in row.source, "every cited word is replaced by its address"
    if row.grade == "A":
        assert row.source.startswith("assumed: ")
    else:
        assert row.source.startswith("https://")
        assert row.switch is None
        assert not row.benign


@pytest.mark.parametrize("row", [row for row in ROWS if row.switch], ids=lambda row: row.id)
def test_a_switch_is_named_as_its_row_and_has_its_values(row: Behaviour) -> None:
    assert row.switch == row.id
    assert row.default is not None
    assert row.default in row.values or "seconds" in row.values


def test_rows_come_as_json_objects_without_empty_keys() -> None:
    rows = behaviours()
    assert len(rows) == len(BEHAVIOURS)
    assert [row["grade"] for row in behaviours("C")] == ["C"] * len(behaviours("C"))
    ordering = next(row for row in behaviours("A") if row["id"] == "ordering")
    assert set(ordering) == {"id", "grade", "statement", "source", "switch", "values", "default"}
    assert ordering["values"] == ["reject", "warn", "off"]
    prefix = next(row for row in rows if row["id"] == "path-prefix")
    assert set(prefix) == {"id", "grade", "statement", "source", "benign"}


@pytest.mark.parametrize("name", ["path-prefix", "success-status", "message"])
def test_what_a_documented_client_cannot_depend_on_is_benign(name: str) -> None:
    assert BEHAVIOURS[name].benign


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("ordering", "off", "off"),
        ("ordering", " warn ", "warn"),
        ("ordering", False, "off"),
        ("pending-reads", True, "on"),
        ("pending-window", 3, "3"),
        ("pending-window", "0.50", "0.5"),
        ("dedup-lifetime", "forever", "forever"),
        ("dedup-lifetime", 86400.0, "86400"),
        ("dedup-lifetime", 1e-07, "1e-07"),
        ("presign-lifetime", "604800", "604800"),
    ],
)
def test_a_value_is_kept_in_one_spelling(name: str, value: object, kept: str) -> None:
    assert parse_semantics({name: value}) == {name: kept}
    assert parse_semantics({name: kept}) == {name: kept}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("orderng", "off", 'There is no switch "orderng"; did you mean "ordering"?'),
        ("get_shape", "full", 'There is no switch "get_shape"; did you mean "get-shape"?'),
        ("path-prefix", "x", '"path-prefix" is a behaviour without a switch: there is nothing to set.'),
        (
            "ordering",
            "rejct",
            'ordering takes "reject", "warn" or "off", not "rejct"; did you mean "reject"?',
        ),
        ("ordering", 5, 'ordering takes "reject", "warn" or "off", not 5.'),
        ("ordering", None, 'ordering takes "reject", "warn" or "off", not None.'),
        ("pending-window", -1, "pending-window takes a number of seconds, at least 0, not -1."),
        ("pending-window", "5s", 'pending-window takes a number of seconds, at least 0, not "5s".'),
        ("pending-window", True, "pending-window takes a number of seconds, at least 0, not True."),
        ("pending-window", "seconds", 'pending-window takes a number of seconds, at least 0, not "seconds".'),
        ("dedup-lifetime", 0, 'dedup-lifetime takes "forever" or a number of seconds, more than 0, not 0.'),
        (
            "dedup-lifetime",
            "1e999",
            'dedup-lifetime takes "forever" or a number of seconds, more than 0, not "1e999".',
        ),
        (
            "presign-lifetime",
            604801,
            "presign-lifetime takes a whole number of seconds from 1 to 604800, not 604801.",
        ),
        (
            "presign-lifetime",
            1.5,
            "presign-lifetime takes a whole number of seconds from 1 to 604800, not 1.5.",
        ),
    ],
)
def test_a_mistake_is_answered_with_what_is_taken_and_the_nearest(
    name: str, value: object, sentence: str
) -> None:
    with pytest.raises(SwitchError) as caught:
        parse_semantics({name: value})
    assert str(caught.value) == sentence


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 10**400, "١٢", "1_000", "-1", ""])
def test_only_plain_finite_numbers_are_durations(number: object) -> None:
    with pytest.raises(SwitchError, match="pending-window takes"):
        parse_semantics({"pending-window": number})


def test_a_name_that_is_like_none_gets_the_whole_list() -> None:
    with pytest.raises(SwitchError, match=r"The switches are token-errors, .*presign-signed-headers\.$"):
        parse_semantics({"zzz": "1"})


def test_pairs_are_read_from_one_line() -> None:
    assert split_pairs("ordering=off, dedup-scope = operation,") == {
        "ordering": "off",
        "dedup-scope": "operation",
    }
    assert split_pairs("") == {}
    with pytest.raises(SwitchError, match='not "ordering"'):
        split_pairs("ordering")


def test_semantics_have_an_attribute_for_each_switch() -> None:
    assert list(Semantics._fields) == [switch.attribute for switch in SWITCHES.values()]
    assert Semantics.default().as_dict() == DEFAULTS
    assert Semantics.default() is Semantics.default()


def test_semantics_are_replaced_and_not_changed() -> None:
    before = Semantics.default()
    after = before.replace({"ordering": "off", "dedup-lifetime": 0.25, "pending-window": "2"})
    assert (after.ordering, after.dedup_lifetime, after.pending_window) == ("off", 0.25, 2.0)
    assert before.ordering == "reject"
    assert before.dedup_lifetime is None
    assert before.replace(after.as_dict()) == after
    assert len({before, after, before.replace({})}) == 2
    with pytest.raises(AttributeError):
        before.ordering = "off"  # type: ignore[misc]
    with pytest.raises(SwitchError):
        before.replace({"ordering": "off", "nothing": "1"})


def test_forever_has_no_seconds() -> None:
    assert seconds("forever") is None
    assert seconds("0.5") == 0.5


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_the_table_fits_the_terminal_and_loses_nothing(width: int) -> None:
    console = Console(width=width, file=StringIO(), color_system=None)
    with console.capture() as capture:
        render_behaviours(console, ROWS)
    text = capture.get()
    assert max(map(len, text.splitlines())) <= width
    assert all(row.section in text for row in ROWS)
    if width >= 80:
        words = set(text.split())
        assert all(row.id in words for row in ROWS)
        assert all(set(row.statement.split()) <= words for row in ROWS)
        assert "[ordering: reject | warn | off; default reject]" in text
    assert ("integrations/reference/rate-limits" in text) == (width == 160)


def test_no_row_is_a_sentence_too() -> None:
    console = Console(width=80, file=StringIO(), color_system=None)
    with console.capture() as capture:
        render_behaviours(console, [])
    assert capture.get() == "No behaviour of that grade.\n"


def test_without_a_terminal_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_behaviours(ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert lines == plain_lines(ROWS)
    assert [line.split("\t")[1] for line in lines] == list(BEHAVIOURS)
    assert {line.count("\t") for line in lines} == {4}


def test_on_a_terminal_the_table_is_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    print_behaviours(ROWS)
    assert "Surface" in capsys.readouterr().out.splitlines()[0]
