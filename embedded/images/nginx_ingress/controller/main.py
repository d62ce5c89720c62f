"""STAND-IN for F5's NGINX Ingress Controller 5.5.4: real NGINX, this controller around it.

It makes the same requests to the API server as the real one with custom resources off, so that missing rights fail
in the same way.
"""

from __future__ import annotations

import http.server
import os
import signal
import sys
import threading
import time
import urllib.error
from typing import Any

import args as arguments
from kube import Api, Watched, log, need
from model import Object, backends, build, service_of, tls_pem
from nginx import Nginx
from render import CONFIG_KEYS, render
from status import Leader, addresses, event, publish
from tasks import Task, Tasks

CONTROLLER = "nginx.org/ingress-controller"


class Controller:
    """Watches, renders, reloads, and writes status."""

    def __init__(self, api: Api, args: arguments.Arguments) -> None:
        self.api, self.args = api, args
        self.own = os.environ["POD_NAMESPACE"]
        self.nginx = Nginx()
        self.ready = threading.Event()
        self.tasks = Tasks()
        self.events: dict[str, str] = {}
        self.backends: set[tuple[str, str]] = set()
        # Left out, every namespace is watched, as by the real one.
        namespace = args.text("watch-namespace")
        below = f"/namespaces/{namespace}" if namespace else ""

        def watch(path: str) -> Watched:
            kind = path.rpartition("/")[2]
            return Watched(api, path, lambda name: self._changed(Task(kind, name)))

        core = f"/api/v1{below}"
        self.ingresses = watch(f"/apis/networking.k8s.io/v1{below}/ingresses")
        self.services = watch(f"{core}/services")
        # Secrets of a namespace that is not watched are not watched either.
        self.secrets = watch(f"{core}/secrets") if self._watches_secrets(namespace) else None
        pairs = {name: args.pair(f"{name}-tls-secret") for name in ("wildcard", "default-server")}
        self.special = {name: (pair, need(api, _secret_path(pair), name)) for name, pair in pairs.items() if pair}
        self.pods = watch(f"{core}/pods")
        self.slices = watch(f"/apis/discovery.k8s.io/v1{below}/endpointslices")
        self.configs = watch(f"/api/v1/namespaces/{self.own}/configmaps")
        self.leader = Leader(api, self.own, args.text("leader-election-lock-name"))

    def _changed(self, task: Task) -> None:
        """Queue a change that the real controller queues: none of pods, and of one ConfigMap only."""
        own = "/".join(self.args.pair("nginx-configmaps") or ())
        if task.kind != "pods" and (task.kind != "configmaps" or task.name == own):
            self.tasks.add(task)

    def _watches_secrets(self, namespace: str) -> bool:
        named = self.args.text("watch-secret-namespace")
        return not named or not namespace or namespace in named.split(",")

    def run(self) -> None:
        """Wait for every list, then follow changes without end."""
        for watched in (self.ingresses, self.services, self.secrets, self.pods, self.slices, self.configs):
            if watched is not None:
                watched.synced.wait()
        # The real one drains its queue before the first configuration, which it loads once.
        self.tasks.take_all()
        self.sync(forced=False)
        renewed = 0.0
        while True:
            tasks = self.tasks.take(3)
            if not self.args.on("enable-leader-election"):
                self.leader.leading = True
            elif time.monotonic() - renewed > 5:
                self.leader.renew()
                renewed = time.monotonic()
            self.sync(forced=any(map(self._is_endpoints_of_an_ingress, tasks)))
            if self.nginx.process and self.nginx.process.poll() is not None:
                log("F", f"nginx ended with {self.nginx.process.returncode}")
                os._exit(1)

    def _is_endpoints_of_an_ingress(self, task: Task) -> bool:
        """Return whether the real controller reloads NGINX for this change, whatever changed in it.

        It does for each update of an EndpointSlice whose Service is in an Ingress, not for a deleted one
        (internal/k8s/endpoint_slice.go, configurator.go UpdateEndpoints).
        """
        item = self.slices.objects.get(task.name) if task.kind == "endpointslices" else None
        return item is not None and service_of(item) in self.backends

    def _replicas(self) -> int:
        """Count the endpoints of its own Service (internal/k8s, updateNumberOfIngressControllerReplicas)."""
        own = (self.own, self.args.text("external-service"))
        return sum(len(item.get("endpoints") or []) for item in self.slices if service_of(item) == own)

    def config(self) -> dict[str, str]:
        """Return the data of the ConfigMap of the command line."""
        pair = self.args.pair("nginx-configmaps")
        found = self.configs.get(*pair) if pair else None
        return dict((found or {}).get("data") or {})

    def sync(self, forced: bool) -> None:
        """Apply the objects to NGINX, events and status."""
        config = self.config()
        result = build(
            self.ingresses,
            self.args.text("ingress-class"),
            self.services.objects.copy(),
            self.slices,
            self.secrets.objects.copy() if self.secrets else {},
            "wildcard" in self.special,
        )
        certificates = dict(result.certificates)
        for name, (pair, at_start) in self.special.items():
            pem = tls_pem((self.secrets.get(*pair) if self.secrets else None) or at_start)
            if pem:
                certificates[name] = pem
        self.backends = backends(result.accepted)
        changed = [self.nginx.write_secret(name, pem) for name, pem in certificates.items()]
        ports = {"status": int(self.args.text("nginx-status-port"))}
        text = render(
            result.servers,
            config,
            "default-server" in self.special,
            ports,
            ipv6=not self.args.on("disable-ipv6"),
            replicas=self._replicas(),
        )
        refused = self.nginx.apply(text, forced or any(changed), ports["status"])
        if not refused:
            self.ready.set()
        self._report(result.accepted, result.rejected, refused)
        if self.leader.leading and self.args.on("report-ingress-status"):
            wanted = addresses(self.services.get(self.own, self.args.text("external-service")), config)
            for ingress in result.accepted:
                publish(self.api, ingress, wanted)

    def _report(self, accepted: list[Object], rejected: list[tuple[Object, str]], refused: str) -> None:
        reports = [(item, "Normal", "AddedOrUpdated", "Configuration was added or updated") for item in accepted]
        if refused:
            reports = [(item, "Warning", "AddedOrUpdatedWithError", f"not applied: {refused}") for item in accepted]
        reports += [(item, "Warning", "Rejected", why) for item, why in rejected]
        for ingress, kind, reason, message in reports:
            key, state = ingress["metadata"]["uid"], f"{ingress['metadata'].get('generation')} {reason} {message}"
            if self.events.get(key) != state:
                self.events[key] = state
                log("I" if kind == "Normal" else "W", f"Ingress {ingress['metadata']['name']}: {reason}: {message}")
                event(self.api, ingress, kind, reason, message)


