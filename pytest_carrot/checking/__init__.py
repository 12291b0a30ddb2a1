"""Runs schemathesis against a Carrot API: the contract in, cases and failures out."""
