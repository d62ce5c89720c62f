"""Patches EI's XML and properties files in place; runs inside a pod, on the standard library alone.

    python patch_config.py --home DIR --patches FILE [--patches FILE ...]

A patches file is JSON: ``{"patches": [{"file": ..., "path": ..., "set": ...}, ...]}``. Everything that a patch does
not name stays as it is, byte for byte: comments, order, namespaces, entities, line ends. Nothing is written unless
every patch of every file fits; a patch that does not fit is told with file, path and what is there instead.
Applying the same patches twice gives the same bytes as once. Values are never printed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple
from xml.parsers import expat

Patch = dict[str, Any]
_STEP = re.compile(r"(?P<name>[\w.-]+)(?P<tests>(\[[^\]]*\])*)$")
_TEST = re.compile(r"\[(?P<attribute>@)?(?P<name>[\w.:-]+)='(?P<value>[^']*)'\]")


class PatchError(Exception):
    """A patch that does not fit its file."""


class Test(NamedTuple):
    """One predicate of a step."""

    attribute: bool
    name: str
    value: str


class Step(NamedTuple):
    """One element of a path."""

    name: str
    tests: tuple[Test, ...]

    def __str__(self) -> str:
        return self.name + "".join(f"[{'@' if t.attribute else ''}{t.name}='{t.value}']" for t in self.tests)


class Element:
    """An element and where its bytes lie: tag ``start`` to ``open_end``, content up to ``close``, all up to ``end``."""

    def __init__(self, name: str, attributes: dict[str, str], start: int, parent: Element | None) -> None:
        self.name, self.attributes, self.start, self.parent = name, attributes, start, parent
        self.open_end = self.close = self.end = start
        self.children: list[Element] = []
        self.comments: list[tuple[int, int, str]] = []
        self.text = ""

    @property
    def local(self) -> str:
        """Name without prefix."""
        return self.name.rpartition(":")[2]

    def fits(self, step: Step) -> bool:
        """Name and predicates fit."""
        return self.local == step.name and all(self._passes(test) for test in step.tests)

    def _passes(self, test: Test) -> bool:
        if test.attribute:
            return self.attributes.get(test.name) == test.value
        return any(child.local == test.name and child.text.strip() == test.value for child in self.children)


class Document:
    """The bytes of an XML file and its elements."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        declared = re.match(rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]*encoding\s*=\s*[\"']([\w.-]+)[\"']", data)
        self.encoding = declared[1].decode() if declared else "utf-8"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise PatchError("is in UTF-16, which is not supported")
        self.newline = b"\r\n" if b"\r\n" in data else b"\n"
        self.root: Element | None = None
        self._stack: list[Element] = []
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = lambda name, attributes: self._start(parser, name, attributes)
        parser.EndElementHandler = lambda name: self._end(parser)
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = lambda text: self._comment(parser, text)
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise PatchError(f"is not well-formed XML: {error}") from error

    def _start(self, parser: Any, name: str, attributes: dict[str, str]) -> None:
        parent = self._stack[-1] if self._stack else None
        element = Element(name, attributes, parser.CurrentByteIndex, parent)
        element.open_end = self._tag_end(element.start)
        if parent is None:
            self.root = element
        else:
            parent.children.append(element)
        self._stack.append(element)

    def _end(self, parser: Any) -> None:
        element = self._stack.pop()
        if self.data[element.open_end - 2 : element.open_end] == b"/>":
            element.close = element.end = element.open_end
        else:
            element.close = parser.CurrentByteIndex
            element.end = self.data.index(b">", element.close) + 1

    def _characters(self, text: str) -> None:
        self._stack[-1].text += text

    def _comment(self, parser: Any, text: str) -> None:
        if self._stack:
            start = parser.CurrentByteIndex
            self._stack[-1].comments.append((start, self.data.index(b"-->", start + 4) + 3, text))

    def _tag_end(self, start: int) -> int:
        quote = 0
        for index in range(start, len(self.data)):
            byte = self.data[index]
            if quote:
                quote = 0 if byte == quote else quote
            elif byte in b"\"'":
                quote = byte
            elif byte == ord(">"):
                return index + 1
        raise PatchError("ends inside a tag")

    def encode(self, text: str) -> bytes:
        """In the file's encoding; what it lacks becomes a character reference."""
        return text.encode(self.encoding, "xmlcharrefreplace")

    def replaced(self, start: int, end: int, new: bytes) -> bytes:
        """The file with ``start`` to ``end`` replaced."""
        return self.data[:start] + new + self.data[end:]

    def indent_before(self, position: int) -> bytes:
        """Line end and white space before ``position``; empty when something else stands on the line."""
        match = re.search(rb"(\r?\n[ \t]*)$", self.data[:position])
        return match[1] if match else b""


