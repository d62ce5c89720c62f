"""Groups of programs: their versions and releases, and the key of what a build was made from.

Versions, Go's included, are stated in the ``go.mod`` files below ``modules/`` and nowhere else.
"""

from __future__ import annotations

import hashlib
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from embedded.toolchain.releases import PULUMI_RELEASES, Release

MODULES = Path(__file__).parent / "modules"
_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"


@dataclass(frozen=True)
class Module:
    """One program or set of programs of a folder below ``modules/``, which holds a ``go.mod`` and its ``go.sum``."""

    folder: str
    path: str
    """The module whose version is the version of what is built."""
    version_variables: tuple[str, ...] = ()
    """Go variables that the linker sets to that version; their default names no release."""
    target: str = "tool"
    """What ``go build`` builds: a package of the folder, or all that the ``tool`` lines name."""
    files: tuple[str, ...] = ()
    """Files of the module ``path`` that belong next to the binaries."""

    def version(self) -> str:
        """Return the pinned version, e.g. ``v1.35.4``."""
        return module_version(self.folder, self.path)

    def flags(self) -> list[str]:
        """Return the flags of ``go build``.

        No path of the machine gets into a binary. The linker drops debugging data (``-w``), and a compiler that does
        not make it in the first place needs an eighth less time.
        """
        linker = ["-s", "-w", *(f"-X {variable}={self.version()}" for variable in self.version_variables)]
        return ["-trimpath", "-gcflags=all=-dwarf=false", f"-ldflags={' '.join(linker)}"]


@dataclass(frozen=True)
class Group:
    """Binaries that are had together in one folder."""

    title: str
    expected: str
    """How long a build takes on 2 cores with empty caches, after the groups above it."""
    modules: tuple[Module, ...]
    binaries: tuple[str, ...]
    instead: str = "make your own cluster the current context"
    """The fix where the group can neither be downloaded nor built."""
    release: Release | None = None
    """The project's own binaries; ``None`` where another tool downloads them."""
    version_argument: str = ""
    """What makes the first binary print its version; empty: PATH is not looked at, or elsewhere."""

    def version(self) -> str:
        """Return the version of the group's first module."""
        return self.modules[0].version()


