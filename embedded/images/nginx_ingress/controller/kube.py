"""Access the API server from a pod: its service account, list and watch, with the standard library only."""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
Object = dict[str, Any]


def log(level: str, text: str) -> None:
    """One line on standard output."""
    print(f"{time.strftime('%Y%m%d %H:%M:%S')} {level} {text}", flush=True)


def key(item: Object) -> str:
    """``namespace/name``."""
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


class Api:
    """Requests to the API server. ``urllib.error.HTTPError`` carries the server's refusal."""

    def __init__(self) -> None:
        host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        if not host or not (_ACCOUNT / "token").exists():
            raise SystemExit("unable to load in-cluster configuration: no service account token is mounted")
        self.base = f"https://{host}:{port}"
        self.tls = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))

    def call(self, method: str, path: str, body: Object | None = None, timeout: float = 15) -> Any:
        """One request; the answer as an object."""
        with self.open(method, path, body, timeout) as answer:
            return json.load(answer)

    def open(self, method: str, path: str, body: Object | None = None, timeout: float = 15) -> Any:
        """One request; the open answer."""
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={
                "Authorization": f"Bearer {(_ACCOUNT / 'token').read_text().strip()}",
                "Content-Type": "application/json",
            },
        )
        return urllib.request.urlopen(request, context=self.tls, timeout=timeout)


class Watched:
    """All objects of one kind, in one namespace or in all, kept current by list and watch in a thread."""

    def __init__(self, api: Api, path: str, changed: Callable[[str], None]) -> None:
        self.api, self.path, self.changed = api, path, changed
        self.objects: dict[str, Object] = {}
        self.synced = threading.Event()
        threading.Thread(target=self._follow, name=path, daemon=True).start()

    def __iter__(self) -> Any:
        return iter(list(self.objects.values()))

    def get(self, namespace: str, name: str) -> Object | None:
        """The object of this name."""
        return self.objects.get(f"{namespace}/{name}")

    def _follow(self) -> None:
        while True:
            try:
                self._once()
            except urllib.error.HTTPError as error:
                reason = error.read().decode("utf-8", "replace")[:300]
                log("E", f"failed to list or watch {self.path}: {error.code} {reason}")
                time.sleep(3)
            except (OSError, ValueError) as error:
                log("W", f"watch of {self.path} ended: {error}")
                time.sleep(1)

    def _once(self) -> None:
        listed = self.api.call("GET", self.path)
        self.objects = {key(item): item for item in listed.get("items", [])}
        version = listed["metadata"]["resourceVersion"]
        self.synced.set()
        for name in list(self.objects):
            self.changed(name)
        with self.api.open("GET", f"{self.path}?watch=true&resourceVersion={version}", timeout=300) as stream:
            for line in stream:
                event = json.loads(line)
                item = event["object"]
                if event["type"] == "ERROR":
                    return
                if event["type"] == "DELETED":
                    self.objects.pop(key(item), None)
                elif event["type"] in {"ADDED", "MODIFIED"}:
                    self.objects[key(item)] = item
                self.changed(key(item))


def need(api: Api, path: str, what: str) -> Object:
    """Return an object that the controller requires at start, or exit."""
    try:
        required: Object = api.call("GET", path)
    except urllib.error.HTTPError as error:
        log("F", f"error when getting {what}: {error.code} {error.read().decode('utf-8', 'replace')[:300]}")
        sys.exit(255)
    return required
