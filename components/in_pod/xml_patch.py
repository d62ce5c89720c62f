"""One patch on one XML file, on its bytes; runs inside a pod, on the standard library alone.

Path language: element names without namespace, joined by ``/``; ``[@name='x']`` and ``[child='x']`` choose among
siblings. Only the last element of a path may be missing, and only ``set`` and ``xml`` make it.

Everything that a patch does not name stays as it is, byte for byte. A patch whose path would not find its own work
again is rejected: so applying it twice is applying it once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from xml.parsers import expat

Patch = dict[str, Any]
_TEST = re.compile(r"\[(?P<attribute>@)?(?P<name>[\w.:-]+)='(?P<value>[^']*)'\]")
_STEP = re.compile(rf"(?P<name>[\w.-]+)(?P<tests>(?:{re.sub('P<[a-z]+>', ':', _TEST.pattern)})*)")
_ATTRIBUTE = re.compile(rb"\s+(?P<name>[^\s=/>\"']+)\s*=\s*(?:\"[^\"]*\"|'[^']*')")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class PatchError(Exception):
    """A patch that does not fit its file."""


class Test(NamedTuple):
    """One predicate of a step."""

    attribute: bool
    name: str
    value: str

    def commented_in(self, text: str) -> bool:
        """Stands so in a comment."""
        name, value = re.escape(self.name), re.escape(self.value)
        pattern = rf"\b{name}\s*=\s*[\"']{value}[\"']" if self.attribute else rf"<{name}>\s*{value}\s*<"
        return bool(re.search(pattern, text))


class Step(NamedTuple):
    """One element of a path."""

    name: str
    tests: tuple[Test, ...]

    def __str__(self) -> str:
        return self.name + "".join(f"[{'@' if t.attribute else ''}{t.name}='{t.value}']" for t in self.tests)


class Element:
    """An element and its offsets: tag ``start`` to ``open_end``, content up to ``close``, all up to ``end``."""

    def __init__(self, name: str, attributes: dict[str, str], start: int, parent: Element | None) -> None:
        self.name, self.attributes, self.start, self.parent = name, attributes, start, parent
        self.open_end = self.close = self.end = start
        self.children: list[Element] = []
        self.comments: list[tuple[int, int, str]] = []
        """Comments and processing instructions: start, end, text of a comment."""
        self.text = ""
        self.has_references = False
        """Holds a reference to an entity of the document's own, which is kept and never expanded."""

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
        declared = re.match(rb"(?:\xef\xbb\xbf)?<\?xml[^>]*\bencoding\s*=\s*[\"']([\w.-]+)[\"']", data)
        self.encoding = declared[1].decode() if declared else "utf-8"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
            raise PatchError("is in UTF-16 or UTF-32, which is not supported")
        self.root: Element | None = None
        self._stack: list[Element] = []
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = parser.specified_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = lambda text: self._comment(b"-->", text)
        parser.ProcessingInstructionHandler = lambda target, text: self._comment(b"?>", "")
        # A default handler makes expat hand over the references of general entities instead of expanding them.
        parser.DefaultHandler = self._other
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            raise PatchError(f"is not well-formed XML: {error}") from error
        except (LookupError, ValueError) as error:
            raise PatchError(f"is in {self.encoding}, which is not supported") from error

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        parent = self._stack[-1] if self._stack else None
        element = Element(name, attributes, self._parser.CurrentByteIndex, parent)
        element.open_end = self._tag_end(element.start)
        if parent is None:
            self.root = element
        else:
            parent.children.append(element)
        self._stack.append(element)

    def _end(self, name: str) -> None:
        element = self._stack.pop()
        if self.data[element.open_end - 2 : element.open_end] == b"/>":
            element.close = element.end = element.open_end
        else:
            element.close = self._parser.CurrentByteIndex
            element.end = self.data.index(b">", element.close) + 1

    def _characters(self, text: str) -> None:
        self._stack[-1].text += text

    def _comment(self, terminator: bytes, text: str) -> None:
        if self._stack:
            start = self._parser.CurrentByteIndex
            end = self.data.index(terminator, start + 2) + len(terminator)
            self._stack[-1].comments.append((start, end, text))

    def _other(self, text: str) -> None:
        if self._stack and text.startswith("&"):
            self._stack[-1].has_references = True

    def _tag_end(self, start: int) -> int:
        match = re.compile(rb"<(?:[^>\"']|\"[^\"]*\"|'[^']*')*>").match(self.data, start)
        if match is None:
            raise PatchError("ends inside a tag")
        return match.end()

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

    def opened(self, element: Element, content: bytes) -> bytes:
        """``<a/>`` as ``<a>content</a>``."""
        tag = self.data[element.start : element.open_end - 2].rstrip()
        return self.replaced(
            element.start, element.end, tag + b">" + content + b"</" + self.encode(element.name) + b">"
        )


