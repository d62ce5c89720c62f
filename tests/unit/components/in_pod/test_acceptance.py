"""The acceptance program against a TLS server of the test's own."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from components.in_pod import acceptance
from components.nginx.tls import self_signed


class Handler(http.server.BaseHTTPRequestHandler):
    answers: ClassVar[dict[tuple[str, str], tuple[int, dict[str, str]]]] = {}

    def do_GET(self) -> None:
        status, headers = self.answers.get((str(self.headers["Host"]), self.path), (404, {}))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        return


GOOD = {
    ("console", "/carbon"): (302, {"Location": "https://console/carbon/admin/index.jsp"}),
    ("gateway", "/services"): (200, {"Content-Type": "text/html; charset=UTF-8"}),
}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    pair = self_signed(bytes(32), ["localhost"])
    (tmp_path / "pem").write_text(pair.key + pair.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def run(port: int, *words: str) -> int:
    hosts = ["--console-host", "console", "--gateway-host", "gateway"]
    return acceptance.main(["--address", f"127.0.0.1:{port}", *hosts, "--timeout", "0", *words])


def test_the_two_answers_of_a_working_stack_pass(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    Handler.answers = GOOD
    assert run(port) == 0
    assert "console/carbon: 302 https://console/carbon/admin/index.jsp" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "NGINX knows no Ingress for this host name"),
        (
            {("console", "/carbon"): (502, {}), ("gateway", "/services"): (502, {})},
            "speaks HTTP to a port that wants HTTPS",
        ),
        (
            GOOD | {("console", "/carbon"): (302, {"Location": "https://10.0.0.7:9443/carbon/"})},
            "expected 302 Location: https://console/carbon/admin/index.jsp",
        ),
        (
            GOOD | {("gateway", "/services"): (200, {"Content-Type": "text/plain"})},
            "expected 200 Content-Type: text/html",
        ),
    ],
)
def test_a_wrong_answer_is_told_with_its_usual_cause(
    port: int,
    answers: dict[tuple[str, str], tuple[int, dict[str, str]]],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Handler.answers = answers
    assert run(port) == 1
    assert words in capsys.readouterr().out


def test_nothing_that_listens_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(1) == 1
    assert "nothing listens there" in capsys.readouterr().out


def test_plain_http_on_the_tls_port_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert run(server.server_address[1]) == 1
    assert "does not speak TLS on this port" in capsys.readouterr().out
    server.shutdown()
    server.server_close()


def test_the_console_must_redirect_to_the_port_that_clients_use(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    Handler.answers = GOOD
    assert run(port, "--console-port", "8443") == 1
    assert "expected 302 Location: https://console:8443/carbon/admin/index.jsp" in capsys.readouterr().out
    redirect = {"Location": "https://console:8443/carbon/admin/index.jsp"}
    Handler.answers = GOOD | {("console", "/carbon"): (302, redirect)}
    assert run(port, "--console-port", "8443") == 0


def test_an_address_that_means_the_pod_itself_is_told_at_once_with_the_setting_that_fixes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--address", "localhost:443", "--console-host", "console", "--gateway-host", "gateway"]
    assert acceptance.main([*words, "--timeout", "3600"]) == 1
    assert "ingress.controllerAddress" in capsys.readouterr().out
