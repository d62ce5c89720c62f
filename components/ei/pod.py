"""The pod of one EI node: init containers that make its configuration, the server, the Deployment. Pure functions.

What runs in which image: the EI image has a JDK and a shell but no Python and no mysql client, so it only copies
its own files and runs keytool; a small Python image patches them; the MySQL image speaks SQL.
"""

from __future__ import annotations

import pulumi_kubernetes as k8s

from components.ei import clients, logs, metrics, vault, work
from components.ei.additions import SECRETS
from components.ei.copy_conf import copy_container
from components.ei.operations import host_aliases
from components.ei.parts import PodParts
from components.mysql import connection as mysql_connection
from components.shared import metadata, pods, scheduling, volumes
from components.shared.deadlines import Deadline
from components.wso2ei.patches import EiSecrets

UID = 802
"""User ``wso2carbon`` and group ``wso2`` of every EI 6.x image (wso2/docker-ei, all tags)."""
CONSOLE_PORT, GATEWAY_PORT, GATEWAY_HTTP_PORT, MEMBER_PORT = 9443, 8243, 8280, 4100
KEYSTORES = "/home/wso2carbon/keystores"
"""Folder of the truststore with the cluster's CA, and of the user's keystore."""
TRUSTSTORE, KEYSTORE = f"{KEYSTORES}/client-truststore.jks", f"{KEYSTORES}/keystore"
ADMIN_KEY = "password"
"""Key of the administrator's password in its Secret."""
_MYSQL, _ADMIN = "_mysql", "_admin"
"""Folders of passwords for the patcher, next to those of users' Secrets: no Secret can have such a name."""
MOUNTED_SECRETS = EiSecrets(
    user_password={"from": f"{_MYSQL}/{mysql_connection.USER_KEY}"},
    registry_password={"from": f"{_MYSQL}/{mysql_connection.REGISTRY_KEY}"},
    admin_password={"from": f"{_ADMIN}/{ADMIN_KEY}"},
)
"""Where the patcher finds the passwords."""
START_SECONDS = 600
"""The longest start of a server: after it the startup probe ends the container."""
_DRAIN_SECONDS = 60
"""Carbon's shutdown hook waits so long for running requests (carbon-kernel, ServerManagement)."""
_ENDPOINT_LAG_SECONDS = 8
"""Time for NGINX to hear that the pod is going, and for its old workers to be done, before the listeners close."""


