"""Debian packages: only what is missing, no network when nothing is, no service started. apt is a fake here."""

from __future__ import annotations

import io
import os
import platform
from pathlib import Path

import pytest
from rich.console import Console

from embedded.errors import KitError
from embedded.progress import Reporter
from embedded.toolchain import debian, ensure_debian

APT = """#!/bin/sh
echo "apt-get RUNLEVEL=$RUNLEVEL $*" >> "$FAKE/log"
case "$*" in
  *" update") touch "$FAKE/lists" ;;
  *" install "*) [ -e "$FAKE/refuse" ] && cat "$FAKE/refuse" && exit 100
    [ -e "$FAKE/lists" ] || { echo "E: Unable to locate package $(echo "$*" | sed 's/.* //')"; exit 100; } ;;
esac
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "installed").write_text("install ok installed|iproute2, arp\n")
    programs = {
        "apt-get": APT,
        "dpkg-query": '#!/bin/sh\ncat "$FAKE/installed"\n',
        "systemctl": '#!/bin/sh\necho "systemctl $*" >> "$FAKE/log"\n',
    }
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "lists").touch()
    monkeypatch.setenv("FAKE", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    ubuntu = {"ID": "ubuntu", "ID_LIKE": "debian", "PRETTY_NAME": "Ubuntu"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: ubuntu)
    return tmp_path


def reporter() -> Reporter:
    return Reporter(Console(file=io.StringIO()))


def log(fake: Path) -> list[str]:
    return (fake / "log").read_text().splitlines() if (fake / "log").exists() else []


def test_nothing_is_asked_of_apt_when_all_is_installed(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    ensure_debian(["iproute2"], reporter())
    assert log(fake) == []


def test_what_another_package_provides_is_not_installed_beside_it(fake: Path) -> None:
    (fake / "installed").write_text("install ok installed|containerd.io, containerd (= 1.7), runc\n")
    ensure_debian(["containerd", "runc"], reporter())
    assert log(fake) == []


def test_a_removed_package_whose_configuration_stayed_is_missing(fake: Path) -> None:
    (fake / "installed").write_text("deinstall ok config-files|ipset, \n")
    ensure_debian(["ipset"], reporter())
    assert any(line.endswith(" ipset") for line in log(fake))


def test_only_what_is_missing_is_installed_and_nothing_is_removed_for_it(fake: Path) -> None:
    ensure_debian(["iproute2", "ipset"], reporter())
    calls = [line for line in log(fake) if line.startswith("apt-get")]
    assert len(calls) == 1
    assert calls[0].endswith("install --yes --no-install-recommends --no-remove ipset")


def test_the_package_lists_are_fetched_once_and_only_when_apt_cannot_do_without(fake: Path) -> None:
    (fake / "lists").unlink()
    ensure_debian(["ipset"], reporter())
    words = [line.split()[-1] for line in log(fake) if line.startswith("apt-get")]
    assert words == ["ipset", "update", "ipset"]


def test_services_of_the_packages_are_neither_started_nor_left_enabled(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "_SYSTEMD", fake)
    ensure_debian(["etcd-server", "ipset"], reporter())
    assert [line.split()[0] for line in log(fake)] == ["systemctl", "apt-get", "systemctl", "systemctl"]
    assert log(fake)[0] == "systemctl --quiet mask --runtime etcd.service"
    assert "RUNLEVEL=1" in log(fake)[1]
    assert log(fake)[2:] == [
        "systemctl --quiet unmask --runtime etcd.service",
        "systemctl --quiet disable etcd.service",
    ]


def test_what_apt_says_is_quoted(fake: Path) -> None:
    (fake / "refuse").write_text("E: Packages need to be removed but remove is disabled.\n")
    with pytest.raises(KitError, match="remove is disabled"):
        ensure_debian(["containerd"], reporter())


def test_without_root_the_missing_packages_are_named(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(KitError, match="only root can install them: ipset") as caught:
        ensure_debian(["ipset"], reporter())
    assert "sudo" in caught.value.way_out
    assert log(fake) == []


def test_another_distribution_is_named(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fedora = {"ID": "fedora", "PRETTY_NAME": "Fedora Linux 43"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: fedora)
    with pytest.raises(KitError, match="this is Fedora Linux 43") as caught:
        ensure_debian(["ipset"], reporter())
    assert "context" in caught.value.way_out
