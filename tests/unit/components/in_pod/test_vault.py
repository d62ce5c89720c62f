"""The program that checks and places the secure vault's cipher texts, on Secrets of every kind."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from components.in_pod import vault
from components.wso2ei.vault import NAMESPACE
from tests.keystores import KEY_PASSWORD, OAEP, STORE_PASSWORD, encrypted, keytool, make_stores, needs_keytool

PAGE = (Path(__file__).parents[4] / "docs/ei-versions.md").read_text().partition("### Secure vault")[2]
pytestmark = needs_keytool


@pytest.fixture(scope="module")
def jks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_stores(tmp_path_factory.mktemp("jks"), "JKS")


@pytest.fixture(scope="module")
def pkcs12(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_stores(tmp_path_factory.mktemp("pkcs12"), "PKCS12")


class Checked(NamedTuple):
    """What the program said of a Secret's content."""

    code: int
    said: str
    passwords: bool
    key_left: bool


def key_of(stores: Path, key: Path, *options: str) -> None:
    """The key in PKCS12, as ``copy-conf`` makes it."""
    keytool(stores, "-importkeystore", "-noprompt", "-srckeystore", "keystore.jks", "-srcalias", "ei",
            "-srcstorepass", STORE_PASSWORD, "-srckeypass", KEY_PASSWORD, "-destkeystore", str(key),
            "-deststoretype", "PKCS12", "-deststorepass", STORE_PASSWORD, "-destkeypass", STORE_PASSWORD,
            *options)  # fmt: skip


