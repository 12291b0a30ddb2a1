"""A throw-away certificate authority: a server's certificate for some names, and clients' trust in it."""

from __future__ import annotations

import ssl
from functools import cache

CAN_NOT = "carrot_intercept needs the package trustme: pip install 'carrot-mock[pytest]'"


class Authority:
    """Certifies `names`. Its private keys exist only in this process.

    Raises RuntimeError, with a sentence, when trustme is not installed.
    """

    def __init__(self, *names: str) -> None:
        try:
            import trustme
        except ImportError as why:
            raise RuntimeError(CAN_NOT) from why
        authority = trustme.CA()
        self.certificate = authority.cert_pem.bytes().decode("ascii")
        """The authority's own certificate (PEM), for whatever else has to trust it."""
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(self.server)
        self._clients: dict[tuple[bool, ssl.VerifyMode], ssl.SSLContext] = {}

    def client(self, like: ssl.SSLContext) -> ssl.SSLContext:
        """A client's context that trusts this authority alone and verifies as `like` does."""
        key = like.check_hostname, like.verify_mode
        found = self._clients.get(key)
        if found is None:
            found = ssl.create_default_context(cadata=self.certificate)
            found.check_hostname, found.verify_mode = key
            self._clients[key] = found
        return found


@cache
def authority_for(*names: str) -> Authority:
    """The authority for `names` of this process: made once, in a few milliseconds."""
    return Authority(*names)
