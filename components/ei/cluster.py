"""``EiCluster``: the EI nodes, their configuration, their tables and their Services.

Owns everything that is WSO2's: the schema Job, the patched configuration, membership rights, the nodes and the
claim for integration artifacts. Does not own the MySQL server, NGINX, or the data on the volume.
"""

from __future__ import annotations

import base64
import json
from typing import cast

import pulumi
import pulumi_kubernetes as k8s

from components.ei import clients, deployment, objects, pod, vault
from components.ei.additions import Additions
from components.ei.args import EiClusterArgs, OperationsArgs
from components.ei.carbonapps import CarbonApps
from components.ei.checks import check
from components.ei.config import ei_config, java_options, mebibytes, patches_json
from components.ei.logs import LogFolder
from components.ei.metrics import make_metrics
from components.ei.parts import ConfigMaps, Images, PodParts, Sizes
from components.mysql import connection as mysql_connection
from components.shared import metadata, network_policies, rights, scheduling, volumes
from components.shared.deadlines import Deadline
from components.shared.image_reference import parse_image
from components.shared.recommended_labels import with_labels
from components.shared.registered_specs import RegisteredSpecs
from components.shared.storage import DataVolume
from components.wso2ei.versions import EiVersion


class EiCluster(pulumi.ComponentResource):
    """A cluster of EI nodes. The module's docstring lists what it owns."""

    service: str
    """Name of the Service of console (9443) and gateway (8243, 8280); plain, so that no resource waits for pods that
    wait for it. One Service for both: F5's controller reloads NGINX once for each Service of a changed pod. Its name is
    that of the gateway's earlier Service, so the gateway's Ingress of a running stack stays as it is."""
    deployment: k8s.apps.v1.Deployment
    carbonapps: DataVolume | None
    """The volume of the integration artifacts, if the nodes use one."""
    deployment_volume: DataVolume | None
    """The volume of deployment folder and tenants, if the nodes share them."""
    spec_hash: pulumi.Output[str]
    """Hash of everything that the component registers, Secrets excluded."""

    def __init__(self, name: str, args: EiClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        registered = RegisteredSpecs()
        options = registered.options(with_labels(opts, name, args["version"], args.get("pods")))
        super().__init__("wso2ei:index:EiCluster", name, {}, options)
        version = check(name, args)
        child = pulumi.ResourceOptions(parent=self)
        self.service = service_name(name)
        deadline = Deadline(args.get("pull_minutes", 30))
        slow = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(custom_timeouts=deadline.timeouts))
        server = args["mysql"].get("server")
        after_database = pulumi.ResourceOptions.merge(
            slow, pulumi.ResourceOptions(depends_on=[server] if server else [])
        )
        # The provider waits for the pods of a Service, and the first ones start after the database.
        self._services(name, args, after_database)
        parts = self._parts(name, args, version, child)
        pull_secret = self._pull_secret(name, args, parts.selector, child)
        with_pull_secret = pulumi.ResourceOptions(depends_on=[pull_secret] if pull_secret else [])
        if server:
            self._image_job(name, args, parts, deadline, pulumi.ResourceOptions.merge(slow, with_pull_secret))
        job_labels = schema_labels(name)
        job = k8s.batch.v1.Job(
            f"{name}-schema",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                namespace=args["namespace"],
                labels=job_labels,
                annotations={"pulumi.com/replaceUnready": "true"},
            ),
            spec=objects.schema_job_spec(parts, version, args["admin_username"], job_labels, deadline),
            opts=pulumi.ResourceOptions.merge(after_database, with_pull_secret),
        )
        members = objects.membership_rules(f"{name}-members")
        account = k8s.rbac.v1.SubjectArgs(
            kind="ServiceAccount", name=parts.service_account, namespace=args["namespace"]
        )
        meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=parts.selector)
        may_read_members = rights.bound_role(f"{name}-members", meta, members, account, child)
        self.deployment = k8s.apps.v1.Deployment(
            f"{name}-nodes",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=name, namespace=args["namespace"], labels=parts.selector, annotations=_takes_back(args)
            ),
            spec=pod.deployment_spec(parts, args["replicas"], deadline),
            opts=pulumi.ResourceOptions.merge(
                slow,
                pulumi.ResourceOptions(
                    depends_on=[job, *may_read_members],
                    # A field that is left out would be taken as given back, and the API server would set it to one.
                    # Ignored, it keeps the value that was set last; a new Deployment still begins with `replicas`.
                    ignore_changes=["spec.replicas"] if args.get("autoscaled") else None,
                ),
            ),
        )
        self._policies(name, args, parts.selector, child)
        make_metrics(name, args.get("metrics"), args["namespace"], parts.selector, after_database)
        self.spec_hash = registered.hash()
        self.register_outputs(
            {
                "service": self.service,
                "spec_hash": self.spec_hash,
            }
        )

    def _services(self, name: str, args: EiClusterArgs, child: pulumi.ResourceOptions) -> None:
        selector = metadata.labels("wso2ei", name)
        specs = {
            self.service: objects.service_spec(
                selector,
                {
                    "gateway": pod.GATEWAY_PORT,
                    "gateway-http": pod.GATEWAY_HTTP_PORT,
                    "console": pod.CONSOLE_PORT,
                    **clients.named_ports(args),
                },
            ),
            f"{name}-members": objects.members_service_spec(selector),
        }
        for service, spec in specs.items():
            k8s.core.v1.Service(
                f"{service}-service",
                metadata=k8s.meta.v1.ObjectMetaArgs(name=service, namespace=args["namespace"], labels=selector),
                spec=spec,
                opts=child,
            )

    def _parts(self, name: str, args: EiClusterArgs, version: EiVersion, child: pulumi.ResourceOptions) -> PodParts:
        selector = metadata.labels("wso2ei", name)
        meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector)
        config = pulumi.Output.all(
            args["namespace"], args.get("console_port", 443), args.get("gateway_port", 443)
        ).apply(lambda found: ei_config(name, args, *found))
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
                "mysql_wait.sh",
                "bootstrap.sql",
                "check_volume.sh",
                "log_folders.py",
                *mysql_connection.PROGRAMS,
                *vault.programs(args.get("secure_vault")),
                *deployment.programs(args.get("deployment_storage")),
            ),
            opts=child,
        )
        patches = k8s.core.v1.ConfigMap(
            f"{name}-patches",
            metadata=meta,
            data={"patches.json": config.apply(lambda found: patches_json(version, found, args))},
            opts=child,
        )
        storage = args.get("storage") if args.get("carbon_apps_folder") != "unused" else None
        self.carbonapps = DataVolume(f"{name}-carbonapps", storage, child) if storage else None
        folders = args.get("deployment_storage")
        self.deployment_volume = DataVolume(f"{name}-deployment", folders, child) if folders else None
        additions = Additions(args)
        logs = args.get("diagnostics")
        added = (
            k8s.core.v1.ConfigMap(f"{name}-additions", metadata=meta, data=data, opts=child)
            if (data := additions.config_map())
            else None
        )
        cars = CarbonApps(args)
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
        return PodParts(
            home=version.home,
            images=Images(
                ei=args["image"],
                python=args["python_image"],
                mysql=args["mysql_image"],
                pull_secret=args.get("registry_secret") or (pull_secret_name(name) if args.get("registry") else None),
            ),
            config_maps=ConfigMaps(
                programs=metadata.name_of(programs),
                patches=metadata.name_of(patches),
                additions=metadata.name_of(added) if added else None,
                cars=metadata.name_of(cars_manifest) if cars_manifest else None,
            ),
            selector=selector,
            service_account=metadata.name_of(account),
            mysql=args["mysql"],
            admin_secret=args.get("admin_secret") or self._admin_secret(name, args, meta, child),
            rotation=args.get("rotation"),
            carbonapps=self.carbonapps,
            cars=cars,
            deployment=deployment.DeploymentFolders(self.deployment_volume),
            additions=additions,
            logs=LogFolder(
                DataVolume(f"{name}-logs", logs, child) if logs else None,
                args.get("diagnostics_keep", 10),
                mebibytes(args["heap"]),
            ),
            operations=_operations(args),
            java_options=java_options(version, args),
            sizes=Sizes(f"{mebibytes(args['heap'])}m", args["cpu"], args.get("cpu_limit"), args["memory"]),
        )

    def _admin_secret(
        self, name: str, args: EiClusterArgs, meta: k8s.meta.v1.ObjectMetaArgs, child: pulumi.ResourceOptions
    ) -> pulumi.Output[str]:
        secret = k8s.core.v1.Secret(
            f"{name}-admin",
            metadata=meta,
            string_data={pod.ADMIN_KEY: pulumi.Output.secret(args.get("admin_password") or "")},
            opts=child,
        )
        return metadata.name_of(secret)

    def _pull_secret(
        self, name: str, args: EiClusterArgs, labels: dict[str, str], child: pulumi.ResourceOptions
    ) -> k8s.core.v1.Secret | None:
        """Make the pull Secret, the only one with a fixed name: only the kubelet reads it, at a pull.

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

    def _image_job(
        self,
        name: str,
        args: EiClusterArgs,
        parts: PodParts,
        deadline: Deadline,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Pull the image at once, which otherwise begins when MySQL is ready: one of the nodes then has it.

        Nothing waits for the Job; an image that cannot be pulled ends the update with its reason.
        """
        selector = metadata.labels("wso2ei-image", name)

        def meta(annotations: dict[str, str] | None = None) -> k8s.meta.v1.ObjectMetaArgs:
            return k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector, annotations=annotations)

        k8s.networking.v1.NetworkPolicy(
            f"{name}-clients-of-image",
            metadata=meta(),
            spec=network_policies.ingress_spec(selector),
            opts=pulumi.ResourceOptions(parent=self),
        )
        k8s.batch.v1.Job(
            f"{name}-image",
            metadata=meta({"pulumi.com/replaceUnready": "true"}),
            spec=objects.image_job_spec(parts, selector, deadline),
            opts=opts,
        )

    def _policies(
        self, name: str, args: EiClusterArgs, selector: dict[str, str], child: pulumi.ResourceOptions
    ) -> None:
        meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector)
        k8s.networking.v1.NetworkPolicy(
            f"{name}-clients",
            metadata=meta,
            spec=objects.network_policy_spec(selector, args),
            opts=child,
        )
        schema = schema_labels(name)
        k8s.networking.v1.NetworkPolicy(
            f"{name}-clients-of-schema",
            metadata=k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=schema),
            spec=network_policies.ingress_spec(schema),
            # Its first name; a cluster called "NAME-schema" would have a child of that name too.
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(aliases=[pulumi.Alias(name=f"{name}-schema-clients")])
            ),
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-budget",
            metadata=meta,
            spec=scheduling.budget_spec(selector),
            opts=child,
        )


