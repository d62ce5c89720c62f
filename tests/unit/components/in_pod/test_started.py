"""The startup probe: what it makes of a node's log, recorded and as the stand-in writes it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from components.shared import volumes
from tests.cars import car, car_files, packed

SERVER = Path(__file__).parents[4] / "embedded/images/wso2ei/server"
OPEN = "   0: 00000000:24E3 00000000:0000 0A 00000000:00000000 00:00000000 00000000   802        0 1\n"
OTHER = "   0: 00000000:2053 00000000:0000 0A 00000000:00000000 00:00000000 00000000   802        0 1\n"
# A client of somebody else's 9443 listens to nothing.
CLIENT = "   1: 0100007F:8AAA 0100007F:24E3 01 00000000:00000000 00:00000000 00000000   802        0 1\n"
MANAGER = (
    "TID: [-1234] [] [2026-01-02 03:04:05,678]  INFO "
    "{org.wso2.carbon.application.deployer.internal.ApplicationManager} -  "
)


class Node:
    """The parts of a node that the probe looks at."""

    def __init__(self, top: Path) -> None:
        self.home, self.top = top / "home", top
        for folder in ("bin", "repository/logs", "repository/deployment/server/carbonapps"):
            (self.home / folder).mkdir(parents=True)
        (self.home / "bin" / "integrator.sh").write_text(f'echo "$@" >>{top}/stopped\n')
        (top / "tcp").write_text(OPEN)
        (top / "tcp6").write_text("")
        (top / "list").write_text("")

    def expects(self, *names: str) -> None:
        lines = [f"{name}.car\t{name}_1.0.0\n" for name in names]
        (self.top / "list").write_text("".join(lines))
        for name in names:
            (self.home / f"repository/deployment/server/carbonapps/{name}.car").write_bytes(b"")

    def logs(self, *lines: str, file: str = "wso2carbon.log") -> None:
        trace = ("\t", "Caused", "org.", "java.")
        text = "".join(line if line.startswith(trace) else f"{MANAGER}{line}" for line in lines)
        (self.home / "repository/logs" / file).write_text(text)

    def probe(self) -> tuple[int, str]:
        (self.top / "seen").mkdir(exist_ok=True)
        words = [self.home, self.top / "list", self.top, self.top / "last-words", self.top / "seen"]
        done = subprocess.run(
            ["sh", str(volumes.IN_POD / "started.sh"), *map(str, words)], check=False, text=True, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.returncode, done.stdout.strip()

    @property
    def stopped(self) -> bool:
        return (self.top / "stopped").exists()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_a_node_has_started_when_it_listens_on_9443(node: Node) -> None:
    assert node.probe() == (0, "")
    (node.top / "tcp").write_text(OTHER + CLIENT)
    assert node.probe() == (1, "9443 is not open yet")
    (node.top / "tcp6").write_text(OPEN.replace("00000000:24E3 00000000", f"{'0' * 32}:24E3 {'0' * 32}"))
    assert node.probe()[0] == 0


def test_a_node_has_started_when_every_car_is_deployed(node: Node) -> None:
    node.expects("A", "B.b")
    assert node.probe() == (1, "waits for A.car: EI has not logged yet that A_1.0.0 is deployed")
    deployed = ["Starting WSO2 Carbon...\n", "Deploying Carbon Application : A.car...\n",
                "Successfully Deployed Carbon Application : A_1.0.0 {super-tenant}\n"]  # fmt: skip
    node.logs(*deployed)
    assert node.probe() == (1, "waits for B.b.car: EI has not logged yet that B.b_1.0.0 is deployed")
    # An application whose name only looks like it is another one.
    node.logs(*deployed, "Successfully Deployed Carbon Application : BXb_1.0.0 {super-tenant}\n")
    assert node.probe()[0] == 1
    node.logs(*deployed, "Successfully Deployed Carbon Application : B.b_1.0.0{super-tenant}\n")
    assert node.probe() == (0, "")
    assert not node.stopped


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            ["Error occurred while deploying Carbon Application\n",
             "org.apache.axis2.deployment.DeploymentException: x\n", "\tat org.wso2.X.y(X.java:1)\n",
             "Caused by: org.apache.synapse.SynapseException: Unknown mediator {ns}nope\n"],
            "Error occurred while deploying Carbon Application: Caused by: org.apache.synapse.SynapseException: "
            "Unknown mediator {ns}nope",
        ),
        (["Some dependencies in cApp : B_1.0.0 were not satisfied. Check\n"], "Some dependencies in cApp : B_1.0.0"),
        (
            ["No artifacts found to be deployed in this server. Ignoring Carbon Application : B.car\n"],
            "No artifacts found to be deployed in this server.",
        ),
        (
            ["Synapse artifact types must have a single file to be deployed. But 2 files found.\n",
             "Successfully Deployed Carbon Application : B_1.0.0 {super-tenant}\n"],
            "must have a single file to be deployed. But 2 files",
        ),
        (["Error while deploying carbon application /x/B.car\n", "java.lang.NullPointerException\n"], "java.lang.Null"),
    ],
    ids=["faulty", "unsatisfied", "ignored", "in part", "escaped"],
)  # fmt: skip
def test_a_faulty_car_is_named_and_ends_the_node(node: Node, lines: list[str], words: str) -> None:
    node.expects("A", "B", "C")
    good = [f"Deploying Carbon Application : {name}.car...\nSuccessfully Deployed Carbon Application : {name}_1.0.0 "
            "{super-tenant}\n" for name in ("A", "C")]  # fmt: skip
    node.logs(good[0], "Deploying Carbon Application : B.car...\n", *lines, good[1])
    code, said = node.probe()
    assert code == 1
    assert said.startswith("EI did not deploy B.car: ")
    assert words in said
    assert (node.top / "last-words").read_text().strip() == said
    assert node.stopped


def test_what_an_earlier_start_logged_says_nothing(node: Node) -> None:
    node.expects("A")
    early = "Deploying Carbon Application : A.car...\nError occurred while deploying Carbon Application\n"
    node.logs("Starting WSO2 Carbon...\n", early, "Starting WSO2 Carbon...\n")
    assert node.probe()[1].startswith("waits for A.car")
    (node.home / "repository/deployment/server/carbonapps/A.car").unlink()
    assert node.probe()[0] == 0


def test_a_node_that_cannot_join_the_cluster_ends_with_the_reason_at_once(node: Node) -> None:
    (node.top / "tcp").write_text(OTHER)
    node.logs("Starting WSO2 Carbon...\n")
    assert node.probe() == (1, "9443 is not open yet")
    node.logs("Starting WSO2 Carbon...\n", "Cannot initialize cluster\n", "java.lang.RuntimeException: x\n",
              "\tat org.wso2.X.y(X.java:1)\n", "Caused by: java.io.IOException: 403 Forbidden\n")  # fmt: skip
    reason = "EI did not join the cluster: Caused by: java.io.IOException: 403 Forbidden"
    assert node.probe() == (1, reason)
    assert (node.top / "last-words").read_text().strip() == reason
    assert node.stopped


def deployed(name: str) -> str:
    return f"Successfully Deployed Carbon Application : {name}_1.0.0 {{super-tenant}}\n"


@pytest.mark.parametrize("rolled", ["wso2carbon.log.2026-01-02", "wso2carbon-01-02-2026.log", "wso2carbon.log.1"])
def test_a_log_that_rolls_while_a_node_starts_is_read_whole(node: Node, rolled: str) -> None:
    node.expects("A", "B")
    node.logs("Starting WSO2 Carbon...\n", "Deploying Carbon Application : A.car...\n", deployed("A"), file=rolled)
    node.logs("Deploying Carbon Application : B.car...\n", deployed("B"))
    assert node.probe() == (0, "")


def test_what_was_seen_before_a_rolled_log_was_overwritten_is_kept(node: Node) -> None:
    """log4j2 overwrites the rolled file of a day when its pattern holds no counter (log4j2.properties of 6.6.0)."""
    node.expects("A", "B", "C")
    (node.top / "tcp").write_text(OTHER)
    fault = "Some dependencies in cApp : C_1.0.0 were not satisfied. Check\n"
    node.logs("Starting WSO2 Carbon...\n", "Deploying Carbon Application : A.car...\n", deployed("A"),
              "Deploying Carbon Application : C.car...\n", fault)  # fmt: skip
    assert node.probe() == (1, "9443 is not open yet")
    node.logs("Deploying Carbon Application : B.car...\n", deployed("B"))
    (node.top / "tcp").write_text(OPEN)
    code, said = node.probe()
    assert code == 1
    assert said.startswith("EI did not deploy C.car: Some dependencies")
    (node.top / "list").write_text("A.car\tA_1.0.0\nB.car\tB_1.0.0\n")
    assert node.probe() == (0, "")


def test_rolled_logs_of_an_earlier_container_do_not_count(node: Node) -> None:
    node.expects("A")
    node.logs("Starting WSO2 Carbon...\n", "Deploying Carbon Application : A.car...\n", deployed("A"))
    marker = node.top / "seen" / "container-started"
    marker.parent.mkdir()
    marker.write_text("")
    log = node.home / "repository/logs/wso2carbon.log"
    past = marker.stat().st_mtime - 60
    os.utime(log, (past, past))
    assert node.probe()[1].startswith("waits for A.car")


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in, and a main program that only deploys."""
    if not shutil.which("javac"):
        pytest.skip("needs a JDK")
    folder = tmp_path_factory.mktemp("classes")
    (folder / "Deploy.java").write_text(
        """public class Deploy {
            public static void main(String[] arguments) throws Exception {
                java.nio.file.Path home = java.nio.file.Path.of(arguments[0]);
                Log.open(home);
                Log.info("x", "Starting WSO2 Carbon...");
                new Cars(home, java.util.List.of("EnterpriseServiceBus")).scan();
            }
        }"""
    )
    sources = [*map(str, SERVER.glob("*.java")), str(folder / "Deploy.java")]
    subprocess.run(["javac", "-d", str(folder), *sources], check=True, timeout=300)
    return folder


