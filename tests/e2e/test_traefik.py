"""A controller that the cluster has and that is not F5's: Traefik, by the annotations of ingress-nginx."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import toolchain
from embedded.cluster import components, names
from embedded.progress import Reporter
from tests.e2e import load, traefik
from tests.e2e.machine import CONSOLE, GATEWAY, ROOT, Machine, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(2400), pytest.mark.usefixtures("first_up")]
SETTINGS = {
    "controller": "existing",
    "className": traefik.NAME,
    "dialect": "community",
    "controllerLabels.app": traefik.NAME,
    "controllerAddress": f"{traefik.NAME}.{traefik.NAME}:443",
}


@pytest.fixture(scope="module", autouse=True)
def served_by_traefik(machine: Machine, first_up: str) -> Iterator[None]:
    """The running stack goes over to the controller, and back."""
    assert first_up
    if not machine.embedded:
        pytest.skip("the node's folder is the embedded cluster's")
    machine.bring_up(changes_may_wait=True)
    binary = toolchain.ensure("traefik", Reporter()) / "traefik"
    folder = components.host_path(names.current(), 1, traefik.FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy2(binary, folder)
    machine.apply(traefik.objects())
    rollout = ["kubectl", "-n", traefik.NAME, "rollout", "status", "deployment/traefik", "--timeout=120s"]
    machine.run(rollout, env=machine.environment).ok()
    for key, value in SETTINGS.items():
        machine.configure("set", f"wso2ei:ingress.{key}", value)
    machine.update().ok()
    yield
    for key in ("controller", "className", "dialect", "controllerLabels", "controllerAddress"):
        machine.configure("rm", f"wso2ei:ingress.{key}")
    kinds = "namespace,ingressclass,clusterrole,clusterrolebinding"
    machine.run(["kubectl", "delete", kinds, "-l", f"app={traefik.NAME}"], env=machine.environment).ok()
    machine.update().ok()


def test_the_two_requests_of_the_blog_are_answered_over_https(machine: Machine) -> None:
    eventually("the port is the controller's", lambda: "HTTP/" in machine.curl("/carbon", CONSOLE).text)
    console = machine.curl("/carbon", CONSOLE).ok()
    assert console.startswith("HTTP/2 302")
    assert f"location: https://{CONSOLE}/carbon/admin/index.jsp" in console
    gateway = machine.curl("/services", GATEWAY).ok()
    assert gateway.startswith("HTTP/2 200")
    assert "Deployed services" in gateway


def test_http_is_redirected(machine: Machine) -> None:
    words = ["curl", "-sS", "-i", "http://localhost/carbon", "-H", f"Host: {CONSOLE}"]
    answer = machine.run(words, seconds=60).ok()
    assert answer.split()[1] in {"301", "302", "307", "308"}, answer
    assert f"location: https://{CONSOLE}" in answer.lower()


def test_the_console_keeps_a_browser_on_one_node_for_ten_requests(machine: Machine, tmp_path: Path) -> None:
    """A session lives in one node's memory: on the other node the page would lead to the login again."""
    jar = str(tmp_path / "jar")
    form = ["-d", "username=admin", "--data-urlencode", f"password={machine.password()}"]
    login = machine.curl("/carbon/admin/login_action.jsp", CONSOLE, "-c", jar, "-b", jar, *form).ok()
    assert "loginStatus=true" in login
    assert "set-cookie: route=" in login.lower()
    for _ in range(10):
        page = machine.curl("/carbon/admin/index.jsp", CONSOLE, "-c", jar, "-b", jar).ok()
        assert page.startswith("HTTP/2 200"), page
        assert "set-cookie: route=" not in page.lower()


def test_a_body_of_20_mb_passes(machine: Machine, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * 20_000_000)
    post = ["-X", "POST", "-H", "Expect:", "-H", "Content-Type: text/plain", "--data-binary", f"@{body}"]
    # A service, since a server that answers without reading the body closes the connection.
    load.deploy_service(machine)
    assert machine.curl(f"/services/{load.SERVICE}", GATEWAY, *post).ok().startswith("HTTP/2 200")


def test_annotations_that_it_does_not_read_are_documented(machine: Machine) -> None:
    """The binary holds the names of those that it reads, as tags of a Go struct."""
    binary = (toolchain.ensure("traefik", Reporter()) / "traefik").read_bytes()
    given = {name for ingress in machine.objects("ingress") for name in ingress["metadata"]["annotations"]}
    nginx = {name for name in given if name.startswith("nginx.ingress.kubernetes.io/")}
    unread = {name.rpartition("/")[2] for name in nginx if f'annotation:"{name}"'.encode() not in binary}
    table = (ROOT / "docs" / "install.md").read_text().partition("### Traefik")[2].partition("\n#")[0]
    assert set(re.findall(r"^\| `([a-z-]+)`", table, re.MULTILINE)) == unread
