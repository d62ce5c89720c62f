"""What operators see of running nodes, what stays of those that are gone, and whom nodes and neighbours reach.

One update configures all of it.
"""

from __future__ import annotations

import base64
import re
import secrets
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from components.nginx.tls import self_signed
from tests.cars import car
from tests.e2e import directory, neighbours
from tests.e2e.machine import CONSOLE, GATEWAY, NAMESPACE, ROOT, Machine, eventually
from tests.e2e.neighbours import FILES, PROXY, PROXY_PORT, SHOP
from tests.keystores import OAEP, cipher_text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
PAIR = self_signed(secrets.token_bytes(32), [directory.HOST])
"""Key and certificate of the directory."""
STORES = "$WSO2_SERVER_HOME/repository/deployment/server/userstores"
LOGS = "$(ls -d /home/wso2carbon/*/repository/logs)"
SERVICE = f"wso2ei-gateway.{NAMESPACE}"
ENDPOINT = 8085
"""Port of an inbound endpoint."""
URL = "jdbc:mysql://wso2ei-mysql:3306/?useSSL=true&requireSSL=true&verifyServerCertificate=true&enabledTLSProtocols=TLSv1.2"
IMAGE_TRUSTS = (
    "&trustCertificateKeyStoreUrl=file:/home/wso2carbon/wso2ei-6.5.0/repository/resources/security/client-truststore.jks"
    "&trustCertificateKeyStoreType=JKS&trustCertificateKeyStorePassword=wso2carbon"
)
URLS = {"JvmTrust": URL, "ImageTrust": URL + IMAGE_TRUSTS}
"""Of datasources that verify MySQL's certificate, by the services that use them."""
DATASOURCE = (
    "<datasource><name>{name}</name><jndiConfig><name>jdbc/{name}</name></jndiConfig>"
    '<definition type="RDBMS"><configuration><url>{url}</url><username>verifier</username><password/>'
    "<driverClassName>com.mysql.jdbc.Driver</driverClassName></configuration></definition></datasource>"
)
LOOKUP = (
    "<dblookup><connection><pool><dsName>jdbc/{name}</dsName></pool></connection><statement>"
    '<sql>SELECT CURRENT_USER() AS WHO</sql><result name="who" column="WHO"/></statement></dblookup><respond/>'
)
SETTINGS = {
    "ei.diagnostics.kind": "hostPath",
    "ei.diagnostics.path": "/var/lib/wso2ei/local/logs",
    "ei.trustedCertificates[0].configMap.name": "database-ca",
    "ei.trustedCertificates[0].configMap.key": "ca.pem",
    "ei.trustedCertificates[1].secret.name": "directory",
    "ei.trustedCertificates[1].secret.key": "tls.crt",
    "ei.volumes[0].claim": FILES,
    "ei.volumes[0].path": "/mnt/partner",
    "ei.ports[0].name": "orders",
    "ei.ports[0].port": str(ENDPOINT),
    "ei.clients[0].podLabels.app": "orders",
    'ei.clients[1].namespaceLabels["kubernetes.io/metadata.name"]': SHOP,
    "ei.proxy.host": PROXY,
    "ei.proxy.port": str(PROXY_PORT),
    "ei.proxy.nonProxyHosts[0]": "*.default",
    "ei.carbonAppsFolder": "atStart",
}
# As the console does it, for a group of the directory.
GRANT = """
INSERT INTO UM_PERMISSION (UM_RESOURCE_ID, UM_ACTION, UM_TENANT_ID)
    VALUES ('/permission/admin/login', 'ui.execute', -1234);
INSERT INTO UM_ROLE_PERMISSION (UM_PERMISSION_ID, UM_ROLE_NAME, UM_IS_ALLOWED, UM_TENANT_ID, UM_DOMAIN_ID)
    SELECT LAST_INSERT_ID(), 'integration', 1, -1234, UM_DOMAIN_ID FROM UM_DOMAIN WHERE UM_DOMAIN_NAME = 'EXAMPLE.COM';
"""
PATCHED = "conf/datasources/master-datasources.xml"
SOURCES = "datasources-configuration/datasources/datasource"
# The options of the running server, in another JVM of the image: keytool sends requests as URLConnection does.
CALL = """
set -f; cd "$WSO2_SERVER_HOME"
options=$(tr '\\0' '\\n' <"/proc/$(cat wso2carbon.pid)/cmdline" | sed -n 's/^-Dhttps\\?\\./-J&/p')
for place; do
    echo "$place $(keytool $options -printcert -sslserver "$place" 2>&1 | grep -o '^Certificate #0' || echo none)"
done
"""


def printed(machine: Machine, words: str) -> list[str]:
    """Lines on the nodes' standard output that hold ``words``."""
    logs = [machine.kubectl("logs", pod["metadata"]["name"], "-c", "ei").text for pod in machine.nodes()]
    return [line for log in logs for line in log.splitlines() if words in line]


