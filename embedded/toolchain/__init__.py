"""Builds the Pulumi CLI, Kubernetes, CoreDNS and kube-router from Go modules, and installs Debian packages.

Versions are stated in the ``go.mod`` files below ``modules/`` and nowhere else.
"""

from embedded.toolchain.build import built, ensure
from embedded.toolchain.debian import ensure_debian
from embedded.toolchain.groups import GROUPS, key, module_version

__all__ = ["GROUPS", "built", "ensure", "ensure_debian", "key", "module_version"]
