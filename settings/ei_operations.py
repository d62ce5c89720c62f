"""Settings of EI's nodes about their running: who says how many there are, and what their pods bear."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic.alias_generators import to_camel

from components.ei.operations import operation_problems
from components.ei.operations_args import HostAliasArgs, OperationsArgs
from settings.types import Allowed, Contradiction, Host, Section


def _ip(text: str) -> str:
    if getattr(ipaddress.ip_address(text), "scope_id", None):
        raise ValueError("an address of one link only")
    return text


IpAddress = Annotated[str, AfterValidator(_ip), Allowed("an IPv4 or IPv6 address", "10.0.0.12")]


class Autoscaler(Section):
    """What the stack must know of an autoscaler that you make, such as a HorizontalPodAutoscaler."""

    max_replicas: Annotated[int, Field(ge=1, le=20, examples=[3])]
    """The most nodes that it makes: MySQL's connections must suffice for them."""


class HostAlias(Section):
    """An address with its names."""

    ip: IpAddress
    """The address."""
    hostnames: Annotated[list[Host], Field(min_length=1, examples=[["backend.internal"]])]
    """Names that resolve to it, inside the pods."""

    def as_args(self) -> HostAliasArgs:
        """As ``EiCluster`` takes it."""
        return {"ip": self.ip, "hostnames": self.hostnames}


def node_contradictions(args: OperationsArgs) -> Iterator[Contradiction]:
    """What the component would refuse, by the names that users write."""
    for problem in operation_problems(args):
        field, name = problem.place[0], problem.place[1]
        path = f'ei.{to_camel(str(field))}["{name}"]'
        yield Contradiction(path, (), problem.expected, {path: None})
