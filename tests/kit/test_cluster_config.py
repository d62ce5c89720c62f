"""What the embedded cluster writes and decides, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from embedded.cluster import components, config, manifests, network, pki
from embedded.cluster import names as n
from embedded.errors import KitError

GIB = 1024**3


@pytest.fixture
def names(tmp_path: Path) -> n.Names:
    return n.Names(tmp_path)


def quantity(text: str) -> float:
    """A Kubernetes quantity in its base unit."""
    for suffix, factor in {"Ki": 1024, "Mi": 1024**2, "m": 0.001}.items():
        if text.endswith(suffix):
            return float(text[: -len(suffix)]) * factor
    return float(text)


@pytest.mark.parametrize(("cpus", "gibibytes"), [(2, 8), (2, 24), (16, 64)])
def test_every_machine_offers_what_a_docker_desktop_of_two_cpus_and_6_gb_offers(cpus: int, gibibytes: int) -> None:
    machine = config.Machine(cpus, gibibytes * GIB)
    reserved = config.reserved(machine)
    cpu = cpus - quantity(reserved["cpu"]) - n.COREDNS_CPU_MILLIS / 1000
    memory = machine.memory - quantity(reserved["memory"]) - n.EVICTION_MEMORY_BYTES - n.COREDNS_MEMORY_BYTES
    assert cpu == pytest.approx(1.05)
    assert memory == pytest.approx(4.5e9, abs=1024)


def test_a_small_machine_reserves_nothing_rather_than_less_than_nothing() -> None:
    assert config.reserved(config.Machine(1, 4 * GIB)) == {"cpu": "0m", "memory": "0Ki"}


def test_the_kubelet_lets_nobody_in_without_asking_the_api_server(names: n.Names) -> None:
    kubelet = yaml.safe_load(config.kubelet(names, 1, config.Machine(2, 8 * GIB)))
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["authorization"] == {"mode": "Webhook"}


def test_each_node_has_a_cgroup_and_addresses_of_its_own(names: n.Names) -> None:
    machine = config.Machine(2, 8 * GIB)
    roots = {yaml.safe_load(config.kubelet(names, node, machine))["cgroupRoot"] for node in (1, 2)}
    ranges = {json.loads(config.cni(node))["plugins"][0]["ipam"]["ranges"][0][0]["subnet"] for node in (1, 2)}
    assert roots == {f"/{names.cgroup}/node-1", f"/{names.cgroup}/node-2"}
    assert ranges == {"10.244.1.0/24", "10.244.2.0/24"}


def test_leases_of_pod_addresses_do_not_outlive_the_node() -> None:
    assert json.loads(config.cni(1))["plugins"][0]["ipam"]["dataDir"].startswith("/run/")


def test_only_the_private_names_lead_to_the_registry_with_a_password() -> None:
    files = config.hosts_toml(n.IMITATED)
    assert set(files) == {"embedded.invalid", "docker.io", "registry.k8s.io", "docker.wso2.com", "registry.wso2.com"}
    for name, text in files.items():
        port = 5001 if name.endswith("wso2.com") else 5000
        assert f'[host."http://10.123.0.1:{port}"]' in text
        assert "push" not in text


def test_registries_that_are_real_or_follow_docker_hub_have_no_stand_in() -> None:
    assert config.stand_ins({}) == list(n.IMITATED)
    assert config.stand_ins({"docker.io": "real"}) == []
    assert config.stand_ins({"docker.io": "real", "registry.wso2.com": "stand-in"}) == ["registry.wso2.com"]
    assert config.stand_ins({"docker.io": "stand-in", "registry.wso2.com": "real"}) == [
        "docker.io", "registry.k8s.io", "docker.wso2.com",
    ]  # fmt: skip


def test_the_registries_only_read_and_only_the_private_one_asks_for_a_password() -> None:
    public = yaml.safe_load(config.registry(5000, Path("/store/public"), None))
    private = yaml.safe_load(config.registry(5001, Path("/store/private"), Path("/x/htpasswd")))
    assert public["storage"]["maintenance"]["readonly"] == {"enabled": True}
    assert private["storage"]["maintenance"]["readonly"] == {"enabled": True}
    assert "auth" not in public
    assert private["auth"]["htpasswd"]["path"] == "/x/htpasswd"


def test_certificates_name_users_and_groups_that_kubernetes_knows(tmp_path: Path) -> None:
    pki.ensure(tmp_path, nodes=2)
    kubelet = x509.load_pem_x509_certificate((tmp_path / "kubelet-2.crt").read_bytes())
    assert {a.rfc4514_string() for a in kubelet.subject} >= {"O=system:nodes", "CN=system:node:node-2"}
    server = x509.load_pem_x509_certificate((tmp_path / "apiserver.crt").read_bytes())
    hosts = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "10.96.0.1" in {str(ip) for ip in hosts.get_values_for_type(x509.IPAddress)}
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    assert isinstance(authority.public_key(), ec.EllipticCurvePublicKey)
    kubelet.verify_directly_issued_by(authority)
    assert (tmp_path / "admin.key").stat().st_mode & 0o077 == 0
    first, second = x509.load_pem_x509_certificates((tmp_path / "ca-bundle.crt").read_bytes())
    assert (first.subject != authority.subject, second) == (True, authority)


def test_certificates_are_made_once_and_a_new_node_gets_its_own(tmp_path: Path) -> None:
    pki.ensure(tmp_path, nodes=1)
    before = (tmp_path / "ca.crt").read_bytes(), (tmp_path / "admin.crt").read_bytes()
    pki.ensure(tmp_path, nodes=2)
    assert before == ((tmp_path / "ca.crt").read_bytes(), (tmp_path / "admin.crt").read_bytes())
    assert (tmp_path / "kubelet-2.crt").exists()


def test_the_kubeconfig_can_be_copied_and_has_the_context_that_stacks_name(names: n.Names) -> None:
    pki.ensure(names.pki, nodes=1)
    parsed = yaml.safe_load(config.kubeconfig(names, "admin"))
    assert parsed["current-context"] == "embedded"
    assert [context["name"] for context in parsed["contexts"]] == ["embedded"]
    assert set(parsed["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


def test_the_decoy_is_the_default_class_and_nothing_provisions_it() -> None:
    decoy = next(item for item in manifests.everything(outside=False) if item["kind"] == "StorageClass")
    assert decoy["metadata"]["name"] == "decoy"
    assert decoy["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert decoy["provisioner"].endswith(".invalid/decoy")


def test_the_name_server_is_where_network_policies_look_for_it() -> None:
    objects = {(item["kind"], item["metadata"]["name"]): item for item in manifests.everything(outside=True)}
    service, deployment = objects["Service", "kube-dns"], objects["Deployment", "coredns"]
    assert service["metadata"]["namespace"] == "kube-system"
    assert service["spec"]["clusterIP"] == "10.96.0.10"
    assert deployment["spec"]["template"]["metadata"]["labels"]["k8s-app"] == "kube-dns"


def test_cluster_names_are_not_answered_by_the_catch_all() -> None:
    """CoreDNS runs `template` before `kubernetes` whatever the order in the file: they must not share a server."""
    blocks = manifests.corefile(outside=False).split("\n}\n")
    assert "template" in blocks[1]
    assert not any("kubernetes cluster.local" in block and "template" in block for block in blocks)


@pytest.mark.parametrize("there", ["10.96.0.0/12", "10.244.3.0/24", "10.0.0.0/8", "10.123.0.0/24"])
def test_a_range_in_use_is_refused_by_name(there: str) -> None:
    routes = [network.Route("default", "eth0"), network.Route(there, "tun0")]
    with pytest.raises(KitError, match=f"{there} over tun0"):
        network.check_ranges(routes, "ei-mine")


def test_another_embedded_cluster_is_refused_with_its_state_folder() -> None:
    routes = [network.Route("10.244.1.0/24", "ei-other", "wso2ei-embedded /home/b/state")]
    with pytest.raises(KitError, match="/home/b/state"):
        network.check_ranges(routes, "ei-mine")


def test_the_routes_of_the_own_cluster_are_no_conflict() -> None:
    routes = [network.Route("10.244.1.0/24", "ei-mine", "wso2ei-embedded /state"), network.Route("default", "eth0")]
    network.check_ranges(routes, "ei-mine")


def test_a_firewall_between_several_nodes_is_refused() -> None:
    with pytest.raises(KitError, match="drops forwarded packets"):
        network.check_forwarding("-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n")
    network.check_forwarding("-P FORWARD ACCEPT\n")


def test_data_of_pods_lies_in_the_state_folder_and_the_rest_of_a_node_is_read_only(names: n.Names) -> None:
    programs = components.Programs(Path("/k"), Path("/r"), Path("/public"), Path("/private"))
    for node in (1, 2):
        (names.unit(n.node_name(node)) / "config").mkdir(parents=True)
        for name in ("kubelet.yaml", "containerd.toml"):
            (names.unit(n.node_name(node)) / "config" / name).touch()
    for name in ("registry-public.yml", "registry-private.yml", "htpasswd"):
        (names.unit("node-1") / "config" / name).touch()
    spec = components.node_unit(names, 1, 2, programs)
    assert spec["read_only"]
    assert [str(names.unit("node-1") / "var-lib"), "/var/lib"] in spec["binds"]
    assert components.host_path(names, 2, "/var/lib/wso2ei/mysql") == names.unit("node-2") / "var-lib/wso2ei/mysql"
    assert "etcd" in spec["components"]
    assert "etcd" not in components.node_unit(names, 2, 2, programs)["components"]
    with pytest.raises(ValueError, match="read-only"):
        components.host_path(names, 1, "/data")


def test_two_state_folders_never_share_a_name(tmp_path: Path) -> None:
    one, other = n.Names(tmp_path / "a"), n.Names(tmp_path / "b")
    assert one.bridge != other.bridge
    assert one.cgroup != other.cgroup
    assert len(one.bridge) <= 15
    assert len(one.veth(9)) <= 15
