"""Rows of the gateway: its cost over the pods themselves and over an NGINX configured by hand, and its capacity.

Vegeta sends the requests from the node's network, so that the three ways differ in nothing else. It shares the CPUs
with what it measures.
"""

from __future__ import annotations

import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from components.shared.quantities import quantity
from embedded import toolchain
from embedded.environment import CHECKOUT
from embedded.progress import Reporter
from tests.bench.common import Bench
from tests.bench.model import Row, Sample
from tests.bench.stack import resident_mib
from tests.e2e.load import Request, deploy, read_results, sustained_rate
from tests.e2e.machine import GATEWAY, Machine

_SERVICE = "Bench"
PATH = f"/services/{_SERVICE}"
_WORKERS = 16
_SECONDS = 3
_IDLE = 1000
_LATE, _LATE_SECONDS = "Late", 110
_LARGE_MB = 20
_RATES = (100, 200, 400, 800, 1600, 3200)
_NAMESPACE, _PORT = "wso2ei-bench", 18443
_CONFIGURATION = """
worker_processes {workers};
pid /tmp/nginx.pid;
error_log /dev/stderr;
events {{ worker_connections 4096; }}
http {{
    access_log /dev/stdout;
    client_max_body_size 32m;
    client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
    upstream ei {{ {servers} keepalive 128; }}
    server {{
        listen {port} ssl;
        http2 on;
        ssl_certificate /tls/tls.crt;
        ssl_certificate_key /tls/tls.key;
        location / {{
            proxy_pass https://ei;
            proxy_http_version 1.1;
            proxy_read_timeout 180s;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
        }}
    }}
}}
"""


def attack(bench: Bench, addresses: Sequence[str], rate: int, seconds: float = _SECONDS) -> list[Request]:
    """Send GETs to the addresses in turn over persistent HTTP/1.1 connections.

    :param rate: requests a second, whatever their results; 0: as many as 16 workers get answered.
    """
    folder, vegeta = bench.new_folder(), toolchain.ensure("vegeta", Reporter()) / "vegeta"
    targets, results = folder / "targets", folder / "results"
    targets.write_text("".join(f"GET https://{address}{PATH}\nHost: {GATEWAY}\n\n" for address in addresses))
    workers = ["-max-workers=400"] if rate else [f"-workers={_WORKERS}", f"-max-workers={_WORKERS}"]
    subprocess.run(
        [*bench.in_node(), str(vegeta), "attack", f"-rate={rate}", f"-duration={seconds}s", *workers, "-insecure",
         "-http2=false", "-timeout=10s", "-connections=400", f"-targets={targets}", f"-output={results}"], check=True,
    )  # fmt: skip
    return [*read_results(results, "h1")]


def per_second(requests: Sequence[Request]) -> float:
    """Return the answered requests a second, until the last answer."""
    begun, ended = min(r.started for r in requests), max(r.started + r.seconds for r in requests)
    return sum(r.ok for r in requests) / (ended - begun)


def percentile(requests: Sequence[Request], percent: int) -> float:
    """Return the milliseconds within which that part of the requests had their results."""
    return 1000 * statistics.quantiles([r.seconds for r in requests], n=100, method="inclusive")[percent - 1]


def controller(machine: Machine) -> dict[str, Any]:
    """Return the pod of the ingress controller."""
    return machine.pods("nginx-ingress")[0]


def addresses_of(machine: Machine) -> list[str]:
    """Return the gateway's addresses of the nodes."""
    return [f"{pod['status']['podIP']}:8243" for pod in machine.nodes()]


