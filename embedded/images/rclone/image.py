"""Stand-in for docker.io/rclone/rclone: Debian's rclone of the same release, with the busybox of Alpine's images first.

The official image is Alpine with rclone as its entry point (rclone, Dockerfile). A program that needs more of a shell's
tools than busybox has fails here too.
"""

from __future__ import annotations

from embedded.images.debian import debian_layer
from embedded.images.spec import Image, accounts, files_layer

IMAGES = [
    Image(
        # The second name is a team's copy, in a registry with a login.
        tuple(f"{name}/rclone/rclone:1.75.2" for name in ("docker.io", "registry.wso2.com")),
        (
            debian_layer(
                "rclone",
                "sid",
                ("rclone", "busybox-static", "ca-certificates"),
                hooks=('chroot "$1" /usr/bin/busybox --install -s /usr/local/bin',),
            ),
            files_layer("rclone-names", accounts),
        ),
        ("rclone",),
        working_dir="/data",
        environment={"XDG_CONFIG_HOME": "/config"},
    )
]
