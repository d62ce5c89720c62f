"""Integration artifacts (CAR files) of an EI node, as parts of its pod: from where they come, and when it has started.

EI reads one folder, ``carbonapps``. Unless that is the shared folder itself (``live``), the node has its own folder,
filled before the server starts with everything that the sources hold: the image, the shared folder, URLs and the stack
file. So no source hides another, and what a node serves changes when it starts, not before.
Pure functions.
"""

from __future__ import annotations

import json

import pulumi
import pulumi_kubernetes as k8s

from components.ei.additions import proxies
from components.shared import pods, volumes
from components.wso2ei.args import AdditionsArgs
from components.wso2ei.carbonapps import car_name

CARS = "/cars"
"""Where containers before the server see the volume of CARs."""
EXPECTED = "/home/wso2carbon/expected-cars"
"""Where the server's container sees the list of CARs that must be deployed."""
_FOLDER, _MANIFEST = "/carbonapps", "/manifest"
_DEPLOY = "repository/deployment/server/carbonapps"
# Folders that the entrypoints copy over the server's folder at the start (docs of wso2/docker-ei, all tags).
_IMAGE_FOLDERS = (
    "wso2-artifact-volume/repository/deployment/server",
    "wso2-config-volume/repository/deployment/server",
    "wso2-server-volume/repository/deployment/server",
    "volumes/repository/deployment/server",
    "wso2-tmp/server",
)


class CarbonApps:
    """The CAR files of a node, and how it uses the shared folder."""

    def __init__(self, args: AdditionsArgs) -> None:
        self.cars = args.get("carbon_apps") or ()
        self.folder = args.get("carbon_apps_folder") or "live"
        self.proxies = proxies(args.get("environment") or {})
        """Environment of the container that fetches."""

    @property
    def uses_folder(self) -> bool:
        """Pods mount the shared folder."""
        return self.folder != "unused"

    def manifest(self) -> dict[str, str]:
        """Text of the ConfigMap: CARs to fetch, and those in the same ConfigMap."""
        if not self.cars:
            return {}
        items = [
            {"name": car_name(car)}
            | ({"url": url, "sha256": car.get("sha256") or ""} if (url := car.get("url")) else {})
            for car in self.cars
        ]
        return {"carbonapps.json": json.dumps({"cars": items}, indent=1, sort_keys=True)}

    def contents(self) -> dict[str, str]:
        """Binary data of the same ConfigMap."""
        return {car_name(car): content for car in self.cars if (content := car.get("content"))}

    def collect_script(self, home: str) -> str:
        """Shell, in the EI image: copy the image's own CARs to where Python is, with the places that they were in."""
        folders = " ".join((f"{home}/{_DEPLOY}", *(f"/home/wso2carbon/{top}/carbonapps" for top in _IMAGE_FOLDERS)))
        return f"""number=0
for folder in {folders}; do
    for car in "$folder"/*.car; do
        [ -f "$car" ] || continue
        mkdir -p {CARS}/image/$number
        cp "$car" {CARS}/image/$number/
        echo "$folder" >{CARS}/image/$number.from
    done
    number=$((number + 1))
done"""

    def collect_mounts(self) -> list[k8s.core.v1.VolumeMountArgs]:
        """Mounts of the container that runs it."""
        return [volumes.mount("cars", CARS)]

    def gather_container(self, image: str) -> k8s.core.v1.ContainerArgs:
        """Gathers the CARs of all sources, and rejects damaged ones."""
        sources = ["--image", f"{CARS}/image"]
        sources += ["--folder", _FOLDER] if self.uses_folder else []
        sources += ["--live"] if self.folder == "live" else []
        sources += ["--manifest", f"{_MANIFEST}/carbonapps.json"] if self.cars else []
        return k8s.core.v1.ContainerArgs(
            name="gather-cars",
            image=image,
            command=["python", f"{volumes.IN_POD_MOUNT}/carbonapps.py", "--to", CARS],
            args=sources,
            env=[k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in sorted(self.proxies.items())],
            security_context=pods.container_security(),
            resources=pods.resources("20m", "96Mi"),
            volume_mounts=[
                volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
                volumes.mount("cars", CARS),
                *([volumes.mount("carbonapps", _FOLDER, read_only=True)] if self.uses_folder else []),
                *([volumes.mount("carbonapps-manifest", _MANIFEST, read_only=True)] if self.cars else []),
            ],
            termination_message_policy="FallbackToLogsOnError",
        )

    def server_mounts(self, home: str, read_only: bool) -> list[k8s.core.v1.VolumeMountArgs]:
        """The folder that EI looks into, and what its startup probe reads.

        :param read_only: the shared folder is.
        """
        live = volumes.mount("carbonapps", f"{home}/{_DEPLOY}", read_only=read_only or None)
        own = volumes.mount("cars", f"{home}/{_DEPLOY}", sub_path="deploy")
        return [
            live if self.folder == "live" else own,
            volumes.mount("cars", EXPECTED, sub_path="expected", read_only=True),
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
        ]

    def started_command(self, home: str) -> list[str]:
        """Succeeds when the node has joined the cluster and has deployed every CAR."""
        return ["sh", f"{volumes.IN_POD_MOUNT}/started.sh", home, f"{EXPECTED}/list"]

    def volumes(
        self, claim: pulumi.Input[str] | None, config_map: pulumi.Input[str] | None
    ) -> list[k8s.core.v1.VolumeArgs]:
        """Volumes of the pod.

        :param claim: claim of the shared folder, if it is used.
        :param config_map: name of the ConfigMap with ``manifest()`` and ``contents()``, if there is one.
        """
        return [
            volumes.empty_dir("cars", "2Gi"),
            *([volumes.claim_volume("carbonapps", claim)] if claim is not None else []),
            *([volumes.config_map_volume("carbonapps-manifest", config_map)] if config_map is not None else []),
        ]
