"""Properties of the patcher: any document, any encoding, any value; nothing but the named place changes."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any
from xml.dom import minidom

import javaproperties
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.in_pod.properties_patch import patch_properties
from components.in_pod.xml_patch import Document, PatchError, escape, patch_xml

# Encodings that expat knows, and two that Python adds to it one byte at a time.
ENCODINGS = ("utf-8", "iso-8859-1", "us-ascii", "windows-1252", "iso-8859-15")
values = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
        lambda c: c in "\t\n\r" or c >= " "
    ),
    max_size=40,
)
plain = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
names = st.sampled_from(["target", "a", "b", "Conf", "x-y", "p.q", "svns:c"])


@dataclass
class Case:
    """A document around one element ``target`` of the root."""

    before: bytes
    target: bytes
    after: bytes

    @property
    def data(self) -> bytes:
        return self.before + self.target + self.after


@st.composite
def inside(draw: st.DrawFn) -> str:
    """What may stand in an element beside elements."""
    text = draw(plain)
    comment = text.replace("-", "=")
    return draw(
        st.sampled_from(
            [escape(text), f"<!-- <target>{comment}</target> -->", f"<?pi {comment.replace('?', '')}?>", "\n  ",
             f"<![CDATA[{text.replace(']', ')')}<target>]]>", "&amp;&#65;&#x42;", "&own;"]
        )
    )  # fmt: skip


@st.composite
def tag(draw: st.DrawFn, name: str, reserved: str = "") -> str:
    """A start tag without its end, with hostile attributes."""
    found = ""
    for key in draw(st.lists(st.sampled_from(["id", "n", "svns:alias", "xmlns:q"]), unique=True, max_size=3)):
        quote = draw(st.sampled_from("\"'"))
        text = draw(plain).replace("&", "").replace("<", "").replace(quote, "") + draw(
            st.sampled_from(["", f" enable={chr(34) if quote == chr(39) else chr(39)}", "/>", ">", "&words;", "-->"])
        )
        text = "urn:q>" if key == "xmlns:q" else text
        found += (
            draw(st.sampled_from([" ", "\n\t", "  "]))
            + f"{key}{draw(st.sampled_from(['=', ' = ']))}{quote}{text}{quote}"
        )
    return f"<{name}{found}{reserved}"


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(names)
    opened = draw(tag(name))
    if draw(st.booleans()):
        return f"{opened}{draw(st.sampled_from(['', ' ']))}/>"
    parts = st.one_of(inside(), elements(depth - 1)) if depth else inside()
    return f"{opened}>{''.join(draw(st.lists(parts, max_size=3)))}</{name}>"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    encoding = draw(st.sampled_from(ENCODINGS))
    declared = encoding != "utf-8" or draw(st.booleans())
    head = f'<?xml version="1.0" encoding="{encoding}"?>\n' if declared else ""
    head += '<!-- <root/> -->\n<!DOCTYPE root [<!ENTITY own "<other>entity</other>">'
    head += '<!ENTITY words "&#62; words"><!ATTLIST target class CDATA "d">]>\n'
    around = [draw(st.one_of(elements(), inside())) for _ in range(4)]
    others = re.compile(r"^<target\b")
    assume(not any(others.match(part) for part in around))
    depth = draw(st.integers(0, 40))
    outer, close = "<deep>" * depth, "</deep>" * depth
    content = "".join(draw(st.lists(inside(), max_size=3)))
    attributes = draw(st.sampled_from(["", " enable='old'", ' note=" enable=\'no\' >" enable="old"']))
    target = f"<target{attributes}/>" if draw(st.booleans()) else f"<target{attributes}>{content}</target>"
    texts = [
        f"{head}<root xmlns:svns='urn:s'>{outer}{close}{around[0]}{around[1]}",
        target,
        f"{around[2]}{around[3]}</root>\n",
    ]
    if draw(st.booleans()):
        texts = [text.replace("\r", "").replace("\n", "\r\n") for text in texts]
    mark = b"\xef\xbb\xbf" if encoding == "utf-8" and draw(st.booleans()) else b""
    raw = [text.encode(encoding, "xmlcharrefreplace") for text in texts]
    return Case(mark + raw[0], raw[1], raw[2])


def target_of(data: bytes) -> minidom.Element:
    """By another parser than the patcher's own tree."""
    root = minidom.parseString(data).documentElement  # noqa: S318 - made by the test
    assert root is not None
    return next(n for n in root.childNodes if isinstance(n, minidom.Element) and n.tagName == "target")


def text_of(element: minidom.Element) -> str:
    return "".join(n.data for n in element.childNodes if isinstance(n, minidom.Text))


def same_around(case: Case, patched: bytes) -> bytes:
    """The changed part, when all around it is as it was."""
    assert patched.startswith(case.before)
    assert patched.endswith(case.after)
    return patched[len(case.before) : len(patched) - len(case.after)]