MISSING = {name: text for name, text in car_files("Bad").items() if name == "artifacts.xml"}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (car("Bad", "Bad", body="<nope/>"), "Caused by: .*Unknown mediator referenced by configuration element"),
        (car("Bad", "Bad", body='<send><endpoint><address uri="$SYSTEM:NO"/></endpoint></send>'), "Environment var"),
        (car("Good", "Bad"), "Two applications can't have the same Id"),
        (packed(MISSING), "Some dependencies in cApp : Bad_1.0.0 were not satisfied"),
        (b"no zip", "Error occurred while deploying Carbon Application"),
    ],
    ids=["unknown mediator", "no variable", "same application", "no folder", "no zip"],
)
def test_a_car_that_the_stand_in_refuses_is_named(node: Node, classes: Path, bad: bytes, words: str) -> None:
    apps = node.home / "repository/deployment/server/carbonapps"
    (apps / "a-good.car").write_bytes(car("Good"))
    (apps / "bad.car").write_bytes(bad)
    (node.top / "list").write_text("a-good.car\tGood_1.0.0\n")
    command = ["java", "-Dei.version=6.5.0", "-cp", str(classes), "Deploy", str(node.home)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    assert node.probe() == (0, "")
    (node.top / "list").write_text("a-good.car\tGood_1.0.0\nbad.car\tBad_1.0.0\n")
    code, said = node.probe()
    assert code == 1
    assert said.startswith("EI did not deploy bad.car: ")
    assert re.search(words, said)
