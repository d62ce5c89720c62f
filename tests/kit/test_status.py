"""What ``make status`` shows of everything but pods, and how it looks."""

from __future__ import annotations

import http.server
import io
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, Group
from rich.text import Text

from components.nginx.tls import self_signed
from embedded.errors import KitError
from embedded.status import checks, cli, objects, rows
from embedded.status.pulls import Account
from embedded.status.report import Report, report
from embedded.status.rows import PodRow
from embedded.status.screen import screen
from embedded.status.snapshot import Snapshot, addresses_of, port_of
from tests.kit.status_objects import NOW, PRIVATE, UNAUTHORIZED, Object, ago, event, pod, ran, refused, running, view


def claim(phase: str = "Pending") -> Object:
    meta = {"name": "wso2ei-mysql", "namespace": "wso2", "uid": "uid-of-claim"}
    status = {"phase": phase} | ({"capacity": {"storage": "8Gi"}} if phase == "Bound" else {})
    return {"kind": "PersistentVolumeClaim", "metadata": meta, "spec": {"volumeName": "pv-1"}, "status": status}


def test_a_claim_says_why_it_is_not_bound() -> None:
    assert objects.claim_row(claim("Bound"), view()).text == "bound, 8Gi"
    told = event(claim(), "ProvisioningFailed", 'storageclass.storage.k8s.io "fast" not found', 9)
    row = objects.claim_row(claim(), view(told))
    assert row.level == "bad"
    assert row.problem
    assert "storage.mysqlClass" in row.problem.way_out
    late = event(claim(), "WaitForFirstConsumer", "waiting for first consumer to be created before binding", 9)
    assert objects.claim_row(claim(), view(late)).level == "busy"


def workload(kind: str, name: str, wanted: int, existing: int) -> Object:
    meta = {"name": name, "namespace": "wso2", "uid": f"uid-of-{name}"}
    return {"kind": kind, "metadata": meta, "spec": {"replicas": wanted}, "status": {"replicas": existing}}


def test_a_workload_of_the_stack_without_all_of_its_pods_is_unready_and_another_team_s_is_not() -> None:
    mysql, ei, other = (workload("Deployment", name, 2, 2) for name in ("wso2ei-mysql", "wso2ei", "other"))
    for item in (mysql, ei):
        item["metadata"]["labels"] = {"app.kubernetes.io/part-of": "wso2ei"}
    mysql["status"]["readyReplicas"] = 2
    assert objects.unready([mysql, ei, other]) == [("wso2ei", "Deployment wso2ei: 0 of 2 pods are ready")]


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            'pods "wso2ei-5bf9d5cc5-x" is forbidden: exceeded quota: team, requested: limits.memory=1Gi, used: '
            "limits.memory=3Gi, limited: limits.memory=3Gi",
            "quota",
        ),
        (
            'pods "wso2ei-mysql-0" is forbidden: violates PodSecurity "restricted:latest": runAsUser=0 (container '
            '"own-folder" must not set runAsUser=0)',
            "hostPath needs baseline",
        ),
    ],
)
def test_pods_that_are_never_made_are_a_problem_of_what_should_make_them(message: str, remedy: str) -> None:
    owner = workload("ReplicaSet", "wso2ei-5bf9d5cc5", 2, 0)
    told = event(owner, "FailedCreate", f"Error creating: {message}", 9)
    problem = objects.workload_problems([], [owner], view(told))[0]
    assert problem.who == "ReplicaSet wso2ei-5bf9d5cc5"
    assert remedy in problem.way_out
    made = workload("ReplicaSet", "wso2ei-5bf9d5cc5", 2, 2)
    assert objects.workload_problems([], [made], view(told)) == []


def service(kind: str, addresses: list[Object], age: float = 10) -> Object:
    ports = [{"name": "http", "port": 80, "nodePort": 30080}, {"name": "https", "port": 443, "nodePort": 30443}]
    meta = {"name": "wso2ei-nginx", "namespace": "wso2", "uid": "uid-of-service", "creationTimestamp": ago(age)}
    status = {"loadBalancer": {"ingress": addresses} if addresses else {}}
    return {"kind": "Service", "metadata": meta, "spec": {"type": kind, "ports": ports}, "status": status}


