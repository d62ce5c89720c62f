"""Kubernetes objects as kubelet 1.35, its scheduler and its controllers write them, for the tests of `make status`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from embedded.status.pulls import Account
from embedded.status.rows import View

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
EI = "docker.io/wso2/wso2ei-integrator:6.5.0"
PRIVATE = "registry.wso2.com/wso2-integrator/ei:6.6.0.10"
Object = dict[str, Any]


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(name: str, reason: str, message: str = "", image: str = EI, **more: Any) -> Object:
    state = {"reason": reason} | ({"message": message} if message else {})
    return {"name": name, "image": image, "imageID": "", "ready": False, "started": False, "restartCount": 0,
            "lastState": {}, "state": {"waiting": state}, **more}  # fmt: skip


def running(name: str, since: float, ready: bool = True, **more: Any) -> Object:
    return {"name": name, "image": EI, "imageID": f"{EI}@sha256:0", "ready": ready, "started": ready, "restartCount": 0,
            "lastState": {}, "state": {"running": {"startedAt": ago(since)}}, **more}  # fmt: skip


def ended(name: str, code: int, since: float, reason: str = "", message: str = "") -> Object:
    why = reason or ("Completed" if code == 0 else "Error")
    state: Object = {"exitCode": code, "reason": why, "startedAt": ago(since + 5), "finishedAt": ago(since)}
    state |= {"message": message} if message else {}
    return {"name": name, "image": EI, "imageID": "x", "ready": code == 0, "started": False, "restartCount": 0,
            "lastState": {}, "state": {"terminated": state}}  # fmt: skip


INITS = ("own-folder", "copy-conf", "patch-conf", "gate")


def pod(
    name: str = "wso2ei-5bf9d5cc5-qkvvg",
    *,
    phase: str = "Pending",
    inits: list[Object] | None = None,
    main: Object | None = None,
    conditions: list[Object] | None = None,
    pull_secrets: tuple[str, ...] = (),
) -> Object:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "wso2", "uid": f"uid-of-{name}", "creationTimestamp": ago(150)},
        "spec": {
            "containers": [{"name": (main or {}).get("name", "ei")}],
            "imagePullSecrets": [{"name": secret} for secret in pull_secrets],
        },
        "status": {
            "phase": phase,
            "conditions": conditions or [{"type": "PodScheduled", "status": "True"}],
            "initContainerStatuses": inits or [],
            "containerStatuses": [main] if main else [],
        },
    }


def event(owner: Object, reason: str, message: str, at: float, **more: Any) -> Object:
    """As client-go's recorder writes it: whole seconds, the container in ``fieldPath``."""
    container = more.pop("container", "")
    kind = "initContainers" if container in INITS else "containers"
    path = {"fieldPath": f"spec.{kind}{{{container}}}"} if container else {}
    return {
        "kind": "Event",
        "metadata": {"name": f"{owner['metadata']['name']}.18eb43f876fe6c78", "creationTimestamp": ago(at)},
        "involvedObject": {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        | path,
        "reason": reason,
        "message": message,
        "type": "Warning" if reason in WARNINGS else "Normal",
        "count": 1,
        "eventTime": None,
        "firstTimestamp": ago(at),
        "lastTimestamp": ago(at),
        "source": {"component": "kubelet", "host": "node-1"},
    } | more


WARNINGS = {"Failed", "FailedMount", "FailedScheduling", "FailedCreate", "ProvisioningFailed", "Rejected",
            "SyncLoadBalancerFailed", "FailedBinding", "FailedCreatePodSandBox"}  # fmt: skip


def view(*events: Object, user: str = "", logs: dict[tuple[str, str], str] | None = None) -> View:
    return View(list(events), NOW, Account("prod", user), logs or {})


def starting(*inits: Object) -> Object:
    """A pod in its init phase: what is not reached yet waits with PodInitializing."""
    rest = [waiting(name, "PodInitializing") for name in INITS[len(inits) :]]
    return pod(inits=[*inits, *rest], main=waiting("ei", "PodInitializing"))


UNAUTHORIZED = (
    f'failed to pull and unpack image "{PRIVATE}": failed to resolve reference "{PRIVATE}": failed to authorize: '
    "failed to fetch oauth token: unexpected status from GET request to https://registry.wso2.com/service/token?scope="
    "repository%3Awso2-integrator%2Fei%3Apull&service=harbor-registry: 401 Unauthorized"
)
"""containerd 1.7 and 2.x against a Harbor."""


def refused(reason: str, message: str, pull_secrets: tuple[str, ...] = ("wso2ei-pull-1a2b",)) -> tuple[Object, Object]:
    owner = starting(ended("own-folder", 0, 130), waiting("copy-conf", reason, message, PRIVATE))
    owner["spec"]["imagePullSecrets"] = [{"name": name} for name in pull_secrets]
    told = event(owner, "Failed", f'Failed to pull image "{PRIVATE}": {UNAUTHORIZED}', 90, container="copy-conf")
    return owner, told


def ran(main: Object, phase: str = "Running") -> Object:
    return pod(phase=phase, inits=[ended(name, 0, 60) for name in INITS], main=main)