@given(cases(), values)
def test_any_document_any_value_the_value_arrives_twice_is_once_and_every_other_byte_stays(
    case: Case, value: str
) -> None:
    patch = {"path": "root/target", "set": value}
    once = patch_xml(case.data, patch)
    assert patch_xml(once, patch) == once
    assert text_of(target_of(once)) == value
    changed = same_around(case, once)
    for kept in re.findall(rb"<!--.*?-->|<\?pi.*?\?>", re.sub(rb"<!\[CDATA\[.*?\]\]>", b"", case.target), re.DOTALL):
        assert kept in changed, "comments inside stay"


@given(cases(), values)
def test_any_attribute_value_arrives_and_text_that_looks_like_the_attribute_is_left_alone(
    case: Case, value: str
) -> None:
    patch = {"path": "root/target", "attributes": {"enable": value, "new": value}}
    once = patch_xml(case.data, patch)
    assert patch_xml(once, patch) == once
    found, before = target_of(once), target_of(case.data)
    assert found.getAttribute("enable") == found.getAttribute("new") == value
    assert found.getAttribute("note") == before.getAttribute("note")
    assert text_of(found) == text_of(before)
    same_around(case, once)


@given(cases())
def test_a_removed_element_is_gone_and_its_surroundings_stay(case: Case) -> None:
    patch = {"path": "root/target", "remove": True}
    once = patch_xml(case.data, patch)
    assert patch_xml(once, patch) == once
    assert once == re.sub(rb"\r?\n[ \t]*\Z", b"", case.before) + case.after


@given(
    cases(), values, st.sampled_from(["<target>{}</target>", "<target a='{}'/>", "<target><deep>{}</deep></target>"])
)
def test_any_fragment_takes_the_element_s_place(case: Case, value: str, form: str) -> None:
    patch = {
        "path": "root/target",
        "xml": form.format(escape(value.replace("\r", ""), attribute=True).replace("'", "&apos;")),
    }
    once = patch_xml(case.data, patch)
    assert patch_xml(once, patch) == once
    same_around(case, once)


@given(cases(), values, st.sampled_from(["set", "xml"]))
def test_a_missing_element_is_made_once_and_nothing_is_lost(case: Case, value: str, form: str) -> None:
    data = case.before + case.after
    change = {"set": value} if form == "set" else {"xml": "<fresh k='v'/>"}
    path = "root/fresh[@k='v']"
    try:
        once = patch_xml(data, {"path": path} | change)
    except PatchError as error:
        # Only what an entity of the document's own may hide is refused.
        assert "entities" in str(error) or "text, not elements" in str(error)
        return
    assert patch_xml(once, {"path": path} | change) == once
    start = once.index(b"<fresh")
    end = once.index(b"</fresh>") + 8 if form == "set" else once.index(b"/>", start) + 2
    left, right = once[:start].rstrip(), once[end:].lstrip()
    assert data.startswith(left)
    assert data.endswith(right)
    assert not data[len(left) : len(data) - len(right)].strip()


@given(st.binary(max_size=60), values)
def test_whatever_bytes_a_file_holds_the_answer_is_a_patch_or_a_patch_error(data: bytes, value: str) -> None:
    for text in (
        data,
        b"<root>" + data + b"<target/></root>",
        b"<?xml version='1.0' encoding='" + data + b"'?><root/>",
    ):
        try:
            once = patch_xml(text, {"path": "root/target", "set": value})
        except PatchError:
            continue
        assert patch_xml(once, {"path": "root/target", "set": value}) == once


@given(st.text(max_size=30))
def test_whatever_a_path_says_the_answer_is_a_patch_or_a_patch_error(path: str) -> None:
    for text in (path, f"root/{path}", f"root/target[{path}]"):
        try:
            patch_xml(b"<root><target/></root>", {"path": text, "set": "x"})
        except PatchError:
            continue


@pytest.mark.parametrize("encoding", ["shift_jis", "gb2312", "no-such-encoding", "rot13", "utf-7", "cp037"])
def test_an_encoding_that_cannot_be_kept_is_refused_by_name(encoding: str) -> None:
    with pytest.raises(PatchError, match=f"{encoding}|not well-formed"):
        patch_xml(f"<?xml version='1.0' encoding='{encoding}'?><a><b/></a>".encode(), {"path": "a/b", "set": "x"})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_wide_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(PatchError, match="UTF-16"):
        Document("<a/>".encode(encoding))


def test_three_thousand_levels_are_no_deeper_than_one() -> None:
    data = b"<d>" * 3000 + b"<t/>" + b"</d>" * 3000
    path = "/".join(["d"] * 3000 + ["t"])
    assert patch_xml(data, {"path": path, "set": "x"}) == data.replace(b"<t/>", b"<t>x</t>")