def test_a_load_balancer_without_an_address_says_how_to_expose_otherwise() -> None:
    assert objects.service_row(service("ClusterIP", []), view()) is None
    good = objects.service_row(service("LoadBalancer", [{"hostname": "localhost"}]), view())
    assert good
    assert good.text == "LoadBalancer: localhost, ports 80, 443"
    young = objects.service_row(service("LoadBalancer", []), view())
    assert young
    assert young.level == "busy"
    old = objects.service_row(service("LoadBalancer", [], age=300), view())
    assert old
    assert old.problem
    assert "ingress.expose" in old.problem.way_out
    nodes = objects.service_row(service("NodePort", []), view())
    assert nodes
    assert nodes.text == "NodePort: http 30080, https 30443"


def ingress(key: str, addresses: list[Object], age: float = 10) -> Object:
    meta = {"name": f"wso2ei-nginx-{key}", "namespace": "wso2", "uid": f"uid-{key}", "creationTimestamp": ago(age)}
    spec = {"ingressClassName": "nginx", "rules": [{"host": f"{key}.example.com"}]}
    status = {"loadBalancer": {"ingress": addresses} if addresses else {}}
    return {"kind": "Ingress", "metadata": meta, "spec": spec, "status": status}


def test_an_ingress_without_an_address_names_its_class_and_a_rejected_one_says_why() -> None:
    row = objects.ingress_row(ingress("console", [], age=300), view())
    assert row.problem
    assert "class nginx" in row.problem.way_out
    owner = ingress("console", [{"ip": "10.0.0.1"}])
    told = event(owner, "Rejected", "wso2/console was rejected: with error: annotations.nginx.org/x: invalid", 3)
    assert objects.ingress_row(owner, view(told)).level == "bad"
    assert objects.ingress_row(owner, view()).text == "console.example.com at 10.0.0.1"


# --- the whole screen


def seen(*items: Object, answers: list[checks.Answer] | None = None) -> Snapshot:
    by_kind: dict[str, list[Object]] = {}
    for item in items:
        by_kind.setdefault(item["kind"], []).append(item)
    return Snapshot(NOW, by_kind, {}, answers or [])


def answered(status: int = 302) -> list[checks.Answer]:
    targets = checks.targets({"console": "console.example.com", "gateway": "gateway.example.com"}, ["10.0.0.1"], 443)
    return [
        checks.Answer(targets[0], status, f"{status} x"),
        checks.Answer(targets[1], 200, "200 text/html"),
    ]


WHOLE = (
    ran(running("ei", 42)),
    claim("Bound"),
    ingress("console", [{"ip": "10.0.0.1"}]),
    ingress("gateway", [{"ip": "10.0.0.1"}]),
)
OUTPUTS = {
    "hosts_file_line": "10.0.0.1 console.example.com gateway.example.com",
    "console_url": "https://console.example.com/carbon",
    "ingress_hosts": {"console": "console.example.com", "gateway": "gateway.example.com"},
}


def drawn(found: Report) -> str:
    console = Console(file=io.StringIO(), width=150)
    console.print(screen("stack local", found))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_all_is_well_only_when_pods_claims_addresses_and_both_answers_are_there() -> None:
    account = Account("local")
    assert report(seen(*WHOLE, answers=answered()), account, OUTPUTS).good
    assert not report(seen(*WHOLE, answers=answered(502)), account, OUTPUTS).good
    assert not report(seen(*WHOLE), account, OUTPUTS).good
    assert not report(seen(*WHOLE[1:], answers=answered()), account, OUTPUTS).good
    assert not report(seen(*WHOLE, claim(), answers=answered()), account, OUTPUTS).good


