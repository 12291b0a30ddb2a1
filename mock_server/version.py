"""The one place that has the version of the distribution."""

__version__ = "0.1.0"
