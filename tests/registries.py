"""Registries on loopback: the real docker-registry behind a password, and one with a token service.

The token service answers as Harbor (src/core/service/token, src/server/middleware/v2auth) and Docker Hub do.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import bcrypt
import httpx
import yaml

from components.nginx.tls import self_signed

USER, PASSWORD = "robot$subscriber", "t0ken-of-the-test"
REPOSITORY, TAG = "wso2-integrator/ei", "6.6.0.10"
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


@dataclass
class Registry:
    """A running registry."""

    host: str
    """127.0.0.1:port"""
    digest: str = ""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    """(method, path, scheme of the Authorization header) of each request to the token registry."""
    breaks: int = 0
    """How many of the token registry's next answers end before their body."""

    @property
    def image(self) -> str:
        return f"{self.host}/{REPOSITORY}:{TAG}"


@contextmanager
def password_registry(folder: Path) -> Iterator[Registry]:
    """The real docker-registry with one user and one image."""
    program = shutil.which("docker-registry")
    assert program, "the package docker-registry is not installed"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": host},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _wait(host, process, folder / "log")
        yield Registry(host, _push(host))
    finally:
        process.terminate()
        process.wait(10)


def _wait(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    address = host.split(":", maxsplit=1)[0], int(host.split(":")[1])
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(address) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("docker-registry does not listen")


def _push(host: str) -> str:
    with httpx.Client(base_url=f"http://{host}", auth=(USER, PASSWORD), trust_env=False) as client:

        def blob(content: bytes) -> dict[str, Any]:
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            place = client.post(f"/v2/{REPOSITORY}/blobs/uploads/").headers["Location"]
            put = client.put(httpx.URL(place).copy_add_param("digest", digest), content=content)
            assert put.status_code == 201, put.text
            return {"digest": digest, "size": len(content)}

        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json"} | blob(b"{}"),
            "layers": [],
        }
        put = client.put(
            f"/v2/{REPOSITORY}/manifests/{TAG}", content=json.dumps(manifest), headers={"Content-Type": MANIFEST_TYPE}
        )
        assert put.status_code == 201, put.text
        return str(put.headers["Docker-Content-Digest"])


@contextmanager
def token_registry(
    style: Literal["harbor", "hub"], *, realm: str | None = None, tls: Path | None = None
) -> Iterator[Registry]:
    """A registry with a token service; the user may pull ``REPOSITORY``'s project and no other.

    :param tls: a folder for the certificate of its own CA, ``ca.pem``; the registry is then ``localhost``, by HTTPS.
    """
    registry = Registry("")

    class Handler(_TokenHandler):
        pass

    Handler.registry, Handler.style, Handler.realm = registry, style, realm
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.host = f"127.0.0.1:{server.server_address[1]}"
    if tls:
        registry.host = f"localhost:{server.server_address[1]}"
        server.socket = server_context(tls, ["localhost"]).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()


def server_context(folder: Path, names: list[str]) -> ssl.SSLContext:
    """TLS with a certificate for ``names`` that only ``ca.pem`` in the folder vouches for."""
    pair = self_signed(b"2" * 32, names)
    (folder / "ca.pem").write_text(pair.certificate)
    (folder / "both.pem").write_text(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


class _TokenHandler(BaseHTTPRequestHandler):
    registry: Registry
    style: str
    realm: str | None

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
        self.registry.requests.append((self.command, self.path, scheme))
        parts = urlsplit(self.path)
        if parts.path == "/service/token":
            self._token(base64.b64decode(credentials).decode() == f"{USER}:{PASSWORD}", parse_qs(parts.query))
        elif parts.path == "/v2/":
            self._refuse("")
        else:
            self._manifest(parts.path, credentials)

    def _token(self, known: bool, query: dict[str, list[str]]) -> None:
        scope = query.get("scope", [""])[0]
        if not known and self.style == "hub":
            self._answer(401, {"details": "incorrect username or password"})
        elif not known and not scope:
            self._answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "unauthorized"}]})
        else:
            # Harbor hands a token without any access to somebody it does not know, when a scope is asked for.
            allowed = known and scope.startswith(f"repository:{REPOSITORY.split('/', maxsplit=1)[0]}/")
            self._answer(200, {"token": base64.b64encode((scope if allowed else "nothing").encode()).decode()})

    def _manifest(self, path: str, token: str) -> None:
        repository, _, version = path.removeprefix("/v2/").partition("/manifests/")
        if base64.b64decode(token).decode() != f"repository:{repository}:pull":
            self._refuse(repository)
        elif (repository, version) != (REPOSITORY, TAG):
            code = "NOT_FOUND" if self.style == "harbor" else "MANIFEST_UNKNOWN"
            self._answer(404, {"errors": [{"code": code, "message": f"artifact {repository}:{version} not found"}]})
        else:
            self._answer(200, {"schemaVersion": 2})

    def _refuse(self, repository: str) -> None:
        scheme = "https" if self.registry.host.startswith("localhost") else "http"
        realm = self.realm or f"{scheme}://{self.registry.host}/service/token"
        scope = f',scope="repository:{repository}:pull",error="insufficient_scope"' if repository else ""
        service = "harbor-registry" if self.style == "harbor" else "registry.docker.io"
        message = f"unauthorized to access repository: {repository}, action: pull" if repository else "unauthorized"
        self._answer(
            401,
            {"errors": [{"code": "UNAUTHORIZED", "message": message}]},
            {"WWW-Authenticate": f'Bearer realm="{realm}",service="{service}"{scope}'},
        )

    def _answer(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"" if self.registry.breaks else body)
            self.registry.breaks = max(0, self.registry.breaks - 1)

    def log_message(self, *_: object) -> None:
        pass