def test_each_host_is_asked_and_listed_at_the_address_of_its_own_controller() -> None:
    two = (*WHOLE[:2], ingress("console", [{"ip": "10.0.0.8"}]), ingress("gateway", [{"ip": "10.0.0.1"}]))
    found = report(seen(*two, answers=answered()), Account("local"), {})
    assert found.hosts_file == "10.0.0.8 console.example.com\n10.0.0.1 gateway.example.com"
    assert addresses_of(seen(*two), "gateway.example.com") == ["10.0.0.1"]


def test_a_stack_without_an_ingress_of_the_console_is_well_with_one_answer() -> None:
    outputs = {
        "hosts_file_line": "10.0.0.1 gateway.example.com",
        "gateway_url": "https://gateway.example.com:8443",
        "ingress_hosts": {"gateway": "gateway.example.com"},
    }
    only = (*WHOLE[:2], WHOLE[3])
    assert report(seen(*only, answers=answered()[1:]), Account("local"), outputs).good
    assert not report(seen(*only), Account("local"), outputs).good
    assert port_of(seen(*only), outputs) == 8443


@pytest.mark.parametrize("published", [[], [{"ip": "192.168.0.1"}]])
def test_the_address_that_the_stack_file_gives_precedes_what_an_existing_controller_publishes(
    published: list[Object],
) -> None:
    """As in the outputs: what a controller inside the network publishes may be of no use to the clients."""
    told = (*WHOLE[:2], ingress("console", published, age=300), ingress("gateway", published, age=300))
    given = objects.given_addresses({"controller": "existing", "address": "10.0.0.1"})
    found = report(seen(*told, answers=answered()), Account("local"), OUTPUTS, given, fixed=True)
    assert found.good
    assert found.hosts_file == "10.0.0.1 console.example.com gateway.example.com"
    if not published:
        assert not report(seen(*told, answers=answered()), Account("local"), OUTPUTS, fixed=True).good


def test_a_console_with_a_class_of_its_own_has_an_address_of_its_own() -> None:
    own = {"controller": "existing", "address": "10.0.0.1", "console": {"className": "inside", "address": "10.1.0.1"}}
    assert objects.given_addresses(own) == {"console": "10.1.0.1", "gateway": "10.0.0.1"}
    line = {"hosts_file_line": "10.1.0.1 console.example.com\n10.0.0.1 gateway.example.com"}
    given = {"console": "10.1.0.1"}
    assert report(seen(*WHOLE, answers=answered()), Account("local"), OUTPUTS | line, given).good
    assert objects.given_addresses(own | {"console": {"className": "inside"}}) == {"gateway": "10.0.0.1"}
    assert objects.given_addresses(own | {"console": {}}) == {"console": "10.0.0.1", "gateway": "10.0.0.1"}
    assert objects.given_addresses(own | {"controller": "install"}) == {}


def test_the_screen_shows_everything_once_and_two_pods_with_one_trouble_together() -> None:
    first, told = refused("ImagePullBackOff", f'Back-off pulling image "{PRIVATE}": ErrImagePull: {UNAUTHORIZED}')
    second, also = refused("ImagePullBackOff", f'Back-off pulling image "{PRIVATE}": ErrImagePull: {UNAUTHORIZED}')
    second["metadata"] |= {"name": "wso2ei-5bf9d5cc5-swj2x", "uid": "another"}
    also["involvedObject"]["uid"] = "another"
    found = report(seen(first, second, told, also, *WHOLE[1:]), Account("prod", "me"), {})
    assert len(found.problems) == 1
    text = drawn(found)
    assert "0 of 2 pods run; 1 problem" in text
    assert "! wso2ei-5bf9d5cc5-qkvvg, wso2ei-5bf9d5cc5-swj2x: cannot pull" in text
    assert "10.0.0.1 console.example.com gateway.example.com" in text
    assert "nothing runs here yet" in drawn(report(seen(), Account("prod"), {}))


