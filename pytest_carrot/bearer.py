"""Authorises the requests of an httpx client that are not authorised yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Generator

    from pytest_carrot.handle import Carrot


class Bearer(httpx.Auth):
    """A token of the world's main credentials, asked for when the first request needs it.

    A test that authorises its requests itself finds no other token in the journal.
    """

    def __init__(self, carrot: Carrot) -> None:
        self._carrot = carrot

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if "Authorization" not in request.headers:
            request.headers["Authorization"] = f"Bearer {self._carrot.token()}"
        yield request
