"""The machine as a user meets it: make, pulumi, kubectl, curl, in a checkout and a state folder of the tests' own."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
CAR_FOLDER = "repository/deployment/server/carbonapps"
"""Below the server's home."""
NAMESPACE = "wso2"
CONSOLE, GATEWAY = "wso2ei-scalable-integrator", "wso2ei-scalable-integrator-gateway"
T = TypeVar("T")


@dataclass
class Done:
    """A finished command."""

    code: int
    text: str

    def ok(self) -> str:
        """What it printed; the test fails when the command did."""
        assert self.code == 0, self.text[-6000:]
        return self.text


@dataclass
class Machine:
    """Runs commands; ``environment`` is what ``make env`` printed, for plain pulumi and kubectl."""

    log: list[str] = field(default_factory=list)
    used: bool = False
    """There is a stack to remove."""
    _up: bool = False
    _current: bool = False
    """The last command has left the stack as its file says."""

    def run(
        self, command: list[str], *, env: dict[str, str] | None = None, stdin: str = "", seconds: int = 1800
    ) -> Done:
        """One command in the checkout; output and errors in one text."""
        answer = subprocess.run(
            command, cwd=ROOT, env=env, input=stdin, text=True, check=False, timeout=seconds,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return Done(answer.returncode, answer.stdout)

    def make(self, *words: str) -> Done:
        """``make`` as a user types it."""
        done = self.run(["make", "-s", *words])
        if words[0] in {"up", "destroy", "clean"}:
            self._up = self._current = words[0] == "up" and done.code == 0
            if self._up:
                self._roll_out()
        return done

    def _roll_out(self) -> None:
        """Wait until all pods are of the last update, if the stack is there.

        The provider can take an object's status from before the update for that of the update, and end while nodes are
        replaced: it compares the generations of object and status in its first event only (pulumi-kubernetes 4.25.0,
        provider/pkg/await/deployment.go, ``waitUntilDeploymentControllerReconciles``).
        """
        for name in ("statefulset/wso2ei-mysql", "deployment/wso2ei"):
            self.kubectl("rollout", "status", name, "--timeout=5m")

    def bring_up(self, *, changes_may_wait: bool = False) -> None:
        """``make up``, unless it would find nothing to do.

        :param changes_may_wait: a running stack is enough; what was configured since comes with the next update.
        """
        if not (self._up and (self._current or changes_may_wait)):
            self.make("up").ok()

    @cached_property
    def environment(self) -> dict[str, str]:
        """The shell after ``eval "$(make -s env)"``."""
        lines = self.run(["bash", "-c", 'eval "$(make -s env)" && env -0']).ok()
        return dict(pair.split("=", 1) for pair in lines.split("\0") if "=" in pair)

    @cached_property
    def embedded(self) -> bool:
        """The cluster is one that the kit made; otherwise everything is the real thing, and tested to be."""
        return self.run(["kubectl", "config", "current-context"], env=self.environment).ok().strip() == "embedded"

    def pulumi(self, *words: str) -> Done:
        """The CLI, without the Makefile."""
        return self.run(["pulumi", "--non-interactive", *words], env=self.environment)

    def configure(self, verb: str, *words: str) -> None:
        """``pulumi config set|rm`` of a key of the stack's file, by its path."""
        file = ["--config-file", self.environment["PULUMI_OPTION_CONFIG_FILE"], "-s", "local", "--path"]
        plain = ["--plaintext"] if verb == "set" else []
        self._current = False
        self.run(["pulumi", "config", verb, *file, *plain, "--", *words], env=self.environment).ok()

    def configure_all(self, settings: Mapping[str, str]) -> None:
        """``pulumi config set-all``: many keys below ``wso2ei:``, in the time of one."""
        file = ["--config-file", self.environment["PULUMI_OPTION_CONFIG_FILE"], "-s", "local", "--path"]
        values = [word for key, value in settings.items() for word in ("--plaintext", f"wso2ei:{key}={value}")]
        self._current = False
        self.run(["pulumi", "config", "set-all", *file, *values], env=self.environment).ok()

    def update(self) -> Done:
        """``pulumi up`` without questions; what became of it."""
        done = self.pulumi("up", "-s", "local", "--yes", "--skip-preview")
        self._current = done.code == 0
        if self._current:
            self._roll_out()
        self._up = self._up or self._current
        return done

    def destroy(self) -> Done:
        """``pulumi destroy`` without questions; what became of it."""
        self._up = self._current = False
        return self.pulumi("destroy", "-s", "local", "--yes", "--skip-preview")

    def password(self) -> str:
        """The administrator's, from the stack's outputs."""
        return self.pulumi("stack", "output", "-s", "local", "--show-secrets", "admin_password").ok().strip()

    def login(self, password: str, user: str = "admin") -> str:
        """The console's answer to a log-in."""
        form = ["--data-urlencode", f"username={user}", "--data-urlencode", f"password={password}"]
        return self.curl("/carbon/admin/login_action.jsp", CONSOLE, *form).text

    def members(self, node: str) -> set[str]:
        """Addresses of the two members that the node's log names last; none before it has seen two."""
        log = self.kubectl("logs", node, "-c", "ei").ok()
        found = re.findall(r"Members \[2\] \[([^\]]+)\]", log)
        return set(found[-1].split(", ")) if found else set()

    def served(self, service: str) -> dict[str, str]:
        """What each node answers, by its name; asked in the pods, since the gateway chooses a node by itself."""
        found = {}
        for pod in self.nodes():
            name = pod["metadata"]["name"]
            url = f"http://localhost:8280/services/{service}"
            found[name] = self.kubectl("exec", name, "-c", "ei", "--", "curl", "-s", "-m", "5", url).text
        return found

    def on_both(self, service: str, words: str = '"node"') -> bool:
        """Two nodes answer with ``words``."""
        answers = self.served(service)
        return len(answers) == 2 and all(words in answer for answer in answers.values())

    def drop_car(self, name: str, data: bytes | None) -> None:
        """A CAR in the shared folder, as a team puts it there: through a live node; ``None`` takes it out."""
        pod = self.nodes()[0]["metadata"]["name"]
        write = f"base64 -d >{name}.new && mv {name}.new {name}" if data is not None else f"rm -f {name}"
        script = f"cd $(ls -d /home/wso2carbon/*/{CAR_FOLDER}) && {write}"
        text = base64.b64encode(data or b"").decode()
        self.kubectl("exec", "-i", pod, "-c", "ei", "--", "sh", "-c", script, stdin=text).ok()

    def kubectl(self, *words: str, stdin: str = "") -> Done:
        """kubectl in the stack's namespace."""
        return self.run(["kubectl", "-n", NAMESPACE, *words], env=self.environment, stdin=stdin)

    def apply(self, items: Sequence[dict[str, Any]]) -> None:
        """Objects of any namespaces, each of which names its own."""
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*items]})
        self.run(["kubectl", "apply", "--server-side", "-f", "-"], env=self.environment, stdin=listed).ok()

    def objects(self, kind: str, *words: str) -> list[dict[str, Any]]:
        """Live objects of a kind."""
        command = ["kubectl", "-n", NAMESPACE, "get", kind, "-o", "json", *words]
        answer = subprocess.run(command, env=self.environment, text=True, check=True, capture_output=True, timeout=60)
        return list(json.loads(answer.stdout)["items"])

    def pods(self, name: str) -> list[dict[str, Any]]:
        """Live pods of one application that are not on their way out."""
        found = self.objects("pods", "-l", f"app.kubernetes.io/name={name}")
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def nodes(self) -> list[dict[str, Any]]:
        """The EI nodes; the schema Job's pod bears the same name label."""
        return [p for p in self.pods("wso2ei") if p["metadata"]["labels"]["app.kubernetes.io/component"] == "wso2ei"]

    def curl(self, path: str, host: str, *words: str) -> Done:
        """As the author of the blog typed it."""
        return self.request(f"https://localhost{path}", "-H", f"Host: {host}", *words)

    def request(self, url: str, *words: str) -> Done:
        """Return the answer to curl, with its headers, or the error.

        It is sent again, as other HTTP clients do, where NGINX reports that it processed none: at a reload it closes
        each HTTP/2 connection on which no request has arrived yet (docs/production.md; RFC 9113, 6.8). curl 7.88 fails.
        """
        command = ["curl", "-sSkvi", url, *words]
        for _ in range(5):
            answer = subprocess.run(command, cwd=ROOT, text=True, check=False, timeout=60, capture_output=True)
            if answer.returncode == 0 or "GOAWAY, error=0, last_stream=0" not in answer.stderr:
                break
        errors = [line for line in answer.stderr.splitlines() if line.startswith("curl: ")]
        return Done(answer.returncode, answer.stdout + "\n".join(errors))

    def sql(self, database: str, statement: str) -> str:
        """One statement as the stack's own user, from a pod that may reach the server."""
        pod = self.pods("mysql")[0]["metadata"]["name"]
        script = (
            'mysql --user=root --password="$(cat /run/secrets/mysql/root-password)" '
            f"--batch --skip-column-names {database} 2>/dev/null"
        )
        return self.kubectl("exec", "-i", pod, "-c", "mysql", "--", "sh", "-c", script, stdin=statement).ok().strip()

    def diagnosis(self) -> str:
        """Pods, events and logs, for a failed test."""
        parts = [
            self.kubectl("get", "pods,svc,ingress,jobs,pvc", "-o", "wide").text,
            self.kubectl("get", "events", "--sort-by=.lastTimestamp").text[-6000:],
        ]
        names = re.findall(r"^pod/(\S+)", parts[0], re.MULTILINE)
        parts += [self.kubectl("logs", name, "--all-containers", "--tail=15", "--prefix").text for name in names]
        return "\n".join(parts)


def eventually(what: str, question: Callable[[], T], seconds: float = 120) -> T:
    """Ask until the answer is true."""
    end = time.monotonic() + seconds
    answer = question()
    while not answer:
        assert time.monotonic() < end, f"in vain for {seconds:.0f}s: {what}; last answer {answer!r}"
        time.sleep(1)
        answer = question()
    return answer


def running_processes(marker: str) -> list[str]:
    """Command lines of live processes that name ``marker``, but for this one's own."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) in {os.getpid(), os.getppid()}:
            continue
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if marker in line:
            found.append(line[:160])
    return found
