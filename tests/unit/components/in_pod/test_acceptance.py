"""The acceptance program against a TLS server of the test's own."""

from __future__ import annotations

import http.server
import ssl
import threading
import time
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
        body = b"<html><center>nginx</center></html>" if headers.get("Server") == "nginx" else b""
        self.send_response(status)
        for name, value in [*headers.items(), *(("Set-Cookie", cookie) for cookie in self.cookies())]:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cookies(self) -> list[str]:
        return []

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
        ({}, "NGINX has no Ingress for this host name"),
        (
            {("console", "/carbon"): (502, {}), ("gateway", "/services"): (502, {})},
            "sends HTTP to a port that requires HTTPS",
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
def test_a_wrong_answer_is_reported_with_its_usual_cause(
    port: int,
    answers: dict[tuple[str, str], tuple[int, dict[str, str]]],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Handler.answers = answers
    assert run(port) == 1
    assert words in capsys.readouterr().out


def test_a_blocked_list_of_services_is_a_right_answer_of_ei_and_a_wrong_one_of_nginx(
    port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """With http.block_service_list EI answers 403 without a body."""
    Handler.answers = GOOD | {("gateway", "/services"): (403, {})}
    assert run(port) == 0
    Handler.answers = GOOD | {("gateway", "/services"): (403, {"Server": "nginx"})}
    assert run(port) == 1
    assert "NGINX forbids the request" in capsys.readouterr().out
    Handler.answers = GOOD | {("console", "/carbon"): (403, {})}
    assert run(port) == 1


class Nodes:
    """Two nodes of a console; each knows its own sessions only, as Tomcat does."""

    def __init__(self, sticky: bool = True, follow: bool = True) -> None:
        self.sticky, self.follow = sticky, follow
        self.requests = 0
        self.sessions: dict[int, set[str]] = {0: set(), 1: set()}

    def cookies(self, sent: str) -> list[str]:
        given = dict(pair.split("=") for pair in sent.split("; ") if pair)
        self.requests += 1
        node = int(given["route"]) if self.follow and "route" in given else self.requests % 2
        cookies = [f"route={node}; path=/; httponly; secure; samesite=lax"] if self.sticky and not given else []
        if given.get("JSESSIONID") not in self.sessions[node]:
            self.sessions[node].add(f"s{self.requests}")
            cookies.append(f"JSESSIONID=s{self.requests}; Path=/carbon; Secure; HttpOnly")
        return cookies


@pytest.mark.parametrize(
    ("nodes", "code", "text"),
    [
        (Nodes(), 0, "the cookie route keeps a browser on one node"),
        (Nodes(sticky=False), 1, "nginx.org/sticky-cookie-services since 5.4.0"),
        (Nodes(follow=False), 1, "reached another node at request 2"),
    ],
)
def test_several_nodes_need_an_affinity_cookie_that_works(
    nodes: Nodes,
    code: int,
    text: str,
    port: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cookies(handler: Handler) -> list[str]:
        return nodes.cookies(handler.headers.get("Cookie", "")) if handler.path.endswith("login.jsp") else []

    monkeypatch.setattr(Handler, "cookies", cookies)
    Handler.answers = GOOD | {("console", "/carbon/admin/login.jsp"): (200, {"Content-Type": "text/html"})}
    assert run(port, "--affinity-cookie", "route") == code
    assert text in capsys.readouterr().out


@pytest.mark.parametrize(("good", "text"), [(True, "sets no cookie route"), (False, "gave 502")])
def test_a_missing_affinity_alone_ends_the_check_early(
    good: bool, text: str, port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A route that does not answer yet may still do so until the time is up."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    Handler.answers = GOOD | {("console", "/carbon/admin/login.jsp"): (200, {"Content-Type": "text/html"})}
    if not good:
        Handler.answers |= {("gateway", "/services"): (502, {})}
    assert run(port, "--affinity-cookie", "route", "--timeout", "180") == 1
    assert text in capsys.readouterr().out
    assert now[0] == (60 if good else 180)


def test_one_node_needs_no_affinity_cookie(port: int) -> None:
    Handler.answers = GOOD
    assert run(port) == 0


def test_ingresses_without_an_address_are_reported_at_once_with_the_settings_that_fix_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--address", ":443", "--console-host", "console", "--gateway-host", "gateway", "--timeout", "3600"]
    assert acceptance.main(arguments) == 1
    assert "ingress.controllerAddress" in capsys.readouterr().out


def test_a_closed_port_is_reported_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(1) == 1
    assert "no process listens there" in capsys.readouterr().out


def test_plain_http_on_the_tls_port_is_reported_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    assert run(server.server_address[1]) == 1
    assert "no TLS on this port" in capsys.readouterr().out
    server.shutdown()
    server.server_close()


def test_the_console_must_redirect_to_the_port_that_clients_use(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    Handler.answers = GOOD
    assert run(port, "--console-port", "8443") == 1
    assert "expected 302 Location: https://console:8443/carbon/admin/index.jsp" in capsys.readouterr().out
    redirect = {"Location": "https://console:8443/carbon/admin/index.jsp"}
    Handler.answers = GOOD | {("console", "/carbon"): (302, redirect)}
    assert run(port, "--console-port", "8443") == 0


def test_an_address_that_means_the_pod_itself_is_reported_at_once_with_the_setting_that_fixes_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--address", "localhost:443", "--console-host", "console", "--gateway-host", "gateway"]
    assert acceptance.main([*words, "--timeout", "3600"]) == 1
    assert "ingress.controllerAddress" in capsys.readouterr().out


def test_a_host_with_allowed_sources_may_forbid_the_check_and_no_other_host_may(port: int) -> None:
    forbidden = (403, {"Server": "nginx"})
    Handler.answers = GOOD | {("console", "/carbon"): forbidden}
    assert run(port, "--restricted", "console", "--affinity-cookie", "NODE") == 0
    assert run(port, "--restricted", "gateway") == 1
    assert run(port) == 1
    Handler.answers = {("console", "/carbon"): forbidden, ("gateway", "/services"): forbidden}
    assert run(port, "--restricted", "console", "--restricted", "gateway") == 0


def test_without_a_console_host_the_gateway_alone_is_checked(port: int) -> None:
    Handler.answers = {("gateway", "/services"): GOOD["gateway", "/services"]}
    assert run(port) == 1
    words = ["--address", f"127.0.0.1:{port}", "--gateway-host", "gateway", "--timeout", "0"]
    assert acceptance.main(words) == 0
    Handler.answers = {}
    assert acceptance.main(words) == 1


def test_a_console_with_a_controller_of_its_own_is_asked_there(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    Handler.answers = GOOD
    hosts = ["--console-host", "console", "--gateway-host", "gateway", "--timeout", "0", "--affinity-cookie", "NODE"]
    assert acceptance.main(["--address", f"127.0.0.1:{port}", "--console-address", "127.0.0.1:1", *hosts]) == 1
    assert "https://console/carbon gave no answer" in capsys.readouterr().out
    assert acceptance.main(["--address", f"127.0.0.1:{port}", "--console-address", "localhost:443", *hosts]) == 1
    assert "set ingress.console.controllerAddress" in capsys.readouterr().out
    assert acceptance.main(["--address", "127.0.0.1:1", "--console-address", f"127.0.0.1:{port}", *hosts]) == 1
    assert "https://gateway/services gave no answer" in capsys.readouterr().out
