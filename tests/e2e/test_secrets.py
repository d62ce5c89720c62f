"""Passwords in Secrets of somebody else: the running stack goes over to them, and follows when they change."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from components.nginx.tls import self_signed
from tests.e2e.machine import NAMESPACE, Machine
from tests.e2e.test_backup import backup, start

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
SLOW_QUERIES = ("--slow-query-log", "--long-query-time=1", "--log-output=TABLE")
# Everything that means something to a shell, to SQL, to an option file, to XML or to a URL.
NASTY = "p'w\"&<>\\$(id)`%;#"


def secret(machine: Machine, name: str, **values: str) -> None:
    body = {
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE},
        "stringData": {key.replace("_", "-"): value for key, value in values.items()},
    }  # fmt: skip
    machine.kubectl("apply", "-f", "-", stdin=json.dumps(body)).ok()


def provide(machine: Machine, generation: int) -> None:
    """Both Secrets, as External Secrets would write them; a line end is often behind what was a file."""
    users = ("root", "user", "registry", "backup")
    passwords = {f"{user}_password": f"{generation}-{user}-{NASTY}" for user in users}
    secret(machine, "team-mysql", **passwords)
    secret(machine, "team-admin", password=f"{NASTY}-{generation}\n")


def provide_certificate(machine: Machine) -> None:
    """As a company's authority would issue it; this one signed itself, and is its own authority."""
    pair = self_signed(b"1" * 32, ["wso2ei-mysql"])
    files = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": pair.certificate}
    secret(machine, "team-mysql-tls", **files)


def configure(machine: Machine, **values: str) -> None:
    """Keys of ``secrets`` in the stack's file; an empty value removes a key."""
    for key, value in values.items():
        place = f"wso2ei:secrets.{key.replace('_', '.')}"
        machine.configure(*(["set", place, value] if value else ["rm", place]))


def signed_in(machine: Machine, password: str) -> bool:
    return "loginStatus=true" in machine.login(password)


@pytest.fixture
def own_secrets(machine: Machine) -> Iterator[None]:
    machine.bring_up(changes_may_wait=True)
    provide(machine, 1)
    provide_certificate(machine)
    yield
    # The Secrets stay until the next update, which goes back to the stack's own.
    configure(machine, mysql="", admin="", rotation="")
    for key in ("tlsSecret", "options", "backup"):
        machine.configure("rm", f"wso2ei:mysql.{key}")


@pytest.mark.usefixtures("own_secrets")
def test_a_running_stack_goes_over_to_existing_secrets_and_follows_their_rotation(machine: Machine) -> None:
    configure(machine, mysql="team-mysql", admin="team-admin")
    # The same update gives MySQL a certificate, which EI and backups verify, and the options of the page about WSO2's
    # values.
    machine.configure("set", "wso2ei:mysql.tlsSecret", "team-mysql-tls")
    machine.configure("set", "wso2ei:mysql.backup.schedule", "0 0 1 1 *")
    for index, option in enumerate(SLOW_QUERIES):
        machine.configure("set", f"wso2ei:mysql.options[{index}]", option)
    machine.update().ok()
    assert signed_in(machine, f"{NASTY}-1")
    # The year until which self_signed's certificates are valid, and not MySQL's own.
    assert " 2044 " in machine.sql("mysql", "SHOW STATUS LIKE 'Ssl_server_not_after'")
    start(machine, "verified")
    assert backup(machine, "verified")
    assert "VERIFY_CA" in machine.kubectl("get", "job", "verified", "-o", "yaml").ok()
    assert machine.sql("WSO2EI_USER_DB", "SELECT SLEEP(1.1) AS A_SLOW_QUERY") == "0"
    assert "A_SLOW_QUERY" in machine.sql("mysql", "SELECT CONVERT(sql_text USING utf8mb4) FROM slow_log")
    assert machine.sql("WSO2EI_USER_DB", "SELECT 1") == "1"
    outputs = json.loads(machine.pulumi("stack", "output", "-s", "local", "--json").ok())
    assert "admin_password" not in outputs

    provide(machine, 2)
    configure(machine, rotation_mysql="2", rotation_admin="2")
    machine.update().ok()
    assert signed_in(machine, f"{NASTY}-2")
    assert not signed_in(machine, f"{NASTY}-1")
    assert machine.sql("WSO2EI_USER_DB", "SELECT 1") == "1"
    logs = "".join(
        machine.kubectl("logs", pod["metadata"]["name"], "--all-containers").text for pod in machine.objects("pods")
    )
    assert NASTY not in logs


def live_pods(machine: Machine) -> set[str]:
    """Return the pods that are not being deleted: an update ends before the pods that it replaced have ended."""
    found = [pod["metadata"] for pod in machine.objects("pods")]
    return {metadata["uid"] for metadata in found if "deletionTimestamp" not in metadata}


def test_what_the_stack_file_names_and_the_cluster_lacks_is_reported_before_anything_changes(machine: Machine) -> None:
    names = {"wso2ei:secrets.admin": "team-missing", "wso2ei:scheduling.priorityClass": "missing-class"}
    before = live_pods(machine)
    for place, name in names.items():
        machine.configure("set", place, name)
    try:
        done = machine.update()
    finally:
        for place in names:
            machine.configure("rm", place)
    assert done.code != 0
    assert "wso2ei:secrets.admin" in done.text
    assert "must be an existing Secret" in done.text
    assert "must be an existing PriorityClass" in done.text
    assert "system-cluster-critical" in done.text, "the names that the cluster has"
    assert live_pods(machine) == before
