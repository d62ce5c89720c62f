"""Reports a stack's configuration mistakes: key path, value, what is allowed, and the command that fixes it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

PROJECT = "wso2ei"
TLS_KEY, MYSQL_TLS_KEY, S3_KEY = "tlsPrivateKey", "mysqlTlsPrivateKey", "s3SecretAccessKey"
SECRET_KEYS = (
    *("registryPassword", "adminPassword", "mysqlUserPassword", "mysqlRegistryPassword"),
    *(TLS_KEY, MYSQL_TLS_KEY, S3_KEY),
)
"""Top-level keys whose values must be stored encrypted."""


@dataclass(frozen=True)
class Mistake:
    """One invalid value and its fix."""

    key: str
    """With the project's name: ``wso2ei:ei.replicas``."""
    value: str
    """The value as the message shows it; empty: not shown."""
    expected: str
    """What is allowed; completes the sentence that begins with key and value."""
    fix: str
    """A command, or what to edit."""

    def __str__(self) -> str:
        shown = f" = {self.value}" if self.value else ""
        return f"{self.key}{shown}: {self.expected}\n      fix: {self.fix}"


class ConfigurationError(pulumi.RunError):
    """All mistakes of a stack's configuration; the CLI prints the text without a traceback."""

    def __init__(self, stack: str, mistakes: list[Mistake]) -> None:
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = "\n".join(f"  - {mistake}" for mistake in mistakes)
        super().__init__(
            f"The configuration of stack '{stack}' has {count}; nothing was changed. Edit Pulumi.{stack}.yaml, or run\n"
            f"the commands, which act on the selected stack (pulumi stack select {stack}).\n{lines}"
        )


def full(path: str) -> str:
    """Return ``ei.replicas`` as the stack file and the CLI write it."""
    return f"{PROJECT}:{path}" if path else PROJECT


def set_command(path: str, value: str | int | float | bool) -> str:
    """Return the command that sets ``path`` (``ei.replicas``) to ``value``, ready for a shell."""
    text = value if isinstance(value, str) else json.dumps(value)
    words = [f"pulumi config set --path {_quoted(full(path))}"]
    # Below the top, the CLI makes numbers and booleans of words that look like them.
    if isinstance(value, str) and "." in path and re.fullmatch(r"[-+]?[0-9]+|true|false", value):
        words.append("--type string")
    # The CLI rejects plain text under such a name that looks random.
    if re.search(r"pass|pwd|secret|token", path, re.IGNORECASE):
        words.append("--plaintext")
    return " ".join([*words, *(["--"] if text.startswith("-") else []), shlex.quote(text)])


def remove_command(path: str) -> str:
    """Return the command that removes ``path``."""
    return f"pulumi config rm --path {_quoted(full(path))}"


def commands(changes: Mapping[str, Any]) -> str:
    """Return one line that makes ``changes`` (path to value, ``None``: remove) in order."""
    return " && ".join(command for path, value in changes.items() for command in _commands(path, value))


def _commands(path: str, value: Any) -> list[str]:
    if isinstance(value, dict | list):
        # Setting an item keeps the others, and fails where there is a value of another kind.
        items = value.items() if isinstance(value, dict) else enumerate(value)
        nested = [_commands(below(path, key), item) for key, item in items]
        return [remove_command(path), *(command for group in nested for command in group)]
    return [remove_command(path) if value is None else set_command(path, value)]


def below(path: str, part: int | str) -> str:
    """Return the path of an item or a key of ``path``, as ``pulumi config set --path`` writes it."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    if not re.fullmatch(r"[\w-]+", part):
        return f"{path}[{json.dumps(part)}]"
    return f"{path}.{part}" if path else part


def _quoted(key: str) -> str:
    """Quote even where the shell needs none: brackets are special to some shells."""
    return shlex.quote(key) if "'" in key else f"'{key}'"


def shown(value: Any) -> str:
    """Return ``value`` as JSON, not too long; of maps only the keys, since anything may be below them."""
    text = _outline(value)
    text = text if len(text) <= 80 else f"{text[:77]}..."
    # Nothing that a terminal would act on.
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _outline(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(value)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_outline, value))}]"
    return json.dumps(value, default=str, ensure_ascii=False)
