"""Stand-in for wso2/wso2ei-integrator: a small Java server on a real JDK, with real Connector/J.

Imitates what a deployment depends on: paths, users, entrypoint, start order, refusals (wso2/docker-ei, all tags;
wso2/carbon-kernel 4.4 and 4.5). Like the real image it has keytool, a shell and curl, and neither Python nor a mysql
client.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from embedded.errors import KitError
from embedded.images.debian import debian_layer
from embedded.images.spec import File, Image, Layer, accounts, write_layer
from embedded.images.wso2ei.dbscripts import mysql57_sql, mysql_sql, newest_sql
from embedded.progress import Reporter
from embedded.toolchain import ensure_debian

_HERE = Path(__file__).parent
UID = 802
VERSIONS = ("6.2.0", "6.3.0", "6.4.0", "6.5.0", "6.6.0")
_PRIVATE = {
    "6.5.0": ("docker.wso2.com/wso2ei-integrator:6.5.0.7", "registry.wso2.com/wso2-integrator/ei:6.5.0.7"),
    "6.6.0": ("docker.wso2.com/wso2ei-integrator:6.6.0.0", "registry.wso2.com/wso2-integrator/ei:6.6.0.10"),
}
# The files that had Windows line ends up to 6.5.0 (wso2/product-ei, distribution/src/conf).
_CRLF = ("conf/registry.xml", "conf/synapse.properties")
_CRLF_TO_THIS_DAY = ("conf/security/secret-conf.properties", "conf/security/cipher-text.properties")
_SYNAPSE = "repository/deployment/server/synapse-configs/default"
_SINCE = {"conf/internal-apis.xml": "6.5.0"}
# Where the newest public image of each version has its jars (wso2/docker-ei); 6.6.0 has no driver any more.
_DRIVER_JAR = {"6.2.0": "lib/mysql-connector-java-5.1.49.jar"} | dict.fromkeys(
    ("6.3.0", "6.4.0", "6.5.0"), "dropins/mysql-connector-java-5.1.49.jar"
)
_SCHEME_JAR = dict.fromkeys(VERSIONS, "dropins/kubernetes-membership-scheme-1.0.7.jar") | {
    "6.6.0": "lib/kubernetes-membership-scheme-1.0.11.jar"
}
_DRIVER = "mysql:mysql-connector-java:5.1.49"
# Images up to 6.5.0.1 write the last line of /etc/hosts into axis2.xml; later ones leave the file alone.
_SED_MEMBER_HOST = (
    "host=$(awk 'END{print $1}' /etc/hosts)\n"
    'sed -i "s#<parameter name=\\"localMemberHost\\".*#<parameter name=\\"localMemberHost\\">${host}</parameter>#" '
    '"${WSO2_SERVER_HOME}/conf/axis2/axis2.xml"'
)


def _recipe(version: str) -> str:
    sources = sorted(path for path in _HERE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return version + "".join(f"{path.relative_to(_HERE)}\n{path.read_text()}" for path in sources)


def _java_tools(reporter: Reporter) -> None:
    missing = [tool for tool in ("javac", "keytool", "mvn") if not shutil.which(tool)]
    if missing:
        ensure_debian(["openjdk-17-jdk-headless", "maven"], reporter)


def _run(command: list[str], what: str) -> None:
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if answer.returncode != 0:
        raise KitError(f"{what} failed: {(answer.stdout + answer.stderr).strip()[-800:]}", "run the same command again")


def _build(version: str) -> Layer:
    def build(destination: Path, reporter: Reporter) -> None:
        _java_tools(reporter)
        with tempfile.TemporaryDirectory() as folder:
            write_layer(destination, _files(version, Path(folder)))

    return Layer(f"wso2ei-{version}", _recipe(version), build, "10s")


def _files(version: str, folder: Path) -> list[File]:
    home = f"home/wso2carbon/wso2ei-{version}"
    security = f"{home}/repository/resources/security"
    _keystores(folder)

    def own(path: str, content: bytes | str | None = None, mode: int = 0o644) -> File:
        return File(path, content, 0o755 if content is None else mode, UID)

    files = [
        *accounts(("wso2carbon", UID, "/home/wso2carbon")),
        own("home/wso2carbon"),
        own(home),
        *(own(f"{home}/{name}") for name in _folders()),
        own(f"{home}/wso2/components/server.jar", _jar("server", folder)),
        own(f"{home}/{_SCHEME_JAR[version]}", _jar("membership", folder)),
        own(f"{security}/wso2carbon.jks", (folder / "wso2carbon.jks").read_bytes()),
        own(f"{security}/client-truststore.jks", (folder / "client-truststore.jks").read_bytes()),
        own("home/wso2carbon/docker-entrypoint.sh", _entrypoint(version), 0o755),
        *(own(f"{home}/{path}", text, mode) for path, text, mode in home_files(version)),
    ]
    if version in _DRIVER_JAR:
        files.append(own(f"{home}/{_DRIVER_JAR[version]}", _driver(folder)))
    return files


def _folders() -> tuple[str, ...]:
    return (
        "bin", "conf", "conf/axis2", "conf/datasources", "conf/etc", "conf/security", "conf/tomcat", "dbscripts",
        "dropins", "lib", "tmp", "wso2", "wso2/components", "repository", "repository/database",
        "repository/deployment", "repository/deployment/server", "repository/deployment/server/carbonapps",
        "repository/deployment/server/synapse-configs", _SYNAPSE, f"{_SYNAPSE}/proxy-services", f"{_SYNAPSE}/sequences",
        "repository/logs", "repository/resources", "repository/resources/security", "repository/tenants",
    )  # fmt: skip


def home_files(version: str) -> list[tuple[str, str, int]]:
    """(path in the server's home, text, mode) of everything that is text."""
    catalina = "tomcat9" if version == "6.6.0" else "tomcat7"
    found = []
    for path in sorted((_HERE / "home").rglob("*")):
        name = path.relative_to(_HERE / "home").as_posix()
        if not path.is_file() or ("catalina-server" in name and catalina not in name) or version < _SINCE.get(name, ""):
            continue
        name = name.replace(f"-{catalina}", "")
        text = _for_version(path.read_text(), version).replace("@VERSION@", version)
        if name in _CRLF_TO_THIS_DAY or (name in _CRLF and version != "6.6.0"):
            text = text.replace("\n", "\r\n")
        found.append((name, text, 0o755 if name.startswith("bin/") else 0o644))
    scripts = (
        {"mysql.sql": newest_sql()} if version == "6.6.0" else {"mysql.sql": mysql_sql(), "mysql5.7.sql": mysql57_sql()}
    )
    return found + [(f"dbscripts/{name}", text, 0o644) for name, text in scripts.items()]


def _for_version(text: str, version: str) -> str:
    """Without the lines between ``@@from X`` and ``@@end`` that came with a later version."""
    found, since = "", "0"
    for line in text.splitlines(keepends=True):
        if line.startswith("@@"):
            since = line.split()[1] if line.startswith("@@from") else "0"
        elif version >= since:
            found += line
    return found


def _entrypoint(version: str) -> str:
    sed = _SED_MEMBER_HOST if version in {"6.2.0", "6.3.0", "6.4.0"} else ""
    return (_HERE / "docker-entrypoint.sh").read_text().replace("@MEMBER_HOST@", sed)


def _jar(sources: str, folder: Path) -> bytes:
    """The classes of one folder of sources, packed."""
    classes, jar = folder / sources, folder / f"{sources}.jar"
    files = [str(path) for path in sorted((_HERE / sources).glob("*.java"))]
    _run(["javac", "--release", "17", "-d", str(classes), *files], "compiling the EI stand-in")
    _run(["jar", "--create", "--file", str(jar), "-C", str(classes), "."], "packing the EI stand-in")
    return jar.read_bytes()


def _keystores(folder: Path) -> None:
    """As the pack's own: self-signed for localhost, every password ``wso2carbon``."""
    keystore, certificate = folder / "wso2carbon.jks", folder / "wso2carbon.cer"
    common = ["-alias", "wso2carbon", "-storepass", "wso2carbon", "-storetype", "JKS"]
    _run(
        ["keytool", "-genkeypair", *common, "-keystore", str(keystore), "-keypass", "wso2carbon", "-keyalg", "RSA",
         "-keysize", "2048", "-validity", "3650", "-dname", "CN=localhost, O=STAND-IN"], "making a keystore",
    )  # fmt: skip
    _run(["keytool", "-exportcert", *common, "-keystore", str(keystore), "-file", str(certificate)], "exporting")
    truststore = folder / "client-truststore.jks"
    _run(
        ["keytool", "-importcert", "-noprompt", *common, "-keystore", str(truststore), "-file", str(certificate)],
        "making a truststore",
    )


def _driver(folder: Path) -> bytes:
    """Real Connector/J, from Maven Central by Maven's own client."""
    cached = list(folder.glob("mysql-connector-java-*.jar"))
    if not cached:
        _run(
            ["mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy", f"-Dartifact={_DRIVER}",
             f"-DoutputDirectory={folder}"], "downloading Connector/J",
        )  # fmt: skip
        cached = list(folder.glob("mysql-connector-java-*.jar"))
    return cached[0].read_bytes()


_JDK = debian_layer(
    "wso2ei", "bookworm", ("openjdk-17-jre-headless", "bash", "curl", "netcat-openbsd", "ca-certificates", "gawk")
)

IMAGES = [
    Image(
        (f"docker.io/wso2/wso2ei-integrator:{version}", *_PRIVATE.get(version, ())),
        (_JDK, _build(version)),
        ("/home/wso2carbon/docker-entrypoint.sh",),
        user="wso2carbon",
        working_dir="/home/wso2carbon",
        environment={
            "WORKING_DIRECTORY": "/home/wso2carbon",
            "WSO2_SERVER_HOME": f"/home/wso2carbon/wso2ei-{version}",
        },
        ports=(4100, 8280, 8243, 9443),
    )
    for version in VERSIONS
]
