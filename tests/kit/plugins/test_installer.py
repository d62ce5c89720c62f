"""How plugins get into a Pulumi home: official if possible, else a stand-in that says so and renews itself."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from embedded import plugins
from embedded.errors import KitError
from embedded.plugins import installer
from embedded.progress import Reporter

FAKE = """#!{python}
import os, pathlib, shutil, sys
words = sys.argv[1:]
name, version = words[3], words[4]
home = pathlib.Path(os.environ["PULUMI_HOME"])
with open(home / "calls", "a") as calls:
    calls.write(" ".join(words[:5]) + (" --file" if "--file" in words else "") + "\\n")
target = home / "plugins" / f"resource-{{name}}-{{version}}"
if "--file" in words:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(words[words.index("--file") + 1], target)
elif {online}:
    target.mkdir(parents=True)
    (target / f"pulumi-resource-{{name}}").write_text("official")
else:
    print("warning: Error downloading plugin: no such host", flush=True)
    print("Will retry in 80ms [1/5]", flush=True)
    import time
    time.sleep(600)
"""


class Home:
    """A Pulumi home with a ``pulumi`` command that only knows ``plugin install``."""

    def __init__(self, folder: Path, online: bool) -> None:
        self.path = folder
        self.text = io.StringIO()
        (folder / "bin").mkdir()
        command = folder / "bin" / "pulumi"
        command.write_text(FAKE.format(python=sys.executable, online=online))
        command.chmod(0o755)

    def install(self) -> list[str]:
        reporter = Reporter(Console(file=self.text, width=400))
        return plugins.install(self.path, {"PATH": f"{self.path}/bin:/usr/bin:/bin"}, reporter)

    def calls(self) -> list[str]:
        path = self.path / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def forget(self) -> None:
        (self.path / "calls").unlink()


@pytest.fixture
def offline(tmp_path: Path) -> Home:
    return Home(tmp_path, online=False)


def test_the_official_plugins_are_used_where_they_can_be_had(tmp_path: Path) -> None:
    home = Home(tmp_path, online=True)
    assert home.install() == []
    assert not any("--file" in call for call in home.calls())
    assert not plugins.is_stand_in(tmp_path, "kubernetes")
    assert "STAND-IN" not in home.text.getvalue()
    home.forget()
    assert home.install() == []
    assert home.calls() == []


def test_offline_both_are_stand_ins_in_the_version_of_their_sdk_and_it_is_said(offline: Home) -> None:
    assert offline.install() == ["kubernetes", "random"]
    assert plugins.is_stand_in(offline.path, "kubernetes")
    assert plugins.is_stand_in(offline.path, "random")
    assert "STAND-IN plugins: kubernetes, random" in offline.text.getvalue()
    assert any(call.endswith(f"kubernetes v{installer.version('kubernetes')} --file") for call in offline.calls())


def test_a_stand_in_that_is_current_is_kept_without_a_word_to_the_network(offline: Home) -> None:
    offline.install()
    offline.forget()
    assert offline.install() == ["kubernetes", "random"]
    assert offline.calls() == []


def test_a_stand_in_from_other_sources_is_renewed(offline: Home) -> None:
    offline.install()
    offline.forget()
    marker = installer.folder(offline.path, "kubernetes") / "STAND-IN.json"
    marker.write_text(json.dumps({"key": "of other sources"}))
    offline.install()
    assert [call.split()[3] for call in offline.calls()] == ["kubernetes"]
    assert installer.installed_key(offline.path, "kubernetes") != "of other sources"


def test_a_stand_in_does_not_need_the_checkout_it_came_from(offline: Home, tmp_path: Path) -> None:
    offline.install()
    moved = tmp_path / "moved away"
    shutil.move(installer.folder(offline.path, "kubernetes"), moved)
    answer = subprocess.run(
        [moved / "pulumi-resource-kubernetes"], capture_output=True, text=True, check=False, cwd="/", env={}
    )
    assert answer.stderr == "usage: pulumi-resource-kubernetes ENGINE_ADDRESS\n"


def test_a_missing_command_is_said_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="the pulumi command cannot be run"):
        plugins.install(tmp_path, {"PATH": str(tmp_path)}, Reporter(Console(file=io.StringIO())))


@pytest.mark.parametrize("name", plugins.NAMES)
def test_the_plugin_prints_its_port_and_answers_with_its_version(name: str, offline: Home) -> None:
    import grpc
    from google.protobuf import empty_pb2
    from pulumi.runtime.proto import provider_pb2_grpc

    offline.install()
    script = installer.folder(offline.path, name) / f"pulumi-resource-{name}"
    process = subprocess.Popen([script, "127.0.0.1:1"], stdout=subprocess.PIPE, text=True, cwd="/")
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            info = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty())
        assert info.version == installer.version(name)
    finally:
        process.kill()
        process.wait()
