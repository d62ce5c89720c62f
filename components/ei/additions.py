"""What users add to a node, as parts of its pod: the ConfigMap, init containers, volumes, mounts and variables.

Pure functions. Jars and files are mounted one by one into the server's home, over the image's or in addition: so no
folder of the image is hidden, and the image's entrypoint, which differs from tag to tag, has no part in it.
Files below ``conf/`` are put into the copy of ``conf`` that is patched and mounted as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.ei import work
from components.shared import pods, volumes
from components.wso2ei.additions import as_patch, jar_name
from components.wso2ei.args import AdditionsArgs, FileArgs, JarArgs, SecretKeyArgs, TrustedCertificatesArgs

DELIVERED = "/delivered"
"""Where init containers see the volume of jars and files."""
SECRETS = "/patches/from"
"""Where the patcher finds the Secrets that patches take values from, each in a folder of its name."""
STORES = "/stores"
"""Where the Secret of keystore and truststore is, for the container that copies them."""
TRUSTED = "/trusted"
"""Where the certificates to trust are, for the container that imports them."""
_MANIFEST = "/additions"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


class Additions:
    """Everything that users add to a node, as parts of its pod; container and place of the vault are in ``vault``."""

    def __init__(self, args: AdditionsArgs) -> None:
        self.patches = args.get("patches") or ()
        self.files = args.get("files") or ()
        self.environment = args.get("environment") or {}
        self.secret_environment = args.get("secret_environment") or {}
        self.jars = args.get("jars") or ()
        self.mounted = args.get("volumes") or ()
        self.keystores = args.get("keystores")
        self.certificates = args.get("trusted_certificates") or ()
        self.vault = args.get("secure_vault")

    def config_map(self) -> dict[str, str]:
        """Data of the ConfigMap: patches, the list of deliveries, and inline files."""
        contents = [(f"file-{index}", file.get("content")) for index, file in enumerate(self.files)]
        inline = {key: text for key, text in contents if text is not None}
        manifest = {
            "jars": [_jar(jar) for jar in self.jars],
            "files": [{"path": file["path"], "source": _source(index, file)} for index, file in enumerate(self.files)],
        }
        data = {"patches.json": _json({"patches": [as_patch(patch) for patch in self.patches]})} if self.patches else {}
        return data | ({"deliveries.json": _json(manifest)} if self.jars or self.files else {}) | inline

    def variables(self) -> list[k8s.core.v1.EnvVarArgs]:
        """Environment of the server."""
        plain = [k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in sorted(self.environment.items())]
        return plain + [
            k8s.core.v1.EnvVarArgs(
                name=name,
                value_from=k8s.core.v1.EnvVarSourceArgs(
                    secret_key_ref=k8s.core.v1.SecretKeySelectorArgs(name=source["name"], key=source["key"])
                ),
            )
            for name, source in sorted(self.secret_environment.items())
        ]

    def volumes(self, config_map: pulumi.Input[str] | None) -> list[k8s.core.v1.VolumeArgs]:
        """Volumes of the pod; ``config_map`` is the name of the one made of ``config_map()``."""
        found = [volumes.config_map_volume("additions", config_map)] if config_map is not None else []
        found += [volumes.empty_dir("delivered", "2Gi")] if self._delivers() else []
        found += [volumes.secret_volume(volume, name) for name, volume in self._secrets().items()]
        found += [volumes.config_map_volume(volume, name) for name, volume in self._config_maps().items()]
        for claims in (self._claims(), self._mounted_claims()):
            found += [volumes.claim_volume(volume, name) for name, volume in claims.items()]
        return found + ([_trusted_volume(self.certificates)] if self.certificates else [])

    def fetch_containers(self, image: str) -> list[k8s.core.v1.ContainerArgs]:
        """The container that fetches jars, if there are any; before the image is looked at for what it lacks."""
        if not self.jars:
            return []
        claims = [volumes.mount(volume, f"/claims/{name}", read_only=True) for name, volume in self._claims().items()]
        container = _deliver("fetch-jars", image, ["jars"], [volumes.mount("delivered", DELIVERED), *claims])
        container.env = [
            k8s.core.v1.EnvVarArgs(name=name, value=value) for name, value in sorted(proxies(self.environment).items())
        ]
        return [container]

    def place_containers(self, image: str) -> list[k8s.core.v1.ContainerArgs]:
        """The container that puts whole files into place, if there are any; before they are patched."""
        if not self.files:
            return []
        mounts = [
            volumes.mount("delivered", DELIVERED),
            work.conf_mount(),
            *(
                volumes.mount(volume, f"/sources/{kind}/{name}", read_only=True)
                for kind, names in (("secret", self._secrets()), ("config_map", self._config_maps()))
                for name, volume in names.items()
                if any((file.get(kind) or {}).get("name") == name for file in self.files)  # type: ignore[attr-defined]
            ),
        ]
        return [_deliver("place-files", image, ["files", "--home", work.FOLDER], mounts)]

    def delivered_mounts(self) -> list[k8s.core.v1.VolumeMountArgs]:
        """Mounts of the container that checks the image."""
        return [volumes.mount("delivered", DELIVERED, read_only=True)] if self.jars else []

    def patch_arguments(self) -> list[str]:
        """Arguments of the patcher for the users' patches, which it applies after the managed ones."""
        return ["--patches", f"{_MANIFEST}/patches.json"] if self.patches else []

    def patch_mounts(self) -> list[k8s.core.v1.VolumeMountArgs]:
        """Mounts of the patcher."""
        secrets = self._secrets()
        return [
            *([volumes.mount("additions", _MANIFEST, read_only=True)] if self.patches else []),
            *(volumes.mount(secrets[name], f"{SECRETS}/{name}", read_only=True) for name in self._patch_secrets()),
        ]

    def trusted_files(self) -> list[str]:
        """PEM files for the truststore, in the container that makes it."""
        return [f"{TRUSTED}/{_trusted_path(item)}" for item in self.certificates]

    def store_mounts(self) -> list[k8s.core.v1.VolumeMountArgs]:
        """Mounts of the container that copies keystore and truststore."""
        return [
            *([self.secret_mount(self.keystores["secret"], STORES)] if self.keystores else []),
            *([volumes.mount("trusted", TRUSTED, read_only=True)] if self.certificates else []),
        ]

    def secret_mount(self, secret: str, path: str) -> k8s.core.v1.VolumeMountArgs:
        """A Secret that the additions name, at ``path``."""
        return volumes.mount(self._secrets()[secret], path, read_only=True)

    def server_mounts(self, home: str) -> list[k8s.core.v1.VolumeMountArgs]:
        """Each jar and each file outside ``conf/``, one by one, and the volumes."""
        jars = [f"{jar.get('into') or 'lib'}/{jar_name(jar)}" for jar in self.jars]
        claims = self._mounted_claims()
        files = [file["path"] for file in self.files if not file["path"].startswith("conf/")]
        return [
            *(volumes.mount("delivered", f"{home}/{path}", sub_path=path, read_only=True) for path in jars),
            *(volumes.mount("delivered", f"{home}/{path}", sub_path=f"files/{path}") for path in files),
            *(
                volumes.mount(claims[one["claim"]], one["path"], read_only=one.get("read_only") or None)
                for one in self.mounted
            ),
        ]

    def _delivers(self) -> bool:
        return bool(self.jars or self.files)

    def _patch_secrets(self) -> list[str]:
        names = {secret["name"] for patch in self.patches if (secret := patch.get("set_from_secret"))}
        return sorted(names | ({self.keystores["secret"]} if self.keystores else set()))

    def _secrets(self) -> dict[str, str]:
        """Volume of each Secret that is mounted anywhere."""
        in_files = {secret["name"] for file in self.files if (secret := file.get("secret"))}
        in_vault = {self.vault["secret"]} if self.vault else set()
        return _numbered("secret", in_files | in_vault | set(self._patch_secrets()))

    def _config_maps(self) -> dict[str, str]:
        return _numbered("config-map", {source["name"] for file in self.files if (source := file.get("config_map"))})

    def _mounted_claims(self) -> dict[str, str]:
        return _numbered("claim", {one["claim"] for one in self.mounted})

    def _claims(self) -> dict[str, str]:
        return _numbered("jar-claim", {claim for jar in self.jars if (claim := jar.get("claim"))})


