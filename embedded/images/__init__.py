"""Stand-in images, and the registry content that serves them.

An image is a list of uncompressed layers and a config; both are written straight into the storage layout of
docker-registry, so that neither an image builder nor a push is needed and starting a cluster copies nothing.
"""

from embedded.images.store import ImageStore, ensure

__all__ = ["ImageStore", "ensure"]
