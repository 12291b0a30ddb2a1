"""Holds any API against the contract, for `carrot-mock check`: the target, the pace, and what is told of a run."""
