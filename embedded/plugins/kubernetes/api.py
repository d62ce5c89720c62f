"""A thin asynchronous client over the ``kubernetes`` package: plain dicts in and out, one error type.

Owns the connection pool and the threads that requests run in. Does not know Pulumi, nor what any kind means.
Every method may be called by many tasks at once; nothing blocks the event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

from embedded.plugins.kubernetes.kinds import Gvk, path_of

Obj = dict[str, Any]
Objs = list[Obj]

_THREADS = 48  # the engine runs 16 operations at once by default, each with a few requests under way
_CONNECT_SECONDS, _READ_SECONDS = 10.0, 60.0


class ApiError(Exception):
    """The API server refused, or did not answer.

    :param status: HTTP status; 0 if there was no answer.
    :param reason: the Status object's ``reason`` (``AlreadyExists``, ``Conflict``, ...), or ``Unreachable``.
    :param message: the server's own words.
    :param details: the Status object's ``details`` (``causes`` of a conflict or of an invalid object).
    """

    def __init__(self, status: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    @property
    def no_match(self) -> bool:
        """The server does not know the kind itself: of an object or a namespace that is missing it names the kind."""
        return self.status == 404 and not self.details.get("kind")


class Api:
    """One cluster, seen through one kubeconfig context.

    :param client: a ``kubernetes.client.ApiClient`` with its authentication set.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="api")

    async def get(self, gvk: Gvk, namespace: str | None, name: str) -> Obj | None:
        """The live object, or None if there is none (404)."""
        try:
            return await self.fetch(gvk, namespace, name)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def fetch(self, gvk: Gvk, namespace: str | None, name: str) -> Obj:
        """The live object; ApiError with the server's words if there is none."""
        return await self._json("GET", path_of(gvk, namespace, name))

    async def list(self, gvk: Gvk, namespace: str | None, label_selector: str = "", field_selector: str = "") -> Objs:
        """All objects of a kind; ``namespace=None`` means every namespace. Items carry apiVersion and kind."""
        return _items(gvk, await self._json("GET", path_of(gvk, namespace), _selectors(label_selector, field_selector)))

    async def create(
        self, obj: Obj, *, field_manager: str = "", field_validation: str = "", dry_run: bool = False
    ) -> Obj:
        """POST; an object of that name makes it fail with reason AlreadyExists."""
        query = {"fieldManager": field_manager, "fieldValidation": field_validation, "dryRun": "All" if dry_run else ""}
        path = path_of(Gvk.of(obj), obj["metadata"].get("namespace"))
        return await self._json("POST", path, query, obj)

    async def apply(
        self, obj: Obj, *, field_manager: str, force: bool = False, field_validation: str = "", dry_run: bool = False
    ) -> Obj:
        """Server-side apply; without ``force`` another manager's fields make it fail with reason Conflict."""
        query = {
            "fieldManager": field_manager,
            "force": "true" if force else "",
            "fieldValidation": field_validation,
            "dryRun": "All" if dry_run else "",
        }
        path = path_of(Gvk.of(obj), obj["metadata"].get("namespace"), obj["metadata"]["name"])
        return await self._json("PATCH", path, query, obj, "application/apply-patch+yaml")

    async def set_managed_fields(self, live: Obj, entries: Objs) -> Obj:
        """Replace the record of who owns which field; fails with Conflict if the object changed meanwhile."""
        meta = live["metadata"]
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": entries},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]},
        ]
        path = path_of(Gvk.of(live), meta.get("namespace"), meta["name"])
        return await self._json("PATCH", path, {}, patch, "application/json-patch+json")

    async def delete(
        self, gvk: Gvk, namespace: str | None, name: str, *, propagation: str = "Foreground", uid: str = ""
    ) -> None:
        """Ask for deletion; returns once the server has taken note. 404 is an ApiError too.

        :param propagation: ``Foreground``, ``Background`` or ``Orphan``.
        :param uid: delete only the object with this uid (else reason Conflict).
        """
        body: Obj = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        await self._json("DELETE", path_of(gvk, namespace, name), {}, body)

    async def pod_log(self, namespace: str, name: str, container: str = "", tail: int = 20) -> str:
        """The last ``tail`` lines that a container wrote."""
        path = path_of(Gvk("v1", "Pod"), namespace, name) + "/log"
        data = await self._run(self._request, "GET", path, {"container": container, "tailLines": str(tail)}, None, "")
        return str(data.decode(errors="replace"))

    async def version(self) -> Obj:
        """What ``/version`` says: the cheapest question that proves that the cluster answers."""
        return await self._json("GET", "/version")

    async def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(function, *args))

    async def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Obj | Objs | None = None,
        content: str = "",
    ) -> Obj:
        data = await self._run(self._request, method, path, query or {}, body, content)
        answer: Obj = json.loads(data)
        return answer

    def _request(
        self, method: str, path: str, query: Mapping[str, str], body: Obj | Objs | None, content: str
    ) -> bytes:
        import urllib3  # noqa: PLC0415 - only a process that reaches a cluster pays for it

        given = {key: value for key, value in query.items() if value}
        try:
            call = self._client.param_serialize(
                method,
                path + (f"?{urlencode(given)}" if given else ""),
                header_params={"Accept": "application/json", "Content-Type": content or "application/json"},
                query_params=[],
                auth_settings=["BearerToken"],
            )
            response = self._client.rest_client.pool_manager.request(
                method,
                call[1],
                headers=call[2],
                body=None if body is None else json.dumps(body),
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(0, "Unreachable", str(getattr(error, "reason", error))) from error
        if response.status >= 400:
            raise error_of(response.status, response.data)
        return bytes(response.data)


def connect(config: Obj, context: str | None, base_path: str | None = None) -> Api:
    """An Api for a kubeconfig given as a dict. Blocking (an exec plugin may run); does not ask the cluster yet.

    :param base_path: folder that relative certificate paths in the kubeconfig mean.
    :raises kubernetes.config.ConfigException: the kubeconfig or the context is not usable.
    """
    import urllib3  # noqa: PLC0415
    from kubernetes.client.api_client import ApiClient  # noqa: PLC0415 - 0.2 s, off the start of the process
    from kubernetes.client.configuration import Configuration  # noqa: PLC0415
    from kubernetes.config.kube_config import KubeConfigLoader  # noqa: PLC0415

    # What a plugin writes to stderr lands among the program's messages; these say nothing that an ApiError does not.
    urllib3.disable_warnings()
    for name in ("urllib3", "kubernetes"):
        logging.getLogger(name).setLevel(logging.ERROR)
    configuration = Configuration()
    loader: Any = cast(Any, KubeConfigLoader)(config, active_context=context, config_base_path=base_path or "")
    loader.load_and_set(configuration)
    configuration.connection_pool_maxsize = _THREADS
    return Api(ApiClient(configuration=configuration))


def error_of(status: int, body: bytes) -> ApiError:
    """The ApiError for an answer with status 400 or above; the body usually is a ``Status`` object."""
    try:
        answer = json.loads(body)
        return ApiError(
            status, str(answer.get("reason") or ""), str(answer.get("message") or ""), answer.get("details")
        )
    except (ValueError, AttributeError):
        return ApiError(status, "", body.decode(errors="replace")[:500].strip())


def _items(gvk: Gvk, answer: Obj) -> list[Obj]:
    return [{"apiVersion": gvk.api_version, "kind": gvk.kind, **item} for item in answer.get("items") or []]


def _selectors(label: str, field: str) -> dict[str, str]:
    return {"labelSelector": label, "fieldSelector": field}
