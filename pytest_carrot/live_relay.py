"""A server on this machine that passes on to an API what its guard lets through, so that any client is guarded."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from pytest_carrot.live_guard import Refused
from pytest_carrot.live_http import Answer, NoAnswer

if TYPE_CHECKING:
    from pytest_carrot.live_guard import Guard

REFUSED: Final = 422
"""The status of what does not go on to the API, which the vendor's retry table says not to repeat."""
_NO_ANSWER: Final = 502
# About one connection, and of no meaning beyond it (RFC 9110, 7.6.1).
_ONE_WAY: Final = frozenset(
    ("connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)


class LiveRelay:
    """Runs in threads from `start` until `stop`; `url` is its address, with the token endpoint at /oauth2/token."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self._server = _Server(guard)
        host, port = self._server.server_address[:2]
        self.url = f"http://{host!s}:{port}"
        self._thread = threading.Thread(
            target=lambda: self._server.serve_forever(poll_interval=0.01), name="carrot-live", daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, guard: Guard) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.guard = guard

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    # An answer is written at once, not after the acknowledgement of its headers.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            self._answer(self._passed_on())
            self.wfile.flush()

    def log_message(self, *arguments: Any) -> None:
        """Nothing is logged: paths and headers are the test's own business."""

    def _passed_on(self) -> Answer:
        headers = {
            name.lower(): value for name, value in self.headers.items() if name.lower() not in _ONE_WAY
        }
        try:
            return self.server.guard.pass_on(self.command, self.path, headers, self._body())
        except Refused as why:
            return _told(REFUSED, str(why))
        except NoAnswer as why:
            return _told(_NO_ANSWER, str(why))

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", "").lower():
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline(100).partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline(3)
        while self.rfile.readline(65537).strip():
            pass
        return b"".join(parts)

    def _answer(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.fields:
            if name.lower() not in _ONE_WAY:
                self.send_header(name, value)
        bare = answer.status in (204, 304) or answer.status < 200
        if not bare:
            self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if not bare and self.command != "HEAD":
            self.wfile.write(answer.body)


def _told(status: int, sentence: str) -> Answer:
    body = json.dumps({"message": sentence}).encode()
    return Answer(status, (("content-type", "application/json"),), body)
