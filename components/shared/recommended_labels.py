"""The rest of Kubernetes' recommended labels, on every object of a component and on the pods that it makes.

``metadata.labels`` are those by which pods are selected, and selectors never change; these may, so they stand beside
them and no selector has them (kubernetes.io, "Recommended Labels").
"""

from __future__ import annotations

import re

import pulumi
import pulumi_kubernetes as k8s

from components.shared.image_reference import parse_image

_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PREFIX = "app.kubernetes.io"
_NAME = f"{_PREFIX}/name"


def with_labels(
    opts: pulumi.ResourceOptions | None, instance: str, version: str | None = None
) -> pulumi.ResourceOptions:
    """Options of a component by which its children bear ``instance``, ``version`` and ``managed-by``.

    Objects that have no ``app.kubernetes.io/name`` are left alone.

    :param instance: the component's name.
    :param version: of the application; left out where it is not a label's value.
    """
    added = {f"{_PREFIX}/instance": instance, f"{_PREFIX}/managed-by": "pulumi"}
    if version and _VALUE.fullmatch(version):
        added[f"{_PREFIX}/version"] = version

    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        # The SDK hands the inputs over as the very objects that the component made.
        template = getattr(args.props.get("spec"), "template", None)
        for metadata in (args.props.get("metadata"), getattr(template, "metadata", None)):
            if not isinstance(metadata, k8s.meta.v1.ObjectMetaArgs):
                continue
            labels = metadata.labels
            if isinstance(labels, dict) and _NAME in labels:
                # One that is there was chosen: a user's, by which something else finds the object.
                metadata.labels = {**added, **labels}
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[transform]))


def tag(image: str | None) -> str | None:
    """The version that an image reference tells: its tag, and nothing of a digest."""
    if not image or "@" in image:
        return None
    version = parse_image(image).version
    return None if version == "latest" else version
