"""Check what users add to the annotations of an Ingress. Pure functions."""

from __future__ import annotations

from components.nginx.annotations import Backend, Dialect, ingress_annotations
from components.shared.plain_secrets import sets_secret
from components.shared.recommended_labels import is_managed

_PREFIXES: dict[Dialect, tuple[str, ...]] = {
    "f5": ("nginx.org/", "nginx.com/"),
    "community": ("nginx.ingress.kubernetes.io/",),
}
_EVERYTHING = Backend("service", 1, "1m", "cookie", ("10.0.0.0/8",), 1)
_ALIASES = {
    "kubernetes.io/ingress.class",
    "nginx.ingress.kubernetes.io/allowlist-source-range",
    "nginx.com/sticky-cookie-services",
}
"""Other names of what the program sets: the class, and annotations that have two names."""
NO_ALLOWED_SOURCES = "is for dialect community only: F5's controller limits sources by its Policy resources alone"


def problem(key: str, value: str, dialect: Dialect, *, installed: bool) -> str | None:
    """Return why an annotation must not be added to an Ingress, or ``None``.

    F5's controller ignores ``nginx.org/policies`` with a warning where custom resources are off, as in an installed one
    (internal/k8s/controller.go, createIngressEx): the host would be open.
    """
    other = next(one for one in _PREFIXES if one != dialect)
    if "snippet" in key.lower():
        return "must not be set: a snippet could change every rule of NGINX"
    if key in ingress_annotations(dialect, _EVERYTHING) or key in _ALIASES or is_managed(key):
        return "must not be set: it is managed"
    if key.startswith(_PREFIXES[other]):
        return f"has no effect with dialect {dialect}"
    if installed and (key == "nginx.org/policies" or key.startswith("nginx.com/")):
        return "is not for an installed controller, which has neither custom resources nor NGINX Plus"
    if sets_secret(key, value):
        return "holds a password in plain text, readable to everyone who may list Ingresses"
    return None
