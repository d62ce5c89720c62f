"""``python -m tests.bench.idle ADDRESS HOST PATH NUMBER``: connections over TLS that made one request and are kept.

Prints ``open`` once all are; at the end of its input it prints how many still are, and ends.
"""

from __future__ import annotations

import asyncio
import resource
import ssl
import sys

_PATIENCE_SECONDS = 30.0
_AT_A_TIME = 20


async def connect(address: str, host: str, path: str, slots: asyncio.Semaphore) -> asyncio.StreamReader:
    """Open one connection and read the head of an answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with slots, asyncio.timeout(_PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(address, 443, ssl=context)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
    # A writer that is collected closes its connection.
    _WRITERS.append(writer)
    return reader


_WRITERS: list[asyncio.StreamWriter] = []


async def is_open(reader: asyncio.StreamReader) -> bool:
    """Return whether the server has not closed the connection: reading it waits."""
    try:
        async with asyncio.timeout(0.5):
            while await reader.read(65536):
                pass
    except TimeoutError:
        return True
    return False


async def main(address: str, host: str, path: str, number: str) -> None:
    """Open all, wait, count."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    slots = asyncio.Semaphore(_AT_A_TIME)
    readers = await asyncio.gather(*(connect(address, host, path, slots) for _ in range(int(number))))
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(sum(await asyncio.gather(*map(is_open, readers))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
