"""Keystore and truststore from a Secret: what their arguments mean, and every place in EI's files. Pure."""

from __future__ import annotations

from typing import Literal

from components.wso2ei.args import KeystoresArgs
from components.wso2ei.files import AXIS2, CARBON, CATALINA, Patch, Value
from components.wso2ei.versions import EiVersion

_FILES = {"keystore": "keystore.jks", "truststore": "client-truststore.jks"}


def store_key(stores: KeystoresArgs, field: Literal["keystore", "truststore"]) -> str:
    """Key of one of the stores in their Secret."""
    return stores.get(field) or _FILES[field]


def store_type(stores: KeystoresArgs) -> str:
    """Type of both stores, as ``keytool -storetype`` takes it."""
    return stores.get("type") or "JKS"


def store_alias(stores: KeystoresArgs) -> str:
    """Alias of the key in the keystore."""
    return stores.get("alias") or "wso2carbon"


def keystore_patches(version: EiVersion, stores: KeystoresArgs, keystore: str, truststore: str) -> list[Patch]:
    """Every place that names a store: the kernel's, the gateway's two listeners and senders, the console's.

    :param keystore: path of the keystore inside the pod, and ``truststore`` that of the truststore.
    """
    kind, alias = store_type(stores), store_alias(stores)
    key: dict[str, Value] = {"Location": keystore, "Type": kind, "Password": _password(stores, "keystore"),
                             "KeyPassword": _password(stores, "key")}  # fmt: skip
    trust: dict[str, Value] = {"Location": truststore, "Type": kind, "Password": _password(stores, "truststore")}
    security = "Server/Security"
    places = [(CARBON, f"{security}/KeyStore", key | {"KeyAlias": alias})]
    if version.internal_keystore:
        places.append((CARBON, f"{security}/InternalKeyStore", key | {"KeyAlias": alias}))
    # carbon.xml's own Location of the truststore is part of every cluster.
    places.append((CARBON, f"{security}/TrustStore", {name: trust[name] for name in ("Type", "Password")}))
    for transport in ("transportReceiver", "transportSender"):
        parameter = f"axisconfig/{transport}[@name='https']/parameter"
        places.append((AXIS2, f"{parameter}[@name='keystore']/KeyStore", key))
        places.append((AXIS2, f"{parameter}[@name='truststore']/TrustStore", trust))
    found = [
        {"file": file, "path": f"{path}/{name}", "set": value}
        for file, path, values in places
        for name, value in values.items()
    ]
    return found + _console(version, key | {"Alias": alias}, trust)


def sender_trust_patch(truststore: str) -> Patch:
    """The truststore of the gateway's outgoing calls, which do not use the JVM's. Type and password are the image's."""
    path = "axisconfig/transportSender[@name='https']/parameter[@name='truststore']/TrustStore/Location"
    return {"file": AXIS2, "path": path, "set": truststore}


def _console(version: EiVersion, key: dict[str, Value], trust: dict[str, Value]) -> list[Patch]:
    connector = "Server/Service/Connector[@port='9443']"
    if version.catalina == "tomcat7":
        attributes: dict[str, Value] = {
            "keystoreFile": key["Location"],
            "keystoreType": key["Type"],
            "keystorePass": key["Password"],
            "keyAlias": key["Alias"],
            "keyPass": key["KeyPassword"],
        }
        return [{"file": CATALINA, "path": connector, "attributes": attributes}]
    host = f"{connector}/SSLHostConfig"
    truststore: dict[str, Value] = {
        "truststoreFile": trust["Location"],
        "truststoreType": trust["Type"],
        "truststorePassword": trust["Password"],
    }
    certificate: dict[str, Value] = {
        "certificateKeystoreFile": key["Location"],
        "certificateKeystoreType": key["Type"],
        "certificateKeystorePassword": key["Password"],
        "certificateKeyAlias": key["Alias"],
        "certificateKeyPassword": key["KeyPassword"],
    }
    return [
        {"file": CATALINA, "path": host, "attributes": truststore},
        {"file": CATALINA, "path": f"{host}/Certificate", "attributes": certificate},
    ]


def _password(stores: KeystoresArgs, which: Literal["keystore", "key", "truststore"]) -> Value:
    """Where the patcher finds a password of the stores."""
    return {"from": f"{stores['secret']}/{which}-password"}
