"""What users add: every refusal names its field, and what is accepted works."""

from __future__ import annotations

from typing import Any

import pytest

from components.shared.problems import Problem
from components.wso2ei.additions import (
    as_patch,
    certificate_problems,
    environment_problems,
    file_problems,
    jar_name,
    jar_problems,
    keystore_problems,
    option_problems,
    patch_problems,
    volume_problems,
)
from components.wso2ei.patches import managed_patches
from components.wso2ei.versions import version_of

MANAGED = managed_patches(version_of("6.6.0"), {})
CARBON, AXIS2 = "conf/carbon.xml", "conf/axis2/axis2.xml"
CATALINA, DATASOURCES = "conf/tomcat/catalina-server.xml", "conf/datasources/master-datasources.xml"
USER_DB = "datasources-configuration/datasources/datasource[name='WSO2_USER_DB']"
CONNECTOR = "Server/Service/Connector"
SECRET = {"name": "mine", "key": "password"}
SHA = "0" * 64


def fields(problems: Any) -> list[str]:
    return [problem.field for problem in problems]


def refused(patch: dict[str, Any]) -> str:
    found: list[Problem] = list(patch_problems([patch], MANAGED))  # type: ignore[list-item]
    assert len(found) == 1, patch
    return f"{found[0].field} {found[0].expected}"


@pytest.mark.parametrize(
    "patch",
    [
        {"file": CARBON, "path": "Server/HideMenuItemIds", "set": "a"},
        {"file": CARBON, "path": "Server/Ports/JMX/RMIServerPort", "remove": True},
        {"file": AXIS2, "path": "axisconfig/clustering/parameter[@name='mcastPort']", "set": "1"},
        {"file": AXIS2, "path": "axisconfig/clustering/members", "remove": True},
        {"file": AXIS2, "path": "axisconfig/transportReceiver[@name='jms']", "xml": "<transportReceiver name='jms'/>"},
        {"file": AXIS2, "path": "axisconfig/transportReceiver[@name='https']", "attributes": {"class": "mine"}},
        {"file": CATALINA, "path": f"{CONNECTOR}[@port='9443']", "attributes": {"acceptCount": "9"}},
        {"file": CATALINA, "path": f"{CONNECTOR}[@port='9763']", "attributes": {"proxyPort": "80"}},
        # A managed element may be refined below what the deployment sets.
        {
            "file": DATASOURCES,
            "path": f"{USER_DB}/definition/configuration/maxActive",
            "set": "20",
        },
        {"file": "conf/passthru-http.properties", "property": "worker_pool_size_max", "set": "900"},
        {"file": "conf/hazelcast.properties", "property": "hazelcast.shutdownhook.policy", "remove": True},
        {"file": CARBON, "path": "Server/Analytics/Password", "set_from_secret": SECRET},
    ],
    ids=str,
)  # fmt: skip
def test_patches_that_leave_the_managed_ones_alone_are_accepted(patch: dict[str, Any]) -> None:
    assert list(patch_problems([patch], MANAGED)) == []  # type: ignore[list-item]


