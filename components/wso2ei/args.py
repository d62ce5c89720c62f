"""What users add to EI's nodes, field by field: inputs of ``EiCluster`` that are WSO2's own subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict


class SecretKeyArgs(TypedDict):
    """One value of a Secret, or of a ConfigMap, that exists already in the cluster's namespace."""

    name: str
    """Name of the object. A change of what it holds is seen by a pod's next start, and starts none itself."""
    key: str
    """Key in it."""


class PatchArgs(TypedDict):
    """One change of one of EI's configuration files, applied after the managed ones.

    Either ``path`` (XML) or ``property`` (Java properties), and one of ``set``, ``set_from_secret``, ``xml``,
    ``remove`` and ``attributes``; ``attributes`` may be given with ``set``.
    """

    file: str
    """Below the server's home: ``conf/...``."""
    path: NotRequired[str | None]
    """Element names joined by ``/``, with ``[@name='x']`` or ``[child='x']`` to choose among siblings."""
    property: NotRequired[str | None]
    """Key in a properties file."""
    set: NotRequired[str | None]
    """The new text of the element, or value of the property. Never a password."""
    set_from_secret: NotRequired[SecretKeyArgs | None]
    """As ``set``, with a value that only the pod sees; line ends at its end are cut off."""
    attributes: NotRequired[Mapping[str, str] | None]
    """Attributes of an element that exists."""
    xml: NotRequired[str | None]
    """A whole element, which takes the place of the one that the path finds, or is added."""
    remove: NotRequired[bool]
    """Remove the element or the property; default no."""


class FileArgs(TypedDict):
    """One whole file, in place of the image's or in addition, before any patch is applied to it."""

    path: str
    """Below the server's home, e.g. ``conf/log4j2.properties``."""
    content: NotRequired[str | None]
    """Its text. Never a password."""
    secret: NotRequired[SecretKeyArgs | None]
    """Where its content is, in a Secret."""
    config_map: NotRequired[SecretKeyArgs | None]
    """Where its content is, in a ConfigMap."""


class JarArgs(TypedDict):
    """One jar in addition to the image's, by ``url`` with ``sha256`` or from a ``claim``."""

    url: NotRequired[str | None]
    """http or https, reachable from the pods, without credentials."""
    sha256: NotRequired[str | None]
    """Of the jar, in hex; required with ``url``, checked with ``claim`` if given."""
    claim: NotRequired[str | None]
    """A PersistentVolumeClaim of the namespace that holds the jar."""
    path: NotRequired[str | None]
    """Path of the jar in the claim."""
    into: NotRequired[Literal["lib", "dropins"]]
    """``lib`` (default) for plain jars, which the server makes bundles of; ``dropins`` for OSGi bundles."""
    name: NotRequired[str | None]
    """File name; default: the last part of ``url`` or ``path``."""


class NodeVolumeArgs(TypedDict):
    """A PersistentVolumeClaim of the namespace as a folder of every node, such as for the VFS transport."""

    claim: str
    """Name of the claim, of access mode ReadWriteMany unless all pods run on one machine."""
    path: str
    """Where the nodes see it; it must not hide a folder of the image or of the server."""
    read_only: NotRequired[bool]
    """Default no."""


class ProxyArgs(TypedDict):
    """The HTTP proxy of EI's outgoing calls, for http and https, without a login."""

    host: str
    """Host name or address."""
    port: int
    """Its port."""
    non_proxy_hosts: NotRequired[Sequence[str]]
    """Hosts that are called directly, with ``*`` at an end for any text, in addition to the API server, names that end
    in ``.svc`` or ``.cluster.local``, and the node itself."""


Transformation = Literal["RSA", "RSA/ECB/OAEPwithSHA1andMGF1Padding"]
CarbonAppsFolder = Literal["live", "atStart", "unused"]


