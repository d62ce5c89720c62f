"""The pod of one EI node: init containers that make its configuration, the server, the Deployment. Pure functions.

What runs in which image: the EI image has a JDK and a shell but no Python and no mysql client, so it only copies
its own files and runs keytool; a small Python image patches them; the MySQL image speaks SQL.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.ei import logs as ei_logs
from components.ei import metrics as ei_metrics
from components.ei import vault as ei_vault
from components.ei import work as ei_work
from components.ei.additions import DELIVERED, SECRETS, STORES, Additions
from components.ei.args import OperationsArgs
from components.ei.carbonapps import CarbonApps
from components.ei.logs import LogFolder
from components.ei.operations import host_aliases
from components.mysql import connection as mysql_connection
from components.mysql.connection import MysqlConnection
from components.shared import metadata, pods, scheduling, volumes
from components.shared.storage import DataVolume
from components.wso2ei.additions import store_key
from components.wso2ei.patches import EiSecrets
from components.wso2ei.versions import DRIVER, SCHEME, MissingJar

UID = 802
"""User ``wso2carbon`` and group ``wso2`` of every EI 6.x image (wso2/docker-ei, all tags)."""
CONSOLE_PORT, GATEWAY_PORT, GATEWAY_HTTP_PORT, MEMBER_PORT = 9443, 8243, 8280, 4100
KEYSTORES = "/home/wso2carbon/keystores"
"""Folder of the truststore with the cluster's CA, and of a keystore of one's own."""
TRUSTSTORE, KEYSTORE = f"{KEYSTORES}/client-truststore.jks", f"{KEYSTORES}/keystore"
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
"""Time for NGINX to hear that the pod is going, and for its old workers to be done, before the listeners close."""


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
    cars: CarbonApps
    cars_manifest: pulumi.Input[str] | None
    """Name of the ConfigMap of the CARs that arguments name, if there are any."""
    heap: str
    """As the JVM writes it, e.g. ``512m``."""
    java_options: str
    """As JAVA_OPTS."""
    additions: Additions
    operations: OperationsArgs
    logs: LogFolder
    added: pulumi.Input[str] | None
    """Name of the ConfigMap of the additions, if there are any."""
    cpu: str
    cpu_limit: str | None
    memory: str


def needs_home(parts: PodParts) -> str:
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


def _copies_stores(parts: PodParts) -> str:
    """Shell: the truststore with the cluster's CA in it and, if there is one, a keystore that opens, into place."""
    own = parts.additions.keystores
    trust = f"{ei_work.STORES}/client-truststore.jks"
    ca = f"-importcert -noprompt -alias kubernetes-cluster-ca -file {volumes.API_ACCESS_MOUNT}/ca.crt -keystore {trust}"
    if own is None:
        return f"""cp {parts.home}/repository/resources/security/client-truststore.jks {trust}
chmod u+w {trust}
keytool -delete -alias kubernetes-cluster-ca -keystore {trust} -storepass wso2carbon >/dev/null 2>&1 || true
keytool {ca} -storepass wso2carbon"""
    files = {field: store_key(own, field) for field in ("keystore", "truststore")}
    kind, alias = f"-storetype {own.get('type') or 'JKS'}", own.get("alias") or "wso2carbon"
    needed = " ".join((*files.values(), "keystore-password", "key-password", "truststore-password"))
    return f"""for key in {needed}; do
    [ -f {STORES}/$key ] || {{ echo "Secret {own["secret"]} has no key $key, which keystores needs." >&2; exit 1; }}
done
opens() {{ said=$(keytool "$@" 2>&1) || {{ echo "$store of Secret {own["secret"]}: $said" >&2; exit 1; }}; }}
cp {STORES}/{files["keystore"]} {ei_work.STORES}/keystore
cp {STORES}/{files["truststore"]} {trust}
chmod 600 {ei_work.STORES}/keystore {trust}
store={files["keystore"]}
opens -certreq -alias {alias} -keystore {ei_work.STORES}/keystore {kind} \\
    -storepass:file {STORES}/keystore-password -keypass:file {STORES}/key-password
store={files["truststore"]}
opens -list -keystore {trust} {kind} -storepass:file {STORES}/truststore-password
keytool -delete -alias kubernetes-cluster-ca -keystore {trust} {kind} \\
    -storepass:file {STORES}/truststore-password >/dev/null 2>&1 || true
opens {ca} {kind} -storepass:file {STORES}/truststore-password"""


