"""What is changed in the image's own configuration files, as data.

One table for all versions, exceptions named. A patch names file, element path and value; ``in_pod/patch_config.py``
applies it inside the pod, so no XML of WSO2's is kept here. A password is a reference to a file of a mounted Secret.
The path language and the forms of a patch are those of ``in_pod/xml_patch.py`` and ``in_pod/patch_config.py``.

Every path was tried on the files of every version's own sources: see docs/ei-versions.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from components.shared.mysql_tls import Tls
from components.wso2ei.args import AdditionsArgs, KeystoresArgs
from components.wso2ei.files import AXIS2, CARBON, CATALINA, DATASOURCES, HAZELCAST, REGISTRY, USERS, Patch, Value
from components.wso2ei.keystores import keystore_patches, sender_trust_patch
from components.wso2ei.versions import DRIVER_CLASS, SCHEME_CLASS, EiVersion

_AGENT = "org.wso2.carbon.core.clustering.hazelcast.HazelcastClusteringAgent"


@dataclass(frozen=True)
class Datasource:
    """One JDBC datasource of ``master-datasources.xml``."""

    name: str
    jndi: str
    database: str
    user: str
    max_active: int


@dataclass(frozen=True)
class EiConfig:
    """Everything of a cluster that is written into EI's files and is not secret."""

    namespace: str
    members_service: str
    """Service whose Endpoints are the members."""
    domain: str
    """Name of the Hazelcast group: the same on all nodes, unique for each cluster."""
    console_host: str
    gateway_host: str
    mysql_host: str
    user_database: Datasource
    registry_database: Datasource
    truststore: str
    """Path of the truststore inside the pod, with the cluster's CA in it."""
    admin_username: str
    mysql_port: int = 3306
    mysql_tls: Tls = "preferred"
    member_port: int = 4100
    console_port: int = 443
    gateway_port: int = 443
    config_target: str = "/_system/config"
    """Path in the database that /_system/config is; WSO2's 6.6 chart used /_system/config/integrator."""
    keystores: KeystoresArgs | None = None
    """``None``: the image's own, whose private key is public."""
    trusted_certificates: bool = False
    """The truststore holds certificates of users."""
    keystore: str = ""
    """Path of the keystore inside the pod, where there are ``keystores``."""
    governance_target: str = "/_system/governance"
    """Path in the database that /_system/governance is; WSO2's 6.6 chart used /_system/governance/integrator."""


@dataclass(frozen=True)
class EiSecrets:
    """The secret values: text, or where the patcher finds it (``{"from": "NAME/KEY"}``)."""

    user_password: Value
    registry_password: Value
    admin_password: Value


def jdbc_url(host: str, database: str, port: int = 3306, tls: Tls = "preferred") -> str:
    """TLS 1.2, the newest of Connector/J 5.1; a server that makes its own CA is not verified.

    With ``verifyCa`` the driver uses the JVM's truststore, which is the one that carbon.xml names.
    """
    options = {
        # caching_sha2_password hides the password with the server's key where TLS does not.
        "disabled": "useSSL=false&allowPublicKeyRetrieval=true",
        "preferred": "useSSL=true&verifyServerCertificate=false",
        "required": "useSSL=true&requireSSL=true&verifyServerCertificate=false",
        "verifyCa": "useSSL=true&requireSSL=true&verifyServerCertificate=true",
    }[tls]
    protocols = "" if tls == "disabled" else "&enabledTLSProtocols=TLSv1.2"
    return f"jdbc:mysql://{host}:{port}/{database}?autoReconnect=true&{options}{protocols}"


def plain_patches(version: EiVersion, config: EiConfig) -> list[Patch]:
    """Patches without passwords."""
    return [
        *_carbon(config),
        *_clustering(config),
        *_listeners(config),
        *_registry(config),
        *_catalina(version, config),
        *_stores(version, config),
        _datasource(config, config.registry_database),
        _datasource(config, config.user_database),
        {"file": USERS, "path": _users("Configuration/AdminUser/UserName"), "set": config.admin_username},
        {"file": USERS, "path": _users("Configuration/Property[@name='dataSource']"), "set": "jdbc/WSO2UserDB"},
        *shutdown_patches(version),
    ]


