"""Stand-in for docker.io/library/mysql:8.4: the newest MySQL of Debian, under the official image's user and paths.

What 8.4 rejects (``default_authentication_plugin``, ``GRANT ... IDENTIFIED BY``), 9.x rejects too; it also has no
``mysql_native_password`` at all, which 8.4 has switched off.
"""

from __future__ import annotations

from pathlib import Path

from embedded.images.debian import debian_layer
from embedded.images.spec import File, Image, accounts, files_layer

_HERE = Path(__file__).parent
_UNUSED = (
    "/usr/bin/myisam*", "/usr/bin/mysqlslap", "/usr/bin/mysqlimport", "/usr/bin/mysqlshow", "/usr/bin/ibd2sdi",
    "/usr/bin/innochecksum", "/usr/bin/mysql_migrate_keyring", "/usr/bin/perror", "/usr/bin/mysql_secure_installation",
    "/usr/lib/mysql/plugin/telemetry_client.so", "/usr/lib/mysql/plugin/authentication_oci_client.so",
)  # fmt: skip


def _files() -> list[File]:
    return [
        *accounts(("mysql", 999, "/var/lib/mysql")),
        File("usr/local/bin/mysqld", (_HERE / "mysqld").read_text(), 0o755),
        File("usr/local/bin/docker-entrypoint.sh", (_HERE / "docker-entrypoint.sh").read_text(), 0o755),
        *(File(path, None, 0o1777, 999) for path in ("var/lib/mysql", "var/run/mysqld", "var/lib/mysql-files")),
        File("docker-entrypoint-initdb.d", None, 0o755),
    ]


IMAGES = [
    Image(
        # The second name is a team's copy, in a registry with a login.
        tuple(f"{name}/library/mysql:8.4.10" for name in ("docker.io", "registry.wso2.com")),
        (
            debian_layer("mysql", "sid", ("mysql-server-core", "mysql-client-core"), _UNUSED),
            files_layer("mysql-names", _files),
        ),
        ("docker-entrypoint.sh",),
        ("mysqld",),
        environment={"MYSQL_MAJOR": "8.4", "MYSQL_VERSION": "8.4.10-stand-in"},
        ports=(3306, 33060),
    )
]
