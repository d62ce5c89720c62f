"""The workflows: pinned, with the least rights, and nothing to steal where strangers' code runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
FORKS_REACH = {"pull_request", "issue_comment", "issues", "fork", "watch"}
every = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


def content(file: Path) -> dict[str, Any]:
    # YAML 1.1 reads the word `on` as true.
    return {"on" if key is True else key: value for key, value in yaml.safe_load(file.read_text()).items()}


def events(file: Path) -> set[str]:
    given = content(file)["on"]
    return {given} if isinstance(given, str) else set(given)


def steps(file: Path) -> Iterator[dict[str, Any]]:
    for job in content(file)["jobs"].values():
        yield from job["steps"]


def test_there_are_the_four_workflows() -> None:
    assert {file.stem for file in FILES} == {"preview", "comment", "test", "e2e"}


@every
def test_every_action_is_pinned_to_a_commit_with_its_version_beside(file: Path) -> None:
    lines = [line for line in file.read_text().splitlines() if re.match(r"\s*(- )?uses:", line)]
    assert len(lines) == len([step for step in steps(file) if "uses" in step])
    for line in lines:
        assert re.search(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@every
def test_nothing_is_allowed_but_what_a_job_names(file: Path) -> None:
    assert content(file)["permissions"] == {}
    writes = []
    for job in content(file)["jobs"].values():
        assert job["permissions"].get("contents") in {"read", None}
        writes += [name for name, right in job["permissions"].items() if right != "read"]
    assert writes == (["pull-requests"] if file.stem == "comment" else [])


@every
def test_every_job_ends_and_an_older_run_gives_way(file: Path) -> None:
    assert content(file)["concurrency"]["group"]
    for job in content(file)["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 120


@every
def test_a_failure_in_a_pipe_is_a_failure(file: Path) -> None:
    """Left unsaid, the shell is `bash -e`; said, it has pipefail."""
    assert content(file)["defaults"]["run"]["shell"] == "bash"
    assert all("shell" not in step for step in steps(file))


@every
def test_no_checkout_leaves_a_token_behind(file: Path) -> None:
    checkouts = [step for step in steps(file) if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@every
def test_strangers_code_finds_no_secret_and_no_privileged_trigger(file: Path) -> None:
    assert "pull_request_target" not in file.read_text()
    if events(file) & FORKS_REACH:
        assert "secrets." not in file.read_text()
        assert "secrets[" not in file.read_text()
        assert "github.token" not in file.read_text()


def test_the_workflow_that_may_write_runs_none_of_the_pull_request_s_code() -> None:
    file = FOLDER / "comment.yml"
    assert events(file) == {"workflow_run"}
    for step in steps(file):
        # Without `ref` a checkout on workflow_run is the default branch's.
        assert "ref" not in step.get("with", {})
        assert "repository" not in step.get("with", {})
        # Nothing that the author of a pull request chooses is pasted into a script.
        assert "${{" not in step.get("run", "")


@every
def test_no_expression_is_pasted_into_a_script(file: Path) -> None:
    assert [step["run"] for step in steps(file) if "${{" in step.get("run", "")] == []


def test_the_cli_of_the_workflows_is_of_the_sdk_s_version() -> None:
    wanted = re.search(r"^pulumi==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert wanted is not None
    for file in FILES:
        for step in steps(file):
            if step.get("uses", "").startswith("pulumi/actions@"):
                assert step["with"]["pulumi-version"] == wanted[1]


def test_the_workflows_fit_github_s_schema() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.github-workflows",
        *map(str, FILES),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_auditor_of_workflows_finds_nothing() -> None:
    """zizmor: template injection, excessive permissions, unpinned or impostor references, cached credentials, ..."""
    program = Path(sys.executable).with_name("zizmor")
    command = [str(program), "--offline", "--no-progress", "--no-config", str(FOLDER)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


# --- the script that comments, with a `gh` that keeps what it is asked

GH = """#!{python}
import json, os, sys
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(words) + "\\n")
answer = json.load(open({answers!r}))
path = next(word for word in words if word.startswith("repos/"))
print(answer.get(path, "") if "-X" not in words or words[words.index("-X") + 1] == "GET" else "")
"""


def run_comment(folder: Path, answers: dict[str, str], **event: str) -> tuple[str, list[list[str]]]:
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    log, given = folder / "log", folder / "answers.json"
    log.touch()
    given.write_text(json.dumps(answers))
    (bin_folder / "gh").write_text(GH.format(python=sys.executable, log=str(log), answers=str(given)))
    (bin_folder / "gh").chmod(0o755)
    (folder / "comment.md").write_text("<!-- marker -->\n\ntext\n")
    env = {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "REPOSITORY": "o/r",
        "HEAD_OWNER": "someone",
        "HEAD_BRANCH": "branch",
        "HEAD_SHA": "abc",
        **event,
    }
    script = [str(ROOT / ".github" / "comment.sh"), str(folder / "comment.md")]
    done = subprocess.run(script, env=env, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout, [json.loads(line) for line in log.read_text().splitlines()]


def test_the_first_comment_is_made_and_a_later_one_replaces_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    said, calls = run_comment(tmp_path / "a", {"repos/o/r/pulls": "7"})
    assert said.endswith("commented on #7\n")
    assert calls[-1][:4] == ["api", "-X", "POST", "repos/o/r/issues/7/comments"]
    assert f"body=@{tmp_path / 'a' / 'comment.md'}" in calls[-1]
    (tmp_path / "b").mkdir()
    answers = {"repos/o/r/pulls": "7", "repos/o/r/issues/7/comments": "31\n42"}
    calls = run_comment(tmp_path / "b", answers)[1]
    assert calls[-1][:4] == ["api", "-X", "PATCH", "repos/o/r/issues/comments/42"]


def test_without_an_open_pull_request_nothing_is_written(tmp_path: Path) -> None:
    said, calls = run_comment(tmp_path, {})
    assert "nothing to comment on" in said
    assert [words for words in calls if "POST" in words or "PATCH" in words] == []


def test_a_branch_s_name_is_data_whatever_it_holds(tmp_path: Path) -> None:
    name = '$(touch x)";`id`;a b&state=closed'
    calls = run_comment(tmp_path, {"repos/o/r/pulls": "7"}, HEAD_BRANCH=name)[1]
    assert f"head=someone:{name}" in calls[0]
    assert not (ROOT / "x").exists()
