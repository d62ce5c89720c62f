"""Objects that the settings name are looked up before an update: missing ones are reported together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from preflight import references
from settings import loading
from settings.errors import Mistake
from settings.schema import walk
from settings.types import ObjectName
from tests.unit.support.api_server import ApiServer
from tests.unit.support.mistake_pairs import base

CORE = "/api/v1/namespaces/team"
CLASSES = "/apis/networking.k8s.io/v1/ingressclasses"
F5, COMMUNITY = {"controller": "nginx.org/ingress-controller"}, {"controller": "k8s.io/ingress-nginx"}
TEAM: dict[str, Any] = {"namespace": {"name": "team", "create": False}}
METRICS: dict[str, Any] = {"prometheus": {"namespace": "monitoring"}, "discovery": "serviceMonitor"}
MONITORING = "/apis/monitoring.coreos.com/v1"

OBJECT_NAME = get_args(ObjectName)[-1]


@pytest.fixture
def api(api: ApiServer) -> ApiServer:
    api.add("/api/v1/namespaces/team")
    return api


def settings_of(config: dict[str, Any]) -> Any:
    values = {f"wso2ei:{key}": json.dumps(value) if not isinstance(value, str) else value
              for key, value in (base("nfs") | config).items()}  # fmt: skip
    return loading.load("wso2ei", "test", values, frozenset())


def check(config: dict[str, Any]) -> dict[str, Mistake]:
    return {one.key.removeprefix("wso2ei:"): one for one in references.mistakes(settings_of(config), "here")}


SECRET, CONFIG_MAP, CLAIM = f"{CORE}/secrets", f"{CORE}/configmaps", f"{CORE}/persistentvolumeclaims"
KEY = {"name": "mine", "key": "password"}
BUCKET = {"endpoint": "https://s3.example.com", "bucket": "dumps", "prefix": "prod", "secret": "bucket"}
KEYSTORES = ["keystore.jks", "client-truststore.jks", "keystore-password", "key-password", "truststore-password"]
EVERY: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("ingress.className", {"ingress": {"controller": "existing", "className": "nginx"}}, f"{CLASSES}/nginx",
     {"spec": F5}),
    ("ingress.console.className",
     {"ingress": {"controller": "existing", "className": "nginx", "console": {"className": "internal"}}},
     f"{CLASSES}/internal", {"spec": F5}),
    ("ingress.tlsSecret", {"ingress": {"tlsSecret": "tls"}}, f"{SECRET}/tls",
     {"type": "kubernetes.io/tls", "data": {"tls.crt": "eA==", "tls.key": "eA=="}}),
    ("mysql.tlsSecret", {"mysql": {"tlsSecret": "db-tls"}}, f"{SECRET}/db-tls",
     {"data": dict.fromkeys(["tls.crt", "tls.key", "ca.crt"], "eA==")}),
    ("scheduling.priorityClass", {"scheduling": {"priorityClass": "high"}},
     "/apis/scheduling.k8s.io/v1/priorityclasses/high", {"value": 1}),
    ("secrets.registry", {"secrets": {"registry": "pull"}, "ei": {"image": "r.example.com/ei:1"}}, f"{SECRET}/pull",
     {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "e30="}}),
    ("secrets.mysql", {"secrets": {"mysql": "db"}}, f"{SECRET}/db",
     {"data": dict.fromkeys(["user-password", "registry-password", "root-password"], "eA==")}),
    ("secrets.mysql", {"secrets": {"mysql": "db"}, "mysql": {"backup": {"schedule": "@daily"}}}, f"{SECRET}/db",
     {"data": dict.fromkeys(["user-password", "registry-password", "root-password", "backup-password"], "eA==")}),
    ("secrets.admin", {"secrets": {"admin": "admin"}}, f"{SECRET}/admin", {"data": {"password": "eA=="}}),
    ("mysql.external.caConfigMap",
     {"mysql": {"external": {"host": "db", "tls": "verifyCa", "caConfigMap": "ca"}}, "secrets": {"mysql": "db"}},
     f"{CONFIG_MAP}/ca", {"data": {"ca.crt": "x"}}),
    ("storage.mysqlClaim", {"storage": {"kind": "claim", "mysqlClaim": "m", "carbonappsClaim": "c"}}, f"{CLAIM}/m", {}),
    ("storage.carbonappsClaim", {"storage": {"kind": "claim", "mysqlClaim": "m", "carbonappsClaim": "c"}}, f"{CLAIM}/c",
     {}),
    ("storage.deploymentClaim",
     {"storage": {"kind": "claim", "mysqlClaim": "m", "carbonappsClaim": "c", "deploymentClaim": "d"},
      "ei": {"deployment": "shared"}},
     f"{CLAIM}/d", {}),
    ("storage.deploymentClass",
     {"storage": {"kind": "class", "mysqlClass": "fast", "carbonappsClass": "shared", "deploymentClass": "many"},
      "ei": {"deployment": "shared"}},
     "/apis/storage.k8s.io/v1/storageclasses/many", {"provisioner": "x"}),
    ("storage.backupClaim",
     {"storage": {"kind": "claim", "mysqlClaim": "m", "carbonappsClaim": "c", "backupClaim": "b"},
      "mysql": {"backup": {"schedule": "@daily"}}},
     f"{CLAIM}/b", {}),
    ("storage.backupClass",
     {"storage": {"kind": "class", "mysqlClass": "fast", "carbonappsClass": "shared", "backupClass": "slow"},
      "mysql": {"backup": {"schedule": "@daily"}}},
     "/apis/storage.k8s.io/v1/storageclasses/slow", {"provisioner": "x"}),
    ("mysql.backup.s3.secret", {"mysql": {"backup": {"schedule": "@daily", "s3": BUCKET}}}, f"{SECRET}/bucket",
     {"data": {"access-key-id": "eA==", "secret-access-key": "eA=="}}),
    ("mysql.backup.s3.caConfigMap",
     {"mysql": {"backup": {"schedule": "@daily", "s3": BUCKET | {"caConfigMap": "company-ca"}}}},
     f"{CONFIG_MAP}/company-ca", {"data": {"ca.crt": "x"}}),
    ("storage.mysqlClass", {"storage": {"kind": "class", "mysqlClass": "fast", "carbonappsClass": "shared"}},
     "/apis/storage.k8s.io/v1/storageclasses/fast", {"provisioner": "x"}),
    ("storage.carbonappsClass", {"storage": {"kind": "class", "mysqlClass": "fast", "carbonappsClass": "shared"}},
     "/apis/storage.k8s.io/v1/storageclasses/shared", {"provisioner": "x"}),
    ("ei.diagnostics.claim", {"ei": {"diagnostics": {"kind": "claim", "claim": "logs"}}}, f"{CLAIM}/logs", {}),
    ("ei.diagnostics.storageClass", {"ei": {"diagnostics": {"kind": "class", "storageClass": "logs"}}},
     "/apis/storage.k8s.io/v1/storageclasses/logs", {"provisioner": "x"}),
    ("ei.keystores.secret", {"ei": {"keystores": {"secret": "stores"}}}, f"{SECRET}/stores",
     {"data": dict.fromkeys(KEYSTORES, "eA==")}),
    ("ei.secureVault.secret", {"ei": {"keystores": {"secret": "stores"}, "secureVault": {"secret": "vault"}}},
     f"{SECRET}/vault", {"data": {"cipher-text.properties": "eA=="}}),
    ("ei.secretEnvironment.DB_PASSWORD", {"ei": {"secretEnvironment": {"DB_PASSWORD": KEY}}}, f"{SECRET}/mine",
     {"data": {"password": "eA=="}}),
    ("ei.patches[0].setFromSecret",
     {"ei": {"patches": [{"file": "conf/a.xml", "path": "a/b", "setFromSecret": KEY}]}}, f"{SECRET}/mine",
     {"data": {"password": "eA=="}}),
    ("ei.files[0].secret", {"ei": {"files": [{"path": "conf/a", "secret": KEY}]}}, f"{SECRET}/mine",
     {"data": {"password": "eA=="}}),
    ("ei.files[0].configMap", {"ei": {"files": [{"path": "conf/a", "configMap": KEY}]}}, f"{CONFIG_MAP}/mine",
     {"binaryData": {"password": "eA=="}}),
    ("ei.trustedCertificates[0].secret", {"ei": {"trustedCertificates": [{"secret": KEY}]}}, f"{SECRET}/mine",
     {"data": {"password": "eA=="}}),
    ("ei.trustedCertificates[0].configMap", {"ei": {"trustedCertificates": [{"configMap": KEY}]}},
     f"{CONFIG_MAP}/mine", {"data": {"password": "x"}}),
    ("ei.volumes[0].claim", {"ei": {"volumes": [{"claim": "files", "path": "/mnt/a"}]}}, f"{CLAIM}/files", {}),
    ("ei.jars[0].claim", {"ei": {"jars": [{"claim": "drivers", "path": "a.jar"}]}}, f"{CLAIM}/drivers", {}),
]  # fmt: skip
"""Setting, the change of the stack file, the object's path, the least object that fits."""


