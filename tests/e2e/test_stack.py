"""The main job, for real: one command, two nodes behind NGINX, and everything that must hold around it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from embedded.cluster import names, units
from tests.e2e.machine import CONSOLE, GATEWAY, NAMESPACE, ROOT, Machine, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]


def answers(machine: Machine) -> bool:
    console, gateway = machine.curl("/carbon", CONSOLE).text, machine.curl("/services", GATEWAY).text
    return console.startswith("HTTP/2 302") and gateway.startswith("HTTP/2 200")


def unchanged(text: str) -> bool:
    return bool(re.search(r"\d+ unchanged", text)) and not re.search(r"\d+ (to )?(create|update|replace|delete)", text)


def ready(pod: dict[str, Any]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))


def test_the_blog_s_two_requests_are_answered_as_its_author_typed_them(machine: Machine) -> None:
    console = machine.curl("/carbon", CONSOLE).ok()
    assert console.startswith("HTTP/2 302")
    assert "\nlocation: https://wso2ei-scalable-integrator/carbon/admin/index.jsp\n" in console
    gateway = machine.curl("/services", GATEWAY).ok()
    assert gateway.startswith("HTTP/2 200")
    assert re.search(r"\ncontent-type: text/html", gateway)
    assert "Deployed services" in gateway


def test_the_last_lines_tell_a_person_what_comes_next(machine: Machine, first_up: str) -> None:
    for text in (
        "hosts file",
        "127.0.0.1 wso2ei-scalable-integrator",
        "curl -k -i https://localhost/carbon",
        # Elsewhere nothing may be a stand-in: there these tests are the judge of the stand-ins.
        "announce themselves in their logs" if machine.embedded else "none: everything is the real thing",
    ):
        assert text in first_up


def test_every_pod_is_ready_and_both_ingresses_show_an_address(machine: Machine) -> None:
    for name, count in (("mysql", 1), ("nginx-ingress", 1)):
        pods = machine.pods(name)
        assert len(pods) == count
        assert all(map(ready, pods)), name
    assert len(machine.nodes()) == 2
    assert all(map(ready, machine.nodes()))
    for ingress in machine.objects("ingress"):
        assert ingress["status"]["loadBalancer"]["ingress"] == [{"hostname": "localhost"}]


def test_status_shows_the_stack_and_both_answers_on_one_screen(machine: Machine) -> None:
    shown = machine.make("status", "ONCE=1").ok()
    assert "4 of 4 pods run; all is well" in shown
    assert re.search(rf"check +https://{CONSOLE}/carbon +302 https://{CONSOLE}/carbon/admin/index.jsp", shown)
    assert re.search(rf"check +https://{GATEWAY}/services +200 text/html", shown)
    assert f"127.0.0.1 {CONSOLE} {GATEWAY}" in shown


def test_each_node_s_log_lists_two_members_though_the_second_ca_of_the_bundle_signs(machine: Machine) -> None:
    bundle = next(found for found in machine.objects("configmap") if found["metadata"]["name"] == "kube-root-ca.crt")
    assert bundle["data"]["ca.crt"].count("BEGIN CERTIFICATE") == 2
    addresses = {pod["status"]["podIP"] for pod in machine.nodes()}
    for pod in machine.nodes():
        assert machine.members(pod["metadata"]["name"]) == addresses


def test_both_databases_have_wso2_s_tables(machine: Machine) -> None:
    for database, prefix in (("WSO2EI_USER_DB", "UM\\_%"), ("WSO2EI_INTEGRATOR_CONFIG_GOV_DB", "REG\\_%")):
        statement = f"SELECT COUNT(*) FROM information_schema.tables WHERE table_name LIKE '{prefix}'"  # noqa: S608
        count = machine.sql(database, statement)
        assert int(count) >= 17
    assert machine.sql("WSO2EI_USER_DB", "SELECT COUNT(*) FROM UM_USER") == "1"


def test_preview_and_refresh_right_after_report_no_change(machine: Machine) -> None:
    assert unchanged(machine.pulumi("preview", "-s", "local").ok())
    assert unchanged(machine.pulumi("refresh", "-s", "local", "--yes", "--skip-preview").ok())
    assert unchanged(machine.pulumi("preview", "-s", "local").ok())


def test_the_same_command_again_changes_nothing_and_the_checkout_stays_clean(machine: Machine) -> None:
    before = machine.run(["git", "status", "--porcelain"]).ok()
    assert unchanged(machine.make("up").ok())
    assert machine.run(["git", "status", "--porcelain"]).ok() == before
    assert "encryptionsalt" not in (ROOT / "Pulumi.local.yaml").read_text()


def test_plain_pulumi_and_kubectl_work_in_the_shell_of_make_env(machine: Machine) -> None:
    outputs = json.loads(machine.pulumi("stack", "output", "-s", "local", "--json").ok())
    assert outputs["ingress_hosts"] == {"console": CONSOLE, "gateway": GATEWAY}
    assert outputs["hosts_file_line"] == f"127.0.0.1 {CONSOLE} {GATEWAY}"
    assert outputs["admin_password"] == "[secret]"
    assert NAMESPACE in machine.kubectl("get", "pods", "-A").ok()


def test_the_administrator_of_the_outputs_can_sign_in_and_nobody_else(machine: Machine) -> None:
    assert "loginStatus=true" in machine.login(machine.password())
    assert "loginStatus=false" in machine.login("admin")


def test_no_secret_stands_in_plain_state_or_in_anything_but_a_secret(machine: Machine) -> None:
    secrets = [machine.password()]
    for name in ("root", "user", "registry"):
        secrets.append(secret_of(machine, f"wso2ei-mysql-{name}-password"))
    secrets.append(secret_of(machine, "wso2ei-nginx-tls-seed"))
    exported = machine.pulumi("stack", "export", "-s", "local").ok()
    everything = machine.run(
        ["kubectl", "get", "-A", "-o", "yaml",
         "configmaps,pods,deployments,statefulsets,jobs,services,ingresses,events,serviceaccounts"],
        env=machine.environment,
    ).ok()  # fmt: skip
    logs = "".join(
        machine.kubectl("logs", pod["metadata"]["name"], "--all-containers").text for pod in machine.objects("pods")
    )
    for secret in secrets:
        assert len(secret) >= 24
        for place, text in (("state", exported), ("objects", everything), ("logs", logs)):
            assert secret not in text, place


def secret_of(machine: Machine, name: str) -> str:
    state = json.loads(machine.pulumi("stack", "export", "-s", "local", "--show-secrets").ok())
    found = next(r for r in state["deployment"]["resources"] if r["urn"].endswith(f"::{name}"))
    return str(json.loads(found["outputs"]["result"]["plaintext"]))


def says_of_mysql(machine: Machine, name: str, labels: dict[str, str]) -> str:
    """What a pod with these labels prints when it connects to MySQL."""
    # A policy takes a moment to learn of a new pod, in either direction.
    program = """
