"""``make restore``: which Job it creates, and what it reports; pulumi and kubectl are fakes that record."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tools import restore

# Answers by the words of the command, and keeps each command with its input.
FAKE = """#!{python}
import json, pathlib, sys
top = pathlib.Path(__file__).parents[1]
words = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
text = sys.stdin.read() if words[-1] == "-" else ""
with (top / "seen").open("a") as log:
    log.write(json.dumps([words, text]) + "\\n")
for pattern, answer, code in json.loads((top / "answers").read_text()):
    if pattern in " ".join(words):
        print(answer, file=sys.stderr if code else sys.stdout)
        sys.exit(code)
"""
OUTPUTS = {"namespace": "team", "storage": {"cluster": "production"}}
TEMPLATE: dict[str, Any] = {
    "kind": "Job",
    "metadata": {"name": "x", "ownerReferences": [{"kind": "CronJob"}]},
    "spec": {
        "template": {
            "spec": {
                "initContainers": [{"name": "own-folder"}, {"env": [{"name": "FROM", "value": "latest"}]}],
                "containers": [
                    {"env": [{"name": "FROM", "value": "latest"}, {"name": "USER_DATABASE", "value": "U"},
                             {"name": "FORCE", "value": ""}]}
                ]
            }
        }
    },
}  # fmt: skip


def ended(kind: str, **more: str) -> str:
    return json.dumps({"status": {"conditions": [{"type": kind, "status": "True", **more}]}})


def a_pod(code: int, message: str) -> str:
    state = {"terminated": {"exitCode": code, "message": message, "reason": "Error"}}
    return json.dumps({"items": [{"status": {"containerStatuses": [{"state": state}]}}]})


def values(container: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in container["env"]}


class Commands:
    def __init__(self, top: Path) -> None:
        self.top = top
        (top / "bin").mkdir()
        for name in ("pulumi", "kubectl"):
            (top / "bin" / name).write_text(FAKE.replace("{python}", sys.executable))
            (top / "bin" / name).chmod(0o755)

    def answer(self, *answers: tuple[str, str, int]) -> None:
        usual = [
            ("stack output", json.dumps(OUTPUTS), 0),
            ("get-contexts", "local\nproduction", 0),
            ("--dry-run=client", json.dumps(TEMPLATE), 0),
            ("name=wso2ei ", '{"items": []}', 0),
            ("get pods", a_pod(0, ""), 0),
            ("get job", ended("Complete"), 0),
        ]
        (self.top / "answers").write_text(json.dumps([*answers, *usual]))

    @property
    def seen(self) -> list[tuple[list[str], str]]:
        return [tuple(json.loads(line)) for line in (self.top / "seen").read_text().splitlines()]

    def created(self) -> dict[str, Any]:
        (text,) = [text for words, text in self.seen if words[-3:] == ["create", "-f", "-"]]
        return dict(json.loads(text))


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    found = Commands(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    found.answer()
    return found


def test_the_job_is_the_stack_s_own_with_the_backup_and_the_force_that_were_given(
    commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore.main(["--stack", "prod", "--from", "20260101T000000Z", "--force"]) == 0
    job = commands.created()
    assert job["metadata"]["ownerReferences"], "it is removed with the CronJob"
    pod = job["spec"]["template"]["spec"]
    assert values(pod["containers"][0]) == {"FROM": "20260101T000000Z", "FORCE": "1", "USER_DATABASE": "U"}
    _, fetch = pod["initContainers"]
    assert values(fetch) == {"FROM": "20260101T000000Z"}, "with a bucket, it is fetched before"
    used = [words for words, _ in commands.seen if words[0] == "kubectl" and words[1] != "config"]
    assert all(words[1:5] == ["--context", "production", "-n", "team"] for words in used)
    assert any("logs -f -c backup job/wso2ei-mysql-restore-" in " ".join(words) for words in used)
    assert "scale deployment/wso2ei --replicas=" in capsys.readouterr().out


def test_without_force_the_latest_backup_is_restored_into_empty_databases(commands: Commands) -> None:
    assert restore.main(["--stack", "prod"]) == 0
    (container,) = commands.created()["spec"]["template"]["spec"]["containers"]
    assert values(container) == {"FROM": "latest", "FORCE": "", "USER_DATABASE": "U"}


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (
            [
                ("get job", ended("Failed", message="too many"), 0),
                ("get pods -l batch", a_pod(1, "first\nEI is connected"), 0),
            ],
            "The restore failed: EI is connected",
        ),
        (
            [("get job", ended("Failed", message="past its deadline"), 0), ("get pods -l batch", '{"items": []}', 0)],
            "The restore failed: past its deadline",
        ),
        ([("--dry-run=client", 'cronjobs "wso2ei-mysql-restore" not found', 1)], "is one of mysql.backup: set it"),
        ([("stack output", "{}", 0)], "stack prod is not running"),
        ([("stack output", "error: no stack named 'prod' found", 255)], "no stack named 'prod' found"),
    ],
)
def test_a_failure_has_its_reason(
    commands: Commands, capsys: pytest.CaptureFixture[str], answers: list[tuple[str, str, int]], words: str
) -> None:
    commands.answer(*answers)
    assert restore.main(["--stack", "prod"]) == 1
    captured = capsys.readouterr()
    assert words in captured.err
    assert "MySQL is restored" not in captured.out


def test_nothing_is_restored_while_ei_has_pods(commands: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    commands.answer(("name=wso2ei ", a_pod(0, ""), 0))
    assert restore.main(["--stack", "prod", "--force"]) == 1
    fix = "Fix: kubectl --context production -n team scale deployment/wso2ei --replicas=0"
    assert fix in capsys.readouterr().err
    assert not any("create" in words for words, _ in commands.seen)


def test_a_cluster_of_another_name_is_the_current_context(commands: Commands) -> None:
    commands.answer(("get-contexts", "local", 0))
    assert restore.main(["--stack", "prod"]) == 0
    used = [words for words, _ in commands.seen if words[0] == "kubectl" and words[1] != "config"]
    assert all(words[1:3] == ["-n", "team"] for words in used)
