"""The vendor's own addresses reach the mock: for clients whose base URL cannot be changed."""

from __future__ import annotations

import ipaddress
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_carrot import rerouting
from pytest_carrot.authority import authority_for
from pytest_carrot.relay import Relay

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator

HOSTS = ("api.carrot.eco", "auth.api.carrot.eco")
"""The vendor's names. A pre-signed URL of the mock carries the one that was called."""

ADDRESS = "127.67.82.84"
"""What the names resolve to. Nothing listens there: a connection to it is led to the relay, by its port.

It is always the same, so that what a client remembers of it stays right in the next test.
"""

_LOCAL_NAMES = ("localhost", "ip6-localhost", "ip6-loopback", "broadcasthost")


class RefusedError(RuntimeError):
    """A call to another host than the vendor's, after `refuse_others`.

    No OSError: a client that retries or forgives connection errors does not hide it. What connects to a bare
    address through anyio (httpx.AsyncClient does) raises it inside an ExceptionGroup.
    """


class Intercept:
    """While it runs, https (and http) to `hosts` reaches the server at `url`, from anywhere in this process.

    That holds for whatever connects through Python's sockets or uvloop and speaks TLS by Python's `ssl`: httpx,
    requests and urllib3, aiohttp, urllib.request and http.client, in any thread or loop, and for clients made
    before. Certificates are verified as the client asks, against a throw-away authority in place of what it
    trusts. Names of the vendor are never resolved outside, and proxies of the environment are bypassed for them.

    When two run at once, the one that started last counts. Raises ValueError, with a sentence, when `url` is no
    server's address, and RuntimeError when the package trustme is missing.
    """

    hosts: tuple[str, ...] = HOSTS

    def __init__(self, url: str, *, refuse_others: bool = False) -> None:
        self.url = url
        self.refused: list[str] = []
        """Hosts of the calls that were refused, in order."""
        self._authority = authority_for(*HOSTS)
        self._relay = Relay(url, self._authority.server)
        if self._relay.host in (*HOSTS, ADDRESS):
            raise ValueError(f"{url!r} is what is intercepted: expected the address of a mock server")
        self._refusing = refuse_others
        self._allowed = {self._relay.host}
        self._running = False

    def start(self) -> None:
        """Begin; does nothing when it runs already. Raises OSError when there are no free ports."""
        if self._running:
            return
        self._relay.start()
        try:
            rerouting.begin(self)
        except BaseException:
            self._relay.stop()
            raise
        self._running = True

    def stop(self) -> None:
        """End: all is as it was, and connections that are still open are closed."""
        if not self._running:
            return
        self._running = False
        rerouting.end(self)
        self._relay.stop()

    def refuse_others(self, *allowed: str) -> None:
        """From now on raise RefusedError at calls to other hosts, but for the loopback, the mock and `allowed`."""
        self._allowed |= {host.lower().removesuffix(".") for host in allowed}
        self._refusing = True

    @property
    def authority(self) -> str:
        """The authority's certificate (PEM), for a client that reads what it trusts from a file."""
        return self._authority.certificate

    # What the replaced functions ask ------------------------------------------------------------------

    def lookup(self, host: str) -> str:
        """The address of the vendor's hosts; others as they are. Raises RefusedError."""
        if host in HOSTS:
            return ADDRESS
        if self._refusing and _address(host) is None and not _is_local(host) and host not in self._allowed:
            self._refuse(host, host)
        return host

    def found(self, host: str, addresses: Iterable[str]) -> None:
        """An allowed name's addresses are allowed too."""
        if host in self._allowed:
            self._allowed.update(addresses)

    def destination(self, host: str, port: int) -> tuple[str, int] | None:
        """The relay, for the vendor's hosts: port 80 is plain, all others speak TLS. Raises RefusedError."""
        if host in (*HOSTS, ADDRESS):
            return self._relay.plain_address if port == 80 else self._relay.secure_address
        if self._refusing and not _is_local(host) and host not in self._allowed:
            self._refuse(host, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        return None

    def trusting(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """A context that verifies as the client's, against our authority."""
        return self._authority.client(context)

    def _refuse(self, host: str, called: str) -> None:
        self.refused.append(host)
        raise RefusedError(
            f"carrot_intercept refuses the call to {called}: only the vendor's hosts and the loopback may be called "
            f"here. Mock this call, or allow it: carrot_intercept.refuse_others({host!r})."
        )


@contextmanager
def intercepting(url: str, *, refuse_others: bool = False) -> Iterator[Intercept]:
    """An Intercept that runs during the block."""
    intercept = Intercept(url, refuse_others=refuse_others)
    intercept.start()
    try:
        yield intercept
    finally:
        intercept.stop()


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _is_local(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host in _LOCAL_NAMES or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
