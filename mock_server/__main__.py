"""`python -m mock_server` is `carrot-mock`."""

from mock_server.cli import main

main()
