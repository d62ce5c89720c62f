"""What settings are made of: the base of every section, the types of single values, and what conflicts with what.

Each type describes what it allows and gives a valid example: messages, fixing commands and the reference page
(docs/settings.md) are made from them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from components.shared.quantities import quantity

Args = TypeVar("Args")


@dataclass(frozen=True)
class Allowed:
    """What a value may be, beyond what its type and bounds say themselves. Metadata in ``Annotated``."""

    words: str = ""
    """Completes the sentence "must be ..."; empty where type and bounds say it all."""
    example: Any = None
    """A value that is accepted."""
    unit: str = ""
    """What a number counts, e.g. ``seconds``; or ``memory``, ``cpu``, ``body`` for a text with a unit."""
    any_text: bool = False
    """Every text is allowed, the empty one too."""
    options: tuple[str, ...] = ()
    """The only values, where they come from a table."""
    removed: bool = False
    """No example fits every stack, so the fix of an invalid value removes it."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Give editors the options and the example, see docs/stack.schema.json."""
        found = handler(schema)
        more = {"enum": list(self.options)} if self.options else {}
        return found | more | ({} if self.example is None else {"examples": [self.example]})


@dataclass(frozen=True)
class Conflict:
    """Two or more settings, each right by itself, that do not go together."""

    key: str
    """The setting to change, as a path from the top: ``ei.heap``."""
    others: tuple[str, ...]
    """The settings that it conflicts with, as paths from the top; ``expected`` names each of them."""
    expected: str
    """What is allowed; completes the sentence that begins with key and value."""
    fix: Mapping[str, str | int | bool | None]
    """What to set so that it is fixed, by path, in this order; ``None``: remove the key."""


def cpu_limit_conflicts(section: str, cpu: str, limit: str) -> Iterator[Conflict]:
    """Report a CPU limit below the request, which the API server rejects."""
    if quantity(limit) < quantity(cpu):
        key, request = f"{section}.cpuLimit", f"{section}.cpu"
        yield Conflict(key, (request,), f"must be at least {request} {cpu}", {key: cpu})


def camel_case_arguments(words: str) -> str:
    """Replace names of arguments by those of settings: ``java_options`` becomes ``javaOptions``."""
    return re.sub(r"\b[a-z]+(_[a-z]+)+\b", lambda name: to_camel(name[0]), words)


class ConflictsError(ValueError):
    """All conflicts of one stack, and the settings that they are between."""

    def __init__(self, conflicts: list[Conflict], settings: Any) -> None:
        super().__init__("; ".join(f"{conflict.key} {conflict.expected}" for conflict in conflicts))
        self.conflicts = conflicts
        self.settings = settings


