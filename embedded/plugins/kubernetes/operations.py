"""Create, update, read and delete on the cluster, waiting included. Knows objects, not Pulumi's messages.

Source of the rules: pulumi-kubernetes 4.x, ``provider/pkg/await/await.go``.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from embedded.plugins.kubernetes import fields, metadata
from embedded.plugins.kubernetes.api import Api, ApiError
from embedded.plugins.kubernetes.diff import parse_path
from embedded.plugins.kubernetes.failures import NotReady
from embedded.plugins.kubernetes.kinds import Gvk
from embedded.plugins.kubernetes.state import CSA_MANAGER

Obj = dict[str, Any]
Log = Callable[[str], None]
T = TypeVar("T")

_RETRIES = 5  # of a create that gets "not found", e.g. because its namespace is made at the same time
_SKIP_AWAIT_ON_DELETE = {"Namespace", "Pod", "ReplicationController", "DaemonSet", "Deployment", "StatefulSet", "Job"}
_EXISTS = """

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)
    to manage specific fields without owning the resource lifecycle.
  - Adopting a resource into Pulumi: use `pulumi import`. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create."""
_CONFLICT = (
    "server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"
    "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help\n"
    'The resource managed by field manager "{manager}" had an apply conflict: {message}'
)


class Waiting(Protocol):
    """What the ``awaiting`` package offers."""

    async def wait_ready(self, api: Api, kind: str, obj: Obj, *, timeout: float, log: Log, action: str) -> Any: ...

    async def wait_deleted(self, api: Api, obj: Obj, *, timeout: float, log: Log) -> Any: ...


class Operations:
    """On one cluster.

    :param patch_force: the provider's ``enablePatchForce``.
    :param cancelled: set when the engine wants running operations to end.
    """

    def __init__(self, api: Api, waiting: Waiting, patch_force: bool, cancelled: asyncio.Event) -> None:
        self.api, self._waiting, self._patch_force, self._cancelled = api, waiting, patch_force, cancelled

    async def create(self, inputs: Obj, *, preview: bool, timeout: float, log: Log) -> Obj:
        """POST and wait. ApiError: not created; NotReady: created but not ready.

        A field that the server does not know is refused; the real plugin lets the server drop it at create, and fails
        with it at the first update.
        """
        wait = 1.0
        for attempt in range(_RETRIES + 1):
            try:
                outputs = await self.api.create(
                    inputs, field_manager=CSA_MANAGER, field_validation="Strict", dry_run=preview
                )
                break
            except ApiError as error:
                if error.reason == "AlreadyExists":
                    raise ApiError(error.status, error.reason, error.message + _EXISTS, error.details) from error
                if error.status != 404 or preview or attempt == _RETRIES:
                    raise
                log(f"Retry #{attempt}; creation failed: {said(error, Gvk.of(inputs))}")
                if await self._cancelled_within(wait):
                    raise
                wait *= 2
        if preview:
            return outputs
        log("")
        return await self._wait(inputs, outputs, timeout, log, "create")

    async def update(
        self, inputs: Obj, name: str, *, manager: str, ignore: list[str], preview: bool, timeout: float, log: Log
    ) -> Obj:
        """Server-side apply and wait. Errors as in `create`; a conflict carries the real plugin's words."""
        gvk, namespace = Gvk.of(inputs), metadata.namespace(inputs) or None
        live = await self.must_get(gvk, namespace, name)
        if not preview and (entries := fields.taken_over(live, manager)) is not None:
            live = await self.api.set_managed_fields(live, entries)
        applied = copy.deepcopy(inputs)
        fields.keep_ignored(applied, live, [parse_path(path) for path in ignore], manager)
        force = metadata.is_true(inputs, metadata.PATCH_FORCE) or self._patch_force or fields.must_force(live, preview)
        try:
            outputs = await self.api.apply(applied, field_manager=manager, force=force, dry_run=preview)
        except ApiError as error:
            if error.reason != "Conflict":
                raise
            text = _CONFLICT.format(manager=manager, message=error.message)
            raise ApiError(error.status, error.reason, text, error.details) from error
        return outputs if preview else await self._wait(inputs, outputs, timeout, log, "update")

    async def relinquish(self, obj: Obj, manager: str) -> None:
        """Make a field manager own nothing of the object any more."""
        meta = {key: obj["metadata"][key] for key in ("namespace", "name") if key in obj["metadata"]}
        bare = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta}
        await self.api.apply(bare, field_manager=manager)

    async def must_get(self, gvk: Gvk, namespace: str | None, name: str) -> Obj:
        """The live object; 404 is an ApiError."""
        return await self.api.fetch(gvk, namespace, name)

    async def delete(self, inputs: Obj, live: Obj, name: str, *, timeout: float, log: Log) -> None:
        """Delete and wait until it is gone; gone already is success."""
        gvk, namespace = Gvk.of(live), metadata.namespace(live) or None
        try:
            await self.api.delete(gvk, namespace, name, propagation=metadata.propagation(inputs))
        except ApiError as error:
            if error.status == 404:
                return
            raise
        if metadata.is_true(inputs, metadata.SKIP_AWAIT) and gvk.kind in _SKIP_AWAIT_ON_DELETE:
            return

        async def gone(left: float) -> Any:
            return await self._waiting.wait_deleted(self.api, live, timeout=left, log=log)

        result = await self._until_cancelled(self._through_outages(gone, timeout), live)
        if result.errors:
            raise NotReady(result.errors[0], result.errors[1:], result.obj or live)
        log("")

    async def _wait(self, inputs: Obj, outputs: Obj, timeout: float, log: Log, action: str) -> Obj:
        if metadata.is_true(inputs, metadata.SKIP_AWAIT):
            return outputs

        async def ready(left: float) -> Any:
            return await self._waiting.wait_ready(
                self.api, outputs["kind"], outputs, timeout=left, log=log, action=action
            )

        result = await self._until_cancelled(self._through_outages(ready, timeout), outputs)
        live: Obj = result.obj or outputs
        if not result.errors:
            log("")
            return live
        first, *rest = result.errors
        if "timed out waiting" in first:
            raise NotReady(first, rest, live)
        message = f"Resource '{metadata.name(outputs)}' was created but failed to initialize"
        raise NotReady(message, list(result.errors), live)

    @staticmethod
    async def _through_outages(wait: Callable[[float], Awaitable[Any]], timeout: float) -> Any:
        """Go on waiting when the API server fails for a while: the object is there, and its state must be kept."""
        end = asyncio.get_running_loop().time() + timeout
        while True:
            left = end - asyncio.get_running_loop().time()
            try:
                return await wait(left)
            except ApiError as error:
                passing = error.status in (0, 429) or error.status >= 500
                if not passing or left <= 0:
                    raise NotReady(error.message, [], None) from error
                await asyncio.sleep(1.0)

    async def _cancelled_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._cancelled.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _until_cancelled(self, work: Awaitable[T], obj: Obj) -> T:
        task = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            task.cancel()
            raise NotReady(f'Resource operation was cancelled for "{metadata.name(obj)}"', [], None)
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()


def said(error: ApiError, gvk: Gvk) -> str:
    """The server's words; of a kind that it does not know, those of the real plugin's client."""
    return f'no matches for kind "{gvk.kind}" in version "{gvk.api_version}"' if error.no_match else error.message
