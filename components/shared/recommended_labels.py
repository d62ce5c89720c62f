"""Recommended labels that may change (instance, version, managed-by), on every object and pod of a component.

``metadata.labels`` returns the ones of selectors, which are immutable (kubernetes.io, "Recommended Labels").
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
    """Add a transformation that labels the component's children with ``instance``, ``version`` and ``managed-by``.

    Objects without ``app.kubernetes.io/name`` are left alone.

    :param instance: the component's name.
    :param version: version of the application; omitted if it is not a valid label value.
    """
    added = {f"{_PREFIX}/instance": instance, f"{_PREFIX}/managed-by": "pulumi"}
    if version and _VALUE.fullmatch(version):
        added[f"{_PREFIX}/version"] = version

    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        # The SDK passes the objects that the component made, not copies.
        template = getattr(args.props.get("spec"), "template", None)
        for metadata in (args.props.get("metadata"), getattr(template, "metadata", None)):
            if not isinstance(metadata, k8s.meta.v1.ObjectMetaArgs):
                continue
            labels = metadata.labels
            if isinstance(labels, dict) and _NAME in labels:
                # An existing label wins: users set it so that other programs select the object.
                metadata.labels = {**added, **labels}
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[transform]))


def tag(image: str | None) -> str | None:
    """The tag of an image reference; ``None`` for a digest, ``latest`` or no reference."""
    if not image or "@" in image:
        return None
    version = parse_image(image).version
    return None if version == "latest" else version
