"""Root file systems from Debian packages, by mmdebstrap, from the mirror that this machine is set up for."""

from __future__ import annotations

import re
from pathlib import Path

from embedded.errors import KitError
from embedded.images.spec import Layer
from embedded.process import capture
from embedded.progress import Reporter
from embedded.toolchain import ensure_debian

# What a container has no use for; mmdebstrap leaves it out while it unpacks.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/lintian/*")


def debian_layer(
    name: str,
    suite: str,
    packages: tuple[str, ...],
    left_out: tuple[str, ...] = (),
    hooks: tuple[str, ...] = (),
    tools: tuple[str, ...] = (),
) -> Layer:
    """Return a layer with Debian's essential packages and ``packages``.

    :param suite: ``bookworm`` or ``sid``; sid is needed where the field's images are newer than a stable Debian.
    :param left_out: more paths (dpkg's glob patterns) that are not unpacked.
    :param hooks: commands of this machine run at the end, ``$1`` being the root folder.
    :param tools: Debian packages of this machine that the hooks need.
    """

    def build(destination: Path, reporter: Reporter) -> None:
        ensure_debian(["mmdebstrap", *tools], reporter)
        excluded = [f"--dpkgopt=path-exclude={pattern}" for pattern in (*_LEFT_OUT, *left_out)]
        command = [
            "mmdebstrap",
            "--variant=essential",
            # A frozen mirror's release file may be past its date.
            '--aptopt=Acquire::Check-Valid-Until "false"',
            *excluded,
            # update-alternatives of some packages (the JDK's) fails where this folder is missing.
            "--essential-hook=mkdir -p $1/usr/share/man/man1",
            f"--include={','.join(packages)}",
            "--customize-hook=rm -rf $1/var/cache/apt $1/var/lib/apt/lists $1/var/log/*",
            *(f"--customize-hook={hook}" for hook in hooks),
            "--format=tar",
            suite,
            str(destination),
            f"deb {mirror()} {suite} main",
        ]
        answer = capture(command)
        if answer.returncode != 0:
            full = "No space left on device" in answer.stderr
            first = "free some disk space" if full else "check that the Debian mirror can be reached"
            raise KitError(
                f"making the root file system of {name} failed: {answer.stderr.strip()[-800:]}",
                f"{first}, then run the same command again",
            )

    recipe = f"{suite} {' '.join(packages)} {' '.join((*_LEFT_OUT, *left_out))} {' '.join(hooks)}"
    return Layer(f"{name}-rootfs", recipe, build, "25s")


def mirror() -> str:
    """Return the Debian mirror that apt uses here. Raises ``KitError`` where apt has none."""
    for file in [*sorted(Path("/etc/apt").glob("sources.list.d/*.sources")), Path("/etc/apt/sources.list")]:
        text = file.read_text() if file.exists() else ""
        match = re.search(r"(?m)^URIs:\s*(\S+/debian)/?\s*$", text) or re.search(
            r"(?m)^deb\s+(?:\[[^\]]*\]\s+)?(\S+/debian)/?\s", text
        )
        if match:
            return match[1]
    raise KitError("apt has no Debian mirror on this machine", "use Debian, or your own cluster and images")
