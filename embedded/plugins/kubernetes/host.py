"""Messages to the engine: permanent diagnostics, and the status text beside a running resource."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class Host:
    """The engine at ``address``. A lost message is no failure: the engine may be gone already."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self._stub: Any = engine_pb2_grpc.EngineStub(self._channel)
        self._last: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def info(self, urn: str, message: str) -> None:
        await self._send(urn, message, engine_pb2.INFO, False)

    async def warning(self, urn: str, message: str) -> None:
        await self._send(urn, message, engine_pb2.WARNING, False)

    def status(self, urn: str) -> Callable[[str], None]:
        """A function that shows a text beside the resource until the next one; an empty text clears it."""

        def show(text: str) -> None:
            if self._last.get(urn, "") == text:
                return
            self._last[urn] = text
            task = asyncio.get_running_loop().create_task(self._send(urn, text, engine_pb2.INFO, True))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return show

    async def _send(self, urn: str, message: str, severity: Any, ephemeral: bool) -> None:
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await self._stub.Log(request, timeout=5)
