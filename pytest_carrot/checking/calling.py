"""Calls that a run makes for itself: tokens, a document to refer to, the bytes of files."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Any

from pytest_carrot.checking.plan import CannotCheck

if TYPE_CHECKING:
    import requests

    from pytest_carrot.checking.plan import Target

# Seconds to wait after each answer that says to try again.
_WAITS = (1, 1, 2, 4, 0)

SCOPE = "api.carrot.eco/main-scope"


class Caller:
    """Calls a target over its socket, or in process where it has an app."""

    def __init__(self, target: Target, timeout: float) -> None:
        import requests

        self.target = target
        self.accidents: list[str] = []
        """Answers that said that the target has trouble, as words."""
        self._timeout = timeout
        self._session: requests.Session
        if target.app is None:
            self._session = requests.Session()
        else:
            from schemathesis.python import asgi

            self._session = asgi.get_client(target.app)

    def token(self) -> str:
        """A new access token; raises CannotCheck when none is given."""
        target = self.target
        answer = self.send(
            "POST",
            target.token_url,
            data={"grant_type": "client_credentials", "scope": SCOPE},
            auth=(target.client_id, target.client_secret),
        )
        try:
            return str(answer.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            raise CannotCheck(
                f"The token endpoint {target.token_url} gave no token to client {target.client_id}: it answered "
                f"with status {answer.status_code}: {_shortened(answer.text)}"
            ) from None

    def send(self, method: str, url: str, **rest: Any) -> requests.Response:
        """The answer; raises CannotCheck when there is none."""
        import requests

        try:
            for seconds in _WAITS:
                answer = self._session.request(method, url, timeout=self._timeout, **rest)
                if answer.status_code >= 500:
                    place = url.removeprefix(self.target.url).partition("?")[0]
                    self.accidents.append(f"{method} {place} was answered {answer.status_code}")
                if not _says_later(answer):
                    break
                # These calls come besides those that schemathesis paces.
                sleep(seconds)
            return answer
        except requests.RequestException as error:
            raise CannotCheck(
                f"{url.partition('?')[0]} did not answer {method}: {_reason(error)}."
            ) from error

    def close(self) -> None:
        self._session.close()


def says_busy(status: int, text: str) -> bool:
    """Whether an answer says that its document is busy."""
    return status == 409 and "PENDING_PROCESS_CONFLICT_ERROR" in text


def _says_later(answer: requests.Response) -> bool:
    """Whether an answer says to try again: too many requests, trouble, or a document that is busy."""
    status = answer.status_code
    return status == 429 or status >= 500 or says_busy(status, answer.text)


def _reason(error: BaseException) -> str:
    """The innermost cause in the words of the system, such as "Connection refused"."""
    innermost = error
    while (cause := innermost.__cause__ or innermost.__context__) is not None:
        innermost = cause
    return getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__


def _shortened(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
