"""What the engine asks of a resource, in plain data: check, diff, create, read, update, delete.

One instance for each configured provider. Source of the rules: pulumi-kubernetes 4.x, ``provider/pkg/provider``.
"""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any, NamedTuple

from embedded.plugins.kubernetes import metadata
from embedded.plugins.kubernetes.api import ApiError
from embedded.plugins.kubernetes.cluster import Cluster
from embedded.plugins.kubernetes.diff import Difference, difference, must_delete_first, split_state
from embedded.plugins.kubernetes.failures import Failed, NotReady, PartlyFailed
from embedded.plugins.kubernetes.host import Host
from embedded.plugins.kubernetes.kinds import KINDS, TOKENS, Gvk
from embedded.plugins.kubernetes.normalize import normalize, still_given
from embedded.plugins.kubernetes.operations import Operations, Waiting, said
from embedded.plugins.kubernetes.options import Options
from embedded.plugins.kubernetes.state import checkpoint, field_manager
from embedded.plugins.kubernetes.values import annotate_secrets, has_unknown, plain

Obj = dict[str, Any]

_UNREACHABLE = "configured Kubernetes cluster is unreachable: {reason}"
_FORGET = (
    "configured Kubernetes cluster is unreachable and the `deleteUnreachable` option is enabled. "
    "Deleting the unreachable resource from Pulumi state"
)
_STALE = (
    "configured Kubernetes cluster is unreachable and the `skipUnreachable` option is enabled. "
    "Returned data could not reflect the actual cluster configuration."
)
_NO_MATCH = (
    "{failed} because the Kubernetes API server reported that the apiVersion for this resource does not exist. "
    "Verify that any required CRDs have been created: {said}"
)
_SERVER_FIELDS = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")


class Naming(NamedTuple):
    """The engine's autonaming: ``mode`` is "", ``propose``, ``enforce`` or ``disable``."""

    mode: str = ""
    proposed: str = ""


class ReadResult(NamedTuple):
    """An empty ``resource_id`` means that the object is gone."""

    resource_id: str
    state: Obj
    inputs: Obj