def test_an_address_that_changed_after_the_update_is_told_with_the_command_that_makes_outputs_follow() -> None:
    old = OUTPUTS | {"hosts_file_line": "10.0.0.9 console.example.com gateway.example.com"}
    found = report(seen(*WHOLE, answers=answered()), Account("local"), old)
    assert "the controller is at 10.0.0.1 now; the last update saw 10.0.0.9" in found.problems[0].what
    assert "pulumi up --refresh" in found.problems[0].way_out
    # An address that the stack file names is what users have, whatever the cluster reports.
    assert report(seen(*WHOLE, answers=answered()), Account("local"), old, fixed=True).good
    named = OUTPUTS | {"hosts_file_line": "# make console.example.com DNS aliases (CNAME) of 10.0.0.1"}
    assert report(seen(*WHOLE, answers=answered()), Account("local"), named).good


def test_addresses_and_port_come_from_the_cluster_while_there_are_no_outputs_yet() -> None:
    found = seen(*WHOLE, service("NodePort", []))
    assert addresses_of(found, "console.example.com") == ["10.0.0.1"]
    assert port_of(found, {}) == 30443
    assert port_of(found, {"console_url": "https://console.example.com:8443/carbon"}) == 8443
    assert port_of(seen(service("LoadBalancer", [])), {}) == 443


# --- the requests


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        host = str(self.headers["Host"]).partition(".")[0]
        status = {"console": 302 if self.path == "/carbon" else 502, "blocked": 403, "forbidden": 403}.get(host, 502)
        body = b"<html>403 Forbidden</html>" if host == "forbidden" else b""
        self.send_response(status)
        self.send_header("Location", "https://console.example.com/carbon/admin/index.jsp")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    pair = self_signed(bytes(32), ["localhost"])
    (tmp_path / "pem").write_text(pair.key + pair.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_a_host_name_that_no_dns_knows_is_asked_at_its_address(port: int) -> None:
    hosts = {"console": "console.example.com", "gateway": "gateway.example.com"}
    console, gateway = [checks.ask(target) for target in checks.targets(hosts, ["localhost"], port)]
    assert console.good
    assert console.text == "302 https://console.example.com/carbon/admin/index.jsp"
    assert not gateway.good
    assert "expected 200: NGINX reaches no node" in gateway.text


def test_a_gateway_that_lists_no_services_is_well_and_one_that_nginx_forbids_is_not(port: int) -> None:
    """With ``http.block_service_list`` EI answers 403 without a body."""
    target = checks.Target("blocked.example.com", "/services", 200, "127.0.0.1", port)
    assert checks.ask(target).good
    assert not checks.ask(replace(target, host="forbidden.example.com")).good
    assert not checks.ask(replace(target, path="/carbon")).good


def test_nobody_there_is_an_answer_too() -> None:
    answer = checks.ask(checks.Target("console.example.com", "/carbon", 302, "127.0.0.1", 1))
    assert (answer.status, answer.good) == (0, False)
    assert "no answer from 127.0.0.1" in answer.text


def test_rows_are_of_one_kind() -> None:
    assert isinstance(rows.pod_row(pod(), view()), PodRow)


# --- the loop


class Looker:
    """Gives one prepared look after another; an exception is raised."""

    def __init__(self, *looks: tuple[str, bool] | BaseException) -> None:
        self.looks = list(looks)

    def look(self, note: str = "") -> tuple[Group, bool]:
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, BaseException):
            raise found
        return Group(Text(f"{found[0]} {note}")), found[1]


def watched(monkeypatch: pytest.MonkeyPatch, *looks: tuple[str, bool] | BaseException) -> tuple[int, str]:
    monkeypatch.setattr(cli, "LOOK_EVERY_SECONDS", 0)
    file = io.StringIO()
    code = cli.live(Console(file=file, width=100), Looker(*looks).look)
    return code, file.getvalue()


def test_it_looks_until_all_is_well_and_outlives_an_api_server_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    away = KitError("the cluster of context embedded does not answer: refused")
    code, text = watched(monkeypatch, ("starting", False), away, ("all is well", True))
    assert code == 0
    assert "all is well" in text


def test_what_was_seen_last_stays_in_the_terminal_after_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = watched(monkeypatch, ("pulling", False), KeyboardInterrupt())
    assert code == 130
    assert "pulling" in text
