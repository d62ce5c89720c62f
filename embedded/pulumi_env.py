"""Runs the Pulumi CLI for the kit: its environment and its copy of the stack file.

The stack file in the checkout is never written: Pulumi puts a salt into the file it works on, so it gets a copy.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from embedded.errors import KitError
from embedded.paths import state_dir
from embedded.process import capture

_SALT_KEYS = ("encryptionsalt", "encryptedkey", "secretsprovider")


@dataclass
class PulumiEnv:
    """One way to run Pulumi for one stack of one checkout."""

    checkout: Path
    stack: str
    variables: dict[str, str] = field(default_factory=dict)
    """What differs from the process's own environment."""
    config_file: Path | None = None
    """The copy that Pulumi works on; ``None``: the user's own stack file holds a salt already and is used itself."""

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}

    def arguments(self, command: list[str]) -> list[str]:
        """Return the command line: ``pulumi``, the command, and what every command of a stack needs."""
        takes_file = command[0] in {"up", "preview", "refresh", "destroy"}
        config = ["--config-file", str(self.config_file)] if self.config_file and takes_file else []
        # The resource plugins are chosen by the program's packages, so every command runs in the checkout.
        return ["pulumi", "--non-interactive", "-C", str(self.checkout), *command, "--stack", self.stack, *config]

    def run(self, command: list[str]) -> int:
        """Run with the terminal's own streams; the exit code."""
        return subprocess.run(self.arguments(command), env=self.environment(), check=False).returncode

    def read(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run and keep what it prints."""
        return capture(self.arguments(command), env=self.environment())

    def backend_folder(self) -> Path | None:
        """Return where a file backend keeps states and locks; ``None`` for another backend."""
        url = self.variables.get("PULUMI_BACKEND_URL", "")
        return Path(url.removeprefix("file://")) / ".pulumi" if url.startswith("file://") else None

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets as ``[secret]``; empty when there are none."""
        answer = self.read(["stack", "output", "--json"])
        return dict(json.loads(answer.stdout)) if answer.returncode == 0 and answer.stdout.strip() else {}


def embedded_variables(bins: list[Path], kubeconfig: Path | str | None, home: Path | None = None) -> dict[str, str]:
    """Return the variables of a PATH, a backend and a passphrase of the kit.

    :param kubeconfig: value of ``KUBECONFIG``; empty or ``None``: the caller's.
    """
    base = home or state_dir() / "pulumi"
    backend = base / "backend"
    backend.mkdir(parents=True, exist_ok=True)
    passphrase = base / "passphrase"
    if not passphrase.exists():
        # As a whole: a run that is killed here leaves none, not an empty one.
        new = passphrase.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(secrets.token_urlsafe(24))
        new.replace(passphrase)
    # The language host that can be had here does not look for a virtual environment, so it must come first on PATH.
    path = os.pathsep.join([str(Path(sys.executable).parent), *map(str, bins), os.environ.get("PATH", "")])
    found = {
        "PATH": path,
        "PULUMI_HOME": str(base / "home"),
        "PULUMI_BACKEND_URL": f"file://{backend}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "1",
    }
    if kubeconfig:
        found["KUBECONFIG"] = str(kubeconfig)
    return found


def copy_stack_file(source: Path, folder: Path) -> Path | None:
    """Copy the stack file for Pulumi to work on, keeping the salt and what commands have set in the last copy.

    A key that was edited in the source since then has its value from there.

    ``None`` where the source has a salt: then it belongs to the user's backend.
    """
    content = _read(source)
    if any(key in content for key in _SALT_KEYS):
        return None
    copy, origin = folder / source.name, folder / f"{source.name}.origin"
    edited = content.get("config") or {}
    if copy.exists():
        last = _read(copy)
        content |= {key: last[key] for key in _SALT_KEYS if key in last}
        content["config"] = _merge(_origin(origin, last), last.get("config") or {}, edited)
    folder.mkdir(parents=True, exist_ok=True)
    for path, written in ((copy, content), (origin, {"config": edited})):
        temporary = path.with_suffix(".new")
        temporary.write_text(yaml.safe_dump(written, sort_keys=False))
        temporary.replace(path)
    return copy


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text()) or {}


def _origin(origin: Path, last: dict[str, Any]) -> dict[str, Any]:
    """Return the source's config when the last copy was made."""
    if origin.exists():
        return _read(origin).get("config") or {}
    # A copy from before origins were kept: only a command can have encrypted a value, and all else was copied.
    config = last.get("config") or {}
    return {key: value for key, value in config.items() if not (isinstance(value, dict) and "secure" in value)}


def _merge(origin: dict[str, Any], last: dict[str, Any], edited: dict[str, Any]) -> dict[str, Any]:
    """Merge into ``edited`` what was set or removed in ``last``, for keys that were not edited."""
    merged = dict(edited)
    for key in dict.fromkeys([*origin, *last]):
        if edited.get(key) == origin.get(key) != last.get(key):
            merged.pop(key, None)
            if key in last:
                merged[key] = last[key]
    return merged


def drop_unfinished_attributes(env: PulumiEnv) -> list[Path]:
    """Remove and return the empty ``.attrs`` files of a file backend.

    The backend truncates such a file before it replaces the state that belongs to it, and reads none of that state
    while it is empty (``failed to load checkpoint: EOF``); it needs no such file (gocloud.dev/blob/fileblob, attrs.go).
    """
    folder = env.backend_folder()
    found = [file for file in folder.rglob("*.attrs") if not file.stat().st_size] if folder else []
    for file in found:
        file.unlink()
    return found


def ensure_stack(env: PulumiEnv) -> None:
    """Create the stack unless it exists. Raises ``KitError`` with the CLI's message.

    ``stack init`` writes its salt next to ``Pulumi.yaml`` and takes no ``--config-file``, so it runs in a temporary
    folder with a copy of the project file; the salt then moves into the copy of the stack file.
    """
    if env.read(["stack", "export"]).returncode == 0:
        return
    if drop_unfinished_attributes(env) and env.read(["stack", "export"]).returncode == 0:
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if env.config_file else env.checkout
        if env.config_file:
            shutil.copy(env.checkout / "Pulumi.yaml", folder)
        answer = replace(env, checkout=folder).read(["stack", "init", "--no-select"])
        if answer.returncode != 0:
            raise KitError(f"pulumi stack init failed: {answer.stderr.strip()}")
        if env.config_file:
            written = folder / f"Pulumi.{env.stack}.yaml"
            salted = _read(written) if written.exists() else {}
            content = _read(env.config_file) | {key: salted[key] for key in _SALT_KEYS if key in salted}
            env.config_file.write_text(yaml.safe_dump(content, sort_keys=False))
