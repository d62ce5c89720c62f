"""What users add to EI's nodes: configuration patches, files, jars, keystores, the secure vault, and CAR files."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_serializer

from components.wso2ei.args import Transformation
from components.wso2ei.proxy import HOST
from settings.types import (
    AbsolutePath,
    Allowed,
    AnyText,
    DataKey,
    Host,
    Line,
    ObjectKey,
    ObjectName,
    Port,
    Section,
    Sha256,
)

PROJECT_FOLDER = Path(__file__).parents[1]
"""Where ``Pulumi.yaml`` is, and what ``file`` is relative to: stack files may be elsewhere."""


NonProxyHost = Annotated[
    str,
    StringConstraints(pattern=f"^{HOST}$", max_length=253),
    Allowed("a host name or an address, with '*' at its start or end at most", "*.example.com"),
]


class SecretKey(Section):
    """One value of a Secret or a ConfigMap that exists in the namespace. Pods read a change when they restart."""

    name: ObjectName
    """Name of the object."""
    key: ObjectKey
    """Key in it."""


class EiPatch(Section):
    """One change of one of EI's configuration files: of an XML element, or of a key of a properties file."""

    file: Annotated[Line, Field(examples=["conf/carbon.xml"])]
    """Below the server's home: ``conf/...``."""
    path: Annotated[Line | None, Field(examples=["Server/HideMenuItemIds"])] = None
    """Element names joined by ``/``; ``[@name='x']`` and ``[child='x']`` choose among siblings."""
    property: Annotated[Line | None, Field(examples=["worker_pool_size_max"])] = None
    """Key in a properties file, instead of ``path``."""
    set: AnyText | None = None
    """The new text. Never a password."""
    set_from_secret: SecretKey | None = None
    """As ``set``, from a Secret of the namespace."""
    attributes: Annotated[dict[DataKey, AnyText], Field(examples=[{"maxThreads": "500"}])] = {}
    """New values of attributes, together with ``set`` or alone."""
    xml: AnyText | None = None
    """A whole element that replaces the one at ``path``, or is added."""
    remove: bool = False
    """Remove the element or the key."""


class EiFile(Section):
    """One whole file, which replaces the image's or is added; patches are applied after it."""

    path: Annotated[Line, Field(examples=["conf/log4j2.properties"])]
    """Below the server's home."""
    content: AnyText | None = None
    """Its text. Never a password."""
    secret: SecretKey | None = None
    """Its content, from a Secret."""
    config_map: SecretKey | None = None
    """Its content, from a ConfigMap."""


class EiKeystores(Section):
    """Keystore and truststore in a Secret of the namespace, for every port of EI and every call that it makes.

    In addition to the two files the Secret holds ``keystore-password``, ``key-password`` and ``truststore-password``.
    """

    secret: ObjectName
    """Name of the Secret."""
    keystore: ObjectKey = "keystore.jks"
    """Key of the keystore in it."""
    truststore: ObjectKey = "client-truststore.jks"
    """Key of the truststore in it; the cluster's CA is added to a copy."""
    type: Literal["JKS", "PKCS12"] = "JKS"
    """Of both."""
    alias: Annotated[DataKey, Field(examples=["wso2carbon"])] = "wso2carbon"
    """Of the key."""


class EiTrustedCertificates(Section):
    """Certificates in PEM of authorities or servers, one or several, from a ``secret`` or from a ``configMap``."""

    secret: SecretKey | None = None
    """Where they are, in a Secret. No other key of it is mounted."""
    config_map: SecretKey | None = None
    """Where they are, in a ConfigMap."""


class EiJar(Section):
    """One jar, by ``url`` and ``sha256`` or from a ``claim`` by ``path``."""

    url: Annotated[Line | None, Field(examples=["https://repo.example.com/mysql-connector-java-5.1.49.jar"])] = None
    """http or https, reachable from the pods without credentials."""
    sha256: Sha256 | None = None
    """Checksum of the jar; required with ``url``."""
    claim: ObjectName | None = None
    """A PersistentVolumeClaim of the namespace that contains it."""
    path: Annotated[Line | None, Field(examples=["drivers/mysql-connector-java-5.1.49.jar"])] = None
    """Path in the claim."""
    into: Literal["lib", "dropins"] = "lib"
    """``lib`` for plain jars, ``dropins`` for OSGi bundles."""
    name: Annotated[Line | None, Field(examples=["mysql-connector-java-5.1.49.jar"])] = None
    """File name; default: the last part of ``url`` or ``path``."""


class EiVolume(Section):
    """A claim of the namespace as a folder of every node."""

    claim: Annotated[ObjectName, Field(examples=["ei-files"])]
    """A PersistentVolumeClaim, writable for group 802, with access mode ReadWriteMany unless all pods of EI run on one
    machine: a rollout starts a node before one stops."""
    path: Annotated[AbsolutePath, Field(examples=["/mnt/files"])]
    """Where the nodes see it. Folders of the image and of the server are rejected."""
    read_only: bool = False
    """Nodes only read."""


class EiProxy(Section):
    """The HTTP proxy of EI's outgoing calls, for http and https, without a login."""

    host: Annotated[Host, Field(examples=["proxy.example.com"])]
    """Its host."""
    port: Annotated[Port, Field(examples=[3128])]
    """Its port."""
    non_proxy_hosts: Annotated[list[NonProxyHost], Field(examples=[["*.example.com"]])] = []
    """Hosts that are called directly, in addition to the API server and names that end in ``.svc`` or
    ``.cluster.local``."""


class EiSecureVault(Section):
    """A Secret of the namespace with the cipher texts of WSO2's secure vault; everything else of it is made of
    ``ei.keystores``."""

    secret: Annotated[ObjectName, Field(examples=["ei-vault"])]
    """Name of the Secret."""
    key: ObjectKey = "cipher-text.properties"
    """Key in it of the file that WSO2's cipher tool calls so: a line for each alias, with its cipher text."""
    transformation: Transformation = "RSA"
    """How the values were encrypted; ``RSA`` is what the cipher tool of EI 6.x does."""


class EiCarbonApp(Section):
    """One integration artifact (CAR file), by ``url`` and ``sha256``, by ``file``, or by ``content`` and ``name``.

    Files and contents travel in a ConfigMap, so they may be 1 000 000 bytes in all.
    """

    url: Annotated[Line | None, Field(examples=["https://repo.example.com/Orders_1.0.0.car"])] = None
    """http or https, reachable from the pods without credentials."""
    sha256: Sha256 | None = None
    """Checksum of the CAR; required with ``url``."""
    file: Annotated[Line | None, Field(examples=["cars/Orders_1.0.0.car"])] = None
    """Path of a small CAR, relative to the folder of ``Pulumi.yaml``."""
    content: AnyText | None = None
    """A small CAR in base64."""
    name: Annotated[Line | None, Field(examples=["Orders_1.0.0.car"])] = None
    """File name; default: the last part of ``url`` or ``file``."""

    @property
    def unreadable(self) -> str | None:
        """Why ``file`` cannot be read; ``None`` if it can."""
        if self.file is None:
            return None
        try:
            with (PROJECT_FOLDER / self.file).open("rb"):
                return None
        except OSError as error:
            return error.strerror or str(error)

    @model_serializer
    def _with_content(self) -> dict[str, str | None]:
        """``file`` goes to the component as its content and its name."""
        content, name = self.content, self.name
        if self.file is not None and self.unreadable is None:
            content = base64.b64encode((PROJECT_FOLDER / self.file).read_bytes()).decode()
            name = name or Path(self.file).name
        return {"url": self.url, "sha256": self.sha256, "content": content, "name": name}
