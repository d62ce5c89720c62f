"""Builds the Pulumi CLI, Kubernetes, CoreDNS and kube-router from their Go modules, and installs Debian packages.

Versions are stated in the ``go.mod`` files below ``modules/`` and nowhere else.
"""

from embedded.toolchain.build import GROUPS, built, ensure, module_version
from embedded.toolchain.debian import ensure_debian

__all__ = ["GROUPS", "built", "ensure", "ensure_debian", "module_version"]
