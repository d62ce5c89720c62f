"""A company's directory in a namespace of its own: the real slapd, over TLS alone, with one account for EI."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from components.nginx.tls import KeyPair
from embedded.cluster import components, names
from embedded.images.debian import mirror
from embedded.paths import cache_dir
from embedded.progress import Reporter
from embedded.toolchain import ensure_debian
from tests.e2e.machine import Machine

NAMESPACE = "directory"
HOST, PORT = f"ldap.{NAMESPACE}.svc", 1636
DOMAIN = "EXAMPLE.COM"
ACCOUNT = "cn=ei,ou=services,dc=example,dc=com"
_ROOT = "/var/lib/slapd"
"""Where the node has Debian's package, with the libraries that it needs."""
_PYTHON = "docker.io/library/python:3.13.11-slim-trixie"
_CONF = f"""
include {_ROOT}/etc/ldap/schema/core.schema
include {_ROOT}/etc/ldap/schema/cosine.schema
include {_ROOT}/etc/ldap/schema/inetorgperson.schema
modulepath {_ROOT}/usr/lib/ldap
moduleload back_mdb
pidfile /data/slapd.pid
TLSCertificateFile /config/tls.crt
TLSCertificateKeyFile /config/tls.key
database mdb
maxsize 16777216
suffix "dc=example,dc=com"
directory /data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{ACCOUNT}" read by anonymous auth by * none
"""
_ENTRIES = """dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: example

dn: ou=services,dc=example,dc=com
objectClass: organizationalUnit

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit

dn: cn=ei,ou=services,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
userPassword: {account}

dn: uid=ada,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
cn: Ada
sn: Lovelace
userPassword: {ada}

dn: uid=bob,ou=people,dc=example,dc=com
objectClass: inetOrgPerson
cn: Bob
sn: Other
userPassword: {bob}

dn: cn=integration,ou=groups,dc=example,dc=com
objectClass: groupOfNames
member: uid=ada,ou=people,dc=example,dc=com
"""
_START = f"""
libraries={_ROOT}/lib/x86_64-linux-gnu
loader="$libraries/ld-linux-x86-64.so.2 --library-path $libraries:{_ROOT}/usr/lib/x86_64-linux-gnu"
slapd() {{ exec $loader {_ROOT}/usr/sbin/slapd "$@"; }}
(slapd -Tadd -f /config/slapd.conf -l /config/entries.ldif) && slapd -f /config/slapd.conf -h ldaps://:{PORT} -d 0
"""


def start(machine: Machine, pair: KeyPair, passwords: dict[str, str]) -> None:
    """Run it, and wait until it answers.

    :param passwords: of EI's ``account``, and of the users ``ada`` (in the group ``integration``) and ``bob``.
    """
    folder = components.host_path(names.current(), 1, _ROOT)
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", str(_package()), str(folder)], check=True, timeout=60)
    files = {"slapd.conf": _CONF, "entries.ldif": _ENTRIES.format(**passwords)}
    files |= {"tls.crt": pair.certificate, "tls.key": pair.key}
    machine.apply([
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        _object("Secret", stringData=files),
        _object("Service", spec={"selector": {"app": "ldap"}, "ports": [{"port": PORT}]}),
        _object("Pod", spec=_pod()),
    ])  # fmt: skip
    wait = ["kubectl", "-n", NAMESPACE, "wait", "--for=condition=Ready", "pod/ldap", "--timeout=100s"]
    machine.run(wait, env=machine.environment).ok()


def _package() -> Path:
    """Debian's package with what it needs, unpacked once for this machine."""
    unpacked = cache_dir() / "slapd-bookworm"
    if not unpacked.exists():
        ensure_debian(["mmdebstrap"], Reporter())
        partial = unpacked.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        options = ["--variant=extract", "--include=slapd", '--aptopt=Acquire::Check-Valid-Until "false"']
        command = ["mmdebstrap", *options, "bookworm", str(partial), f"deb {mirror()} bookworm main"]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        partial.rename(unpacked)
    return unpacked


def stop(machine: Machine) -> None:
    """Delete it."""
    words = ["namespace", NAMESPACE, "--ignore-not-found", "--wait=false"]
    machine.run(["kubectl", "delete", *words], env=machine.environment).ok()


def _object(kind: str, **body: Any) -> dict[str, Any]:
    metadata = {"name": "ldap", "namespace": NAMESPACE, "labels": {"app": "ldap"}}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **body}


def _pod() -> dict[str, Any]:
    mounts = {"root": _ROOT, "config": "/config", "data": "/data"}
    container = {
        "name": "slapd", "image": _PYTHON, "command": ["sh", "-euc", _START],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in mounts.items()],
    }  # fmt: skip
    return {
        "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534},
        "volumes": [
            {"name": "root", "hostPath": {"path": _ROOT}},
            {"name": "config", "secret": {"secretName": "ldap"}},
            {"name": "data", "emptyDir": {}},
        ],
    }  # fmt: skip
