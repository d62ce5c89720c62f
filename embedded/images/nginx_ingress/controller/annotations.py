"""Validate the annotations of an Ingress as the real controller does (internal/k8s/validation.go).

A known annotation with a bad value rejects the whole Ingress; one of NGINX Plus rejects it too. The real controller
ignores one that it does not know; here all that is not imitated rejects it, so that nothing is ignored by mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

PREFIX = "nginx.org/"
_TIME = re.compile(r"^([0-9]+([smhdwMy]|ms)?\s*)+$")
_SIZE = re.compile(r"^\d+[kKmMgG]?$")
_BUFFERS = re.compile(r"^\d+ \d+[kKmM]?$")
_COOKIE = re.compile(
    r"^serviceName=(?P<service>\S+) (?P<cookie>[^\s=;]+)"
    r"(?P<parameters>( (expires=\S+|domain=\S+|path=\S+|httponly|secure|samesite=(strict|lax|none|\$\S+)))*)$"
)
_BOOLEANS = {"true", "false", "1", "0", "t", "f"}
_CHECKS: dict[str, re.Pattern[str]] = {
    "proxy-connect-timeout": _TIME,
    "proxy-read-timeout": _TIME,
    "proxy-send-timeout": _TIME,
    "proxy-next-upstream-timeout": _TIME,
    "client-max-body-size": _SIZE,
    "client-body-buffer-size": _SIZE,
    "proxy-buffer-size": _SIZE,
    "proxy-busy-buffers-size": _SIZE,
    "proxy-max-temp-file-size": _SIZE,
    "proxy-buffers": _BUFFERS,
    "keepalive": re.compile(r"^\d+$"),
    "max-fails": re.compile(r"^\d+$"),
    "fail-timeout": _TIME,
    "proxy-next-upstream-tries": re.compile(r"^\d+$"),
    "http-redirect-code": re.compile(r"^(301|302|307|308)$"),
    "hsts-max-age": re.compile(r"^\d+$"),
    "lb-method": re.compile(
        r"^(round_robin|least_conn|ip_hash|random|random two( least_conn)?|hash \S+( consistent)?)$"
    ),
    "proxy-next-upstream": re.compile(r"^[a-z0-9_ ]+$"),
    "proxy-hide-headers": re.compile(r"^[\w-]+(,[\w-]+)*$"),
    "proxy-pass-headers": re.compile(r"^[\w-]+(,[\w-]+)*$"),
    "limit-req-key": re.compile(r"^(\$\{[a-zA-Z_][a-zA-Z0-9_]*\}|\$[a-zA-Z_][a-zA-Z0-9_]*)+$"),
}
_LIMITS: dict[str, re.Pattern[str]] = {
    "rate": re.compile(r"^\s*0*[1-9]\d*(r/s|r/m)\s*$"),
    "zone-size": _SIZE,
    "delay": re.compile(r"^[+-]?\d+$"),
    "burst": re.compile(r"^[+-]?\d+$"),
    "reject-code": re.compile(r"^[+-]?\d+$"),
    "log-level": re.compile(r"^(info|notice|warn|error)$"),
    **dict.fromkeys(("no-delay", "dry-run", "scale"), re.compile(r"^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$")),
}
"""Values of ``limit-req-*`` that are used. Another one is logged and left out, and the Ingress is served without it, as
by the real controller (internal/configs/annotations.go, parseRateLimitAnnotations)."""
_SWITCHES = frozenset(
    {"proxy-buffering", "ssl-redirect", "redirect-to-https", "hsts", "hsts-include-subdomains", "hsts-behind-proxy"}
)
_IMITATED = frozenset(
    {*_CHECKS, *_SWITCHES, *(f"limit-req-{name}" for name in _LIMITS), "ssl-services", "sticky-cookie-services"}
)


class Rejected(Exception):
    """The Ingress is rejected, with the reason for its event."""


@dataclass(frozen=True)
class Settings:
    """Values of the annotations of one Ingress."""

    directives: dict[str, str] = field(default_factory=dict)
    ssl_services: frozenset[str] = frozenset()
    cookies: dict[str, str] = field(default_factory=dict)
    """Arguments of ``sticky cookie`` by Service."""
    lb_method: str = "random two least_conn"
    keepalive: int | None = None
    max_fails: int = 1
    fail_timeout: str = "10s"
    ssl_redirect: bool = True
    redirect_to_https: bool = False
    redirect_code: int = 301
    hsts: str = ""
    limit: dict[str, str] = field(default_factory=dict)
    """Values of ``limit-req-*`` by the rest of the name; empty without a rate."""


def read(annotations: dict[str, str], services: set[str]) -> Settings:
    """Validate and read. Raises ``Rejected``."""
    given: dict[str, str] = {}
    for name, value in annotations.items():
        if name.startswith("nginx.com/"):
            raise Rejected(f"annotations.{name}: Forbidden: annotation requires NGINX Plus")
        if not name.startswith(PREFIX):
            continue
        key = name.removeprefix(PREFIX)
        if key not in _IMITATED:
            raise Rejected(f"STAND-IN: annotations.{name} is not imitated, or unknown to the real controller too")
        if key in _CHECKS and not _CHECKS[key].match(value):
            raise Rejected(f'annotations.{name}: Invalid value: "{value}"')
        if key in _SWITCHES and value.lower() not in _BOOLEANS:
            raise Rejected(f'annotations.{name}: Invalid value: "{value}": must be a boolean')
        given[key] = value
    copied = {
        key.replace("-", "_"): value
        for key, value in given.items()
        if key in _CHECKS
        and not key.startswith(("lb-", "keepalive", "http-", "hsts", "max-fails", "fail-", "limit-req-"))
    }
    if "proxy-buffering" in given:
        copied["proxy_buffering"] = "on" if _on(given["proxy-buffering"]) else "off"
    return Settings(
        directives=copied,
        ssl_services=frozenset(_services(given.get("ssl-services", ""), services)),
        cookies=_cookies(given.get("sticky-cookie-services", ""), services),
        lb_method="" if given.get("lb-method") == "round_robin" else given.get("lb-method", "random two least_conn"),
        keepalive=int(given["keepalive"]) if "keepalive" in given else None,
        max_fails=int(given.get("max-fails", "1")),
        fail_timeout=given.get("fail-timeout", "10s"),
        ssl_redirect=_on(given.get("ssl-redirect", "true")),
        redirect_to_https=_on(given.get("redirect-to-https", "false")),
        redirect_code=int(given.get("http-redirect-code", "301")),
        hsts=_hsts(given),
        limit=_limit(given),
    )


def _on(value: str) -> bool:
    return value.lower() in {"true", "1", "t"}


def _services(value: str, known: set[str]) -> list[str]:
    found = value.split(",") if value else []
    for name in found:
        # No space round a comma: it would become part of the name.
        if name not in known:
            raise Rejected(f'annotations.nginx.org/ssl-services: Invalid value: "{value}": service {name!r} not found')
    return found


def _cookies(value: str, known: set[str]) -> dict[str, str]:
    found = {}
    for part in value.split(";") if value else []:
        match = _COOKIE.match(part)
        if not match or "$" in match["cookie"] or '"' in part:
            raise Rejected(f'annotations.nginx.org/sticky-cookie-services: Invalid value: "{value}"')
        if match["service"] not in known:
            raise Rejected(f"annotations.nginx.org/sticky-cookie-services: service {match['service']!r} not found")
        found[match["service"]] = match["cookie"] + match["parameters"]
    return found


def _limit(given: dict[str, str]) -> dict[str, str]:
    limit = {"key": "${binary_remote_addr}", "zone-size": "10m", "log-level": "error", "reject-code": "429"}
    for name, used in _LIMITS.items():
        value = given.get(f"limit-req-{name}")
        if value is not None and used.match(value):
            limit[name] = value.strip()
    limit["key"] = given.get("limit-req-key", limit["key"])
    return limit if "rate" in limit else {}


def _hsts(given: dict[str, str]) -> str:
    if not _on(given.get("hsts", "false")):
        return ""
    subdomains = "; includeSubDomains" if _on(given.get("hsts-include-subdomains", "false")) else ""
    # The real template always adds "preload".
    return f"max-age={given.get('hsts-max-age', '2592000')}{subdomains}; preload"