class Section(BaseModel):
    """Base of every section: camelCase keys as in Kubernetes, unknown keys rejected, nothing coerced."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        validate_default=True,
        strict=True,
    )

    def as_args(self, kind: type[Args]) -> Args:
        """Return this section's part of a component's arguments: the fields of the TypedDict ``kind`` that it has.

        A field has one name from the stack file to the component, and nested sections go along whole. What ``kind`` has
        beyond that is the caller's to add.
        """
        return cast(Args, self.model_dump(include=set(kind.__annotations__)))

    def conflicts(self) -> Iterator[Conflict]:
        """Yield the conflicts of this section. All are reported at once, so nothing is raised."""
        yield from ()

    def all_conflicts(self) -> Iterator[Conflict]:
        """Yield the conflicts of this section and of the sections in it."""
        yield from self.conflicts()
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Section):
                yield from value.all_conflicts()


def number_as_text(value: Any) -> Any:
    """Convert a number to text: a value that looks like a number may be meant as a word."""
    # YAML, and `pulumi config set --path`, make a number of an unquoted one.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _bytes(text: str) -> str:
    if text.endswith("m") or quantity(text) < 1024**2:
        raise ValueError("not an amount of bytes, or less than 1Mi")
    return text


def _cpu(text: str) -> str:
    if text[-1:] not in "m0123456789" or not 0.001 <= quantity(text) <= 256:
        raise ValueError("not an amount of CPUs, or out of range")
    return text


def _line(text: str) -> str:
    if not text.isprintable() or text != text.strip() or not 0 < len(text) <= 253:
        raise ValueError("not text of one line")
    return text


def _absolute(text: str) -> str:
    if not text.isprintable() or not re.fullmatch(r"(/[^/\s]+)+/?", text) or {"..", "."} & set(text.split("/")):
        raise ValueError("not an absolute path below /")
    return text.rstrip("/")


def _numeric(host: str) -> bool:
    """Whether the last label is a number: only IPv4 addresses have such names (RFC 1123, 2.1)."""
    return host.rpartition(".")[2].isdigit()


def _host(text: str) -> str:
    if _numeric(text):
        ipaddress.IPv4Address(text)
    return text


def _ingress_host(text: str) -> str:
    if _numeric(text):
        raise ValueError("an IP address, which the API server rejects as the host of an Ingress")
    return text


def _host_port(text: str) -> str:
    host, _, port = text.partition("/")[0].partition(":")
    if port and int(port) > 65535:
        raise ValueError("not a port")
    return f"{_host(host)}{text[len(host) :]}"


def _endpoint(text: str) -> str:
    scheme, _, host = text.partition("://")
    return f"{scheme}://{_host_port(host)}"


def _data_key(text: str) -> str:
    if text.startswith("..") or text == ".":
        raise ValueError("not a key of a Secret or ConfigMap")
    return text


def _address(text: str) -> str:
    if re.fullmatch(rf"{_DNS_LABEL}(\.{_DNS_LABEL})*", text) and len(text) <= 253:
        return _host(text)
    if getattr(ipaddress.ip_address(text), "scope_id", None):
        raise ValueError("an address of one link only")
    return text


def _image(text: str) -> str:
    name = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
    host = r"[a-z0-9]+(?:[.-]+[a-z0-9]+)*(?::([0-9]{1,5}))?/"
    version = r"(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
    reference = re.fullmatch(rf"(?:{host})?{name}(?:/{name})*{version}", text, re.ASCII)
    if not reference or int(reference[1] or 1) not in range(1, 65536):
        raise ValueError("not an image reference")
    last = text.rsplit("/", 1)[-1]
    if ":" not in last and "@" not in last:
        raise ValueError("no tag and no digest")
    return text


_DNS_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
Name = Annotated[
    str,
    StringConstraints(pattern=f"^{_DNS_LABEL}$"),
    Allowed("a name of lower-case letters, digits and '-', at most 63 characters (a DNS label)", "wso2"),
]
Host = Annotated[
    str,
    StringConstraints(pattern=rf"^{_DNS_LABEL}(\.{_DNS_LABEL})*$", max_length=253),
    AfterValidator(_host),
    Allowed("a host name in lower case, or an IP address, without scheme and port", "ei.example.com"),
]
IngressHost = Annotated[
    str,
    StringConstraints(pattern=rf"^{_DNS_LABEL}(\.{_DNS_LABEL})*$", max_length=253),
    AfterValidator(_ingress_host),
    Allowed("a host name in lower case, without scheme and port, and not an IP address", "ei.example.com"),
]
Address = Annotated[
    str,
    AfterValidator(_address),
    Allowed("a host name in lower case, an IPv4 or an IPv6 address, without scheme and port", "localhost"),
]
ObjectName = Annotated[
    str,
    StringConstraints(pattern=rf"^{_DNS_LABEL}(\.{_DNS_LABEL})*$", max_length=253),
    Allowed("a Kubernetes name of lower-case letters, digits, '-' and '.', at most 253 characters", "wso2ei"),
]
HostPort = Annotated[
    str,
    StringConstraints(pattern=rf"^{_DNS_LABEL}(\.{_DNS_LABEL})*:[1-9][0-9]{{0,4}}$"),
    AfterValidator(_host_port),
    Allowed("host:port, without scheme", "ingress-nginx-controller.ingress-nginx:443"),
]
Registry = Annotated[
    str,
    StringConstraints(
        pattern=rf"^{_DNS_LABEL}(\.{_DNS_LABEL})*(:[1-9][0-9]{{0,4}})?(/[a-z0-9]+([._-][a-z0-9]+)*)*$", max_length=253
    ),
    AfterValidator(_host_port),
    Allowed("a registry as host, host:port or host/path, without scheme", "harbor.example.com"),
]
Endpoint = Annotated[
    str,
    StringConstraints(pattern=rf"^https?://{_DNS_LABEL}(\.{_DNS_LABEL})*(:[1-9][0-9]{{0,4}})?$"),
    AfterValidator(_endpoint),
    Allowed("http:// or https:// and a host, with a port or without, and no path", "https://s3.example.com"),
]
Text = Annotated[
    str,
    AfterValidator(_line),
    Allowed("text of one line, at most 253 characters, without spaces at its ends", "text"),
]
Line = Annotated[
    str,
    StringConstraints(pattern=r"^\S(.{0,1998}\S)?$"),
    Allowed("text of one line, at most 2000 characters, without spaces at its ends", "-Duser.timezone=UTC"),
]
AnyText = Annotated[str, Allowed("text", "text", any_text=True)]
DataKey = Annotated[
    str,
    StringConstraints(pattern=r"^[-._:a-zA-Z0-9]{1,253}$"),
    Allowed("a key of letters, digits, '-', '_' and '.', at most 253 characters", "password"),
]
ObjectKey = Annotated[
    str,
    StringConstraints(pattern=r"^[-._a-zA-Z0-9]{1,253}$"),
    AfterValidator(_data_key),
    Allowed("a key of letters, digits, '-', '_' and '.', at most 253 characters", "password"),
]
VariableName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,252}$"),
    Allowed("a name of letters, digits and '_' that does not begin with a digit", "BACKEND_URL"),
]
Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Allowed("64 lower-case hex digits, as sha256sum prints them", "0" * 64),
]
Bytes = Annotated[
    str,
    AfterValidator(_bytes),
    Allowed("an amount of memory or disk of at least 1Mi, such as 512Mi or 8Gi", "1Gi", unit="memory"),
]
Cpu = Annotated[
    str,
    BeforeValidator(number_as_text, json_schema_input_type=str | float),
    AfterValidator(_cpu),
    Allowed("CPUs from 1m to 256, such as 200m or 1.5", "200m", unit="cpu"),
]
AbsolutePath = Annotated[
    str,
    AfterValidator(_absolute),
    Allowed("an absolute path below /, without '..' and spaces", "/var/lib/wso2ei/local"),
]
Image = Annotated[
    str,
    AfterValidator(_image),
    Allowed(
        "an image reference with a tag or a digest, such as docker.io/wso2/wso2ei-integrator:6.5.0 "
        "(without a tag it would be 'latest', which is rejected)",
        "docker.io/wso2/wso2ei-integrator:6.5.0",
    ),
]
Seconds = Annotated[int, Allowed(unit="seconds")]
Minutes = Annotated[int, Allowed(unit="minutes")]
Port = Annotated[int, Field(ge=1, le=65535)]
LabelValue = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"),
    Allowed("a label value of letters, digits, '-', '_' and '.', at most 63 characters", "nginx-ingress"),
]
LabelKey = Annotated[
    str,
    StringConstraints(
        pattern=rf"^({_DNS_LABEL}(\.{_DNS_LABEL})*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$", max_length=317
    ),
    Allowed("a label key such as app.kubernetes.io/name", "app.kubernetes.io/name"),
]