def parse_path(path: str) -> list[Step]:
    """``a/b[@name='x']`` as steps. Raises ``PatchError``."""
    steps: list[Step] = []
    position = 0
    while match := _STEP.match(path, position):
        tests = (Test(bool(attribute), name, value) for attribute, name, value in _TEST.findall(match["tests"]))
        steps.append(Step(match["name"], tuple(tests)))
        position = match.end() + 1
        if match.end() == len(path):
            return steps
        if path[match.end()] != "/":
            break
    raise PatchError(f"{path!r} is not a path")


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
            raise PatchError(f"{path}: there is no {step} in {parent.local}, which holds {_holds(parent)}")
    return parent, current[0], steps[-1]


def _holds(element: Element) -> str:
    return ", ".join(dict.fromkeys(child.local for child in element.children)) or "no element"


def escape(text: str, *, attribute: bool = False) -> str:
    """As character data or as an attribute's value. Raises ``PatchError`` for what XML 1.0 cannot hold."""
    if _NO_XML.search(text):
        raise PatchError("a value holds a character that XML cannot hold")
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("\r", "&#13;")):
        text = text.replace(plain, entity)
    # A parser makes spaces of these in an attribute, but not of their references.
    return text.replace("\n", "&#10;").replace("\t", "&#9;") if attribute else text


def patch_xml(data: bytes, patch: Patch) -> bytes:
    """``data`` with one patch applied, whose values are text. Raises ``PatchError``."""
    document = Document(data)
    path: str = patch["path"]
    parent, element, step = find(document, path)
    if "remove" in patch:
        if element is None:
            return data
        return _checked(document.replaced(_line_start(document, element), element.end, b""), patch)
    if "xml" in patch:
        new = _in_file(document, fragment(patch["xml"], step), patch)
        if element is None:
            return _checked(_insert(document, parent, step, new), patch)
        return _checked(document.replaced(element.start, element.end, new), patch)
    if element is None:
        if "set" not in patch:
            raise PatchError(f"{path}: there is no {step} in {parent.local}, which holds {_holds(parent)}")
        return _checked(_insert(document, parent, step, document.encode(_new_element(parent, step, patch))), patch)
    data = _set_attributes(document, element, patch.get("attributes", {}))
    if "set" in patch:
        document = Document(data)
        data = _set_text(document, find(document, path)[1], patch)
    return _checked(data, patch)


def _checked(data: bytes, patch: Patch) -> bytes:
    """``data`` when it is well-formed and the patch would find its own work in it: else twice would not be once."""
    _, element, step = find(Document(data), patch["path"])
    if "remove" in patch:
        done = element is None
    else:
        attributes = patch.get("attributes", {}).items()
        done = element is not None and attributes <= element.attributes.items()
        done = done and ("set" not in patch or element is None or element.text == patch["set"])
    if not done:
        raise PatchError(f"{patch['path']}: {step} would not fit any more once the patch is applied")
    return data


def _line_start(document: Document, element: Element) -> int:
    """Where the element's own white space begins, if it has a line of its own."""
    return element.start - len(document.indent_before(element.start))


def fragment(xml: str, step: Step) -> str:
    """``xml`` without white space around it, when it is one element that fits ``step``. Raises ``PatchError``."""
    text = xml.strip()
    if _NO_XML.search(text):
        raise PatchError(f"{step}: the xml holds a character that XML cannot hold")
    try:
        alone = Document(text.encode())
    except PatchError as error:
        raise PatchError(f"{step}: the xml {error}") from error
    root = alone.root
    if root is None or root.start != 0 or root.end != len(alone.data):
        raise PatchError(f"{step}: the xml is not one element and nothing else")
    if not root.fits(step):
        raise PatchError(f"{step}: the xml does not fit it, so it would be added again and again")
    return text


