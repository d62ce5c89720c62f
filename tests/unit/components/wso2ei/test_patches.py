"""The patch table on files with the structure of the product's own, for every version."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch
from xml.etree import ElementTree

import pytest

from components.in_pod import patch_config
from components.wso2ei.additions import patch_problems
from components.wso2ei.files import CATALINA, Patch
from components.wso2ei.patches import (
    Datasource,
    EiConfig,
    EiSecrets,
    jdbc_url,
    managed_patches,
    plain_patches,
    secret_patches,
)
from components.wso2ei.versions import VERSIONS, version_of
from embedded.images.wso2ei.image import home_files

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
STORE_PASSWORDS = {"keystore": "k<s", "key": "k&p", "truststore": 't"s'}
SECRETS = EiSecrets("u&p<>\"'", "r]]>p", "a p")
# A folder with the conf folders of the product itself, 6.2.0/conf to 6.6.0/conf (docs/ei-versions.md): not committed.
ROOT = Path(__file__).parents[4]
PRODUCT = os.environ.get("WSO2EI_HOMES")
every_version = pytest.mark.parametrize("version", [*VERSIONS, *(f"{v} of the product" for v in VERSIONS if PRODUCT)])


def files_of(version: str) -> dict[str, bytes]:
    """The text files of a server's home: the stand-in's, or the product's own."""
    if not version.endswith("product"):
        return {name: text.encode() for name, text, _ in home_files(version)}
    home = Path(str(PRODUCT)) / version.partition(" ")[0]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def all_patches(version: str, config: EiConfig = CONFIG) -> list[Patch]:
    return [*plain_patches(version_of(version.partition(" ")[0]), config), *secret_patches(config, SECRETS)]


def changed(version: str, config: EiConfig = CONFIG) -> dict[str, bytes]:
    """Patched by the init container's program as in the pod."""
    with tempfile.TemporaryDirectory() as folder, patch.dict("os.environ", {"POD_IP": "10.1.2.3"}):
        home = Path(folder)
        for name, data in files_of(version).items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(data)
        secrets = home / "secrets"
        (secrets / "stores").mkdir(parents=True)
        for which, text in STORE_PASSWORDS.items():
            (secrets / "stores" / f"{which}-password").write_text(text)
        once = patch_config.apply(home, all_patches(version, config), secrets)
        patch_config.write(once)
        assert patch_config.apply(home, all_patches(version, config), secrets) == {}, "twice is once"
        return {file.relative_to(home).as_posix(): data for file, data in once.items()}


def patched(version: str, config: EiConfig = CONFIG) -> dict[str, ElementTree.Element | str]:
    return {
        name: ElementTree.fromstring(data) if name.endswith(".xml") else data.decode()  # noqa: S314 - made above
        for name, data in changed(version, config).items()
    }


def xml(files: dict[str, ElementTree.Element | str], name: str) -> ElementTree.Element:
    root = files[name]
    assert isinstance(root, ElementTree.Element)
    return root


@every_version
def test_every_line_that_no_patch_names_stays_and_new_ones_end_like_their_neighbours(version: str) -> None:
    before = files_of(version)
    for name, data in changed(version).items():
        old, new = before.get(name, b"").splitlines(keepends=True), data.splitlines(keepends=True)
        kept = sum(
            block.size for block in difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
        )
        assert len(old) - kept <= sum(1 for item in all_patches(version) if item["file"] == name), name
        assert len({line.endswith(b"\r\n") for line in new[:-1]}) <= 1, name
        for comment in re.findall(rb"<!--.*?-->", before.get(name, b""), re.DOTALL):
            assert comment in data


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
    assert parameters["localMemberHost"] == "10.1.2.3", "the pod's own address"


def test_the_entrypoints_of_old_images_leave_the_member_s_address_alone() -> None:
    """Their sed (wso2/docker-ei, tags up to v6.5.0.1) would put the last line of /etc/hosts there: a host alias."""
    clustering = xml(patched("6.4.0"), "conf/axis2/axis2.xml").find("clustering")
    assert clustering is not None
    member = next(item for item in clustering if item.get("name") == "localMemberHost")
    assert not re.search(r'<parameter name="localMemberHost".*</parameter>', ElementTree.tostring(member).decode())


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
def test_the_console_and_the_gateway_speak_no_old_tls(version: str) -> None:
    files = patched(version)
    connector = xml(files, "conf/tomcat/catalina-server.xml").find("Service/Connector[@port='9443']")
    assert connector is not None
    host = connector.find("SSLHostConfig")
    found = connector.get("sslEnabledProtocols") if host is None else host.get("protocols")
    assert found == "TLSv1.2"
    receiver = xml(files, "conf/axis2/axis2.xml").find("transportReceiver[@name='https']")
    assert receiver is not None
    assert receiver.findtext("parameter[@name='HttpsProtocols']") == "TLSv1.2"


