"""What differs between EI 6.2.0 and 6.6.0, in one table.

Sources: wso2/docker-ei (tags v6.2.0.1 to v6.6.0.10), wso2/product-ei (v6.x.0, distribution), wso2/kubernetes-ei.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SUBSCRIPTION_REGISTRIES = ("registry.wso2.com", "docker.wso2.com")
"""WSO2's registries for subscribers: the present one, and the one that it replaced in 2026."""
_HOME = "/home/wso2carbon"
# Set in some images' JAVA_OPTS; a JAVA_OPTS of the pod replaces it, so it is given again.
_PREFERENCES = f"-Djava.util.prefs.systemRoot={_HOME}/.java -Djava.util.prefs.userRoot={_HOME}/.java/.userPrefs"


@dataclass(frozen=True)
class EiVersion:
    """One EI version."""

    version: str
    db_script: str
    """SQL script for MySQL 5.7 and newer, in ``dbscripts`` (product-ei#383: the other one fails in strict mode)."""
    jdk: int
    catalina: Literal["tomcat7", "tomcat9"]
    """Format of ``catalina-server.xml``."""
    driver_in_image: bool
    """Connector/J lies in the newest public image of the version (removed from 6.6.0.6 on, docker-ei#343)."""
    java_options: str
    """Always given as JAVA_OPTS."""

    @property
    def home(self) -> str:
        """``WSO2_SERVER_HOME`` of the image."""
        return f"{_HOME}/wso2ei-{self.version}"


def _before_66(version: str) -> EiVersion:
    return EiVersion(version, "mysql5.7.sql", 8, "tomcat7", True, _PREFERENCES)


VERSIONS = {
    "6.2.0": _before_66("6.2.0"),
    "6.3.0": _before_66("6.3.0"),
    "6.4.0": _before_66("6.4.0"),
    "6.5.0": _before_66("6.5.0"),
    # JDK 11 fails to talk to the API server with its default of TLS 1.3 (kubernetes-ei#230).
    "6.6.0": EiVersion(
        "6.6.0", "mysql.sql", 11, "tomcat9", False, f"{_PREFERENCES} -Djdk.tls.client.protocols=TLSv1.2"
    ),
}


def version_of(text: str) -> EiVersion:
    """The table's row for ``text``. Raises ``ValueError`` that lists the known versions."""
    found = VERSIONS.get(text)
    if found is None:
        raise ValueError(f"EI version {text!r} is not one of {', '.join(VERSIONS)}")
    return found
