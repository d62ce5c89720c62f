"""Runs a component, or the whole program, and records what it registers: types, names, parents, options, inputs.

Pulumi's mocks hide parents, protection, dependencies and timeouts; a monitor of our own sees the request itself.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
from google.protobuf import json_format
from pulumi.runtime import mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.stack import run_pulumi_func

SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET_VALUE = "1b47061264138c4ac30d75fd1eb44270"


@dataclass
class Registered:
    """One registered resource, as the engine would see it."""

    type: str
    name: str
    parent: str
    inputs: dict[str, Any]
    request: resource_pb2.RegisterResourceRequest
    outputs: dict[str, Any] = field(default_factory=dict)

    def body(self) -> Any:
        """The inputs without the wrapping of secrets."""
        return unwrap(self.inputs)


class Recorder(mocks.MockMonitor):
    """The monitor that keeps every request."""

    def __init__(self, inner: mocks.Mocks) -> None:
        super().__init__(inner)
        self.registered: list[Registered] = []
        self.component_outputs: dict[str, dict[str, Any]] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the gRPC method's name
        inputs = json_format.MessageToDict(request.object) if request.HasField("object") else {}
        self.registered.append(Registered(request.type, request.name, request.parent, inputs, request))
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the gRPC method's name
        self.component_outputs[request.urn] = json_format.MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


class KubernetesMocks(mocks.Mocks):
    """Answers as the plugins would: a name where none was given, random results, addresses, allotted node ports; and as
    the backend: ``outputs`` of the update before."""

    def __init__(
        self,
        address: Mapping[str, str] | None = None,
        preview: bool = False,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.preview = preview
        self.balancer = {"loadBalancer": {"ingress": [dict(address or {"hostname": "localhost"})]}}
        self.outputs = dict(outputs or {})

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        outputs = dict(args.inputs)
        if args.typ.startswith("kubernetes:"):
            metadata = dict(outputs.get("metadata") or {})
            metadata.setdefault("name", f"{args.name}-0a1b2c3d")
            outputs["metadata"] = metadata
            # Without a cluster a preview gets its own inputs back.
            if args.typ.endswith(":Ingress") and not self.preview:
                outputs["status"] = self.balancer
            if args.typ.endswith(":Service") and not self.preview:
                outputs |= self._service(dict(outputs["spec"]))
        if args.typ.endswith("RandomPassword"):
            outputs["result"] = f"pw-of-{args.name}".ljust(int(args.inputs["length"]), "0")
        return f"{args.name}-id", outputs

    def _service(self, spec: dict[str, Any]) -> dict[str, Any]:
        if spec.get("type") == "LoadBalancer":
            return {"status": self.balancer}
        if spec.get("type") == "NodePort":
            ports = [{"nodePort": 30000 + number, **port} for number, port in enumerate(spec["ports"])]
            return {"spec": spec | {"ports": ports}}
        return {}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        if args.token == "pulumi:pulumi:readStackOutputs":
            return {"name": args.args["name"], "outputs": self.outputs}, []
        raise AssertionError(f"the program calls {args.token}, which a preview without a network cannot answer")


def record(
    program: Callable[[], Any],
    *,
    config: Mapping[str, Any] | None = None,
    secret_keys: tuple[str, ...] = (),
    stack: str = "local",
    preview: bool = False,
    address: Mapping[str, str] | None = None,
    outputs: Mapping[str, Any] | None = None,
) -> Recorder:
    """Run ``program`` to its end and return the recorder. Exceptions of the program are raised.

    :param address: what the cluster tells of a LoadBalancer and of an Ingress; default Docker Desktop's.
    :param outputs: the stack's outputs before; none for a stack that is new.
    """
    values = {
        f"wso2ei:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in (config or {}).items()
    }
    recorder = Recorder(KubernetesMocks(address, preview, outputs))
    kubeconfig = Path(tempfile.gettempdir()) / "wso2ei-recording-kubeconfig"
    content = "current-context: docker-desktop\n"
    # Other processes with tests may be reading it, so it is never there half written.
    if not kubeconfig.exists() or kubeconfig.read_text() != content:
        own = kubeconfig.with_suffix(f".{os.getpid()}")
        own.write_text(content)
        own.replace(kubeconfig)
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "PULUMI_CONFIG": json.dumps(values),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps([f"wso2ei:{key}" for key in secret_keys]),
    }

    async def main() -> None:
        pulumi.runtime.set_mocks(recorder.mocks, project="wso2ei", stack=stack, preview=preview, monitor=recorder)
        pulumi.runtime.set_all_config(values, [f"wso2ei:{key}" for key in secret_keys])

        async def run() -> None:
            program()
            root: Any = pulumi.runtime.get_root_resource()
            # The mocks register the stack's outputs before the program has exported any.
            root.register_outputs(root.outputs)

        await run_pulumi_func(run)

    # The SDK keeps its state in context variables: a context of its own keeps one program from seeing another's.
    # The thread that reports init containers would outlive the program, and poll a cluster during all later tests.
    with patch.dict("os.environ", environment), patch("preflight.init_containers.report"):
        contextvars.copy_context().run(asyncio.run, main())
    return recorder


def unwrap(value: Any) -> Any:
    """``value`` with every secret of the SDK, or of an export with its secrets shown, replaced by its plain value."""
    if isinstance(value, dict):
        if value.get(SECRET_SIGNATURE) == SECRET_VALUE:
            return unwrap(value["value"] if "value" in value else json.loads(value["plaintext"]))
        return {key: unwrap(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unwrap(item) for item in value]
    return value


def secret_paths(value: Any, path: str = "") -> Iterator[str]:
    """Paths below ``value`` that hold a secret."""
    if isinstance(value, dict):
        if value.get(SECRET_SIGNATURE) == SECRET_VALUE:
            yield path
            return
        for key, item in value.items():
            yield from secret_paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from secret_paths(item, f"{path}[{index}]")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every (path, plain value) below ``value``."""
    plain = unwrap(value)
    if isinstance(plain, dict):
        for key, item in plain.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(plain, list):
        for index, item in enumerate(plain):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, plain
