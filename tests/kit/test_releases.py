"""Official releases: used when they come whole, else one sentence and the build from Go modules. The server is real."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from embedded import toolchain
from embedded.progress import Reporter
from embedded.toolchain import build, groups
from embedded.toolchain.releases import Release

NAME = "coredns"
PROGRAM = b"#!/bin/sh\necho released\n"


@dataclass
class Server:
    """Serves files by path; counts what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cut: int = 0
    """How many of the next answers with a program end after half of the bytes that they announced."""
    status: int = 200
    """Of the answer to every request, and to CONNECT."""

    def publish(self, *, right_sum: bool = True, archive: bool = True) -> None:
        for binary in groups.GROUPS[NAME].binaries:
            content = _archive(binary) if archive else PROGRAM
            self.files[f"/{binary}"] = content
            digest = hashlib.sha256(content).hexdigest() if right_sum else "0" * 64
            self.files[f"/{binary}.sha256"] = f"{digest}  {binary}\n".encode()


def _archive(binary: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, mode in ((f"folder/{binary}", 0o755), ("folder/README.md", 0o644)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(PROGRAM), mode
            tar.addfile(info, io.BytesIO(PROGRAM))
    return packed.getvalue()


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = "/" + self.path.rpartition("/")[2]
            server.asked.append(path)
            content = server.files.get(path)
            self.send_response(server.status if content is not None else 404)
            content = content or b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if server.cut and not path.endswith(".sha256"):
                server.cut -= 1
                content = content[: len(content) // 2]
            self.wfile.write(content)

        def do_CONNECT(self) -> None:
            server.asked.append(f"CONNECT {self.path}")
            self.send_error(server.status)

        def log_message(self, *_: object) -> None:
            return

    return Handler


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    made.url = f"http://127.0.0.1:{listening.server_address[1]}"
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield made
    listening.shutdown()
    listening.server_close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server) -> Callable[[], str]:
    """Make the group from the server's release, or by a fake build; what was shown. No proxy, a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "")
    publish_at(monkeypatch, server.url)

    def built(group: groups.Group, final: Path, *_: object) -> None:
        (final / "bin").mkdir(parents=True)
        for binary in group.binaries:
            (final / "bin" / binary).write_text("built")
            (final / "bin" / binary).chmod(0o755)

    monkeypatch.setattr(build, "_make", built)

    def run() -> str:
        out = io.StringIO()
        toolchain.ensure(NAME, Reporter(Console(file=out, width=1000)))
        return out.getvalue()

    return run


def publish_at(monkeypatch: pytest.MonkeyPatch, url: str, *, archive: bool = True) -> None:
    release = Release((url + "/{binary}",), "{url}.sha256", archive=archive)
    monkeypatch.setitem(groups.GROUPS, NAME, replace(groups.GROUPS[NAME], release=release))


def program() -> bytes:
    folder = toolchain.built(NAME)
    assert folder is not None
    return (folder / groups.GROUPS[NAME].binaries[0]).read_bytes()


def leftovers(tmp_path: Path) -> list[str]:
    """Everything in the cache that belongs to no finished folder."""
    toolchain_folder = tmp_path / "cache" / "wso2ei-embedded" / "toolchain"
    unfinished = [path for path in toolchain_folder.iterdir() if path.is_dir() and path.suffix == ".partial"]
    return [file.name for folder in unfinished for file in folder.rglob("*") if file.is_file()]


def test_a_release_with_the_published_sum_is_used_and_not_downloaded_again(
    told: Callable[[], str], server: Server
) -> None:
    server.publish()
    told()
    assert program() == PROGRAM
    assert os.access(toolchain.built(NAME) / "coredns", os.X_OK)  # type: ignore[operator]
    assert not list(toolchain.built(NAME).glob("README*"))  # type: ignore[union-attr]
    asked = list(server.asked)
    told()
    assert server.asked == asked


def test_a_release_of_single_files_is_used(
    told: Callable[[], str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_at(monkeypatch, server.url, archive=False)
    server.publish(archive=False)
    told()
    assert program() == PROGRAM


def test_a_program_on_path_in_the_pinned_version_comes_first(
    told: Callable[[], str], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    own = tmp_path / "own" / "coredns"
    monkeypatch.setenv("PATH", f"{own.parent}{os.pathsep}{os.environ['PATH']}")
    version = groups.GROUPS[NAME].version().removeprefix("v")
    own.write_text(f"#!/bin/sh\necho CoreDNS-{version}\n")
    own.chmod(0o755)
    told()
    assert toolchain.built(NAME) == own.parent
    assert server.asked == []
    own.write_text("#!/bin/sh\necho CoreDNS-1.0.0\n")
    server.publish()
    told()
    assert program() == PROGRAM


def test_a_wrong_sum_is_thrown_away_and_named(told: Callable[[], str], server: Server, tmp_path: Path) -> None:
    server.publish(right_sum=False)
    said = told()
    assert "is built from Go modules: the checksum of coredns is not the published one, so it was deleted" in said
    assert program() == b"built"
    assert leftovers(tmp_path) == []


def test_a_download_that_broke_off_is_repeated_once(told: Callable[[], str], server: Server) -> None:
    server.publish()
    server.cut = 1
    told()
    assert program() == PROGRAM
    assert server.asked.count("/coredns") == 2


def test_half_a_download_is_thrown_away_and_the_next_run_gets_the_whole(
    told: Callable[[], str], server: Server, tmp_path: Path
) -> None:
    server.publish()
    server.cut = 2
    assert "the download of coredns broke off" in told()
    assert program() == b"built"
    assert leftovers(tmp_path) == []
    shutil.rmtree(toolchain.built(NAME).parent)  # type: ignore[union-attr]
    told()
    assert program() == PROGRAM


def test_files_that_came_whole_are_kept_for_the_next_try(
    told: Callable[[], str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = replace(groups.GROUPS[NAME], binaries=("coredns", "other"))
    monkeypatch.setitem(groups.GROUPS, NAME, group)
    publish_at(monkeypatch, server.url, archive=False)
    server.publish(archive=False)
    last = server.files.pop("/other")
    assert "/other answers 404" in told()
    shutil.rmtree(toolchain.built(NAME).parent)  # type: ignore[union-attr]
    server.files["/other"] = last
    told()
    assert program() == PROGRAM
    assert server.asked.count("/coredns") == 1


def test_no_server_is_reported_in_one_line(told: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    publish_at(monkeypatch, "http://127.0.0.1:1")
    assert "127.0.0.1 cannot be reached: " in told()
    assert program() == b"built"
    assert not list(toolchain.built(NAME).parents[1].glob("*.partial"))  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_is_named_with_the_way_out(
    told: Callable[[], str], server: Server, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    server.status = status
    publish_at(monkeypatch, "https://releases.invalid")
    monkeypatch.setenv("HTTPS_PROXY", server.url)
    said = told()
    assert f"the proxy rejects releases.invalid ({status}" in said
    assert "check HTTPS_PROXY, or name the host in NO_PROXY" in said
    assert server.asked == ["CONNECT releases.invalid:443"]
    assert program() == b"built"


def test_a_proxy_on_the_way_is_used(told: Callable[[], str], server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.publish()
    publish_at(monkeypatch, "http://releases.invalid")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    told()
    assert program() == PROGRAM


def test_a_certificate_of_an_unknown_authority_is_named_and_can_be_trusted(
    told: Callable[[], str], server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    publish_at(monkeypatch, f"https://127.0.0.1:{listening.server_address[1]}")
    server.publish()
    try:
        assert "the certificate of 127.0.0.1 is not trusted: set SSL_CERT_FILE to the file of the authority" in told()
        shutil.rmtree(toolchain.built(NAME).parent)  # type: ignore[union-attr]
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        told()
        assert program() == PROGRAM
    finally:
        listening.shutdown()
        listening.server_close()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_is_named_and_leaves_nothing_half_installed(
    told: Callable[[], str], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_at(monkeypatch, server.url, archive=False)
    server.publish(archive=False)
    content = os.urandom(4 << 20)
    server.files |= {"/coredns": content, "/coredns.sha256": hashlib.sha256(content).hexdigest().encode()}
    (tmp_path / "cache").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", tmp_path / "cache"], check=True)
    try:
        with pytest.raises(OSError, match="No space left"):
            told()
        assert toolchain.built(NAME) is None
        assert leftovers(tmp_path) == []
    finally:
        subprocess.run(["umount", tmp_path / "cache"], check=True)
    told()
    assert program() == content


def test_the_addresses_are_those_of_the_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "linux")
    found = {
        name: list(group.release.files("1.2.3", group.binaries))[-1]
        for name, group in groups.GROUPS.items()
        if group.release
    }
    github = "https://github.com"
    router = f"{github}/cloudnativelabs/kube-router/releases/download/v1.2.3/kube-router_1.2.3"
    assert found == {
        "pulumi": (
            "https://get.pulumi.com/releases/sdk/pulumi-v1.2.3-linux-x64.tar.gz",
            "https://get.pulumi.com/releases/sdk/pulumi-1.2.3-checksums.txt",
        ),
        "kubernetes": (
            "https://dl.k8s.io/v1.2.3/bin/linux/amd64/kubectl",
            "https://dl.k8s.io/v1.2.3/bin/linux/amd64/kubectl.sha256",
        ),
        "coredns": (
            f"{github}/coredns/coredns/releases/download/v1.2.3/coredns_1.2.3_linux_amd64.tgz",
            f"{github}/coredns/coredns/releases/download/v1.2.3/coredns_1.2.3_linux_amd64.tgz.sha256",
        ),
        "kube-router": (f"{router}_linux_amd64.tar.gz", f"{router}_checksums.txt"),
        "vegeta": (
            f"{github}/tsenart/vegeta/releases/download/v1.2.3/vegeta_1.2.3_linux_amd64.tar.gz",
            f"{github}/tsenart/vegeta/releases/download/v1.2.3/vegeta_1.2.3_checksums.txt",
        ),
        "traefik": (
            f"{github}/traefik/traefik/releases/download/v1.2.3/traefik_v1.2.3_linux_amd64.tar.gz",
            f"{github}/traefik/traefik/releases/download/v1.2.3/traefik_v1.2.3_checksums.txt",
        ),
    }
