"""Deliveries: what arrives is what was meant, or nothing does and the reason is told."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.in_pod import deliver

JAR = b"PK\x03\x04 not really, but bytes all the same" * 1000
SHA = hashlib.sha256(JAR).hexdigest()


@contextmanager
def serving(answers: list[tuple[int, bytes]]) -> Iterator[str]:
    """A server that gives these answers one after the other, then the last one again."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(JAR) if status == 200 else len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/maven/driver-5.1.49.jar"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def run(tmp_path: Path, what: str, items: list[dict[str, Any]]) -> int:
    manifest = tmp_path / "deliveries.json"
    manifest.write_text(json.dumps({"jars": [], "files": []} | {what: items}))
    home = ["--home", str(tmp_path / "work")]
    return deliver.main([what, "--manifest", str(manifest), *home, "--to", str(tmp_path / "to")])


def test_a_jar_arrives_in_its_folder_under_its_name(tmp_path: Path) -> None:
    with serving([(200, JAR)]) as url:
        assert run(tmp_path, "jars", [{"name": "d.jar", "into": "dropins", "url": url, "sha256": SHA}]) == 0
    assert (tmp_path / "to" / "dropins" / "d.jar").read_bytes() == JAR


@pytest.mark.parametrize("first", [(503, b"busy"), (429, b"slow"), (200, JAR[:500])])
def test_a_server_that_is_busy_or_breaks_off_is_asked_again(tmp_path: Path, first: tuple[int, bytes]) -> None:
    with serving([first, (200, JAR)]) as url:
        assert run(tmp_path, "jars", [{"name": "d.jar", "into": "lib", "url": url, "sha256": SHA}]) == 0
    assert (tmp_path / "to" / "lib" / "d.jar").read_bytes() == JAR


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, b"x" * len(JAR)), "it is not the intended file"),
        ((404, b"<html>"), "HTTP 404"),
        ((401, b""), "without credentials"),
        ((503, b""), "HTTP 503"),
    ],
)
def test_what_is_not_the_jar_leaves_nothing_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: tuple[int, bytes], words: str
) -> None:
    with serving([answer]) as url:
        assert run(tmp_path, "jars", [{"name": "d.jar", "into": "lib", "url": url, "sha256": SHA}]) == 1
        said = capsys.readouterr().err
    assert words in said
    assert url in said
    assert list((tmp_path / "to").rglob("*.jar")) == []


def test_nobody_listening_is_told_by_url(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving([(200, JAR)]) as url:
        pass
    assert run(tmp_path, "jars", [{"name": "d.jar", "into": "lib", "url": url, "sha256": SHA}]) == 1
    assert f"{url} cannot be downloaded: " in capsys.readouterr().err


def test_a_jar_from_a_claim_is_checked_when_a_sum_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "claim.jar").write_bytes(JAR)
    jar = {"name": "d.jar", "into": "lib", "claim": "jars", "path": "a/d.jar", "source": str(tmp_path / "claim.jar")}
    assert run(tmp_path, "jars", [jar]) == 0
    assert (tmp_path / "to" / "lib" / "d.jar").read_bytes() == JAR
    assert run(tmp_path, "jars", [jar | {"sha256": "0" * 64}]) == 1
    assert "jars:a/d.jar has sha256" in capsys.readouterr().err
    assert run(tmp_path, "jars", [jar | {"source": str(tmp_path / "none")}]) == 1
    assert "jars:a/d.jar cannot be read: No such file" in capsys.readouterr().err


def test_files_below_conf_are_replaced_before_they_are_patched_and_others_wait_for_their_mount(tmp_path: Path) -> None:
    (tmp_path / "work" / "conf").mkdir(parents=True)
    (tmp_path / "work" / "conf" / "log4j2.properties").write_text("old")
    (tmp_path / "one").write_bytes(b"\x00new")
    places = ["conf/log4j2.properties", "conf/etc/new.xml", "repository/resources/x/y.wsdl"]
    assert run(tmp_path, "files", [{"path": place, "source": str(tmp_path / "one")} for place in places]) == 0
    for place in ("work/conf/log4j2.properties", "work/conf/etc/new.xml", "to/files/repository/resources/x/y.wsdl"):
        assert (tmp_path / place).read_bytes() == b"\x00new"


def test_a_missing_source_is_told_by_the_file_it_was_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "files", [{"path": "conf/x", "source": str(tmp_path / "none")}]) == 1
    assert "conf/x: its source cannot be copied: No such file" in capsys.readouterr().err


def test_a_file_above_the_limit_is_reported_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deliver, "_MOST_BYTES", 1000)
    (tmp_path / "large.jar").write_bytes(JAR)
    with serving([(200, JAR)]) as url:
        by_url = {"name": "a.jar", "into": "lib", "url": url, "sha256": SHA}
        in_claim = {"name": "b.jar", "into": "lib", "claim": "jars", "path": "large.jar",
                    "source": str(tmp_path / "large.jar")}  # fmt: skip
        for jar, where in ((by_url, url), (in_claim, "jars:large.jar")):
            assert run(tmp_path, "jars", [jar]) == 1
            assert f"{where} has more than 1000 bytes" in capsys.readouterr().err
