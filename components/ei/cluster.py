"""``EiCluster``: the EI nodes, their configuration, their tables and their Services.

Owns everything that is WSO2's: the schema Job, the patched configuration, membership rights, the nodes and the
claim for integration artifacts. Does not own the MySQL server, NGINX, or the data on the volume.
"""

from __future__ import annotations

import base64
import json

import pulumi
import pulumi_kubernetes as k8s

from components.ei import logs as ei_logs
from components.ei import metrics as ei_metrics
from components.ei import objects as ei_objects
from components.ei import pod as ei_pod
from components.ei import vault as ei_vault
from components.ei.additions import Additions, proxies
from components.ei.args import EiClusterArgs
from components.ei.carbonapps import CarbonApps
from components.ei.checks import check
from components.mysql import connection as mysql_connection
from components.shared import metadata, network_policies, volumes
from components.shared.image_reference import parse_image
from components.shared.quantities import quantity
from components.shared.recommended_labels import with_labels
from components.shared.storage import DataVolume
from components.wso2ei.additions import as_keystores
from components.wso2ei.logs import log_patches
from components.wso2ei.patches import Datasource, EiConfig, plain_patches, secret_patches
from components.wso2ei.versions import EiVersion


class EiCluster(pulumi.ComponentResource):
    """A cluster of EI nodes. See the module's text for what it owns."""

    console_service: str
    """Name of the Service of the console (9443); plain, so that nothing waits for pods that wait for it."""
    gateway_service: str
    """Name of the Service of the gateway (8243, 8280)."""
    deployment: k8s.apps.v1.Deployment
    carbonapps: DataVolume
    """Where the integration artifacts lie."""
    spec_hash: pulumi.Output[str]
    """Changes when the nodes' image, configuration or secrets do."""

    def __init__(self, name: str, args: EiClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wso2ei:index:EiCluster", name, {}, with_labels(opts, name, args["version"]))
        version = check(name, args)
        child = pulumi.ResourceOptions(parent=self)
        slow = pulumi.ResourceOptions(custom_timeouts=metadata.timeouts(args.get("pull_minutes", 30)))
        self.console_service, self.gateway_service = service_names(name)
        # The provider waits until no selected pod is unready, and a pod is unready while its image is pulled.
        self._services(name, args, pulumi.ResourceOptions.merge(child, slow))
        parts = self._parts(name, args, version, child)
        pull_secret = self._pull_secret(name, args, parts.selector, child)
        job_labels = schema_labels(name)
        job = k8s.batch.v1.Job(
            f"{name}-schema",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                namespace=args["namespace"],
                labels=job_labels,
                annotations={"pulumi.com/replaceUnready": "true"},
            ),
            spec=ei_objects.schema_job_spec(parts, version.db_script, job_labels),
            opts=pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions.merge(child, slow),
                pulumi.ResourceOptions(depends_on=[pull_secret] if pull_secret else []),
            ),
        )
        rights = self._membership_rights(name, args, parts, child)
        self.deployment = k8s.apps.v1.Deployment(
            f"{name}-nodes",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=name, namespace=args["namespace"], labels=parts.selector, annotations=_takes_back(args)
            ),
            spec=ei_pod.deployment_spec(parts, args["replicas"]),
            opts=pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions.merge(child, slow),
                pulumi.ResourceOptions(
                    depends_on=[job, *rights],
                    # A field that is left out would be taken as given back, and the API server would set it to one.
                    # Ignored, it stays with whoever set it last; a new Deployment still begins with `replicas`.
                    ignore_changes=["spec.replicas"] if args.get("autoscaled") else None,
                ),
            ),
        )
        self._policies(name, args, parts.selector, child)
        ei_metrics.make_metrics(name, args.get("metrics"), args["namespace"], parts.selector, child)
        self.spec_hash = metadata.spec_hash(
            {
                "image": args["image"],
                "replicas": "" if args.get("autoscaled") else str(args["replicas"]),
                "patches": parts.patches,
                "secrets": pulumi.Output.all(parts.mysql["secret"], parts.admin_secret, args.get("rotation")),
                "programs": parts.programs,
                "added": parts.added or "",
                "cars": pulumi.Output.all(parts.cars_manifest or "", parts.cars.folder),
                "variables": parts.additions.fingerprint(parts.java_options),
                "resources": f"{args['heap']} {args['cpu']} {args.get('cpu_limit')} {args['memory']}",
            }
        )
        self.register_outputs(
            {
                "console_service": self.console_service,
                "gateway_service": self.gateway_service,
                "spec_hash": self.spec_hash,
            }
        )

    def _services(self, name: str, args: EiClusterArgs, child: pulumi.ResourceOptions) -> None:
        selector = metadata.labels("wso2ei", name)
        specs = {
            self.console_service: ei_objects.service_spec(selector, {"console": ei_pod.CONSOLE_PORT}),
            self.gateway_service: ei_objects.service_spec(
                selector,
                {"gateway": ei_pod.GATEWAY_PORT, "gateway-http": ei_pod.GATEWAY_HTTP_PORT},
            ),
            f"{name}-members": ei_objects.members_service_spec(selector),
        }
        for service, spec in specs.items():
            k8s.core.v1.Service(
                f"{service}-service",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=service, namespace=args["namespace"], labels=selector),
                spec=spec,
                opts=child,
            )

    def _parts(
        self, name: str, args: EiClusterArgs, version: EiVersion, child: pulumi.ResourceOptions
    ) -> ei_pod.PodParts:
        selector = metadata.labels("wso2ei", name)
        meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector)
        config = pulumi.Output.all(
            args["namespace"], args.get("console_port", 443), args.get("gateway_port", 443)
        ).apply(lambda found: _config(name, args, *found))
        programs = k8s.core.v1.ConfigMap(
            f"{name}-programs",
            metadata=meta,
            data=volumes.programs(
                "patch_config.py",
                "xml_patch.py",
                "properties_patch.py",
                "deliver.py",
                "carbonapps.py",
                "started.sh",
                "schema.sh",
                "gate.sh",
                "bootstrap.sql",
                "check_volume.sh",
                "log_folders.py",
                *mysql_connection.PROGRAMS,
                *ei_vault.programs(args.get("secure_vault")),
            ),
            opts=child,
        )
        patches = k8s.core.v1.ConfigMap(
            f"{name}-patches",
            metadata=meta,
            data={"patches.json": config.apply(lambda found: _patches(version, found, args))},
            opts=child,
        )
        self.carbonapps = DataVolume(f"{name}-carbonapps", args["storage"], child)
        additions = _additions(args)
        logs = args.get("diagnostics")
        added = (
            k8s.core.v1.ConfigMap(f"{name}-additions", metadata=meta, data=data, opts=child)
            if (data := additions.config_map())
            else None
        )
        cars = _carbon_apps(args)
        cars_manifest = (
            k8s.core.v1.ConfigMap(
                f"{name}-cars", metadata=meta, data=data, binary_data=cars.contents() or None, opts=child
            )
            if (data := cars.manifest())
            else None
        )
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account", metadata=meta, automount_service_account_token=False, opts=child
        )
        return ei_pod.PodParts(
            name=name,
            home=version.home,
            ei_image=args["image"],
            python_image=args["python_image"],
            mysql_image=args["mysql_image"],
            selector=selector,
            service_account=metadata.name_of(account),
            pull_secret=args.get("registry_secret") or (pull_secret_name(name) if args.get("registry") else None),
            programs=metadata.name_of(programs),
            patches=metadata.name_of(patches),
            mysql=args["mysql"],
            admin_username=args["admin_username"],
            admin_secret=args.get("admin_secret") or self._admin_secret(name, args, meta, child),
            rotation=args.get("rotation"),
            carbonapps=self.carbonapps,
            cars=cars,
            cars_manifest=metadata.name_of(cars_manifest) if cars_manifest else None,
            heap=jvm_size(args["heap"]),
            java_options=_java_options(version, args),
            additions=additions,
            operations=args,
            logs=ei_logs.LogFolder(
                DataVolume(f"{name}-logs", logs, child) if logs else None, args.get("diagnostics_keep", 10)
            ),
            added=metadata.name_of(added) if added else None,
            cpu=args["cpu"],
            cpu_limit=args.get("cpu_limit"),
            memory=args["memory"],
        )

    def _admin_secret(
        self, name: str, args: EiClusterArgs, meta: k8s.meta.v1.ObjectMetaArgs, child: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        secret = k8s.core.v1.Secret(
            f"{name}-admin",
            metadata=meta,
            string_data={ei_pod.ADMIN_KEY: pulumi.Output.secret(args.get("admin_password") or "")},
            opts=child,
        )
        return metadata.name_of(secret)

    def _pull_secret(
        self, name: str, args: EiClusterArgs, labels: dict[str, str], child: pulumi.ResourceOptions
    ) -> k8s.core.v1.Secret | None:
        """The one Secret with a name of its own: what it holds is read at a pull, never by a running pod.

        So new credentials leave every pod template, and with it every pod, as it is. The provider replaces a changed
        Secret; under a name that stays it deletes the old one first, and a pull in that instant is tried again by the
        kubelet.
        """
        registry = args.get("registry")
        if not registry:
            return None
        content: pulumi.Output[str] = pulumi.Output.secret(
            pulumi.Output.all(registry["username"], registry["password"]).apply(
                lambda found: docker_config(args["image"], found[0], found[1])
            )
        )
        return k8s.core.v1.Secret(
            f"{name}-pull",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=pull_secret_name(name), namespace=args["namespace"], labels=labels
            ),
            type="kubernetes.io/dockerconfigjson",
            string_data={".dockerconfigjson": content},
            opts=child,
        )

    def _membership_rights(
        self, name: str, args: EiClusterArgs, parts: ei_pod.PodParts, child: pulumi.ResourceOptions
    ) -> list[pulumi.Resource]:
        meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=parts.selector)
        role = k8s.rbac.v1.Role(
            f"{name}-members",
            metadata=meta,
            rules=ei_objects.membership_rules(f"{name}-members"),
            opts=child,
        )
        binding = k8s.rbac.v1.RoleBinding(
            f"{name}-members-binding",
            metadata=meta,
            role_ref=k8s.rbac.v1.RoleRefArgs(
                api_group="rbac.authorization.k8s.io",
                kind="Role",
                name=metadata.name_of(role),
            ),
            subjects=[
                k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=parts.service_account, namespace=args["namespace"])
            ],
            opts=child,
        )
        return [role, binding]

    def _policies(
        self, name: str, args: EiClusterArgs, selector: dict[str, str], child: pulumi.ResourceOptions
    ) -> None:
        meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector)
        k8s.networking.v1.NetworkPolicy(
            f"{name}-clients",
            metadata=meta,
            spec=ei_objects.network_policy_spec(
                selector,
                ei_objects.ControllerPods(args["controller_labels"], args.get("existing_controller", False)),
            ),
            opts=child,
        )
        schema = schema_labels(name)
        k8s.networking.v1.NetworkPolicy(
            f"{name}-clients-of-schema",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=schema),
            spec=network_policies.no_clients_spec(schema),
            # Its first name; a cluster called "NAME-schema" would have a child of that name too.
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(aliases=[pulumi.Alias(name=f"{name}-schema-clients")])
            ),
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-budget",
            metadata=meta,
            spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(
                max_unavailable=1, selector=k8s.meta.v1.LabelSelectorArgs(match_labels=selector)
            ),
            opts=child,
        )


