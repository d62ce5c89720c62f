"""Docker Hub as a test plays it on loopback: a real docker-registry that wants tokens, and the service that gives them.

The token service answers as Docker Hub's (distribution: docs/spec/auth/token.md): public repositories for everybody,
``team/`` for the user alone, 401 for a wrong password. The images are the kit's, with one more variable: what runs from
here has another digest than the stand-in of the same name.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from components.nginx.tls import self_signed
from embedded.images.catalog import images
from embedded.images.references import parse
from embedded.images.store import write_image

REGISTRY, TOKENS = "registry-1.docker.io", "auth.docker.io"
USER, PASSWORD = "teammate", "dckr_pat_of-the-test"
PRIVATE = "docker.io/team/ei:6.5.0"
"""EI for the user alone."""


@dataclass
class Hub:
    """What plays Docker Hub."""

    routes: Mapping[str, tuple[str, int]]
    """Host name to the loopback address that answers for it by plain HTTP."""
    digests: set[str]
    granted: list[str] = field(default_factory=list)
    """Repositories that tokens were given for."""


@contextmanager
def hub(folder: Path, layers: Path) -> Iterator[Hub]:
    """Play Docker Hub.

    :param folder: on the file system of ``layers``, as blobs are links.
    :param layers: the kit's cache of image layers, with all of them.
    """
    program = shutil.which("docker-registry")
    assert program, "the package docker-registry is not installed"
    pair = self_signed(b"3" * 32, ["tokens"])
    (folder / "tokens.pem").write_text(pair.certificate)
    digests = _fill(folder / "data" / "docker" / "registry" / "v2", layers)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")},
            "maintenance": {"readonly": {"enabled": True}, "uploadpurging": {"enabled": False}},
        },
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {
            "token": {
                "realm": f"https://{TOKENS}/token", "service": "registry.docker.io", "issuer": TOKENS,
                "rootcertbundle": str(folder / "tokens.pem"),
            }
        },
    }  # fmt: skip
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    result = Hub({REGISTRY: ("127.0.0.1", port), TOKENS: ("127.0.0.1", server.server_address[1])}, digests)
    _Tokens.hub, _Tokens.key, _Tokens.certificate = result, pair.key, pair.certificate
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _wait(port, process, folder / "log")
        yield result
    finally:
        server.shutdown()
        server.server_close()
        process.terminate()
        process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("docker-registry does not listen")


def _fill(root: Path, layers: Path) -> set[str]:
    for image in images():
        names = [reference for reference in image.references if reference.startswith("docker.io/")]
        if "docker.io/wso2/wso2ei-integrator:6.5.0" in names:
            names.append(PRIVATE)
        for name in names:
            played = replace(image, environment={**image.environment, "PLAYED": name})
            write_image(root, parse(name), played, [layers / f"{layer.key}.tar" for layer in image.layers])
    return {link.read_text() for link in root.glob("repositories/**/_manifests/tags/*/current/link")}


class _Tokens(BaseHTTPRequestHandler):
    hub: Hub
    key: str
    certificate: str

    def do_GET(self) -> None:
        """As `docker pull` does, with HTTP Basic or without a user."""
        user = base64.b64decode(self.headers.get("Authorization", "").partition(" ")[2]).decode()
        self._grant(user, parse_qs(urlsplit(self.path).query))

    def do_POST(self) -> None:
        """As containerd does with a user (docs/spec/auth/oauth.md: grant type password)."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._grant(f"{form['username'][0]}:{form['password'][0]}", form)

    def _grant(self, user: str, query: Mapping[str, list[str]]) -> None:
        if user and user != f"{USER}:{PASSWORD}":
            self._answer(401, {"details": "incorrect username or password"})
            return
        access = []
        for scope in " ".join(query.get("scope", [])).split():
            kind, _, rest = scope.partition(":")
            repository = rest.rpartition(":")[0]
            if user or not repository.startswith("team/"):
                access.append({"type": kind, "name": repository, "actions": ["pull"]})
                self.hub.granted.append(repository)
        token = self._signed(access)
        self._answer(200, {"token": token, "access_token": token, "expires_in": 300})

    def _signed(self, access: list[dict[str, Any]]) -> str:
        """A JWT as docker-registry reads it: ES256, with the certificate of the key in its header."""
        der = x509.load_pem_x509_certificate(self.certificate.encode()).public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        now = int(time.time())
        claims = {
            "iss": TOKENS, "sub": "", "aud": "registry.docker.io", "exp": now + 300, "nbf": now - 10, "iat": now,
            "jti": str(time.time_ns()), "access": access,
        }  # fmt: skip
        text = f"{_text(json.dumps(header).encode())}.{_text(json.dumps(claims).encode())}"
        key = serialization.load_pem_private_key(self.key.encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_text(r.to_bytes(32) + s.to_bytes(32))}"

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
