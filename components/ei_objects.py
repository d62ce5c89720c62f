"""The Kubernetes bodies of ``EiCluster``, as pure functions.

What runs in which image: the EI image has a JDK and a shell but no Python and no mysql client, so it only copies
its own files and runs keytool; a small Python image patches them; the MySQL image speaks SQL.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components import common, mysql_connection, mysql_objects
from components.ei_additions import DELIVERED, SECRETS, Additions
from components.mysql_connection import MysqlConnection
from components.storage import DataVolume
from components.wso2ei.patches import EiSecrets
from components.wso2ei.versions import DRIVER, SCHEME, MissingJar

UID = 802
"""User ``wso2carbon`` and group ``wso2`` of every EI 6.x image (wso2/docker-ei, all tags)."""
CONSOLE_PORT, GATEWAY_PORT, GATEWAY_HTTP_PORT, MEMBER_PORT = 9443, 8243, 8280, 4100
TRUSTSTORE_FOLDER = "/home/wso2carbon/truststore"
TRUSTSTORE = f"{TRUSTSTORE_FOLDER}/client-truststore.jks"
ADMIN_KEY = "password"
"""Key of the administrator's password in its Secret."""
_MYSQL, _ADMIN = "_mysql", "_admin"
"""Folders of passwords for the patcher, beside those of Secrets that users name: no Secret can have such a name."""
MOUNTED_SECRETS = EiSecrets(
    user_password={"from": f"{_MYSQL}/{mysql_connection.USER_KEY}"},
    registry_password={"from": f"{_MYSQL}/{mysql_connection.REGISTRY_KEY}"},
    admin_password={"from": f"{_ADMIN}/{ADMIN_KEY}"},
)
"""Where the patcher finds the passwords."""
_DRAIN_SECONDS = 60
"""Carbon's shutdown hook waits so long for running requests (carbon-kernel, ServerManagement)."""
_ENDPOINT_LAG_SECONDS = 8
"""Time for NGINX to hear that the pod is going, before the listeners close."""


@dataclass(frozen=True)
class ControllerPods:
    """The NGINX pods that may reach console and gateway."""

    labels: dict[str, str]
    """Empty: not known."""
    elsewhere: bool
    """In another namespace."""


@dataclass(frozen=True)
class PodParts:
    """Everything that goes into the pod template of one EI node."""

    name: str
    home: str
    ei_image: str
    python_image: str
    mysql_image: str
    selector: dict[str, str]
    service_account: pulumi.Input[str]
    pull_secret: str | None
    """Plain: a pod template that took the name from the object would change with it."""
    programs: pulumi.Input[str]
    patches: pulumi.Input[str]
    mysql: MysqlConnection
    admin_username: str
    admin_secret: pulumi.Input[str]
    rotation: str | None
    carbonapps: DataVolume
    heap: str
    """As the JVM writes it, e.g. ``512m``."""
    java_options: str
    """As JAVA_OPTS."""
    additions: Additions
    added: pulumi.Input[str] | None
    """Name of the ConfigMap of the additions, if there are any."""
    cpu: str
    cpu_limit: str | None
    memory: str


def service_spec(selector: dict[str, str], ports: dict[str, int]) -> k8s.core.v1.ServiceSpecArgs:
    """A Service with named ports."""
    return k8s.core.v1.ServiceSpecArgs(
        selector=selector,
        ports=[
            k8s.core.v1.ServicePortArgs(name=name, port=port, target_port=port, protocol="TCP")
            for name, port in ports.items()
        ],
    )


def members_service_spec(selector: dict[str, str]) -> k8s.core.v1.ServiceSpecArgs:
    """Headless: its Endpoints are the list of members that the membership scheme reads.

    The scheme reads ready and not-ready addresses, so a starting node is found without publishing it as ready.
    """
    return k8s.core.v1.ServiceSpecArgs(
        cluster_ip="None",
        selector=selector,
        publish_not_ready_addresses=True,
        ports=[k8s.core.v1.ServicePortArgs(name="members", port=MEMBER_PORT, protocol="TCP")],
    )


