"""Every (setting, mistake) pair, made from the models: a new setting is covered by itself."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_origin

from pydantic.alias_generators import to_camel

from components.nginx.tls import self_signed
from settings.model import HostsSettings
from settings.mysql import ExternalMysqlSettings
from settings.schema import TOP, Key, walk
from stack.names import MYSQL
from tests.unit.support.config_commands import place_of, value_at

WRONG_TYPE, EMPTY, OUT_OF_RANGE, WRONG_FORM, WRONG_UNIT, MISSING, MISSPELT = (
    "wrong type", "empty", "out of range", "wrong form", "wrong unit", "missing", "misspelt",
)  # fmt: skip
STRANGE_TEXTS = ("Not Valid!", "https://x.example.com/y", " x", "x\n", "../x", "-", "x" * 400, "something-else")
"""Every text that is restricted at all refuses at least two of them."""
WRONG_UNITS = {
    "memory": ["2GB", "512m", "1 Gi", "1Gi\n", "64"],
    "cpu": ["1Gi", "2 cores", "50%"],
    "body": ["256Mi", "1T", "256"],
    "seconds": ["180s", "3m"],
    "minutes": ["30m", "1h"],
}
SIZES_OUT_OF_RANGE = {"memory": ["0", "1Ki", "-1Gi"], "cpu": ["0", "0m", "257", "-1"], "body": ["0m", "-1m"]}


def single_values() -> list[Key]:
    """Every setting that is not a section."""
    return [key for key in walk() if not key.sections]


def kinds_for(key: Key) -> set[str]:
    """The kinds of mistake that fit a setting. ``AssertionError`` for a type that this module does not know."""
    kinds = {MISSPELT}
    if key.required:
        kinds.add(MISSING)
    if "." in key.path and not (key.allowed.any_text and key.accepts(None)):
        kinds.add(EMPTY)
    # The CLI itself looks at the type of a top-level key, and hands every text over as a text.
    if "." in key.path or key.base is not str:
        kinds.add(WRONG_TYPE)
    if key.sections or key.base is bool or get_origin(key.base) in {list, dict}:
        return kinds
    if key.allowed.any_text:
        return kinds
    if key.options or key.base is str:
        kinds.add(WRONG_FORM)
    elif key.base is int:
        kinds.add(OUT_OF_RANGE)
    else:
        raise AssertionError(f"{key.path}: no mistake is known for the type {key.annotation}; teach this module one")
    if key.allowed.unit:
        kinds |= {WRONG_UNIT} | ({OUT_OF_RANGE} if key.base is str else set())
    return kinds


_NODE_PORT = {"ingress": {"expose": "NodePort", "address": "localhost"}}
_COMMUNITY = {"ingress": {"controller": "existing", "className": "nginx", "dialect": "community"}}
_EXTERNAL = {"mysql": {"external": {"host": "mysql.example.com"}}}
_METRICS: dict[str, Any] = {"ei": {"metrics": {"prometheus": {"namespace": "monitoring"}}}}


def _of_metrics(**more: Any) -> dict[str, Any]:
    return {"ei": {"metrics": _METRICS["ei"]["metrics"] | more}}


_INTERNAL = {"ingress": {"controller": "existing", "console": {"className": "internal"}}}
COMPANIONS: dict[str, dict[str, Any]] = {
    "ingress.console.className": {"ingress": {"controller": "existing"}},
    **{f"ingress.console.{name}": _INTERNAL for name in ("address", "controllerAddress", "controllerLabels")},
    "ingress.console.controllerNamespace": _INTERNAL,
    "ingress.console.allowedSources": _COMMUNITY,
    "ingress.gateway.allowedSources": _COMMUNITY,
    "registryUsername": {"ei": {"image": "registry.example.com/ei:1"}},
    "ingress.httpNodePort": _NODE_PORT,
    "ingress.httpsNodePort": _NODE_PORT,
    "storage.retain": {"namespace": {"create": False}},
    # With an external server, settings of the stack's own one are mistakes.
    "mysql.external": {},
    # Without the access key of the other settings of the bucket.
    "mysql.backup.s3.secret": {},
    **{f"mysql.external.{to_camel(name)}": _EXTERNAL for name in ExternalMysqlSettings.model_fields},
    "ei.metrics.serviceMonitor": _of_metrics(discovery="serviceMonitor"),
    "mysql.external.caConfigMap": {"mysql": {"external": {"host": "mysql.example.com", "tls": "verifyCa"}}},
}
"""What must be set beside a setting, so that the stack has no other mistake."""
_BUCKET = {"endpoint": "https://s3.example.com", "bucket": "dumps", "prefix": "prod", "accessKeyId": "AKIA"}
VALUES: dict[str, Any] = {
    "mysql.backup.s3": _BUCKET,
    "ingress.tlsCertificate": self_signed(b"0" * 32, list(HostsSettings().model_dump().values())).certificate,
    "mysql.tlsCertificate": self_signed(b"0" * 32, [MYSQL]).certificate,
}
"""Valid values that are too long for the example of a setting, or more than a section requires."""


_DIAGNOSTICS = {
    "hostPath": {"kind": "hostPath", "path": "/var/log/wso2ei"},
    "nfs": {"kind": "nfs", "server": "nfs.example.com", "path": "/exports/logs"},
    "claim": {"kind": "claim", "claim": "ei-logs"},
    "class": {"kind": "class", "storageClass": "nfs-client"},
}
_CLIENT = {"podLabels": {"app": "orders"}, "namespaceLabels": {"team": "orders"}}
_JAR = {"url": "https://repo.example.com/a.jar", "sha256": "0" * 64}
_CAR = {"url": "https://repo.example.com/a.car", "sha256": "0" * 64}
ITEMS: dict[str, dict[str, Any]] = {
    "ingress.tlsIssuer": {"ingress": {"tlsIssuer": {"kind": "ClusterIssuer", "name": "company"}}},
    "mysql.tlsIssuer": {"mysql": {"tlsIssuer": {"kind": "Issuer", "name": "databases"}}},
    "ei.patches[0]": {"ei": {"patches": [{"file": "conf/carbon.xml", "path": "Server/A", "set": "v"}]}},
    "ei.files[0]": {"ei": {"files": [{"path": "conf/a.xml", "content": "<a/>"}]}},
    "ei.trustedCertificates[0]": {"ei": {"trustedCertificates": [{"secret": {"name": "a", "key": "ca.crt"}}]}},
    "ei.volumes[0]": {"ei": {"volumes": [{"claim": "files", "path": "/mnt/files"}]}},
    "ei.ports[0]": {"ei": {"ports": [{"name": "orders", "port": 8085}], "clients": [_CLIENT]}},
    "ei.clients[0]": {"ei": {"clients": [_CLIENT]}},
    "ei.proxy": {"ei": {"proxy": {"host": "proxy.example.com", "port": 3128}}},
    "ei.jars[0]": {"ei": {"jars": [_JAR]}},
    # The first that fits is taken.
    "mysql.backup.s3": {"mysql": {"backup": {"schedule": "30 2 * * *", "s3": _BUCKET}}},
    "mysql.backup": {"mysql": {"backup": {"schedule": "30 2 * * *"}}},
    "ei.hostAliases[0]": {"ei": {"hostAliases": [{"ip": "10.0.0.12", "hostnames": ["backend"]}]}},
    "ei.autoscaler": {"ei": {"autoscaler": {"maxReplicas": 3}}},
    "ei.metrics.serviceMonitor": _of_metrics(discovery="serviceMonitor"),
    "ei.metrics.agent": _of_metrics(agent={"port": 9404}),
    "ei.metrics": _METRICS,
    "scheduling.tolerations[0]": {"scheduling": {"tolerations": [{"key": "dedicated", "effect": "NoExecute"}]}},
    "ei.carbonApps[0]": {"ei": {"carbonApps": [_CAR], "carbonAppsFolder": "atStart"}},
}
"""An item of each list of sections that is right."""


def companions(path: str, variant: str = "") -> dict[str, Any]:
    """What must be set beside the setting at ``path``, of one kind."""
    if path.startswith("ei.diagnostics."):
        return {"ei": {"diagnostics": _DIAGNOSTICS[variant]}}
    if path.startswith("ei.keystores."):
        return {"ei": {"keystores": {"secret": "stores"}}}
    if path.startswith("ei.secureVault"):
        return {"ei": {"keystores": {"secret": "stores"}, "secureVault": {"secret": "ei-vault"}}}
    item = next((config for name, config in ITEMS.items() if path.startswith(f"{name}.")), {})
    config = copy.deepcopy(item | COMPANIONS.get(path, {}))
    if ".setFromSecret" in path:
        del config["ei"]["patches"][0]["set"]
    if path.startswith(("ei.files[0].secret", "ei.files[0].configMap")):
        del config["ei"]["files"][0]["content"]
    if path == "mysql.backup.s3.secret":
        del config["mysql"]["backup"]["s3"]["accessKeyId"]
    if path.startswith("ei.trustedCertificates[0].configMap"):
        del config["ei"]["trustedCertificates"][0]["secret"]
    for section in ("setFromSecret", "secret", "configMap"):
        if f".{section}." in path:
            place = path.partition(f".{section}.")[0]
            config = at(config, f"{place}.{section}", {"name": "backend", "key": "password"})
    return config


@dataclass(frozen=True)
class Pair:
    """One mistake in one setting."""

    key: Key
    kind: str
    value: Any
    config: Any
    """The whole config of a stack that has this mistake and no other."""

    @property
    def path(self) -> str:
        """Where it must be reported."""
        if self.kind == MISSPELT:
            return self.key.path[: -len(self.key.name)] + misspell(self.key.name)
        return self.key.path

    def __str__(self) -> str:
        variant = f"({self.key.variant})" if self.key.variant else ""
        return f"{self.key.path}{variant}-{self.kind}-{self.value!r}"[:90]


def base(variant: str = "") -> dict[str, Any]:
    """The smallest valid config, of one kind of storage."""
    config = {child.name: child.sample() for child in TOP.children() if child.required}
    if variant:
        storage = TOP.child("storage")
        assert storage is not None
        required = [child for child in storage.children() if child.variant == variant and child.required]
        config["storage"] = {child.name: child.sample() for child in required}
    if variant == "claim":
        config["namespace"] = {"create": False}
    return config


def at(config: dict[str, Any], path: str, value: Any, *, name: str | None = None) -> dict[str, Any]:
    """A copy of ``config`` with ``value`` at ``path``; under another last ``name``, instead of the right one."""
    config = copy.deepcopy(config)
    put(config, path, value, name=name)
    return config


def put(config: dict[str, Any], path: str, value: Any, *, name: str | None = None) -> None:
    """As ``at``, in ``config`` itself."""
    place = place_of(path)
    last, target = place[-1], config
    for part, following in itertools.pairwise(place):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(target, list) and part == len(target):
            target.append(empty)
        target = target.setdefault(part, empty) if isinstance(target, dict) else target[part]
    if name:
        target.pop(last, None)
    target[name or last] = value


def misspell(name: str) -> str:
    """``replicas`` becomes ``replicass``."""
    return name + name[-1]


def pairs() -> Iterator[Pair]:
    """All of them."""
    for key in walk():
        config = base(key.variant) | copy.deepcopy(companions(key.path, key.variant))
        for kind in sorted(kinds_for(key) - {MISSING, MISSPELT}):
            for value in _wrong_values(key, kind):
                yield Pair(key, kind, value, at(config, key.path, value))
        if key.required:
            yield Pair(key, MISSING, None, without(config, key.path))
        value = (
            value_at(config, place_of(key.path)) if key.required else key.sample() if key.sections else key.example()
        )
        value = VALUES.get(key.path, value)
        if not key.tag and not _is_tag(key):
            yield Pair(key, MISSPELT, value, at(config, key.path, value, name=misspell(key.name)))
        yield from _of_items(key, config)


def _of_items(key: Key, config: dict[str, Any]) -> Iterator[Pair]:
    if get_origin(key.base) is list:
        for kind in (WRONG_TYPE, EMPTY, WRONG_FORM):
            for value in _wrong_values(key.item(0), kind):
                yield Pair(key.item(0), kind, value, at(config, key.path, [value]))
    elif get_origin(key.base) is dict:
        name, good = next(iter(key.example().items()))
        for kind in (WRONG_TYPE, EMPTY, WRONG_FORM):
            for value in _wrong_values(key.item(name), kind):
                yield Pair(key.item(name), kind, value, at(config, key.path, {name: value}))
        wrong = Key(key.item("not a key!").path, key.map_key().annotation)
        yield Pair(wrong, WRONG_FORM, None, at(config, key.path, {"not a key!": good}))


def _wrong_values(key: Key, kind: str) -> list[Any]:
    """Values that ``key`` must refuse. The models are asked only where a type accepts more than others."""
    unit = key.allowed.unit
    if kind == EMPTY:
        nothing: list[Any] = [[]] if get_origin(key.base) is list and key.bounds()[0] else [""]
        nothing = [] if key.allowed.any_text else nothing
        return [*nothing, *([] if key.field and key.accepts(None) else [None])]
    if kind == WRONG_TYPE:
        return _wrong_types(key)
    if kind == WRONG_FORM:
        return _wrong_forms(key)
    if kind == OUT_OF_RANGE and key.base is int:
        least, greatest = key.bounds()
        assert least is not None and greatest is not None, f"{key.path}: give the number both bounds"
        return [least - 1, greatest + 1, 10**12, *([0] if least else [])]
    return list(SIZES_OUT_OF_RANGE[unit] if kind == OUT_OF_RANGE else WRONG_UNITS[unit])


def _wrong_forms(key: Key) -> list[Any]:
    if key.allowed.any_text:
        return []
    if key.options:
        return ["something-else", *(text for text in (key.options[0].upper(),) if text not in key.options)]
    refused: list[Any] = [text for text in STRANGE_TEXTS if not key.accepts(text)]
    assert len(refused) >= 2, f"{key.path}: any text is accepted; give it a type of settings.types, such as Text"
    return refused


def _wrong_types(key: Key) -> list[Any]:
    types: dict[Any, list[Any]] = {
        bool: ["maybe", "true", 1, ["true"], {"a": "b"}],
        int: ["two", "2", 2.5, True, [2], {"a": 2}],
        str: [5, True, ["x"], {"a": "b"}],
        list: ["x", 5, True, {"a": "b"}],
        dict: ["x", 5, True, ["x"]],
    }
    if key.sections:
        return types[dict]
    base = str if key.options else get_origin(key.base) or key.base
    # CPUs and words may be numbers; what the CLI hands over of a top-level key is text.
    numbers = key.allowed.unit == "cpu" or key.path.startswith("secrets.rotation.")
    accepted = [5] if numbers else ["true"] if key.base is bool and "." not in key.path else []
    return [value for value in types[base] if value is True or value not in accepted]


def without(config: dict[str, Any], path: str) -> dict[str, Any]:
    """A copy of ``config`` without ``path``."""
    config = copy.deepcopy(config)
    *parents, last = place_of(path)
    del value_at(config, parents)[last]
    return config


def _is_tag(key: Key) -> bool:
    parent = next((section for section in walk() if section.path == key.path.rpartition(".")[0]), TOP)
    return parent.tag == key.name


def without_a_pair() -> list[str]:
    """Settings that have no pair of some kind that fits them."""
    made: dict[tuple[str, str], set[str]] = {}
    for pair in pairs():
        made.setdefault((pair.key.path, pair.key.variant), set()).add(pair.kind)
    return [
        f"{key.path} {key.variant} {kinds_for(key) - made.get((key.path, key.variant), set())}"
        for key in single_values()
        if kinds_for(key) - made.get((key.path, key.variant), set()) - ({MISSPELT} if _is_tag(key) else set())
    ]
