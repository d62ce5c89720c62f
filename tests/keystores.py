"""Keystores by the real keytool and what is encrypted for their key, for tests that have a JDK."""

from __future__ import annotations

import base64
import functools
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_der_x509_certificate

from components.wso2ei.args import Transformation

OAEP: Transformation = "RSA/ECB/OAEPwithSHA1andMGF1Padding"
STORE_PASSWORD, KEY_PASSWORD = "of-the-store-9", "of-the-key-8"
QUICK = ("-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC")
"""Halves the CPU time of a JVM that runs for a second; what it leaves out pays later."""
needs_keytool = pytest.mark.skipif(not shutil.which("keytool"), reason="needs a JDK")


def keytool(folder: Path, *arguments: str) -> bytes:
    """What it prints, with paths below ``folder``."""
    done = subprocess.run(["keytool", *QUICK, *arguments], cwd=folder, check=False, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def put_keytool(folder: Path) -> None:
    """The real keytool in ``folder``, for a script that has it first on its PATH."""
    file = folder / "keytool"
    file.write_text(f'#!/bin/sh\nexec {shutil.which("keytool")} {" ".join(QUICK)} "$@"\n')
    file.chmod(0o755)


@functools.cache
def public_key(folder: Path, password: str) -> RSAPublicKey:
    """Of the key ``ei`` in ``keystore.jks``."""
    der = keytool(folder, "-exportcert", "-alias", "ei", "-keystore", "keystore.jks", "-storepass", password)
    key = load_der_x509_certificate(der).public_key()
    assert isinstance(key, RSAPublicKey)
    return key


def make_stores(folder: Path, kind: str, algorithm: str = "RSA") -> Path:
    """Both stores and their passwords, as the Secret of ``keystores`` holds them, and the cluster's CA."""
    key = STORE_PASSWORD if kind == "PKCS12" else KEY_PASSWORD
    passwords = {"keystore": STORE_PASSWORD, "key": key, "truststore": STORE_PASSWORD}
    for name, text in passwords.items():
        # A line end is behind many a password that was a file.
        (folder / f"{name}-password").write_text(f"{text}\n")
    for name, opens in (("keystore", key), ("client-truststore", STORE_PASSWORD)):
        keytool(folder, "-genkeypair", "-alias", "ei", "-dname", "CN=ei", "-keyalg", algorithm, "-validity", "9",
                "-keystore", f"{name}.jks", "-storetype", kind, "-storepass", STORE_PASSWORD,
                *(["-keypass", opens] if kind == "JKS" else []))  # fmt: skip
    keytool(folder, "-exportcert", "-rfc", "-alias", "ei", "-keystore", "keystore.jks", "-storepass", STORE_PASSWORD,
            "-file", "ca.crt")  # fmt: skip
    return folder


def encrypted(stores: Path, plain: str, how: Transformation = "RSA") -> str:
    """As WSO2's cipher tool does it: for the certificate's key, in base64."""
    return cipher_text(public_key(stores, STORE_PASSWORD), plain, how)


def cipher_text(key: RSAPublicKey, plain: str, how: Transformation) -> str:
    """The text for a key, in base64."""
    sha1 = hashes.SHA1()  # noqa: S303 - that of the transformation
    way = padding.OAEP(padding.MGF1(sha1), sha1, None) if how == OAEP else padding.PKCS1v15()
    return base64.b64encode(key.encrypt(plain.encode(), way)).decode()
