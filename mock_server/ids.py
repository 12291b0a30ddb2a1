"""One seeded source of every id, secret and random choice of a workspace."""

from __future__ import annotations

import secrets
from binascii import b2a_base64
from hashlib import sha256
from random import Random

# nanoid's alphabet in base64's order: the vendor's ids have 21 characters of it.
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Ids:
    """Ids in the spellings of the API; the same seed gives the same ids in the same order.

    These ids name things, they do not guard them: nothing here is meant to be unguessable.
    """

    __slots__ = ("_bits", "_prefix", "seed")

    def __init__(self, seed: int | None = None) -> None:
        self.seed = secrets.randbits(32) if seed is None else seed
        self._bits = Random(self.seed).getrandbits  # noqa: S311 - repeatable on purpose
        self._prefix = f"{self.seed}\0"

    def uuid(self) -> str:
        """A version 4 UUID, lower case."""
        text = self._bits(128).to_bytes(16, "big").hex()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def short(self) -> str:
        """A 21-character id, as events and error entries carry."""
        text = b2a_base64(self._bits(128).to_bytes(16, "big"))[:21]
        return text.translate(_TO_URL_SAFE).decode("ascii")

    def secret(self) -> str:
        """Forty characters for a client secret or a storage key."""
        return b"%040x".__mod__(self._bits(160)).decode("ascii")

    def derived(self, *parts: object) -> str:
        """A UUID that depends on nothing but the seed and `parts`, so that it need not be kept."""
        return uuid_of(self._prefix + "\0".join(map(str, parts)))


def uuid_of(text: str) -> str:
    """A UUID that depends on `text` alone."""
    digits = sha256(text.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
