"""Write ``docs/settings.md``: every key of a stack file, from the models that check it.

``python -m tools.settings_reference`` (or ``make docs``) writes the page; ``--check`` fails when it differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_origin

import yaml

from settings.errors import SECRET_KEYS
from settings.schema import TOP, Key
from tools.descriptions import describe

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "settings.md"

_HEAD = """\
# Settings

<!-- Written by `make docs` from the models in settings/; edit there. -->

Every setting of a stack file (`Pulumi.<stack>.yaml`), with its default. Keys are written as `pulumi config set --path`
takes them:

```sh
pulumi config set --path 'wso2ei:ei.replicas' 3          # a number or true/false
pulumi config set --path 'wso2ei:ei.heap' 700Mi          # text
pulumi config set --path 'wso2ei:storage.version' --type string 4   # text that looks like a number
pulumi config set --path 'wso2ei:kubernetes.contexts[0]' production
pulumi config rm --path 'wso2ei:ei.image'                # back to the default
```

or in the file:

```yaml
config:
  wso2ei:ei:
    replicas: 3
    heap: 700Mi
```

All mistakes are reported at once, before anything is created: each with its key, its value, what is allowed and the
command that fixes it. The CLI reports two kinds itself, one at a time and without the command: `configuration key
'wso2ei:ei' must be of type 'object'` (text, a list or nothing instead of the keys of a section: remove the line, or
`pulumi config rm ei`), and the same with `'boolean'` or `'string'`.
"""


def page() -> str:
    """The whole page."""
    describe()
    return "\n".join([_HEAD, *_top(), *_secrets()])


def _top() -> Iterator[str]:
    single = [key for key in TOP.children() if not key.sections]
    for section in TOP.children():
        if section.sections:
            yield from _section(section)
    yield "## Single keys\n"
    yield _table(single)


def _section(section: Key) -> Iterator[str]:
    required = "Required. " if section.required else ""
    yield f"## {section.name}\n\n{required}{_description(section)}\n"
    if section.tag:
        yield from _kinds(section)
    else:
        yield from _tables(list(section.children()))


def _kinds(section: Key) -> Iterator[str]:
    """The tables of a section whose keys depend on its kind, one for each."""
    for kind, model in zip(section.options, section.sections, strict=True):
        yield f"### {section.path}.{section.tag}: {kind}\n\n{_plain(model.__doc__ or '')}\n"
        children = [key for key in section.children() if key.variant == kind]
        yield from _tables(sorted(children, key=lambda key: (key.name != section.tag, not key.required)))


def _tables(keys: list[Key]) -> Iterator[str]:
    """The table of ``keys``, then the tables of the sections in them, also of those in lists."""
    yield _table(keys)
    for key in keys:
        inner = key.item(0) if get_origin(key.base) is list else key
        if inner.tag:
            yield from _kinds(inner)
            continue
        for model in inner.sections:
            yield f"### {inner.path}\n\n{_plain(model.__doc__ or '')}\n"
            yield from _tables(list(inner.children()))


def _secrets() -> Iterator[str]:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    yield "## Secrets\n\nStored encrypted, with `pulumi config set --secret KEY`; plain text is rejected.\n"
    yield "| key | what it is |\n|---|---|"
    for key in SECRET_KEYS:
        yield f"| `{key}` | {_cell(declared[f'wso2ei:{key}']['description'])} |"
    yield ""


def _table(keys: list[Key]) -> str:
    rows = ["| key | allowed | default | what it is |", "|---|---|---|---|"]
    for key in keys:
        rows.append(f"| `{key.path}` | {_cell(key.words())} | {_default(key)} | {_cell(_description(key))} |")
    return "\n".join(rows) + "\n"


def _default(key: Key) -> str:
    if key.required:
        return "required"
    if key.default is not None and key.sections:
        return "see below"
    return "none" if key.default is None else f"`{_written(key.default)}`"


def _written(value: Any) -> str:
    """A value as YAML has it on one line."""
    return value if isinstance(value, str) else json.dumps(value)


def _description(key: Key) -> str:
    if key.field is None or not key.field.description:
        raise ValueError(f"{key.path} has no description: put a docstring under it in settings/")
    return _plain(key.field.description)


def _plain(text: str) -> str:
    """A docstring as one line of Markdown."""
    return " ".join(text.replace("``", "`").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page, or report that it differs from the models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args().check
    text = page()
    if not check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print(f"{PAGE.relative_to(ROOT)} does not match the models in settings/; run: make docs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
