"""The patcher: changes what it is told, and not one byte more; twice is once; a misfit changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.in_pod import patch_config
from components.in_pod.properties_patch import patch_properties
from components.in_pod.xml_patch import PatchError, escape, patch_xml

CARBON = b"""<?xml version="1.0" encoding="ISO-8859-1"?>
<!-- keep & me -->
<Server xmlns="http://wso2.org/projects/carbon/carbon.xml">

    <!--HostName>www.wso2.org</HostName-->
    <Name>WSO2 &amp; friends</Name>
    <Security>
        <TrustStore>
            <!-- where -->
            <Location>old</Location>
        </TrustStore>
        <Empty/>
    </Security>
</Server>
"""


def patched(data: bytes, **patch: Any) -> bytes:
    once = patch_xml(data, patch)
    assert patch_xml(once, patch) == once, "twice is once"
    return once


def test_a_value_is_replaced_and_every_other_byte_stays() -> None:
    expected = CARBON.replace(b"<Location>old<", b"<Location>/a&amp;b<")
    assert patched(CARBON, path="Server/Security/TrustStore/Location", set="/a&b") == expected


def test_a_commented_out_default_gets_its_live_element_right_behind_it() -> None:
    expected = CARBON.replace(b"HostName-->", b"HostName-->\n    <HostName>gw</HostName>")
    assert patched(CARBON, path="Server/HostName", set="gw") == expected


def test_a_missing_element_becomes_the_last_child_with_its_siblings_indentation() -> None:
    once = patched(CARBON, path="Server/Security/TrustStore/Type", set="JKS")
    assert b"<Location>old</Location>\n            <Type>JKS</Type>\n        </TrustStore>" in once


def test_an_empty_element_is_opened() -> None:
    assert b"<Empty>x</Empty>" in patched(CARBON, path="Server/Security/Empty", set="x")


def test_attributes_are_replaced_in_place_or_added() -> None:
    data = b"<a>\n  <c class='old'\n     enable=\"false\"/>\n</a>"
    once = patched(data, path="a/c", attributes={"enable": "true", "id": "<1>"})
    assert once == b'<a>\n  <c class=\'old\'\n     enable="true" id="&lt;1&gt;"/>\n</a>'


def test_a_predicate_chooses_among_siblings_and_is_written_when_the_element_is_made() -> None:
    data = b'<a>\n  <p name="x">1</p>\n  <p name="y">2</p>\n</a>'
    assert b'<p name="y">3</p>' in patched(data, path="a/p[@name='y']", set="3")
    assert b'<p name="y">2</p>\n  <p name="z">9</p>' in patched(data, path="a/p[@name='z']", set="9")


def test_an_element_is_removed_with_its_line() -> None:
    data = b"<a>\n  <b/>\n  <c>1</c>\n</a>"
    assert patched(data, path="a/c", remove=True) == b"<a>\n  <b/>\n</a>"


def test_a_fragment_replaces_the_element_that_fits_or_is_added() -> None:
    data = b"<s>\n  <d><name>A</name></d>\n</s>"
    fragment = "<d><name>B</name><url>x&amp;y</url></d>"
    once = patched(data, path="s/d[name='B']", xml=fragment)
    assert once == b"<s>\n  <d><name>A</name></d>\n  <d><name>B</name><url>x&amp;y</url></d>\n</s>"
    other = fragment.replace("x&amp;y", "z")
    assert patched(once, path="s/d[name='B']", xml=other).count(b"<name>B</name>") == 1


def test_line_ends_and_byte_order_mark_stay() -> None:
    data = b"\xef\xbb\xbf<a>\r\n\t<b>1</b>\r\n</a>\r\n"
    assert patched(data, path="a/c", set="2") == b"\xef\xbb\xbf<a>\r\n\t<b>1</b>\r\n\t<c>2</c>\r\n</a>\r\n"


def test_a_character_that_the_encoding_lacks_becomes_a_reference() -> None:
    assert b"<Name>\xe9 &#8364;</Name>" in patched(CARBON, path="Server/Name", set="é €")


def test_a_path_that_does_not_fit_says_what_is_there_instead() -> None:
    with pytest.raises(PatchError, match="there is no Nope in Server, which holds Name, Security"):
        patch_xml(CARBON, {"path": "Server/Nope/Deep", "set": "x"})
    with pytest.raises(PatchError, match="root element is Server"):
        patch_xml(CARBON, {"path": "Carbon/Name", "set": "x"})
    with pytest.raises(PatchError, match="holds elements"):
        patch_xml(CARBON, {"path": "Server/Security", "set": "x"})
    with pytest.raises(PatchError, match="2 elements fit"):
        patch_xml(b"<a><b/><b/></a>", {"path": "a/b", "set": "x"})


def test_broken_xml_and_impossible_values_are_refused() -> None:
    with pytest.raises(PatchError, match="not well-formed"):
        patch_xml(b"<a><b></a>", {"path": "a/b", "set": "x"})
    with pytest.raises(PatchError, match="cannot hold"):
        patch_xml(CARBON, {"path": "Server/Name", "set": "\x00"})


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a=1\nk = old\nb=2\n", b"a=1\nk=v\nb=2\n"),
        (b"#k=old\nb=2\n", b"#k=old\nk=v\nb=2\n"),
        (b"b=2", b"b=2\nk=v\n"),
        (b"", b"k=v\n"),
        (b"k=one \\\r\n  two\r\nb=2\r\n", b"k=v\r\nb=2\r\n"),
        (b"kk=1\n", b"kk=1\nk=v\n"),
    ],
)
def test_a_property_replaces_its_line_or_follows_its_comment_or_is_added(data: bytes, expected: bytes) -> None:
    patch = {"property": "k", "set": "v"}
    assert patch_properties(data, patch) == expected
    assert patch_properties(expected, patch) == expected


names = st.sampled_from(["a", "b", "Conf", "x-y", "p.q"])
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=40
)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(names)
    comment = draw(st.sampled_from(["", "<!-- <b>x</b> -->", "\n  "]))
    if depth == 0 or draw(st.booleans()):
        inside = escape(draw(texts))
    else:
        inside = "".join(draw(st.lists(trees(depth - 1), max_size=3)))
    attribute = f' n="{escape(draw(texts))}"' if draw(st.booleans()) else ""
    return f"<{name}{attribute}>{comment}{inside}</{name}>"


@given(trees(), texts)
def test_any_tree_any_value_the_value_arrives_twice_is_once_and_the_rest_stays(tree: str, value: str) -> None:
    data = f"<root>{tree}<target>old</target>{tree}</root>".encode()
    patch = {"path": "root/target", "set": value}
    once = patch_xml(data, patch)
    assert patch_xml(once, patch) == once
    assert (ElementTree.fromstring(once).findtext("target") or "") == value  # noqa: S314 - made above
    before, _, after = data.partition(b"<target>old</target>")
    assert once.startswith(before)
    assert once.endswith(after)


@given(texts, texts)
def test_any_property_value_is_one_line_and_twice_is_once(value: str, other: str) -> None:
    data = f"first={other.encode('ascii', 'replace').decode()!r}\nlast=1\n".encode()
    patch = {"property": "middle.key", "set": value}
    once = patch_properties(data, patch)
    assert patch_properties(once, patch) == once
    assert len(once.splitlines()) == len(data.splitlines()) + 1


def test_nothing_is_written_unless_every_patch_of_every_file_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.xml").write_bytes(CARBON)
    patches = [
        {"file": "one.xml", "path": "Server/Name", "set": "s3cret"},
        {"file": "one.xml", "path": "Server/No/Way", "set": "s3cret"},
        {"file": "missing.xml", "path": "a/b", "set": "s3cret"},
    ]
    (tmp_path / "p.json").write_text(json.dumps({"patches": patches}))
    assert patch_config.main(["--home", str(tmp_path), "--patches", str(tmp_path / "p.json")]) == 1
    said = capsys.readouterr().err
    assert "one.xml: Server/No/Way" in said
    assert "missing.xml: No such file" in said
    assert "s3cret" not in said
    assert (tmp_path / "one.xml").read_bytes() == CARBON


def test_files_of_several_lists_are_patched_and_keep_their_mode(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_bytes(CARBON)
    (tmp_path / "one.xml").chmod(0o640)
    for number, (path, value) in enumerate((("Server/Name", "n"), ("Server/HostName", "h"))):
        patch = {"file": "one.xml", "path": path, "set": value}
        (tmp_path / f"{number}.json").write_text(json.dumps({"patches": [patch]}))
    lists = [word for number in (0, 1) for word in ("--patches", str(tmp_path / f"{number}.json"))]
    assert patch_config.main(["--home", str(tmp_path), *lists]) == 0
    text = (tmp_path / "one.xml").read_bytes()
    assert b"<Name>n</Name>" in text
    assert b"<HostName>h</HostName>" in text
    assert (tmp_path / "one.xml").stat().st_mode & 0o777 == 0o640


def run(home: Path, patches: list[dict[str, Any]], *arguments: str) -> subprocess.CompletedProcess[str]:
    """As in the pod: another folder, no site-packages, nothing from the environment but the pod's address."""
    (home / "p.json").write_text(json.dumps({"patches": patches}))
    program = [sys.executable, "-S", "-E", "-s", "-W", "error", patch_config.__file__]
    command = [*program, "--home", str(home), "--patches", str(home / "p.json"), *arguments]
    return subprocess.run(
        command, cwd=home, env={"POD_IP": "10.1.2.3"}, check=False, capture_output=True, text=True, timeout=60
    )


