"""What differs between EI 6.2.0 and 6.6.0, in one table.

Sources: wso2/docker-ei (tags v6.2.0.1 to v6.6.0.10), wso2/product-ei (v6.x.0, distribution), wso2/kubernetes-ei.
The table has public images by their references alone; what is in a pod's image decides (``copy-conf``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

SUBSCRIPTION_REGISTRIES = ("registry.wso2.com", "docker.wso2.com")
"""WSO2's registries for subscribers: the present one, and the one that it replaced in 2026."""
PUBLIC_REPOSITORY = "wso2/wso2ei-integrator"
"""On Docker Hub: the general-availability packs, without WSO2's updates. Their tags are moved when they are rebuilt."""
DRIVER_CLASS = "com.mysql.jdbc.Driver"
"""Of Connector/J 5.1; newer ones keep the name as an alias."""
SCHEME_CLASS = "org.wso2.carbon.membership.scheme.kubernetes.KubernetesMembershipScheme"
_HOME = "/home/wso2carbon"
# Set in some images' JAVA_OPTS; a JAVA_OPTS of the pod replaces it, so it is given again.
_PREFERENCES = f"-Djava.util.prefs.systemRoot={_HOME}/.java -Djava.util.prefs.userRoot={_HOME}/.java/.userPrefs"
# Log4Shell (CVE-2021-44228) in the 6.6.0 packs without WSO2's updates: part of a mitigation, and no harm elsewhere.
_LOG4J = "-Dlog4j2.formatMsgNoLookups=true"
_TLS12 = "-Djdk.tls.client.protocols=TLSv1.2"
_PUBLIC = re.compile(rf"(?:(?:index\.)?docker\.io/)?{PUBLIC_REPOSITORY}:(?P<tag>[\w.-]+)(?:@.*)?")


@dataclass(frozen=True)
class MissingJar:
    """A class that no jar of an image holds, and what is known about it."""

    class_name: str
    what: str
    """In words."""
    names: str
    """Pattern of the file names under which its jar goes."""
    reason: str
    """Completes a sentence that begins with the image."""
    remedy: str
    example: dict[str, str]
    """A jar that would do, as ``ei.jars`` takes it; empty where none can be named."""


DRIVER = MissingJar(
    DRIVER_CLASS,
    "a MySQL driver",
    r"(?i)(mysql|connector-?j|jdbc)",
    "holds no MySQL driver (WSO2 removed it from the 6.6.0 images in 2024)",
    "Connector/J 5.1.49",
    {
        "url": "https://repo.example.com/mysql-connector-java-5.1.49.jar",
        "sha256": "5bba9ff50e5e637a0996a730619dee19ccae274883a4d28c890d945252bb0e12",
    },
)
SCHEME = MissingJar(
    SCHEME_CLASS,
    "the Kubernetes membership scheme",
    r"(?i)membership",
    "holds no Kubernetes membership scheme (it was left out of the 6.5.0.2 images, wso2/docker-ei#142)",
    "kubernetes-membership-scheme 1.0.7",
    {},
)


@dataclass(frozen=True)
class EiVersion:
    """One EI version."""

    version: str
    db_script: str
    """SQL script for MySQL 5.7 and newer, in ``dbscripts`` (product-ei#383: the other one fails in strict mode)."""
    catalina: Literal["tomcat7", "tomcat9"]
    """Format of ``catalina-server.xml``."""
    log4j: Literal[1, 2]
    """Format of the logging configuration: ``log4j.properties`` or ``log4j2.properties``."""
    driver_in_image: bool
    """The newest public image of the version holds Connector/J (removed from 6.6.0.6 on, docker-ei#343)."""
    internal_keystore: bool
    """carbon.xml has an InternalKeyStore in addition to its KeyStore (kernel 4.4.36 and newer)."""
    prometheus_api: bool
    """EI has a Prometheus API (carbon-mediation 4.6.150 and newer)."""
    ordered_shutdown: bool
    """Hazelcast's own shutdown hook may be off, so that Carbon stops it last.

    Before wso2-synapse v66 (#1131) a node that stops then deletes scheduled tasks for the whole cluster, and before v83
    (#1220) message processors (product-ei#2353, #2357, #2358, #2999, #4744). EI 6.2.0 to 6.6.0 have v48, v65, v80,
    v111 and v143."""
    java_options: str
    """Always given as JAVA_OPTS."""

    @property
    def home(self) -> str:
        """``WSO2_SERVER_HOME`` of the image."""
        return f"{_HOME}/wso2ei-{self.version}"

    @property
    def public_image(self) -> str:
        """The public image."""
        return f"docker.io/{PUBLIC_REPOSITORY}:{self.version}"


_OLDEST = EiVersion(
    "6.2.0", "mysql5.7.sql", catalina="tomcat7", log4j=1, driver_in_image=True, internal_keystore=False,
    prometheus_api=False, ordered_shutdown=False, java_options=_PREFERENCES,
)  # fmt: skip
_6_4_0 = replace(_OLDEST, version="6.4.0", internal_keystore=True)
_6_5_0 = replace(_6_4_0, version="6.5.0", prometheus_api=True, ordered_shutdown=True)
_6_6_0 = replace(
    _6_5_0, version="6.6.0", db_script="mysql.sql", catalina="tomcat9", log4j=2, driver_in_image=False,
    # JDK 11 fails to talk to the API server with its default of TLS 1.3 (kubernetes-ei#230).
    java_options=f"{_PREFERENCES} {_TLS12} {_LOG4J}",
)  # fmt: skip
VERSIONS = {row.version: row for row in (_OLDEST, replace(_OLDEST, version="6.3.0"), _6_4_0, _6_5_0, _6_6_0)}


def version_of(text: str) -> EiVersion:
    """The table's row for ``text``. Raises ``ValueError`` that lists the known versions."""
    found = VERSIONS.get(text)
    if found is None:
        raise ValueError(f"EI version {text!r} is not one of {', '.join(VERSIONS)}")
    return found


def public_tag(image: str) -> str | None:
    """The tag of one of WSO2's public images; ``None`` for any other image, or one named by digest alone."""
    found = _PUBLIC.fullmatch(image)
    return found["tag"] if found else None


def lacking(version: EiVersion, image: str, jars: list[str]) -> list[MissingJar]:
    """What ``image`` is known to lack and none of the delivered ``jars`` (file names) can be."""
    tag = public_tag(image)
    found = []
    if tag and not version.driver_in_image and _is_of(tag, version.version):
        found.append(DRIVER)
    if tag and _is_of(tag, "6.5.0.2"):
        found.append(SCHEME)
    return [missing for missing in found if not any(re.search(missing.names, name) for name in jars)]


def _is_of(tag: str, version: str) -> bool:
    """``6.6.0`` and ``6.6.0-alpine`` are of 6.6.0; so are its rebuilds, ``6.6.0.7``."""
    return re.match(rf"{re.escape(version)}(?![0-9])", tag) is not None


def other_version(version: EiVersion, image: str) -> str | None:
    """The known version that a public image's tag names, when it is not ``version``."""
    tag = public_tag(image) or ""
    return next((name for name in VERSIONS if _is_of(tag, name) and name != version.version), None)
