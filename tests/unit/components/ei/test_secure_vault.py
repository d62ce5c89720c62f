"""The secure vault on its way from a Secret to EI's files: real keytool, the pod's own scripts and programs."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from components.ei.checks import addition_problems
from components.in_pod import vault
from components.in_pod.properties_patch import logical_lines
from components.wso2ei.args import PatchArgs, Transformation
from components.wso2ei.vault import NAMESPACE
from components.wso2ei.versions import VERSIONS, version_of
from embedded.images.wso2ei.image import home_files
from settings.ei import EiSettings
from tests.keystores import KEY_PASSWORD, OAEP, STORE_PASSWORD, encrypted, make_stores, needs_keytool, put_keytool
from tests.unit.components.ei.test_copy_conf import copy_conf, home
from tests.unit.support.clusters import container, made, named, pod
from tests.unit.support.recording import Recorder, unwrap

PAGE = (Path(__file__).parents[4] / "docs/ei-versions.md").read_text().partition("### Secure vault")[2]
__all__ = ["home"]


def arguments(kind: str = "JKS", how: Transformation = "RSA") -> dict[str, Any]:
    return {
        "keystores": {"secret": "ei-stores", "alias": "ei", "type": kind},
        "secure_vault": {"secret": "ei-vault", "transformation": how},
    }


@needs_keytool
@pytest.mark.parametrize(("kind", "how"), [("JKS", "RSA"), ("PKCS12", OAEP)])
def test_ei_finds_cipher_texts_and_passwords_where_it_looks_for_them(
    home: Path, tmp_path_factory: pytest.TempPathFactory, kind: str, how: Transformation
) -> None:
    """The pod's own script, then its own program from what the pod gets of it, with its own arguments."""
    stores = make_stores(tmp_path_factory.mktemp("stores"), kind)
    folder, changes = home.parent, arguments(kind, how)
    put_keytool(folder / "bin")
    (folder / "stores").symlink_to(stores)
    (folder / "cipher").mkdir()
    # As java.util.Properties writes it, which the cipher tool does.
    cipher = encrypted(stores, "Pässword & more", how).replace("=", "\\=")
    text = f"#Tue Nov 25\nOrders.Password={cipher}\n"
    (folder / "cipher/cipher-text.properties").write_text(text)
    recorder = made(("ei", changes))
    for name, program in named(recorder, "ConfigMap", "ei-programs")["data"].items():
        (folder / name).write_text(program)
    (home / "conf/security").mkdir()
    (home / "conf/security/secret-conf.properties").write_text("")
    words = container(pod(recorder), "make-vault")["args"]
    words = [re.sub("^/(work|vault|cipher|stores)", rf"{folder}/\1", word) for word in words]
    command = [sys.executable, "-S", "-E", "-s", str(folder / "vault.py"), *words]
    for _ in range(2):
        # Init containers run again when a pod's sandbox is made anew.
        copied = copy_conf(home, changes)
        assert copied.returncode == 0, copied.stdout + copied.stderr
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd="/")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "vault: 1 secrets, all for the key ei\n"
    key = STORE_PASSWORD if kind == "PKCS12" else KEY_PASSWORD
    passwords = folder / "vault/password-persist"
    assert passwords.read_text() == f"{STORE_PASSWORD}\n{key}\n"
    assert stat.S_IMODE(passwords.stat().st_mode) == 0o400
    placed = folder / "work/conf/security/cipher-text.properties"
    assert placed.read_text() == text
    assert stat.S_IMODE(placed.stat().st_mode) == 0o600
    assert {path.name for path in (folder / "work/keystores").iterdir()} == {"keystore", "client-truststore.jks"}


