"""Patches that bring EI's audit and access logs to standard output, and set log levels. Data, pure.

The server's own log is there already. Sources: log4j.properties (6.2 to 6.5) and log4j2.properties (6.6),
access-log.properties and catalina-server.xml of wso2/product-ei v6.x.0; AccessLogger of wso2/wso2-synapse
2.1.7-wso2v48, 65, 80, 111 and 143, which are the versions of EI 6.2 to 6.6. Every line names its log: AUDIT_LOG,
HTTP_ACCESS gateway, HTTP_ACCESS console.

These are defaults: patches and files of users are applied after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from components.wso2ei.files import CATALINA, Patch
from components.wso2ei.versions import EiVersion

Level = Literal["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"]
LOGGER = r"[A-Za-z_][A-Za-z0-9_$-]*(\.[A-Za-z_][A-Za-z0-9_$-]*)*"
"""Pattern of the names of loggers; ``root`` is for all loggers without a level."""
_AUDIT, _CONSOLE = "AUDIT_LOG", "CARBON_CONSOLE"
_GATEWAY_ACCESS = "org.apache.synapse.transport.http.access"
_LOG4J, _LOG4J2 = "conf/log4j.properties", "conf/log4j2.properties"
_ACCESS, _NHTTP = "conf/access-log.properties", "conf/nhttp.properties"
# log4j 1 has two words for one thing, and of two lines for one logger it takes either.
_CATEGORIES = {
    "org.apache.synapse", "org.apache.synapse.transport", "org.apache.axis2", "org.apache.axis2.transport",
    "SERVICE_LOGGER", "TRACE_LOGGER",
}  # fmt: skip
# Names of loggers in log4j2.properties that are not those of the packages with dashes.
_IDENTIFIERS = {
    _GATEWAY_ACCESS: "synapse-transport-http-access",
    "org.apache.axis2.deployment": "axis2Deployment",
    "org.apache.axis2.enterprise": "org-apache-axis-enterprise",
    "org.apache.axiom.util.stax.dialect.StAXDialectDetector": "StAXDialectDetector",
    "org.eclipse.equinox": "equinox",
    "tomcat": "tomcat2",
}
_OWN_FILES = {_AUDIT, "SERVICE_LOGGER", "API_LOGGER", "com.atomikos", "correlation"}
"""Loggers whose lines go to separate files only."""


def log_patches(version: EiVersion, levels: Mapping[str, str], *, access: bool) -> list[Patch]:
    """All of them; ``access``: the access logs of gateway and console, too."""
    two = version.log4j == 2
    wanted = ({_GATEWAY_ACCESS: "INFO"} if access else {}) | dict(levels)
    found = [patch for name in sorted(wanted) for patch in (_log4j2 if two else _log4j)(name, wanted[name])]
    if two:
        audit: Patch = {"file": _LOG4J2, "property": f"logger.{_AUDIT}.appenderRef.{_CONSOLE}.ref", "set": _CONSOLE}
    else:
        audit = {"file": _LOG4J, "property": f"log4j.logger.{_AUDIT}", "add": _CONSOLE}
    return [*found, audit, *(_access() if access else [])]


def _log4j(name: str, level: str) -> list[Patch]:
    """The level stands first in a list of which the rest are appenders."""
    word = "category" if name in _CATEGORIES else "logger"
    key = "log4j.rootLogger" if name == "root" else f"log4j.{word}.{name}"
    return [{"file": _LOG4J, "property": key, "first": level}]


def _log4j2(name: str, level: str) -> list[Patch]:
    if name == "root":
        return [{"file": _LOG4J2, "property": "rootLogger.level", "set": level}]
    key = _IDENTIFIERS.get(name) or name.replace(".", "-")
    found: list[Patch] = [
        {"file": _LOG4J2, "property": f"logger.{key}.name", "set": name},
        {"file": _LOG4J2, "property": f"logger.{key}.level", "set": level},
        {"file": _LOG4J2, "property": "loggers", "add": key},
    ]
    if name not in _OWN_FILES:
        # Some are cut off from the console, and have no other place to write to.
        found.append({"file": _LOG4J2, "property": f"logger.{key}.additivity", "set": "true"})
    return found


def _access() -> list[Patch]:
    """Both write their files without log4j; ``/dev/stdout`` is the server's standard output."""

    def of(file: str, key: str, value: str) -> Patch:
        return {"file": file, "property": key, "set": value}

    line = '%h %l %u %t "%r" %s %b "%{Referer}i" "%{User-Agent}i"'
    valve = "Server/Service/Engine/Host/Valve[@className='org.apache.catalina.valves.AccessLogValve']"
    return [
        of(_ACCESS, "access_log_pattern", f"HTTP_ACCESS gateway %{{X-Forwarded-For}}i {line}"),
        of(_ACCESS, "access_log_directory", "/dev"),
        of(_ACCESS, "access_log_prefix", "stdout"),
        of(_ACCESS, "access_log_suffix", ""),
        # Up to 6.3 the date is part of the name, in this format.
        of(_ACCESS, "access_log_file_date_format", ""),
        # Else the file that exists would be read, and never end: 6.4 and 6.5 look here, 6.6 there.
        of(_NHTTP, "nhttp.is.log.rotatable", "false"),
        of(_ACCESS, "nhttp.is.log.rotatable", "false"),
        {
            "file": CATALINA,
            "path": valve,
            "attributes": {
                "directory": "/dev",
                "prefix": "stdout",
                "suffix": "",
                "rotatable": "false",
                "buffered": "false",
                "pattern": f"HTTP_ACCESS console {line}",
            },
        },
    ]
