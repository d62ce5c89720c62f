"""What can be built: the groups, their versions, and the key that says what a build was made from.

Versions, Go's included, are stated in the ``go.mod`` files below ``modules/`` and nowhere else.
"""

from __future__ import annotations

import hashlib
import platform
import re
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "modules"


@dataclass(frozen=True)
class Module:
    """One folder below ``modules/``: a ``go.mod``, its ``go.sum``, perhaps a ``main.go``."""

    folder: str
    path: str
    """The module whose version is the version of what is built."""
    version_variables: tuple[str, ...] = ()
    """Go variables that the linker sets to that version; their default names no release."""

    def version(self) -> str:
        """The pinned version, e.g. ``v1.35.4``."""
        return module_version(self.folder, self.path)

    def target(self) -> str:
        """What ``go build`` is asked for: the program beside the ``go.mod``, else what its ``tool`` lines name."""
        return "." if (MODULES / self.folder / "main.go").exists() else "tool"

    def flags(self) -> list[str]:
        """Flags of ``go build``.

        No path of the machine gets into a binary. The linker drops debugging data (``-w``), and a compiler that does
        not make it in the first place needs an eighth less time.
        """
        linker = ["-s", "-w", *(f"-X {variable}={self.version()}" for variable in self.version_variables)]
        return ["-trimpath", "-gcflags=all=-dwarf=false", f"-ldflags={' '.join(linker)}"]


@dataclass(frozen=True)
class Group:
    """Binaries that are built together into one folder."""

    title: str
    expected: str
    """How long it takes on 2 cores with empty caches."""
    modules: tuple[Module, ...]
    binaries: tuple[str, ...]
    instead: str = "make a cluster of your own the current context"
    """What a user can do who cannot build the group."""

    def version(self) -> str:
        """The version of the group's first module."""
        return self.modules[0].version()


GROUPS = {
    "pulumi": Group(
        "the Pulumi CLI and its Python language host",
        "3 min",
        (
            Module(
                "pulumi",
                "github.com/pulumi/pulumi/pkg/v3",
                ("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",),
            ),
            Module("pulumi-language-python", "github.com/pulumi/pulumi/sdk/v3"),
        ),
        ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"),
        "install the Pulumi CLI and put it on PATH",
    ),
    "kubernetes": Group(
        "Kubernetes",
        "3 min",
        (
            Module(
                "kubernetes",
                "k8s.io/kubernetes",
                # The first is what the servers answer, the second what clients send as user agent.
                ("k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"),
            ),
        ),
        ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"),
    ),
    "coredns": Group("CoreDNS", "1 min", (Module("coredns", "github.com/coredns/coredns"),), ("coredns",)),
    "kube-router": Group(
        "kube-router (enforces NetworkPolicies)",
        "2 min",
        (
            Module(
                "kube-router",
                "github.com/cloudnativelabs/kube-router/v2",
                ("github.com/cloudnativelabs/kube-router/v2/pkg/version.Version",),
            ),
        ),
        ("kube-router",),
    ),
    "vegeta": Group(
        "vegeta (makes the load of the end-to-end tests)",
        "40s",
        (Module("vegeta", "github.com/tsenart/vegeta/v12"),),
        ("vegeta",),
        "run the tests without load: pytest --ignore tests/e2e/test_lifecycle.py",
    ),
}


def module_version(folder: str, path: str) -> str:
    """The version of the module ``path`` in ``modules/<folder>/go.mod``, e.g. ``v1.35.4``."""
    return _required(rf"(?m)^(?:require )?\s*{re.escape(path)} (v\S+)", folder, path)


def kubernetes_version() -> str:
    """The version of the embedded cluster, e.g. ``v1.35.4``."""
    return GROUPS["kubernetes"].version()


def needed_go(group: Group) -> tuple[int, int]:
    """The Go release that builds the group, e.g. ``(1, 26)``: the newest of its modules' ``go`` lines."""
    stated = (_required(r"(?m)^go (\d+\.\d+)", module.folder, "go") for module in group.modules)
    return max((int(major), int(minor)) for major, minor in (text.split(".") for text in stated))


def key(name: str) -> str:
    """Changes when a file of the group's modules, a build flag or the kind of machine does.

    Not when the installed Go gets a newer patch release: that would build everything again for no difference that
    anybody asked for, and a finished build must be found where Go is gone.
    """
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}\n".encode())
    for module in GROUPS[name].modules:
        for file in sorted(path for path in (MODULES / module.folder).iterdir() if path.is_file()):
            digest.update(f"{module.folder}/{file.name} {file.stat().st_size}\n".encode() + file.read_bytes())
        digest.update("\n".join(module.flags()).encode())
    return digest.hexdigest()[:12]


def _required(pattern: str, folder: str, what: str) -> str:
    match = re.search(pattern, (MODULES / folder / "go.mod").read_text())
    if not match:
        raise ValueError(f"modules/{folder}/go.mod does not state a version of {what}")
    return match[1]