def _trusted_path(item: TrustedCertificatesArgs) -> str:
    """Place of certificates in their volume; the log of the container that imports them names it."""
    kind, source = next((kind, source) for kind, source in item.items() if source)
    return f"{kind}/{source['name']}/{source['key']}"  # type: ignore[index]


def _trusted_volume(certificates: Sequence[TrustedCertificatesArgs]) -> k8s.core.v1.VolumeArgs:
    """The named keys and no others, each once: a Secret with a certificate often holds its private key too."""
    sources = []
    for path in dict.fromkeys(map(_trusted_path, certificates)):
        kind, name, key = path.split("/")
        items = [k8s.core.v1.KeyToPathArgs(key=key, path=path)]
        sources.append(
            k8s.core.v1.VolumeProjectionArgs(secret=k8s.core.v1.SecretProjectionArgs(name=name, items=items))
            if kind == "secret"
            else k8s.core.v1.VolumeProjectionArgs(
                config_map=k8s.core.v1.ConfigMapProjectionArgs(name=name, items=items)
            )
        )
    projected = k8s.core.v1.ProjectedVolumeSourceArgs(sources=sources, default_mode=0o440)
    return k8s.core.v1.VolumeArgs(name="trusted", projected=projected)


def proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """What of the server's environment containers that fetch need too."""
    return {name: value for name, value in environment.items() if name.upper() in _PROXIES}


