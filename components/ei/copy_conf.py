"""The container of an EI node that copies the image's own files, and the checks of the image. Pure functions.

It runs in the EI image, which has a JDK and a shell but no Python.
"""

from __future__ import annotations

import pulumi_kubernetes as k8s

from components.ei import vault, work
from components.ei.additions import DELIVERED, STORES
from components.ei.parts import PodParts
from components.mysql import connection as mysql_connection
from components.shared import pods, volumes
from components.wso2ei.keystores import store_alias, store_key, store_type
from components.wso2ei.versions import DRIVER, SCHEME, MissingJar

_TRUST = f"{work.STORES}/client-truststore.jks"
_PASSWORD = "-storepass wso2carbon"  # noqa: S105 - of the image's own store, and public
_JARS = " ".join(f"{top}/{folder}/*.jar" for top in ("{home}", DELIVERED) for folder in ("lib", "dropins"))


def needs_home(parts: PodParts) -> str:
    """Shell: stop with a reason when the image is not of the version that paths are made for."""
    return f"""set -eu
if [ ! -d {parts.home}/conf ]; then
    echo "This image has no {parts.home}: its own home is ${{WSO2_SERVER_HOME:-not named}}." \\
        "ei.version must be the version that ei.image holds." >&2
    exit 1
fi"""


def _needs_class(parts: PodParts, needed: MissingJar) -> str:
    """Shell: stop with the fix when no jar of the image or of the additions holds a class.

    The server itself would start, log a ClassNotFoundException, and never be ready. A jar's own list of its files is
    never compressed, so their names can be looked for as text.
    """
    name = needed.class_name.replace(".", "/")
    return f"""if ! grep -qF {name}.class {_JARS.format(home=parts.home)} 2>/dev/null; then
    echo "This image {needed.reason}, and ei.jars brings none." \\
        "Give {needed.remedy} in ei.jars, by url and sha256 or from a claim, or an ei.image that holds it." >&2
    exit 1
fi"""


def _needs_login(parts: PodParts) -> str:
    """Shell: stop when the driver is too old to log in to MySQL 8, which it would try again and again.

    Connector/J has the plugin of ``caching_sha2_password`` from 5.1.46 on. The users of an external server may log in
    in another way, so there it is a warning.
    """
    jars = _JARS.format(home=parts.home)
    return f"""if ! grep -qF authentication/CachingSha2PasswordPlugin.class {jars} 2>/dev/null; then
    echo "The MySQL driver of this image or of ei.jars is older than Connector/J 5.1.46 and cannot log in to MySQL 8" \\
        "(caching_sha2_password). Give {DRIVER.remedy} in ei.jars, and remove the old one from the image." >&2
    {"exit 1" if parts.mysql.get("claim") is not None else "true"}
fi"""


def _imports(parts: PodParts) -> str:
    """Shell: every certificate of a PEM file into the truststore; keytool imports the first of a file only.

    The cluster's CA may be several (OpenShift, a CA that is rotated), and so may that of an external MySQL server.
    """
    own = parts.additions.keystores
    opened = f"-storetype {store_type(own)} -storepass:file {STORES}/truststore-password" if own else _PASSWORD
    sources = {"kubernetes-cluster-ca": f"{volumes.API_ACCESS_MOUNT}/ca.crt"}
    if mysql_connection.has_ca(parts.mysql):
        sources["mysql-ca"] = f"{mysql_connection.CA_MOUNT}/{mysql_connection.CA_KEY}"
    sources |= {f"trusted-{index}": file for index, file in enumerate(parts.additions.trusted_files())}
    lines = "\n".join(f"trust {name} {file}" for name, file in sources.items())
    return f"""add() {{
    keytool -importcert -noprompt -alias "$1" -keystore {_TRUST} {opened} -file "{work.STORES}/$1.pem"
}}
trust() {{
    rm -f {work.STORES}/$1-*.pem
    number=0
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in *"BEGIN CERTIFICATE"*) number=$((number + 1)) ;; esac
        [ "$number" -eq 0 ] || printf '%s\\n' "$line" >>"{work.STORES}/$1-$number.pem"
    done <"$2"
    [ "$number" -gt 0 ] || {{ echo "copy-conf: $2 holds no certificate in PEM" >&2; exit 1; }}
    while [ "$number" -gt 0 ]; do
        # The alias is rarely there, and each call starts a JVM.
        add "$1-$number" >/dev/null 2>&1 || {{
            keytool -delete -alias "$1-$number" -keystore {_TRUST} {opened} >/dev/null 2>&1 || true
            add "$1-$number" || {{ echo "copy-conf: certificate $number of $2 is invalid" >&2; exit 1; }}
        }}
        rm "{work.STORES}/$1-$number.pem"
        number=$((number - 1))
    done
}}
{lines}"""


