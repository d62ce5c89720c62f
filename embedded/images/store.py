"""Images as the storage of two docker-registries: a public one, and one that requires a password."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from embedded.cluster import names as n
from embedded.images.catalog import images
from embedded.images.references import Reference, parse
from embedded.images.spec import Image, Layer
from embedded.paths import cache_dir
from embedded.progress import Reporter
from embedded.toolchain.locks import locked

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
# Uncompressed: on one machine, compressing and unpacking again costs more than the disk saves.
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


@dataclass(frozen=True)
class ImageStore:
    """Storage roots, to be served read-only while images are added."""

    public_root: Path
    private_root: Path

    def digests(self) -> set[str]:
        """Return the digests (``sha256:...``) of all images: what runs under one of them is no real image."""
        links = "docker/registry/v2/repositories/**/_manifests/tags/*/current/link"
        return {link.read_text() for root in (self.public_root, self.private_root) for link in root.glob(links)}


def ensure(reporter: Reporter, registries: Collection[str] = n.IMITATED) -> ImageStore:
    """Add what is missing of the images that imitate ``registries``, and of the cluster's own.

    :raises KitError: when one cannot be made; finished layers are kept for the next try.
    """
    every = images()
    key = hashlib.sha256(
        "\n".join(f"{i.references} {[layer.key for layer in i.layers]} {i.config()}" for i in every).encode()
    ).hexdigest()[:16]
    root = cache_dir() / "images"
    (root / "layers").mkdir(parents=True, exist_ok=True)
    store = ImageStore(root / f"store-{key}" / "public", root / f"store-{key}" / "private")
    for folder in (store.public_root, store.private_root):
        folder.mkdir(parents=True, exist_ok=True)
    if _missing(store, every, registries):
        with locked(root, reporter, "making images"):
            for image, references in _missing(store, every, registries):
                layers = [_layer(layer, root / "layers", reporter) for layer in image.layers]
                for reference in references:
                    write_image(_root(store, reference), reference, image, layers)
    return store


def _missing(store: ImageStore, every: list[Image], registries: Collection[str]) -> list[tuple[Image, list[Reference]]]:
    result = []
    for image in every:
        wanted = [r for r in map(parse, image.references) if r.registry in registries or r.registry == n.OWN_REGISTRY]
        if missing := [reference for reference in wanted if not _tag(_root(store, reference), reference).exists()]:
            result.append((image, missing))
    return result


def _root(store: ImageStore, reference: Reference) -> Path:
    root = store.private_root if reference.registry in n.PRIVATE_NAMES else store.public_root
    return root / "docker" / "registry" / "v2"


def _tag(root: Path, reference: Reference) -> Path:
    tags = root / "repositories" / reference.repository / "_manifests" / "tags"
    return tags / reference.version / "current" / "link"


def _layer(layer: Layer, folder: Path, reporter: Reporter) -> Path:
    """Return the layer's tar, from the cache or built. Its digest is in a file next to it."""
    tar = folder / f"{layer.key}.tar"
    if tar.exists() and tar.with_suffix(".sha256").exists():
        return tar
    making = folder / f"{layer.key}.making"
    with reporter.step(f"image layer {layer.name}", layer.expected):
        making.unlink(missing_ok=True)
        layer.build(making, reporter)
        with making.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        tar.with_suffix(".sha256").write_text(digest)
        making.rename(tar)
    return tar


def write_image(root: Path, reference: Reference, image: Image, layers: list[Path]) -> None:
    """Write blobs, links and, last, the tag of one image (docker-registry's ``docker/registry/v2`` layout)."""
    digests = [layer.with_suffix(".sha256").read_text() for layer in layers]
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2024-01-01T00:00:00Z",
            "config": image.config(),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
            "history": [{"created_by": layer.name} for layer in image.layers],
        }
    )
    config_digest = _blob(root, config)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "size": len(config), "digest": f"sha256:{config_digest}"},
            "layers": [
                {"mediaType": _LAYER, "size": layer.stat().st_size, "digest": f"sha256:{digest}"}
                for layer, digest in zip(layers, digests, strict=True)
            ],
        }
    )
    for layer, digest in zip(layers, digests, strict=True):
        _link_blob(root, digest, layer)
    manifest_digest = _blob(root, manifest)
    place = root / "repositories" / reference.repository
    for digest in (*digests, config_digest):
        _link(place / "_layers" / "sha256" / digest / "link", digest)
    _link(place / "_manifests" / "revisions" / "sha256" / manifest_digest / "link", manifest_digest)
    tag = _tag(root, reference)
    _link(tag.parents[1] / "index" / "sha256" / manifest_digest / "link", manifest_digest)
    _link(tag, manifest_digest)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def _data(root: Path, digest: str) -> Path:
    path = root / "blobs" / "sha256" / digest[:2] / digest / "data"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _blob(root: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    _data(root, digest).write_bytes(data)
    return digest


def _link_blob(root: Path, digest: str, source: Path) -> None:
    """Link a layer, so that both registries and the layer cache share one copy."""
    path = _data(root, digest)
    if not path.exists():
        os.link(source, path)


def _link(path: Path, digest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(f"sha256:{digest}")
    new.replace(path)
