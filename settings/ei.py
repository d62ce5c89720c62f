"""Settings of the EI nodes: version and image, size, and what users add to them.

Forms are checked here. What an addition may be, and what the deployment manages itself, is defined in
``components.wso2ei.additions`` for the component and the settings alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic.alias_generators import to_camel

from components.ei.args import OperationsArgs
from components.ei.checks import addition_problems, username_problems
from components.ei.deployment import shared_file_problems
from components.ei.metrics import patches as metrics_patches
from components.shared.problems import Problem
from components.shared.quantities import quantity
from components.wso2ei.additions import jar_name
from components.wso2ei.args import AdditionsArgs, JarArgs
from components.wso2ei.logs import LOGGER, Level
from components.wso2ei.vault import PUBLIC_KEY
from components.wso2ei.versions import VERSIONS, lacking, other_version, version_of
from settings.diagnostics import Diagnostics
from settings.ei_customization import (
    EiCarbonApp,
    EiFile,
    EiJar,
    EiKeystores,
    EiPatch,
    EiProxy,
    EiSecureVault,
    EiTrustedCertificates,
    EiVolume,
    SecretKey,
)
from settings.ei_operations import (
    Autoscaler,
    EiClient,
    EiPort,
    HostAlias,
    Metrics,
    client_conflicts,
    metrics_conflicts,
    node_conflicts,
)
from settings.types import (
    Allowed,
    AnyText,
    Bytes,
    Conflict,
    Cpu,
    Image,
    LabelKey,
    LabelValue,
    Line,
    Minutes,
    Section,
    VariableName,
    camel_case_arguments,
    cpu_limit_conflicts,
)

ConfigurationPath = Annotated[
    str,
    StringConstraints(pattern=r"^/_system/config(/[A-Za-z0-9._-]+)*$"),
    Allowed("/_system/config or a path below it", "/_system/config/integrator"),
]
GovernancePath = Annotated[
    str,
    StringConstraints(pattern=r"^/_system/governance(/[A-Za-z0-9._-]+)*$"),
    Allowed("/_system/governance or a path below it", "/_system/governance/integrator"),
]


LoggerName = Annotated[
    str,
    StringConstraints(pattern=f"^{LOGGER}$", max_length=253),
    Allowed("the name of a logger, such as org.apache.synapse, or root", "org.apache.synapse"),
]


class EiSettings(Section):
    """The EI nodes."""

    version: Annotated[str, AfterValidator(lambda text: version_of(text).version), Allowed(options=tuple(VERSIONS))] = (
        "6.5.0"
    )
    """EI's version; decides paths and formats inside the image, so it must be that of ``image``."""
    image: Image | None = None
    """Any reference. Default: the public ``docker.io/wso2/wso2ei-integrator:<version>``, without WSO2's updates."""
    replicas: Annotated[int, Field(ge=1, le=20)] = 2
    """Number of EI nodes."""
    heap: Bytes = "512Mi"
    """Java heap; at most 70 % of memory, the rest is metaspace and up to 500 threads' stacks."""
    cpu: Cpu = "200m"
    """CPU request of one node."""
    cpu_limit: Cpu = "2"
    """CPU limit of one node; a start needs more than steady work does."""
    memory: Bytes = "1Gi"
    """Request and limit of one node."""
    admin_username: Annotated[
        str,
        StringConstraints(pattern=r"^[a-zA-Z0-9._@-]{3,30}$"),
        Allowed("3 to 30 letters, digits and '.', '_', '@', '-'", "admin"),
    ] = "admin"
    """Name of EI's administrator. ``@`` needs a patch of ``Server/EnableEmailUserName`` (``ei.patches``)."""
    configuration_path: ConfigurationPath = "/_system/config"
    """Path of the configuration registry in the database. Keep what an existing database uses: WSO2's 6.6 chart
    used ``/_system/config/integrator``."""
    governance_path: GovernancePath = "/_system/governance"
    """Path of the governance registry; WSO2's 6.6 chart used ``/_system/governance/integrator``."""
    java_options: list[Line] = []
    """More JVM options, each without white space, such as ``-Duser.timezone=UTC``. The heap is ``heap``."""
    environment: Annotated[dict[VariableName, AnyText], Field(examples=[{"BACKEND_URL": "https://backend:8443"}])] = {}
    """Environment variables of the server. Never a password."""
    secret_environment: Annotated[
        dict[VariableName, SecretKey], Field(examples=[{"BACKEND_PASSWORD": {"name": "backend", "key": "password"}}])
    ] = {}
    """Environment variables whose values are in Secrets of the namespace."""
    patches: list[EiPatch] = []
    """More changes of EI's configuration files, applied after those that the deployment makes."""
    files: list[EiFile] = []
    """Whole files below the server's home."""
    jars: list[EiJar] = []
    """Jars in addition to the image's, such as the MySQL driver that the public 6.6.0 images lack."""
    proxy: EiProxy | None = None
    """The HTTP proxy of EI's outgoing calls, see docs/ei-versions.md."""
    volumes: list[EiVolume] = []
    """Existing claims that every node mounts, such as for the VFS transport, see docs/ei-versions.md."""
    keystores: EiKeystores | None = None
    """Your keystore and truststore; without them EI uses those of its image, whose private key is public."""
    trusted_certificates: list[EiTrustedCertificates] = []
    """Certificates that EI's outgoing calls trust, in addition to those of its truststore, see docs/ei-versions.md."""
    secure_vault: EiSecureVault | None = None
    """WSO2's secure vault: secrets that EI's files name by ``svns:secretAlias``, and the key for those that mediations
    look up with ``wso2:vault-lookup``. Needs ``keystores``. See docs/ei-versions.md."""
    autoscaler: Autoscaler | None = None
    """A HorizontalPodAutoscaler, which the stack does not create, sets the number of nodes; ``replicas`` is then what a
    new stack starts with."""
    diagnostics: Diagnostics | None = None
    """A volume that keeps EI's log files and heap dumps when a pod goes, with a folder for each pod. Without it they
    survive a restart of the server, and go with the pod."""
    log_levels: Annotated[dict[LoggerName, Level], Field(examples=[{"org.apache.synapse": "DEBUG"}])] = {}
    """Log levels by package; ``root`` is for loggers without a level. Every other one keeps the image's."""
    access_logs: bool = True
    """Gateway and console write their access logs to standard output. False: as the image does it, the console into a
    file and the gateway nowhere."""
    metrics: Metrics | None = None
    """Prometheus metrics of the nodes. Without this section their port is closed."""
    ports: list[EiPort] = []
    """Ports of inbound endpoints, in the Service and open to ``clients``; NGINX does not serve them."""
    clients: list[EiClient] = []
    """Pods of the cluster that call the gateway (8243, plain HTTP on 8280) and ``ports`` without NGINX."""
    host_aliases: list[HostAlias] = []
    """More lines of ``/etc/hosts``, for backends that DNS does not know."""
    pod_labels: Annotated[dict[LabelKey, LabelValue], Field(examples=[{"team": "integration"}])] = {}
    """More labels of the nodes' pods."""
    pod_annotations: Annotated[
        dict[LabelKey, AnyText], Field(examples=[{"cluster-autoscaler.kubernetes.io/safe-to-evict": "true"}])
    ] = {}
    """Annotations of the nodes' pods."""
    carbon_apps: list[EiCarbonApp] = []
    """Integration artifacts in addition to those of the image and of the shared folder, see docs/artifacts.md. A change
    rolls the pods out again; an artifact that does not deploy is reported and stops the update."""
    carbon_apps_folder: Literal["live", "atStart", "unused"] = "live"
    """How nodes use the shared folder (``storage``, carbonapps). ``live``: EI looks into it while it runs, and into
    nothing else. ``atStart``: a node takes what is there when it starts, in addition to the artifacts of the image and
    of ``carbonApps``. ``unused``: the stack has no such folder, and no volume for it."""
    deployment: Literal["image", "shared"] = "image"
    """Where EI's deployment folder and tenants are. ``image``: in each container, so that what is made in the console
    (proxies, APIs, data services, user stores, tenants) is on one node and goes with it. ``shared``: on a volume of
    ``storage``, which all nodes read and write, see docs/artifacts.md."""
    pull_minutes: Annotated[Minutes | None, Field(ge=1, le=240, examples=[60])] = None
    """Minutes until all EI nodes of a rollout must be ready, and the schema Job done, pulls of the EI image (1.5 GB)
    included. Default: 30, or ``images.pullMinutes`` where that is more."""

    def conflicts(self) -> Iterator[Conflict]:
        """Report a heap that is too large for the memory, a limit below the request, and what EI would reject."""
        most = int(0.7 * quantity(self.memory) / 1024**2)
        if quantity(self.heap) > 0.7 * quantity(self.memory):
            yield Conflict(
                "ei.heap",
                ("ei.memory",),
                f"must be at most 70 % of ei.memory {self.memory}; more leaves too little for the rest of the JVM",
                {"ei.heap": f"{most}Mi"},
            )
        yield from cpu_limit_conflicts("ei", self.cpu, self.cpu_limit)
        if self.autoscaler and self.autoscaler.max_replicas < self.replicas:
            yield Conflict(
                "ei.autoscaler.maxReplicas",
                ("ei.replicas",),
                f"must be at least ei.replicas {self.replicas}, with which a new stack starts",
                {"ei.autoscaler.maxReplicas": self.replicas},
            )
        operations = self.as_args(OperationsArgs)
        yield from node_conflicts(operations)
        yield from client_conflicts(operations)
        yield from metrics_conflicts(version_of(self.version), operations, self.java_options)
        for problem in username_problems(self.admin_username, self.as_args(AdditionsArgs).get("patches") or ()):
            name = self.admin_username.partition("@")[0]
            words = problem.expected.replace("unless patches", "unless ei.patches")
            fix = {"ei.adminUsername": name if len(name) >= 3 else "admin"}
            yield Conflict("ei.adminUsername", ("ei.patches",), words, fix)
        yield from self._image()
        yield from self._additions()

    @property
    def public_or_named(self) -> str:
        """The image as it is set, or the public one of the version; a mirror is not applied."""
        return self.image or version_of(self.version).public_image

    @property
    def most_replicas(self) -> int:
        """The largest number of nodes, without the surge of an update."""
        return self.autoscaler.max_replicas if self.autoscaler else self.replicas

    @property
    def most_replicas_key(self) -> str:
        """The setting with that number."""
        return "ei.autoscaler.maxReplicas" if self.autoscaler else "ei.replicas"

    def _image(self) -> Iterator[Conflict]:
        version, image = version_of(self.version), self.public_or_named
        other = other_version(version, image)
        if other:
            yield Conflict(
                "ei.version",
                ("ei.image",),
                f"must be that of ei.image: {image} is EI {other}",
                {"ei.version": other},
            )
        for missing in [] if other else lacking(version, image, [jar_name(jar.as_args(JarArgs)) for jar in self.jars]):
            index = len(self.jars)
            jar: dict[str, str | int | bool | None] = {
                f"ei.jars[{index}].{key}": value for key, value in missing.example.items()
            }
            yield Conflict(
                "ei.jars",
                ("ei.version", "ei.image"),
                f"must hold {missing.what}, such as {missing.remedy}, by url and sha256 or from a claim: with "
                f"ei.version {self.version} and no other ei.image, {image} {missing.reason}. Or name an ei.image that "
                "holds one",
                jar or {"ei.image": version.public_image},
            )

    def _additions(self) -> Iterator[Conflict]:
        unreadable = {index: why for index, car in enumerate(self.carbon_apps) if (why := car.unreadable)}
        for index in sorted(unreadable, reverse=True):
            path = f"ei.carbonApps[{index}]"
            words = f"must be a CAR file, relative to the folder of Pulumi.yaml: {unreadable[index]}"
            yield Conflict(f"{path}.file", (path,), words, {path: None})
        # From the last item to the first: removing one moves those after it.
        metrics = metrics_patches(self.as_args(OperationsArgs).get("metrics"))
        additions = self.as_args(AdditionsArgs)
        problems = [*addition_problems(version_of(self.version), additions, metrics)]
        problems += shared_file_problems(additions.get("files") or ()) if self.deployment == "shared" else ()
        for problem in sorted(problems, key=_order, reverse=True):
            argument, *rest = problem.place
            if argument == "carbon_apps" and rest[:1] and rest[0] in unreadable:
                continue
            place = [to_camel(str(argument)), *(_named(argument, part) for part in rest)]
            path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
            item = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place[:2])
            words = camel_case_arguments(problem.expected)
            if argument == "carbon_apps_folder":
                yield Conflict(f"ei{path}", ("ei.carbonApps",), words, {f"ei{path}": "atStart"})
            elif argument == "secure_vault":
                words = f"is needed with ei.secureVault: {PUBLIC_KEY}"
                yield Conflict("ei.keystores", ("ei.secureVault",), words, {"ei.keystores.secret": "ei-keystores"})
            else:
                yield Conflict(f"ei{path}", (f"ei{item}",), words, {f"ei{item}": None})


def _order(problem: Problem) -> tuple[str, int]:
    index = problem.place[1] if len(problem.place) > 1 else 0
    return str(problem.place[0]), index if isinstance(index, int) else 0


def _named(argument: str | int, part: str | int) -> str | int:
    """Return the field of an item as in the stack file; names of variables stay as they are."""
    return part if isinstance(part, int) or "environment" in str(argument) else to_camel(part)