def _takes_back(args: EiClusterArgs) -> dict[str, str] | None:
    """The number of nodes belongs to the stack unless it is an autoscaler's.

    Without the annotation an update fails with a field conflict once somebody has called ``kubectl scale``, or when
    the number comes back from an autoscaler.
    """
    return None if args.get("autoscaled") else {"pulumi.com/patchForce": "true"}


def schema_labels(name: str) -> dict[str, str]:
    """Labels of the schema Job's pods, under a name that no cluster's selector can find, whatever it is called."""
    return metadata.labels("wso2ei-schema", name)


def service_names(name: str) -> tuple[str, str]:
    """Names of the Services of console and gateway of the cluster ``name``, for what is made before it."""
    return f"{name}-console", f"{name}-gateway"


def pull_secret_name(name: str) -> str:
    """Return the name of the pull Secret of the cluster ``name``, for pods that are not part of it."""
    return f"{name}-pull"


def jvm_size(memory: str) -> str:
    """A Kubernetes quantity as the JVM writes it, in whole MiB: ``512Mi`` is ``512m``, ``2Gi`` is ``2048m``.

    :raises ValueError: for anything that is not a quantity of at least 1Mi.
    """
    size = int(quantity(memory) / 1024**2)
    if size < 1:
        raise ValueError(f"heap {memory!r} must be at least 1Mi")
    return f"{size}m"


