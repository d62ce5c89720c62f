"""The plugin process of the random stand-in: every input forces a replacement, nothing is ever read or updated."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from embedded.plugins.random import values
from embedded.plugins.random.wire import UNKNOWN, Secret, decode, encode, has_unknown, plain


def _token(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _same(left: Any, right: Any) -> bool:
    return bool(plain(left) == plain(right))


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Random values that are made once and kept in the state."""

    def __init__(self, version: str) -> None:
        self._version = version

    def GetPluginInfo(self, request: Any, context: Any) -> plugin_pb2.PluginInfo:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self._version)

    def Cancel(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()

    def GetSchema(self, request: Any, context: Any) -> pb.GetSchemaResponse:  # noqa: N802
        return pb.GetSchemaResponse(schema=json.dumps({"name": "random", "version": self._version}))

    def CheckConfig(self, request: Any, context: Any) -> pb.CheckResponse:  # noqa: N802
        return pb.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> pb.DiffResponse:  # noqa: N802
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> pb.ConfigureResponse:  # noqa: N802
        return pb.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> pb.CheckResponse:  # noqa: N802
        token = _token(request.urn)
        if token not in values.COMPUTED:
            context.abort(grpc.StatusCode.UNKNOWN, f"not imitated: {token}")
        inputs = decode(request.news)
        known = {key: value for key, value in plain(inputs).items() if value is not UNKNOWN}
        unknown_length = "length" in inputs and "length" not in known
        failures = [] if unknown_length else values.check(token, known)
        return pb.CheckResponse(
            inputs=encode(inputs), failures=[pb.CheckFailure(property=name, reason=why) for name, why in failures]
        )

    def Diff(self, request: Any, context: Any) -> pb.DiffResponse:  # noqa: N802
        olds, news = decode(request.old_inputs), decode(request.news)
        changed = sorted(key for key in {*olds, *news} if not _same(olds.get(key), news.get(key)))
        changed = [key for key in changed if key not in request.ignoreChanges]
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            replaces=changed,
            detailedDiff={key: pb.PropertyDiff(kind=pb.PropertyDiff.UPDATE_REPLACE, inputDiff=True) for key in changed},
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> pb.CreateResponse:  # noqa: N802
        token, inputs = _token(request.urn), decode(request.properties)
        if request.preview or has_unknown(inputs):
            unknown = dict.fromkeys(values.COMPUTED[token], UNKNOWN)
            return pb.CreateResponse(properties=encode({**inputs, **unknown}))
        resource_id, computed = values.create(token, plain(inputs))
        if token == values.PASSWORD:
            computed = {key: Secret(value) for key, value in computed.items()}
        return pb.CreateResponse(id=resource_id, properties=encode({**inputs, **computed}))

    def Read(self, request: Any, context: Any) -> pb.ReadResponse:  # noqa: N802
        return pb.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Update(self, request: Any, context: Any) -> pb.UpdateResponse:  # noqa: N802
        context.abort(grpc.StatusCode.INTERNAL, "random values are replaced, never updated")
        raise AssertionError

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()


def main(arguments: list[str], version: str) -> None:
    """``pulumi-resource-random ENGINE_ADDRESS``: serve on a free port of the loopback and print it."""
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(version), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
