"""The deployment folder and the tenants of EI on a volume of all nodes, as parts of a pod. Pure functions.

What users make in the console is a file below one of the two, and a node scans them every 15 s; so a shared volume is
all that nodes need (WSO2's own charts mount the first). The images fill no empty volume (kubernetes-ei#245): the
container that copies the image's files copies the defaults of both, and a program merges them into the volume.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi_kubernetes as k8s

from components.shared import pods, volumes
from components.shared.problems import Problem
from components.shared.storage import DataVolume
from components.wso2ei.args import FileArgs

_VOLUME, _DEFAULTS = "deployment", "defaults"
_FOLDERS = {"server": "repository/deployment/server", "tenants": "repository/tenants"}
"""Folder of the volume, and where it is below the server's home."""


@dataclass(frozen=True)
class DeploymentFolders:
    """The two folders of a node."""

    shared: DataVolume | None
    """Their volume; without one they are the image's own, and go with the container."""

    def first_containers(self, image: str, programs: str, uid: int) -> list[k8s.core.v1.ContainerArgs]:
        """The container that sets or checks the owner of the volume."""
        return [self.shared.first_container(image, _VOLUME, programs, uid, what=_VOLUME)] if self.shared else []

    def copy_script(self, home: str) -> str:
        """Shell, in the EI image: copy the defaults to where Python is. CARs are collected separately."""
        if not self.shared:
            return ""
        server, tenants = (f"{home}/{folder}" for folder in _FOLDERS.values())
        return f"""
rm -rf /{_DEFAULTS}/server /{_DEFAULTS}/tenants
mkdir /{_DEFAULTS}/server /{_DEFAULTS}/tenants
for item in {server}/*; do
    [ ! -e "$item" ] || [ "${{item##*/}}" = carbonapps ] || cp -RL "$item" /{_DEFAULTS}/server/
done
[ ! -d {tenants} ] || cp -RL {tenants}/. /{_DEFAULTS}/tenants/"""

    def copy_mounts(self) -> list[k8s.core.v1.VolumeMountArgs]:
        """Mounts of the container that runs it."""
        return [volumes.mount(_DEFAULTS, f"/{_DEFAULTS}")] if self.shared else []

    def merge_containers(self, image: str) -> list[k8s.core.v1.ContainerArgs]:
        """The container that merges them into the volume."""
        if not self.shared:
            return []
        container = k8s.core.v1.ContainerArgs(
            name="merge-deployment",
            image=image,
            command=["python", f"{volumes.IN_POD_MOUNT}/deployment.py"],
            args=["--defaults", f"/{_DEFAULTS}", "--volume", "/volume"],
            security_context=pods.container_security(),
            resources=pods.resources("20m", "64Mi"),
            volume_mounts=[
                volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
                volumes.mount(_DEFAULTS, f"/{_DEFAULTS}", read_only=True),
                volumes.mount(_VOLUME, "/volume"),
            ],
            termination_message_policy="FallbackToLogsOnError",
        )
        return [container]

    def server_mounts(self, home: str) -> list[k8s.core.v1.VolumeMountArgs]:
        """Mounts of the server; that of the CARs is inside of the first."""
        if not self.shared:
            return []
        return [volumes.mount(_VOLUME, f"{home}/{path}", sub_path=folder) for folder, path in _FOLDERS.items()]

    def volumes(self) -> list[k8s.core.v1.VolumeArgs]:
        """Volumes of the pod."""
        if not self.shared:
            return []
        return [volumes.claim_volume(_VOLUME, self.shared.claim_name), volumes.empty_dir(_DEFAULTS, "1Gi")]


def programs(shared: object) -> Sequence[str]:
    """What ``merge_containers`` runs, of ``components/in_pod``, where there is a volume to be ``shared``."""
    return ("deployment.py",) if shared else ()


def shared_file_problems(files: Sequence[FileArgs]) -> Iterator[Problem]:
    """Report files that would be mounted inside of the volume, on which the container runtime then makes empty ones."""
    for index, file in enumerate(files):
        if re.match(rf"({'|'.join(_FOLDERS.values())})/", file["path"]):
            yield Problem(
                ("files", index, "path"),
                "must not be in the deployment folder that all nodes share: put the file there, or into the image",
            )
