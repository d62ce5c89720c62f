"""``make status``: pods and what holds them up, addresses, and whether console and gateway answer."""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
import subprocess
import time
from datetime import UTC, datetime
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table

from embedded.environment import existing
from embedded.errors import KitError
from embedded.progress import Reporter, elapsed_text
from embedded.pulumi_env import PulumiEnv


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command-line arguments of ``status``."""
    parser.add_argument("--stack", default="local")
    parser.add_argument("--watch", action="store_true", help="refresh every two seconds until interrupted")


def run(args: argparse.Namespace, reporter: Reporter) -> int:
    """Show the stack once, or live; exit code 1 unless console and gateway answer."""
    pulumi = existing(args.stack)
    outputs = pulumi.outputs()
    namespace = str(outputs.get("namespace") or "wso2")
    screen, good = _screen(pulumi, namespace, outputs)
    if not args.watch:
        reporter.console.print(screen)
        return 0 if good else 1
    with Live(screen, console=reporter.console, refresh_per_second=2) as live:
        while True:
            time.sleep(2)
            outputs = outputs if outputs else pulumi.outputs()
            live.update(_screen(pulumi, namespace, outputs)[0])


def _screen(pulumi: PulumiEnv, namespace: str, outputs: dict[str, Any]) -> tuple[Group, bool]:
    pods = Table("pod", "ready", "since", "what it does", title=f"namespace {namespace}", title_justify="left")
    for pod in _get(pulumi, namespace, "pods"):
        pods.add_row(pod["metadata"]["name"], _ready(pod), _age(pod["metadata"]["creationTimestamp"]), pod_state(pod))
    addresses = Table("ingress", "host", "address")
    for item in _get(pulumi, namespace, "ingress"):
        found = (item["status"].get("loadBalancer") or {}).get("ingress") or []
        where = ", ".join(entry.get("ip") or entry["hostname"] for entry in found) or "none yet"
        addresses.add_row(item["metadata"]["name"], item["spec"]["rules"][0]["host"], where)
    hosts = outputs.get("ingress_hosts") or {}
    checks = Table("check", "answer")
    good = bool(hosts)
    for host, path, wanted in ((hosts.get("console"), "/carbon", 302), (hosts.get("gateway"), "/services", 200)):
        if host:
            status, text = ask(_address(outputs), host, path)
            good = good and status == wanted
            checks.add_row(f"https://{host}{path}", f"{'ok' if status == wanted else 'NOT OK'}: {text}")
    return Group(pods, addresses, checks), good


def pod_state(pod: dict[str, Any]) -> str:
    """What a pod does or what holds it up, from its own status."""
    status = pod["status"]
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = container.get("state") or {}
        waiting = state.get("waiting") or {}
        if waiting.get("reason") not in {None, "PodInitializing", "ContainerCreating"}:
            return f"{container['name']}: {waiting['reason']} {waiting.get('message', '')}".strip()
        if state.get("running") and not container.get("ready") and container["name"] != "ei":
            return f"{container['name']} runs"
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message", "not scheduled"))
    return str(status.get("phase", ""))


def ask(address: tuple[str, int], host: str, path: str) -> tuple[int, str]:
    """One request to ``address`` for ``host``: (status or 0, the answer in words)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(*address, timeout=5, context=context)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        location = answer.getheader("Location")
    except OSError as error:
        return 0, str(error)
    else:
        return answer.status, f"{answer.status} {location or answer.getheader('Content-Type') or ''}".strip()
    finally:
        connection.close()


def _address(outputs: dict[str, Any]) -> tuple[str, int]:
    first = str(outputs.get("hosts_file_line", "")).split(" ")[0]
    url = str(outputs.get("gateway_url", ""))
    port = url.rsplit(":", 1)[-1]
    return (first if first and first != "#" else "127.0.0.1", int(port) if port.isdigit() else 443)


def _get(pulumi: PulumiEnv, namespace: str, kind: str) -> list[dict[str, Any]]:
    answer = subprocess.run(
        ["kubectl", "-n", namespace, "get", kind, "-o", "json", "--request-timeout=10s"],
        env=pulumi.environment(), check=False, capture_output=True, text=True,
    )  # fmt: skip
    if answer.returncode != 0:
        raise KitError(f"the cluster does not answer: {answer.stderr.strip()}", "run `make up`, which mends it")
    return list(json.loads(answer.stdout)["items"])


def _ready(pod: dict[str, Any]) -> str:
    states = pod["status"].get("containerStatuses") or []
    return f"{sum(state['ready'] for state in states)}/{len(pod['spec']['containers'])}"


def _age(since: str) -> str:
    return elapsed_text((datetime.now(UTC) - datetime.fromisoformat(since.replace("Z", "+00:00"))).total_seconds())
