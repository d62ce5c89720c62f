"""What ``make status`` says, from objects as kubelet 1.35, its scheduler and its controllers write them."""

from __future__ import annotations

import http.server
import io
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, Group
from rich.text import Text

from components.tls import self_signed
from embedded.errors import KitError
from embedded.status import checks, cli, objects, pulls, rows
from embedded.status.pulls import Account
from embedded.status.report import Report, report
from embedded.status.rows import PodRow, View
from embedded.status.screen import screen
from embedded.status.snapshot import Snapshot, addresses_of, port_of

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
EI = "docker.io/wso2/wso2ei-integrator:6.5.0"
PRIVATE = "registry.wso2.com/wso2-integrator/ei:6.6.0.10"
Object = dict[str, Any]


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(name: str, reason: str, message: str = "", image: str = EI, **more: Any) -> Object:
    state = {"reason": reason} | ({"message": message} if message else {})
    return {"name": name, "image": image, "imageID": "", "ready": False, "started": False, "restartCount": 0,
            "lastState": {}, "state": {"waiting": state}, **more}  # fmt: skip


def running(name: str, since: float, ready: bool = True, **more: Any) -> Object:
    return {"name": name, "image": EI, "imageID": f"{EI}@sha256:0", "ready": ready, "started": ready, "restartCount": 0,
            "lastState": {}, "state": {"running": {"startedAt": ago(since)}}, **more}  # fmt: skip


def ended(name: str, code: int, since: float, reason: str = "", message: str = "") -> Object:
    why = reason or ("Completed" if code == 0 else "Error")
    state: Object = {"exitCode": code, "reason": why, "startedAt": ago(since + 5), "finishedAt": ago(since)}
    state |= {"message": message} if message else {}
    return {"name": name, "image": EI, "imageID": "x", "ready": code == 0, "started": False, "restartCount": 0,
            "lastState": {}, "state": {"terminated": state}}  # fmt: skip


INITS = ("own-folder", "copy-conf", "patch-conf", "gate")


def pod(
    name: str = "wso2ei-5bf9d5cc5-qkvvg",
    *,
    phase: str = "Pending",
    inits: list[Object] | None = None,
    main: Object | None = None,
    conditions: list[Object] | None = None,
    pull_secrets: tuple[str, ...] = (),
) -> Object:
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "wso2", "uid": f"uid-of-{name}", "creationTimestamp": ago(150)},
        "spec": {
            "containers": [{"name": (main or {}).get("name", "ei")}],
            "imagePullSecrets": [{"name": secret} for secret in pull_secrets],
        },
        "status": {
            "phase": phase,
            "conditions": conditions or [{"type": "PodScheduled", "status": "True"}],
            "initContainerStatuses": inits or [],
            "containerStatuses": [main] if main else [],
        },
    }


