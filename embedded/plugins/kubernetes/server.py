"""The plugin process: the engine's gRPC calls, turned into plain data for `Resources` and back.

Built on the SDK's generated servicer. The framework above it (``pulumi.provider.experimental``) was tried: it cannot
carry unknown values, leaves the old inputs out of a diff, has no partial failure and shows a traceback for every
refusal.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf import empty_pb2
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc, status_pb2
from pulumi.runtime.proto import provider_pb2 as pb

from embedded.plugins.kubernetes import awaiting
from embedded.plugins.kubernetes import options as provider_options
from embedded.plugins.kubernetes.cluster import Cluster
from embedded.plugins.kubernetes.failures import Failed, PartlyFailed
from embedded.plugins.kubernetes.host import Host
from embedded.plugins.kubernetes.kinds import TOKENS
from embedded.plugins.kubernetes.kubeconfig import KubeconfigError
from embedded.plugins.kubernetes.options import Options
from embedded.plugins.kubernetes.resources import Naming, Resources
from embedded.plugins.kubernetes.values import decode, encode

_NAMING = {0: "propose", 1: "enforce", 2: "disable"}
_Handler = Callable[[Any, Any, Any], Awaitable[Any]]


def _answers(function: _Handler) -> _Handler:
    """Turn failures into the gRPC status that the engine expects."""

    @functools.wraps(function)
    async def call(self: Any, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await function(self, request, context)
        except PartlyFailed as error:
            detail = pb.ErrorResourceInitFailed(
                id=error.resource_id,
                properties=encode(error.state, self.keep_secrets),
                reasons=error.reasons,
                inputs=None if error.inputs is None else encode(error.inputs, self.keep_secrets),
            )
            status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
            status.details.add().Pack(detail)
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except (Failed, KubeconfigError, ValueError) as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))

    return call


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process serves one configured provider."""

    def __init__(self, host: Host, version: str) -> None:
        self._host, self._version = host, version
        self._resources: Resources | None = None
        self.keep_secrets = True

    async def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self._version)

    async def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        if self._resources:
            self._resources.cancelled.set()
        return empty_pb2.Empty()

    async def GetSchema(self, request: Any, context: Any) -> pb.GetSchemaResponse:  # noqa: N802
        names: dict[str, Any] = {"properties": {}, "inputProperties": {}}
        schema = {"name": "kubernetes", "version": self._version, "resources": dict.fromkeys(TOKENS, names)}
        return pb.GetSchemaResponse(schema=json.dumps(schema))

    @_answers
    async def CheckConfig(self, request: Any, context: Any) -> pb.CheckResponse:  # noqa: N802
        failures = provider_options.check(request.urn, decode(request.news))
        return pb.CheckResponse(
            inputs=request.news,
            failures=[pb.CheckFailure(property=one.property, reason=one.reason) for one in failures],
        )

    @_answers
    async def DiffConfig(self, request: Any, context: Any) -> pb.DiffResponse:  # noqa: N802
        changed, replaces = provider_options.diff(decode(request.olds), decode(request.news))
        changes = pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE
        return pb.DiffResponse(changes=changes, diffs=changed, replaces=replaces)

    @_answers
    async def Configure(self, request: Any, context: Any) -> pb.ConfigureResponse:  # noqa: N802
        self.keep_secrets = request.acceptSecrets
        options = Options.of(dict(request.variables))
        self._resources = Resources(options, await Cluster.of(options), self._host, awaiting)
        await self._host.info(
            "", f"STAND-IN: this is not pulumi-resource-kubernetes {self._version}, but the kit's imitation of it"
        )
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True)

    @_answers
    async def Invoke(self, request: Any, context: Any) -> pb.InvokeResponse:  # noqa: N802
        raise Failed(f"not imitated: {request.tok}")

    @_answers
    async def Call(self, request: Any, context: Any) -> pb.CallResponse:  # noqa: N802
        raise Failed(f"not imitated: {request.tok}")

    @_answers
    async def Construct(self, request: Any, context: Any) -> pb.ConstructResponse:  # noqa: N802
        raise Failed(f"not imitated: {request.type}")

    @_answers
    async def Check(self, request: Any, context: Any) -> pb.CheckResponse:  # noqa: N802
        naming = Naming()
        if request.HasField("autonaming"):
            naming = Naming(_NAMING[request.autonaming.mode], request.autonaming.proposed_name)
        inputs = await self._configured().check(
            request.urn, decode(request.olds), decode(request.news), request.randomSeed, naming
        )
        return pb.CheckResponse(inputs=encode(inputs, self.keep_secrets))

    @_answers
    async def Diff(self, request: Any, context: Any) -> pb.DiffResponse:  # noqa: N802
        result = await self._configured().diff(
            request.urn, decode(request.olds), decode(request.news), list(request.ignoreChanges)
        )
        some = bool(result.kinds or result.replaces)
        detailed = {
            path: pb.PropertyDiff(kind=pb.PropertyDiff.Kind.Value(kind), inputDiff=kind.startswith("DELETE"))
            for path, kind in result.kinds.items()
        }
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if some else pb.DiffResponse.DIFF_NONE,
            replaces=result.replaces,
            deleteBeforeReplace=result.delete_before_replace,
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    @_answers
    async def Create(self, request: Any, context: Any) -> pb.CreateResponse:  # noqa: N802
        resource_id, state = await self._configured().create(
            request.urn, decode(request.properties), request.timeout, request.preview
        )
        return pb.CreateResponse(id=resource_id, properties=encode(state, self.keep_secrets))

    @_answers
    async def Read(self, request: Any, context: Any) -> pb.ReadResponse:  # noqa: N802
        result = await self._configured().read(
            request.urn, request.id, decode(request.properties), decode(request.inputs)
        )
        if not result.resource_id:
            return pb.ReadResponse()
        return pb.ReadResponse(
            id=result.resource_id,
            properties=encode(result.state, self.keep_secrets),
            inputs=encode(result.inputs, self.keep_secrets),
        )

    @_answers
    async def Update(self, request: Any, context: Any) -> pb.UpdateResponse:  # noqa: N802
        state = await self._configured().update(
            request.urn,
            decode(request.olds),
            decode(request.news),
            list(request.ignoreChanges),
            request.timeout,
            request.preview,
        )
        return pb.UpdateResponse(properties=encode(state, self.keep_secrets))

    @_answers
    async def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        await self._configured().delete(request.urn, request.id, decode(request.properties), request.timeout)
        return empty_pb2.Empty()

    def _configured(self) -> Resources:
        if self._resources is None:
            raise Failed("the provider was not configured")
        return self._resources


async def serve(engine: str, version: str) -> None:
    """Listen on a free port of the loopback, say which one, and serve until the engine is done."""
    host = Host(engine)
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(host, version), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


def main(arguments: list[str], version: str) -> None:
    """``pulumi-resource-kubernetes ENGINE_ADDRESS``; log options of the engine are ignored."""
    addresses = [one for one in arguments if not one.startswith("-")]
    if not addresses:
        sys.exit("usage: pulumi-resource-kubernetes ENGINE_ADDRESS")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(addresses[0], version))