def shutdown_patches(version: EiVersion) -> list[Patch]:
    """Hazelcast is stopped by Carbon, after its tasks have moved, and not by its own hook (product-ei#1206).

    A default, which users' patches may change: before the fixes that ``ordered_shutdown`` names it would do harm.
    """
    if not version.ordered_shutdown:
        return []
    return [{"file": HAZELCAST, "property": "hazelcast.shutdownhook.enabled", "set": "false"}]


def secret_patches(config: EiConfig, secrets: EiSecrets) -> list[Patch]:
    """Patches that set the passwords, to be applied after the plain ones, which replace whole datasources."""

    def password(source: Datasource, value: Value) -> Patch:
        return {"file": DATASOURCES, "path": f"{_source(source)}/definition/configuration/password", "set": value}

    return [
        password(config.registry_database, secrets.registry_password),
        password(config.user_database, secrets.user_password),
        {"file": USERS, "path": _users("Configuration/AdminUser/Password"), "set": secrets.admin_password},
    ]


def managed_patches(version: EiVersion, args: AdditionsArgs) -> list[Patch]:
    """The table with values of no meaning: its files and paths are those of every cluster with these additions."""
    source = Datasource("", "", "", "", 1)
    users, registry = replace(source, name="WSO2_USER_DB"), replace(source, name="WSO2_CONFIG_DB")
    config = EiConfig("", "", "", "", "", "", users, registry, "", "", keystores=args.get("keystores"),
                      trusted_certificates=bool(args.get("trusted_certificates")))  # fmt: skip
    found = [*plain_patches(version, config), *secret_patches(config, EiSecrets("", "", ""))]
    return [patch for patch in found if patch not in shutdown_patches(version)]


def _users(path: str) -> str:
    return f"UserManager/Realm/{path}"


def _carbon(config: EiConfig) -> list[Patch]:
    def carbon(path: str, value: str) -> Patch:
        return {"file": CARBON, "path": f"Server/{path}", "set": value}

    return [
        carbon("HostName", config.gateway_host),
        carbon("MgtHostName", config.console_host),
        # Services, probes and NetworkPolicies name EI's own ports.
        carbon("Ports/Offset", "0"),
        # Carbon sets javax.net.ssl.trustStore from here, so an option of the JVM would be void.
        carbon("Security/TrustStore/Location", config.truststore),
    ]


def _clustering(config: EiConfig) -> list[Patch]:
    root = "axisconfig/clustering"
    host = f"{root}/parameter[@name='localMemberHost']"

    def parameter(name: str, value: str) -> Patch:
        return {"file": AXIS2, "path": f"{root}/parameter[@name='{name}']", "set": value}

    return [
        {"file": AXIS2, "path": root, "attributes": {"class": _AGENT, "enable": "true"}},
        parameter("AvoidInitiation", "true"),
        parameter("membershipScheme", "kubernetes"),
        parameter("domain", config.domain),
        parameter("localMemberPort", str(config.member_port)),
        # The pod's address, whatever other networks it is on. The first attribute hides it from the entrypoints of
        # images up to 6.5.0.1, whose sed puts the last line of /etc/hosts after `<parameter name="localMemberHost"`.
        {"file": AXIS2, "path": host, "xml": '<parameter locked="false" name="localMemberHost"/>'},
        {"file": AXIS2, "path": host, "set": {"env": "POD_IP"}},
        parameter("membershipSchemeClassName", SCHEME_CLASS),
        parameter("USE_DNS", "false"),
        parameter("KUBERNETES_NAMESPACE", config.namespace),
        parameter("KUBERNETES_SERVICES", config.members_service),
        parameter("KUBERNETES_MASTER_SKIP_SSL_VERIFICATION", "false"),
    ]


