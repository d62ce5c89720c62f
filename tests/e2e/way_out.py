"""Ways out to registries, on loopback: a company's HTTP proxy, and addresses of the registries' own.

Requests go to ``https://NAME``; the server speaks plain HTTP somewhere on this machine. So both terminate TLS with a
certificate of a private CA, and pass the bytes on. The proxy takes CONNECT for the names of its routes alone.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.registries import server_context

Address = tuple[str, int]


@contextmanager
def way_out(folder: Path, routes: Mapping[str, Address], *direct: str) -> Iterator[dict[str, str]]:
    """Environment variables of a shell that goes out through the proxy.

    :param folder: holds certificate and key.
    :param routes: names that the proxy lets through, and where what answers for them listens.
    :param direct: addresses that are reached without the proxy.
    """
    context = server_context(folder, list(routes))

    def tunnel(client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        target = routes.get(head.split(b" ")[1].decode().removesuffix(":443")) if head[:8] == b"CONNECT " else None
        if target is None:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _end_tls(client, context, target)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, tunnel), daemon=True).start()
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        try:
            yield {"HTTPS_PROXY": proxy, "NO_PROXY": ",".join(direct), "SSL_CERT_FILE": str(folder / "ca.pem")}
        finally:
            # Without it the thread that accepts would keep the port open.
            server.shutdown(socket.SHUT_RDWR)


@contextmanager
def at_addresses(folder: Path, routes: Mapping[str, Address], addresses: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Environment variables of a shell that trusts them; each name answers at port 443 of its address."""
    context = server_context(folder, list(routes))
    servers = [(socket.create_server((addresses[name], 443)), target) for name, target in routes.items()]
    try:
        for server, target in servers:
            work = partial(_end_tls, context=context, target=target)
            threading.Thread(target=_serve, args=(server, work), daemon=True).start()
        yield {"SSL_CERT_FILE": str(folder / "ca.pem")}
    finally:
        for server, _ in servers:
            server.shutdown(socket.SHUT_RDWR)
            server.close()


def _serve(server: socket.socket, work: Callable[[socket.socket], None]) -> None:
    def one(client: socket.socket) -> None:
        """One connection; whatever breaks ends it, as a proxy would."""
        with suppress(OSError), client:
            client.settimeout(60)
            work(client)

    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return  # closed: the test is over
        threading.Thread(target=one, args=(client,), daemon=True).start()


def _end_tls(client: socket.socket, context: ssl.SSLContext, target: Address) -> None:
    with context.wrap_socket(client, server_side=True) as inside, socket.create_connection(target, 10) as outside:
        threading.Thread(target=_copy, args=(outside, inside), daemon=True).start()
        _copy(inside, outside)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