def _in_file(document: Document, text: str, patch: Patch) -> bytes:
    """A new element's bytes, in the file's encoding and with its line ends."""
    encoded = document.encode(text)
    # Neither in a comment nor in a CDATA section is there such a thing as a character reference.
    if "<!" in text and encoded != text.encode(document.encoding, "replace"):
        raise PatchError(f"{patch['path']}: the xml holds characters that {document.encoding} lacks")
    return encoded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if b"\r\n" in document.data else encoded


def _new_element(parent: Element, step: Step, patch: Patch) -> str:
    if any(not test.attribute for test in step.tests):
        raise PatchError(f"{patch['path']}: there is no such element, and it can only be made by xml")
    attributes = {test.name: test.value for test in step.tests} | patch.get("attributes", {})
    prefix, colon, _ = parent.name.rpartition(":")
    name = f"{prefix}{colon}{step.name}"
    written = "".join(f' {key}="{escape(value, attribute=True)}"' for key, value in attributes.items())
    return f"<{name}{written}>{escape(patch['set'])}</{name}>"


def _insert(document: Document, parent: Element, step: Step, fragment: bytes) -> bytes:
    """After the commented-out default, else after the last of the same name, live or not, else as the last child."""
    name = re.compile(rf"(?:^\s*|<){re.escape(step.name)}(?=[\s>/])")
    commented = [comment for comment in parent.comments if name.search(comment[2])]
    default = [c for c in commented if step.tests and all(test.commented_in(c[2]) for test in step.tests)]
    same = [child for child in parent.children if child.local == step.name]
    anchor: tuple[int, int] | None = None
    if default or (commented and not same):
        anchor = (default or commented)[0][:2]
    elif same or parent.children:
        last = (same or parent.children)[-1]
        anchor = (last.start, last.end)
    elif parent.comments:
        anchor = parent.comments[-1][:2]
    if parent.has_references or (parent.text.strip() and not parent.children):
        what = "references to entities, which may stand for anything" if parent.has_references else "text, not elements"
        raise PatchError(f"{_place(parent)}: holds {what}, so {step} has no place in it")
    if anchor:
        return document.replaced(anchor[1], anchor[1], (document.indent_before(anchor[0]) or b" ") + fragment)
    outer = document.indent_before(parent.start)
    inner = outer + b"    " if outer else b""
    if parent.close == parent.end:
        return document.opened(parent, inner + fragment + outer)
    return document.replaced(parent.open_end, parent.close, inner + fragment + outer)


def _place(element: Element) -> str:
    """The element's path, for an error."""
    names = []
    at: Element | None = element
    while at is not None:
        names.append(at.local)
        at = at.parent
    return "/".join(reversed(names))


def _set_text(document: Document, element: Element | None, patch: Patch) -> bytes:
    if element is None:
        raise PatchError(f"{patch['path']}: the attributes to be set are those that the path looks for")
    if element.children:
        raise PatchError(f"{patch['path']}: holds elements ({_holds(element)}), not a value")
    if element.text == patch["set"] and not element.has_references:
        return document.data
    value = document.encode(escape(patch["set"]))
    if element.close == element.end:
        return document.opened(element, value)
    kept = b"".join(document.data[start:end] for start, end, _ in element.comments)
    return document.replaced(element.open_end, element.close, kept + value)


def _set_attributes(document: Document, element: Element, attributes: dict[str, str]) -> bytes:
    tag = document.data[element.start : element.open_end]
    for name, value in attributes.items():
        if element.attributes.get(name) == value:
            continue
        written = document.encode(f'{name}="{escape(value, attribute=True)}"')
        spans = {match["name"]: match for match in _attributes(tag)}
        found = spans.get(document.encode(name))
        if found:
            tag = tag[: found.start("name")] + written + tag[found.end() :]
        else:
            close = b"/>" if tag.endswith(b"/>") else b">"
            tag = tag[: -len(close)].rstrip() + b" " + written + close
    return document.replaced(element.start, element.open_end, tag)


def _attributes(tag: bytes) -> Iterator[re.Match[bytes]]:
    """The attributes of a start tag, one after the other; text that looks like one inside a value does not count."""
    name = re.match(rb"<[^\s/>]+", tag)
    position = name.end() if name else 0
    while match := _ATTRIBUTE.match(tag, position):
        position = match.end()
        yield match