REFUSED: list[tuple[bytes, dict[str, Any], str]] = [
    (b"<a><b n='1'/></a>", {"path": "a/b[@n='1']", "attributes": {"n": "2"}}, "would not fit any more"),
    (b"<a><b><n>1</n></b></a>", {"path": "a/b[n='1']/n", "set": "2"}, "there is no b"),
    (b"<a/>", {"path": "a/b", "attributes": {"n": "2"}}, "there is no b in a, which holds no element"),
    (b"<a><b/></a>", {"path": "a/b[@k='v']", "xml": "<b k='w'/>"}, "added again and again"),
    (b"<a><b/></a>", {"path": "a/b", "xml": "<b/><c/>"}, "not well-formed"),
    (b"<a><b/></a>", {"path": "a/b", "xml": "<b/>tail"}, "not well-formed"),
    (b"<a><b/></a>", {"path": "a/b", "xml": "<!-- c --><b/>"}, "not one element"),
    (b"<a>text</a>", {"path": "a/b", "set": "x"}, "a: holds text"),
    (b"<a><b/></a>", {"path": "a", "remove": True}, "not well-formed"),
    (b"<a/>", {"path": "/a/b", "set": "x"}, "is not a path"),
    (b"<a/>", {"path": "a//b", "set": "x"}, "is not a path"),
    (b"<a/>", {"path": "a/b/", "set": "x"}, "is not a path"),
    (b"<a/>", {"path": "a/b[1]", "set": "x"}, "is not a path"),
    (b"<a/>", {"path": "a/b", "set": "\ud800"}, "cannot hold"),
    (b"<?xml version='1.0' encoding='us-ascii'?><a/>", {"path": "a/b", "xml": "<b><!-- \u00e9 --></b>"}, "lacks"),
]


@pytest.mark.parametrize(("data", "patch", "words"), REFUSED)
def test_what_cannot_be_done_twice_or_at_all_is_refused(data: bytes, patch: dict[str, Any], words: str) -> None:
    with pytest.raises(PatchError, match=words):
        patch_xml(data, patch)


def test_the_right_place_is_the_commented_default_then_the_last_of_the_name_then_the_end() -> None:
    data = b"<a>\n  <!-- <p name='x'>1</p> -->\n  <p name='y'/>\n  <!--p>z</p-->\n  <q/>\n</a>"
    new = {"path": "a/p[@name='x']", "set": "n"}
    assert b"--><p name" not in patch_xml(data, new)
    assert b"</p> -->\n  <p name=\"x\">n</p>\n  <p name='y'/>" in patch_xml(data, new)
    other = {"path": "a/p[@name='w']", "set": "n"}
    assert b"<p name='y'/>\n  <p name=\"w\">n</p>" in patch_xml(data, other)
    assert b"<q/>\n  <r>n</r>\n</a>" in patch_xml(data, {"path": "a/r", "set": "n"})
    only_comments = b"<a>\n  <!-- nothing yet -->\n</a>"
    assert patch_xml(only_comments, {"path": "a/r", "set": "n"}) == b"<a>\n  <!-- nothing yet -->\n  <r>n</r>\n</a>"


def test_a_fragment_takes_over_the_file_s_line_ends() -> None:
    once = patch_xml(b"<a>\r\n  <b/>\r\n</a>", {"path": "a/c", "xml": "<c>\n<d/>\n</c>"})
    assert once == b"<a>\r\n  <b/>\r\n  <c>\r\n<d/>\r\n</c>\r\n</a>"


keys = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
lines = st.sampled_from(
    [
        "a=1",
        "# k=comment",
        "! k : comment",
        "k2 = v",
        "b : one \\\n  k=not a key",
        "",
        "  ",
        "k\\ey v",
        "\\u006b=old",
        "c=x\\\\",
        "k",
    ]
)


@given(st.lists(lines), keys, values, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\n", "\\", "\\\n"]))
def test_any_properties_file_reads_as_before_but_for_the_one_key(
    content: list[str], key: str, value: str, end: str, tail: str
) -> None:
    text = ("\n".join([*content, "z=" + tail])).replace("\n", end)
    data = text.encode("iso-8859-1")
    patch = {"property": key, "set": value}
    once = patch_properties(data, patch)
    assert patch_properties(once, patch) == once
    assert read(once) == read(data) | {key: value}
    gone = patch_properties(once, {"property": key, "remove": True})
    assert read(gone) == {k: v for k, v in read(data).items() if k != key}
    assert patch_properties(gone, {"property": key, "remove": True}) == gone
    for line in content:
        if line.lstrip().startswith(("#", "!")):
            assert line.encode() in once, "comments stay"


def read(data: bytes) -> dict[str, str]:
    """As Java would, by a library that follows java.util.Properties."""
    return dict(javaproperties.load(io.BytesIO(data)))
