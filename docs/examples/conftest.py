"""What the examples share: a client of ours, pointed at the test's own Carrot world."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from submitter import Submitter

from pytest_carrot.handle import Carrot


@pytest.fixture
def make_submitter(carrot: Carrot) -> Iterator[Callable[..., Submitter]]:
    """Makes clients of the test's world; they do not really sleep."""
    # To load the certificates of the web takes longer than all that a test does here.
    with httpx.Client(base_url=carrot.url, verify=carrot.url.startswith("https:")) as http:

        def make(
            kind: type[Submitter] = Submitter, sleep: Callable[[float], None] = lambda _: None
        ) -> Submitter:
            return kind(http, carrot.token_url, (carrot.client_id, carrot.client_secret), sleep)

        yield make


@pytest.fixture
def submitter(make_submitter: Callable[..., Submitter]) -> Submitter:
    return make_submitter()
