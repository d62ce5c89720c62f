"""What goes into the pods of a cluster's nodes and of its schema Job, by subject. Data, pure."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from components.ei.additions import Additions
from components.ei.args import OperationsArgs
from components.ei.carbonapps import CarbonApps
from components.ei.deployment import DeploymentFolders
from components.ei.logs import LogFolder
from components.mysql.connection import MysqlConnection
from components.shared.storage import DataVolume


@dataclass(frozen=True)
class Images:
    """What the containers of a node's pod run."""

    ei: str
    python: str
    mysql: str
    pull_secret: str | None
    """Plain: a pod template that took the name from the object would change with it."""


@dataclass(frozen=True)
class ConfigMaps:
    """Names of the ConfigMaps that the pod mounts."""

    programs: pulumi.Input[str]
    patches: pulumi.Input[str]
    additions: pulumi.Input[str] | None
    """``None``: users add nothing."""
    cars: pulumi.Input[str] | None
    """``None``: arguments name no CAR."""


@dataclass(frozen=True)
class Sizes:
    """Memory and CPU of the server."""

    heap: str
    """As the JVM writes it, e.g. ``512m``."""
    cpu: str
    cpu_limit: str | None
    memory: str


@dataclass(frozen=True)
class PodParts:
    """Everything that goes into the pod template of one EI node."""

    home: str
    """The server's, in the image."""
    images: Images
    config_maps: ConfigMaps
    selector: dict[str, str]
    service_account: pulumi.Input[str]
    mysql: MysqlConnection
    admin_secret: pulumi.Input[str]
    rotation: str | None
    """Another text rolls the pods."""
    carbonapps: DataVolume | None
    """The shared folder of artifacts, if the nodes use one."""
    cars: CarbonApps
    deployment: DeploymentFolders
    additions: Additions
    logs: LogFolder
    operations: OperationsArgs
    java_options: str
    """As JAVA_OPTS."""
    sizes: Sizes
