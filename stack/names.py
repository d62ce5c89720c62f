"""Names of components, Kubernetes objects and claims that more than one module needs. Pure; imports nothing."""

from __future__ import annotations

EI = "wso2ei"
"""Component, Deployment and prefix of the Services of EI."""
MYSQL = "wso2ei-mysql"
"""Component, StatefulSet and Service of MySQL."""
NGINX = "wso2ei-nginx"
"""Component, controller and prefix of the Ingresses."""
ACCEPTANCE = "wso2ei-acceptance"
"""Component of the acceptance Job."""
AFFINITY_COOKIE = "route"
"""Cookie that keeps a browser on one node of the console; the name in WSO2's own Helm charts."""
SCC_BINDING = "wso2ei-scc"
"""Component that binds an OpenShift security context constraint."""


def claim(purpose: str, digest: str = "") -> str:
    """Return the name of a data volume's claim; ``digest`` separates a later place of the data from the first."""
    return f"wso2ei-{purpose}-{digest}" if digest else f"wso2ei-{purpose}"