class CarbonAppArgs(TypedDict):
    """One integration artifact (CAR file), by ``url`` with ``sha256``, or as ``content`` with ``name``."""

    url: NotRequired[str | None]
    """http or https, reachable from the pods, without credentials."""
    sha256: NotRequired[str | None]
    """Of the CAR, in hex; required with ``url``."""
    content: NotRequired[str | None]
    """The CAR in base64; all of them together at most 1 000 000 bytes."""
    name: NotRequired[str | None]
    """File name, with ``.car``; default: the last part of ``url``."""


class KeystoresArgs(TypedDict):
    """Keystore and truststore in a Secret of the namespace, with their passwords; for every port and every sender.

    The Secret holds both files and, as ``keystore-password``, ``key-password`` and ``truststore-password``, what opens
    them. Without it the image's own stores are used, whose private key is public.
    """

    secret: str
    """Name of the Secret."""
    keystore: NotRequired[str]
    """Key of the keystore; default ``keystore.jks``."""
    truststore: NotRequired[str]
    """Key of the truststore; default ``client-truststore.jks``. The cluster's CA is added to a copy of it."""
    type: NotRequired[Literal["JKS", "PKCS12"]]
    """Of both; default JKS."""
    alias: NotRequired[str]
    """Of the key; default ``wso2carbon``."""


class TrustedCertificatesArgs(TypedDict):
    """Certificates in PEM, one or several, that EI's outgoing calls trust; from a Secret or from a ConfigMap."""

    secret: NotRequired[SecretKeyArgs | None]
    """Where they are, in a Secret."""
    config_map: NotRequired[SecretKeyArgs | None]
    """Where they are, in a ConfigMap."""


class SecureVaultArgs(TypedDict):
    """WSO2's secure vault: what EI's files name by ``svns:secretAlias`` and mediations by ``wso2:vault-lookup``.

    Encrypted for the key of ``keystores``, so it needs them.
    """

    secret: str
    """Name of a Secret of the namespace that holds ``cipher-text.properties``: an alias and its cipher text a line."""
    key: NotRequired[str]
    """Key of that file in it; default ``cipher-text.properties``."""
    transformation: NotRequired[Transformation]
    """How the values were encrypted; default ``RSA``, as WSO2's cipher tool does by default."""


class AdditionsArgs(TypedDict):
    """Inputs of ``EiCluster`` by which users add to what it makes."""

    patches: NotRequired[Sequence[PatchArgs]]
    """More changes of EI's configuration files."""
    files: NotRequired[Sequence[FileArgs]]
    """Whole files below the server's home."""
    environment: NotRequired[Mapping[str, str]]
    """Environment variables of the server; never a password."""
    secret_environment: NotRequired[Mapping[str, SecretKeyArgs]]
    """Environment variables whose values are in Secrets."""
    java_options: NotRequired[Sequence[str]]
    """More options of the JVM, each without white space; they come after the deployment's own, and the last wins."""
    jars: NotRequired[Sequence[JarArgs]]
    """Jars in addition to the image's, such as a MySQL driver."""
    proxy: NotRequired[ProxyArgs | None]
    """The HTTP proxy of outgoing calls; default none."""
    volumes: NotRequired[Sequence[NodeVolumeArgs]]
    """Claims that every node mounts. The container's user and group are 802."""
    keystores: NotRequired[KeystoresArgs | None]
    """The user's own stores."""
    trusted_certificates: NotRequired[Sequence[TrustedCertificatesArgs]]
    """Certificates of authorities or servers, added to the truststore of the JVM and of axis2's HTTPS sender."""
    secure_vault: NotRequired[SecureVaultArgs | None]
    """Secrets that are encrypted for the key of ``keystores``."""
    carbon_apps: NotRequired[Sequence[CarbonAppArgs]]
    """Integration artifacts, in addition to those of the image and of the shared folder. A change rolls out the nodes;
    a broken one stops their update."""
    carbon_apps_folder: NotRequired[CarbonAppsFolder]
    """How nodes use the folder of ``storage``. ``live`` (default): EI reads it while it runs, so that its content is
    deployed everywhere within 15 s, and nothing else. ``atStart``: a node takes its content when it starts, in
    addition to the artifacts of the image and of ``carbon_apps``. ``unused``: no pod mounts it."""
