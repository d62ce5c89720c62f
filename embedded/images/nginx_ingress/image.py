"""Stand-in for docker.io/nginx/nginx-ingress: real NGINX from Debian, driven by a small controller in Python.

F5's controller is no Go module of its own major version and in no Debian suite, so it cannot be had from a package
registry. The binaries carry NET_BIND_SERVICE as a file capability, as the real ones do: without that capability in
the container's bounding set, exec fails with "Operation not permitted".
"""

from __future__ import annotations

from pathlib import Path

from embedded.images.debian import debian_layer
from embedded.images.spec import File, Image, accounts, files_layer

_HERE = Path(__file__).parent
UID = 101


def _nginx_files() -> list[File]:
    """What the controller's own image holds besides NGINX."""
    folders = ("etc/nginx/conf.d", "etc/nginx/stream-conf.d", "etc/nginx/secrets", "etc/nginx/njs")
    owned = ("var/cache/nginx", "var/lib/nginx", "var/lib/nginx/state", "var/log/nginx")
    controller = sorted((_HERE / "controller").glob("*.py"))
    return [
        *accounts(("nginx", UID, "/nonexistent")),
        *(File(path, None, 0o755, UID) for path in (*folders, *owned)),
        File("etc/nginx/njs/apikey_auth.js", "export default {};\n", 0o644, UID),
        # Debian's own server would listen on port 80.
        File("etc/nginx/modules-enabled", None, 0o755, UID),
        File("etc/nginx/nginx.conf", "events {}\n", 0o644, UID),
        File("opt/controller", None, 0o755),
        *(File(f"opt/controller/{path.name}", path.read_text()) for path in controller),
        File("nginx-ingress", (_HERE / "nginx-ingress").read_text(), 0o755),
    ]


IMAGES = [
    Image(
        ("docker.io/nginx/nginx-ingress:5.5.4",),
        (
            debian_layer(
                "nginx-ingress",
                "sid",
                ("nginx", "libnginx-mod-http-js", "libnginx-mod-stream", "python3-minimal", "libpython3-stdlib",
                 "ca-certificates"),
                hooks=("setcap cap_net_bind_service=+eip $1/usr/sbin/nginx",),
                tools=("libcap2-bin",),
            ),
            files_layer("nginx-ingress-controller", _nginx_files),
        ),
        ("/nginx-ingress",),
        user=str(UID),
        ports=(80, 443),
    )
]  # fmt: skip
