"""Measures the server beside bare ones on the same machine: `python -m bench`."""