def _numbered(prefix: str, names: set[str]) -> dict[str, str]:
    """A volume name for each object: the objects' own may be too long for one."""
    return {name: f"{prefix}-{index}" for index, name in enumerate(sorted(names))}


def _deliver(
    name: str, image: str, arguments: list[str], mounts: list[k8s.core.v1.VolumeMountArgs]
) -> k8s.core.v1.ContainerArgs:
    return k8s.core.v1.ContainerArgs(
        name=name,
        image=image,
        command=["python", f"{volumes.IN_POD_MOUNT}/deliver.py"],
        args=[*arguments, "--manifest", f"{_MANIFEST}/deliveries.json", "--to", DELIVERED],
        security_context=pods.container_security(),
        resources=pods.resources("20m", "64Mi"),
        volume_mounts=[
            volumes.mount("programs", volumes.IN_POD_MOUNT, read_only=True),
            volumes.mount("additions", _MANIFEST, read_only=True),
            *mounts,
        ],
        termination_message_policy="FallbackToLogsOnError",
    )


def _jar(jar: JarArgs) -> dict[str, str]:
    found: dict[str, str | None] = {
        "name": jar_name(jar),
        "into": jar.get("into") or "lib",
        "url": jar.get("url"),
        "claim": jar.get("claim"),
        "path": jar.get("path"),
        "source": f"/claims/{jar['claim']}/{jar.get('path')}" if jar.get("claim") else None,
        "sha256": jar.get("sha256"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _source(index: int, file: FileArgs) -> str:
    """Where the container that places files finds this one."""
    for kind in ("secret", "config_map"):
        reference: SecretKeyArgs | None = file.get(kind)  # type: ignore[assignment]
        if reference:
            return f"/sources/{kind}/{reference['name']}/{reference['key']}"
    return f"{_MANIFEST}/file-{index}"


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True)
