"""Certificates of cert-manager: NGINX and MySQL have them, and renewed ones, and what cannot issue one is reported.

Not part of `make e2e`, for the time that cert-manager takes to compile: `make e2e E2E=certmanager`.
"""

from __future__ import annotations

import base64
import json
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import toolchain
from embedded.cluster import components, names
from embedded.progress import Reporter
from tests.e2e import certmanager
from tests.e2e.machine import CONSOLE, GATEWAY, NAMESPACE, ROOT, Machine, eventually
from tests.e2e.test_secrets import live_pods

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
ISSUER = {f"{section}.tlsIssuer.{key}": value for section in ("ingress", "mysql")
          for key, value in {"kind": "Issuer", "name": "company"}.items()}  # fmt: skip
CERTIFICATES = ("wso2ei-nginx-issued", "wso2ei-mysql-issued")


@pytest.fixture(scope="module")
def programs(machine: Machine) -> Iterator[Path]:
    """Both settings; cert-manager is not there yet."""
    if not machine.embedded:
        pytest.skip("the node's folder is the embedded cluster's")
    machine.bring_up(changes_may_wait=True)
    found = toolchain.ensure("cert-manager", Reporter())
    machine.configure_all(ISSUER)
    yield found
    for section in ("ingress", "mysql"):
        machine.configure("rm", f"wso2ei:{section}.tlsIssuer")
    machine.update().ok()
    definitions = [f"customresourcedefinition/{kind}.cert-manager.io" for kind in certmanager.KINDS]
    rest = [f"{kind}/{certmanager.NAME}" for kind in ("namespace", "clusterrole", "clusterrolebinding")]
    machine.run(["kubectl", "delete", *definitions, *rest], env=machine.environment).ok()


def rejected(machine: Machine) -> str:
    """Return the errors of an update that changes nothing."""
    before = live_pods(machine)
    done = machine.update()
    assert done.code != 0
    assert live_pods(machine) == before
    return done.text


def ready(machine: Machine, kind: str, name: str, status: str = "True") -> None:
    machine.kubectl("wait", f"--for=condition=Ready={status}", f"{kind}/{name}", "--timeout=120s").ok()


def served(machine: Machine, host: str) -> str:
    """Return the serial number of NGINX' certificate, verified by the authority and the name."""
    secret = json.loads(machine.kubectl("get", "secret", "authority", "-o", "json").ok())
    trust = ssl.create_default_context(cadata=base64.b64decode(secret["data"]["tls.crt"]).decode())
    with (
        socket.create_connection(("localhost", 443), 10) as plain,
        trust.wrap_socket(plain, server_hostname=host) as tls,
    ):
        return str((tls.getpeercert() or {})["serialNumber"])


def since(machine: Machine) -> str:
    """Return when MySQL's certificate begins."""
    return machine.sql("mysql", "SHOW STATUS LIKE 'Ssl_server_not_before'")


def test_an_update_is_rejected_without_cert_manager_its_issuer_or_the_issuer_s_secret(
    machine: Machine, programs: Path
) -> None:
    assert rejected(machine).count("install cert-manager first") == 2
    for kind in certmanager.KINDS:
        file = programs / f"cert-manager.io_{kind}.yaml"
        machine.run(["kubectl", "apply", "--server-side", "-f", str(file)], env=machine.environment).ok()
    folder = components.host_path(names.current(), 1, certmanager.FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(programs / "controller", folder)
    machine.apply(certmanager.controller())
    assert rejected(machine).count("must be an existing Issuer of cert-manager") == 2
    company = certmanager.issuer("company", ca={"secretName": "authority"})
    machine.apply([certmanager.issuer("root", selfSigned={}), company])
    ready(machine, "issuer", "company", "False")
    assert (
        rejected(machine).count('cert-manager reports: Error getting keypair for CA issuer: secrets "authority" not')
        == 2
    )
    ready(machine, "issuer", "root")
    machine.configure("set", "wso2ei:mysql.tlsIssuer.name", "root")
    text = rejected(machine)
    machine.configure("set", "wso2ei:mysql.tlsIssuer.name", "company")
    assert "must be a CA or Vault issuer" in text


def test_nginx_and_mysql_have_certificates_of_the_issuer_and_load_renewed_ones(
    machine: Machine, programs: Path
) -> None:
    assert programs
    machine.apply([certmanager.authority("authority", "root")])
    ready(machine, "issuer", "company")
    machine.update().ok()
    assert "loginStatus=true" in machine.login(machine.password())
    assert "VERIFY_CA" in machine.kubectl("get", "deployment", "wso2ei", "-o", "yaml").ok()
    before = {host: served(machine, host) for host in (CONSOLE, GATEWAY)}, since(machine)
    pods = live_pods(machine)
    # As cmctl renew does it.
    renew = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "renewed by the test"}
    patch = json.dumps([{"op": "add", "path": "/status/conditions/-", "value": renew}])
    for name in CERTIFICATES:
        machine.kubectl("patch", "certificate", name, "--subresource=status", "--type=json", "-p", patch).ok()
    eventually("NGINX' renewed certificate", lambda: served(machine, CONSOLE) not in before[0].values(), 180)
    eventually("MySQL's renewed certificate", lambda: since(machine) != before[1], 300)
    # EI verifies the renewed one, too: its next connections are new.
    connections = "SELECT CONCAT('KILL ', ID, ';') FROM processlist WHERE USER LIKE 'wso2ei%'"
    machine.sql("mysql", machine.sql("performance_schema", connections))
    eventually("a login", lambda: "loginStatus=true" in machine.login(machine.password()))
    assert live_pods(machine) == pods
    restarts = [one["restartCount"] for pod in machine.objects("pods") for one in pod["status"]["containerStatuses"]]
    assert not any(restarts), restarts


def test_an_update_shows_why_a_ready_issuer_does_not_sign_and_the_next_one_recovers(
    machine: Machine, programs: Path
) -> None:
    """Such a Certificate could still become ready, so the update waits; here it is interrupted."""
    assert programs
    data = {
        key: json.loads(machine.kubectl("get", "secret", name, "-o", "json").ok())["data"][key]
        for key, name in {"tls.crt": "authority", "tls.key": CERTIFICATES[0]}.items()
    }
    metadata = {"name": "key-of-another", "namespace": NAMESPACE}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
    machine.apply([secret, certmanager.issuer("broken", ca={"secretName": "key-of-another"})])
    ready(machine, "issuer", "broken")
    machine.configure("set", "wso2ei:ingress.tlsIssuer.name", "broken")
    words = ["pulumi", "--non-interactive", "up", "-s", "local", "--yes", "--skip-preview"]
    with subprocess.Popen(words, cwd=ROOT, env=machine.environment, text=True, stdout=subprocess.PIPE) as update:
        assert update.stdout
        assert any("Error signing certificate: " in line for line in update.stdout)
        update.send_signal(signal.SIGINT)
        update.communicate()
    assert update.returncode
    assert served(machine, CONSOLE)
    machine.configure("set", "wso2ei:ingress.tlsIssuer.name", "company")
    machine.update().ok()
