"""The secure vault in a node's pod: what checks and places it, and where the server reads it. Pure functions.

The cipher texts come from a Secret that exists, configuration and passwords from what the keystores say. The file of
passwords lies in memory, belongs to the server's user and to nobody else, and is mounted read-only: EI never writes it.
Without a vault the pod has none of these parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi_kubernetes as k8s

from components import common
from components.ei_additions import STORES, Additions
from components.wso2ei.patches import Keystores, Patch
from components.wso2ei.vault import JAVA_OPTIONS, PASSWORD_FILE, key, transformation, vault_patches

_CIPHER, _MADE, _KEY = "/cipher", "/vault", "key-of-vault"
_ALIAS = "wso2carbon"
_PROGRAMS = ("vault.py", "vault_key.py")


def programs(additions: Additions) -> Sequence[str]:
    """What ``containers`` runs, of ``components/in_pod``."""
    return _PROGRAMS if additions.vault else ()


def java_options(additions: Additions) -> Sequence[str]:
    """How the server reads the file of passwords."""
    return JAVA_OPTIONS if additions.vault else ()


def patches(additions: Additions, stores: Keystores | None) -> list[Patch]:
    """``secret-conf.properties``, for the patcher."""
    return vault_patches(stores, transformation(additions.vault)) if additions.vault and stores else []


def copy_script(additions: Additions) -> str:
    """Shell, behind the copy of the stores: the key in the one format that a program without libraries can read.

    Protected by the same passwords; the program that reads it removes it.
    """
    own = additions.keystores
    if not (additions.vault and own):
        return ""
    to, passwords = f"/work/keystores/{_KEY}", ("store", "key")
    opened = " ".join(f"-src{what}pass:file {STORES}/{_file(what)}" for what in passwords)
    closed = " ".join(f"-dest{what}pass:file {STORES}/{_file(what)}" for what in passwords)
    return f"""rm -f {to}
store={own.get("keystore") or "keystore.jks"}
opens -importkeystore -noprompt -srckeystore /work/keystores/keystore -srcstoretype {own.get("type") or "JKS"} \\
    -srcalias {own.get("alias") or _ALIAS} {opened} \\
    -destkeystore {to} -deststoretype JKS {closed}
chmod 600 {to}
"""


def _file(what: str) -> str:
    return {"store": "keystore-password", "key": "key-password"}[what]


def containers(additions: Additions, image: str) -> list[k8s.core.v1.ContainerArgs]:
    """The container that says what is wrong with the vault, and puts it into place; behind the patcher."""
    vault, own = additions.vault, additions.keystores
    if not (vault and own):
        return []
    named = ["--from", vault["secret"], "--key", key(vault), "--alias", own.get("alias") or _ALIAS]
    container = k8s.core.v1.ContainerArgs(
        name="make-vault",
        image=image,
        command=["python", f"{common.IN_POD_MOUNT}/vault.py"],
        args=[*named, "--transformation", transformation(vault), "--cipher", _CIPHER, "--stores", STORES,
              "--keystore", f"/work/keystores/{_KEY}", "--conf", "/work/conf", "--to", _MADE],
        security_context=common.container_security(),
        resources=common.resources("20m", "64Mi"),
        volume_mounts=[
            common.mount("work", "/work/conf", sub_path="conf"),
            common.mount("work", "/work/keystores", sub_path="keystores"),
            common.mount("programs", common.IN_POD_MOUNT, read_only=True),
            common.mount("vault", _MADE),
            additions.secret_mount(vault["secret"], _CIPHER),
            *additions.store_mounts(),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )  # fmt: skip
    return [container]


def server_mounts(additions: Additions, home: str) -> list[k8s.core.v1.VolumeMountArgs]:
    """The file of passwords, and nothing beside it."""
    if not additions.vault:
        return []
    return [common.mount("vault", f"{home}/{PASSWORD_FILE}", sub_path=PASSWORD_FILE, read_only=True)]


def volumes(additions: Additions) -> list[k8s.core.v1.VolumeArgs]:
    """Where the file of passwords lies."""
    return [common.empty_dir("vault", "1Mi", memory=True)] if additions.vault else []