@contextmanager
def by_hand(machine: Machine) -> Iterator[str]:
    """Run the controller's NGINX with a configuration written by hand, for the same nodes, and yield its address.

    Its pod is in the node's network and has the CPU limit and the certificate of the controller.
    """
    container = controller(machine)["spec"]["containers"][0]
    limits = {name: container["resources"]["limits"][name] for name in ("cpu", "memory")}
    certificate = next(s for s in machine.objects("secrets") if s["type"] == "kubernetes.io/tls")
    servers = " ".join(f"server {address};" for address in addresses_of(machine))
    workers = math.ceil(float(quantity(limits["cpu"])))
    text = _CONFIGURATION.format(workers=workers, servers=servers, port=_PORT)
    volumes = [{"name": "conf", "configMap": {"name": "nginx"}}, {"name": "tls", "secret": {"secretName": "nginx"}}]
    command = ["nginx", "-c", "/conf/nginx.conf", "-e", "/dev/stderr", "-g", "daemon off;"]
    server = {
        "name": "nginx", "image": container["image"], "command": command,
        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": limits},
        "securityContext": {"runAsUser": 101}, "readinessProbe": {"tcpSocket": {"port": _PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in ("conf", "tls")],
    }  # fmt: skip
    where = {"name": "nginx", "namespace": _NAMESPACE}
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    pod = {"hostNetwork": True, "terminationGracePeriodSeconds": 1, "containers": [server], "volumes": volumes}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE, "labels": labels}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": where, "data": {"nginx.conf": text}},
        {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": where,
         "data": certificate["data"]},
        {"apiVersion": "v1", "kind": "Pod", "metadata": where, "spec": pod},
    ]  # fmt: skip
    machine.apply(objects)
    try:
        wait = ["kubectl", "-n", _NAMESPACE, "wait", "--for=condition=Ready", "pod/nginx", "--timeout=60s"]
        machine.run(wait, env=machine.environment).ok()
        yield f"127.0.0.1:{_PORT}"
    finally:
        machine.run(["kubectl", "delete", "namespace", _NAMESPACE], env=machine.environment)


def connections(machine: Machine) -> int:
    """Return how many connections the nodes have accepted so far; each to the gateway begins with a TLS handshake."""
    total = 0
    for pod in machine.nodes():
        text = machine.kubectl("exec", pod["metadata"]["name"], "-c", "ei", "--", "cat", "/proc/net/snmp").ok()
        names, values = (line.split() for line in re.findall(r"^Tcp: .*", text, re.MULTILINE))
        total += int(dict(zip(names[1:], values[1:], strict=True))["PassiveOpens"])
    return total


