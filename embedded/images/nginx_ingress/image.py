"""Stand-in for docker.io/nginx/nginx-ingress: real NGINX from Debian, driven by a small controller in Python.

F5's controller is not published as a Go module of its major version and not in Debian, so no package registry
has it. The binaries carry NET_BIND_SERVICE as a file capability, as the real ones do: without that capability in
the container's bounding set, exec fails with "Operation not permitted".
"""

from __future__ import annotations

import struct
from pathlib import Path

from embedded.images.compile import static_binary
from embedded.images.debian import debian_layer
from embedded.images.spec import File, Image, Layer, accounts, write_layer
from embedded.progress import Reporter

_HERE = Path(__file__).parent
UID = 101
# `security.capability`, revision 2 with the effective bit: CAP_NET_BIND_SERVICE (10) permitted, nothing inheritable
# (linux/capability.h, vfs_cap_data; what `setcap cap_net_bind_service=+ep` writes).
_NET_BIND_SERVICE = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)


def _files(launcher: bytes) -> list[File]:
    """Return the files of the controller's image other than NGINX."""
    folders = ("etc/nginx/conf.d", "etc/nginx/stream-conf.d", "etc/nginx/secrets", "etc/nginx/njs")
    owned = ("var/cache/nginx", "var/lib/nginx", "var/lib/nginx/state", "var/log/nginx")
    return [
        *accounts(("nginx", UID, "/nonexistent")),
        *(File(path, None, 0o755, UID) for path in (*folders, *owned)),
        File("etc/nginx/njs/apikey_auth.js", "export default {};\n", 0o644, UID),
        File("etc/nginx/nginx.conf", "events {}\n", 0o644, UID),
        File("opt/controller", None, 0o755),
        *(File(f"opt/controller/{path.name}", path.read_text()) for path in _controller()),
        File("nginx-ingress", launcher, 0o755, capabilities=_NET_BIND_SERVICE),
    ]


def _controller() -> list[Path]:
    return sorted((_HERE / "controller").glob("*.py"))


def _build(destination: Path, reporter: Reporter) -> None:
    write_layer(destination, _files(static_binary(_HERE / "launcher.c", reporter)))


_RECIPE = "\n".join(path.read_text() for path in (Path(__file__), _HERE / "launcher.c", *_controller()))
_PACKAGES = (
    "nginx",
    "libnginx-mod-http-js",
    "libnginx-mod-stream",
    "python3-minimal",
    "libpython3-stdlib",
    "ca-certificates",
)

IMAGES = [
    Image(
        ("docker.io/nginx/nginx-ingress:5.5.4",),
        (
            debian_layer(
                "nginx-ingress",
                "sid",
                _PACKAGES,
                hooks=("setcap cap_net_bind_service=+eip $1/usr/sbin/nginx",),
                tools=("libcap2-bin",),
            ),
            Layer("nginx-ingress-controller", _RECIPE, _build),
        ),
        ("/nginx-ingress",),
        user=str(UID),
        ports=(80, 443),
    )
]
