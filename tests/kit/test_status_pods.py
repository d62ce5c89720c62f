"""What ``make status`` shows of pods: their pulls, their starts, and what keeps them from it."""

from __future__ import annotations

import pytest

from embedded.status import pulls, rows
from embedded.status.pulls import Account
from tests.kit.status_objects import (
    EI,
    INITS,
    PRIVATE,
    UNAUTHORIZED,
    ago,
    ended,
    event,
    pod,
    ran,
    refused,
    running,
    starting,
    view,
    waiting,
)

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
        f"init 2 of 4, copy-conf: {reason}, since 1m30s: registry.wso2.com rejects user subscriber@example.com: "
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
    assert "registry.wso2.com rejects a pull without a user: unauthorized" in row.text
    assert row.problem
    assert "gives none: `make credentials STACK=prod`" in row.problem.way_out


SEED = "Get https://docker.wso2.com/v2/wso2ei-integrator/manifests/6.2.0: unauthorized: authentication required"
"""What Docker told the author of the blog."""


@pytest.mark.parametrize(
    ("text", "meaning", "remedy"),
    [
        (SEED, "docker.wso2.com rejects user me: unauthorized", "make credentials"),
        (
            "pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed",
            "docker.wso2.com rejects user me, or has no repository of this name",
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
        "init 4 of 4, gate: starting for 12s, last log line: gate: waiting for wso2ei-5bf9d5cc5-swj2x to make the "
        "registry (10s)"
    )
    assert (row.ready, row.level) == ("0/1", "busy")


def test_a_server_that_starts_and_one_that_serves() -> None:
    assert rows.pod_row(ran(running("ei", 42, ready=False)), view()).text == "ei: starting for 42s"
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
        (
            'MountVolume.SetUp failed for volume "credentials" : secret "mysql-login" not found',
            "create the secret mysql",
        ),
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
