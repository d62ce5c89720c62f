"""The way of the stack's data from place to place."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.machine import CAR_FOLDER, ROOT, Machine


class Shell:
    """Runs commands as a person who copies them from the terminal; files land in a folder of the test's own."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self._folder = folder
        self._environment = machine.environment | {"PULUMI_STACK": "local"}

    def __call__(self, line: str) -> None:
        folder = ROOT if line.startswith("pulumi ") else self._folder
        line = line.replace("pulumi up", "pulumi --non-interactive up --yes --skip-preview")
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line], cwd=folder, env=self._environment, timeout=1200, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout[-6000:]}"


def table_exists(machine: Machine) -> bool:
    query = "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'STAYS'"
    return machine.sql("WSO2EI_USER_DB", query) == "1"


@pytest.mark.e2e
@pytest.mark.timeout(2400)
@pytest.mark.usefixtures("first_up")
def test_what_is_refused_can_be_done_with_the_commands_that_the_refusal_prints(
    machine: Machine, tmp_path: Path
) -> None:
    shell = Shell(machine, tmp_path)
    machine.bring_up()
    secret = machine.password()
    machine.sql("WSO2EI_USER_DB", "CREATE TABLE STAYS (ID INT)")
    car = next(pod for pod in machine.nodes())["metadata"]["name"]
    for folder in (CAR_FOLDER, "repository/tenants"):
        machine.kubectl(
            "exec", car, "-c", "ei", "--", "sh", "-c", f"touch $(ls -d /home/wso2carbon/*/{folder})/kept.txt"
        ).ok()

    shell("pulumi config set --path 'wso2ei:storage.path' /var/lib/wso2ei/moved")
    refused = machine.update()
    assert refused.code != 0
    assert "would stay in the old place; nothing was changed" in refused.text
    assert table_exists(machine)

    commands = re.findall(r"^ {7,}((?:kubectl|tail|pulumi) .*)$", refused.text, re.MULTILINE)
    assert len(commands) >= 10
    for line in commands:
        shell(line.partition("  #")[0].strip())

    assert "Dump completed" in (tmp_path / "wso2ei.sql").read_text()
    assert secret not in (tmp_path / "wso2ei.sql").read_text()
    stored = json.loads(machine.pulumi("stack", "output", "-s", "local", "--json").ok())["storage"]
    assert stored["place"] == "hostPath /var/lib/wso2ei/moved"
    assert table_exists(machine)
    assert machine.sql("WSO2EI_USER_DB", "SELECT COUNT(*) FROM UM_USER") == "1"
    node = machine.nodes()[0]["metadata"]["name"]
    for folder in (CAR_FOLDER, "repository/tenants"):
        found = machine.kubectl("exec", node, "-c", "ei", "--", "sh", "-c", f"ls /home/wso2carbon/*/{folder}").ok()
        assert "kept.txt" in found
    assert machine.curl("/carbon", "wso2ei-scalable-integrator").text.startswith("HTTP/2 302")
    volumes = machine.objects("pvc")
    assert len(volumes) == 3
    assert all(item["status"]["phase"] == "Bound" for item in volumes)
