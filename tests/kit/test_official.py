"""The official CLI: used when its sum fits, otherwise as if it could not be had."""

from __future__ import annotations

import hashlib
import http.server
import importlib.metadata
import io
import platform
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from embedded.progress import Reporter
from embedded.toolchain.official import official_pulumi

VERSION = importlib.metadata.version("pulumi")
pytestmark = pytest.mark.skipif(platform.machine() not in {"x86_64", "arm64", "aarch64"}, reason="no release for it")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache" / "wso2ei-embedded" / "toolchain").mkdir(parents=True)
    folder = tmp_path / "releases"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    server.server_close()


def release(folder: Path, *, right_sum: bool) -> None:
    machine = "x64" if platform.machine() == "x86_64" else "arm64"
    archive = folder / f"pulumi-v{VERSION}-{sys.platform}-{machine}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        info = tarfile.TarInfo("pulumi/pulumi")
        info.size, info.mode = 4, 0o755
        tar.addfile(info, io.BytesIO(b"cli\n"))
    found = hashlib.sha256(archive.read_bytes()).hexdigest() if right_sum else "0" * 64
    (folder / f"pulumi-{VERSION}-checksums.txt").write_text(f"{found}  {archive.name}\n")


def test_a_release_with_the_right_sum_is_unpacked_once(releases: tuple[str, Path]) -> None:
    url, folder = releases
    release(folder, right_sum=True)
    bins = official_pulumi(Reporter(), url)
    assert bins is not None
    assert (bins / "pulumi").read_text() == "cli\n"
    assert official_pulumi(Reporter(), "http://127.0.0.1:1") == bins


def test_a_wrong_sum_is_not_used(releases: tuple[str, Path]) -> None:
    url, folder = releases
    release(folder, right_sum=False)
    assert official_pulumi(Reporter(), url) is None


def test_no_answer_and_no_such_release_count_as_not_to_be_had(releases: tuple[str, Path]) -> None:
    assert official_pulumi(Reporter(), "http://127.0.0.1:1") is None
    assert official_pulumi(Reporter(), releases[0]) is None
