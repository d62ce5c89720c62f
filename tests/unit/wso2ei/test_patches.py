"""The patch table on files with the structure of the product's own, for every version."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from components.in_pod import patch_config
from components.wso2ei.patches import Datasource, EiConfig, EiSecrets, jdbc_url, plain_patches, secret_patches
from components.wso2ei.versions import VERSIONS, version_of

HOME = Path(__file__).parents[3] / "embedded" / "images" / "wso2ei" / "home"
CONFIG = EiConfig(
    namespace="team",
    members_service="ei-members",
    domain="team.ei",
    console_host="console.example.com",
    gateway_host="gw.example.com",
    mysql_host="db",
    user_database=Datasource("WSO2_USER_DB", "jdbc/WSO2UserDB", "USERS", "u", 50),
    registry_database=Datasource("WSO2_CONFIG_DB", "jdbc/WSO2ConfigDB", "REG", "r", 80),
    truststore="/trust/store.jks",
    admin_username="boss",
)
SECRETS = EiSecrets("u&p<>\"'", "r]]>p", "a p")
every_version = pytest.mark.parametrize("version", VERSIONS)


def patched(version: str) -> dict[str, ElementTree.Element | str]:
    row = version_of(version)
    patches = [*plain_patches(row, CONFIG), *secret_patches(row, CONFIG, SECRETS)]
    found: dict[str, ElementTree.Element | str] = {}
    for file in sorted({patch["file"] for patch in patches}):
        name = file.replace("catalina-server.xml", f"catalina-server-{row.catalina}.xml")
        data = (HOME / name).read_bytes()
        mine = [patch for patch in patches if patch["file"] == file]
        apply = patch_config.patch_properties if "property" in mine[0] else patch_config.patch_xml
        once = data
        for patch in mine:
            once = apply(once, patch)
        again = once
        for patch in mine:
            again = apply(again, patch)
        assert again == once, f"{file}: twice is once"
        found[file] = ElementTree.fromstring(once) if file.endswith(".xml") else once.decode()  # noqa: S314
    return found


def xml(files: dict[str, ElementTree.Element | str], name: str) -> ElementTree.Element:
    root = files[name]
    assert isinstance(root, ElementTree.Element)
    return root


@every_version
def test_hosts_truststore_and_administrator_arrive(version: str) -> None:
    files = patched(version)
    carbon = xml(files, "conf/carbon.xml")
    space = "{http://wso2.org/projects/carbon/carbon.xml}"
    assert carbon.findtext(f"{space}HostName") == "gw.example.com"
    assert carbon.findtext(f"{space}MgtHostName") == "console.example.com"
    assert carbon.findtext(f"{space}Security/{space}TrustStore/{space}Location") == "/trust/store.jks"
    users = xml(files, "conf/user-mgt.xml")
    assert users.findtext("Realm/Configuration/AdminUser/UserName") == "boss"
    assert users.findtext("Realm/Configuration/AdminUser/Password") == "a p"
    assert users.findtext("Realm/Configuration/Property[@name='dataSource']") == "jdbc/WSO2UserDB"
    assert users.findtext("Realm/Configuration/Property[@name='isCascadeDeleteEnabled']") == "true"


@every_version
def test_members_are_found_through_the_api_without_trusting_everybody(version: str) -> None:
    clustering = xml(patched(version), "conf/axis2/axis2.xml").find("clustering")
    assert clustering is not None
    assert clustering.get("enable") == "true"
    parameters = {item.get("name"): item.text for item in clustering.findall("parameter")}
    assert parameters["membershipScheme"] == "kubernetes"
    assert parameters["domain"] == "team.ei"
    assert parameters["USE_DNS"] == "false"
    assert parameters["KUBERNETES_NAMESPACE"] == "team"
    assert parameters["KUBERNETES_SERVICES"] == "ei-members"
    assert parameters["KUBERNETES_MASTER_SKIP_SSL_VERIFICATION"] == "false"
    assert "localMemberHost" not in parameters, "the kernel takes the pod's own address"


@every_version
def test_datasources_are_added_beside_the_local_one_with_values_escaped(version: str) -> None:
    files = patched(version)
    sources = {
        str(item.findtext("name")): item
        for item in xml(files, "conf/datasources/master-datasources.xml").findall("datasources/datasource")
    }
    assert set(sources) == {"WSO2_CARBON_DB", "WSO2_USER_DB", "WSO2_CONFIG_DB"}
    settings = "definition/configuration"
    assert sources["WSO2_USER_DB"].findtext(f"{settings}/url") == jdbc_url("db", "USERS")
    assert sources["WSO2_USER_DB"].findtext(f"{settings}/password") == SECRETS.user_password
    assert sources["WSO2_CONFIG_DB"].findtext(f"{settings}/password") == SECRETS.registry_password
    registry = xml(files, "conf/registry.xml")
    assert {item.get("path") for item in registry.findall("mount")} == {"/_system/config", "/_system/governance"}
    assert registry.findtext("dbConfig[@name='wso2config']/dataSource") == "jdbc/WSO2ConfigDB"
    assert registry.findtext("remoteInstance/cacheId") == f"r@{jdbc_url('db', 'REG')}"


@every_version
def test_the_console_s_connector_names_the_port_that_clients_see(version: str) -> None:
    root = xml(patched(version), "conf/tomcat/catalina-server.xml")
    ports = {item.get("port"): item.get("proxyPort") for item in root.findall("Service/Connector")}
    assert ports == {"9763": None, "9443": "443"}


@every_version
def test_no_secret_is_in_the_plain_table(version: str) -> None:
    text = str(plain_patches(version_of(version), CONFIG))
    for secret in ("u&p", "]]>", "a p"):
        assert secret not in text


def test_an_unknown_version_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"6\.2\.0, 6\.3\.0, 6\.4\.0, 6\.5\.0, 6\.6\.0"):
        version_of("5.0")
