"""The steps of the proof and how often each comes: what clients do, what goes wrong, and what time does."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from mock_server.faults import FAULTS, PHASES

Step = tuple[str, dict[str, Any]]

KEYS = ("k0", "k1", "k2", "k3", "k4", "k5")
# Which of the things that there are.
PLACE = st.integers(0, 15)
WHO = st.sampled_from("aaab")
KEY = st.sampled_from((*KEYS, *KEYS, None))
# Mostly the same body under a key, at times another.
VARIANT = st.sampled_from((1, 1, 1, 1, 1, 2))
OPERATIONS = st.sampled_from(
    ("documents.create", "events.append", "events.append", "events.batch", "attachments.upload", "*")
)
SEMANTICS = st.fixed_dictionaries(
    {
        "dedup-changed-body": st.sampled_from(("conflict", "replay", "reject")),
        "batch-atomicity": st.sampled_from(("all", "each")),
        "dedup-scope": st.sampled_from(("integrator", "operation")),
        "dedup-lifetime": st.sampled_from(("forever", "forever", "60")),
        "pending-window": st.sampled_from(("0", "0", "5")),
    }
)


def _step(name: str, /, **how: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), st.fixed_dictionaries(how))


@st.composite
def _fault(draw: st.DrawFn) -> Step:
    """A fault whose kind and phase go together."""
    do = draw(st.sampled_from(tuple(FAULTS)))
    fields: dict[str, Any] = {
        "do": do,
        "times": draw(st.integers(1, 2)),
        "after": draw(st.sampled_from((0, 0, 1))),
    }
    fields["operation"] = "events.append" if do == "expire" else draw(OPERATIONS)
    # More often where what the client sees is not what was done.
    phases = [each for each in (*PHASES, "committed", "committed", "responding") if each in FAULTS[do].phases]
    fields["phase"] = draw(st.sampled_from(phases))
    if do == "status":
        fields["status"] = draw(st.sampled_from((400, 401, 409, 429, 500, 503)))
    elif FAULTS[do].is_timed and (do != "hang" or draw(st.booleans())):
        fields["seconds"] = 5.0
    fields |= draw(st.sampled_from(({}, {}, {}, {"attempt": 1}, {"attempt": 2}, {"probability": 0.5})))
    return "set_a_fault", fields


_WRITE = _step(
    "write",
    who=WHO,
    kind=st.sampled_from(("create", "append", "append", "close", "related")),
    place=PLACE,
    key=KEY,
    variant=VARIANT,
    in_turn=st.booleans(),
)
_WRITE_SEVERAL = _step(
    "write_several",
    who=WHO,
    place=PLACE,
    items=st.lists(st.tuples(KEY, VARIANT), min_size=1, max_size=3),
    in_turn=st.booleans(),
)
_SEND_AT_ONCE = _step(
    "send_at_once",
    who=WHO,
    kind=st.sampled_from(("create", "append", "batch")),
    place=PLACE,
    key=st.sampled_from(KEYS),
    times=st.integers(2, 4),
    in_turn=st.booleans(),
)
_TRY_AGAIN = _step("try_again", place=PLACE)
_EASE = _step(
    "ease",
    place=PLACE,
    how=st.sampled_from(("one", "one", "some", "last", "all", "leave", "hanging", "calm")),
)
_MOVE_TIME = _step(
    "move_time",
    change=st.sampled_from(
        ({"advance": 6}, {"advance": 61}, {"advance": 3601}, {"rate": 0}, {"rate": 1}, 1.0, 6.0, 31.0)
    ),
)
STEPS: st.SearchStrategy[Step] = st.one_of(
    _WRITE,
    _WRITE,
    _WRITE_SEVERAL,
    _SEND_AT_ONCE,
    _TRY_AGAIN,
    _TRY_AGAIN,
    _step("send_a_file", who=WHO, place=PLACE, name=st.sampled_from(("a.txt", "b.txt", ""))),
    _fault(),
    _fault(),
    _step("set_a_gate", operation=OPERATIONS, phase=st.sampled_from((*PHASES, "validated", "before_commit"))),
    _EASE,
    _EASE,
    _MOVE_TIME,
    _step("change_the_world", place=PLACE, what=st.sampled_from(("snapshot", "restore", "restore", "reset"))),
)
