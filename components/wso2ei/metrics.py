"""EI's own Prometheus API of 6.5.0 and 6.6.0, and the ports that an agent cannot have. Data, pure.

Sources: wso2/carbon-mediation v4.6.150 and v4.7.30, which are those of EI 6.5.0 and 6.6.0 (ConfigurationLoader,
InternalAPIDispatcher, MetricAPI and MetricCollector), and synapse.properties and internal-apis.xml of
wso2/product-ei v6.5.0 and v6.6.0.

The internal HTTP API listens on one port, without TLS and without a password, once synapse.properties enables it and a
system property ``enable<name>`` turns on one of the APIs of internal-apis.xml. The packs enable it, list Prometheus'
alone, and set no such property, so the port is closed. Turned on, every other path and method is answered with 404.
Its HTTPS port (9154) opens for APIs with the protocol https only, of which the packs have none.
"""

from __future__ import annotations

from components.wso2ei.files import Patch

PORT, PATH = 9191, "/metric-service/metrics"
OPTION = "-DenablePrometheusApi"
"""System property that turns it on, as a JVM option without its value."""
TAKEN_PORTS = {
    4100: "the cluster's members",
    8243: "the gateway",
    8280: "the gateway",
    9005: "the mediation debugger",
    9006: "the mediation debugger",
    9154: "the internal API",
    9191: "the internal API",
    9443: "the console",
    9763: "the console",
    9999: "remote JMX",
    11111: "remote JMX",
}
"""EI's ports, open by default or by one of its switches, with what they are for."""
_SYNAPSE, _APIS = "conf/synapse.properties", "conf/internal-apis.xml"


def metrics_patches() -> list[Patch]:
    """Patches for what the user's image or a whole file may have switched off; the packs have it on.

    The patcher reports an API that the file does not list. Handlers of an API stay: they may demand passwords.
    """
    api = {"protocol": "http", "class": "org.wso2.carbon.prometheus.publisher.service.MetricAPI"}
    return [
        {"file": _SYNAPSE, "property": "internal.http.api.enabled", "set": "true"},
        {"file": _SYNAPSE, "property": "internal.http.api.port", "set": str(PORT)},
        {"file": _APIS, "path": "internalApis/apis/api[@name='PrometheusApi']", "attributes": api},
    ]
