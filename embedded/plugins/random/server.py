"""The plugin process of the random stand-in: every input forces a replacement, nothing is ever read or updated."""

from __future__ import annotations

import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from embedded.plugins.random import values

# How the engine writes an unknown value: a text for each type (sdk/go/common/resource/plugin/rpc.go).
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS = {
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    _UNKNOWN,
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
}


def _token(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _decode(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Properties as plain values; every number is a whole one here. Secrets come in the open, see ``Configure``."""
    found: dict[str, Any] = json_format.MessageToDict(struct)
    return {key: int(value) if isinstance(value, float) else value for key, value in found.items()}


def _encode(properties: dict[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(properties)
    return struct


def _unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_unknown, value.values()))
    return isinstance(value, str) and value in _UNKNOWNS


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
        # Without acceptSecrets the engine keeps the secrets: it sends and takes plain values, and encrypts the outputs
        # that the SDK names (additional_secret_outputs) or whose inputs are secret.
        return pb.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> pb.CheckResponse:  # noqa: N802
        token = _token(request.urn)
        if token not in values.COMPUTED:
            context.abort(grpc.StatusCode.UNKNOWN, f"not imitated: {token}")
        inputs = _decode(request.news)
        known = {key: value for key, value in inputs.items() if not _unknown(value)}
        unknown_length = "length" in inputs and "length" not in known
        failures = [] if unknown_length else values.check(token, known)
        return pb.CheckResponse(
            inputs=request.news, failures=[pb.CheckFailure(property=name, reason=why) for name, why in failures]
        )

    def Diff(self, request: Any, context: Any) -> pb.DiffResponse:  # noqa: N802
        olds, news = _decode(request.old_inputs), _decode(request.news)
        changed = sorted(key for key in {*olds, *news} if olds.get(key) != news.get(key))
        changed = [key for key in changed if key not in request.ignoreChanges]
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if changed else pb.DiffResponse.DIFF_NONE,
            replaces=changed,
            detailedDiff={key: pb.PropertyDiff(kind=pb.PropertyDiff.UPDATE_REPLACE, inputDiff=True) for key in changed},
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> pb.CreateResponse:  # noqa: N802
        token, inputs = _token(request.urn), _decode(request.properties)
        if request.preview or _unknown(inputs):
            return pb.CreateResponse(properties=_encode(inputs | dict.fromkeys(values.COMPUTED[token], _UNKNOWN)))
        resource_id, computed = values.create(token, inputs)
        return pb.CreateResponse(id=resource_id, properties=_encode(inputs | computed))

    def Read(self, request: Any, context: Any) -> pb.ReadResponse:  # noqa: N802
        return pb.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Update(self, request: Any, context: Any) -> pb.UpdateResponse:  # noqa: N802
        context.abort(grpc.StatusCode.INTERNAL, "random values are replaced, never updated")
        raise AssertionError

    def Delete(self, request: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802
        return empty_pb2.Empty()


def main(version: str) -> None:
    """``pulumi-resource-random ENGINE_ADDRESS``: serve on a free port of the loopback and print it."""
    engine = os.getppid()
    # At its end the engine interrupts its plugins and waits for them; a Go program ends at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    server = grpc.server(ThreadPoolExecutor(max_workers=8))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(version), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # An engine that was killed ends no plugin.
    while os.getppid() == engine and server.wait_for_termination(timeout=2):
        pass
    os._exit(0)