@every_version
def test_stores_of_one_s_own_stand_in_every_place_that_named_wso2_s(version: str) -> None:
    row = version_of(version.partition(" ")[0])
    stores = replace(
        CONFIG, keystores={"secret": "stores", "type": "PKCS12", "alias": "ei"}, keystore="/stores/keystore"
    )
    files = changed(version, stores)
    live = {name: re.sub(rb"<!--.*?-->", b"", data, flags=re.DOTALL) for name, data in files.items()}
    for data in live.values():
        assert b"resources/security/wso2carbon.jks" not in data
        assert b"client-truststore.jks" not in data
        # The passwords of the stores; the local database has the same one and is nobody else's.
        assert b"Password>wso2carbon<" not in data
        assert b'assword="wso2carbon"' not in data
    text = b"".join(live.values())
    assert text.count(b">/stores/keystore<") == 3 + row.internal_keystore
    assert text.count(b">/trust/store.jks<") == 3
    assert text.count(b"k&amp;p") == 4 + row.internal_keystore
    connector = ElementTree.fromstring(live[CATALINA]).find("Service/Connector[@port='9443']")  # noqa: S314
    assert connector is not None
    certificate = connector.find("SSLHostConfig/Certificate")
    if row.catalina == "tomcat7":
        assert (connector.get("keystoreFile"), connector.get("keystorePass")) == ("/stores/keystore", "k<s")
    else:
        assert certificate is not None
        assert certificate.get("certificateKeyPassword") == "k&p"


@every_version
@pytest.mark.parametrize("trusted", [True, False])
def test_outgoing_calls_of_the_gateway_trust_what_users_trust(version: str, trusted: bool) -> None:
    """Synapse's HTTPS sender has its own truststore in axis2.xml, and does not use the JVM's."""
    axis2 = xml(patched(version, replace(CONFIG, trusted_certificates=trusted)), "conf/axis2/axis2.xml")
    places = {
        kind: axis2.findtext(f"{kind}[@name='https']/parameter[@name='truststore']/TrustStore/Location")
        for kind in ("transportSender", "transportReceiver")
    }
    assert (places["transportSender"] == CONFIG.truststore) == trusted
    assert places["transportReceiver"] != CONFIG.truststore, "clients are not servers"


@every_version
def test_hazelcast_s_own_hook_is_off_only_where_a_node_that_stops_deletes_nothing(version: str) -> None:
    """Tasks need wso2-synapse v66 and message processors v83; EI 6.4.0 has v80 and EI 6.5.0 v111."""
    text = changed(version).get("conf/hazelcast.properties", b"").decode()
    newer = version.partition(" ")[0] in {"6.5.0", "6.6.0"}
    assert ("hazelcast.shutdownhook.enabled=false" in text) == newer


@pytest.mark.parametrize("version", VERSIONS)
def test_users_may_set_the_hook_in_every_version(version: str) -> None:
    mine = {"file": "conf/hazelcast.properties", "property": "hazelcast.shutdownhook.enabled", "set": "true"}
    assert [*patch_problems([mine], managed_patches(version_of(version), {"keystores": {"secret": "stores"}}))] == []  # type: ignore[list-item]


@every_version
def test_ei_listens_where_services_and_probes_expect_it_whatever_the_image_says(version: str) -> None:
    own = files_of(version)
    axis2, carbon = "conf/axis2/axis2.xml", "conf/carbon.xml"
    for name, old, new in (
        (axis2, b">8280<", b">8290<"),
        (axis2, b">8243<", b">8253<"),
        (carbon, b"<Offset>0<", b"<Offset>10<"),
    ):
        assert own[name].count(old) == 1, (name, old)
        own[name] = own[name].replace(old, new)
    receiver = re.search(rb'<transportReceiver name="https".*?>', own[axis2])
    assert receiver
    fixed = b'<parameter name="bind-address" locked="false">10.9.9.9</parameter>'
    own[axis2] = own[axis2].replace(receiver[0], receiver[0] + fixed, 1)
    with patch(f"{__name__}.files_of", return_value=own):
        files = patched(version)
    found = {
        item.get("name"): {one.get("name"): one.text for one in item.findall("parameter")}
        for item in xml(files, axis2).findall("transportReceiver")
    }
    assert (found["http"]["port"], found["https"]["port"]) == ("8280", "8243")
    assert not any("bind-address" in parameters for parameters in found.values())
    space = "{http://wso2.org/projects/carbon/carbon.xml}"
    assert xml(files, carbon).findtext(f"{space}Ports/{space}Offset") == "0"


@every_version
def test_no_secret_is_in_the_plain_table(version: str) -> None:
    text = str(plain_patches(version_of(version.partition(" ")[0]), CONFIG))
    for secret in ("u&p", "]]>", "a p"):
        assert secret not in text


def test_an_unknown_version_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"6\.2\.0, 6\.3\.0, 6\.4\.0, 6\.5\.0, 6\.6\.0"):
        version_of("5.0")