def docker_config(image: str, username: str, password: str) -> str:
    """A dockerconfigjson for the registry that ``image`` names."""
    host = parse_image(image).credentials_key
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"username": username, "password": password, "auth": token}}})


def _java_options(version: EiVersion, args: EiClusterArgs) -> str:
    own = [version.java_options, ei_logs.java_options(version.home), *ei_metrics.java_options(args.get("metrics"))]
    return " ".join([*own, *ei_vault.java_options(args.get("secure_vault")), *(args.get("java_options") or ())])


def _additions(args: EiClusterArgs) -> Additions:
    return Additions(
        patches=args.get("patches") or (),
        files=args.get("files") or (),
        environment=args.get("environment") or {},
        secret_environment=args.get("secret_environment") or {},
        jars=args.get("jars") or (),
        keystores=args.get("keystores"),
        vault=args.get("secure_vault"),
    )


def _carbon_apps(args: EiClusterArgs) -> CarbonApps:
    return CarbonApps(
        cars=args.get("carbon_apps") or (),
        folder=args.get("carbon_apps_folder") or "live",
        proxies=proxies(args.get("environment") or {}),
    )


def _patches(version: EiVersion, config: EiConfig, args: EiClusterArgs) -> str:
    """Nothing secret: the patcher takes the passwords from the mounted Secrets."""
    logs = log_patches(version, args.get("log_levels") or {}, access=args.get("access_logs", True))
    found = [*plain_patches(version, config), *secret_patches(config, ei_pod.MOUNTED_SECRETS), *logs]
    found += ei_vault.patches(args.get("secure_vault"), config.keystores)
    found += ei_metrics.patches(args.get("metrics"))
    return json.dumps({"patches": found}, indent=1, sort_keys=True)


