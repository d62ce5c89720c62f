"""A thin asynchronous client over the ``kubernetes`` package: plain dicts in and out, one error type.

Owns the connection pool and the threads that requests run in. Does not know Pulumi, nor what any kind means.
Every method may be called by many tasks at once; nothing blocks the event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

from embedded.plugins.kubernetes.kinds import Gvk, path_of

Obj = dict[str, Any]
Objs = list[Obj]

_THREADS = 48  # the engine runs 16 operations at once by default, each with a few requests under way
_REQUEST_SECONDS = (10.0, 60.0)  # connect, read
_WATCH_CHUNK_SECONDS = 120.0  # one watch request lasts no longer; the iterator goes on with the next


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


class WatchEvent(NamedTuple):
    """``type`` is ADDED, MODIFIED or DELETED. What exists when a watch starts comes as ADDED."""

    type: str
    object: Obj


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

    async def events_for(self, obj: Obj) -> Objs:
        """Events about exactly this object (by uid), oldest first."""
        meta = obj["metadata"]
        selector = f"involvedObject.uid={meta['uid']}" if meta.get("uid") else f"involvedObject.name={meta['name']}"
        events = await self.list(Gvk("v1", "Event"), meta.get("namespace"), field_selector=selector)
        return sorted(events, key=_event_time)

    async def pod_log(self, namespace: str, name: str, container: str = "", tail: int = 20) -> str:
        """The last ``tail`` lines that a container wrote."""
        path = path_of(Gvk("v1", "Pod"), namespace, name) + "/log"
        data = await self._run(self._request, "GET", path, {"container": container, "tailLines": str(tail)}, None, "")
        return str(data.decode(errors="replace"))

    async def version(self) -> Obj:
        """What ``/version`` says: the cheapest question that proves that the cluster answers."""
        return await self._json("GET", "/version")

    async def watch(
        self, gvk: Gvk, namespace: str | None, name: str | None = None, *, timeout: float, label_selector: str = ""
    ) -> AsyncIterator[WatchEvent]:
        """Events until ``timeout`` seconds have passed; close the iterator (``aclosing``) to stop before.

        Starts with what exists as ADDED. A broken or expired watch is taken up again without the caller noticing:
        what changed meanwhile comes as MODIFIED, what vanished as DELETED. An ApiError ends it.
        """
        queue: asyncio.Queue[WatchEvent | ApiError | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        stop = threading.Event()

        def put(item: WatchEvent | ApiError | None) -> None:
            if not stop.is_set():
                with contextlib.suppress(RuntimeError):  # the loop is gone: the process ends
                    loop.call_soon_threadsafe(queue.put_nowait, item)

        watch = _Watch(self, gvk, namespace, _selectors(label_selector, f"metadata.name={name}" if name else ""))
        threading.Thread(target=watch.run, args=(put, stop, timeout), daemon=True, name="watch").start()
        try:
            while (item := await queue.get()) is not None:
                if isinstance(item, ApiError):
                    raise item
                yield item
        finally:
            stop.set()
            await self._run(watch.close)

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
        response = self.open(method, path, query, body, content, _REQUEST_SECONDS)
        data = response.data
        if response.status >= 400:
            raise error_of(response.status, data)
        return bytes(data)

    def open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Obj | Objs | None,
        content: str,
        timeout: tuple[float, float],
    ) -> Any:
        """Send a request (blocking) and give the unread ``urllib3`` response. ApiError if nothing answers."""
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
            return self._client.rest_client.pool_manager.request(
                method,
                call[1],
                headers=call[2],
                body=None if body is None else json.dumps(body),
                timeout=urllib3.Timeout(connect=timeout[0], read=timeout[1]),
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(0, "Unreachable", str(getattr(error, "reason", error))) from error


class _Watch:
    """One watch in one thread: list, watch from there, and again when the stream ends."""

    def __init__(self, api: Api, gvk: Gvk, namespace: str | None, query: dict[str, str]) -> None:
        self._api, self._gvk, self._path, self._query = api, gvk, path_of(gvk, namespace), query
        self._known: dict[str, Obj] = {}
        self._version = ""
        self._response: Any = None

    def run(self, put: Callable[[WatchEvent | ApiError | None], None], stop: threading.Event, timeout: float) -> None:
        end = time.monotonic() + timeout
        failures = 0
        while not stop.is_set() and (left := end - time.monotonic()) > 0:
            try:
                for event in self._listed():
                    put(event)
                self._stream(put, stop, min(left, _WATCH_CHUNK_SECONDS))
                failures = 0
            except ApiError as error:
                failures += 1
                if error.status in (401, 403, 404) or failures > 5:
                    put(error)
                    return
                stop.wait(min(failures, 5))
        put(None)

    def close(self) -> None:
        """Make the thread's blocking read end."""
        response = self._response
        if response is not None:
            with contextlib.suppress(Exception):
                response.shutdown()

    def _listed(self) -> list[WatchEvent]:
        response = self._api.open("GET", self._path, self._query, None, "", _REQUEST_SECONDS)
        data = response.data
        if response.status >= 400:
            raise error_of(response.status, data)
        answer = json.loads(data)
        self._version = str(answer["metadata"]["resourceVersion"])
        now = {obj["metadata"]["uid"]: obj for obj in _items(self._gvk, answer)}
        events = [WatchEvent("DELETED", obj) for uid, obj in self._known.items() if uid not in now]
        for uid, obj in now.items():
            before = self._known.get(uid)
            if before is None:
                events.append(WatchEvent("ADDED", obj))
            elif before["metadata"].get("resourceVersion") != obj["metadata"].get("resourceVersion"):
                events.append(WatchEvent("MODIFIED", obj))
        self._known = now
        return events

    def _stream(self, put: Callable[[WatchEvent], None], stop: threading.Event, seconds: float) -> None:
        import urllib3  # noqa: PLC0415

        query = {
            **self._query,
            "watch": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(int(seconds) + 1),
        }
        response = self._api.open("GET", self._path, query, None, "", (10.0, seconds + 10.0))
        if response.status >= 400:
            raise error_of(response.status, response.data)
        self._response = response
        deadline = time.monotonic() + seconds
        try:
            rest = b""
            for chunk in response.stream(65536, decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip() and not self._take(json.loads(line), put):
                        return
                if stop.is_set() or time.monotonic() > deadline:
                    return
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            return  # broken off: the next list says what was missed
        finally:
            self._response = None
            response.close()

    def _take(self, event: Obj, put: Callable[[WatchEvent], None]) -> bool:
        kind, obj = event["type"], event["object"]
        if kind == "ERROR":  # 410 Gone: too old
            return False
        if kind in ("ADDED", "MODIFIED", "DELETED"):
            uid = obj["metadata"]["uid"]
            if kind == "DELETED":
                self._known.pop(uid, None)
            else:
                self._known[uid] = obj
            put(WatchEvent(kind, obj))
        return True


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


def _event_time(event: Obj) -> str:
    return str(
        event.get("lastTimestamp") or event.get("eventTime") or event.get("metadata", {}).get("creationTimestamp") or ""
    )