def parse_path(path: str) -> list[Step]:
    """``a/b[@name='x']`` as steps. Raises ``PatchError``."""
    steps = []
    # A slash inside a predicate's quotes does not end a step.
    for part in re.findall(r"(?:[^/\[]|\[[^\]]*\])+", path):
        match = _STEP.match(part)
        tests = _TEST.findall(match["tests"]) if match else []
        if not match or "".join(f"[{a}{n}='{v}']" for a, n, v in tests) != match["tests"]:
            raise PatchError(f"{path}: {part!r} is not a step of a path")
        steps.append(Step(match["name"], tuple(Test(bool(a), n, v) for a, n, v in tests)))
    return steps


def find(document: Document, path: str) -> tuple[Element, Element | None, Step]:
    """(parent, element or None, last step). Only the last step may be missing."""
    steps = parse_path(path)
    root = document.root
    if root is None or not root.fits(steps[0]):
        raise PatchError(f"{path}: the root element is {root.name if root else 'missing'}")
    parent, current = root, [root]
    for index, step in enumerate(steps[1:], start=1):
        parent = current[0]
        current = [child for child in parent.children if child.fits(step)]
        if len(current) > 1:
            raise PatchError(f"{path}: {len(current)} elements fit {step}, and one is expected")
        if not current:
            if index == len(steps) - 1:
                return parent, None, step
            there = ", ".join(dict.fromkeys(child.local for child in parent.children)) or "nothing"
            raise PatchError(f"{path}: there is no {step} in {parent.local}, which holds {there}")
    return parent, current[0], steps[-1]


def escape(text: str) -> str:
    """Character data and attribute values; control characters other than tab and line ends cannot be in XML 1.0."""
    if re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", text):
        raise PatchError("a value holds a character that XML cannot hold")
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\r", "&#13;")):
        text = text.replace(plain, entity)
    return text


def patch_xml(data: bytes, patch: Patch) -> bytes:
    """``data`` with one patch applied. Raises ``PatchError``."""
    document = Document(data)
    parent, element, step = find(document, patch["path"])
    if patch.get("remove"):
        if element is None:
            return data
        return document.replaced(element.start - len(document.indent_before(element.start)), element.end, b"")
    if "xml" in patch:
        fragment = document.encode(patch["xml"])
        if element is None:
            return _insert(document, parent, step, fragment)
        return document.replaced(element.start, element.end, fragment)
    if element is None:
        return _insert(document, parent, step, document.encode(_new_element(document, parent, step, patch)))
    data = _set_attributes(document, element, patch.get("attributes", {}))
    if "set" in patch:
        document = Document(data)
        data = _set_text(document, find(document, patch["path"])[1], patch)
    return data


def _new_element(document: Document, parent: Element, step: Step, patch: Patch) -> str:
    children = [test for test in step.tests if not test.attribute]
    if children:
        raise PatchError(f"{patch['path']}: there is no such element, and it can only be made by xml")
    attributes = {test.name: test.value for test in step.tests} | patch.get("attributes", {})
    prefix, colon, _ = parent.name.rpartition(":")
    name = f"{prefix}{colon}{step.name}"
    written = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{written}>{escape(patch.get('set', ''))}</{name}>"


def _insert(document: Document, parent: Element, step: Step, fragment: bytes) -> bytes:
    """Behind the commented-out default, else behind the last sibling of the same name, else as the last child."""
    commented = [c for c in parent.comments if re.search(rf"(?:^\s*|<){re.escape(step.name)}[\s>/]", c[2])]
    same = [child for child in parent.children if child.local == step.name]
    named = [c for c in commented if all(t.value in c[2] for t in step.tests)]
    if named and (step.tests or not same):
        start, end = named[0][:2]
        return document.replaced(end, end, (document.indent_before(start) or b" ") + fragment)
    anchor = same[-1] if same else (parent.children[-1] if parent.children else None)
    if anchor:
        return document.replaced(anchor.end, anchor.end, document.indent_before(anchor.start) + fragment)
    outer = document.indent_before(parent.start)
    inner = outer + b"    " if outer else b""
    if parent.close == parent.open_end == parent.end:  # <a/> becomes <a>...</a>
        opened = document.data[parent.start : parent.open_end - 2].rstrip() + b">"
        closed = b"</" + document.encode(parent.name) + b">"
        return document.replaced(parent.start, parent.end, opened + inner + fragment + outer + closed)
    tail = document.data[parent.open_end : parent.close]
    if tail.strip():
        return document.replaced(parent.close, parent.close, fragment)
    return document.replaced(parent.open_end, parent.close, inner + fragment + outer)


