"""A company's way out to WSO2's registry: an HTTP proxy on loopback, behind which the embedded registry answers.

The cluster's registry speaks plain HTTP on a node; what the program asks is ``https://registry.wso2.com``. So the proxy
takes CONNECT for that name alone, ends TLS with a certificate of a CA of its own, and passes the bytes on.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from components.nginx.tls import self_signed

NAME = "registry.wso2.com"


@contextmanager
def way_out(folder: Path, registry: tuple[str, int], *direct: str) -> Iterator[dict[str, str]]:
    """Environment variables of a shell that goes out through the proxy.

    :param folder: holds certificate and key.
    :param registry: address and port of the embedded registry.
    :param direct: addresses that are asked without the proxy.
    """
    pair = self_signed(b"2" * 32, [NAME])
    (folder / "ca.pem").write_text(pair.certificate)
    (folder / "both.pem").write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_serve, args=(server, context, registry), daemon=True).start()
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        yield {"HTTPS_PROXY": proxy, "NO_PROXY": ",".join(direct), "SSL_CERT_FILE": str(folder / "ca.pem")}


def _serve(server: socket.socket, context: ssl.SSLContext, registry: tuple[str, int]) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return  # closed: the test is over
        threading.Thread(target=_tunnel, args=(client, context, registry), daemon=True).start()


def _tunnel(client: socket.socket, context: ssl.SSLContext, registry: tuple[str, int]) -> None:
    """One connection; whatever breaks ends it, as a proxy would."""
    with suppress(OSError), client:
        client.settimeout(30)
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        if not head.startswith(f"CONNECT {NAME}:443 ".encode()):
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with context.wrap_socket(client, server_side=True) as inside, socket.create_connection(registry, 10) as outside:
            threading.Thread(target=_copy, args=(outside, inside), daemon=True).start()
            _copy(inside, outside)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
