"""Replaces what this process connects with, while there is a route: names, connections, TLS, proxies."""

from __future__ import annotations

import importlib
import inspect
import os
import socket
import ssl
import sys
import threading
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    # What is replaced belongs to others, in many versions: arguments are passed on as they came.
    Function = Callable[..., Any]


class Route(Protocol):
    """Where connections go. Hosts are lower-case and without a last dot."""

    hosts: tuple[str, ...]

    def lookup(self, host: str) -> str:
        """The address or name to resolve in place of `host`; may raise."""
        ...

    def found(self, host: str, addresses: Iterable[str]) -> None:
        """Hear what a name was resolved to."""
        ...

    def destination(self, host: str, port: int) -> tuple[str, int] | None:
        """Where to connect in place of `host` and `port`, or None; may raise."""
        ...

    def trusting(self, context: ssl.SSLContext) -> ssl.SSLContext:
        """The context with which to speak TLS to one of `hosts`, in place of the caller's."""
        ...


_lock = threading.Lock()
_routes: tuple[Route, ...] = ()
_undo: list[Callable[[], None]] = []


def begin(route: Route) -> None:
    """Use `route` until it ends, or until another begins on top of it."""
    global _routes
    with _lock:
        if not _routes:
            try:
                _replace_all(route.hosts)
            except BaseException:
                _restore_all()
                raise
        _routes = (*_routes, route)


def end(route: Route) -> None:
    """Use what was used before; without a route all is as it was."""
    global _routes
    with _lock:
        _routes = tuple(each for each in _routes if each is not route)
        if not _routes:
            _restore_all()


def _current() -> Route | None:
    # A replacement that somebody has kept for longer than we meant does nothing of its own.
    routes = _routes
    return routes[-1] if routes else None


def _replace_all(hosts: tuple[str, ...]) -> None:
    for owner, name, replacing in _replacements():
        _replace(owner, name, replacing)
    _bypass_proxies(hosts)


def _restore_all() -> None:
    while _undo:
        _undo.pop()()


def _replace(owner: Any, name: str, replacing: Callable[[Function], Function]) -> None:
    original, own = getattr(owner, name), name in vars(owner)
    ours = wraps(original)(replacing(original))

    def undo() -> None:
        # What somebody has put on top is theirs to take away.
        if vars(owner).get(name) is not ours:
            return
        if own:
            setattr(owner, name, original)
        else:
            delattr(owner, name)

    setattr(owner, name, ours)
    _undo.append(undo)


def _replacements() -> list[tuple[Any, str, Callable[[Function], Function]]]:
    """Owner, name and replacement; the originals are looked up by their users at each call."""
    found: list[tuple[Any, str, Callable[[Function], Function]]] = [
        (socket, "getaddrinfo", _getaddrinfo),
        (socket, "gethostbyname", _by_name),
        (socket, "gethostbyname_ex", _by_name),
        (socket.socket, "connect", _connect),
        (socket.socket, "connect_ex", _connect),
        (ssl.SSLContext, "wrap_socket", _wrap),
        (ssl.SSLContext, "wrap_bio", _wrap),
    ]
    # These two resolve and connect in C. They are imported here because a client may import them later.
    if (uvloop := _installed("uvloop")) is not None:
        found += [
            (uvloop.Loop, "getaddrinfo", _loop_getaddrinfo),
            (uvloop.Loop, "create_connection", _loop_create_connection),
        ]
    if (aiodns := _installed("aiodns")) is not None and hasattr(aiodns.DNSResolver, "getaddrinfo"):
        found.append((aiodns.DNSResolver, "getaddrinfo", _resolver_getaddrinfo))
    if sys.platform == "win32":
        from asyncio.proactor_events import BaseProactorEventLoop

        found.append((BaseProactorEventLoop, "sock_connect", _loop_sock_connect))
    # httpx reads the proxies of the environment when a client is made, which was before when httpx is there.
    if (httpx := sys.modules.get("httpx")) is not None:
        found += [
            (client, "_transport_for_url", _transport_for_url)
            for client in (httpx.Client, httpx.AsyncClient)
            if hasattr(client, "_transport_for_url")
        ]
    return found


def _installed(name: str) -> Any:
    with suppress(ImportError):
        return importlib.import_module(name)
    return None


# Names ------------------------------------------------------------------------------------------------


def plain_name(host: object) -> str | None:
    """A host as names are compared: lower-case, without a last dot; None when it is no name or address."""
    if isinstance(host, bytes | bytearray):
        host = bytes(host).decode("ascii", "replace")
    return host.lower().removesuffix(".") if isinstance(host, str) else None


