"""Access tokens: issued and verified, as a JWT or opaque, for the whole server."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import orjson
from msgspec import Struct

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

LIFETIME_SECONDS = 3600
SCOPE = "api.carrot.eco/main-scope"
KEY_ID = "carrot-mock"
_OPAQUE = "cmo_"


class Claims(Struct, frozen=True, gc=False):
    """What a good token says: whose it is and, in seconds since 1970, when it ends."""

    client_id: str
    expires_at: float


class InvalidToken(Exception):
    """The token is none of this server's; `str()` says why in words that follow "the token"."""


class Tokens:
    """Tokens under keys that live as long as the process."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @cached_property
    def _key(self) -> RSAPrivateKey:
        # Made at the first token: the library and the key cost more than the rest of the start.
        from cryptography.hazmat.primitives.asymmetric import rsa

        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def issue(
        self, form: Literal["jwt", "opaque"], *, client_id: str, issuer: str, token_id: str, now: float
    ) -> str:
        """A token that lives for an hour from `now` (seconds since 1970)."""
        issued_at = int(now)
        expires_at = issued_at + LIFETIME_SECONDS
        if form == "opaque":
            payload = orjson.dumps([client_id, expires_at, token_id])
            token = f"{_OPAQUE}{_encode(payload)}.{_encode(self._mac(payload))}"
        else:
            import jwt

            claims = {
                "sub": client_id,
                "client_id": client_id,
                "token_use": "access",
                "scope": SCOPE,
                "iss": issuer,
                "iat": issued_at,
                "exp": expires_at,
                "jti": token_id,
                "version": 2,
            }
            token = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": KEY_ID})
        return token

    def verify(self, token: str) -> Claims:
        """The claims of a token that this server issued, expired or not; raises InvalidToken."""
        return self._read_opaque(token) if token.startswith(_OPAQUE) else self._read_jwt(token)

    def key_set(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set (RFC 7517)."""
        from jwt.algorithms import RSAAlgorithm

        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": KEY_ID, "alg": "RS256", "use": "sig"}]}

    def _read_opaque(self, token: str) -> Claims:
        payload, _, mac = token.removeprefix(_OPAQUE).partition(".")
        try:
            content, given = _decode(payload), _decode(mac)
        except ValueError:
            raise InvalidToken("is not spelled as a token of this server") from None
        if not hmac.compare_digest(self._mac(content), given):
            raise InvalidToken("was changed, or was issued by another server or before a restart")
        client_id, expires_at, _ = orjson.loads(content)
        return Claims(client_id, expires_at)

    def _read_jwt(self, token: str) -> Claims:
        if token.count(".") != 2:
            raise InvalidToken("is not spelled as a token of this server")
        import jwt

        # Time is not checked here: the workspace's clock does that.
        try:
            claims = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_iat": False, "verify_nbf": False, "verify_aud": False},
            )
            return Claims(str(claims["client_id"]), float(claims["exp"]))
        except jwt.InvalidAlgorithmError:
            raise InvalidToken("is not signed by RS256, as every JWT of this server is") from None
        except jwt.InvalidSignatureError:
            raise InvalidToken("was changed, or was issued by another server or before a restart") from None
        except (jwt.InvalidTokenError, KeyError, ValueError, TypeError):
            raise InvalidToken("is not spelled as a token of this server") from None

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._secret, payload, "sha256")


def _encode(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
