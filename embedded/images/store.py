"""Images as the storage of two docker-registries: one that anybody may read, one that asks for a password."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from embedded.images.catalog import PRIVATE_REGISTRIES, images
from embedded.images.spec import Image, Layer
from embedded.paths import cache_dir
from embedded.progress import Reporter

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
# Uncompressed: on one machine, compressing and unpacking again costs more than the disk saves.
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"


@dataclass(frozen=True)
class ImageStore:
    """Storage roots, ready to be served read-only."""

    public_root: Path
    private_root: Path
    catalog: tuple[str, ...]
    """References that are answered."""


def ensure(reporter: Reporter) -> ImageStore:
    """Build what is missing. Raises ``KitError``; finished layers are kept for the next try."""
    wanted = images()
    key = hashlib.sha256(
        "\n".join(f"{i.references} {[layer.key for layer in i.layers]} {i.config()}" for i in wanted).encode()
    ).hexdigest()[:16]
    root = cache_dir() / "images"
    root.mkdir(parents=True, exist_ok=True)
    catalog = tuple(reference for image in wanted for reference in image.references)
    store = ImageStore(root / f"store-{key}" / "public", root / f"store-{key}" / "private", catalog)
    if store.public_root.parent.exists():
        return store
    with (root / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if store.public_root.parent.exists():
            return store
        making = root / f"making-{os.getpid()}"
        shutil.rmtree(making, ignore_errors=True)
        try:
            _fill(making, wanted, root / "layers", reporter)
            making.rename(store.public_root.parent)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return store


def _fill(making: Path, wanted: list[Image], layers: Path, reporter: Reporter) -> None:
    layers.mkdir(exist_ok=True)
    for image in wanted:
        built = [_layer(layer, layers, reporter) for layer in image.layers]
        for reference in image.references:
            registry, _, rest = reference.partition("/")
            repository, _, tag = rest.partition(":")
            root = making / ("private" if registry in PRIVATE_REGISTRIES else "public")
            write_image(root / "docker" / "registry" / "v2", repository, tag, image, built)
    for name in ("public", "private"):
        (making / name).mkdir(parents=True, exist_ok=True)


def _layer(layer: Layer, folder: Path, reporter: Reporter) -> Path:
    """The layer's tar, from the cache or built. Its digest lies beside it."""
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


def write_image(root: Path, repository: str, tag: str, image: Image, layers: list[Path]) -> None:
    """Write blobs, links and the tag of one image (docker-registry's ``docker/registry/v2`` layout)."""
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
    place = root / "repositories" / repository
    for digest in (*digests, config_digest):
        _link(place / "_layers" / "sha256" / digest / "link", digest)
    _link(place / "_manifests" / "revisions" / "sha256" / manifest_digest / "link", manifest_digest)
    _link(place / "_manifests" / "tags" / tag / "current" / "link", manifest_digest)
    _link(place / "_manifests" / "tags" / tag / "index" / "sha256" / manifest_digest / "link", manifest_digest)


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
    """Both registries and the layer cache share one copy."""
    path = _data(root, digest)
    if not path.exists():
        os.link(source, path)


def _link(path: Path, digest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"sha256:{digest}")