def _lookup(host: Any) -> Any:
    route, name = _current(), plain_name(host)
    if route is None or not name:
        return host
    asked = route.lookup(name)
    return host if asked == name else asked


def _found(host: Any, answers: Any) -> Any:
    route, name = _current(), plain_name(host)
    if route is not None and name:
        route.found(name, [answer[4][0] for answer in answers])
    return answers


def _flags(host: Any, asked: Any, flags: int) -> int:
    # Whether this machine has an address beside the loopback must not matter for ours.
    return flags if asked is host else flags & ~socket.AI_ADDRCONFIG


def _getaddrinfo(original: Function) -> Function:
    def getaddrinfo(
        host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        asked = _lookup(host)
        return _found(host, original(asked, port, family, type, proto, _flags(host, asked, flags)))

    return getaddrinfo


def _by_name(original: Function) -> Function:
    return lambda hostname: original(_lookup(hostname))


def _loop_getaddrinfo(original: Function) -> Function:
    async def getaddrinfo(loop: Any, host: Any, port: Any, *, flags: int = 0, **more: Any) -> Any:
        asked = _lookup(host)
        return _found(host, await original(loop, asked, port, flags=_flags(host, asked, flags), **more))

    return getaddrinfo


def _resolver_getaddrinfo(original: Function) -> Function:
    return lambda resolver, host, *args, **more: original(resolver, _lookup(host), *args, **more)


# Connections ------------------------------------------------------------------------------------------


def _destination(connection: socket.socket, address: Any) -> Any:
    route = _current()
    inet = connection.family in (socket.AF_INET, socket.AF_INET6) and connection.type == socket.SOCK_STREAM
    if route is None or not inet or not isinstance(address, tuple) or len(address) < 2:
        return address
    name = plain_name(address[0])
    try:
        return (route.destination(name, address[1]) if name else None) or address
    except BaseException:
        # Callers expect an OSError alone, and leave the socket open at others.
        connection.close()
        raise


def _connect(original: Function) -> Function:
    return lambda connection, address: original(connection, _destination(connection, address))


def _loop_sock_connect(original: Function) -> Function:
    async def sock_connect(loop: Any, sock: socket.socket, address: Any) -> Any:
        return await original(loop, sock, _destination(sock, address))

    return sock_connect


def _loop_create_connection(original: Function) -> Function:
    async def create_connection(
        loop: Any, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any
    ) -> Any:
        route, name = _current(), plain_name(host)
        if route is not None and name:
            route.lookup(name)
            target = route.destination(name, port)
            if target is not None:
                if more.get("ssl") and more.get("server_hostname") is None:
                    more["server_hostname"] = host
                host, port = target
        return await original(loop, protocol_factory, host, port, **more)

    return create_connection


# TLS --------------------------------------------------------------------------------------------------


def _wrap(original: Function) -> Function:
    signature = inspect.signature(original)

    def wrap(context: ssl.SSLContext, *args: Any, **more: Any) -> Any:
        given = signature.bind(context, *args, **more).arguments
        route = _current()
        if route is not None and plain_name(given.get("server_hostname")) in route.hosts:
            context = route.trusting(context)
        return original(context, *args, **more)

    return wrap


# Proxies ----------------------------------------------------------------------------------------------


def _bypass_proxies(hosts: tuple[str, ...]) -> None:
    """Name the hosts in NO_PROXY, which urllib, requests, aiohttp and new clients of httpx read."""
    so_far = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if so_far.strip() == "*":
        return
    names = ("no_proxy", "NO_PROXY")
    # Both are remembered first: on Windows they are one.
    _undo.extend([_environ_undo(name) for name in names])
    for name in names:
        os.environ[name] = ",".join([*filter(None, [so_far]), *hosts])


def _environ_undo(name: str) -> Callable[[], None]:
    before = os.environ.get(name)

    def undo() -> None:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before

    return undo


def _transport_for_url(original: Function) -> Function:
    def transport_for_url(client: Any, url: Any) -> Any:
        found, route = original(client, url), _current()
        if route is None or plain_name(url.host) not in route.hosts:
            return found
        # httpx has no other way to tell: a proxy is a pool of httpcore that is called HTTPProxy, SOCKSProxy, …
        is_proxy = type(getattr(found, "_pool", None)).__name__.endswith("Proxy")
        return getattr(client, "_transport", found) if is_proxy else found

    return transport_for_url
