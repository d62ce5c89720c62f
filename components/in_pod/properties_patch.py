"""One patch on one Java properties file, on its text; runs inside a pod, on the standard library alone.

Lines, comments, continuations and escapes are those of ``java.util.Properties.load``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple


def patch_properties(data: bytes, patch: dict[str, Any]) -> bytes:
    """Set or remove one key of a Java properties file, by the rules of ``java.util.Properties.load``.

    Its value may be a list with commas: ``add`` puts an item at the end of a list that exists and lacks it; ``first``
    sets the first item and keeps the others.

    Its line, else after its commented-out line, else at the end. ISO-8859-1, everything else as ``\\uXXXX``.
    """
    text, key = data.decode("iso-8859-1"), patch["property"]
    lines = list(logical_lines(text))
    mine = [line for line in lines if not line.comment and line.key == key]
    if "add" in patch or "first" in patch:
        patch = _of_list(patch, mine[-1].value if mine else None)
        if "set" not in patch:
            return data
    end = "\r\n" if "\r\n" in text else "\n"
    new = "" if "remove" in patch else f"{_written(key, key=True)}={_written(patch['set'])}"
    for line in reversed(mine):
        tail = "" if "remove" in patch else line.end
        text = text[: line.start] + new + tail + text[line.stop :]
    if not mine and "set" in patch:
        commented = [line for line in lines if line.comment and line.key == key]
        at = commented[0].stop if commented else len(text)
        before = text[:at]
        gap = "" if not before or before[-1] in "\r\n" else end
        if not commented and lines and lines[-1].unfinished:
            gap += end
        text = before + gap + new + end + text[at:]
    return text.encode("iso-8859-1")


def _of_list(patch: dict[str, Any], value: str | None) -> dict[str, Any]:
    """The same as a ``set``, or nothing to do."""
    items = [item.strip() for item in value.split(",")] if value is not None else []
    if "first" in patch:
        return {"property": patch["property"], "set": ", ".join([patch["first"], *items[1:]])}
    if value is None or patch["add"] in items:
        return {}
    return {"property": patch["property"], "set": ", ".join([*(item for item in items if item), patch["add"]])}


class Line(NamedTuple):
    """A line of a properties file with all its continuations."""

    start: int
    stop: int
    end: str
    """Line end."""
    comment: bool
    key: str
    value: str
    unfinished: bool
    """Ends the file with a backslash, so that whatever is appended would continue it."""


def logical_lines(text: str) -> Iterator[Line]:
    """Every line, comments included."""
    natural = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
    position = 0
    while position < len(text):
        start, content = position, ""
        comment = re.compile(r"[ \t\f]*[#!]").match(text, start)
        while match := natural.match(text, position):
            position = match.end()
            content += match[1].lstrip(" \t\f")
            unfinished = not comment and (len(content) - len(content.rstrip("\\"))) % 2 == 1
            if not unfinished or position >= len(text):
                break
            content = content[:-1]
        body = content.lstrip("#! \t\f") if comment else content
        key = re.compile(r"(?:\\.|[^\\=: \t\f])*", re.DOTALL).match(body)
        found = _unescaped(key[0]) if key else ""
        if comment and key and not re.match(r"[ \t\f]*[=:]", body[key.end() :]):
            found = ""
        value = re.sub(r"^[ \t\f]*[=:]?[ \t\f]*", "", body[key.end() :]) if key else ""
        yield Line(start, position, match[2] if match else "", bool(comment), found, _unescaped(value), unfinished)


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}.get(match[2], match[2])

    plain = re.sub(r"\\(?:u([0-9a-fA-F]{4})|(.))", one, text, flags=re.DOTALL)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _written(text: str, *, key: bool = False) -> str:
    escapes = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}
    if key:
        escapes |= {c: "\\" + c for c in " =:#!"}
    written = "".join(escapes.get(c, c) if c <= "~" and (c >= " " or c in escapes) else _utf16(c) for c in text)
    return "\\" + written if written[:1] == " " else written


def _utf16(character: str) -> str:
    raw = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{int.from_bytes(raw[i : i + 2], 'big'):04x}" for i in range(0, len(raw), 2))
