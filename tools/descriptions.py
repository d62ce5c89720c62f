"""Reads the docstrings under the settings' fields as their descriptions, for the page and the schema.

Pydantic can do it too (``use_attribute_docstrings``), but then at every start of the program, a tenth of whose
imports it takes.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Iterator
from functools import cache

from settings.types import Section


@cache
def describe() -> None:
    """Set the description of each field of each section."""
    for model in _below(Section):
        for owner in reversed(model.__mro__):
            if issubclass(owner, Section):
                for name, text in _docstrings(owner).items():
                    if name in model.model_fields:
                        model.model_fields[name].description = text
    # A schema has those of the sections in it, which are defined, and so listed, before it.
    for model in _below(Section):
        model.model_rebuild(force=True)


def _below(model: type[Section]) -> Iterator[type[Section]]:
    for child in model.__subclasses__():
        yield child
        yield from _below(child)


@cache
def _docstrings(model: type[Section]) -> dict[str, str]:
    [owner] = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    return {
        ast.unparse(field.target): inspect.cleandoc(str(text.value.value))
        for field, text in itertools.pairwise(owner.body if isinstance(owner, ast.ClassDef) else [])
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }
