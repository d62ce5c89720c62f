"""Check console and gateway through the NGINX controller, as a user would; runs in a pod, standard library only.

    python acceptance.py --address HOST:PORT --gateway-host HOST [--console-host HOST] [--console-address HOST:PORT]
        [--console-port PORT] [--affinity-cookie NAME] [--restricted HOST ...] [--timeout SECONDS]

Exit code 0 when ``/carbon`` answers 302 to the console's page, ``/services`` answers 200 with HTML (or EI's 403, with
``http.block_service_list``), and, with ``--affinity-cookie``, a browser stays on one node. A restricted host may
answer 403, which ends its check; without ``--console-host`` the gateway alone is checked. Retries until the timeout;
the last lines then report the answers and their usual causes.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

CAUSES = {
    403: "NGINX forbids the request: EI's own 403, with http.block_service_list, has no body",
    404: "NGINX has no Ingress for this host name, or its class is that of another controller",
    502: "NGINX reaches no node, or sends HTTP to a port that requires HTTPS",
    503: "no ready node is in the Service",
    504: "a node accepted the request and did not answer in time",
}
LOGIN_PAGE = "/carbon/admin/login.jsp"
SESSION_COOKIE = "JSESSIONID"
"""Tomcat's session cookie: a node that does not have the session creates another one."""
AFFINITY_REQUESTS = 8
"""Requests with the cookies of the first one. With a random choice between two nodes, all of them reach the first node
once in 256 runs."""
AFFINITY_SECONDS = 60.0
"""Time for a controller that already has the routes to set the cookie, too."""


class Check(NamedTuple):
    """One request and its expected answer."""

    address: str
    """Of the controller."""
    port: int
    host: str
    path: str
    status: int
    header: str
    expected: str
    """Start of the header."""
    restricted: bool = False
    """NGINX serves allowed sources only, and this pod may be none."""


class Answer(NamedTuple):
    """One answer; ``status`` 0 without one."""

    status: int
    header: str
    text: str
    cookies: Mapping[str, str] = MappingProxyType({})
    """The cookies that it sets."""


class _NamedConnection(http.client.HTTPSConnection):
    """Connects to one address with the name of another host (SNI and Host header)."""

    def __init__(self, address: str, port: int, name: str) -> None:
        # The certificate may be self-signed: the check is about the connection to EI, not about trust.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(name, port, timeout=10, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def request(check: Check, cookies: Mapping[str, str] | None = None) -> Answer:
    """Send one request."""
    connection = _NamedConnection(check.address, check.port, check.host)
    # Without the port: NGINX passes on the name only, and EI builds its redirect from that and its proxyPort.
    headers = {"Host": check.host, "User-Agent": "wso2ei-acceptance"}
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    try:
        connection.request("GET", check.path, headers=headers)
        response = connection.getresponse()
        body = response.read(200).decode("utf-8", "replace")
        return Answer(
            response.status,
            response.getheader(check.header) or "",
            " ".join(body.split()),
            _set_cookies(response.headers.get_all("Set-Cookie") or []),
        )
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, "", f"{type(error).__name__}: {error}")
    finally:
        connection.close()


def _set_cookies(headers: list[str]) -> dict[str, str]:
    cookies: dict[str, str] = {}
    for header in headers:
        name, separator, value = header.partition(";")[0].partition("=")
        if separator:
            cookies[name.strip()] = value.strip()
    return cookies


def is_expected(check: Check, answer: Answer) -> bool:
    """Return whether status and header are as expected, or EI blocks the list of services.

    EI answers the path of the list with 403 and no body then (wso2-synapse, DefaultHttpGetProcessor); NGINX's own 403
    has one.
    """
    if check.restricted and answer.status == 403:
        return True
    if check.path == "/services" and answer.status == 403:
        return not answer.text
    return answer.status == check.status and answer.header.startswith(check.expected)


def cause(answer: Answer) -> str:
    """Return the usual cause of a wrong answer."""
    if answer.status == 0:
        if "refused" in answer.text:
            return "no process listens there: the controller is not ready, or the address is wrong"
        if "SSL" in answer.text or "handshake" in answer.text:
            return "the controller has no certificate for this name, or no TLS on this port"
        if "timed out" in answer.text:
            return "a NetworkPolicy or a firewall drops the packets"
        return "the controller cannot be reached"
    return CAUSES.get(answer.status, "EI answers, but not as expected")


def report(check: Check, answer: Answer) -> str:
    """Describe one failed check."""
    received = f"{answer.status} {check.header}: {answer.header or '(none)'}" if answer.status else "no answer"
    expected = f"{check.status} {check.header}: {check.expected}"
    return (
        f"GET https://{check.host}{check.path} gave {received}; expected {expected}\n"
        f"  body: {answer.text[:160]}\n  usual cause: {cause(answer)}"
    )