@pytest.mark.parametrize(
    "patch",
    [
        {"file": CARBON, "path": "Server/HostName", "set": "mine"},
        {"file": CARBON, "path": "Server/HostName", "remove": True},
        {"file": CARBON, "path": "Server/Security/TrustStore", "xml": "<TrustStore/>"},
        {"file": CARBON, "path": "Server/Security", "remove": True},
        {"file": AXIS2, "path": "axisconfig/clustering", "attributes": {"enable": "false"}},
        {"file": AXIS2, "path": "axisconfig/clustering/parameter[@name='domain']", "set": "mine"},
        {"file": AXIS2, "path": "axisconfig/clustering/parameter[@name='domain']", "attributes": {"name": "other"}},
        {"file": AXIS2, "path": "axisconfig/clustering/parameter[@name='localMemberHost']", "set": "1.2.3.4"},
        {"file": CATALINA, "path": f"{CONNECTOR}[@SSLEnabled='true']", "attributes": {"proxyPort": "1"}},
        {"file": "conf/registry.xml", "path": "wso2registry/mount[@path='/_system/config']", "remove": True},
        {
            "file": DATASOURCES,
            "path": USER_DB,
            "remove": True,
        },
        {
            "file": DATASOURCES,
            "path": f"{USER_DB}/definition/configuration/password",
            "set_from_secret": SECRET,
        },
    ],
    ids=str,
)  # fmt: skip
def test_a_patch_of_a_managed_path_names_the_path(patch: dict[str, Any]) -> None:
    assert "which is managed" in refused(patch)
    assert refused(patch).startswith("patches[0] must leave conf/")


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"file": "../conf/carbon.xml", "path": "a/b", "set": "x"}, "patches[0].file must be a path below"),
        ({"file": "/conf/carbon.xml", "path": "a/b", "set": "x"}, "patches[0].file must be a path below"),
        ({"file": "bin/integrator.sh", "path": "a/b", "set": "x"}, "patches[0].file must be below conf/"),
        ({"file": "conf/a.xml", "path": "a/b"}, "is not a form of a patch"),
        ({"file": "conf/a.xml", "path": "a/b", "set": "x", "property": "y"}, "is not a form of a patch"),
        ({"file": "conf/a.xml", "path": "a/b", "set": "x", "set_from_secret": SECRET}, "patches[0].set_from_secret"),
        ({"file": "conf/a.xml", "path": "a/b", "set_from_secret": {"name": "../x", "key": "k"}}, "must name an object"),
        ({"file": "conf/a.xml", "path": "a//b", "set": "x"}, "is not a path"),
        ({"file": "conf/a.xml", "path": "a/b", "set": "\x00"}, "cannot hold"),
        ({"file": "conf/a.xml", "path": "a/b", "xml": "<b>"}, "not well-formed"),
        ({"file": "conf/a.xml", "path": "a/b", "xml": "<c/>"}, "does not fit"),
        ({"file": "conf/a.xml", "path": "a/Password", "set": "hunter2"}, "in plain text"),
        ({"file": "conf/a.xml", "path": "a/b", "attributes": {"keystorePass": "hunter2"}}, "in plain text"),
        ({"file": "conf/a.properties", "property": "db.password", "set": "hunter2"}, "in plain text"),
    ],
)
def test_a_patch_that_cannot_work_or_shows_a_password_is_refused(patch: dict[str, Any], words: str) -> None:
    assert words in refused(patch)
    assert "hunter2" not in refused(patch)


def test_a_value_from_a_secret_travels_as_a_reference() -> None:
    patch: Any = {"file": "conf/a.xml", "path": "a/b", "set_from_secret": SECRET, "xml": None, "remove": False}
    assert as_patch(patch) == {"file": "conf/a.xml", "path": "a/b", "set": {"from": "mine/password"}}


@pytest.mark.parametrize(
    ("file", "field", "words"),
    [
        ({"path": "../x", "content": ""}, "files[0].path", "without '..'"),
        ({"path": "/etc/passwd", "content": ""}, "files[0].path", "below the server's home"),
        ({"path": "conf/", "content": ""}, "files[0].path", "end with '/'"),
        ({"path": "conf/x"}, "files[0]", "has none"),
        ({"path": "conf/x", "content": "", "secret": SECRET}, "files[0]", "has content and secret"),
        ({"path": "conf/x", "secret": {"name": "a", "key": "../b"}}, "files[0].secret", "must name an object"),
        ({"path": "lib/x.jar", "secret": SECRET}, "files[0].path", "those are given as jars"),
        ({"path": "repository/deployment/server/carbonapps/x.car", "secret": SECRET}, "files[0].path", "carbonapps"),
        ({"path": "bin/integrator.sh", "content": ""}, "files[0].path", "starts and stops"),
    ],
)
def test_files_that_lead_out_or_hide_what_the_deployment_needs_are_refused(
    file: dict[str, Any], field: str, words: str
) -> None:
    ((found,),) = ([*file_problems([file])],)  # type: ignore[list-item]
    assert found.field == field
    assert words in found.expected


def test_a_file_given_twice_and_too_much_text_are_refused() -> None:
    twice: Any = [{"path": "conf/x", "content": "a"}, {"path": "conf/x", "content": "b"}]
    assert fields(file_problems(twice)) == ["files[1].path"]
    large: Any = [{"path": f"conf/{name}", "content": "x" * 500_000} for name in "ab"]
    assert fields(file_problems(large)) == ["files"]


