"""WSO2's secure vault on a node: its configuration as patches, and what users must leave to it. Pure.

How EI 6.2.0 to 6.6.0 read it (wso2/carbon-kernel v4.4.26 to v4.5.3, DefaultSecretCallbackHandler and
SecretManagerInitializer; wso2/carbon-secvault, branch 1.x; wso2/carbon-mediation v4.6.67 to v4.7.30,
CipherInitializer):

* ``conf/security/secret-conf.properties`` names keystore, alias, and the file of cipher texts, relative to the home.
* The passwords come from the first of ``password``, ``password-tmp`` and ``password-persist`` in the home. EI renames
  the first, deletes the second, and only reads the third: at every start, from a place that may be read-only. Its
  second line is the key's password with ``-Dkey.password=true``; else the key's is that of the store.
* A value that does not decrypt becomes an empty one, which is not logged, and for an empty or missing one EI takes the
  alias itself. So a node checks them all before its server starts (``in_pod/vault.py``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from components.in_pod.vault import PASSWORD_NAMES
from components.shared.problems import Problem
from components.wso2ei.args import AdditionsArgs, KeystoresArgs, SecureVaultArgs, Transformation
from components.wso2ei.files import AXIS2, CARBON, USERS, Patch
from components.wso2ei.keystores import store_alias, store_type

SECRET_CONF, CIPHER_TEXT = "conf/security/secret-conf.properties", "conf/security/cipher-text.properties"
PASSWORD_FILE = "password-persist"  # noqa: S105 - the name of a file
"""In the server's home."""
_ROOTS = {AXIS2: "axisconfig", CARBON: "Server", USERS: "UserManager"}
_SOURCES_OF_PASSWORDS = ("password", "password-tmp", PASSWORD_FILE)
NAMESPACE = "http://org.wso2.securevault/configuration"
"""Of ``svns:secretAlias``."""
JAVA_OPTIONS = ("-Dkey.password=true",)
"""The key's password may differ from the store's."""
PUBLIC_KEY = "WSO2's default key is public and decrypts it"
"""Why there is no vault without keystores."""
_FROM_FILE = "org.wso2.carbon.securevault.DefaultSecretCallbackHandler"


def transformation(vault: SecureVaultArgs) -> Transformation:
    """How the cipher texts were made."""
    return vault.get("transformation") or "RSA"


def key(vault: SecureVaultArgs) -> str:
    """Key of the cipher texts in their Secret."""
    return vault.get("key") or "cipher-text.properties"


def vault_patches(stores: KeystoresArgs, keystore: str, how: Transformation) -> list[Patch]:
    """``secret-conf.properties`` as WSO2's cipher tool writes it, for the user's stores; nothing in it is secret.

    But for two keys, which look like passwords and are none: ``in_pod/vault.py`` adds them.
    And the namespace of aliases on the root of files whose own have none: only there does EI look for it.
    ``master-datasources.xml`` has it already.
    """
    values = {
        "carbon.secretProvider": "org.wso2.securevault.secret.handler.SecretManagerSecretCallbackHandler",
        "secretRepositories": "file",
        "secretRepositories.file.provider": "org.wso2.securevault.secret.repository.FileBaseSecretRepositoryProvider",
        "secretRepositories.file.location": CIPHER_TEXT,
        # Files and mediations read their transformation from different keys.
        "secretRepositories.file.algorithm": how,
        "keystore.identity.CipherTransformation": how,
        "keystore.identity.location": keystore,
        "keystore.identity.type": store_type(stores),
        "keystore.identity.alias": store_alias(stores),
        "keystore.identity.store.secretProvider": _FROM_FILE,
        "keystore.identity.key.secretProvider": _FROM_FILE,
    }
    return [
        *({"file": SECRET_CONF, "property": name, "set": value} for name, value in values.items()),
        *({"file": file, "path": root, "attributes": {"xmlns:svns": NAMESPACE}} for file, root in _ROOTS.items()),
    ]


def managed_vault_patches() -> list[Patch]:
    """The same and what the pod adds, with values of no meaning: what users leave alone."""
    names = [{"file": SECRET_CONF, "property": name, "set": ""} for name in PASSWORD_NAMES]
    return [*vault_patches({"secret": ""}, "", "RSA"), *names]


def vault_problems(args: AdditionsArgs) -> Iterator[Problem]:
    """A vault whose key is public, invalid names, and additions that would undo it."""
    vault = args.get("secure_vault")
    if not vault:
        return
    if not args.get("keystores"):
        yield Problem(("secure_vault",), f"needs keystores: {PUBLIC_KEY}")
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", vault["secret"]):
        yield Problem(("secure_vault", "secret"), "must be the name of a Secret")
    if not re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key(vault)):
        yield Problem(("secure_vault", "key"), "must be a key of the Secret")
    for index, file in enumerate(args.get("files") or ()):
        if file["path"] in {SECRET_CONF, CIPHER_TEXT, *_SOURCES_OF_PASSWORDS}:
            yield Problem(("files", index, "path"), f"must leave {file['path']} alone, which secure_vault manages")
    for index, patch in enumerate(args.get("patches") or ()):
        if patch["file"] == CIPHER_TEXT:
            yield Problem(("patches", index), f"must leave {CIPHER_TEXT} alone, which secure_vault manages")
