"""The secure vault on a running stack: the gateway's answer needs a password that only EI can decrypt."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from tests.cars import car
from tests.e2e.machine import GATEWAY, NAMESPACE, Machine
from tests.keystores import keytool, public_key

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
DATASOURCE = (
    "<datasource><name>ORDERS_DB</name><jndiConfig><name>jdbc/Orders</name></jndiConfig>"
    '<definition type="RDBMS"><configuration>'
    "<url>jdbc:mysql://wso2ei-mysql:3306/ORDERS?useSSL=true&amp;verifyServerCertificate=false"
    "&amp;enabledTLSProtocols=TLSv1.2</url><username>orders</username>"
    '<password xmlns:svns="http://org.wso2.securevault/configuration" svns:secretAlias="Orders.Password">alias'
    "</password>"
    "<driverClassName>com.mysql.jdbc.Driver</driverClassName></configuration></definition></datasource>"
)
LOOKUP = (
    "<dblookup><connection><pool><dsName>jdbc/Orders</dsName></pool></connection><statement>"
    '<sql>SELECT NOTE FROM ORDERS.NOTES</sql><result name="note" column="NOTE"/></statement></dblookup><respond/>'
)
SETTINGS = {
    "keystores.secret": "ei-stores",
    "keystores.alias": "ei",
    "secureVault.secret": "ei-vault",
    "patches[0].file": "conf/datasources/master-datasources.xml",
    "patches[0].path": "datasources-configuration/datasources/datasource[name='ORDERS_DB']",
    "patches[0].xml": DATASOURCE,
    "carbonAppsFolder": "unused",
    "carbonApps[0].name": "orders.car",
    "carbonApps[0].content": base64.b64encode(car(body=LOOKUP)).decode(),
}


@dataclass(frozen=True)
class Known:
    """What nobody may read but EI."""

    store: str
    key: str
    orders: str
    """The database's; every character that means something to XML, a shell or a URL."""


def secret(machine: Machine, name: str, data: dict[str, bytes]) -> None:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "data": encoded}
    machine.kubectl("apply", "-f", "-", stdin=json.dumps(body)).ok()


@pytest.fixture
def vault(machine: Machine, tmp_path: Path) -> Iterator[Known]:
    """A team's stores, a database of its own, and its password, encrypted for the key of the stores."""
    machine.bring_up(changes_may_wait=True)
    known = Known(secrets.token_hex(8), secrets.token_hex(8), f'{secrets.token_hex(8)}&<>"$(id)`;#%')
    keytool(tmp_path, "-genkeypair", "-alias", "ei", "-keystore", "keystore.jks", "-storetype", "JKS", "-keyalg", "RSA",
            "-keysize", "2048", "-validity", "9", "-dname", "CN=ei", "-storepass", known.store,
            "-keypass", known.key)  # fmt: skip
    # As the cipher tool of EI 6.x: RSA alone, which is PKCS #1 1.5 to a JVM.
    cipher = base64.b64encode(public_key(tmp_path, known.store).encrypt(known.orders.encode(), PKCS1v15()))
    store = (tmp_path / "keystore.jks").read_bytes()
    passwords = {"keystore": known.store, "key": known.key, "truststore": known.store}
    secret(machine, "ei-stores", {"keystore.jks": store, "client-truststore.jks": store}
           | {f"{name}-password": text.encode() for name, text in passwords.items()})  # fmt: skip
    secret(machine, "ei-vault", {"cipher-text.properties": b"Orders.Password=" + cipher + b"\n"})
    machine.sql("", "CREATE DATABASE ORDERS; CREATE TABLE ORDERS.NOTES (NOTE VARCHAR(40))")
    machine.sql("ORDERS", "INSERT INTO NOTES VALUES ('only the password opens this')")
    machine.sql("", f"CREATE USER 'orders'@'%' IDENTIFIED BY '{known.orders}'")
    machine.sql("", "GRANT SELECT ON ORDERS.* TO 'orders'@'%'")
    yield known
    for key in {name.partition(".")[0].partition("[")[0] for name in SETTINGS}:
        machine.configure("rm", f"wso2ei:ei.{key}")
    # The Secrets stay until the next update, which goes back to the image's own stores.
    machine.sql("", "DROP DATABASE ORDERS; DROP USER 'orders'@'%';")


def test_ei_decrypts_what_a_file_names_and_nobody_else_can_read_it(machine: Machine, vault: Known) -> None:
    for name, value in SETTINGS.items():
        machine.configure("set", f"wso2ei:ei.{name}", value)
    machine.update().ok()
    answer = machine.curl("/services/OrderService", GATEWAY).ok()
    assert answer.startswith("HTTP/2 200")
    assert '"note": "only the password opens this"' in answer

    node = machine.nodes()[0]["metadata"]["name"]
    script = "cd $WSO2_SERVER_HOME && stat -c '%a %u %n' password-persist conf/security/cipher-text.properties"
    shown = machine.kubectl("exec", node, "-c", "ei", "--", "sh", "-c", script).ok()
    assert shown.splitlines() == ["400 802 password-persist", "600 802 conf/security/cipher-text.properties"]
    locked = machine.kubectl("exec", node, "-c", "ei", "--", "sh", "-c", "rm -f $WSO2_SERVER_HOME/password-persist")
    assert locked.code != 0

    seen = {
        "objects": json.dumps([machine.objects(kind) for kind in ("configmaps", "deployments", "jobs", "pods")]),
        "events": json.dumps(machine.objects("events")),
        "state": machine.pulumi("stack", "export", "-s", "local").ok(),
        "config": Path(machine.environment["PULUMI_OPTION_CONFIG_FILE"]).read_text(),
        "logs": "".join(
            machine.kubectl("logs", pod["metadata"]["name"], "--all-containers").text for pod in machine.objects("pods")
        ),
    }  # fmt: skip
    assert "vault: 1 secrets, all for the key ei" in seen["logs"]
    for place, text in seen.items():
        for value in (vault.store, vault.key, vault.orders, vault.orders[:16]):
            assert value not in text, place
