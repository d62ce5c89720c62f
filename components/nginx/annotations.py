"""Write the annotations of the two Ingresses, in one dialect at a time.

An unknown annotation is ignored by F5's controller and a known one with a bad value rejects the whole Ingress
(nginx/kubernetes-ingress, internal/k8s/validation.go), so exactly one dialect is written and values are checked
before they get here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dialect = Literal["f5", "community"]
_CONNECT_SECONDS = 10
"""Seconds until a request that cannot connect moves to another node; NGINX counts the TLS handshake too
(ngx_http_upstream_ssl_init_connection), and after a reload every request begins with one: with 4 s, nodes whose CPUs a
starting node takes did work for requests that had moved on already, and answered none."""
_MAX_FAILS = 0
"""NGINX excludes no node: Kubernetes does, by its readiness. By default one failed attempt excludes a node for ten
seconds, so that under load first one node is excluded, then the other, and NGINX answers 502 by itself."""
_IDLE_CONNECTIONS = 128
"""Idle connections to EI that each worker keeps. Of more requests at a time, each ends with its connection, and the
next one begins with a handshake; the community controller keeps 320."""


@dataclass(frozen=True)
class Backend:
    """How NGINX connects to one Service. Always HTTPS: Carbon redirects plain HTTP to its own port, without end."""

    service: str
    read_timeout: int
    """Seconds between two reads of an answer."""
    max_body: str
    """Largest request body, e.g. ``256m``."""
    affinity_cookie: str | None = None
    """Name of the cookie that keeps a browser on one node; a console session lives in one node's memory."""
    allowed_sources: tuple[str, ...] = ()
    """Ranges of clients that are served; none: all. F5's dialect has no annotation for it, see ``problem``."""
    requests_per_second: int | None = None
    """Requests of one client address that are answered; five times as many may come at once."""


def ingress_annotations(dialect: Dialect, backend: Backend) -> dict[str, str]:
    """Return the annotations of one Ingress."""
    return _f5(backend) if dialect == "f5" else _community(backend)


def _f5(backend: Backend) -> dict[str, str]:
    annotations = {
        "nginx.org/ssl-services": backend.service,
        "nginx.org/proxy-read-timeout": f"{backend.read_timeout}s",
        "nginx.org/proxy-send-timeout": f"{backend.read_timeout}s",
        "nginx.org/proxy-connect-timeout": f"{_CONNECT_SECONDS}s",
        "nginx.org/max-fails": str(_MAX_FAILS),
        "nginx.org/keepalive": str(_IDLE_CONNECTIONS),
        "nginx.org/client-max-body-size": backend.max_body,
        # 301 turns a POST into a GET in many clients.
        "nginx.org/http-redirect-code": "308",
    }
    if backend.affinity_cookie:
        # In NGINX OSS since 1.29.6; `nginx.com/sticky-cookie-services` is Plus only and rejects the Ingress.
        annotations["nginx.org/sticky-cookie-services"] = (
            f"serviceName={backend.service} {backend.affinity_cookie} path=/ httponly secure samesite=lax"
        )
    if backend.requests_per_second:
        annotations |= {
            "nginx.org/limit-req-rate": f"{backend.requests_per_second}r/s",
            # As ingress-nginx does by default (internal/ingress/annotations/ratelimit, defBurst).
            "nginx.org/limit-req-burst": str(5 * backend.requests_per_second),
            "nginx.org/limit-req-no-delay": "true",
            # Each controller counts alone, and gets its share of the rate.
            "nginx.org/limit-req-scale": "true",
        }
    return annotations


def _community(backend: Backend) -> dict[str, str]:
    prefix = "nginx.ingress.kubernetes.io"
    annotations = {
        f"{prefix}/backend-protocol": "HTTPS",
        f"{prefix}/proxy-read-timeout": str(backend.read_timeout),
        f"{prefix}/proxy-send-timeout": str(backend.read_timeout),
        f"{prefix}/proxy-connect-timeout": str(_CONNECT_SECONDS),
        f"{prefix}/proxy-body-size": backend.max_body,
        f"{prefix}/ssl-redirect": "true",
    }
    if backend.affinity_cookie:
        annotations |= {
            f"{prefix}/affinity": "cookie",
            f"{prefix}/affinity-mode": "persistent",
            f"{prefix}/session-cookie-name": backend.affinity_cookie,
            f"{prefix}/session-cookie-path": "/",
            f"{prefix}/session-cookie-samesite": "Lax",
            f"{prefix}/session-cookie-secure": "true",
            f"{prefix}/session-cookie-change-on-failure": "true",
        }
    if backend.allowed_sources:
        annotations[f"{prefix}/whitelist-source-range"] = ",".join(backend.allowed_sources)
    if backend.requests_per_second:
        annotations[f"{prefix}/limit-rps"] = str(backend.requests_per_second)
    return annotations
