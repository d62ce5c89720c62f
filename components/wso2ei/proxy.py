"""The HTTP proxy of EI's outgoing calls, in the two places that name it: options of the JVM and axis2.xml. Data, pure.

The JVM (membership scheme, data services, registry) takes hosts that it calls directly as names with ``*`` at an end
(JDK, "Networking Properties"). Synapse's senders use the same proxy, by ``http.proxyHost`` for both protocols, but read
the hosts as regular expressions, and a host such as ``*.svc`` fails every call (wso2-synapse, ProxyConfig.isBypass and
ProxyConfigBuilder, v80 to v143). A parameter of the sender comes before the option of the JVM.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from components.shared.problems import Problem
from components.wso2ei.args import ProxyArgs
from components.wso2ei.files import AXIS2, Patch

HOST = r"(\*\.?)?[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?(\.?\*)?"
"""A host that is called directly: ``*`` at an end stands for any text."""
_CLUSTER = ("localhost", "127.*", "*.svc", "*.cluster.local")
_API_SERVER = "$(KUBERNETES_SERVICE_HOST)"
"""The kubelet fills in the address, by which the membership scheme calls it."""
_OPTIONS = tuple(
    f"-Dhttp{name}" for name in (".proxyHost", ".proxyPort", "s.proxyHost", "s.proxyPort", ".nonProxyHosts")
)


def proxy_options(proxy: ProxyArgs | None) -> list[str]:
    """Options of the JVM."""
    if proxy is None:
        return []
    host, port = proxy["host"], proxy["port"]
    direct = "|".join([_API_SERVER, *_CLUSTER, *(proxy.get("non_proxy_hosts") or ())])
    return [f"{name}={value}" for name, value in zip(_OPTIONS, (host, port, host, port, direct), strict=True)]


def proxy_patches(proxy: ProxyArgs | None) -> list[Patch]:
    """Hosts that the gateway calls directly, as its senders read them."""
    if proxy is None:
        return []
    # The senders compare with the host in lower case; the JVM ignores case.
    hosts = [*_CLUSTER, *(host.lower() for host in proxy.get("non_proxy_hosts") or ())]
    text = "|".join(re.escape(host).replace(r"\*", ".*") for host in hosts)
    return [
        {
            "file": AXIS2,
            "path": f"axisconfig/transportSender[@name='{scheme}']/parameter[@name='http.nonProxyHosts']",
            "set": text,
        }
        for scheme in ("http", "https")
    ]


def proxy_problems(proxy: ProxyArgs | None, options: Sequence[str]) -> Iterator[Problem]:
    """Report an invalid proxy or host, and options of the JVM that the proxy makes."""
    if proxy is None:
        return
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?", proxy["host"]):
        yield Problem(("proxy", "host"), "must be a host name or an IP address")
    if not 1 <= proxy["port"] <= 65535:
        yield Problem(("proxy", "port"), "must be from 1 to 65535")
    for index, host in enumerate(proxy.get("non_proxy_hosts") or ()):
        if not re.fullmatch(HOST, host):
            yield Problem(("proxy", "non_proxy_hosts", index), "must be a host, with '*' at its start or end at most")
    for index, option in enumerate(options):
        if option.partition("=")[0] in _OPTIONS:
            yield Problem(("java_options", index), "must not be given with proxy, which makes it")