def _listeners(config: EiConfig) -> list[Patch]:
    """URLs in WSDLs name the gateway's host; TLS 1.2 is what NGINX speaks to the backend."""
    found: list[Patch] = []
    for scheme, listens in (("http", 8280), ("https", 8243)):
        receiver = f"axisconfig/transportReceiver[@name='{scheme}']"
        found.append({"file": AXIS2, "path": f"{receiver}/parameter[@name='port']", "set": str(listens)})
        # A fixed address is never that of a pod.
        found.append({"file": AXIS2, "path": f"{receiver}/parameter[@name='bind-address']", "remove": True})
        path = f"{receiver}/parameter[@name='WSDLEPRPrefix']"
        port = f":{config.gateway_port}" if (scheme, config.gateway_port) != ("https", 443) else ""
        host = config.gateway_host if scheme == "http" else f"{config.gateway_host}{port}"
        found.append({"file": AXIS2, "path": path, "set": f"{scheme}://{host}", "attributes": {"locked": "false"}})
    path = "axisconfig/transportReceiver[@name='https']/parameter[@name='HttpsProtocols']"
    found.append({"file": AXIS2, "path": path, "set": "TLSv1.2"})
    return found


def _registry(config: EiConfig) -> list[Patch]:
    url = _url(config, config.registry_database)
    remote = (
        '<remoteInstance url="https://localhost:9443/registry"><id>wso2config</id><dbConfig>wso2config</dbConfig>'
        "<readOnly>false</readOnly><enableCache>true</enableCache><registryRoot>/</registryRoot>"
        f"<cacheId>{_escape(f'{config.registry_database.user}@{url}')}</cacheId></remoteInstance>"
    )
    database = f'<dbConfig name="wso2config"><dataSource>{config.registry_database.jndi}</dataSource></dbConfig>'

    def mount(path: str, target: str) -> Patch:
        xml = (
            f'<mount path="{path}" overwrite="true"><instanceId>wso2config</instanceId>'
            f"<targetPath>{_escape(target)}</targetPath></mount>"
        )
        return {"file": REGISTRY, "path": f"wso2registry/mount[@path='{path}']", "xml": xml}

    return [
        {"file": REGISTRY, "path": "wso2registry/dbConfig[@name='wso2config']", "xml": database},
        {"file": REGISTRY, "path": "wso2registry/remoteInstance[id='wso2config']", "xml": remote},
        mount("/_system/config", config.config_target),
        mount("/_system/governance", config.governance_target),
    ]


def _catalina(version: EiVersion, config: EiConfig) -> list[Patch]:
    """URLs that Carbon builds by itself name the port that clients see; NGINX speaks TLS 1.2 to the backend."""
    connector = "Server/Service/Connector[@port='9443']"
    proxy = {"file": CATALINA, "path": connector, "attributes": {"proxyPort": str(config.console_port)}}
    if version.catalina == "tomcat7":
        protocols = {"file": CATALINA, "path": connector, "attributes": {"sslEnabledProtocols": "TLSv1.2"}}
    else:
        protocols = {"file": CATALINA, "path": f"{connector}/SSLHostConfig", "attributes": {"protocols": "TLSv1.2"}}
    return [proxy, protocols]


def _stores(version: EiVersion, config: EiConfig) -> list[Patch]:
    if config.keystores is None:
        return [sender_trust_patch(config.truststore)] if config.trusted_certificates else []
    return keystore_patches(version, config.keystores, config.keystore, config.truststore)


def _source(source: Datasource) -> str:
    return f"datasources-configuration/datasources/datasource[name='{source.name}']"


def _datasource(config: EiConfig, source: Datasource) -> Patch:
    """A whole datasource but for its password; ``&`` in the URL is escaped."""
    settings = {
        "url": _url(config, source),
        "username": source.user,
        "driverClassName": DRIVER_CLASS,
        "maxActive": str(source.max_active),
        "maxWait": "60000",
        "testOnBorrow": "true",
        "validationQuery": "SELECT 1",
        "validationInterval": "30000",
    }
    inner = "".join(f"<{name}>{_escape(value)}</{name}>" for name, value in settings.items())
    xml = (
        f"<datasource><name>{source.name}</name><description>Made by the deployment</description>"
        f"<jndiConfig><name>{source.jndi}</name></jndiConfig>"
        f'<definition type="RDBMS"><configuration>{inner}</configuration></definition></datasource>'
    )
    return {"file": DATASOURCES, "path": _source(source), "xml": xml}


def _url(config: EiConfig, source: Datasource) -> str:
    return jdbc_url(config.mysql_host, source.database, config.mysql_port, config.mysql_tls)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