@pytest.mark.parametrize(
    ("path", "config", "place", "body"), EVERY, ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_reference_is_found_missing_and_accepted_when_it_exists(
    path: str, config: dict[str, Any], place: str, body: dict[str, Any], api: ApiServer, warnings: list[str]
) -> None:
    found = check(TEAM | config)
    assert "must be an existing" in found[path].expected
    assert found[path].fix
    api.add(place, **body)
    assert path not in check(TEAM | config)
    for field in ("data", "binaryData", "type"):
        if field in body:
            api.add(place, **{name: value for name, value in body.items() if name != field})
            assert path in check(TEAM | config), f"it is accepted without {field}"
    assert warnings == []


def test_every_setting_that_names_an_object_is_looked_up() -> None:
    """A new setting of the type of an object's name is in the table, or here with the reason."""
    others = {
        "storage.node": "preflight.nodes checks it",
        "ingress.tlsIssuer.name": "looked up with the definition of its kind",
        "mysql.tlsIssuer.name": "as above",
        "ei.secretEnvironment.key.name": "in the table by the name of a variable",
    }
    maps = [key.item("key") for key in walk() if get_origin(key.base) is dict]
    keys = [*walk(), *(child for item in maps for child in item.children())]
    names = {key.path.replace("[0]", "") for key in keys if key.allowed == OBJECT_NAME}
    table = {path.replace("[0]", "") for path, *_ in EVERY}
    assert len(names) > 15
    assert {name for name in names - set(others) if not {name, name.rpartition(".")[0]} & table} == set()


def test_all_missing_objects_are_reported_together(api: ApiServer, warnings: list[str]) -> None:
    config = TEAM | {"secrets": {"admin": "a", "mysql": "b"}, "ingress": {"tlsSecret": "c", "controller": "existing"}}
    assert list(check(config)) == ["ingress.className", "ingress.tlsSecret", "secrets.mysql", "secrets.admin"]
    assert len(api.requests) == len(set(api.requests)), "nothing is read twice"


def test_the_default_class_with_an_existing_controller_names_those_of_the_cluster(
    api: ApiServer, warnings: list[str]
) -> None:
    api.add(f"{CLASSES}/nginx", spec=F5)
    found = check(TEAM | {"ingress": {"controller": "existing"}})["ingress.className"]
    assert "has nginx" in found.expected
    assert found.fix == "pulumi config set --path 'wso2ei:ingress.className' nginx"


def test_a_class_of_another_controller_is_rejected(api: ApiServer, warnings: list[str]) -> None:
    api.add(f"{CLASSES}/wso2ei", spec=COMMUNITY)
    found = check(TEAM)["ingress.className"]
    assert "belongs to k8s.io/ingress-nginx" in found.expected
    assert found.fix == "pulumi config set --path 'wso2ei:ingress.className' wso2ei-nginx"
    existing = {"ingress": {"controller": "existing"}}
    assert check(TEAM | existing)["ingress.dialect"].fix.endswith(" community")
    assert check(TEAM | {"ingress": existing["ingress"] | {"dialect": "community"}}) == {}
    api.add(f"{CLASSES}/wso2ei", spec=F5)
    assert check(TEAM) == {}


def test_the_console_s_own_controller_reads_the_same_dialect(api: ApiServer, warnings: list[str]) -> None:
    api.add(f"{CLASSES}/nginx", spec=F5)
    api.add(f"{CLASSES}/internal", spec=COMMUNITY)
    ingress = {"controller": "existing", "className": "nginx", "console": {"className": "internal"}}
    found = check(TEAM | {"ingress": ingress})["ingress.console.className"]
    assert "ingress.dialect f5; this one belongs to k8s.io/ingress-nginx" in found.expected
    api.add(f"{CLASSES}/internal", spec=F5)
    assert check(TEAM | {"ingress": ingress}) == {}


def test_a_missing_key_and_a_wrong_type_name_what_is_there(api: ApiServer, warnings: list[str]) -> None:
    api.add(f"{SECRET}/admin", type="Opaque", data={"pass": "c2VjcmV0"})
    api.add(f"{SECRET}/tls", type="Opaque", data={"tls.crt": "x", "tls.key": "x"})
    found = check(TEAM | {"secrets": {"admin": "admin"}, "ingress": {"tlsSecret": "tls"}})
    assert "with password; in namespace team it has pass" in found["secrets.admin"].expected
    assert "of type kubernetes.io/tls; in namespace team it is of type Opaque" in found["ingress.tlsSecret"].expected
    assert "create secret tls tls" in found["ingress.tlsSecret"].fix
    assert "c2VjcmV0" not in str(found.values())


def test_a_missing_namespace_is_one_mistake(api: ApiServer, warnings: list[str]) -> None:
    config = {"namespace": {"name": "other", "create": False}, "secrets": {"admin": "a"}}
    assert list(check(config)) == ["namespace.name"]


def test_objects_in_a_namespace_that_the_stack_is_about_to_create_are_a_warning(
    api: ApiServer, warnings: list[str]
) -> None:
    config = {"namespace": {"name": "new", "create": True}, "secrets": {"admin": "a"}}
    assert check(config) == {}
    assert len(warnings) == 1
    assert "secrets.admin: not checked, namespace new does not exist yet" in warnings[0]


def test_what_may_not_be_read_is_one_warning(api: ApiServer, warnings: list[str]) -> None:
    api.forbidden = (f"{CORE}/secrets", "/apis/networking.k8s.io")
    found = check(
        TEAM | {"secrets": {"admin": "a", "mysql": "b"}, "ei": {"diagnostics": {"kind": "claim", "claim": "l"}}}
    )
    assert list(found) == ["ei.diagnostics.claim"]
    assert warnings == [
        "Some objects that the stack file names are not checked: 'here' may not read IngressClass, Secret"
    ]


def test_without_an_answer_the_update_goes_on_with_a_warning(
    api: ApiServer, warnings: list[str], tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("current-context: nowhere\n")
    assert check(TEAM | {"secrets": {"admin": "a"}}) == {}
    assert len(warnings) == 1
    assert "are not checked, the cluster of 'here' gave no answer" in warnings[0]


def test_an_update_is_refused_where_the_cluster_knows_no_service_monitors(api: ApiServer, warnings: list[str]) -> None:
    ei = {"metrics": METRICS | {"serviceMonitor": {"labels": {"release": "kps"}}}}
    text = str(check(TEAM | {"ei": ei})["ei.metrics.discovery"])
    assert 'wso2ei:ei.metrics.discovery = "serviceMonitor": needs the definition of ServiceMonitors' in text
    assert "the cluster of 'here' lacks" in text
    # Both, since a section for ServiceMonitors together with annotations is a mistake, too.
    assert "pulumi config set --path 'wso2ei:ei.metrics.discovery' annotations && pulumi config rm" in text
    resource = {"name": "servicemonitors", "singularName": "servicemonitor", "namespaced": True, "verbs": ["get"]}
    group = {"kind": "APIResourceList", "groupVersion": "monitoring.coreos.com/v1"}
    api.add(MONITORING, **group, resources=[resource | {"kind": "Prometheus"}])
    assert "ei.metrics.discovery" in check(TEAM | {"ei": ei})
    api.add(MONITORING, **group, resources=[resource | {"kind": "ServiceMonitor"}])
    assert check(TEAM | {"ei": ei}) == {}
    assert warnings == []


@pytest.mark.parametrize("metrics", [None, {}, {"discovery": "none"}])
def test_a_stack_without_a_service_monitor_asks_nothing_about_them(
    metrics: dict[str, Any] | None, api: ApiServer, warnings: list[str]
) -> None:
    ei = {"metrics": METRICS | {"discovery": "annotations"} | metrics} if metrics is not None else {}
    check(TEAM | {"ei": ei})
    assert MONITORING not in api.requests


def test_a_preview_asks_nothing(api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: True)
    assert check(TEAM | {"secrets": {"admin": "a"}, "ei": {"metrics": METRICS}}) == {}
    assert api.requests == []


CERTIFICATES = "/apis/cert-manager.io/v1"
ISSUERS = {"Issuer": f"{CERTIFICATES}/namespaces/team/issuers", "ClusterIssuer": f"{CERTIFICATES}/clusterissuers"}


def install_cert_manager(api: ApiServer) -> None:
    resource = {"name": "certificates", "singularName": "certificate", "namespaced": True, "verbs": ["get"]}
    group = {"kind": "APIResourceList", "groupVersion": "cert-manager.io/v1"}
    api.add(CERTIFICATES, **group, resources=[resource | {"kind": "Certificate"}])


@pytest.mark.parametrize("section", ["ingress", "mysql"])
@pytest.mark.parametrize(("kind", "place"), ISSUERS.items())
def test_an_update_is_refused_without_cert_manager_or_its_issuer(
    section: str, kind: str, place: str, api: ApiServer, warnings: list[str]
) -> None:
    config = TEAM | {section: {"tlsIssuer": {"kind": kind, "name": "company"}}}
    found = check(config)[f"{section}.tlsIssuer"]
    assert "the definition of Certificates (cert-manager.io/v1), which the cluster of 'here' lacks" in found.expected
    install_cert_manager(api)
    found = check(config)[f"{section}.tlsIssuer.name"]
    assert f"must be an existing {kind}" in found.expected
    assert f"describe {kind.lower()}s" in found.fix
    external = {"kind": kind, "name": "company", "group": "issuers.example.com"}
    assert check(TEAM | {section: {"tlsIssuer": external}}) == {}
    # Without a status yet: the update waits for the certificate.
    api.add(f"{place}/company", spec={"ca": {"secretName": "ca"}})
    assert check(config) == {}
    api.forbidden = (place,)
    assert check(config) == {}
    assert warnings == [f"Some objects that the stack file names are not checked: 'here' may not read {kind}"]


@pytest.mark.parametrize(("section", "server"), [("ingress", "wso2ei-nginx"), ("mysql", "wso2ei-mysql")])
@pytest.mark.parametrize(("kind", "place"), ISSUERS.items())
def test_an_issuer_that_is_not_ready_stops_an_update_that_needs_its_certificate(
    section: str, server: str, kind: str, place: str, api: ApiServer
) -> None:
    issuer = {"kind": kind, "name": "company"}
    key = f"{section}.tlsIssuer.name"
    install_cert_manager(api)

    def refused(*, ready: bool, certificate_of: str = "", issued: bool = True) -> bool:
        condition = {"type": "Ready", "reason": "ErrGetKeyPair", "message": 'secrets "ca" not found'}
        conditions = {one: [condition | {"status": str(one)}] for one in (True, False)}
        api.add(f"{place}/company", spec={"ca": {}}, status={"conditions": conditions[ready]})
        if certificate_of:
            spec, status = {"issuerRef": issuer | {"name": certificate_of}}, {"conditions": conditions[issued]}
            api.add(f"{CERTIFICATES}/namespaces/team/certificates/{server}-issued", spec=spec, status=status)
        found = check(TEAM | {section: {"tlsIssuer": issuer}}).get(key)
        return bool(found and found.expected.endswith('cert-manager reports: secrets "ca" not found'))

    assert not refused(ready=True)
    assert refused(ready=False)
    assert refused(ready=False, certificate_of="another")
    assert refused(ready=False, certificate_of="company", issued=False)
    assert not refused(ready=False, certificate_of="company")


@pytest.mark.parametrize("source", ["acme", "selfSigned"])
def test_mysql_has_no_issuer_without_an_authority_that_stays(source: str, api: ApiServer) -> None:
    """Java rejects what a self-signed issuer makes for host names alone: its authority has an empty name."""
    install_cert_manager(api)
    api.add(f"{ISSUERS['Issuer']}/company", spec={source: {}})
    issuer = {"tlsIssuer": {"kind": "Issuer", "name": "company"}}
    assert list(check(TEAM | {"ingress": issuer, "mysql": issuer})) == ["mysql.tlsIssuer.name"]
