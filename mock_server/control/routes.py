"""What the server serves beside Carrot's API: the paths, and who may call them."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from mock_server import contract
from mock_server.control import disturbances, handlers
from mock_server.control.answers import ControlError, failure, json_answer
from mock_server.pages import ASSETS, SECURITY_HEADERS, page
from mock_server.version import __version__

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.applications import Starlette
    from starlette.requests import Request

    Handler = Callable[[Request], Awaitable[Response]]

_WORKSPACE = "/_mock/workspaces/{workspace}"
CONTROL: dict[str, dict[str, Handler]] = {
    "/_mock/workspaces": {"GET": handlers.list_workspaces, "POST": handlers.create_workspace},
    _WORKSPACE: {"GET": handlers.show_workspace, "DELETE": handlers.delete_workspace},
    f"{_WORKSPACE}/reset": {"POST": handlers.reset},
    f"{_WORKSPACE}/events": {"GET": handlers.events},
    f"{_WORKSPACE}/documents": {"GET": handlers.documents},
    f"{_WORKSPACE}/documents/{{id}}": {"GET": handlers.document},
    f"{_WORKSPACE}/semantics": {"GET": handlers.semantics, "PATCH": handlers.change_semantics},
    f"{_WORKSPACE}/deduplication": {"GET": handlers.deduplication},
    f"{_WORKSPACE}/deduplication/{{key:path}}": {
        "GET": handlers.deduplication_key,
        "DELETE": handlers.forget_key,
    },
    f"{_WORKSPACE}/requests": {"GET": handlers.requests},
    f"{_WORKSPACE}/requests/{{id}}": {"GET": handlers.request},
    f"{_WORKSPACE}/faults": {
        "GET": disturbances.list_faults,
        "POST": disturbances.add_fault,
        "DELETE": disturbances.clear_faults,
    },
    f"{_WORKSPACE}/faults/{{id}}": {"DELETE": disturbances.remove_fault},
    f"{_WORKSPACE}/faults/{{id}}/release": {"POST": disturbances.release_fault},
    f"{_WORKSPACE}/gates": {
        "GET": disturbances.list_gates,
        "POST": disturbances.hold_gate,
        "DELETE": disturbances.clear_gates,
    },
    f"{_WORKSPACE}/gates/{{id}}": {"DELETE": disturbances.remove_gate},
    f"{_WORKSPACE}/gates/{{id}}/release": {"POST": disturbances.release_gate},
    f"{_WORKSPACE}/clock": {"GET": disturbances.show_clock, "PUT": disturbances.change_clock},
    f"{_WORKSPACE}/snapshots": {"GET": disturbances.list_snapshots, "POST": disturbances.take_snapshot},
    f"{_WORKSPACE}/snapshots/{{id}}/restore": {"POST": disturbances.restore_snapshot},
}
"""Path → method → handler, as `/_mock/openapi.json` describes them."""


def routes(app: Starlette) -> list[Route]:
    """All local paths; without the control API when it is switched off."""
    found = [_get("/_mock/health", _health)]
    if app.state.settings.control:
        # Before the pages: starlette tries one after the other, and every test makes a workspace and drops it.
        found += [_route(path, methods) for path, methods in CONTROL.items()]
        found.append(_route("/_mock/openapi.json", {"GET": _control_contract}))
        found.append(_route("/_mock{path:path}", {}))
    found += [_get(path, _page(path)) for path in ASSETS]
    found += [
        _get("/openapi.json", _contract),
        _get("/openapi.yaml", _contract_source),
        _get("/.well-known/jwks.json", _key_set),
    ]
    found.append(_route("/{path:path}", {}, guarded=False))
    return found


def _get(path: str, handler: Handler) -> Route:
    return _route(path, {"GET": handler}, guarded=False)


def _route(path: str, methods: dict[str, Handler], *, guarded: bool = True) -> Route:
    found = Route(path, _dispatch(methods, guarded=guarded))
    # None lets every method through, so that `_dispatch` refuses the wrong ones in the one form.
    found.methods = None
    return found


def _dispatch(methods: dict[str, Handler], *, guarded: bool) -> Handler:
    """One handler for a path: the method, the control token, and errors in the one form.

    A path without methods is one that is not there.
    """

    async def handle(request: Request) -> Response:
        try:
            if guarded:
                _check_token(request)
            if not methods:
                raise _nothing(request)
            handler = methods.get("GET" if request.method == "HEAD" else request.method)
            if handler is None:
                allowed = [*methods, *(["HEAD"] if "GET" in methods else [])]
                raise ControlError(
                    405,
                    "methodNotAllowed",
                    f"{request.scope['path']} takes {', '.join(allowed)}, not {request.method}.",
                    headers={"Allow": ", ".join(allowed)},
                )
            answer = await handler(request)
        except ControlError as error:
            answer = failure(error)
        answer.headers["date"] = _date(request)
        return answer

    return handle


def _date(request: Request) -> str:
    from mock_server.clock import http_date

    return http_date(request.app.state.workspaces.default.clock.time()).decode("ascii")


def _check_token(request: Request) -> None:
    expected = request.app.state.settings.control_token
    if expected is None:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(
        given.strip().encode("latin-1"), expected.encode()
    ):
        raise ControlError(
            401,
            "unauthorized",
            "The control API of this server needs Authorization: Bearer <control token>, with the token that "
            "the server was started with.",
            headers={"WWW-Authenticate": "Bearer"},
        )


async def _health(_request: Request) -> Response:
    return json_answer({"status": "ready", "version": __version__})


async def _contract(request: Request) -> Response:
    """The contract as it is written; with `?in-force` without the keywords that are switched off here."""
    if "in-force" in request.query_params:
        return json_answer(contract.in_force(request.app.state.workspaces.default.semantics))
    return Response(contract.source("openapi.json"), media_type="application/json")


async def _contract_source(_request: Request) -> Response:
    return Response(contract.source("openapi.yaml"), media_type="application/yaml")


async def _control_contract(_request: Request) -> Response:
    return Response(contract.source("control/openapi.json"), media_type="application/json")


async def _key_set(request: Request) -> Response:
    return json_answer(request.app.state.tokens.key_set())


def _page(path: str) -> Handler:
    name, media_type = ASSETS[path]

    async def handle(_request: Request) -> Response:
        return Response(page(name), media_type=media_type, headers=dict(SECURITY_HEADERS))

    return handle


def _nothing(request: Request) -> ControlError:
    path = request.scope["path"]
    off = path.startswith("/_mock") and not request.app.state.settings.control
    why = "; the control API of this server is switched off" if off else ""
    return ControlError(404, "notFound", f"There is nothing at {path}{why}.")