def membership_rules(service: str) -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """All that the membership scheme needs: ``get`` on its own Endpoints."""
    return [
        k8s.rbac.v1.PolicyRuleArgs(api_groups=[""], resources=["endpoints"], resource_names=[service], verbs=["get"])
    ]


def _needs_home(parts: PodParts) -> str:
    """Shell: stop with a reason when the image is not of the version that paths are made for."""
    return f"""set -eu
if [ ! -d {parts.home}/conf ]; then
    echo "This image has no {parts.home}: its own home is ${{WSO2_SERVER_HOME:-not named}}." \\
        "ei.version must be the version that ei.image holds." >&2
    exit 1
fi"""


def _needs_class(parts: PodParts, needed: MissingJar) -> str:
    """Shell: stop with the way out when no jar of the image or of the additions holds a class.

    The server itself would start, log a ClassNotFoundException, and never be ready. A jar's own list of its files is
    never compressed, so their names can be looked for as text.
    """
    found = " ".join(f"{top}/{folder}/*.jar" for top in (parts.home, DELIVERED) for folder in ("lib", "dropins"))
    return f"""if ! grep -qF {needed.class_name.replace(".", "/")}.class {found} 2>/dev/null; then
    echo "This image {needed.reason}, and ei.jars brings none." \\
        "Give {needed.remedy} in ei.jars, by url and sha256 or from a claim, or an ei.image that holds it." >&2
    exit 1
fi"""


