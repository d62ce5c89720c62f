"""Where passwords come from and who reads them: made here, in existing Secrets, or those of an external database."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.ei import pod as ei_pod
from components.mysql import bucket as mysql_bucket
from components.mysql import connection as mysql_connection
from components.mysql import objects as mysql_objects
from components.wso2ei.patches import jdbc_url
from settings import errors
from tests.unit.settings.test_loading import LOCAL, load
from tests.unit.support.recording import Recorder, leaves
from tests.unit.support.stacks import STACKS, run, templates

EXTERNAL = {"host": "db.example.com", "port": 3307, "tls": "verifyCa", "caConfigMap": "db-ca", "userDatabase": "users"}
MYSQL_PASSWORDS = {"mysqlUserPassword": "user-pw-of-the-test", "mysqlRegistryPassword": "registry-pw-of-the-test"}
BUCKET = {"endpoint": "https://s3.example.com", "bucket": "dumps", "prefix": "prod"}
EXISTING = {"registry": "team-pull", "mysql": "team-mysql", "admin": "team-admin"}


@functools.cache
def given(stack: str, what: str) -> Recorder:
    """The program with an external database, or with every Secret existing."""
    if what == "external":
        return run(stack, {"mysql": {"external": EXTERNAL}, **MYSQL_PASSWORDS})
    change: dict[str, Any] = {"secrets": EXISTING, "registryUsername": None, "adminPassword": None}
    if what == "both":
        change["mysql"] = {"external": EXTERNAL}
    return run(stack, change)


def named(recorder: Recorder, kind: str) -> list[str]:
    return [item.name for item in recorder.registered if item.type.endswith(f":{kind}")]


def template(recorder: Recorder, name: str) -> dict[str, Any]:
    return dict(templates(recorder))[name]


def container(pod: dict[str, Any], name: str) -> dict[str, Any]:
    found = [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
    return next(item for item in found if item["name"] == name)


def environment(item: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry.get("value", "") for entry in item.get("env", [])}


def secrets_of(pod: dict[str, Any]) -> dict[str, list[str]]:
    """Secret to the keys that a pod mounts of it."""
    volumes = [volume["secret"] for volume in pod["spec"]["volumes"] if "secret" in volume]
    return {volume["secretName"]: [item["key"] for item in volume.get("items", [])] for volume in volumes}


@pytest.mark.parametrize("stack", STACKS)
def test_existing_secrets_take_the_place_of_every_password_that_would_be_made(stack: str) -> None:
    recorder = given(stack, "existing")
    assert [name for name in named(recorder, "RandomPassword") if "-tls-" not in name] == []
    assert [name for name in named(recorder, "Secret") if not name.endswith("-tls")] == []
    nodes, server = template(recorder, "wso2ei-nodes"), template(recorder, "wso2ei-mysql-server")
    assert nodes["spec"]["imagePullSecrets"] == [{"name": "team-pull"}]
    keys = {"team-mysql": ["user-password", "registry-password"], "team-admin": ["password"]}
    assert secrets_of(nodes) == keys == secrets_of(template(recorder, "wso2ei-schema"))
    assert secrets_of(server) == {"team-mysql": ["root-password", "user-password", "registry-password"]}
    outputs = next(found for urn, found in recorder.component_outputs.items() if "pulumi:pulumi:Stack::" in urn)
    assert "admin_password" not in outputs


@pytest.mark.parametrize("stack", STACKS)
def test_pods_read_passwords_in_the_same_way_whoever_made_the_secret(stack: str) -> None:
    made, existing = run(stack), given(stack, "existing")
    for name in ("wso2ei-nodes", "wso2ei-schema", "wso2ei-mysql-server"):
        one, other = json.dumps(template(made, name)), json.dumps(template(existing, name))
        for secret in ("wso2ei-mysql-passwords-0a1b2c3d", "wso2ei-admin-0a1b2c3d", "wso2ei-pull"):
            one = one.replace(secret, "SECRET")
        for secret in EXISTING.values():
            other = other.replace(secret, "SECRET")
        # Where the credentials are for another registry than the image's, only an existing Secret is named.
        if "imagePullSecrets" not in one:
            other = other.replace('"imagePullSecrets": [{"name": "SECRET"}], ', "")
        assert one == other, name


@pytest.mark.parametrize("stack", STACKS)
def test_the_container_that_runs_ei_mounts_no_password(stack: str) -> None:
    for what in ("external", "existing"):
        pod = template(given(stack, what), "wso2ei-nodes")
        secret = {volume["name"] for volume in pod["spec"]["volumes"] if "secret" in volume} | {"rendered"}
        assert {mount["name"] for mount in container(pod, "ei")["volumeMounts"]} & secret == set()
        assert {mount["name"] for mount in container(pod, "copy-conf")["volumeMounts"]} & secret == set()


@pytest.mark.parametrize("stack", STACKS)
def test_what_is_made_of_passwords_lies_in_memory(stack: str) -> None:
    for name, pod in templates(run(stack)):
        for volume in pod["spec"].get("volumes", []):
            if volume["name"] == "rendered":
                assert volume["emptyDir"]["medium"] == "Memory", name


def patches(recorder: Recorder) -> list[dict[str, Any]]:
    item = next(item for item in recorder.registered if item.name == "wso2ei-patches")
    return list(json.loads(item.body()["data"]["patches.json"])["patches"])


@pytest.mark.parametrize("stack", STACKS)
def test_the_patcher_takes_every_password_from_a_file_that_is_mounted(stack: str) -> None:
    recorder = run(stack)
    taken = {
        patch["set"]["from"]
        for patch in patches(recorder)
        if isinstance(patch.get("set"), dict) and "from" in patch["set"]
    }
    assert taken == {"_mysql/user-password", "_mysql/registry-password", "_admin/password"}
    pod = template(recorder, "wso2ei-nodes")
    patcher = container(pod, "patch-conf")
    folder = patcher["args"][patcher["args"].index("--secrets") + 1]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    files = {
        f"{mount['mountPath']}/{item['key']}"
        for mount in patcher["volumeMounts"]
        for item in volumes[mount["name"]].get("secret", {}).get("items", [])
    }
    assert {f"{folder}/{name}" for name in taken} <= files


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("what", ["external", "both"])
def test_an_external_database_makes_no_server_no_volume_and_no_policy(stack: str, what: str) -> None:
    recorder = given(stack, what)
    assert named(recorder, "StatefulSet") == []
    assert named(recorder, "MysqlDatabase") == []
    of_mysql = {item.name for item in recorder.registered if item.name.startswith("wso2ei-mysql")}
    assert of_mysql == {"wso2ei-mysql"} | ({"wso2ei-mysql-passwords"} if what == "external" else set())
    claims = [*named(recorder, "PersistentVolume"), *named(recorder, "PersistentVolumeClaim")]
    assert not any("mysql" in name for name in claims)
    assert "RandomPassword" not in " ".join(item.type for item in recorder.registered if "mysql" in item.name)
    outputs = next(found for urn, found in recorder.component_outputs.items() if "pulumi:pulumi:Stack::" in urn)
    assert outputs["kept_data"][0] == "the databases on db.example.com"


@pytest.mark.parametrize("stack", STACKS)
def test_every_client_reaches_the_external_database_with_its_names_port_and_tls(stack: str) -> None:
    recorder = given(stack, "external")
    nodes, schema = template(recorder, "wso2ei-nodes"), template(recorder, "wso2ei-schema")
    for item in (container(nodes, "gate"), container(schema, "schema")):
        found = environment(item)
        assert (found["DATABASE_HOST"], found["DATABASE_PORT"]) == ("db.example.com", "3307")
        assert (found["DATABASE_SSL_MODE"], found["DATABASE_CA"]) == ("VERIFY_CA", "/run/mysql-ca/ca.crt")
        assert (found["USER_DATABASE"], found["USER_DATABASE_USER"]) == ("users", "wso2ei_user")
        assert {"name": "mysql-ca", "mountPath": "/run/mysql-ca", "readOnly": True} in item["volumeMounts"]
    assert "\ntrust mysql-ca /run/mysql-ca/ca.crt\n" in " ".join(container(nodes, "copy-conf")["command"])
    sources = [patch["xml"] for patch in patches(recorder) if "<datasource>" in patch.get("xml", "")]
    url = jdbc_url("db.example.com", "users", 3307, "verifyCa").replace("&", "&amp;")
    assert sum(f"<url>{url}</url>" in source for source in sources) == 1


def test_ei_verifies_a_server_of_the_stack_with_the_authority_of_its_certificate() -> None:
    recorder = run("local", {"mysql": {"tlsSecret": "db-tls"}})
    nodes, schema = template(recorder, "wso2ei-nodes"), template(recorder, "wso2ei-schema")
    for pod, name in ((nodes, "gate"), (schema, "schema")):
        assert environment(container(pod, name))["DATABASE_SSL_MODE"] == "VERIFY_CA"
        authority = next(volume["secret"] for volume in pod["spec"]["volumes"] if volume["name"] == "mysql-ca")
        assert authority["secretName"] == "db-tls"
        assert [item["key"] for item in authority["items"]] == ["ca.crt"], "the server's key is not EI's to read"
    assert "\ntrust mysql-ca /run/mysql-ca/ca.crt\n" in " ".join(container(nodes, "copy-conf")["command"])
    urls = [patch["xml"] for patch in patches(recorder) if "<datasource>" in patch.get("xml", "")]
    assert all("verifyServerCertificate=true" in url for url in urls)


@pytest.mark.parametrize("stack", STACKS)
def test_values_of_external_passwords_stand_in_their_secret_alone(stack: str) -> None:
    for item in given(stack, "external").registered:
        for path, value in leaves(item.inputs):
            if any(secret in str(value) for secret in MYSQL_PASSWORDS.values()):
                assert (item.name, path.split(".")[0]) == ("wso2ei-mysql-passwords", "stringData")


def rolled(before: Recorder, after: Recorder) -> set[str]:
    one, other = dict(templates(before)), dict(templates(after))
    return {name for name in one if one[name] != other[name]}


def passwords_made(recorder: Recorder) -> dict[str, Any]:
    return {
        item.name: item.body().get("keepers") for item in recorder.registered if item.type.endswith("RandomPassword")
    }


def test_a_rotation_makes_new_passwords_and_restarts_who_reads_them() -> None:
    def rotated(**words: str) -> Recorder:
        return run("local", {"secrets": {"rotation": words}, "adminPassword": None})

    before = rotated()
    assert set(passwords_made(before).values()) == {None}
    mysql, admin = rotated(mysql="2"), rotated(admin="2")
    word = {"rotation": "2"}
    assert {name for name, keepers in passwords_made(mysql).items() if keepers == word} == {
        "wso2ei-mysql-root-password", "wso2ei-mysql-user-password", "wso2ei-mysql-registry-password",
    }  # fmt: skip
    assert {name for name, keepers in passwords_made(admin).items() if keepers == word} == {"admin-password"}
    assert rolled(before, mysql) - {"wso2ei-acceptance-job"} == {"wso2ei-nodes", "wso2ei-schema", "wso2ei-mysql-server"}
    assert rolled(before, admin) - {"wso2ei-acceptance-job"} == {"wso2ei-nodes", "wso2ei-schema"}
    for of in ("keystores", "secureVault"):
        changed = rolled(before, rotated(**{of: "2"}))
        assert "wso2ei-nodes" in changed
        assert "wso2ei-mysql-server" not in changed


def test_a_rotation_has_the_content_of_existing_secrets_read_again() -> None:
    def rotated(**words: str) -> Recorder:
        return run("local", {"secrets": EXISTING | {"rotation": words}, "adminPassword": None})

    assert rolled(rotated(), rotated(mysql="2")) == {
        "wso2ei-nodes", "wso2ei-schema", "wso2ei-mysql-server", "wso2ei-acceptance-job",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tls", "options"),
    [
        ("disabled", ["useSSL=false", "allowPublicKeyRetrieval=true"]),
        ("preferred", ["useSSL=true", "verifyServerCertificate=false", "enabledTLSProtocols=TLSv1.2"]),
        ("required", ["useSSL=true", "requireSSL=true", "verifyServerCertificate=false"]),
        ("verifyCa", ["useSSL=true", "requireSSL=true", "verifyServerCertificate=true"]),
    ],
)
def test_the_driver_protects_the_connection_as_far_as_it_is_told(tls: Any, options: list[str]) -> None:
    url = jdbc_url("db", "users", 3307, tls)
    assert url.startswith("jdbc:mysql://db:3307/users?")
    assert set(options) <= set(url.partition("?")[2].split("&"))
    assert ("enabledTLSProtocols" in url) is (tls != "disabled")


CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


KEYTOOL = """#!/bin/sh
case $1 in
-delete) rm "$STORE/$3" ;;
-importcert) [ ! -e "$STORE/$4" ] || exit 1; for last; do :; done; grep -c BEGIN "$last" >"$STORE/$4" ;;
esac
"""
"""Aliases as files of a folder. An alias that exists is an error of an import."""


@pytest.mark.parametrize("existing", ["", "mysql-ca-1"])
@pytest.mark.parametrize(
    ("bundle", "numbers"), [(CA, [1]), (f"# a comment\n{CA}\n{CA.rstrip()}", [1, 2]), ("no PEM", [])]
)
def test_each_certificate_of_a_bundle_is_imported(
    tmp_path: Path, bundle: str, numbers: list[int], existing: str
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    if existing:
        (store / existing).write_text("of the image")
    (tmp_path / "keytool").write_text(KEYTOOL)
    (tmp_path / "keytool").chmod(0o755)
    (tmp_path / "ca.crt").write_text(bundle)
    pod = template(given("local", "external"), "wso2ei-nodes")
    script = container(pod, "copy-conf")["command"][-1]
    lines = script[script.index("add() {") :].partition("\nnumber=0\n")[0]
    lines = lines.replace("/work/keystores", str(tmp_path)).replace("/run/mysql-ca", str(tmp_path))
    lines = lines.replace("/var/run/secrets/kubernetes.io/serviceaccount", str(tmp_path))
    done = subprocess.run(
        ["sh", "-euc", lines], env={"PATH": f"{tmp_path}:/usr/bin:/bin", "STORE": str(store)},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == (0 if numbers else 1)
    if numbers:
        names = [f"{name}-{number}" for name in ("kubernetes-cluster-ca", "mysql-ca") for number in numbers]
        assert {file.name: file.read_text() for file in store.iterdir()} == dict.fromkeys(names, "1\n")
    assert list(tmp_path.glob("*.pem")) == []


def test_the_database_s_authority_goes_into_a_truststore_of_one_s_own_with_its_password() -> None:
    stores = {"keystores": {"secret": "stores", "type": "PKCS12"}}
    result = run("local", {"mysql": {"external": EXTERNAL}, **MYSQL_PASSWORDS, "ei": stores})
    script = container(template(result, "wso2ei-nodes"), "copy-conf")["command"][-1]
    imported = " ".join(script[script.index("keytool -importcert") :].split())
    assert "-storetype PKCS12 -storepass:file /stores/truststore-password -file" in imported
    assert "trust mysql-ca /run/mysql-ca/ca.crt" in imported
    assert "-storepass wso2carbon" not in script


def told(config: dict[str, Any], *secret: str) -> str:
    with pytest.raises(errors.ConfigurationError) as caught:
        load(config | dict.fromkeys(secret, "hunter2"), secret)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "secret", "words"),
    [
        ({"secrets": {"admin": "a"}}, ["adminPassword"], ["wso2ei:adminPassword", "secrets.admin"]),
        (
            {"secrets": {"mysql": "a"}, "mysql": {"external": {"host": "db"}}},
            ["mysqlUserPassword", "mysqlRegistryPassword"],
            ["wso2ei:mysqlUserPassword", "wso2ei:mysqlRegistryPassword", "secrets.mysql"],
        ),
        (
            {"secrets": {"registry": "a"}, "ei": {"image": "r.example.com/ei:1"}},
            ["registryPassword"],
            ["wso2ei:registryPassword", "secrets.registry"],
        ),
        ({}, ["mysqlUserPassword"], ["wso2ei:mysqlUserPassword", "only with mysql.external"]),
        (
            {"mysql": {"backup": {"schedule": "@daily", "s3": BUCKET | {"secret": "bucket"}}}},
            ["s3SecretAccessKey"],
            ["wso2ei:s3SecretAccessKey", "only with mysql.backup.s3.accessKeyId"],
        ),
    ],
)
def test_a_secret_value_beside_what_takes_its_place_is_refused(
    change: dict[str, Any], secret: list[str], words: list[str]
) -> None:
    text = told(LOCAL | change, *secret)
    for word in [*words, f"pulumi config rm {secret[0]}"]:
        assert word in text


@pytest.mark.parametrize(
    ("key", "value"),
    [("adminPassword", "four"), ("adminPassword", "with a space"), ("adminPassword", "x" * 31),
     ("adminPassword", "line\nend"), ("registryPassword", "token\n"), ("mysqlUserPassword", "a\tb"),
     ("s3SecretAccessKey", "with%(interpolation)s")],
)  # fmt: skip
def test_a_secret_value_that_a_pod_or_ei_would_refuse_is_refused_here_and_not_shown(key: str, value: str) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        load(LOCAL | {key: value}, (key,))
    assert f"wso2ei:{key} = [secret]: must" in str(caught.value)
    assert value not in str(caught.value)


def test_a_subscription_image_is_satisfied_by_an_existing_pull_secret() -> None:
    image = {"ei": {"image": "registry.wso2.com/p/ei:1"}}
    assert load(LOCAL | image | {"secrets": {"registry": "team-pull"}}).registry_username is None


def test_an_update_with_an_external_database_needs_both_passwords_and_a_preview_says_so() -> None:
    change = {"mysql": {"external": {"host": "db.example.com"}}}
    with pytest.raises(errors.ConfigurationError) as caught:
        run("local", change)
    for key, user in (("mysqlUserPassword", "wso2ei_user"), ("mysqlRegistryPassword", "wso2ei_registry")):
        assert f"pulumi config set --secret {key}" in str(caught.value)
        assert f"log in to db.example.com as {user}" in str(caught.value)
    run("local", change, preview=True)


def test_the_secret_part_of_a_bucket_s_key_gets_into_one_secret_and_an_update_needs_it() -> None:
    change: dict[str, Any] = {"mysql": {"backup": {"schedule": "@daily", "s3": BUCKET | {"accessKeyId": "AKIA"}}}}
    with pytest.raises(errors.ConfigurationError, match="pulumi config set --secret s3SecretAccessKey"):
        run("local", change)
    run("local", change, preview=True)
    recorder = run("local", change | {"s3SecretAccessKey": "key-of-the-test"})
    holding = [item.name for item in recorder.registered if "key-of-the-test" in json.dumps(item.body())]
    assert holding == ["wso2ei-mysql-backup-bucket"]
    assert "wso2ei-mysql-backups" not in named(recorder, "DataVolume"), "with a bucket there is no volume"
    pod = template(recorder, "wso2ei-mysql-backup")
    assert container(pod, "backup")["image"] == "docker.io/rclone/rclone:1.75.2"


def test_documented_keys_are_those_that_are_read() -> None:
    text = (Path(__file__).parents[3] / "docs" / "secrets.md").read_text()
    for key in (*mysql_objects.SERVER_KEYS, ei_pod.ADMIN_KEY, mysql_connection.CA_KEY, ".dockerconfigjson"):
        assert f"`{key}`" in text, key
    for key in mysql_bucket.KEYS:
        assert f"`{key}`" in text, key
    for key in errors.SECRET_KEYS:
        assert f"`{key}`" in text, key
    assert re.search(r"CREATE DATABASE `?WSO2EI_USER_DB", text)
