"""Describes every key of ``Settings``: its path, the values it accepts, in words, and an example.

Read from the models, so that messages, the reference page and the tests cannot differ from what is checked. Does not
depend on Pulumi's runtime.
"""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Never, TypeGuard, Union, get_args, get_origin

import annotated_types
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from settings.errors import below
from settings.model import Settings
from settings.types import Allowed, Section


@dataclass(frozen=True)
class Key:
    """One key of a stack's config: a setting, a section, an item of a list or of a map.

    What it reads from the models it keeps, since one check asks for the same hundreds of times.
    """

    path: str
    """``ei.replicas``, ``kubernetes.contexts[0]``, ``ingress.controllerLabels["app.kubernetes.io/name"]``."""
    annotation: Any
    """Its type, with all constraints."""
    field: FieldInfo | None = None
    """The model's field; ``None`` for an item of a list or a map, and for the top."""
    variant: str = ""
    """The ``kind`` that has this setting, where the section is a union of several kinds."""

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def base(self) -> Any:
        """Return the type without constraints and without None."""
        return self._peeled[0]

    @functools.cached_property
    def _peeled(self) -> tuple[Any, list[Any]]:
        return _peel(self.annotation)

    @property
    def allowed(self) -> Allowed:
        """Return the type's own description."""
        return next((item for item in self._peeled[1] if isinstance(item, Allowed)), Allowed())

    @property
    def tag(self) -> str:
        """Return the discriminator of a union of sections, ``kind`` for storage; empty for other keys."""
        found = (item.discriminator for item in self._peeled[1] if isinstance(item, FieldInfo))
        return next((str(name) for name in found if name), "")

    @functools.cached_property
    def sections(self) -> list[type[Section]]:
        """Return the models that its value may have; empty for a single value."""
        members = get_args(self.base) if get_origin(self.base) in {Union, types.UnionType} else [self.base]
        return [item for item in (_peel(member)[0] for member in members) if _is_section(item)]

    @property
    def options(self) -> tuple[str, ...]:
        """Return the only values that it accepts (of a union of sections: its kinds); empty for others."""
        if get_origin(self.base) is Literal:
            return get_args(self.base)
        if self.tag:
            return tuple(_kind(section, self.tag) for section in self.sections)
        return self.allowed.options

    @property
    def required(self) -> bool:
        """Return whether it has no default."""
        return self.field is not None and self.field.is_required()

    @property
    def default(self) -> Any:
        """Return the default; ``None`` also where there is none."""
        return None if self.field is None or self.field.is_required() else self.field.default

    def bounds(self) -> tuple[int | None, int | None]:
        """Return the least and greatest value (of a number) or length (of a list)."""
        least = greatest = None
        for item in self._peeled[1]:
            if isinstance(item, annotated_types.Ge):
                least = int(item.ge)  # type: ignore[call-overload]
            elif isinstance(item, annotated_types.Le):
                greatest = int(item.le)  # type: ignore[call-overload]
            elif isinstance(item, annotated_types.MinLen):
                least = item.min_length
            elif isinstance(item, annotated_types.MaxLen):
                greatest = item.max_length
        return least, greatest

    def accepts(self, value: Any) -> bool:
        """Return whether ``value`` is valid here, conflicts aside."""
        try:
            self._adapter.validate_python(value, strict=True)
        except ValidationError:
            return False
        return True

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.annotation)

    def item(self, which: int | str) -> Key:
        """Return an item of this list or map."""
        return Key(below(self.path, which), get_args(self.base)[-1], variant=self.variant)

    def sample(self) -> Any:
        """Return the least that is accepted: of a section, examples of what it requires; else an example."""
        if not self.sections:
            return self.example()
        kind = self.options[0] if self.tag else ""
        required = [child for child in self.children() if child.required and child.variant == kind]
        return {child.name: child.sample() for child in required}

    def map_key(self) -> Key:
        """Return the type of this map's keys."""
        return Key(self.path, get_args(self.base)[0], variant=self.variant)

    def child(self, name: str, variant: str = "") -> Key | None:
        """Return the setting ``name`` (as users write it) of this section, of one kind or of any."""
        return next((key for key in self.children() if key.name == name and variant in {"", key.variant}), None)

    def children(self) -> tuple[Key, ...]:
        """Return the settings of this section; of all kinds where there are several."""
        return self._children

    @functools.cached_property
    def _children(self) -> tuple[Key, ...]:
        return tuple(
            Key(below(self.path, str(field.alias)), _annotation(field), field, _kind(section, self.tag))
            for section in self.sections
            for field in section.model_fields.values()
        )

    def words(self) -> str:
        """Return what is allowed; completes the sentence "must be ..."."""
        if self.sections:
            return f"a map of {', '.join(dict.fromkeys(key.name for key in self.children()))}"
        if self.options:
            # In quotes, where YAML would make a number of it.
            words = [f'"{option}"' if re.fullmatch(r"[0-9]+(\.[0-9]+)?", option) else option for option in self.options]
            return f"one of {', '.join(words)}" if len(words) > 1 else words[0]
        return self.allowed.words or self._words_of_type()

    def _words_of_type(self) -> str:
        least, greatest = self.bounds()
        if self.base is bool:
            return "true or false"
        if self.base is int:
            low = "" if least is None else f" from {least}"
            high = "" if greatest is None else f" to {greatest}"
            return f"an integer{low}{high}{f', in {self.allowed.unit}' if self.allowed.unit else ''}"
        if get_origin(self.base) is list:
            return f"a list{' (not empty)' if least else ''}, each item {self.item(0).words()}"
        if get_origin(self.base) is dict:
            return f"a map, each key {self.map_key().words()}, each value {self.item('key').words()}"
        return "text"

    def example(self) -> Any:
        """Return a valid value: the field's own example, its default, or the type's example.

        :raises ValueError: if none of them is valid, which a test of all settings rules out.
        """
        examples = (self.field.examples if self.field else None) or []
        candidates = [*examples, self.default, self.allowed.example, *self.options, *self.bounds(), True]
        for value in candidates:
            if value is not None and not isinstance(value, Section) and self.accepts(value):
                return value
        raise ValueError(f"{self.path} has no example; give its type one, see settings.types.Allowed")


