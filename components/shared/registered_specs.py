"""Record what a component registers, so that one hash covers all of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pulumi


class RegisteredSpecs:
    """The Kubernetes objects that a component registers, as it passed them to the SDK.

    Without Secrets: their content is secret, and a changed one has another name, which the pods' specs contain.
    """

    def __init__(self) -> None:
        self._inputs: dict[str, Any] = {}

    def options(self, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
        """Return the options of a component whose children are recorded."""
        return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[self._record]))

    def hash(self) -> pulumi.Output[str]:
        """Return a short hash of everything registered so far; it changes with each of the inputs."""
        outputs: list[pulumi.Output[Any]] = []

        def plain(value: Any) -> Any:
            if not isinstance(value, pulumi.Output):
                return vars(value)
            outputs.append(value)
            return None

        # `Output.json_dumps` would make an Output of every field: two of three callbacks of a preview's event loop.
        fields = json.dumps(self._inputs, default=plain, sort_keys=True)
        return pulumi.Output.json_dumps([fields, *outputs], default=vars, sort_keys=True).apply(
            lambda text: hashlib.sha256(text.encode()).hexdigest()[:16]
        )

    def _record(self, args: pulumi.ResourceTransformationArgs) -> None:
        kind = args.type_.rpartition(":")[2]
        if not args.type_.startswith("kubernetes:") or kind == "Secret":
            return
        inputs = {name: value for name, value in args.props.items() if value is not None}
        if "spec.replicas" in (args.opts.ignore_changes or []):
            # Set by an autoscaler: the program's number has no effect on an existing object.
            inputs["spec"] = {name: value for name, value in vars(inputs["spec"]).items() if name != "replicas"}
        self._inputs[f"{kind} {args.name}"] = inputs
