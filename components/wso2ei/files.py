"""EI's configuration files that are patched, and the form of a patch. Data, pure."""

from __future__ import annotations

from typing import Any

Patch = dict[str, Any]
"""What ``in_pod/patch_config.py`` reads: file, place and value."""
Value = str | dict[str, str]
"""What a patch sets: text, ``{"from": "NAME/KEY"}`` (a file of a mounted Secret) or ``{"env": NAME}``."""
CARBON = "conf/carbon.xml"
AXIS2 = "conf/axis2/axis2.xml"
DATASOURCES = "conf/datasources/master-datasources.xml"
REGISTRY = "conf/registry.xml"
USERS = "conf/user-mgt.xml"
CATALINA = "conf/tomcat/catalina-server.xml"
HAZELCAST = "conf/hazelcast.properties"
