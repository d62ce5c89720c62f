"""A small API server on loopback for checks that read objects: answers, refusals and missing objects as the real one.

Objects are keyed by their path (``/api/v1/namespaces/team/secrets/tls``). Unknown ones are answered with 404, lists
with the objects below them, and paths that begin with one of ``forbidden`` with 403, each as a ``Status``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import yaml

LISTS = {
    "/api/v1/nodes": "NodeList",
    "/apis/storage.k8s.io/v1/storageclasses": "StorageClassList",
    "/apis/networking.k8s.io/v1/ingressclasses": "IngressClassList",
    "/apis/scheduling.k8s.io/v1/priorityclasses": "PriorityClassList",
}


@dataclass
class ApiServer:
    """What the server has, and what was requested."""

    url: str = ""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    forbidden: tuple[str, ...] = ()
    requests: list[str] = field(default_factory=list)

    def add(self, path: str, **more: Any) -> None:
        self.objects[path] = {"metadata": {"name": path.rpartition("/")[2]}} | more

    def kubeconfig(self, context: str) -> str:
        return yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": context,
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": "x"}}],
            "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        })  # fmt: skip

    def answer(self, path: str) -> tuple[int, dict[str, Any]]:
        if path.startswith(self.forbidden or ("!",)):
            return 403, _status(403, "Forbidden")
        kind = LISTS.get(path) or ("PodList" if path.endswith("/pods") else "")
        if kind:
            items = [body for key, body in self.objects.items() if key.rpartition("/")[0] == path]
            return 200, {"kind": kind, "apiVersion": "v1", "metadata": {}, "items": items}
        return (200, self.objects[path]) if path in self.objects else (404, _status(404, "NotFound"))


def _status(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """Run one."""
    state = ApiServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            state.requests.append(path)
            code, content = state.answer(path)
            body = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
