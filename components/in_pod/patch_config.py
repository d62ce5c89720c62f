"""Patches EI's XML and properties files in place; runs inside a pod, on the standard library alone.

    python patch_config.py --home DIR --patches FILE [--patches FILE ...] [--secrets DIR]

A patches file is JSON, ``{"patches": [...]}``. A patch names a ``file`` below DIR and then either a ``path`` with
``set``, ``attributes``, ``xml`` or ``remove: true``, or a ``property`` with ``set``, ``remove: true``, or, for a list
with commas, ``add`` (an item) or ``first`` (the new first item). A value is
text, ``{"from": "NAME/KEY"}`` (the file NAME/KEY below --secrets) or ``{"env": NAME}`` (an environment variable).

Path language: element names without namespace, joined by ``/``; ``[@name='x']`` and ``[child='x']`` choose among
siblings. Only the last element of a path may be missing, and only ``set`` and ``xml`` make it.

Everything that a patch does not name stays as it is, byte for byte: comments, order, namespaces, entities, line ends.
Nothing is written unless every patch of every file fits; a patch that does not fit is reported with file, path and
what is there instead. Applying the same patches twice gives the same bytes as once. Values are never printed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path, PurePosixPath
from typing import Any

if __package__:
    from components.in_pod.properties_patch import patch_properties
    from components.in_pod.xml_patch import Patch, PatchError, patch_xml
else:  # Run as a program: Python searches its own folder and the standard library.
    from properties_patch import patch_properties  # type: ignore[import-not-found,no-redef]
    from xml_patch import Patch, PatchError, patch_xml  # type: ignore[import-not-found,no-redef]

_FORMS = ({"path", "set"}, {"path", "attributes"}, {"path", "set", "attributes"}, {"path", "xml"}, {"path", "remove"},
          {"property", "set"}, {"property", "remove"}, {"property", "add"}, {"property", "first"})  # fmt: skip


def resolved(patch: Patch, secrets: Path | None) -> Patch:
    """The patch with every value as text, after a check of its form. Raises ``PatchError``."""
    keys = set(patch) - {"file"}
    if keys not in _FORMS or patch.get("remove", True) is not True:
        allowed = "; ".join(" + ".join(sorted(form)) for form in _FORMS)
        raise PatchError(f"{', '.join(sorted(keys)) or 'nothing'}: is not a form of a patch, which are {allowed}")
    for name in ("path", "property", "xml", "add", "first"):
        if name in patch and not isinstance(patch[name], str):
            raise PatchError(f"{name} must be text")
    if not isinstance(patch.get("attributes", {}), dict):
        raise PatchError("attributes must be names with values")
    full = dict(patch)
    if "set" in patch:
        full["set"] = _value(patch["set"], secrets)
    if "attributes" in patch:
        full["attributes"] = {name: _value(value, secrets) for name, value in patch["attributes"].items()}
    return full


def _value(value: Any, secrets: Path | None) -> str:
    """Text as it is; a file's content without the line end that editors leave; an environment variable."""
    match value:
        case str():
            return value
        case {"from": str(name)} if secrets is not None and len(value) == 1:
            try:
                return _below(secrets, name).read_bytes().decode().rstrip("\r\n")
            except UnicodeDecodeError:
                raise PatchError(f"the secret value {name} is not text in UTF-8") from None
            except OSError as error:
                raise PatchError(f"the secret value {name} cannot be read: {error.strerror}") from None
        case {"env": str(name)} if len(value) == 1:
            if name not in os.environ:
                raise PatchError(f"the environment variable {name} is not set")
            return os.environ[name]
    raise PatchError('a value must be text, {"from": "NAME/KEY"} (with --secrets) or {"env": "NAME"}')


def _below(folder: Path, name: str) -> Path:
    """``folder/name``. Raises ``PatchError`` for a name that leads out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise PatchError(f"{name!r} must be a relative path without '..'")
    return folder / path


def apply(home: Path, patches: list[Patch], secrets: Path | None = None) -> dict[Path, bytes]:
    """New content by file, for the files that change. Raises ``PatchError`` that names every misfit."""
    content: dict[Path, bytes] = {}
    misfits: list[str] = []
    for patch in patches:
        name = patch.get("file") if isinstance(patch, dict) else None
        try:
            if not isinstance(name, str):
                raise PatchError("a patch must name its file")
            file = _below(home, name)
            full = resolved(patch, secrets)
            if file not in content:
                content[file] = file.read_bytes() if file.exists() or "property" not in patch else b""
            content[file] = (patch_properties if "property" in full else patch_xml)(content[file], full)
        except PatchError as error:
            misfits.append(f"{name}: {error}")
        except OSError as error:
            misfits.append(f"{name}: {error.strerror}")
    if misfits:
        raise PatchError("\n".join(misfits))
    return {file: data for file, data in content.items() if not file.exists() or file.read_bytes() != data}


def write(changes: dict[Path, bytes]) -> None:
    """Replace each file by one rename, keeping its mode."""
    for file, data in changes.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(file.name + ".patched")
        temporary.write_bytes(data)
        if file.exists():
            temporary.chmod(file.stat().st_mode & 0o7777)
        temporary.replace(file)


def main(arguments: list[str] | None = None) -> int:
    """Patch; exit code 1 with every misfit when one does not fit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, required=True, help="folder of the files that the patches change")
    parser.add_argument("--patches", type=Path, action="append", required=True, help="JSON file; may be repeated")
    parser.add_argument("--secrets", type=Path, help="folder of values that patches take from files")
    args = parser.parse_args(arguments)
    patches = [patch for file in args.patches for patch in json.loads(file.read_text(encoding="utf-8"))["patches"]]
    try:
        changes = apply(args.home, patches, args.secrets)
    except PatchError as error:
        print(f"patch_config: nothing was changed, since these patches do not fit the image:\n{error}", file=sys.stderr)
        return 1
    write(changes)
    print(f"patch_config: {len(patches)} patches, {len(changes)} files changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
