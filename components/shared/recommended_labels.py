"""Labels and annotations that may change, on every object and pod of a component.

The recommended labels instance, version and managed-by on both (kubernetes.io, "Recommended Labels"), and on pods the
user's and those of service meshes. ``metadata.labels`` returns the ones of selectors, which are immutable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NotRequired, TypedDict, cast

import pulumi
import pulumi_kubernetes as k8s

from components.shared.image_reference import parse_image

_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PREFIX = "app.kubernetes.io"
_NAME = f"{_PREFIX}/name"
_MANAGED = ("app.kubernetes.io/", "wso2ei/", "pulumi.com/", "pod-template-hash")
_NO_SIDECAR_LABELS = {"sidecar.istio.io/inject": "false", "kuma.io/sidecar-injection": "disabled"}
_NO_SIDECAR_ANNOTATIONS = {"linkerd.io/inject": "disabled", "consul.hashicorp.com/connect-inject": "false"}
"""Opt pods out of the injection of sidecars that a namespace may have (documentation of Istio, Kuma, Linkerd, Consul).
A Job with a proxy does not end; under strict mutual TLS a Job without one does not reach a pod with one."""


class PodMetadataArgs(TypedDict):
    """Labels and annotations of all pods of a component. Those that the component sets itself win."""

    labels: NotRequired[Mapping[str, str]]
    """Labels; a service mesh's one puts the pods into the mesh."""
    annotations: NotRequired[Mapping[str, str]]
    """Annotations."""


def is_managed(key: str) -> bool:
    """Whether a label or annotation is set by the program, Pulumi or a controller, and by no user."""
    return key.startswith(_MANAGED)


def with_labels(
    opts: pulumi.ResourceOptions | None,
    instance: str,
    version: str | None = None,
    pods: PodMetadataArgs | None = None,
) -> pulumi.ResourceOptions:
    """Add a transformation that labels the component's children with ``instance``, ``version`` and ``managed-by``.

    Objects without ``app.kubernetes.io/name`` are left alone.

    :param instance: the component's name.
    :param version: version of the application; omitted if it is not a valid label value.
    :param pods: labels and annotations of the component's pods.
    :raises ValueError: for managed keys in ``pods``.
    """
    pods = pods or {}
    managed = [key for part in (pods.get("labels"), pods.get("annotations")) for key in part or {} if is_managed(key)]
    if managed:
        raise ValueError(f"{instance}: pods must not set {', '.join(managed)}: managed")
    pod_labels = {**_NO_SIDECAR_LABELS, **(pods.get("labels") or {})}
    pod_annotations = {**_NO_SIDECAR_ANNOTATIONS, **(pods.get("annotations") or {})}
    added = {f"{_PREFIX}/instance": instance, f"{_PREFIX}/managed-by": "pulumi"}
    if version and _VALUE.fullmatch(version):
        added[f"{_PREFIX}/version"] = version

    def transform(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        # The SDK passes the objects that the component made, not copies.
        spec = args.props.get("spec")
        job = getattr(spec, "job_template", None)
        template = getattr(getattr(job, "spec", spec), "template", None)
        for metadata in (
            args.props.get("metadata"),
            getattr(job, "metadata", None),
            getattr(template, "metadata", None),
        ):
            if not isinstance(metadata, k8s.meta.v1.ObjectMetaArgs):
                continue
            labels = metadata.labels
            if isinstance(labels, dict) and _NAME in labels:
                # An existing label wins: users set it so that other programs select the object.
                metadata.labels = {**added, **labels}
        pod = getattr(template, "metadata", None)
        if isinstance(pod, k8s.meta.v1.ObjectMetaArgs):
            pod.labels = {**pod_labels, **_plain(pod.labels)}
            pod.annotations = {**pod_annotations, **_plain(pod.annotations)}
        return pulumi.ResourceTransformationResult(args.props, args.opts)

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[transform]))


def _plain(values: object) -> dict[str, pulumi.Input[str]]:
    """Labels or annotations that a component has set, which are plain mappings, not outputs."""
    return cast("dict[str, pulumi.Input[str]]", values or {})


def tag(image: str | None) -> str | None:
    """The tag of an image reference; ``None`` for a digest, ``latest`` or no reference."""
    if not image or "@" in image:
        return None
    version = parse_image(image).version
    return None if version == "latest" else version
