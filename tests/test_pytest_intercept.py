"""The vendor's addresses reach the mock: a client of each library, TLS verified, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import logging
import os
import socket
import ssl
import struct
import sys
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import aiohttp.resolver
import httpx
import pytest
import requests
from cryptography import x509
from payloads import mass_id
from yarl import URL

from pytest_carrot import intercept as module
from pytest_carrot import rerouting
from pytest_carrot.authority import Authority, authority_for
from pytest_carrot.intercept import Intercept, RefusedError, intercepting
from pytest_carrot.relay import Relay

API = "https://api.carrot.eco"
TOKEN = "https://auth.api.carrot.eco/oauth2/token"
FORM = {"grant_type": "client_credentials", "scope": "api.carrot.eco/main-scope"}
OUTSIDE = "example.org"


@pytest.fixture
def intercept(workspace: dict[str, Any]) -> Iterator[Intercept]:
    with intercepting(workspace["url"]) as found:
        yield found


@pytest.fixture
def pair(workspace: dict[str, Any]) -> tuple[str, str]:
    credential = workspace["credentials"][0]
    return credential["clientId"], credential["clientSecret"]


# A client of each library ------------------------------------------------------------------------------

# A call: method, address, and any of `auth` (a pair), `form`, `json`, `content`, `headers`; gives the body.
Send = Callable[..., bytes]


def by_httpx(client: httpx.Client) -> Send:
    def send(
        method: str, url: str, auth: Any = None, form: Any = None, content: Any = None, **more: Any
    ) -> bytes:
        return (
            client.request(method, url, auth=auth, data=form, content=content, **more)
            .raise_for_status()
            .content
        )

    return send


def by_requests(session: requests.Session) -> Send:
    def send(method: str, url: str, form: Any = None, content: Any = None, **more: Any) -> bytes:
        answer = session.request(method, url, data=content if form is None else form, **more)
        answer.raise_for_status()
        return answer.content

    return send


def encoded(more: dict[str, Any]) -> tuple[bytes | None, dict[str, str]]:
    """Body and headers, for what has no such arguments."""
    headers, body = dict(more.get("headers") or {}), more.get("content")
    if auth := more.get("auth"):
        headers["Authorization"] = "Basic " + b64encode(":".join(auth).encode()).decode()
    if form := more.get("form"):
        body = urllib.parse.urlencode(form).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if "json" in more:
        body, headers["Content-Type"] = json.dumps(more["json"]).encode(), "application/json"
    return body, headers


def by_urllib(method: str, url: str, **more: Any) -> bytes:
    body, headers = encoded(more)
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)) as answer:
        return bytes(answer.read())


def by_http_client(method: str, url: str, **more: Any) -> bytes:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc)
    try:
        body, headers = encoded(more)
        connection.request(method, f"{parts.path}?{parts.query}", body, headers)
        answer = connection.getresponse()
        assert answer.status < 300, answer.read()
        return answer.read()
    finally:
        connection.close()


def journey(send: Send, pair: tuple[str, str]) -> dict[str, Any]:
    """Token, create, read, upload and download, all by the vendor's addresses; gives the document."""
    token = json.loads(send("POST", TOKEN, auth=pair, form=FORM))["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    document_id = json.loads(send("POST", f"{API}/documents", json=mass_id(), headers=bearer))["id"]
    content = os.urandom(300_000)
    place = f"{API}/documents/{document_id}/attachments/mtr.pdf"
    about = {"contentLength": len(content), "contentType": "application/pdf"}
    upload = json.loads(send("PUT", place, json=about, headers=bearer))["url"]
    assert urlsplit(upload).hostname == "api.carrot.eco"
    send("PUT", upload, content=content, headers={"Content-Type": "application/pdf"})
    assert send("GET", json.loads(send("GET", place, headers=bearer))["url"]) == content
    return dict(json.loads(send("GET", f"{API}/documents/{document_id}", headers=bearer)))


def check(document: dict[str, Any]) -> None:
    assert document["status"] == "OPEN"
    assert [each["fileName"] for each in document["attachments"]] == ["mtr.pdf"]


@pytest.mark.parametrize("library", ["httpx", "requests", "urllib.request", "http.client"])
def test_a_client_of_each_library_does_its_job(
    intercept: Intercept, pair: tuple[str, str], library: str
) -> None:
    with httpx.Client() as client, requests.Session() as session:
        sends: dict[str, Send] = {
            "httpx": by_httpx(client),
            "requests": by_requests(session),
            "urllib.request": by_urllib,
            "http.client": by_http_client,
        }
        check(journey(sends[library], pair))


def in_a_thread(send: Callable[..., Awaitable[bytes]], pair: tuple[str, str]) -> Awaitable[dict[str, Any]]:
    """The journey in a thread whose calls are made in the loop that runs."""
    loop = asyncio.get_running_loop()

    def from_thread(*args: Any, **more: Any) -> bytes:
        async def call() -> bytes:
            return await send(*args, **more)

        return asyncio.run_coroutine_threadsafe(call(), loop).result(30)

    return asyncio.to_thread(journey, from_thread, pair)


async def by_async_httpx(pair: tuple[str, str]) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:

        async def send(
            method: str, url: str, auth: Any = None, form: Any = None, content: Any = None, **more: Any
        ) -> bytes:
            answer = await client.request(method, url, auth=auth, data=form, content=content, **more)
            return answer.raise_for_status().content

        return await in_a_thread(send, pair)


async def by_aiohttp(pair: tuple[str, str], resolver: aiohttp.abc.AbstractResolver) -> dict[str, Any]:
    connector = aiohttp.TCPConnector(resolver=resolver)
    async with aiohttp.ClientSession(connector=connector, raise_for_status=True) as session:

        async def send(
            method: str, url: str, auth: Any = None, form: Any = None, content: Any = None, **more: Any
        ) -> bytes:
            headers = more.pop("headers", {}) | (
                {"Authorization": aiohttp.encode_basic_auth(*auth)} if auth else {}
            )
            data = content if form is None else form
            async with session.request(
                method, URL(url, encoded=True), data=data, headers=headers, **more
            ) as answer:
                return await answer.read()

        return await in_a_thread(send, pair)


ASYNC_CLIENTS: dict[str, Callable[[tuple[str, str]], Awaitable[dict[str, Any]]]] = {
    "httpx": by_async_httpx,
    "aiohttp in threads": lambda pair: by_aiohttp(pair, aiohttp.resolver.ThreadedResolver()),
    "aiohttp by aiodns": lambda pair: by_aiohttp(pair, aiohttp.resolver.AsyncResolver()),
}


def loops() -> Iterator[Any]:
    yield pytest.param(asyncio.new_event_loop, id="asyncio")
    if sys.platform != "win32":
        import uvloop

        yield pytest.param(uvloop.new_event_loop, id="uvloop")


@pytest.mark.parametrize("loop", list(loops()))
@pytest.mark.parametrize("library", ASYNC_CLIENTS)
def test_an_asynchronous_client_does_its_job_on_each_loop(
    intercept: Intercept, pair: tuple[str, str], library: str, loop: Any
) -> None:
    async def main() -> dict[str, Any]:
        return await ASYNC_CLIENTS[library](pair)

    with asyncio.Runner(loop_factory=loop) as runner:
        check(runner.run(main()))


# What holds for them all --------------------------------------------------------------------------------


@contextmanager
def answering(reply: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server whose connections are handed to `reply`, one after another."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    reply(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def saying(body: bytes) -> Callable[[socket.socket], None]:
    """An answer that ends with the connection."""

    def reply(connection: socket.socket) -> None:
        while not connection.recv(65536).endswith(b"\r\n\r\n"):
            pass
        connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + body)

    return reply


def state() -> dict[str, Any]:
    """All that an intercept may replace."""
    owners = [(owner, name) for owner, name, _ in rerouting._replacements()]
    return {f"{owner}.{name}": vars(owner).get(name) for owner, name in owners} | dict(os.environ)


def test_afterwards_all_is_as_it_was_also_when_the_test_fails(workspace: dict[str, Any]) -> None:
    before = state()

    def fail() -> None:
        with intercepting(workspace["url"]):
            assert state() != before
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert state() == before
    assert not [each for each in threading.enumerate() if each.name == "carrot-intercept"]


def test_what_cannot_be_put_in_place_leaves_nothing_behind(
    workspace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state()
    with monkeypatch.context() as patch:
        patch.setattr(rerouting, "_bypass_proxies", lambda hosts: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Intercept(workspace["url"]).start()
    assert state() == before
    assert not [each for each in threading.enumerate() if each.name == "carrot-intercept"]


def test_what_somebody_put_on_top_stays_and_works(workspace: dict[str, Any]) -> None:
    intercept, original = Intercept(workspace["url"]), socket.getaddrinfo
    intercept.start()
    ours = socket.getaddrinfo
    theirs = socket.getaddrinfo = lambda *args, **more: ours(*args, **more)
    try:
        intercept.stop()
        assert socket.getaddrinfo is theirs
        assert socket.getaddrinfo("127.0.0.1", 1) == original("127.0.0.1", 1)
    finally:
        socket.getaddrinfo = original


def test_starting_and_stopping_twice_is_like_once(workspace: dict[str, Any]) -> None:
    before, intercept = state(), Intercept(workspace["url"])
    for _ in range(2):
        intercept.start()
        intercept.start()
        assert httpx.get(f"{API}/openapi.json").status_code == 200
        intercept.stop()
        intercept.stop()
    assert state() == before


def test_a_client_from_before_works_and_afterwards_reaches_the_mock_no_more(
    workspace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def outside(*_: Any, **__: Any) -> Any:
        raise socket.gaierror("looked up outside")

    monkeypatch.setattr(socket, "getaddrinfo", outside)
    # Numeric addresses alone can be resolved by it, so that nothing leaves this machine.
    monkeypatch.setattr(rerouting, "_getaddrinfo", lambda _: rerouting_getaddrinfo(real_getaddrinfo))
    with httpx.Client() as client:
        for _ in range(2):
            with intercepting(workspace["url"]):
                assert client.get(f"{API}/openapi.json").status_code == 200
            with pytest.raises(httpx.ConnectError, match="looked up outside"):
                client.get(f"{API}/openapi.json")


real_getaddrinfo = socket.getaddrinfo
rerouting_getaddrinfo = rerouting._getaddrinfo


def test_the_certificate_names_both_hosts(intercept: Intercept) -> None:
    names = set()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("api.carrot.eco", 443)) as connection,
        context.wrap_socket(connection) as secured,
    ):
        found = secured.getpeercert(binary_form=True)
        assert found is not None
        names = set(
            x509.load_der_x509_certificate(found)
            .extensions.get_extension_for_class(x509.SubjectAlternativeName)
            .value.get_values_for_type(x509.DNSName)
        )
    assert names == {"api.carrot.eco", "auth.api.carrot.eco"}


def test_certificates_are_verified(intercept: Intercept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intercept, "trusting", lambda context: context)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(API)
    monkeypatch.setattr(intercept, "trusting", Authority("api.carrot.eco").client)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(API)
    assert httpx.get(API, verify=False).status_code == 200


def test_a_host_of_another_name_is_not_believed_to_be_the_vendors(intercept: Intercept) -> None:
    trusting = ssl.create_default_context(cadata=intercept.authority)
    with (
        socket.create_connection(("api.carrot.eco", 443)) as connection,
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
    ):
        trusting.wrap_socket(connection, server_hostname=OUTSIDE)


def test_a_client_keeps_its_own_trust(intercept: Intercept) -> None:
    context = ssl.create_default_context()
    before = context.get_ca_certs()
    assert httpx.get(API, verify=context).status_code == 200
    assert context.get_ca_certs() == before


def test_names_are_compared_as_names(intercept: Intercept) -> None:
    assert by_http_client("GET", "https://API.Carrot.Eco/openapi.json?")
    for host in ("api.carrot.eco.", b"api.carrot.eco", "API.carrot.ECO"):
        assert socket.getaddrinfo(host, "https", type=socket.SOCK_STREAM)[0][4] == (module.ADDRESS, 443)
    assert socket.gethostbyname("auth.api.carrot.eco") == module.ADDRESS
    assert socket.gethostbyname_ex("auth.api.carrot.eco")[2] == [module.ADDRESS]
    with socket.socket() as connection:
        assert connection.connect_ex(("api.carrot.eco", 443)) == 0


def test_an_upload_of_the_largest_size_goes_through(intercept: Intercept, pair: tuple[str, str]) -> None:
    content = os.urandom(10 * 1024 * 1024)
    with httpx.Client(timeout=60) as client:
        token = client.post(TOKEN, data=FORM, auth=pair).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        document_id = client.post(f"{API}/documents", json=mass_id(), headers=bearer).json()["id"]
        place = f"{API}/documents/{document_id}/attachments/large.bin"
        about = {"contentLength": len(content), "contentType": "application/octet-stream"}
        upload = client.put(place, json=about, headers=bearer).json()["url"].replace("http:", "https:", 1)
        typed = {"Content-Type": "application/octet-stream"}
        assert client.put(upload, content=content, headers=typed).status_code == 200
        address = client.get(place, headers=bearer).json()["url"].replace("http:", "https:", 1)
        assert client.get(address).content == content


def test_many_threads_call_at_once(intercept: Intercept, pair: tuple[str, str]) -> None:
    def work(library: int) -> dict[str, Any]:
        with httpx.Client() as client, requests.Session() as session:
            return journey(by_httpx(client) if library % 2 else by_requests(session), pair)

    with ThreadPoolExecutor(8) as pool:
        documents = list(pool.map(work, range(24)))
    assert len({each["id"] for each in documents}) == 24


def test_many_connections_are_open_at_once(intercept: Intercept) -> None:
    async def main() -> list[int]:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:
            answers = await asyncio.gather(*(client.get(f"{API}/_mock/health") for _ in range(100)))
            return [each.status_code for each in answers]

    assert asyncio.run(main()) == [200] * 100


def test_of_two_at_once_the_last_counts() -> None:
    with answering(saying(b"outer")) as outer, answering(saying(b"inner")) as inner:
        first, second = Intercept(outer), Intercept(inner)
        first.start()
        assert httpx.get(API).text == "outer"
        second.start()
        assert httpx.get(API).text == "inner"
        second.stop()
        assert httpx.get(API).text == "outer"
        second.start()
        first.stop()
        assert httpx.get(API).text == "inner"
        second.stop()


def test_a_server_on_https_is_reached_too(workspace: dict[str, Any], pair: tuple[str, str]) -> None:
    front = Relay(workspace["url"], Authority("mock.test").server)
    front.start()
    try:
        with intercepting(f"https://127.0.0.1:{front.secure_address[1]}"), httpx.Client() as client:
            check(journey(by_httpx(client), pair))
    finally:
        front.stop()


# What the relay passes on -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_that_ends_with_the_connection_comes_whole(scheme: str) -> None:
    body = os.urandom(4_000_000)
    with answering(saying(body)) as url, intercepting(url):
        assert httpx.get(f"{scheme}://api.carrot.eco").content == body


def test_half_a_connection_can_be_closed() -> None:
    def reply(connection: socket.socket) -> None:
        received = b""
        while data := connection.recv(65536):
            received += data
        connection.sendall(received[::-1])

    with (
        answering(reply) as url,
        intercepting(url),
        socket.create_connection(("api.carrot.eco", 80)) as connection,
    ):
        connection.sendall(b"abc")
        connection.shutdown(socket.SHUT_WR)
        assert connection.makefile("rb").read() == b"cba"


# Python's TLS shows a reset as an end; so it does without a relay.
@pytest.mark.parametrize(("scheme", "seen"), [("http", httpx.ReadError), ("https", httpx.TransportError)])
def test_a_reset_is_seen_as_a_reset(scheme: str, seen: type[Exception]) -> None:
    def reply(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with answering(reply) as url, intercepting(url), pytest.raises(seen):
        httpx.get(f"{scheme}://api.carrot.eco")


def test_a_connection_closed_without_a_byte_is_seen_as_that() -> None:
    def reply(connection: socket.socket) -> None:
        connection.recv(65536)

    with (
        answering(reply) as url,
        intercepting(url),
        pytest.raises(httpx.RemoteProtocolError, match="without sending a response"),
    ):
        httpx.get(API)


def test_stopping_drops_what_is_open_in_any_state(workspace: dict[str, Any]) -> None:
    with ExitStack() as stack:
        intercept = stack.enter_context(intercepting(workspace["url"]))
        opened = [
            stack.enter_context(socket.create_connection((host, port)))
            for host in intercept.hosts
            for port in (80, 443)
        ]
        opened[0].sendall(b"POST /documents HTTP/1.1\r\ncontent-length: 9\r\n")
        client = stack.enter_context(httpx.Client())
        assert client.get(f"{API}/openapi.json").status_code == 200
        intercept.stop()
        for connection in opened:
            with suppress(ConnectionResetError):
                assert connection.recv(1) == b""
    gc.collect()


# Bad input ----------------------------------------------------------------------------------------------


@pytest.fixture
def closed() -> str:
    """The address of a server that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("address", [API, "http://api.carrot.eco"])
def test_a_mock_that_is_not_there_is_a_connection_error_of_the_library(
    closed: str, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def by_aiohttp() -> None:
        async with aiohttp.ClientSession() as session, session.get(address):
            pass

    async def by_async_httpx() -> None:
        async with httpx.AsyncClient() as client:
            await client.get(address)

    with intercepting(closed):
        with pytest.raises(httpx.NetworkError):
            httpx.get(address)
        with pytest.raises(httpx.NetworkError):
            asyncio.run(by_async_httpx())
        with pytest.raises(requests.ConnectionError):
            requests.get(address)
        with pytest.raises(aiohttp.ClientConnectionError):
            asyncio.run(by_aiohttp())
        with pytest.raises((ConnectionResetError, urllib.error.URLError)):
            urllib.request.urlopen(address)
    said = [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR]
    assert len(said) >= 5
    assert all(f"no connection to the server at {closed}" in each for each in said)


@pytest.mark.parametrize(
    "url", ["", "mock", "ftp://mock", "http://", "http://mock/path", "http://mock:99999", "http://[mock", API]
)
def test_what_is_no_address_of_a_server_is_told_in_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected (?:http|the address)"):
        Intercept(url)


def test_a_missing_package_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(RuntimeError, match=r"pip install 'carrot-mock\[pytest\]'"):
        Authority("mock.test")


# Other hosts --------------------------------------------------------------------------------------------


def test_other_hosts_are_untouched(workspace: dict[str, Any], intercept: Intercept) -> None:
    local = workspace["url"].replace("127.0.0.1", "localhost")
    for url in (workspace["url"], local):
        assert httpx.get(f"{url}/openapi.json").status_code == 200
    other = Authority("localhost")
    front = Relay(workspace["url"], other.server)
    front.start()
    try:
        address = f"https://localhost:{front.secure_address[1]}/openapi.json"
        assert httpx.get(address, verify=other.client(ssl.create_default_context())).status_code == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(address)
    finally:
        front.stop()
    assert intercept.refused == []


async def get_by_async_httpx(url: str) -> None:
    async with httpx.AsyncClient() as client:
        await client.get(url)


async def get_by_aiohttp(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url):
        pass


@pytest.mark.parametrize("host", [OUTSIDE, "192.0.2.1"])
def test_other_hosts_are_refused_by_name_on_request(intercept: Intercept, host: str) -> None:
    intercept.refuse_others()
    url = f"https://{host}/"
    with pytest.raises(RefusedError, match=host):
        httpx.get(url)
    with pytest.raises(RefusedError, match=host):
        requests.get(url)
    with pytest.raises(RefusedError, match=host):
        urllib.request.urlopen(url)
    for call in (get_by_async_httpx, get_by_aiohttp):
        for loop in loops():
            with asyncio.Runner(loop_factory=loop.values[0]) as runner:
                with pytest.raises((RefusedError, ExceptionGroup)) as caught:
                    runner.run(call(url))
                assert host in repr(caught.value)
    assert set(intercept.refused) == {host}
    assert len(intercept.refused) == 7


def test_refusing_leaves_the_vendor_the_loopback_and_what_is_allowed(
    workspace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(host: Any, *args: Any, **more: Any) -> Any:
        return real_getaddrinfo("192.0.2.7" if host == "database.test" else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with intercepting(workspace["url"], refuse_others=True) as intercept:
        for url in (API, workspace["url"], workspace["url"].replace("127.0.0.1", "localhost")):
            assert httpx.get(f"{url}/openapi.json").status_code == 200
        with pytest.raises(RefusedError):
            socket.getaddrinfo("database.test", 5432)
        intercept.refuse_others("Database.test")
        assert socket.getaddrinfo("database.test", 5432)
        assert intercept.destination("192.0.2.7", 5432) is None
        assert intercept.refused == ["database.test"]
        with pytest.raises(RefusedError):
            intercept.destination("::ffff:192.0.2.8", 80)
        for host in ("::1", "127.0.0.9", "::ffff:127.0.0.1", "0.0.0.0", "app.localhost"):
            assert intercept.destination(host, 80) is None


# Proxies ------------------------------------------------------------------------------------------------


def test_proxies_of_the_environment_are_bypassed(
    workspace: dict[str, Any], closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, closed)
    monkeypatch.setenv("NO_PROXY", "internal.test")
    monkeypatch.delenv("no_proxy", raising=False)
    url = f"{API}/openapi.json"

    async def by_aiohttp() -> int:
        async with aiohttp.ClientSession(trust_env=True) as session, session.get(url) as answer:
            return answer.status

    before = httpx.Client()
    opener = urllib.request.build_opener()
    with before, requests.Session() as session, intercepting(workspace["url"]):
        assert os.environ["NO_PROXY"] == "internal.test,api.carrot.eco,auth.api.carrot.eco"
        assert before.get(url).status_code == 200
        assert httpx.get(url).status_code == 200
        assert session.get(url).status_code == 200
        assert asyncio.run(by_aiohttp()) == 200
        with opener.open(url) as answer:
            assert answer.status == 200
        # Others still go by the proxy, which is not there.
        with pytest.raises(httpx.ConnectError):
            before.get(f"https://{OUTSIDE}")
    assert (os.environ["NO_PROXY"], os.environ.get("no_proxy")) == ("internal.test", None)


def test_without_any_proxies_the_environment_stays(
    workspace: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with intercepting(workspace["url"]):
        assert os.environ["no_proxy"] == "*"


def test_an_authority_is_made_once() -> None:
    assert authority_for(*module.HOSTS) is authority_for(*module.HOSTS)