def _operations(args: EiClusterArgs) -> OperationsArgs:
    """The arguments about the running of nodes, and no other."""
    found = {key: value for key, value in args.items() if key in OperationsArgs.__annotations__}
    return cast(OperationsArgs, found)


def _takes_back(args: EiClusterArgs) -> dict[str, str] | None:
    """The number of nodes belongs to the stack unless it is an autoscaler's.

    Without the annotation an update fails with a field conflict after a ``kubectl scale``, or when
    the number comes back from an autoscaler.
    """
    return None if args.get("autoscaled") else {"pulumi.com/patchForce": "true"}


def schema_labels(name: str) -> dict[str, str]:
    """Labels of the schema Job's pods, under a name that no cluster's selector can find, whatever it is called."""
    return metadata.labels("wso2ei-schema", name)


def service_name(name: str) -> str:
    """Return the name of the Service of the cluster ``name``, for resources that are created before it."""
    return f"{name}-gateway"


def pull_secret_name(name: str) -> str:
    """Return the name of the pull Secret of the cluster ``name``, for pods that are not part of it."""
    return f"{name}-pull"


def docker_config(image: str, username: str, password: str) -> str:
    """A dockerconfigjson for the registry that ``image`` names."""
    host = parse_image(image).credentials_key
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"username": username, "password": password, "auth": token}}})
