"""The secure vault in a node's pod: what checks and places it, and where the server reads it. Pure functions.

The cipher texts come from a Secret that exists, configuration and passwords from what the keystores say. The file of
passwords is in memory, readable by the server's user only, and mounted read-only: EI never writes it.
Without a vault the pod has none of these parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi_kubernetes as k8s

from components.ei import work
from components.ei.additions import STORES, Additions
from components.shared import pods
from components.shared.volumes import IN_POD_MOUNT, empty_dir, mount
from components.wso2ei.args import KeystoresArgs, SecureVaultArgs
from components.wso2ei.files import Patch
from components.wso2ei.keystores import store_alias, store_key, store_type
from components.wso2ei.vault import JAVA_OPTIONS, PASSWORD_FILE, key, transformation, vault_patches

_CIPHER, _MADE = "/cipher", "/vault"
_KEY = f"{work.STORES}/key-of-vault"


def programs(vault: SecureVaultArgs | None) -> Sequence[str]:
    """What ``containers`` runs, of ``components/in_pod``."""
    return ("vault.py",) if vault else ()


def java_options(vault: SecureVaultArgs | None) -> Sequence[str]:
    """How the server reads the file of passwords."""
    return JAVA_OPTIONS if vault else ()


def patches(vault: SecureVaultArgs | None, stores: KeystoresArgs | None, keystore: str) -> list[Patch]:
    """``secret-conf.properties``, for the patcher."""
    return vault_patches(stores, keystore, transformation(vault)) if vault and stores else []


def copy_script(additions: Additions) -> str:
    """Shell, after the copy of the stores: the key in PKCS12, which openssl reads, under the store's password.

    The program that reads it removes it.
    """
    own = additions.keystores
    if not (additions.vault and own):
        return ""
    return f"""rm -f {_KEY}
store={store_key(own, "keystore")}
opens -importkeystore -noprompt -srckeystore {work.STORES}/keystore -srcstoretype {store_type(own)} \\
    -srcalias {store_alias(own)} -srcstorepass:file {STORES}/keystore-password \\
    -srckeypass:file {STORES}/key-password -destkeystore {_KEY} -deststoretype PKCS12 \\
    -deststorepass:file {STORES}/keystore-password -destkeypass:file {STORES}/keystore-password
chmod 600 {_KEY}
"""


def containers(additions: Additions, image: str) -> list[k8s.core.v1.ContainerArgs]:
    """The container that checks the vault and puts it into place; after the patcher."""
    vault, own = additions.vault, additions.keystores
    if not (vault and own):
        return []
    named = ["--from", vault["secret"], "--key", key(vault), "--alias", store_alias(own)]
    container = k8s.core.v1.ContainerArgs(
        name="make-vault",
        image=image,
        command=["python", f"{IN_POD_MOUNT}/vault.py"],
        args=[*named, "--transformation", transformation(vault), "--cipher", _CIPHER, "--stores", STORES,
              "--keystore", _KEY, "--conf", work.CONF, "--to", _MADE],
        security_context=pods.container_security(),
        resources=pods.resources("20m", "64Mi"),
        volume_mounts=[
            work.conf_mount(),
            work.stores_mount(),
            mount("programs", IN_POD_MOUNT, read_only=True),
            mount("vault", _MADE),
            additions.secret_mount(vault["secret"], _CIPHER),
            *additions.store_mounts(),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )  # fmt: skip
    return [container]


def server_mounts(additions: Additions, home: str) -> list[k8s.core.v1.VolumeMountArgs]:
    """The file of passwords alone."""
    if not additions.vault:
        return []
    return [mount("vault", f"{home}/{PASSWORD_FILE}", sub_path=PASSWORD_FILE, read_only=True)]


def volumes(additions: Additions) -> list[k8s.core.v1.VolumeArgs]:
    """The volume of the file of passwords."""
    return [empty_dir("vault", "1Mi", memory=True)] if additions.vault else []