def on_node(machine: Machine, script: str, *words: str, node: int = 0, stdin: str = "") -> str:
    """What a script prints in a node's server."""
    name = sorted(pod["metadata"]["name"] for pod in machine.nodes())[node]
    return machine.kubectl("exec", "-i", name, "-c", "ei", "--", "sh", "-c", script, "sh", *words, stdin=stdin).ok()


@pytest.fixture(scope="module")
def certificates(machine: Machine, first_up: str) -> dict[str, str]:
    """PEM of the database's authority and of the directory, by the objects of the cluster."""
    assert first_up
    machine.bring_up(changes_may_wait=True)
    pod = machine.pods("mysql")[0]["metadata"]["name"]
    authority = machine.kubectl("exec", pod, "-c", "mysql", "--", "cat", "/var/lib/mysql/data/ca.pem").ok()
    return {"database-ca": authority, "directory": PAIR.certificate}


@pytest.fixture(scope="module", autouse=True)
def configured(machine: Machine, certificates: dict[str, str]) -> Iterator[None]:
    """Everything, with one update."""
    metadata = {name: {"name": name, "namespace": NAMESPACE} for name in certificates}
    authority, server = ({"metadata": metadata[name], "apiVersion": "v1"} for name in certificates)
    neighbours.move_in(
        machine,
        authority | {"kind": "ConfigMap", "data": {"ca.pem": certificates["database-ca"]}},
        server | {"kind": "Secret", "stringData": {"tls.crt": certificates["directory"]}},
    )
    machine.sql("", "CREATE USER 'verifier'@'%' REQUIRE SSL")
    settings = dict(SETTINGS)
    for index, (name, url) in enumerate(URLS.items()):
        content = car(name, name, body=LOOKUP.format(name=name))
        settings |= {
            f"ei.patches[{index}].file": PATCHED,
            f"ei.patches[{index}].path": f"{SOURCES}[name='{name}']",
            f"ei.patches[{index}].xml": DATASOURCE.format(name=name, url=url.replace("&", "&amp;")),
            f"ei.carbonApps[{index}].name": f"{name}.car",
            f"ei.carbonApps[{index}].content": base64.b64encode(content).decode(),
        }
    machine.configure_all(settings)
    machine.update().ok()
    yield
    tops = {"ei." + re.split(r"[.\[]", key)[1] for key in settings}
    machine.configure("rm-all", *(f"wso2ei:{top}" for top in sorted(tops)))
    # ConfigMap, Secret and claim stay until the next update, which mounts them no more.
    machine.sql("", "DROP USER 'verifier'@'%'")
    neighbours.move_out(machine)


def test_both_access_logs_are_on_the_nodes_standard_output(machine: Machine) -> None:
    machine.curl("/services?of=a-test", GATEWAY).ok()
    machine.curl("/carbon/?of=a-test", CONSOLE).ok()
    eventually("the gateway's line", lambda: printed(machine, '"GET /services?of=a-test HTTP/1.1" 200'))
    assert "HTTP_ACCESS gateway" in printed(machine, "/services?of=a-test")[0]
    eventually("the console's line", lambda: printed(machine, '"GET /carbon/?of=a-test HTTP/1.1" 302'))
    assert "HTTP_ACCESS console" in printed(machine, "/carbon/?of=a-test")[0]


def test_each_node_writes_its_logs_to_a_folder_of_its_own_on_the_volume(machine: Machine) -> None:
    nodes = [pod["metadata"]["name"] for pod in machine.nodes()]
    assert len(nodes) == 2
    for node in nodes:
        script = f"cat {LOGS}/wso2carbon.log; grep repository/logs /proc/self/mountinfo"
        said = machine.kubectl("exec", node, "-c", "ei", "--", "sh", "-c", script).ok()
        assert said.count("WSO2 Carbon started in") == 1
        assert f"/logs/{node} " in said


def test_only_named_pods_reach_the_gateway_and_the_port_of_an_inbound_endpoint(machine: Machine) -> None:
    for node in (0, 1):
        on_node(machine, f"setsid nc -lk {ENDPOINT} </dev/null >/dev/null 2>&1 &", node=node)
    addresses = [pod["status"]["podIP"] for pod in machine.nodes()]
    named = {f"{SERVICE}:{port}" for port in (8243, 8280, ENDPOINT)}
    direct = {f"{address}:{port}" for address in addresses for port in (ENDPOINT, 9443)}
    allowed = named | {place for place in direct if place.endswith(f":{ENDPOINT}")}

    def found(name: str) -> set[str]:
        return neighbours.reached(machine, name, sorted(named | direct))

    for name in ("caller", "shop"):
        eventually(f"the pod {name} reaches what it may", lambda name=name: found(name) >= allowed)  # type: ignore[misc]
        assert found(name) == allowed
    assert found("stranger") == set()


def test_a_claim_is_a_folder_of_every_node_and_both_write_what_its_owner_reads(machine: Machine) -> None:
    for node in (0, 1):
        on_node(machine, f"id -u >/mnt/partner/{node}", node=node)
    assert neighbours.inside(machine, "shop", "sh", "-c", "cat /files/0 /files/1").split() == ["802", "802"]
    assert on_node(machine, "cat /mnt/partner/0 /mnt/partner/1", node=1).split() == ["802", "802"]


