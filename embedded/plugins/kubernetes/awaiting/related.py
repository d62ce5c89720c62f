"""Fetches what belongs to an object."""

from __future__ import annotations

from typing import Any

from embedded.plugins.kubernetes.api import Api, ApiError
from embedded.plugins.kubernetes.awaiting import pods
from embedded.plugins.kubernetes.awaiting.rules import Memory, Related
from embedded.plugins.kubernetes.kinds import Gvk

Obj = dict[str, Any]
_POD, _CLAIM, _ENDPOINTS, _SERVICE = (
    Gvk("v1", kind) for kind in ("Pod", "PersistentVolumeClaim", "Endpoints", "Service")
)
_REPLICA_SET, _CLASS = Gvk("apps/v1", "ReplicaSet"), Gvk("storage.k8s.io/v1", "StorageClass")


async def fetch(api: Api, live: Obj) -> Related:
    """What the rule of this kind looks at. What may not be read counts as not there, as in the real plugin."""
    kind, namespace = live["kind"], live["metadata"].get("namespace")
    if kind in {"Deployment", "StatefulSet"}:
        return await _workload(api, live)
    if kind == "Job":
        selector = f"batch.kubernetes.io/job-name={live['metadata']['name']}"
        return Related(pods=await _list(api, _POD, namespace, selector))
    if kind == "Service":
        name = live["metadata"]["name"]
        found = await _get(api, _ENDPOINTS, namespace, name)
        return Related(endpoints={name: found} if found else {})
    if kind == "Ingress":
        return Related(
            endpoints={item["metadata"]["name"]: item for item in await _list(api, _ENDPOINTS, namespace)},
            services={item["metadata"]["name"]: item for item in await _list(api, _SERVICE, namespace)},
        )
    if kind == "PersistentVolumeClaim" and live["spec"].get("storageClassName"):
        return Related(storage_class=await _get(api, _CLASS, None, live["spec"]["storageClassName"]))
    return Related()


async def _workload(api: Api, live: Obj) -> Related:
    namespace, spec = live["metadata"].get("namespace"), live["spec"]
    labels = spec["selector"].get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    found = await _list(api, _POD, namespace, selector)
    claims = {}
    for volume in spec["template"]["spec"].get("volumes") or []:
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if name and live["kind"] == "Deployment":
            item = await _get(api, _CLAIM, namespace, name)
            if item:
                claims[name] = item
    if live["kind"] == "StatefulSet":
        return Related(pods=found)
    sets = [item for item in await _list(api, _REPLICA_SET, namespace, selector) if _owned(item, live)]
    revision = (live["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision")
    newest = [item for item in sets if _revision(item) == revision]
    owners = {item["metadata"]["uid"] for item in newest}
    mine = [pod for pod in found if {ref["uid"] for ref in pod["metadata"].get("ownerReferences") or []} & owners]
    return Related(pods=mine, replica_sets=newest, claims=claims)


async def with_last_words(api: Api, reasons: list[str], memory: Memory) -> list[str]:
    """The reasons of a timeout, and what the failing pods said or logged last."""
    words = [text for pod in memory.pods for text in pods.last_words(pod)]
    for pod in memory.pods:
        if words or pods.ready(pod):
            continue
        for status in (pod.get("status") or {}).get("containerStatuses") or []:
            if not (status.get("state") or {}).get("running"):
                continue
            try:
                meta = pod["metadata"]
                log = await api.pod_log(meta["namespace"], meta["name"], status["name"], 3)
            except ApiError:
                continue
            words.append(f"[{pod['metadata']['name']}/{status['name']}] {log.strip()}")
    return [*reasons, *words]


def _owned(item: Obj, owner: Obj) -> bool:
    uid = owner["metadata"]["uid"]
    return any(ref["uid"] == uid for ref in item["metadata"].get("ownerReferences") or [])


def _revision(item: Obj) -> str | None:
    revision = (item["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision")
    return str(revision) if revision is not None else None


async def _list(api: Api, gvk: Gvk, namespace: str | None, selector: str = "") -> list[Obj]:
    try:
        return await api.list(gvk, namespace, label_selector=selector)
    except ApiError as error:
        if error.status == 403:
            return []
        raise


async def _get(api: Api, gvk: Gvk, namespace: str | None, name: str) -> Obj | None:
    try:
        return await api.get(gvk, namespace, name)
    except ApiError as error:
        if error.status == 403:
            return None
        raise