def cost(bench: Bench, runs: int) -> Iterator[Sample]:
    """Throughput, percentiles and handshakes, on three ways to the same nodes."""
    machine = bench.stack
    deploy(machine, _SERVICE)
    rate = max(10, sustained_rate(machine) // 2)
    nginx = controller(machine)["status"]["podIP"]
    with by_hand(machine) as own:
        others = {"the pods themselves": addresses_of(machine), "NGINX configured by hand": [own]}
        for turn in range(runs + 1):
            before = connections(machine)
            value, count = _way(bench, [nginx], rate)
            handshakes = connections(machine) - before
            found = {title: _way(bench, addresses, rate)[0] for title, addresses in others.items()}
            for (what, unit), one in value.items() if turn else ():
                yield from (Sample(what, one, base[what, unit], unit, title) for title, base in found.items())
            if turn:
                yield Sample("TLS handshakes with EI (and probes)", handshakes, count, "", "the gateway's requests")
        yield from _large_and_late(bench, {"": nginx} | {title: each[0] for title, each in others.items()}, runs)
    yield Sample("the calibrated rate", rate, unit="/s")
    yield from _with_idle(bench, nginx, rate)


def _way(bench: Bench, addresses: Sequence[str], rate: int) -> tuple[dict[tuple[str, str], float], int]:
    most, some = attack(bench, addresses, 0), attack(bench, addresses, rate)
    assert all(request.ok for request in [*most, *some]), [request for request in [*most, *some] if not request.ok][:3]
    values = {
        (f"answers with {_WORKERS} requests at a time", "/s"): per_second(most),
        ("median at the calibrated rate", "ms"): percentile(some, 50),
        ("99th percentile at the calibrated rate", "ms"): percentile(some, 99),
    }
    return values, len(most) + len(some)


def _large_and_late(bench: Bench, ways: Mapping[str, str], runs: int) -> Iterator[Sample]:
    """A large request, and an answer that comes late, by the address of each way; the first is the one measured."""

    def compared(case: str, seconds: Sequence[float]) -> Iterator[Sample]:
        value, *bases = seconds
        yield from (Sample(case, value, base, against=title) for title, base in zip([*ways][1:], bases, strict=True))

    body = bench.new_folder() / "body"
    body.write_bytes(os.urandom(_LARGE_MB * 10**6))
    for _ in range(runs):
        sent = [_answered(bench, address, _SERVICE, "--data-binary", f"@{body}") for address in ways.values()]
        yield from compared(f"a request of {_LARGE_MB} MB", sent)
    delay = f'<parameter name="delayMillis">{_LATE_SECONDS * 1000}</parameter>'
    deploy(bench.stack, _LATE, parameters=delay)
    with ThreadPoolExecutor() as pool:
        late = pool.map(lambda address: _answered(bench, address, _LATE), ways.values())
    yield from compared(f"an answer after {_LATE_SECONDS} s", [*late])


def _answered(bench: Bench, address: str, service: str, *options: str) -> float:
    """Return the seconds until one request was answered."""
    command = [*bench.in_node(), "curl", "-sSk", "-o", "/dev/null", "-w", "%{http_code} %{time_total}", *options,
               "-H", f"Host: {GATEWAY}", f"https://{address}/services/{service}"]  # fmt: skip
    code, seconds = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert code == "200", f"{address}/services/{service}: {code}"
    return float(seconds)


def _with_idle(bench: Bench, nginx: str, rate: int) -> Iterator[Sample]:
    """The same rate while 1,000 clients are connected and send nothing."""
    pod = controller(bench.stack)
    alone, memory = attack(bench, [nginx], rate), resident_mib(pod)
    command = [*bench.in_node(), sys.executable, "-m", "tests.bench.idle", nginx, GATEWAY, PATH, str(_IDLE)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
        assert clients.stdin
        assert clients.stdout
        assert clients.stdout.readline() == "open\n"
        crowded, more = attack(bench, [nginx], rate), resident_mib(pod)
        clients.stdin.close()
        still = int(clients.stdout.read())
    yield Sample("idle connections that stay open", still, _IDLE, "", "those opened")
    without = "without idle connections"
    for percent, title in ((50, "median"), (99, "99th percentile")):
        value, base = percentile(crowded, percent), percentile(alone, percent)
        yield Sample(f"{title} with {_IDLE:,} idle connections", value, base, "ms", without)
    yield Sample(f"NGINX's memory with {_IDLE:,} idle connections", more, memory, "MiB", without)


def capacity(bench: Bench, runs: int) -> Iterator[Sample]:
    """Higher and higher rates, until fewer than nine of ten requests are answered in time."""
    machine = bench.stack
    deploy(machine, _SERVICE)
    nginx = controller(machine)["status"]["podIP"]
    attack(bench, [nginx], 0)
    for _ in range(runs):
        for rate in _RATES:
            requests = attack(bench, [nginx], rate)
            answered = per_second(requests)
            yield Sample(f"{rate} requests/s", answered, rate, "/s", "requests sent")
            yield Sample(f"{rate} requests/s: 99th percentile", percentile(requests, 99), unit="ms")
            time.sleep(1)
            if answered < 0.9 * rate:
                break


ROWS: list[Row[Bench]] = [
    Row("P5", "What does NGINX cost a request to the gateway?",
        "vegeta attack -http2=false, from the node, to controller, pods and a second NGINX in turn", 2, cost,
        "A service that answers at once, so nothing hides NGINX's part. The second NGINX is on the node itself, which "
        "is in its favour. The calibrated rate is half of what the nodes sustain while they are replaced. Goal: less "
        "than one handshake with EI in 100 requests."),
    Row("P5-capacity", "At which rate does the gateway bend?", "vegeta attack -rate=...", 1, capacity, picture="curve"),
]  # fmt: skip