def patched(folder: Path, version: str, how: Transformation = "RSA", patches: list[Any] | None = None) -> None:
    """A server's files after the patcher of the pod, with the patches of its ConfigMaps."""
    jar = {"url": "https://repo.example.com/mysql-5.1.49.jar", "sha256": "0" * 64}
    image = f"wso2/wso2ei-integrator:{version}"
    changes = {"version": version, "image": image, "jars": [jar], "patches": patches or []}
    recorder = made(("ei", arguments("PKCS12", how) | changes))
    for name, text, _ in home_files(version):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, newline="")
    table = json.loads(named(recorder, "ConfigMap", "ei-patches")["data"]["patches.json"])["patches"]
    table = [patch for patch in table if '{"from": ' not in json.dumps(patch)]
    if patches:
        table += json.loads(named(recorder, "ConfigMap", "ei-additions")["data"]["patches.json"])["patches"]
    for name, text in named(recorder, "ConfigMap", "ei-programs")["data"].items():
        (folder / name).write_text(text)
    (folder / "patches.json").write_text(json.dumps({"patches": table}))
    command = [sys.executable, "patch_config.py", "--home", str(folder), "--patches", "patches.json"]
    subprocess.run(command, check=True, cwd=folder, timeout=60, env=os.environ | {"POD_IP": "10.0.0.1"})


@pytest.mark.parametrize("version", list(VERSIONS))
def test_files_name_an_alias_as_the_page_shows_it(tmp_path: Path, version: str) -> None:
    (example,) = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "secretAlias" in block]
    settings = EiSettings.model_validate(yaml.safe_load(example)["wso2ei:ei"])
    patched(tmp_path, version, patches=[patch.as_args(PatchArgs) for patch in settings.patches])
    for file, place in (
        (
            "conf/datasources/master-datasources.xml",
            ".//datasource[name='ORDERS_DB']/definition/configuration/password",
        ),
        (
            "conf/axis2/axis2.xml",
            "./transportReceiver[@name='jms']/parameter/parameter[@name='transport.jms.Password']",
        ),
    ):
        root = ElementTree.parse(tmp_path / file).getroot()  # noqa: S314 - made above
        element = root.find(place)
        assert element is not None, file
        assert element.get(f"{{{NAMESPACE}}}secretAlias") in {"Orders.Password", "Broker.Password"}
    # Only on the root element does EI look for the namespace (SecretResolverFactory).
    for file, tag in (
        ("datasources/master-datasources.xml", "datasources-configuration"), ("axis2/axis2.xml", "axisconfig"),
        ("carbon.xml", "Server"), ("user-mgt.xml", "UserManager"),
    ):  # fmt: skip
        root_tag = re.search(rf"<{tag}\b[^>]*>", (tmp_path / "conf" / file).read_text("iso-8859-1"))
        assert root_tag, file
        assert f'xmlns:svns="{NAMESPACE}"' in root_tag[0], file


@pytest.mark.parametrize("version", list(VERSIONS))
@pytest.mark.parametrize("how", ["RSA", OAEP])
def test_secret_conf_says_what_the_cipher_tool_would_write(tmp_path: Path, version: str, how: Transformation) -> None:
    patched(tmp_path, version, how)
    vault.name_passwords(tmp_path / "conf")
    text = (tmp_path / "conf/security/secret-conf.properties").read_text()
    found = {line.key: line.value for line in logical_lines(text) if not line.comment and line.key}
    from_file = "org.wso2.carbon.securevault.DefaultSecretCallbackHandler"
    assert found == {
        "carbon.secretProvider": "org.wso2.securevault.secret.handler.SecretManagerSecretCallbackHandler",
        "secretRepositories": "file",
        "secretRepositories.file.provider": "org.wso2.securevault.secret.repository.FileBaseSecretRepositoryProvider",
        # MiscellaneousUtil.loadProperties puts the home before it.
        "secretRepositories.file.location": "conf/security/cipher-text.properties",
        "secretRepositories.file.algorithm": how,
        "keystore.identity.CipherTransformation": how,
        "keystore.identity.location": "/home/wso2carbon/keystores/keystore",
        "keystore.identity.type": "PKCS12",
        "keystore.identity.alias": "ei",
        "keystore.identity.store.password": "identity.store.password",
        "keystore.identity.store.secretProvider": from_file,
        "keystore.identity.key.password": "identity.key.password",
        "keystore.identity.key.secretProvider": from_file,
    }


def mounts_of(recorder: Recorder, volume: str) -> dict[str, dict[str, Any]]:
    """Who mounts a volume, and how."""
    spec = pod(recorder)
    return {
        item["name"]: mount
        for item in [*spec["initContainers"], *spec["containers"]]
        for mount in item["volumeMounts"]
        if mount["name"] == volume
    }