def affinity_problem(console: Check, cookie: str) -> str | None:
    """Return why a browser does not stay on one node of the console, or ``None`` when it does.

    Two nodes with one session would need more than affinity, so a new session is the proof of another node. A console
    whose login page sets no session is judged by the affinity cookie alone.
    """
    host = console.host
    page = Check(console.address, console.port, host, LOGIN_PAGE, 200, "Content-Type", "text/html")
    first = request(page)
    if not is_expected(page, first):
        return report(page, first)
    if cookie not in first.cookies:
        return (
            f"GET https://{host}{page.path} sets no cookie {cookie}: the console has several nodes, and each request "
            "may reach another one, where the user is not logged in\n"
            "  usual cause: the controller ignores the annotation. F5's has nginx.org/sticky-cookie-services since "
            "5.4.0; ingress-nginx and Traefik need ingress.dialect community"
        )
    for number in range(2, AFFINITY_REQUESTS + 2):
        answer = request(page, first.cookies)
        if not is_expected(page, answer):
            return report(page, answer)
        session = answer.cookies.get(SESSION_COOKIE)
        if SESSION_COOKIE in first.cookies and session not in (None, first.cookies[SESSION_COOKIE]):
            return (
                f"GET https://{host}{page.path} with the cookie {cookie} reached another node at request {number}: a "
                "new session began, so users of the console lose their login\n"
                "  usual cause: another proxy in front of the controller drops or changes the cookie"
            )
    return None


def problems(checks: list[Check], affinity_cookie: str) -> tuple[list[str], list[str]]:
    """Run every check once: (what passed, what is wrong). With ``affinity_cookie`` the first one is the console's."""
    answers = [(check, request(check)) for check in checks]
    wrong = [report(check, answer) for check, answer in answers if not is_expected(check, answer)]
    passed = [f"{check.host}{check.path}: {answer.status} {answer.header}" for check, answer in answers]
    if affinity_cookie and not wrong and answers[0][1].status != 403:
        problem = affinity_problem(checks[0], affinity_cookie)
        wrong += [problem] if problem else []
        passed.append(f"{checks[0].host}{LOGIN_PAGE}: the cookie {affinity_cookie} keeps a browser on one node")
    return passed, wrong


def run(checks: list[Check], affinity_cookie: str, seconds: float) -> tuple[bool, list[str]]:
    """Retry until all checks pass or the time is up: (all passed, lines to print).

    The time is up earlier where a browser alone does not stay on one node: the controller has its configuration then.
    """
    started = answered = time.monotonic()
    printed = ""
    while True:
        passed, wrong = problems(checks, affinity_cookie)
        now = time.monotonic()
        if not wrong:
            return True, passed
        # The affinity is checked last, where both routes answer.
        if len(passed) == len(checks):
            answered = now
        if now - started >= seconds or now - answered >= AFFINITY_SECONDS:
            return False, wrong
        summary = "; ".join(text.splitlines()[0] for text in wrong)
        if summary != printed:
            print(f"acceptance: after {now - started:.0f}s: {summary}", flush=True)
            printed = summary
        time.sleep(2)


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def address_problem(section: str, text: str) -> str | None:
    """Return why a pod cannot reach a controller at ``text``, ``host:port``; ``section`` has the setting that fixes
    it."""
    host = text.rpartition(":")[0]
    if not host:
        return (
            "acceptance: the Ingresses have no address, so the controller cannot be reached; set "
            f"{section}.controllerAddress to its host:port inside the cluster, and {section}.address to the address of "
            "the clients"
        )
    if host == "localhost":
        return (
            "acceptance: the controller's published address is localhost, which in a pod is the pod itself; "
            f"set {section}.controllerAddress to its host:port inside the cluster"
        )
    return None


def main(arguments: list[str] | None = None) -> int:
    """Check the gateway, and the console if it has a host."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--address", required=True, help="host:port of the controller")
    parser.add_argument("--console-host", default="", help="default: no console is checked")
    parser.add_argument("--console-address", help="host:port of the console's own controller")
    parser.add_argument("--gateway-host", required=True)
    parser.add_argument("--console-port", default="443", help="port in the console's redirect")
    parser.add_argument("--affinity-cookie", default="", help="cookie that must keep a browser on one node")
    parser.add_argument("--restricted", action="append", default=[], help="host that may answer 403")
    parser.add_argument("--timeout", type=float, default=180.0, help="seconds")
    args = parser.parse_args(arguments)
    addresses = {"ingress": args.address}
    if args.console_address is not None:
        addresses["ingress.console"] = args.console_address
    if found := [problem for section, text in addresses.items() if (problem := address_problem(section, text))]:
        print("\n".join(found), flush=True)
        return 1
    shown = "" if args.console_port == "443" else f":{args.console_port}"
    console = f"https://{args.console_host}{shown}/carbon/admin/index.jsp"
    wanted = [
        (args.console_address or args.address, args.console_host, "/carbon", 302, "Location", console),
        (args.address, args.gateway_host, "/services", 200, "Content-Type", "text/html"),
    ]
    checks = [
        Check(*_host_and_port(address), host, path, status, header, expected, host in args.restricted)
        for address, host, path, status, header, expected in wanted
        if host
    ]
    good, lines = run(checks, args.affinity_cookie, args.timeout)
    print("\n".join(f"acceptance: {line}" for line in lines), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
