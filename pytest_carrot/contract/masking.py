"""Takes secrets out of what is told of a run: texts, bodies and commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_carrot.checking.outcome import Failure

REDACTED: Final = "[redacted]"
# A token that is a JWT, one that this project's server makes, and what stands under the name of a secret.
_TOKEN: Final = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?|cmo_[\w-]{8,}(?:\.[\w-]*)?")
_JSON: Final = re.compile(r'(\\*"(?:access_token|client_secret|refresh_token)\\*"\s*:\s*\\*")[^"\\]*')
_FORM: Final = re.compile(r"\b((?:access_token|client_secret|refresh_token)=)[^&\s\"']*")
_SIGNATURE: Final = re.compile(r"(X-Amz-Signature=)[0-9A-Za-z]+")
# What schemathesis writes in place of a header with credentials.
_FILTERED: Final = "-H 'Authorization: [Filtered]'"


class Mask:
    """Knows the secrets of a run."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {
            way for each in secrets if each for way in (each, quote(each, safe=""), quote_plus(each))
        }
        # The longest first, as one may be a part of another.
        self._secrets = sorted(spellings, key=len, reverse=True)

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        text = _TOKEN.sub(REDACTED, text)
        for pattern in (_JSON, _FORM, _SIGNATURE):
            text = pattern.sub(rf"\g<1>{REDACTED}", text)
        return text

    def body(self, body: bytes) -> bytes:
        """The same of bytes, which need not be text."""
        return self.text(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def curl(failure: Failure, mask: Mask) -> str:
    """The command that sends the request of a failure, with variables in place of what it logs in with."""
    if failure.operation == "token":
        login = '-u "$CARROT_CLIENT_ID:$CARROT_CLIENT_SECRET"'
    elif failure.check == "ignored_auth":
        login = "-H 'Authorization: Bearer no-such-token'"
    else:
        login = '-H "Authorization: Bearer $TOKEN"'
    return mask.text(failure.curl.replace(_FILTERED, login))


def token_command(token_url: str) -> str:
    """The command that puts a token into the variable of those commands."""
    return (
        'TOKEN=$(curl -s -u "$CARROT_CLIENT_ID:$CARROT_CLIENT_SECRET" -d grant_type=client_credentials '
        f"-d scope=api.carrot.eco/main-scope {token_url} "
        """| sed 's/.*"access_token" *: *"\\([^"]*\\)".*/\\1/')"""
    )
