"""``python -m tools.restore --stack NAME [--from BACKUP] [--force]``: restore MySQL from a backup of ``mysql.backup``.

Creates a Job from the stack's suspended CronJob with the ``kubectl`` on PATH, shows its log, and reports its result.
Changes nothing else: EI must be stopped before, and is started afterwards by the command that is printed. The Job
continues when this program is interrupted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CRON_JOB = "wso2ei-mysql-restore"


class RestoreError(Exception):
    """The restore was not started, or failed; the text has the reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Create the Job and follow it; exit code 1 unless it completes."""
    parser = argparse.ArgumentParser(description="restore MySQL from a backup of mysql.backup")
    parser.add_argument("-s", "--stack", required=True)
    parser.add_argument("--from", dest="source", default="latest", help="name of a backup; default the latest")
    parser.add_argument("--force", action="store_true", help="replace the content of databases that are not empty")
    options = parser.parse_args(arguments)
    try:
        cluster = Cluster(*_place(options.stack))
        _require_stopped(cluster)
        _follow(cluster, _create(cluster, options.source, force=options.force))
    except RestoreError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"MySQL is restored. Start EI: {' '.join(cluster.command)} scale deployment/wso2ei --replicas=NUMBER")
    return 0


class Cluster:
    """The namespace of one stack, by kubectl."""

    def __init__(self, context: str | None, namespace: str) -> None:
        self.command = ["kubectl", *(["--context", context] if context else []), "-n", namespace]

    def run(self, *words: str, stdin: str = "") -> str:
        """Return what kubectl prints. Raises ``RestoreError`` with its message."""
        return _run([*self.command, *words], stdin)

    def read(self, kind: str, *words: str) -> Any:
        """Return objects as data."""
        return json.loads(self.run("get", kind, *words, "-o", "json"))


def _place(stack: str) -> tuple[str | None, str]:
    """Return context and namespace of the running stack; no context where ``kubernetes.clusterIdentifier`` names it."""
    pulumi = ["pulumi", "--non-interactive", "-C", str(ROOT)]
    outputs = json.loads(_run([*pulumi, "stack", "output", "--json", "-s", stack]))
    if "namespace" not in outputs:
        raise RestoreError(f"stack {stack} is not running. Fix: pulumi up -s {stack}")
    context = outputs.get("storage", {}).get("cluster")
    known = _run(["kubectl", "config", "get-contexts", "-o", "name"]).split("\n")
    return context if context in known else None, outputs["namespace"]


def _require_stopped(cluster: Cluster) -> None:
    """Reject a restore while EI has pods; the Job itself sees those that hold a connection."""
    if cluster.read("pods", "-l", "app.kubernetes.io/name=wso2ei")["items"]:
        fix = f"{' '.join(cluster.command)} scale deployment/wso2ei --replicas=0"
        raise RestoreError(
            f"EI runs, or is being stopped; nothing was changed. Fix: {fix}, and wait for its pods to end"
        )


def manifest(template: dict[str, Any], source: str, *, force: bool) -> dict[str, Any]:
    """Return the Job ``template`` with the variables of one restore."""
    values, pod = {"FROM": source, "FORCE": "1" if force else ""}, template["spec"]["template"]["spec"]
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        for variable in container.get("env", []):
            if variable["name"] in values:
                variable["value"] = values[variable["name"]]
    return template


def _create(cluster: Cluster, source: str, *, force: bool) -> str:
    name = f"{CRON_JOB}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    words = ["create", "job", name, f"--from=cronjob/{CRON_JOB}", "--dry-run=client", "-o", "json"]
    try:
        template = json.loads(cluster.run(*words))
    except RestoreError as error:
        raise RestoreError(f"{error}\nThe CronJob is one of mysql.backup: set it, and update.") from error
    cluster.run("create", "-f", "-", stdin=json.dumps(manifest(template, source, force=force)))
    print(f"Job {name} restores {source}", flush=True)
    return name


def _follow(cluster: Cluster, name: str) -> None:
    """Show the log until the Job has ended. Raises ``RestoreError`` with the reason of its pod."""
    shown = False
    while True:
        conditions = cluster.read("job", name).get("status", {}).get("conditions", [])
        # After the Job, so that the pods of one that has ended are read as they ended.
        pods = cluster.read("pods", "-l", f"batch.kubernetes.io/job-name={name}")["items"]
        started = any(_states(pod, "containerStatuses", {"running", "terminated"}) for pod in pods)
        if started and not shown:
            # Ends with the container, or with the connection.
            subprocess.run([*cluster.command, "logs", "-f", "-c", "backup", f"job/{name}"], check=False)
            shown = True
        ended = {item["type"]: item for item in conditions if item["status"] == "True"}
        if "Complete" in ended:
            return
        if "Failed" in ended:
            reasons = [text for pod in pods for text in messages(pod)] or [str(ended["Failed"].get("message"))]
            raise RestoreError("The restore failed: " + "\n".join(reasons))
        time.sleep(1)


def _states(pod: dict[str, Any], field: str, wanted: set[str]) -> bool:
    return any(wanted & set(status.get("state", {})) for status in pod.get("status", {}).get(field, []))


def messages(pod: dict[str, Any]) -> list[str]:
    """Return the last line of each container that failed."""
    status = pod.get("status", {})
    found = []
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        ended = container.get("state", {}).get("terminated", {})
        if ended.get("exitCode"):
            found.append((str(ended.get("message") or "").strip() or str(ended.get("reason"))).splitlines()[-1])
    return found


def _run(command: list[str], stdin: str = "") -> str:
    try:
        done = subprocess.run(command, input=stdin, check=False, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise RestoreError(f"There is no {command[0]} on PATH; `make restore` uses what `make up` uses.") from error
    if done.returncode != 0:
        raise RestoreError(done.stderr.strip())
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
