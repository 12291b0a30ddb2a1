"""The pytest plugin of Carrot Mock: a thin, lazy adapter over the server and the fixtures."""
