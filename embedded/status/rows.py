"""From the API's objects to rows: one for each pod, claim, Service and Ingress, each with its problem if it has one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from embedded.progress import elapsed_text
from embedded.status import events as ev
from embedded.status import pulls
from embedded.status.events import Object
from embedded.status.pulls import Account

Level = Literal["good", "busy", "bad", "done"]
_STARTING = {"PodInitializing", "ContainerCreating"}
_SANDBOX_TROUBLE = ("FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedMapVolume")
_LONG_PULL_SECONDS = 60


@dataclass(frozen=True)
class Problem:
    """What blocks the stack, and the fix."""

    who: str
    what: str
    way_out: str


@dataclass(frozen=True)
class PodRow:
    """One pod."""

    name: str
    ready: str
    restarts: int
    age: str
    level: Level
    text: str
    problem: Problem | None = None


@dataclass(frozen=True)
class View:
    """What every row is made with."""

    events: list[Object]
    now: datetime
    account: Account
    logs: Mapping[tuple[str, str], str]
    """Last log line by pod and container, where one was read."""


def current(pod: Object) -> tuple[Object | None, int, int]:
    """Return the container that the pod waits for, its number and the count of init containers (number 0: a main one).

    ``None`` where no container has a status yet, or all are ready.
    """
    status = pod.get("status") or {}
    inits = status.get("initContainerStatuses") or []
    for number, container in enumerate(inits, start=1):
        ended = (container.get("state") or {}).get("terminated")
        if not (ended and ended["exitCode"] == 0):
            return container, number, len(inits)
    for container in status.get("containerStatuses") or []:
        if not container.get("ready"):
            return container, 0, len(inits)
    return None, 0, len(inits)


def pod_row(pod: Object, view: View) -> PodRow:
    """Return the row of a pod: what it does, or what blocks it."""
    meta, status = pod["metadata"], pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    level, text, problem = _doing(pod, view)
    return PodRow(
        name=meta["name"],
        ready=f"{sum(bool(state.get('ready')) for state in containers)}/{len(pod['spec']['containers'])}",
        restarts=sum(state.get("restartCount", 0) for state in [*_inits(status), *containers]),
        age=elapsed_text(ev.seconds_since(meta.get("creationTimestamp"), view.now)),
        level=level,
        text=text,
        problem=problem,
    )


Doing = tuple[Level, str, Problem | None]


def _doing(pod: Object, view: View) -> Doing:
    meta, status = pod["metadata"], pod.get("status") or {}
    if status.get("phase") == "Succeeded":
        return "done", f"done{_ago(_ends(status), view)}", None
    if status.get("phase") == "Failed":
        return _failed(pod, view)
    if meta.get("deletionTimestamp"):
        return "busy", "is being stopped: EI finishes its running requests first", None
    unscheduled = _condition(status, "PodScheduled")
    if unscheduled and unscheduled.get("status") == "False":
        text = ev.one_line(unscheduled.get("message") or "no node yet")
        return _bad(meta["name"], f"waits for a node: {text}", _way_to_a_node(text))
    return _containers(pod, view)


def _containers(pod: Object, view: View) -> Doing:
    """Describe the container that the pod waits for, or that all of them run."""
    container, number, inits = current(pod)
    if container is None:
        states = pod.get("status", {}).get("containerStatuses") or []
        return ("good", f"runs{_past(states, view)}", None) if states else ("busy", "waits for the kubelet", None)
    where = f"init {number} of {inits}, {container['name']}" if number else str(container["name"])
    state = container.get("state") or {}
    if "waiting" in state:
        return _waiting(pod, container, where, view)
    if "running" in state:
        return _running(pod, container, where, view)
    return "busy", f"{where}: ended, {_ending(state, view)}", None


def _waiting(pod: Object, container: Object, where: str, view: View) -> Doing:
    name, waiting = pod["metadata"]["name"], container["state"]["waiting"]
    reason = str(waiting.get("reason") or "")
    if reason in pulls.FAILED:
        return _refused(pod, container, where, view)
    if reason not in _STARTING and reason:
        return _stopped(pod, container, where, view)
    pull = pulls.under_way(pod, container["name"], view.events)
    if pull:
        seconds = ev.seconds_since(ev.last_seen(pull), view.now)
        image = pulls.image_of(str(pull["message"]))
        note = " (1.5 GB)" if seconds > _LONG_PULL_SECONDS and container["name"] in pulls.EI_CONTAINERS else ""
        again = f", try {pull['count']}" if pull.get("count", 1) > 1 else ""
        return "busy", f"{where}: pulling {image}{note} for {elapsed_text(seconds)}{again}", None
    trouble = ev.newest_warning(ev.of(view.events, pod))
    if trouble and trouble.get("reason") in _SANDBOX_TROUBLE:
        text = ev.one_line(trouble.get("message"))
        return _bad(name, f"{trouble['reason']}: {text}", _way_to_a_volume(text))
    return "busy", f"{where}: is being created", None


def _running(pod: Object, container: Object, where: str, view: View) -> Doing:
    since = elapsed_text(ev.seconds_since(container["state"]["running"].get("startedAt"), view.now))
    line = view.logs.get((pod["metadata"]["name"], container["name"]), "")
    past = _past([container], view)
    return "busy", f"{where}: starting for {since}{past}" + (f", last log line: {line}" if line else ""), None


def _refused(pod: Object, container: Object, where: str, view: View) -> Doing:
    """Report a failed pull: which registry, which user, its message, since when, and what to set."""
    text = pulls.refusal(pod, container, view.events)
    image = pulls.image_of(text) or str(container.get("image") or "")
    secrets = [str(item["name"]) for item in pod["spec"].get("imagePullSecrets") or []]
    user = view.account.user if secrets else ""
    who = f"user {user}" if user else ("the pull secret's user" if secrets else "")
    meaning = pulls.cause(text, image, who)
    mine = ev.of(view.events, pod, container["name"])
    first = min((event.get("firstTimestamp") or ev.last_seen(event) for event in mine), default="")
    since = f", since {elapsed_text(ev.seconds_since(first, view.now))}" if first else ""
    reason = container["state"]["waiting"]["reason"]
    message = "" if meaning == pulls.essence(text) else f" The message: {pulls.essence(text)}"
    what = f"{where}: {reason}{since}: {meaning}"
    out = pulls.way_out(text, image, container["name"], view.account, secrets)
    problem = Problem(pod["metadata"]["name"], f"cannot pull {image}: {meaning}.{message}", out)
    return "bad", what, problem


def _stopped(pod: Object, container: Object, where: str, view: View) -> Doing:
    """Report crash loops and containers that cannot be created."""
    name, waiting = pod["metadata"]["name"], container["state"]["waiting"]
    ended = container.get("lastState") or {}
    if "terminated" in ended:
        text = f"{where}: {waiting['reason']}, {_ending(ended, view)}"
        return "bad", text, Problem(name, f"{where}: {_ending(ended, view, 3)}", _way_from_an_exit(pod, container))
    text = f"{where}: {waiting['reason']}: {ev.one_line(waiting.get('message'))}"
    return _bad(name, text, _way_to_a_volume(text))


def _failed(pod: Object, view: View) -> Doing:
    status = pod.get("status") or {}
    for container in [*_inits(status), *(status.get("containerStatuses") or [])]:
        state = container.get("state") or {}
        if (state.get("terminated") or {}).get("exitCode", 0) != 0:
            what = f"{container['name']} failed: {_ending(state, view, 3)}"
            problem = Problem(pod["metadata"]["name"], what, _way_from_an_exit(pod, container))
            return "bad", f"{container['name']} failed: {_ending(state, view)}", problem
    text = f"{status.get('reason', 'failed')}: {ev.one_line(status.get('message'))}"
    return _bad(pod["metadata"]["name"], text, "`make up` creates a failed Job again")


def _bad(who: str, what: str, way_out: str) -> Doing:
    return "bad", what, Problem(who, what, way_out)


def _inits(status: Object) -> list[Object]:
    return list(status.get("initContainerStatuses") or [])


def _condition(status: Object, kind: str) -> Object | None:
    return next((item for item in status.get("conditions") or [] if item["type"] == kind), None)


def _ends(status: Object) -> str:
    times = [
        (container.get("state") or {}).get("terminated", {}).get("finishedAt") or ""
        for container in [*_inits(status), *(status.get("containerStatuses") or [])]
    ]
    return max(times, default="")


def _ago(text: str, view: View) -> str:
    return f" {elapsed_text(ev.seconds_since(text, view.now))} ago" if text else ""


def _ending(state: Object, view: View, lines: int = 0) -> str:
    """Return ``OOMKilled`` or the exit code, when, and the message: the last lines, or (0) the one with the error."""
    ended = state["terminated"]
    reason = ended.get("reason") or "Error"
    how = f"exit code {ended['exitCode']}" if reason in {"Error", "Completed"} else reason
    message = ev.last_lines(ended.get("message"), lines) if lines else ev.telling_line(ended.get("message"))
    return f"{how}{_ago(ended.get('finishedAt') or '', view)}" + (f": {message}" if message else "")


def _past(containers: list[Object], view: View) -> str:
    """Return the last restart, where there was one, and the last log lines before it."""
    for container in containers:
        ended = (container.get("lastState") or {}).get("terminated")
        if not container.get("restartCount") or not ended:
            continue
        ago = _ago(ended.get("finishedAt") or "", view)
        if ended.get("reason") == "Unknown":
            # The kubelet found it gone: the node went down, and the container's last log lines have nothing about it.
            return f"; restarted{ago}, since its node went down"
        return f"; restarted{ago}, {_ending({'terminated': ended | {'finishedAt': ''}}, view)}"
    return ""


def _way_to_a_node(text: str) -> str:
    if match := re.search(r"Insufficient (cpu|memory)", text):
        return (
            f"no node has enough {match[1]} free: use a larger node, or lower ei.replicas or ei.{match[1]} in the "
            "stack file"
        )
    if "PersistentVolumeClaim" in text or "persistent volume" in text:
        return "the claims below show why they are not bound"
    if "volume node affinity" in text:
        return "the data is on a node that is missing or full: storage.node names it"
    if "taint" in text:
        return (
            "`kubectl describe nodes` shows the taints; a node under memory or disk pressure has one until it recovers"
        )
    return "`kubectl describe nodes` shows what they offer"


def _way_to_a_volume(text: str) -> str:
    if found := re.search(r'(secret|configmap) "([^"]+)" not found', text, re.IGNORECASE):
        return f"create the {found[1]} {found[2]} in this namespace, or correct its name in the stack file"
    if "mount.nfs" in text or "nfs" in text.lower():
        return (
            "check storage.server, storage.path and storage.version: the export must exist, let the nodes in, and the "
            "nodes need an NFS client (nfs-common or nfs-utils)"
        )
    if "FailedCreatePodSandBox" in text or "sandbox" in text:
        return "the node's network is not ready; if it stays so, look at the CNI pods in kube-system"
    return "`kubectl describe pod` shows all events"


def _way_from_an_exit(pod: Object, container: Object) -> str:
    for state in (container.get("lastState") or {}, container.get("state") or {}):
        if (state.get("terminated") or {}).get("reason") == "OOMKilled":
            return "raise ei.memory or lower ei.heap (MySQL: mysql.memory)"
    previous = " --previous" if container.get("lastState") else ""
    meta = pod["metadata"]
    return f"`kubectl -n {meta['namespace']} logs {meta['name']} -c {container['name']}{previous}` has the rest"