TOP = Key("", Settings)
"""The whole config of a stack."""


def walk(key: Key = TOP) -> Iterator[Key]:
    """Yield every setting below ``key``, sections included, depth first in the order of the models."""
    for child in key.children():
        yield child
        item = child.item(0) if get_origin(child.base) is list else child
        if item.sections:
            yield from walk(item)


def locate(location: Sequence[int | str]) -> tuple[Key, tuple[int | str, ...]]:
    """Return the key of a pydantic error's location, and the place of its value in the config as the user wrote it.

    The location holds more than the user writes: the kind of a union of sections, and ``[key]`` for
    the key of a map itself. A setting that does not exist has the type ``Never``.
    """
    key, parent, variant = TOP, TOP, ""
    place: list[int | str] = []
    for part in location:
        if part == "[key]" and get_origin(parent.base) is dict:
            return Key(key.path, parent.map_key().annotation), tuple(place)
        if key.tag and not variant and part in key.options:
            variant = str(part)
            continue
        parent = key
        key = _step(key, part, variant)
        variant = ""
        place.append(part)
    return key, tuple(place)


def _step(key: Key, part: int | str, variant: str) -> Key:
    if key.sections:
        return key.child(str(part), variant) or Key(below(key.path, str(part)), Never)
    kind = get_origin(key.base)
    return key.item(part) if kind in {list, dict} else Key(below(key.path, str(part)), Never)


def path_of(place: Sequence[int | str]) -> str:
    """Return a place in the config as ``pulumi config set --path`` writes it."""
    path = ""
    for part in place:
        path = below(path, part)
    return path


def place_of(path: str) -> tuple[int | str, ...]:
    """Return the place of a path that ``path_of`` wrote."""
    parts = re.findall(r"""\["([^"]*)"\]|\[([0-9]+)\]|([^.\[\]]+)""", path)
    return tuple(int(index) if index else quoted or plain for quoted, index, plain in parts)


def _annotation(field: FieldInfo) -> Any:
    annotation: Any = field.annotation
    for item in field.metadata:
        annotation = Annotated[annotation, item]
    return Annotated[annotation, Field(discriminator=field.discriminator)] if field.discriminator else annotation


def _peel(annotation: Any) -> tuple[Any, list[Any]]:
    """Return the type inside ``Annotated`` and ``| None``, and all metadata on the way."""
    metadata: list[Any] = []
    while True:
        members = [item for item in get_args(annotation) if item is not type(None)]
        if get_origin(annotation) is Annotated:
            annotation, *found = get_args(annotation)
            for item in found:
                metadata += [item, *item.metadata] if isinstance(item, FieldInfo) else [item]
        elif get_origin(annotation) in {Union, types.UnionType} and len(members) == 1:
            annotation = members[0]
        else:
            return annotation, metadata


def _is_section(item: Any) -> TypeGuard[type[Section]]:
    return isinstance(item, type) and issubclass(item, Section)


def _kind(section: type[Section], tag: str) -> str:
    return str(get_args(section.model_fields[tag].annotation)[0]) if tag else ""