@pytest.mark.parametrize(
    ("plain", "secret", "field", "words"),
    [
        ({"KUBERNETES_NAMESPACE": "x"}, {}, 'environment["KUBERNETES_NAMESPACE"]', "membership"),
        ({"USE_DNS": "true"}, {}, 'environment["USE_DNS"]', "membership"),
        ({"JVM_MEM_OPTS": "-Xmx1g"}, {}, 'environment["JVM_MEM_OPTS"]', "heap"),
        ({"JAVA_OPTS": "-Da=b"}, {}, 'environment["JAVA_OPTS"]', "java_options"),
        ({"BACKEND_PASSWORD": "hunter2"}, {}, 'environment["BACKEND_PASSWORD"]', "in plain text"),
        ({"A": "x"}, {"A": SECRET}, 'secret_environment["A"]', "environment too"),
        ({}, {"A": {"name": "No", "key": "k"}}, 'secret_environment["A"]', "must name an object"),
        ({}, {"USE_DNS": SECRET}, 'secret_environment["USE_DNS"]', "membership"),
    ],
)
def test_variables_that_something_else_decides_or_that_show_a_password_are_refused(
    plain: dict[str, str], secret: dict[str, Any], field: str, words: str
) -> None:
    ((found,),) = ([*environment_problems(plain, secret)],)
    assert found.field == field
    assert words in found.expected


def test_ordinary_variables_are_accepted() -> None:
    secret: Any = {"BACKEND_PASSWORD": SECRET}
    assert list(environment_problems({"BACKEND_URL": "https://x"}, secret)) == []


@pytest.mark.parametrize(
    "option", ["-Xmx1g", "-Xms64m", "-Da=b c", "-Da=$(B)", "Da=b", "-",
               "-Djavax.net.ssl.trustStore=/x", "-Ddb.password=hunter2"]
)  # fmt: skip
def test_options_that_are_managed_or_would_be_split_are_refused(option: str) -> None:
    ((found,),) = ([*option_problems(["-Dfine=yes", option])],)
    assert found.field == "java_options[1]"
    assert "hunter2" not in found.expected


@pytest.mark.parametrize(
    "option", ["-XX:MaxHeapSize=1g", "-XX:InitialHeapSize=64m", "-version", "--help", "-jar", "-cp", "--class-path=/x"]
)
def test_other_names_of_managed_options_and_those_that_start_no_server_are_rejected(option: str) -> None:
    ((found,),) = ([*option_problems([option])],)
    assert found.expected.startswith("must not be given: it ")


def test_ordinary_options_are_accepted() -> None:
    options = ["-XX:+UseG1GC", "-Duser.timezone=UTC", "-Dhttp.nonProxyHosts=a|b", "-XX:ActiveProcessorCount=2"]
    assert list(option_problems(options)) == []


@pytest.mark.parametrize(
    ("jar", "field"),
    [
        ({}, "jars[0]"),
        ({"url": "https://x/a.jar", "sha256": SHA, "claim": "c", "path": "a.jar"}, "jars[0]"),
        ({"url": "https://x/a.jar"}, "jars[0].sha256"),
        ({"url": "https://x/a.jar", "sha256": "abc"}, "jars[0].sha256"),
        ({"url": "ftp://x/a.jar", "sha256": SHA}, "jars[0].url"),
        ({"url": "https://me:pw@x/a.jar", "sha256": SHA}, "jars[0].url"),
        ({"url": "https://x/a.jar?private_token=abcdef", "sha256": SHA}, "jars[0].url"),
        ({"url": "https://x/a.jar", "sha256": SHA, "path": "a.jar"}, "jars[0].path"),
        ({"url": "https://x/download?id=1", "sha256": SHA}, "jars[0].name"),
        ({"url": "https://x/a.jar", "sha256": SHA, "name": "../a.jar"}, "jars[0].name"),
        ({"claim": "c"}, "jars[0].path"),
        ({"claim": "c", "path": "../a.jar"}, "jars[0].path"),
        ({"claim": "Not A Name", "path": "a.jar"}, "jars[0].claim"),
    ],
)
def test_jars_need_one_source_a_sum_and_a_name(jar: dict[str, Any], field: str) -> None:
    assert fields(jar_problems([jar])) == [field]  # type: ignore[list-item]


