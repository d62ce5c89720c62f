"""Send an open-loop load to the gateway: requests at a fixed rate, whatever their results.

Vegeta sends them. Whether a node processed a POST is read from its log, followed while the pod exists.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import statistics
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from embedded import toolchain
from embedded.progress import Reporter
from tests.cars import car
from tests.e2e.machine import GATEWAY, Machine, eventually

_LARGEST_RATE = 200
"""Requests a second, half of them by HTTP/1.1 and half by HTTP/2; every other one is a POST."""
_IDLE = 6
"""Idle connections that a sender keeps at that rate, as many as half the load needs at a time.

So none is ever idle for as long as the controller takes to close one (docs/production.md).
"""
SERVICE = "LoadTest"
_HEADER = "X-Load-Id"
_BODY = f"""<log level="custom"><property name="load-id" expression="get-property('transport', '{_HEADER}')"/></log>
<respond/>"""
_DELAY = '<parameter name="delayMillis">20</parameter>'


def deploy_service(machine: Machine) -> None:
    """Deploy the service under load."""
    deploy(machine, SERVICE, body=_BODY, parameters=_DELAY)


def deploy(machine: Machine, service: str, **content: str) -> None:
    """Deploy a service on both nodes, through their shared folder; its content as ``tests.cars.car`` takes it."""
    application = f"{service}CompositeApplication"
    machine.drop_car(f"{service}.car", car(application, service, **content))

    def served() -> bool:
        logs = [machine.kubectl("logs", node["metadata"]["name"], "-c", "ei").text for node in machine.nodes()]
        return all(f"Deployed Carbon Application : {application}_1.0.0" in text for text in logs)

    eventually("both nodes have deployed the service", served)


def sustained_rate(machine: Machine) -> int:
    """Return the requests a second that nodes on this machine answer while they change, at most 200.

    After a reload of NGINX every request begins with a TLS handshake, until the first of them are done and the next
    ones resume their sessions. So it is the number of handshakes of a node in a second of one CPU (docs/production.md).
    """
    pod = machine.nodes()[0]["metadata"]["name"]
    times = "%{time_connect} %{time_appconnect}\\n"
    probe = f"for i in $(seq 40); do curl -sk -o /dev/null -w '{times}' https://127.0.0.1:8243/services/; done"
    text = machine.kubectl("exec", pod, "-c", "ei", "--", "sh", "-c", probe).ok()
    pairs = [line.split() for line in text.splitlines()[10:]]
    seconds = statistics.median(float(done) - float(connected) for connected, done in pairs)
    rate = min(_LARGEST_RATE, int(1 / seconds))
    print(f"a TLS handshake takes {seconds * 1000:.0f} ms: {rate} requests a second")
    return rate


@dataclass(frozen=True)
class Request:
    """The result of one request, as the sender received it."""

    protocol: str
    started: float
    seconds: float
    code: int
    error: str
    method: str

    @property
    def ok(self) -> bool:
        return self.code == 200

    @property
    def met_a_closing_connection(self) -> bool:
        """HTTP/1.1 only: the server closes an idle connection in the instant in which a request is sent on it.

        A client retries idempotent requests by itself, and must not retry a POST (RFC 9112, 9.3.1).
        """
        return self.protocol == "h1" and self.method == "POST" and self.error.endswith(": EOF")


class Sender:
    """One vegeta process, which sends half of the load with one version of HTTP, on persistent connections."""

    def __init__(self, folder: Path, protocol: str, load: str, rate: int, stop: threading.Event) -> None:
        vegeta = str(toolchain.ensure("vegeta", Reporter()) / "vegeta")
        self._protocol, self._load, self._stop = protocol, load, stop
        self._results = folder / f"{protocol}.bin"
        idle = max(1, _IDLE * rate // _LARGEST_RATE)
        command = [
            vegeta, "attack", "-format=json", "-lazy", f"-rate={rate}/2s", "-duration=0", "-insecure",
            "-timeout=30s", "-max-body=0", f"-connections={idle}", f"-http2={'true' if protocol == 'h2' else 'false'}",
            f"-output={self._results}",
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._feeder.start()

    def _feed(self) -> None:
        """Write targets as vegeta reads them; it ends at the end of its input."""
        out = self._process.stdin
        assert out is not None
        for number in itertools.count():
            if self._stop.is_set():
                break
            target: dict[str, Any] = {
                "method": "GET", "url": f"https://localhost/services/{SERVICE}", "header": {"Host": [GATEWAY]}
            }  # fmt: skip
            if number % 2:
                target["method"] = "POST"
                target["header"][_HEADER] = [f"{self._load}-{self._protocol}-{number}"]
                target["body"] = base64.b64encode(b"<a/>" * 50).decode()
            try:
                out.write(json.dumps(target).encode() + b"\n")
                out.flush()
            except BrokenPipeError:
                break
        out.close()

    def wait(self) -> None:
        """Wait until the active requests are answered."""
        try:
            self._feeder.join(30)
            self._process.wait(60)
        finally:
            self._process.kill()

    def requests(self) -> Iterator[Request]:
        """Return all requests, after the end."""
        return read_results(self._results, self._protocol)


def read_results(file: Path, protocol: str) -> Iterator[Request]:
    """Return the requests of a file that vegeta wrote."""
    vegeta = toolchain.ensure("vegeta", Reporter()) / "vegeta"
    encoded = subprocess.run([vegeta, "encode", "-to=json", file], check=True, capture_output=True)
    for line in encoded.stdout.splitlines():
        result = json.loads(line)
        if result["error"] == "no targets to attack":  # the end of the load, not a request
            continue
        started = datetime.fromisoformat(result["timestamp"]).timestamp()
        yield Request(protocol, started, result["latency"] / 1e9, result["code"], result["error"], result["method"])


class Load:
    """The load, from entering to leaving the context; ``requests`` and ``executed`` then hold the results."""

    def __init__(self, machine: Machine, folder: Path, share: float = 1) -> None:
        """Calibrate the load.

        :param share: of the rate that the machine sustains.
        """
        self._machine, self._folder = machine, folder
        self.rate = max(2, int(sustained_rate(machine) * share))
        self._name = uuid.uuid4().hex
        """In the identifier of each request: the logs of the nodes also have those of earlier loads."""
        self._stop = threading.Event()
        self._followed: dict[str, subprocess.Popen[bytes]] = {}
        self.requests: list[Request] = []
        self.executed: Counter[str] = Counter()
        """How often the nodes' logs show that each POST was processed."""

    def __enter__(self) -> Self:
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()
        eventually("the logs of both nodes are followed", lambda: len(self._followed) >= len(self._machine.nodes()))
        self._senders = [Sender(self._folder, protocol, self._name, self.rate, self._stop) for protocol in ("h1", "h2")]
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        try:
            for sender in self._senders:
                sender.wait()
        finally:
            # The last lines are still on their way from the nodes.
            time.sleep(3)
            self._follower.join(30)
            for process in self._followed.values():
                process.kill()
                process.wait()
        self.requests = [request for sender in self._senders for request in sender.requests()]
        own = re.compile(rf"load-id = {self._name}-(h\d-\d+)$", re.MULTILINE)
        for file in self._folder.glob("*.log"):
            self.executed.update(own.findall(file.read_text(errors="replace")))

    def _follow(self) -> None:
        """Follow the log of every server container from its first line on; a restarted container has another id."""
        while not self._stop.is_set():
            for pod in self._machine.nodes():
                running = [c for c in pod["status"].get("containerStatuses", []) if "running" in c["state"]]
                for server in running:
                    if server["containerID"] not in self._followed:
                        self._followed[server["containerID"]] = self._follow_one(pod["metadata"])
            time.sleep(0.5)

    def _follow_one(self, pod: dict[str, Any]) -> subprocess.Popen[bytes]:
        command = ["kubectl", "-n", pod["namespace"], "logs", "-f", pod["name"], "-c", "ei"]
        with (self._folder / f"{len(self._followed)}.log").open("wb") as log:
            return subprocess.Popen(command, env=self._machine.environment, stdout=log, stderr=subprocess.DEVNULL)

    def lost(self) -> list[Request]:
        """Return the requests without a correct answer."""
        return [request for request in self.requests if not request.ok]

    def account(self) -> None:
        """Assert that every answered POST was processed, and none twice.

        :raises AssertionError: also when the nodes' logs are incomplete, so that there is no result.
        """
        twice = {name: times for name, times in self.executed.items() if times > 1}
        assert twice == {}
        answered = sum(request.ok for request in self.requests if request.method == "POST")
        assert len(self.executed) >= answered > 0
