"""Checks the cipher texts of WSO2's secure vault and places them; runs in a pod: standard library, and openssl.

    python vault.py --cipher DIR --key FILE --from NAME --stores DIR --keystore FILE --alias NAME \\
        --transformation T --conf DIR --to DIR

``--cipher`` holds the Secret called ``--from``, and in it the file of cipher texts, ``--key``. ``--keystore`` is a copy
of the key in PKCS12, which is removed; ``--stores`` holds what opens it. The cipher texts go to
``security/cipher-text.properties`` below ``--conf``, which is patched already, and both passwords, a line each, to
``password-persist`` below ``--to``.

EI would start with a value that does not decrypt, or with none at all, and use the alias in its place (see
``wso2ei/vault.py``). So every value is decrypted here, to nothing, the aliases that the files of ``--conf`` name are
looked up, and all that do not fit are reported. Neither values nor passwords are ever printed.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

try:
    from components.in_pod.properties_patch import logical_lines, patch_properties
except ImportError:  # inside a pod all programs are in one folder
    from properties_patch import logical_lines, patch_properties  # type: ignore[import-not-found,no-redef]

PASSWORD_NAMES = {
    "keystore.identity.store.password": "identity.store.password",
    "keystore.identity.key.password": "identity.key.password",
}
"""Keys of ``secret-conf.properties``: the names of EI's two passwords, not the passwords."""
_ALIAS = "{http://org.wso2.securevault/configuration}secretAlias"


_PADDINGS = {"RSA": "none", "RSA/ECB/OAEPwithSHA1andMGF1Padding": "oaep"}
"""What openssl removes. PKCS #1 1.5, which a JVM means by ``RSA`` alone, is looked at here: from 3.2 on openssl answers
a wrong one with random bytes in place of an error (implicit rejection)."""


class VaultError(Exception):
    """A vault that EI could not use, with the way out."""