def test_stores_of_one_s_own_make_their_places_managed() -> None:
    patch: Any = {"file": CARBON, "path": "Server/Security/KeyStore/KeyAlias", "set": "mine"}
    assert list(patch_problems([patch], MANAGED)) == []
    managed = managed_patches(version_of("6.6.0"), {"keystores": {"secret": "stores"}})
    assert fields(patch_problems([patch], managed)) == ["patches[0]"]


@pytest.mark.parametrize("field", ["secret", "keystore", "truststore", "alias"])
def test_stores_are_named_as_kubernetes_and_keytool_can_read_them(field: str) -> None:
    good: Any = {"secret": "stores", "keystore": "k.jks", "truststore": "t.jks", "type": "PKCS12", "alias": "ei"}
    assert list(keystore_problems(good)) == []
    assert list(keystore_problems(None)) == []
    assert fields(keystore_problems(good | {field: "a b; rm -rf /"})) == [f"keystores.{field}"]


def test_jars_are_named_by_their_source_and_no_two_alike() -> None:
    one: Any = {"url": "https://x/maven/a-1.jar?download", "sha256": SHA}
    two: Any = {"claim": "c", "path": "folder/a-1.jar"}
    assert jar_name(one) == jar_name(two) == "a-1.jar"
    assert fields(jar_problems([one, two])) == ["jars[1].name"]


def test_certificates_to_trust_make_the_sender_s_truststore_managed() -> None:
    path = "axisconfig/transportSender[@name='https']/parameter[@name='truststore']/TrustStore/Location"
    patch: Any = {"file": AXIS2, "path": path, "set": "mine.jks"}
    trusted: Any = [{"secret": SECRET}]
    assert list(patch_problems([patch], MANAGED)) == []
    managed = managed_patches(version_of("6.6.0"), {"trusted_certificates": trusted})
    assert fields(patch_problems([patch], managed)) == ["patches[0]"]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({}, "trusted_certificates[0]"),
        ({"secret": SECRET, "config_map": SECRET}, "trusted_certificates[0]"),
        ({"secret": {"name": "A b", "key": "ca.crt"}}, "trusted_certificates[0].secret"),
        ({"config_map": {"name": "a", "key": "../b"}}, "trusted_certificates[0].config_map"),
    ],
)
def test_certificates_to_trust_have_one_source(item: Any, field: str) -> None:
    assert fields(certificate_problems([item])) == [field]


@pytest.mark.parametrize(
    "path",
    [
        "/", "/home", "/home/wso2carbon", "/home/wso2carbon/wso2ei-6.5.0", "/home/wso2carbon/wso2ei-6.5.0/repository",
        "/home/wso2carbon/keystores", "/home/wso2carbon/java/bin", "/home/wso2carbon/.java", "/opt", "/var",
        "/home/wso2carbon/expected-cars", "/in_pod/x",
        "/tmp",  # noqa: S108
        "/opt/java/openjdk",
        "/var/run/secrets/kubernetes.io", "/run/x", "/etc/pki", "/usr/lib/jvm", "/lib64", "/mnt/a/../b",
        "/mnt/a:b", "mnt/a", "",
    ],
)  # fmt: skip
def test_a_volume_that_hides_a_folder_of_the_server_is_rejected(path: str) -> None:
    item: Any = {"claim": "files", "path": path}
    assert fields(volume_problems([item])) == ["volumes[0].path"]


def test_volumes_have_places_of_their_own() -> None:
    paths = ["/mnt", "/data/in", "/home/wso2carbon/files", "/opt/files", "/var/files"]
    items: Any = [{"claim": "files", "path": path} for path in paths]
    assert list(volume_problems(items)) == []
    assert fields(volume_problems([*items, items[1], {"claim": "A b", "path": "/x"}])) == [
        "volumes[5].path", "volumes[6].claim",
    ]  # fmt: skip
