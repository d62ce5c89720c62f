"""A Kubernetes cluster on a bare Linux machine; see README.md in this folder.

``start`` and ``stop`` are in `embedded.cluster.lifecycle`, ``status`` in `embedded.cluster.waiting`.
"""
