"""Puts the provider plugins into a Pulumi home.

The engine starts only a plugin whose folder names exactly the version that the Python SDK requires (``getPluginPath``
and ``SelectCompatiblePlugin`` in its ``workspace/plugins.go``), so what is made here gets that folder, whatever version
it is. It reports its true version; the engine then warns that it expected a newer one, which is the case.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from embedded import toolchain
from embedded.errors import KitError
from embedded.paths import cache_dir
from embedded.plugins import BUILT, NAMES, STAND_IN, Plugin
from embedded.process import capture, follow
from embedded.progress import Reporter

_DOWNLOAD_SECONDS = 90.0
_GIVE_UP = ("will retry", "no such host", "failed to download")  # the CLI's own five tries change nothing offline
_MARKER = "MADE-HERE.json"
_OLD_MARKER = "STAND-IN.json"
"""Of the stand-ins that kits up to 1.0.0 made, of the kubernetes plugin too."""
_CHECKOUT = Path(__file__).resolve().parents[2]
_GROUP = "pulumi-kubernetes"


class _GivenUpError(Exception):
    """The download goes on, in vain."""


def version(name: str) -> str:
    """Return the plugin version that the installed Python SDK requires, without ``v``."""
    return importlib.metadata.version(f"pulumi-{name}")


def folder(pulumi_home: Path, name: str) -> Path:
    """Return the folder in which the engine looks for that plugin."""
    return pulumi_home / "plugins" / f"resource-{name}-v{version(name)}"


def install(pulumi_home: Path, environment: dict[str, str], reporter: Reporter) -> list[Plugin]:
    """See ``embedded.plugins.install``. What is there and current is kept without a network request."""
    for name in NAMES:
        _remove_old(pulumi_home, name)
    wanted = [name for name in NAMES if not _current(pulumi_home, name)]
    if wanted:
        env = {**os.environ, **environment, "PULUMI_HOME": str(pulumi_home)}
        with reporter.step("provider plugins", expected="5s") as step:
            with ThreadPoolExecutor() as pool:
                reasons = list(pool.map(lambda name: _official(pulumi_home, name, env), wanted))
            step.detail(", ".join(f"{name} {version(name)}" for name in wanted))
        for name, reason in zip(wanted, reasons, strict=True):
            if reason:
                _make(name, reason, env, reporter)
    found = [_installed(pulumi_home, name) for name in NAMES]
    for plugin in found:
        if plugin.name in wanted:
            reporter.note(f"    plugin {plugin.line()}")
    return found


def _remove_old(pulumi_home: Path, name: str) -> None:
    """Remove a stand-in of an older kit: without the marker of this one it would count as the official plugin."""
    place = folder(pulumi_home, name)
    if (place / _OLD_MARKER).exists():
        shutil.rmtree(place)


def _current(pulumi_home: Path, name: str) -> bool:
    place = folder(pulumi_home, name)
    marker = _marker(place)
    if marker is None:
        return (place / f"pulumi-resource-{name}").is_file()
    return marker.get("key") == _key(name) != ""


def _installed(pulumi_home: Path, name: str) -> Plugin:
    marker = _marker(folder(pulumi_home, name))
    if marker is None:
        return Plugin(name, version(name))
    return Plugin(name, marker["version"], BUILT if name == "kubernetes" else STAND_IN, marker["reason"])


def _marker(place: Path) -> dict[str, str] | None:
    """Return the record of a plugin that was made here; ``None`` if there is none, or the official one."""
    try:
        return dict(json.loads((place / _MARKER).read_text()))
    except (OSError, ValueError):
        return None


def _official(pulumi_home: Path, name: str, env: dict[str, str]) -> str:
    """Download it; returns the reason when that fails. One that was made here is only renewed."""
    marker = _marker(folder(pulumi_home, name))
    if marker is not None:
        return marker.get("reason", "") or "it was made here before"
    command = ["pulumi", "plugin", "install", "resource", name, f"v{version(name)}", "--non-interactive"]
    output: list[str] = []

    def heard(line: str) -> None:
        output.append(line)
        if any(word in line.lower() for word in _GIVE_UP):
            raise _GivenUpError

    try:
        with suppress(_GivenUpError):
            if follow(command, heard, env=env, seconds=_DOWNLOAD_SECONDS) == 0:
                return ""
    except OSError as error:
        raise KitError(f"the pulumi command cannot be run: {error}", "run `make up`, which installs it") from error
    return f"release {version(name)} could not be downloaded ({_reason(output)})"


def _reason(output: list[str]) -> str:
    """Return the cause that the CLI printed, without its prefix and the repeated address."""
    text = next((line for line in output if "rror" in line), output[-1] if output else "no answer in time")
    text = re.sub(r'^.*?rror[^:]*: (?:Get "[^"]*": )?', "", text)
    return re.sub(r"^dial tcp: lookup (\S+) on \S+: ", r"\1: ", text)


def _make(name: str, reason: str, env: dict[str, str], reporter: Reporter) -> None:
    what = version(name)
    if name == "kubernetes":
        toolchain.ensure(_GROUP, reporter)
        what = toolchain.GROUPS[_GROUP].version().removeprefix("v")
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "plugin"
        made.mkdir()
        # A shell line instead of a shebang or a copy: a path may hold spaces, and the provider has 300 MB.
        script = made / f"pulumi-resource-{name}"
        script.write_text(f'#!/bin/sh\nexec {_key(name)} "$@"\n')
        script.chmod(0o755)
        marker = {"key": _key(name), "name": name, "version": what, "reason": reason}
        (made / _MARKER).write_text(json.dumps(marker) + "\n")
        command = ["pulumi", "plugin", "install", "resource", name, f"v{version(name)}", "--file", str(made)]
        answer = capture([*command, "--reinstall", "--non-interactive"], env=env)
        if answer.returncode != 0:
            raise KitError(f"the plugin {name} cannot be installed: {answer.stderr.strip()}")


def _key(name: str) -> str:
    """Return the command that a plugin runs which is made here; '' when its program is still to be built."""
    if name == "kubernetes":
        folder = toolchain.built(_GROUP)
        return shlex.join([str(folder / f"pulumi-resource-{name}")]) if folder else ""
    serve = f"from embedded.plugins.{name}.server import main; main({version(name)!r})"
    # -I keeps the program's own PYTHONPATH out, and with it the Makefile's place for compiled files.
    return shlex.join(
        [
            sys.executable,
            "-I",
            "-X",
            f"pycache_prefix={cache_dir() / 'bytecode'}",
            "-c",
            f"import sys; sys.path.insert(0, {str(_CHECKOUT)!r}); {serve}",
        ]
    )
