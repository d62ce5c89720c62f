"""The volume of EI's log files and heap dumps: one of the pod, or one that outlives it. Pod parts, pure.

``repository/logs`` is always a volume: the file system of a container goes with every restart of it, and a heap dump
is written just before one.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi_kubernetes as k8s

from components.shared import pods, volumes
from components.shared.storage import DataVolume

VOLUME = "logs"
DUMPS_PER_POD = 3
"""Heap dumps that a folder keeps; each may be as large as the heap."""
_LOG_MEBIBYTES = 2048
"""Room for log files: log4j 1 rolls them once a day and removes none."""
_OTHER_MEBIBYTES = 8192


@dataclass(frozen=True)
class LogFolder:
    """The folder of one pod's logs."""

    kept: DataVolume | None
    """A volume that outlives pods, with a folder for each; without one the logs go with the pod."""
    keep: int
    """Folders of gone pods that stay."""
    heap_mebibytes: int
    """Size of a heap dump."""

    def volume(self) -> k8s.core.v1.VolumeArgs:
        """Volume of the pod; an emptyDir is limited, so that it cannot fill the node's disk."""
        if self.kept:
            return volumes.claim_volume(VOLUME, self.kept.claim_name)
        return volumes.empty_dir(VOLUME, f"{self.mebibytes}Mi")

    @property
    def mebibytes(self) -> int:
        """Limit of an emptyDir, above which the kubelet evicts the pod. One dump more is written
        before the oldest goes."""
        return _LOG_MEBIBYTES + (DUMPS_PER_POD + 1) * self.heap_mebibytes

    @property
    def disk(self) -> str:
        """Ephemeral storage that a node needs: one heap dump and a day's logs, where they go with the pod."""
        return "512Mi" if self.kept else f"{512 + self.heap_mebibytes}Mi"

    @property
    def disk_limit(self) -> str:
        """Most of it: this volume, those of jars and CARs (2 GiB each), and what the server writes into its home."""
        return f"{_OTHER_MEBIBYTES + (0 if self.kept else self.mebibytes)}Mi"

    def init_containers(self, image: str, programs: str, uid: int) -> list[k8s.core.v1.ContainerArgs]:
        """Containers that make the pod's folder; none with an emptyDir."""
        if self.kept is None:
            return []
        make = k8s.core.v1.ContainerArgs(
            name="log-folder",
            image=image,
            command=["python", f"{volumes.IN_POD_MOUNT}/log_folders.py"],
            args=["--volume", "/volume", "--own", "$(POD_NAME)", "--keep", str(self.keep)],
            env=[pods.from_pod("POD_NAME", "metadata.name")],
            security_context=pods.container_security(),
            resources=pods.resources("20m", "48Mi"),
            volume_mounts=[
                volumes.mount(VOLUME, "/volume"),
                volumes.mount(programs, volumes.IN_POD_MOUNT, read_only=True),
            ],
            termination_message_policy="FallbackToLogsOnError",
        )
        return [self.kept.first_container(image, VOLUME, programs, uid, what="logs"), make]

    def mount(self, home: str) -> k8s.core.v1.VolumeMountArgs:
        """For the server, which needs ``variables()``."""
        folder = "$(POD_NAME)" if self.kept else None
        return k8s.core.v1.VolumeMountArgs(name=VOLUME, mount_path=f"{home}/repository/logs", sub_path_expr=folder)

    def variables(self) -> list[k8s.core.v1.EnvVarArgs]:
        """Of the server: what its mount is named with."""
        return [pods.from_pod("POD_NAME", "metadata.name")] if self.kept else []


def java_options(home: str) -> str:
    """Write dumps and crash reports to the folder of the logs, each under its own name.

    The start script names one file, and a JVM writes no dump over one that exists: the second would be lost.
    """
    logs = f"{home}/repository/logs"
    return f"-XX:HeapDumpPath={logs} -XX:ErrorFile={logs}/hs_err_pid%p.log"


def post_start(home: str) -> k8s.core.v1.LifecycleHandlerArgs:
    """Puts what an earlier run of the container left under names with its time, and keeps the newest dumps.

    In a container every run of the server has the same few process ids, which name its dumps.
    """
    script = f"""touch /tmp/container-started
cd {home}/repository/logs || exit 0
for file in java_pid*.hprof hs_err_pid*.log; do
    [ -f "$file" ] && mv "$file" "$(date -u -r "$file" +%Y%m%dT%H%M%SZ)-$file"
done
ls -t ./*-java_pid*.hprof 2>/dev/null | tail -n +{DUMPS_PER_POD + 1} | xargs -r rm -f
exit 0"""
    return k8s.core.v1.LifecycleHandlerArgs(exec_=k8s.core.v1.ExecActionArgs(command=["sh", "-c", script]))