def _secret_path(pair: tuple[str, str]) -> str:
    return f"/api/v1/namespaces/{pair[0]}/secrets/{pair[1]}"


def check_start(api: Api, args: arguments.Arguments) -> None:
    """Read what the real controller requires at start, and exit without it."""
    own = os.environ["POD_NAMESPACE"]
    name = args.text("ingress-class")
    found = need(api, f"/apis/networking.k8s.io/v1/ingressclasses/{name}", f"IngressClass {name}")
    if found["spec"].get("controller") != CONTROLLER:
        log("F", f"IngressClass with name {name} has an invalid Spec.Controller {found['spec'].get('controller')}")
        sys.exit(255)
    pod = need(api, f"/api/v1/namespaces/{own}/pods/{os.environ['POD_NAME']}", "pod")
    pod["metadata"].setdefault("labels", {})["app.nginx.org/version"] = "stand-in"
    try:
        api.call("PUT", f"/api/v1/namespaces/{own}/pods/{os.environ['POD_NAME']}", pod)
    except urllib.error.HTTPError as error:
        log("E", f"error updating pod labels: {error.code} {error.read()[:200]!r}")
    for flag, kind in (("nginx-configmaps", "configmaps"), ("default-server-tls-secret", "secrets"),
                       ("wildcard-tls-secret", "secrets")):  # fmt: skip
        pair = args.pair(flag)
        if not pair:
            continue
        found = need(api, f"/api/v1/namespaces/{pair[0]}/{kind}/{pair[1]}", f"{flag} {pair[0]}/{pair[1]}")
        if kind == "secrets" and tls_pem(found) is None:
            log("F", f"error: {flag} {pair[0]}/{pair[1]} is no valid kubernetes.io/tls secret")
            sys.exit(255)
        if kind == "configmaps":
            for key in sorted(set(found.get("data") or {}) - CONFIG_KEYS):
                log("W", f"STAND-IN: ConfigMap key {key} is not imitated and ignored")


def serve_ready(port: int, ready: threading.Event) -> None:
    """``/nginx-ready``: 503 until the first configuration is live."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.path == "/nginx-ready" and ready.is_set()
            self.send_response(200 if good else 503)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> int:
    """Start, and run until SIGTERM."""
    log("I", "STAND-IN for F5 NGINX Ingress Controller 5.5.4")
    try:
        args = arguments.parse(sys.argv[1:])
    except arguments.UsageError as error:
        print(
            f"{error}\nUsage of nginx-ingress: flags {', '.join(f'-{name}' for name in arguments.IMITATED)}",
            file=sys.stderr,
        )
        return 2
    api = Api()
    check_start(api, args)
    controller = Controller(api, args)
    log("I", controller.nginx.version())
    if args.on("ready-status"):
        serve_ready(int(args.text("ready-status-port")), controller.ready)

    def end(*_: object) -> None:
        log("I", "received SIGTERM, shutting down")
        os._exit(controller.nginx.quit())

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=controller.run, daemon=True).start()
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
