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


def needs_home(parts: PodParts) -> str:
    """Shell: stop with a reason when the image is not of the version that paths are made for."""
    return f"""set -eu
if [ ! -d {parts.home}/conf ]; then
    echo "This image has no {parts.home}: its own home is ${{WSO2_SERVER_HOME:-not named}}." \\
        "ei.version must be the version that ei.image holds." >&2
    exit 1
fi"""


def _needs_class(parts: PodParts, needed: MissingJar) -> str:
    """Shell: stop with the way out when no jar of the image or of the additions holds a class.

    The server itself would start, log a ClassNotFoundException, and never be ready. A jar's own list of its files is
    never compressed, so their names can be looked for as text.
    """
    found = " ".join(f"{top}/{folder}/*.jar" for top in (parts.home, DELIVERED) for folder in ("lib", "dropins"))
    return f"""if ! grep -qF {needed.class_name.replace(".", "/")}.class {found} 2>/dev/null; then
    echo "This image {needed.reason}, and ei.jars brings none." \\
        "Give {needed.remedy} in ei.jars, by url and sha256 or from a claim, or an ei.image that holds it." >&2
    exit 1
fi"""


def _copies_stores(parts: PodParts) -> str:
    """Shell: the truststore with the cluster's CA in it and, if there is one, a keystore that opens, into place."""
    own = parts.additions.keystores
    trust = f"{work.STORES}/client-truststore.jks"
    ca = f"-importcert -noprompt -alias kubernetes-cluster-ca -file {volumes.API_ACCESS_MOUNT}/ca.crt -keystore {trust}"
    if own is None:
        return f"""cp {parts.home}/repository/resources/security/client-truststore.jks {trust}
chmod u+w {trust}
keytool -delete -alias kubernetes-cluster-ca -keystore {trust} -storepass wso2carbon >/dev/null 2>&1 || true
keytool {ca} -storepass wso2carbon"""
    files = {field: store_key(own, field) for field in ("keystore", "truststore")}
    kind, alias = f"-storetype {store_type(own)}", store_alias(own)
    needed = " ".join((*files.values(), "keystore-password", "key-password", "truststore-password"))
    return f"""for key in {needed}; do
    [ -f {STORES}/$key ] || {{ echo "Secret {own["secret"]} has no key $key, which keystores needs." >&2; exit 1; }}
done
opens() {{ said=$(keytool "$@" 2>&1) || {{ echo "$store of Secret {own["secret"]}: $said" >&2; exit 1; }}; }}
cp {STORES}/{files["keystore"]} {work.STORES}/keystore
cp {STORES}/{files["truststore"]} {trust}
chmod 600 {work.STORES}/keystore {trust}
store={files["keystore"]}
opens -certreq -alias {alias} -keystore {work.STORES}/keystore {kind} \\
    -storepass:file {STORES}/keystore-password -keypass:file {STORES}/key-password
store={files["truststore"]}
opens -list -keystore {trust} {kind} -storepass:file {STORES}/truststore-password
keytool -delete -alias kubernetes-cluster-ca -keystore {trust} {kind} \\
    -storepass:file {STORES}/truststore-password >/dev/null 2>&1 || true
opens {ca} {kind} -storepass:file {STORES}/truststore-password"""


def _trusts_mysql(parts: PodParts) -> str:
    """Shell: the authority of the MySQL server into the truststore, whose password is the image's or one's own."""
    own = parts.additions.keystores
    kind = f"-storetype {store_type(own)} " if own else ""
    password = f"-storepass:file {STORES}/truststore-password" if own else "-storepass wso2carbon"
    return mysql_connection.trust_script(parts.mysql, work.STORES, f"{kind}{password}")


def copy_container(parts: PodParts) -> k8s.core.v1.ContainerArgs:
    """Copies the image's own ``conf`` and the stores, and adds the cluster's CA to the truststore.

    Without that CA the membership scheme needs a trust-all socket factory for the whole JVM. An image of another
    version, or without what the server needs, is told here; so is a keystore that does not open.
    """
    # The oldest images have their JDK beside the server and not on PATH.
    script = f"""{needs_home(parts)}
PATH="$PATH:${{JAVA_HOME:-/home/wso2carbon/java}}/bin"
{_needs_class(parts, DRIVER)}
{_needs_class(parts, SCHEME)}
cp -R {parts.home}/conf/. {work.CONF}/
{_copies_stores(parts)}
{_trusts_mysql(parts)}
{vault.copy_script(parts.additions)}{parts.cars.collect_script(parts.home)}"""
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
        ],
        termination_message_policy="FallbackToLogsOnError",
    )