import socket, time
end, said = time.monotonic() + 15, ""
while time.monotonic() < end and not said.startswith("greeted"):
    try:
        said = f"greeted with {len(socket.create_connection(('wso2ei-mysql', 3306), timeout=3).recv(100))} bytes"
    except OSError as error:
        said = f"refused: {error}"
        time.sleep(1)
print(said)
"""
    container = {
        "name": "main",
        "image": "docker.io/library/python:3.13.11-slim-trixie",
        "command": ["python", "-c", program],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65534},
            "containers": [container | {"resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}],
        },
    }
    machine.kubectl("apply", "-f", "-", stdin=json.dumps(pod)).ok()
    try:
        eventually(
            f"{name} has ended",
            lambda: machine.objects("pods", f"--field-selector=metadata.name={name},status.phase=Succeeded"),
        )
        return machine.kubectl("logs", name).ok()
    finally:
        machine.kubectl("delete", "pod", name, "--wait=false")


def test_only_pods_with_the_client_label_reach_mysql(machine: Machine) -> None:
    assert "greeted with" in says_of_mysql(machine, "friend", {"wso2ei/mysql-client": "true"})
    assert "refused: " in says_of_mysql(machine, "stranger", {})


def test_a_rolling_update_fits_the_small_machine_and_the_gateway_keeps_answering(machine: Machine) -> None:
    """1.0 CPU and 4 GiB: the scheduler would refuse a surging node that does not fit."""
    before = {pod["metadata"]["name"] for pod in machine.nodes()}
    machine.configure("set", "wso2ei:ei.heap", "500Mi")
    update = subprocess.Popen(
        ["pulumi", "--non-interactive", "up", "-s", "local", "--yes", "--skip-preview"], cwd=ROOT,
        env=machine.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    asked, failed = 0, []
    while update.poll() is None:
        first = machine.curl("/services", GATEWAY).text.partition("\n")[0]
        asked += 1
        if not first.startswith("HTTP/2 200"):
            failed.append(first)
        time.sleep(0.2)
    said = update.communicate()[0]
    assert update.returncode == 0, said[-4000:]
    assert asked > 10
    assert failed == []
    after = {pod["metadata"]["name"] for pod in machine.nodes()}
    assert not before & after
    assert "Job wso2ei-acceptance-job" in said or "wso2ei-acceptance-job replaced" in said


def set_ingress(machine: Machine, values: dict[str, str]) -> None:
    """Keys of ``ingress`` in the stack's file; an empty value removes a key."""
    for key, value in values.items():
        machine.configure(*(["set", f"wso2ei:ingress.{key}", value] if value else ["rm", f"wso2ei:ingress.{key}"]))


