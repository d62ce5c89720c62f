"""``make credentials``: from a user and a token to encrypted config that the program uses."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from embedded import toolchain
from embedded.progress import Reporter
from embedded.pulumi_env import PulumiEnv, copy_stack_file, embedded_variables, ensure_stack
from tests.registries import PASSWORD, USER, Registry, token_registry
from tools.credentials import PASSWORD as PASSWORD_VARIABLE
from tools.credentials import USERNAME as USERNAME_VARIABLE
from tools.credentials import CredentialsError, choose

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with token_registry("harbor") as found:
        yield found


@pytest.fixture
def env(registry: Registry, tmp_path: Path) -> PulumiEnv:
    """Stack ``local`` with an image in the registry, in a backend of its own."""
    content = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
    content["config"]["wso2ei:ei"]["image"] = registry.image
    source = tmp_path / "Pulumi.local.yaml"
    source.write_text(yaml.safe_dump(content))
    variables = embedded_variables([toolchain.ensure("pulumi", Reporter())], tmp_path / "none", tmp_path / "base")
    found = PulumiEnv(ROOT, "local", variables, copy_stack_file(source, tmp_path / "copy"))
    ensure_stack(found)
    found.variables["PULUMI_OPTION_CONFIG_FILE"] = str(found.config_file)
    return found


def store(env: PulumiEnv, username: str, password: str) -> subprocess.CompletedProcess[str]:
    given = {USERNAME_VARIABLE: username, PASSWORD_VARIABLE: password}
    return subprocess.run(
        [sys.executable, "-m", "tools.credentials", "--stack", "local"],
        cwd=ROOT, env=env.environment() | given, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def config(env: PulumiEnv) -> dict[str, Any]:
    assert env.config_file
    return dict(yaml.safe_load(env.config_file.read_text())["config"])


def test_accepted_credentials_are_stored_the_password_encrypted(env: PulumiEnv) -> None:
    done = store(env, USER, PASSWORD)
    assert done.returncode == 0, done.stderr
    assert f"allows {USER} to pull" in done.stdout
    assert config(env)["wso2ei:registryUsername"] == USER
    assert set(config(env)["wso2ei:registryPassword"]) == {"secure"}
    assert env.config_file
    assert PASSWORD not in env.config_file.read_text() + done.stdout + done.stderr
    assert env.read(["config", "get", "registryPassword"]).stdout.strip() == PASSWORD


def test_refused_credentials_are_not_stored_and_the_former_ones_stay(env: PulumiEnv) -> None:
    assert store(env, USER, PASSWORD).returncode == 0
    before = config(env)
    done = store(env, USER, "withdrawn-token")
    assert done.returncode == 1
    assert "rejects the user or the password" in done.stderr
    assert "Nothing was stored" in done.stderr
    assert "withdrawn-token" not in done.stdout + done.stderr
    assert config(env) == before


def test_a_stack_without_a_subscription_image_is_told_to_name_one(env: PulumiEnv) -> None:
    assert env.config_file
    content = yaml.safe_load(env.config_file.read_text())
    del content["config"]["wso2ei:ei"]["image"]
    env.config_file.write_text(yaml.safe_dump(content))
    done = store(env, USER, PASSWORD)
    assert done.returncode == 1
    assert "wso2ei:ei.image" in done.stderr
    assert "Traceback" not in done.stderr
    assert "wso2ei:registryUsername" not in config(env)


def test_in_a_terminal_the_token_is_asked_for_and_never_shown(env: PulumiEnv) -> None:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", "tools.credentials", "--stack", "local"], env.environment())  # noqa: S606
    shown = b""
    for question, typed in ((b"registry user", USER), (b"not shown", PASSWORD)):
        while question not in shown:
            shown += os.read(terminal, 1024)
        os.write(terminal, f"{typed}\n".encode())
    try:
        while part := os.read(terminal, 1024):
            shown += part
    except OSError:  # Linux's way of saying that the other side is closed
        pass
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown
    assert PASSWORD.encode() not in shown
    assert env.read(["config", "get", "registryPassword"]).stdout.strip() == PASSWORD


def test_an_empty_answer_keeps_the_user_and_an_empty_token_is_refused() -> None:
    assert choose({}, "me", (lambda _: " ", lambda _: "token ")) == ("me", "token")
    with pytest.raises(CredentialsError, match="Both"):
        choose({}, "me", (lambda _: "", lambda _: ""))
    with pytest.raises(CredentialsError, match=f"set {PASSWORD_VARIABLE},"):
        choose({USERNAME_VARIABLE: "me"}, None, None)
