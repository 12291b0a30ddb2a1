"""The vendor's endpoints: one module a resource, and the table of paths that lead to them."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from mock_server.errors import MethodNotAllowed, NotFound
from mock_server.wire import Route

_STATIC = {
    ("POST", b"/documents"): Route("documents.create"),
    ("POST", b"/documents/events"): Route("events.batch"),
    ("POST", b"/oauth2/token"): Route("token"),
}
# As a number, which is looked for in bytes much faster than bytes are.
_PERCENT = ord("%")
_READING = ("GET", "HEAD")
_CREATE = {"POST": "documents.create"}
_BATCH = {"POST": "events.batch"}
_READ = dict.fromkeys(_READING, "documents.read")
_APPEND = {"POST": "events.append"}
_ATTACHMENT = {**dict.fromkeys(_READING, "attachments.download"), "PUT": "attachments.upload"}
_TOKEN = {"POST": "token"}


def route(method: str, raw_path: bytes) -> Route:
    """The route of a percent-encoded path; raises NotFound and MethodNotAllowed.

    What begins with `/documents` is served with the prefix `/v1` too (`path-prefix`).
    """
    if (static := _STATIC.get((method, raw_path))) is not None:
        return static
    parts = raw_path.split(b"/")
    if len(parts) > 2 and parts[1] == b"v1":
        del parts[1]
    count = len(parts)
    if count > 1 and parts[1] == b"documents":
        if count == 2:
            return Route(_operation(_CREATE, method, raw_path))
        if count == 3 and parts[2] == b"events":
            return Route(_operation(_BATCH, method, raw_path))
        if parts[2]:
            document_id = _decoded(parts[2])
            if count == 3:
                return Route(_operation(_READ, method, raw_path), document_id)
            if count == 4 and parts[3] == b"events":
                return Route(_operation(_APPEND, method, raw_path), document_id)
            if count == 5 and parts[3] == b"attachments" and parts[4]:
                operation = _operation(_ATTACHMENT, method, raw_path)
                return Route(operation, document_id, unquote_to_bytes(parts[4]))
    elif raw_path == b"/oauth2/token":
        return Route(_operation(_TOKEN, method, raw_path))
    elif raw_path.startswith(b"/_storage/"):
        return Route("storage.put" if method == "PUT" else "storage.get")
    raise NotFound(
        f"There is nothing at {raw_path.decode('latin-1')}; there are /oauth2/token, "
        "/documents, /documents/{id}, /documents/{id}/events, /documents/events and "
        "/documents/{id}/attachments/{fileName}, none with a slash at the end.",
        "unknown-path",
    )


def _decoded(part: bytes) -> str:
    return (unquote_to_bytes(part) if _PERCENT in part else part).decode("utf-8", "replace")


def _operation(methods: dict[str, str], method: str, raw_path: bytes) -> str:
    operation = methods.get(method)
    if operation is None:
        why = {"token": ("token-post-only",), "events.batch": ("batch-path-post-only",)}
        behaviours = why.get(next(iter(methods.values())), ())
        raise MethodNotAllowed(method, raw_path.decode("latin-1"), list(methods), *behaviours)
    return operation
