"""``NginxIngress``: the two Ingresses of an EI cluster and, optionally, the NGINX controller that serves them.

Installs F5's NGINX Ingress Controller (``kubernetes/ingress-nginx`` was retired in March 2026) with native objects:
every one is visible in a preview and needs no network there. Does not own the backend Services, nor an existing
controller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.nginx import additions, certificate
from components.nginx import objects as nginx_objects
from components.nginx.annotations import Backend, ingress_annotations
from components.nginx.args import NginxIngressArgs, Route
from components.shared import certificates, metadata, rights, scheduling
from components.shared.deadlines import Deadline
from components.shared.recommended_labels import tag, with_labels
from components.shared.registered_specs import RegisteredSpecs


class NginxIngress(pulumi.ComponentResource):
    """Ingresses and controller; the module docstring lists what it owns."""

    addresses: pulumi.Output[list[str]]
    """IP addresses or host names at which clients reach the controller: ``address`` where it is given, else what the
    cluster gave an installed controller's Service, else the address in the Ingresses' status.

    The Service takes precedence because its status changes with ``expose``, while an Ingress keeps the old status until
    the controller has written a new one. A change outside of an update shows after ``pulumi up --refresh``."""
    own_addresses: dict[str, pulumi.Output[list[str]]]
    """The same of each route with a class of its own, by its key."""
    https_port: pulumi.Output[int]
    """Port at which clients reach both hosts; with ``NodePort`` the port on the nodes, allotted or given."""
    service: str | None
    """Name of the installed controller's Service; ``None`` with an existing controller."""
    spec_hash: pulumi.Output[str]
    """Hash of everything that the component registers, Secrets excluded."""

    def __init__(self, name: str, args: NginxIngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        registered = RegisteredSpecs()
        options = registered.options(with_labels(opts, name, tag(args.get("image")), args.get("pods")))
        super().__init__("wso2ei:index:NginxIngress", name, {}, options)
        install = args["controller"] == "install"
        if install and not args.get("image"):
            raise ValueError(f"NginxIngress {name}: controller install needs image")
        if install and args["dialect"] != "f5":
            raise ValueError(f"NginxIngress {name}: the installed controller reads the f5 dialect only")
        for key, route in args["routes"].items():
            _validate(f"NginxIngress {name}: routes[{key}]", args, route)
        for problem in certificates.problems(args):
            raise ValueError(f"NginxIngress {name}: {problem}")
        if not args["routes"]:
            raise ValueError(f"NginxIngress {name}: routes is empty")
        child = pulumi.ResourceOptions(parent=self)
        tls_secret = certificate.tls_secret(name, args, child)
        service = self._service(name, args, child) if install else None
        controller = [self._controller(name, args, tls_secret, service, child)] if service else []
        self.service = name if install else None
        self.https_port = _https_port(args, service)
        # The controller has its own certificate as the wildcard one, and reads no other Secret for the Ingresses.
        named = None if install and not certificates.is_renewed(args) else tls_secret
        specs = {key: _route_spec(args, route, named) for key, route in sorted(args["routes"].items())}
        ingresses = {
            key: k8s.networking.v1.Ingress(
                f"{name}-{key}",
                metadata=k8s.meta.v1.ObjectMetaArgs(
                    name=f"{name}-{key}",
                    namespace=args["namespace"],
                    labels=metadata.labels("nginx-ingress", name),
                    annotations=_route_annotations(args, args["routes"][key])
                    | _awaits_no_address(args, args["routes"][key]),
                ),
                spec=spec,
                opts=pulumi.ResourceOptions.merge(
                    child,
                    pulumi.ResourceOptions(
                        # An Ingress with a Secret follows the controller that watches Secrets, one without a Secret
                        # precedes the controller that watches none: so a running stack changes in either direction
                        # without a rejected handshake.
                        depends_on=controller if named else [],
                        custom_timeouts=Deadline(args.get("wait_minutes", 10)).timeouts,
                        # In place, it would keep the address of the controller that it leaves.
                        replace_on_changes=["spec.ingressClassName"] if _may_move(args, key) else None,
                        delete_before_replace=True,
                    ),
                ),
            )
            for key, spec in specs.items()
        }
        own = {key: route for key, route in args["routes"].items() if route.get("class_name")}
        shared = [item for key, item in ingresses.items() if key not in own]
        self.addresses = _addresses(args.get("address"), [service] if service else shared)
        self.own_addresses = {key: _addresses(route.get("address"), [ingresses[key]]) for key, route in own.items()}
        self.spec_hash = registered.hash()
        self.register_outputs(
            {
                "addresses": self.addresses,
                "own_addresses": self.own_addresses,
                "https_port": self.https_port,
                "service": self.service,
                "spec_hash": self.spec_hash,
            }
        )

    def _service(self, name: str, args: NginxIngressArgs, child: pulumi.ResourceOptions) -> k8s.core.v1.Service:
        selector = metadata.labels("nginx-ingress", name)
        return k8s.core.v1.Service(
            f"{name}-service",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=name,
                namespace=args["namespace"],
                labels=selector,
                annotations=dict(args.get("service", {}).get("annotations") or {}) or None,
            ),
            spec=nginx_objects.service_spec(
                selector,
                args.get("expose", "LoadBalancer"),
                *_ports(args),
                node_ports=args.get("node_ports", (None, None)),
                load_balancer=args.get("service"),
            ),
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    custom_timeouts=_deadline(args).timeouts,
                    # Immutable. The provider knows no such field of a Service, so it would make the new one first,
                    # whose name exists (pulumi-kubernetes 4.34, provider/pkg/provider/diff.go).
                    replace_on_changes=["spec.loadBalancerClass"],
                    delete_before_replace=True,
                ),
            ),
        )

    def _controller(
        self,
        name: str,
        args: NginxIngressArgs,
        tls_secret: pulumi.Output[str],
        service: k8s.core.v1.Service,
        child: pulumi.ResourceOptions,
    ) -> k8s.apps.v1.Deployment:
        namespace, selector = args["namespace"], metadata.labels("nginx-ingress", name)

        def meta(explicit: str | None = None) -> k8s.meta.v1.ObjectMetaArgs:
            return k8s.meta.v1.ObjectMetaArgs(name=explicit, namespace=namespace, labels=selector)

        ingress_class = k8s.networking.v1.IngressClass(
            f"{name}-class",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=args["class_name"], labels=selector),
            spec=k8s.networking.v1.IngressClassSpecArgs(controller=nginx_objects.CONTROLLER),
            opts=child,
        )
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account", metadata=meta(), automount_service_account_token=False, opts=child
        )
        account_name = metadata.name_of(account)
        subject = k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=account_name, namespace=namespace)
        only = None if certificates.is_renewed(args) else tls_secret
        bindings = self._rights(name, args, selector, subject, only, child)
        config_map = k8s.core.v1.ConfigMap(
            f"{name}-config",
            metadata=meta(),
            data=nginx_objects.config_data(args.get("address"), _cpu_limit(args), args.get("access_log", "default")),
            opts=child,
        )
        k8s.networking.v1.NetworkPolicy(
            f"{name}-ports", metadata=meta(), spec=nginx_objects.network_policy_spec(selector), opts=child
        )
        if args.get("replicas", 1) > 1:
            k8s.policy.v1.PodDisruptionBudget(
                f"{name}-budget", metadata=meta(), spec=scheduling.budget_spec(selector), opts=child
            )
        arguments = pulumi.Output.all(metadata.name_of(config_map), tls_secret).apply(
            lambda made: nginx_objects.arguments(
                config_map=made[0],
                ingress_class=args["class_name"],
                service=name,
                lease=f"{name}-leader",
                tls_secret=made[1],
                watches_secrets=certificates.is_renewed(args),
                ipv6=args.get("ipv6", True),
            )
        )
        return k8s.apps.v1.Deployment(
            f"{name}-controller",
            metadata=meta(name),
            spec=nginx_objects.deployment_spec(
                selector=selector,
                image=args.get("image", ""),
                service_account=account_name,
                args=arguments,
                host_ports=_ports(args) if args.get("expose") == "hostPort" else None,
                pull_secret=args.get("pull_secret"),
                deadline=_deadline(args),
                replicas=args.get("replicas", 1),
                read_timeout=args["read_timeout"],
                resources=_resources(args),
                place=args.get("scheduling"),
            ),
            # The controller exits at start when one of these is missing.
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    depends_on=[ingress_class, service, *bindings], custom_timeouts=_deadline(args).timeouts
                ),
            ),
        )

    def _rights(
        self,
        name: str,
        args: NginxIngressArgs,
        selector: dict[str, str],
        subject: k8s.rbac.v1.SubjectArgs,
        only: pulumi.Output[str] | None,
        child: pulumi.ResourceOptions,
    ) -> list[pulumi.Resource]:
        meta = k8s.meta.v1.ObjectMetaArgs(namespace=args["namespace"], labels=selector)
        rules = nginx_objects.namespace_rules(only)
        _, binding = rights.bound_role(f"{name}-role", meta, rules, subject, child)
        cluster_meta = k8s.meta.v1.ObjectMetaArgs(labels=selector)
        cluster_role = k8s.rbac.v1.ClusterRole(
            f"{name}-cluster-role",
            metadata=cluster_meta,
            rules=nginx_objects.cluster_rules(args["class_name"], args["namespace"]),
            opts=child,
        )
        cluster_binding = k8s.rbac.v1.ClusterRoleBinding(
            f"{name}-cluster-role-binding",
            metadata=cluster_meta,
            role_ref=rights.role_ref(cluster_role),
            subjects=[subject],
            opts=child,
        )
        return [binding, cluster_binding]