def test_it_runs_alone_on_the_standard_library(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_bytes(CARBON)
    done = run(tmp_path, [{"file": "one.xml", "path": "Server/Name", "set": {"env": "POD_IP"}}])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "patch_config: 1 patches, 1 files changed\n"
    assert b"<Name>10.1.2.3</Name>" in (tmp_path / "one.xml").read_bytes()


def test_values_come_from_mounted_secrets_and_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_bytes(b"<a><b p='x'/></a>")
    (tmp_path / "secrets" / "db").mkdir(parents=True)
    (tmp_path / "secrets" / "db" / "password").write_bytes("s3<cr>et \u20ac\n".encode())
    value = {"from": "db/password"}
    patches: list[dict[str, Any]] = [
        {"file": "one.xml", "path": "a/b", "set": value, "attributes": {"p": value}},
        {"file": "one.properties", "property": "k", "set": value},
    ]
    done = run(tmp_path, patches, "--secrets", str(tmp_path / "secrets"))
    assert done.returncode == 0, done.stderr
    root = ElementTree.parse(tmp_path / "one.xml").getroot()  # noqa: S314 - made above
    assert root[0].text == root[0].get("p") == "s3<cr>et \u20ac"
    assert (tmp_path / "one.properties").read_bytes() == b"k=s3<cr>et \\u20ac\n"
    assert "s3<cr>et" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"path": "a/b", "set": "v"}, "a patch must name its file"),
        ({"file": "one.xml", "path": "a/b"}, "path: is not a form of a patch"),
        ({"file": "one.xml", "path": "a/b", "set": "v", "xml": "<b/>"}, "path, set, xml: is not a form"),
        ({"file": "one.xml", "path": "a/b", "sett": "v"}, "path, sett: is not a form"),
        ({"file": "one.xml", "path": "a/b", "remove": False}, "is not a form"),
        ({"file": "one.xml", "path": "a/b", "set": 5}, "a value must be text"),
        ({"file": "one.xml", "path": "a/b", "attributes": ["c"]}, "attributes must be names"),
        ({"file": "../one.xml", "path": "a/b", "set": "v"}, "without '..'"),
        ({"file": "/one.xml", "path": "a/b", "set": "v"}, "relative path"),
        ({"file": "one.xml", "path": "a/b", "set": {"from": "../p.json"}}, "without '..'"),
        ({"file": "one.xml", "path": "a/b", "set": {"from": "no/such"}}, "secret value no/such cannot be read"),
        ({"file": "one.xml", "path": "a/b", "set": {"env": "NO_SUCH"}}, "NO_SUCH is not set"),
    ],
)
def test_a_patch_of_no_known_form_is_told_with_its_file(tmp_path: Path, patch: dict[str, Any], words: str) -> None:
    (tmp_path / "one.xml").write_bytes(b"<a><b/></a>")
    done = run(tmp_path, [patch], "--secrets", str(tmp_path))
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "one.xml").read_bytes() == b"<a><b/></a>"
