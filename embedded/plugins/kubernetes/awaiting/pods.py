"""What a pod's status says is wrong with it, in the words that pulumi-kubernetes uses."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]

# Waiting reasons that do not mend themselves soon; shown as warnings, since the kubelet tries again.
_TROUBLE = frozenset(
    {
        "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CrashLoopBackOff",
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
    }
)  # fmt: skip


def ready(pod: Obj) -> bool:
    """The pod's ``Ready`` condition."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in _conditions(pod))


def troubles(pod: Obj) -> list[str]:
    """One line for each thing that is wrong; empty for a pod that is on its way."""
    name = f"[Pod {pod['metadata'].get('namespace')}/{pod['metadata']['name']}]"
    found = [
        f"{name}: {condition.get('message') or condition.get('reason')}"
        for condition in _conditions(pod)
        if condition["type"] == "PodScheduled" and condition["status"] == "False"
    ]
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        found += [f"{name}: {text}" for text in _container(container)]
    return found


def _container(container: Obj) -> list[str]:
    found = []
    state = container.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    if waiting.get("reason") in _TROUBLE:
        found.append(
            f"containers with unready status: [{container['name']}] [{waiting['reason']}] {waiting.get('message', '')}"
        )
        last = (container.get("lastState") or {}).get("terminated") or {}
        if last.get("message"):
            found.append(f"[{container['name']}] said last: {_last_line(last['message'])}")
    if ended and ended.get("exitCode"):
        said = f": {_last_line(ended['message'])}" if ended.get("message") else ""
        found.append(
            f"[{container['name']}] terminated with exit code {ended['exitCode']} ({ended.get('reason')}){said}"
        )
    return found


def last_words(pod: Obj) -> list[str]:
    """Termination messages of the containers that failed, whole."""
    status = pod.get("status") or {}
    found = []
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            ended = state.get("terminated") or {}
            if ended.get("exitCode") and ended.get("message"):
                found.append(f"[{pod['metadata']['name']}/{container['name']}] {ended['message'].strip()}")
                break
    return found


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _conditions(pod: Obj) -> list[Obj]:
    return list((pod.get("status") or {}).get("conditions") or [])