def _cpu_limit(args: NginxIngressArgs) -> str:
    return args.get("cpu_limit", "2")


def _resources(args: NginxIngressArgs) -> k8s.core.v1.ResourceRequirementsArgs:
    return nginx_objects.resources(args.get("cpu", "100m"), _cpu_limit(args), args.get("memory", "128Mi"))


def _deadline(args: NginxIngressArgs) -> Deadline:
    return Deadline(args.get("pull_minutes", 15))


def _route_annotations(args: NginxIngressArgs, route: Route) -> dict[str, str]:
    backend = Backend(
        route["service"],
        args["read_timeout"],
        route["max_body"],
        route.get("affinity_cookie"),
        tuple(route.get("allowed_sources", ())),
        route.get("requests_per_second"),
    )
    return {**route.get("annotations", {}), **ingress_annotations(args["dialect"], backend)}


def _validate(place: str, args: NginxIngressArgs, route: Route) -> None:
    if route.get("class_name") and args["controller"] == "install":
        raise ValueError(f"{place}.class_name is for existing controllers")
    if route.get("allowed_sources") and args["dialect"] == "f5":
        raise ValueError(f"{place}.allowed_sources {additions.NO_ALLOWED_SOURCES}")
    for key, value in route.get("annotations", {}).items():
        problem = additions.problem(key, value, args["dialect"], installed=args["controller"] == "install")
        if problem:
            raise ValueError(f'{place}.annotations["{key}"] {problem}')


