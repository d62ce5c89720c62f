"""Settings that do not go together: what is changed in a stack file, the key that is told, the other keys."""

from __future__ import annotations

from typing import Any

from tests.unit.support.mistake_pairs import base

EXISTING = {"controller": "existing", "className": "nginx"}
OPENSHIFT = {"contexts": ["team/api-ocp-example-com:6443/me"], "openshift": True}
NO_CLUSTER_RIGHTS = {"kubernetes": {"contexts": ["team"], "clusterScoped": False}}
CARBON, HUB = "conf/carbon.xml", "docker.io/wso2/wso2ei-integrator"
PORT = {"name": "orders", "port": 8085}
CLIENTS = {"clients": [{"podLabels": {"app": "orders"}}]}
VAULT = {"keystores": {"secret": "stores"}, "secureVault": {"secret": "vault"}}
CIPHER_TEXT = "conf/security/cipher-text.properties"
EMAIL_NAMES = {"file": CARBON, "path": "Server/EnableEmailUserName", "set": "true"}
JAR = {"url": "https://repo.example.com/other.jar", "sha256": "0" * 64}
CAR = {"url": "https://repo.example.com/Orders_1.0.0.car", "sha256": "0" * 64}
BUCKET = {"endpoint": "https://s3.example.com", "bucket": "dumps", "prefix": "prod"}
METRICS = {"prometheus": {"namespace": "monitoring"}}
# Each: what is set beside the smallest config, the key that is told, the keys that it conflicts with.
CONFLICTS: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"hosts": {"console": "same", "gateway": "same"}}, "hosts.gateway", ["hosts.console"]),
    ({"hosts": {"gateway": "wso2ei-scalable-integrator"}}, "hosts.gateway", ["hosts.console"]),
    ({"ingress": {"expose": "NodePort"}}, "ingress.address", ["ingress.expose"]),
    ({"ingress": {"expose": "hostPort"}}, "ingress.address", ["ingress.expose"]),
    ({"ingress": {"httpPort": 443}}, "ingress.httpsPort", ["ingress.httpPort"]),
    (
        {"ingress": {"expose": "NodePort", "address": "a", "httpNodePort": 30443, "httpsNodePort": 30443}},
        "ingress.httpsNodePort",
        ["ingress.httpNodePort"],
    ),
    ({"ingress": {"httpsNodePort": 30443}}, "ingress.httpsNodePort", ["ingress.expose", "ingress.controller"]),
    ({"ingress": {"dialect": "community"}}, "ingress.dialect", ["ingress.controller"]),
    (
        {"ingress": {"console": {"allowedSources": ["10.0.0.0/8"]}}},
        "ingress.console.allowedSources",
        ["ingress.dialect"],
    ),
    (
        {"ingress": {"annotations": {"nginx.org/server-snippets": "x"}}},
        'ingress.annotations["nginx.org/server-snippets"]',
        [],
    ),
    (
        {"ingress": {"gateway": {"annotations": {"nginx.ingress.kubernetes.io/limit-rps": "5"}}}},
        'ingress.gateway.annotations["nginx.ingress.kubernetes.io/limit-rps"]',
        ["ingress.dialect"],
    ),
    ({"ingress": {"cpu": 4}}, "ingress.cpuLimit", ["ingress.cpu"]),
    ({"ingress": {"console": {"className": "internal"}}}, "ingress.console.className", ["ingress.controller"]),
    ({"ingress": EXISTING | {"console": {"className": "nginx"}}}, "ingress.console.className", ["ingress.className"]),
    (
        {"ingress": EXISTING | {"console": {"address": "10.0.0.8"}}},
        "ingress.console.address",
        ["ingress.console.className"],
    ),
    (
        {"ingress": {"console": {"enabled": False, "requestsPerSecond": 10}}},
        "ingress.console.requestsPerSecond",
        ["ingress.console.enabled"],
    ),
    (
        {"ingress": {"tlsSecret": "tls", "tlsCertificate": "-----BEGIN CERTIFICATE-----"}},
        "ingress.tlsCertificate",
        ["ingress.tlsSecret"],
    ),
    (
        {"ingress": {"tlsSecret": "tls", "tlsIssuer": {"kind": "Issuer", "name": "company"}}},
        "ingress.tlsIssuer",
        ["ingress.tlsSecret"],
    ),
    (
        {"mysql": {"tlsSecret": "tls", "tlsIssuer": {"kind": "Issuer", "name": "company"}}},
        "mysql.tlsIssuer",
        ["mysql.tlsSecret"],
    ),
    ({"ingress": EXISTING | {"accessLog": "off"}}, "ingress.accessLog", ["ingress.controller"]),
    (
        {"ingress": {"expose": "hostPort", "address": "localhost", "replicas": 2}},
        "ingress.replicas",
        ["ingress.expose"],
    ),
    (
        {"ingress": EXISTING | {"service": {"loadBalancerSourceRanges": ["10.0.0.0/8"]}}},
        "ingress.service.loadBalancerSourceRanges",
        ["ingress.controller"],
    ),
    (
        {"ingress": {"expose": "NodePort", "address": "a", "service": {"loadBalancerClass": "internal"}}},
        "ingress.service.loadBalancerClass",
        ["ingress.expose"],
    ),
    (
        {"ingress": {"expose": "hostPort", "address": "a", "service": {"externalTrafficPolicy": "Local"}}},
        "ingress.service.externalTrafficPolicy",
        ["ingress.expose"],
    ),
    (
        {"ingress": {"service": {"annotations": {"pulumi.com/x": "y"}}}},
        'ingress.service.annotations["pulumi.com/x"]',
        [],
    ),
    (
        {"ingress": {"service": {"annotations": {"example.com/password": "opensesame"}}}},
        'ingress.service.annotations["example.com/password"]',
        [],
    ),
    ({"ei": {"heap": "1Gi"}}, "ei.heap", ["ei.memory"]),
    ({"ei": {"adminUsername": "admin@example.com"}}, "ei.adminUsername", ["ei.patches"]),
    ({"ei": {"adminUsername": "a@b@c", "patches": [EMAIL_NAMES]}}, "ei.adminUsername", ["ei.patches"]),
    ({"ei": {"memory": "600Mi"}}, "ei.heap", ["ei.memory"]),
    ({"ei": {"cpu": 4}}, "ei.cpuLimit", ["ei.cpu"]),
    ({"ei": {"version": "6.6.0"}}, "ei.jars", ["ei.version", "ei.image"]),
    ({"ei": {"version": "6.6.0", "jars": [JAR]}}, "ei.jars", ["ei.version", "ei.image"]),
    ({"ei": {"image": f"{HUB}:6.5.0.2"}}, "ei.jars", ["ei.version", "ei.image"]),
    ({"ei": {"version": "6.6.0", "image": f"{HUB}:6.5.0"}}, "ei.version", ["ei.image"]),
    ({"ei": {"patches": [{"file": CARBON, "path": "Server/HostName", "set": "x"}]}}, "ei.patches[0]", [CARBON]),
    ({"ei": {"patches": [{"file": CARBON, "path": "a/Password", "set": "x"}]}}, "ei.patches[0]", ["setFromSecret"]),
    (
        {
            "ei": {
                "patches": [
                    {
                        "file": "conf/axis2/axis2.xml",
                        "path": "axisconfig/transportReceiver[@name='https']/parameter[@name='SSLVerifyClient']",
                        "set": "require",
                    }
                ]
            }
        },
        "ei.patches[0]",
        ["must not require client certificates"],
    ),
    ({"ei": {"files": [{"path": "../x", "content": ""}]}}, "ei.files[0].path", []),
    ({"ei": {"files": [{"path": "conf/x"}]}}, "ei.files[0]", ["configMap"]),
    ({"ei": {"trustedCertificates": [{}]}}, "ei.trustedCertificates[0]", ["secret and configMap"]),
    (
        {"ei": {"volumes": [{"claim": "files", "path": "/home/wso2carbon"}]}},
        "ei.volumes[0].path",
        ["must not hide a folder of the image or the server"],
    ),
    ({"ei": {"ports": [PORT]}}, "ei.clients", ["ei.ports", "no other pod reaches them"]),
    ({"ei": {"clients": [{}]}}, "ei.clients[0]", ["namespaceLabels or podLabels"]),
    ({"ei": CLIENTS | {"ports": [PORT | {"port": 8280}]}}, "ei.ports[0].port", ["8280", "the gateway"]),
    ({"ei": CLIENTS | {"ports": [PORT | {"name": "console"}]}}, "ei.ports[0].name", ["console"]),
    ({"ei": CLIENTS | {"ports": [PORT, PORT | {"name": "b"}]}}, "ei.ports[1].port", ["ports[0]"]),
    (
        {"ei": {"proxy": {"host": "p", "port": 1}, "javaOptions": ["-Dhttps.proxyHost=q"]}},
        "ei.javaOptions[0]",
        ["must not be given with proxy"],
    ),
    ({"ei": {"environment": {"USE_DNS": "true"}}}, "ei.environment.USE_DNS", []),
    ({"ei": {"javaOptions": ["-Xmx1g"]}}, "ei.javaOptions[0]", ["heap"]),
    ({"ei": {"jars": [{"url": "https://x/a.jar"}]}}, "ei.jars[0].sha256", ["url"]),
    ({"ei": {"secureVault": {"secret": "vault"}}}, "ei.keystores", ["ei.secureVault", "is public"]),
    (
        {"ei": VAULT | {"files": [{"path": "password-persist", "secret": {"name": "a", "key": "b"}}]}},
        "ei.files[0].path",
        ["secureVault manages"],
    ),
    ({"ei": VAULT | {"patches": [{"file": CIPHER_TEXT, "property": "a", "set": "b"}]}}, "ei.patches[0]", [CIPHER_TEXT]),
    ({"ei": {"carbonApps": [CAR]}}, "ei.carbonAppsFolder", ["carbonApps"]),
    (
        {"ei": {"carbonApps": [{"file": "no.car"}], "carbonAppsFolder": "unused"}},
        "ei.carbonApps[0].file",
        ["Pulumi.yaml"],
    ),
    (
        {"ei": {"carbonApps": [CAR | {"sha256": None}], "carbonAppsFolder": "atStart"}},
        "ei.carbonApps[0].sha256",
        ["url"],
    ),
    ({"mysql": {"cpu": 4}}, "mysql.cpuLimit", ["mysql.cpu"]),
    ({"pods": {"labels": {"wso2ei/mysql-client": "true"}}}, 'pods.labels["wso2ei/mysql-client"]', ["managed"]),
    ({"mysql": {"options": ["--init_file=/x"]}}, "mysql.options[0]", ["managed"]),
    ({"mysql": {"options": ["--authentication-ldap-simple-bind-root-pwd=hunter2"]}}, "mysql.options[0]", ["password"]),
    (
        {"pods": {"annotations": {"example.com/token": "hunter2"}}},
        'pods.annotations["example.com/token"]',
        ["password"],
    ),
    ({"ei": {"podAnnotations": {"example.com/x": "pwd: hunter2"}}}, 'ei.podAnnotations["example.com/x"]', ["password"]),
    ({"mysql": {"options": ["--slow-query-log", "--loose-innodb-page-size=8k"]}}, "mysql.options[1]", ["VALUE"]),
    # An update of four nodes needs a fifth one's connections.
    ({"ei": {"replicas": 4}}, "mysql.maxConnections", ["ei.replicas"]),
    ({"ei": {"autoscaler": {"maxReplicas": 6}}}, "mysql.maxConnections", ["ei.autoscaler.maxReplicas"]),
    ({"ei": {"autoscaler": {"maxReplicas": 1}}}, "ei.autoscaler.maxReplicas", ["ei.replicas"]),
    (
        {
            "kubernetes": {"contexts": ["a"], "clusterScoped": False},
            "namespace": {"create": False},
            "storage": {"kind": "claim", "mysqlClaim": "a", "carbonappsClaim": "b"},
            "ingress": {"controller": "existing"},
            "ei": {"diagnostics": {"kind": "hostPath", "path": "/logs"}},
        },
        "ei.diagnostics.kind",
        ["kubernetes.clusterScoped"],
    ),
    ({"ei": {"diagnostics": {"kind": "claim", "claim": "logs"}}}, "ei.diagnostics.kind", ["namespace.create"]),
    (
        {"ei": {"diagnostics": {"kind": "class", "storageClass": "a", "accessMode": "ReadWriteOnce"}}},
        "ei.diagnostics.accessMode",
        ["ei.replicas"],
    ),
    (
        {
            "kubernetes": OPENSHIFT,
            "storage": {"kind": "nfs", "server": "a", "path": "/b"},
            "ei": {"diagnostics": {"kind": "hostPath", "path": "/logs"}},
        },
        "ei.diagnostics.kind",
        ["kubernetes.openshift"],
    ),
    ({"ei": {"podLabels": {"wso2ei/x": "y"}}}, 'ei.podLabels["wso2ei/x"]', ["managed"]),
    ({"ei": {"podAnnotations": {"wso2ei/secrets-rotated": "y"}}}, 'ei.podAnnotations["wso2ei/secrets-rotated"]', []),
    ({"ei": {"version": "6.4.0", "metrics": METRICS}}, "ei.metrics.agent", ["version 6.4.0", "javaOptions"]),
    ({"ei": {"metrics": METRICS | {"agent": {"port": 8280}}}}, "ei.metrics.agent.port", ["gateway"]),
    ({"ei": {"metrics": METRICS | {"serviceMonitor": {}}}}, "ei.metrics.serviceMonitor", ["discovery"]),
    (
        {"ei": {"metrics": METRICS, "podAnnotations": {"prometheus.io/scrape": "false"}}},
        'ei.podAnnotations["prometheus.io/scrape"]',
        ["metrics", "discovery"],
    ),
    ({"ei": {"metrics": METRICS, "javaOptions": ["-DenablePrometheusApi"]}}, "ei.javaOptions[0]", ["metrics"]),
    (
        {
            "ei": {
                "metrics": METRICS,
                "patches": [{"file": "conf/synapse.properties", "property": "internal.http.api.port", "set": "1"}],
            }
        },
        "ei.patches[0]",
        ["internal.http.api.port"],
    ),
    ({"scheduling": {"tolerations": [{"value": "x"}]}}, "scheduling.tolerations[0].key", ["Exists"]),
    (
        {"scheduling": {"tolerations": [{"key": "a", "operator": "Exists", "value": "x"}]}},
        "scheduling.tolerations[0].value",
        ["Exists"],
    ),
    ({"scheduling": {"tolerations": [{"key": "a", "seconds": 9}]}}, "scheduling.tolerations[0].seconds", ["NoExecute"]),
    ({"ei": {"image": "registry.wso2.com/p/ei:6.6.0.10"}}, "registryUsername", ["ei.image", "registryCheck"]),
    ({"storage": base("claim")["storage"]}, "namespace.create", ["storage.kind"]),
    (
        {"storage": {"kind": "claim", "mysqlClaim": None, "carbonappsClaim": "a"}, "namespace": {"create": False}},
        "storage.mysqlClaim",
        ["storage.kind"],
    ),
    (
        {"storage": {"kind": "class", "mysqlClass": "a", "carbonappsClass": None}},
        "storage.carbonappsClass",
        ["storage.kind"],
    ),
    (
        {"storage": base("class")["storage"], "ei": {"deployment": "shared"}},
        "storage.deploymentClass",
        ["ei.deployment"],
    ),
    (
        {
            "storage": base("class")["storage"] | {"deploymentClass": "a", "deploymentAccessMode": "ReadWriteOnce"},
            "ei": {"deployment": "shared"},
        },
        "storage.deploymentAccessMode",
        ["ei.replicas"],
    ),
    (
        {"ei": {"deployment": "shared", "files": [{"path": "repository/tenants/1/a.xml", "content": "<a/>"}]}},
        "ei.files[0].path",
        ["all nodes share"],
    ),
    ({"storage": base("nfs")["storage"] | {"mountOptions": ["ac", "noac"]}}, "storage.mountOptions", ["ac"]),
    (
        {"ei": {"diagnostics": {"kind": "nfs", "server": "nas", "path": "/logs", "mountOptions": ["ac", "noac"]}}},
        "ei.diagnostics.mountOptions",
        ["ac"],
    ),
    ({"storage": base("class")["storage"] | {"retain": True}}, "storage.retain", ["namespace.create"]),
    (
        {"storage": base("class")["storage"] | {"carbonappsAccessMode": "ReadWriteOnce"}},
        "storage.carbonappsAccessMode",
        ["ei.replicas"],
    ),
    (
        {"secrets": {"registry": "pull"}, "registryUsername": "me", "ei": {"image": "r.example.com/ei:1"}},
        "registryUsername",
        ["secrets.registry"],
    ),
    # An external server knows no mysql.maxConnections, so these do not share a stack file with the one about that.
    (
        {"mysql": {"external": {"host": "db", "tls": "verifyCa"}}, "ei": {}},
        "mysql.external.caConfigMap",
        ["mysql.external.tls"],
    ),
    (
        {"mysql": {"external": {"host": "db", "caConfigMap": "ca"}}, "ei": {}},
        "mysql.external.tls",
        ["mysql.external.caConfigMap"],
    ),
    ({"mysql": {"external": {"host": "db"}, "cpu": "1"}, "ei": {}}, "mysql.cpu", ["mysql.external"]),
    (
        {"mysql": {"external": {"host": "db"}, "backup": {"schedule": "@daily"}}, "ei": {}},
        "mysql.backup",
        ["mysql.external"],
    ),
    (
        {"mysql": {"backup": {"schedule": "@daily", "s3": BUCKET}}},
        "mysql.backup.s3.accessKeyId",
        ["mysql.backup.s3.secret"],
    ),
    (
        {"mysql": {"backup": {"schedule": "@daily", "s3": BUCKET | {"accessKeyId": "AKIA", "secret": "bucket"}}}},
        "mysql.backup.s3.accessKeyId",
        ["mysql.backup.s3.secret"],
    ),
    (
        {"storage": base("class")["storage"], "mysql": {"backup": {"schedule": "@daily"}}},
        "storage.backupClass",
        ["storage.kind"],
    ),
    (
        NO_CLUSTER_RIGHTS | {"namespace": {"create": False}, "ingress": {"controller": "existing"}},
        "storage.kind",
        ["kubernetes.clusterScoped"],
    ),
    (
        NO_CLUSTER_RIGHTS | {"storage": base("claim")["storage"], "ingress": {"controller": "existing"}},
        "namespace.create",
        ["kubernetes.clusterScoped"],
    ),
    (
        NO_CLUSTER_RIGHTS | {"storage": base("class")["storage"], "namespace": {"create": False}},
        "ingress.controller",
        ["kubernetes.clusterScoped"],
    ),
    ({"kubernetes": OPENSHIFT}, "storage.kind", ["kubernetes.openshift"]),
    (
        {"kubernetes": OPENSHIFT, "storage": base("nfs")["storage"], "ingress": {"expose": "hostPort", "address": "a"}},
        "ingress.expose",
        ["kubernetes.openshift"],
    ),
    (
        {
            "kubernetes": OPENSHIFT,
            "storage": base("class")["storage"],
            "ingress": {"controller": "existing", "className": "openshift-default"},
        },
        "ingress.className",
        ["kubernetes.openshift"],
    ),
    (
        {
            "kubernetes": OPENSHIFT,
            "storage": base("class")["storage"],
            "ingress": EXISTING | {"console": {"className": "openshift-default"}},
        },
        "ingress.console.className",
        ["kubernetes.openshift"],
    ),
]
