"""Forward TCP ports of this machine's loopback addresses, as Docker Desktop does for its virtual machine."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass, field

_CHUNK = 64 * 1024
_CONNECT_SECONDS = 5.0
LOOPBACK = ("127.0.0.1", "::1")


@dataclass
class _Open:
    target: str
    servers: list[asyncio.Server] = field(default_factory=list)
    connections: set[asyncio.Task[None]] = field(default_factory=set)


class Forwarder:
    """Owns the listeners and the connections through them; both end with `close`.

    The listener accepts first and connects then, as Docker Desktop's does: a client of a Service without endpoints
    sees its connection closed, not refused.
    """

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}

    @property
    def ports(self) -> dict[int, str]:
        """Open ports and the address that each leads to."""
        return {port: entry.target for port, entry in self._open.items()}

    async def open(self, port: int, target: str) -> None:
        """Listen on ``port`` of 127.0.0.1 and, where there is IPv6, of ::1, and forward to ``target``:``port``.

        :raises OSError: when one of the addresses is taken; then neither is left open.
        """
        entry = _Open(target)
        try:
            for address in LOOPBACK:
                if address == "::1" and not _has_ipv6():
                    continue
                entry.servers.append(await self._listen(entry, address, port))
        except OSError:
            for server in entry.servers:
                server.close()
            raise
        self._open[port] = entry

    async def close(self, port: int) -> None:
        """Stop listening and end the connections through the port."""
        entry = self._open.pop(port, None)
        if entry is None:
            return
        for server in entry.servers:
            server.close()
        for connection in list(entry.connections):
            connection.cancel()
        await asyncio.gather(*entry.connections, return_exceptions=True)

    async def _listen(self, entry: _Open, address: str, port: int) -> asyncio.Server:
        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(_forward(reader, writer, entry.target, port))
            entry.connections.add(task)
            task.add_done_callback(entry.connections.discard)

        return await asyncio.start_server(accepted, address, port)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, port: int) -> None:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            far_reader, far_writer = await asyncio.open_connection(target, port)
    except OSError:  # a TimeoutError is one too
        writer.close()
        return
    for side in (writer, far_writer):
        with suppress(OSError):
            side.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
    finally:
        for side in (writer, far_writer):
            side.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, and pass the end on: the other direction may still be busy."""
    try:
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.transport.abort()


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