def _set_text(document: Document, element: Element | None, patch: Patch) -> bytes:
    if element is None:
        raise PatchError(f"{patch['path']}: the element is gone")
    if element.children:
        inside = ", ".join(dict.fromkeys(child.local for child in element.children))
        raise PatchError(f"{patch['path']}: holds elements ({inside}), not a value")
    if element.text == patch["set"] and not element.comments:
        return document.data
    value = document.encode(escape(patch["set"]))
    if element.close == element.end:
        opened = document.data[element.start : element.open_end - 2].rstrip() + b">"
        closed = b"</" + document.encode(element.name) + b">"
        return document.replaced(element.start, element.end, opened + value + closed)
    return document.replaced(element.open_end, element.close, value)


def _set_attributes(document: Document, element: Element, attributes: dict[str, str]) -> bytes:
    tag = document.data[element.start : element.open_end]
    for name, value in attributes.items():
        if element.attributes.get(name) == value:
            continue
        written = document.encode(f'{name}="{escape(value)}"')
        if name in element.attributes:
            pattern = rb"(?<=\s)" + re.escape(document.encode(name)) + rb"\s*=\s*(\"[^\"]*\"|'[^']*')"
            tag = re.sub(pattern, lambda _, new=written: new, tag, count=1)  # type: ignore[misc]
        else:
            close = b"/>" if tag.endswith(b"/>") else b">"
            tag = tag[: -len(close)].rstrip() + b" " + written + close
    return document.replaced(element.start, element.open_end, tag)


def patch_properties(data: bytes, patch: Patch) -> bytes:
    """Set one key of a Java properties file: its line, else behind its commented-out line, else at the end."""
    key = re.escape(str(patch["property"])).encode()
    line: bytes = (f"{patch['property']}=" + _property_value(str(patch["set"]))).encode("ascii")
    live = re.compile(rb"(?m)^[ \t]*" + key + rb"[ \t]*(?:[=:][^\r\n]*|(?=\r?$))")
    # A value may go on behind a backslash at the line's end.
    whole = re.compile(live.pattern.replace(rb"[^\r\n]*", rb"(?:\\\r?\n|[^\r\n\\]|\\.)*"), re.M)
    if whole.search(data):
        return whole.sub(lambda _: line, data)
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    commented = re.compile(rb"(?m)^[ \t]*#[ \t]*" + key + rb"[ \t]*[=:][^\r\n]*").search(data)
    if commented:
        return data[: commented.end()] + newline + line + data[commented.end() :]
    gap = newline if data and not data.endswith(b"\n") else b""
    return data + gap + line + newline


def _property_value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    if escaped[:1] == " ":
        escaped = "\\" + escaped
    return "".join(c if " " <= c <= "~" else "".join(f"\\u{u:04x}" for u in _utf16(c)) for c in escaped)


def _utf16(character: str) -> list[int]:
    raw = character.encode("utf-16-be")
    return [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]


def apply(home: Path, patches: list[Patch]) -> dict[Path, bytes]:
    """New content by file, for the files that change. Raises ``PatchError`` that names every misfit."""
    content: dict[Path, bytes] = {}
    misfits: list[str] = []
    for patch in patches:
        file = home / patch["file"]
        try:
            if file not in content:
                content[file] = file.read_bytes() if file.exists() or "property" not in patch else b""
            patched = (patch_properties if "property" in patch else patch_xml)(content[file], patch)
            if "property" not in patch:
                Document(patched)
            content[file] = patched
        except PatchError as error:
            misfits.append(f"{patch['file']}: {error}")
        except OSError as error:
            misfits.append(f"{patch['file']}: {error.strerror}")
    if misfits:
        raise PatchError("\n".join(misfits))
    return {file: data for file, data in content.items() if not file.exists() or file.read_bytes() != data}


def write(changes: dict[Path, bytes]) -> None:
    """Replace each file by one rename, keeping its mode."""
    for file, data in changes.items():
        temporary = file.with_name(file.name + ".patched")
        temporary.write_bytes(data)
        if file.exists():
            temporary.chmod(file.stat().st_mode & 0o7777)
        temporary.replace(file)


def main(arguments: list[str] | None = None) -> int:
    """Patch; exit code 1 with every misfit when one does not fit."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--patches", type=Path, action="append", required=True)
    args = parser.parse_args(arguments)
    patches = [patch for file in args.patches for patch in json.loads(file.read_text(encoding="utf-8"))["patches"]]
    try:
        changes = apply(args.home, patches)
        write(changes)
    except PatchError as error:
        print(f"patch_config: nothing was changed, since these patches do not fit the image:\n{error}", file=sys.stderr)
        return 1
    print(f"patch_config: {len(patches)} patches, {len(changes)} files changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