def patch_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """Patches the copy; the image's defaults stay the base for every version."""
    return k8s.core.v1.ContainerArgs(
        name="patch-conf",
        image=parts.images.python,
        command=["python", f"{volumes.IN_POD_MOUNT}/patch_config.py", "--home", work.FOLDER],
        args=[
            *("--patches", "/patches/managed/patches.json", "--secrets", SECRETS),
            *parts.additions.patch_arguments(),
        ],
        env=[pods.from_pod("POD_IP", "status.podIP")],
        security_context=pods.container_security(),
        resources=pods.resources("20m", "48Mi"),
        volume_mounts=[
            work.conf_mount(),
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            volumes.mount("patches", "/patches/managed", read_only=True),
            volumes.mount("mysql-passwords", f"{SECRETS}/{_MYSQL}", read_only=True),
            volumes.mount("admin-password", f"{SECRETS}/{_ADMIN}", read_only=True),
            *parts.additions.patch_mounts(),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def gate_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """Holds a node back while another one fills an empty database."""
    return k8s.core.v1.ContainerArgs(
        name="gate",
        image=parts.images.mysql,
        command=["bash", f"{volumes.IN_POD_MOUNT}/gate.sh"],
        env=[
            pods.from_pod("POD_NAME", "metadata.name"),
            pods.from_pod("NAMESPACE", "metadata.namespace"),
            *mysql_connection.client_env(parts.mysql),
            *mysql_connection.env({"START_SECONDS": str(START_SECONDS)}),
        ],
        security_context=pods.container_security(),
        resources=pods.resources("20m", "64Mi"),
        volume_mounts=[
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            mysql_connection.passwords_mount(),
            mysql_connection.rendered_mount(),
            *mysql_connection.ca_mounts(parts.mysql),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def server_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """EI itself, by the image's own entrypoint.

    The entrypoint is a shell without a trap, so SIGTERM is lost (wso2/docker-ei#139): ``preStop`` stops the JVM, which
    then drains for up to 60 s. 9443 opens only after the node has joined the cluster, so a check of it means "joined".
    """
    stop = f"sleep {_ENDPOINT_LAG_SECONDS}; sh {parts.home}/bin/integrator.sh stop"
    login = k8s.core.v1.HTTPGetActionArgs(path="/carbon/admin/login.jsp", port=CONSOLE_PORT, scheme="HTTPS")
    return k8s.core.v1.ContainerArgs(
        name="ei",
        image=parts.images.ei,
        env=[
            k8s.core.v1.EnvVarArgs(name="JVM_MEM_OPTS", value=f"-Xms{parts.sizes.heap} -Xmx{parts.sizes.heap}"),
            k8s.core.v1.EnvVarArgs(name="JAVA_OPTS", value=parts.java_options),
            *parts.logs.variables(),
            *parts.additions.variables(),
        ],
        ports=[
            k8s.core.v1.ContainerPortArgs(name=name, container_port=port)
            for name, port in (
                ("console", CONSOLE_PORT),
                ("gateway", GATEWAY_PORT),
                ("gateway-http", GATEWAY_HTTP_PORT),
                ("members", MEMBER_PORT),
                *clients.named_ports(parts.operations).items(),
            )
        ]
        + metrics.container_ports(parts.operations.get("metrics")),
        startup_probe=k8s.core.v1.ProbeArgs(
            exec_=k8s.core.v1.ExecActionArgs(command=parts.cars.started_command(parts.home)),
            # Every node of an update waits for the next look; it costs a shell and a grep, during the start alone.
            period_seconds=1,
            timeout_seconds=5,
            failure_threshold=START_SECONDS,
        ),
        readiness_probe=k8s.core.v1.ProbeArgs(http_get=login, period_seconds=5, timeout_seconds=5, failure_threshold=3),
        liveness_probe=k8s.core.v1.ProbeArgs(
            tcp_socket=k8s.core.v1.TCPSocketActionArgs(port=CONSOLE_PORT),
            period_seconds=15,
            timeout_seconds=5,
            failure_threshold=6,
        ),
        lifecycle=k8s.core.v1.LifecycleArgs(
            post_start=logs.post_start(parts.home),
            pre_stop=k8s.core.v1.LifecycleHandlerArgs(exec_=k8s.core.v1.ExecActionArgs(command=["sh", "-c", stop])),
        ),
        # EI writes into its own home (pid file, tmp, logs, H2 database, deployment): see README, "Security".
        security_context=pods.container_security(read_only=False),
        resources=pods.resources(
            parts.sizes.cpu,
            parts.sizes.memory,
            cpu_limit=parts.sizes.cpu_limit,
            disk=parts.logs.disk,
            disk_limit=parts.logs.disk_limit,
        ),
        volume_mounts=[
            work.conf_mount(f"{parts.home}/conf"),
            work.stores_mount(KEYSTORES),
            # The membership scheme calls the API.
            volumes.mount("api-access", volumes.API_ACCESS_MOUNT, read_only=True),
            *parts.deployment.server_mounts(parts.home),
            *parts.cars.server_mounts(parts.home, parts.carbonapps is not None and parts.carbonapps.read_only),
            parts.logs.mount(parts.home),
            *parts.additions.server_mounts(parts.home),
            *vault.server_mounts(parts.additions, parts.home),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def deployment_spec(parts: PodParts, replicas: int, deadline: Deadline) -> k8s.apps.v1.DeploymentSpecArgs:
    """The nodes. A successor serves before a node goes (surge), one at a time; on a volume for one, it goes first."""
    folder = parts.carbonapps
    first = [folder.first_container(parts.images.python, "carbonapps", "programs", UID)] if folder else []
    # A volume that one node alone may use would keep the successor waiting on another one.
    surge = 1 if all(v.shared for v in (folder, parts.deployment.shared, parts.logs.kept) if v) else 0
    spec = k8s.core.v1.PodSpecArgs(
        service_account_name=parts.service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        image_pull_secrets=pods.pull_secrets(parts.images.pull_secret),
        security_context=pods.pod_security(UID),
        termination_grace_period_seconds=_ENDPOINT_LAG_SECONDS + _DRAIN_SECONDS + 30,
        topology_spread_constraints=scheduling.spread(parts.selector),
        init_containers=[
            *first,
            *parts.deployment.first_containers(parts.images.python, "programs", UID),
            *parts.logs.init_containers(parts.images.python, "programs", UID),
            *parts.additions.fetch_containers(parts.images.python),
            copy_container(parts),
            *parts.additions.place_containers(parts.images.python),
            patch_container(parts),
            *vault.containers(parts.additions, parts.images.python),
            parts.cars.gather_container(parts.images.python),
            *parts.deployment.merge_containers(parts.images.python),
            gate_container(parts),
        ],
        containers=[server_container(parts)],
        volumes=[
            volumes.empty_dir(work.VOLUME, "64Mi"),
            volumes.api_access_volume("api-access"),
            volumes.config_map_volume("cluster-ca", volumes.CLUSTER_CA),
            volumes.config_map_volume("programs", parts.config_maps.programs),
            volumes.config_map_volume("patches", parts.config_maps.patches),
            *secret_volumes(parts),
            *parts.cars.volumes(folder.claim_name if folder else None, parts.config_maps.cars),
            *parts.deployment.volumes(),
            parts.logs.volume(),
            *parts.additions.volumes(parts.config_maps.additions),
            *vault.volumes(parts.additions),
        ],
        host_aliases=host_aliases(parts.operations),
        **scheduling.pod_fields(parts.operations.get("scheduling")),
    )
    annotations = {
        **(parts.operations.get("pod_annotations") or {}),
        **metrics.pod_annotations(parts.operations.get("metrics")),
        **(metadata.rotated(parts.rotation) or {}),
    }
    return k8s.apps.v1.DeploymentSpecArgs(
        replicas=replicas,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=parts.selector),
        # A pull of 1.5 GB and a slow first start are not a failed rollout.
        progress_deadline_seconds=deadline.seconds,
        strategy=k8s.apps.v1.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_surge=surge, max_unavailable=1 - surge),
        ),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(
                labels={
                    **(parts.operations.get("pod_labels") or {}),
                    **parts.selector,
                    **mysql_connection.CLIENT_LABEL,
                },
                annotations=annotations or None,
            ),
            spec=spec,
        ),
    )


def secret_volumes(parts: PodParts) -> list[k8s.core.v1.VolumeArgs]:
    """The passwords; no container that runs EI mounts them."""
    return [
        *mysql_connection.password_volumes(parts.mysql["secret"]),
        *mysql_connection.ca_volumes(parts.mysql),
        volumes.secret_volume("admin-password", parts.admin_secret, [ADMIN_KEY]),
    ]
