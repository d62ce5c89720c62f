"""Valid stack files of different shape, by the words that describe them; keys without the project."""

from __future__ import annotations

import base64
from typing import Any

from components.nginx.tls import self_signed
from settings.model import HostsSettings
from stack.names import MYSQL
from tests.cars import car

ONE: dict[str, Any] = {"contexts": ["docker-desktop"]}
HOST_PATH: dict[str, Any] = {"kind": "hostPath", "path": "/var/lib/wso2ei"}
NFS: dict[str, Any] = {"kind": "nfs", "server": "10.0.0.5", "path": "/exports/wso2ei"}
CLAIM: dict[str, Any] = {"kind": "claim", "mysqlClaim": "mysql-data", "carbonappsClaim": "artifacts"}
CLASS: dict[str, Any] = {"kind": "class", "mysqlClass": "fast-ssd", "carbonappsClass": "nfs.csi.k8s.io"}
OPENSHIFT: dict[str, Any] = {"contexts": ["team/api-ocp-example-com:6443/me"], "openshift": True}
EXISTING: dict[str, Any] = {"controller": "existing", "className": "nginx"}
TENANT: dict[str, Any] = {
    "kubernetes": {"contexts": ["team"], "clusterScoped": False},
    "namespace": {"name": "team-a", "create": False},
    "ingress": EXISTING,
}
SUBSCRIPTION = "registry.wso2.com/wso2-integrator/ei@sha256:" + "a" * 64


def with_(**sections: Any) -> dict[str, Any]:
    """The smallest stack with other sections."""
    return {"kubernetes": ONE, "storage": HOST_PATH} | sections


