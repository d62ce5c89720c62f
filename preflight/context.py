"""Chooses the kubeconfig context of the stack, and connects to its cluster for the checks before an update.

The Kubernetes provider reads single objects by name only, so checks use the Kubernetes client. They run in updates
only: a preview needs no cluster.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pulumi
import yaml

from settings.errors import ConfigurationError, Mistake, set_command
from settings.model import Settings

T = TypeVar("T")
TIMEOUT = (5, 15)
"""Seconds to connect, and to answer."""
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_IN_CLUSTER = (
    "export KUBECONFIG=/tmp/kubeconfig && kubectl config set clusters.pod.server https://kubernetes.default.svc && "
    f"kubectl config set clusters.pod.certificate-authority {_ACCOUNT}/ca.crt && "
    f"kubectl config set users.pod.tokenFile {_ACCOUNT}/token && "
    "kubectl config set-context {name} --cluster=pod --user=pod && kubectl config use-context {name}"
)
"""Makes a kubeconfig of a pod's service account; the token is read again when the kubelet renews it."""


def connected(context: str) -> Any:
    """Return an ``ApiClient`` of one kubeconfig context, to be used in ``with``.

    :raises Exception: what the kubernetes package, kubeconfig plugins and sockets raise; see ``query_or_warn``.
    """
    # Imported here: it takes half a second, which previews and most stacks need not pay.
    from kubernetes import config  # noqa: PLC0415

    load: Any = config.new_client_from_config
    return load(config_file=os.environ.get("KUBECONFIG") or None, context=context)


def query_or_warn(question: Callable[[], T], otherwise: str) -> T | None:
    """Return the cluster's answer; ``None``, and a warning ``otherwise`` with the reason, where there is none."""
    try:
        return question()
    except Exception as error:  # noqa: BLE001 - the client raises what kubeconfig plugins and sockets raise
        pulumi.log.warn(f"{otherwise}: {_reason(error)}")
        return None


def _reason(error: Exception) -> str:
    """Return the first line; of an API server's answer the status and its name, which are two."""
    status, name = getattr(error, "status", None), getattr(error, "reason", None)
    if status and name:
        return f"{status} {name}"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def choose_context(settings: Settings, files: Sequence[Path], dry_run: bool) -> str:
    """Return the kubeconfig context to use: the current one if the stack allows it, else the stack's only one.

    An ambient context is never trusted. A preview without an allowed context names the first allowed one, which
    the provider then finds unreachable and works from inputs alone.

    :raises ConfigurationError: in an update, when the current context is not one of the stack's, or there is no
        kubeconfig; and when the context looks like OpenShift and ``kubernetes.openshift`` is not set.
    """
    context = _allowed_context(settings.kubernetes.contexts, files, dry_run)
    if settings.kubernetes.openshift is None and looks_like_openshift(context):
        expected = (
            f"must be true or false: the context '{context}' looks like OpenShift, whose default security context "
            "constraint rejects this stack's pods because of their user ids (docs/openshift.md)"
        )
        mistake = Mistake("wso2ei:kubernetes.openshift", "", expected, set_command("kubernetes.openshift", True))
        raise ConfigurationError(pulumi.get_stack(), [mistake])
    return context


def looks_like_openshift(context: str) -> bool:
    """Return whether the name is like OpenShift's.

    ``oc login`` names a context PROJECT/HOST:PORT/USER, OpenShift Local ``crc-admin`` or ``crc-developer``.
    """
    return bool(re.search(r"^[^/]*/[^/]+:[0-9]+/|^crc-(admin|developer)$|openshift|microshift", context))


def _allowed_context(allowed: list[str], files: Sequence[Path], dry_run: bool) -> str:
    only = allowed[0] if len(allowed) == 1 and "*" not in allowed[0] else None
    current = only or _current_context(allowed, files, dry_run)
    if current and any(fnmatch.fnmatchcase(current, pattern) for pattern in allowed):
        return current
    if dry_run:
        return next((name for name in allowed if "*" not in name), allowed[0])
    raise ConfigurationError(pulumi.get_stack(), [_mistake(allowed, current, files)])


def require_kubeconfig(settings: Settings, files: Sequence[Path]) -> None:
    """Reject an update without any kubeconfig, which the provider would report as an unreachable cluster.

    :raises ConfigurationError: with the commands that make one in a pod.
    """
    if not files:
        raise ConfigurationError(pulumi.get_stack(), [_mistake(settings.kubernetes.contexts, None, files)])


def _mistake(allowed: list[str], current: str | None, files: Sequence[Path]) -> Mistake:
    key, value = "wso2ei:kubernetes.contexts", json.dumps(allowed)
    if not files:
        expected = (
            "needs a kubeconfig, and there is none: KUBECONFIG names no file that exists, and ~/.kube/config does not "
            "exist. In a pod, such as the Pulumi Kubernetes Operator's, make one of the pod's service account"
        )
        return Mistake(key, value, expected, f"{_IN_CLUSTER.format(name=shlex.quote(allowed[0]))}")
    has = f"the current context is '{current}'" if current else f"no current context is set in {files[0]}"
    fix = "kubectl config use-context NAME, or add the name to kubernetes.contexts in the stack file"
    return Mistake(key, value, f"{has}, which this stack may not touch", fix)


def kubeconfig_files() -> list[Path]:
    """Return the kubeconfig files that exist, in kubectl's order: those of ``KUBECONFIG``, else ``~/.kube/config``."""
    text = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return [Path(part) for part in text.split(os.pathsep) if part and Path(part).is_file()]


def _current_context(allowed: list[str], files: Sequence[Path], dry_run: bool) -> str | None:
    """Return the context of the first file that names one, as kubectl merges several files.

    A preview ignores a file that cannot be read, since it needs no cluster.
    """
    for file in files:
        try:
            content = yaml.safe_load(file.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            if dry_run:
                continue
            # Not the error's whole text: YAML errors quote lines of the file.
            reason = error.strerror if isinstance(error, OSError) else "it is not YAML"
            expected = f"needs the current context, and the kubeconfig {file} cannot be read: {reason}"
            fix = "correct the file, or set KUBECONFIG to another one"
            mistake = Mistake("wso2ei:kubernetes.contexts", json.dumps(allowed), expected, fix)
            raise ConfigurationError(pulumi.get_stack(), [mistake]) from None
        current = content.get("current-context") if isinstance(content, dict) else None
        if isinstance(current, str) and current:
            return current
    return None