def test_jvm_and_gateway_trust_the_added_certificates(machine: Machine, certificates: dict[str, str]) -> None:
    carbon, axis2 = (
        ET.fromstring(on_node(machine, f"cat $WSO2_SERVER_HOME/conf/{name}"))  # noqa: S314 - the product's own
        for name in ("carbon.xml", "axis2/axis2.xml")
    )
    sender = axis2.find("transportSender[@name='https']/parameter[@name='truststore']/TrustStore/Location")
    jvm = next(found for found in carbon.iter() if found.tag.endswith("TrustStore"))[0]
    for store in (jvm, sender):
        assert store is not None
        assert store.text
        listed = on_node(machine, 'keytool -list -keystore "$1" -storepass wso2carbon 2>&1', store.text)
        for name, pem in certificates.items():
            print_ = x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256()).hex(":").upper()
            assert print_ in listed, (name, store.text)
    # Connector/J verifies the server's certificate: by the JVM's truststore, and by that of the image.
    answer = machine.curl("/services/JvmTrust", GATEWAY).ok()
    assert '"who": "verifier@%"' in answer
    assert machine.curl("/services/ImageTrust", GATEWAY).text.startswith("HTTP/2 500")
    assert any(re.search("certification path|trust anchors", line) for line in printed(machine, "Caused by"))


def test_calls_go_through_the_proxy_but_those_inside_the_cluster_do_not(machine: Machine) -> None:
    api = on_node(machine, "echo $KUBERNETES_SERVICE_HOST").strip()
    inside = [f"{host}:443" for host in (api, "kubernetes.default", "kubernetes.default.svc.cluster.local")]
    outside = "partner.example.com:443"
    told = dict(line.split(" ", 1) for line in on_node(machine, CALL, *inside, outside).splitlines())
    assert told == dict.fromkeys(inside, "Certificate #0") | {outside: "none"}
    assert {line for line in neighbours.proxied(machine) if line} == {f"CONNECT {outside} HTTP/1.1"}


@pytest.fixture
def users(machine: Machine) -> Iterator[dict[str, str]]:
    """Passwords of a directory's users; its file on the shared folder, and one with a wrong password."""
    if not machine.embedded:
        pytest.skip("the directory is in a folder of the embedded cluster's node")
    known = {name: secrets.token_hex(8) for name in ("account", "ada", "bob")}
    directory.start(machine, PAIR, known)
    script = 'keytool -exportcert -rfc -alias wso2carbon -keystore "$1" -storepass wso2carbon 2>/dev/null'
    pem = on_node(machine, f'set -- "$WSO2_SERVER_HOME/repository/resources/security/wso2carbon.jks"; {script}')
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    assert isinstance(key, RSAPublicKey)
    (page,) = re.findall(r"```xml\n(.*?)```", (ROOT / "docs/users.md").read_text(), re.DOTALL)
    text = page.replace("ldap.example.com:636", f"{directory.HOST}:{directory.PORT}")
    assert directory.ACCOUNT in text
    for domain, password in ((directory.DOMAIN, known["account"]), ("REFUSED.COM", "wrong")):
        file = text.replace(directory.DOMAIN, domain).replace("CIPHERTEXT", cipher_text(key, password, OAEP))
        write = f'mkdir -p "{STORES}" && cd "{STORES}" && cat >"$1.new" && mv "$1.new" "$1.xml"'
        on_node(machine, write, domain.replace(".", "_"), stdin=file)
    yield known
    on_node(machine, f'rm -r "{STORES}"')
    directory.stop(machine)
    machine.sql("WSO2EI_USER_DB", "DELETE FROM UM_ROLE_PERMISSION WHERE UM_ROLE_NAME = 'integration'")


def test_users_of_a_directory_log_in_to_the_console_if_their_group_may(machine: Machine, users: dict[str, str]) -> None:
    def logs_in(user: str, password: str) -> bool:
        return "loginStatus=true" in machine.login(password, user)

    eventually("both nodes have the store", lambda: len(printed(machine, "modified with")) == 2)
    refused = printed(machine, "The deployment of REFUSED_COM.xml is not valid")
    assert refused
    assert all("error code 49 - Invalid Credentials" in line for line in refused)
    assert not printed(machine, "The deployment of EXAMPLE_COM.xml is not valid")
    assert not logs_in("EXAMPLE.COM/ada", users["ada"]), "a permission is missing"
    machine.sql("WSO2EI_USER_DB", GRANT)
    for user in ("EXAMPLE.COM/ada", "ada"):
        assert logs_in(user, users["ada"])
    for user, password in (("ada", users["bob"]), ("ada", ""), ("bob", users["bob"]), ("*", users["ada"])):
        assert not logs_in(f"EXAMPLE.COM/{user}", password), user
    assert not logs_in("REFUSED.COM/ada", users["ada"])
    assert logs_in("admin", machine.password())
