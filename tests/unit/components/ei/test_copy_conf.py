"""The container that copies the image's own files: its own script, run on folders of the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509 import load_pem_x509_certificate

from components.ei import work as ei_work
from tests.keystores import keytool, needs_keytool, put_keytool
from tests.unit.support.clusters import MYSQL, container, made, named, pod


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A server's home with what a good image has, as far as the copying container looks at it."""
    home = tmp_path / "wso2ei-6.5.0"
    for folder in ("conf", "lib", "dropins", "repository/resources/security", "../work/conf", "../work/keystores",
                   "../delivered/lib", "../delivered/dropins", "../bin"):  # fmt: skip
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "conf" / "carbon.xml").write_text("<Server/>")
    (home / "repository/resources/security/client-truststore.jks").write_text("")
    plugin = b"\x00PK\x01com/mysql/jdbc/authentication/CachingSha2PasswordPlugin.class\x00"
    (home / "dropins" / "driver.jar").write_bytes(b"\x00PK\x01com/mysql/jdbc/Driver.class" + plugin)
    scheme = b"PK\xffK\norg/wso2/carbon/membership/scheme/kubernetes/KubernetesMembershipScheme.class\x00"
    (home / "lib" / "scheme.jar").write_bytes(scheme)
    # Both CAs in one file, as OpenShift has them, and while a cluster's CA is rotated.
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n" * 2)
    for name in ("keytool", "java"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return home


def copy_conf(home: Path, changes: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    """The container's own script, with paths below the test's folder."""
    script = container(pod(made(("ei", changes or {}))), "copy-conf")["command"][-1]
    script = script.replace("/home/wso2carbon/wso2ei-6.5.0", str(home)).replace(
        f"{ei_work.FOLDER}/", f"{home.parent}{ei_work.FOLDER}/"
    )
    script = script.replace("/cars/image", f"{home.parent}/cars/image")
    script = script.replace("/run/mysql-ca/ca.crt", f"{home.parent}/mysql.crt")
    script = script.replace("/delivered/", f"{home.parent}/delivered/").replace("/stores/", f"{home.parent}/stores/")
    script = script.replace("/trusted/", f"{home.parent}/trusted/").replace("/defaults/", f"{home.parent}/defaults/")
    ca = home.parent / ("stores/ca.crt" if (home.parent / "stores").exists() else "ca.crt")
    script = script.replace("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt", str(ca))
    path = f"{home.parent}/bin:{os.environ['PATH']}"
    environment = {"PATH": path, "WSO2_SERVER_HOME": "/home/wso2carbon/wso2ei-6.4.0"}
    return subprocess.run(
        ["sh", "-c", script], env=environment, check=False, capture_output=True, text=True, timeout=60
    )


def test_a_complete_image_is_copied(home: Path) -> None:
    done = copy_conf(home)
    assert (done.returncode, done.stderr) == (0, "")
    assert (home.parent / "work/conf/carbon.xml").read_text() == "<Server/>"


@pytest.mark.parametrize(
    ("jar", "words"),
    [
        ("dropins/driver.jar", "holds no MySQL driver (WSO2 removed it from the 6.6.0 images in 2024), and ei.jars"),
        ("lib/scheme.jar", "holds no Kubernetes membership scheme"),
    ],
)
def test_an_image_that_lacks_a_jar_is_told_with_the_way_out_unless_the_jar_is_delivered(
    home: Path, jar: str, words: str
) -> None:
    content = (home / jar).read_bytes()
    (home / jar).unlink()
    done = copy_conf(home)
    assert done.returncode == 1
    assert words in done.stderr
    assert "by url and sha256 or from a claim" in done.stderr
    (home.parent / "delivered" / jar).write_bytes(content)
    assert copy_conf(home).returncode == 0


def test_a_driver_that_cannot_log_in_to_mysql_8_is_told_and_only_a_warning_for_an_external_server(home: Path) -> None:
    (home / "dropins" / "driver.jar").write_bytes(b"\x00PK\x01com/mysql/jdbc/Driver.class\x00")
    external = copy_conf(home)
    assert external.returncode == 0
    assert "older than Connector/J 5.1.46 and cannot log in to MySQL 8" in external.stderr
    own = copy_conf(home, {"mysql": MYSQL | {"claim": "data"}})
    assert own.returncode == 1
    assert "Give Connector/J 5.1.49 in ei.jars" in own.stderr
    newer = b"\x00PK\x01com/mysql/cj/protocol/a/authentication/CachingSha2PasswordPlugin.class\x00"
    (home.parent / "delivered/lib/newer.jar").write_bytes(newer)
    assert copy_conf(home, {"mysql": MYSQL | {"claim": "data"}}).returncode == 0


def test_a_jdk_that_does_not_know_the_number_of_processors_is_told(home: Path) -> None:
    (home.parent / "bin/java").write_text(
        '#!/bin/sh\ncase "$*" in *IgnoreUnrecognized*) exit 0 ;; *ActiveProcessorCount=2*) ;; *) exit 0 ;; esac\n'
        "echo \"Unrecognized VM option 'ActiveProcessorCount=2'\"\nexit 1\n"
    )
    done = copy_conf(home, {"cpu_limit": "1500m"})
    assert done.returncode == 1
    assert "Unrecognized VM option 'ActiveProcessorCount=2'" in done.stderr
    assert "a JDK before 8u191 needs -XX:+IgnoreUnrecognizedVMOptions" in done.stderr
    given = {"cpu_limit": "1500m", "java_options": ["-XX:+IgnoreUnrecognizedVMOptions"]}
    assert copy_conf(home, given).returncode == 0


def test_keytool_has_a_heap_that_fits_the_container(home: Path) -> None:
    (home.parent / "bin/keytool").write_text(f'#!/bin/sh\necho "$*" >>{home.parent}/calls\n')
    assert copy_conf(home).returncode == 0
    calls = (home.parent / "calls").read_text().splitlines()
    assert calls
    assert all(call.startswith("-J-Xmx48m ") for call in calls)


@needs_keytool
def test_every_certificate_of_a_bundle_is_trusted_whichever_signs(home: Path, tmp_path: Path) -> None:
    """OpenShift's kube-root-ca.crt, a CA that is rotated, an external MySQL server (jgroups-kubernetes#64)."""
    security = home / "repository/resources/security"
    for name in ("first", "second", "image"):
        keytool(tmp_path, "-genkeypair", "-alias", name, "-dname", f"CN={name}", "-keyalg", "EC", "-ext", "bc:c",
                "-keystore", f"{name}.jks", "-storepass", "wso2carbon")  # fmt: skip
    export = ("-exportcert", "-rfc", "-storepass", "wso2carbon")
    first, second = (
        keytool(tmp_path, *export, "-alias", name, "-keystore", f"{name}.jks") for name in ("first", "second")
    )
    shutil.copy(tmp_path / "image.jks", security / "client-truststore.jks")
    (tmp_path / "ca.crt").write_bytes(b"# a bundle\n" + first + second.rstrip())
    (tmp_path / "mysql.crt").write_bytes(second + first)
    keytool(tmp_path, "-genkeypair", "-alias", "server", "-dname", "CN=kubernetes", "-keyalg", "EC",
            "-signer", "second", "-keystore", "second.jks", "-storepass", "wso2carbon")  # fmt: skip
    put_keytool(tmp_path / "bin")
    for path in ("config_map/company/ca.crt", "secret/partner/tls.crt"):
        (tmp_path / "trusted" / path).parent.mkdir(parents=True)
        (tmp_path / "trusted" / path).write_bytes(first + second)
    certificates = [
        {"config_map": {"name": "company", "key": "ca.crt"}},
        {"secret": {"name": "partner", "key": "tls.crt"}},
    ]
    changes = {"mysql": MYSQL | {"tls": "verifyCa", "ca_config_map": "mysql-ca"}, "trusted_certificates": certificates}
    for _ in range(2):
        done = copy_conf(home, changes)
        assert done.returncode == 0, done.stdout + done.stderr
    trusted = tmp_path / "work/keystores"
    assert [path.name for path in trusted.iterdir()] == ["client-truststore.jks"]
    server = load_pem_x509_certificate(keytool(tmp_path, *export, "-alias", "server", "-keystore", "second.jks"))
    for alias in ("kubernetes-cluster-ca-2", "mysql-ca-1", "trusted-0-2", "trusted-1-2"):
        found = keytool(trusted, *export, "-alias", alias, "-keystore", "client-truststore.jks")
        server.verify_directly_issued_by(load_pem_x509_certificate(found))
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (tmp_path / "trusted/secret/partner/tls.crt").write_bytes(first + broken)
    done = copy_conf(home, {"trusted_certificates": certificates[1:]})
    assert done.returncode == 1
    assert f"certificate 2 of {tmp_path}/trusted/secret/partner/tls.crt is invalid" in done.stderr


def test_of_a_secret_with_a_certificate_only_that_is_mounted_and_not_into_the_server() -> None:
    twice = {"secret": {"name": "partner", "key": "tls.crt"}}
    spec = pod(made(("ei", {"trusted_certificates": [{"config_map": {"name": "a", "key": "b"}}, twice, twice]})))
    (volume,) = [item for item in spec["volumes"] if item["name"] == "trusted"]
    items = [
        {"configMap": {"name": "a", "items": [{"key": "b", "path": "config_map/a/b"}]}},
        {"secret": {"name": "partner", "items": [{"key": "tls.crt", "path": "secret/partner/tls.crt"}]}},
    ]
    assert volume["projected"]["sources"] == items
    mounted = [
        one["name"]
        for one in [*spec["initContainers"], *spec["containers"]]
        if any(mount["name"] == "trusted" for mount in one["volumeMounts"])
    ]
    assert mounted == ["copy-conf"]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Secret's files, made by the real keytool, and a certificate authority."""
    folder = tmp_path_factory.mktemp("stores")
    for name in ("keystore", "key", "truststore"):
        (folder / f"{name}-password").write_text(f"{name}-pw-123\n")
    common = ["-storetype", "JKS", "-alias", "ei", "-dname", "CN=ei", "-keyalg", "RSA", "-validity", "30"]
    for name, key in (("keystore", "key"), ("client-truststore", "truststore"), ("ca", "keystore")):
        password = f"{'truststore' if 'trust' in name else 'keystore'}-pw-123"
        keytool(folder, "-genkeypair", *common, "-keystore", f"{name}.jks", "-storepass", password,
                "-keypass", f"{key}-pw-123")  # fmt: skip
    keytool(folder, "-exportcert", "-rfc", "-alias", "ei", "-keystore", "ca.jks", "-storepass", "keystore-pw-123",
            "-file", "ca.crt")  # fmt: skip
    return folder


def copy_stores(home: Path, stores: Path, change: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    put_keytool(home.parent / "bin")
    (home.parent / "stores").symlink_to(stores)
    return copy_conf(home, {"keystores": {"secret": "mine", "alias": "ei"} | (change or {})})


@needs_keytool
def test_stores_of_one_s_own_are_copied_with_the_cluster_s_ca_in_the_truststore(home: Path, stores: Path) -> None:
    done = copy_stores(home, stores)
    assert done.returncode == 0, done.stdout + done.stderr
    listed = ("-list", "-keystore", "client-truststore.jks", "-storepass", "truststore-pw-123")
    assert b"kubernetes-cluster-ca" in keytool(home.parent / "work/keystores", *listed)
    assert (home.parent / "work/keystores/keystore").read_bytes() == (stores / "keystore.jks").read_bytes()
    assert b"kubernetes-cluster-ca" not in keytool(stores, *listed)


@needs_keytool
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"keystore-password": "no"}, "keystore.jks of Secret mine: keytool error"),
        ({"key-password": "no"}, "keystore.jks of Secret mine: keytool error"),
        ({"truststore-password": "no"}, "client-truststore.jks of Secret mine: keytool error"),
        ({"key-password": None}, "Secret mine has no key key-password, which keystores needs."),
        ({"alias": "other"}, "keystore.jks of Secret mine: keytool error: java.lang.Exception: Alias <other>"),
    ],
)
def test_a_store_that_does_not_open_says_why(
    home: Path, stores: Path, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(stores, mine)
    for name, text in wrong.items():
        if text is None:
            (mine / name).unlink()
        elif name != "alias":
            (mine / name).write_text(text)
    done = copy_stores(home, mine, {"alias": wrong["alias"]} if "alias" in wrong else None)
    assert done.returncode == 1
    assert words in done.stderr
    assert "-pw-123" not in done.stderr


def test_passwords_of_stores_are_only_named(stores: Path) -> None:
    recorder = made(("ei", {"keystores": {"secret": "mine", "type": "PKCS12"}}))
    table = json.loads(named(recorder, "ConfigMap", "ei-patches")["data"]["patches.json"])["patches"]
    values = {patch["path"]: patch["set"] for patch in table if "path" in patch and "set" in patch}
    assert values["Server/Security/KeyStore/Password"] == {"from": "mine/keystore-password"}
    assert values["Server/Security/TrustStore/Type"] == "PKCS12"
    patcher = container(pod(recorder), "patch-conf")
    assert patcher["args"][-2:] == ["--secrets", "/patches/from"]
    assert {"name": "secret-0", "mountPath": "/patches/from/mine", "readOnly": True} in patcher["volumeMounts"]


def test_an_image_of_another_version_says_which_one_it_is(home: Path) -> None:
    home.rename(home.with_name("wso2ei-6.4.0"))
    done = copy_conf(home)
    assert done.returncode == 1
    assert "its own home is /home/wso2carbon/wso2ei-6.4.0" in done.stderr
    assert "ei.version must be the version that ei.image holds" in done.stderr


def test_the_image_s_own_cars_are_collected_with_the_places_they_were_in(home: Path) -> None:
    apps = home / "repository/deployment/server/carbonapps"
    apps.mkdir(parents=True)
    (apps / "own.car").write_bytes(b"car")
    assert copy_conf(home).returncode == 0
    assert (home.parent / "cars/image/0/own.car").read_bytes() == b"car"
    assert (home.parent / "cars/image/0.from").read_text().strip() == str(apps)
