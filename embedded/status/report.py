"""From a snapshot to everything that the screen shows; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from embedded.status import checks, objects, pulls, rows, snapshot
from embedded.status.rows import PodRow, Problem, View
from embedded.status.snapshot import Snapshot


@dataclass(frozen=True)
class Report:
    """One screen."""

    pods: list[PodRow]
    objects: list[objects.Row]
    answers: list[checks.Answer]
    hosts: int
    """Host names that must answer."""
    problems: list[Problem]
    hosts_file: str
    """What the hosts file needs; empty: there is no address yet."""
    unready: list[tuple[str, str]] = field(default_factory=list)
    """Workloads without all of their pods, as `objects.unready` lists them."""

    @property
    def good(self) -> bool:
        """Everything runs, is bound, has an address, and each host answers."""
        pods = bool(self.pods) and all(row.level in {"good", "done"} for row in self.pods)
        others = all(row.level == "good" for row in self.objects)
        answers = len(self.answers) == self.hosts > 0 and all(a.good for a in self.answers)
        return pods and others and answers and not self.problems

    @property
    def summary(self) -> str:
        running = [row for row in self.pods if row.level != "done"]
        ready = sum(row.level == "good" for row in running)
        if not self.pods:
            return "nothing runs here yet"
        count = len(self.problems)
        troubles = f"{count} problem{'s' if count > 1 else ''}" if count else "on its way"
        return f"{ready} of {len(running)} pods run; {'all is well' if self.good else troubles}"

    @property
    def starting(self) -> str:
        """What of the stack does not run yet, and what it does; empty when each workload has all of its pods."""
        if not self.unready:
            return ""
        name, text = self.unready[0]
        pods = (row for row in self.pods if row.name.startswith(f"{name}-") and row.level in {"busy", "bad"})
        return next((f"{row.name}: {row.text}" for row in pods), text)

    @property
    def unanswered(self) -> str:
        """The first host that does not answer; 403 is an answer (``allowedSources``)."""
        bad = (answer for answer in self.answers if not answer.good and answer.status != HTTPStatus.FORBIDDEN)
        return next((f"{answer.target.url}: {answer.text}" for answer in bad), "")


def report(
    seen: Snapshot,
    account: pulls.Account,
    outputs: Mapping[str, Any],
    given: Mapping[str, str] = MappingProxyType({}),
    *,
    fixed: bool = False,
) -> Report:
    """Return rows and problems of a snapshot.

    :param given: as `objects.given_addresses` returns them.
    :param fixed: whether the stack file has ``ingress.address``, which the outputs then have in any case.
    """
    view = View(seen.kind("Event"), seen.now, account, seen.logs)
    pods = [rows.pod_row(pod, view) for pod in seen.kind("Pod")]
    others = [objects.claim_row(item, view) for item in seen.kind("PersistentVolumeClaim")]
    others += [row for item in seen.kind("Service") if (row := objects.service_row(item, view))]
    others += [objects.ingress_row(item, view, given.get(objects.key_of(item), "")) for item in seen.kind("Ingress")]
    problems = [row.problem for row in pods if row.problem]
    problems += objects.workload_problems(seen.kind("StatefulSet", "Job"), seen.kind("ReplicaSet"), view)
    problems += [row.problem for row in others if row.problem]
    hosts = outputs.get("ingress_hosts") or snapshot.hosts_of(seen)
    live = {host: snapshot.addresses_of(seen, host, given.get(key, "")) for key, host in hosts.items()}
    stale = None if fixed else moved(live, str(outputs.get("hosts_file_line", "")))
    problems += [stale] if stale else []
    order = {"bad": 0, "busy": 1, "good": 2, "done": 3}
    pods.sort(key=lambda row: (order[row.level], row.name))
    return Report(
        pods,
        others,
        seen.answers,
        len(hosts),
        merged(problems),
        hosts_file(live),
        objects.unready(seen.kind("StatefulSet", "Deployment")),
    )


def merged(problems: list[Problem]) -> list[Problem]:
    """Merge equal problems of several pods into one."""
    found: dict[tuple[str, str], list[str]] = {}
    for problem in problems:
        found.setdefault((problem.what, problem.way_out), []).append(problem.who)
    return [Problem(", ".join(who), what, way) for (what, way), who in found.items()]


def moved(addresses: Mapping[str, list[str]], line: str) -> Problem | None:
    """Report a controller that has another address than the last update saw."""
    recorded = {part.split()[-1] if part.startswith("#") else part.split()[0] for part in line.splitlines() if part}
    live = {address for found in addresses.values() for address in found}
    now = {"127.0.0.1" if address == "localhost" else address for address in live}
    if not line or not now or recorded == now:
        return None
    return Problem(
        "outputs",
        f"the controller is at {', '.join(sorted(now))} now; the last update saw {', '.join(sorted(recorded))}",
        "`pulumi up --refresh` reads it again, so that hosts_file_line follows; your hosts file needs the new line too",
    )


def hosts_file(addresses: Mapping[str, list[str]]) -> str:
    """Return the lines for the addresses of each host that a hosts file can hold."""
    lines: dict[str, list[str]] = {}
    for host, found in addresses.items():
        for address in ("127.0.0.1" if one == "localhost" else one for one in found):
            if address.replace(".", "").isdigit() or ":" in address:
                lines.setdefault(address, []).append(host)
    return "\n".join(f"{address} {' '.join(hosts)}" for address, hosts in lines.items())
