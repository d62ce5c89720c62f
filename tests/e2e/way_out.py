"""Ways out to registries, on loopback: a company's HTTP proxy, and addresses of the registries' own.

Requests go to ``https://NAME``; the server speaks plain HTTP somewhere on this machine. So both terminate TLS with a
certificate of a private CA, and pass the bytes on. The proxy takes CONNECT for the names of its routes alone.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.registries import server_context

Address = tuple[str, int]
Work = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def way_out(folder: Path, routes: Mapping[str, Address], *direct: str) -> Iterator[dict[str, str]]:
    """Environment variables of a shell that goes out through the proxy.

    :param folder: holds certificate and key.
    :param routes: names that the proxy lets through, and where what answers for them listens.
    :param direct: addresses that are reached without the proxy.
    """
    context = server_context(folder, list(routes))

    async def tunnel(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        head = await client.readuntil(b"\r\n\r\n")
        target = routes.get(head.split(b" ")[1].decode().removesuffix(":443")) if head[:8] == b"CONNECT " else None
        if target is None:
            answers.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        answers.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await answers.start_tls(context)
        await _pass_on(target, client, answers)

    with _serving({("127.0.0.1", 0): tunnel}) as servers:
        proxy = f"http://127.0.0.1:{servers[0].sockets[0].getsockname()[1]}"
        yield {"HTTPS_PROXY": proxy, "NO_PROXY": ",".join(direct), "SSL_CERT_FILE": str(folder / "ca.pem")}


@contextmanager
def at_addresses(folder: Path, routes: Mapping[str, Address], addresses: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Environment variables of a shell that trusts them; each name answers at port 443 of its address."""
    context = server_context(folder, list(routes))
    with _serving({(addresses[name], 443): partial(_pass_on, target) for name, target in routes.items()}, context):
        yield {"SSL_CERT_FILE": str(folder / "ca.pem")}


@contextmanager
def _serving(works: Mapping[Address, Work], context: ssl.SSLContext | None = None) -> Iterator[list[asyncio.Server]]:
    """Serve connections on one event loop, by TLS with a context; at the end all are closed.

    One thread: with one for each direction of a connection, Python took OpenSSL's "nothing to read yet" for an error,
    and closed 3 of 1,600 connections before the answer's body.
    """
    loop = asyncio.new_event_loop()

    def serving(work: Work) -> Work:
        async def one(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
            """One connection; whatever breaks ends it, as a proxy would."""
            with suppress(OSError, EOFError, asyncio.CancelledError):
                await work(client, answers)
            answers.close()

        return one

    async def start() -> list[asyncio.Server]:
        return [await asyncio.start_server(serving(work), *address, ssl=context) for address, work in works.items()]

    async def end(servers: list[asyncio.Server]) -> None:
        for server in servers:
            server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield servers
    finally:
        asyncio.run_coroutine_threadsafe(end(servers), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _pass_on(target: Address, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
    """Pass bytes on in both directions until one side ends."""
    replies, requests = await asyncio.open_connection(*target)
    ways = [asyncio.create_task(_copy(client, requests)), asyncio.create_task(_copy(replies, answers))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        requests.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(65536):
            target.write(piece)
            await target.drain()