class Key:
    """A private key in a PKCS12 file; openssl reads it, and it is never written in plain."""

    def __init__(self, store: Path, password: str) -> None:
        """Raises ``VaultError`` for a file that does not open, and for a key of another kind than RSA."""
        self._store, self._password = store, password
        # What JDK 8 encrypts with (RC2, 40 bits) is in openssl's legacy provider, which an image need not have.
        for providers in ((), ("-provider", "legacy", "-provider", "default")):
            self._providers = providers
            done = self._openssl("pkey", "-in", str(store), "-inform", "P12", "-noout", "-text_pub")
            if done.returncode == 0:
                break
        if done.returncode != 0:
            last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
            raise VaultError(f"cannot be read: {last}")
        if b"Modulus:" not in done.stdout:
            raise VaultError("is no RSA key, and EI's vault supports no other")

    def decrypt(self, cipher: bytes, transformation: str) -> bytes | None:
        """The plain text; ``None`` for what was not encrypted for this key, or not by this transformation."""
        padding = f"rsa_padding_mode:{_PADDINGS[transformation]}"
        done = self._openssl("pkeyutl", "-decrypt", "-inkey", str(self._store), "-pkeyopt", padding, data=cipher)
        if done.returncode != 0:
            return None
        return done.stdout if padding.endswith("oaep") else _without_padding(done.stdout)

    def _openssl(self, command: str, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        read, write = os.pipe()
        os.write(write, self._password.encode() + b"\n")
        os.close(write)
        words = ["openssl", command, *self._providers, *arguments, "-passin", f"fd:{read}"]
        try:
            return subprocess.run(words, input=data, check=False, capture_output=True, pass_fds=[read], timeout=60)
        except FileNotFoundError:
            raise VaultError("cannot be read: images.python has no openssl, as docker.io/library/python has") from None
        finally:
            os.close(read)


def _without_padding(block: bytes) -> bytes | None:
    """PKCS #1 1.5: two bytes, at least eight others that are not zero, a zero, the text."""
    end = block.find(b"\0", 2)
    return block[end + 1 :] if block[:2] == b"\0\2" and end >= 10 else None


def password(stores: Path, key: str) -> str:
    """What opens a store or a key, as ``keytool -storepass:file`` reads it. Raises ``VaultError``."""
    text = (stores / key).read_bytes().rstrip(b"\r\n")
    if not text or not text.isascii() or b"\n" in text or b"\r" in text:
        raise VaultError(f"{key} must be one line of ASCII characters: EI reads its file by the platform's charset")
    return text.decode()


def cipher_texts(file: Path, secret: str) -> dict[str, str]:
    """Cipher text of each alias; none where mediations alone use the vault. Raises ``VaultError`` without the file."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        others = sorted(path.name for path in file.parent.iterdir() if not path.name.startswith("..")) or ["none"]
        raise VaultError(
            f"Secret {secret} has no key {file.name}, which secureVault needs; its keys: {', '.join(others)}"
        ) from None
    lines = logical_lines(data.decode("iso-8859-1"))
    return {line.key: line.value.strip() for line in lines if not line.comment and line.key}


def misfits(texts: dict[str, str], key: Key, transformation: str, alias: str) -> Iterator[str]:
    """What EI would not decrypt, in words that hold no value."""
    for name, text in sorted(texts.items()):
        if "[" in text:
            yield f"{name} is plain text in brackets, which is not encrypted yet"
            continue
        try:
            plain = key.decrypt(base64.b64decode(text, validate=True), transformation)
        except (binascii.Error, ValueError):
            yield f"{name} is not base64"
            continue
        if plain is None:
            yield f"{name} does not decrypt with the key {alias}, by {transformation}"
        elif not plain:
            yield f"{name} is empty once it is decrypted"


def unknown(conf: Path, texts: dict[str, str]) -> Iterator[str]:
    """Return the aliases that a file names and no file of the vault has. A file that is no XML is left to EI."""
    for file in sorted(conf.rglob("*.xml")):
        try:
            elements = list(ElementTree.parse(file).iter())  # noqa: S314 - the node's own files
        except ElementTree.ParseError:
            continue
        for alias in sorted({name for element in elements if (name := element.get(_ALIAS))} - texts.keys()):
            yield f"{alias} is missing, which conf/{file.relative_to(conf).as_posix()} names"


def place(target: Path, data: bytes, mode: int) -> None:
    """Write a file that no other user can read at any time; also in place of an older one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_bytes(data)
    fresh.chmod(mode)
    fresh.replace(target)


def name_passwords(conf: Path) -> None:
    """The two keys of ``secret-conf.properties`` that look like passwords; the patcher has set all others."""
    file = conf / "security" / "secret-conf.properties"
    data = file.read_bytes()
    for name, value in PASSWORD_NAMES.items():
        data = patch_properties(data, {"property": name, "set": value})
    file.write_bytes(data)


def make(args: argparse.Namespace) -> int:
    """Check, and put into place; how many secrets there are. Raises ``VaultError``."""
    store_password, key_password = (password(args.stores, f"{which}-password") for which in ("keystore", "key"))
    try:
        key = Key(args.keystore, store_password)
    except VaultError as error:
        raise VaultError(f"the key {args.alias} of the keystore {error}") from error
    texts = cipher_texts(args.cipher / args.key, args.source)
    found = [*misfits(texts, key, args.transformation, args.alias), *unknown(args.conf, texts)]
    if found:
        raise VaultError(
            f"{args.key} of Secret {args.source}: {'; '.join(found)}. EI would use the alias as the password. "
            "Encrypt them again for this key: docs/ei-versions.md, secure vault"
        )
    name_passwords(args.conf)
    place(args.conf / "security" / "cipher-text.properties", (args.cipher / args.key).read_bytes(), 0o600)
    place(args.to / "password-persist", f"{store_password}\n{key_password}\n".encode(), 0o400)
    return len(texts)


def main(arguments: list[str] | None = None) -> int:
    """Make the vault; exit code 1 with everything that is wrong with it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("cipher", "stores", "keystore", "conf", "to"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("key", "alias", "transformation"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--from", dest="source", required=True, help="name of the Secret")
    args = parser.parse_args(arguments)
    try:
        number = make(args)
    except VaultError as error:
        print(f"vault: {error}", file=sys.stderr)
        return 1
    finally:
        args.keystore.unlink(missing_ok=True)
    print(f"vault: {number} secrets, all for the key {args.alias}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