def event(owner: Object, reason: str, message: str, at: float, **more: Any) -> Object:
    """As client-go's recorder writes it: whole seconds, the container in ``fieldPath``."""
    container = more.pop("container", "")
    kind = "initContainers" if container in INITS else "containers"
    path = {"fieldPath": f"spec.{kind}{{{container}}}"} if container else {}
    return {
        "kind": "Event",
        "metadata": {"name": f"{owner['metadata']['name']}.18eb43f876fe6c78", "creationTimestamp": ago(at)},
        "involvedObject": {"kind": owner["kind"], "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        | path,
        "reason": reason,
        "message": message,
        "type": "Warning" if reason in WARNINGS else "Normal",
        "count": 1,
        "eventTime": None,
        "firstTimestamp": ago(at),
        "lastTimestamp": ago(at),
        "source": {"component": "kubelet", "host": "node-1"},
    } | more


WARNINGS = {"Failed", "FailedMount", "FailedScheduling", "FailedCreate", "ProvisioningFailed", "Rejected",
            "SyncLoadBalancerFailed", "FailedBinding", "FailedCreatePodSandBox"}  # fmt: skip


def view(*events: Object, user: str = "", logs: dict[tuple[str, str], str] | None = None) -> View:
    return View(list(events), NOW, Account("prod", user), logs or {})


def starting(*inits: Object) -> Object:
    """A pod in its init phase: what is not reached yet waits with PodInitializing."""
    rest = [waiting(name, "PodInitializing") for name in INITS[len(inits) :]]
    return pod(inits=[*inits, *rest], main=waiting("ei", "PodInitializing"))


# --- pulls: the seed's dead ends


def test_a_pull_that_looks_stuck_says_which_image_and_for_how_long() -> None:
    slow = starting(ended("own-folder", 0, 130))
    pulling = event(slow, "Pulling", f'Pulling image "{EI}"', 123, container="copy-conf")
    row = rows.pod_row(slow, view(pulling))
    assert row.text == f"init 2 of 4, copy-conf: pulling {EI} (1.5 GB) for 2m03s"
    assert row.level == "busy"
    assert row.problem is None


def test_a_pull_of_a_retry_counts_from_the_retry() -> None:
    slow = starting(ended("own-folder", 0, 130))
    pulling = event(slow, "Pulling", f'Pulling image "{EI}"', 120, container="copy-conf", count=2, lastTimestamp=ago(7))
    failed = event(slow, "Failed", f'Failed to pull image "{EI}": EOF', 30, container="copy-conf")
    assert rows.pod_row(slow, view(pulling, failed)).text.endswith("for 7s, try 2")


@pytest.mark.parametrize("end", ["Pulled", "Failed"])
def test_a_pull_that_ended_in_the_second_in_which_it_began_does_not_run_any_more(end: str) -> None:
    owner = starting(ended("own-folder", 0, 130))
    pulling = event(owner, "Pulling", f'Pulling image "{EI}"', 5, container="copy-conf")
    assert pulls.under_way(owner, "copy-conf", [pulling, event(owner, end, "...", 5, container="copy-conf")]) is None


UNAUTHORIZED = (
    f'failed to pull and unpack image "{PRIVATE}": failed to resolve reference "{PRIVATE}": failed to authorize: '
    "failed to fetch oauth token: unexpected status from GET request to https://registry.wso2.com/service/token?scope="
    "repository%3Awso2-integrator%2Fei%3Apull&service=harbor-registry: 401 Unauthorized"
)
"""containerd 1.7 and 2.x against a Harbor."""


def refused(reason: str, message: str, pull_secrets: tuple[str, ...] = ("wso2ei-pull-1a2b",)) -> tuple[Object, Object]:
    owner = starting(ended("own-folder", 0, 130), waiting("copy-conf", reason, message, PRIVATE))
    owner["spec"]["imagePullSecrets"] = [{"name": name} for name in pull_secrets]
    told = event(owner, "Failed", f'Failed to pull image "{PRIVATE}": {UNAUTHORIZED}', 90, container="copy-conf")
    return owner, told


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("ErrImagePull", UNAUTHORIZED),
        # Since Kubernetes 1.31 the back-off repeats why; before, only the event tells.
        ("ImagePullBackOff", f'Back-off pulling image "{PRIVATE}": ErrImagePull: {UNAUTHORIZED}'),
        ("ImagePullBackOff", f'Back-off pulling image "{PRIVATE}"'),
    ],
)
def test_an_unauthorized_pull_names_registry_user_since_when_and_what_to_set(reason: str, message: str) -> None:
    owner, told = refused(reason, message)
    row = rows.pod_row(owner, view(told, user="subscriber@example.com"))
    assert row.level == "bad"
    assert row.text == (
        f"init 2 of 4, copy-conf: {reason}, since 1m30s: registry.wso2.com refuses user subscriber@example.com: "
        "unauthorized"
    )
    assert row.problem
    assert PRIVATE in row.problem.what
    assert "401 Unauthorized" in row.problem.what
    assert "make credentials STACK=prod" in row.problem.way_out
    assert "wso2ei-pull-1a2b" in row.problem.way_out


def test_an_unauthorized_pull_without_credentials_says_that_there_are_none() -> None:
    owner, told = refused("ErrImagePull", UNAUTHORIZED, pull_secrets=())
    row = rows.pod_row(owner, view(told, user="subscriber@example.com"))
    assert "registry.wso2.com refuses a pull without a user: unauthorized" in row.text
    assert row.problem
    assert "gives none: `make credentials STACK=prod`" in row.problem.way_out


SEED = "Get https://docker.wso2.com/v2/wso2ei-integrator/manifests/6.2.0: unauthorized: authentication required"
"""What Docker told the author of the blog."""


