"""How plugins get into a Pulumi home: the official release, else one made here, which says so and is renewed."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from embedded import plugins, toolchain
from embedded.errors import KitError
from embedded.plugins import BUILT, RELEASE, STAND_IN, installer
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
    print(f"[resource plugin {{name}}] installing")
    print('warning: Error downloading plugin: Get "https://get.invalid/x": dial tcp: '
          'lookup get.invalid on 10.0.0.1:53: no such host', flush=True)
    print("Will retry in 80ms [1/5]", flush=True)
    import time
    time.sleep(600)
"""
PROVIDER = "#!/bin/sh\necho provider $*\n"


class Home:
    """A Pulumi home with a ``pulumi`` command that only knows ``plugin install``."""

    def __init__(self, folder: Path, online: bool) -> None:
        self.path = folder
        self.text = io.StringIO()
        (folder / "bin").mkdir()
        command = folder / "bin" / "pulumi"
        command.write_text(FAKE.format(python=sys.executable, online=online))
        command.chmod(0o755)

    def install(self) -> list[plugins.Plugin]:
        reporter = Reporter(Console(file=self.text, width=400))
        return plugins.install(self.path, {"PATH": f"{self.path}/bin:/usr/bin:/bin"}, reporter)

    def calls(self) -> list[str]:
        path = self.path / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def forget(self) -> None:
        (self.path / "calls").unlink()

    def script(self, name: str) -> Path:
        return installer.folder(self.path, name) / f"pulumi-resource-{name}"


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Nothing can be downloaded; the provider is built in no time."""
    built = tmp_path / "built here" / "pulumi-resource-kubernetes"

    def ensure(name: str, _: Reporter) -> Path:
        assert name == "pulumi-kubernetes"
        built.parent.mkdir(exist_ok=True)
        built.write_text(PROVIDER)
        built.chmod(0o755)
        return built.parent

    monkeypatch.setattr(toolchain, "ensure", ensure)
    monkeypatch.setattr(toolchain, "built", lambda _: built.parent if built.exists() else None)
    return Home(tmp_path, online=False)


def test_the_official_releases_are_used_where_they_can_be_had(tmp_path: Path) -> None:
    home = Home(tmp_path, online=True)
    assert [plugin.source for plugin in home.install()] == [RELEASE, RELEASE]
    assert not any("--file" in call for call in home.calls())
    home.forget()
    assert [plugin.version for plugin in home.install()] == [installer.version(name) for name in plugins.NAMES]
    assert home.calls() == []


def test_offline_the_provider_is_the_official_one_from_its_module_and_the_summary_says_why(offline: Home) -> None:
    kubernetes, random = offline.install()
    assert (kubernetes.source, random.source) == (BUILT, STAND_IN)
    assert not kubernetes.stand_in
    assert kubernetes.version == toolchain.module_version(
        "kubernetes", "github.com/pulumi/pulumi-kubernetes/provider/v4"
    ).removeprefix("v")
    assert kubernetes.line() == (
        f"kubernetes {kubernetes.version}: built here from its Go module, since release "
        f"{installer.version('kubernetes')} could not be downloaded (get.invalid: no such host)"
    )
    assert kubernetes.line() in offline.text.getvalue()


def test_the_engine_finds_what_was_made_here_in_the_version_that_the_sdk_asks_for(offline: Home) -> None:
    offline.install()
    for name in plugins.NAMES:
        assert f"plugin install resource {name} v{installer.version(name)} --file" in offline.calls()
    answer = subprocess.run([offline.script("kubernetes"), "1.2.3.4:5"], capture_output=True, text=True, check=True)
    assert answer.stdout == "provider 1.2.3.4:5\n"


def test_what_is_current_is_kept_without_a_word_to_the_network(offline: Home) -> None:
    first = offline.install()
    offline.forget()
    assert offline.install() == first
    assert offline.calls() == []


@pytest.mark.parametrize("name", plugins.NAMES)
def test_what_was_made_from_something_else_is_renewed(name: str, offline: Home) -> None:
    first = offline.install()
    offline.forget()
    marker = installer.folder(offline.path, name) / "MADE-HERE.json"
    marker.write_text(json.dumps(json.loads(marker.read_text()) | {"key": "of something else"}))
    assert offline.install() == first
    assert offline.calls() == [f"plugin install resource {name} v{installer.version(name)} --file"]


def test_a_stand_in_of_an_older_kit_is_replaced_and_never_taken_for_the_official_plugin(offline: Home) -> None:
    for name in plugins.NAMES:
        offline.script(name).parent.mkdir(parents=True)
        offline.script(name).write_text("stand-in")
        (offline.script(name).parent / "STAND-IN.json").write_text('{"key": "0", "name": "x", "version": "1"}')
    assert [plugin.source for plugin in offline.install()] == [BUILT, STAND_IN]
    assert all(offline.script(name).read_text() != "stand-in" for name in plugins.NAMES)


def test_a_provider_whose_build_is_gone_is_built_again(offline: Home) -> None:
    offline.install()
    shutil.rmtree(offline.path / "built here")
    offline.install()
    assert subprocess.run([offline.script("kubernetes")], capture_output=True, check=True).stdout == b"provider\n"


def test_a_missing_command_is_reported_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="the pulumi command cannot be run"):
        plugins.install(tmp_path, {"PATH": str(tmp_path)}, Reporter(Console(file=io.StringIO())))


def test_the_stand_in_prints_its_port_and_answers_with_its_version_wherever_its_folder_is(
    offline: Home, tmp_path: Path
) -> None:
    import grpc
    from google.protobuf import empty_pb2
    from pulumi.runtime.proto import provider_pb2_grpc

    offline.install()
    moved = tmp_path / "moved away"
    shutil.move(installer.folder(offline.path, "random"), moved)
    process = subprocess.Popen(
        [moved / "pulumi-resource-random", "127.0.0.1:1"], stdout=subprocess.PIPE, text=True, cwd="/", env={}
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            info = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty())
        assert info.version == installer.version("random")
    finally:
        process.kill()
        process.wait()