class Resources:
    """With one set of options, against one cluster (which may be unreachable)."""

    def __init__(self, options: Options, cluster: Cluster, host: Host, waiting: Waiting) -> None:
        self.options, self.cluster, self._host, self._waiting = options, cluster, host, waiting
        self.cancelled = asyncio.Event()
        self._operations = (
            Operations(cluster.api, waiting, options.patch_force, self.cancelled) if cluster.api else None
        )

    async def check(self, urn: str, olds: Obj, news: Obj, seed: bytes, naming: Naming) -> Obj:
        """The inputs with name and namespace filled in, normalized, and secret where they were.

        Failed for a kind that is not imitated.
        """
        if self.cluster.api is None and self.options.skip_update_unreachable:
            await self._host.warning(
                urn, "Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping..."
            )
            return olds
        gvk = kind_of(urn)
        new = normalize({"apiVersion": gvk.api_version, "kind": gvk.kind, **plain(news)})
        old = plain(olds)
        if old:
            metadata.adopt_old_name(new, old)
            if metadata.has_managed_by(old):
                metadata.set_managed_by(new)
        elif naming.mode == "disable" and not metadata.is_named(new):
            raise Failed("autonaming is disabled, resource requires the .metadata.name field to be set")
        else:
            metadata.assign_name(new, seed, urn.rsplit("::", 1)[1], naming.proposed or None)
        if metadata.is_generate_name(new):
            raise Failed("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
        if metadata.annotation(new, metadata.WAIT_FOR):
            raise Failed(f"not imitated: annotation {metadata.WAIT_FOR}")
        if KINDS[gvk].namespaced and self.cluster.namespace and not metadata.namespace(new):
            metadata.set_namespace(new, self.cluster.namespace)
        annotate_secrets(new, news)
        return new

    async def diff(self, urn: str, state: Obj, news: Obj, ignore: list[str]) -> Difference:
        """Of the stored state and checked inputs; for ``replaceUnready`` the cluster is asked, too."""
        result = difference(state, news, ignore, self.options.diff)
        new = plain(news)
        if not metadata.is_true(new, metadata.REPLACE_UNREADY):
            return result
        if self.cluster.api is None:
            await self._host.warning(urn, "Cluster is unreachable, skipping replaceUnready check")
        elif new.get("kind") != "Job":
            await self._host.warning(urn, "replaceUnready annotation is not supported for this resource")
        elif await self._job_unready(split_state(state)[1]):
            result.replaces.append(f'.metadata.annotations["{metadata.REPLACE_UNREADY}"]')
            result.delete_before_replace = must_delete_first(result.replaces, new, split_state(state)[1])
        return result

    async def _job_unready(self, old: Obj) -> bool:
        assert self.cluster.api is not None  # noqa: S101 - for mypy; the caller asked
        try:
            live = await self.cluster.api.get(Gvk.of(old), metadata.namespace(old) or None, metadata.name(old))
        except ApiError:
            return False
        if live is None:
            return False
        conditions = (live.get("status") or {}).get("conditions") or []
        return not any(one.get("type") == "Complete" and one.get("status") == "True" for one in conditions)

    async def create(self, urn: str, news: Obj, timeout: float, preview: bool) -> tuple[str, Obj]:
        """(id, state); in a preview the id is empty, and the state is what a server-side dry run says, if it can."""
        operations = self._must_reach(preview)
        inputs = plain(news)
        if preview and (operations is None or has_unknown(inputs)):
            return "", news
        assert operations is not None  # noqa: S101
        log = self._host.status(urn)
        manager = field_manager({}, inputs, self._new_manager())
        try:
            seconds = metadata.timeout(timeout, inputs)
            live = await operations.create(copy.deepcopy(inputs), preview=preview, timeout=seconds, log=log)
        except ApiError as error:
            if preview and (error.reason in ("Forbidden", "AlreadyExists") or error.no_match or _no_namespace(error)):
                return "", news
            if error.no_match:
                failed = (
                    f"creation of resource {json.dumps(urn)} with kind {inputs['apiVersion']}/{inputs['kind']} failed"
                )
                raise Failed(_NO_MATCH.format(failed=failed, said=said(error, Gvk.of(inputs)))) from error
            raise Failed(
                f'resource "{urn}" was not successfully created by the Kubernetes API server: {error.message}'
            ) from error
        except NotReady as error:
            state = checkpoint(inputs, error.obj or inputs, news, manager)
            message = (
                f'resource "{urn}" was successfully created, but the Kubernetes API server reported that it failed '
                f"to fully initialize or become live: {error.message}"
            )
            raise PartlyFailed(metadata.full_name(error.obj or inputs), [message, *error.errors], state) from error
        if preview:
            live.pop("status", None)
        return "" if preview else metadata.full_name(live), checkpoint(inputs, live, news, manager)

    async def update(self, urn: str, state: Obj, news: Obj, ignore: list[str], timeout: float, preview: bool) -> Obj:
        """The new state. What fails after the object was found keeps the new inputs and is tried again."""
        operations = self._must_reach(preview)
        inputs = normalize(plain(news))
        if preview and (operations is None or has_unknown(inputs)):
            return news
        assert operations is not None  # noqa: S101
        old_inputs, old_live = split_state(state)
        new = self._new_manager()
        manager, before = field_manager(state, inputs, new), field_manager(state, old_inputs, new)
        name = metadata.name(old_live)
        log = self._host.status(urn)
        try:
            seconds = metadata.timeout(timeout, inputs)
            live = await operations.update(
                inputs, name, manager=manager, ignore=ignore, preview=preview, timeout=seconds, log=log
            )
            if not preview and manager != before:
                await operations.relinquish(live, before)
        except (ApiError, NotReady) as error:
            if preview and isinstance(error, ApiError) and error.reason == "Forbidden":
                return news
            if isinstance(error, ApiError) and error.no_match:
                if preview:
                    return news
                failed = f"update of resource {json.dumps(urn)} failed"
                raise Failed(_NO_MATCH.format(failed=failed, said=said(error, Gvk.of(inputs)))) from error
            live = await self._live_after(operations, urn, old_live, error)
            full = metadata.full_name(live)
            message = (
                f'the Kubernetes API server reported that "{full}" failed to fully initialize or become live: '
                f"{error.message}"
            )
            errors = error.errors if isinstance(error, NotReady) else []
            raise PartlyFailed(full, [message, *errors], checkpoint(inputs, live, news, manager)) from error
        return checkpoint(inputs, live, news, manager)

    @staticmethod
    async def _live_after(operations: Operations, urn: str, old_live: Obj, error: ApiError | NotReady) -> Obj:
        try:
            return await operations.must_get(
                Gvk.of(old_live), metadata.namespace(old_live) or None, metadata.name(old_live)
            )
        except ApiError as second:
            raise Failed(
                f'update of resource "{urn}" failed: {error.message}\nunable to get cluster state: {second.message}'
            ) from error

    async def read(self, urn: str, resource_id: str, state: Obj, inputs: Obj) -> ReadResult:
        """Refresh (with the old state and inputs) or import (with neither); gone gives an empty id."""
        if self.cluster.api is None:
            return await self._read_unreachable(urn, resource_id, state, inputs)
        gvk = kind_of(urn)
        namespace, name = metadata.parse_id(resource_id)
        if not name:
            raise Failed(
                f"failed to read resource because of a failure to parse resource name from request ID: {resource_id}"
            )
        old = normalize(plain(inputs))
        imported = not old.get("kind") and not split_state(state)[1].get("kind")
        namespace = metadata.namespace(old) or namespace or ("default" if KINDS[gvk].namespaced else "")
        try:
            live = await self.cluster.api.get(gvk, namespace if KINDS[gvk].namespaced else None, name)
        except ApiError as error:
            raise Failed(error.message) from error
        if live is None:
            return ReadResult("", {}, {})
        found = _importable(live) if imported else still_given(live, old)
        manager = field_manager(state, found, self._new_manager())
        new_state = checkpoint(found, live, inputs, manager)
        annotate_secrets(found, inputs)
        if not imported and (errors := await self._unready(old, live)):
            message = f"Resource '{metadata.name(live)}' was created but failed to initialize"
            raise PartlyFailed(resource_id, [message, *errors], new_state, found)
        return ReadResult(resource_id, new_state, found)

    async def _unready(self, inputs: Obj, live: Obj) -> list[str]:
        from embedded.plugins.kubernetes import reading  # noqa: PLC0415 - only a refresh needs it

        assert self.cluster.api is not None  # noqa: S101 - for mypy; the caller asked
        try:
            return await reading.unready(self.cluster.api, inputs, live)
        except ApiError as error:
            return [error.message]

    async def _read_unreachable(self, urn: str, resource_id: str, state: Obj, inputs: Obj) -> ReadResult:
        await self._host.warning(urn, _UNREACHABLE.format(reason=self.cluster.reason))
        if self.options.delete_unreachable:
            await self._host.info(urn, _FORGET)
            return ReadResult("", {}, {})
        if self.options.skip_update_unreachable:
            await self._host.info(urn, _STALE)
            return ReadResult(resource_id, state, inputs)
        raise Failed(
            "failed to read resource state due to unreachable cluster. If the cluster was deleted, you can remove this "
            "resource from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment "
            'variable set to "true"'
        )

    async def delete(self, urn: str, resource_id: str, state: Obj, timeout: float) -> None:
        """Until it is gone. Of a timeout the last seen state is kept."""
        inputs, live = split_state(state)
        if self._operations is None:
            await self._host.warning(urn, _UNREACHABLE.format(reason=self.cluster.reason))
            if self.options.delete_unreachable:
                await self._host.info(urn, _FORGET)
                return
            raise Failed(
                "configured Kubernetes cluster is unreachable. If the cluster was deleted, you can remove this "
                "resource from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE "
                'environment variable set to "true"'
            )
        _, name = metadata.parse_id(resource_id)
        try:
            seconds = metadata.timeout(timeout, inputs)
            await self._operations.delete(inputs, live, name, timeout=seconds, log=self._host.status(urn))
        except ApiError as error:
            raise Failed(error.message) from error
        except NotReady as error:
            manager = field_manager(state, inputs, self._new_manager())
            kept = checkpoint(live, error.obj or live, state, manager)
            raise PartlyFailed(resource_id, [error.message, *error.errors], kept) from error

    def _must_reach(self, preview: bool) -> Operations | None:
        if self._operations is None and not preview:
            raise Failed(_UNREACHABLE.format(reason=self.cluster.reason))
        return self._operations

    @staticmethod
    def _new_manager() -> str:
        return "pulumi-kubernetes-" + metadata.unique_suffix(b"", "")


def kind_of(urn: str) -> Gvk:
    """The kind that a URN's type token means. Failed by name if it is not imitated."""
    token = urn.split("::")[2].rsplit("$", 1)[-1]
    gvk = TOKENS.get(token)
    if gvk is None:
        raise Failed(f"not imitated: {token}")
    return gvk


def _no_namespace(error: ApiError) -> bool:
    return error.status == 404 and error.details.get("kind") == "namespaces"


def _importable(live: Obj) -> Obj:
    """The inputs of an object that was found on the cluster: all but status and what only the server sets."""
    found = {key: copy.deepcopy(value) for key, value in live.items() if key != "status"}
    for key in _SERVER_FIELDS:
        found["metadata"].pop(key, None)
    annotations = found["metadata"].get("annotations") or {}
    for key in ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration"):
        annotations.pop(key, None)
    return found