def _trusts_mysql(parts: PodParts) -> str:
    """Shell: the authority of the MySQL server into the truststore, whose password is the image's or one's own."""
    own = parts.additions.keystores
    kind = f"-storetype {own.get('type') or 'JKS'} " if own else ""
    password = f"-storepass:file {STORES}/truststore-password" if own else "-storepass wso2carbon"
    return mysql_connection.trust_script(parts.mysql, ei_work.STORES, f"{kind}{password}")


def copy_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """Copies the image's own ``conf`` and the stores, and adds the cluster's CA to the truststore.

    Without that CA the membership scheme needs a trust-all socket factory for the whole JVM. An image of another
    version, or without what the server needs, is told here; so is a keystore that does not open.
    """
    # The oldest images have their JDK beside the server and not on PATH.
    script = f"""{needs_home(parts)}
PATH="$PATH:${{JAVA_HOME:-/home/wso2carbon/java}}/bin"
{_needs_class(parts, DRIVER)}
{_needs_class(parts, SCHEME)}
cp -R {parts.home}/conf/. {ei_work.CONF}/
{_copies_stores(parts)}
{_trusts_mysql(parts)}
{ei_vault.copy_script(parts.additions)}{parts.cars.collect_script(parts.home)}"""
    return k8s.core.v1.ContainerArgs(
        name="copy-conf",
        image=parts.ei_image,
        command=["sh", "-c", script],
        security_context=pods.container_security(read_only=False),
        resources=pods.resources("50m", "128Mi"),
        volume_mounts=[
            ei_work.conf_mount(),
            ei_work.stores_mount(),
            volumes.mount("cluster-ca", volumes.API_ACCESS_MOUNT, read_only=True),
            *parts.additions.delivered_mounts(),
            *parts.additions.store_mounts(),
            *mysql_connection.ca_mounts(parts.mysql),
            *parts.cars.collect_mounts(),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def patch_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """Patches the copy; the image's defaults stay the base for every version."""
    return k8s.core.v1.ContainerArgs(
        name="patch-conf",
        image=parts.python_image,
        command=["python", f"{volumes.IN_POD_MOUNT}/patch_config.py", "--home", ei_work.FOLDER],
        args=[
            *("--patches", "/patches/managed/patches.json", "--secrets", SECRETS),
            *parts.additions.patch_arguments(),
        ],
        env=[pods.from_pod("POD_IP", "status.podIP")],
        security_context=pods.container_security(),
        resources=pods.resources("20m", "48Mi"),
        volume_mounts=[
            ei_work.conf_mount(),
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
        image=parts.mysql_image,
        command=["bash", f"{volumes.IN_POD_MOUNT}/gate.sh"],
        env=[pods.from_pod("POD_NAME", "metadata.name"), *mysql_connection.client_env(parts.mysql)],
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
            )
        ]
        + ei_metrics.container_ports(parts.operations.get("metrics")),
        startup_probe=k8s.core.v1.ProbeArgs(
            exec_=k8s.core.v1.ExecActionArgs(command=parts.cars.started_command(parts.home)),
            # Every node of an update waits for the next look; it costs a shell and a grep, during the start alone.
            period_seconds=1,
            timeout_seconds=5,
            failure_threshold=600,
        ),
        readiness_probe=k8s.core.v1.ProbeArgs(http_get=login, period_seconds=5, timeout_seconds=5, failure_threshold=3),
        liveness_probe=k8s.core.v1.ProbeArgs(
            tcp_socket=k8s.core.v1.TCPSocketActionArgs(port=CONSOLE_PORT),
            period_seconds=15,
            timeout_seconds=5,
            failure_threshold=6,
        ),
        lifecycle=k8s.core.v1.LifecycleArgs(
            post_start=ei_logs.post_start(parts.home),
            pre_stop=k8s.core.v1.LifecycleHandlerArgs(exec_=k8s.core.v1.ExecActionArgs(command=["sh", "-c", stop])),
        ),
        # EI writes into its own home (pid file, tmp, logs, H2 database, deployment): see README, "Security".
        security_context=pods.container_security(read_only=False),
        resources=pods.resources(parts.cpu, parts.memory, cpu_limit=parts.cpu_limit),
        volume_mounts=[
            ei_work.conf_mount(f"{parts.home}/conf"),
            ei_work.stores_mount(KEYSTORES),
            # The membership scheme calls the API.
            volumes.mount("api-access", volumes.API_ACCESS_MOUNT, read_only=True),
            *parts.cars.server_mounts(parts.home, parts.carbonapps.read_only),
            parts.logs.mount(parts.home),
            *parts.additions.server_mounts(parts.home),
            *ei_vault.server_mounts(parts.additions, parts.home),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def deployment_spec(parts: PodParts, replicas: int) -> k8s.apps.v1.DeploymentSpecArgs:
    """The nodes. A successor serves before a node goes (surge), one at a time; on a volume for one, it goes first."""
    first = parts.carbonapps.first_container(parts.python_image, "carbonapps", "programs", UID)
    # A volume that one node alone may use would keep the successor waiting on another one.
    shared = [parts.carbonapps.shared or not parts.cars.uses_folder, parts.logs.kept is None or parts.logs.kept.shared]
    surge = 1 if all(shared) else 0
    spec = k8s.core.v1.PodSpecArgs(
        service_account_name=parts.service_account,
        automount_service_account_token=False,
        enable_service_links=False,
        image_pull_secrets=pull_secrets(parts),
        security_context=pods.pod_security(UID),
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
            *([first] if parts.cars.uses_folder else []),
            *parts.logs.init_containers(parts.python_image, "programs", UID),
            *parts.additions.fetch_containers(parts.python_image),
            copy_container(parts),
            *parts.additions.place_containers(parts.python_image),
            patch_container(parts),
            *ei_vault.containers(parts.additions, parts.python_image),
            parts.cars.gather_container(parts.python_image),
            gate_container(parts),
        ],
        containers=[server_container(parts)],
        volumes=[
            volumes.empty_dir(ei_work.VOLUME, "64Mi"),
            volumes.api_access_volume("api-access"),
            volumes.config_map_volume("cluster-ca", volumes.CLUSTER_CA),
            volumes.config_map_volume("programs", parts.programs),
            volumes.config_map_volume("patches", parts.patches),
            *secret_volumes(parts),
            *parts.cars.volumes(parts.carbonapps.claim_name, parts.cars_manifest),
            parts.logs.volume(),
            *parts.additions.volumes(parts.added),
            *ei_vault.volumes(parts.additions),
        ],
        host_aliases=host_aliases(parts.operations),
        **scheduling.pod_fields(parts.operations.get("scheduling")),
    )
    annotations = {
        **(parts.operations.get("pod_annotations") or {}),
        **ei_metrics.pod_annotations(parts.operations.get("metrics")),
        **(metadata.rotated(parts.rotation) or {}),
    }
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


def pull_secrets(parts: PodParts) -> list[k8s.core.v1.LocalObjectReferenceArgs] | None:
    """What pulls the EI image, if anything is needed."""
    return [k8s.core.v1.LocalObjectReferenceArgs(name=parts.pull_secret)] if parts.pull_secret else None
