"""Asks console and gateway through the NGINX controller, as a user would; runs inside a pod, standard library only.

    python acceptance.py --address HOST:PORT --console-host HOST --gateway-host HOST [--console-port PORT]
        [--timeout SECONDS]

Exit code 0 when ``/carbon`` answers 302 to the console's own page and ``/services`` answers 200 as HTML. It asks
again until the time is up; the last lines then say what was seen and what that usually means.
"""

from __future__ import annotations

import argparse
import http.client
import ssl
import sys
import time
from typing import NamedTuple

CAUSES = {
    404: "NGINX knows no Ingress for this host name, or its class is another controller's",
    502: "NGINX reaches no node, or speaks HTTP to a port that wants HTTPS",
    503: "no node is ready behind the Service",
    504: "a node took the request and did not answer in time",
}


class Check(NamedTuple):
    """One request and what must come back."""

    host: str
    path: str
    status: int
    header: str
    expected: str


class Answer(NamedTuple):
    """What came back; ``status`` 0 when no answer came."""

    status: int
    header: str
    text: str


class _NamedConnection(http.client.HTTPSConnection):
    """Connects to one address and asks for another host name (SNI and Host)."""

    def __init__(self, address: str, port: int, name: str) -> None:
        # The certificate may be self-signed: what is asked here is whether the way to EI is open.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        super().__init__(name, port, timeout=10, context=context)
        self._address, self._tls = address, context

    def connect(self) -> None:
        import socket  # noqa: PLC0415 - only here

        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def ask(address: str, port: int, check: Check) -> Answer:
    """One request."""
    connection = _NamedConnection(address, port, check.host)
    try:
        # Without the port: NGINX hands on the name alone, and EI builds its redirect from that and its proxyPort.
        connection.request("GET", check.path, headers={"Host": check.host, "User-Agent": "wso2ei-acceptance"})
        response = connection.getresponse()
        body = response.read(200).decode("utf-8", "replace")
        return Answer(response.status, response.getheader(check.header) or "", " ".join(body.split()))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, "", f"{type(error).__name__}: {error}")
    finally:
        connection.close()


def fits(check: Check, answer: Answer) -> bool:
    """The right status, and the header starts as expected."""
    return answer.status == check.status and answer.header.startswith(check.expected)


def cause(answer: Answer) -> str:
    """What the answer usually means."""
    if answer.status == 0:
        if "refused" in answer.text:
            return "nothing listens there: the controller is not ready, or the address is wrong"
        if "SSL" in answer.text or "handshake" in answer.text:
            return "the controller has no certificate for this name, or does not speak TLS on this port"
        if "timed out" in answer.text:
            return "a NetworkPolicy or a firewall drops the packets"
        return "the controller cannot be reached"
    return CAUSES.get(answer.status, "EI answers, but not what it should")


def report(check: Check, answer: Answer) -> str:
    """One failed check in words."""
    seen = f"{answer.status} {check.header}: {answer.header or '(none)'}" if answer.status else "no answer"
    return (
        f"GET https://{check.host}{check.path} gave {seen}; expected {check.status} {check.header}: {check.expected}\n"
        f"  it said: {answer.text[:160]}\n  usual cause: {cause(answer)}"
    )


def run(address: str, port: int, checks: list[Check], seconds: float) -> tuple[bool, list[str]]:
    """Ask until all fit or the time is up: (all fit, what to say)."""
    started = time.monotonic()
    said = ""
    while True:
        answers = [(check, ask(address, port, check)) for check in checks]
        failed = [report(check, answer) for check, answer in answers if not fits(check, answer)]
        elapsed = time.monotonic() - started
        if not failed:
            return True, [f"{check.host}{check.path}: {answer.status} {answer.header}" for check, answer in answers]
        if elapsed >= seconds:
            return False, failed
        now = "; ".join(line.splitlines()[0] for line in failed)
        if now != said:
            print(f"acceptance: after {elapsed:.0f}s: {now}", flush=True)
            said = now
        time.sleep(2)


def main(arguments: list[str] | None = None) -> int:
    """Check both hosts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--address", required=True, help="host:port of the controller")
    parser.add_argument("--console-host", required=True)
    parser.add_argument("--gateway-host", required=True)
    parser.add_argument("--console-port", default="443", help="port that the console's redirect must name")
    parser.add_argument("--timeout", type=float, default=180.0, help="seconds")
    args = parser.parse_args(arguments)
    address, _, port = args.address.rpartition(":")
    shown = "" if args.console_port == "443" else f":{args.console_port}"
    console = f"https://{args.console_host}{shown}/carbon/admin/index.jsp"
    checks = [
        Check(args.console_host, "/carbon", 302, "Location", console),
        Check(args.gateway_host, "/services", 200, "Content-Type", "text/html"),
    ]
    if address == "localhost":
        print(
            "acceptance: the controller's published address is localhost, which in a pod is the pod itself; "
            "set ingress.controllerAddress to its host:port inside the cluster",
            flush=True,
        )
        return 1
    good, lines = run(address.strip("[]"), int(port), checks, args.timeout)
    print("\n".join(f"acceptance: {line}" for line in lines), flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