def copy_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """Copies the image's own ``conf`` and truststore, and adds the cluster's CA to the copy.

    Without that CA the membership scheme needs a trust-all socket factory for the whole JVM. An image of another
    version, or without what the server needs, is told here.
    """
    # The oldest images have their JDK beside the server and not on PATH.
    script = f"""{_needs_home(parts)}
PATH="$PATH:${{JAVA_HOME:-/home/wso2carbon/java}}/bin"
{_needs_class(parts, DRIVER)}
{_needs_class(parts, SCHEME)}
cp -R {parts.home}/conf/. /work/conf/
cp {parts.home}/repository/resources/security/client-truststore.jks /work/truststore/
chmod u+w /work/truststore/client-truststore.jks
keytool -delete -alias kubernetes-cluster-ca -keystore /work/truststore/client-truststore.jks \\
    -storepass wso2carbon >/dev/null 2>&1 || true
keytool -importcert -noprompt -alias kubernetes-cluster-ca -keystore /work/truststore/client-truststore.jks \\
    -storepass wso2carbon -file {common.API_ACCESS_MOUNT}/ca.crt
{mysql_connection.trust_script(parts.mysql, "/work/truststore")}"""
    return k8s.core.v1.ContainerArgs(
        name="copy-conf",
        image=parts.ei_image,
        command=["sh", "-c", script],
        security_context=common.container_security(read_only=False),
        resources=common.resources("50m", "128Mi"),
        volume_mounts=[
            common.mount("work", "/work/conf", sub_path="conf"),
            common.mount("work", "/work/truststore", sub_path="truststore"),
            common.mount("cluster-ca", common.API_ACCESS_MOUNT, read_only=True),
            *parts.additions.delivered_mounts(),
            *mysql_connection.ca_mounts(parts.mysql),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def patch_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """Patches the copy; the image's defaults stay the base for every version."""
    return k8s.core.v1.ContainerArgs(
        name="patch-conf",
        image=parts.python_image,
        command=["python", f"{common.IN_POD_MOUNT}/patch_config.py", "--home", "/work"],
        args=[
            *("--patches", "/patches/managed/patches.json", "--secrets", SECRETS),
            *parts.additions.patch_arguments(),
        ],
        env=[_from_pod("POD_IP", "status.podIP")],
        security_context=common.container_security(),
        resources=common.resources("20m", "48Mi"),
        volume_mounts=[
            common.mount("work", "/work/conf", sub_path="conf"),
            common.mount("programs", common.IN_POD_MOUNT, read_only=True),
            common.mount("patches", "/patches/managed", read_only=True),
            common.mount("mysql-passwords", f"{SECRETS}/{_MYSQL}", read_only=True),
            common.mount("admin-password", f"{SECRETS}/{_ADMIN}", read_only=True),
            *parts.additions.patch_mounts(),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def _from_pod(name: str, field: str) -> k8s.core.v1.EnvVarArgs:
    """An environment variable from the pod's own fields."""
    reference = k8s.core.v1.ObjectFieldSelectorArgs(field_path=field)
    return k8s.core.v1.EnvVarArgs(name=name, value_from=k8s.core.v1.EnvVarSourceArgs(field_ref=reference))


def gate_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """Holds a node back while another one fills an empty database."""
    return k8s.core.v1.ContainerArgs(
        name="gate",
        image=parts.mysql_image,
        command=["bash", f"{common.IN_POD_MOUNT}/gate.sh"],
        env=[_from_pod("POD_NAME", "metadata.name"), *mysql_connection.client_env(parts.mysql)],
        security_context=common.container_security(),
        resources=common.resources("20m", "64Mi"),
        volume_mounts=[
            common.mount("programs", common.IN_POD_MOUNT, read_only=True),
            mysql_connection.passwords_mount(),
            mysql_connection.rendered_mount(),
            *mysql_connection.ca_mounts(parts.mysql),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def server_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """EI itself, by the image's own entrypoint.

    The entrypoint is a shell without a trap, so SIGTERM is lost (wso2/docker-ei#139): ``preStop`` asks the JVM to
    stop, which then drains for up to 60 s. 9443 opens only after the node has joined the cluster, so a check of it
    means "joined".
    """
    stop = f"sleep {_ENDPOINT_LAG_SECONDS}; sh {parts.home}/bin/integrator.sh stop"
    login = k8s.core.v1.HTTPGetActionArgs(path="/carbon/admin/login.jsp", port=CONSOLE_PORT, scheme="HTTPS")
    return k8s.core.v1.ContainerArgs(
        name="ei",
        image=parts.ei_image,
        env=[
            k8s.core.v1.EnvVarArgs(name="JVM_MEM_OPTS", value=f"-Xms{parts.heap} -Xmx{parts.heap}"),
            k8s.core.v1.EnvVarArgs(name="JAVA_OPTS", value=parts.java_options),
            *parts.additions.variables(),
        ],
        ports=[
            k8s.core.v1.ContainerPortArgs(name=name, container_port=port)
            for name, port in (
                ("console", CONSOLE_PORT),
                ("gateway", GATEWAY_PORT),
                ("gateway-http", GATEWAY_HTTP_PORT),
                ("members", MEMBER_PORT),
            )
        ],
        startup_probe=k8s.core.v1.ProbeArgs(http_get=login, period_seconds=5, timeout_seconds=5, failure_threshold=120),
        readiness_probe=k8s.core.v1.ProbeArgs(http_get=login, period_seconds=5, timeout_seconds=5, failure_threshold=3),
        liveness_probe=k8s.core.v1.ProbeArgs(
            tcp_socket=k8s.core.v1.TCPSocketActionArgs(port=CONSOLE_PORT),
            period_seconds=15,
            timeout_seconds=5,
            failure_threshold=6,
        ),
        lifecycle=k8s.core.v1.LifecycleArgs(
            pre_stop=k8s.core.v1.LifecycleHandlerArgs(exec_=k8s.core.v1.ExecActionArgs(command=["sh", "-c", stop]))
        ),
        # EI writes into its own home (pid file, tmp, logs, H2 database, deployment): see README, "Security".
        security_context=common.container_security(read_only=False),
        resources=common.resources(parts.cpu, parts.memory, cpu_limit=parts.cpu_limit),
        volume_mounts=[
            common.mount("work", f"{parts.home}/conf", sub_path="conf"),
            common.mount("work", TRUSTSTORE_FOLDER, sub_path="truststore"),
            # The membership scheme calls the API.
            common.mount("api-access", common.API_ACCESS_MOUNT, read_only=True),
            common.mount(
                "carbonapps",
                f"{parts.home}/repository/deployment/server/carbonapps",
                read_only=parts.carbonapps.read_only or None,
            ),
            *parts.additions.server_mounts(parts.home),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def deployment_spec(parts: PodParts, replicas: int) -> k8s.apps.v1.DeploymentSpecArgs:
    """The nodes. A successor serves before a node goes (surge), one at a time; on a volume for one, it goes first."""
    first = parts.carbonapps.first_container(parts.python_image, "carbonapps", "programs", UID)
    # A volume that one node alone may use would keep the successor waiting on another one.
    surge = 1 if parts.carbonapps.shared else 0
    spec = k8s.core.v1.PodSpecArgs(
        service_account_name=parts.service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        image_pull_secrets=_pull_secrets(parts),
        security_context=common.pod_security(UID),
        termination_grace_period_seconds=_ENDPOINT_LAG_SECONDS + _DRAIN_SECONDS + 30,
        topology_spread_constraints=[
            k8s.core.v1.TopologySpreadConstraintArgs(
                max_skew=1,
                topology_key=key,
                when_unsatisfiable="ScheduleAnyway",
                label_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=parts.selector),
            )
            for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
        ],
        init_containers=[
            first,
            *parts.additions.fetch_containers(parts.python_image),
            copy_container(parts),
            *parts.additions.place_containers(parts.python_image),
            patch_container(parts),
            gate_container(parts),
        ],
        containers=[server_container(parts)],
        volumes=[
            common.empty_dir("work", "64Mi"),
            common.api_access_volume("api-access"),
            common.config_map_volume("cluster-ca", common.CLUSTER_CA),
            common.config_map_volume("programs", parts.programs),
            common.config_map_volume("patches", parts.patches),
            *_secret_volumes(parts),
            common.claim_volume("carbonapps", parts.carbonapps.claim_name),
            *parts.additions.volumes(parts.added),
        ],
    )
    return k8s.apps.v1.DeploymentSpecArgs(
        replicas=replicas,
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=parts.selector),
        # A pull of 1.5 GB and a slow first start are not a failed rollout.
        progress_deadline_seconds=1800,
        strategy=k8s.apps.v1.DeploymentStrategyArgs(
            type="RollingUpdate",
            rolling_update=k8s.apps.v1.RollingUpdateDeploymentArgs(max_surge=surge, max_unavailable=1 - surge),
        ),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(
                labels=parts.selector | _mysql_client(), annotations=common.rotated(parts.rotation)
            ),
            spec=spec,
        ),
    )


def _secret_volumes(parts: PodParts) -> list[k8s.core.v1.VolumeArgs]:
    """The passwords; no container that runs EI mounts them."""
    return [
        *mysql_connection.password_volumes(parts.mysql["secret"]),
        *mysql_connection.ca_volumes(parts.mysql),
        common.secret_volume("admin-password", parts.admin_secret, [ADMIN_KEY]),
    ]


def _admin_mount() -> k8s.core.v1.VolumeMountArgs:
    return common.mount("admin-password", f"{mysql_connection.SECRETS_MOUNT}/admin", read_only=True)


def _server_volume(parts: PodParts) -> list[k8s.core.v1.EnvVarArgs]:
    """The claim of the server in the stack: another one means another server, which needs the schema again."""
    claim = parts.mysql.get("claim")
    return [k8s.core.v1.EnvVarArgs(name="MYSQL_VOLUME", value=claim)] if claim is not None else []


def _pull_secrets(parts: PodParts) -> list[k8s.core.v1.LocalObjectReferenceArgs] | None:
    return [k8s.core.v1.LocalObjectReferenceArgs(name=parts.pull_secret)] if parts.pull_secret else None


def _mysql_client() -> dict[str, str]:
    return dict(mysql_objects.CLIENT_LABEL)


def schema_job_spec(parts: PodParts, script: str, job_labels: dict[str, str]) -> k8s.batch.v1.JobSpecArgs:
    """Loads the EI image's own SQL script; safe to kill and to run again."""
    copy = k8s.core.v1.ContainerArgs(
        name="copy-dbscripts",
        image=parts.ei_image,
        command=["sh", "-c", f"{_needs_home(parts)}\ncp {parts.home}/dbscripts/{script} /work/"],
        security_context=common.container_security(),
        resources=common.resources("20m", "32Mi"),
        volume_mounts=[common.mount("work", "/work")],
        termination_message_policy="FallbackToLogsOnError",
    )
    load = k8s.core.v1.ContainerArgs(
        name="schema",
        image=parts.mysql_image,
        command=["bash", f"{common.IN_POD_MOUNT}/schema.sh", f"/work/{script}"],
        env=[
            *mysql_connection.client_env(parts.mysql),
            k8s.core.v1.EnvVarArgs(name="ADMIN_USERNAME", value=parts.admin_username),
            *_server_volume(parts),
        ],
        security_context=common.container_security(),
        resources=common.resources("20m", "64Mi"),
        volume_mounts=[
            common.mount("work", "/work", read_only=True),
            common.mount("scratch", "/tmp"),  # noqa: S108
            common.mount("programs", common.IN_POD_MOUNT, read_only=True),
            mysql_connection.passwords_mount(),
            mysql_connection.rendered_mount(),
            *mysql_connection.ca_mounts(parts.mysql),
            _admin_mount(),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )
    return k8s.batch.v1.JobSpecArgs(
        backoff_limit=2,
        active_deadline_seconds=1800,
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(
                labels=job_labels | _mysql_client(), annotations=common.rotated(parts.rotation)
            ),
            spec=k8s.core.v1.PodSpecArgs(
                automount_service_account_token=False,
                enable_service_links=False,
                restart_policy="Never",
                image_pull_secrets=_pull_secrets(parts),
                security_context=common.pod_security(UID),
                init_containers=[copy],
                containers=[load],
                volumes=[
                    common.empty_dir("work", "16Mi"),
                    common.empty_dir("scratch", "16Mi"),
                    common.config_map_volume("programs", parts.programs),
                    *_secret_volumes(parts),
                ],
            ),
        ),
    )


def network_policy_spec(
    selector: dict[str, str], controller: ControllerPods
) -> k8s.networking.v1.NetworkPolicySpecArgs:
    """Members reach members on 4100; NGINX reaches console and gateway; nobody else reaches a node.

    Where the controller's pods are not known (an existing controller without labels given, or one on the hosts'
    network, which no pod selector matches), console and gateway are open to whoever can reach the pod.
    """
    peers = None
    if controller.labels:
        anywhere = k8s.meta.v1.LabelSelectorArgs() if controller.elsewhere else None
        labels = k8s.meta.v1.LabelSelectorArgs(match_labels=controller.labels)
        peers = [k8s.networking.v1.NetworkPolicyPeerArgs(namespace_selector=anywhere, pod_selector=labels)]
    members = k8s.networking.v1.NetworkPolicyPeerArgs(pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector))
    return k8s.networking.v1.NetworkPolicySpecArgs(
        pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector),
        policy_types=["Ingress"],
        ingress=[_allow([members], (MEMBER_PORT,)), _allow(peers, (CONSOLE_PORT, GATEWAY_PORT, GATEWAY_HTTP_PORT))],
    )


def _allow(
    peers: list[k8s.networking.v1.NetworkPolicyPeerArgs] | None, ports: tuple[int, ...]
) -> k8s.networking.v1.NetworkPolicyIngressRuleArgs:
    return k8s.networking.v1.NetworkPolicyIngressRuleArgs(
        from_=peers,
        ports=[k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP") for port in ports],
    )
