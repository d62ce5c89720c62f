"""Stand-in for docker.io/library/python: Debian's interpreter and standard library, no package of PyPI."""

from __future__ import annotations

from embedded.images.debian import debian_layer
from embedded.images.spec import File, Image, accounts, files_layer

_LINKS = [File(f"usr/local/bin/{name}", link="/usr/bin/python3") for name in ("python", "python3")]

IMAGES = [
    Image(
        # The second name is a team's copy, in a registry with a login.
        tuple(f"{name}/library/python:3.13.11-slim-trixie" for name in ("docker.io", "registry.wso2.com")),
        (
            debian_layer("python", "sid", ("python3-minimal", "libpython3-stdlib", "ca-certificates")),
            files_layer("python-names", lambda: [*accounts(), *_LINKS]),
        ),
        (),
        ("python3",),
    )
]
