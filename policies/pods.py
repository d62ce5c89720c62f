"""Rules about single pods: images that do not move, and the shape of the one container that may run as root."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from policies.objects import Finding, Manifest, Path, items, mapping, pod_template

OWN_FOLDER = frozenset({"own-folder", "own-folder-logs", "own-folder-deployment"})
"""The only containers that may run as root: each gives a hostPath folder to the user that writes there
(``stack`` checks that the stack has such a folder)."""


def is_own_folder(path: Path, container: Mapping[str, Any]) -> bool:
    """True for the init container that may run as root, in exactly the shape that is promised."""
    own = mapping(container.get("securityContext"))
    command = items(container.get("command"))
    return (
        "initContainers" in path
        and container.get("name") in OWN_FOLDER
        and list(command[:1]) == ["chown"]
        and not container.get("args")
        and list(items(mapping(own.get("capabilities")).get("add"))) == ["CHOWN"]
        and own.get("readOnlyRootFilesystem") is True
    )


def pinned_images(manifest: Manifest) -> Iterator[Finding]:
    """The same reference means the same image tomorrow: a digest, or a tag that names a release to its last number."""
    pod = pod_template(manifest)
    if pod is None:
        return
    for path, container in pod.containers():
        image = str(container.get("image", ""))
        name, _, digest = image.partition("@")
        repository, _, tag = name.rpartition(":")
        if re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            continue
        if digest or not repository or "/" in tag:
            yield Finding((*path, "image"), f"{image!r} has neither a tag nor a digest")
        elif not re.match(r"v?\d+\.\d+\.\d+", tag):
            yield Finding((*path, "image"), f"tag {tag!r} moves; name a release to its last number, or a digest")


def registry_of(image: str) -> str:
    """The registry of an image reference, ``docker.io`` where it names none (``splitDockerDomain`` of distribution)."""
    first, slash, _ = image.partition("/")
    return first if slash and (re.search(r"[.:]", first) or first == "localhost") else "docker.io"
