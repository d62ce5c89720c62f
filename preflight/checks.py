"""Runs every check of registry, cluster and running stack, in order, before anything is created."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from preflight import init_containers, mysql_version, nodes, references, storage
from preflight.context import choose_context, kubeconfig_files, require_kubeconfig
from preflight.storage_guide import StorageRecord
from settings.errors import ConfigurationError
from settings.model import Settings


@dataclass(frozen=True)
class Checked:
    """Results of the checks."""

    context: str
    """The kubeconfig context that the stack uses."""
    storage: StorageRecord
    """Where the stack's data is, compared with the running stack."""


def run(settings: Settings, registry_password: str | None) -> Checked:
    """Check registry, kubeconfig context, nodes, referenced objects, MySQL's version and storage.

    An update reports failing init containers from then on.

    :param registry_password: plain text, where the stack file has registry credentials.
    :raises pulumi.RunError: from the first check that fails; nothing has been created then.
    """
    _registry(settings, registry_password)
    files = kubeconfig_files()
    context = choose_context(settings, files, pulumi.runtime.is_dry_run())
    mistakes = [
        *nodes.mistakes(settings, context),
        *references.mistakes(settings, context),
        *mysql_version.mistakes(settings, context),
    ]
    if mistakes:
        raise ConfigurationError(pulumi.get_stack(), mistakes)
    record = storage.check(settings, context)
    if not pulumi.runtime.is_dry_run():
        require_kubeconfig(settings, files)
        init_containers.report(context, settings.namespace.name)
    return Checked(context, record)


def _registry(settings: Settings, password: str | None) -> None:
    if settings.registry_username and password and settings.registry_check != "never":
        # A stack without credentials need not wait for an HTTP client to load.
        from preflight import registry  # noqa: PLC0415

        registry.require_pull(
            settings.ei_image,
            settings.registry_username,
            password,
            stack=pulumi.get_stack(),
            mode=settings.registry_check,
            warn=pulumi.log.warn,
        )