def outputs_of(machine: Machine) -> dict[str, Any]:
    return dict(json.loads(machine.pulumi("stack", "output", "-s", "local", "--json").ok()))


def test_outputs_and_the_console_s_redirect_follow_a_node_port_and_back(machine: Machine) -> None:
    """The port is allotted by the cluster, and EI is configured with it; the address is the node's."""
    node = names.node_address(1)
    if machine.embedded:
        # The stand-in needs no more. With what EI needs, a small machine holds no third node beside one on its way out,
        # so that every update from here on would wait until that is gone.
        machine.configure("set", "wso2ei:ei.memory", "850Mi")
        machine.configure("set", "wso2ei:ei.cpu", "150m")
    set_ingress(machine, {"expose": "NodePort", "address": node})
    try:
        machine.update().ok()
        outputs = outputs_of(machine)
        assert outputs["hosts_file_line"] == f"{node} {CONSOLE} {GATEWAY}"
        found = re.fullmatch(rf"https://{CONSOLE}:(3\d{{4}})/carbon", outputs["console_url"])
        assert found, outputs["console_url"]
        port = found[1]
        assert outputs["gateway_url"] == f"https://{GATEWAY}:{port}"
        answer = machine.request(outputs["console_url"], "--resolve", f"{CONSOLE}:{port}:{node}").ok()
        assert answer.startswith("HTTP/2 302")
        assert f"\nlocation: https://{CONSOLE}:{port}/carbon/admin/index.jsp\n" in answer
    finally:
        set_ingress(machine, {"expose": "", "address": ""})
        machine.update().ok()
    assert outputs_of(machine)["hosts_file_line"] == f"127.0.0.1 {CONSOLE} {GATEWAY}"
    assert answers(machine)


def test_kept_data_is_found_again_after_a_killed_update_and_everything_takes_the_new_passwords(
    machine: Machine, tmp_path: Path
) -> None:
    machine.sql("WSO2EI_USER_DB", "CREATE TABLE IF NOT EXISTS MARK (ID INT)")
    old = machine.password()
    said = machine.make("destroy").ok()
    assert "kept: /var/lib/wso2ei/local/mysql" in said
    assert machine.run(["kubectl", "get", "ns", NAMESPACE], env=machine.environment).code != 0
    left = machine.run(["kubectl", "get", "pv,ingressclass,clusterrole", "-o", "name"], env=machine.environment).ok()
    assert "wso2ei" not in left

    update = killed_update(machine, tmp_path / "update.txt")
    try:
        machine.make("up").ok()
    finally:
        # The language host outlives its engine.
        subprocess.run(["pkill", "-KILL", "-s", str(update)], check=False)
    assert answers(machine)
    assert (
        machine.sql("WSO2EI_USER_DB", "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'MARK'") == "1"
    )
    new = machine.password()
    assert new != old
    assert "loginStatus=true" in machine.login(new)
    assert "loginStatus=false" in machine.login(old)


def killed_update(machine: Machine, said: Path) -> int:
    """An update that dies when it has begun to make objects; its process group."""

    def made() -> list[Any]:
        assert update.poll() is None, f"the update ended by itself with {update.returncode}:\n{said.read_text()}"
        return machine.objects("statefulset")

    with said.open("w") as log:
        update = subprocess.Popen(
            ["pulumi", "--non-interactive", "up", "-s", "local", "--yes", "--skip-preview"], cwd=ROOT,
            env=machine.environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        eventually("objects are being made", made)
    except AssertionError as error:
        error.add_note(said.read_text())
        raise
    finally:
        if update.poll() is None:
            os.killpg(update.pid, signal.SIGKILL)
        update.wait()
    return update.pid


def test_after_the_whole_node_was_killed_the_next_make_up_brings_the_same_stack_back(machine: Machine) -> None:
    """It ends when the stack answers: Pulumi has nothing to update, and the API server shows pods as they were."""
    if not machine.embedded:
        pytest.skip("the node of somebody else's cluster is not ours to kill")
    claims = {item["metadata"]["uid"] for item in machine.objects("pvc")}
    os.kill(units.alive(names.current(), "node-1"), signal.SIGKILL)
    assert not answers(machine)
    # Not `machine.make`, which waits for the rollouts itself.
    machine.run(["make", "-s", "up"]).ok()
    assert answers(machine)
    assert {item["metadata"]["uid"] for item in machine.objects("pvc")} == claims
