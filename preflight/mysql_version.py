"""Checks, before an update, that the MySQL image can start on the data of the running server.

MySQL itself rejects such data only after the running server has stopped. Compared are the versions in the tags of the
ready server's image and of the stack file's; a tag without a version, or a digest alone, is one warning. Without a
ready server nothing is compared: then the image was not necessarily used, and MySQL decides.

Sources: MySQL 8.4 and 9.7 manuals, "Upgrade Paths" and "Downgrading MySQL".
"""

from __future__ import annotations

import re
from typing import Any

import pulumi

from preflight.context import TIMEOUT, connected, query_or_warn
from settings.errors import Mistake, full, set_command
from settings.model import Settings
from stack import names

_PATH = "images.mysql"
_LTS = ((5, 7), (8, 0), (8, 4), (9, 7))
"""Long-term series (8.0 and older: bugfix series), none of which an upgrade may skip."""


def mistakes(settings: Settings, context: str) -> list[Mistake]:
    """Return a mistake where the image cannot start on the running server's data; empty in a preview."""
    if pulumi.runtime.is_dry_run() or settings.mysql.external:
        return []
    otherwise = f"{_PATH} is not compared with the running server, the cluster of '{context}' gave no answer"
    running = query_or_warn(lambda: _running(context, settings.namespace.name), otherwise)
    wanted = settings.image(settings.images.mysql)
    if running is None or running == wanted:
        return []
    old, new = _version(running), _version(wanted)
    if old is None or new is None:
        pulumi.log.warn(f"{_PATH}: {wanted} and the running {running} are not compared, a tag names no MySQL version")
        return []
    reason = refusal(old, new)
    return [Mistake(full(_PATH), f'"{wanted}"', reason, set_command(_PATH, running))] if reason else []


def refusal(old: tuple[int, ...], new: tuple[int, ...]) -> str:
    """Return why MySQL ``new`` must not start on data of ``old``; empty where it may. Pure.

    Every older version is rejected, although MySQL itself downgrades in place within a long-term series.

    :param old: two or three numbers, as ``new``; a patch version that one does not name is not compared.
    """
    before, after = (".".join(map(str, version)) for version in (old, new))
    if new < old[: len(new)]:
        return (
            f"must not be older than the running MySQL {before}, whose data {after} does not take over. To go back, "
            "move the data by dump and restore to another volume (docs/storage.md, moving)"
        )
    between = [".".join(map(str, series)) for series in _LTS if old[:2] < series < new[:2]]
    if between:
        return f"must be a step that MySQL supports: from {before} to {after} first to {' and then to '.join(between)}"
    return ""


def _version(image: str) -> tuple[int, ...] | None:
    found = re.search(r":([0-9]+)\.([0-9]+)(?:\.([0-9]+))?(?:[-_][\w.-]*)?(?:@|$)", image)
    return tuple(int(part) for part in found.groups() if part) if found else None


def _running(context: str, namespace: str) -> str | None:
    """Return the image of the ready server; ``None`` where there is none."""
    from kubernetes import client  # noqa: PLC0415 - see preflight.context

    with connected(context) as api:
        try:
            pod = client.CoreV1Api(api).read_namespaced_pod(f"{names.MYSQL}-0", namespace, _request_timeout=TIMEOUT)
        except client.ApiException as error:
            if error.status == 404:
                return None
            raise
    return _image(pod)


def _image(pod: Any) -> str | None:
    ready = {status.name for status in pod.status.container_statuses or [] if status.ready}
    return next((str(one.image) for one in pod.spec.containers if one.name == "mysql" and one.name in ready), None)