def _may_move(args: NginxIngressArgs, key: str) -> bool:
    """Return whether a route may get, or lose, an existing controller of its own."""
    return args["controller"] == "existing" and "class_name" in args["routes"][key]


def _awaits_no_address(args: NginxIngressArgs, route: Route) -> dict[str, str]:
    """Annotation of an Ingress whose status is not read: its address is given, or that of the controller's Service.

    An existing controller may never write one. The installed one is created after an Ingress without a Secret: with one
    operation at a time, an Ingress that waits for the controller's address would wait for ever.
    """
    known = args["controller"] == "install" or (route if route.get("class_name") else args).get("address")
    return {"pulumi.com/skipAwait": "true"} if known else {}


def _route_spec(
    args: NginxIngressArgs, route: Route, tls_secret: pulumi.Output[str] | None
) -> k8s.networking.v1.IngressSpecArgs:
    return nginx_objects.ingress_spec(
        ingress_class=route.get("class_name") or args["class_name"],
        host=route["host"],
        service=route["service"],
        port=route["port"],
        tls_secret=tls_secret,
    )


def _ports(args: NginxIngressArgs) -> tuple[int, int]:
    return args.get("http_port", 80), args.get("https_port", 443)


def _https_port(args: NginxIngressArgs, service: k8s.core.v1.Service | None) -> pulumi.Output[int]:
    given = args.get("node_ports", (None, None))[1]
    if service is None or args.get("expose") != "NodePort" or given is not None:
        return pulumi.Output.from_input(given or _ports(args)[1])
    port: pulumi.Output[int] = service.spec.apply(_allocated_port)
    return port


def _allocated_port(spec: Mapping[str, Any]) -> Any:
    """Return the node port of https; unknown in a preview of a Service that does not exist yet."""
    for port in spec["ports"]:
        number = _either(port, "node_port", "nodePort")
        if port["name"] == "https" and number:
            return int(number)
    if pulumi.runtime.is_dry_run():
        return pulumi.UNKNOWN
    raise ValueError("the cluster has allocated no node port for https to the controller's Service")


def _addresses(
    given: str | None, sources: Sequence[k8s.core.v1.Service | k8s.networking.v1.Ingress]
) -> pulumi.Output[list[str]]:
    """Return the given address, or those of the statuses; unknown in a preview before there is a status."""
    if given:
        return pulumi.Output.from_input([given])
    statuses: pulumi.Output[list[Any]] = pulumi.Output.all(*[source.status for source in sources])
    none: Any = pulumi.UNKNOWN if pulumi.runtime.is_dry_run() else []
    return statuses.apply(lambda resolved: _status_addresses(resolved) or none)


def _status_addresses(statuses: list[Mapping[str, Any] | None]) -> list[str]:
    """Return every address of every status, each once, in the order of the status.

    An entry with both an IP address and a host name is one address; only the former fits a hosts file.
    """
    addresses: dict[str, None] = {}
    for status in statuses:
        for entry in (_either(status or {}, "load_balancer", "loadBalancer") or {}).get("ingress") or []:
            addresses |= dict.fromkeys(filter(None, (entry.get("ip") or entry.get("hostname"),)))
    return list(addresses)


def _either(value: Mapping[str, Any], *names: str) -> Any:
    """Return the first value present. Nested outputs have Python names or the API's, depending on how they resolved."""
    return next((value[name] for name in names if value.get(name) is not None), None)