@pytest.mark.parametrize(
    ("text", "meaning", "remedy"),
    [
        (SEED, "docker.wso2.com refuses user me: unauthorized", "make credentials"),
        (
            "pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed",
            "docker.wso2.com refuses user me, or has no repository of this name",
            "make credentials",
        ),
        ("unexpected status from HEAD request: 403 Forbidden", "forbidden", "make credentials"),
        ('failed to resolve reference "x": x: not found', "docker.wso2.com has no docker.wso2.com/x:6.2.0", "ei.image"),
        ("manifest unknown: manifest unknown", "has no docker.wso2.com/x:6.2.0", "ei.image"),
        ("429 Too Many Requests - toomanyrequests: You have reached your pull rate limit", "too many", "images.mirror"),
        ("dial tcp: lookup docker.wso2.com on 10.0.0.2:53: no such host", "cannot find docker.wso2.com", "DNS"),
        ("dial tcp 1.2.3.4:443: i/o timeout", "does not reach docker.wso2.com", "proxy and firewall"),
        ("net/http: TLS handshake timeout", "does not reach", "proxy and firewall"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "does not trust", "CA"),
        ("no match for platform in manifest: not found", "not made for this node's processor", "amd64"),
        ("write /var/lib/containerd/x: no space left on device", "disk is full", "3 GB"),
        (
            "something that nobody has seen yet",
            "something that nobody has seen yet",
            "is docker.wso2.com/x:6.2.0 right",
        ),
    ],
)
def test_a_registry_s_words_are_told_with_what_ends_them(text: str, meaning: str, remedy: str) -> None:
    image = "docker.wso2.com/x:6.2.0"
    assert meaning in pulls.cause(text, image, "user me")
    assert remedy in pulls.way_out(text, image, "ei", Account("local", "me"), ["pull"])


def test_a_reference_without_a_host_is_docker_hub_s() -> None:
    assert pulls.registry_of("wso2/wso2ei-integrator:6.5.0") == "docker.io"
    assert pulls.registry_of("mysql:8.4") == "docker.io"
    assert pulls.registry_of("localhost:5000/x:1") == "localhost:5000"


# --- pods


def test_an_init_container_that_runs_says_how_far_it_is() -> None:
    owner = starting(*[ended(name, 0, 30) for name in INITS[:3]], running("gate", 12, ready=False))
    said = {("wso2ei-5bf9d5cc5-qkvvg", "gate"): "gate: waiting for wso2ei-5bf9d5cc5-swj2x to make the registry (10s)"}
    row = rows.pod_row(owner, view(logs=said))
    assert row.text == (
        "init 4 of 4, gate: starts since 12s, says: gate: waiting for wso2ei-5bf9d5cc5-swj2x to make the registry (10s)"
    )
    assert (row.ready, row.level) == ("0/1", "busy")


def ran(main: Object, phase: str = "Running") -> Object:
    return pod(phase=phase, inits=[ended(name, 0, 60) for name in INITS], main=main)


def test_a_server_that_starts_and_one_that_serves() -> None:
    assert rows.pod_row(ran(running("ei", 42, ready=False)), view()).text == "ei: starts since 42s"
    row = rows.pod_row(ran(running("ei", 42)), view())
    assert (row.text, row.ready, row.level, row.restarts) == ("runs", "1/1", "good", 0)


def test_a_restart_is_told_with_the_line_that_matters() -> None:
    log = (
        "TID: [-1234] [] INFO {org.wso2.carbon.core.init} - Starting\n"
        "TID: [-1234] [] ERROR {org.wso2.carbon.user.core} - Cannot get a JDBC connection\n"
        "\tat org.wso2.carbon.user.core.Realm.init(Realm.java:1)\n"
    )
    last = ended("ei", 1, 30, message=log)["state"]
    row = rows.pod_row(ran(running("ei", 20, restartCount=3, lastState=last)), view())
    assert row.restarts == 3
    assert row.level == "good"
    assert row.text.startswith("runs; restarted 30s ago, exit code 1: TID: [-1234] [] ERROR")


def test_a_node_that_went_down_is_not_taken_for_an_error_of_the_server() -> None:
    last = ended("ei", 255, 30, reason="Unknown", message="WSO2 Carbon started in 2 sec\n")["state"]
    row = rows.pod_row(ran(running("ei", 20, restartCount=1, lastState=last)), view())
    assert row.text == "runs; restarted 30s ago, since its node went down"


def test_a_crash_loop_shows_the_last_words_and_where_the_rest_is() -> None:
    last = ended("mysql", 1, 25, message="[ERROR] [MY-010119] [Server] Aborting\n")["state"]
    message = "back-off 40s restarting failed container=mysql pod=wso2ei-mysql-0_wso2(1)"
    row = rows.pod_row(
        pod("wso2ei-mysql-0", phase="Running", main=waiting("mysql", "CrashLoopBackOff", message, lastState=last)),
        view(),
    )
    assert "CrashLoopBackOff, exit code 1 25s ago: [ERROR] [MY-010119] [Server] Aborting" in row.text
    assert row.problem
    assert row.problem.way_out == "`kubectl -n wso2 logs wso2ei-mysql-0 -c mysql --previous` has the rest"


def test_a_node_without_memory_says_which_settings_to_change() -> None:
    last = ended("ei", 137, 25, reason="OOMKilled")["state"]
    row = rows.pod_row(ran(waiting("ei", "CrashLoopBackOff", "back-off", lastState=last)), view())
    assert "OOMKilled" in row.text
    assert row.problem
    assert "ei.memory" in row.problem.way_out