def checked(
    folder: Path, stores: Path, text: str | None, capsys: pytest.CaptureFixture[str], file: str = "<a/>"
) -> Checked:
    for name in ("cipher", "conf", "conf/security"):
        (folder / name).mkdir()
    (folder / "conf/security/secret-conf.properties").write_text("")
    (folder / "conf/a.xml").write_text(file)
    key = folder / "key-of-vault"
    if not (stores / "key.p12").exists():
        key_of(stores, stores / "key.p12")
    shutil.copy(stores / "key.p12", key)
    name = "cipher.txt" if text is None else "cipher-text.properties"
    (folder / "cipher" / name).write_text(text or "")
    words = {
        "cipher": folder / "cipher", "stores": stores, "keystore": key, "conf": folder / "conf", "to": folder / "to",
        "key": "cipher-text.properties", "from": "ei-vault", "alias": "ei", "transformation": "RSA",
    }  # fmt: skip
    code = vault.main([f"--{name}={value}" for name, value in words.items()])
    out, err = capsys.readouterr()
    return Checked(code, out + err, (folder / "to").exists(), Path(key).exists())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Orders.Password=[open sesame]", "Orders.Password is plain text in brackets, which is not encrypted yet"),
        ("Orders.Password=", "Orders.Password does not decrypt with the key ei, by RSA"),
        ("Orders.Password=open-sesame!", "Orders.Password is not base64"),
        ("Orders.Password={short}", "Orders.Password does not decrypt with the key ei, by RSA"),
        ("Orders.Password={other}", "Orders.Password does not decrypt with the key ei, by RSA"),
        ("Orders.Password={oaep}", "Orders.Password does not decrypt with the key ei, by RSA"),
        ("Orders.Password={nothing}", "Orders.Password is empty once it is decrypted"),
        ("A={other}\nB={good}\nC=[x]", "A does not decrypt with the key ei, by RSA; C is plain text in brackets"),
        (None, "no key cipher-text.properties, which secureVault needs; its keys: cipher.txt"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_secret_that_ei_would_take_its_alias_for_stops_the_pod_and_is_named(
    tmp_path: Path, jks: Path, pkcs12: Path, text: str | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {
        "{good}": encrypted(jks, "open sesame"),
        "{other}": encrypted(pkcs12, "open sesame"),
        "{oaep}": encrypted(jks, "open sesame", OAEP),
        "{nothing}": encrypted(jks, ""),
        "{short}": base64.b64encode(b"open sesame").decode(),
    }
    for name, value in values.items():
        text = text.replace(name, value) if text is not None else None
    done = checked(tmp_path, jks, text, capsys)
    assert (done.code, done.passwords, done.key_left) == (1, False, False)
    assert "Secret ei-vault" in done.said
    assert words in done.said
    assert not any(secret in done.said for secret in ("sesame", STORE_PASSWORD, KEY_PASSWORD, *values.values()))


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ('<b s:secretAlias="Other"/><b s:secretAlias="A"/>', "Other is missing, which conf/a.xml names"),
        ('<!--b s:secretAlias="Other"/--><b s:secretAlias="A" secretAlias="Other"/>', None),
        ('<b s:secretAlias="Other">', None),
    ],
)
def test_an_alias_that_a_file_names_and_nobody_encrypted_stops_the_pod_too(
    tmp_path: Path, jks: Path, file: str, words: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"A={encrypted(jks, 'open sesame')}\n"
    done = checked(tmp_path, jks, text, capsys, f'<a xmlns:s="{NAMESPACE}">{file}</a>')
    assert (done.code, done.passwords) == ((1, False) if words else (0, True))
    assert (words or "all for the key") in done.said


def test_a_vault_for_mediations_alone_needs_no_alias(
    tmp_path: Path, jks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = checked(tmp_path, jks, "# in the registry\n", capsys)
    assert (done.code, done.passwords, done.said) == (0, True, "vault: 0 secrets, all for the key ei\n")


def test_the_commands_of_the_page_make_cipher_texts_that_fit(
    tmp_path: Path, jks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (script,) = [block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if "openssl" in block]
    shutil.copy(jks / "ca.crt", tmp_path / "gateway.pem")
    script = script.partition("kubectl ")[0]
    command, values = ["bash", "-euo", "pipefail", "-c", script], "open sesame\n&<>$(id)\n"
    subprocess.run(command, cwd=tmp_path, check=True, input=values, text=True, timeout=60, capture_output=True)
    text = (tmp_path / "cipher-text.properties").read_text()
    assert [line.partition("=")[0] for line in text.splitlines()] == ["Orders.Password", "Broker.Password"]
    done = checked(tmp_path, jks, text, capsys)
    assert (done.code, done.said) == (0, "vault: 2 secrets, all for the key ei\n")


def test_a_key_that_the_vault_cannot_use_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stores = tmp_path / "ec"
    stores.mkdir()
    done = checked(tmp_path, make_stores(stores, "JKS", "EC"), "A=b\n", capsys)
    assert "the key ei of the keystore is no RSA key" in done.said


def test_the_pkcs12_of_old_jdks_opens_too(tmp_path: Path, jks: Path) -> None:
    """JDK 8 and older builds of 11 encrypt certificates with RC2 (keystore.pkcs12.legacy in newer ones)."""
    key_of(jks, tmp_path / "old", "-J-Dkeystore.pkcs12.legacy")
    listed = ("pkcs12", "-in", str(tmp_path / "old"), "-passin", f"pass:{STORE_PASSWORD}", "-noout")
    assert subprocess.run(["openssl", *listed], check=False, capture_output=True, timeout=60).returncode != 0
    key = vault.Key(tmp_path / "old", STORE_PASSWORD)
    assert key.decrypt(base64.b64decode(encrypted(jks, "open sesame")), "RSA") == b"open sesame"


def test_a_key_that_does_not_open_or_an_image_without_openssl_is_reported(
    tmp_path: Path, jks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_of(jks, tmp_path / "key")
    with pytest.raises(vault.VaultError, match="cannot be read: ") as caught:
        vault.Key(tmp_path / "key", "another")
    assert "another" not in str(caught.value)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(vault.VaultError, match=r"images\.python has no openssl"):
        vault.Key(tmp_path / "key", STORE_PASSWORD)


@pytest.mark.parametrize("text", ["zwei\nZeilen", "Schlüssel", ""])
def test_a_password_that_ei_would_read_as_another_one_is_refused(
    jks: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = tmp_path / "stores"
    shutil.copytree(jks, stores)
    (stores / "key-password").write_text(text)
    done = checked(tmp_path, stores, f"A={encrypted(jks, 'x')}\n", capsys)
    assert (done.code, done.key_left) == (1, False)
    assert "key-password must be one line of ASCII characters" in done.said
    assert text == "" or text not in done.said
