"""One answer that is judged, with the request it answers, and the means to ask for more."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_carrot.checks.knowing import Known

    Judge = Callable[["Subject", Known], bool | None]

MISSING: Final = object()
"""In place of a body that is no JSON."""
# Nothing can be told from these about what a request meant: no room for more, no token any more, or busy.
_INCONCLUSIVE: Final = (401, 429)


class Broken(AssertionError):
    """A promise is broken; `str()` is a sentence that says what was expected, and what came."""


class Subject:
    """An answer as a check sees it; `ctx`, `response` and `case` are those of schemathesis."""

    def __init__(self, ctx: Any, response: Any, case: Any) -> None:
        self.ctx = ctx
        self.response = response
        self.case = case

    @cached_property
    def operation(self) -> str:
        """The name of the operation in the contract, empty for a method that the operation does not have."""
        operation = self.case.operation
        if self.case.method.upper() != operation.method.upper():
            return ""
        return str(operation.definition.raw.get("operationId", ""))

    @property
    def status(self) -> int:
        return int(self.response.status_code)

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def method(self) -> str:
        """The method as it was sent."""
        return str(self.response.request.method).upper()

    @cached_property
    def path(self) -> str:
        """The path as it was sent, percent-encoded."""
        return urlsplit(str(self.response.request.url)).path

    @cached_property
    def sent(self) -> Any:
        """The JSON that was sent; MISSING when it was none."""
        return as_json(self.response.request.body)

    @cached_property
    def answer(self) -> Any:
        """The JSON that came; MISSING when it was none."""
        return as_json(self.response.content)

    @property
    def is_wrong_in_itself(self) -> bool:
        """Whether what was sent is refused wherever it goes: elsewhere anything else might be accepted."""
        meta = self.case.meta
        modes = (
            {} if meta is None else {str(place.value): part.mode for place, part in meta.components.items()}
        )
        return self.status == 400 and ("body" not in modes or bool(modes["body"].is_negative))

    def header(self, name: str) -> str | None:
        """A header of the answer; several of one name are joined."""
        values = self.response.headers.get(name)
        return ", ".join(values) if values else None

    def sent_header(self, name: str) -> str | None:
        found = self.response.request.headers.get(name)
        return found.decode("latin-1") if isinstance(found, bytes) else found

    @cached_property
    def base_url(self) -> str:
        """The address that the paths of the contract hang below, which may have a path of its own."""
        parts = urlsplit(str(self.response.request.url))
        found = min(
            (at for part in ("/documents", "/oauth2/", "/_storage/") if (at := parts.path.find(part)) >= 0),
            default=0,
        )
        return f"{parts.scheme}://{parts.netloc}{parts.path[:found]}"

    # Asking for more --------------------------------------------------------------------------------------

    def repeat(self) -> Any:
        """The answer to the same request once more."""
        return self._send(self.case.derive(keep_auth=True))

    def repeat_with(self, body: Any) -> Any:
        """The answer to the same request with another body."""
        case = self.case.derive(keep_auth=True)
        case.body = body
        return self._send(case)

    def repeat_anew(self, document_id: str) -> tuple[dict[str, Any], Any]:
        """The same under keys that are new, an append to a document of choice: what was sent, and the answer."""
        case = self.case.derive(keep_auth=True)
        if self.operation == "events.append":
            case.path_parameters["documentId"] = document_id
            case.body = _anew(self.sent)
        else:
            case.body = {**self.sent, "events": [_anew(each) for each in self.sent["events"]]}
        return case.body, self._send(case)

    def read(self, document_id: str, authorization: str | None = None) -> Any:
        """The answer to a read of a document, by the client of this request unless another one is given."""
        operation = self.case.operation.schema.find_operation_by_id("documents.read")
        given = authorization or self.sent_header("Authorization")
        case = operation.Case(path_parameters={"id": document_id})
        if given is not None:
            case.headers["Authorization"] = given
        return self._send(case, authorization)

    def read_events(self, document_id: str) -> list[dict[str, Any]] | None:
        """The events of a document as this client reads them; None when it does not get them."""
        found = document_in(self.read(document_id))
        return None if found is None else found["externalEvents"]

    def token(self, url: str, client_id: str, client_secret: str) -> str | None:
        """The Authorization header of another client; None when it gets no token."""
        import requests

        app = self.case.operation.app
        session: requests.Session
        if app is None:
            session = requests.Session()
        else:
            from schemathesis.python import asgi

            session = asgi.get_client(app)
        with session:
            answer = session.request(
                "POST",
                url,
                data={"grant_type": "client_credentials", "scope": "api.carrot.eco/main-scope"},
                auth=(client_id, client_secret),
                verify=self.response.verify,
                timeout=30,
            )
        found = as_json(answer.content)
        token = found.get("access_token") if isinstance(found, dict) else None
        return f"Bearer {token}" if isinstance(token, str) else None

    def _send(self, case: Any, authorization: str | None = None) -> Any:
        # As the checks that schemathesis brings do it, so that the request is paced and shows up in recordings.
        internals = self.ctx.internals
        if authorization is None and (sent := self.sent_header("Authorization")) is not None:
            case.headers["Authorization"] = sent
        internals.record_case(parent_id=self.case.id, case=case)
        transport = self.case.operation.schema.transport
        response = transport.send(case, base_url=self.base_url, verify=self.response.verify)
        internals.record_response(case_id=case.id, response=response)
        return response


def _anew(event: dict[str, Any]) -> dict[str, Any]:
    """An event under a new key, by which it can be found; a key that is wrong stays as it is."""
    key = event.get("deduplicationId", "")
    return {**event, "deduplicationId": str(uuid4())} if isinstance(key, str) else event


def as_json(body: bytes | str | None) -> Any:
    """A body as JSON; MISSING when it is none."""
    if not body:
        return MISSING
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return MISSING


def document_in(response: Any) -> dict[str, Any] | None:
    """The document in an answer to a read; None when it has none."""
    found = as_json(response.content) if response.status_code == 200 else MISSING
    if not isinstance(found, dict) or not isinstance(events := found.get("externalEvents"), list):
        return None
    return found if all(isinstance(each, dict) for each in events) else None


def says_nothing(response: Any) -> bool:
    """Whether an answer tells nothing of what was asked, for want of time or of a token, or as the mock is busy."""
    if response.status_code in _INCONCLUSIVE:
        return True
    return response.status_code == 409 and code_of(response) == "PENDING_PROCESS_CONFLICT_ERROR"


def code_of(response: Any) -> str | None:
    """The code of the first error in the documented envelope."""
    found = as_json(response.content)
    try:
        return str(found["errors"][0]["code"])
    except (TypeError, KeyError, IndexError):
        return None


def is_uuid(text: object) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True


def shown(response: Any) -> str:
    """An answer in a line."""
    text = response.content[:300].decode("utf-8", "replace")
    return f"{response.status_code} {text}" if text else str(response.status_code)