def _config(name: str, args: EiClusterArgs, namespace: str, console_port: float, gateway_port: float) -> EiConfig:
    mysql = args["mysql"]
    users, registry = mysql["user"], mysql["registry"]
    return EiConfig(
        namespace=namespace,
        members_service=f"{name}-members",
        # Two clusters in one namespace must never see each other.
        domain=f"{namespace}.{name}",
        console_host=args["console_host"],
        gateway_host=args["gateway_host"],
        console_port=int(console_port),
        gateway_port=int(gateway_port),
        mysql_host=mysql["host"],
        mysql_port=mysql["port"],
        mysql_tls=mysql["tls"],
        # Pool sizes of WSO2's own charts.
        user_database=Datasource("WSO2_USER_DB", "jdbc/WSO2UserDB", users.database, users.user, 50),
        registry_database=Datasource("WSO2_CONFIG_DB", "jdbc/WSO2ConfigDB", registry.database, registry.user, 80),
        truststore=ei_pod.TRUSTSTORE,
        config_target=args.get("configuration_path") or "/_system/config",
        governance_target=args.get("governance_path") or "/_system/governance",
        keystores=as_keystores(stores, ei_pod.KEYSTORE) if (stores := args.get("keystores")) else None,
        admin_username=args["admin_username"],
    )
