"""Parse the command line of F5's NGINX Ingress Controller 5.5 (cmd/nginx-ingress/flags.go), in Go's flag syntax.

An unknown flag ends the program with the usage, as there; so does a flag of the real controller that is not imitated.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

# name: (is boolean, default). Only what is imitated.
IMITATED: dict[str, tuple[bool, str]] = {
    "nginx-configmaps": (False, ""),
    "ingress-class": (False, "nginx"),
    "watch-namespace": (False, ""),
    "watch-secret-namespace": (False, ""),
    "default-server-tls-secret": (False, ""),
    "wildcard-tls-secret": (False, ""),
    "enable-custom-resources": (True, "true"),
    "enable-snippets": (True, "false"),
    "enable-telemetry-reporting": (True, "true"),
    "enable-prometheus-metrics": (True, "false"),
    "report-ingress-status": (True, "false"),
    "external-service": (False, ""),
    "enable-leader-election": (True, "true"),
    "leader-election-lock-name": (False, "nginx-ingress-leader-election"),
    "ready-status": (True, "true"),
    "ready-status-port": (False, "8081"),
    "nginx-status": (True, "true"),
    "nginx-status-port": (False, "8080"),
    "nginx-reload-timeout": (False, "60000"),
    "log-level": (False, "info"),
    "log-format": (False, "glog"),
    "allow-empty-ingress-host": (True, "false"),
    "disable-ipv6": (True, "false"),
    "default-http-listener-port": (False, "80"),
    "default-https-listener-port": (False, "443"),
}
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")


class UsageError(Exception):
    """The command line is invalid."""


@dataclass(frozen=True)
class Arguments:
    """The parsed flags."""

    values: dict[str, str]

    def text(self, name: str) -> str:
        """Value of a flag."""
        return self.values[name]

    def on(self, name: str) -> bool:
        """Value of a boolean flag."""
        return self.values[name] == "true"

    def pair(self, name: str) -> tuple[str, str] | None:
        """Value of a flag of the form namespace/name."""
        value = self.values[name]
        if not value:
            return None
        namespace, _, item = value.partition("/")
        if not _NAME.match(namespace) or not _NAME.match(item):
            raise UsageError(f"error parsing {name}: {value!r} is not of the form <namespace>/<name>")
        return namespace, item


def parse(command_line: list[str]) -> Arguments:
    """Parse the command line. Raises ``UsageError``."""
    values = {name: default for name, (_, default) in IMITATED.items()}
    rest = list(command_line)
    while rest:
        word = rest.pop(0)
        match = re.match(r"^--?([a-z0-9][a-z0-9-]*)(?:=(.*))?$", word, re.DOTALL)
        if not match:
            raise UsageError(f"unhandled command-line argument: {word}")
        name, value = match[1], match[2]
        if name not in IMITATED:
            raise UsageError(f"flag provided but not defined, or not imitated by this STAND-IN: -{name}")
        boolean = IMITATED[name][0]
        if value is None:
            if not boolean and not rest:
                raise UsageError(f"flag needs an argument: -{name}")
            value = "true" if boolean else rest.pop(0)
        if boolean and value not in {"true", "false", "1", "0", "t", "f", "T", "F", "TRUE", "FALSE", "True", "False"}:
            raise UsageError(f'invalid boolean value "{value}" for -{name}: parse error')
        values[name] = ("true" if value.lower() in {"true", "1", "t"} else "false") if boolean else value
    arguments = Arguments(values)
    _validate(arguments)
    return arguments


def _validate(arguments: Arguments) -> None:
    if arguments.on("enable-custom-resources"):
        raise UsageError("STAND-IN: custom resources are not imitated; give -enable-custom-resources=false")
    if arguments.on("enable-snippets"):
        raise UsageError("STAND-IN: snippets are not imitated")
    for name in ("nginx-configmaps", "default-server-tls-secret", "wildcard-tls-secret"):
        arguments.pair(name)
    if not os.environ.get("POD_NAMESPACE") or not os.environ.get("POD_NAME"):
        raise UsageError("POD_NAMESPACE and POD_NAME must be set in the environment")
