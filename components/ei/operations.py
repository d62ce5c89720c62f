"""Checks and pod parts of ``OperationsArgs``: labels, log levels, host aliases. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import get_args

import pulumi_kubernetes as k8s

from components.ei.args import OperationsArgs
from components.shared.plain_secrets import sets_secret
from components.shared.problems import Problem
from components.shared.recommended_labels import is_managed
from components.wso2ei.logs import LOGGER, Level


def operation_problems(args: OperationsArgs) -> Iterator[Problem]:
    """Problems of these arguments."""
    for name, level in (args.get("log_levels") or {}).items():
        if not re.fullmatch(LOGGER, name):
            yield Problem(("log_levels", name), "must be the name of a logger, such as org.apache.synapse, or root")
        elif level not in get_args(Level):
            yield Problem(("log_levels", name), f"must be one of {', '.join(get_args(Level))}")
    for field, names in (
        ("pod_labels", args.get("pod_labels") or {}),
        ("pod_annotations", args.get("pod_annotations") or {}),
    ):
        for name in names:
            if is_managed(name):
                yield Problem((field, name), "must not be set: it is managed")
            elif field == "pod_annotations" and sets_secret(name, names[name]):
                yield Problem((field, name), "holds a password in plain text, readable to everyone who may list pods")


def host_aliases(args: OperationsArgs) -> list[k8s.core.v1.HostAliasArgs] | None:
    """As a pod takes them.

    Old images write the last line of ``/etc/hosts`` into axis2.xml as the member's address; the patch of that
    parameter hides it from them (``wso2ei/patches.py``), so an alias does no harm.
    """
    aliases = args.get("host_aliases") or ()
    return [k8s.core.v1.HostAliasArgs(ip=one["ip"], hostnames=list(one["hostnames"])) for one in aliases] or None