def _copies_stores(parts: PodParts) -> str:
    """Shell: the image's truststore or the user's, and a keystore of the user that opens, into place."""
    own = parts.additions.keystores
    if own is None:
        return f"""cp {parts.home}/repository/resources/security/client-truststore.jks {_TRUST}
chmod u+w {_TRUST}"""
    files = {field: store_key(own, field) for field in ("keystore", "truststore")}
    kind, alias = f"-storetype {store_type(own)}", store_alias(own)
    needed = " ".join((*files.values(), "keystore-password", "key-password", "truststore-password"))
    return f"""for key in {needed}; do
    [ -f {STORES}/$key ] || {{ echo "Secret {own["secret"]} has no key $key, which keystores needs." >&2; exit 1; }}
done
opens() {{ error=$(keytool "$@" 2>&1) || {{ echo "$store of Secret {own["secret"]}: $error" >&2; exit 1; }}; }}
cp {STORES}/{files["keystore"]} {work.STORES}/keystore
cp {STORES}/{files["truststore"]} {_TRUST}
chmod 600 {work.STORES}/keystore {_TRUST}
store={files["keystore"]}
opens -certreq -alias {alias} -keystore {work.STORES}/keystore {kind} \\
    -storepass:file {STORES}/keystore-password -keypass:file {STORES}/key-password
store={files["truststore"]}
opens -list -keystore {_TRUST} {kind} -storepass:file {STORES}/truststore-password"""


def _needs_options(parts: PodParts) -> str:
    """Shell: stop when the JDK is older than 8u191, which does not know all of the deployment's options."""
    ours = ("-XX:ActiveProcessorCount=", "-XX:+IgnoreUnrecognizedVMOptions")
    options = " ".join(option for option in parts.java_options.split() if option.startswith(ours))
    return f"""if ! refusal=$(java -Xmx32m {options} -version 2>&1); then
    echo "The JDK of this image rejects an option of the JVM: $(echo "$refusal" | head -n 1)." \\
        "Correct ei.javaOptions; a JDK before 8u191 needs -XX:+IgnoreUnrecognizedVMOptions there." >&2
    exit 1
fi"""


def copy_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """Copies the image's own ``conf`` and the stores, and adds the cluster's CA to the truststore.

    Without that CA the membership scheme needs a trust-all socket factory for the whole JVM. An image of another
    version, or without what the server needs, ends with the reason here; so does a keystore that does not open.
    """
    # The oldest images have their JDK next to the server and not on PATH.
    script = f"""{needs_home(parts)}
PATH="$PATH:${{JAVA_HOME:-/home/wso2carbon/java}}/bin"
# On cgroup v2 an old JDK sizes heap and threads by the whole machine.
keytool() {{ command keytool -J-Xmx48m -J-XX:+UseSerialGC "$@"; }}
{_needs_class(parts, DRIVER)}
{_needs_login(parts)}
{_needs_class(parts, SCHEME)}
{_needs_options(parts)}
cp -R {parts.home}/conf/. {work.CONF}/
{_copies_stores(parts)}
{_imports(parts)}
{vault.copy_script(parts.additions)}{parts.cars.collect_script(parts.home)}{parts.deployment.copy_script(parts.home)}"""
    return k8s.core.v1.ContainerArgs(
        name="copy-conf",
        image=parts.images.ei,
        command=["sh", "-c", script],
        security_context=pods.container_security(read_only=False),
        resources=pods.resources("50m", "128Mi"),
        volume_mounts=[
            work.conf_mount(),
            work.stores_mount(),
            volumes.mount("cluster-ca", volumes.API_ACCESS_MOUNT, read_only=True),
            *parts.additions.delivered_mounts(),
            *parts.additions.store_mounts(),
            *mysql_connection.ca_mounts(parts.mysql),
            *parts.cars.collect_mounts(),
            *parts.deployment.copy_mounts(),
        ],
        termination_message_policy="FallbackToLogsOnError",
    )