GROUPS = {
    "pulumi": Group(
        "the Pulumi CLI and its Python language host",
        "5 min",
        (
            Module(
                "pulumi",
                "github.com/pulumi/pulumi/pkg/v3",
                ("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",),
            ),
            Module(
                "pulumi-language-python",
                "github.com/pulumi/pulumi/sdk/v3",
                files=("python/cmd/pulumi-language-python-exec",),
            ),
        ),
        ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"),
        "install the Pulumi CLI and put it on PATH",
        PULUMI_RELEASES,
    ),
    "kubernetes": Group(
        "Kubernetes",
        "6 min",
        (
            Module(
                "kubernetes",
                "k8s.io/kubernetes",
                # The first is what the servers answer, the second what clients send as user agent.
                ("k8s.io/component-base/version.gitVersion", "k8s.io/client-go/pkg/version.gitVersion"),
            ),
        ),
        ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"),
        release=Release(
            ("https://dl.k8s.io/v{version}/bin/{system}/{machine}/{binary}",), "{url}.sha256", archive=False
        ),
        version_argument="--version",
    ),
    "coredns": Group(
        "CoreDNS",
        "20s",
        (Module("kubernetes", "github.com/coredns/coredns", target="./coredns"),),
        ("coredns",),
        release=Release(
            (
                "https://github.com/coredns/coredns/releases/download/v{version}/"
                "coredns_{version}_{system}_{machine}.tgz",
            ),
            "{url}.sha256",
        ),
        version_argument="-version",
    ),
    "kube-router": Group(
        "kube-router (enforces NetworkPolicies)",
        "10s",
        (
            Module(
                "kubernetes",
                "github.com/cloudnativelabs/kube-router/v2",
                ("github.com/cloudnativelabs/kube-router/v2/pkg/version.Version",),
                "./kube-router",
            ),
        ),
        ("kube-router",),
        release=Release(
            (
                "https://github.com/cloudnativelabs/kube-router/releases/download/v{version}/"
                "kube-router_{version}_{system}_{machine}.tar.gz",
            ),
            "https://github.com/cloudnativelabs/kube-router/releases/download/v{version}/"
            "kube-router_{version}_checksums.txt",
        ),
        version_argument="--version",
    ),
    # Its release comes with `pulumi plugin install`.
    "pulumi-kubernetes": Group(
        "Pulumi's Kubernetes provider",
        "6 min",
        (
            Module(
                "kubernetes",
                _PROVIDER,
                (f"{_PROVIDER}/pkg/version.Version",),
                "./pulumi-resource-kubernetes",
                tuple(f"cmd/pulumi-resource-kubernetes/{name}.json" for name in ("schema", "terraform-mapping")),
            ),
        ),
        ("pulumi-resource-kubernetes",),
        "install the plugin where there is a network: pulumi plugin install resource kubernetes",
    ),
    "vegeta": Group(
        "vegeta (makes the load of the end-to-end tests)",
        "5s",
        (Module("vegeta", "github.com/tsenart/vegeta/v12"),),
        ("vegeta",),
        "run the tests without load: pytest --ignore tests/e2e/test_lifecycle.py",
        Release(
            (
                "https://github.com/tsenart/vegeta/releases/download/v{version}/"
                "vegeta_{version}_{system}_{machine}.tar.gz",
            ),
            "https://github.com/tsenart/vegeta/releases/download/v{version}/vegeta_{version}_checksums.txt",
        ),
    ),
    "traefik": Group(
        "Traefik (a second ingress controller for the end-to-end tests)",
        "5 min",
        (
            Module(
                "traefik",
                "github.com/traefik/traefik/v3",
                ("github.com/traefik/traefik/v3/pkg/version.Version",),
            ),
        ),
        ("traefik",),
        "run the tests without it: pytest --ignore tests/e2e/test_traefik.py",
        Release(
            (
                "https://github.com/traefik/traefik/releases/download/v{version}/"
                "traefik_v{version}_{system}_{machine}.tar.gz",
            ),
            "https://github.com/traefik/traefik/releases/download/v{version}/traefik_v{version}_checksums.txt",
        ),
    ),
    # Released as an image only.
    "cert-manager": Group(
        "cert-manager (issues certificates in an end-to-end test that runs by name)",
        "4 min",
        (
            Module(
                "cert-manager",
                "github.com/cert-manager/cert-manager",
                target="./controller",
                files=tuple(
                    f"deploy/crds/cert-manager.io_{kind}.yaml"
                    for kind in ("certificates", "certificaterequests", "issuers", "clusterissuers")
                ),
            ),
        ),
        ("controller",),
        "run make e2e without E2E=certmanager",
    ),
}


def module_version(folder: str, path: str) -> str:
    """Return the version of the module ``path`` in ``modules/<folder>/go.mod``, e.g. ``v1.35.4``.

    Where a commit without a tag is required, the release that it belongs to, which a comment after it names.
    """
    return _required(rf"(?m)^(?:require )?\s*{re.escape(path)} (?:v\S+ // )?(v\S+)", folder, path)


def needed_go(group: Group) -> tuple[int, int]:
    """Return the Go release that builds the group, e.g. ``(1, 26)``: the newest of its modules' ``go`` lines."""
    stated = (_required(r"(?m)^go (\d+\.\d+)", module.folder, "go") for module in group.modules)
    return max((int(major), int(minor)) for major, minor in (text.split(".") for text in stated))


def key(name: str) -> str:
    """Hash the files that the group is built from, its build flags and the kind of machine.

    Not the patch release of the installed Go: that would build everything again without any difference in
    what it does, and a finished build must be usable after Go was removed.
    """
    digest = hashlib.sha256(f"{platform.system()} {platform.machine()}\n".encode())
    for module in GROUPS[name].modules:
        folder = MODULES / module.folder
        for file in sorted(path for path in (*folder.iterdir(), *(folder / module.target).glob("*")) if path.is_file()):
            text = file.relative_to(MODULES)
            digest.update(f"{text} {file.stat().st_size}\n".encode() + file.read_bytes())
        digest.update("\n".join((*module.flags(), *module.files)).encode())
    return digest.hexdigest()[:12]


def _required(pattern: str, folder: str, what: str) -> str:
    match = re.search(pattern, (MODULES / folder / "go.mod").read_text())
    if not match:
        raise ValueError(f"modules/{folder}/go.mod does not state a version of {what}")
    return match[1]