def test_a_failed_check_of_the_acceptance_job_is_shown_whole() -> None:
    message = (
        "acceptance: after 0s: GET https://console/carbon gave no answer; expected 302 Location: ...\n"
        "acceptance: GET https://console/carbon gave 502 Location: (none); expected 302 Location: https://console/x\n"
        "  it said: Bad Gateway\n"
        "  usual cause: NGINX reaches no node, or speaks HTTP to a port that wants HTTPS\n"
    )
    row = rows.pod_row(
        pod("wso2ei-acceptance-job-429264ec-s7j4l", phase="Failed", main=ended("acceptance", 1, 4, message=message)),
        view(),
    )
    assert row.level == "bad"
    assert row.problem
    assert "gave 502" in row.problem.what
    assert "usual cause: NGINX reaches no node" in row.problem.what
    assert "after 0s" not in row.problem.what


def test_a_finished_job_is_done_and_not_counted_as_not_running() -> None:
    row = rows.pod_row(pod("wso2ei-schema-x", phase="Succeeded", main=ended("schema", 0, 70)), view())
    assert (row.text, row.level) == ("done 1m10s ago", "done")


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            "0/1 nodes are available: 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes are "
            "available: 1 No preemption victims found for incoming pod.",
            "ei.memory",
        ),
        ("0/3 nodes are available: 3 node(s) had untolerated taint(s).", "taints"),
        ("0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found", "claims below"),
        ("0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.", "describe nodes"),
        ("0/2 nodes are available: 1 node(s) had volume node affinity conflict", "storage.node"),
    ],
)
def test_a_pod_without_a_node_says_what_the_scheduler_says(message: str, remedy: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    row = rows.pod_row(pod(conditions=[condition]), view())
    assert row.text.startswith("waits for a node: 0/")
    assert row.problem
    assert remedy in row.problem.way_out


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        (
            'MountVolume.SetUp failed for volume "wso2ei-prod-wso2ei-mysql" : mount failed: exit status 32 Mounting '
            "command: mount Mounting arguments: -t nfs -o nfsvers=4.1 nfs.example.com:/exports Output: mount.nfs: "
            "access denied by server while mounting nfs.example.com:/exports",
            "storage.server",
        ),
        ('MountVolume.SetUp failed for volume "credentials" : secret "mysql-login" not found', "make the secret mysql"),
    ],
)
def test_a_volume_that_cannot_be_mounted_is_a_problem_and_not_a_container_that_is_being_made(
    message: str, remedy: str
) -> None:
    owner = pod("wso2ei-mysql-0", main=waiting("mysql", "ContainerCreating"))
    row = rows.pod_row(owner, view(event(owner, "FailedMount", message, 9)))
    assert row.level == "bad"
    assert row.text.startswith("FailedMount: MountVolume.SetUp failed")
    assert row.problem
    assert remedy in row.problem.way_out


def test_a_pod_that_is_being_stopped_says_what_it_waits_for() -> None:
    going = ran(running("ei", 400))
    going["metadata"]["deletionTimestamp"] = ago(5)
    assert rows.pod_row(going, view()).text == "is being stopped: EI finishes its running requests first"


# --- what is not a pod


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
    # An address that the stack file names is what people use, whatever the cluster tells.
    assert report(seen(*WHOLE, answers=answered()), Account("local"), old, "10.0.0.9").good
    named = OUTPUTS | {"hosts_file_line": "# make console.example.com DNS aliases (CNAME) of 10.0.0.1"}
    assert report(seen(*WHOLE, answers=answered()), Account("local"), named).good


def test_addresses_and_port_come_from_the_cluster_while_there_are_no_outputs_yet() -> None:
    found = seen(*WHOLE, service("NodePort", []))
    assert addresses_of(found) == ["10.0.0.1"]
    assert port_of(found, {}) == 30443
    assert port_of(found, {"console_url": "https://console.example.com:8443/carbon"}) == 8443
    assert port_of(seen(service("LoadBalancer", [])), {}) == 443


# --- the requests


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        good = self.path == "/carbon" and str(self.headers["Host"]).startswith("console.example.com")
        self.send_response(302 if good else 502)
        self.send_header("Location", "https://console.example.com/carbon/admin/index.jsp")
        self.send_header("Content-Length", "0")
        self.end_headers()

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
    monkeypatch.setattr(cli, "_LOOK_EVERY_SECONDS", 0)
    file = io.StringIO()
    code = cli.live(Console(file=file, width=100), Looker(*looks))
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