def test_passwords_lie_in_memory_for_the_server_alone_and_the_secret_for_the_container_that_checks_it() -> None:
    recorder = made(("ei", arguments()))
    spec = pod(recorder)
    names = [item["name"] for item in spec["initContainers"]]
    assert names[names.index("copy-conf") :] == ["copy-conf", "patch-conf", "make-vault", "gather-cars", "gate"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert volumes["vault"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}
    mounts = mounts_of(recorder, "vault")
    assert mounts.keys() == {"make-vault", "ei"}
    assert mounts["ei"] == {
        "name": "vault", "mountPath": "/home/wso2carbon/wso2ei-6.5.0/password-persist", "subPath": "password-persist",
        "readOnly": True,
    }  # fmt: skip
    (cipher,) = [name for name, volume in volumes.items() if volume.get("secret", {}).get("secretName") == "ei-vault"]
    assert mounts_of(recorder, cipher).keys() == {"make-vault"}
    options = next(item["value"] for item in container(spec, "ei")["env"] if item["name"] == "JAVA_OPTS")
    assert "-Dkey.password=true" in options.split()


def test_a_node_without_a_vault_has_nothing_of_it() -> None:
    """Byte for byte: what existing stacks run must not change."""
    recorder = made(("ei", {"keystores": {"secret": "ei-stores"}}))
    for item in recorder.registered:
        text = json.dumps(unwrap(item.inputs))
        for words in ("vault", "key.password=true", "secret-conf", "password-persist", "importkeystore"):
            assert words not in text, f"{item.type} {item.name}: {words}"


def test_another_vault_makes_the_acceptance_check_run_again() -> None:
    def spec_hash(changes: dict[str, Any]) -> Any:
        outputs = made(("ei", arguments() | changes)).component_outputs
        return next(found["spec_hash"] for urn, found in outputs.items() if urn.endswith("::ei"))

    assert spec_hash({}) != spec_hash({"secure_vault": {"secret": "another"}})


def refusals(**changes: Any) -> list[str]:
    problems = addition_problems(version_of("6.5.0"), arguments() | changes)  # type: ignore[arg-type]
    return [f"{problem.field} {problem.expected}" for problem in problems]


def test_a_vault_that_everybody_could_open_is_refused() -> None:
    assert refusals() == []
    (said,) = refusals(keystores=None)
    assert said == "secure_vault needs keystores: WSO2's default key is public and decrypts it"
    assert refusals(secure_vault={"secret": "Not A Name", "key": "a/b"}) == [
        "secure_vault.secret must be the name of a Secret", "secure_vault.key must be a key of the Secret",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "addition",
    [
        {"files": [{"path": "conf/security/secret-conf.properties", "content": "a=b"}]},
        {"files": [{"path": "conf/security/cipher-text.properties", "secret": {"name": "a", "key": "b"}}]},
        # EI reads the first before its own, and renames it; the second it deletes.
        *({"files": [{"path": name, "content": "x"}]} for name in ("password", "password-tmp", "password-persist")),
        {"patches": [{"file": "conf/security/cipher-text.properties", "property": "a", "set": "b"}]},
        {
            "patches": [
                {"file": "conf/security/secret-conf.properties", "property": "keystore.identity.alias", "set": "b"}
            ]
        },
        {
            "patches": [
                {
                    "file": "conf/security/secret-conf.properties",
                    "property": "keystore.identity.key.password",
                    "set_from_secret": {"name": "a", "key": "b"},
                }
            ]
        },
    ],
    ids=lambda value: json.dumps(value)[:70],
)
def test_what_the_vault_is_made_of_is_managed_where_there_is_one(addition: dict[str, Any]) -> None:
    (said,) = refusals(**addition)
    assert re.match(r"(files|patches)\[0\].* must leave .* alone, which ", said)
    assert refusals(secure_vault=None, **addition) == []


def test_an_addition_that_is_wrong_in_two_ways_is_told_once() -> None:
    twice = [{"path": "password-persist"}]
    (said,) = refusals(files=twice)
    assert said.startswith("files[0] needs one of content, secret and config_map")
