"""Authorised httpx clients of a world behind a socket."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_carrot.errors import UserMistake

if TYPE_CHECKING:
    import httpx

    from pytest_carrot.handle import Carrot


def client_of(carrot: Carrot) -> httpx.Client:
    """A client with the base URL and a token of the main credentials; the caller closes it."""
    need_httpx()
    import httpx

    return httpx.Client(**_settings(carrot))


def async_client_of(carrot: Carrot) -> httpx.AsyncClient:
    """The same for asyncio. It keeps no connection open, so that any number of event loops can use it in turn."""
    need_httpx()
    import httpx

    return httpx.AsyncClient(**_settings(carrot), limits=httpx.Limits(max_keepalive_connections=0))


def close_without_a_loop(client: httpx.AsyncClient) -> None:
    """Mark an asynchronous client as closed where no event loop runs; it holds no connection."""
    closing = client.aclose()
    with suppress(StopIteration, RuntimeError):
        closing.send(None)
    closing.close()


def need_httpx() -> None:
    """Raises UserMistake when httpx is not installed."""
    from importlib.util import find_spec

    if find_spec("httpx") is None:
        raise UserMistake("This fixture needs httpx: pip install carrot-mock[pytest].")


def _settings(carrot: Carrot) -> dict[str, Any]:
    from pytest_carrot.bearer import Bearer

    return {
        "base_url": carrot.url,
        "auth": Bearer(carrot),
        # Reached without the proxy that the environment may name, as the control API is.
        "trust_env": False,
        "verify": _verify(carrot.url),
    }


def _verify(url: str) -> Any:
    if url.startswith("https:"):
        import ssl

        # The machine's authorities, and SSL_CERT_FILE.
        return ssl.create_default_context()
    # There is nothing to verify, and loading the authorities takes longer than a test.
    return False
