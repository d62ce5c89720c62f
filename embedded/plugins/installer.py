"""Puts the provider plugins into a Pulumi home: the official ones, else stand-ins that hold their own sources.

A stand-in's folder is complete but for the virtual environment that runs it: it survives a checkout that moves, and is
made anew when the sources or the virtual environment change.
"""

from __future__ import annotations

import compileall
import hashlib
import importlib.metadata
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from embedded.errors import KitError
from embedded.plugins import NAMES
from embedded.progress import Reporter

_DOWNLOAD_SECONDS = 90.0
_GIVE_UP = ("will retry", "no such host", "failed to download")  # the CLI's own five tries change nothing offline
_MARKER = "STAND-IN.json"
_KIT = Path(__file__).resolve().parent.parent


def version(name: str) -> str:
    """The plugin version that the installed Python SDK asks for, without ``v``."""
    return importlib.metadata.version(f"pulumi-{name}")


def folder(pulumi_home: Path, name: str) -> Path:
    """Where the CLI keeps that plugin."""
    return pulumi_home / "plugins" / f"resource-{name}-v{version(name)}"


def installed_key(pulumi_home: Path, name: str) -> str | None:
    """What the installed stand-in was made from; None if there is no plugin, or the official one."""
    try:
        return str(json.loads((folder(pulumi_home, name) / _MARKER).read_text())["key"])
    except (OSError, ValueError, KeyError):
        return None


def install(pulumi_home: Path, environment: dict[str, str], reporter: Reporter) -> list[str]:
    """See ``embedded.plugins.install``. A stand-in that is there is kept, or renewed, without asking the network."""
    key = _key()
    keys = {name: installed_key(pulumi_home, name) for name in NAMES}
    there = {name for name in NAMES if (folder(pulumi_home, name) / f"pulumi-resource-{name}").is_file()}
    wanted = [name for name in NAMES if name not in there or keys[name] not in (None, key)]
    if wanted:
        with reporter.step("provider plugins", expected="5 s") as step:
            env = {**os.environ, **environment, "PULUMI_HOME": str(pulumi_home)}
            with ThreadPoolExecutor() as pool:
                official = list(pool.map(lambda name: keys[name] is None and _official(name, env), wanted))
            for name, downloaded in zip(wanted, official, strict=True):
                if not downloaded:
                    _stand_in(name, key, env)
            step.detail(", ".join(f"{name} {version(name)}" for name in NAMES))
    found = [name for name in NAMES if installed_key(pulumi_home, name) is not None]
    if wanted and found:
        reporter.note(
            f"    STAND-IN plugins: {', '.join(found)}. The official ones could not be downloaded; these imitate what "
            "this program uses of them and refuse the rest by name (not imitated: ...)"
        )
    return found


def _official(name: str, env: dict[str, str]) -> bool:
    command = ["pulumi", "plugin", "install", "resource", name, f"v{version(name)}", "--non-interactive"]
    try:
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    except OSError as error:
        raise KitError(f"the pulumi command cannot be run: {error}", "run `make up`, which builds it") from error
    timer = threading.Timer(_DOWNLOAD_SECONDS, process.kill)
    timer.start()
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            if any(word in line.lower() for word in _GIVE_UP):
                process.kill()
                break
        return process.wait() == 0
    finally:
        timer.cancel()
        process.kill()


def _stand_in(name: str, key: str, env: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "plugin"
        _write(made, name, key)
        command = ["pulumi", "plugin", "install", "resource", name, f"v{version(name)}", "--file", str(made)]
        answer = subprocess.run(
            [*command, "--reinstall", "--non-interactive"], env=env, capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            raise KitError(f"the stand-in plugin {name} cannot be installed: {answer.stderr.strip()}")


def _write(made: Path, name: str, key: str) -> None:
    for source in _sources():
        target = made / "sources" / "embedded" / source.relative_to(_KIT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    compileall.compile_dir(made / "sources", quiet=2)
    (made / "main.py").write_text(
        "import sys\n"
        "from pathlib import Path\n\n"
        'sys.path.insert(0, str(Path(__file__).resolve().parent / "sources"))\n'
        "from embedded.plugins.lifeline import end_with_parent\n"
        f"from embedded.plugins.{name}.server import main\n\n"
        "end_with_parent()\n"
        f"main(sys.argv[1:], {version(name)!r})\n"
    )
    script = made / f"pulumi-resource-{name}"
    # A shell line instead of a shebang: a path may hold spaces, and -I keeps the program's own PYTHONPATH out.
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I "$(dirname "$0")/main.py" "$@"\n')
    script.chmod(0o755)
    (made / _MARKER).write_text(json.dumps({"key": key, "name": name, "version": version(name)}) + "\n")


def _sources() -> list[Path]:
    return [_KIT / "__init__.py", *sorted((_KIT / "plugins").rglob("*.py"))]


def _key() -> str:
    """What a stand-in depends on: its sources, the interpreter and the SDK versions."""
    digest = hashlib.sha256()
    for source in _sources():
        digest.update(str(source.relative_to(_KIT)).encode() + b"\0" + source.read_bytes() + b"\0")
    for part in (sys.executable, sys.version, *(version(name) for name in NAMES)):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]
