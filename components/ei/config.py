"""From the arguments of ``EiCluster`` to what EI's files and its JVM get. Pure functions."""

from __future__ import annotations

import json
import math

from components.ei import logs, metrics, pod, vault
from components.ei.args import EiClusterArgs
from components.shared.quantities import quantity
from components.wso2ei.logs import log_patches
from components.wso2ei.patches import Datasource, EiConfig, plain_patches, secret_patches
from components.wso2ei.proxy import proxy_options, proxy_patches
from components.wso2ei.versions import EiVersion


def ei_config(name: str, args: EiClusterArgs, namespace: str, console_port: float, gateway_port: float) -> EiConfig:
    """What the patch table needs of the cluster ``name``; nothing of it is secret."""
    mysql = args["mysql"]
    users, registry = mysql["user"], mysql["registry"]
    return EiConfig(
        namespace=namespace,
        members_service=f"{name}-members",
        # Two clusters in one namespace must never see each other.
        domain=f"{namespace}.{name}",
        console_host=args["console_host"],
        gateway_host=args["gateway_host"],
        console_port=int(console_port),
        gateway_port=int(gateway_port),
        mysql_host=mysql["host"],
        mysql_port=mysql["port"],
        mysql_tls=mysql["tls"],
        # Pool sizes of WSO2's own charts.
        user_database=Datasource("WSO2_USER_DB", "jdbc/WSO2UserDB", users.database, users.user, 50),
        registry_database=Datasource("WSO2_CONFIG_DB", "jdbc/WSO2ConfigDB", registry.database, registry.user, 80),
        truststore=pod.TRUSTSTORE,
        config_target=args.get("configuration_path") or "/_system/config",
        governance_target=args.get("governance_path") or "/_system/governance",
        keystores=args.get("keystores"),
        trusted_certificates=bool(args.get("trusted_certificates")),
        keystore=pod.KEYSTORE,
        admin_username=args["admin_username"],
    )


def patches_json(version: EiVersion, config: EiConfig, args: EiClusterArgs) -> str:
    """All patches, as the patcher reads them: it takes the passwords from the mounted Secrets."""
    found = [*plain_patches(version, config), *secret_patches(config, pod.MOUNTED_SECRETS)]
    found += log_patches(version, args.get("log_levels") or {}, access=args.get("access_logs", True))
    found += vault.patches(args.get("secure_vault"), config.keystores, config.keystore)
    found += metrics.patches(args.get("metrics"))
    found += proxy_patches(args.get("proxy"))
    return json.dumps({"patches": found}, indent=1, sort_keys=True)


_NOT_PROXIED = "-Dhttp.nonProxyHosts="
"""Of both protocols, http and https (JDK, "Networking Properties")."""


def java_options(version: EiVersion, args: EiClusterArgs) -> str:
    """JAVA_OPTS: the deployment's own options, then the user's, of which the last wins."""
    given = list(args.get("java_options") or ())
    own = [version.java_options, logs.java_options(version.home), *metrics.java_options(args.get("metrics"))]
    own += vault.java_options(args.get("secure_vault"))
    own += proxy_options(args.get("proxy"))
    if not any(option.startswith("-XX:ActiveProcessorCount") for option in given):
        # On cgroup v2 a JDK before 8u372 or 11.0.16 sees the machine's processors.
        own.append(f"-XX:ActiveProcessorCount={max(1, math.ceil(quantity(args.get('cpu_limit') or '1')))}")
    return " ".join([*own, *_past_the_proxy(given)])


def _past_the_proxy(options: list[str]) -> list[str]:
    """Add the API server to the hosts that the JVM reaches without its proxy.

    The membership scheme uses the JVM's HTTPS client. The kubelet fills in the address.
    """
    if not any(option.startswith(("-Dhttp.proxyHost=", "-Dhttps.proxyHost=")) for option in options):
        return options
    rest = [option for option in options if not option.startswith(_NOT_PROXIED)]
    hosts = [option.removeprefix(_NOT_PROXIED) for option in options if option.startswith(_NOT_PROXIED)][-1:]
    return [*rest, _NOT_PROXIED + "|".join(["$(KUBERNETES_SERVICE_HOST)", *(hosts or ["localhost", "127.*"])])]


def mebibytes(memory: str) -> int:
    """A Kubernetes quantity in whole MiB: ``512Mi`` is 512, ``2Gi`` is 2048.

    :raises ValueError: for anything that is not a quantity of at least 1Mi.
    """
    size = int(quantity(memory) / 1024**2)
    if size < 1:
        raise ValueError(f"heap {memory!r} must be at least 1Mi")
    return size