DRIVER = {"url": "https://repo.example.com/mysql-connector-java-5.1.49.jar", "sha256": "0" * 64}
STACKS: dict[str, dict[str, Any]] = {
    "smallest on hostPath": with_(),
    "smallest on NFS": with_(storage=NFS),
    "smallest on existing claims": with_(storage=CLAIM, namespace={"create": False}),
    "smallest on storage classes": with_(storage=CLASS),
    "hostPath on a named node, trailing slash": with_(storage=HOST_PATH | {"path": "/data/", "node": "worker-1.lan"}),
    "hostPath with sizes": with_(storage=HOST_PATH | {"mysqlSize": "20Gi", "carbonappsSize": "512Mi"}),
    "NFS 3 by name, no options": with_(storage=NFS | {"server": "nas.lan", "version": "3", "mountOptions": []}),
    "NFS 4.2 with options": with_(storage=NFS | {"version": "4.2", "mountOptions": ["hard", "nconnect=4"]}),
    "classes with decimal sizes": with_(storage=CLASS | {"mysqlSize": "1.5Ti", "carbonappsSize": "100G"}),
    "several contexts with patterns": with_(kubernetes={"contexts": ["kind-*", "k3d-*", "arn:aws:eks:eu:1:cluster/x"]}),
    "cluster identity": with_(kubernetes=ONE | {"clusterIdentifier": "production eu"}),
    "namespace of another name": with_(namespace={"name": "integration"}),
    "given namespace with cluster rights and NFS": with_(storage=NFS, namespace={"name": "team-a", "create": False}),
    "given namespace with cluster rights and hostPath": with_(namespace={"create": False}),
    "namespace admin with claims": TENANT | {"storage": CLAIM},
    "namespace admin with classes": TENANT | {"storage": CLASS},
    "OpenShift as a cluster admin": with_(kubernetes=OPENSHIFT, storage=NFS, namespace={"create": False}),
    "OpenShift as a namespace admin": TENANT
    | {"kubernetes": OPENSHIFT | {"clusterScoped": False}, "storage": CLASS, "ingress": EXISTING},
    "not OpenShift, whatever the name says": with_(kubernetes={"contexts": ["not-openshift"], "openshift": False}),
    "real host names": with_(hosts={"console": "ei-console.example.com", "gateway": "ei.example.com"}),
    "only one host name": with_(hosts={"gateway": "api.example.com"}),
    "mirror by host": with_(images={"mirror": "harbor.example.com"}),
    "mirror by port and path": with_(images={"mirror": "harbor.example.com:5000/proxy/hub"}),
    "mirror with a login": with_(
        images={"mirror": "harbor.example.com/proxy", "mysql": "harbor.example.com/proxy/library/mysql:8.4.10"},
        registryUsername="robot",
    ),
    "existing pull secret": with_(secrets={"registry": "team-pull"}),
    "EI and MySQL from one registry with a login": with_(
        registryUsername="me", ei={"image": "r.example.com/ei:6.5.0"}, images={"mysql": "r.example.com/mysql:8.4.10"}
    ),
    "another controller image": with_(images={"nginx": "docker.io/nginx/nginx-ingress:5.5.4-alpine"}),
    "images by digest": with_(images={"mysql": "docker.io/library/mysql@sha256:" + "b" * 64}),
    "images by tag and digest": with_(images={"python": "python:3.13-slim@sha256:" + "c" * 64}),
    "image of a local registry": with_(ei={"image": "localhost:5000/ei:6.5.0-mysql"}),
    "oldest version": with_(ei={"version": "6.2.0"}),
    "newest version, with a driver for the public image": with_(ei={"version": "6.6.0", "jars": [DRIVER]}),
    "newest version, driver from a claim": with_(
        ei={"version": "6.6.0", "jars": [{"claim": "jars", "path": "mysql/mysql-connector-java-5.1.49.jar"}]}
    ),
    "everything that may be added to a node": with_(
        ei={
            "javaOptions": ["-Duser.timezone=UTC", "-XX:+UseG1GC"],
            "environment": {"BACKEND_URL": "https://backend:8443", "EMPTY": ""},
            "secretEnvironment": {"BACKEND_PASSWORD": {"name": "backend", "key": "password"}},
            "patches": [
                {"file": "conf/passthru-http.properties", "property": "worker_pool_size_max", "set": "900"},
                {"file": "conf/carbon.xml", "path": "Server/HideMenuItemIds", "xml": "<HideMenuItemIds/>"},
                {"file": "conf/carbon.xml", "path": "Server/Ports/JMX", "remove": True},
                {
                    "file": "conf/tomcat/catalina-server.xml",
                    "path": "Server/Service/Connector[@port='9443']",
                    "attributes": {"maxThreads": "500"},
                },
                {
                    "file": "conf/carbon.xml",
                    "path": "Server/Analytics/Password",
                    "setFromSecret": {"name": "analytics", "key": "password"},
                },
            ],
            "files": [
                {"path": "conf/log4j.properties", "content": "log4j.rootLogger=INFO, CARBON_CONSOLE\n"},
                {"path": "repository/resources/a.wsdl", "configMap": {"name": "wsdls", "key": "a.wsdl"}},
                {"path": "repository/resources/security/b.jks", "secret": {"name": "stores", "key": "b.jks"}},
            ],
            "jars": [DRIVER, {"claim": "jars", "path": "bundle.jar", "into": "dropins"}],
        }
    ),
    "certificates of a company and of a partner": with_(
        ei={
            "trustedCertificates": [
                {"configMap": {"name": "company-ca", "key": "ca-bundle.crt"}},
                {"secret": {"name": "partner", "key": "tls.crt"}},
            ]
        }
    ),
    "folders for the VFS transport": with_(
        ei={
            "volumes": [
                {"claim": "partner-files", "path": "/mnt/in"},
                {"claim": "partner-files", "path": "/mnt/in-again"},
                {"claim": "jars", "path": "/home/wso2carbon/schemas/", "readOnly": True},
            ],
            "jars": [{"claim": "jars", "path": "a.jar"}],
        }
    ),
    "inbound endpoints and callers in the cluster": with_(
        ei={
            "ports": [{"name": "orders", "port": 8085}, {"name": "hl7-2", "port": 20000}],
            "clients": [
                {"podLabels": {"app": "orders"}},
                {"namespaceLabels": {"kubernetes.io/metadata.name": "shop"}, "podLabels": {"app": "web"}},
                {"namespaceLabels": {"team": "integration"}},
            ],
        }
    ),
    "a proxy for outgoing calls": with_(
        ei={"proxy": {"host": "proxy.example.com", "port": 3128, "nonProxyHosts": ["*.example.com", "10.*", "nas"]}}
    ),
    "secure vault": with_(
        ei={"keystores": {"secret": "ei-stores"}, "secureVault": {"secret": "ei-vault"}},
        secrets={"rotation": {"secureVault": 2, "keystores": "2026-11"}},
    ),
    "secure vault by OAEP": with_(
        ei={
            "keystores": {"secret": "ei-stores", "type": "PKCS12", "alias": "ei"},
            "secureVault": {
                "secret": "ei-vault",
                "key": "vault.txt",
                "transformation": "RSA/ECB/OAEPwithSHA1andMGF1Padding",
            },
            "patches": [
                {"file": "conf/security/secret-conf.properties", "property": "keystore.trust.alias", "set": "x"},
            ],
        }
    ),
    "CAR files beside the shared folder's": with_(
        ei={
            "carbonAppsFolder": "atStart",
            "carbonApps": [
                {"url": "https://repo.example.com/Orders_1.0.0.car", "sha256": "0" * 64},
                {"url": "https://repo.example.com/get?id=1", "sha256": "0" * 64, "name": "stock.car"},
                {"name": "small.car", "content": base64.b64encode(car()).decode()},
            ],
        }
    ),
    "no shared folder": with_(ei={"carbonAppsFolder": "unused"}),
    "no shared folder, on a class for MySQL alone": with_(
        ei={"carbonAppsFolder": "unused"}, storage={"kind": "class", "mysqlClass": "standard"}
    ),
    "a deployment folder of all nodes": with_(ei={"deployment": "shared"}, storage=NFS),
    "a deployment folder on a claim, no folder of CARs": TENANT
    | {
        "storage": {"kind": "claim", "mysqlClaim": "mysql-data", "deploymentClaim": "deployment"},
        "ei": {"deployment": "shared", "carbonAppsFolder": "unused"},
    },
    "a deployment folder on a class, one node": with_(
        ei={"deployment": "shared", "replicas": 1},
        storage=CLASS
        | {"deploymentClass": "fast-ssd", "deploymentAccessMode": "ReadWriteOnce", "deploymentSize": "5Gi"},
    ),
    "one node": with_(ei={"replicas": 1}),
    "three nodes": with_(ei={"replicas": 3}),
    "an autoscaler of the user's": with_(ei={"autoscaler": {"maxReplicas": 5}}, mysql={"maxConnections": 780}),
    "logs on the nodes": with_(storage=NFS, ei={"diagnostics": {"kind": "hostPath", "path": "/var/log/wso2ei"}}),
    "logs on NFS": with_(ei={"diagnostics": {"kind": "nfs", "server": "nas.lan", "path": "/logs", "keep": 0}}),
    "logs on a class, one node": with_(
        ei={"replicas": 1, "diagnostics": {"kind": "class", "storageClass": "fast-ssd", "accessMode": "ReadWriteOnce"}}
    ),
    "logs on a claim": TENANT
    | {"storage": CLAIM, "ei": {"diagnostics": {"kind": "claim", "claim": "ei-logs", "keep": 100}}},
    "log levels, no access logs": with_(
        ei={"logLevels": {"org.apache.synapse": "DEBUG", "root": "WARN", "AUDIT_LOG": "OFF"}, "accessLogs": False}
    ),
    "metrics by annotations": with_(ei={"metrics": {"prometheus": {"namespace": "monitoring"}}}),
    "metrics for the Prometheus Operator": with_(
        ei={
            "version": "6.6.0",
            "jars": [DRIVER],
            "metrics": {
                "prometheus": {"namespace": "monitoring", "podLabels": {"app.kubernetes.io/name": "prometheus"}},
                "discovery": "serviceMonitor",
                "serviceMonitor": {"labels": {"release": "kps"}, "interval": "30s"},
            },
        }
    ),
    "metrics of an agent, in a version without an API": with_(
        ei={
            "version": "6.3.0",
            "jars": [{"url": "https://repo.example.com/jmx.jar", "sha256": "1" * 64}],
            "javaOptions": ["-javaagent:/home/wso2carbon/wso2ei-6.3.0/lib/jmx.jar=9404:jmx.yaml"],
            "metrics": {"prometheus": {"namespace": "p"}, "discovery": "none", "agent": {"port": 9404, "path": "/"}},
        }
    ),
    "labels and annotations of all pods": with_(
        pods={"labels": {"sidecar.istio.io/inject": "true"}, "annotations": {"example.com/owner": "integration"}}
    ),
    "nodes of its own": with_(
        scheduling={
            "nodeSelector": {"pool": "integration"},
            "priorityClass": "business-critical",
            "tolerations": [
                {"key": "dedicated", "value": "integration", "effect": "NoSchedule"},
                {"operator": "Exists", "effect": "NoExecute", "seconds": 30},
            ],
        },
        ei={
            "hostAliases": [{"ip": "fd00::12", "hostnames": ["backend.internal", "backend"]}],
            "podLabels": {"team": "integration"},
            "podAnnotations": {"example.com/note": ""},
        },
    ),
    "options of mysqld": with_(mysql={"options": ["--lower-case-table-names=1", "--max-allowed-packet=64M"]}),
    "backups on hostPath": with_(mysql={"backup": {"schedule": "30 2 * * *"}}),
    "backups on NFS, by age": with_(
        storage=NFS | {"backupSize": "50Gi"},
        mysql={"backup": {"schedule": "0 */6 * * MON-FRI", "timeZone": "Europe/Berlin", "keep": 60, "keepDays": 14}},
    ),
    "backups with drills": with_(
        mysql={"backup": {"schedule": "@daily", "drill": "0 5 * * 0", "drillSize": "20Gi"}},
    ),
    "backups on a claim": TENANT
    | {"storage": CLAIM | {"backupClaim": "dumps"}, "mysql": {"backup": {"schedule": "@daily", "keep": 1}}},
    "backups on a class, passwords in an existing Secret": with_(
        storage=CLASS | {"backupClass": "archive"},
        mysql={"backup": {"schedule": "5,35 0-12/2 1 JAN,jul ?"}},
        secrets={"mysql": "team-mysql"},
    ),
    "backups in a bucket, with a key in the config": with_(
        mysql={
            "backup": {
                "schedule": "@daily",
                "s3": {
                    "endpoint": "https://s3.eu-central-1.amazonaws.com",
                    "bucket": "company-backups",
                    "prefix": "wso2ei/prod",
                    "region": "eu-central-1",
                    "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
                },
            }
        },
    ),
    "backups in a bucket of an own server, without a volume for them": TENANT
    | {
        "storage": CLAIM,
        "images": {"rclone": "harbor.example.com/rclone/rclone:1.75.2"},
        "mysql": {
            "backup": {
                "schedule": "@hourly",
                "keep": 48,
                "drill": "@weekly",
                "s3": {
                    "endpoint": "http://minio.storage:9000",
                    "bucket": "dumps",
                    "prefix": "team-a",
                    "secret": "dumps",
                    "caConfigMap": "company-ca",
                    "size": "100Gi",
                },
            }
        },
    },
    "ten nodes with a server to match": with_(ei={"replicas": 10}, mysql={"maxConnections": 1430, "memory": "8Gi"}),
    "CPUs as numbers": with_(ei={"cpu": 1, "cpuLimit": 1.5}, mysql={"cpu": 0.5}),
    "CPUs as text": with_(ei={"cpu": "1500m", "cpuLimit": "2"}, mysql={"cpu": "0.25"}),
    "decimal memory": with_(ei={"heap": "2G", "memory": "4G"}),
    "heap at its bound": with_(ei={"heap": "700Mi", "memory": "1000Mi"}),
    "another administrator": with_(ei={"adminUsername": "ops.admin"}),
    "an administrator with an e-mail address": with_(
        ei={
            "adminUsername": "ops.admin@example.com",
            "patches": [{"file": "conf/carbon.xml", "path": "Server/EnableEmailUserName", "set": "true"}],
        }
    ),
    "slow network": with_(ei={"pullMinutes": 240}),
    "slow network for all images": with_(images={"pullMinutes": 120}),
    "mysqld options": with_(mysql={"options": ["--innodb-buffer-pool-size=256M", "--skip-external-locking"]}),
    "node port": with_(ingress={"expose": "NodePort", "address": "192.168.49.2"}),
    "node port with ports of one's own": with_(
        ingress={"expose": "NodePort", "address": "10.0.0.7", "httpNodePort": 30080, "httpsNodePort": 30443}
    ),
    "host port on high ports": with_(
        ingress={"expose": "hostPort", "address": "localhost", "httpPort": 8080, "httpsPort": 8443}
    ),
    "own certificate": with_(ingress={"tlsSecret": "wildcard.example.com"}),
    "certificate of cert-manager": with_(ingress={"tlsIssuer": {"kind": "ClusterIssuer", "name": "company"}}),
    "certificate of an external issuer": with_(
        ingress=EXISTING | {"tlsIssuer": {"kind": "VaultIssuer", "name": "v", "group": "issuers.example.com"}}
    ),
    "certificate in the config": with_(
        ingress={"tlsCertificate": self_signed(b"0" * 32, list(HostsSettings().model_dump().values())).certificate}
    ),
    "MySQL with a certificate of its own": with_(mysql={"tlsSecret": "wso2ei-mysql-tls"}),
    "MySQL with a certificate of cert-manager": with_(
        mysql={"tlsIssuer": {"kind": "Issuer", "name": "databases"}, "backup": {"schedule": "30 2 * * *"}}
    ),
    "MySQL with a certificate in the config": with_(
        mysql={"tlsCertificate": self_signed(b"0" * 32, [MYSQL]).certificate, "options": ["--skip-log-bin"]}
    ),
    "long calls and big bodies": with_(ingress={"readTimeout": 3600, "maxBody": "1g", "gatewayMaxBody": "512m"}),
    "existing controller, community dialect": with_(ingress=EXISTING | {"dialect": "community"}),
    "existing controller, labels and address": with_(
        ingress=EXISTING
        | {
            "controllerLabels": {"app.kubernetes.io/name": "ingress-nginx", "tier": "edge"},
            "controllerAddress": "ingress-nginx-controller.ingress-nginx.svc:443",
        }
    ),
    "existing controller in a named namespace": with_(ingress=EXISTING | {"controllerNamespace": "nginx-ingress"}),
    "existing controller with a leftover of an installed one": with_(ingress=EXISTING | {"expose": "hostPort"}),
    "three controllers on an internal load balancer": with_(
        ingress={
            "replicas": 3,
            "cpu": 0.5,
            "cpuLimit": 3,
            "memory": "256Mi",
            "service": {
                "annotations": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
                "loadBalancerClass": "service.k8s.aws/nlb",
                "loadBalancerSourceRanges": ["10.0.0.0/8", "fd00::/8"],
                "externalTrafficPolicy": "Local",
                "loadBalancerIP": "10.0.0.7",
            },
        }
    ),
    "rate limits and annotations": with_(
        ingress={
            "annotations": {"nginx.org/hsts": "true", "example.com/note": ""},
            "console": {"annotations": {"nginx.org/proxy-buffer-size": "16k"}},
            "gateway": {"requestsPerSecond": 100},
        }
    ),
    "allowed sources with the community's dialect": with_(
        ingress=EXISTING
        | {
            "dialect": "community",
            "console": {"allowedSources": ["10.0.0.0/8", "fd00::/8"], "requestsPerSecond": 10},
            "gateway": {"annotations": {"nginx.ingress.kubernetes.io/proxy-buffering": "on"}},
        }
    ),
    "no Ingress of the console": with_(ingress={"console": {"enabled": False}}),
    "an internal controller for the console": with_(
        ingress=EXISTING
        | {
            "controllerNamespace": "nginx",
            "console": {
                "className": "nginx-internal",
                "address": "10.0.0.8",
                "controllerAddress": "nginx-internal.nginx-internal:443",
                "controllerLabels": {"app.kubernetes.io/instance": "nginx-internal"},
                "controllerNamespace": "nginx-internal",
            },
        }
    ),
    "access log as JSON": with_(ingress={"accessLog": "json"}),
    "nodes without IPv6": with_(ingress={"ipv6": False}),
    "address of an existing controller": with_(ingress=EXISTING | {"address": "lb.example.com"}),
    "protected": with_(protect=True),
    "protected, as the CLI writes it": with_(protect="true"),
    "protection off": with_(protect="false"),
    "subscription by digest": with_(
        registryUsername="subscriber@example.com", ei={"version": "6.6.0", "image": SUBSCRIPTION}
    ),
    "empty sections, as the CLI fills them in": with_(
        namespace={}, hosts={}, images={}, mysql={}, ingress={}, ei={}, protect="false", registryUsername="",
        registryPassword="", adminPassword="",
    ),
    "nothing where nothing is needed": with_(
        ei={"image": None}, ingress={"address": None, "tlsSecret": None}, images={"mirror": None}
    ),
}  # fmt: skip
