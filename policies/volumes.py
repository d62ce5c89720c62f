"""Rule about volumes: data outlives its objects."""

from __future__ import annotations

from collections.abc import Iterator

from policies.objects import Finding, Manifest, mapping

_OF_THE_NODE = frozenset({"/", "/etc", "/var", "/var/lib", "/root", "/home", "/proc"})


def kept_data(manifest: Manifest) -> Iterator[Finding]:
    """Data outlives its objects, and no default storage class binds a claim."""
    spec = mapping(manifest.get("spec"))
    if manifest.get("kind") == "PersistentVolume":
        if spec.get("persistentVolumeReclaimPolicy") != "Retain":
            yield Finding(("spec", "persistentVolumeReclaimPolicy"), "must be Retain: anything else deletes the data")
        if mapping(spec.get("hostPath")).get("path") in _OF_THE_NODE:
            yield Finding(("spec", "hostPath", "path"), "is a folder of the node's operating system")
    # A volume without a class is one of no class; only for a claim does the API server fill in the default class.
    if manifest.get("kind") == "PersistentVolumeClaim" and spec.get("storageClassName") is None:
        yield Finding(("spec", "storageClassName"), "must be set, at least to an empty text: the default would apply")
